"""Step rules: from the direction of an update to an in-place change of the weights.

Elementwise throughout: each synapse is moved by its own direction and its own history. A step rule
knows nothing of the circuit; it sees flat arrays and, for each segment of them, a rate.
"""

import math

import numpy as np


def decay(n_seen, decay_samples):
    """Divisor of every rate after ``n_seen`` samples, 1 + t / t_0 (1 where t_0 is None)."""
    return 1.0 if decay_samples is None else 1.0 + n_seen / decay_samples


class PlainStep:
    """The published step: weights += rate * direction."""

    def __init__(self):
        self.history = {}

    def __call__(self, weights, direction, segments, n_updates):
        """Move flat ``weights`` in place; ``direction`` is used up as work space.

        ``segments`` holds a (start, stop, rate) for each part; ``n_updates`` counts this one.
        """
        for start, stop, rate in segments:
            direction[start:stop] *= rate
        weights += direction


class AdaptiveStep:
    """Adam (Kingma and Ba, arXiv 1412.6980), ascending the direction.

    Every synapse divides the average of its own directions by the root of the average of their
    squares, so a step has the size of the rate whatever the scale of the data. The averages are
    kept as discounted sums, which saves a pass over the weights each.
    """

    def __init__(self, size, dtype, beta_1, beta_2, epsilon, history):
        start = np.zeros(size)
        self.first_sum = np.array(history.get("first_sum", start), dtype)
        self.second_sum = np.array(history.get("second_sum", start), dtype)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    @property
    def history(self):
        """What a later step needs: both sums."""
        return {"first_sum": self.first_sum, "second_sum": self.second_sum}

    def __call__(self, weights, direction, segments, n_updates):
        """Move flat ``weights`` in place, as the plain step does."""
        first, second = self.first_sum, self.second_sum
        first *= self.beta_1
        first += direction
        second *= self.beta_2
        np.multiply(direction, direction, out=direction)
        second += direction
        step = np.sqrt(second, out=direction)
        step += self.epsilon / math.sqrt(1 - self.beta_2)
        np.divide(first, step, out=step)
        unbiased = math.sqrt((1 - self.beta_2**n_updates) / (1 - self.beta_2))
        unbiased *= (1 - self.beta_1) / (1 - self.beta_1**n_updates)
        for start, stop, rate in segments:
            step[start:stop] *= rate * unbiased
        weights += step
