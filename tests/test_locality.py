"""Every synapse learns from what it can see alone, in the code that trains and in every setting."""

import itertools

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, audit_locality, published
from sklearn_localnet.network._blocks import Blocks, _Block
from sklearn_localnet.network._buffered import Buffered
from sklearn_localnet.network._readout import Linear
from sklearn_localnet.rules import Microcircuit

RATES = {"learning_rate_init": 0.01, "apical_rate": 0.01, "interneuron_rate": 0.02}
ONLINE = published(**RATES)
CENTRED = published(**RATES, centering_rate=0.01, fit_intercept=True, n_interneurons=3)
# What the updates of each kind of synapse depend on, of the cells that it joins.
INTERNEURON = {"its own output", "its own interneuron"}
TABLE = {
    "basal_weights": {"its own input", "its own slope", "its own teaching"},
    "basal_intercepts": {"its own slope", "its own teaching"},
    "mean_activity": {"its own fired"},
    "apical_weights": {"its own output", "its own target"},
    "interneuron_weights": INTERNEURON,
    "pyramidal_to_interneuron_weights": INTERNEURON,
    "gain_trace": INTERNEURON,
    "back_trace": INTERNEURON,
    "readout_weights_": {"its own output", "its own error"},
    "readout_intercepts_": {"its own error"},
}
OF_SYNAPSES = {"its own weight", "its own update", "gate (broadcast)"}
SETTINGS = {
    "default": {},
    "two layers": {"hidden_layer_sizes": (5, 4)},
    "three layers, plain steps": {"hidden_layer_sizes": (5, 4, 6), "solver": "sgd"},
    "one row": {"batch_size": 1},
    "online": ONLINE,
    "online, two layers": {**CENTRED, "hidden_layer_sizes": (5, 4)},
    "damped": {"rule": Microcircuit(gain_damping=0.4)},
    "decoupled": {"rule": Microcircuit(interneurons="decoupled")},
    "damped, decoupled": {"rule": Microcircuit(gain_damping=0.4, interneurons="decoupled")},
    "as many interneurons as neurons": {"rule": Microcircuit(n_interneurons="n_hidden")},
    "one interneuron": {"rule": Microcircuit(n_interneurons=1)},
    "not centred": {"centering_rate": None},
    "no intercept": {"fit_intercept": False},
    "no decay": {"alpha": 0.0},
    "raw targets": {"standardize_targets": False},
    "decaying rates": {"learning_rate_decay": 100.0},
}


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
    """What each kind of synapse, without its layer, was found to depend on."""
    found = {}
    for finding in report.findings:
        known = found.setdefault(finding.synapse.rpartition(".")[2], set())
        if finding.depends:
            known.add(finding.quantity)
    return found


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_updates_depend_on_what_the_table_says_and_nothing_else(table, changes, cls):
    model, y = make(cls, table[1], **changes)
    report = audit_locality(model, table[0], y)
    assert report.violations == []
    found = dependencies(report)
    own = {"basal_weights", "apical_weights", "interneuron_weights"}
    assert own <= set(found)
    for synapse in set(TABLE) & set(found):
        assert found[synapse] - OF_SYNAPSES == TABLE[synapse], synapse


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
        "activation": activation,
        "solver": solver,
        "rule": Microcircuit(interneurons=interneurons),
        "modulation": modulation,
        "batch_size": batch_size,
        "hidden_layer_sizes": (5, 4),
    }
    for cls, delta in ((LocalRuleClassifier, "softmax"), (LocalRuleRegressor, "linear")):
        how = {"readout": delta if readout == "delta" else "hebbian"}
        model, y = make(cls, table[1], **{"dtype": "float32", **options, **how})
        report = audit_locality(model, table[0], y)
        assert report.violations == []
        found = dependencies(report)
        assert TABLE["basal_weights"] <= found["basal_weights"]
        driven = "apical_weights" if interneurons == "target" else "interneuron_weights"
        assert found["interneuron_weights"] - OF_SYNAPSES == TABLE[driven]


def test_what_a_synapse_must_not_see_is_tried(table):
    model, y = make(LocalRuleClassifier, table[1])
    findings = audit_locality(model, table[0], y).findings
    tried = {(row.synapse.rpartition(".")[2], row.quantity) for row in findings if not row.may}
    cells = ["input", "output", "slope", "teaching", "apical", "inhibition", "interneuron"]
    for synapse in ("basal_weights", "apical_weights", "interneuron_weights"):
        for quantity in [*(f"another {cell}" for cell in cells), "another target"]:
            assert (synapse, quantity) in tried
        assert (synapse, "another weight") in tried
        assert (synapse, "another update") in tried
    assert ("readout_weights_", "another error") in tried


@pytest.mark.parametrize("hidden", [5, (5, 4)])
def test_every_array_that_a_network_learns_is_audited(table, hidden):
    rule = Microcircuit(interneurons="decoupled")
    model, y = make(LocalRuleClassifier, table[1], rule=rule, hidden_layer_sizes=hidden)
    audited = {row.synapse for row in audit_locality(model, table[0], y).findings}
    model.partial_fit(table[0], y, classes=np.unique(y))
    kinds = model._plan().synapses
    for place, arrays in enumerate(model._memory["labile"][:-1]):
        learnt = {f"layers_[{place}].{name}" for name in arrays if kinds[place][name].sees}
        assert learnt <= audited
        assert len(learnt) == len(arrays) - (place == 0)  # limits of inputs stay
    assert {"readout_weights_", "readout_intercepts_"} <= audited


@pytest.mark.parametrize(("modulation", "source"), [("plateau", "teaching"), ("surprise", "error")])
def test_a_gate_is_shown_with_what_it_is_made_of(table, modulation, source):
    model, y = make(LocalRuleClassifier, table[1], modulation=modulation)
    report = audit_locality(model, table[0], y)
    assert dependencies(report)["gate"] == {f"any {source}"}
    assert report.violations == []


@pytest.mark.parametrize("changes", [{}, ONLINE, {"hidden_layer_sizes": (4, 3)}])
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


def test_a_pipeline_is_audited_at_its_end_and_left_as_it_is(table):
    model, y = make(LocalRuleClassifier, table[1])
    pipeline = make_pipeline(StandardScaler(), model)
    scaled = StandardScaler().fit_transform(table[0])
    report = audit_locality(pipeline, table[0], y)
    assert report == audit_locality(model, scaled, y)
    assert not hasattr(pipeline[0], "mean_")
    assert set(vars(model)) == set(vars(make(LocalRuleClassifier, table[1])[0]))
    nested = make_pipeline(make_pipeline("passthrough"), make_pipeline(StandardScaler(), model))
    assert report == audit_locality(make_pipeline(nested), table[0], y)


@pytest.mark.parametrize("wrap", [lambda model: model, make_pipeline])
@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (LogisticRegression(), "LogisticRegression"),
        (StandardScaler(), "StandardScaler"),
        (GridSearchCV(LocalRuleClassifier(), {}), "GridSearchCV"),
        (Pipeline([]), "Pipeline"),
        (LocalRuleClassifier, "the class LocalRuleClassifier"),
        (Microcircuit(), "Microcircuit"),
        (None, "NoneType"),
    ],
)
def test_another_estimator_is_refused_by_its_name(table, estimator, named, wrap):
    with pytest.raises(TypeError, match=f"audit_locality takes .* got {named}"):
        audit_locality(wrap(estimator), table[0], table[1].argmax(axis=1))


def test_tables_that_cannot_be_audited_are_refused_by_name(table):
    model, y = make(LocalRuleClassifier, table[1])
    for X, targets, culprit in (
        (table[0], y[:-1], "X has 90 rows and y has 89"),
        (table[0][:-1], y, "X has 89 rows and y has 90"),
        (table[0], None, r"\by\b"),
        (None, y, r"\bX\b"),
    ):
        with pytest.raises((ValueError, TypeError), match=culprit):
            audit_locality(model, X, targets)


def test_the_report_is_a_table_to_read(table):
    model, y = make(LocalRuleClassifier, table[1])
    report = audit_locality(model, table[0], y)
    lines = str(report).splitlines()
    assert lines[0].split()[-2:] == ["depends", "may"]
    assert lines[-1] == "violations: none"
    assert len(lines) == len(report.findings) + 2
    assert len(set(lines)) == len(lines)
    assert repr(report) == str(report)


# Rules that are not local: each is the microcircuit but for one thing


class Planted(Microcircuit):
    """Adds to directions what ``plant(layer, cells, share)`` gives, by name."""

    plant = None

    def changes(self, layer, cells, share):
        directions = super().changes(layer, cells, share)
        directions["basal_weights"] = (cells["drive"] * share[:, None]).T @ cells["input"]
        for name, more in type(self).plant(layer, cells, share).items():
            directions[name] = directions[name] + more
        return directions


def other_synapses_of_the_neuron(layer, cells, share):
    return {"basal_weights": layer["basal_weights"].sum(axis=1, keepdims=True)}


def other_neurons(layer, cells, share):
    return {"basal_weights": np.roll(cells["output"], 1, axis=1).T @ cells["input"]}


def norm_of_the_weights(layer, cells, share):
    return {"basal_weights": -layer["basal_weights"] / np.linalg.norm(layer["basal_weights"])}


def whitened_inputs(layer, cells, share):
    x = cells["input"]
    return {"basal_weights": cells["drive"].T @ x @ np.linalg.inv(x.T @ x + np.eye(x.shape[1]))}


def plateau_in_the_apical_synapses(layer, cells, share):
    return {"apical_weights": cells["plateau"].T @ cells["target"]}


def inverse_of_the_gain(layer, cells, share):
    z = cells["output"]
    return {
        "interneuron_weights": np.linalg.inv(z.T @ z + np.eye(z.shape[1])) @ z.T @ cells["target"]
    }


def inputs_in_the_interneuron_synapses(layer, cells, share):
    return {"interneuron_weights": cells["input"].sum()}


def hidden_in_a_trace(layer, cells, share):
    return {"gain_trace": cells["apical"].T @ cells["target"]}


def apical_synapses_in_the_trace(layer, cells, share):
    return {"gain_trace": layer["apical_weights"].sum()}


PLANTS = [
    (other_synapses_of_the_neuron, "basal_weights", "another weight"),
    (other_neurons, "basal_weights", "another output"),
    (norm_of_the_weights, "basal_weights", "another weight"),
    (whitened_inputs, "basal_weights", "another input"),
    (plateau_in_the_apical_synapses, "apical_weights", "its own plateau"),
    (inverse_of_the_gain, "interneuron_weights", "another output"),
    (inputs_in_the_interneuron_synapses, "interneuron_weights", "another input"),
    (hidden_in_a_trace, "gain_trace", "its own apical"),
    (apical_synapses_in_the_trace, "gain_trace", "another weight"),
]


@pytest.mark.parametrize("hidden", [5, (5, 4)])
@pytest.mark.parametrize(
    ("plant", "synapse", "quantity"), PLANTS, ids=lambda part: getattr(part, "__name__", part)
)
def test_changes_that_are_not_local_are_found(table, plant, synapse, quantity, hidden):
    kind = type("Rule", (Planted,), {"plant": staticmethod(plant)})
    rule = kind(n_interneurons="n_targets", gain_damping=0.4)
    model, Y = make(LocalRuleRegressor, table[1], rule=rule, hidden_layer_sizes=hidden)
    report = audit_locality(model, table[0], Y)
    for place in range(np.size(hidden)):
        path = f"layers_[{place}].{synapse}"
        assert (path, quantity, True, False) in report.violations
        assert f"{path} on {quantity}" in str(report).splitlines()[-1]


class Teaching(Microcircuit):
    """Exchanges what teaches each layer for what ``teach(layers, forward, held, error)`` gives."""

    teach = None

    def perceive(self, layers, forward, target, error):
        held = super().perceive(layers, forward, target, error)
        for place, cells in enumerate(held):
            cells["teaching"] = type(self).teach(layers, place, held, error)
        return held


def backpropagation(layers, place, held, error):
    signal, above = error, layers[-1]["readout_weights"]
    for i in reversed(range(place, len(held))):
        signal = signal @ above
        above, taught = layers[i]["basal_weights"], signal
        signal = held[i]["slope"] * signal
    return taught


def signs_of_forward_weights(layers, place, held, error):
    above = [*(layer["basal_weights"] for layer in layers[1:-1]), layers[-1]["readout_weights"]]
    return error.sum(axis=1, keepdims=True) * np.sign(above[place]).sum(axis=0)


def error_on_the_apical_dendrites(layers, place, held, error):
    return held[place]["plateau"] + error @ layers[place]["apical_weights"].T


def norm_over_neurons(layers, place, held, error):
    plateau = held[place]["plateau"]
    return plateau / (1 + np.linalg.norm(plateau, axis=1, keepdims=True))


def the_neighbours_output(layers, place, held, error):
    return held[place]["plateau"] + np.roll(held[place]["output"], 1, axis=1)


def the_neighbours_plateau(layers, place, held, error):
    return held[place]["plateau"] + np.roll(held[place]["plateau"], 1, axis=1)


def the_plateau_of_another_layer(layers, place, held, error):
    return held[place]["plateau"] + held[place - 1]["plateau"][:, :1]


def inputs_beside_the_synapses(layers, place, held, error):
    return held[place]["plateau"] + held[place]["input"].sum(axis=1, keepdims=True)


TEACHERS = [
    (backpropagation, "forward weights: readout_weights_"),
    (signs_of_forward_weights, "any error beside wires"),
    (error_on_the_apical_dendrites, "any error beside wires"),
    (norm_over_neurons, "another apical"),
    (the_neighbours_output, "another output beside wires"),
    (the_neighbours_plateau, "another apical"),
    (inputs_beside_the_synapses, "any input beside wires"),
]


@pytest.mark.parametrize("hidden", [5, (5, 4)])
@pytest.mark.parametrize(
    ("teach", "quantity"), TEACHERS, ids=lambda part: getattr(part, "__name__", part)
)
def test_a_teaching_signal_that_is_not_local_is_found(table, teach, quantity, hidden):
    rule = type("Rule", (Teaching,), {"teach": staticmethod(teach)})()
    model, Y = make(LocalRuleRegressor, table[1], rule=rule, hidden_layer_sizes=hidden)
    report = audit_locality(model, table[0], Y)
    for place in range(np.size(hidden)):
        assert (f"layers_[{place}].teaching", quantity, True, False) in report.violations


def test_signals_between_layers_need_wires(table):
    rule = type("Rule", (Teaching,), {"teach": staticmethod(the_plateau_of_another_layer)})()
    model, Y = make(LocalRuleRegressor, table[1], rule=rule, hidden_layer_sizes=(5, 4))
    violations = audit_locality(model, table[0], Y).violations
    assert ("layers_[1].teaching", "any target beside wires", True, False) in violations


def test_a_current_that_is_not_the_sum_over_its_wire_is_found(table):
    class Louder(Microcircuit):
        def _circuit(self, layer, cells, target):
            held = super()._circuit(layer, cells, target)
            return held | {"apical": 2 * held["apical"]}

    model, Y = make(LocalRuleRegressor, table[1], rule=Louder())
    violations = audit_locality(model, table[0], Y).violations
    assert ("layers_[0].apical", "more than its wire", True, False) in violations


# Code of the network itself that is not local


def test_steps_that_share_a_norm_are_found(table, monkeypatch):
    move = Buffered.move

    def clipped(engine, directions, rates):
        norm = np.sqrt(sum(np.sum(d**2) for part in directions for d in part.values()))
        move(engine, [{n: d / norm for n, d in part.items()} for part in directions], rates)

    model, Y = make(LocalRuleRegressor, table[1])
    monkeypatch.setattr(Buffered, "move", clipped)
    violations = audit_locality(model, table[0], Y).violations
    assert ("layers_[0].basal_weights", "another update", True, False) in violations


def test_errors_of_other_outputs_in_the_readout_are_found(table, monkeypatch):
    changes = Linear.changes

    def mixed(readout, arrays, cells, share):
        other = cells | {"error": np.roll(cells["error"], 1, axis=1)}
        return changes(readout, arrays, other, share)

    model, Y = make(LocalRuleRegressor, table[1])
    monkeypatch.setattr(Linear, "changes", mixed)
    violations = audit_locality(model, table[0], Y).violations
    assert ("readout_weights_", "another error", True, False) in violations


def test_what_training_does_beside_the_audited_parts_is_found(table, monkeypatch):
    learn = Buffered.learn

    def planted(engine, batch, rates):
        loss = learn(engine, batch, rates)
        engine.labile[0]["basal_weights"] += 1e-3
        return loss

    model, Y = make(LocalRuleRegressor, table[1])
    monkeypatch.setattr(Buffered, "learn", planted)
    violations = audit_locality(model, table[0], Y).violations
    assert ("layers_[0].basal_weights", "anything but these parts", True, False) in violations


@pytest.mark.parametrize("hidden", [5, (5, 4)])
def test_what_blocks_of_rows_do_beside_the_equations_is_found(table, hidden, monkeypatch):
    close = _Block.close

    def planted(block):
        close(block)
        block.layer["interneuron_weights"] += 1e-3 * np.linalg.norm(block.z)

    model, Y = make(LocalRuleRegressor, table[1], **{**ONLINE, "hidden_layer_sizes": hidden})
    assert audit_locality(model, table[0], Y).violations == []
    monkeypatch.setattr(_Block, "close", planted)
    violations = audit_locality(model, table[0], Y).violations
    for place in range(np.size(hidden)):
        path = f"layers_[{place}].interneuron_weights"
        assert (path, "anything but these parts", True, False) in violations


def test_the_published_rule_is_audited_as_it_trains(table):
    model, Y = make(LocalRuleRegressor, table[1], **ONLINE)
    model.partial_fit(table[0], Y)
    plan = model._plan()
    feed = model._feed(plan, table[0], Y, model._encoder(), None, running=False)
    assert type(model._trainer(plan, feed).engine) is Blocks
