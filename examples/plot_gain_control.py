r"""
==========================
Interneurons hold the gain
==========================

Hidden neurons could answer ever louder. What holds them is a constraint: the gain along any
direction of the activity, an eigenvalue of mean :math:`z z^\top`, may not exceed one. Interneurons
enforce it. Each listens to one direction and inhibits it the more, the longer its gain has been
above one. ``fit`` records the gains in the directions that interneurons listen to, after each
epoch, and :class:`~sklearn_localnet.TrainingCurveDisplay` draws them beside the loss.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from sklearn_localnet import LocalRuleClassifier, TrainingCurveDisplay, published

N_EPOCHS = 80
warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is chosen here
X, y = load_digits(return_X_y=True)
X /= 16


def draw(circuit, X, axes, name):
    """Train the circuit, draw its curves, and dots for the gains over the whole table at the end.

    The recorded gains come from the last 200 rows of an epoch. So few rows spread gains that are
    equal: five of one to between 0.7 and 1.3 or so. The dots are free of this.
    """
    circuit.fit(X, y)
    display = TrainingCurveDisplay.from_estimator(circuit, ax=axes, name=name)
    heard = circuit.transform(X) @ np.linalg.qr(circuit.layers_[-1].interneuron_weights)[0]
    gains = np.linalg.eigvalsh(heard.T @ heard / len(heard))[::-1]
    for line, gain in zip(display.lines_.gain, gains, strict=True):
        display.axes_[-1].plot(1.03 * N_EPOCHS, gain, "o", color=line.get_color(), clip_on=False)
    return display


# %%
# Prey and predators
# ------------------
# Five linear neurons learn from whitened components of the digits, by the published rule but for
# batches of 20 rows. Their gain feeds inhibition, and inhibition cuts gain, only later: the two
# chase one another as prey and predators do, and the loss rises with each swing (top). The damped
# rule lets inhibition feel at once, in part, what the interneurons are about to learn
# (``gain_damping=0.4``, an option). It has the same fixed points, and settles there (bottom).
# Slower apical synapses would calm the swings too: the defaults rely on that.

whitened = PCA(20, whiten=True, random_state=0).fit_transform(X)
parameters = {
    "hidden_layer_sizes": 5,
    "batch_size": 20,
    "shuffle": True,
    "learning_rate_init": 0.03,
    "apical_rate": 0.01,
    "interneuron_rate": 0.01,
    "max_iter": N_EPOCHS,
    "n_iter_no_change": N_EPOCHS,
    "random_state": 0,
}
fig, axes = plt.subplots(2, 2, figsize=(9.5, 6.6), layout="constrained", sharex=True, sharey="col")
for row, kappa in zip(axes, (0.0, 0.4), strict=True):
    circuit = LocalRuleClassifier(**published(**parameters, gain_damping=kappa))
    draw(circuit, whitened, row, f"damping $\\kappa$ = {kappa:g}")

# %%
# The default network
# -------------------
# A hundred rectified neurons, 13 interneurons and all defaults. The loss is low before the gains
# have reached their limit, one direction after another. Ten kinds of digits, less their mean, span
# nine directions: nine gains end near one, and what is left for the other four interneurons to
# listen to is next to nothing.

circuit = LocalRuleClassifier(max_iter=N_EPOCHS, n_iter_no_change=N_EPOCHS, random_state=0)
fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
draw(circuit, X, axes, "defaults")

plt.show()
