"""Readouts: scores from the last layer's output, their error and loss, and what they learn.

A readout holds no arrays: those of its neurons come with each call, by name.
"""

import math
from collections.abc import Mapping

from ..rules import _equations as eq
from ..rules._rule import Synapse

APICAL_RATE = 0.003  # eta_2 of a Hebbian readout beside a rule that has no apical synapses
HINGE_WIDTH = 1e-2  # over which an estimate of no probability at all is rounded off


class Linear:
    """Values, read by the delta rule; base class of the other readouts.

    Attributes
    ----------
    activation : str
        What turns scores into predictions, "identity", "softmax" or "logistic".
    hebbian : bool
        Whether scores estimate encoded targets by Eq. (6).
    synapses : mapping of str to Synapse
        Kinds of synapses that the readout has and changes.
    """

    activation = "identity"
    hebbian = False
    synapses: Mapping[str, Synapse] = {
        "readout_weights": Synapse(("target", "neuron"), frozenset({"output", "error"})),
        "readout_intercepts": Synapse(("target",), frozenset({"error"})),
    }

    def arrays(self, layers):
        """Arrays that the readout reads with, from those of all layers and of itself at the end."""
        return layers[-1]

    def truth(self, columns, target):
        """What a prediction is held to: target columns as they are, or as they are encoded."""
        return target if self.activation == "identity" else columns

    def error(self, scores, truth, share):
        """Truth less prediction (B, n), and the loss of the batch, here Eqs. (1) and (8)."""
        return truth - scores, eq.squared_loss(truth, scores, share)

    def changes(self, arrays, cells, share):
        """Directions of the delta rule, dW = mean (y - yhat) z^T, by name."""
        weighted = cells["error"] * share[:, None]
        return {
            "readout_weights": weighted.T @ cells["output"],
            "readout_intercepts": share @ cells["error"],
        }

    def drive(self, cells):
        """What drives the synapses of an output (B, n), times the activity that they see."""
        return cells["error"]

    def surprise(self, error):
        """How unlikely the truth of each row was held, from zero to one, shape (B,)."""
        xp = eq.namespace(error)
        return -xp.expm1(-0.5 * xp.vecdot(error, error))


class Softmax(Linear):
    """Probabilities of classes that exclude one another, by the delta rule."""

    activation = "softmax"

    def error(self, scores, truth, share):
        """Truth less prediction (B, n), and the log loss."""
        chance = probabilities(scores, self.activation)
        likelihood = eq.namespace(scores).vecdot(truth, chance)
        return truth - chance, -(share @ _log(likelihood))

    def surprise(self, error):
        """One minus the probability of the true class, shape (B,)."""
        return eq.namespace(error).max(error, axis=1)


class Logistic(Linear):
    """Probability of each label by itself, by the delta rule."""

    activation = "logistic"

    def error(self, scores, truth, share):
        """Truth less prediction (B, n), and the log loss, summed over labels."""
        error = truth - probabilities(scores, self.activation)
        rows = eq.namespace(scores).sum(_log(1 - abs(error)), axis=1)
        return error, -(share @ rows)

    def surprise(self, error):
        """One minus the probability of what is true, averaged over labels, shape (B,)."""
        return eq.namespace(error).mean(abs(error), axis=1)


class Hebbian(Linear):
    """Encoded targets, read with W2 as Eq. (6) makes it.

    Beside a rule with apical synapses W2 is theirs, in the last layer; beside any other the readout
    has synapses of its own.
    """

    hebbian = True

    def __init__(self, rule):
        self.apical_rate = getattr(rule, "apical_rate", APICAL_RATE)
        self.tied = "apical_weights" in rule.synapses
        own = Synapse(("target", "neuron"), frozenset({"output", "truth"}), "apical_rate")
        self.synapses = {} if self.tied else {"readout_weights": own}

    def arrays(self, layers):
        """W2 and intercepts of zero."""
        weights = layers[-2]["apical_weights"].T if self.tied else layers[-1]["readout_weights"]
        return {"readout_weights": weights, "readout_intercepts": 0 * weights[:, 0]}

    def drive(self, cells):
        """What drives the synapses of an output (B, n): the truth, whatever was read."""
        return cells["truth"]

    def changes(self, arrays, cells, share):
        """Direction of Eq. (6) where the readout has synapses of its own."""
        if self.tied:
            return {}
        weights = arrays["readout_weights"].T
        change = eq.apical_update(weights, cells["output"], cells["truth"], share)
        return {"readout_weights": change.T}


def scores(arrays, output):
    """Scores (B, n) of the output (B, k) of the last hidden layer."""
    # Stored by columns: few columns and many rows are reduced sooner so.
    return (arrays["readout_weights"] @ output.T).T + arrays["readout_intercepts"]


def make_readout(name, output, rule):
    """The readout of an estimator's parameter ``readout``, for the encoder's ``output``."""
    if name == "hebbian":
        return Hebbian(rule)
    return {"identity": Linear, "softmax": Softmax, "logistic": Logistic}[output]()


def probabilities(scores, activation):
    """Scores (B, n) to probabilities: softmax over columns, or the logistic of each column.

    None is so small that arithmetic with it, or with its square, leaves the normal numbers, where
    processors are slow.
    """
    xp = eq.namespace(scores)
    least = math.log(xp.finfo(scores.dtype).smallest_normal) / 3
    if activation == "logistic":
        return 1 / (1 + xp.exp(-eq.at_least(scores, least)))
    chance = xp.exp(eq.at_least(scores - xp.max(scores, axis=1, keepdims=True), least))
    return chance / (chance @ xp.ones_like(scores[:1, :]).T)


def estimated_probabilities(estimates, activation):
    """Estimates (B, n) of a Hebbian readout, less their threshold, to probabilities."""
    if activation == "logistic":
        likely, unlikely = _hinge(0.5 + estimates), _hinge(0.5 - estimates)
        return likely / (likely + unlikely)
    likely = _hinge(estimates)
    return likely / eq.namespace(likely).sum(likely, axis=1, keepdims=True)


def _hinge(estimates):
    """A smooth max(estimates, 0), positive and increasing, for estimates of probabilities.

    0.5 (s + sqrt(s^2 + c^2)) with c = HINGE_WIDTH, without the cancellation of a large -s.
    """
    xp = eq.namespace(estimates)
    width = xp.ones_like(estimates) * HINGE_WIDTH
    larger = 0.5 * (xp.abs(estimates) + xp.hypot(estimates, width))
    return xp.where(estimates > 0, larger, 0.25 * HINGE_WIDTH**2 / larger)


def _log(likelihood):
    """Logarithm of likelihoods, never infinite."""
    xp = eq.namespace(likelihood)
    return xp.log(eq.at_least(likelihood, xp.finfo(likelihood.dtype).smallest_normal))
