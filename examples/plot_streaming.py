"""
=====================
A stream that changes
=====================

The rules need one row at a time and keep nothing of it, so a stream can be learnt as it comes. This
one is of handwritten digits, and changes three times: new digits come in, then all are turned by a
quarter, then their ink is given in another unit. Every chunk of 8 rows is first predicted and then
learnt ("prequential" accuracy), so no rows have to be held out. Beside
:class:`~sklearn_localnet.LocalRuleClassifier` run classifiers that learn streams in scikit-learn
and in `river <https://riverml.xyz>`_ (``pip install river``).
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from river import forest, preprocessing, tree
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from sklearn_localnet import LocalRuleClassifier

CHUNK = 8
images, labels = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16

# %%
# The stream
# ----------
# Each part has its digits once, in an order of its own. A digit comes back in later parts, and some
# of the accuracy there is memory, for all models alike.

PARTS = {  # which digits, quarters of a turn, unit of the ink
    "up to six": (range(7), 0, 1),
    "all digits": (range(10), 0, 1),
    "turned": (range(10), 1, 1),
    "another unit": (range(10), 1, 255),
}
rng = np.random.default_rng(0)
X_parts, y_parts = [], []
for digits, quarters, unit in PARTS.values():
    rows = rng.permutation(np.flatnonzero(np.isin(labels, digits)))
    X_parts.append(unit * np.rot90(images[rows], quarters, axes=(1, 2)).reshape(len(rows), -1))
    y_parts.append(labels[rows])
X, y = np.concatenate(X_parts), np.concatenate(y_parts)
edges = np.cumsum([0, *map(len, y_parts)])

# %%
# Predict, then learn
# -------------------
# ``new_classes="add"`` lets the network take digits as they come; scikit-learn's own classifiers
# are told of all ten beforehand. river's learn row by row, behind a scaler that learns with them.
# All have their defaults.


def prequential(model, **known):
    """Whether each row was predicted correctly before it was learnt (chance for the first rows)."""
    hits = np.full(len(y), 0.1)
    for first in range(0, len(y), CHUNK):
        rows = slice(first, first + CHUNK)
        if first:
            hits[rows] = model.predict(X[rows]) == y[rows]
        model.partial_fit(X[rows], y[rows], **known)
    return hits


def prequential_in_river(model):
    """The same for a model of river's, row by row."""
    model, hits = preprocessing.StandardScaler() | model, np.empty(len(y))
    for number, (row, label) in enumerate(zip(X.tolist(), y.tolist(), strict=True)):
        features = dict(enumerate(row))
        hits[number] = model.predict_one(features) == label
        model.learn_one(features, label)
    return hits


ten = {"classes": np.arange(10)}
hits = {
    "local rules": prequential(LocalRuleClassifier(new_classes="add", random_state=0)),
    "MLPClassifier": prequential(MLPClassifier(random_state=0), **ten),
    "SGDClassifier": prequential(SGDClassifier(random_state=0), **ten),
    "river: adaptive Hoeffding tree": prequential_in_river(
        tree.HoeffdingAdaptiveTreeClassifier(seed=0)
    ),
    "river: adaptive random forest": prequential_in_river(forest.ARFClassifier(seed=0)),
}

# %%
# Accuracy along the stream
# -------------------------
# Averages over the last 300 rows. A new digit is a mistake when it first comes, whoever learns. The
# turn has to be learnt anew. The unit of the ink changes nothing for the network: its synapses
# measure an input by its own size, which follows the stream, and what they have learnt keeps its
# meaning.


def recent(hits, window=300):
    """Rows seen, from the fiftieth on, and the mean of the last ones."""
    total = np.cumsum(np.concatenate([[0], hits]))
    seen = np.arange(50, len(hits) + 1)
    first = np.maximum(seen - window, 0)
    return seen, (total[seen] - total[first]) / (seen - first)


colors = dict(zip(hits, ["tab:blue", "tab:orange", "grey", "c", "tab:red"], strict=True))
fig, ax = plt.subplots(figsize=(9.5, 4.4), layout="constrained")
for name, of_rows in hits.items():
    ax.plot(*recent(of_rows), color=colors[name], label=name)
    means = [of_rows[first:stop].mean() for first, stop in pairwise(edges)]
    print(f"{name:31s}  accuracy in each part", *(f"{mean:.3f}" for mean in means))
for part, (first, stop) in zip(PARTS, pairwise(edges), strict=True):
    ax.text((first + stop) / 2, 1.01, part, ha="center", va="bottom")
    ax.axvline(stop, color="black", ls=":", lw=1)
ax.set(xlim=(0, len(y)), ylim=(0, 1), xlabel="rows seen", ylabel="accuracy before learning")
fig.legend(loc="outside lower center", fontsize="small", ncols=3)

plt.show()
