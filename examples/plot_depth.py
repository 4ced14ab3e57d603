r"""
Two layers learn what one cannot
================================

Each neuron of a layer is taught by its own correlation with the target. Ripples around a centre
ask for more: no direction tells them apart, and neurons have to stand where they can work against
one another. A second layer, which hears the same target and takes the activity of the first as its
input, finds neurons that do correlate with it. No error and no weight passes from one layer to the
other.

The function is :math:`\cos 4r` at the distance :math:`r` from the centre. The networks see 2,000 of
its values, and are drawn on a grid.
"""

# %%
# One layer, two layers, and backpropagation
# ------------------------------------------
#
# All of them have their default parameters.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor

from sklearn_localnet import LocalRuleRegressor

warnings.simplefilter("ignore", ConvergenceWarning)


def ripples(X):
    """The function to be learnt."""
    return np.cos(4 * np.hypot(X[:, 0], X[:, 1]))


X = np.random.default_rng(0).uniform(-2, 2, (2000, 2))
networks = {
    "one layer": LocalRuleRegressor((100,), random_state=0),
    "two layers": LocalRuleRegressor((100, 100), random_state=0),
    "MLPRegressor, two layers": MLPRegressor(hidden_layer_sizes=(100, 100), random_state=0),
}
for network in networks.values():
    network.fit(X, ripples(X))

# %%
# What they have learnt
# ---------------------
#
# The score is that of the grid, which no network has seen.
side = np.linspace(-2, 2, 101)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
surfaces = {"the function": ripples(grid)}
for name, network in networks.items():
    values = network.predict(grid)
    surfaces[f"{name}\n$R^2$ = {r2_score(ripples(grid), values):.3f}"] = values

figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained", sharey=True)
for ax, (title, values) in zip(axes, surfaces.items(), strict=True):
    image = ax.imshow(
        values.reshape(101, 101), origin="lower", extent=(-2, 2, -2, 2), cmap="RdBu_r", clim=(-1, 1)
    )
    ax.set(title=title, xlabel="a")
axes[0].set_ylabel("b")
figure.colorbar(image, ax=axes, shrink=0.8)
plt.show()
