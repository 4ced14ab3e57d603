"""What is left after a fault: an interrupt, a failing read, a killed process, a divergence."""

import copy
import gc
import multiprocessing
import pickle
import signal
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal
from sklearn.base import clone
from small import assert_same_state, state

from sklearn_localnet import DivergenceError, LocalRuleClassifier, LocalRuleRegressor, published
from sklearn_localnet.network._buffered import Buffered
from sklearn_localnet.rules import Rule
from sklearn_localnet.training._feed import Feed

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5))
    return X, np.argmax(X[:, :3] + 0.1 * rng.standard_normal((300, 3)), axis=1)


def make(**changes):
    return LocalRuleClassifier(**{"hidden_layer_sizes": 8, "batch_size": 50, **changes})


def assert_untouched(model, before):
    """The estimator holds the very objects that it held, with the values that they had."""
    attributes, values = before
    assert vars(model).keys() == attributes.keys()
    for name, value in attributes.items():
        assert vars(model)[name] is value, name
    for name, value in values.items():
        before, now = value, vars(model)[name]
        if isinstance(value, Rule):
            before, now = vars(before), vars(now)
        assert_equal(now, before, err_msg=name)


def remember(model):
    # The engine of the last chunk is no part of a copy; its arrays are.
    held = {name: value for name, value in vars(model).items() if name != "_standing"}
    return dict(vars(model)), copy.deepcopy(held)


def nth(call, action, original):
    """The original, but for ``action`` in place of its call number ``call``."""
    calls = count(1)

    def method(*args, **kwargs):
        if next(calls) == call:
            action()
        return original(*args, **kwargs)

    return method


# Interrupts


@pytest.fixture(autouse=True)
def interruptible():
    """Python's handler, which a process that was started in the background does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("call", [2, 7, 40])
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"hidden_layer_sizes": (8, 6)}])
def test_an_interrupt_from_the_keyboard_leaves_a_usable_model(table, monkeypatch, options, call):
    X, y = table
    model = make(random_state=0, **options)
    monkeypatch.setattr(Buffered, "learn", nth(call, interrupt, Buffered.learn))
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    assert model.score(X, y) > 1 / 3
    assert np.isfinite(model.predict_proba(X)).all()
    seen = model.t_
    assert model.set_params(early_stopping=False).partial_fit(X, y).t_ == seen + 300


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("sizes", [8, (8, 6)])
def test_an_interrupted_chunk_of_a_stream_leaves_the_estimator_as_it_was(
    table, monkeypatch, fitted, sizes
):
    X, y = table
    model = make(random_state=0, hidden_layer_sizes=sizes)
    if fitted:
        model.partial_fit(X, y, classes=[0, 1, 2])
    before, twin = remember(model), copy.deepcopy(model)
    with monkeypatch.context() as patched:
        patched.setattr(Buffered, "learn", nth(3, interrupt, Buffered.learn))
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X, y, classes=[0, 1, 2])
    assert_untouched(model, before)
    for either in (model, twin):
        either.partial_fit(X, y, classes=[0, 1, 2])
    assert_equal(model.__getstate__(), twin.__getstate__())


# Reads that fail


def fail():
    raise OSError("the disk is gone")


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("sizes", [8, (8, 6)])
def test_a_failing_read_of_a_memory_map_leaves_the_estimator_as_it_was(
    table, monkeypatch, tmp_path, method, fitted, sizes
):
    X, y = table
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = make(random_state=0, hidden_layer_sizes=sizes)
    if fitted:
        model.fit(X, y)
    before = remember(model)
    classes = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    monkeypatch.setattr(Feed, "_inputs", nth(4, fail, Feed._inputs))
    with pytest.raises(OSError, match="the disk is gone"):
        getattr(model, method)(mapped, y, **classes)
    assert_untouched(model, before)


# Divergence


class Watched(LocalRuleClassifier):
    """Notes the names of attributes that are set from outside ``__init__``."""

    def __setattr__(self, name, value):
        WRITTEN.append((id(self), name))
        super().__setattr__(name, value)


WRITTEN = []


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("sizes", [8, (8, 6)])
def test_a_divergence_is_raised_before_any_attribute_is_touched(table, method, sizes):
    X, y = table
    rates = {"learning_rate_init": 1e3, "apical_rate": 0.1, "interneuron_rate": 0.1}
    model = Watched(random_state=0, **published(**rates, hidden_layer_sizes=sizes))
    before = remember(model)
    WRITTEN.clear()
    classes = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    with pytest.raises(DivergenceError, match=r"layers_\[0\]\.basal_weights"):
        getattr(model, method)(X, y, **classes)
    written = {name for owner, name in WRITTEN if owner == id(model)}
    assert written <= {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}  # scikit-learn's own
    assert_untouched(model, before)


@pytest.mark.parametrize("sizes", [8, (8, 6)])
def test_a_stream_that_diverged_goes_on_from_before_with_smaller_steps(table, sizes):
    X, y = table
    rates = {"learning_rate_init": 1e-3, "apical_rate": 0.01, "interneuron_rate": 0.01}
    model = make(random_state=0, **published(**rates, hidden_layer_sizes=sizes))
    model.partial_fit(X, y, classes=[0, 1, 2])
    same = copy.deepcopy(model)
    with pytest.raises(DivergenceError):
        model.set_params(learning_rate_init=1e3).partial_fit(X, y)
    model.set_params(learning_rate_init=1e-3).partial_fit(X, y)
    assert_same_state(model, same.partial_fit(X, y))


# Processes and threads

STREAM = """
import os, pickle, signal, sys
import numpy as np
from sklearn_localnet import LocalRuleClassifier
folder, dies_after = sys.argv[1], int(sys.argv[2])
X, y = np.load(folder + "/X.npy"), np.load(folder + "/y.npy")
model = LocalRuleClassifier((8, 6), batch_size=20, random_state=0, learning_rate_decay=500.0)
try:
    with open(folder + "/model.pickle", "rb") as file:
        model = pickle.load(file)
except FileNotFoundError:
    pass
for first in range(getattr(model, "t_", 0), len(X), 60):
    model.partial_fit(X[first : first + 60], y[first : first + 60], classes=[0, 1, 2])
    with open(folder + "/new.pickle", "wb") as file:
        pickle.dump(model, file)
    os.replace(folder + "/new.pickle", folder + "/model.pickle")
    if model.t_ >= dies_after:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_stream_resumes_from_its_pickle_and_ends_as_one_that_was_not_killed(
    table, tmp_path
):
    models = []
    for name, deaths in (("killed", [60, 180, 1000]), ("whole", [1000])):
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / "X.npy", table[0])
        np.save(folder / "y.npy", table[1])
        for dies_after in deaths:
            run = subprocess.run([sys.executable, "-c", STREAM, str(folder), str(dies_after)])
            assert run.returncode == (0 if dies_after == 1000 else -signal.SIGKILL)
        models.append(pickle.loads((folder / "model.pickle").read_bytes()))
    assert models[0].t_ == models[1].t_ == 300
    assert_same_state(*models)


def test_threads_predict_from_a_model_while_another_fits_a_clone(table):
    X, y = table
    model = make(random_state=0, max_iter=30).fit(X, y)
    expected, before = model.predict_proba(X), remember(model)
    with ThreadPoolExecutor(3) as pool:
        training = pool.submit(lambda: clone(model).set_params(max_iter=100, tol=0.0).fit(X, y))
        results = [pool.submit(model.predict_proba, X) for _ in range(200)]
        results = [result.result() for result in results]
        trained = training.result()
    for result in results:
        assert_array_equal(result, expected)
    assert_untouched(model, before)
    alone = clone(model).set_params(max_iter=100, tol=0.0).fit(X, y)
    assert_same_state(trained, alone)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_of_any_kind_fit_and_predict_as_this_process_does(table, method):
    X, y = table
    here = make(random_state=0, max_iter=10).fit(X, y)
    with multiprocessing.get_context(method).Pool(2) as pool:
        there = pool.apply(make(random_state=0, max_iter=10).fit, (X, y))
        chances = pool.map(here.predict_proba, [X, X[:10]])
    assert_same_state(there, here)
    assert_array_equal(chances[0], here.predict_proba(X))
    assert_array_equal(chances[1], here.predict_proba(X[:10]))


# Long streams


FAST = {"learning_rate_init": 0.01}


def chunk(rows):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((rows, 2)) + 1
    return X, X @ [1.0, -2.0] + 0.1 * rng.standard_normal(rows)


@pytest.mark.parametrize(
    ("options", "rows", "times"),
    [
        ({"hidden_layer_sizes": 8, "batch_size": 10_000, **FAST}, 500_000, 20),  # 10 million rows
        (published(learning_rate_init=1e-3), 500, 10),
        ({"hidden_layer_sizes": (8, 6), "batch_size": 500, **FAST}, 20_000, 10),
    ],
    ids=["batches", "row by row", "stack"],
)
def test_a_long_stream_neither_grows_nor_drifts(options, rows, times):
    X, y = chunk(rows)
    model = LocalRuleRegressor(random_state=0, **{"hidden_layer_sizes": 4, **options})
    scores, sizes, held = [], [], []
    tracemalloc.start()
    for _ in range(times):
        model.partial_fit(X, y)
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
        sizes.append(len(pickle.dumps(model)))
        scores.append(model.score(X[:1000], y[:1000]))
    tracemalloc.stop()
    assert model.t_ == rows * times
    assert max(sizes) - min(sizes) < 200
    assert held[-1] - held[1] < 100_000
    for name, array in state(model).items():
        assert np.isfinite(array).all(), name
    assert min(scores[times // 2 :]) > 0.9
