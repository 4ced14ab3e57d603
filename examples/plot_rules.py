r"""
=======================
Learning rules compared
=======================

One network with two hidden layers learns the digits by each rule of the package. The rows, their
order, the steps and the readout are the same; only what teaches the hidden layers differs. Three
things are followed: how well the network does on digits that it has not seen, how far the
teaching signal is from backpropagation's, and how far the synapses that bring it are from the
forward weights that backpropagation would use in their place.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_localnet import LocalRuleClassifier, TeachingSignalDisplay
from sklearn_localnet.rules import RULES

EPOCHS = (1, 2, 3, 5, 8, 13, 20, 30, 45, 60)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

# %%
# What is measured
# ----------------
# Backpropagation's signal to the lower layer is the error of the outputs, taken through the
# weights of the readout, the slopes of the upper layer, and that layer's weights. ``coefs_`` has
# the weights, and ``compartments`` what the neurons hold. Neurons are rectified, so slopes are
# one or zero.


def signals(network):
    """Teaching signal of the lower layer, and backpropagation's, row by row."""
    lower, upper = network.compartments(X_train, y_train)
    error = np.eye(10)[y_train] - network.predict_proba(X_train)
    _, between, out = network.coefs_
    backprop = ((upper.basal > 0) * (error @ out.T)) @ between.T
    teaching = lower.plateau if "plateau" in lower else lower.teaching
    return teaching, backprop


def feedback_angle(network, rule):
    """Angle between the lower layer's feedback and the forward weights in its place."""
    layer = network.layers_[0]
    _, between, out = network.coefs_
    if rule == "backpropagation":
        return 0.0
    if rule == "sign_symmetry":
        return angle(np.sign(between), between)
    if rule == "target_propagation":
        return angle(layer.inverse_weights, between)
    if rule == "microcircuit":  # targets, and below errors, reach the layer without the upper one
        return angle(layer.apical_weights, between @ out)
    if rule == "direct_feedback_alignment":
        return angle(layer.feedback_weights, between @ out)
    return angle(layer.feedback_weights, between)


def angle(a, b):
    """Angle between two matrices, in degrees."""
    cosine = np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def follow(rule):
    """Test error, angle of the signals and angle of the feedback after some of the epochs."""
    network = LocalRuleClassifier((50, 30), rule=rule, random_state=0)
    rng = np.random.default_rng(0)
    measured = []
    for epoch in range(1, EPOCHS[-1] + 1):
        rows = rng.permutation(len(y_train))
        network.partial_fit(X_train[rows], y_train[rows], classes=range(10))
        if epoch in EPOCHS:
            between_signals = np.nanmedian(TeachingSignalDisplay(*signals(network)).angle)
            error = 100 * (1 - network.score(X_test, y_test))
            measured.append((error, between_signals, feedback_angle(network, rule)))
    return np.transpose(measured)


curves = {rule: follow(rule) for rule in RULES}
for rule, (error, *angles) in curves.items():
    print(f"{rule:26} error {error[-1]:4.1f} %, angles {angles[0][-1]:3.0f}, {angles[1][-1]:3.0f}")

# %%
# Over training
# -------------
# Signals that have nothing to do with one another are 90 degrees apart, and so are random
# matrices. All rules come to make few errors, and in the end they differ by less than the digits
# held out can tell. The signals differ: feedback that learns as Kolen and Pollack have it turns
# towards the forward weights, and predictive coding, which learns it alike, lies on the same
# line. Where feedback is fixed the forward weights turn towards it, for a part of the way. Target
# propagation learns an inverse and not a transpose, and the microcircuit, which hears the target
# and no error, keeps a signal of its own.

STYLES = {
    "microcircuit": ("#d98e04", "-"),
    "feedback_alignment": ("tab:blue", "-"),
    "direct_feedback_alignment": ("tab:cyan", "-"),
    "kolen_pollack": ("tab:green", "-"),
    "target_propagation": ("tab:purple", "-"),
    "predictive_coding": ("tab:olive", "--"),
    "sign_symmetry": ("tab:red", "-"),
    "backpropagation": ("black", ":"),
}
fig, axes = plt.subplots(1, 3, figsize=(12.5, 4.4), layout="constrained")
titles = ("errors on other digits", "teaching signal to backprop's", "feedback to forward weights")
for rule, (color, dashes) in STYLES.items():
    for ax, curve in zip(axes, curves[rule], strict=True):
        ax.plot(EPOCHS, curve, dashes, color=color, lw=1.8, label=rule.replace("_", " "))
for ax, title in zip(axes, titles, strict=True):
    ax.set(title=title, xlabel="epochs", xscale="log")
    ax.set_xticks([1, 3, 8, 20, 60], labels=["1", "3", "8", "20", "60"])
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(ylabel="%", yscale="log")
axes[0].set_yticks([2, 3, 5, 10, 20, 50], labels=["2", "3", "5", "10", "20", "50"])
axes[0].minorticks_off()
for ax in axes[1:]:
    ax.axhline(90, color="grey", ls=":", lw=1)
    ax.set(ylabel="degrees in the lower layer", ylim=(-3, 100), yticks=range(0, 91, 15))
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)

plt.show()
