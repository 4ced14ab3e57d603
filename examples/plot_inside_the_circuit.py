"""
==================
Inside the circuit
==================

A hidden neuron of this network is a pyramidal neuron with two groups of dendrites. Basal dendrites
receive the input and drive its output z. Apical dendrites receive the target, as the apical current
a, and the inhibition of interneurons, Qn. What is left of the two is the plateau potential
p = a - Qn, and it alone teaches the basal synapses. The method ``compartments`` shows all of these
for any rows, layer by layer. The example follows them through training, and holds them against what
theory says.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_localnet import LocalRuleClassifier, published

X, y = load_digits(return_X_y=True)
X /= 16
classes = np.arange(10)


def epochs(circuit, X, n_epochs):
    """Train the circuit, yielding after each pass over the shuffled rows."""
    rng = np.random.default_rng(0)
    for _ in range(n_epochs):
        rows = rng.permutation(len(y))
        yield circuit.partial_fit(X[rows], y[rows], classes=classes)


def gains(z):
    """Eigenvalues of mean z z^T, largest first."""
    return np.linalg.eigvalsh(z.T @ z / len(z))[::-1]


# %%
# Currents and gains during training
# ----------------------------------
# The default circuit, on all digits. Inhibition grows until it explains most of the apical current:
# the layer then says what the target says, and the plateau, which teaches, shrinks.
#
# Inhibition also holds the gain down. It grows along every direction of the activity in which the
# eigenvalue of mean :math:`z z^\top` exceeds one, and at equilibrium none does. Learning is faster
# than gain control at first, so the largest gains overshoot and then come back. Ten classes, less
# their mean, span nine directions: nine gains settle at one. The gain that goes its own way belongs
# to a direction that no target drives and no interneuron sees.

circuit = LocalRuleClassifier(random_state=0)
currents = {"apical": [], "inhibition": [], "plateau": []}
spectrum = []
for _ in epochs(circuit, X, 100):
    (compartments,) = circuit.compartments(X, y)
    for name, values in currents.items():
        values.append(np.sqrt(np.mean(compartments[name] ** 2)))
    spectrum.append(gains(compartments.output)[:10])

fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for (name, values), label in zip(
    currents.items(), ("apical current a", "inhibitory current Qn", "plateau a - Qn"), strict=True
):
    axes[0].plot(values, label=label, lw=2.5 if name == "plateau" else 1.5)
axes[0].set(xlabel="epochs", ylabel="root mean square over rows and neurons", ylim=(0, None))
axes[0].legend(frameon=False)
shades = plt.get_cmap("viridis")(np.linspace(0, 0.9, 10))
for rank, values in enumerate(np.transpose(spectrum)):
    axes[1].plot(values, color=shades[rank])
axes[1].axhline(1, color="black", ls=":", lw=1)
axes[1].set(xlabel="epochs", ylabel="ten largest eigenvalues of mean $z z^T$", ylim=(0, None))

# %%
# The published gain control, and the damped one
# ----------------------------------------------
# With linear neurons the optimum is known, and there every gain is one. The published rule
# (``gain_damping=0``) swings around it: gain feeds inhibition, inhibition cuts gain, as prey and
# predators do. Only the falling step sizes calm it. The damped rule (``gain_damping=0.6``) has the
# same optimum and settles there.
#
# At the optimum the plateau is backpropagation's teaching signal :math:`W_2^\top (y - \hat y)`,
# although training never computes a prediction. The right panel shows the angle between the two.
# Inputs are 20 whitened principal components; small batches stand in for single rows.

components = PCA(20, whiten=True, random_state=0).fit_transform(X)
targets = np.eye(10)[y]
linear = {
    "hidden_layer_sizes": 5,
    "batch_size": 20,
    "learning_rate_init": 0.1,
    "apical_rate": 0.03,
    "interneuron_rate": 0.03,
    "learning_rate_decay": 2e4,
    "random_state": 0,
}


def angle_to_backprop(circuit, compartments):
    """Median angle in degrees between the plateau and W2^T (y - yhat), over rows."""
    plateau, apical = compartments.plateau, circuit.layers_[0].apical_weights
    signal = (targets - compartments.output @ apical) @ apical.T
    lengths = np.linalg.norm(plateau, axis=1) * np.linalg.norm(signal, axis=1)
    return np.median(np.degrees(np.arccos(np.sum(plateau * signal, axis=1) / lengths)))


fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for column, (kappa, title) in enumerate({0.0: "as published", 0.6: "damped"}.items()):
    circuit = LocalRuleClassifier(**published(**linear, gain_damping=kappa))
    spectrum, angles = [], []
    for _ in epochs(circuit, components, 60):
        (compartments,) = circuit.compartments(components, y)
        spectrum.append(gains(compartments.output))
        angles.append(angle_to_backprop(circuit, compartments))
    color = ("tab:red", "tab:blue")[column]
    axes[column].plot(spectrum, color=color, lw=1)
    axes[column].axhline(1, color="black", ls=":", lw=1)
    axes[column].set(
        title=f"{title}: the five gains",
        xlabel="epochs",
        ylabel="eigenvalues of mean $z z^T$",
        ylim=(0, 3.5),
    )
    axes[2].plot(angles, color=color, label=title)
axes[2].axhline(90, color="black", ls=":", lw=1)
axes[2].set(title="plateau and backpropagation", xlabel="epochs", ylabel="angle [degrees]")
axes[2].set(ylim=(0, 120), yticks=[0, 30, 60, 90, 120])
axes[2].legend(frameon=False)

# %%
# Synapses that agree without copying weights
# -------------------------------------------
# The rule asks the synapses R from pyramidal neurons to interneurons to mirror the synapses Q that
# lead back. With ``interneurons="decoupled"`` each learns on its own, from the same pair of
# activities, and the difference is forgotten: after T rows it is :math:`(1 - \eta_q)^T` times what
# it was. Every one of the entries follows the formula, to rounding.

eta_q = 0.003
circuit = LocalRuleClassifier(
    **published(
        interneurons="decoupled",
        hidden_layer_sizes=16,
        learning_rate_init=0.01,
        apical_rate=0.01,
        interneuron_rate=eta_q,
        random_state=0,
    )
)
inputs = X - X.mean(axis=0)


def mismatch():
    """Q^T - R as it is now."""
    layer = circuit.layers_[0]
    return layer.interneuron_weights.T - layer.pyramidal_to_interneuron_weights


circuit.partial_fit(inputs[:1], y[:1], classes=classes)
start, rows_seen, sizes, errors = mismatch(), [0], [1.0], []
for first in range(1, 1701, 100):
    circuit.partial_fit(inputs[first : first + 100], y[first : first + 100])
    rows_seen.append(circuit.t_ - 1)
    sizes.append(np.linalg.norm(mismatch()) / np.linalg.norm(start))
    errors.append(np.abs(mismatch() - (1 - eta_q) ** rows_seen[-1] * start).max())
print(f"largest departure of an entry from the formula: {max(errors):.0e}")

fig, ax = plt.subplots(figsize=(5.5, 3.8), layout="constrained")
ax.semilogy(rows_seen, (1 - eta_q) ** np.array(rows_seen), color="black", lw=1, label="formula")
ax.semilogy(rows_seen, sizes, "o", color="tab:blue", label="measured")
ax.set(xlabel="rows seen", ylabel="size of $Q^T - R$ against its start")
ax.legend(frameon=False)

plt.show()
