"""The estimators among scikit-learn's other parts, and the libraries around it."""

import json
import os
import re
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from small import assert_same_state

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor
from sklearn_localnet.rules import Microcircuit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
HAS_CALLBACKS = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def classifier(**parameters):
    usual = {"hidden_layer_sizes": 20, "max_iter": 40, "random_state": 0}
    return LocalRuleClassifier(**{**usual, **parameters})


@pytest.mark.parametrize(
    "wrap",
    [
        lambda local: make_pipeline(StandardScaler(), local),
        lambda local: CalibratedClassifierCV(local, cv=2),
        lambda local: BaggingClassifier(local, n_estimators=3, random_state=0),
        OneVsRestClassifier,
        lambda local: VotingClassifier(
            [("local", local), ("linear", LogisticRegression())], voting="soft"
        ),
    ],
    ids=["Pipeline", "CalibratedClassifierCV", "BaggingClassifier", "OneVsRest", "Voting"],
)
def test_meta_estimators_learn_with_it(iris, wrap):
    X, y = iris
    model = wrap(classifier()).fit(X, y)
    assert model.score(X, y) > 0.8
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_is_searched_in_one_process_and_in_two(iris, n_jobs):
    grid = {"hidden_layer_sizes": [2, 20, (20, 10)], "alpha": [0.0, 1.0]}
    search = GridSearchCV(classifier(max_iter=15), grid, cv=3, n_jobs=n_jobs).fit(*iris)
    assert search.best_score_ > 0.8
    alone = cross_validate(search.best_estimator_, *iris, cv=3)["test_score"].mean()
    assert search.best_score_ == pytest.approx(alone)


def test_cross_validation_takes_several_scorers(iris):
    scores = cross_validate(classifier(), *iris, scoring=["accuracy", "neg_log_loss", "f1_macro"])
    assert scores["test_accuracy"].mean() > 0.85
    assert -1 < scores["test_neg_log_loss"].mean() < 0


@pytest.mark.parametrize("sizes", [20, (12, 9)])
@pytest.mark.parametrize("rule", ["microcircuit", Microcircuit(interneurons="decoupled")])
def test_clones_train_alike(iris, sizes, rule):
    model = classifier(hidden_layer_sizes=sizes, modulation="plateau", rule=rule).fit(*iris)
    copy = clone(model)
    own, given = ({**m.get_params(), "rule": type(m.rule)} for m in (copy, model))
    assert own == given
    assert rule == "microcircuit" or copy.rule is not model.rule
    assert not hasattr(copy, "layers_")
    assert_same_state(copy.fit(*iris), model)


def test_columns_of_several_kinds_come_through_a_column_transformer(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=NAMES)
    frame["kind"] = np.array(["a", "b", "c"])[y]
    columns = ColumnTransformer([("kind", OneHotEncoder(), ["kind"])], remainder="passthrough")
    assert make_pipeline(columns, classifier(max_iter=200)).fit(frame, y).score(frame, y) > 0.98


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_data_frames_keep_their_names(iris, library):
    X, y = iris
    frame = library.DataFrame(dict(zip(NAMES, X.T, strict=True)))
    labels = library.Series(["a", "b", "c"][i] for i in y) if library is pd else None
    model = classifier().fit(frame, y if labels is None else labels)
    assert_array_equal(model.feature_names_in_, NAMES)
    assert_allclose(model.predict_proba(frame), model.fit(X, y).predict_proba(X))
    model.fit(frame, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename({"sepal width": "x"}, **({"axis": 1} if library is pd else {})))


@pytest.mark.parametrize("sizes", [20, (12, 20)])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_transform_gives_named_columns(iris, library, sizes):
    model = classifier(hidden_layer_sizes=sizes).fit(*iris).set_output(transform=library)
    hidden = model.transform(iris[0])
    assert list(hidden.columns) == [f"localruleclassifier{i}" for i in range(20)]
    assert type(hidden).__module__.startswith(library)


def test_the_hidden_layer_feeds_another_estimator(iris):
    model = make_pipeline(classifier(), LogisticRegression()).fit(*iris)
    assert model.score(*iris) > 0.9


def test_sample_weights_are_routed_through_a_grid_of_pipelines(iris):
    X, y = iris
    weight = np.where(y == 2, 1e-6, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        local = classifier().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        search = GridSearchCV(
            make_pipeline(scaler, local),
            {"localruleclassifier__alpha": [1.0]},
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=True),
            cv=3,
        ).fit(X, y, sample_weight=weight)
    direct = make_pipeline(StandardScaler(), classifier())
    direct.fit(X, y, localruleclassifier__sample_weight=weight)
    assert_array_equal(search.predict(X), direct.predict(X))
    assert (search.predict(X) == 2).sum() < 50


def test_models_survive_joblib(iris, tmp_path):
    model = classifier().fit(*iris)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    assert_array_equal(loaded.predict_proba(iris[0]), model.predict_proba(iris[0]))


def test_another_process_with_another_hash_seed_learns_the_same(iris):
    code = (
        "import json, sys; from sklearn.datasets import load_diabetes;"
        "from sklearn_localnet import LocalRuleRegressor;"
        "X, y = load_diabetes(return_X_y=True);"
        "model = LocalRuleRegressor((5, 4), random_state=0, early_stopping=True).fit(X, y);"
        "print(json.dumps([weights.tolist() for weights in model.coefs_]))"
    )
    X, y = load_diabetes(return_X_y=True)
    here = LocalRuleRegressor((5, 4), random_state=0, early_stopping=True).fit(X, y)
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert json.loads(run.stdout) == [weights.tolist() for weights in here.coefs_]


def libraries(statement):
    """Names of the packages that are loaded after a statement in a new process."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_it_loads_no_library_that_scikit_learns_network_does_not():
    here = libraries("import sklearn_localnet")
    there = libraries("from sklearn.neural_network import MLPClassifier")
    assert here - there - set(sys.stdlib_module_names) == {"sklearn_localnet"}


class Watcher:
    """A callback that counts epochs and asks to stop after some."""

    def __init__(self, last=None, error=None):
        self.last, self.error, self.epochs, self.scores = last, error, 0, []

    def setup(self, estimator, context):
        self.was_set_up = True

    def teardown(self, estimator, context):
        self.was_torn_down = True

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name != "epoch":
            return False
        if self.error is not None:
            raise self.error
        self.epochs += 1
        self.scores.append(fitted_estimator.score(X, y))
        return self.epochs == self.last


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
def test_a_callback_sees_each_epoch_and_may_end_training(iris):
    watcher = Watcher(last=7)
    model = classifier(readout="hebbian").set_callbacks(watcher).fit(*iris)
    assert model.n_iter_ == watcher.epochs == 7
    assert watcher.was_torn_down
    assert watcher.scores[-1] == model.score(*iris)
    assert_same_state(classifier(max_iter=7, readout="hebbian").fit(*iris), model)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
def test_an_error_in_a_callback_leaves_the_estimator_as_it_was(iris):
    model = classifier().fit(*iris)
    before = model.layers_
    model.set_callbacks(Watcher(error=RuntimeError("no more")))
    with pytest.raises(RuntimeError, match="no more"):
        model.fit(*iris)
    assert model.layers_ is before


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
def test_scikit_learns_monitor_follows_the_score(iris):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = classifier(max_iter=5, readout="hebbian").set_callbacks(monitor).fit(*iris)
    entries = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    assert len(entries) == 5
    assert entries[-1]["accuracy"] == model.score(*iris)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_the_monitor_follows_every_fit_of_a_pipeline_in_a_search_and_across_processes(iris, n_jobs):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    network = classifier(max_iter=3, readout="hebbian").set_callbacks(monitor)
    model = make_pipeline(StandardScaler(), network)
    fits = 1
    if n_jobs is not None:
        grid = {"localruleclassifier__alpha": [0.0, 1.0]}
        model, fits = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs), 5
    model.fit(*iris)
    entries = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    assert len(entries) == 3 * fits
    last = max(entries, key=lambda entry: entry["task_id_path"])
    assert last["accuracy"] == model.score(*iris)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
def test_a_monitor_passes_sample_weights_to_its_scorer(iris):
    from sklearn.callback import ScoringMonitor

    monitor, weight = ScoringMonitor(scoring="accuracy"), np.linspace(0.1, 1, 150)
    model = classifier(max_iter=2, readout="hebbian").set_callbacks(monitor)
    model.fit(*iris, sample_weight=weight)
    entries = [entry for entry in monitor.get_logs().data if entry["task_name"] == "epoch"]
    assert entries[-1]["accuracy"] == model.score(*iris, sample_weight=weight)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
@pytest.mark.parametrize("kind", ["estimator", "Pipeline", "GridSearchCV"])
def test_progress_bars_reach_their_end(iris, kind, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")
    from sklearn.callback import ProgressBar

    model = classifier(max_iter=3)
    if kind == "Pipeline":
        model = make_pipeline(StandardScaler(), model)
    elif kind == "GridSearchCV":
        model = GridSearchCV(model, {"alpha": [0.0, 1.0]}, cv=2, n_jobs=2)
    model.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(*iris)
    bars = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    ours = [bar for bar in bars if "LocalRuleClassifier" in bar]
    assert len(ours) == (5 if kind == "GridSearchCV" else 1)
    assert all("100%" in bar for bar in bars)


@pytest.mark.skipif(not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9")
def test_a_request_to_stop_ends_the_fit_inside_a_pipeline_and_keeps_the_best_weights(iris):
    watcher = Watcher(last=4)
    network = classifier(early_stopping=True, readout="hebbian").set_callbacks(watcher)
    model = make_pipeline(StandardScaler(), network).fit(*iris)
    assert model[-1].n_iter_ == len(model[-1].validation_scores_) == watcher.epochs == 4
    best = int(np.argmax(model[-1].validation_scores_))
    assert watcher.scores[best] == model.score(*iris)


def printed_lines(model, data, capsys):
    model.fit(*data)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_what_mlpclassifier_prints(iris, early_stopping, capsys):
    stop = {"tol": 0.5, "n_iter_no_change": 2, "early_stopping": early_stopping, "verbose": True}
    model, mlp = classifier(**stop), MLPClassifier(20, max_iter=40, random_state=0, **stop)
    ours, theirs = (printed_lines(network, iris, capsys) for network in (model, mlp))
    assert ours[-1] == theirs[-1]
    assert ours[-1].endswith("for 2 consecutive epochs. Stopping.")
    number = re.compile(r"\d+(?=, loss)|\d+\.\d+")
    digits = [
        [number.sub(lambda n: f"{len(n[0].rpartition('.')[2])}", line) for line in lines]
        for lines in (ours, theirs)
    ]
    assert set(digits[0]) == set(digits[1])
    assert ours[0] == f"Iteration 1, loss = {model.loss_curve_[0]:.8f}"
    if early_stopping:
        assert ours[1] == f"Validation score: {model.validation_scores_[0]:f}"
    assert len(ours) == model.n_iter_ * (2 if early_stopping else 1) + 1


def test_without_verbose_nothing_is_printed(iris, capsys):
    assert printed_lines(classifier(tol=0.5, n_iter_no_change=2), iris, capsys) == []


@pytest.mark.skipif(HAS_CALLBACKS, reason="scikit-learn has callbacks")
def test_callbacks_before_scikit_learn_has_them_are_refused(iris):
    with pytest.raises(ImportError, match=r"scikit-learn 1\.9"):
        classifier().set_callbacks(Watcher())
    assert classifier().set_callbacks().fit(*iris).n_iter_ > 0
