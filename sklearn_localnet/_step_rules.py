"""Step rules: from the direction of an update to an in-place change of the weights.

Elementwise throughout: each synapse is moved by its own direction and its own history. A step rule
knows nothing of the circuit; it sees flat arrays and, for each segment of them, a rate.
"""

import math

import numpy as np
from scipy.linalg import get_blas_funcs


def decay(n_seen, decay_samples):
    """Divisor of every rate after ``n_seen`` samples, 1 + t / t_0 (1 where t_0 is None)."""
    return 1.0 if decay_samples is None else 1.0 + n_seen / decay_samples


class PlainStep:
    """The published step: weights += rate * direction."""

    def __init__(self, dtype):
        self.history = {}
        self._axpy = get_blas_funcs("axpy", dtype=dtype)

    def __call__(self, weights, direction, segments, n_updates):
        """Move flat ``weights`` in place; ``segments`` holds (start, stop, rate) of each part."""
        for start, stop, rate in segments:
            self._axpy(direction, weights, stop - start, rate, start, 1, start, 1)


class AdaptiveStep:
    """Adam (Kingma and Ba, arXiv 1412.6980), ascending the direction.

    Every synapse divides the average of its own directions by the root of the average of their
    squares, so a step has the size of the rate whatever the scale of the data.
    """

    def __init__(self, size, dtype, beta_1, beta_2, epsilon, history):
        self.first_moment = np.array(history.get("first_moment", np.zeros(size)), dtype)
        self.second_moment = np.array(history.get("second_moment", np.zeros(size)), dtype)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._axpy = get_blas_funcs("axpy", dtype=dtype)

    @property
    def history(self):
        """What a later step needs: both moments."""
        return {"first_moment": self.first_moment, "second_moment": self.second_moment}

    def __call__(self, weights, direction, segments, n_updates):
        """Move flat ``weights`` in place; ``direction`` is used up as work space.

        ``segments`` holds a (start, stop, rate) for each part; ``n_updates`` counts this one.
        """
        axpy, m, v = self._axpy, self.first_moment, self.second_moment
        m *= self.beta_1
        axpy(direction, m, a=1 - self.beta_1)
        v *= self.beta_2
        np.multiply(direction, direction, out=direction)
        axpy(direction, v, a=1 - self.beta_2)
        step = np.sqrt(v, out=direction)
        step += self.epsilon
        np.divide(m, step, out=step)
        unbiased = math.sqrt(1 - self.beta_2**n_updates) / (1 - self.beta_1**n_updates)
        for start, stop, rate in segments:
            axpy(step, weights, stop - start, rate * unbiased, start, 1, start, 1)
