r"""
====================
How a network learns
====================

A :class:`~sklearn_localnet.Recorder` looks at a network while it learns, at the epochs that it is
told, and keeps what it sees: weights, the currents of every compartment, the angle between what
teaches each layer and the signal that backpropagation would send there, and the gains, eigenvalues
of mean :math:`z z^\top` that interneurons hold at one at most. Afterwards the records are drawn as
curves, and as a moving picture of a layer and of what the network says over the plane of its two
inputs.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from sklearn.preprocessing import StandardScaler

from sklearn_localnet import (
    LearningDisplay,
    LocalRuleClassifier,
    Recorder,
    TrainingCurveDisplay,
)
from sklearn_localnet.rules import Microcircuit

X, y = make_moons(300, noise=0.15, random_state=0)
X = StandardScaler().fit_transform(X)

# %%
# Recording
# ---------
# The recorder is a callback of scikit-learn, from its version 1.9 on. With an earlier version, or
# on a stream, the same recorder is called between calls of ``partial_fit``:
# ``recorder(network, X, y)``.

recorder = Recorder(at=[1, 2, 3, 5, 8, 12, 17, 23, 30, 40, 50, 65, 80, 100, 125, 150, 175])
network = LocalRuleClassifier(
    (10, 8),
    rule=Microcircuit(n_interneurons=6),
    learning_rate_init=0.02,
    alpha=0,
    max_iter=400,
    random_state=0,
)
network.set_callbacks(recorder).fit(X, y)
print(f"{network.n_iter_} epochs, accuracy {network.score(X, y):.3f}")

# %%
# As curves
# ---------
# The lower layer above, the upper one below. Nothing in the hidden layers is made of errors, and
# yet what teaches them turns towards backpropagation's signal, which is: in the upper layer within
# a dozen epochs, in the lower one later and less. Inhibition takes off the apical currents what a
# layer says of the target already, so the plateaus that teach it shrink, and no gain passes one.

fig, axes = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
for layer, row in enumerate(axes):
    TrainingCurveDisplay.from_recorder(recorder, layer=layer, name=f"layer {layer + 1}", ax=row)

# %%
# As a moving picture
# -------------------
# The last record of the lower layer, drawn as :class:`~sklearn_localnet.MicrocircuitDisplay` draws
# a circuit, beside the two classes and the rows that were learnt. All records share their scales:
# the largest disc of a kind is the largest weight of that kind at any time.

# sphinx_gallery_thumbnail_number = 2
display = LearningDisplay.from_recorder(recorder, layer=0, name="lower layer")

# %%
# A notebook shows the display as a player, and so does this page. ``save`` writes the player as one
# HTML file that needs nothing beside it. At first the network says the same everywhere. Within a
# dozen epochs a boundary comes up, nearly straight. Then it bends around the moons, while the basal
# synapses of some neurons grow.

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "learning.html")
    display.save(file)
    print(f"{len(recorder.records_)} frames, {file.stat().st_size / 1e6:.1f} MB")
display
