"""What a recorder keeps, from a callback and from calls."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import assert_same_state, classifier, recorded, regressor, state, values

from sklearn_localnet import Recorder, TeachingSignalDisplay
from sklearn_localnet.rules import RULES, Microcircuit, Rule

try:
    from sklearn.callback import FitCallback
except ImportError:
    FitCallback = None

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
callbacks = pytest.mark.skipif(FitCallback is None, reason="callbacks came with scikit-learn 1.9")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@callbacks
def test_a_recorder_is_a_callback():
    assert isinstance(Recorder(), FitCallback)


@callbacks
@pytest.mark.parametrize(
    ("at", "epochs"), [(1, range(1, 11)), (4, [4, 8]), ([1, 7, 99], [1, 7]), (11, [])]
)
def test_fit_shows_it_the_epochs_that_were_asked_for(iris, at, epochs):
    recorder = Recorder(at)
    model = classifier(max_iter=10).set_callbacks(recorder).fit(*iris)
    assert [record.epoch for record in recorder.records_] == list(epochs)
    assert [record.n_samples for record in recorder.records_] == [150 * epoch for epoch in epochs]
    for record in recorder.records_:
        assert record.network.loss_ == model.loss_curve_[record.epoch - 1]


@callbacks
def test_recording_does_not_change_what_is_learnt(iris):
    recorder = Recorder()
    model = classifier().set_callbacks(recorder).fit(*iris)
    assert_same_state(model, classifier().fit(*iris))
    assert_same_hidden_layers(model, recorder.records_[-1].network)


def assert_same_hidden_layers(one, other):
    """To the bit; the last phase of the readout comes after the last epoch."""
    for found, expected in zip(one.layers_, other.layers_, strict=True):
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert_array_equal(array, expected[name], err_msg=name)


@callbacks
def test_the_records_are_those_of_the_last_fit(iris):
    recorder = Recorder()
    model = classifier(max_iter=5).set_callbacks(recorder).fit(*iris)
    before = recorder.records_
    model.set_params(max_iter=3).fit(*iris)
    assert len(before) == 5
    assert len(recorder.records_) == 3
    recorder(model.partial_fit(*iris), *iris)
    assert [record.epoch for record in recorder.records_] == [1, 2, 3, 4]


@pytest.mark.parametrize(("at", "epochs"), [(1, [1, 2, 3, 4]), (3, [3]), ((2, 4), [2, 4])])
def test_calls_are_heeded_at_the_times_that_were_asked_for(iris, at, epochs):
    recorder = recorded(classifier(), *iris, n_calls=4, at=at)
    assert [record.epoch for record in recorder.records_] == epochs
    assert [record.n_samples for record in recorder.records_] == [150 * epoch for epoch in epochs]


def test_a_record_shares_no_array_with_the_network(iris):
    network = classifier()
    recorder = recorded(network, *iris, n_calls=1)
    record = recorder.records_[0]
    before = {name: array.copy() for name, array in state(record.network).items()}
    network.partial_fit(*iris)
    for name, array in state(record.network).items():
        assert_array_equal(array, before[name])
        assert not np.shares_memory(array, state(network)[name])


def test_a_recorded_network_learns_on_as_the_one_it_is_a_copy_of(iris):
    network = classifier()
    copy = recorded(network, *iris, n_calls=2).records_[0].network
    assert_same_state(copy.partial_fit(*iris), network)


@pytest.mark.usefixtures("plt")
@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_currents_angles_and_weights_are_those_of_the_network(rule, kind):
    X, y = values(2)
    make, y = (classifier, y[:, 0] > 30) if kind == "classifier" else (regressor, y)
    network = make(hidden_layer_sizes=(7, 5), rule=rule)
    record = recorded(network, X, y).records_[-1]
    found = network.compartments(X, y)
    for place, cells in enumerate(found):
        expected = {part: np.sqrt(np.mean(rows**2.0, axis=0)) for part, rows in cells.items()}
        below = X if place == 0 else found[place - 1].output
        expected["input"] = np.sqrt(np.mean(below**2.0, axis=0))
        currents = dict(record.currents[place])
        assert currents.pop("target").shape == (network.n_outputs_,)
        assert currents.keys() == expected.keys()
        for part, sizes in expected.items():
            assert_allclose(currents[part], sizes, rtol=1e-6, err_msg=part)
        display = TeachingSignalDisplay.from_estimator(network, X, y, layer=place)
        assert_array_equal(record.angles[place], display.angle)
        for name, array in network.layers_[place].items():
            assert_array_equal(record.weights[place][name], array)
    assert (rule == "microcircuit") == any(map(len, record.gains))


def test_gains_are_eigenvalues_of_the_mean_square_activity(iris):
    rule = Microcircuit(n_interneurons="n_hidden")
    network = classifier(hidden_layer_sizes=(6, 5), rule=rule)
    record = recorded(network, *iris).records_[-1]
    for cells, gains in zip(network.compartments(iris[0]), record.gains, strict=True):
        eigenvalues = np.linalg.eigvalsh(cells.output.T @ cells.output / 150)[::-1]
        assert_allclose(gains, eigenvalues, rtol=1e-10, atol=1e-12)


class Silent(Rule):
    """Every neuron is taught by the sum of the errors, and the rule does not show it."""

    shown = ("basal",)

    def perceive(self, layers, forward, target, error):
        sums = error.sum(axis=1)[:, None]
        return [cells | {"teaching": sums + 0 * cells["basal"]} for cells in forward]


class Bare(BaseEstimator):
    """A rule with the needed parts of the protocol alone."""

    synapses, wires = {}, ()

    def start(self, rng, layers, batch):
        return ({} for _ in layers[:-1])

    def changes(self, layer, cells, share):
        return {}

    perceive = Silent.perceive


@pytest.mark.parametrize("rule", [Silent(), Bare()])
def test_rules_that_show_little_are_recorded(iris, rule):
    record = recorded(classifier(rule=rule), *iris).records_[-1]
    assert np.isnan(record.angles[0]).all() == isinstance(rule, Silent)
    assert not any(map(len, record.gains))
    assert {"basal", "input", "target"} <= record.currents[0].keys()


@callbacks
def test_in_a_pipeline_it_sees_the_rows_that_reach_the_network(iris):
    X, y = 3 * iris[0] + 1, iris[1]
    recorder = Recorder()
    network = classifier(max_iter=2).set_callbacks(recorder)
    pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
    assert_allclose(recorder.X_, iris[0], atol=1e-12)
    assert_array_equal(recorder.y_, y)
    by_callback = recorder.records_[-1]
    recorder(pipeline, X, y)
    by_call = recorder.records_[-1]
    assert_same_hidden_layers(by_callback.network, by_call.network)


@callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_leaves_it_the_last_fit(iris, n_jobs):
    recorder = Recorder()
    network = classifier(max_iter=3).set_callbacks(recorder)
    search = GridSearchCV(network, {"alpha": [0.0, 1.0]}, cv=2, n_jobs=n_jobs).fit(*iris)
    assert len(recorder.records_) == 3
    assert_same_hidden_layers(recorder.records_[-1].network, search.best_estimator_)


@callbacks
def test_it_says_where_it_is_to_be_set(iris):
    pipeline = make_pipeline(StandardScaler(), classifier()).set_callbacks(Recorder())
    with pytest.raises(TypeError, match="got Pipeline: set it on the network"):
        pipeline.fit(*iris)


@callbacks
def test_a_recorded_network_has_no_callbacks(iris):
    recorder = Recorder()
    classifier(max_iter=3).set_callbacks(recorder).fit(*iris)
    sizes = [len(pickle.dumps(record.network)) for record in recorder.records_]
    assert max(sizes) < 1.1 * min(sizes)
    assert not hasattr(recorder.records_[-1].network, "_skl_callbacks")


@pytest.mark.parametrize("n_rows", [1, 40, 150, 151])
def test_of_more_rows_than_asked_for_it_looks_at_some_and_always_the_same(iris, n_rows):
    X, y = iris[0], np.arange(150.0)
    network, seen = regressor(), []
    recorder = Recorder(n_rows=n_rows)
    for _ in range(2):
        recorder(network.partial_fit(X, y), X, y)
        seen.append(recorder.y_)
    assert_array_equal(*seen)
    assert len(set(seen[0])) == len(recorder.records_[0].angles[0]) == min(n_rows, 150)
    assert_array_equal(recorder.X_, X[seen[0].astype(int)])


@pytest.mark.parametrize("n_rows", [50, 150])
def test_names_of_features_raise_no_warning(iris, n_rows):
    import pandas as pd

    X, y = pd.DataFrame(iris[0], columns=list("abcd")), pd.Series(iris[1]).map("klm".__getitem__)
    network = classifier(max_iter=2)
    if FitCallback is not None:
        recorder = Recorder(n_rows=n_rows)
        network.set_callbacks(recorder).fit(X, y)
        assert len(recorder.records_) == 2
    recorder = recorded(classifier(), X, y, n_rows=n_rows)
    assert_array_equal(recorder.records_[-1].network.feature_names_in_, list("abcd"))


@pytest.mark.parametrize("n_rows", [50, 200])
def test_sparse_rows_and_many_labels_are_recorded(n_rows):
    X, y = make_multilabel_classification(150, 6, n_classes=4, random_state=0)
    network, recorder = classifier(), Recorder(n_rows=n_rows)
    for _ in range(2):
        network.partial_fit(csr_matrix(X), y, classes=range(4))
        recorder(network, csr_matrix(X), csr_matrix(y))
    dense = Recorder(n_rows=n_rows)
    dense(network, X, y)
    assert_allclose(recorder.records_[-1].angles, dense.records_[-1].angles, rtol=1e-10)


def test_lists_are_taken(iris):
    recorder = Recorder(n_rows=20)
    recorder(classifier().fit(*iris), iris[0].tolist(), iris[1].tolist())
    assert recorder.X_.shape == (20, 4)


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"at": 0}, ValueError, "at == 0, must be >= 1"),
        ({"at": 1.5}, TypeError, "at must be an instance of int, not float"),
        ({"at": True}, TypeError, "at must be a number, got True"),
        ({"at": "all"}, TypeError, "at must be an instance of int, not str"),
        ({"at": [1, 0]}, ValueError, "at == 0, must be >= 1"),
        ({"at": [1, None]}, TypeError, "at must be an instance of int, not None"),
        ({"n_rows": 0}, ValueError, "n_rows == 0, must be >= 1"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, error, said):
    with pytest.raises(error, match=said):
        Recorder(**parameters)


def test_estimators_that_are_not_fitted_or_not_ours_are_refused(iris):
    recorder = Recorder()
    with pytest.raises(NotFittedError):
        recorder(classifier(), *iris)
    with pytest.raises(TypeError, match=r"Recorder takes .* got LogisticRegression"):
        recorder(LogisticRegression(), *iris)
    with pytest.raises(ValueError, match="3 features"):
        recorder(classifier().fit(*iris), iris[0][:, :3], iris[1])
    assert recorder.records_ == []
