"""
=====================
A look at the circuit
=====================

:class:`~sklearn_localnet.MicrocircuitDisplay` draws a fitted network as the circuit that it is.
Pyramidal neurons stand upright: the synapses of the inputs sit on their basal dendrites, below the
cell body, and those of the targets on their apical dendrites, at the top. In between, the axons of
interneurons cross the apical dendrites and take current away. What passes them is the plateau
potential, which teaches the basal synapses. Beside each neuron rises its own axon, which drives
the interneurons.

Discs are synapses, with an area in proportion to the weight. Dendrites are as wide as the current
that they carry, root mean square over the rows; cell bodies are coloured by their activity.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from sklearn_localnet import LocalRuleClassifier, MicrocircuitDisplay

iris = load_iris()
X, y = StandardScaler().fit_transform(iris.data), iris.target
names = {
    "feature_names": [name.removesuffix(" (cm)") for name in iris.feature_names],
    "target_names": iris.target_names,
}
rng = np.random.default_rng(0)


def learn(circuit, n_epochs):
    """Show all irises to the circuit, in a new order each time; return how many it then knows."""
    for _ in range(n_epochs):
        rows = rng.permutation(len(y))
        circuit.partial_fit(X[rows], y[rows], classes=range(3))
    return circuit.score(X, y)


# %%
# Before learning
# ---------------
# Eight neurons after they have seen the 150 irises once. Basal synapses are random still. Apical
# synapses and those of the interneurons are random too, but alike: both start in the same
# directions, so that the first three interneurons stand for the three targets, and their discs
# match those of the floor above. The other five start in directions of their own. Interneurons
# hardly respond, and the plateaus, in yellow, are as wide as the apical currents.

circuit = LocalRuleClassifier(8, batch_size=10, random_state=0)
print(f"known after one epoch: {learn(circuit, 1):.0%}")
MicrocircuitDisplay.from_estimator(circuit, X, y, name="before learning", **names)

# %%
# After learning
# --------------
# The same circuit 300 epochs later. Basal synapses have found what tells the kinds apart.
# Inhibition takes away what the neurons say already: dendrites taper on their way down, and the
# plateaus that are left to learn from are thin beside the apical currents. Neurons that had nothing
# to add have fallen silent, as their weights decay, and so have the interneurons that no target
# needs.

print(f"known after 301 epochs: {learn(circuit, 300):.0%}")
MicrocircuitDisplay.from_estimator(circuit, X, y, name="after learning", **names)

# %%
# Sixty neurons
# -------------
# Where there are more than 20 cells of a kind, the display sums up. Each column is one of 60
# neurons that learnt the irises, and neurons stand beside others that the same kind of iris drives
# most. At the bottom is what they have come to look for: virginica's neurons long and wide petals,
# setosa's the opposite, and versicolor's narrow sepals. The first three interneurons see the groups
# that the targets make. The currents show how much of the apical current inhibition explains, and
# the plateau that is left.

many = LocalRuleClassifier(60, batch_size=10, random_state=0).fit(X, y)
MicrocircuitDisplay.from_estimator(many, X, y, name="60 neurons that tell irises apart", **names)

plt.show()
