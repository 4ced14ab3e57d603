r"""Rules that carry the output's error down: each neuron is taught by what the cells above lack.

They share one pass down the layers. With the error e = truth - prediction at the outputs and
delta_{L+1} = e above the highest layer L,

    teaching_l = B_l delta_{l+1},    delta_l = f'_l * teaching_l,    dW_l = mean delta_l x_l^T

and differ in what B_l, shape (neurons, cells above), is: fixed random wires, wires that learn, or
the forward weights W_{l+1} taken backward, which no synapse of the layer could do.
"""

import math
from collections.abc import Mapping

from . import _equations as eq
from ._rule import Rule, Synapse, Wire, check_number


class _Downward(Rule):
    """The pass down; a subclass says through which wires, with `_backward`."""

    wires = (Wire("teaching", "feedback_weights", "error"),)

    def _backward(self, layers, place):
        """B_l of the layer at a place, shape (neurons, cells above)."""
        return layers[place]["feedback_weights"]

    def perceive(self, layers, forward, target, error):
        """The error of the cells above each layer, and the current that it makes there."""
        found = []
        for place in reversed(range(len(forward))):
            teaching = eq.apical_current(self._backward(layers, place), error)
            found.append(forward[place] | {"error": error, "teaching": teaching})
            error = forward[place]["slope"] * teaching
        return found[::-1]


class FeedbackAlignment(_Downward):
    r"""Lillicrap et al., arXiv 1411.0247: errors come down through random wires that never change.

    teaching_l = B_l delta_{l+1}, as backpropagation has it with B_l in place of W_{l+1}^T. The
    forward weights turn until what comes down is of use to them.

    Parameters
    ----------
    scale : float, default=1.0
        Size of the feedback: entries of B_l are drawn with standard deviation scale / sqrt(k_l),
        for k_l neurons in the layer. With ``solver="adam"``, which measures teaching signals
        against their own size, it hardly matters.

    References
    ----------
    T. P. Lillicrap, D. Cownden, D. B. Tweed, C. J. Akerman, "Random feedback weights support
    learning in deep neural networks", arXiv 1411.0247, 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = LocalRuleClassifier((20, 10), rule="feedback_alignment", tol=0.01, random_state=0)
    >>> [layer.feedback_weights.shape for layer in network.fit(X, y).layers_]
    [(20, 10), (10, 3)]
    """

    synapses: Mapping[str, Synapse] = {"feedback_weights": Synapse(("neuron", "above"))}

    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale

    def check(self) -> None:
        """Raise TypeError or ValueError naming a parameter that is out of its range."""
        check_number(self.scale, "scale", min_val=0, include_boundaries="neither")

    def start(self, rng, layers, batch):
        """Yield random B of each layer."""
        for place, layer in enumerate(layers[:-1]):
            shape = len(layer["basal_weights"]), len(forward_weights(layers, place + 1))
            yield {"feedback_weights": random_wires(rng, shape, self.scale)}


class DirectFeedbackAlignment(FeedbackAlignment):
    r"""Nokland, arXiv 1609.01596: fixed random wires carry the outputs' error to every layer.

    teaching_l = B_l e. No layer hears another.

    Parameters
    ----------
    scale : float, default=1.0
        Size of the feedback: entries of B_l are drawn with standard deviation scale / sqrt(k_l),
        for k_l neurons in the layer. With ``solver="adam"``, which measures teaching signals
        against their own size, it hardly matters.

    References
    ----------
    A. Nokland, "Direct feedback alignment provides learning in deep neural networks", arXiv
    1609.01596, 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = LocalRuleClassifier((20, 10), rule="direct_feedback_alignment", tol=0.01)
    >>> [layer.feedback_weights.shape for layer in network.fit(X, y).layers_]
    [(20, 3), (10, 3)]
    """

    synapses: Mapping[str, Synapse] = {"feedback_weights": Synapse(("neuron", "target"))}

    def start(self, rng, layers, batch):
        """Yield random B of each layer."""
        for layer in layers[:-1]:
            shape = len(layer["basal_weights"]), batch.target.shape[1]
            yield {"feedback_weights": random_wires(rng, shape, self.scale)}

    def perceive(self, layers, forward, target, error):
        """The outputs' error, and the current that it makes in each layer."""
        currents = [eq.apical_current(layer["feedback_weights"], error) for layer in layers[:-1]]
        return [
            cells | {"error": error, "teaching": current}
            for cells, current in zip(forward, currents, strict=True)
        ]


class KolenPollack(FeedbackAlignment):
    r"""Kolen and Pollack 1994, Akrout et al., arXiv 1904.05391: feedback that learns to be W^T.

    teaching_l = B_l delta_{l+1} as in feedback alignment, and

        dB_l = mean z_l delta_{l+1}^T

    which is the transposed direction of W_{l+1}, made of what a feedback synapse sees itself: the
    activity z_l of its neuron, and what drives plasticity in the cell that it comes from (delta,
    times that layer's gate; the truth, less what B is, where a Hebbian readout learns so). B_l
    takes steps and decays as W_{l+1} does, so B_l - W_{l+1}^T decays, and what comes down becomes
    backpropagation's signal. Nothing is copied. Without decay of weights (``alpha=0``) the
    difference stays as it started.

    Parameters
    ----------
    scale : float, default=0.3
        Size of the feedback at the start: entries of B_l are drawn with standard deviation scale /
        sqrt(k_l), for k_l neurons in the layer.

    References
    ----------
    J. F. Kolen, J. B. Pollack, "Backpropagation without weight transport", Proc. ICNN 3, 1994.

    M. Akrout, C. Wilson, P. C. Humphreys, T. Lillicrap, D. Tweed, "Deep learning without weight
    transport", arXiv 1904.05391, 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> network = LocalRuleClassifier(20, rule="kolen_pollack", random_state=0)
    >>> for _ in range(20):
    ...     network = network.partial_fit(X / 16, y, classes=range(10))
    >>> gap = network.layers_[0].feedback_weights - network.readout_weights_.T
    >>> bool(abs(gap).max() < 0.2 * abs(network.readout_weights_).max())
    True
    """

    synapses: Mapping[str, Synapse] = {
        "feedback_weights": Synapse(("neuron", "above"), frozenset({"output", "drive_above"}))
    }

    def __init__(self, *, scale: float = 0.3) -> None:
        self.scale = scale

    def check(self) -> None:
        """Raise TypeError or ValueError naming a parameter that is out of its range."""
        check_number(self.scale, "scale", min_val=0)

    def changes(self, layer, cells, share):
        """Direction of B: that of the forward synapses to the cells above, transposed."""
        change = eq.mean_outer(cells["output"], cells["drive_above"], share)
        return {"feedback_weights": change}


class SignSymmetry(_Downward):
    r"""Liao et al., arXiv 1510.05067: the signs of the forward weights carry errors down.

    teaching_l = sign(W_{l+1})^T delta_{l+1} / sqrt(k_{l+1}), for k_{l+1} cells above. Not local:
    each feedback synapse has to know the sign of a forward one.

    References
    ----------
    Q. Liao, J. Z. Leibo, T. Poggio, "How important is weight symmetry in backpropagation?", arXiv
    1510.05067, 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> network = LocalRuleClassifier(20, rule="sign_symmetry", tol=0.01, random_state=0)
    >>> network = network.fit(X / 16, y)
    >>> bool(network.score(X / 16, y) > 0.9)
    True
    """

    wires = (Wire("teaching", "signs_of_weights_above", "error"),)

    def _backward(self, layers, place):
        forward = forward_weights(layers, place + 1)
        return eq.namespace(forward).sign(forward).T / math.sqrt(forward.shape[0])


class Backpropagation(_Downward):
    r"""Backpropagation, Eq. (2) of arXiv 2011.15031 at any depth, for comparison.

    teaching_l = W_{l+1}^T delta_{l+1}: with it, dW_l is minus the gradient of the log loss, or
    minus half that of the squared loss. Not local: feedback has to know the forward weights.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> network = LocalRuleClassifier(20, rule="backpropagation", tol=0.01, random_state=0)
    >>> network = network.fit(X / 16, y)
    >>> bool(network.score(X / 16, y) > 0.9)
    True
    """

    wires = (Wire("teaching", "weights_above", "error"),)

    def _backward(self, layers, place):
        return forward_weights(layers, place + 1).T


def forward_weights(layers, place):
    """Weights onto the cells of a layer, or of the readout at the last place."""
    name = "readout_weights" if place == len(layers) - 1 else "basal_weights"
    return layers[place][name]


def random_wires(rng, shape, scale):
    """Normal weights of standard deviation scale / sqrt(neurons), for ``shape`` (neurons, ...)."""
    return scale / math.sqrt(shape[0]) * rng.standard_normal(shape)
