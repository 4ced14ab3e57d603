"""The estimators as models of river."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils import shuffle
from small import assert_same_state

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor

pytest.importorskip("river")
from river import compat, evaluate, metrics, preprocessing

NAMES = np.array(["setosa", "versicolor", "virginica"])


def iris():
    X, y = shuffle(*load_iris(return_X_y=True), random_state=0)
    return X, y


def rows(X, y):
    for features, label in zip(X, y.tolist(), strict=True):
        yield dict(enumerate(features)), label


def classifier(labels, sizes=20):
    local = LocalRuleClassifier(sizes, batch_size=1, learning_rate_init=0.01, random_state=0)
    return compat.convert_sklearn_to_river(local, classes=sorted(set(labels.tolist())))


@pytest.mark.parametrize("names", [None, NAMES], ids=["int", "str"])
def test_a_classifier_learns_a_stream_row_by_row(names):
    X, y = iris()
    labels = y if names is None else names[y]
    model = preprocessing.StandardScaler() | classifier(labels)
    score = evaluate.progressive_val_score(rows(X, labels), model, metrics.Accuracy())
    assert score.get() > 0.75
    features = dict(enumerate(X[0]))
    chance = model.predict_proba_one(features)
    assert set(chance) == set(labels.tolist())
    assert sum(chance.values()) == pytest.approx(1)
    assert model.predict_one(features) == max(chance, key=chance.get)


def test_a_regressor_learns_a_stream_row_by_row():
    X, y = load_diabetes(return_X_y=True)
    local = LocalRuleRegressor(20, batch_size=1, learning_rate_init=0.003, random_state=0)
    model = preprocessing.StandardScaler() | compat.convert_sklearn_to_river(local)
    error = evaluate.progressive_val_score(rows(X, y), model, metrics.MAE())
    assert error.get() < 0.9 * np.abs(y - y.mean()).mean()


@pytest.mark.parametrize("sizes", [20, (12, 9)])
def test_rows_and_mini_batches_teach_the_same_as_partial_fit(sizes):
    X, y = iris()
    by_rows, by_frames = classifier(NAMES, sizes), classifier(NAMES, sizes)
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
