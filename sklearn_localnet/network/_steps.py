"""The size of steps: rates of an update, and what becomes of a direction.

Elementwise throughout: each synapse is moved by its own direction and its own history. Numbers that
all synapses of a layer share are the rates and the running sizes of what drives its updates.
"""

import math
from typing import NamedTuple

import numpy as np

from ..rules import _equations as eq

SIZE_RATE = 0.01  # at which the size of what drives updates is averaged, after enough of them
LARGEST_SHIFT = 0.1  # largest change of a basal current in one update, in units of full gain
READOUT_PACE = 1.5  # steps of the readout, whose inputs differ in size, against the basal ones
RECENT_PART = 1 / 5  # of all updates, over which the average weights reach
EARLY = 64  # updates after which decay and averaging act at every SLOW-th only
SLOW = 4
MOST_RATE = 0.9  # of an average at a batch of more than mean weight


class Rates(NamedTuple):
    """Rates of one update."""

    step: float  # eta_1, also of a delta-rule readout
    divisor: float  # of a rule's own rates
    centering: float  # eps of Eq. (24)
    weight_decay: float  # the part of a weight lost in this step
    span: int  # most updates that the average weights reach over
    weight: float = 1.0  # of the batch, against the mean weight of a row


def rate_of(synapse, owner, rates):
    """Rate of a kind of synapse that moves at one of its own; ``owner`` has it as a parameter."""
    if isinstance(synapse.rate, str):
        return weighted_rate(getattr(owner, synapse.rate) / rates.divisor, rates.weight)
    return weighted_rate(synapse.rate, rates.weight)


def weighted_rate(rate, weight):
    """Rate of an average at a batch of this weight."""
    return min(weight * rate, max(rate, MOST_RATE))


class PlainStep:
    """The published step: weights += rate * direction, and no averages.

    Attributes
    ----------
    adaptive : bool
        Whether directions are measured against the sizes of inputs and of what drives updates, and
        average weights are kept beside those that learn.
    n_moments : int
        Numbers that each synapse keeps of its past directions; they start at zero.
    """

    adaptive = False
    n_moments = 0

    def units(self, input_size, scale):
        """What directions of a layer are divided by: the sizes of inputs and of what drives."""
        return 1.0, 1.0

    def sizes(self, input_size, scale, n_neurons, eta):
        """Size of a step of basal weights and intercepts, by name."""
        return {"basal_weights": eta, "basal_intercepts": eta}

    def readout_sizes(self, n_neurons, eta):
        """Size of a step of the readout, by name."""
        return {"readout_weights": eta, "readout_intercepts": eta}

    def __call__(self, direction, moments, n_updates):
        """Step of unit size and new moments; ``n_updates`` counts this one."""
        return direction, moments

    def in_place(self, direction, moments, scratch, n_updates):
        """Turn a direction into a step, but for the factor that is returned."""
        return 1.0


class AdaptiveStep:
    """Adam (Kingma and Ba, arXiv 1412.6980), ascending the direction.

    Every synapse divides its direction by the root of the average of their squares, so a step has
    the size of the rate whatever the scale of the data. With ``beta_1`` above zero it divides the
    average of its own directions. Moments are discounted sums, which saves a pass over the weights
    each; that of squares comes first.
    """

    adaptive = True

    def __init__(self, beta_1, beta_2, epsilon):
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.n_moments = 2 if beta_1 else 1
        self.floor = epsilon / math.sqrt(1 - beta_2)  # epsilon, beside the root of a sum

    def units(self, input_size, scale):
        """What directions of a layer are divided by: the sizes of inputs and of what drives."""
        return input_size, math.sqrt(scale["drive_power"]) or 1.0

    def sizes(self, input_size, scale, n_neurons, eta):
        """Size of a step of basal weights and intercepts, by name.

        Weights are measured against the size of their input. All active inputs together move a
        basal current by no more than a neuron's part in unit gain, 1 / sqrt(k), nor by more than
        `LARGEST_SHIFT`: a few neurons would outrun the control of their gain.
        """
        most = min(LARGEST_SHIFT, 1 / math.sqrt(n_neurons)) / scale["active_inputs"]
        return {
            "basal_weights": min(eta, most) / input_size,
            "basal_intercepts": eta,
        }

    def readout_sizes(self, n_neurons, eta):
        """Size of a step of the readout, whose inputs are of size 1 / sqrt(k), by name."""
        pace = READOUT_PACE * eta * math.sqrt(n_neurons)
        return {"readout_weights": pace, "readout_intercepts": pace}

    def _unbiased(self, n_updates):
        """What makes averages of the sums, with the bias of their start taken off."""
        root = math.sqrt((1 - self.beta_2**n_updates) / (1 - self.beta_2))
        return root * (1 - self.beta_1) / (1 - self.beta_1**n_updates)

    def __call__(self, direction, moments, n_updates):
        """Step of unit size and new moments; ``n_updates`` counts this one."""
        squares, *sums = moments
        squares = self.beta_2 * squares + direction * direction
        if sums:
            direction = self.beta_1 * sums[0] + direction
            sums = [direction]
        step = direction / (eq.namespace(squares).sqrt(squares) + self.floor)
        return self._unbiased(n_updates) * step, (squares, *sums)

    def in_place(self, direction, moments, scratch, n_updates):
        """Turn a direction into a step, but for the factor that is returned; moments follow.

        ``scratch`` is an array of the shape of all others, for what lies between.
        """
        squares, *sums = moments
        squares *= self.beta_2
        squares += np.multiply(direction, direction, out=scratch)
        for average in sums:
            average *= self.beta_1
            average += direction
            direction[...] = average
        unit = np.sqrt(squares, out=scratch)
        unit += self.floor
        direction /= unit
        return self._unbiased(n_updates)


def drive_power(power, drive, weight, n_updates):
    """Running mean square of what reaches the basal synapses of a neuron.

    ``drive`` (B, k) is slope times teaching signal, ``weight`` (B,) a row's share times its squared
    gate.
    """
    now = float(weight @ eq.namespace(drive).vecdot(drive, drive)) / drive.shape[1]
    return power + max(SIZE_RATE, 1 / n_updates) * (now - power)


def slow_updates(n_updates):
    """How many updates decay and averaging take at once: one early on, then none or `SLOW`."""
    if n_updates <= EARLY:
        return 1
    return 0 if n_updates % SLOW else SLOW


def kept_part(weight_decay, n_slow):
    """The part of a weight that decay leaves."""
    return max(0.0, 1 - weight_decay) ** n_slow


def averaging_rate(n_updates, n_slow, span):
    """Rate of a moving average over the last part of all updates, at most ``span``."""
    return min(1.0, n_slow / min(max(1.0, n_updates * RECENT_PART), span))
