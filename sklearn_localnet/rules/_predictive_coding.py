r"""Predictive coding: neurons settle between what they are told from below and from above."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from . import _equations as eq
from ._feedback import KolenPollack
from ._rule import Wire, check_number


class PredictiveCoding(KolenPollack):
    r"""Whittington and Bogacz 2017, Millidge et al., arXiv 2006.04182: errors that settle.

    Each neuron holds a value and has an error unit, delta_l: its value less what the layer below
    predicts. With the outputs held at the truth, delta_{L+1} = e, the values move until errors
    from above and the neuron's own balance, all layers at once, ``n_steps`` times:

        delta_l += pace * (f'_l * (B_l delta_{l+1}) - delta_l)

    from delta_l = 0, and the basal synapses change by dW_l = mean delta_l x_l^T. Predictions and
    slopes stay as the forward pass made them (the fixed-prediction assumption of Millidge et al.).
    At rest delta_l is backpropagation's with B_l for W_{l+1}^T. Before, it is a part of that, one
    number for all of a layer, smaller the further down errors have to come; with ``solver="adam"``,
    which measures teaching signals against their own size, that part does not matter. B_l learns as
    in `KolenPollack`, arXiv 2010.01047.

    Parameters
    ----------
    n_steps : int, default=5
        Steps of the relaxation for each batch. Errors come down one layer a step.
    pace : float in (0, 1], default=0.5
        The part of the way to their balance that values go in a step.
    scale : float, default=0.3
        Size of the feedback at the start: entries of B_l are drawn with standard deviation scale /
        sqrt(k_l), for k_l neurons in the layer.

    References
    ----------
    J. C. R. Whittington, R. Bogacz, "An approximation of the error backpropagation algorithm in a
    predictive coding network with local Hebbian synaptic plasticity", Neural Computation 29, 2017.

    B. Millidge, A. Tschantz, C. L. Buckley, "Predictive coding approximates backprop along
    arbitrary computation graphs", arXiv 2006.04182, 2020.

    B. Millidge, A. Tschantz, A. Seth, C. L. Buckley, "Relaxing the constraints on predictive coding
    models", arXiv 2010.01047, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> from sklearn_localnet.rules import PredictiveCoding
    >>> X, y = load_digits(return_X_y=True)
    >>> rule = PredictiveCoding(n_steps=3)
    >>> network = LocalRuleClassifier(20, rule=rule, tol=0.01, random_state=0)
    >>> network = network.fit(X / 16, y)
    >>> bool(network.score(X / 16, y) > 0.9)
    True
    """

    wires = (Wire("feedback", "feedback_weights", "error"),)

    def __init__(self, *, n_steps: int = 5, pace: float = 0.5, scale: float = 0.3) -> None:
        self.n_steps = n_steps
        self.pace = pace
        self.scale = scale

    def check(self) -> None:
        """Raise TypeError or ValueError naming a parameter that is out of its range."""
        super().check()
        if isinstance(self.n_steps, (bool, np.bool_)):
            raise TypeError(f"n_steps must be an int, got {self.n_steps!r}.")
        check_scalar(self.n_steps, "n_steps", Integral, min_val=1)
        check_number(self.pace, "pace", min_val=0, max_val=1, include_boundaries="right")

    def perceive(self, layers, forward, target, error):
        """Errors of each layer after the relaxation, before the slope, and what sends them."""
        weights = [layer["feedback_weights"] for layer in layers[:-1]]
        slopes = [cells["slope"] for cells in forward]
        highest = eq.apical_current(weights[-1], error)  # the outputs' error does not move
        values = [eq.namespace(slope).zeros_like(slope) for slope in slopes]
        for _ in range(self.n_steps):
            feedback = [*_sent_down(weights, slopes, values), highest]
            values = [now + self.pace * (f - now) for f, now in zip(feedback, values, strict=True)]
        feedback = [*_sent_down(weights, slopes, values), highest]
        errors = [*(s * value for s, value in zip(slopes[1:], values[1:], strict=True)), error]
        parts = zip(forward, errors, feedback, values, strict=True)
        return [
            cells | {"error": sent, "feedback": current, "teaching": value}
            for cells, sent, current, value in parts
        ]


def _sent_down(weights, slopes, values):
    """Current that each layer but the highest gets from the errors of the layer above it."""
    above = zip(weights[:-1], slopes[1:], values[1:], strict=True)
    return [eq.apical_current(own, slope * value) for own, slope, value in above]
