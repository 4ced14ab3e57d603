"""Displays: what is drawn, by its artists."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import classifier, recorded

from sklearn_localnet import (
    LocalRuleClassifier,
    LocalRuleRegressor,
    MicrocircuitDisplay,
    Recorder,
    TeachingSignalDisplay,
    TrainingCurveDisplay,
)
from sklearn_localnet.rules import Microcircuit, Rule

pytestmark = [
    pytest.mark.usefixtures("plt"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
SPECIES = ["setosa", "versicolor", "virginica"]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def model(iris):
    rule = Microcircuit(n_interneurons=2, interneurons="decoupled")
    return LocalRuleClassifier(5, rule=rule, max_iter=20, random_state=0).fit(*iris)


@pytest.fixture(scope="module")
def deep(iris):
    rule = Microcircuit(n_interneurons=2)
    return LocalRuleClassifier((6, 5), rule=rule, max_iter=20, random_state=0).fit(*iris)


class Broadcast(Rule):
    """Every neuron is taught by the sum of the errors, a rule without synapses of its own."""

    def perceive(self, layers, forward, target, error):
        sums = error.sum(axis=1)[:, None]
        return [cells | {"teaching": sums + 0 * cells["basal"]} for cells in forward]


class Silent(Broadcast):
    """The same, which shows what feeds forward alone."""

    shown = ("basal", "output")


@pytest.fixture(scope="module")
def other(iris):
    """A network that another rule than the microcircuit trained."""
    return LocalRuleClassifier((6, 5), rule=Broadcast(), max_iter=5, random_state=0).fit(*iris)


@pytest.fixture(scope="module")
def large():
    X, y = load_digits(return_X_y=True)
    return LocalRuleClassifier(30, max_iter=5, random_state=0).fit(X / 16, y), X / 16, y


def rms(rows):
    return np.sqrt(np.mean(np.square(rows), axis=0))


def widths(dendrites, height):
    """How wide the shapes of a collection are where they are nearest to a height."""
    shapes = [path.vertices for path in dendrites.get_paths()]
    nearest = [shape[np.argsort(np.abs(shape[:, 1] - height), kind="stable")] for shape in shapes]
    return np.array([np.ptp(shape[:2, 0]) for shape in nearest])


def proportional(left, right):
    assert_allclose(left / np.max(left), right / np.max(right), atol=1e-6)


# The circuit


@pytest.mark.parametrize("kind", ["basal", "apical", "interneuron", "pyramidal_to_interneuron"])
def test_every_synapse_is_a_disc_of_an_area_proportional_to_its_weight(model, iris, kind):
    discs = MicrocircuitDisplay.from_estimator(model, *iris).artists_.synapses[kind]
    weights = model.layers_[0][f"{kind}_weights"]
    weights = weights.T if kind == "pyramidal_to_interneuron" else weights
    assert len(discs.get_offsets()) == weights.size
    proportional(discs.get_widths() ** 2, np.abs(weights).ravel())
    red, _, blue, _ = discs.get_facecolors().T
    assert_array_equal(red > blue, weights.ravel() > 0)


def test_synapses_lie_where_the_wire_of_their_sender_crosses_their_neuron(model, iris):
    artists = MicrocircuitDisplay.from_estimator(model, *iris).artists_
    heights = [wire[0, 1] for wire in artists.wires["input"].get_segments()]
    assert heights == sorted(heights, reverse=True)
    expected = [(neuron, height) for neuron in range(5) for height in heights]
    assert_allclose(artists.synapses["basal"].get_offsets(), expected)


def test_wires_and_cells_show_activity(model, iris):
    X, y = iris
    artists = MicrocircuitDisplay.from_estimator(model, X * [1, 2, 3, 4], y).artists_
    compartments = model.compartments(X * [1, 2, 3, 4], y)[0]
    proportional(artists.wires["input"].get_linewidths(), np.arange(1.0, 5.0))
    proportional(artists.wires["interneuron"].get_linewidths(), rms(compartments.interneuron))
    targets = np.eye(3)[y] - np.eye(3)[y].mean(axis=0)
    proportional(artists.wires["target"].get_linewidths(), rms(targets))
    assert_allclose(artists.cells["pyramidal"].get_array(), rms(compartments.output))
    assert_allclose(artists.cells["interneuron"].get_array(), rms(compartments.interneuron))
    assert artists.cells["pyramidal"].get_clim() == artists.cells["interneuron"].get_clim()


def test_dendrites_are_as_wide_as_their_currents(model, iris):
    artists = MicrocircuitDisplay.from_estimator(model, *iris).artists_
    compartments = model.compartments(*iris)[0]
    proportional(widths(artists.basal_dendrites, 0), rms(compartments.basal))
    apical = widths(artists.apical_dendrites, 100)
    proportional(apical, rms(compartments.apical))
    plateau = widths(artists.plateaus, 0)
    assert_allclose(plateau / apical, rms(compartments.plateau) / rms(compartments.apical))


def test_without_targets_no_plateau_is_claimed(model, iris):
    display = MicrocircuitDisplay.from_estimator(model, iris[0])
    texts = [text.get_text() for text in display.ax_.texts]
    assert not any("plateau" in text for text in texts)
    assert len(texts) == 4
    assert len(np.unique(widths(display.artists_.apical_dendrites, 100).round(9))) == 1


def test_wires_carry_the_names_of_what_they_bring(iris):
    import pandas as pd

    X, y = iris
    model = LocalRuleClassifier(3, max_iter=2).fit(pd.DataFrame(X, columns=NAMES), y)
    frame = pd.DataFrame(X, columns=NAMES)
    display = MicrocircuitDisplay.from_estimator(model, frame, y, target_names=SPECIES)
    ticks = {text.get_text(): text.get_position()[1] for text in display.ax_.get_yticklabels()}
    assert list(ticks) == [*SPECIES, "$n_{0}$", "$n_{1}$", "$n_{2}$", *NAMES]
    assert list(ticks.values()) == sorted(ticks.values(), reverse=True)
    assert display.ax_.get_title() == "LocalRuleClassifier"
    assert display.plot(name="before").ax_.get_title() == "before"


def test_a_circuit_of_zero_weights_is_drawn(plt):
    zeros = {"basal": (2, 3), "apical": (2, 1), "interneuron": (2, 1)}
    weights = {kind: np.zeros(shape) for kind, shape in zeros.items()}
    weights["pyramidal_to_interneuron"] = np.zeros((1, 2))
    activity = {"input": np.zeros(3), "interneuron": np.zeros(1)}
    activity |= {"basal": np.zeros(2), "output": np.zeros(2), "inhibition": np.zeros(2)}
    display = MicrocircuitDisplay(weights, activity).plot()
    display.figure_.canvas.draw()
    assert display.artists_.synapses["basal"].get_widths().max() == 0


def test_sparse_features_and_pipelines_are_drawn_alike(iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), LocalRuleClassifier(4, max_iter=3, random_state=0))
    whole = MicrocircuitDisplay.from_estimator(pipeline.fit(X, y), X, y)
    last = MicrocircuitDisplay.from_estimator(pipeline[-1], csr_matrix(pipeline[0].transform(X)), y)
    for kind, values in whole.activity.items():
        assert_allclose(last.activity[kind], values, rtol=1e-6, err_msg=kind)


def test_a_large_circuit_is_summarised_with_neurons_sorted_by_their_target(large):
    model, X, y = large
    display = MicrocircuitDisplay.from_estimator(model, X, y)
    parts = display.artists_
    assert list(parts) == ["apical", "currents", "interneuron", "output", "basal"]
    apical = np.asarray(parts.apical.images[0].get_array())
    assert apical.shape == (10, 30)
    preferred = np.argmax(apical, axis=0)
    assert_array_equal(preferred, np.sort(preferred))
    layer = model.layers_[0]
    order = [np.flatnonzero((layer.apical_weights == column).all(axis=1))[0] for column in apical.T]
    assert sorted(order) == list(range(30))
    assert_array_equal(parts.basal.images[0].get_array(), layer.basal_weights[order].T)
    assert_array_equal(parts.interneuron.images[0].get_array(), layer.interneuron_weights[order].T)
    output = rms(model.compartments(X)[0].output)[order]
    assert_allclose(parts.output.images[0].get_array()[0], output, rtol=1e-6)
    groups = [text.get_text() for text in parts.basal.get_xticklabels()]
    assert groups == [str(target) for target in np.unique(preferred)]


def test_a_summary_shows_both_ways_between_neurons_where_they_differ(iris):
    rule = Microcircuit(interneurons="decoupled")
    model = LocalRuleClassifier(21, rule=rule, max_iter=2).fit(*iris)
    parts = MicrocircuitDisplay.from_estimator(model, iris[0]).artists_
    assert "back" in parts
    assert [text.get_text() for text in parts.apical.get_yticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize(("layer", "place"), [(0, 0), (1, 1), (-1, 1), (-2, 0)])
def test_a_layer_is_drawn_with_its_own_weights_and_currents(deep, iris, layer, place):
    display = MicrocircuitDisplay.from_estimator(deep, *iris, layer=layer)
    for kind, weights in display.weights.items():
        assert_array_equal(weights, deep.layers_[place][f"{kind}_weights"])
    for name, rows in deep.compartments(*iris)[place].items():
        assert_allclose(display.activity[name], rms(rows), rtol=1e-6, err_msg=name)


def test_inputs_of_an_upper_layer_are_the_outputs_of_the_one_below(deep, iris):
    display = MicrocircuitDisplay.from_estimator(deep, *iris)
    below = rms(deep.compartments(iris[0])[0].output)
    proportional(display.artists_.wires["input"].get_linewidths(), below)
    targets = np.eye(3)[iris[1]] - np.eye(3)[iris[1]].mean(axis=0)
    proportional(display.artists_.wires["target"].get_linewidths(), rms(targets))


def test_feature_names_are_those_of_the_lowest_layer_alone(iris):
    import pandas as pd

    X, y = pd.DataFrame(iris[0], columns=NAMES), iris[1]
    model = LocalRuleClassifier((3, 2), max_iter=2).fit(X, y)
    lowest, upper = (
        MicrocircuitDisplay.from_estimator(model, X, y, layer=layer).ax_.get_yticklabels()
        for layer in (0, 1)
    )
    assert [text.get_text() for text in lowest][-4:] == NAMES
    assert [text.get_text() for text in upper][-3:] == ["0", "1", "2"]


def test_a_layer_without_the_circuits_arrays_is_refused(other, iris):
    needed = "basal_weights, apical_weights, interneuron_weights, pyramidal_to_interneuron_weights"
    with pytest.raises(TypeError, match=rf"needs the arrays {needed} .* is Broadcast\(\), which"):
        MicrocircuitDisplay.from_estimator(other, *iris)


# Curves


def test_curves_hold_loss_score_and_gains(iris, plt):
    model = LocalRuleClassifier(5, early_stopping=True, max_iter=7, random_state=0).fit(*iris)
    display = TrainingCurveDisplay.from_estimator(model, name="a")
    assert [len(lines) for lines in display.lines_.values()] == [1, 1, 5]
    assert_array_equal(display.lines_.loss[0].get_xdata(), np.arange(1, model.n_iter_ + 1))
    assert_array_equal(display.lines_.loss[0].get_ydata(), model.loss_curve_)
    assert_array_equal(display.lines_.validation_score[0].get_ydata(), model.validation_scores_)
    gains = [line.get_ydata() for line in display.lines_.gain]
    assert_array_equal(np.transpose(gains), [gains[0] for gains in model.gain_curve_])
    assert [1, 1] in [list(line.get_ydata()) for line in display.axes_[2].lines]
    labels = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert labels == ["a"]
    assert display.figure_ is display.axes_[0].figure


def test_curves_of_two_models_share_axes(model, iris):
    first = TrainingCurveDisplay.from_estimator(model, color="red", name="first")
    other = LocalRuleClassifier(9, max_iter=3).fit(*iris)
    second = TrainingCurveDisplay.from_estimator(other, ax=first.axes_, color="blue", name="second")
    assert len(second.axes_) == 2
    assert second.axes_[0] is first.axes_[0]
    assert {line.get_color() for line in second.lines_.gain} == {"blue"}
    labels = [text.get_text() for text in second.axes_[0].get_legend().get_texts()]
    assert labels == ["first", "second"]


def test_a_stream_has_a_curve_of_its_loss(iris, plt):
    model = LocalRuleClassifier(5).partial_fit(*iris, classes=range(3)).partial_fit(*iris)
    display = TrainingCurveDisplay.from_estimator(model)
    assert list(display.lines_) == ["loss"]
    assert_array_equal(display.lines_.loss[0].get_ydata(), model.loss_curve_)
    fitted = LocalRuleClassifier(5, max_iter=3, random_state=0).fit(*iris)
    display = TrainingCurveDisplay.from_estimator(fitted.partial_fit(*iris))
    assert len(display.lines_.loss[0].get_xdata()) == 4
    assert len(display.lines_.gain[0].get_xdata()) == 3


@pytest.mark.parametrize(("layer", "place"), [(0, 0), (-1, 1)])
def test_the_gains_of_a_layer_are_drawn(deep, layer, place):
    display = TrainingCurveDisplay.from_estimator(deep, layer=layer)
    gains = [line.get_ydata() for line in display.lines_.gain]
    assert_array_equal(np.transpose(gains), [gains[place] for gains in deep.gain_curve_])
    assert_array_equal(display.lines_.loss[0].get_ydata(), deep.loss_curve_)


def test_a_rule_that_holds_no_gain_in_check_has_no_gains_to_draw(other):
    display = TrainingCurveDisplay.from_estimator(other)
    assert list(display.lines_) == ["loss"]
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss"]
    unnamed = TrainingCurveDisplay([3.0, 2.0]).plot()
    assert list(unnamed.lines_) == ["loss"]
    assert unnamed.axes_[0].get_legend() is None


def test_curves_of_a_recorder_are_drawn_over_the_rows_learnt(iris):
    recorder = recorded(classifier(hidden_layer_sizes=(6, 5)), *iris, n_calls=4)
    display = TrainingCurveDisplay.from_recorder(recorder, layer=0)
    assert list(display.lines_) == ["loss", "current", "angle", "gain"]
    for lines in display.lines_.values():
        for line in lines:
            assert_array_equal(line.get_xdata(), [150, 300, 450, 600])
    losses = [record.network.loss_ for record in recorder.records_]
    assert_array_equal(display.lines_.loss[0].get_ydata(), losses)
    legend = display.axes_[1].get_legend().get_texts()
    parts = ["basal", "output", "interneuron", "inhibition", "apical", "plateau"]
    assert [text.get_text() for text in legend] == parts
    for line, part in zip(display.lines_.current, parts, strict=True):
        sizes = [np.linalg.norm(record.currents[0][part]) for record in recorder.records_]
        proportional(line.get_ydata(), np.array(sizes))
    angles = [np.nanmedian(record.angles[0]) for record in recorder.records_]
    assert_allclose(display.lines_.angle[0].get_ydata(), angles)
    gains = [line.get_ydata() for line in display.lines_.gain]
    assert_array_equal(np.transpose(gains), [record.gains[0] for record in recorder.records_])


def test_curves_of_a_recorder_hold_validation_scores(iris):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder(at=2)
    network = LocalRuleClassifier(5, early_stopping=True, max_iter=7, random_state=0)
    scores = network.set_callbacks(recorder).fit(*iris).validation_scores_
    line = TrainingCurveDisplay.from_recorder(recorder).lines_.validation_score[0]
    assert_array_equal(line.get_ydata(), scores[1::2])


def test_curves_of_a_rule_without_gains_or_a_shown_signal_lack_these(iris):
    recorder = recorded(classifier(rule=Silent()), *iris)
    assert list(TrainingCurveDisplay.from_recorder(recorder).lines_) == ["loss", "current"]


def test_gains_that_come_with_new_classes_begin_where_they_come(iris):
    X, y = iris
    network = classifier(rule=Microcircuit(n_interneurons="n_targets"), new_classes="add")
    recorder = recorded(network, X[y < 2], y[y < 2], n_calls=2)
    recorder(network.partial_fit(X, y), X, y)
    display = TrainingCurveDisplay.from_recorder(recorder)
    known = [np.isfinite(line.get_ydata()).sum() for line in display.lines_.gain]
    assert known == [3, 1, 1]


def test_what_is_no_recorder_or_has_no_records_is_refused(model):
    with pytest.raises(TypeError, match="from_recorder takes a Recorder, got LocalRuleClassifier"):
        TrainingCurveDisplay.from_recorder(model)
    with pytest.raises(ValueError, match="this Recorder has no records"):
        TrainingCurveDisplay.from_recorder(Recorder())


# Teaching signals


def loss(kind, outputs, columns):
    """Loss of each row whose gradient backprop follows, from scores and target columns."""
    if kind == "softmax":
        outputs = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        return -np.sum(columns * outputs, axis=1)
    if kind == "logistic":
        return np.sum(np.logaddexp(0, outputs) - columns * outputs, axis=1)
    return np.sum((columns - outputs) ** 2, axis=1) / 2


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("softmax", {}), ("logistic", {}), ("identity", {"readout": "hebbian"})],
)
def test_backprops_signal_is_minus_the_gradient_of_the_loss(iris, kind, parameters):
    X, y = iris
    columns = np.eye(3)[y]
    if kind == "logistic":
        y, columns = y == 2, columns[:, 2:]
    model = LocalRuleClassifier(4, max_iter=10, random_state=0, **parameters).fit(X, y)
    assert model.out_activation_ == kind
    hidden, step = model.transform(X), 1e-6
    offset = columns.mean(axis=0) if kind == "identity" else 0
    expected = np.empty_like(hidden)
    for neuron in range(4):
        moved = [hidden + sign * step * np.eye(4)[neuron] for sign in (1, -1)]
        scores = [z @ model.readout_weights_.T + model.readout_intercepts_ for z in moved]
        up, down = (loss(kind, score, columns - offset) for score in scores)
        expected[:, neuron] = (down - up) / (2 * step)
    display = TeachingSignalDisplay.from_estimator(model, X, y)
    assert_allclose(display.backprop_signal, expected, rtol=1e-4, atol=1e-8)
    assert_array_equal(display.teaching, model.compartments(X, y)[0].plateau)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_signal_below_is_minus_the_gradient_of_the_loss(iris, activation):
    X, y = iris
    model = LocalRuleClassifier((4, 3), activation, max_iter=10, random_state=0).fit(X, y)
    upper = model.layers_[1]
    f = {"relu": lambda u: np.maximum(u, 0), "tanh": np.tanh}[activation]
    hidden, step = model.compartments(X)[0].output, 1e-6
    expected = np.empty_like(hidden)
    for neuron in range(4):
        moved = [hidden + sign * step * np.eye(4)[neuron] for sign in (1, -1)]
        outputs = [f(z @ upper.basal_weights.T + upper.basal_intercepts) for z in moved]
        outputs = [z - upper.mean_activity for z in outputs]
        scores = [z @ model.readout_weights_.T + model.readout_intercepts_ for z in outputs]
        up, down = (loss("softmax", score, np.eye(3)[y]) for score in scores)
        expected[:, neuron] = (down - up) / (2 * step)
    display = TeachingSignalDisplay.from_estimator(model, X, y, layer=0)
    assert_allclose(display.backprop_signal, expected, rtol=1e-4, atol=1e-8)
    assert_array_equal(display.teaching, model.compartments(X, y)[0].plateau)


@pytest.mark.parametrize("place", [0, 1])
def test_a_rule_without_plateaus_shows_its_teaching_signal(other, iris, place):
    display = TeachingSignalDisplay.from_estimator(other, *iris, layer=place)
    assert_array_equal(display.teaching, other.compartments(*iris)[place].teaching)
    assert display.axes_[1].get_ylabel() == "teaching signal"


def test_a_rule_that_shows_no_teaching_signal_is_refused(iris):
    model = LocalRuleClassifier(5, rule=Silent(), max_iter=2).fit(*iris)
    with pytest.raises(TypeError, match=r"plateau or teaching .* Silent\(\), which shows basal"):
        TeachingSignalDisplay.from_estimator(model, *iris)


def test_a_regressors_signal_is_in_scaled_targets(iris):
    X, y = iris
    model = LocalRuleRegressor(4, max_iter=10, random_state=0).fit(X, 7 * y + 3.0)
    error = (7 * y + 3.0 - model.predict(X)) / np.std(7 * y)
    display = TeachingSignalDisplay.from_estimator(model, X, 7 * y + 3.0)
    assert_allclose(display.backprop_signal, np.outer(error, model.readout_weights_), rtol=1e-5)


def test_angles_are_in_degrees_and_missing_where_a_signal_is():
    teaching = np.array([[1, 0], [1, 0], [1, 0], [1, 1], [0, 0]])
    signal = np.array([[2, 0], [0, 3], [-1, 0], [1, 0], [1, 0]])
    display = TeachingSignalDisplay(teaching, signal, name="five").plot()
    assert_allclose(display.angle, [0, 90, 180, 45, np.nan], atol=1e-6)
    counts = [patch.get_height() for patch in display.axes_[0].patches]
    assert sum(counts) == 4
    assert [text.get_text() for text in display.axes_[0].texts] == ["median 68°"]
    assert display.axes_[0].get_title() == "five"


def test_signals_that_are_zero_everywhere_are_drawn():
    display = TeachingSignalDisplay(np.zeros((3, 2)), np.zeros((3, 2))).plot()
    display.figure_.canvas.draw()
    assert display.axes_[0].texts == [] or not list(display.axes_[0].texts)


def test_signals_of_every_row_and_neuron_are_counted(model, iris):
    display = TeachingSignalDisplay.from_estimator(model, *iris, color="green")
    counts = display.axes_[1].collections[0].get_array()
    assert 0.98 * 150 * 5 <= counts.sum() <= 150 * 5
    assert display.axes_[0].patches[0].get_facecolor() == matplotlib.colors.to_rgba("green")
    assert display.axes_[1].get_ylabel() == "plateau $a - Qn$"


# What all share


DISPLAYS = [
    (MicrocircuitDisplay, 1, lambda X, y: (X, y)),
    (TrainingCurveDisplay, 2, lambda X, y: ()),
    (TeachingSignalDisplay, 2, lambda X, y: (X, y)),
]


@pytest.mark.parametrize(("display", "count", "data"), DISPLAYS)
def test_axes_that_are_given_are_drawn_on(display, count, data, model, iris, plt):
    figure, axes = plt.subplots(1, count)
    drawn = display.from_estimator(model, *data(*iris), ax=axes, name="mine")
    assert drawn.figure_ is figure
    assert drawn.name == "mine"
    assert_array_equal(np.ravel(drawn.ax_ if count == 1 else drawn.axes_), np.ravel(axes))
    assert len(plt.get_fignums()) == 1
    figure.canvas.draw()


@pytest.mark.parametrize(("display", "count", "data"), DISPLAYS)
def test_axes_of_another_number_or_kind_are_refused(display, count, data, model, iris, plt):
    for wrong in (plt.subplots(1, count + 1)[1], "axes", [None] * count):
        with pytest.raises(ValueError, match=f"ax must hold {count} matplotlib Axes"):
            display.from_estimator(model, *data(*iris), ax=wrong)


@pytest.mark.parametrize(("display", "count", "data"), DISPLAYS)
def test_estimators_that_are_not_fitted_or_not_ours_are_refused(display, count, data, iris):
    for unfitted in (LocalRuleClassifier(), make_pipeline(StandardScaler(), LocalRuleRegressor())):
        with pytest.raises(NotFittedError):
            display.from_estimator(unfitted, *data(*iris))
    for fitted in (LogisticRegression(), make_pipeline(LogisticRegression()).fit(*iris)):
        with pytest.raises(TypeError, match=f"{display.__name__} takes .* got LogisticRegression"):
            display.from_estimator(fitted, *data(*iris))


@pytest.mark.parametrize(("display", "count", "data"), DISPLAYS)
@pytest.mark.parametrize(
    ("layer", "error", "said"),
    [
        (2, ValueError, "layer == 2, must be from -2 to 1"),
        (-3, ValueError, "layer == -3, must be from -2 to 1"),
        (0.0, TypeError, "layer must be an int, got 0.0"),
        (True, TypeError, "layer must be an int, got True"),
    ],
)
def test_a_layer_that_is_not_there_is_refused(display, count, data, deep, iris, layer, error, said):
    with pytest.raises(error, match=said):
        display.from_estimator(deep, *data(*iris), layer=layer)


@pytest.mark.parametrize(("display", "count", "data"), DISPLAYS)
def test_a_pipeline_is_drawn_as_its_last_step(display, count, data, iris):
    pipeline = make_pipeline(StandardScaler(), LocalRuleClassifier((4, 3), max_iter=3))
    X, y = iris[0] * 3 + 1, iris[1]
    pipeline.fit(X, y)
    whole = display.from_estimator(pipeline, *data(X, y), layer=0)
    last = display.from_estimator(pipeline[-1], *data(pipeline[0].transform(X), y), layer=0)
    single = display.from_estimator(pipeline[1:], *data(pipeline[0].transform(X), y), layer=0)
    nested = make_pipeline(pipeline[0], pipeline[1:])
    within = display.from_estimator(nested, *data(X, y), layer=0)
    for name, value in vars(whole).items():
        if not name.endswith("_"):
            np.testing.assert_equal(getattr(last, name), value, err_msg=name)
            np.testing.assert_equal(getattr(single, name), value, err_msg=name)
            np.testing.assert_equal(getattr(within, name), value, err_msg=name)


@pytest.mark.parametrize("names", ["feature_names", "target_names"])
def test_names_of_another_number_are_refused(names, model, iris):
    with pytest.raises(ValueError, match=f"{names} holds 2 names, needs"):
        MicrocircuitDisplay.from_estimator(model, *iris, **{names: ["a", "b"]})


def test_features_of_another_width_are_refused(model, iris):
    with pytest.raises(ValueError, match="3 features"):
        MicrocircuitDisplay.from_estimator(model, iris[0][:, :3])


@pytest.mark.parametrize(("display", "count", "data"), DISPLAYS)
def test_without_matplotlib_the_error_names_the_extra(
    display, count, data, model, iris, monkeypatch
):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ImportError, match=rf"{display.__name__}.* needs .*sklearn_localnet\[plot\]"
    ):
        display.from_estimator(model, *data(*iris))


def test_importing_the_package_does_not_import_matplotlib():
    code = "import sys, sklearn_localnet; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
