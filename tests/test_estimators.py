"""What the estimators promise to the people who use them."""

import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array, csr_matrix, issparse
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
from sklearn.preprocessing import StandardScaler

from sklearn_localnet import PUBLISHED, DivergenceError, LocalRuleClassifier, LocalRuleRegressor
from sklearn_localnet._microcircuit import WEIGHTS, Microcircuit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STATE = [f"{name}_" for name in WEIGHTS]


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


def assert_same_state(one, other):
    for name in STATE:
        assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


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
    hidden = FUNCTIONS[estimator.activation](X @ estimator.coefs_[0] + estimator.intercepts_[0])
    return hidden @ estimator.coefs_[1] + estimator.intercepts_[1]


# Learning


def test_learns_digits(digits):
    X, y = digits
    model = LocalRuleClassifier(random_state=0).fit(X[:1200], y[:1200])
    assert model.score(X[1200:], y[1200:]) > 0.9
    assert model.score(X[:1200], y[:1200]) > 0.98


def test_learns_a_regression():
    X, y = make_regression(n_samples=600, n_features=10, noise=5.0, random_state=0)
    model = LocalRuleRegressor(random_state=0).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "tanh"},
        {"activation": "logistic"},
        {"activation": "identity"},
        {"interneurons": "decoupled"},
        {"interneurons": "target"},
        {"n_interneurons": "n_hidden"},
        {"n_interneurons": 4},
        {"modulation": "plateau"},
        {"modulation": "surprise"},
        {"readout": "hebbian"},
        {"gain_damping": 0.0},
        {"centering_rate": None},
        {"fit_intercept": False},
        {"standardize_targets": False},
        {"solver": "sgd", "learning_rate_init": 0.05, "alpha": 0.0},
        {"dtype": "float64"},
        {"batch_size": 20, "max_iter": 10},
    ],
)
def test_every_option_learns_digits_well_above_chance(digits, options):
    X, y = digits
    model = LocalRuleClassifier(50, random_state=0, **{"max_iter": 40, **options})
    assert model.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.7


def test_rare_classes_are_learnt():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    rows = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:15]])
    model = LocalRuleClassifier(random_state=0).fit(X[rows], y[rows])
    assert accuracy_score(y[rows][-15:], model.predict(X[rows][-15:])) > 0.8


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_the_scale_of_the_features_does_not_matter(iris, scale):
    X, y = iris
    model = LocalRuleClassifier(random_state=0, max_iter=60)
    chance = model.fit(X, y).predict_proba(X)
    assert_allclose(model.fit(scale * X, y).predict_proba(scale * X), chance, rtol=1e-5, atol=1e-7)


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


@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_chances_scores_and_labels_agree(iris, multilabel, task, readout):
    X, y = multilabel if task == "multilabel" else iris
    if task == "binary":
        y = y == 1
    model = LocalRuleClassifier(readout=readout, random_state=0, max_iter=30).fit(X, y)
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


def test_outputs_keep_the_shape_of_the_targets():
    X, y = load_diabetes(return_X_y=True)
    model = LocalRuleRegressor(random_state=0, max_iter=5)
    assert model.fit(X, y).predict(X).shape == y.shape
    assert model.fit(X, y[:, None]).predict(X).shape == (len(y), 1)
    assert model.fit(X, np.c_[y, -y]).predict(X).shape == (len(y), 2)


def test_regression_does_not_depend_on_the_scale_and_place_of_the_targets():
    X, y = load_diabetes(return_X_y=True)
    model = LocalRuleRegressor(random_state=0, max_iter=30)
    plain = model.fit(X, y).predict(X)
    moved = model.fit(X, 1e4 * y - 1e6).predict(X)
    assert_allclose((moved + 1e6) / 1e4, plain, rtol=1e-6)


# The forward network


@pytest.mark.parametrize("activation", list(FUNCTIONS))
@pytest.mark.parametrize("centering_rate", [None, 0.01])
@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
def test_coefs_are_the_classifier_as_a_plain_network(iris, activation, centering_rate, readout):
    X, y = iris
    model = LocalRuleClassifier(
        7, activation, centering_rate=centering_rate, readout=readout, random_state=0, max_iter=15
    ).fit(X, y)
    output = forward(model, X)
    assert_array_equal(model.classes_[output.argmax(axis=1)], model.predict(X))
    if readout == "softmax":
        chance = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
        assert_allclose(model.predict_proba(X), chance, rtol=1e-9)


@pytest.mark.parametrize("readout", ["linear", "hebbian"])
def test_coefs_are_the_regressor_as_a_plain_network(readout):
    X, y = load_diabetes(return_X_y=True)
    y = np.c_[y, 1e3 - 5 * y]
    model = LocalRuleRegressor(7, readout=readout, random_state=0, max_iter=15).fit(X, y)
    assert_allclose(forward(model, X), model.predict(X), rtol=1e-9)
    assert [coef.shape for coef in model.coefs_] == [(10, 7), (7, 2)]


@pytest.mark.parametrize("centering_rate", [None, 0.01])
def test_transform_is_the_activity_that_the_circuit_sees(iris, centering_rate):
    X, y = iris
    model = LocalRuleClassifier(6, centering_rate=centering_rate, random_state=0, max_iter=5)
    hidden = model.fit(X, y).transform(X)
    u = X @ model.basal_weights_.T + model.basal_intercepts_
    assert_allclose(hidden, np.maximum(u, 0) - model.mean_activity_, rtol=1e-12)
    assert (model.mean_activity_ == 0).all() == (centering_rate is None)
    assert model.get_feature_names_out()[5] == "localruleclassifier5"


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
def test_the_microcircuit_shows_every_compartment(iris, interneurons):
    X, y = iris
    model = LocalRuleClassifier(
        6, interneurons=interneurons, gain_damping=0.0, random_state=0, max_iter=5
    ).fit(X, y)
    parts = model.microcircuit(X, y)
    Q, R = model.interneuron_weights_, model.pyramidal_to_interneuron_weights_
    assert_allclose(parts.basal, X @ model.basal_weights_.T + model.basal_intercepts_)
    assert_allclose(parts.output, model.transform(X))
    assert_allclose(parts.interneuron, parts.output @ R.T)
    assert_allclose(parts.inhibition, parts.interneuron @ Q.T)
    target = np.eye(3)[y] - 1 / 3
    assert_allclose(parts.apical, target @ model.apical_weights_.T)
    assert_allclose(parts.plateau, parts.apical - parts.inhibition)
    assert set(model.microcircuit(X)) == {"basal", "output", "interneuron", "inhibition"}
    assert np.array_equal(R, Q.T) == (interneurons != "decoupled")


def test_large_inputs_are_predicted_in_parts_as_at_once(digits, monkeypatch):
    X, y = digits
    model = LocalRuleClassifier(10, random_state=0, max_iter=3).fit(X, y)
    whole = model.predict_proba(X)
    monkeypatch.setattr("sklearn_localnet._base.FORWARD_NUMBERS", 64 * 100)
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
    assert not hasattr(model, "basal_weights_")


@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_the_size_of_inputs_is_that_of_the_first_ten_rows_or_the_first_batch(batch_size):
    X = np.random.default_rng(0).standard_exponential((60, 4))
    model = LocalRuleRegressor(5, batch_size=batch_size, random_state=0).partial_fit(X, X[:, 0])
    seen = X[: batch_size * -(-10 // batch_size)]
    assert model._history["input_scale"] == pytest.approx(np.sqrt(np.mean(seen**2)))


# Inputs


@pytest.mark.parametrize("make", [csr_array, csc_array, csr_matrix])
def test_sparse_input_is_learnt_as_dense_input_is(digits, make):
    X, y = digits
    dense = LocalRuleClassifier(10, random_state=0, max_iter=3, dtype="float64").fit(X, y)
    sparse = LocalRuleClassifier(10, random_state=0, max_iter=3, dtype="float64").fit(make(X), y)
    assert_allclose(sparse.basal_weights_, dense.basal_weights_, atol=1e-6)
    assert_allclose(sparse.predict_proba(make(X)), dense.predict_proba(X), atol=1e-6)
    assert_allclose(sparse.transform(make(X)), dense.transform(X), atol=1e-6)


@pytest.mark.parametrize("held", [1, 20_000, 10**9])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_columns_turned_in_parts_are_learnt_as_rows_are(digits, held, early_stopping, monkeypatch):
    X, y = digits
    monkeypatch.setattr("sklearn_localnet._training.TURNED_NUMBERS", held)
    models = {}
    for make in (csr_array, csc_array):
        model = LocalRuleClassifier(10, random_state=0, max_iter=3, early_stopping=early_stopping)
        models[make] = model.fit(make(X), y)
        model.set_params(early_stopping=False).partial_fit(make(X), y)
    assert_same_state(models[csc_array], models[csr_array])
    assert models[csc_array].loss_curve_ == models[csr_array].loss_curve_


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray, csr_array, csc_array])
def test_no_input_is_copied_as_a_whole(make, early_stopping, monkeypatch):
    monkeypatch.setattr("sklearn_localnet._training.TURNED_NUMBERS", 100_000)
    monkeypatch.setattr("sklearn_localnet._base.FORWARD_NUMBERS", 100_000)
    rng = np.random.default_rng(0)
    X = np.zeros((10_000, 500), np.float32)
    X[:, ::5] = rng.standard_normal((10_000, 100))
    X, y = make(X), np.arange(10_000) % 10
    size = X.data.nbytes + (X.indices.nbytes if issparse(X) else 0)
    model = LocalRuleClassifier(10, max_iter=1, early_stopping=early_stopping, random_state=0)
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
    ("dtype", "hidden", "expected"),
    [
        ("auto", 100, np.float64),
        ("auto", 200, np.float32),
        ("float32", 5, np.float32),
        ("float64", 200, np.float64),
    ],
)
def test_precision_follows_dtype_and_the_size_of_the_layer(digits, dtype, hidden, expected):
    X, y = digits
    model = LocalRuleClassifier(hidden, dtype=dtype, max_iter=1).fit(X, y)
    assert {getattr(model, name).dtype for name in STATE} == {np.dtype(expected)}


# Weights


def test_weights_are_repetitions_of_rows(iris):
    X, y = iris
    times = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = LocalRuleClassifier(20, batch_size=1000, random_state=0, max_iter=50)
    repeated = LocalRuleClassifier(20, batch_size=1000, random_state=0, max_iter=50)
    weighted.fit(X, y, sample_weight=times)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-6)


def test_class_weights_multiply_sample_weights(iris):
    X, y = iris
    by_class = LocalRuleClassifier(10, class_weight={0: 3.0, 1: 0.5}, random_state=0, max_iter=20)
    by_row = LocalRuleClassifier(10, random_state=0, max_iter=20)
    assert_same_state(by_class.fit(X, y), by_row.fit(X, y, np.array([3.0, 0.5, 1.0])[y]))


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
def test_a_stream_in_chunks_is_learnt_as_a_whole_to_the_bit(digits, dtype, chunk):
    X, y = digits
    whole = LocalRuleClassifier(15, batch_size=20, dtype=dtype, random_state=0)
    parts = LocalRuleClassifier(15, batch_size=20, dtype=dtype, random_state=0)
    whole.partial_fit(X[:700], y[:700], classes=np.arange(10))
    for first in range(0, 700, chunk):
        rows = slice(first, min(first + chunk, 700))
        parts.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert_same_state(parts, whole)
    assert parts.t_ == whole.t_ == 700


def test_a_regression_stream_in_chunks_is_learnt_as_a_whole_to_the_bit():
    X, y = load_diabetes(return_X_y=True)
    whole = LocalRuleRegressor(15, batch_size=20, random_state=0).partial_fit(X[:400], y[:400])
    parts = LocalRuleRegressor(15, batch_size=20, random_state=0)
    for first in range(0, 400, 40):
        parts.partial_fit(X[first : first + 40], y[first : first + 40])
    assert_same_state(parts, whole)
    assert_array_equal(parts.predict(X), whole.predict(X))


def test_a_pickled_stream_goes_on_where_it_was(digits):
    X, y = digits
    model = LocalRuleClassifier(15, batch_size=20, random_state=0)
    model.partial_fit(X[:400], y[:400], classes=np.arange(10))
    copy = pickle.loads(pickle.dumps(model))
    assert_same_state(
        model.partial_fit(X[400:800], y[400:800]), copy.partial_fit(X[400:800], y[400:800])
    )


def test_one_row_at_a_time_learns(digits):
    X, y = digits
    model = LocalRuleClassifier(30, batch_size=1, random_state=0)
    for first in range(0, 1200, 300):
        rows = slice(first, first + 300)
        model.partial_fit(X[rows], y[rows], classes=np.arange(10))
    assert model.score(X[1200:], y[1200:]) > 0.75


def test_a_stream_may_follow_a_table_and_hold_classes_of_its_own(iris):
    X, y = iris
    model = LocalRuleClassifier(random_state=0, max_iter=5).fit(X, y)
    weights = model.basal_weights_
    model.partial_fit(X[:60], y[:60])
    assert model.t_ == 5 * 150 + 60
    assert not np.array_equal(weights, model.basal_weights_)


def test_batches_without_weight_are_passed_over(iris):
    X, y = iris
    weight = np.ones(150)
    weight[50:100] = 0
    model = LocalRuleClassifier(5, batch_size=50, random_state=0)
    model.partial_fit(X, y, sample_weight=weight, classes=[0, 1, 2])
    kept = LocalRuleClassifier(5, batch_size=50, random_state=0)
    rows = np.r_[0:50, 100:150]
    assert_same_state(model, kept.partial_fit(X[rows], y[rows], classes=[0, 1, 2]))


def test_published_rows_without_weight_are_passed_over(digits):
    X, y = digits[0][:200], digits[1][:200]
    weight = np.arange(200) % 3 > 0
    rates = {"learning_rate_init": 1e-3, "apical_rate": 1e-3, "interneuron_rate": 1e-3}
    model = LocalRuleClassifier(5, random_state=0, **rates, **PUBLISHED)
    model.partial_fit(X, y, sample_weight=weight, classes=np.arange(10))
    kept = LocalRuleClassifier(5, random_state=0, **rates, **PUBLISHED)
    kept.partial_fit(X[weight], y[weight], classes=np.arange(10))
    for name in STATE:
        assert_allclose(getattr(model, name), getattr(kept, name), atol=1e-12)


def test_published_rows_may_be_sparse(digits):
    X, y = digits[0][:150], digits[1][:150]
    rates = {"learning_rate_init": 1e-3, "apical_rate": 1e-3, "interneuron_rate": 1e-3}
    dense = LocalRuleClassifier(5, random_state=0, **rates, **PUBLISHED)
    sparse = LocalRuleClassifier(5, random_state=0, **rates, **PUBLISHED)
    dense.partial_fit(X, y, classes=np.arange(10))
    sparse.partial_fit(csr_array(X), y, classes=np.arange(10))
    for name in STATE:
        assert_allclose(getattr(sparse, name), getattr(dense, name), atol=1e-12)


# Training


def test_the_same_seed_gives_the_same_model_to_the_bit(digits):
    X, y = digits
    one, other = (LocalRuleClassifier(20, random_state=3, max_iter=3).fit(X, y) for _ in range(2))
    assert_same_state(one, other)
    third = LocalRuleClassifier(20, random_state=4, max_iter=3).fit(X, y)
    assert not np.array_equal(one.basal_weights_, third.basal_weights_)


def test_a_warm_start_goes_on(iris):
    X, y = iris
    model = LocalRuleClassifier(10, warm_start=True, max_iter=5, random_state=0, shuffle=False)
    model.fit(X, y).fit(X, y)
    straight = LocalRuleClassifier(10, max_iter=10, random_state=0, shuffle=False).fit(X, y)
    assert_same_state(model, straight)
    assert len(model.loss_curve_) == 10
    assert model.n_iter_ == 5
    assert model.t_ == 1500


def test_early_stopping_keeps_the_weights_that_scored_best(digits):
    X, y = digits
    model = LocalRuleClassifier(20, early_stopping=True, n_iter_no_change=3, random_state=0)
    scores = []
    original = LocalRuleClassifier._decoded

    def watched(self, X, rows=None):
        if rows is not None:
            scores.append({name: getattr(self, name).copy() for name in STATE})
        return original(self, X, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalRuleClassifier, "_decoded", watched)
        model.fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_ == len(scores)
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.8
    assert model.best_loss_ is None
    best = scores[int(np.argmax(model.validation_scores_))]
    for name in STATE:
        assert_array_equal(getattr(model, name), best[name])


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
    learn = Microcircuit.learn

    def interrupted(self, *args):
        if next(calls) == 20:
            raise KeyboardInterrupt
        return learn(self, *args)

    monkeypatch.setattr(Microcircuit, "learn", interrupted)
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
def test_divergence_names_the_weights_and_leaves_the_estimator_alone(digits, method, fitted):
    X, y = digits
    rates = {"apical_rate": 0.1, "interneuron_rate": 0.1}
    model = LocalRuleClassifier(8, learning_rate_init=1e-4, max_iter=1, **rates, **PUBLISHED)
    if fitted:
        model.fit(X[:50], y[:50])
    model.set_params(learning_rate_init=100.0)
    before = dict(vars(model))
    arrays = {name: value.copy() for name, value in before.items() if hasattr(value, "copy")}
    with pytest.raises(
        DivergenceError, match=r"basal_weights_.* by sample \d+.*learning_rate_init"
    ):
        getattr(model, method)(X, y, **({} if method == "fit" else {"classes": np.arange(10)}))
    assert set(vars(model)) == set(before)
    for name, value in arrays.items():
        assert_array_equal(getattr(model, name), value)


def test_changed_sizes_are_told_from_the_circuit_that_is_there(iris):
    model = LocalRuleClassifier(10, max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=12).partial_fit(*iris)
    with pytest.raises(ValueError, match="n_interneurons"):
        model.set_params(hidden_layer_sizes=10, n_interneurons=2).partial_fit(*iris)


def test_adaptive_steps_are_small_where_many_inputs_are_active():
    X = np.ones((40, 2000)) * np.where(np.arange(40) % 2, 1, -1)[:, None]
    y = np.arange(40) % 2
    model = LocalRuleClassifier(4, random_state=0)
    model.partial_fit(X, y, classes=[0, 1])
    basal = model.microcircuit(X).basal
    model.set_params(alpha=0.0).partial_fit(X, y)
    moved = np.abs(model.microcircuit(X).basal - basal).max()
    assert 0 < moved < 1.01 / np.sqrt(4) + 2e-3
