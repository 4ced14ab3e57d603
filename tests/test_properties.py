"""What holds for any table: shapes, scales, dtypes, layouts, balance of classes, odd columns.

Hypothesis draws the shape of a case and a seed; numbers come from the seed. A numpy warning that
escapes fails the test, as every warning does.
"""

import copy
import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array, csr_matrix, issparse
from sklearn.metrics import log_loss
from sklearn.utils import Bunch
from small import assert_same_state, skip_last_phase
from threadpoolctl import threadpool_limits

from sklearn_localnet import DivergenceError, LocalRuleClassifier, LocalRuleRegressor
from sklearn_localnet.rules import RULES, Microcircuit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SIZES = st.sampled_from([(6,), (6, 5), (5, 4, 3)])


class Table(NamedTuple):
    X: object
    labels: np.ndarray
    values: np.ndarray


def normal(rng, shape):
    return rng.standard_normal(shape)


def duplicated(rng, shape):
    rows = rng.standard_normal((max(2, shape[0] // 4), shape[1]))
    return rows[np.arange(shape[0]) % len(rows)]


def of_rank_one(rng, shape):
    return rng.standard_normal((shape[0], 1)) * rng.standard_normal(shape[1])


def with_a_constant_column(rng, shape):
    X = rng.standard_normal(shape)
    if shape[1] > 1:
        X[:, rng.integers(shape[1])] = rng.choice([-1, 0, 1])
    return X


def mostly_zero(rng, shape):
    return rng.standard_normal(shape) * (rng.random(shape) < 0.3)


def heavy_tailed(rng, shape):
    return rng.standard_cauchy(shape)


def lognormal(rng, shape):
    return np.exp(3 * rng.standard_normal(shape))


def with_an_outlier(rng, shape):
    X = rng.standard_normal(shape)
    X[rng.integers(shape[0])] *= 1e4
    return X


KINDS = [
    normal, duplicated, of_rank_one, with_a_constant_column, mostly_zero, heavy_tailed, lognormal,
    with_an_outlier,
]  # fmt: skip
DTYPES = ["float64", "float32", "float16", "int64", "int16", "uint8", "bool", ">f8"]
BALANCES = [None, 0.2, 1.0, 10.0]  # None: by a function of the features; else by chance
DENSE = [np.ascontiguousarray, np.asfortranarray]
LAYOUTS = [*DENSE, csr_array, csc_array, csr_matrix]


def cast(X, dtype):
    """X in another dtype, inside its range; integers take all of a small range."""
    kind = np.dtype(dtype).kind
    if kind == "f":
        largest = {2: 6e4, 4: 1e38, 8: 1e300}[np.dtype(dtype).itemsize]
        return np.clip(X, -largest, largest).astype(dtype)
    if kind == "b":
        return np.greater(X, np.median(X))
    info = np.iinfo(dtype)
    return np.clip(np.round(3 * X), max(info.min, -(2**50)), min(info.max, 2**50)).astype(dtype)


def labels_for(rng, X, n_classes, balance):
    """Labels by chance or by the rank of a linear function, each class there at least once."""
    n = len(X)
    if balance is None:
        score = X @ rng.standard_normal(X.shape[1])
        return np.argsort(np.argsort(score, kind="stable"), kind="stable") * n_classes // n
    y = rng.choice(n_classes, n, p=rng.dirichlet(np.full(n_classes, balance)))
    y[:n_classes] = np.arange(n_classes)
    return y


@st.composite
def tables(
    draw,
    low=-6,
    high=6,
    kinds=KINDS,
    dtypes=DTYPES,
    layouts=LAYOUTS,
    balances=BALANCES,
    scales=(True, False),
    offsets=(False, True),
):
    """A table whose features are between 10**low and 10**high in size, zeros apart.

    Offsets of columns are up to a million times as large as what varies.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    shape = draw(st.tuples(st.integers(6, 40), st.integers(1, 7)), label="shape")
    X = draw(st.sampled_from(kinds), label="kind")(rng, shape)
    one_scale = draw(st.sampled_from(scales), label="one scale")
    centre = draw(st.floats(low, high), label="scale")
    spread = min(centre - low, high - centre)
    exponents = centre + (0 if one_scale else rng.uniform(-spread, spread, shape[1]))
    X = X * 10.0**exponents
    if draw(st.sampled_from(offsets), label="offsets"):
        X += rng.standard_normal(shape[1]) * 10.0 ** (exponents + rng.uniform(0, 6))
    X = np.where(X == 0, 0, np.sign(X) * np.clip(np.abs(X), 10.0**low, 10.0**high))
    X = cast(X, draw(st.sampled_from(dtypes), label="dtype"))
    plain = X.astype(np.float64)
    n_classes = draw(st.integers(2, 5), label="classes")
    balance = draw(st.sampled_from(balances), label="balance")
    labels = labels_for(rng, plain / (np.abs(plain).max() or 1), n_classes, balance)
    values = (
        plain @ rng.standard_normal(shape[1]) if balance is None else rng.standard_normal(len(X))
    )
    values = values / (np.abs(values).max() or 1) * 10.0 ** draw(st.floats(-6, 6), label="values")
    layout = draw(st.sampled_from(layouts), label="layout")
    known_to_scipy = X.dtype.isnative and X.dtype != np.float16
    return Table(layout(X if layout in DENSE or known_to_scipy else plain), labels, values)


def check_chances(model, X):
    """Chances are chances, and scores, chances and labels agree."""
    chance, scores, labels = model.predict_proba(X), model.decision_function(X), model.predict(X)
    assert np.isfinite(scores).all()
    assert (chance >= 0).all()
    assert_allclose(chance.sum(axis=1), 1, rtol=0, atol=1e-6)
    best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    assert_array_equal(labels, model.classes_[best])
    chosen = np.take_along_axis(chance, np.searchsorted(model.classes_, labels)[:, None], axis=1)
    assert (chosen >= chance.max(axis=1, keepdims=True) - 1e-6).all()
    return chance, labels


# Any table


def with_enough_neurons(**options):
    """Tables, and hidden layers that learn them.

    The second layer makes much of differences between rows, however small beside their mean they
    are, so it is shown columns without offsets.
    """
    stacked = tables(**options, offsets=[False])
    return st.one_of(
        st.tuples(tables(**options), st.just(20)), st.tuples(stacked, st.just((20, 10)))
    )


DISTINCT = [normal, of_rank_one, with_a_constant_column]  # no two rows are the same


@given(with_enough_neurons(balances=[None]))
def test_a_classifier_of_what_the_features_tell_does_no_worse_than_the_most_frequent_class(case):
    table, sizes = case
    model = LocalRuleClassifier(sizes, random_state=0).fit(table.X, table.labels)
    _, labels = check_chances(model, table.X)
    assert np.sum(labels == table.labels) >= np.bincount(table.labels).max()


@given(with_enough_neurons(balances=[0.2, 1.0, 10.0]))
def test_a_classifier_of_labels_by_chance_does_no_worse_than_guessing_how_frequent_they_are(case):
    """In log loss, which training lowers; where it is least, more rows may be wrong."""
    table, sizes = case
    model = LocalRuleClassifier(sizes, random_state=0).fit(table.X, table.labels)
    chance, _ = check_chances(model, table.X)
    frequent = np.bincount(table.labels) / len(table.labels)
    assert log_loss(table.labels, chance) <= -frequent @ np.log(frequent) * 1.001


@given(with_enough_neurons())
def test_a_regressor_does_no_worse_than_the_mean(case):
    table, sizes = case
    y = table.values
    model = LocalRuleRegressor(sizes, random_state=0).fit(table.X, y)
    rounding = (np.finfo(float).eps * np.abs(y).max()) ** 2  # what is left where y is constant
    assert np.mean((y - model.predict(table.X)) ** 2) <= y.var() * (1 + 1e-3) + rounding


def documented_error(method, *args):
    """Whether a call is refused with advice to scale; any other error is let through."""
    try:
        method(*args)
    except (ValueError, DivergenceError) as error:
        if "scale" not in str(error):
            raise
        return True
    return False


OPTIONS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.sampled_from([8, (8, 6), (5, 4, 3)]),
        "activation": st.sampled_from(["relu", "identity", "tanh", "logistic"]),
        "solver": st.sampled_from(["adam", "sgd"]),
        "rule": st.one_of(
            st.sampled_from(sorted(RULES)),
            st.builds(
                Microcircuit,
                interneurons=st.sampled_from(["tied", "decoupled", "target"]),
                gain_damping=st.sampled_from([0.0, 0.3]),
            ),
        ),
        "modulation": st.sampled_from([None, "plateau", "surprise"]),
        "readout": st.sampled_from(["softmax", "hebbian"]),
        "batch_size": st.sampled_from([1, 5, "auto"]),
        "centering_rate": st.sampled_from([None, 0.01]),
        "fit_intercept": st.booleans(),
        "dtype": st.sampled_from(["float32", "float64"]),
    }
)


@given(tables(low=-12, high=12), OPTIONS)
def test_any_option_on_any_scale_gives_chances_or_a_documented_error(table, options):
    model = LocalRuleClassifier(max_iter=5, random_state=0, **options)
    before = dict(vars(model))
    if documented_error(model.fit, table.X, table.labels):
        assert vars(model) == before
    elif not documented_error(model.decision_function, table.X):
        check_chances(model, table.X)


EXTREMES = [1e-323, 1e-310, 1e-300, 1e-200, 1e-40, 1e-38, 1e20, 1e38, 1e150, 1e300]


@given(
    tables(low=-1, high=1, dtypes=["float64"]),
    st.sampled_from(EXTREMES),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
)
def test_numbers_at_the_ends_of_float64_give_finite_results_or_a_documented_error(
    table, scale, one_column, dtype
):
    factor = np.ones(table.X.shape[1])
    factor[: 1 if one_column else None] = scale
    X = table.X * factor if not issparse(table.X) else type(table.X)(table.X.multiply(factor))
    for model, y in (
        (LocalRuleClassifier(8, max_iter=5, dtype=dtype, random_state=0), table.labels),
        (LocalRuleRegressor(8, max_iter=5, dtype=dtype, random_state=0), table.values),
    ):
        fitted_elsewhere = copy.deepcopy(model).fit(table.X, y)
        there = not documented_error(model.fit, X, y)
        for fitted in [fitted_elsewhere] + [model] * there:
            if not documented_error(fitted.transform, X):
                assert np.isfinite(fitted.transform(X)).all()
            if not documented_error(getattr(fitted, "decision_function", fitted.predict), X):
                assert np.isfinite(fitted.predict(X).astype(float)).all()
                if isinstance(fitted, LocalRuleClassifier):
                    check_chances(fitted, X)


# What must not matter

# Adaptive steps blow up rounding where labels balance out exactly, as on rows that are the same.
USUAL = {
    "low": -2,
    "high": 2,
    "kinds": DISTINCT,
    "dtypes": ["float64"],
    "layouts": [np.ascontiguousarray],
    "offsets": [False],
}


@given(tables(**USUAL), st.integers(0, 2**32 - 1), SIZES)
def test_weighted_rows_are_repeated_rows(table, seed, sizes):
    assume(table.X.any())  # else rounding decides which side of its threshold a neuron is on
    times = np.random.default_rng(seed).integers(1, 4, len(table.labels))
    for cls, y in ((LocalRuleClassifier, table.labels), (LocalRuleRegressor, table.values)):
        model = cls(sizes, batch_size=1000, max_iter=10, random_state=0)
        with pytest.MonkeyPatch.context() as patched:
            skip_last_phase(patched)
            weighted = copy.deepcopy(model).fit(table.X, y, sample_weight=times)
            repeated = model.fit(np.repeat(table.X, times, axis=0), np.repeat(y, times))
        method, most = "predict_proba", 1e-6
        if cls is LocalRuleRegressor:
            method, most = "predict", 1e-6 * np.abs(y).max()
        results = [getattr(fitted, method)(table.X) for fitted in (weighted, repeated)]
        assert_allclose(*results, rtol=0, atol=most)


def started(cls, X, y, **options):
    """A model after one update, whose adaptive steps have no history yet."""
    model = cls(batch_size=1000, random_state=0, **{"hidden_layer_sizes": 6, **options})
    model.partial_fit(X, y, **({} if cls is LocalRuleRegressor else {"classes": np.unique(y)}))
    labile = [{} for _ in model._memory["labile"]]  # traces of zero, weights as they are shown
    model._memory = {**model._memory, "labile": labile, "moments": [], "n_updates": 0}
    return model


def with_weights(model, place, **arrays):
    """A copy of the model with other arrays in one hidden layer."""
    other = copy.deepcopy(model)
    other.layers_[place] = Bunch(**{**other.layers_[place], **arrays})
    return other


def trained_on(model, X, y):
    for _ in range(5):
        model.partial_fit(X, y)
    return model


@given(tables(**USUAL), st.permutations(range(7)), st.sampled_from(["adam", "sgd"]), SIZES)
def test_the_order_of_the_columns_does_not_matter(table, order, solver, sizes):
    """Basal synapses, which start at random, and sizes of inputs go with their columns."""
    X, y = table.X, table.values
    if solver == "sgd":  # plain steps take inputs as they are, and large ones make them diverge
        X = X / np.abs(X).max()
    order = [column for column in order if column < X.shape[1]]
    model = started(LocalRuleRegressor, X, y, solver=solver, hidden_layer_sizes=sizes)
    moved = {"basal_weights": model.layers_[0].basal_weights[:, order]}
    if solver == "adam":
        moved["input_limits"] = model.layers_[0].input_limits[order]
    other = with_weights(model, 0, **moved)
    scale = other._memory["scales"][0]
    scale |= {name: scale[name][order] for name in ("input_power", "input_seen") if name in scale}
    trained_on(model, X, y), trained_on(other, X[:, order], y)
    expected = model.predict(X)
    assert_allclose(other.predict(X[:, order]), expected, atol=1e-6 * np.abs(expected).max())


@given(tables(**USUAL), st.permutations(range(5)), st.sampled_from(["softmax", "hebbian"]), SIZES)
def test_the_order_of_the_classes_does_not_matter(table, order, readout, sizes):
    """Apical and readout synapses, which start at random, go with their classes."""
    X, y = table.X, table.labels
    n_classes = y.max() + 1
    order = np.array([label for label in order if label < n_classes])
    model = started(LocalRuleClassifier, X, y, readout=readout, hidden_layer_sizes=sizes)
    columns, sign = (order, 1) if n_classes > 2 else ([0], 1 if order[0] == 0 else -1)
    other = model
    for place, layer in enumerate(model.layers_):
        apical = sign * layer.apical_weights[:, columns]
        other = with_weights(other, place, apical_weights=apical)
    other.readout_weights_ = sign * model.readout_weights_[columns]
    other.readout_intercepts_ = sign * model.readout_intercepts_[columns]
    mean = model._target_statistics["mean"][columns]
    other._target_statistics = {
        **model._target_statistics,
        "mean": mean if sign == 1 else 1 - mean,
        "variance": model._target_statistics["variance"][columns],
    }
    trained_on(model, X, y), trained_on(other, X, np.argsort(order)[y])
    assert_allclose(other.predict_proba(X), model.predict_proba(X)[:, order], atol=1e-6)


@given(tables(**USUAL), st.sampled_from([["a", "b", "c", "d", "e"], [-7, 0, 2, 30, 31]]))
def test_the_names_of_the_classes_do_not_matter(table, names):
    names = np.array(names)
    model = LocalRuleClassifier(6, max_iter=5, random_state=0).fit(table.X, table.labels)
    named = LocalRuleClassifier(6, max_iter=5, random_state=0).fit(table.X, names[table.labels])
    assert_same_state(named, model)
    assert_array_equal(named.predict(table.X), names[model.predict(table.X)])


@given(
    tables(**{**USUAL, "kinds": KINDS, "layouts": LAYOUTS}),
    st.integers(1, 6),
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.sampled_from(["float32", "float64"]),
    SIZES,
    st.sampled_from(sorted(RULES)),
    st.booleans(),
)
def test_a_stream_in_chunks_is_the_whole_to_the_bit(
    table, batch_size, lengths, dtype, sizes, rule, add
):
    X, n_rows = table.X.tocsr() if issparse(table.X) else table.X, len(table.labels)
    inner = np.cumsum(lengths) * batch_size
    edges = [0, *inner[inner < n_rows], n_rows]
    for cls, y in ((LocalRuleClassifier, table.labels), (LocalRuleRegressor, table.values)):
        whole = cls(sizes, rule=rule, batch_size=batch_size, dtype=dtype, random_state=0)
        classes = {}
        if cls is LocalRuleClassifier and add:
            whole.set_params(new_classes="add")
        elif cls is LocalRuleClassifier:
            classes = {"classes": np.unique(y)}
        parts = copy.deepcopy(whole)
        whole.partial_fit(X, y, **classes)
        for first, stop in pairwise(edges):
            parts.partial_fit(X[first:stop], y[first:stop], **classes)
        assert_same_state(parts, whole)
        assert parts.t_ == whole.t_ == n_rows


@given(tables(), SIZES)
def test_the_same_table_and_seed_give_the_same_model_to_the_bit(table, sizes):
    for cls, y in ((LocalRuleClassifier, table.labels), (LocalRuleRegressor, table.values)):
        models = [cls(sizes, max_iter=3, batch_size=7, random_state=1) for _ in range(2)]
        one, other = (model.fit(table.X, y) for model in models)
        assert_same_state(one, other)
        assert one.loss_curve_ == other.loss_curve_


DIGEST = """
import hashlib, warnings
import numpy as np
from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor
warnings.simplefilter("ignore")
digest = hashlib.sha256()
rng = np.random.default_rng(0)
for case in range(300):
    X = rng.standard_normal((rng.integers(4, 40), rng.integers(1, 8))) * 10.0 ** rng.integers(-6, 7)
    names = np.array(["ash", "birch", "cedar"])[np.arange(len(X)) % 3]
    for cls, y in ((LocalRuleClassifier, names), (LocalRuleRegressor, X[:, 0])):
        model = cls((5, 4), max_iter=2, early_stopping=len(X) > 30, random_state=case).fit(X, y)
        for weights in (*model.coefs_, *model.intercepts_):
            digest.update(np.ascontiguousarray(weights).tobytes())
print(digest.hexdigest())
"""


def test_three_hundred_tables_are_learnt_alike_in_processes_with_other_hash_seeds():
    digests = [
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert digests[0] == digests[1]
    assert len(digests[0].strip()) == len(hashlib.sha256().hexdigest())


@pytest.mark.parametrize("batch_size", [64, "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_blas_threads_moves_chances_by_rounding_only(dtype, batch_size):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((800, 300))
    y = np.argmax(X[:, :5] + rng.standard_normal((800, 5)), axis=1)
    model = LocalRuleClassifier(128, dtype=dtype, batch_size=batch_size, max_iter=10)
    chances = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads, user_api="blas"):
            fitted = copy.deepcopy(model).set_params(random_state=0).fit(X, y)
            chances.append(fitted.predict_proba(X))
    assert_allclose(chances[0], chances[1], rtol=0, atol=1e-4)
