r"""One-row updates at matrix speed, exactly.

Within a block of rows every weight matrix is its value at the start of the block plus outer
products of what the rows before left behind, so the published updates need no full matrix until
the block ends:

    W1_t = W1_0 + sum_{s<t} eta_1s d_s x_s^T,               d_s = f'_s * p_s
    W2_t^T = alpha_t W2_0^T + sum_{s<t} c_ts z_s y_s^T
    Q_t = beta_t Q_0 + sum_{s<t} q_ts z_s n_s^T,            R_t likewise with n_s z_s^T

with alpha_t the product of 1 - eta_2r over r < t, c_ts = eta_2s alpha_t / alpha_{s+1}, and beta, q
the same for eta_q. What touches the m features is three matrix products a block.

Written for all rows of the block at once, this is an equation z = F(z) in which each row depends on
earlier rows only. Applying F again makes at least one more row exact, and in practice all rows at a
pace that grows, so that a block of 64 rows settles in five to ten rounds of small matrix products.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.sparse import issparse

from ._microcircuit import Rates

BATCH = 256  # rows taken from the table at a time
LEFT_OPEN = 0.7  # power of the unit in the last place; 1e-11 of z in float64, seen times a rate
LARGEST_RATE = 0.25  # beyond, beta^2 of a block would leave the range of float32


def runs_online(design, rates):
    """Whether the circuit's one-row update is the published one, which `learn_rows` knows."""
    return (
        design.solver == "sgd"
        and design.hebbian
        and design.gain_damping == 0
        and rates.weight_decay == 0
        and max(rates.apical, rates.interneuron, rates.centering) <= LARGEST_RATE
    )


def block_rows(design):
    """Rows of a block: fewer of a wide layer, where a round costs more than its calls."""
    return 64 if design.n_hidden < 32 else 32


def learn_rows(circuit, x, y, rates):
    """Change every synapse by each row in turn, in place: Eqs. (5) to (9), (21), (22), (24).

    Parameters
    ----------
    circuit : Microcircuit
    x : (B, m) array or CSR matrix
    y : (B, n) array
    rates : Rates
        Whose fields are arrays of shape (B,): each row has its own.

    Returns
    -------
    (B,) array
        Squared error of each row before its update.
    """
    errors = np.empty(len(y), y.dtype)
    first, size = 0, block_rows(circuit.design)
    while first < len(y):
        rows = slice(first, first + size)
        block = _Block(circuit, x[rows], y[rows], Rates(*(rate[rows] for rate in rates)))
        if block.settle():
            errors[rows] = block.close()
            first += size
        else:
            size //= 2
    return errors


@lru_cache(maxsize=8)
def _earlier(size, dtype):
    """Ones below the diagonal, where row t meets the rows before it."""
    return np.tri(size, k=-1, dtype=dtype)


class _Block:
    """What the rows of a block do to the circuit and to each other.

    Interneuron activity is kept as n_t / beta_t and the plateau as p_t / beta_t^2, so that factors
    beta leave the rounds of `settle`: they go into what is computed once.
    """

    def __init__(self, circuit, x, y, rates):
        self.circuit, self.x, self.y = circuit, x, y
        design, size = circuit.design, len(y)
        self.target = design.interneurons == "target"
        self.enough = np.finfo(design.dtype).eps ** (2 * LEFT_OPEN)
        # Averages: what is left of the start before each row, and each rate over what it leaves.
        parts = np.stack([rates.apical, rates.interneuron, rates.centering])
        left = np.ones((3, size + 1), design.dtype)
        np.cumprod(1 - parts, axis=1, out=left[:, 1:])
        parts /= left[:, 1:]
        if not self.target:
            parts[1] *= left[1, :-1]  # drives come as n_t / beta_t
        self.left, self.parts = left, parts
        alpha, square = left[0, :-1, None], left[1, :-1, None] ** 2
        lower = _earlier(size, design.dtype)
        self.memory = lower * parts[0]
        self.memory *= alpha  # c_ts
        self.learnt = lower * parts[1]
        self.pace = rates.basal * square[:, 0]
        self.apical = y @ circuit.apical_weights.T
        self.apical *= alpha / square
        self.agreement = y @ y.T
        self.agreement *= self.memory
        self.agreement /= square
        self.to_interneuron = circuit.pyramidal_to_interneuron_weights.T
        self.to_pyramidal = circuit.interneuron_weights.T
        self.currents = x @ circuit.basal_weights.T
        self.currents += circuit.basal_intercepts
        self.overlap = (x @ x.T).toarray() if issparse(x) else x @ x.T
        if design.fit_intercept:
            self.overlap += 1
        self.overlap *= lower * self.pace
        if design.centered:
            mean = np.tri(size, dtype=design.dtype) * left[2, 1:, None] * parts[2]
            self.centre = np.eye(size, dtype=design.dtype) - mean
            self.shift = np.outer(left[2, 1:], circuit.mean_activity)

    def settle(self):
        """Find z, n and the plateaus of all rows; False where numbers overflow on the way."""
        z, change, steps = np.empty((3, *self.currents.shape), self.currents.dtype)
        # The first guess takes apical and interneuron synapses as they are before the block.
        slope = self._activity(np.zeros_like(z), z)
        n = z @ self.to_interneuron
        np.subtract(self.apical, n @ self.to_pyramidal, out=steps)
        moved, gain = float(np.vdot(z, z)) or 1.0, 1.0
        while True:
            if slope is not None:
                steps *= slope
            np.copyto(change, z)
            slope = self._activity(steps, z)
            change -= z
            before, moved = moved, float(np.vdot(change, change))
            heard, coupled = self._heard(z)
            n = self._interneurons(n, heard, coupled)
            self._plateaus(z, n, steps)
            # The pace grows, so the next change is at most this one times a gain there was.
            gain_before, gain = gain, moved / before
            left = moved * min(max(gain, gain_before), 1)
            if not left > self.enough * float(np.vdot(z, z)):
                break
        self.z, self.steps = z, steps if slope is None else steps * slope
        self.n, moved_n = self._settle_interneurons(n, heard, coupled)
        return len(z) == 1 or math.isfinite(moved + moved_n)

    def _settle_interneurons(self, n, heard, coupled):
        """Find n for good: z may not heed it, where basal synapses hardly move; also its change."""
        for _ in n:  # one more row is exact after each time
            before, n = n, self._interneurons(n, heard, coupled)
            change = n - before
            moved = float(np.vdot(change, change))
            if not moved > self.enough * float(np.vdot(n, n)):
                break
        return n, moved

    def _activity(self, steps, z):
        """Write z given the steps of earlier rows; f', or None for ones."""
        circuit = self.circuit
        slope = None
        np.matmul(self.overlap, steps, out=z)
        z += self.currents
        if circuit.design.activation == "relu":
            np.maximum(z, 0, out=z)
            slope = np.sign(z)
        elif circuit.design.activation != "identity":
            z[...] = circuit.function(z)
            slope = circuit.derivative(z)
        if circuit.design.centered:
            self.output = z.copy()
            np.matmul(self.centre, self.output, out=z)
            z -= self.shift
        return slope

    def _heard(self, z):
        """What interneurons hear by R as it was before the block, and as earlier rows changed it.

        The latter is a factor for the drive of each earlier row.
        """
        coupled = z @ z.T
        coupled *= self.learnt
        return z @ self.to_interneuron, coupled

    def _interneurons(self, n, heard, coupled):
        """Interneurons, given what was made of them in earlier rows before."""
        n = coupled @ (self.y if self.target else n)
        n += heard
        return n

    def _plateaus(self, z, n, p):
        """Write the plateaus given z and n, apical current less inhibition."""
        coupled = n @ (self.y if self.target else n).T
        coupled *= self.learnt
        coupled -= self.agreement
        np.matmul(coupled, z, out=p)
        p += n @ self.to_pyramidal
        np.subtract(self.apical, p, out=p)

    def close(self):
        """Write the block into the weights; squared error of each row before its update."""
        circuit, x, y, z = self.circuit, self.x, self.y, self.z
        error = z @ circuit.apical_weights
        error *= self.left[0, :-1, None]
        coupled = z @ z.T
        coupled *= self.memory
        error += coupled @ y
        error -= y
        steps = self.steps * self.pace[:, None]
        driven = (y if self.target else self.n) * self.parts[1, :, None]
        circuit.n_updates += len(y)
        circuit.recent = z, np.full(len(y), 1 / len(y), z.dtype)
        circuit.basal_weights += (x.T @ steps).T if issparse(x) else steps.T @ x
        if circuit.design.fit_intercept:
            circuit.basal_intercepts += steps.sum(axis=0)
        if circuit.design.centered:
            circuit.mean_activity[...] = self.output[-1] - z[-1]
        circuit.apical_weights += z.T @ (y * self.parts[0, :, None])
        circuit.apical_weights *= self.left[0, -1]
        if circuit.design.interneurons == "decoupled":
            circuit.pyramidal_to_interneuron_weights += driven.T @ z
            circuit.pyramidal_to_interneuron_weights *= self.left[1, -1]
        circuit.interneuron_weights += z.T @ driven
        circuit.interneuron_weights *= self.left[1, -1]
        return np.einsum("ij,ij->i", error, error)
