"""Engines against a textbook's formulas and against one another, and how a network starts."""

import math
from itertools import chain, product
from types import MappingProxyType

import array_api_strict
import numpy as np
import pytest
from networks import (
    FEATURES,
    FUNCTION,
    HIDDEN,
    RATES,
    ROWS,
    TARGETS,
    Textbook,
    as_dtype,
    make,
    make_batches,
    started,
)
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax

from sklearn_localnet.network._blocks import Blocks
from sklearn_localnet.network._buffered import FADING, Buffered
from sklearn_localnet.network._inputs import ENOUGH_ROWS, LIMIT
from sklearn_localnet.network._network import Batch
from sklearn_localnet.network._readout import make_readout, probabilities, scores
from sklearn_localnet.network._reference import Reference
from sklearn_localnet.network._start import start
from sklearn_localnet.rules import Microcircuit
from sklearn_localnet.rules._microcircuit import orthonormal

ENGINES = [Reference, Buffered]
LARGEST_LOSS = -math.log(np.finfo(np.float64).tiny)


def assert_same_arrays(places, expected, rtol=1e-9, atol=1e-11):
    for place, arrays in enumerate(expected):
        for name, array in arrays.items():
            np.testing.assert_allclose(
                places[place][name], array, rtol=rtol, atol=atol, err_msg=f"{place}.{name}"
            )


def by_place(plan, arrays):
    """Arrays of a textbook's network as engines have them."""
    places = [{} for _ in range(plan.n_layers + 1)]
    for (place, name), array in arrays.items():
        places[-1 if place == "readout" else place][name] = array
    return places


def assert_follows_the_textbook(plan, sparse=False, rates=RATES, n_batches=3, batches=None):
    """Either engine, for its weights that learn, its averages and its losses."""
    batches = make_batches(plan, n_batches) if batches is None else batches
    state = started(plan, batches[0])
    for kind in ENGINES:
        engine, textbook = kind(plan, state), Textbook(plan, state)
        for batch in batches:
            given = batch._replace(x=csr_matrix(batch.x)) if sparse else batch
            kept = [np.array(array) for array in batch[:4]]
            loss = engine.learn(given, rates)
            for before, after in zip(kept, batch[:4], strict=True):
                np.testing.assert_array_equal(before, after)
            assert loss == pytest.approx(textbook.learn(batch, rates), rel=1e-10)
            assert_same_arrays(engine.labile, by_place(plan, textbook.weights()))
            if engine.average is not None:
                expected = by_place(plan, textbook.average)
                for arrays in expected[:-1]:
                    for name in ("gain_trace", "back_trace"):
                        arrays.pop(name, None)
                assert_same_arrays(engine.average, expected)


@pytest.mark.parametrize("hidden", [(HIDDEN,), (HIDDEN, 4, 6)])
@pytest.mark.parametrize("output", ["identity", "softmax", "logistic", "hebbian"])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_engines_follow_the_textbook(activation, interneurons, output, hidden):
    for solver, centered, damping in product(["sgd", "adam"], [True, False], [0.3, 0.0]):
        assert_follows_the_textbook(
            make(
                rule={"interneurons": interneurons, "gain_damping": damping},
                hidden=hidden,
                activation=activation,
                output="identity" if output == "hebbian" else output,
                hebbian=output == "hebbian",
                solver=solver,
                centered=centered,
            )
        )


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
@pytest.mark.parametrize("n_interneurons", [1, HIDDEN, "n_hidden"])
def test_any_number_of_interneurons_follows_the_textbook(n_interneurons, interneurons, solver):
    rule = {"n_interneurons": n_interneurons, "interneurons": interneurons}
    assert_follows_the_textbook(make(rule=rule, solver=solver, hidden=(HIDDEN, 7)))


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("output", ["identity", "softmax", "logistic", "hebbian"])
@pytest.mark.parametrize("modulation", ["plateau", "surprise"])
def test_modulation_multiplies_each_rows_plateau(modulation, output, interneurons):
    hebbian = output == "hebbian"
    plan = make(
        rule={"interneurons": interneurons},
        hidden=(HIDDEN, 4),
        modulation=modulation,
        output="identity" if hebbian else output,
        hebbian=hebbian,
    )
    assert_follows_the_textbook(plan)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_rows_with_a_small_plateau_do_not_teach(solver, sparse):
    plan = make(modulation="plateau", solver=solver, centered=False, fit_intercept=False)
    batches = []
    for n_loud, batch in zip((4, 1, 8, 3), make_batches(plan, n_batches=4), strict=True):
        quiet = np.where(np.arange(ROWS) < n_loud, 1, 1e-3)[:, None]
        target = quiet * batch.target
        batches.append(batch._replace(x=quiet * batch.x, target=target, truth=target))
    assert_follows_the_textbook(plan, sparse, batches=batches)


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_batch_without_a_plateau_moves_no_basal_synapse(solver, kind):
    plan = make(modulation="plateau", solver=solver, centered=False, fit_intercept=False)
    batch = make_batches(plan)[0]
    engine = kind(plan, started(plan, batch))
    before = np.array(engine.labile[0]["basal_weights"])
    nothing = batch._replace(x=0 * batch.x, target=0 * batch.target, truth=0 * batch.truth)
    engine.learn(nothing, RATES._replace(weight_decay=0.0))
    np.testing.assert_array_equal(engine.labile[0]["basal_weights"], before)


@pytest.mark.parametrize("hidden", [(HIDDEN,), (HIDDEN, 4)])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_sparse_rows_are_learnt_as_dense_ones(solver, hidden):
    assert_follows_the_textbook(make(solver=solver, output="softmax", hidden=hidden), sparse=True)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_without_a_constant_input_the_intercepts_stay(solver):
    assert_follows_the_textbook(make(solver=solver, fit_intercept=False, hidden=(HIDDEN, 4)))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_decay_and_averages_take_four_updates_at_once_later_on(solver):
    assert_follows_the_textbook(make(solver=solver), n_batches=75)


@pytest.mark.parametrize("beta_1", [0.0, 0.9])
def test_steps_are_adams_with_averaged_directions_or_with_the_last_ones(beta_1):
    plan = make(solver="adam", hidden=(HIDDEN, 4), beta_1=beta_1)
    assert_follows_the_textbook(plan, n_batches=20)
    assert len(Buffered(plan, started(plan, make_batches(plan)[0])).moments) == 1 + (beta_1 > 0)


def test_averages_reach_over_a_span_of_updates_at_most():
    rates = RATES._replace(span=3)
    assert_follows_the_textbook(make(solver="adam"), rates=rates, n_batches=40)


@pytest.mark.parametrize("weight", [0.02, 3.0, 50.0])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("output", ["softmax", "hebbian"])
def test_a_batch_moves_synapses_by_its_weight(output, solver, weight):
    hebbian = output == "hebbian"
    plan = make(
        rule={"interneurons": "decoupled"},
        output="identity" if hebbian else output,
        hebbian=hebbian,
        hidden=(HIDDEN, 4),
        solver=solver,
    )
    assert_follows_the_textbook(plan, rates=RATES._replace(weight=weight, step=1e-3))


@pytest.mark.parametrize("output", ["softmax", "logistic", "hebbian"])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
def test_directions_of_a_batch_are_the_mean_of_those_of_its_parts(interneurons, output):
    hebbian = output == "hebbian"
    options = {"output": "identity" if hebbian else output, "hebbian": hebbian}
    plan = make(rule={"interneurons": interneurons}, hidden=(HIDDEN, 4), solver="adam", **options)
    batch = make_batches(plan)[0]
    engine = Reference(plan, started(plan, batch))
    layers = engine.layers()

    def directions(rows):
        share = batch.share[rows] / batch.share[rows].sum()
        part = Batch(*(array[rows] for array in batch[:3]), share, 1.0)
        held, _ = engine.perceive(layers, part)
        return [engine.changes(i, layers[i], cells, share) for i, cells in enumerate(held)]

    parts, whole = (slice(0, 4), slice(4, ROWS)), directions(slice(0, ROWS))
    weights = [batch.share[rows].sum() for rows in parts]
    for of_parts, expected in zip(zip(*map(directions, parts), strict=True), whole, strict=True):
        for name, direction in expected.items():
            mean = sum(w * found[name] for w, found in zip(weights, of_parts, strict=True))
            np.testing.assert_allclose(mean, direction, atol=1e-12, err_msg=name)


def test_weights_that_fade_away_do_not_stay_below_the_normal_numbers():
    plan = make(solver="adam", activation="relu", dtype=np.dtype("float32"))
    (batch,) = make_batches(plan, 1)
    state = started(plan, batch)._replace(n_updates=FADING - 1)
    silent = {name: np.array(array) for name, array in state.labile[0].items()}
    for name in ("basal_intercepts", "mean_activity", "apical_weights", "interneuron_weights"):
        silent[name][0] = -10 if name == "basal_intercepts" else 1e-39
    engine = Buffered(plan, state._replace(labile=[silent, state.labile[1]]))
    assert (engine.labile[0]["apical_weights"][0] > 0).all()
    engine.learn(batch, RATES)
    for name in ("mean_activity", "apical_weights", "interneuron_weights"):
        assert not engine.labile[0][name][0].any()
        assert engine.labile[0][name][1:].any()


@pytest.mark.parametrize("n_hidden", [5, 150])  # below and above 1 / LARGEST_SHIFT squared
def test_an_adaptive_step_of_any_size_moves_a_basal_current_by_a_part(n_hidden):
    plan = make(solver="adam", hidden=(n_hidden,))
    assert_follows_the_textbook(plan, rates=RATES._replace(step=0.6))


def test_without_weight_decay_no_weight_shrinks():
    assert_follows_the_textbook(make(), rates=RATES._replace(weight_decay=0.0))


@pytest.mark.parametrize("n_hidden", [1, 2])
def test_fewer_hidden_neurons_than_targets_learn_too(n_hidden):
    rule = {"n_interneurons": n_hidden}
    assert_follows_the_textbook(make(rule=rule, hidden=(n_hidden, n_hidden)))


@pytest.mark.parametrize("kind", ENGINES)
def test_a_rectified_neuron_at_exactly_zero_does_not_learn(kind):
    plan = make(activation="relu", solver="adam")
    batch = make_batches(plan)[0]
    engine = kind(plan, started(plan, batch))
    for name in ("basal_weights", "basal_intercepts"):
        engine.labile[0][name][0] = 0
    engine.learn(batch, RATES)
    assert not engine.labile[0]["basal_weights"][0].any()
    assert engine.labile[0]["basal_weights"][1:].any(axis=1).all()


# One engine against another


@pytest.mark.parametrize("hidden", [(HIDDEN,), (HIDDEN, 4)])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_blocks_are_rows_learnt_one_by_one(activation, interneurons, hidden):
    rule = {"interneurons": interneurons, "gain_damping": 0.0, "n_interneurons": 4}
    for centered, fit_intercept in product([True, False], [True, False]):
        plan = make(
            rule=rule,
            hidden=hidden,
            hebbian=True,
            activation=activation,
            batch_size=1,
            centered=centered,
            fit_intercept=fit_intercept,
        )
        rates = RATES._replace(weight_decay=0.0, step=2e-3, centering=0.05 * centered)
        assert Blocks.serves(plan, rates)
        batches = make_batches(plan, n_batches=9)
        whole = Batch(
            *(np.concatenate(parts) for parts in zip(*(b[:4] for b in batches), strict=True)), 1.0
        )
        state = started(plan, batches[0])
        blocks, rows = Blocks(plan, state), Reference(plan, state)
        every = type(rates)(*(np.full(len(whole.share), rate) for rate in rates))
        losses = blocks.learn(whole, every)
        for t, loss in enumerate(losses):
            part = slice(t, t + 1)
            row = Batch(whole.x[part], whole.target[part], whole.truth[part], np.ones(1), 1.0)
            assert rows.learn(row, rates) == pytest.approx(loss, rel=1e-7, abs=1e-10)
        assert_same_arrays(blocks.labile, rows.labile, atol=1e-10)


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("heaviest", [3.0, 1000.0])
def test_blocks_are_rows_learnt_one_by_one_with_their_weights(heaviest, interneurons):
    rule = {"interneurons": interneurons, "gain_damping": 0.0}
    plan = make(rule=rule, hidden=(HIDDEN, 4), hebbian=True, batch_size=1)
    rates = RATES._replace(weight_decay=0.0, step=1e-5, centering=0.05)
    batches = make_batches(plan, n_batches=9)
    whole = Batch(
        *(np.concatenate(parts) for parts in zip(*(b[:4] for b in batches), strict=True)), 1.0
    )
    n_rows = len(whole.share)
    weights = np.random.default_rng(0).choice([0.01, 1.0, heaviest], n_rows)
    state = started(plan, batches[0])
    blocks, rows = Blocks(plan, state), Reference(plan, state)
    every = type(rates)(*(np.full(n_rows, rate) for rate in rates))
    blocks.learn(whole, every._replace(weight=weights))
    for t, weight in enumerate(weights):
        part = slice(t, t + 1)
        row = Batch(whole.x[part], whole.target[part], whole.truth[part], np.ones(1), 1.0)
        rows.learn(row, rates._replace(weight=weight))
    assert_same_arrays(blocks.labile, rows.labile, atol=1e-10)


def in_strict(tree):
    """The same with arrays of the strict implementation of the standard."""
    if isinstance(tree, dict):
        return {name: in_strict(part) for name, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*map(in_strict, tree))
    if isinstance(tree, list):
        return [in_strict(part) for part in tree]
    return array_api_strict.asarray(tree) if isinstance(tree, np.ndarray) else tree


@pytest.mark.parametrize("output", ["identity", "softmax", "logistic", "hebbian"])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_the_reference_runs_on_any_array_library(activation, interneurons, output):
    for solver, modulation in product(["sgd", "adam"], [None, "plateau", "surprise"]):
        plan = make(
            rule={"interneurons": interneurons},
            hidden=(HIDDEN, 4),
            output="identity" if output == "hebbian" else output,
            hebbian=output == "hebbian",
            activation=activation,
            solver=solver,
            modulation=modulation,
        )
        batches = make_batches(plan)
        state = started(plan, batches[0])
        plain, strict = Reference(plan, state), Reference(plan, in_strict(state))
        for batch in batches:
            loss = strict.learn(in_strict(batch), RATES)
            assert loss == pytest.approx(plain.learn(batch, RATES), rel=1e-12)
        found = [{n: np.asarray(a) for n, a in arrays.items()} for arrays in strict.labile]
        assert type(strict.labile[0]["basal_weights"]) is not np.ndarray
        assert_same_arrays(found, plain.labile, rtol=1e-12)


def precisions(engine):
    """Of all that an engine holds and works in."""
    state = engine.state
    places = [*state.labile, *(state.average or []), *chain(*state.moments)]
    arrays = [array for place in places for array in place.values()]
    arrays += [array for array in vars(engine).values() if isinstance(array, np.ndarray)]
    return {array.dtype for array in arrays}


@pytest.mark.parametrize("hebbian", [False, True])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
def test_float32_stays_float32_and_near_float64(interneurons, hebbian):
    options = {"rule": {"interneurons": interneurons}, "solver": "adam", "hebbian": hebbian}
    plan = make(output="identity" if hebbian else "softmax", hidden=(HIDDEN, 4), **options)
    batches = make_batches(plan)
    state = started(plan, batches[0])
    double = Buffered(plan, state)
    single = Buffered(plan._replace(dtype=np.dtype(np.float32)), state)
    for batch in batches:
        double.learn(batch, RATES)
        single.learn(as_dtype(batch, np.float32), RATES)
    assert_same_arrays(single.labile, double.labile, rtol=0, atol=2e-3)
    assert precisions(single) == {np.dtype(np.float32)}


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_engine_made_of_a_state_goes_on_to_the_bit(solver, interneurons, kind):
    plan = make(rule={"interneurons": interneurons}, solver=solver, hidden=(HIDDEN, 4))
    # Beyond the tenth update, averages differ from the weights that learn.
    batches = make_batches(plan, n_batches=15)
    state = started(plan, batches[0])
    straight, paused = kind(plan, state), kind(plan, state)
    for batch in batches:
        straight.learn(batch, RATES)
        paused.learn(batch, RATES)
        paused = kind(plan, paused.state)
    assert_same_arrays(paused.labile, straight.labile, rtol=0, atol=0)
    assert_same_arrays(paused.state.weights, straight.state.weights, rtol=0, atol=0)


@pytest.mark.parametrize("kind", ENGINES)
def test_an_engine_leaves_the_state_alone_that_it_was_made_of(kind):
    plan = make(solver="adam", rule={"interneurons": "decoupled"})
    batch = make_batches(plan)[0]
    first = kind(plan, started(plan, batch))
    first.learn(batch, RATES)
    state = first.state
    kept = as_dtype(state, np.float64)
    kind(plan, state).learn(batch, RATES)
    for before, after in zip(kept.labile + kept.average, state.labile + state.average, strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])
    for before, after in zip(chain(*kept.moments), chain(*state.moments), strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])


@pytest.mark.parametrize("kind", ENGINES)
def test_the_rows_learnt_last_are_at_hand(kind):
    plan = make(centered=False, hidden=(HIDDEN, 4))
    batch = make_batches(plan)[0]
    engine = kind(plan, started(plan, batch))
    assert engine.recent is None
    x = batch.x
    expected = []
    for layer in engine.labile[:-1]:
        x = np.tanh(x @ layer["basal_weights"].T + layer["basal_intercepts"])
        expected.append(x)
    engine.learn(batch, RATES)
    for found, output in zip(engine.recent[0], expected, strict=True):
        np.testing.assert_allclose(found, output, rtol=1e-12)
    np.testing.assert_array_equal(engine.recent[1], batch.share)


@pytest.mark.parametrize(
    ("output", "columns", "largest"),
    [("softmax", 1, LARGEST_LOSS / 3), ("logistic", TARGETS, TARGETS * LARGEST_LOSS)],
)
def test_the_loss_of_a_truth_without_a_chance_is_finite(output, columns, largest):
    plan = make(output=output)
    batch = make_batches(plan)[0]
    truth = np.zeros((ROWS, TARGETS))
    truth[:, :columns] = 1
    engine = Buffered(plan, started(plan, batch))
    engine.labile[-1]["readout_intercepts"][:] = np.where(truth[0], -1e4, 0)
    with np.errstate(over="ignore"):
        loss = engine.learn(batch._replace(truth=truth), RATES)
    assert loss == pytest.approx(largest, abs=math.log(TARGETS))  # by how much softmax divides


@pytest.mark.parametrize("sparse", [False, True])
def test_inputs_beyond_their_limits_are_learnt_from_as_if_at_them(sparse):
    plan = make(solver="adam", hidden=(HIDDEN, 4))
    batches = make_batches(plan)
    for batch in batches[1:]:
        batch.x[3, :2] *= [1e6, -1e6]
    assert_follows_the_textbook(plan, sparse, batches=batches)


@pytest.mark.parametrize("kind", ENGINES)
def test_inputs_of_another_size_leave_weights_what_they_are_in_units_of_it(kind):
    plan = make(solver="adam", hidden=(HIDDEN, 4))
    first, later, *_ = make_batches(plan)
    engine = kind(plan, started(plan, first))
    before = engine.labile[0]["input_limits"] / LIMIT
    weights = [before * places[0]["basal_weights"] for places in (engine.labile, engine.average)]
    factors = np.ones(FEATURES)
    factors[1] = 100
    for _ in range(30):
        engine.follow_inputs(factors * later.x, later.share)
    after = engine.labile[0]["input_limits"] / LIMIT
    assert after[1] / before[1] == pytest.approx(100, rel=0.5)
    np.testing.assert_array_equal(np.delete(after, 1), np.delete(before, 1))
    for expected, places in zip(weights, (engine.labile, engine.average), strict=True):
        np.testing.assert_allclose(after * places[0]["basal_weights"], expected, rtol=1e-12)


# How a network starts


@pytest.mark.parametrize(("rows", "columns"), [(5, 2), (2, 5), (3, 3), (1, 4)])
def test_orthonormal_frames_have_unit_singular_values(rows, columns):
    frame = orthonormal(rows, columns, np.random.default_rng(0))
    assert frame.shape == (rows, columns)
    np.testing.assert_allclose(np.linalg.svd(frame)[1], 1, rtol=1e-12)


def begin(plan, batch, seed=0, frequencies=None):
    """The state that a network starts with."""
    return start(plan, batch, np.random.default_rng(seed), frequencies)


@pytest.mark.parametrize("hidden", [(HIDDEN,), (HIDDEN, 4, 7)])
@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1.0, 1e150])
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_activity_starts_with_the_largest_gain_allowed(activation, centered, scale, hidden):
    plan = make(activation=activation, centered=centered, batch_size=ENOUGH_ROWS, hidden=hidden)
    batch = make_batches(plan)[0]
    x = scale * batch.x
    for layer in begin(plan, batch._replace(x=x)).labile[:-1]:
        u = x @ layer["basal_weights"].T + layer["basal_intercepts"]
        z = FUNCTION[activation](u)
        x = z - layer["mean_activity"]
        largest = np.linalg.eigvalsh((x * batch.share[:, None]).T @ x)[-1]
        assert largest == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("centered", [True, False])
def test_mean_activity_starts_as_the_mean_over_the_first_batch(centered):
    plan = make(activation="relu", centered=centered, hidden=(HIDDEN, 4))
    batch = make_batches(plan)[0]
    x = batch.x
    for layer in begin(plan, batch).labile[:-1]:
        fired = np.maximum(x @ layer["basal_weights"].T + layer["basal_intercepts"], 0)
        expected = sum(s * row for s, row in zip(batch.share, fired, strict=True))
        np.testing.assert_allclose(layer["mean_activity"], expected if centered else 0)
        x = fired - layer["mean_activity"]


@pytest.mark.parametrize("n_hidden", [1, 2, 3, 8])
@pytest.mark.parametrize("n_interneurons", [1, 3, 8])
def test_apical_and_interneuron_synapses_start_at_the_spread_of_the_targets(
    n_interneurons, n_hidden
):
    rule = {"n_interneurons": n_interneurons}
    plan = make(rule=rule, hidden=(n_hidden, n_hidden + 1))
    batch = make_batches(plan)[0]
    spread = math.sqrt(np.mean([batch.share @ column**2 for column in batch.target.T]))
    for layer in begin(plan, batch).labile[:-1]:
        k = len(layer["basal_weights"])
        for name in ("apical_weights", "interneuron_weights"):
            np.testing.assert_allclose(np.linalg.svd(layer[name])[1], spread, rtol=1e-9)
        assert layer["interneuron_weights"].shape == (k, min(n_interneurons, k))
        if min(n_interneurons, k) == TARGETS:
            np.testing.assert_array_equal(layer["interneuron_weights"], layer["apical_weights"])


@pytest.mark.parametrize(
    ("k", "n", "count"),
    [(100, 1, 8), (100, 3, 9), (100, 10, 13), (100, 26, 26), (5, 1, 5), (5, 9, 5)],
)
def test_few_targets_have_more_interneurons_than_columns_but_no_layer_more_than_neurons(
    k, n, count
):
    plan = make(rule={"n_interneurons": "auto"})
    batch = make_batches(plan)[0]._replace(target=np.ones((ROWS, n)))
    layers = [{"basal_weights": np.zeros((k, FEATURES))}, {}]
    (layer,) = plan.rule.start(np.random.default_rng(0), layers, batch)
    assert layer["interneuron_weights"].shape == (k, count)


def test_with_an_interneuron_for_each_target_the_plateau_starts_as_the_error_carried_back():
    plan = make(rule={"gain_damping": 0.0}, centered=False)
    batch = make_batches(plan)[0]
    engine = Reference(plan, begin(plan, batch))
    held, _ = engine.perceive(engine.layers(), batch)
    W2T = engine.labile[0]["apical_weights"]
    expected = (batch.target - held[0]["output"] @ W2T) @ W2T.T
    np.testing.assert_allclose(held[0]["plateau"], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("k", "count"), [(100, 80), (100, 100), (30, 4), (4, 3), (1, 1), (2, "n_targets")]
)
def test_decoupled_interneurons_start_apart_and_inhibit_each_direction_that_they_see(k, count):
    plan = make(rule={"interneurons": "decoupled", "n_interneurons": count})
    batch, layers = make_batches(plan)[0], [{"basal_weights": np.zeros((k, FEATURES))}, {}]
    for seed in range(20):
        (layer,) = plan.rule.start(np.random.default_rng(seed), layers, batch)
        Q, R = layer["interneuron_weights"], layer["pyramidal_to_interneuron_weights"]
        largest = np.linalg.norm(Q, 2)
        np.testing.assert_allclose(np.linalg.svd(R - Q.T)[1], largest / 2, rtol=1e-9)
        inhibition = np.linalg.eigvals(Q @ R if k < Q.shape[1] else R @ Q)
        assert inhibition.real.min() > 0.4 * largest**2


@pytest.mark.parametrize(("scale", "size"), [(1e30, "large"), (1e-37, "small")])
def test_features_too_large_or_small_to_learn_from_are_refused_with_the_remedy(scale, size):
    plan = make(dtype=np.dtype(np.float32))
    batch = make_batches(plan)[0]
    message = rf"^X holds values too {size} to .*: scale the features, .* with StandardScaler\.$"
    with pytest.raises(ValueError, match=message):
        begin(plan, batch._replace(x=scale * batch.x))


def test_scale_of_the_features_does_not_change_the_activity_at_the_start():
    plan = make(activation="relu", hidden=(HIDDEN, 4))
    batch = make_batches(plan)[0]
    near, far = (begin(plan, batch._replace(x=scale * batch.x)).labile for scale in (1.0, 1e6))
    np.testing.assert_allclose(near[0]["basal_weights"], 1e6 * far[0]["basal_weights"], rtol=1e-9)
    np.testing.assert_allclose(near[0]["basal_intercepts"], far[0]["basal_intercepts"], rtol=1e-9)
    np.testing.assert_allclose(near[1]["basal_weights"], far[1]["basal_weights"], rtol=1e-9)


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
@pytest.mark.parametrize("centered", [True, False])
def test_features_and_targets_that_are_all_zero_start_finite_weights(activation, centered):
    plan = make(activation=activation, centered=centered, hidden=(HIDDEN, 4))
    batch = make_batches(plan)[0]
    state = begin(plan, batch._replace(x=0 * batch.x, target=0 * batch.target))
    assert state.scales[0]["input_size"] == 1
    assert state.scales[0]["active_inputs"] == 1
    for arrays in state.labile:
        for name, array in arrays.items():
            assert np.isfinite(array).all(), name


@pytest.mark.parametrize("output", ["softmax", "logistic"])
def test_a_readout_starts_with_the_frequencies_it_is_told(output):
    plan = make(output=output)
    batch = make_batches(plan)[0]
    frequencies = np.random.default_rng(0).dirichlet(np.ones(TARGETS))
    intercepts = begin(plan, batch, frequencies=frequencies).labile[-1]["readout_intercepts"]
    np.testing.assert_allclose(probabilities(intercepts[None], output)[0], frequencies, rtol=1e-12)
    never = begin(plan, batch, frequencies=np.eye(TARGETS)[0])
    assert np.isfinite(never.labile[-1]["readout_intercepts"]).all()


# Readouts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("output", "textbook"), [("softmax", softmax), ("logistic", expit)])
def test_probabilities_are_the_textbooks_and_neither_they_nor_their_squares_vanish(
    output, textbook, dtype
):
    rng, limits = np.random.default_rng(0), np.finfo(dtype)
    given = (10 ** rng.uniform(-2, 4, (500, 1)) * rng.standard_normal((500, 3))).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        chance = probabilities(given, output)
    expected = textbook(given.astype(np.float64), **({"axis": 1} if output == "softmax" else {}))
    np.testing.assert_allclose(chance, expected, rtol=100 * limits.eps, atol=limits.eps)
    assert (chance**2 >= limits.smallest_normal).all()


def test_a_hebbian_readout_has_synapses_of_its_own_where_a_rule_has_no_apical_ones():
    class Silent(Microcircuit):
        synapses = MappingProxyType({})

    readout = make_readout("hebbian", "identity", Silent())
    rng = np.random.default_rng(0)
    z, y, share = rng.standard_normal((9, 4)), rng.standard_normal((9, 2)), np.full(9, 1 / 9)
    arrays = readout.arrays([{}, {"readout_weights": rng.standard_normal((2, 4))}])
    assert scores(arrays, z) == pytest.approx(z @ arrays["readout_weights"].T)
    change = readout.changes(arrays, {"output": z, "truth": y}, share)["readout_weights"]
    np.testing.assert_allclose(change, y.T @ z / 9 - arrays["readout_weights"])
    tied = make_readout("hebbian", "identity", Microcircuit())
    assert tied.synapses == {}
