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
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from ..rules import _equations as eq
from ..rules._microcircuit import Microcircuit
from ._reference import Reference
from ._steps import MOST_RATE

LEFT_OPEN = 0.7  # power of the unit in the last place; 1e-11 of z in float64, seen times a rate
LARGEST_RATE = 0.25  # of a row of mean weight
MOST_FADED = 20.0  # -log beta of a block; beyond, beta^2 would leave the range of float32
NARROW = 32  # neurons below which a block has 64 rows; a round of a wide layer costs more


class BlockRates(NamedTuple):
    """Rates of each row (B,), of what the published circuit changes."""

    basal: np.ndarray
    apical: np.ndarray
    interneuron: np.ndarray
    centering: np.ndarray


class Blocks(Reference):
    """The published rule for rows one by one: Eqs. (5) to (9), (21), (22), (24)."""

    by_rows = True

    @staticmethod
    def serves(plan, rates):
        """Whether the one-row update of a network is the published one."""
        rule = plan.rule
        return (
            type(rule) is Microcircuit
            and plan.batch_size == 1
            and plan.solver == "sgd"
            and plan.readout.hebbian
            and rule.damping == 0
            and rates.weight_decay == 0
            and max(rule.apical_rate, rule.interneuron_rate, rates.centering) <= LARGEST_RATE
        )

    def _hold(self, state):
        """Hold copies of the arrays of a state, in the precision of the plan."""
        self.average, self.moments = None, []
        self.labile = [
            {name: array.astype(self.plan.dtype) for name, array in arrays.items()}
            for arrays in self._copies(state.labile)
        ]

    def learn(self, batch, rates):
        """Change every synapse by each row in turn, in place.

        Parameters
        ----------
        batch : Batch
            Shares are not looked at: each row is a batch of its own.
        rates : Rates
            Whose fields are arrays of shape (B,): each row has its own.

        Returns
        -------
        (B,) array
            Squared error of each row before its update.
        """
        dtype = self.plan.dtype
        rates, ends = self._row_rates(rates, len(batch.target))
        errors = np.empty(len(batch.target), dtype)
        first, size = 0, 64 if max(self.plan.layer_sizes[1:-1]) < NARROW else 32
        while first < len(errors):
            rows = slice(first, min(first + size, ends[first]))
            blocks = self._settled(batch.x[rows], batch.target[rows], rates, rows)
            if blocks is None:
                size //= 2
                continue
            errors[rows] = blocks[-1].squared_error()
            for block in blocks:
                block.close()
            self.n_updates += len(errors[rows])
            self.recent = [block.z for block in blocks], blocks[-1].share
            first = rows.stop
        return errors

    def _row_rates(self, rates, n_rows):
        """Rates of each row, and where a block that begins with it has to end at the latest.

        By then the rows have left of the start of the block what they may.
        """
        rule = self.plan.rule
        averaged = [
            np.minimum(rates.weight * rate, np.maximum(rate, MOST_RATE))
            for rate in (
                rule.apical_rate / rates.divisor,
                rule.interneuron_rate / rates.divisor,
                rates.centering,
            )
        ]
        found = [np.broadcast_to(rate, n_rows) for rate in (rates.step * rates.weight, *averaged)]
        faded = np.cumsum(-np.log1p(-np.max(found[1:], axis=0)))
        before = np.concatenate([[0.0], faded[:-1]])
        ends = np.searchsorted(faded, before + MOST_FADED, side="right")
        ends = np.maximum(ends, np.arange(n_rows) + 1)
        return BlockRates(*(rate.astype(self.plan.dtype) for rate in found)), ends

    def _settled(self, x, y, rates, rows):
        """Blocks of all layers for some rows; None where numbers overflow on the way."""
        blocks = []
        for layer in self.layers()[:-1]:
            blocks.append(_Block(self.plan, layer, x, y, BlockRates(*(r[rows] for r in rates))))
            if not blocks[-1].settle():
                return None
            x = blocks[-1].z
        return blocks


@lru_cache(maxsize=8)
def _earlier(size, dtype):
    """Ones below the diagonal, where row t meets the rows before it."""
    return np.tri(size, k=-1, dtype=dtype)


class _Block:
    """What the rows of a block do to one layer and to each other.

    Interneuron activity is kept as n_t / beta_t and the plateau as p_t / beta_t^2, so that factors
    beta leave the rounds of `settle`: they go into what is computed once.
    """

    def __init__(self, plan, layer, x, y, rates):
        self.plan, self.layer, self.x, self.y = plan, layer, x, y
        size, dtype = len(y), y.dtype
        self.target = plan.rule.interneurons == "target"
        self.share = np.full(size, 1 / size, dtype)
        self.enough = np.finfo(dtype).eps ** (2 * LEFT_OPEN)
        # Averages: what is left of the start before each row, and each rate over what it leaves.
        parts = np.stack([rates.apical, rates.interneuron, rates.centering])
        left = np.ones((3, size + 1), dtype)
        np.cumprod(1 - parts, axis=1, out=left[:, 1:])
        parts /= left[:, 1:]
        if not self.target:
            parts[1] *= left[1, :-1]  # drives come as n_t / beta_t
        self.left, self.parts = left, parts
        alpha, square = left[0, :-1, None], left[1, :-1, None] ** 2
        lower = _earlier(size, dtype)
        self.memory = lower * parts[0]
        self.memory *= alpha  # c_ts
        self.learnt = lower * parts[1]
        self.pace = rates.basal * square[:, 0]
        self.apical = y @ layer["apical_weights"].T
        self.apical *= alpha / square
        self.agreement = y @ y.T
        self.agreement *= self.memory
        self.agreement /= square
        self.to_interneuron = layer["pyramidal_to_interneuron_weights"].T
        self.to_pyramidal = layer["interneuron_weights"].T
        self.currents = x @ layer["basal_weights"].T
        self.currents += layer["basal_intercepts"]
        self.overlap = (x @ x.T).toarray() if issparse(x) else x @ x.T
        if plan.fit_intercept:
            self.overlap += 1
        self.overlap *= lower * self.pace
        if plan.centered:
            mean = np.tri(size, dtype=dtype) * left[2, 1:, None] * parts[2]
            self.centre = np.eye(size, dtype=dtype) - mean
            self.shift = np.outer(left[2, 1:], layer["mean_activity"])

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
        activation, slope = self.plan.activation, None
        np.matmul(self.overlap, steps, out=z)
        z += self.currents
        if activation == "relu":
            np.maximum(z, 0, out=z)
            slope = np.sign(z)
        elif activation != "identity":
            z[...] = eq.ACTIVATIONS[activation].function(z)
            slope = eq.ACTIVATIONS[activation].derivative(z)
        if self.plan.centered:
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

    def squared_error(self):
        """Squared error (B,) of reading each row with W2 before its update."""
        error = self.z @ self.layer["apical_weights"]
        error *= self.left[0, :-1, None]
        coupled = self.z @ self.z.T
        coupled *= self.memory
        error += coupled @ self.y
        error -= self.y
        return np.vecdot(error, error)

    def close(self):
        """Write the block into the weights."""
        layer, x, y, z = self.layer, self.x, self.y, self.z
        steps = self.steps * self.pace[:, None]
        driven = (y if self.target else self.n) * self.parts[1, :, None]
        layer["basal_weights"] += (x.T @ steps).T if issparse(x) else steps.T @ x
        if self.plan.fit_intercept:
            layer["basal_intercepts"] += steps.sum(axis=0)
        if self.plan.centered:
            layer["mean_activity"][...] = self.output[-1] - z[-1]
        layer["apical_weights"] += z.T @ (y * self.parts[0, :, None])
        layer["apical_weights"] *= self.left[0, -1]
        if self.plan.rule.interneurons == "decoupled":
            layer["pyramidal_to_interneuron_weights"] += driven.T @ z
            layer["pyramidal_to_interneuron_weights"] *= self.left[1, -1]
        layer["interneuron_weights"] += z.T @ driven
        layer["interneuron_weights"] *= self.left[1, -1]
