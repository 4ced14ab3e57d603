"""What the estimators promise to the people who use them."""

import copy
import dataclasses
import itertools
import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array, csr_matrix, issparse
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle
from sklearn.utils.estimator_checks import check_class_weight_classifiers
from small import assert_same_state, skip_last_phase, state

from sklearn_localnet import DivergenceError, LocalRuleClassifier, LocalRuleRegressor, published
from sklearn_localnet.network._blocks import Blocks
from sklearn_localnet.network._buffered import Buffered
from sklearn_localnet.rules import RULES, Microcircuit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SIZES = [10, (10, 8), (9, 7, 5)]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="module")
def multilabel():
    return make_multilabel_classification(n_samples=200, n_features=8, random_state=0)


def sigmoid(u):
    return 1 / (1 + np.exp(-u))


FUNCTIONS = {
    "identity": lambda u: u,
    "relu": lambda u: np.maximum(u, 0),
    "tanh": np.tanh,
    "logistic": sigmoid,
}


def forward(estimator, X):
    """Outputs of the plain forward network, before the output activation."""
    *hidden, (weights, intercepts) = zip(estimator.coefs_, estimator.intercepts_, strict=True)
    for layer_weights, layer_intercepts in hidden:
        X = FUNCTIONS[estimator.activation](X @ layer_weights + layer_intercepts)
    return X @ weights + intercepts


# Learning


@pytest.mark.parametrize("sizes", [100, (100, 50)])
def test_learns_digits(digits, sizes):
    X, y = digits
    model = LocalRuleClassifier(sizes, random_state=0).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9
    assert model.score(X[:1200], y[:1200]) > 0.98


@pytest.mark.parametrize("sizes", [100, (100, 50)])
def test_learns_a_regression(sizes):
    X, y = make_regression(n_samples=600, n_features=10, noise=5.0, random_state=0)
    model = LocalRuleRegressor(sizes, random_state=0).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "tanh"},
        {"activation": "logistic"},
        {"activation": "identity"},
        {"rule": Microcircuit(interneurons="decoupled")},
        {"rule": Microcircuit(interneurons="target")},
        {"rule": Microcircuit(n_interneurons="n_hidden")},
        {"rule": Microcircuit(n_interneurons="n_targets")},
        {"rule": Microcircuit(n_interneurons=4)},
        {"modulation": None},
        {"modulation": "plateau"},
        {"modulation": "surprise"},
        {"readout": "hebbian"},
        {"rule": Microcircuit(gain_damping=0.4)},
        {"rule": Microcircuit(warmup=0)},
        {"centering_rate": None},
        {"fit_intercept": False},
        {"standardize_targets": False},
        {"solver": "sgd", "learning_rate_init": 0.3, "alpha": 0.0, "max_iter": 60},
        {"dtype": "float64"},
        {"batch_size": 20, "max_iter": 10},
    ],
)
@pytest.mark.parametrize("sizes", [50, (50, 30)])
def test_every_option_learns_digits_well_above_chance(digits, options, sizes):
    X, y = digits
    model = LocalRuleClassifier(sizes, random_state=0, **{"max_iter": 40, **options})
    assert model.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.7


def test_rare_classes_are_learnt():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    rows = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:15]])
    model = LocalRuleClassifier(random_state=0).fit(X[rows], y[rows])
    assert accuracy_score(y[rows][-15:], model.predict(X[rows][-15:])) > 0.8


@pytest.mark.parametrize("sizes", [100, (20, 10)])
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**-10, 2.0**10, 2.0**20])  # nothing is rounded
def test_the_scale_of_the_features_does_not_matter(iris, scale, sizes):
    X, y = iris
    model = LocalRuleClassifier(sizes, random_state=0, max_iter=60)
    chance = model.fit(X, y).predict_proba(X)
    assert_array_equal(model.fit(scale * X, y).predict_proba(scale * X), chance)


def test_a_stream_sees_each_parameter_that_changes_and_that_comes_back(iris):
    X, y = iris
    straight = LocalRuleClassifier(10, random_state=0)
    copied = copy.deepcopy(straight)
    before = straight.get_params()
    for changes in ({}, {"rule__gain_damping": 0.4}, {"rule__gain_damping": 0.9}, before):
        for model in (straight, copied):
            model.set_params(**changes).partial_fit(X, y, classes=range(3))
        assert_array_equal(straight.predict_proba(X), copied.predict_proba(X))
        copied = copy.deepcopy(copied)  # which knows of no earlier check


# Targets


@pytest.mark.parametrize("labels", [["a", "b", "c"], [10, -3, 7], [True, False], [0.0, 2.0]])
def test_labels_of_any_type_come_back(iris, labels):
    X, y = iris
    labels = np.asarray(labels)
    y = labels[y % len(labels)]
    model = LocalRuleClassifier(random_state=0, max_iter=20).fit(X, y)
    assert_array_equal(model.classes_, np.unique(labels))
    assert model.predict(X).dtype == y.dtype
    assert set(model.predict(X)) <= set(labels)


def test_object_labels_come_back(iris):
    X, y = iris
    y = np.array(["one", "two", "three"], dtype=object)[y]
    assert LocalRuleClassifier(random_state=0).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("sizes", [100, (50, 30)])
@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_chances_scores_and_labels_agree(iris, multilabel, task, readout, sizes):
    X, y = multilabel if task == "multilabel" else iris
    if task == "binary":
        y = y == 1
    model = LocalRuleClassifier(sizes, readout=readout, random_state=0, max_iter=30).fit(X, y)
    chance, scores, labels = model.predict_proba(X), model.decision_function(X), model.predict(X)
    assert (chance > 0).all()
    assert_allclose(model.predict_log_proba(X), np.log(chance))
    if task == "multilabel":
        assert_array_equal(labels, scores > 0)
        assert_array_equal(labels, chance > 0.5)
    else:
        assert_allclose(chance.sum(axis=1), 1, atol=1e-6)
        assert_array_equal(labels, model.classes_[chance.argmax(axis=1)])
        best = (scores > 0).astype(int) if task == "binary" else scores.argmax(axis=1)
        assert_array_equal(labels, model.classes_[best])
    assert np.mean(labels == y) > 0.55


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("scale", [1e20, 1e155, 1e300])
def test_hebbian_chances_of_far_inputs_are_chances(iris, classes, scale):
    X, y = iris
    y = np.minimum(y, classes - 1)
    model = LocalRuleClassifier(5, "identity", readout="hebbian", random_state=0, max_iter=5)
    chance = model.fit(X, y).predict_proba(np.concatenate([scale * X, -scale * X]))
    assert (chance >= 0).all()
    assert_allclose(chance.sum(axis=1), 1, atol=1e-12)


def test_sparse_indicators_are_labels_too(multilabel):
    X, y = multilabel
    model = LocalRuleClassifier(random_state=0, max_iter=5)
    dense = model.fit(X, y).predict_proba(X)
    assert_array_equal(model.fit(X, csr_matrix(y)).predict_proba(X), dense)


@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_keep_the_shape_of_the_targets(sizes):
    X, y = load_diabetes(return_X_y=True)
    model = LocalRuleRegressor(sizes, random_state=0, max_iter=5)
    assert model.fit(X, y).predict(X).shape == y.shape
    assert model.fit(X, np.c_[y, -y]).predict(X).shape == (len(y), 2)


@pytest.mark.parametrize("sizes", [100, (20, 10)])
def test_regression_does_not_depend_on_the_scale_and_place_of_the_targets(sizes):
    X, y = load_diabetes(return_X_y=True)
    model = LocalRuleRegressor(sizes, random_state=0, max_iter=30)
    plain = model.fit(X, y).predict(X)
    moved = model.fit(X, 1e4 * y - 1e6).predict(X)
    assert_allclose((moved + 1e6) / 1e4, plain, rtol=1e-6)


# The forward network


@pytest.mark.parametrize("activation", list(FUNCTIONS))
@pytest.mark.parametrize("centering_rate", [None, 0.01])
@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("sizes", SIZES)
def test_coefs_are_the_classifier_as_a_plain_network(
    iris, activation, centering_rate, readout, sizes
):
    X, y = iris
    options = {"centering_rate": centering_rate, "readout": readout, "max_iter": 15}
    model = LocalRuleClassifier(sizes, activation, random_state=0, **options).fit(X, y)
    output = forward(model, X)
    assert_array_equal(model.classes_[output.argmax(axis=1)], model.predict(X))
    if readout == "softmax":
        chance = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
        assert_allclose(model.predict_proba(X), chance, rtol=1e-9)


@pytest.mark.parametrize("readout", ["linear", "hebbian"])
@pytest.mark.parametrize("sizes", [(7,), (7, 4), (7, 4, 1, 3)])
def test_coefs_are_the_regressor_as_a_plain_network(readout, sizes):
    X, y = load_diabetes(return_X_y=True)
    y = np.c_[y, 1e3 - 5 * y]
    model = LocalRuleRegressor(sizes, readout=readout, random_state=0, max_iter=15).fit(X, y)
    assert_allclose(forward(model, X), model.predict(X), rtol=1e-9)
    assert [coef.shape for coef in model.coefs_] == [*itertools.pairwise([10, *sizes, 2])]
    assert [len(intercept) for intercept in model.intercepts_] == [*sizes, 2]
    assert model.n_layers_ == len(sizes) + 2


def test_coefs_are_copies(iris):
    model = LocalRuleClassifier((6, 5), random_state=0, max_iter=5).fit(*iris)
    before = model.predict_proba(iris[0])
    for array in (*model.coefs_, *model.intercepts_):
        array[...] = 7.0
    assert_array_equal(model.predict_proba(iris[0]), before)
    assert not any((array == 7.0).any() for array in (*model.coefs_, *model.intercepts_))


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
@pytest.mark.parametrize("fitted", [False, True])
def test_coefs_are_set_on_the_plain_network_only(iris, name, fitted):
    X, y = iris
    model = LocalRuleClassifier(6, random_state=0, max_iter=5)
    if fitted:
        model.fit(X, y)
    else:
        with pytest.raises(NotFittedError):
            getattr(model, name)
    with pytest.raises(AttributeError, match=rf"{name} .* cannot be set.*to_mlp\(\)"):
        setattr(model, name, [])
    mlp = model.fit(X, y).to_mlp()
    setattr(mlp, name, [0 * array for array in getattr(model, name)])
    assert not np.allclose(mlp.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("centering_rate", [None, 0.01])
def test_transform_is_the_activity_that_the_circuit_sees(iris, centering_rate, sizes):
    X, y = iris
    model = LocalRuleClassifier(sizes, centering_rate=centering_rate, random_state=0, max_iter=5)
    found, hidden = model.fit(X, y).transform(X), X
    for layer in model.layers_:
        u = hidden @ layer.basal_weights.T + layer.basal_intercepts
        hidden = np.maximum(u, 0) - layer.mean_activity
        assert (layer.mean_activity == 0).all() == (centering_rate is None)
    assert_allclose(found, hidden, rtol=1e-9, atol=1e-12)
    names = [f"localruleclassifier{i}" for i in range(hidden.shape[1])]
    assert model.get_feature_names_out().tolist() == names


@pytest.mark.parametrize("sizes", [6, (6, 5)])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
def test_compartments_are_shown_layer_by_layer(iris, interneurons, sizes):
    X, y = iris
    rule = Microcircuit(interneurons=interneurons)
    model = LocalRuleClassifier(sizes, rule=rule, random_state=0, max_iter=5).fit(X, y)
    shown, target, below = model.compartments(X, y), np.eye(3)[y] - 1 / 3, X
    assert len(shown) == len(model.layers_) == np.size(sizes)
    for parts, layer in zip(shown, model.layers_, strict=True):
        Q, R = layer.interneuron_weights, layer.pyramidal_to_interneuron_weights
        assert np.array_equal(R, Q.T) == (interneurons != "decoupled")
        assert_allclose(parts.basal, below @ layer.basal_weights.T + layer.basal_intercepts)
        assert_allclose(parts.output, np.maximum(parts.basal, 0) - layer.mean_activity)
        assert_allclose(parts.interneuron, parts.output @ R.T)
        assert_allclose(parts.inhibition, parts.interneuron @ Q.T)
        assert_allclose(parts.apical, target @ layer.apical_weights.T)
        assert_allclose(parts.plateau, parts.apical - parts.inhibition)
        below = parts.output
    assert_allclose(shown[-1].output, model.transform(X))
    for parts in model.compartments(X):
        assert set(parts) == {"basal", "output", "interneuron", "inhibition"}


@pytest.mark.parametrize("sizes", SIZES)
def test_large_inputs_are_predicted_in_parts_as_at_once(digits, sizes, monkeypatch):
    X, y = digits
    model = LocalRuleClassifier(sizes, random_state=0, max_iter=3).fit(X, y)
    whole = model.predict_proba(X)
    monkeypatch.setattr("sklearn_localnet.estimators._fitted.FORWARD_NUMBERS", 64 * 100)
    assert_allclose(model.predict_proba(X), whole, rtol=1e-6)


@pytest.mark.parametrize("first", [0.0, 1e-12, 1e-2])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_a_small_first_row_does_not_spoil_a_stream(cls, scale, first):
    X = scale * np.random.default_rng(0).standard_normal((2000, 10))
    X[0] *= first
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    classes = {"classes": [0, 1]} if cls is LocalRuleClassifier else {}
    model = cls(30, batch_size=1, random_state=0).partial_fit(X, y, **classes)
    assert np.mean((model.predict(X) > 0.5) == y) > 0.9


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ends", ["small", "large"])
def test_features_at_the_ends_of_the_precision_are_refused_by_name(ends, dtype):
    size = np.finfo(dtype).tiny if ends == "small" else np.finfo(dtype).max / 10
    X = size * np.random.default_rng(0).uniform(0.5, 1, (50, 3))
    model = LocalRuleRegressor(5, dtype=dtype)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"X holds values too {ends}.*StandardScaler"):
            method(X, np.arange(50) % 2)
    assert not hasattr(model, "layers_")


# Inputs


@pytest.mark.parametrize("make", [csr_array, csc_array, csr_matrix])
@pytest.mark.parametrize("sizes", SIZES)
def test_sparse_input_is_learnt_as_dense_input_is(digits, make, sizes, monkeypatch):
    skip_last_phase(monkeypatch)
    X, y = digits
    dense = LocalRuleClassifier(sizes, random_state=0, max_iter=3, dtype="float64").fit(X, y)
    sparse = LocalRuleClassifier(sizes, random_state=0, max_iter=3, dtype="float64").fit(make(X), y)
    for name, expected in state(dense).items():
        assert_allclose(state(sparse)[name], expected, atol=1e-6, err_msg=name)
    assert_allclose(sparse.predict_proba(make(X)), dense.predict_proba(X), atol=1e-6)
    assert_allclose(sparse.transform(make(X)), dense.transform(X), atol=1e-6)


@pytest.mark.parametrize("held", [1, 20_000, 10**9])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_columns_turned_in_parts_are_learnt_as_rows_are(digits, held, early_stopping, monkeypatch):
    X, y = digits
    monkeypatch.setattr("sklearn_localnet.training._feed.TURNED_NUMBERS", held)
    models = {}
    for make in (csr_array, csc_array):
        model = LocalRuleClassifier(10, random_state=0, max_iter=3, early_stopping=early_stopping)
        models[make] = model.fit(make(X), y)
        model.set_params(early_stopping=False).partial_fit(make(X), y)
    assert_same_state(models[csc_array], models[csr_array])
    assert models[csc_array].loss_curve_ == models[csr_array].loss_curve_


@pytest.mark.parametrize("sizes", [10, (10, 10)])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, csr_array, csc_array])
def test_no_input_is_copied_as_a_whole(make, early_stopping, sizes, monkeypatch):
    monkeypatch.setattr("sklearn_localnet.training._feed.TURNED_NUMBERS", 100_000)
    monkeypatch.setattr("sklearn_localnet.estimators._fitted.FORWARD_NUMBERS", 100_000)
    rng = np.random.default_rng(0)
    X = np.zeros((10_000, 1000), np.float32)
    X[:, ::5] = rng.standard_normal((10_000, 200))
    X, y = make(X), np.arange(10_000) % 10
    size = X.data.nbytes + (X.indices.nbytes if issparse(X) else 0)
    model = LocalRuleClassifier(sizes, max_iter=1, early_stopping=early_stopping, random_state=0)
    tracemalloc.start()
    try:
        model.fit(X, y).predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.6 * size


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8, np.int64, bool, ">f8"])
def test_input_of_any_real_type_is_taken(digits, dtype):
    X, y = digits
    X = (16 * X).astype(np.uint8)
    plain = LocalRuleClassifier(10, random_state=0, max_iter=3)
    other = LocalRuleClassifier(10, random_state=0, max_iter=3)
    X = (X > 8) if dtype is bool else X
    plain.fit(X.astype(np.float64), y)
    assert_same_state(other.fit(X.astype(dtype), y), plain)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_input_stays_as_it_is_and_its_layout_does_not_matter(digits, order):
    X, y = digits
    given = np.array(X, order=order)
    model = LocalRuleClassifier(10, random_state=0, max_iter=2).fit(given, y)
    assert_array_equal(given, X)
    assert_same_state(model, LocalRuleClassifier(10, random_state=0, max_iter=2).fit(X, y))


def test_a_memory_map_is_learnt_as_an_array_is(digits, tmp_path):
    X, y = digits
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = LocalRuleClassifier(10, random_state=0, max_iter=2).fit(mapped, y)
    assert_same_state(model, LocalRuleClassifier(10, random_state=0, max_iter=2).fit(X, y))


@pytest.mark.parametrize(
    ("dtype", "hidden", "n_rows", "expected"),
    [
        ("auto", 100, 80, np.float64),
        ("auto", 100, 81, np.float32),
        ("auto", 40, 1797, np.float64),  # batches of 200 rows
        ("auto", 41, 1797, np.float32),
        ("auto", 200, 20, np.float32),  # 64 features
        ("auto", (100, 80), 20, np.float64),
        ("auto", (100, 81), 20, np.float32),
        ("float32", (5, 4), 20, np.float32),
        ("float32", 5, 20, np.float32),
        ("float64", 200, 1797, np.float64),
    ],
)
def test_precision_follows_dtype_and_the_sizes_of_layers_and_table(
    digits, dtype, hidden, n_rows, expected
):
    X, y = digits
    told = np.arange(len(y)) < n_rows  # rows without weight are as good as not there
    model = LocalRuleClassifier(hidden, dtype=dtype, max_iter=1).fit(X, y, sample_weight=told)
    assert {array.dtype for array in state(model).values()} == {np.dtype(expected)}
    assert model.transform(X).dtype == expected


@pytest.mark.parametrize("chunk", [1, 200])
def test_precision_of_a_stream_does_not_depend_on_its_chunks(digits, chunk):
    X, y = digits
    model = LocalRuleClassifier(100)
    for first in range(0, 400, chunk):
        model.partial_fit(X[first : first + chunk], y[first : first + chunk], classes=np.arange(10))
    assert {array.dtype for array in state(model).values()} == {np.dtype(np.float64)}


def test_training_that_goes_on_keeps_its_precision(digits):
    X, y = digits
    model = LocalRuleClassifier(100, max_iter=1, warm_start=True).fit(X, y)
    model.partial_fit(X[:1], y[:1]).fit(X[:50], y[:50])
    assert {array.dtype for array in state(model).values()} == {np.dtype(np.float32)}


# Weights


@pytest.mark.parametrize("sizes", [20, (20, 10)])
def test_weights_are_repetitions_of_rows(iris, sizes, monkeypatch):
    skip_last_phase(monkeypatch)
    X, y = iris
    times = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = LocalRuleClassifier(sizes, batch_size=1000, random_state=0, max_iter=50)
    repeated = LocalRuleClassifier(sizes, batch_size=1000, random_state=0, max_iter=50)
    weighted.fit(X, y, sample_weight=times)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=0, atol=1e-6)


def test_class_weights_multiply_sample_weights(iris):
    X, y = iris
    by_class = LocalRuleClassifier(10, class_weight={0: 3.0, 1: 0.5}, random_state=0, max_iter=20)
    by_row = LocalRuleClassifier(10, random_state=0, max_iter=20)
    assert_same_state(by_class.fit(X, y), by_row.fit(X, y, np.array([3.0, 0.5, 1.0])[y]))


ONE_BY_ONE = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "hebbian": {"readout": "hebbian"},
    "published": published(
        activation="relu",
        learning_rate_init=0.01,
        apical_rate=0.01,
        interneuron_rate=0.01,
        centering_rate=0.02,
        fit_intercept=True,
        max_iter=20,
    ),
    "kolen_pollack": {"rule": "kolen_pollack", "hidden_layer_sizes": (10, 8)},
}


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("options", ONE_BY_ONE.values(), ids=ONE_BY_ONE.keys())
@pytest.mark.parametrize("method", ["fit", "chunks of one row", "one chunk"])
def test_weights_of_a_class_order_its_predictions(iris, options, method, batch_size):
    X, y = iris
    X = X + np.random.default_rng(0).standard_normal(X.shape)  # so that classes overlap
    small = {"hidden_layer_sizes": 10, "random_state": 0, "max_iter": 8}
    predicted = []
    for weight in (0.02, 1.0, 50.0):
        model = LocalRuleClassifier(**(small | options | {"batch_size": batch_size}))
        model.set_params(class_weight={1: weight})
        if method == "fit":
            model.fit(X, y)
        for epoch in range(model.max_iter if method != "fit" else 0):
            order = np.random.default_rng(epoch).permutation(len(y))
            rows = order[:, None] if method == "chunks of one row" else [order]
            for part in rows:
                model.partial_fit(X[part], y[part], classes=[0, 1, 2])
        predicted.append(np.mean(model.predict(X) == 1))
    assert predicted[0] + 0.05 < predicted[1]
    assert predicted[1] + 0.05 < predicted[2]


@pytest.mark.parametrize("weight", [0.25, 4.0])  # which scale without rounding
@pytest.mark.parametrize("batch_size", [1, 7, 200])
@pytest.mark.parametrize("options", ONE_BY_ONE.values(), ids=ONE_BY_ONE.keys())
def test_equal_weights_are_none_to_the_bit(iris, options, batch_size, weight, monkeypatch):
    skip_last_phase(monkeypatch)
    X, y = shuffle(*iris, random_state=0)
    small = {"hidden_layer_sizes": 10, "random_state": 0, "max_iter": 3}
    options = small | options | {"batch_size": batch_size}
    plain = LocalRuleClassifier(**options).fit(X, y)
    equal = LocalRuleClassifier(**options).fit(X, y, np.full(len(y), weight))
    for part in (slice(0, 70), slice(70, 77), slice(77, 150)):
        plain.partial_fit(X[part], y[part])
        equal.partial_fit(X[part], y[part], np.full(len(y[part]), weight))
    assert_same_state(equal, plain)


def test_a_table_of_heavy_rows_is_one_of_more_rows_to_the_readouts_last_phase(iris):
    X, y = shuffle(*iris, random_state=0)
    model = LocalRuleClassifier(10, random_state=0, max_iter=20)
    plain, heavy = clone(model).fit(X, y), model.fit(X, y, np.full(len(y), 100.0))
    for one, other in zip(plain.layers_, heavy.layers_, strict=True):
        assert_array_equal(one.basal_weights, other.basal_weights)
    assert np.linalg.norm(heavy.readout_weights_) > 1.2 * np.linalg.norm(plain.readout_weights_)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("options", ONE_BY_ONE.values(), ids=ONE_BY_ONE.keys())
def test_rounding_makes_no_weights_unequal(iris, options, batch_size, monkeypatch):
    X, y = shuffle(*iris, random_state=0)
    seen = []
    for engine in (Buffered, Blocks):

        def watched(self, batch, rates, learn=engine.learn):
            seen.append(rates.weight)
            return learn(self, batch, rates)

        monkeypatch.setattr(engine, "learn", watched)
    small = {"hidden_layer_sizes": 10, "random_state": 0, "max_iter": 2, "dtype": "float32"}
    model = LocalRuleClassifier(**(small | options | {"batch_size": batch_size}))
    model.fit(X, y, np.full(len(y), 0.1))
    for part in (slice(0, 70), slice(70, 73), slice(73, 150)):
        model.partial_fit(X[part], y[part], np.full(len(y[part]), 0.1))
    assert len(seen) > 4
    assert all(np.all(weight == 1) for weight in seen)


def test_class_weights_pass_scikit_learns_check_row_by_row():
    check_class_weight_classifiers("LocalRuleClassifier", LocalRuleClassifier(batch_size=1))


def test_balanced_weights_make_up_for_rare_classes(iris):
    X, y = iris
    X = X[:, :2]  # in which the two classes overlap
    rows = np.concatenate([np.arange(50, 100), np.arange(100, 108)])
    plain = LocalRuleClassifier(10, max_iter=300, random_state=0).fit(X[rows], y[rows])
    even = LocalRuleClassifier(10, max_iter=300, class_weight="balanced", random_state=0)
    even.fit(X[rows], y[rows])
    chance = [model.predict_proba(X[100:])[:, 1].mean() for model in (plain, even)]
    assert chance[1] > chance[0] + 0.05


def test_class_weights_of_labels(multilabel):
    X, y = multilabel
    model = LocalRuleClassifier(10, class_weight="balanced", random_state=0, max_iter=5)
    assert np.isfinite(model.fit(X, y).predict_proba(X)).all()


# Streams


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("chunk", [20, 60, 140])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_stream_in_chunks_is_learnt_as_a_whole_to_the_bit(digits, dtype, chunk, sizes):
    X, y = digits
    whole = LocalRuleClassifier(sizes, batch_size=20, dtype=dtype, random_state=0)
    parts = LocalRuleClassifier(sizes, batch_size=20, dtype=dtype, random_state=0)
    whole.partial_fit(X[:700], y[:700], classes=np.arange(10))
    for first in range(0, 700, chunk):
        rows = slice(first, min(first + chunk, 700))
        parts.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert_same_state(parts, whole)
    assert parts.t_ == whole.t_ == 700


@pytest.mark.parametrize("sizes", SIZES)
def test_a_regression_stream_in_chunks_is_learnt_as_a_whole_to_the_bit(sizes):
    X, y = load_diabetes(return_X_y=True)
    whole = LocalRuleRegressor(sizes, batch_size=20, random_state=0).partial_fit(X[:400], y[:400])
    parts = LocalRuleRegressor(sizes, batch_size=20, random_state=0)
    for first in range(0, 400, 40):
        parts.partial_fit(X[first : first + 40], y[first : first + 40])
    assert_same_state(parts, whole)
    assert_array_equal(parts.predict(X), whole.predict(X))


@pytest.mark.parametrize("sizes", SIZES)
def test_a_pickled_stream_goes_on_where_it_was(digits, sizes):
    X, y = digits
    model = LocalRuleClassifier(sizes, batch_size=20, random_state=0)
    model.partial_fit(X[:400], y[:400], classes=np.arange(10))
    other = pickle.loads(pickle.dumps(model))
    assert_same_state(
        model.partial_fit(X[400:800], y[400:800]), other.partial_fit(X[400:800], y[400:800])
    )


@pytest.mark.parametrize("sizes", [10, (10, 8)])
def test_default_estimators_fed_row_by_row_learn_as_batches_of_one_do(iris, sizes):
    X, y = iris
    order = np.random.default_rng(0).permutation(150)
    told, default = (
        LocalRuleClassifier(sizes, batch_size=size, random_state=0) for size in (1, "auto")
    )
    for _ in range(3):
        for row in order:
            default.partial_fit(X[row : row + 1], y[row : row + 1], classes=[0, 1, 2])
        told.partial_fit(X[order], y[order], classes=[0, 1, 2])
    assert_same_state(default, told)
    assert default.score(X, y) > 0.85


@pytest.mark.parametrize("sizes", [30, (30, 20)])
def test_one_row_at_a_time_learns(digits, sizes):
    X, y = digits
    model = LocalRuleClassifier(sizes, batch_size=1, random_state=0)
    for first in range(0, 1200, 300):
        rows = slice(first, first + 300)
        model.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert model.score(X[1200:], y[1200:]) > 0.75


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_each_chunk_adds_its_loss_to_the_curve(iris, cls):
    X, y = iris
    model, losses = cls(5, max_iter=3, random_state=0).fit(X, y), []
    for part in (slice(0, 100), slice(50, 150)):
        losses.append(model.partial_fit(X[part], y[part]).loss_)
    assert model.loss_curve_[3:] == losses
    assert model.n_iter_ == len(model.loss_curve_) == 5
    other = copy.copy(model).partial_fit(X, y)
    with pytest.raises(ValueError, match="y"):
        model.partial_fit(X, y[:5])
    assert model.loss_curve_[3:] == losses
    assert other.loss_curve_[3:-1] == losses
    assert model.best_loss_ == min(model.loss_curve_)
    model.set_params(warm_start=True).fit(X, y)
    assert len(model.loss_curve_) == 8


def test_a_stream_may_follow_a_table_and_hold_classes_of_its_own(iris):
    X, y = iris
    model = LocalRuleClassifier(random_state=0, max_iter=5).fit(X, y)
    before = state(model)
    model.partial_fit(X[:60], y[:60])
    assert model.t_ == 5 * 150 + 60
    same = {name for name, array in state(model).items() if np.array_equal(before[name], array)}
    assert same == {"layers_[0].input_limits"}  # the features are as large as they were


def test_batches_without_weight_are_passed_over(iris):
    X, y = iris
    weight = np.ones(150)
    weight[50:100] = 0
    model = LocalRuleClassifier(5, batch_size=50, random_state=0)
    model.partial_fit(X, y, sample_weight=weight, classes=[0, 1, 2])
    kept = LocalRuleClassifier(5, batch_size=50, random_state=0)
    rows = np.r_[0:50, 100:150]
    assert_same_state(model, kept.partial_fit(X[rows], y[rows], classes=[0, 1, 2]))


SLOW = {"learning_rate_init": 1e-3, "apical_rate": 1e-3, "interneuron_rate": 1e-3}


@pytest.mark.parametrize("sizes", [5, (5, 4)])
def test_published_rows_without_weight_are_passed_over(digits, sizes):
    X, y = digits[0][:200], digits[1][:200]
    weight = np.arange(200) % 3 > 0
    model = LocalRuleClassifier(random_state=0, **published(**SLOW, hidden_layer_sizes=sizes))
    model.partial_fit(X, y, sample_weight=weight, classes=np.arange(10))
    kept = LocalRuleClassifier(random_state=0, **published(**SLOW, hidden_layer_sizes=sizes))
    kept.partial_fit(X[weight], y[weight], classes=np.arange(10))
    for name, array in state(kept).items():
        assert_allclose(state(model)[name], array, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("sizes", [5, (5, 4)])
def test_published_rows_may_be_sparse(digits, sizes):
    X, y = digits[0][:150], digits[1][:150]
    dense = LocalRuleClassifier(random_state=0, **published(**SLOW, hidden_layer_sizes=sizes))
    sparse = LocalRuleClassifier(random_state=0, **published(**SLOW, hidden_layer_sizes=sizes))
    dense.partial_fit(X, y, classes=np.arange(10))
    sparse.partial_fit(csr_array(X), y, classes=np.arange(10))
    for name, array in state(dense).items():
        assert_allclose(state(sparse)[name], array, atol=1e-12, err_msg=name)


# Training


@pytest.mark.parametrize("sizes", SIZES)
def test_the_same_seed_gives_the_same_model_to_the_bit(digits, sizes):
    X, y = digits
    one, other = (
        LocalRuleClassifier(sizes, random_state=3, max_iter=3).fit(X, y) for _ in range(2)
    )
    assert_same_state(one, other)
    third = LocalRuleClassifier(sizes, random_state=4, max_iter=3).fit(X, y)
    for layer, drawn_anew in zip(one.layers_, third.layers_, strict=True):
        assert not np.array_equal(layer.basal_weights, drawn_anew.basal_weights)


@pytest.mark.parametrize("sizes", SIZES)
def test_a_warm_start_goes_on(iris, sizes):
    X, y = iris
    options = {"readout": "hebbian", "random_state": 0, "shuffle": False}
    model = LocalRuleClassifier(sizes, warm_start=True, max_iter=5, **options)
    model.fit(X, y).fit(X, y)
    straight = LocalRuleClassifier(sizes, max_iter=10, **options).fit(X, y)
    assert_same_state(model, straight)
    assert len(model.loss_curve_) == 10
    assert model.n_iter_ == 5
    assert model.t_ == 1500


@pytest.mark.parametrize("sizes", [20, (20, 15)])
def test_early_stopping_keeps_the_weights_that_scored_best(digits, sizes):
    X, y = digits
    model = LocalRuleClassifier(sizes, early_stopping=True, n_iter_no_change=3, random_state=0)
    model.set_params(readout="hebbian")  # which has no last phase
    scores = []
    original = LocalRuleClassifier._decoded

    def watched(self, X, rows=None):
        if rows is not None:
            scores.append({name: array.copy() for name, array in state(self).items()})
        return original(self, X, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalRuleClassifier, "_decoded", watched)
        model.fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_ == len(scores)
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.8
    assert model.best_loss_ is None
    best = scores[int(np.argmax(model.validation_scores_))]
    for name, array in state(model).items():
        assert_array_equal(array, best[name], err_msg=name)


def test_early_stopping_of_a_regression(iris):
    X, y = load_diabetes(return_X_y=True)
    model = LocalRuleRegressor(early_stopping=True, random_state=0)
    model.fit(X, y, sample_weight=np.arange(len(y)) % 3)
    assert 0.2 < model.best_validation_score_ <= 1


def test_training_stops_when_the_loss_does(iris):
    X, y = iris
    model = LocalRuleClassifier(tol=10.0, n_iter_no_change=4, random_state=0).fit(X, y)
    assert model.n_iter_ == 6
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.loss_ == model.loss_curve_[-1]


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_training_cut_short_warns(iris):
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        LocalRuleClassifier(max_iter=2).fit(*iris)


def test_verbose_prints_a_line_an_epoch(iris, capsys):
    LocalRuleClassifier(max_iter=3, verbose=True, random_state=0).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"Iteration {i}" for i in (1, 2, 3)]
    LocalRuleClassifier(max_iter=1, verbose=True, early_stopping=True).fit(*iris)
    assert "Validation score" in capsys.readouterr().out


def test_an_interrupted_fit_leaves_a_usable_model(iris, monkeypatch):
    X, y = iris
    calls = itertools.count()
    learn = Buffered.learn

    def interrupted(self, *args):
        if next(calls) == 20:
            raise KeyboardInterrupt
        return learn(self, *args)

    monkeypatch.setattr(Buffered, "learn", interrupted)
    model = LocalRuleClassifier(batch_size=50, random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    assert model.n_iter_ == 6
    assert model.score(X, y) > 0.5


def test_a_fit_interrupted_before_it_began_leaves_nothing(iris, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(Microcircuit, "start", interrupted)
    model = LocalRuleClassifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*iris)
    with pytest.raises(NotFittedError):
        model.predict(iris[0])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("sizes", [8, (8, 6)])
def test_divergence_names_the_weights_and_leaves_the_estimator_alone(digits, method, fitted, sizes):
    X, y = digits
    rates = {"learning_rate_init": 1e-4, "apical_rate": 0.1, "interneuron_rate": 0.1}
    model = LocalRuleClassifier(max_iter=1, **published(**rates, hidden_layer_sizes=sizes))
    if fitted:
        model.fit(X[:50], y[:50])
    model.set_params(learning_rate_init=100.0)
    before = dict(vars(model))
    arrays = copy.deepcopy(state(model)) if fitted else {}
    with pytest.raises(
        DivergenceError, match=r"layers_\[0\]\.basal_weights.* by sample \d+.*learning_rate_init"
    ):
        getattr(model, method)(X, y, **({} if method == "fit" else {"classes": np.arange(10)}))
    assert vars(model).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(model).items())
    for name, value in arrays.items():
        assert_array_equal(state(model)[name], value, err_msg=name)


def test_changed_sizes_are_told_from_the_circuit_that_is_there(iris):
    model = LocalRuleClassifier(10, max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=12).partial_fit(*iris)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(10, 10)).partial_fit(*iris)
    with pytest.raises(ValueError, match="n_interneurons"):
        model.set_params(hidden_layer_sizes=(10,), rule__n_interneurons=2).partial_fit(*iris)


def test_adaptive_steps_are_small_where_many_inputs_are_active():
    X = np.ones((40, 2000)) * np.where(np.arange(40) % 2, 1, -1)[:, None]
    y = np.arange(40) % 2
    model = LocalRuleClassifier(4, random_state=0)
    model.partial_fit(X, y, classes=[0, 1])
    basal = model.compartments(X)[0].basal
    model.set_params(alpha=0.0).partial_fit(X, y)
    moved = np.abs(model.compartments(X)[0].basal - basal).max()
    assert 0 < moved < 1.01 / np.sqrt(4) + 2e-3


# Parameters that change on the way

# Parameters that may not change once training began, and what they are changed to.
REFUSED = [
    ("hidden_layer_sizes", 7),
    ("hidden_layer_sizes", (6, 6, 6)),
    ("activation", "tanh"),
    ("solver", "sgd"),
    ("rule", "another"),  # an object of another class
    ("rule__n_interneurons", 2),
    ("rule__interneurons", "decoupled"),
    ("rule__interneurons", "target"),
    ("centering_rate", None),
    ("fit_intercept", False),
    ("readout", "hebbian"),
    ("standardize_targets", False),
    ("dtype", "float32"),
]
# Parameters that take effect at once, in a stream as in a table; with what else they show.
HEARD = [
    ("rule", "new rates", {}),
    ("rule__apical_rate", 0.2, {}),
    ("rule__interneuron_rate", 0.2, {}),
    ("rule__warmup", 0, {}),
    ("rule__gain_damping", 0.6, {}),
    ("rule__gain_damping", 0.6, {"solver": "sgd"}),
    ("rule__gain_damping", 0.1, {"rule": Microcircuit(gain_damping=0.4)}),
    ("rule__gain_damping", 0.0, {"rule": Microcircuit(gain_damping=0.4)}),
    ("alpha", 50.0, {}),
    ("batch_size", 7, {}),
    ("batch_size", "auto", {}),
    ("learning_rate_init", 0.02, {}),
    ("learning_rate_decay", 30.0, {}),
    ("modulation", "surprise", {}),
    ("modulation", None, {"modulation": "plateau"}),
    ("centering_rate", 0.5, {}),
    ("beta_1", 0.95, {}),
    ("beta_2", 0.5, {}),
    ("epsilon", 1.0, {}),
    ("class_weight", {0: 5.0}, {}),
]
# Parameters that only fit hears; with what else they show.
OF_FIT = [
    ("max_iter", 2, {}),
    ("tol", 100.0, {}),
    ("n_iter_no_change", 3, {"tol": 100.0}),
    ("early_stopping", True, {}),
    ("validation_fraction", 0.4, {"early_stopping": True}),
    ("shuffle", False, {}),
    ("warm_start", False, {}),
    ("verbose", True, {}),
    ("random_state", 1, {}),
]
BASE = {
    "batch_size": 10,
    "max_iter": 6,
    "tol": 0.0,
    "n_iter_no_change": 1,
    "warm_start": True,
    "random_state": 0,
    "dtype": "float64",
}
DEPTHS = pytest.mark.parametrize("sizes", [(6,), (6, 5)])
KINDS = pytest.mark.parametrize("kind", [LocalRuleClassifier, LocalRuleRegressor])
METHODS = pytest.mark.parametrize("method", ["partial_fit", "fit"])


class AnotherRule(Microcircuit):
    """The same rule by another name."""


def changed(model, name, value):
    """The model with another value of a parameter, whose rule is nobody else's."""
    model.rule = clone(model.rule, safe=False)
    if name == "rule":
        own = {"apical_rate": 0.2, "interneuron_rate": 0.1}
        value = AnotherRule() if value == "another" else Microcircuit(**own)
    return model.set_params(**{name: value})


def learning(kind, sizes, method, data, **options):
    """A model that has learnt half of the rows, and a function that has one learn the rest."""
    X, y = shuffle(*data, random_state=0)
    if method == "fit":
        return kind(sizes, **{**BASE, **options}).fit(X, y), lambda model: model.fit(X, y)
    classes = {"classes": [0, 1, 2]} if kind is LocalRuleClassifier else {}
    model = kind(sizes, **{**BASE, **options}).partial_fit(X[:70], y[:70], **classes)
    return model, lambda model: model.partial_fit(X[70:], y[70:])


def assert_predicts_as_it_trains(model, X):
    """Every way to look at a network shows the same one."""
    hidden = model.transform(X)
    assert_allclose(model.compartments(X)[-1].output, hidden, rtol=1e-12, atol=1e-12)
    output = forward(model, X)
    if isinstance(model, LocalRuleClassifier):
        assert_array_equal(model.predict(X), model.classes_[output.argmax(axis=1)])
    else:
        assert_allclose(model.predict(X), output[:, 0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [LocalRuleClassifier, LocalRuleRegressor])
def test_the_lists_of_changes_have_every_parameter(kind):
    listed = {name for name, *_ in (*REFUSED, *HEARD, *OF_FIT)}
    # What new_classes does is told in test_growth.
    listed = listed - {"class_weight"} if kind is LocalRuleRegressor else listed | {"new_classes"}
    of_rule = {f"rule__{name}" for name in Microcircuit().get_params()}
    assert listed == {field.name for field in dataclasses.fields(kind)} | of_rule


@METHODS
@KINDS
@DEPTHS
@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_what_may_not_change_is_refused_by_name(iris, name, value, sizes, kind, method):
    model, go_on = learning(kind, sizes, method, iris)
    expected = model.predict(iris[0])
    changed(model, name, value)
    before, arrays = dict(vars(model)), copy.deepcopy(state(model))
    with pytest.raises(ValueError, match=name):
        go_on(model)
    assert vars(model).keys() == before.keys()
    assert all(held is before[attribute] for attribute, held in vars(model).items())
    for path, array in state(model).items():
        assert_array_equal(array, arrays[path], err_msg=path)
    assert_array_equal(model.predict(iris[0]), expected)
    with pytest.raises(ValueError, match=name):
        model.compartments(iris[0])


@METHODS
@KINDS
@DEPTHS
@pytest.mark.parametrize(("name", "value", "options"), HEARD)
def test_what_changes_between_two_calls_takes_effect(
    iris, name, value, options, sizes, kind, method
):
    if name == "class_weight" and kind is LocalRuleRegressor:
        return  # it has none
    model, go_on = learning(kind, sizes, method, iris, **options)
    same = go_on(copy.deepcopy(model))
    go_on(changed(model, name, value))
    assert_predicts_as_it_trains(model, iris[0])
    for path, array in state(same).items():
        if path.endswith("weights") or path == "readout_weights_":
            assert not np.array_equal(state(model)[path], array), path


@KINDS
@DEPTHS
@pytest.mark.parametrize(("name", "value", "options"), OF_FIT)
def test_what_only_fit_hears_takes_effect_in_a_warm_start(iris, name, value, options, sizes, kind):
    model, go_on = learning(kind, sizes, "fit", iris, **options)
    same = go_on(copy.deepcopy(model))
    go_on(changed(model, name, value))
    assert_predicts_as_it_trains(model, iris[0])
    if name == "verbose":
        assert_same_state(model, same)
    else:
        assert not np.array_equal(model.layers_[0].basal_weights, same.layers_[0].basal_weights)


@KINDS
@DEPTHS
@pytest.mark.parametrize(("name", "value", "_"), OF_FIT)
def test_what_only_fit_hears_leaves_a_stream_alone(iris, name, value, _, sizes, kind):
    model, go_on = learning(kind, sizes, "partial_fit", iris)
    same = go_on(copy.deepcopy(model))
    changed(model, name, value)
    if name == "early_stopping":
        with pytest.raises(ValueError, match="early_stopping"):
            go_on(model)
    else:
        assert_same_state(go_on(model), same)


@DEPTHS
def test_the_published_rule_goes_on_as_any_other(iris, sizes):
    """Rows in blocks, and then not, with whatever the other way of learning needs."""
    options = {**published(**SLOW), "max_iter": 2}
    for name, value in [
        ("rule__gain_damping", 0.3),
        ("batch_size", 5),
        ("alpha", 1.0),
    ]:
        model, go_on = learning(LocalRuleClassifier, sizes, "partial_fit", iris, **options)
        same = go_on(copy.deepcopy(model))
        before = model.get_params()[name]
        go_on(changed(model, name, value))
        assert not np.array_equal(model.layers_[0].basal_weights, same.layers_[0].basal_weights)
        go_on(changed(model, name, before))
        assert_predicts_as_it_trains(model, iris[0])
        assert model.t_ == 70 + 2 * 80


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_rule_changed_in_place_is_heard_or_refused(iris, method):
    rule = Microcircuit()
    model, go_on = learning(LocalRuleClassifier, 6, method, iris, rule=rule)
    same = go_on(copy.deepcopy(model))
    rule.apical_rate = 0.2
    go_on(model)
    assert not np.array_equal(model.layers_[0].apical_weights, same.layers_[0].apical_weights)
    rule.interneurons = "decoupled"
    with pytest.raises(ValueError, match="interneurons may not change"):
        go_on(model)
    rule.interneurons, rule.apical_rate = "tied", -1.0
    with pytest.raises(ValueError, match="apical_rate"):
        go_on(model)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_class_weights_changed_in_place_are_refused_by_name(iris, method):
    weights = {0: 2.0}
    model, go_on = learning(LocalRuleClassifier, 6, method, iris, class_weight=weights)
    weights[0] = -1.0
    before = dict(vars(model))
    with pytest.raises(ValueError, match="class_weight"):
        go_on(model)
    assert all(held is before[name] for name, held in vars(model).items())


# Rules


def test_parameters_of_a_rule_that_is_named_are_searched(iris):
    grid = {"rule__gain_damping": [0.0, 0.6], "rule__interneurons": ["tied", "decoupled"]}
    model = LocalRuleClassifier(10, rule="microcircuit", max_iter=5, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(*iris)
    assert model.rule == "microcircuit"
    for given, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        rule = Microcircuit(**{name.removeprefix("rule__"): given[name] for name in given})
        alone = clone(model).set_params(rule=rule)
        assert cross_validate(alone, *iris, cv=2)["test_score"].mean() == score
    assert (
        search.best_estimator_.rule.get_params().items()
        >= {
            name.removeprefix("rule__"): value for name, value in search.best_params_.items()
        }.items()
    )


def test_parameters_of_a_rule_are_set_through_a_pipeline(iris):
    model = make_pipeline(StandardScaler(), LocalRuleClassifier(6, max_iter=3, random_state=0))
    model.set_params(localruleclassifier__rule__n_interneurons=4).fit(*iris)
    assert model[-1].layers_[0].interneuron_weights.shape == (6, 4)
    direct = LocalRuleClassifier(
        6, rule=Microcircuit(n_interneurons=4), max_iter=3, random_state=0
    ).fit(*iris)
    assert_allclose(model[-1].layers_[0].basal_weights, direct.layers_[0].basal_weights)


@pytest.mark.parametrize("given", [{"rule__gain": 1.0}, {"rule__": 1.0}, {"rules__gain": 1.0}])
def test_unknown_parameters_of_a_rule_are_refused(given):
    model = LocalRuleClassifier()
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(**given)
    assert model.rule == "microcircuit"


def test_estimators_never_share_a_rule_that_came_from_a_name(iris):
    models = [LocalRuleClassifier(6, max_iter=2, random_state=0) for _ in range(3)]
    models.append(clone(models[0]))
    for damping, model in enumerate(models):
        model.set_params(rule__gain_damping=damping / 4).fit(*iris)
    assert len({id(model.rule) for model in models}) == 4
    assert [model.rule.gain_damping for model in models] == [0, 0.25, 0.5, 0.75]
    assert LocalRuleClassifier().rule == "microcircuit"
    copied = clone(models[1]).set_params(rule__gain_damping=9.0)
    assert models[1].rule.gain_damping == 0.25
    assert copied.rule.gain_damping == 9.0


# Subclasses and size


class Short(LocalRuleClassifier):
    """A subclass with two parameters, the rest as they are."""

    def __init__(self, hidden_layer_sizes=10, max_iter=20):
        super().__init__(hidden_layer_sizes, max_iter=max_iter, random_state=0)


class Bare(LocalRuleRegressor):
    """A subclass that sets only what it takes itself."""

    def __init__(self, alpha=0.5):
        self.alpha = alpha


@pytest.mark.parametrize("model", [Short(), Short((8, 6)), Bare()])
def test_a_subclass_with_a_shorter_constructor_fits_clones_and_searches(iris, model):
    name = "hidden_layer_sizes" if isinstance(model, Short) else "alpha"
    assert set(model.get_params()) == ({name, "max_iter"} if isinstance(model, Short) else {name})
    fitted = clone(model).fit(*iris)
    assert type(fitted) is type(model)
    assert len(fitted.predict(iris[0])) == 150
    other = pickle.loads(pickle.dumps(fitted))
    assert_same_state(other.partial_fit(*iris), fitted.partial_fit(*iris))
    grid = {name: [getattr(model, name), 2]}
    search = GridSearchCV(model, grid, cv=shuffled_halves(iris)).fit(*iris)
    assert search.best_score_ > 0.5
    with pytest.raises(ValueError, match="Invalid parameter 'rule'"):
        model.set_params(rule__gain_damping=0.4)  # a clone would lose it


def shuffled_halves(data):
    order = np.random.default_rng(0).permutation(len(data[1]))
    return [(order[::2], order[1::2]), (order[1::2], order[::2])]


def test_a_short_subclass_learns_as_its_parent_does(iris):
    parent = LocalRuleClassifier(10, max_iter=20, random_state=0)
    assert_same_state(Short().fit(*iris), parent.fit(*iris))


def test_a_first_chunk_with_most_of_the_classes_once_does_not_warn():
    X, y = np.random.default_rng(0).standard_normal((32, 3)), np.arange(32) % 26
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LocalRuleClassifier(5, random_state=0).partial_fit(X, y, classes=np.arange(26))
    assert model.predict_proba(X).shape == (32, 26)


def test_five_thousand_classes_are_learnt_without_a_matrix_of_them_all():
    n_classes = 5000
    angle = np.linspace(0, 1.5 * np.pi, n_classes)
    X, y = np.c_[np.cos(angle), np.sin(angle)].astype(np.float32), np.arange(n_classes)
    X, y = np.repeat(X, 2, axis=0), np.repeat(y, 2)
    model = LocalRuleClassifier(10, dtype="float32", max_iter=2, random_state=0)
    tracemalloc.start()
    try:
        model.fit(X, y).partial_fit(X[:400], y[:400], classes=np.arange(n_classes))
        labels, chance = model.predict(X[:400]), model.predict_proba(X[:400])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * n_classes**2  # of an identity matrix in float32
    assert model.loss_curve_[1] < model.loss_curve_[0]
    assert_array_equal(labels, chance.argmax(axis=1))
    assert_allclose(chance.sum(axis=1), 1, rtol=1e-5)


# Depth


STREAMS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.01},
    "decoupled": {"rule": Microcircuit(interneurons="decoupled")},
    "target-driven": {"rule": Microcircuit(interneurons="target")},
    "damped": {"rule": Microcircuit(gain_damping=0.4)},
    "damped, decoupled": {"rule": Microcircuit(gain_damping=0.4, interneurons="decoupled")},
    "hebbian": {"readout": "hebbian"},
    "surprise": {"modulation": "surprise"},
    "decaying rates": {"learning_rate_decay": 100.0},
    "row by row": {"batch_size": 1},
    "float32": {"dtype": "float32"},
    "logistic": {"activation": "logistic"},
    **{name: {"rule": name} for name in RULES},
}


@pytest.mark.parametrize("task", ["labels", "indicators", "one value", "two values"])
@pytest.mark.parametrize("options", STREAMS.values(), ids=STREAMS)
def test_a_stack_streams_in_chunks_as_a_whole_and_from_a_pickle(iris, options, task):
    X, labels = shuffle(*iris, random_state=0)
    kind = LocalRuleClassifier if task in ("labels", "indicators") else LocalRuleRegressor
    y = {
        "labels": labels,
        "indicators": np.c_[labels == 1, labels > 0].astype(int),
        "one value": X[:, 2],
        "two values": X[:, :2] ** 2,
    }[task]
    classes = {"classes": [0, 1, 2]} if task == "labels" else {}
    make = {"batch_size": 20, "random_state": 0, **options}
    whole = kind((7, 5, 4), **make).partial_fit(X, y, **classes)
    parts = kind((7, 5, 4), **make)
    for rows in (slice(0, 20), slice(20, 80), slice(80, 150)):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X[rows], y[rows], **classes)
    assert_same_state(parts, whole)
    assert_array_equal(parts.predict(X), whole.predict(X))
