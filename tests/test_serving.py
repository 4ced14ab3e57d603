"""What is saved, and what other libraries make of it, predicts as the estimator does."""

import copy
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import ACTIVATIONS, TARGETS, classifier, regressor, table, values

import sklearn_localnet.estimators._fitted
from sklearn_localnet import LocalRuleRegressor, published
from sklearn_localnet.rules import RULES, Microcircuit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def dumped_by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def dumped_by_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def dumped_by_skops(model, folder):
    path = folder / "model.skops"
    skops.io.dump(model, path)
    kinds = {type(model[-1]), *({type(model[-1].rule)} - {str})}
    names = sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    assert sorted(skops.io.get_untrusted_types(file=path)) == names
    return skops.io.load(path, trusted=names)


DUMPS = [dumped_by_pickle, dumped_by_joblib, dumped_by_skops]
PUBLISHED_TANH = published(activation="tanh", interneurons="decoupled")
STACK = {"hidden_layer_sizes": (12, 9)}


@pytest.mark.parametrize("dumped", DUMPS)
@pytest.mark.parametrize(
    "parameters", [{}, {"early_stopping": True}, PUBLISHED_TANH, STACK, {**PUBLISHED_TANH, **STACK}]
)
def test_what_was_saved_predicts_and_learns_on_alike(dumped, parameters, tmp_path):
    X, y = table("strings")
    weights = {"class_weight": {"north": 2.0, "east": 1.0}}
    model = make_pipeline(StandardScaler(), classifier(**parameters, **weights)).fit(X, y)
    loaded = dumped(model, tmp_path)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    scaled = model[0].transform(X)
    for one in (model[-1], loaded[-1]):
        one.set_params(early_stopping=False).partial_fit(scaled, y)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("dumped", DUMPS)
@pytest.mark.parametrize("rule", [*RULES, Microcircuit(interneurons="target")])
def test_any_rule_is_saved(dumped, rule, tmp_path):
    X, y = table("multiclass")
    model = make_pipeline(StandardScaler(), classifier(rule=rule, max_iter=3, **STACK)).fit(X, y)
    loaded = dumped(model, tmp_path)
    for one in (model[-1], loaded[-1]):
        one.partial_fit(X, y)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("dumped", DUMPS)
@pytest.mark.parametrize("n_outputs", [0, 3])
def test_a_saved_regressor_predicts_alike(dumped, n_outputs, tmp_path):
    X, y = values(n_outputs)
    model = make_pipeline(StandardScaler(), regressor()).fit(X, y)
    assert_array_equal(dumped(model, tmp_path).predict(X), model.predict(X))


@pytest.mark.parametrize("dumped", DUMPS)
def test_another_version_is_met_with_a_warning(dumped, tmp_path, monkeypatch):
    model = make_pipeline(regressor().fit(*values(0)))
    with monkeypatch.context() as past:
        past.setattr(sklearn_localnet.estimators._fitted, "__version__", "0.0.1")
        pickle.dumps(model)
        state = model[-1].__getstate__()
    assert state["_sklearn_localnet_version"] == "0.0.1"
    monkeypatch.setattr(LocalRuleRegressor, "__getstate__", lambda self: state)
    text = "LocalRuleRegressor from version 0.0.1 when using version "
    text += f"{sklearn_localnet.__version__} of sklearn_localnet"
    with pytest.warns(InconsistentVersionWarning, match=re.escape(text)):
        loaded = dumped(model, tmp_path)
    assert vars(loaded[-1]).keys() == vars(model[-1]).keys()


def test_a_state_without_a_version_is_met_with_a_warning():
    state = {k: v for k, v in regressor().__getstate__().items() if not k.endswith("_version")}
    with pytest.warns(InconsistentVersionWarning, match="from version unknown"):
        LocalRuleRegressor().__setstate__(state)
    assert "_sklearn_localnet_version" not in vars(copy.copy(regressor()))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("sizes", [20, (12, 9), (8, 7, 6)])
def test_the_plain_network_of_a_classifier_is_an_mlp_classifier(kind, activation, sizes):
    X, y = table(kind)
    model = classifier(activation=activation, hidden_layer_sizes=sizes).fit(X, y)
    mlp = model.to_mlp()
    assert type(mlp) is MLPClassifier
    assert_array_equal(mlp.predict(X), model.predict(X))
    expected = model.predict_proba(X)
    chance = mlp.predict_proba(X)
    assert_allclose(chance, expected, atol=1e-12)
    assert mlp.score(X, y) == model.score(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(mlp)).predict_proba(X), chance)
    assert_array_equal(mlp.classes_, model.classes_)


@pytest.mark.parametrize("readout", ["linear", "hebbian"])
@pytest.mark.parametrize("n_outputs", [0, 3])
@pytest.mark.parametrize("sizes", [20, (12, 9), (8, 7, 6)])
def test_the_plain_network_of_a_regressor_is_an_mlp_regressor(n_outputs, readout, sizes):
    X, y = values(n_outputs)
    X = X.astype(np.float64)
    model = regressor(readout=readout, hidden_layer_sizes=sizes).fit(X, y)
    mlp = model.to_mlp()
    assert type(mlp) is MLPRegressor
    assert_allclose(mlp.predict(X), model.predict(X), rtol=1e-12)
    assert mlp.score(X, y) == pytest.approx(model.score(X, y))


@pytest.mark.parametrize("sizes", [(20,), (12, 9)])
def test_an_mlp_describes_itself_as_a_fitted_one_does(sizes):
    X, y = table("multiclass")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    mlp = classifier(hidden_layer_sizes=sizes).fit(frame, y).to_mlp()
    fitted = MLPClassifier(sizes, max_iter=2).fit(frame, y)
    assert set(vars(fitted)) - set(vars(mlp)) <= {"_optimizer", "best_validation_score_"}
    assert_array_equal(mlp.feature_names_in_, list("abcdef"))
    assert {**mlp.get_params(), "max_iter": 2} == fitted.get_params()


@pytest.mark.parametrize("sizes", [20, (12, 9)])
def test_an_mlp_is_a_copy_that_learns_on_by_backpropagation(sizes):
    X, y = table("multiclass")
    model = classifier(max_iter=5, hidden_layer_sizes=sizes).fit(X, y)
    before = model.predict_proba(X)
    mlp = model.to_mlp()
    for _ in range(100):
        mlp.partial_fit(X, y)
    assert log_loss(y, mlp.predict_proba(X)) < 0.8 * log_loss(y, before)
    assert_array_equal(model.predict_proba(X), before)


def test_making_an_mlp_draws_no_random_number_and_changes_nothing():
    model = classifier().fit(*table("binary"))
    # The global generator is what must stay untouched, so the test has to use it.
    np.random.seed(0)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    before = {**vars(model)}
    model.to_mlp()
    assert np.random.random() == expected  # noqa: NPY002
    assert all(vars(model)[name] is value for name, value in before.items())


def test_what_is_no_mlp_is_refused():
    with pytest.raises(ValueError, match="readout='hebbian' estimates probabilities"):
        classifier(readout="hebbian").fit(*table("binary")).to_mlp()
    with pytest.raises(NotFittedError):
        classifier().to_mlp()
    with pytest.raises(NotFittedError):
        clone(regressor().fit(*values(0))).to_mlp()
