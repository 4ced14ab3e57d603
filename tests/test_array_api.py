"""Arrays of other libraries than numpy, which scikit-learn takes where SCIPY_ARRAY_API=1 is set."""

import copy
import os
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import _array_api

from sklearn_localnet import (
    LocalRuleClassifier,
    LocalRuleRegressor,
    MicrocircuitDisplay,
    TeachingSignalDisplay,
    TrainingCurveDisplay,
    published,
)
from sklearn_localnet.network._arrays import to_numpy
from sklearn_localnet.rules import RULES

pytestmark = [
    # scikit-learn raises where it is told to dispatch without it; .ci/run sets it for this file.
    pytest.mark.skipif(
        os.environ.get("SCIPY_ARRAY_API") != "1", reason="SCIPY_ARRAY_API=1 is not set"
    ),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")


@pytest.fixture(params=["array_api_strict", "torch"])
def library(request):
    """A function that makes arrays of a library, while scikit-learn dispatches on them."""
    with config_context(array_api_dispatch=True):
        yield pytest.importorskip(request.param).asarray


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    return X[:1200], y[:1200], X[1200:], y[1200:]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y / 100


def assert_same(found, expected, like, **tolerance):
    """The same numbers, in an array of the type of another."""
    assert type(found) is type(like)
    assert_allclose(to_numpy(found), expected, **{"rtol": 1e-5, "atol": 1e-7, **tolerance})


@pytest.mark.parametrize("sizes", [50, (30, 20)])
def test_digits_are_told_as_by_numpy(library, digits, sizes):
    X, y, X_test, y_test = digits
    settings = {"dtype": "float64", "max_iter": 20, "random_state": 0}
    plain = LocalRuleClassifier(sizes, **settings).fit(X, y)
    model = LocalRuleClassifier(sizes, **settings).fit(library(X), library(y))
    test = library(X_test)
    assert model.score(test, library(y_test)) == pytest.approx(plain.score(X_test, y_test))
    for method in METHODS:
        expected = getattr(plain, method)(X_test)
        assert_same(getattr(model, method)(test), expected, test, atol=1e-5)
    assert type(model.layers_[0].basal_weights) is type(model.readout_weights_) is type(test)


OPTIONS = {
    "two classes": {"y": lambda y: y > 0},
    "indicators": {"y": lambda y: np.stack([y == 0, y > 0], axis=1).astype(int)},
    "Hebbian readout": {"readout": "hebbian"},
    "early stopping": {"early_stopping": True},
    "plain steps": {"solver": "sgd", "learning_rate_init": 0.05},
    "averaged steps": {"beta_1": 0.9},
    "surprise": {"modulation": "surprise"},
    "class weights": {"class_weight": "balanced"},
    "rows one by one": {"batch_size": 1, "max_iter": 2},
    "float32": {"dtype": "float32"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_labels_are_learnt_as_by_numpy(library, iris, options):
    X, y = iris
    options = {"max_iter": 10, **options}
    y = options.pop("y", np.asarray)(y)
    model = LocalRuleClassifier(10, random_state=0, **options)
    expected = copy.deepcopy(model).fit(X, y).predict_proba(X)
    x = library(X)
    found = model.fit(x, library(y)).predict_proba(x)
    assert_same(found, expected, x, atol=1e-3 if options.get("dtype") == "float32" else 1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns_as_by_numpy(library, iris, rule):
    X, y = iris
    model = LocalRuleClassifier((10, 8), rule=rule, random_state=0, max_iter=5)
    expected = copy.deepcopy(model).fit(X, y).predict_proba(X)
    x = library(X)
    assert_same(model.fit(x, library(y)).predict_proba(x), expected, x, atol=1e-5)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"readout": "hebbian"}])
def test_values_are_learnt_as_by_numpy(library, diabetes, options, n_outputs):
    X, y = diabetes
    y = y if n_outputs == 1 else np.stack([y, X[:, 0]], axis=1)
    model = LocalRuleRegressor(10, random_state=0, max_iter=10, **options)
    expected = copy.deepcopy(model).fit(X, y).predict(X)
    x = library(X)
    assert_same(model.fit(x, library(y)).predict(x), expected, x)


def test_the_published_rule_is_the_same_row_by_row(library, diabetes):
    X, y = diabetes
    model = LocalRuleRegressor(**published(hidden_layer_sizes=(5,), max_iter=2, random_state=0))
    expected = copy.deepcopy(model).fit(X, y).predict(X)
    x = library(X)
    assert_same(model.fit(x, library(y)).predict(x), expected, x)


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_a_stream_is_learnt_as_by_numpy(library, iris, rows):
    X, y = iris
    order = np.random.default_rng(0).permutation(len(y))
    X, y, weights = X[order], y[order], 1.0 + y[order]
    X = np.where(np.arange(len(y))[:, None] < 75, X, 1000 * X)  # another unit halfway
    plain, model = (
        LocalRuleClassifier(10, new_classes="add", random_state=0, batch_size=rows)
        for _ in range(2)
    )
    for first in range(0, len(y), rows):
        chunk = slice(first, first + rows)
        plain.partial_fit(X[chunk], y[chunk], weights[chunk])
        model.partial_fit(library(X[chunk]), library(y[chunk]), library(weights[chunk]))
    x = library(X)
    assert_same(model.predict_proba(x), plain.predict_proba(X), x, atol=1e-6)


def test_what_was_learnt_in_one_library_goes_on_in_another(library, iris):
    X, y = iris
    plain = LocalRuleClassifier(10, random_state=0, max_iter=5, warm_start=True).fit(X, y)
    model = copy.deepcopy(plain).fit(library(X), library(y))
    assert type(model.readout_weights_) is type(library(X))
    model.fit(X, y)
    assert_allclose(model.predict_proba(X), plain.fit(X, y).fit(X, y).predict_proba(X), atol=1e-5)
    expected = plain.partial_fit(X, y).predict_proba(X)
    model.partial_fit(library(X), library(y))
    assert_same(model.predict_proba(library(X)), expected, library(X), atol=1e-5)


def test_targets_and_weights_of_another_library_follow_x(library, iris):
    X, y = iris
    weights = np.random.default_rng(0).uniform(1, 2, len(y))
    model = LocalRuleClassifier(10, random_state=0, max_iter=5)
    expected = copy.deepcopy(model).fit(X, y, weights).predict_proba(X)
    found = model.fit(X, library(y), library(weights)).predict_proba(X)
    assert_array_equal(found, expected)
    x = library(X)
    assert_same(model.fit(x, y, weights).predict_proba(x), expected, x, atol=1e-5)


def test_labels_come_back_in_the_library_where_they_are_numbers(library, iris):
    X, y = iris
    names = np.asarray(["a", "b", "c"])[y]
    model = LocalRuleClassifier(10, random_state=0, max_iter=20).fit(library(X), names)
    assert set(model.predict(library(X))) == {"a", "b", "c"}
    model.fit(library(X), library(y + 5))
    assert set(to_numpy(model.predict(library(X)))) == {5, 6, 7}


def test_float32_gives_float32(library, diabetes):
    X, y = diabetes
    x = library(X.astype(np.float32))
    model = LocalRuleRegressor(10, random_state=0, max_iter=5).fit(x, library(y))
    assert to_numpy(model.predict(x)).dtype == np.float32
    assert to_numpy(model.predict(library(X))).dtype == np.float64


@pytest.mark.parametrize("method", [*METHODS, "compartments"])
def test_rows_of_numpy_are_refused_where_the_weights_are_elsewhere(library, iris, method):
    X, y = iris
    model = LocalRuleClassifier(10, random_state=0, max_iter=5).fit(library(X), library(y))
    text = rf"Inputs passed to LocalRuleClassifier.{method}\(\) must use the same namespace"
    with pytest.raises(ValueError, match=text):
        getattr(model, method)(X)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_loaded_estimator_takes_rows_of_any_library(library, iris, copied):
    X, y = iris
    x = library(X)
    model = LocalRuleClassifier((10, 5), random_state=0, max_iter=5).fit(x, library(y))
    loaded, expected = copied(model), to_numpy(model.predict_proba(x))
    assert type(loaded.readout_weights_) is np.ndarray
    assert_allclose(loaded.predict_proba(X), expected, rtol=1e-6)
    assert_same(loaded.predict_proba(x), expected, x)
    expected = to_numpy(model.partial_fit(x, y).transform(x))
    assert_same(loaded.partial_fit(x, y).transform(x), expected, x)


def test_scikit_learn_moves_an_estimator(library, iris):
    pytest.importorskip("sklearn", minversion="1.9")
    move, (X, y) = _array_api.move_estimator_to, iris
    model = LocalRuleClassifier(10, random_state=0, max_iter=5).fit(library(X), library(y))
    moved = move(model, np, "cpu")
    assert_allclose(moved.predict_proba(X), to_numpy(model.predict_proba(library(X))), rtol=1e-6)
    assert type(moved.partial_fit(X, y).readout_weights_) is np.ndarray
    assert type(model.readout_weights_) is type(library(X))
    assert vars(move(LocalRuleClassifier(10), np, "cpu")) == vars(LocalRuleClassifier(10))


def test_compartments_are_of_the_library(library, iris):
    X, y = iris
    plain = LocalRuleClassifier((10, 5), random_state=0, max_iter=5).fit(X, y)
    model = LocalRuleClassifier((10, 5), random_state=0, max_iter=5).fit(library(X), library(y))
    for y_or_none in (None, y):
        held = model.compartments(library(X), None if y_or_none is None else library(y_or_none))
        for layer, expected in zip(held, plain.compartments(X, y_or_none), strict=True):
            assert layer.keys() == expected.keys()
            for name, cells in layer.items():
                assert_same(cells, expected[name], library(X))


def test_the_forward_network_and_displays_are_of_numpy(library, iris):
    X, y = iris
    model = LocalRuleClassifier((10, 5), random_state=0, max_iter=5).fit(library(X), library(y))
    parts = model.coefs_ + model.intercepts_
    assert all(type(part) is np.ndarray for part in parts)
    chance = to_numpy(model.predict_proba(library(X)))
    assert_allclose(model.to_mlp().predict_proba(X), chance, rtol=1e-6)
    pytest.importorskip("matplotlib")
    TrainingCurveDisplay.from_estimator(model)
    MicrocircuitDisplay.from_estimator(model, library(X), library(y))
    TeachingSignalDisplay.from_estimator(model, library(X), library(y))


def test_a_pipeline_with_a_scaler(library, iris):
    X, y = iris
    network = LocalRuleClassifier(20, random_state=0)
    model = make_pipeline(MinMaxScaler(), network).fit(library(X), library(y))
    assert model.score(library(X), library(y)) > 0.9
    assert type(model.predict_proba(library(X))) is type(library(X))
