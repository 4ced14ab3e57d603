"""Graphs that onnxruntime runs predict as the estimators do."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import ACTIVATIONS, TARGETS, classifier, regressor, table, values

from sklearn_localnet import published, register_onnx

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def outputs():
    """A function that runs the graph of a model on X."""
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    register_onnx()

    def run(model, X, **options):
        graph = skl2onnx.to_onnx(model, X[:1], options=options or None).SerializeToString()
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        found = session.run(None, {"X": X})
        for value, described in zip(found, session.get_outputs(), strict=True):
            if isinstance(value, np.ndarray):
                assert described.shape == [None, *value.shape[1:]]
        return found

    return run


@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("sizes", [20, (12, 9), (8, 7, 6)])
def test_a_classifier_in_a_pipeline_gives_the_same_labels_and_chances(
    outputs, kind, activation, readout, sizes
):
    X, y = table(kind)
    options = {"hidden_layer_sizes": sizes, "activation": activation, "readout": readout}
    model = make_pipeline(StandardScaler(), classifier(**options)).fit(X, y)
    labels, chance = outputs(model, X, zipmap=False)
    assert chance.dtype == np.float32
    assert_array_equal(labels, model.predict(X))
    assert_allclose(chance, model.predict_proba(X), rtol=0, atol=rounding(model, X))


def rounding(model, X):
    """By what float32 may change the sums that the readout of a pipeline takes."""
    output = np.abs(model[-1].transform(model[:-1].transform(X)))
    sums = output @ np.abs(model[-1].readout_weights_).T
    return max(1e-6, 8 * np.finfo(np.float32).eps * sums.max())


@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("label", ["a", 3])
def test_one_class_is_given_the_same_label_and_chance(outputs, label, readout):
    X, y = table("binary")[0], [label] * 150
    model = classifier(readout=readout).fit(X, y)
    labels, chance = outputs(model, X, zipmap=False)
    assert labels.tolist() == y
    assert_array_equal(chance, np.ones((150, 1)))


@pytest.mark.parametrize("readout", ["linear", "hebbian"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_outputs", [0, 3])
@pytest.mark.parametrize("sizes", [20, (12, 9), (8, 7, 6)])
def test_a_regressor_in_a_pipeline_gives_the_same_values(
    outputs, n_outputs, activation, readout, sizes
):
    X, y = values(n_outputs)
    options = {"hidden_layer_sizes": sizes, "activation": activation, "readout": readout}
    model = make_pipeline(StandardScaler(), regressor(**options))
    (found,) = outputs(model.fit(X, y), X)
    most = rounding(model, X) * np.std(y)
    assert_allclose(found, model.predict(X).reshape(150, -1), rtol=1e-6, atol=most)


def test_values_beyond_their_limits_give_the_same(outputs):
    X, y = values(0)
    model = regressor(hidden_layer_sizes=(12, 9)).fit(X, y)
    X[:3] *= np.array([[1e3], [-1e6], [1e30]], dtype=X.dtype)
    assert (np.abs(X) > model.layers_[0].input_limits).any()
    (found,) = outputs(model, X)
    assert_allclose(found, model.predict(X).reshape(150, -1), rtol=1e-6)


@pytest.mark.parametrize("readout", ["softmax", "hebbian"])
@pytest.mark.parametrize("sizes", [20, (12, 9)])
def test_input_in_float64_is_computed_in_float64(outputs, readout, sizes):
    X, y = table("strings")
    X = X.astype(np.float64)
    model = classifier(readout=readout, hidden_layer_sizes=sizes).fit(X, y)
    _, chance = outputs(model, X, zipmap=False)
    assert_allclose(chance, model.predict_proba(X), rtol=0, atol=1e-14)
    X, y = values(2)
    (found,) = outputs(regressor(hidden_layer_sizes=sizes).fit(X, y), X.astype(np.float64))
    assert found.dtype == np.float64


def test_training_in_float32_on_integers_keeps_to_a_millionth(outputs):
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.int64)
    model = classifier(dtype="float32", max_iter=50).fit(X, y)
    labels, chance = outputs(model, X, zipmap=False)
    assert_array_equal(labels, model.predict(X))
    assert_allclose(chance, model.predict_proba(X), rtol=0, atol=1e-6)


@pytest.mark.parametrize("sizes", [20, (12, 9)])
def test_the_published_algorithm_is_converted(outputs, sizes):
    X, y = table("multiclass")
    model = classifier(**published(hidden_layer_sizes=sizes)).fit(X, y)
    labels, chance = outputs(model, X, zipmap=False)
    assert_array_equal(labels, model.predict(X))
    assert_allclose(chance, model.predict_proba(X), rtol=0, atol=1e-6)


def test_options_of_classifiers_are_heard(outputs):
    X, y = table("strings")
    model = classifier().fit(X, y)
    _, dicts = outputs(model, X)
    assert list(dicts[0]) == sorted(set(y))
    columns = outputs(model, X, zipmap="columns")
    assert_array_equal(columns[0], model.predict(X))
    assert_allclose(columns[1], model.predict_proba(X)[:, 0], atol=1e-6)
    codes, _ = outputs(model, X, zipmap=False, nocl=True)
    assert_array_equal(model.classes_[codes], model.predict(X))


def test_without_skl2onnx_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-localnet\[onnx\]'"):
        register_onnx()
