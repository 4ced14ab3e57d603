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
from sklearn_localnet.network._network import Batch
from sklearn_localnet.network._readout import Linear, Logistic, Softmax, scores
from sklearn_localnet.network._start import _thresholds
from sklearn_localnet.rules import Microcircuit
from sklearn_localnet.training._loop import Patience
from sklearn_localnet.training._schedule import DECAY_ROWS, Schedule
from sklearn_localnet.training._settle import CLASS_DECAY, DECAYS, SPENT, settle_readout

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


@quiet
def test_rates_halve_in_forty_epochs_of_a_table_and_stay_in_a_stream(iris):
    options = {"hidden_layer_sizes": 6, "random_state": 0, "max_iter": 5, "tol": 0}
    without = options | {"rule": "feedback_alignment"}  # has no rates of its own
    auto = LocalRuleClassifier(**without).fit(*iris)
    assert_same_state(auto, LocalRuleClassifier(learning_rate_decay=40 * 150, **without).fit(*iris))
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
        schedule = Schedule(0.01, 0.0, None, True, 0.4 / 200, True, n_rows, warmup=0)
        return schedule.rates(n_seen, 0, 200).weight_decay

    assert decay(100) == decay(DECAY_ROWS) == pytest.approx(0.4 * 0.01)
    assert decay(4 * DECAY_ROWS) == pytest.approx(0.1 * 0.01)
    assert decay(None, n_seen=100) == pytest.approx(0.4 * 0.01)
    assert decay(None, n_seen=2 * DECAY_ROWS) == pytest.approx(0.2 * 0.01)


@quiet
def test_rates_of_the_circuit_stay_where_steps_fall_by_themselves(iris):
    def apical(decay):  # of a circuit whose neurons stand still
        still = {"learning_rate_init": 1e-12, "centering_rate": None, "random_state": 0}
        model = LocalRuleClassifier(6, rule=Microcircuit(warmup=0), max_iter=5, tol=0, **still)
        return model.set_params(learning_rate_decay=decay).fit(*iris).layers_[0].apical_weights

    assert_allclose(apical("auto"), apical(None), atol=1e-9)
    assert abs(apical("auto") - apical(40 * 150)).max() > 1e-5


@pytest.mark.parametrize(("rule_too", "fall"), [(True, 3.0), (False, 1.0)])
def test_rates_of_a_rule_fall_where_they_are_told_to(rule_too, fall):
    schedule = Schedule(0.01, 0.1, 100.0, rule_too, 0.0, False, 50, 0)
    rates = schedule.rates(200, 4, 50)
    assert_allclose([rates.step, rates.centering, rates.divisor], [0.01 / 3, 0.1 / 3, fall])


def test_rates_of_a_rule_rise_with_the_square_of_the_updates():
    def part(n_updates, warmup):
        schedule = Schedule(0.01, 0.0, 100.0, True, 0.0, True, 50, warmup)
        rates = schedule.rates(200, n_updates, 50)
        assert rates.step == pytest.approx(0.01 / 3)
        return 3 / rates.divisor

    assert_allclose([part(n, 4) for n in range(6)], [1 / 16, 4 / 16, 9 / 16, 1, 1, 1])
    assert_allclose([part(n, 0) for n in range(3)], 1)


# The last phase of the readout


class Rows:
    """Rows as a feed hands them over, a few at a time."""

    def __init__(self, x, target, truth, weight):
        self.n_rows = len(x)
        self.rows = x, target, truth, weight

    def batches(self, size):
        for first in range(0, self.n_rows, 7):
            x, target, truth, weight = (part[first : first + 7] for part in self.rows)
            yield Batch(x, target, truth, weight / weight.sum(), weight.sum())


def of_one_layer(k, n):
    """Weights of a network whose hidden layer hands its inputs on."""
    layer = {"basal_weights": np.eye(k), "basal_intercepts": np.zeros(k)}
    readout = {"readout_weights": np.zeros((n, k)), "readout_intercepts": np.zeros(n)}
    return [{**layer, "mean_activity": np.zeros(k)}, readout]


def settled(z, target, weight, readout=None, truth=None):
    weights = of_one_layer(z.shape[1], target.shape[1])
    rows = Rows(z, target, target if truth is None else truth, weight)
    return settle_readout(weights, rows, "identity", readout or Linear())


def drift(found, z, truth, weight, readout):
    """By what the delta rule would still move weights and intercepts, without decay."""
    share = weight / weight.sum()
    error, _ = readout.error(scores(found, z), truth, share)
    return readout.changes(found, {"output": z, "error": error}, share)


@pytest.mark.parametrize("n_rows", [12, 60])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_readout_of_values_comes_to_rest_under_the_decay_that_validates_best(n_outputs, n_rows):
    rng = np.random.default_rng(n_rows + n_outputs)
    z = rng.standard_normal((n_rows, 8)) + 1
    y = z[:, :n_outputs] + rng.standard_normal((n_rows, n_outputs))
    weight = rng.integers(1, 4, n_rows).astype(float)
    found = settled(z, y, weight)
    left = drift(found, z, y, weight, Linear())
    assert_allclose(left["readout_intercepts"], 0, atol=1e-12)
    decay = left["readout_weights"][0, 0] / found["readout_weights"][0, 0]
    assert_allclose(left["readout_weights"], decay * found["readout_weights"], atol=1e-12)
    # The loss by the hat matrix of every decay.
    z, y = (np.repeat(part, weight.astype(int), axis=0) for part in (z, y))
    centred = z - z.mean(axis=0)
    strongest = np.linalg.eigvalsh(centred.T @ centred)[-1]
    losses = []
    for part in DECAYS:
        hat = centred @ np.linalg.inv(centred.T @ centred + part * strongest / len(z) * np.eye(8))
        hat = hat @ centred.T + 1 / len(z)
        spare = 1 - SPENT * np.trace(hat) / len(z)
        losses.append(np.sum((y - hat @ y) ** 2) / spare**2 if spare > 0 else np.inf)
    best = DECAYS[np.argmin(losses)] * strongest / len(z) ** 2
    assert decay == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("readout", [Softmax(), Logistic()])
def test_a_readout_of_classes_comes_to_rest_under_a_part_of_that_decay(readout):
    rng = np.random.default_rng(0)
    z, weight = rng.standard_normal((90, 5)), rng.uniform(1, 3, 90)
    columns = np.eye(3)[np.argmax(z[:, :3] + 0.5 * rng.standard_normal((90, 3)), axis=1)]
    target = columns - columns.mean(axis=0)
    found = settled(z, target, weight, readout, columns)
    left = drift(found, z, columns, weight, readout)
    assert_allclose(left["readout_intercepts"], 0, atol=1e-5)
    of_values = settled(z, target, weight)
    decay = drift(of_values, z, target, weight, Linear())["readout_weights"]
    decay = CLASS_DECAY * (decay[0, 0] / of_values["readout_weights"][0, 0])
    assert_allclose(left["readout_weights"], decay * found["readout_weights"], atol=1e-5)


@pytest.mark.parametrize("readout", [Linear(), Softmax()])
def test_the_last_phase_takes_a_weight_for_so_many_rows(readout):
    rng = np.random.default_rng(0)
    z, times = rng.standard_normal((40, 5)), rng.integers(1, 4, 40)
    columns = np.eye(2)[(z[:, 0] > 0).astype(int)]
    found = settled(z, columns - 0.5, times.astype(float), readout, columns)
    rows = [np.repeat(part, times, axis=0) for part in (z, columns - 0.5, np.ones(40), columns)]
    repeated = settled(*rows[:3], readout, rows[3])
    for name, array in found.items():
        assert_allclose(array, repeated[name], rtol=1e-4, atol=1e-6)


def test_small_weights_do_not_make_few_rows_of_many():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((40, 5))
    one = settled(z, z[:, :1] - z[:, 1:2], np.ones(40))
    for name, array in settled(z, z[:, :1] - z[:, 1:2], np.full(40, 1 / 40)).items():
        assert_allclose(array, one[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("readout", [Linear(), Softmax()])
@pytest.mark.parametrize("n_rows", [1, 2, 4, 9])
def test_silent_neurons_and_few_rows_leave_finite_weights(n_rows, readout):
    rng = np.random.default_rng(0)
    for z in (np.zeros((n_rows, 6)), np.ones((n_rows, 6)), rng.standard_normal((n_rows, 6))):
        columns = np.eye(2)[np.arange(n_rows) % 2]
        found = settled(z, columns - columns.mean(axis=0), np.ones(n_rows), readout, columns)
        assert all(np.isfinite(array).all() for array in found.values())
        assert abs(found["readout_weights"]).max() < 1e3


def test_classes_of_a_large_table_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr("sklearn_localnet.training._settle.MOST_NUMBERS", 40 * 7 - 1)
    z = np.random.default_rng(0).standard_normal((40, 5))
    columns = np.eye(2)[(z[:, 0] > 0).astype(int)]
    assert not settled(z, columns - 0.5, np.ones(40), Softmax(), columns)["readout_weights"].any()
    assert settled(z, columns - 0.5, np.ones(40))["readout_weights"].any()
    assert settled(z[1:], columns[1:] - 0.5, np.ones(39), Softmax(), columns[1:])[
        "readout_weights"
    ].any()


def test_a_wide_layer_goes_without(monkeypatch):
    z = np.random.default_rng(0).standard_normal((40, 5))
    for most, settles in ((4, False), (5, True)):
        monkeypatch.setattr("sklearn_localnet.training._settle.MOST_NEURONS", most)
        assert settled(z, z[:, :1], np.ones(40))["readout_weights"].any() == settles


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
        (LocalRuleClassifier(6, max_iter=2), True),
        (LocalRuleRegressor(6, max_iter=2, solver="sgd"), False),
        (LocalRuleClassifier(6, max_iter=2, solver="sgd"), False),
        (LocalRuleRegressor(6, max_iter=2, readout="hebbian"), False),
        (LocalRuleClassifier(6, max_iter=2, readout="hebbian"), False),
    ],
)
def test_a_delta_rule_beside_adaptive_steps_has_a_last_phase(iris, monkeypatch, model, settles):
    ends = []

    def watched(*args):
        ends.append(settle_readout(*args))
        return ends[-1]

    monkeypatch.setattr("sklearn_localnet.estimators._learning.settle_readout", watched)
    model.fit(*iris)
    assert len(ends) == settles
    if settles:
        assert_array_equal(model.readout_weights_, ends[0]["readout_weights"])
    model.partial_fit(*iris)
    assert len(ends) == settles


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
    return X, np.sin(4 * X[:, 0]) * np.cos(4 * X[:, 1])


@quiet
@pytest.mark.parametrize("n_rows", [10, 15, 30])
@pytest.mark.parametrize("value", [-0.01, 0.1, 7.7])
@pytest.mark.parametrize("sizes", [6, (6, 5), (6, 5, 4)])
def test_rows_that_are_all_the_same_tell_how_often_each_class_comes(sizes, value, n_rows):
    X, y = np.full((n_rows, 1), value), np.arange(n_rows) < n_rows // 3
    for seed in range(3):
        model = LocalRuleClassifier(sizes, random_state=seed, max_iter=30).fit(X, y)
        assert_allclose(model.predict_proba(X)[0, 1], y.mean(), atol=0.01)


def score_on_waves(sizes, seed):
    network = LocalRuleRegressor(sizes, random_state=seed).fit(*waves(2000, seed))
    return network.score(*waves(2000, seed + 100))


@quiet
def test_two_layers_learn_what_one_cannot():
    assert np.mean([score_on_waves((65,), seed) for seed in range(3)]) < 0.72
    assert np.mean([score_on_waves((65, 65), seed) for seed in range(3)]) > 0.75
