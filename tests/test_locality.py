"""Every synapse learns from what it can see alone, in the code that trains and in every setting."""

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_array

from sklearn_localnet import (
    PUBLISHED,
    LocalRuleClassifier,
    LocalRuleRegressor,
    _audit,
    _training,
    audit_locality,
)
from sklearn_localnet._microcircuit import Microcircuit

RATES = {"learning_rate_init": 0.01, "apical_rate": 0.01, "interneuron_rate": 0.02}
ONLINE = {**PUBLISHED, **RATES, "n_interneurons": None}
SETTINGS = {
    "default": {},
    "plain steps": {"solver": "sgd"},
    "one row": {"batch_size": 1},
    "online": ONLINE,
    "online, as many interneurons as neurons": {**ONLINE, "n_interneurons": "n_hidden"},
    "online, centred, with intercept": {**ONLINE, "centering_rate": 0.01, "fit_intercept": True},
    "undamped": {"gain_damping": 0.0},
    "not centred": {"centering_rate": None},
    "no intercept": {"fit_intercept": False},
    "no decay": {"alpha": 0.0},
    "one interneuron": {"n_interneurons": 1},
    "as many interneurons as neurons": {"n_interneurons": "n_hidden"},
    "raw targets": {"standardize_targets": False},
    "decaying rates": {"learning_rate_decay": 100.0},
}
# The table: what the updates of each kind of synapse depend on, of the cells that it joins.
POSTSYNAPTIC = {"its own output", "its own apical current", "its own inhibition"}
INTERNEURON = {"its own output", "its own interneuron activity"}
TABLE = {
    "basal_weights": {"its own input", *POSTSYNAPTIC},
    # What an intercept makes of the output is not seen: the output is changed through it.
    "basal_intercepts": POSTSYNAPTIC - {"its own output"},
    "apical_weights": {"its own output", "its own target"},
    "interneuron_weights": INTERNEURON,
    "pyramidal_to_interneuron_weights": INTERNEURON,
    "gain_trace": INTERNEURON,
    "back_trace": INTERNEURON,
    "readout_weights": {"its own output", "its own target", "its own prediction"},
    "readout_intercepts": {"its own target", "its own prediction"},
    "mean_activity": {"its own output"},
}
FORBIDDEN = {
    "basal_weights": {
        "another input", "another output", "another apical current", "another inhibition",
        "any interneuron activity", "any target", "any prediction", "any other weight",
    },
    "apical_weights": {
        "any input", "another output", "another apical current", "another inhibition",
        "any interneuron activity", "another target", "any other weight",
    },
    "interneuron_weights": {
        "any input", "another output", "another apical current", "its own inhibition",
        "another inhibition", "any target", "any prediction", "any other weight",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 6))
    Y = np.tanh(X @ rng.standard_normal((6, 3))) + 0.1 * rng.standard_normal((90, 3))
    return X, Y


def make(cls, Y, **changes):
    """An estimator, and targets of its kind."""
    parameters = {"hidden_layer_sizes": 5, "dtype": "float64", "random_state": 0, **changes}
    if cls is LocalRuleRegressor:
        return cls(**parameters), Y
    return cls(**parameters), Y.argmax(axis=1)


def dependencies(report):
    """What each kind of synapse was found to depend on."""
    found = {}
    for finding in report.findings:
        found.setdefault(finding.synapse, set())
        if finding.depends:
            found[finding.synapse].add(finding.quantity)
    return found


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_updates_depend_on_what_the_table_says_and_on_nothing_else(
    table, changes, interneurons, cls
):
    model, y = make(cls, table[1], **{**changes, "interneurons": interneurons})
    report = audit_locality(model, table[0], y)
    assert report.violations == []
    found = dependencies(report)
    assert {"basal_weights", "apical_weights", "interneuron_weights"} <= set(found)
    assert ("pyramidal_to_interneuron_weights" in found) == (interneurons == "decoupled")
    gate = found.pop("gate (broadcast)", set())
    assert gate <= {"any apical current", "any inhibition", "any interneuron activity"}
    for synapse, quantities in found.items():
        expected = TABLE[synapse]
        if model.activation == "identity":  # its slope is one whatever the output
            expected = expected - ({"its own output"} if synapse == "basal_weights" else set())
        if synapse.startswith("readout") and cls is LocalRuleClassifier:
            expected = expected | {"another prediction"}  # softmax divides by one sum
        assert quantities == expected, synapse


EVERY = [
    *itertools.product(
        ["relu", "identity", "tanh", "logistic"],
        ["adam", "sgd"],
        ["tied", "decoupled", "target"],
        [None, "plateau", "surprise"],
        ["hebbian", "delta"],
        [1, "auto"],
    )
]


@pytest.mark.parametrize("setting", EVERY, ids=lambda setting: "-".join(map(str, setting)))
def test_no_combination_of_options_lets_a_synapse_see_more(table, setting):
    activation, solver, interneurons, modulation, readout, batch_size = setting
    options = {
        "activation": activation, "solver": solver, "interneurons": interneurons,
        "modulation": modulation, "batch_size": batch_size,
    }  # fmt: skip
    for cls, delta in ((LocalRuleClassifier, "softmax"), (LocalRuleRegressor, "linear")):
        rule = {"readout": delta if readout == "delta" else "hebbian"}
        model, y = make(cls, table[1], dtype="float32", **options, **rule)
        report = audit_locality(model, table[0], y)
        assert report.violations == []
        found = dependencies(report)
        assert {"its own input", "its own apical current"} <= found["basal_weights"]
        assert found["apical_weights"] == TABLE["apical_weights"]
        driven = "apical_weights" if interneurons == "target" else "interneuron_weights"
        assert found["interneuron_weights"] == TABLE[driven]


def test_what_a_synapse_must_not_see_is_tried(table):
    model, y = make(LocalRuleClassifier, table[1])
    findings = audit_locality(model, table[0], y).findings
    for synapse, quantities in FORBIDDEN.items():
        tried = {row.quantity for row in findings if row.synapse == synapse and not row.may}
        assert quantities <= tried, synapse


def test_every_array_that_a_circuit_learns_is_audited(table):
    model, y = make(LocalRuleClassifier, table[1], interneurons="decoupled")
    circuit = _audit._started(model, table[0], y).circuit
    learnt = {name for name, value in circuit.history.items() if np.ndim(value)}
    learnt -= {"first_sum", "second_sum"}  # each moves its own synapse in the very same step
    assert learnt | set(circuit.weights) == set(_audit.AXES) == set(_audit.MAY_SEE) == set(TABLE)


@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
def test_the_cut_wires_leave_every_other_compartment_as_it_is_to_the_bit(table, readout):
    model, y = make(LocalRuleClassifier, table[1], interneurons="decoupled", readout=readout)
    trainer = _audit._started(model, table[0], y)
    design = trainer.circuit.design
    for experiment, touched in _audit._experiments(design).items():
        state = _audit._state(trainer, 30)
        parts = []
        steps = experiment(state)
        for _ in range(2):
            next(steps, None)
            circuit = Microcircuit(design, state.weights, state.history)
            parts.append(circuit.compartments(state.x, state.y))
        for name, part in parts[0].items():
            axis = "interneuron" if name == "interneuron" else "neuron"
            changed = np.flatnonzero(np.any(part != parts[1][name], axis=0))
            mine = [state.at[axis]] if axis in touched.values() else []
            assert set(changed) <= set(mine), (experiment.__name__, name)


@pytest.mark.parametrize(
    ("modulation", "sources", "foreign"),
    [
        ("plateau", {"any apical current", "any inhibition"}, {"any prediction"}),
        ("surprise", {"any prediction", "any target"}, {"any apical current", "any inhibition"}),
    ],
)
def test_a_gate_is_shown_with_what_it_is_made_of(table, modulation, sources, foreign):
    model, y = make(LocalRuleClassifier, table[1], modulation=modulation)
    report = audit_locality(model, table[0], y)
    gate = dependencies(report)["gate (broadcast)"]
    assert sources <= gate
    assert not foreign & gate
    assert report.violations == []


@pytest.mark.parametrize("changes", [{}, ONLINE])
def test_sparse_tables_labels_and_binary_targets_are_audited_too(table, changes):
    X, Y = table
    for y in (Y[:, 0] > 0, (Y > 0).astype(int)):
        model, _ = make(LocalRuleClassifier, Y, **changes)
        assert audit_locality(model, csr_array(X), y).violations == []
    model, _ = make(LocalRuleRegressor, Y, early_stopping=True)
    assert audit_locality(model, X, Y[:, 0]).violations == []


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_table_too_short_to_tell_the_size_of_inputs_is_audited_too(table, batch_size):
    X, Y = table
    model, y = make(LocalRuleClassifier, Y[:6], batch_size=batch_size)
    assert audit_locality(model, X[:6], y).violations == []


def test_the_estimator_is_left_as_it_is(table):
    model, y = make(LocalRuleClassifier, table[1])
    audit_locality(model, table[0], y)
    assert set(vars(model)) == set(vars(make(LocalRuleClassifier, table[1])[0]))


def test_the_report_is_a_table_to_read(table):
    model, y = make(LocalRuleClassifier, table[1])
    report = audit_locality(model, table[0], y)
    lines = str(report).splitlines()
    assert lines[0].split() == ["synapse", "quantity", "depends", "may"]
    assert lines[-1] == "violations: none"
    assert len(lines) == len(report.findings) + 2
    assert len(set(lines)) == len(lines)
    assert repr(report) == str(report)


# Rules that are not local, planted into the code that trains


def backpropagation(circuit, x, y):
    error = y - circuit.scores(circuit.activity(x)[1])
    circuit.basal_weights += 1e-3 * (error @ circuit.readout_weights).T @ x


def error_on_apical_dendrites(circuit, x, y):
    error = y - circuit.scores(circuit.activity(x)[1])
    circuit.basal_weights += 1e-3 * (error @ circuit.apical_weights.T).T @ x


def other_synapses_of_the_neuron(circuit, x, y):
    circuit.basal_weights += 1e-3 * circuit.basal_weights.sum(axis=1, keepdims=True)


def other_neurons(circuit, x, y):
    circuit.basal_weights += 1e-3 * np.roll(circuit.activity(x)[1], 1, axis=1).T @ x


def norm_over_neurons(circuit, x, y):
    plateau = circuit.compartments(x, y)["plateau"]
    circuit.basal_weights += 1e-3 * (plateau / np.linalg.norm(plateau)).T @ x


def norm_of_the_weights(circuit, x, y):
    circuit.basal_weights *= 0.99 / np.linalg.norm(circuit.basal_weights)


def whitened_inputs(circuit, x, y):
    covariance = x.T @ x + np.eye(x.shape[1])
    plateau = circuit.compartments(x, y)["plateau"]
    circuit.basal_weights += 1e-3 * plateau.T @ x @ np.linalg.inv(covariance)


def plateau_in_the_apical_synapses(circuit, x, y):
    circuit.apical_weights += 1e-3 * circuit.compartments(x, y)["plateau"].T @ y


def inverse_of_the_gain(circuit, x, y):
    z = circuit.activity(x)[1]
    circuit.interneuron_weights += 1e-3 * np.linalg.inv(z.T @ z + np.eye(z.shape[1])) @ z.T @ y


def inputs_in_the_interneuron_synapses(circuit, x, y):
    circuit.interneuron_weights += 1e-3 * x.sum()


def errors_of_other_outputs(circuit, x, y):
    z = circuit.activity(x)[1]
    circuit.readout_weights += 1e-3 * np.roll(y - circuit.scores(z), 1, axis=1).T @ z


def hidden_in_a_trace(circuit, x, y):
    circuit.gain_trace += 1e-3 * circuit.compartments(x, y)["apical"].T @ y


PLANTED = [
    (backpropagation, "basal_weights", "any prediction"),
    (error_on_apical_dendrites, "basal_weights", "any prediction"),
    (other_synapses_of_the_neuron, "basal_weights", "any other weight"),
    (other_neurons, "basal_weights", "another output"),
    (norm_over_neurons, "basal_weights", "another apical current"),
    (norm_of_the_weights, "basal_weights", "any other weight"),
    (whitened_inputs, "basal_weights", "another input"),
    (plateau_in_the_apical_synapses, "apical_weights", "its own inhibition"),
    (inverse_of_the_gain, "interneuron_weights", "another output"),
    (inputs_in_the_interneuron_synapses, "interneuron_weights", "any input"),
    (errors_of_other_outputs, "readout_weights", "another target"),
    (hidden_in_a_trace, "gain_trace", "any target"),
]


@pytest.mark.parametrize(("rule", "synapse", "quantity"), PLANTED, ids=lambda part: str(part))
def test_a_planted_rule_that_is_not_local_is_found(table, monkeypatch, rule, synapse, quantity):
    learn = Microcircuit.learn

    def planted(self, x, y, *rest):
        loss = learn(self, x, y, *rest)
        rule(self, x, y)
        return loss

    model, Y = make(LocalRuleRegressor, table[1])
    assert audit_locality(model, table[0], Y).violations == []
    monkeypatch.setattr(Microcircuit, "learn", planted)
    report = audit_locality(model, table[0], Y)
    assert (synapse, quantity, True, False) in report.violations
    assert f"{synapse} on {quantity}" in str(report).splitlines()[-1]


ONLINE_PLANTED = [plant for plant in PLANTED if "_trace" not in plant[1] + plant[0].__name__]


@pytest.mark.parametrize(("rule", "synapse", "quantity"), ONLINE_PLANTED[1:-1])
def test_a_planted_rule_is_found_in_the_blocks_of_the_online_rule(
    table, monkeypatch, rule, synapse, quantity
):
    learn_rows = _training.learn_rows

    def planted(circuit, x, y, rates):
        errors = learn_rows(circuit, x, y, rates)
        rule(circuit, x, y)
        return errors

    model, Y = make(LocalRuleRegressor, table[1], **ONLINE)
    monkeypatch.setattr(_training, "learn_rows", planted)
    report = audit_locality(model, table[0], Y)
    assert (synapse, quantity, True, False) in report.violations
