"""The same learning with numpy at speed: packed arrays, steps in place, products into buffers."""

import numpy as np
from scipy.sparse import issparse

from ..rules import _equations as eq
from ._network import decays
from ._reference import Reference, gated
from ._steps import averaging_rate, kept_part, rate_of, slow_updates

FORWARD = ("basal_weights", "basal_intercepts")  # what `_basal_changes` gives directions of
FADING = 1000  # updates, at least, in which a weight of a silent neuron fades away
PIECE = 131_072  # numbers of an array that several operations take one after another, in the cache


def _side_by_side(*arrays):
    """Views of the same rows of arrays of one shape, of about `PIECE` numbers each."""
    length, size = len(arrays[0]), arrays[0].size
    each = max(1, length * PIECE // max(PIECE, size))
    return [[array[first : first + each] for array in arrays] for first in range(0, length, each)]


class Packed:
    """Copies of arrays in one flat array, and views of it by layer and name.

    Parameters
    ----------
    places : list of dict
        Arrays by name, of each layer.
    order : list of (int, str)
        Layer and name of each array that is packed, in the order in which they lie.
    dtype : dtype

    Attributes
    ----------
    flat : 1-D array
    views : list of dict
    """

    def __init__(self, places, order, dtype):
        arrays = [places[place][name] for place, name in order]
        self.flat = np.concatenate([array.ravel() for array in arrays], dtype=dtype)
        self.views = [{} for _ in places]
        start = 0
        for (place, name), array in zip(order, arrays, strict=True):
            stop = start + array.size
            self.views[place][name] = self.flat[start:stop].reshape(array.shape)
            start = stop


class Buffered(Reference):
    """`Reference` for numpy arrays, which lie one after another in one memory.

    First come the arrays that take steps, then the others that move, then traces, then those that
    stand still: one operation steps, and one averages, all that do.
    """

    def _hold(self, state):
        """Pack copies of the arrays of a state; views of them are what is changed, by name."""
        dtype, orders = self.plan.dtype, self.plan.orders
        labile = Packed(state.labile, orders.moving + orders.still, dtype)
        self.labile, self._packed = labile.views, labile.flat
        direction = Packed(labile.views, orders.stepped, dtype)
        self._directions, self._direction = direction.views, direction.flat
        self._scratch = np.empty_like(labile.flat[:PIECE])
        self._stepped = [
            (place, name, _side_by_side(directions[name], labile.views[place][name]))
            for place, directions in enumerate(direction.views)
            for name in directions
        ]
        self._decaying = [
            labile.views[place][name]
            for place, name in orders.stepped
            if decays(self.synapses[place][name])
        ]
        moments = [Packed(arrays, orders.stepped, dtype) for arrays in self._start_moments(state)]
        self.moments, self._moments = [m.views for m in moments], [m.flat for m in moments]
        self._along = _side_by_side(self._direction, *self._moments)
        self.average = None
        if self.step.adaptive:
            average = Packed(state.weights, orders.averaged, dtype)
            self.average, self._averages = average.views, average.flat
            self._followed = _side_by_side(average.flat, labile.flat[: average.flat.size])
            for place, name in orders.still:
                self.average[place][name] = self.labile[place][name]

    def _basal_changes(self, place, cells, share):
        """Eqs. (5) and (9), each row times its gate, in the units of the step rule, in buffers."""
        of_inputs, of_drive = self._units(place)
        weight = gated(share, cells["gate"]) / of_drive
        x, found = cells["input"], self._directions[place]
        if self.plan.fit_intercept:
            np.matmul(weight, cells["drive"], out=found["basal_intercepts"])
        if issparse(x):
            found["basal_weights"][...] = (x.T @ (cells["drive"] * weight[:, None])).T
        else:
            drive, x = eq.weighed(cells["drive"], x, weight)
            multiply = np.dot if len(x) == 1 else np.matmul  # matmul is slow where one row is left
            multiply(drive.T, x, out=found["basal_weights"])
        found["basal_weights"] *= 1 / of_inputs
        return {name: found[name] for name in FORWARD if name in found}

    def move(self, directions, rates):
        """Move all synapses: by steps or at rates of their own, less what decays."""
        for place, changes in enumerate(directions):
            buffers = self._directions[place]
            for name in buffers.keys() - changes.keys():
                buffers[name][...] = 0
            for name, direction in changes.items():
                if name not in buffers:
                    rate = rate_of(self.synapses[place][name], self._owners[place], rates)
                    self.labile[place][name] += rate * direction
                elif direction is not buffers[name]:
                    buffers[name][...] = direction
        n_slow = slow_updates(self.n_updates)
        if n_slow and rates.weight_decay:
            kept = kept_part(rates.weight_decay, n_slow)
            for weights in self._decaying:
                weights *= kept
        if rates.weight != 1:
            self._direction *= rates.weight
        self._take_steps(rates.step)
        if n_slow and self.step.adaptive:
            self._follow(averaging_rate(self.n_updates, n_slow, rates.span))
        if self.n_updates % FADING == 0:
            self._drop_faded()

    def _take_steps(self, eta):
        """Turn the packed directions into steps, and take them."""
        factor = 1.0
        for direction, *moments in self._along:
            scratch = self._scratch[: direction.size]
            factor = self.step.in_place(direction, moments, scratch, self.n_updates)
        sizes = self._step_sizes(eta)
        for place, name, parts in self._stepped:
            size = factor * sizes[place].get(name, eta)
            for step, weights in parts:
                step *= size
                weights += step

    def _follow(self, rate):
        """Let each average weight follow the one that learns."""
        for average, weights in self._followed:
            gap = np.subtract(weights, average, out=self._scratch[: average.size])
            gap *= rate
            average += gap

    def _drop_faded(self):
        """Make zero what has faded below the normal numbers, as arithmetic with it is slow."""
        for flat in self._flats():
            flat[np.abs(flat) < np.finfo(flat.dtype).tiny] = 0

    def remember(self):
        """All that learning changes, as `recall` takes it."""
        flats = [flat.copy() for flat in self._flats()]
        return flats, [dict(scale) for scale in self.scales], self.n_updates

    def recall(self, remembered):
        """Be as at a time that `remember` remembers, in the same arrays."""
        flats, scales, self.n_updates = remembered
        for flat, before in zip(self._flats(), flats, strict=True):
            flat[...] = before
        for scale, before in zip(self.scales, scales, strict=True):
            scale.update(before)

    def _flats(self):
        averages = [] if self.average is None else [self._averages]
        return [self._packed, *averages, *self._moments]

    def is_finite(self):
        """Whether every number that the next update changes is finite."""
        return bool(np.isfinite(self._packed).all())
