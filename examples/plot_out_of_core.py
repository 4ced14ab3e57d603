"""
===================================
A table larger than memory, on dask
===================================

A folder of Parquet files is learnt by the workers of a `dask.distributed
<https://distributed.dask.org>`_ cluster. Each file is read inside the task that learns from it, and
the model goes from task to task, so that no worker holds more than the files it has in hand. Then
the files are predicted in parallel, and a grid is searched through joblib's dask backend. It needs
``pip install 'sklearn-localnet[dask,plot]'``.
"""

import copy
import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from distributed import Client
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from sklearn_localnet import LocalRuleClassifier

# %%
# The folder
# ----------
# Sixteen small files stand for the many large ones of a real folder; the last is for testing.

X, y = make_classification(
    160_000,
    20,
    n_informative=10,
    n_classes=5,
    n_clusters_per_class=4,
    class_sep=1.5,
    random_state=0,
)
species = np.array(["ant", "bee", "cat", "dog", "elk"])
folder = tempfile.TemporaryDirectory()
for number, rows in enumerate(np.split(np.arange(len(y)), 16)):
    frame = pd.DataFrame(X[rows], columns=[f"x{i}" for i in range(20)])
    frame.assign(species=species[y[rows]]).to_parquet(Path(folder.name) / f"{number:02d}.parquet")
*files, test_file = sorted(Path(folder.name).iterdir())

# %%
# The cluster
# -----------
# Threads of this process play the workers here. ``Client("tcp://scheduler:8786")`` in place of this
# line has a real cluster do the same.

client = Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None)

# %%
# Training: the model goes from task to task
# ------------------------------------------
# A task may have to run again, where a worker is lost. It must therefore leave what it is given as
# it was, and trains a copy; a shallow one will do, because ``partial_fit`` makes new arrays. What
# ``submit`` returns stands for the model to come, and can be handed on at once.


def read(path):
    """Features and labels of a file."""
    frame = pd.read_parquet(path)
    return frame, frame.pop("species")


def learn(model, path):
    """A copy of the model that has learnt a file."""
    return copy.copy(model).partial_fit(*read(path), classes=species)


network = LocalRuleClassifier(100, random_state=0)
models = [network]
for path in files:
    models.append(client.submit(learn, models[-1], path))

# %%
# Prediction: the model goes to every file
# ----------------------------------------
# Labels are written beside the features; nothing but their number comes back.


def predict(model, path):
    """Write the predicted labels of a file, and say how many there are."""
    features, _ = read(path)
    labels = pd.DataFrame({"predicted": model.predict(features)})
    labels.to_parquet(path.with_suffix(".labels.parquet"))
    return len(labels)


counts = client.gather([client.submit(predict, models[-1], path) for path in files])
print(f"{sum(counts)} rows predicted in {len(files)} files")

# %%
# Search: joblib's dask backend
# -----------------------------
# The grid is searched on one file, each fit a task.

grid = {"hidden_layer_sizes": [10, 30, 100], "learning_rate_init": [0.0003, 0.001, 0.003, 0.01]}
patient = LocalRuleClassifier(early_stopping=True, n_iter_no_change=2, random_state=0)
search = GridSearchCV(patient, grid, cv=3)
with joblib.parallel_config("dask"):
    search.fit(*read(files[0]))

# %%
# What the folder is good for
# ---------------------------
# Left: accuracy on the file for testing after each file, which was seen once. The line is the same
# network fitted to the first file alone, with as many passes as it gains from: what one would do
# with no more than fits into memory. Right: the searched grid.


def score(model, path):
    """Accuracy of the model on a file."""
    return model.score(*read(path))


scores = client.gather([client.submit(score, model, test_file) for model in models[1:]])
one_file = LocalRuleClassifier(100, early_stopping=True, random_state=0).fit(*read(files[0]))
alone = one_file.score(*read(test_file))
client.close()

fig, (ax, searched) = plt.subplots(ncols=2, figsize=(10, 4), layout="constrained")
seen = np.cumsum(counts) / 1000
ax.plot(seen, scores, "o-", label="file after file, each seen once")
ax.axhline(alone, color="grey", ls="--", label=f"first file alone, {one_file.n_iter_} passes")
ax.set(xlabel="thousands of rows learnt", ylabel="accuracy on the file for testing", xlim=(0, None))
ax.legend(loc="lower right")
results = pd.DataFrame(search.cv_results_)
for size, part in results.groupby("param_hidden_layer_sizes"):
    searched.errorbar(
        part["param_learning_rate_init"].astype(float),
        part["mean_test_score"],
        part["std_test_score"],
        marker="o",
        capsize=3,
        label=f"{size} neurons",
    )
searched.set(
    xscale="log", xlabel="learning_rate_init", ylabel="accuracy, 3 folds of the first file"
)
searched.legend(loc="lower right")
folder.cleanup()

plt.show()
