"""
==========================
A drifting stream in river
==========================

`river <https://riverml.xyz>`_ learns from streams one row at a time, and its ``compat`` module
takes in any scikit-learn estimator that has ``partial_fit``. Here
:class:`~sklearn_localnet.LocalRuleClassifier` meets river's own classifiers and
:class:`~sklearn.linear_model.SGDClassifier` on a stream whose classes have curved borders, and are
all drawn anew half-way. It needs river (``pip install river``).
"""

import itertools
import time

import matplotlib.pyplot as plt
from river import compat, evaluate, forest, linear_model, metrics, naive_bayes, preprocessing, tree
from river.datasets import synth
from river.utils import Rolling
from sklearn.linear_model import SGDClassifier

from sklearn_localnet import LocalRuleClassifier

# %%
# The stream
# ----------
# Each of three classes is a mixture of clusters among ten features. After 1200 rows every cluster
# moves at once. Rows are dicts and never come back.

HALF = 1200


def stream():
    """Rows (a dict, a label), first of one concept and then of another."""
    concepts = [
        synth.RandomRBF(
            seed_model=seed, seed_sample=seed, n_classes=3, n_features=10, n_centroids=20
        )
        for seed in (1, 2)
    ]
    return itertools.chain.from_iterable(concept.take(HALF) for concept in concepts)


# %%
# The models
# ----------
# All have their defaults. A row at a time is noisy to learn from, so a smaller step is tried for
# the network as well. river's pipelines scale the features as they learn them.


def network(**parameters):
    """The network as a classifier of river's."""
    local = LocalRuleClassifier(50, random_state=0, **parameters)
    return compat.convert_sklearn_to_river(local, classes=[0, 1, 2])


models = {
    "local rules": network(),
    "local rules, step 0.001": network(learning_rate_init=0.001),
    "SGDClassifier": compat.convert_sklearn_to_river(
        SGDClassifier(loss="log_loss", random_state=0), classes=[0, 1, 2]
    ),
    "river: softmax regression": linear_model.SoftmaxRegression(),
    "river: naive Bayes": naive_bayes.GaussianNB(),
    "river: adaptive Hoeffding tree": tree.HoeffdingAdaptiveTreeClassifier(seed=0),
    "river: adaptive random forest": forest.ARFClassifier(seed=0),
}

# %%
# Predict, then learn
# -------------------
# ``iter_progressive_val_score`` predicts every row before it is learnt.

curves, milliseconds = {}, {}
for name, model in models.items():
    recent = Rolling(metrics.Accuracy, window_size=300)
    start = time.perf_counter()
    curves[name] = [
        (checkpoint["Step"], recent.get())
        for checkpoint in evaluate.iter_progressive_val_score(
            stream(), preprocessing.StandardScaler() | model, recent, step=50
        )
    ]
    milliseconds[name] = (time.perf_counter() - start) / (2 * HALF) * 1000
    before, after = (dict(curves[name])[rows] for rows in (HALF, 2 * HALF))
    print(f"{name:31s}  accuracy before the drift {before:.3f}, at the end {after:.3f}")

# %%
# Accuracy along the stream
# -------------------------
# Averages over the last 300 rows. A model that only adds up what it has seen (naive Bayes) is held
# back by the first concept; linear models cannot follow the borders of either.

colors = dict(
    zip(models, ["tab:blue", "tab:blue", "grey", "grey", "y", "c", "tab:red"], strict=True)
)
styles = dict.fromkeys(models, "-") | {"local rules, step 0.001": ":"}
styles["river: softmax regression"] = ":"
fig, (ax, bars) = plt.subplots(
    ncols=2, figsize=(11, 4.4), width_ratios=[2, 1], layout="constrained"
)
for name, curve in curves.items():
    ax.plot(*zip(*curve, strict=True), styles[name], color=colors[name], label=name)
ax.axvline(HALF, color="black", ls=":", lw=1)
ax.text(HALF, 0.99, " every cluster moves", va="top")
ax.set(xlabel="rows seen", ylabel="accuracy before learning", ylim=(0.1, 1), xlim=(50, 2 * HALF))
fig.legend(loc="outside lower center", fontsize="small", ncols=4)

# %%
# The price of a row, with scaling and all: predicted once and learnt once.

bars.barh(list(models), list(milliseconds.values()), color=list(colors.values()))
bars.invert_yaxis()
bars.set(xlabel="milliseconds a row")

plt.show()
