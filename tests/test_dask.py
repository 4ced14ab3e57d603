"""Training, prediction and search on workers that hold less memory than the data has."""

import copy
import os
import signal

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from small import assert_same_state

from sklearn_localnet import LocalRuleClassifier

distributed = pytest.importorskip("distributed")
MEMORY = 500 * 2**20  # of a worker; scikit-learn, pandas and pyarrow themselves take about half
N_FILES = 180
N_ROWS = 8_000  # of a file: 6.4 MB once it is read
FEATURES = [f"x{i}" for i in range(100)]
WEIGHTS = np.linspace(-1, 1, len(FEATURES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of Parquet files, 4 of them different."""
    folder = tmp_path_factory.mktemp("table")
    for seed in range(4):
        X = np.random.default_rng(seed).integers(-8, 9, (N_ROWS, len(FEATURES))) / 8
        frame = pd.DataFrame(X, columns=FEATURES)
        frame["label"] = np.where(X @ WEIGHTS > 0, "above", "below")
        frame.to_parquet(folder / f"{seed:03d}.parquet")
        for copied in range(seed + 4, N_FILES, 4):
            os.link(folder / f"{seed:03d}.parquet", folder / f"{copied:03d}.parquet")
    return folder


@pytest.fixture(scope="module")
def client():
    """A client of two workers, each a process with a limit to its memory."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=MEMORY, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def start():
    return LocalRuleClassifier((10, 6), random_state=0)


def learn(model, path):
    frame = pd.read_parquet(path)
    labels = frame.pop("label")
    return copy.copy(model).partial_fit(frame, labels, classes=["above", "below"])


def learn_on_a_mortal_worker(model, path, log):
    """Learn, but kill the process on its first try of the third file."""
    with log.open("a") as file:
        file.write(f"{path.stem}\n")
    if path.stem == "002" and log.read_text().split().count("002") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(model, path)


def accuracy(model, path):
    frame = pd.read_parquet(path)
    labels = frame.pop("label")
    return model.score(frame, labels)


def processes(client):
    return set(client.run(os.getpid).values())


def test_a_table_larger_than_the_memory_of_all_workers_is_learnt_and_predicted(client, folder):
    paths = sorted(folder.iterdir())
    rows = pd.read_parquet(paths[0]).memory_usage(index=False)[FEATURES].sum()
    assert rows * N_FILES > 2 * MEMORY
    workers = processes(client)
    model = start()
    for path in paths:
        model = client.submit(learn, model, path)
    scores = client.gather(client.map(accuracy, [model] * len(paths[:8]), paths[:8]))
    assert min(scores) > 0.95
    assert model.result().t_ == N_ROWS * N_FILES
    assert processes(client) == workers  # none was restarted for want of memory


def test_a_killed_worker_does_not_change_a_bit_of_the_model(client, folder, tmp_path):
    paths = sorted(folder.iterdir())[:5]
    alone = start()
    for path in paths:
        alone = learn(alone, path)
    workers, log, model = processes(client), tmp_path / "log", start()
    for path in paths:
        model = client.submit(learn_on_a_mortal_worker, model, path, log)
    model = model.result()
    client.wait_for_workers(2)
    assert processes(client) != workers
    assert log.read_text().split().count("002") == 2
    assert_same_state(model, alone)


def test_a_task_leaves_the_model_that_it_is_given_as_it_was(folder):
    path = min(folder.iterdir())
    model = learn(start(), path)
    before = copy.deepcopy(model.__getstate__())
    after = learn(model, path)
    assert after.t_ == 2 * model.t_
    np.testing.assert_equal(model.__getstate__(), before)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_joblibs_dask_backend_searches_a_grid_as_one_process_does(client, folder):
    frame = pd.read_parquet(min(folder.iterdir())).head(500)
    labels = frame.pop("label")
    search = GridSearchCV(
        start().set_params(max_iter=5), {"hidden_layer_sizes": [1, (10, 6)]}, cv=3
    )
    with joblib.parallel_config("dask"):
        search.fit(frame, labels)
    alone = GridSearchCV(search.estimator, search.param_grid, cv=3).fit(frame, labels)
    assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
