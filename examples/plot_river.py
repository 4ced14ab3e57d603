"""
====================================
Labels and features that come and go
====================================

Rows of `river <https://riverml.xyz>`_ are dicts, and any of them may bring a label or a feature
that no row had before. :class:`~sklearn_localnet.LocalRuleClassifier` takes labels as they come
with ``new_classes="add"``. It wants features at fixed places, and
:class:`~sklearn.feature_extraction.FeatureHasher` gives such places to names of any number. The
example needs river (``pip install river``).
"""

import time

import matplotlib.pyplot as plt
from river import base, evaluate, forest, linear_model, metrics, naive_bayes, preprocessing, tree
from river.datasets import synth
from river.utils import Rolling
from sklearn.feature_extraction import FeatureHasher

from sklearn_localnet import LocalRuleClassifier

# %%
# The network as a classifier of river's
# --------------------------------------
# river's own wrapper, ``compat.SKL2RiverClassifier``, wants all labels beforehand, and in every row
# the features of the first. This one wants neither. A feature that a row lacks is zero, which
# behind river's ``StandardScaler`` is its mean. Now and then two features share a place, the less
# often the more places there are.


class HashedClassifier(base.Classifier):
    """A classifier of scikit-learn's, which learns by ``partial_fit``, for dicts of any features.

    Parameters
    ----------
    estimator
    n_places
        Columns that the features are hashed to.
    """

    def __init__(self, estimator, n_places=64):
        self.estimator, self.n_places = estimator, n_places
        self._hasher = FeatureHasher(n_places)

    def _row(self, x):
        return self._hasher.transform([{str(name): value for name, value in x.items()}]).toarray()

    def learn_one(self, x, y):
        """Learn a row."""
        self.estimator.partial_fit(self._row(x), [y])

    def predict_proba_one(self, x):
        """Probability of each label that a row had so far."""
        if not hasattr(self.estimator, "classes_"):
            return {}
        chances = self.estimator.predict_proba(self._row(x))[0]
        return dict(zip(self.estimator.classes_.tolist(), chances.tolist(), strict=True))

    @property
    def _multiclass(self):
        return True


# %%
# The stream
# ----------
# Classes are mixtures of clusters among ten sensors. A third class comes in after 1,000 rows. After
# 2,000 rows half of the sensors are exchanged for others, which have other names and other units.

PART = 1000


def stream():
    """Rows (a dict, a label) in three parts."""
    clusters = synth.RandomRBF(
        seed_model=1, seed_sample=1, n_classes=3, n_features=10, n_centroids=20
    )
    rows = iter(clusters)
    for number in range(3 * PART):
        x, y = next(rows)
        while number < PART and y == 2:
            x, y = next(rows)
        if number < 2 * PART:
            yield {f"sensor {i}": x[i] for i in range(10)}, "abc"[y]
        else:
            kept = {f"sensor {i}": x[i] for i in range(5)}
            yield kept | {f"new sensor {i}": 1000 * x[i] for i in range(5, 10)}, "abc"[y]


# %%
# Predict, then learn
# -------------------
# All models have their defaults, behind a scaler that learns with them. Single rows are noisy to
# learn from, so a smaller step is tried for the network as well. ``iter_progressive_val_score``
# predicts every row before it is learnt.


def network(**parameters):
    """The network, with no list of classes and no list of features."""
    local = LocalRuleClassifier(new_classes="add", random_state=0, **parameters)
    return HashedClassifier(local)


models = {
    "local rules": network(),
    "local rules, step 0.001": network(learning_rate_init=0.001),
    "softmax regression": linear_model.SoftmaxRegression(),
    "naive Bayes": naive_bayes.GaussianNB(),
    "adaptive Hoeffding tree": tree.HoeffdingAdaptiveTreeClassifier(seed=0),
    "adaptive random forest": forest.ARFClassifier(seed=0),
}
curves, milliseconds = {}, {}
for name, model in models.items():
    recent = Rolling(metrics.Accuracy, window_size=200)
    start = time.perf_counter()
    curves[name] = [
        (checkpoint["Step"], recent.get())
        for checkpoint in evaluate.iter_progressive_val_score(
            stream(), preprocessing.StandardScaler() | model, recent, step=25
        )
    ]
    milliseconds[name] = (time.perf_counter() - start) / (3 * PART) * 1000
    ends = [dict(curves[name])[part * PART] for part in (1, 2, 3)]
    print(f"{name:24s}  accuracy at the end of each part", *(f"{end:.3f}" for end in ends))

# %%
# Accuracy along the stream, averaged over the last 200 rows, and the price of a row, predicted once
# and learnt once. Naive Bayes adds up all it has seen; the linear model cannot follow the borders
# of the classes.

colors = dict(zip(models, ["tab:blue", "tab:blue", "grey", "y", "c", "tab:red"], strict=True))
styles = dict.fromkeys(models, "-") | {"local rules, step 0.001": ":"}
fig, (ax, bars) = plt.subplots(
    ncols=2, figsize=(11, 4.4), width_ratios=[2, 1], layout="constrained"
)
for name, curve in curves.items():
    ax.plot(*zip(*curve, strict=True), styles[name], color=colors[name], label=name)
for part, event in enumerate(["a third class", "half of the features"], start=1):
    ax.axvline(part * PART, color="black", ls=":", lw=1)
    ax.text(part * PART, 0.99, f" {event}", va="top")
ax.set(xlabel="rows seen", ylabel="accuracy before learning", ylim=(0.5, 1), xlim=(50, 3 * PART))
fig.legend(loc="outside lower center", fontsize="small", ncols=3)
bars.barh(list(models), list(milliseconds.values()), color=list(colors.values()))
bars.invert_yaxis()
bars.set(xlabel="milliseconds a row")

plt.show()
