"""The circuit's fast update against one composed of the equations, and how a circuit starts."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import log_loss

from sklearn_localnet import _equations as eq
from sklearn_localnet import _microcircuit
from sklearn_localnet._microcircuit import (
    WEIGHTS,
    Design,
    Microcircuit,
    Rates,
    probabilities,
)
from sklearn_localnet._start import ENOUGH_ROWS, input_statistics, orthonormal, start_weights

RATES = Rates(
    basal=0.03, apical=0.05, interneuron=0.07, centering=0.11, weight_decay=0.013, span=1000
)
TRACE_RATE = 0.1  # rho, as algorithm.md gives it
ROWS, FEATURES, HIDDEN, TARGETS = 11, 6, 5, 3


def make_design(**changes):
    design = Design(
        n_features=FEATURES,
        n_hidden=HIDDEN,
        n_targets=TARGETS,
        n_interneurons=TARGETS,
        batch_size=ROWS,
        activation="tanh",
        output="identity",
        hebbian=False,
        interneurons="tied",
        modulation=None,
        gain_damping=0.3,
        centered=True,
        fit_intercept=True,
        solver="sgd",
        beta_1=0.5,
        beta_2=0.99,
        epsilon=1e-8,
        dtype=np.dtype(np.float64),
    )
    return design._replace(**changes)


def make_batches(design, n_batches=3, seed=0):
    """Batches (x, y, offset, share) with uneven shares, one of them zero."""
    rng = np.random.default_rng(seed)
    offset = rng.uniform(0.1, 0.4, design.n_targets)
    batches = []
    for _ in range(n_batches):
        x = 3 * rng.standard_normal((ROWS, design.n_features))
        x[np.abs(x) < 1] = 0
        if design.output == "softmax":
            truth = np.eye(design.n_targets)[rng.integers(design.n_targets, size=ROWS)]
        elif design.output == "logistic":
            truth = rng.integers(2, size=(ROWS, design.n_targets)).astype(float)
        else:
            truth = offset + rng.standard_normal((ROWS, design.n_targets))
        share = rng.dirichlet(np.ones(ROWS))
        share[2] = 0
        batches.append((x, truth - offset, offset, share / share.sum()))
    return batches


def started(design, batch, seed=1):
    """A circuit with no synapse at a special value."""
    x, y, _, share = batch
    circuit = Microcircuit.start(design, x, y, share, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    weights = {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in circuit.weights.items()}
    if design.interneurons != "decoupled":
        weights["pyramidal_to_interneuron_weights"] = weights["interneuron_weights"].T
    if design.hebbian:
        weights["readout_weights"] = weights["apical_weights"].T
        weights["readout_intercepts"][:] = 0
    if not design.fit_intercept:
        weights["basal_intercepts"][:] = 0
    if not design.centered:
        weights["mean_activity"][:] = 0
    return Microcircuit(design, weights, {**circuit.history, "labile": {}})


class ComposedCircuit:
    """The update written with `_equations.py`, new arrays at every step and textbook Adam."""

    def __init__(self, circuit):
        self.design = circuit.design
        self.weights = {name: np.array(w) for name, w in circuit.weights.items()}
        self.trace = np.zeros_like(self.weights["interneuron_weights"])
        self.back_trace = self.trace.T
        adaptive = self.design.solver == "adam"
        self.unit = circuit.history["input_scale"] if adaptive else 1.0
        # All active inputs together move a current by no more than a neuron's part in unit gain.
        active = circuit.history["active_inputs"]
        shift = min(_microcircuit.LARGEST_SHIFT, 1 / math.sqrt(self.design.n_hidden))
        self.most = shift / active if adaptive else math.inf
        self.moments = {}
        self.n_updates = 0
        self.consolidated = self.weights
        self.plateau_power = 0.0

    def learn(self, x, y, offset, share, rates):
        d, w = self.design, self.weights
        self.n_updates += 1
        W1, b1 = w["basal_weights"], w["basal_intercepts"]
        W2T, Q, R = (
            w["apical_weights"],
            w["interneuron_weights"],
            w["pyramidal_to_interneuron_weights"],
        )
        with_constant = np.column_stack([x, np.ones(len(x))])
        z = eq.somatic_activity(np.column_stack([W1, b1]), with_constant, d.activation)
        slope = eq.ACTIVATIONS[d.activation].derivative(z)
        mean = w["mean_activity"]
        if d.centered:
            mean = mean + rates.centering * eq.mean_activity_update(mean, z, share)
            z = z - mean

        scores = z @ w["readout_weights"].T + w["readout_intercepts"]
        if d.hebbian or d.output == "identity":
            error, loss = y - scores, eq.squared_loss(y, scores, share)
        else:
            chance = softmax_or_logistic(scores, d.output)
            error = y + offset - chance
            loss = cross_entropy(y + offset, chance, share, d.output)

        n = eq.interneuron_activity(R, z)
        damped = eq.interneuron_activity(R + d.gain_damping * self.back_trace, z)
        inhibition = eq.inhibitory_current(Q + d.gain_damping * self.trace, damped)
        p = eq.plateau_potential(eq.apical_current(W2T, y), inhibition)
        if d.modulation == "plateau":
            size = np.linalg.norm(p, axis=1)
            p = p * gate(np.maximum(size - 0.35 * (share @ size), 0), share)
        if d.modulation == "surprise":
            p = p * gate(0.1 + self.surprise(y + offset, error), share)

        targets = d.interneurons == "target"
        dQ = eq.interneuron_update(Q, z, y if targets else n, share)
        dR = dQ.T
        if d.interneurons == "decoupled":
            dR = eq.pyramidal_to_interneuron_update(R, z, n, share)
        if d.solver == "adam":
            power = np.sum(share[:, None] * (p * slope) ** 2) / d.n_hidden
            rate = max(0.01, 1 / self.n_updates)
            self.plateau_power = (1 - rate) * self.plateau_power + rate * power
            p = p / math.sqrt(self.plateau_power)
        dW1 = eq.basal_update(p, slope, x / self.unit, share)
        db1 = eq.basal_update(p, slope, np.ones((len(x), 1)), share)[:, 0]
        readout = eq.mean_outer(error, z, share)
        readout_bias = share @ error

        n_slow = self.n_slow()
        kept = (1 - rates.weight_decay) ** n_slow
        pace = 1.5 * math.sqrt(d.n_hidden) if d.solver == "adam" else 1
        new = {
            "basal_weights": kept * W1
            + min(rates.basal, self.most) / self.unit * self.step("W1", dW1),
            "basal_intercepts": b1 + rates.basal * self.step("b1", db1) * d.fit_intercept,
            "apical_weights": W2T + rates.apical * eq.apical_update(W2T, z, y, share),
            "interneuron_weights": Q + rates.interneuron * dQ,
            "pyramidal_to_interneuron_weights": R + rates.interneuron * dR,
            "mean_activity": mean,
        }
        if d.hebbian:
            new["readout_weights"] = new["apical_weights"].T
            new["readout_intercepts"] = np.zeros(d.n_targets)
        else:
            new["readout_weights"] = kept * w["readout_weights"] + pace * rates.basal * self.step(
                "readout", readout
            )
            new["readout_intercepts"] = w["readout_intercepts"] + pace * rates.basal * self.step(
                "bias", readout_bias
            )
        self.trace = self.trace + TRACE_RATE * (dQ - self.trace)
        self.back_trace = self.back_trace + TRACE_RATE * (dR - self.back_trace)
        self.weights = new
        self.consolidate(n_slow, rates.span)
        return loss

    def n_slow(self):
        """Updates that decay and consolidation take at once: after the 64th, four every fourth."""
        if self.n_updates <= _microcircuit.EARLY:
            return 1
        return 4 if self.n_updates % 4 == 0 else 0

    def consolidate(self, n_slow, span):
        """Average over the last fifth of the updates, at most over ``span`` of them."""
        if self.design.solver == "sgd":
            self.consolidated = self.weights
            return
        rate = min(1, n_slow / min(max(1, self.n_updates / 5), span))
        old, new = self.consolidated, self.weights
        self.consolidated = {name: (1 - rate) * old[name] + rate * new[name] for name in new}

    def surprise(self, truth, error):
        """One minus the readout's probability of the truth."""
        if self.design.hebbian or self.design.output == "identity":
            return 1 - np.exp(-0.5 * np.sum(error**2, axis=1))
        chance_of_one = truth - error
        if self.design.output == "softmax":
            return 1 - np.sum(truth * chance_of_one, axis=1)
        chance = np.where(truth == 1, chance_of_one, 1 - chance_of_one)
        return np.mean(1 - chance, axis=1)

    def step(self, name, direction):
        """The direction itself, or that of Adam as Kingma and Ba print it."""
        d = self.design
        if d.solver == "sgd":
            return direction
        m, v = self.moments.get(name, (0.0, 0.0))
        m = d.beta_1 * m + (1 - d.beta_1) * direction
        v = d.beta_2 * v + (1 - d.beta_2) * direction**2
        self.moments[name] = m, v
        # Kingma and Ba's efficient form, where epsilon joins the biased root.
        rate = math.sqrt(1 - d.beta_2**self.n_updates) / (1 - d.beta_1**self.n_updates)
        return rate * m / (np.sqrt(v) + d.epsilon)


def gate(size, share):
    """Sizes of the rows, one on average over the batch."""
    return (size / (share @ size))[:, None]


def softmax_or_logistic(scores, output):
    if output == "logistic":
        return 1 / (1 + np.exp(-scores))
    return np.exp(scores) / np.exp(scores).sum(axis=1)[:, None]


def cross_entropy(truth, chance, share, output):
    if output == "softmax":
        labels = np.argmax(truth, axis=1)
        return log_loss(labels, chance, sample_weight=share, labels=np.arange(truth.shape[1]))
    columns = range(truth.shape[1])
    return sum(
        log_loss(truth[:, o], chance[:, o], sample_weight=share, labels=[0, 1]) for o in columns
    )


def assert_learns_as_composed(design, sparse=False, rates=RATES, n_batches=3, batches=None):
    batches = make_batches(design, n_batches) if batches is None else batches
    circuit = started(design, batches[0])
    composed = ComposedCircuit(circuit)
    for x, y, offset, share in batches:
        arrays = [array.copy() for array in (x, y, offset, share)]
        loss = circuit.learn(csr_matrix(x) if sparse else x, y, offset, share, rates)
        for before, after in zip(arrays, (x, y, offset, share), strict=True):
            np.testing.assert_array_equal(before, after)
        expected = composed.learn(x, y, offset, share, rates)
        assert loss == pytest.approx(expected, rel=1e-10)
        for name in WEIGHTS:
            np.testing.assert_allclose(
                circuit.labile[name], composed.weights[name], rtol=1e-9, atol=1e-11, err_msg=name
            )
            np.testing.assert_allclose(
                circuit.weights[name],
                composed.consolidated[name],
                rtol=1e-9,
                atol=1e-11,
                err_msg=name,
            )


@pytest.mark.parametrize("output", ["identity", "softmax", "logistic"])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
def test_learning_composes_the_equations(activation, interneurons, output):
    options = product(["sgd", "adam"], [True, False], [0.3, 0.0], [True, False])
    for solver, centered, damping, hebbian in options:
        assert_learns_as_composed(
            make_design(
                activation=activation,
                interneurons=interneurons,
                output="identity" if hebbian else output,
                hebbian=hebbian,
                solver=solver,
                centered=centered,
                gain_damping=0.0 if interneurons == "target" else damping,
            )
        )


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
@pytest.mark.parametrize("n_interneurons", [1, HIDDEN, HIDDEN + 2])
def test_learning_composes_the_equations_for_any_number_of_interneurons(
    n_interneurons, interneurons, solver
):
    assert_learns_as_composed(
        make_design(n_interneurons=n_interneurons, interneurons=interneurons, solver=solver)
    )


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("output", ["identity", "softmax", "logistic"])
@pytest.mark.parametrize("modulation", ["plateau", "surprise"])
def test_modulation_multiplies_each_rows_plateau(modulation, output, interneurons):
    design = make_design(modulation=modulation, output=output, interneurons=interneurons)
    if interneurons == "target":
        design = design._replace(gain_damping=0.0)
    assert_learns_as_composed(design)
    if output == "identity":
        assert_learns_as_composed(design._replace(hebbian=True))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_rows_with_a_small_plateau_do_not_teach(solver, sparse):
    design = make_design(modulation="plateau", solver=solver, centered=False, fit_intercept=False)
    batches = make_batches(design, n_batches=4)
    for n_loud, (x, y, *_) in zip((4, 1, 8, 3), batches, strict=True):
        x[n_loud:] *= 1e-3
        y[n_loud:] *= 1e-3
    assert_learns_as_composed(design, sparse, batches=batches)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_batch_without_a_plateau_moves_no_basal_synapse(solver):
    design = make_design(modulation="plateau", solver=solver, centered=False, fit_intercept=False)
    x, y, offset, share = make_batches(design)[0]
    circuit = started(design, (x, y, offset, share))
    before = circuit.labile["basal_weights"].copy()
    circuit.learn(0 * x, 0 * y, offset, share, RATES._replace(weight_decay=0.0))
    np.testing.assert_array_equal(circuit.labile["basal_weights"], before)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_sparse_rows_are_learnt_as_dense_ones(solver):
    assert_learns_as_composed(make_design(solver=solver, output="softmax"), sparse=True)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_without_a_constant_input_the_intercepts_stay(solver):
    assert_learns_as_composed(make_design(solver=solver, fit_intercept=False))


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_decay_and_consolidation_take_four_updates_at_once_later_on(solver, monkeypatch):
    monkeypatch.setattr(_microcircuit, "EARLY", 3)
    assert_learns_as_composed(make_design(solver=solver), n_batches=21)


def test_consolidated_weights_average_over_a_span_of_updates_at_most():
    design = make_design(solver="adam")
    batches = make_batches(design)
    circuit = started(design, batches[0])
    circuit.n_updates = 63
    before = circuit.weights["basal_weights"].copy()
    circuit.learn(*batches[0], RATES._replace(span=2))
    after = circuit.weights["basal_weights"]
    np.testing.assert_allclose(after, (before + circuit.labile["basal_weights"]) / 2, rtol=1e-12)


@pytest.mark.parametrize("n_hidden", [5, 150])  # below and above 1 / LARGEST_SHIFT squared
def test_an_adaptive_step_of_any_size_moves_a_basal_current_by_a_neurons_part_at_most(n_hidden):
    design = make_design(solver="adam", n_hidden=n_hidden)
    assert_learns_as_composed(design, rates=RATES._replace(basal=0.6))


def test_a_rectified_neuron_at_exactly_zero_does_not_learn():
    design = make_design(activation="relu", solver="adam")
    batch = make_batches(design)[0]
    circuit = started(design, batch)
    circuit.basal_weights[0] = circuit.basal_intercepts[0] = 0
    circuit.learn(*batch, RATES)
    assert not circuit.labile["basal_weights"][0].any()
    assert circuit.labile["basal_weights"][1:].any(axis=1).all()


def test_without_weight_decay_no_weight_shrinks():
    assert_learns_as_composed(make_design(), rates=RATES._replace(weight_decay=0.0))


@pytest.mark.parametrize("n_hidden", [1, 2])
def test_fewer_hidden_neurons_than_targets_learn_too(n_hidden):
    assert_learns_as_composed(make_design(n_hidden=n_hidden, n_interneurons=n_hidden))


def precisions(circuit):
    """Of all that a circuit holds and works in, weights and history and buffers."""
    held = [*vars(circuit).values(), *circuit.history.values(), *circuit.labile.values()]
    return {array.dtype for array in held if isinstance(array, np.ndarray)}


@pytest.mark.parametrize("hebbian", [False, True])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
def test_float32_circuit_stays_float32_and_near_the_float64_one(interneurons, hebbian):
    double = make_design(
        interneurons=interneurons, output="softmax", hebbian=hebbian, solver="adam"
    )
    single = double._replace(dtype=np.dtype(np.float32))
    batches = make_batches(double)
    reference = started(double, batches[0])
    circuit = Microcircuit(
        single,
        reference.weights,
        {name: reference.history[name] for name in ("input_scale", "active_inputs")},
    )
    for batch in batches:
        reference.learn(*batch, RATES)
        circuit.learn(*(array.astype(np.float32) for array in batch), RATES)
    for name in WEIGHTS:
        assert circuit.weights[name].dtype == np.float32
        np.testing.assert_allclose(circuit.weights[name], reference.weights[name], atol=1e-3)
    assert precisions(circuit) == {np.dtype(np.float32)}


@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
@pytest.mark.parametrize(("old", "new"), [(np.float64, np.float32), (np.float32, np.float64)])
def test_training_may_continue_in_another_precision(old, new, interneurons):
    design = make_design(interneurons=interneurons, solver="adam", dtype=np.dtype(old))
    batches = make_batches(design, n_batches=4)
    first, second = (
        [tuple(array.astype(dtype) for array in batch) for batch in pair]
        for dtype, pair in ((old, batches[:2]), (new, batches[2:]))
    )
    circuit = started(design, first[0])
    for batch in first:
        circuit.learn(*batch, RATES)
    changed = Microcircuit(design._replace(dtype=np.dtype(new)), circuit.weights, circuit.history)
    for batch in second:
        circuit.learn(*(array.astype(old) for array in batch), RATES)
        changed.learn(*batch, RATES)
    assert precisions(changed) == {np.dtype(new)}
    for name in WEIGHTS:
        assert changed.weights[name].dtype == new
        np.testing.assert_allclose(changed.weights[name], circuit.weights[name], atol=1e-3)


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_circuit_rebuilt_from_weights_and_history_continues_to_the_bit(solver, interneurons):
    damping = 0.0 if interneurons == "target" else 0.3
    design = make_design(solver=solver, interneurons=interneurons, gain_damping=damping)
    # Beyond the tenth update, consolidated weights differ from labile ones.
    batches = make_batches(design, n_batches=15)
    straight = started(design, batches[0])
    paused = Microcircuit(design, straight.weights, straight.history)
    for batch in batches:
        straight.learn(*batch, RATES)
        paused.learn(*batch, RATES)
        paused = Microcircuit(design, paused.weights, paused.history)
    for name in WEIGHTS:
        np.testing.assert_array_equal(straight.weights[name], paused.weights[name])
        np.testing.assert_array_equal(straight.labile[name], paused.labile[name])


def test_the_rows_learnt_last_are_at_hand():
    design = make_design(centered=False)
    (x, y, offset, share), *_ = make_batches(design)
    circuit = started(design, (x, y, offset, share))
    assert circuit.recent is None
    _, expected = circuit.activity(x)
    circuit.learn(x, y, offset, share, RATES)
    np.testing.assert_allclose(circuit.recent[0], expected, rtol=1e-12)
    np.testing.assert_array_equal(circuit.recent[1], share)


@pytest.mark.parametrize(("output", "columns"), [("softmax", 1), ("logistic", TARGETS)])
def test_the_loss_of_a_truth_without_a_chance_is_finite(output, columns):
    design = make_design(output=output)
    x, _, offset, share = make_batches(design)[0]
    truth = np.zeros((ROWS, TARGETS))
    truth[:, :columns] = 1
    circuit = started(design, (x, truth - offset, offset, share))
    circuit.readout_intercepts[:] = np.where(truth[0], -1e4, 0)
    loss = circuit.learn(x, truth - offset, offset, share, RATES)
    assert loss == pytest.approx(-columns * math.log(np.finfo(np.float64).tiny))


def test_a_new_circuit_does_not_share_memory_with_the_weights_it_was_made_of():
    design = make_design(solver="adam", interneurons="decoupled")
    batch = make_batches(design)[0]
    first = started(design, batch)
    first.learn(*batch, RATES)
    kept = {name: w.copy() for name, w in first.weights.items()}
    moment = first.history["first_sum"].copy()
    Microcircuit(design, first.weights, first.history).learn(*batch, RATES)
    np.testing.assert_array_equal(first.history["first_sum"], moment)
    for name in WEIGHTS:
        np.testing.assert_array_equal(first.weights[name], kept[name])


def test_compartments_satisfy_the_equations_of_the_circuit():
    design = make_design()
    batches = make_batches(design)
    circuit = started(design, batches[0])
    circuit.learn(*batches[0], RATES)
    x, y, *_ = batches[1]
    parts = circuit.compartments(x, y)
    u = x @ circuit.basal_weights.T + circuit.basal_intercepts
    z = np.tanh(u) - circuit.mean_activity
    Q = circuit.interneuron_weights + 0.3 * circuit.gain_trace
    np.testing.assert_allclose(parts["basal"], u)
    np.testing.assert_allclose(parts["output"], z)
    np.testing.assert_allclose(parts["interneuron"], z @ circuit.interneuron_weights)
    np.testing.assert_allclose(parts["inhibition"], z @ Q @ Q.T)
    np.testing.assert_allclose(parts["apical"], y @ circuit.apical_weights.T)
    np.testing.assert_allclose(parts["plateau"], y @ circuit.apical_weights.T - z @ Q @ Q.T)
    assert "plateau" not in circuit.compartments(x)


@pytest.mark.parametrize(("rows", "columns"), [(5, 2), (2, 5), (3, 3), (1, 4)])
def test_orthonormal_frames_have_unit_singular_values(rows, columns):
    frame = orthonormal(rows, columns, np.random.default_rng(0))
    assert frame.shape == (rows, columns)
    np.testing.assert_allclose(np.linalg.svd(frame)[1], 1, rtol=1e-12)


def start(design, x, y, share, seed=0):
    weights, scale = start_weights(design, x, y, share, np.random.default_rng(seed))
    return weights, scale


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1.0, 1e150])
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_activity_starts_with_the_largest_gain_that_is_allowed(activation, centered, scale):
    design = make_design(activation=activation, centered=centered, batch_size=ENOUGH_ROWS)
    x, y, _, share = make_batches(design)[0]
    weights, _ = start(design, scale * x, y, share)
    z = eq.somatic_activity(weights["basal_weights"], scale * x, activation)
    largest = np.linalg.eigvalsh(eq.gain(z - weights["mean_activity"], share))[-1]
    assert largest == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("centered", [True, False])
def test_mean_activity_starts_as_the_mean_over_the_first_batch(centered):
    design = make_design(activation="relu", centered=centered)
    x, y, _, share = make_batches(design)[0]
    weights, _ = start(design, x, y, share)
    z = eq.somatic_activity(weights["basal_weights"], x, "relu")
    expected = (
        sum(s * row for s, row in zip(share, z, strict=True)) if centered else np.zeros(HIDDEN)
    )
    np.testing.assert_allclose(weights["mean_activity"], expected)


@pytest.mark.parametrize("n_hidden", [1, 2, 3, 8])
@pytest.mark.parametrize("n_interneurons", [1, 3, 8])
def test_apical_and_interneuron_synapses_start_at_the_spread_of_the_targets(
    n_interneurons, n_hidden
):
    design = make_design(n_hidden=n_hidden, n_interneurons=n_interneurons)
    x, y, _, share = make_batches(design)[0]
    weights, _ = start(design, x, y, share)
    spread = math.sqrt(np.mean([share @ column**2 for column in y.T]))
    for name in ("apical_weights", "interneuron_weights"):
        np.testing.assert_allclose(np.linalg.svd(weights[name])[1], spread, rtol=1e-9)
    if n_interneurons == TARGETS:
        np.testing.assert_array_equal(weights["interneuron_weights"], weights["apical_weights"])


def test_with_an_interneuron_for_each_target_the_plateau_starts_as_the_error_carried_back():
    design = make_design(gain_damping=0.0, centered=False)
    x, y, _, share = make_batches(design)[0]
    circuit = Microcircuit.start(design, x, y, share, np.random.default_rng(0))
    parts = circuit.compartments(x, y)
    prediction = parts["output"] @ circuit.apical_weights
    expected = (y - prediction) @ circuit.apical_weights.T
    np.testing.assert_allclose(parts["plateau"], expected, atol=1e-12)


@pytest.mark.parametrize("interneurons", ["tied", "decoupled", "target"])
def test_only_decoupled_interneurons_start_with_synapses_of_their_own(interneurons):
    design = make_design(interneurons=interneurons)
    x, y, _, share = make_batches(design)[0]
    weights, _ = start(design, x, y, share)
    same = np.array_equal(
        weights["pyramidal_to_interneuron_weights"], weights["interneuron_weights"].T
    )
    assert same == (interneurons != "decoupled")


def test_decoupled_interneurons_start_apart_by_as_much_as_their_synapses_are_large():
    design = make_design(n_hidden=100, n_interneurons=80, interneurons="decoupled")
    x, y, _, share = make_batches(design)[0]
    weights, _ = start(design, x, y, share)
    apart = weights["pyramidal_to_interneuron_weights"] - weights["interneuron_weights"].T
    size = np.sqrt(np.mean(weights["interneuron_weights"] ** 2))
    assert np.std(apart) == pytest.approx(size, rel=0.05)
    assert abs(np.mean(apart)) < 0.05 * size


@pytest.mark.parametrize(("scale", "size"), [(1e30, "large"), (1e-37, "small")])
def test_features_too_large_or_small_to_learn_from_are_refused_with_the_remedy(scale, size):
    design = make_design(dtype=np.dtype(np.float32))
    x, y, _, share = make_batches(design)[0]
    message = rf"^X holds values too {size} to .*: scale the features, .* with StandardScaler\.$"
    with pytest.raises(ValueError, match=message):
        start(design, scale * x, y, share)


def test_scale_of_the_features_does_not_change_the_activity_at_the_start():
    design = make_design(activation="relu")
    x, y, _, share = make_batches(design)[0]
    near, far = start(design, x, y, share)[0], start(design, 1e6 * x, y, share)[0]
    np.testing.assert_allclose(
        x @ near["basal_weights"].T, 1e6 * x @ far["basal_weights"].T, rtol=1e-9
    )


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh", "logistic"])
@pytest.mark.parametrize("centered", [True, False])
def test_features_and_targets_that_are_all_zero_start_finite_weights(activation, centered):
    design = make_design(activation=activation, centered=centered)
    share = np.full(ROWS, 1 / ROWS)
    weights, scale = start(design, np.zeros((ROWS, FEATURES)), np.zeros((ROWS, TARGETS)), share)
    assert scale == {"input_scale": 0, "active_inputs": 1}
    for name in WEIGHTS:
        assert np.isfinite(weights[name]).all(), name


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("sparse", [False, True])
def test_input_statistics_weigh_rows_and_neither_overflow_nor_underflow(sparse, scale):
    x, _, _, share = make_batches(make_design())[0]
    expected = math.sqrt(sum(share[t] * x[t, j] ** 2 / FEATURES for t, j in np.ndindex(*x.shape)))
    scaled = csr_matrix(scale * x) if sparse else scale * x
    size, active = input_statistics(scaled, share)
    assert size == pytest.approx(scale * expected, rel=1e-12)
    total = sum(share[t] * abs(x[t, j]) for t, j in np.ndindex(*x.shape))
    assert active == pytest.approx(total**2 / (expected**2 * FEATURES), rel=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_rows_of_zeros_do_not_count_among_the_inputs(sparse):
    x, _, _, share = make_batches(make_design())[0]
    wrap = csr_matrix if sparse else np.asarray
    with_zeros = wrap(np.vstack([x, 0 * x])), np.append(share, share) / 2
    assert input_statistics(*with_zeros) == pytest.approx(input_statistics(wrap(x), share))


def test_every_feature_of_one_size_and_every_nonzero_of_a_sparse_row_is_active():
    share = np.full(4, 0.25)
    assert input_statistics(np.full((4, 9), -3.0), share)[1] == pytest.approx(9)
    assert input_statistics(csr_matrix(np.eye(4, 9)), share)[1] == pytest.approx(1)


def test_rows_that_widen_the_size_of_inputs_leave_basal_weights_what_they_are_in_units_of_it():
    design = make_design(solver="adam")
    (x, y, _, share), (later, _, _, later_share), *_ = make_batches(design)
    circuit = started(design, (x, y, _, share))
    size, active = circuit.input_scale, circuit.active_inputs
    before = {"labile": circuit.labile, "weights": circuit.weights}
    before = {kind: arrays["basal_weights"] * size for kind, arrays in before.items()}
    circuit.widen(5 * later, later_share, 0.25)
    expected = 0.75 * size**2 + 0.25 * later_share @ np.mean((5 * later) ** 2, axis=1)
    assert circuit.input_scale == pytest.approx(math.sqrt(expected))
    assert circuit.active_inputs == active
    for kind, arrays in (("labile", circuit.labile), ("weights", circuit.weights)):
        np.testing.assert_allclose(arrays["basal_weights"] * circuit.input_scale, before[kind])


@pytest.mark.parametrize("output", ["softmax", "logistic"])
def test_a_readout_starts_with_the_chances_it_is_told(output):
    design = make_design(output=output)
    x, y, _, share = make_batches(design)[0]
    chances = np.random.default_rng(0).dirichlet(np.ones(TARGETS))
    circuit = Microcircuit.start(design, x, y, share, np.random.default_rng(0), chances)
    expected = softmax_or_logistic(circuit.readout_intercepts[None], output)[0]
    np.testing.assert_allclose(expected, chances, rtol=1e-12)
    never = start_weights(design, x, y, share, np.random.default_rng(0), np.eye(TARGETS)[0])[0]
    assert np.isfinite(never["readout_intercepts"]).all()


@pytest.mark.parametrize("output", ["softmax", "logistic"])
def test_probabilities_of_any_scores_are_finite(output):
    scores = np.array([[-1e4, 0.0, 1e4], [3.0, 3.0, 3.0], [1.0, 2.0, 4.0]])
    chance = probabilities(scores.copy(), output)
    with np.errstate(all="ignore"):
        expected = softmax_or_logistic(scores, output)
    np.testing.assert_allclose(chance[1:], expected[1:], rtol=1e-12)
    assert chance[0].tolist() == ([0, 0, 1] if output == "softmax" else [0, 0.5, 1])
