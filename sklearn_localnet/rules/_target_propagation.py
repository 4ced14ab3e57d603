r"""Target propagation: each layer is told where to go, through an inverse of the layer above."""

from collections.abc import Mapping

from . import _equations as eq
from ._feedback import forward_weights, random_wires
from ._rule import Rule, Synapse, Wire, check_number


class TargetPropagation(Rule):
    r"""Lee et al., arXiv 1412.7525: difference target propagation with inverses that are learned.

    Synapses V_l learn to reconstruct a layer's output from the activity above it. What they make
    of the target there, less what they make of the activity, is the way to the layer's own target:

        target_l = z_l + V_l target_{l+1} - V_l z_{l+1},    teaching_l = target_l - z_l
        dV_l = mean (z_l - V_l z_{l+1}) z_{l+1}^T

    The inverse is linear, so the way to the target is all that has to come down. Too few outputs
    follow the highest layer for an inverse, and Lee et al. start there with a gradient step, which
    takes the readout's weights backward. Here synapses learn to carry it, as in `KolenPollack`:

        target_L = z_L + pace * V_L e,    dV_L = mean z_L e^T,    e = truth - prediction

    All V take the steps of the forward synapses beside them, and decay alike.

    Parameters
    ----------
    pace : float, default=0.3
        How far the highest layer's target lies from its output. With ``solver="adam"``, which
        measures teaching signals against their own size, it does not matter.
    scale : float, default=0.3
        Size of V at the start: entries of V_l are drawn with standard deviation scale / sqrt(k_l),
        for k_l neurons in the layer.

    References
    ----------
    D.-H. Lee, S. Zhang, A. Fischer, Y. Bengio, "Difference target propagation", arXiv 1412.7525,
    2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = LocalRuleClassifier((20, 10), rule="target_propagation", tol=0.01, random_state=0)
    >>> [layer.inverse_weights.shape for layer in network.fit(X, y).layers_]
    [(20, 10), (10, 3)]
    """

    synapses: Mapping[str, Synapse] = {
        "inverse_weights": Synapse(("neuron", "above"), frozenset({"miss", "heard", "drive_above"}))
    }
    wires = (
        Wire("reconstruction", "inverse_weights", "heard"),
        Wire("teaching", "inverse_weights", "error"),
    )

    def __init__(self, *, pace: float = 0.3, scale: float = 0.3) -> None:
        self.pace = pace
        self.scale = scale

    def check(self) -> None:
        """Raise TypeError or ValueError naming a parameter that is out of its range."""
        check_number(self.pace, "pace", min_val=0, include_boundaries="neither")
        check_number(self.scale, "scale", min_val=0)

    def start(self, rng, layers, batch):
        """Yield random V of each layer."""
        for place, layer in enumerate(layers[:-1]):
            shape = len(layer["basal_weights"]), len(forward_weights(layers, place + 1))
            yield {"inverse_weights": random_wires(rng, shape, self.scale)}

    def perceive(self, layers, forward, target, error):
        """What each layer hears of the one above, what it misses of itself, and where it is to go.

        ``error`` is how far the cells above are from their target; the highest layer hears nothing
        else of the outputs.
        """
        error, above, found = self.pace * error, None, []
        for layer, cells in zip(reversed(layers[:-1]), reversed(forward), strict=True):
            teaching = eq.apical_current(layer["inverse_weights"], error)
            own = {"miss": cells["output"], "error": error, "teaching": teaching}
            if above is not None:
                reconstruction = eq.apical_current(layer["inverse_weights"], above)
                own |= {"heard": above, "reconstruction": reconstruction}
                own["miss"] = cells["output"] - reconstruction
            found.append(cells | own)
            above, error = cells["output"], teaching
        return found[::-1]

    def changes(self, layer, cells, share):
        """Direction of V: what it misses times what it hears, at the top as in `KolenPollack`."""
        carried = cells["heard"] if "heard" in cells else cells["drive_above"]
        return {"inverse_weights": eq.mean_outer(cells["miss"], carried, share)}
