"""The estimators as models of river."""

import ast
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils import shuffle
from small import assert_same_state

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor

pytest.importorskip("river")
from river import checks, compat, evaluate, metrics, preprocessing

NAMES = np.array(["setosa", "versicolor", "virginica"])


def define(name):
    """Define a class of the gallery's example here, where a pickle finds it."""
    path = Path(__file__).parents[1] / "examples" / "plot_river.py"
    wanted = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom) or getattr(node, "name", "") == name
    ]
    exec(compile(ast.Module(wanted, []), path, "exec"), globals())
    return globals()[name]


class Hashed(define("HashedClassifier")):
    """The example's class, with what river's checks want to know."""

    @classmethod
    def _unit_test_params(cls):
        yield {"estimator": LocalRuleClassifier()}


def iris():
    X, y = shuffle(*load_iris(return_X_y=True), random_state=0)
    return X, y


def rows(X, y):
    for features, label in zip(X, y.tolist(), strict=True):
        yield dict(enumerate(features)), label


def classifier(labels, **parameters):
    local = LocalRuleClassifier(random_state=0, **parameters)
    return compat.convert_sklearn_to_river(local, classes=sorted(set(labels.tolist())))


@pytest.mark.parametrize("names", [None, NAMES], ids=["int", "str"])
@pytest.mark.parametrize("sizes", [100, 20])
def test_a_classifier_learns_a_stream_row_by_row(names, sizes):
    X, y = iris()
    labels = y if names is None else names[y]
    model = preprocessing.StandardScaler() | classifier(labels, hidden_layer_sizes=sizes)
    score = evaluate.progressive_val_score(rows(X, labels), model, metrics.Accuracy())
    assert score.get() > 0.8
    features = dict(enumerate(X[0]))
    chance = model.predict_proba_one(features)
    assert set(chance) == set(labels.tolist())
    assert sum(chance.values()) == pytest.approx(1)
    assert model.predict_one(features) == max(chance, key=chance.get)


def test_a_regressor_learns_a_stream_row_by_row():
    X, y = load_diabetes(return_X_y=True)
    local = compat.convert_sklearn_to_river(LocalRuleRegressor(random_state=0))
    model = preprocessing.StandardScaler() | local
    error = evaluate.progressive_val_score(rows(X, y), model, metrics.MAE())
    assert error.get() < 0.9 * np.abs(y - y.mean()).mean()


@pytest.mark.parametrize("sizes", [20, (12, 9)])
def test_rows_and_mini_batches_teach_the_same_as_partial_fit(sizes):
    X, y = iris()
    by_rows, by_frames = (
        classifier(NAMES, hidden_layer_sizes=sizes, batch_size=1) for _ in range(2)
    )
    direct = clone(by_rows.estimator)
    for features, label in rows(X[:60], NAMES[y[:60]]):
        by_rows.learn_one(features, label)
    pd = pytest.importorskip("pandas")
    for part in (slice(0, 20), slice(20, 60)):
        frame = pd.DataFrame(X[part], columns=list("abcd"))
        by_frames.learn_many(frame, pd.Series(NAMES[y[part]]))
    direct.partial_fit(X[:60], NAMES[y[:60]], classes=NAMES)
    assert_same_state(by_rows.estimator, direct)
    assert_same_state(by_frames.estimator, direct)


def test_a_model_that_has_seen_nothing_predicts_as_river_wants():
    model = classifier(NAMES)
    assert model.predict_one({0: 1.0}) == "setosa"
    assert set(model.predict_proba_one({0: 1.0}).values()) == {1 / 3}


# Labels and features as they come


def test_a_wrapper_without_a_list_of_classes_learns():
    X, y = iris()
    model = compat.convert_sklearn_to_river(
        LocalRuleClassifier(new_classes="add", random_state=0), classes=[]
    )
    for _ in range(3):
        for features, label in rows(X, NAMES[y]):
            model.learn_one(features, label)
    found = [model.predict_one(features) == label for features, label in rows(X, NAMES[y])]
    assert np.mean(found) > 0.9


def test_labels_and_features_come_and_go():
    X, y = iris()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = Hashed(LocalRuleClassifier(new_classes="add", random_state=0))
    assert model.predict_one({"petal": 1.0}) is None
    hits = []
    for turn in range(8):
        # Features 2 and 3, which tell most, have other names in the second half.
        names = [0, 1, "two", "three"] if turn >= 4 else [0, 1, 2, 3]
        for row, label in zip(X, NAMES[y].tolist(), strict=True):
            features = dict(zip(names, row, strict=True))
            hits.append(model.predict_one(features) == label)
            model.learn_one(features, label)
            model.learn_one({}, label)  # a row may lack any of them
    assert np.mean(hits[450:600]) > 0.85
    assert np.mean(hits[1050:]) > 0.85
    assert model.estimator.classes_.tolist() == NAMES.tolist()


# river's own checks


MODELS = {
    "classifier": compat.SKL2RiverClassifier(LocalRuleClassifier(), [False, True]),
    "regressor": compat.SKL2RiverRegressor(LocalRuleRegressor()),
    "hashed": Hashed(LocalRuleClassifier(new_classes="add", random_state=0)),
}
# river's wrapper gives columns the order of its first row's features, and random weights are drawn
# in the order of the columns. Hashed features have their places whatever the order.
ORDER_MATTERS = {"check_shuffle_features_no_impact"}


def every_check():
    for name, model in MODELS.items():
        left_out = model._unit_test_skips() | (ORDER_MATTERS if name != "hashed" else set())
        for number, check in enumerate(checks.yield_checks(model)):
            if check.__name__ not in left_out:
                yield pytest.param(model, check, id=f"{name}-{number}-{check.__name__}")


@pytest.mark.parametrize(("model", "check"), list(every_check()))
def test_models_pass_rivers_checks(model, check):
    check(model.clone())
