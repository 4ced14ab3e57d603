"""
=====================
A boundary that moves
=====================

With two features the whole plane can be shown: each of its points is a row that the network may be
asked about. Here it learns two half moons, and the border between the classes is drawn as it moves.
The area of a point is the size of its plateau potentials, so it says how much the row teaches.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sklearn_localnet import LocalRuleClassifier

SHOWN = (1, 3, 10, 30, 100)
X, y = make_moons(300, noise=0.15, random_state=0)
abscissa, ordinate = np.meshgrid(np.linspace(-1.5, 2.5, 200), np.linspace(-1.2, 1.7, 200))
plane = np.column_stack([abscissa.ravel(), ordinate.ravel()])


def draw(ax, network, epochs):
    """Draw what the network says of the plane, and how much each row teaches."""
    probability = network.predict_proba(plane)[:, 1].reshape(abscissa.shape)
    levels = np.linspace(0, 1, 11)
    ax.contourf(abscissa, ordinate, probability, levels, cmap="RdBu_r", alpha=0.4)
    ax.contour(abscissa, ordinate, probability, [0.5], colors="black", linewidths=1.5)
    (layer,) = network.compartments(X, y)
    area = 150 * np.linalg.norm(layer.plateau, axis=1)
    ax.scatter(*X.T, area, y, cmap="RdBu_r", edgecolors="black", linewidths=0.4)
    ax.set(title=f"epoch {epochs}: {network.score(X, y):.0%} right", xticks=[], yticks=[])


# %%
# Who teaches
# -----------
# After one epoch all rows teach alike, and the border is almost a line. What the layer has come to
# say is taken away from what the targets bring. So rows far from the border fall silent, and those
# that are close to it, or on its wrong side, bend it.

network = LocalRuleClassifier(50, batch_size=20, random_state=0)
rng = np.random.default_rng(0)
fig, axes = plt.subplots(1, len(SHOWN), figsize=(12.5, 2.8), layout="constrained")
for epoch in range(1, SHOWN[-1] + 1):
    rows = rng.permutation(len(y))
    network.partial_fit(X[rows], y[rows], classes=[0, 1])
    if epoch in SHOWN:
        draw(axes[SHOWN.index(epoch)], network, epoch)

plt.show()
