"""How a table is trained: the start, rates that fall, the last phase of a readout, the stop."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from small import assert_same_state

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published
from sklearn_localnet.network._start import _thresholds
from sklearn_localnet.training._loop import Patience
from sklearn_localnet.training._schedule import DECAY_ROWS, Schedule
from sklearn_localnet.training._settle import (
    DECAY,
    MOMENTUM,
    STEPS,
    _delta_rule,
    settle_readout,
)

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


# Thresholds


def test_thresholds_lie_between_the_currents_of_two_rows():
    rng = np.random.default_rng(0)
    currents, share = rng.standard_normal((30, 200)), np.full(30, 1 / 30)
    found = _thresholds(currents, share, rng.random(200))
    below = (currents < found).sum(axis=0)
    assert ((below > 0) & (below < 30)).all()
    assert np.abs(currents - found).min() > 0
    # Every rank is as likely as another.
    assert abs(below.mean() - 15) < 2
    assert np.unique(below).size > 20


def test_thresholds_take_rows_of_a_weight_as_rows_repeated_in_any_order():
    rng = np.random.default_rng(1)
    currents, times, parts = rng.standard_normal((12, 50)), rng.integers(1, 5, 12), rng.random(50)
    weighted = _thresholds(currents, times / times.sum(), parts)
    repeated = np.repeat(currents, times, axis=0)[rng.permutation(times.sum())]
    assert_allclose(
        _thresholds(repeated, np.full(len(repeated), 1 / len(repeated)), parts), weighted
    )


def test_the_threshold_of_rows_that_are_the_same_is_their_current():
    assert_array_equal(_thresholds(np.full((5, 3), 2.0), np.full(5, 0.2), np.full(3, 0.5)), 2.0)


@quiet
def test_the_published_network_starts_at_thresholds_of_zero(iris):
    model = LocalRuleClassifier(**published(hidden_layer_sizes=(5, 4), batch_size=50))
    model.set_params(learning_rate_init=1e-12).partial_fit(*iris, classes=range(3))
    assert not any(layer.basal_intercepts.any() for layer in model.layers_)


# Rates


def test_rates_halve_in_forty_epochs_of_a_table_and_stay_in_a_stream(iris):
    options = {"hidden_layer_sizes": 6, "random_state": 0, "max_iter": 5, "tol": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        auto = LocalRuleClassifier(**options).fit(*iris)
        told = LocalRuleClassifier(learning_rate_decay=40 * 150, **options).fit(*iris)
    assert_same_state(auto, told)
    stream = LocalRuleClassifier(**options).partial_fit(*iris, classes=range(3))
    constant = LocalRuleClassifier(learning_rate_decay=None, **options)
    assert_same_state(stream, constant.partial_fit(*iris, classes=range(3)))


@quiet
def test_rows_left_out_do_not_count_among_the_rows_of_the_table(iris):
    X, y = iris
    weights = np.arange(150) % 3
    options = {"hidden_layer_sizes": 6, "random_state": 0, "max_iter": 5, "shuffle": False}
    whole = LocalRuleRegressor(**options).fit(X, y, sample_weight=weights)
    kept = LocalRuleRegressor(**options).fit(X[weights > 0], y[weights > 0], weights[weights > 0])
    assert_allclose(whole.predict(X), kept.predict(X), rtol=1e-9)


def test_weights_of_a_large_table_decay_less():
    def decay(n_rows, n_seen=0):
        schedule = Schedule(0.01, 0.0, None, 0.4 / 200, True, n_rows)
        return schedule.rates(n_seen, 0, 200).weight_decay

    assert decay(100) == decay(DECAY_ROWS) == pytest.approx(0.4 * 0.01)
    assert decay(4 * DECAY_ROWS) == pytest.approx(0.1 * 0.01)
    assert decay(None, n_seen=100) == pytest.approx(0.4 * 0.01)
    assert decay(None, n_seen=2 * DECAY_ROWS) == pytest.approx(0.2 * 0.01)


# The last phase of the readout


def test_the_last_phase_is_the_delta_rule_row_by_row():
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    weight = rng.uniform(0.5, 2, 40)
    with_one = np.column_stack([z, np.ones(40)])
    W = velocity = np.zeros((2, 4))
    share = weight / weight.sum()
    size = 1 / (share @ np.sum(z**2, axis=1) + 1)
    for i in range(STEPS):
        momentum = min(MOMENTUM, (i + 1) / (i + 4))
        ahead = W + momentum * velocity
        step = -DECAY / weight.sum() * ahead * [1, 1, 1, 0]
        for s, row, target in zip(share, with_one, y, strict=True):
            step = step + s * np.outer(target - ahead @ row, row)
        velocity = momentum * velocity + size * step
        W = W + velocity
    gram = (with_one * share[:, None]).T @ with_one
    moment = (y * share[:, None]).T @ with_one
    found = _delta_rule(np.zeros((2, 4)), gram, moment, np.array([1, 1, 1, 0]), weight.sum())
    assert_allclose(found, W, rtol=1e-9)


@quiet
@pytest.mark.parametrize("sizes", [30, (20, 10)])
def test_the_readout_of_values_ends_near_the_best_of_its_layer(sizes):
    X, y = make_friedman1(400, noise=0.5, random_state=0)
    X, y = scale(X), scale(y)
    model = LocalRuleRegressor(sizes, max_iter=20, random_state=0).fit(X, y)
    z = np.column_stack([model.transform(X), np.ones(len(X))])
    best = np.mean((y - z @ np.linalg.lstsq(z, y, rcond=None)[0]) ** 2)
    assert np.mean((y - model.predict(X)) ** 2) < 1.1 * best + 0.01


@quiet
@pytest.mark.parametrize(
    ("model", "settles"),
    [
        (LocalRuleRegressor(6, max_iter=2), True),
        (LocalRuleRegressor(6, max_iter=2, solver="sgd"), False),
        (LocalRuleRegressor(6, max_iter=2, readout="hebbian"), False),
        (LocalRuleClassifier(6, max_iter=2), False),
    ],
)
def test_only_a_readout_of_values_beside_adaptive_steps_has_a_last_phase(
    iris, monkeypatch, model, settles
):
    settled = []

    def watched(weights, feed, activation):
        settled.append(settle_readout(weights, feed, activation))
        return settled[-1]

    monkeypatch.setattr("sklearn_localnet.estimators._learning.settle_readout", watched)
    model.fit(*iris)
    assert len(settled) == settles
    if settles:
        assert_array_equal(model.readout_weights_, settled[0]["readout_weights"])
    model.partial_fit(*iris)
    assert len(settled) == settles


# The stop


def test_patience_tells_a_plateau_from_progress_and_from_a_rise():
    patience = Patience(0.01, 3)
    for loss in (3.0, 2.0, 1.0, 0.5):
        assert not patience.exhausted(-loss)
    assert patience.still_gaining
    for loss in (0.5, 0.499, 0.501):
        assert not patience.exhausted(-loss)
    assert not patience.still_gaining
    assert not patience.fell_back
    assert patience.exhausted(-0.7)
    assert patience.fell_back


@quiet
def test_the_best_epoch_is_kept_where_the_loss_has_risen(iris, monkeypatch):
    X, y = iris
    losses = iter([0.5, 0.4, 0.6, 0.7])
    monkeypatch.setattr("sklearn_localnet.training._loop.Trainer.sweep", told_losses(losses))
    options = {"hidden_layer_sizes": 6, "random_state": 0, "n_iter_no_change": 1}
    model = LocalRuleClassifier(max_iter=10, **options).fit(X, y)
    assert model.n_iter_ == 4
    monkeypatch.setattr(
        "sklearn_localnet.training._loop.Trainer.sweep", told_losses(iter([0.5, 0.4]))
    )
    best = LocalRuleClassifier(max_iter=2, **options).fit(X, y)
    assert_same_state(model, best)


def told_losses(losses):
    """A pass over the rows that learns, and tells other losses."""
    from sklearn_localnet.training._loop import Trainer

    sweep = getattr(Trainer.sweep, "learns", Trainer.sweep)

    def told(trainer):
        sweep(trainer)
        return next(losses)

    told.learns = sweep
    return told


def test_training_that_hardly_gains_any_more_does_not_warn(iris, monkeypatch):
    options = {"hidden_layer_sizes": 6, "n_iter_no_change": 3, "tol": 0.01, "random_state": 0}
    sweep = "sklearn_localnet.training._loop.Trainer.sweep"
    monkeypatch.setattr(sweep, told_losses(iter([0.5, 0.5, 0.5, 0.489, 0.489])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LocalRuleClassifier(max_iter=5, **options).fit(*iris).n_iter_ == 5
    monkeypatch.setattr(sweep, told_losses(iter([0.5, 0.5, 0.5, 0.4, 0.3])))
    with pytest.warns(ConvergenceWarning, match="max_iter=5"):
        LocalRuleClassifier(max_iter=5, **options).fit(*iris)


# Depth


def waves(n_rows, seed):
    X = np.random.default_rng(seed).uniform(-2, 2, (n_rows, 2))
    return X, np.sin(2 * X[:, 0]) * np.cos(2 * X[:, 1])


@quiet
def test_two_layers_learn_what_one_cannot():
    X, y = waves(1500, 0)
    fresh = waves(1500, 1)
    one, two = (LocalRuleRegressor(sizes, random_state=0) for sizes in ((60,), (60, 60)))
    assert one.fit(X, y).score(*fresh) < 0.9
    assert two.fit(X, y).score(*fresh) > 0.95
