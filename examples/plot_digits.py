"""
========================================
Handwritten digits, beside MLPClassifier
========================================

The same network, one hidden layer of 100 rectified neurons, is trained twice: by the local rules
of :class:`~sklearn_localnet.LocalRuleClassifier` and by backpropagation, in scikit-learn's
:class:`~sklearn.neural_network.MLPClassifier`. Both see the same rows, and every parameter has its
default. The example compares how well they read digits they have not seen, which of these they
misread, and how fast they get there.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_localnet import LocalRuleClassifier

N_EPOCHS = 60
SEEDS = range(5)
FAMILIES = {"local rules": LocalRuleClassifier, "backpropagation": MLPClassifier}
COLORS = {"local rules": "tab:blue", "backpropagation": "tab:orange"}
warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs, MLPClassifier's default, are few

X, y = load_digits(return_X_y=True)
X /= 16
splits = [train_test_split(X, y, test_size=0.25, stratify=y, random_state=seed) for seed in SEEDS]

# %%
# Errors on other digits
# ----------------------
# A quarter of the rows is held out, another one for each of five splits. Guessing would be wrong in
# 90 % of the cases. Beside that the two are alike: the spread over the splits is as large as what
# lies between them.

networks = {
    name: [family(random_state=s).fit(splits[s][0], splits[s][2]) for s in SEEDS]
    for name, family in FAMILIES.items()
}
errors = {
    name: [100 * (1 - each.score(splits[s][1], splits[s][3])) for s, each in enumerate(family)]
    for name, family in networks.items()
}

fig, ax = plt.subplots(figsize=(7, 2.2), layout="constrained")
for height, (name, values) in enumerate(errors.items()):
    print(f"{name:15s}  {np.mean(values):.1f} % +/- {np.std(values):.1f} %")
    ax.plot(values, np.full(len(values), height), "o", color=COLORS[name], alpha=0.7)
    ax.plot(np.mean(values), height, "|", color=COLORS[name], ms=30, mew=3)
ax.set(xlim=(0, 10), ylim=(1.5, -0.5), xlabel="errors [%], five splits (dots) and their mean (bar)")
ax.set_yticks([0, 1], labels=errors)
ax.spines[["top", "right"]].set_visible(False)

# %%
# What they misread
# -----------------
# All digits of the first split that at least one of the networks takes for another. Above each
# image is what it is, and below what the networks say, in blue that of the local rules and in
# orange that of backpropagation. Many are misread by both, and a person would hesitate too.

_, X_test, _, y_test = splits[0]
said = {name: family[0].predict(X_test) for name, family in networks.items()}
misread = np.flatnonzero(np.any([answers != y_test for answers in said.values()], axis=0))

n_columns = 6
shape = (-(-len(misread) // n_columns), n_columns)
fig, axes = plt.subplots(*shape, figsize=(7, 1.7 * shape[0]), layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for ax, row in zip(axes.flat, misread, strict=False):
    ax.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
    ax.set_title(y_test[row])
    for place, (name, answers) in zip((0.25, 0.75), said.items(), strict=True):
        where = {"transform": ax.transAxes, "ha": "center", "va": "top"}
        ax.text(place, -0.03, answers[row], color=COLORS[name], weight="bold", **where)

# %%
# Learning curves
# ---------------
# One call of ``partial_fit`` on all training rows is one epoch, so the accuracy can be read after
# each. The loss is the log loss of the training rows, for backpropagation with its small penalty on
# the weights; bands span the splits. The local rules learn faster at first: their steps are
# measured against the size of what a synapse transmits, while backpropagation's are 0.001 for every
# weight.


def learning_curve(family, seed):
    """Training loss and test accuracy of one network, epoch by epoch."""
    X_train, X_test, y_train, y_test = splits[seed]
    network = family(random_state=seed)
    rng = np.random.default_rng(seed)
    curve = []
    for _ in range(N_EPOCHS):
        rows = rng.permutation(len(y_train))
        network.partial_fit(X_train[rows], y_train[rows], classes=np.arange(10))
        curve.append((network.loss_, network.score(X_test, y_test)))
    return curve


fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
epochs = np.arange(1, N_EPOCHS + 1)
for name, family in FAMILIES.items():
    curves = np.array([learning_curve(family, seed) for seed in SEEDS])
    for ax, curve in zip(axes, np.moveaxis(curves, 2, 0), strict=True):
        low, middle, high = curve.min(axis=0), curve.mean(axis=0), curve.max(axis=0)
        ax.plot(epochs, middle, color=COLORS[name], label=name)
        ax.fill_between(epochs, low, high, color=COLORS[name], alpha=0.2, lw=0)
for ax in axes:
    ax.set(xlabel="epochs", xscale="log")
    ax.set_xticks([1, 3, 10, 30], labels=["1", "3", "10", "30"])
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="training log loss", yscale="log")
axes[1].set(ylabel="test accuracy", ylim=(0, 1))
axes[0].legend(frameon=False)

plt.show()
