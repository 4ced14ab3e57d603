"""
==========================
Learning a drifting stream
==========================

The rules need one row at a time and keep nothing of it, so a stream can be learnt as it comes.
Here it is a stream of handwritten digits in three parts: upright, turned by a quarter, and upright
again. Every chunk of 32 rows is first predicted and then learnt ("prequential" accuracy), so no
rows have to be held out. Beside :class:`~sklearn_localnet.LocalRuleClassifier` run scikit-learn's
:class:`~sklearn.neural_network.MLPClassifier` and :class:`~sklearn.linear_model.SGDClassifier`.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from sklearn_localnet import LocalRuleClassifier

CHUNK = 32
images, y = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8) / 16

# %%
# The stream
# ----------
# The digits pass twice in each part, in a new order each time. A row therefore comes back, and some
# of the later accuracy is memory, for all models alike.

rng = np.random.default_rng(0)
parts = [("upright", 0), ("turned", 1), ("upright", 0)]
X_parts, y_parts = [], []
for _, quarters in parts:
    order = np.concatenate([rng.permutation(len(y)) for _ in range(2)])
    X_parts.append(np.rot90(images[order], quarters, axes=(1, 2)).reshape(len(order), -1))
    y_parts.append(y[order])
X_stream, y_stream = np.concatenate(X_parts), np.concatenate(y_parts)
length = len(y_parts[0])

# %%
# Predict, then learn
# -------------------


def prequential(model):
    """Whether each row was predicted correctly before it was learnt (chance for the first rows)."""
    hits = np.full(len(y_stream), 0.1)
    for first in range(0, len(y_stream), CHUNK):
        rows = slice(first, first + CHUNK)
        if first:
            hits[rows] = model.predict(X_stream[rows]) == y_stream[rows]
        model.partial_fit(X_stream[rows], y_stream[rows], classes=np.arange(10))
    return hits


# %%
# Both networks update every 8 rows. To learn from a single pass a network wants larger steps than
# to learn from two hundred. How much larger cannot be tried out on a stream that is yet to come, so
# each is run with several step sizes.

steps = [5e-4, 1e-3, 2e-3, 4e-3, 1e-2, 3e-2]
common = {"hidden_layer_sizes": 100, "batch_size": 8, "random_state": 0}
local = {s: prequential(LocalRuleClassifier(learning_rate_init=s, **common)) for s in steps}
mlp = {s: prequential(MLPClassifier(learning_rate_init=s, **common)) for s in steps}
sgd = prequential(SGDClassifier(loss="log_loss", random_state=0))

# %%
# Accuracy along the stream
# -------------------------
# Averages over the last 500 rows. The default step is 0.004 for the local rules and 0.001 for
# MLPClassifier, for which the best of the steps is drawn as well. After each drift the curves show
# how much has to be learnt again, and on the return to upright digits how much was kept.

best = max(mlp, key=lambda step: mlp[step].mean())
curves = {
    "local rules, default step": (local[4e-3], "tab:blue", "-"),
    "MLPClassifier, default step": (mlp[1e-3], "tab:orange", "-"),
    f"MLPClassifier, step {best:g}": (mlp[best], "tab:orange", ":"),
    "SGDClassifier (linear)": (sgd, "grey", "-"),
}
window = 500
fig, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
for label, (hits, color, style) in curves.items():
    total = np.cumsum(np.concatenate([[0], hits]))
    seen = np.arange(50, len(hits) + 1)
    first = np.maximum(seen - window, 0)
    ax.plot(seen, (total[seen] - total[first]) / (seen - first), style, color=color, label=label)
    print(f"{label:28s}  accuracy over the whole stream {hits.mean():.4f}")
for part, (name, _) in enumerate(parts):
    ax.text((part + 0.5) * length, 1.01, name, ha="center", va="bottom")
    if part:
        ax.axvline(part * length, color="black", ls=":", lw=1)
ax.set(
    xlim=(0, len(y_stream)), ylim=(0.2, 1), xlabel="rows seen", ylabel="accuracy before learning"
)
ax.legend(loc="lower right", ncols=2, framealpha=1, edgecolor="none")

# %%
# How much the step matters
# -------------------------
# Dotted lines are the defaults. The local rules measure their step against the size of what a
# synapse transmits, and depend less on it; MLPClassifier does better with a step that is tuned.

fig, ax = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
for label, hits, color in (
    ("local rules", local, "tab:blue"),
    ("MLPClassifier", mlp, "tab:orange"),
):
    ax.semilogx(steps, [hits[step].mean() for step in steps], "o-", color=color, label=label)
ax.axhline(sgd.mean(), color="grey", label="SGDClassifier, its default")
ax.axvline(4e-3, color="tab:blue", ls=":", lw=1)
ax.axvline(1e-3, color="tab:orange", ls=":", lw=1)
ax.set(xlabel="learning_rate_init", ylabel="accuracy over the whole stream")
ax.legend(frameon=False)

plt.show()
