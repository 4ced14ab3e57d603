"""The gains that `fit` records, against eigenvalues of dense matrices."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale
from sklearn.utils import Bunch

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published
from sklearn_localnet.rules import Microcircuit
from sklearn_localnet.rules._gain import gain_spectrum

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RATES = {"learning_rate_init": 1e-3, "apical_rate": 1e-2, "interneuron_rate": 1e-2}


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def as_trained(model):
    """The model with the weights that the last update left, before any average over updates."""
    trained = copy.copy(model)
    labile = model._memory["labile"]
    trained.layers_ = [
        Bunch(**{**layer, **own}) for layer, own in zip(model.layers_, labile[:-1], strict=True)
    ]
    return trained


def by_layer(model, X, weight=None):
    """Gains of each layer, from its output and the span of its interneuron weights."""
    weight = np.ones(len(X)) if weight is None else weight
    return [
        projected(held.output, weight, layer.interneuron_weights)
        for held, layer in zip(model.compartments(X), model.layers_, strict=True)
    ]


def assert_gains(found, expected, **tolerance):
    assert len(found) == len(expected)
    for gains, values in zip(found, expected, strict=True):
        assert_allclose(gains, values, **tolerance)


def projected(z, weight, interneuron):
    """Largest eigenvalues of P C P, with P the projection on the span of Q, as many as columns."""
    projection = interneuron @ np.linalg.pinv(interneuron)
    gain = sum(w * np.outer(row, row) for w, row in zip(weight / weight.sum(), z, strict=True))
    values = np.linalg.eigvalsh(projection @ gain @ projection)[::-1]
    missing = max(0, interneuron.shape[1] - len(values))
    return np.append(values, np.zeros(missing))[: interneuron.shape[1]]


@pytest.mark.parametrize("n_rows", [1, 4, 60])
@pytest.mark.parametrize("n_interneurons", [1, 3, 8, 11])
def test_gains_are_eigenvalues_within_the_span_of_the_interneurons(n_rows, n_interneurons):
    rng = np.random.default_rng(n_rows)
    z, weight = rng.standard_normal((n_rows, 8)), rng.uniform(0.1, 1, n_rows)
    interneuron = rng.standard_normal((8, n_interneurons))
    expected = projected(z, weight, interneuron)
    assert_allclose(gain_spectrum(z, weight / weight.sum(), interneuron), expected, atol=1e-12)


def test_where_interneurons_span_everything_gains_are_all_eigenvalues():
    rng = np.random.default_rng(0)
    z, share = rng.standard_normal((50, 6)), np.full(50, 1 / 50)
    gains = gain_spectrum(z, share, rng.standard_normal((6, 6)))
    assert_allclose(gains, np.linalg.eigvalsh(z.T @ z / 50)[::-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_directions_that_interneurons_lack_have_zero_gain(dtype):
    rng = np.random.default_rng(0)
    z, share = rng.standard_normal((50, 6)).astype(dtype), np.full(50, 1 / 50, dtype)
    thin = rng.standard_normal((6, 2)).astype(dtype)
    gains = gain_spectrum(z, share, np.hstack([thin, 2 * thin[:, :1], -thin]))
    assert_allclose(gains[:2], gain_spectrum(z, share, thin), rtol=1e-5)
    assert_array_equal(gains[2:], 0)
    assert_array_equal(gain_spectrum(z, share, 0 * thin), 0)


def test_activity_too_large_to_square_has_infinite_gain():
    z = np.full((3, 2), 1e200)
    with np.errstate(over="ignore"):  # as in fit
        gains = gain_spectrum(z, np.full(3, 1 / 3), np.eye(2))
    assert_array_equal(gains, np.inf)


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("batch_size", [1, 40])
@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("sizes", [6, (6, 5)])
def test_fit_records_the_gains_of_the_circuit_after_each_epoch(
    iris, interneurons, batch_size, as_published, sizes
):
    own = {"interneurons": interneurons, "n_interneurons": 4}
    options = {"hidden_layer_sizes": sizes, "batch_size": batch_size}
    if as_published:
        parameters = published(**RATES, **own, **options)
    else:
        parameters = {"rule": Microcircuit(**own), **options}
    model = LocalRuleClassifier(max_iter=3, random_state=0, **parameters)
    model = as_trained(model.fit(*iris))
    width = 3 if interneurons == "target" else 4
    assert [layer.interneuron_weights.shape[1] for layer in model.layers_] == [width] * (
        model.n_layers_ - 2
    )
    expected = by_layer(model, iris[0])
    assert [[gains.shape for gains in record] for record in model.gain_curve_] == (
        3 * [[(width,)] * len(expected)]
    )
    assert_gains(model.gain_curve_[-1], expected, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("sizes", [7, (7, 4)])
def test_recorded_gains_are_all_eigenvalues_with_as_many_interneurons_as_neurons(iris, sizes):
    rule = Microcircuit(n_interneurons="n_hidden")
    model = LocalRuleClassifier(sizes, rule=rule, batch_size=20, max_iter=5, random_state=0)
    held = as_trained(model.fit(*iris)).compartments(iris[0])
    expected = [np.linalg.eigvalsh(h.output.T @ h.output / 150)[::-1] for h in held]
    assert_gains(model.gain_curve_[-1], expected, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("sizes", [6, (6, 5)])
def test_a_batch_of_the_whole_table_tells_the_gains_as_it_is_learnt(iris, sizes):
    rule = Microcircuit(apical_rate=1e-12, interneuron_rate=1e-12)
    still = {"learning_rate_init": 1e-12, "centering_rate": None, "alpha": 0.0, "rule": rule}
    model = LocalRuleClassifier(sizes, max_iter=2, random_state=0, **still).fit(*iris)
    expected = by_layer(model, iris[0])
    assert len(model.gain_curve_) == 2
    for record in model.gain_curve_:
        assert_gains(record, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("sizes", [6, (6, 5)])
def test_rows_count_by_their_weight(iris, sizes):
    weight = np.linspace(0, 1, 150)
    rule = Microcircuit(n_interneurons=3)
    model = LocalRuleRegressor(sizes, rule=rule, batch_size=32, max_iter=2, random_state=0)
    model = as_trained(model.fit(*iris, sample_weight=weight))
    assert_gains(model.gain_curve_[-1], by_layer(model, iris[0], weight), rtol=1e-6)


def test_a_table_of_one_row_has_gains(iris):
    X, y = iris
    still = published(hidden_layer_sizes=4, **{**RATES, "learning_rate_init": 1e-12})
    model = LocalRuleRegressor(**still, max_iter=3, random_state=0).fit(X[:1], y[:1] + 1.0)
    expected = [np.sum(model.transform(X[:1]) ** 2), 0, 0, 0]
    assert_allclose(model.gain_curve_, 3 * [[expected]], rtol=1e-8)


@pytest.mark.parametrize("sizes", [5, (5, 4)])
def test_a_warm_start_goes_on_recording_and_a_stream_does_not(iris, sizes):
    model = LocalRuleClassifier(sizes, max_iter=3, warm_start=True, random_state=0).fit(*iris)
    first = model.gain_curve_
    assert len(model.fit(*iris).gain_curve_) == 6
    assert len(first) == 3
    for before, after in zip(first, model.gain_curve_, strict=False):
        for gains, kept in zip(before, after, strict=True):
            assert_array_equal(kept, gains)
    model.partial_fit(*iris)
    assert len(model.gain_curve_) == 6
    assert LocalRuleClassifier(sizes).partial_fit(*iris, classes=range(3)).gain_curve_ == []
