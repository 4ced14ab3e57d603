"""Uses that mypy has to accept, and the types it has to see; nothing here is run."""

from typing import assert_type

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils import Bunch

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published, register_onnx
from sklearn_localnet.rules import Microcircuit


def uses() -> None:
    """Never called."""
    X = np.zeros((4, 2))
    classifier = LocalRuleClassifier(10, activation="relu", random_state=0, class_weight={"a": 2.0})
    assert_type(
        classifier.fit([[1.0], [2.0]], ["a", "b"], sample_weight=[1, 2]), LocalRuleClassifier
    )
    assert_type(
        classifier.partial_fit(csr_array(X), [0, 1, 1, 0], classes=[0, 1]), LocalRuleClassifier
    )
    assert_type(classifier.predict(X), np.ndarray)
    assert_type(classifier.loss_curve_, list[float])
    assert_type(classifier.coefs_, list[np.ndarray])
    classifier.to_mlp().predict(X)

    classifier.set_params(rule__gain_damping=0.3).fit(X, [0, 1, 1, 0])
    assert_type(classifier.layers_, list[Bunch])
    assert_type(classifier.compartments(X, [0, 1, 1, 0]), list[Bunch])

    regressor = LocalRuleRegressor((10, 5), rule=Microcircuit(n_interneurons="n_hidden"))
    assert_type(regressor.partial_fit(X, X), LocalRuleRegressor)
    regressor = LocalRuleRegressor(**published(hidden_layer_sizes=[10, 5], apical_rate=0.01))
    assert_type(regressor.fit(X, X[:, 0]), LocalRuleRegressor)
    assert_type(regressor.transform(X), np.ndarray)

    register_onnx()

    # Errors that mypy has to find: an ignore that nothing needs fails the check.
    LocalRuleClassifier(activation="rely")  # type: ignore[arg-type]
    LocalRuleRegressor(readout="softmax")  # type: ignore[arg-type]
    LocalRuleClassifier(rule=3)  # type: ignore[arg-type]
    Microcircuit(interneurons="free")  # type: ignore[arg-type]
