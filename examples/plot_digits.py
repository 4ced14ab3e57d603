"""
========================================
Handwritten digits, beside MLPClassifier
========================================

The same network, one hidden layer of 100 rectified neurons, is trained twice: by the local rules
of :class:`~sklearn_localnet.LocalRuleClassifier` and by backpropagation, in scikit-learn's
:class:`~sklearn.neural_network.MLPClassifier`. Both see the same rows in the same order; every
parameter has its default. The example compares how well they read digits they have not seen, how
fast they get there, and what the hidden neurons look for.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_localnet import LocalRuleClassifier

N_EPOCHS = 60
SEEDS = range(5)
FAMILIES = {"local rules": LocalRuleClassifier, "backpropagation": MLPClassifier}
COLORS = {"local rules": "tab:blue", "backpropagation": "tab:orange"}

X, y = load_digits(return_X_y=True)
X /= 16

# %%
# Training
# --------
# One call of ``partial_fit`` on all training rows is one epoch, so the test accuracy can be read
# after each. A quarter of the rows is held out, a different quarter for each seed.


def learning_curve(family, seed):
    """Train one network; return it with its training loss and test accuracy, epoch by epoch."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=seed
    )
    network = family(hidden_layer_sizes=100, random_state=seed)
    rng = np.random.default_rng(seed)
    losses, accuracies = [], []
    for _ in range(N_EPOCHS):
        rows = rng.permutation(len(y_train))
        network.partial_fit(X_train[rows], y_train[rows], classes=np.arange(10))
        losses.append(network.loss_)
        accuracies.append(network.score(X_test, y_test))
    return network, losses, accuracies


runs = {name: [learning_curve(family, s) for s in SEEDS] for name, family in FAMILIES.items()}
losses = {name: np.array([loss for _, loss, _ in run]) for name, run in runs.items()}
accuracies = {name: np.array([accuracy for _, _, accuracy in run]) for name, run in runs.items()}

# %%
# Accuracy
# --------
# A line joins the two networks that shared a split. The spread over the splits says what a
# difference between the rules is worth.

for name, accuracy in accuracies.items():
    print(f"{name:15s}  test accuracy {accuracy[:, -1].mean():.4f} +/- {accuracy[:, -1].std():.4f}")

fig, ax = plt.subplots(figsize=(4.5, 4), layout="constrained")
final = np.array([accuracy[:, -1] for accuracy in accuracies.values()])
ax.plot([0, 1], final, color="lightgrey", zorder=1)
for position, (name, values) in enumerate(zip(accuracies, final, strict=True)):
    ax.scatter(np.full(len(values), position), values, color=COLORS[name], zorder=2)
    ax.hlines(values.mean(), position - 0.12, position + 0.12, color=COLORS[name], lw=3)
ax.set(
    xlim=(-0.5, 1.5),
    xticks=[0, 1],
    xticklabels=accuracies,
    ylabel="test accuracy",
    title=f"{len(SEEDS)} splits (dots) and their mean (bar)",
)

# %%
# Learning curves
# ---------------
# The loss is the log loss of the training rows, for backpropagation with its small penalty on the
# weights; bands span the seeds. The local rules learn faster at first: their steps are measured
# against the size of what a synapse transmits, while backpropagation's are 0.001 for every weight.

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
epochs = np.arange(1, N_EPOCHS + 1)
for ax, curves in zip(axes, (losses, accuracies), strict=True):
    for name, curve in curves.items():
        ax.plot(epochs, curve.mean(axis=0), color=COLORS[name], label=name)
        ax.fill_between(
            epochs, curve.min(axis=0), curve.max(axis=0), color=COLORS[name], alpha=0.2, lw=0
        )
    ax.set(xlabel="epochs", xscale="log")
    ax.set_xticks([1, 3, 10, 30], labels=["1", "3", "10", "30"])
axes[0].set(ylabel="training log loss", yscale="log")
axes[1].set(ylabel="test accuracy")
axes[0].legend(frameon=False)

# %%
# What the hidden neurons look for
# --------------------------------
# Each image holds the weights from the 64 pixels to one hidden neuron: red excites, blue inhibits.
# Shown are the 24 neurons with the largest weights, each on its own scale. Both rules leave much of
# the random start in place. ``coefs_`` has the same meaning in both classes, so one function draws
# both.


def show_weights(figure, network, title):
    """Draw the strongest first-layer weights of a network as images."""
    weights = network.coefs_[0].T
    strongest = np.argsort(-np.linalg.norm(weights, axis=1))[:24]
    for ax, row in zip(figure.subplots(4, 6).flat, weights[strongest], strict=True):
        limit = np.abs(row).max()
        ax.imshow(row.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.axis("off")
    figure.suptitle(title)


fig = plt.figure(figsize=(9, 3.6), layout="constrained")
for part, (name, run) in zip(fig.subfigures(1, 2, wspace=0.05), runs.items(), strict=True):
    show_weights(part, run[0][0], name)

plt.show()
