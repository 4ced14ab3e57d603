"""Rules by name and of one's own: what their papers say of them, and errors for broken ones."""

import pickle
from collections.abc import Mapping

import numpy as np
import pytest
import small
from array_api_strict import asarray as strict
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone, is_regressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import ACTIVATIONS, table, values

from sklearn_localnet import LocalRuleClassifier
from sklearn_localnet.network._buffered import Buffered
from sklearn_localnet.network._reference import Reference
from sklearn_localnet.network._steps import Rates
from sklearn_localnet.rules import (
    RULES,
    DirectFeedbackAlignment,
    FeedbackAlignment,
    KolenPollack,
    PredictiveCoding,
    Rule,
    Synapse,
    TargetPropagation,
    Wire,
    make_rule,
)

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

OTHERS = sorted(RULES.keys() - {"microcircuit"})
LEARNED = ["kolen_pollack", "predictive_coding", "target_propagation"]


def classifier(sizes=20, **parameters):
    return small.classifier(**parameters).set_params(hidden_layer_sizes=sizes)


def regressor(sizes=20, **parameters):
    return small.regressor(**parameters).set_params(hidden_layer_sizes=sizes)


def begun(model, X, y):
    """Engine of a network that has had one epoch, in float64, and all rows as a batch."""
    model.set_params(dtype="float64", max_iter=1).fit(X, y)
    codes = model._encoder().codes(y)
    plan = model._plan()
    feed = model._feed(plan, X, codes, model._encoder(), None, running=False)
    return model._trainer(plan, feed, len(X)).engine, feed.batch(slice(0, len(X)))


def rates(step=0.01, weight_decay=0.0):
    return Rates(step, divisor=1.0, centering=0.01, weight_decay=weight_decay, span=1000)


def with_state(engine, kind, convert=np.copy):
    """Another engine with the weights of this one, which has made no steps yet."""
    labile = [{name: convert(array) for name, array in held.items()} for held in engine.labile]
    return kind(engine.plan, engine.state._replace(labile=labile, average=None, moments=[]))


def cosine(a, b):
    return (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())


# Backpropagation


@pytest.mark.parametrize("sizes", [(4,), (4, 3), (4, 3, 5)])
@pytest.mark.parametrize("kind", ["values", "multiclass", "multilabel"])
def test_backpropagation_is_the_gradient(sizes, kind):
    make, (X, y) = (regressor, values(2)) if kind == "values" else (classifier, table(kind))
    model = make(rule="backpropagation", activation="tanh", modulation=None)
    engine, batch = begun(model.set_params(hidden_layer_sizes=sizes), X.astype(float)[:60], y[:60])
    layers = engine.layers()
    cells, _ = engine.perceive(layers, batch)
    part = 0.5 if kind == "values" else 1.0  # dW is half of what the squared loss has
    for place, held in enumerate(cells[:-1]):
        direction = (held["drive"] * batch.share[:, None]).T @ held["input"]
        slope = np.zeros_like(direction)
        weights = layers[place]["basal_weights"]
        for at in np.ndindex(weights.shape):
            losses = []
            for step in (2e-6, -2e-6):
                moved = weights.copy()
                moved[at] += step
                changed = [*layers]
                changed[place] = layers[place] | {"basal_weights": moved}
                losses.append(engine.perceive(changed, batch)[1])
            slope[at] = (losses[0] - losses[1]) / 4e-6
        assert_allclose(direction, -part * slope, rtol=1e-5, atol=1e-9)


# Feedback alignment, direct or layer by layer


@pytest.mark.parametrize("rule", ["feedback_alignment", "direct_feedback_alignment"])
@pytest.mark.parametrize("sizes", [(30,), (30, 20)])
def test_signal_of_fixed_feedback_turns_to_backprops(rule, sizes):
    X, y = table("multiclass")
    model = LocalRuleClassifier(sizes, "tanh", rule=rule, random_state=0, alpha=1.0)
    model.set_params(modulation=None, max_iter=200, tol=0, n_iter_no_change=200)

    def alignment():
        pairs = zip(model.compartments(X, y), model._backprop_signal(X, y), strict=True)
        return [cosine(held.teaching, signal) for held, signal in pairs]

    model.partial_fit(X, y, classes=np.unique(y))
    before, wires = alignment(), [layer.feedback_weights.copy() for layer in model.layers_]
    model.fit(X, y)
    for early, late in zip(before, alignment(), strict=True):
        assert late > early + 0.2
        assert late > 0.3
    for layer, feedback in zip(model.layers_, wires, strict=True):
        assert_array_equal(layer.feedback_weights, feedback)  # the same seed, and never changed


def test_direct_feedback_comes_from_the_outputs_alone():
    X, y = values(2)
    model = regressor(rule="direct_feedback_alignment", sizes=(7, 5))
    engine, batch = begun(model, X.astype(float), y)
    cells, _ = engine.perceive(engine.layers(), batch)
    for layer, held in zip(engine.labile[:-1], cells[:-1], strict=True):
        assert layer["feedback_weights"].shape[1] == 2
        assert_array_equal(held["teaching"], cells[-1]["error"] @ layer["feedback_weights"].T)
    assert model.rule == "direct_feedback_alignment"
    assert DirectFeedbackAlignment().wires == (Wire("teaching", "feedback_weights", "error"),)


def test_scale_is_the_size_of_feedback():
    rng = np.random.default_rng(0)
    layers = [{"basal_weights": np.zeros((400, 3))}, {"readout_weights": np.zeros((50, 400))}]
    (arrays,) = FeedbackAlignment(scale=2.0).start(rng, layers, None)
    assert_allclose(arrays["feedback_weights"].std(), 2 / np.sqrt(400), rtol=0.02)


# Kolen and Pollack


def feedback_gaps(engine):
    """B - W^T of each layer, W the weights of the next or of the readout."""
    above = [layer["basal_weights"] for layer in engine.labile[1:-1]]
    above.append(engine.labile[-1]["readout_weights"])
    held = zip(engine.labile[:-1], above, strict=True)
    return [layer["feedback_weights"] - weights.T for layer, weights in held]


@pytest.mark.parametrize("engine", [Reference, Buffered])
@pytest.mark.parametrize("modulation", [None, "plateau", "surprise"])
@pytest.mark.parametrize(
    ("solver", "rule"),
    [("adam", "kolen_pollack"), ("sgd", "kolen_pollack"), ("adam", "predictive_coding")],
)
def test_learned_feedback_moves_as_the_forward_weights(engine, modulation, solver, rule):
    X, y = table("multiclass")
    model = classifier(rule=rule, sizes=(9, 7, 8), modulation=modulation, solver=solver)
    started, batch = begun(model, X.astype(float), y)
    learner = with_state(started, engine)
    before = feedback_gaps(learner)
    for _ in range(12):
        learner.learn(batch, rates(weight_decay=0.03))
    for gap, start in zip(feedback_gaps(learner), before, strict=True):
        assert abs(start).max() > 0.1
        assert_allclose(gap, 0.97**12 * start, atol=1e-9)


def test_learned_feedback_becomes_the_transposed_forward_weights():
    X, y = table("multiclass")
    model = LocalRuleClassifier((20, 15), rule="kolen_pollack", alpha=20, random_state=0)
    for _ in range(300):
        model.partial_fit(X, y, classes=np.unique(y))
    lower, upper = model.layers_
    assert cosine(lower.feedback_weights, upper.basal_weights.T) > 0.999
    assert cosine(upper.feedback_weights, model.readout_weights_.T) > 0.999
    signals = model._backprop_signal(X, y)
    for held, signal in zip(model.compartments(X, y), signals, strict=True):
        assert cosine(held.teaching, signal) > 0.999


@pytest.mark.parametrize("rule", LEARNED)
def test_learned_feedback_becomes_that_of_a_hebbian_readout(rule):
    X, y = table("multiclass")
    model = classifier(rule=rule, readout="hebbian", learning_rate_init=1e-4, batch_size=15)
    layer = model.set_params(max_iter=150, n_iter_no_change=150).fit(X, y).layers_[0]
    feedback = layer["inverse_weights" if rule == "target_propagation" else "feedback_weights"]
    assert cosine(feedback, model.readout_weights_.T) > 0.99


# Target propagation


@pytest.mark.parametrize("sizes", [(20, 15), (10, 20, 10)])
def test_inverses_learn_to_reconstruct(sizes):
    X, y = table("multiclass")
    model = LocalRuleClassifier(sizes, rule="target_propagation", random_state=0)

    def missed():
        outputs = [held.output for held in model.compartments(X, y)]
        lost = []
        for layer, below, above in zip(model.layers_[:-1], outputs, outputs[1:], strict=False):
            lost.append(((below - above @ layer.inverse_weights.T) ** 2).sum() / (below**2).sum())
        return lost

    model.partial_fit(X, y, classes=np.unique(y))
    before = missed()
    after = [model.fit(X, y), missed()][1]
    for early, late in zip(before, after, strict=True):
        assert late < min(0.5 * early, 0.4)


def test_targets_are_what_inverses_make_of_the_targets_above():
    X, y = values(2)
    engine, batch = begun(
        regressor(rule=TargetPropagation(pace=0.7), sizes=(8, 6)), X.astype(float), y
    )
    layers = engine.layers()
    (lower, upper, top), _ = engine.perceive(layers, batch)
    v = layers[0]["inverse_weights"]
    above = upper["output"] + upper["teaching"]
    target = lower["output"] + above @ v.T - upper["output"] @ v.T
    assert_allclose(lower["teaching"], target - lower["output"], atol=1e-12)
    assert_allclose(upper["teaching"], 0.7 * top["error"] @ layers[1]["inverse_weights"].T)
    change = engine.plan.rule.changes(layers[0], lower, batch.share)["inverse_weights"]
    missed = (lower["output"] - upper["output"] @ v.T) * batch.share[:, None]
    assert_allclose(change, missed.T @ upper["output"], atol=1e-12)


# Predictive coding


def test_errors_at_rest_are_backpropagations():
    X, y = table("multiclass")
    model = classifier(rule="predictive_coding", activation="tanh", sizes=(9, 7, 8))
    engine, batch = begun(model, X.astype(float), y)
    layers = engine.layers()
    above = [layers[1]["basal_weights"], layers[2]["basal_weights"], layers[3]["readout_weights"]]
    for layer, weights in zip(layers, above, strict=False):
        layer["feedback_weights"] = weights.T

    def teaching(rule):
        engine.plan = engine.plan._replace(rule=rule)
        return [held["teaching"] for held in engine.perceive(layers, batch)[0][:-1]]

    wanted = teaching(make_rule("backpropagation"))
    exact = teaching(PredictiveCoding(n_steps=3, pace=1.0))
    for found, signal in zip(exact, wanted, strict=True):
        assert_allclose(found, signal, atol=1e-15)
    gaps = [
        abs(teaching(PredictiveCoding(n_steps=n, pace=0.3))[0] - wanted[0]).max()
        / abs(wanted[0]).max()
        for n in (2, 5, 20, 100)
    ]
    assert gaps[0] == 1  # from the outputs to the lowest of three layers it takes three steps
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-10


# All of them


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rule", OTHERS)
def test_rules_learn(rule, solver, activation):
    X, y = table("multiclass")
    common = {"rule": rule, "activation": activation, "solver": solver, "alpha": 0.1}
    common |= {"sizes": (20, 10), "learning_rate_init": 0.02, "max_iter": 80}
    if solver == "sgd":  # with which direct feedback alignment diverges where it goes on for long
        common |= {"learning_rate_init": 0.025, "batch_size": 10, "n_iter_no_change": 20}
    for readout in ("softmax", "hebbian"):
        accuracy = classifier(readout=readout, **common).fit(X, y).score(X, y)
        assert accuracy > 0.4, readout  # of four classes
    X, y = values(None)
    for readout in ("linear", "hebbian"):
        explained = regressor(readout=readout, **common).fit(X, y).score(X, y)
        assert explained > 0.1, readout


@pytest.mark.parametrize("modulation", [None, "plateau"])
@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("rule", OTHERS)
def test_engines_agree(rule, solver, readout, modulation):
    X, y = table("multiclass")
    model = classifier(rule=rule, solver=solver, readout=readout, modulation=modulation)
    model.set_params(hidden_layer_sizes=(8, 6), learning_rate_init=0.01)
    started, batch = begun(model, X.astype(float), y)
    engines = [with_state(started, kind) for kind in (Reference, Buffered)]
    for _ in range(10):
        losses = [engine.learn(batch, rates(weight_decay=0.01)) for engine in engines]
        assert_allclose(*losses, rtol=1e-10)
    for one, other in zip(*(engine.state.weights for engine in engines), strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert_allclose(one[name], other[name], rtol=1e-8, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("modulation", [None, "plateau"])
@pytest.mark.parametrize("rule", OTHERS)
def test_rules_need_nothing_but_the_array_standard(rule, modulation):
    X, y = table("multiclass")
    model = classifier(rule=rule, modulation=modulation, sizes=(8, 6))
    started, batch = begun(model, X.astype(float), y)
    numpy = with_state(started, Reference)
    other = with_state(started, Reference, lambda array: strict(np.array(array)))
    arrays = [strict(np.array(array)) for array in batch[:4]]
    for _ in range(3):
        numpy.learn(batch, rates())
        other.learn(batch._replace(**dict(zip(batch._fields, arrays, strict=False))), rates())
    for one, two in zip(numpy.labile, other.labile, strict=True):
        for name, array in two.items():
            assert hasattr(array, "__array_namespace__")
            assert type(array).__module__.startswith("array_api_strict")
            assert_allclose(np.asarray(array), one[name], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("rule", OTHERS)
def test_rules_work_in_chunks_sparse_and_after_pickling(rule):
    X, y = table("binary")
    X = np.where(abs(X) < 0.5, 0, X)
    common = {"batch_size": 10, "activation": "tanh"}
    whole = classifier(rule=rule, **common).partial_fit(X, y, classes=[5, -5])
    parts = classifier(rule=make_rule(rule), **common)
    for first in range(0, 150, 30):
        rows = slice(first, first + 30)
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X[rows], y[rows], classes=[5, -5])))
    assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))
    sparse = classifier(rule=rule, **common).partial_fit(csr_array(X), y, classes=[5, -5])
    assert_allclose(sparse.predict_proba(X), whole.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("rule", [*LEARNED, "feedback_alignment", "direct_feedback_alignment"])
def test_parameters_of_rules_in_a_grid(rule):
    X, y = table("binary")
    pipeline = make_pipeline(StandardScaler(), classifier(rule=RULES[rule]()))
    name = "localruleclassifier__rule__scale"
    grid = GridSearchCV(pipeline, {name: [0.1, 2.0]}, cv=2).fit(X, y)
    best = grid.best_estimator_[-1].rule
    assert type(best) is RULES[rule]
    assert best.scale == grid.best_params_[name]
    assert clone(best).get_params() == best.get_params()
    assert classifier(rule=rule).set_params(rule__scale=0.5).rule.scale == 0.5


@pytest.mark.parametrize("rule", OTHERS)
def test_arrays_of_layers_are_those_declared(rule):
    X, y = values(2)
    model = regressor(rule=rule, sizes=(7, 5, 4)).fit(X, y)
    above = {"above": (5, 4, 2), "target": (2, 2, 2)}
    for place, (neurons, layer) in enumerate(zip((7, 5, 4), model.layers_, strict=True)):
        for name, kind in RULES[rule]().synapses.items():
            assert layer[name].shape == (neurons, above[kind.axes[1]][place])
    assert [held.teaching.shape[1] for held in model.compartments(X, y)] == [7, 5, 4]


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (FeedbackAlignment(scale=0.0), ValueError, "scale == 0.0"),
        (DirectFeedbackAlignment(scale="wide"), TypeError, "scale"),
        (KolenPollack(scale=-0.1), ValueError, "scale == -0.1"),
        (KolenPollack(scale=np.inf), ValueError, "scale == inf"),
        (TargetPropagation(pace=0), ValueError, "pace == 0"),
        (TargetPropagation(scale=-1), ValueError, "scale == -1"),
        (PredictiveCoding(n_steps=0), ValueError, "n_steps == 0"),
        (PredictiveCoding(n_steps=True), TypeError, "n_steps"),
        (PredictiveCoding(n_steps=2.5), TypeError, "n_steps"),
        (PredictiveCoding(pace=1.5), ValueError, "pace == 1.5"),
        (PredictiveCoding(scale=-1), ValueError, "scale == -1"),
    ],
)
def test_parameters_of_rules_are_checked(rule, error, message):
    with pytest.raises(error, match=message):
        classifier(rule=rule).fit(*table("binary"))


# A rule of one's own


class Adapting(Rule):
    """Fixed wires carry the error, less what each neuron has come to expect of them.

    Parameters
    ----------
    memory : float
        Rate at which expectations follow.
    """

    synapses: Mapping[str, Synapse] = {
        "wires": Synapse(("neuron", "target")),
        "expected": Synapse(("neuron",), frozenset({"current"}), "memory", trace=True),
    }
    wires = (Wire("current", "wires", "error"),)

    def __init__(self, memory=0.01):
        self.memory = memory

    def start(self, rng, layers, batch):
        for layer in layers[:-1]:
            k, n = len(layer["basal_weights"]), batch.target.shape[1]
            yield {"wires": rng.standard_normal((k, n)), "expected": np.zeros(k)}

    def perceive(self, layers, forward, target, error):
        found = []
        for layer, cells in zip(layers[:-1], forward, strict=True):
            current = error @ layer["wires"].T
            teaching = current - layer["expected"]
            found.append(cells | {"error": error, "current": current, "teaching": teaching})
        return found

    def changes(self, layer, cells, share):
        return {"expected": share @ cells["current"] - layer["expected"]}


@pytest.mark.parametrize("make", [classifier, regressor])
def test_a_rule_of_ones_own_is_like_the_others(make):
    X, y = values(None) if make is regressor else table("multiclass")
    model = make(rule=Adapting(), sizes=(20, 10), max_iter=60, learning_rate_init=0.02)
    grid = GridSearchCV(make_pipeline(StandardScaler(), model), {}, cv=3)
    name = f"{type(model).__name__.lower()}__rule__memory"
    grid.param_grid = {name: [0.001, 0.1]}
    best = pickle.loads(pickle.dumps(grid.fit(X, y).best_estimator_))
    assert best.score(X, y) > 0.6
    assert best[-1].rule.memory == grid.best_params_[name]
    assert best[-1].layers_[1].wires.shape[0] == 10
    assert abs(best[-1]._memory["labile"][0]["expected"]).max() > 0
    assert set(best[-1].compartments(X, y)[0]) == {"basal", "output", "current", "teaching"}
    whole, parts = clone(model), clone(model)
    classes = {} if is_regressor(model) else {"classes": np.unique(y)}
    whole.set_params(batch_size=25).partial_fit(X, y, **classes)
    for first in range(0, 150, 50):
        rows = slice(first, first + 50)
        parts.set_params(batch_size=25).partial_fit(X[rows], y[rows], **classes)
    assert_array_equal(parts.layers_[0].basal_weights, whole.layers_[0].basal_weights)
    started, batch = begun(clone(model), X.astype(float), y)
    engines = [with_state(started, kind) for kind in (Reference, Buffered)]
    for engine in engines:
        for _ in range(5):
            engine.learn(batch, rates())
    for one, other in zip(*(engine.labile for engine in engines), strict=True):
        for array in one:
            assert_allclose(one[array], other[array], rtol=1e-8, atol=1e-11)


def broken(**parts):
    """An object of a class like `Adapting`, with some parts of it replaced."""
    return type("Broken", (Adapting,), parts)()


def start_of(**shapes):
    """A ``start`` that gives zeros of these shapes for each layer."""

    def start(self, rng, layers, batch):
        return ({name: np.zeros(shape) for name, shape in shapes.items()} for _ in layers[:-1])

    return start


def teaching_of(function):
    """A ``perceive`` whose teaching signal is ``function(output)``."""

    def perceive(self, layers, forward, target, error):
        return [c | {"current": c["output"], "teaching": function(c["output"])} for c in forward]

    return perceive


def gives(result):
    """A method that gives this, whatever it is given."""
    return lambda self, *arguments: result


RIGHT = {"wires": (20, 1), "expected": 20}


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ({"synapses": {"wires": ("neuron",)}}, TypeError, r"synapses\['wires'\] must be a Synapse"),
        (
            {"synapses": {"wires": Synapse(("neuron",), frozenset({"output"}), "pace")}},
            ValueError,
            r"synapses\['wires'\] moves at the rate 'pace', which is no parameter",
        ),
        ({"wires": (("current", "wires", "error"),)}, TypeError, "must be of type Wire"),
        ({"start": gives([{}, {}])}, ValueError, "start yields arrays for 2 hidden layers"),
        ({"start": start_of(wires=(20, 1))}, ValueError, "gives no 'expected'"),
        ({"start": start_of(**RIGHT, other=3)}, ValueError, "gives 'other', which synapses does"),
        (
            {"start": start_of(wires=(20, 1), expected=19)},
            ValueError,
            r"start of layer 0 gives 'expected' of shape \(19,\), and its axes \(neuron\) make",
        ),
        (
            {"start": start_of(wires=(1, 20), expected=20)},
            ValueError,
            r"'wires' of shape \(1, 20\), and its axes \(neuron, target\) make it \(20, 1\)",
        ),
        ({"start": start_of(wires=20, expected=20)}, ValueError, r"'wires' of shape \(20,\)"),
        ({"perceive": gives({})}, TypeError, "must give a list of 1 dicts, one a layer, got dict"),
        ({"perceive": gives([1.0])}, TypeError, "got a list of float"),
        ({"perceive": gives([])}, ValueError, "must give a list of 1 dicts, one a layer, got 0"),
        ({"perceive": gives([{}])}, ValueError, "perceive gives layer 0 no 'teaching'"),
        (
            {"perceive": teaching_of(lambda z: z[:, :3])},
            ValueError,
            r"layer 0 'teaching' of shape \(2, 3\), must be \(2, 20\) \(rows, neurons\)",
        ),
        ({"perceive": teaching_of(lambda z: 1.0)}, ValueError, r"'teaching' of shape \(\)"),
        ({"changes": gives(None)}, TypeError, "changes of layer 0 must be a dict .* NoneType"),
        (
            {"changes": gives({"more": np.zeros(20)})},
            ValueError,
            "give 'more', which synapses does",
        ),
        (
            {"changes": gives({"expected": np.zeros((20, 20))})},
            ValueError,
            r"direction of 'expected' of shape \(20, 20\), must be \(20,\)",
        ),
        ({"changes": gives({"expected": 0.0})}, ValueError, r"'expected' of shape \(\)"),
        (
            {"changes": gives({"wires": np.zeros((20, 1))})},
            ValueError,
            "'wires', which sees nothing",
        ),
        (
            {"changes": gives({"mean_activity": np.zeros(20)})},
            ValueError,
            "'mean_activity', which the network moves",
        ),
    ],
)
def test_broken_rules_are_told_what_is_wrong(parts, error, message):
    model = classifier(rule=broken(**parts))
    with pytest.raises(error, match=message) as caught:
        model.fit(*table("binary"))
    assert "Broken" in str(caught.value)
    assert not hasattr(model, "layers_")


def test_axes_of_other_cells_are_as_long_as_their_first_array():
    kind = Synapse(("neuron", "interneuron"), frozenset({"output"}), 0.1)
    synapses = {"first": kind, "second": kind._replace(axes=("interneuron", "neuron"))}

    def changes(self, layer, cells, share):
        return {}

    parts = {"synapses": synapses, "wires": (), "changes": changes}
    parts["perceive"] = teaching_of(lambda z: z)
    right = broken(start=start_of(first=(20, 3), second=(3, 20)), **parts)
    classifier(rule=right).fit(*table("binary"))
    wrong = broken(start=start_of(first=(20, 3), second=(4, 20)), **parts)
    with pytest.raises(ValueError, match=r"\(interneuron, neuron\) make it \(3, 20\)"):
        classifier(rule=wrong).fit(*table("binary"))


class Silent(Rule):
    """A rule that says nothing of teaching."""


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        ("hebb", ValueError, "rule == 'hebb', must be one of .*kolen_pollack"),
        (KolenPollack, TypeError, "an object, not its class"),
        (Silent(), TypeError, "has no perceive"),
        (object(), TypeError, "has no synapses, wires, start, perceive, changes"),
    ],
)
def test_what_is_no_rule_is_refused(rule, error, message):
    with pytest.raises(error, match=message):
        classifier(rule=rule).fit(*table("binary"))
