r"""
================================
What teaches the hidden neurons?
================================

Backpropagation teaches a hidden neuron by the errors of the outputs, sent back through the weights
that lead to them: :math:`W_{out}^\top (y - \hat y)`. The circuit of this package sends no error to
its hidden layer. Its teaching signal is the plateau potential :math:`p = a - Qn`, the current that
the targets bring less the inhibition by interneurons.
:class:`~sklearn_localnet.TeachingSignalDisplay` draws the one against the other: the angle between
the two, row by row, and their values for every row and neuron. Signals that have nothing to do
with one another are 90 degrees apart.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_localnet import LocalRuleClassifier, TeachingSignalDisplay

N_EPOCHS = 40
X, y = load_digits(return_X_y=True)
X /= 16
targets = np.eye(10)[y]


def epochs(circuit):
    """Train the circuit, yielding the number of passes over the shuffled rows so far."""
    rng = np.random.default_rng(0)
    for epoch in range(1, N_EPOCHS + 1):
        rows = rng.permutation(len(y))
        circuit.partial_fit(X[rows], y[rows], classes=range(10))
        yield epoch


# %%
# Two signals that come to agree
# ------------------------------
# The default network reads its hidden layer by softmax, through weights that start at zero and
# learn on their own. The synapses that bring the targets, W2, know nothing of them, and after one
# epoch the plateaus are at nearly right angles to backpropagation's signal. Yet the two come
# closer, as both kinds of weights learn what the hidden neurons stand for. In the last panel most
# of backpropagation's signals are near zero, as the digits are known by then; plateaus stay.

network = LocalRuleClassifier(random_state=0)
fig, axes = plt.subplots(2, 2, figsize=(9.5, 7), layout="constrained")
for epoch in epochs(network):
    if epoch in (1, N_EPOCHS):
        name = "after one epoch" if epoch == 1 else f"after {epoch} epochs"
        row = axes[int(epoch == N_EPOCHS)]
        TeachingSignalDisplay.from_estimator(network, X, y, ax=row, name=name)

# %%
# The same with a Hebbian readout
# -------------------------------
# With ``readout="hebbian"`` the network predicts through W2 itself, and the targets arrive through
# the weights that backpropagation would use. Theory says that the plateau then is
# backpropagation's signal near equilibrium, where :math:`QQ^\top z` is what the layer's own
# prediction would bring. For most rows it is not far from it, at any time.

hebbian = LocalRuleClassifier(readout="hebbian", random_state=0)
for _ in epochs(hebbian):
    pass
TeachingSignalDisplay.from_estimator(
    hebbian, X, y, name=f"Hebbian readout, after {N_EPOCHS} epochs", color="tab:green"
)


# %%
# The angle over training
# -----------------------
# The display takes any two signals, so the angle can be followed without a figure for each epoch.
# Lines are medians over the rows, bands hold the middle 80 % of them. Dashes: the tenth of the rows
# with the largest errors, of which there is most to learn. There the two come to agree best.


def errors(circuit):
    """Targets less predictions, in the terms in which each readout learns."""
    if circuit.readout == "hebbian":
        return targets - targets.mean(axis=0) - circuit.transform(X) @ circuit.readout_weights_.T
    return targets - circuit.predict_proba(X)


def angles(circuit):
    """Quantiles of the angle over rows, and its median over the rows with the largest errors."""
    error = errors(circuit)
    plateau = circuit.compartments(X, y)[-1].plateau
    angle = TeachingSignalDisplay(plateau, error @ circuit.readout_weights_).angle
    size = np.linalg.norm(error, axis=1)
    hard = angle[size >= np.quantile(size, 0.9)]
    return [*np.quantile(angle, [0.1, 0.5, 0.9]), np.median(hard)]


fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
for readout, color in {"softmax": "#d98e04", "hebbian": "tab:green"}.items():
    circuit = LocalRuleClassifier(readout=readout, random_state=0)
    low, median, high, hard = np.transpose([angles(circuit) for _ in epochs(circuit)])
    passes = np.arange(1, N_EPOCHS + 1)
    ax.fill_between(passes, low, high, color=color, alpha=0.2, lw=0)
    ax.plot(passes, median, color=color, lw=2, label=f"{readout} readout")
    ax.plot(passes, hard, color=color, lw=1.2, ls="--")
ax.axhline(90, color="black", ls=":", lw=1)
ax.set(xlabel="epochs", xscale="log", ylim=(0, 95), yticks=range(0, 91, 15))
ax.set(ylabel="plateau to backpropagation [degrees]")
ax.set_xticks([1, 2, 5, 10, 20, 40], labels=["1", "2", "5", "10", "20", "40"])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)

plt.show()
