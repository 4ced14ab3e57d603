"""Small tables with every kind of target, and estimators that learn them quickly."""

import numpy as np
from sklearn.datasets import make_classification, make_multilabel_classification

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor

ACTIVATIONS = ["relu", "identity", "tanh", "logistic"]
TARGETS = ["binary", "multiclass", "binary strings", "strings", "booleans", "multilabel"]


def table(kind):
    """150 rows of 6 float32 features, and targets of a kind."""
    if kind == "multilabel":
        X, y = make_multilabel_classification(150, 6, n_classes=4, random_state=0)
    else:
        n_classes = 2 if kind in ("binary", "binary strings", "booleans") else 4
        X, y = make_classification(150, 6, n_informative=4, n_classes=n_classes, random_state=0)
        y = {
            "strings": np.array(["north", "east", "south", "west"]),
            "binary strings": np.array(["no", "yes"]),
            "booleans": np.array([False, True]),
        }.get(kind, np.arange(4) * 10 - 5)[y]
    return X.astype(np.float32), y


def values(n_outputs):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 6)).astype(np.float32)
    y = 30 + 5 * np.tanh(X @ rng.standard_normal((6, n_outputs or 1)))
    return X, y if n_outputs else y[:, 0]


def classifier(**parameters):
    return LocalRuleClassifier(20, random_state=0, **{"max_iter": 20, **parameters})


def regressor(**parameters):
    return LocalRuleRegressor(20, random_state=0, **{"max_iter": 20, **parameters})
