"""Small tables with every kind of target, estimators that learn them, their state and records."""

import numpy as np
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification, make_multilabel_classification

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, Recorder

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
    small = {"hidden_layer_sizes": 20, "max_iter": 20, "random_state": 0}
    return LocalRuleClassifier(**{**small, **parameters})


def regressor(**parameters):
    small = {"hidden_layer_sizes": 20, "max_iter": 20, "random_state": 0}
    return LocalRuleRegressor(**{**small, **parameters})


def state(model):
    """All fitted arrays by their path, as ``layers_[0].basal_weights``."""
    arrays = {
        f"layers_[{place}].{name}": array
        for place, layer in enumerate(model.layers_)
        for name, array in layer.items()
    }
    readout = {name: getattr(model, name) for name in ("readout_weights_", "readout_intercepts_")}
    return arrays | readout


def skip_last_phase(monkeypatch):
    """Leave readouts of classes as the last epoch does.

    Where a loss is least, its own rounding tells weights to the root of that only: rows that are
    the same but for rounding have the same readout to 1e-5 or so.
    """
    monkeypatch.setattr(LocalRuleClassifier, "_settle", lambda self, *_: None)


def assert_same_state(one, other):
    """The fitted arrays of two models are equal to the bit."""
    found, expected = state(one), state(other)
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert_array_equal(array, expected[name], err_msg=name)


def recorded(network, X, y, n_calls=3, **parameters):
    """A recorder that was called after each of some calls of partial_fit."""
    recorder = Recorder(**parameters)
    first = {"classes": np.unique(y)} if isinstance(network, LocalRuleClassifier) else {}
    for _ in range(n_calls):
        recorder(network.partial_fit(X, y, **first), X, y)
    return recorder
