"""Learning as the equations say it: any rule, new arrays at every step, any array library.

`Reference` composes a rule's `perceive` and `changes` with the forward pass, the readout and the
step rule. It is what the faster engines are held to.
"""

import math

from ..rules import _equations as eq
from ._arrays import like, moved, to_numpy
from ._forward import forward_with_slopes
from ._inputs import LIMIT, check_sizes, follow
from ._inspect import gains, with_derived
from ._modulation import add_gates
from ._network import State, decays, mirrored
from ._readout import scores
from ._steps import (
    averaging_rate,
    drive_power,
    kept_part,
    rate_of,
    slow_updates,
    weighted_rate,
)


class Reference:
    """A network that learns batch by batch.

    Parameters
    ----------
    plan : Plan
    state : State
        It is not changed.

    Attributes
    ----------
    by_rows : bool
        Whether the rows of a batch are learnt one after another, each with rates of its own.
    recent : tuple or None
        Outputs (B, k) of each hidden layer for the rows learnt last, and the shares of these rows.
    found_beyond : bool
        Whether an input has been beyond its limit.
    looks_beyond : bool
        Whether one may be. Who knows that none is can spare the look.
    """

    by_rows = False
    found_beyond, looks_beyond = False, True

    def __init__(self, plan, state):
        self.plan = plan
        self.step = plan.step()
        self.synapses = plan.synapses
        self.scales = [dict(scale) for scale in state.scales]
        self.n_updates = state.n_updates
        self.recent = None
        self._owners = [plan.rule] * plan.n_layers + [plan.readout]
        self._mirrored = [
            {name for name, kind in kinds.items() if mirrored(kind)} for kinds in self.synapses
        ]
        self._hold(state)

    def _hold(self, state):
        """Hold copies of the arrays of a state."""
        self.labile = self._copies(state.labile)
        self.average = self._copies(state.weights) if self.step.adaptive else None
        self.moments = self._start_moments(state)

    def _copies(self, places):
        """Copies of the arrays that a network of this plan has."""
        return [
            {name: _copy(arrays[name]) for name in kinds if name in arrays}
            for arrays, kinds in zip(places, self.synapses, strict=True)
        ]

    def _start_moments(self, state):
        """The moments of all arrays that take steps, zeros where the state has none."""
        moments = [*state.moments, None, None][: self.step.n_moments]
        return [self._start_moment(stored) for stored in moments]

    def _start_moment(self, stored):
        moment = [{} for _ in self.labile]
        for place, name in self.plan.orders.stepped:
            moment[place][name] = stored[place][name] if stored else 0 * self.labile[place][name]
        return moment

    @property
    def state(self):
        """All that learning goes on from."""
        return State(self.labile, self.average, self.moments, self.scales, self.n_updates)

    def layers(self):
        """Arrays of each hidden layer and of the readout, with those that follow from them."""
        return with_derived(self.plan, self.labile)

    def learn(self, batch, rates):
        """Change every synapse by one batch; the loss of the batch before that.

        All directions are computed from the weights before the step; the mean activity alone moves
        first, Eq. (24).
        """
        self.n_updates += 1
        layers = self.layers()
        if not self.looks_beyond:
            layers[0].pop("input_limits", None)
        centering = weighted_rate(rates.centering, rates.weight)
        cells, loss = self.perceive(layers, batch, centering)
        self.found_beyond |= cells[0]["input"] is not batch.x
        self.recent = [held["output"] for held in cells[:-1]], batch.share
        if self.step.adaptive:
            self._measure_drive(cells[:-1], batch.share)
        directions = [
            self.changes(place, layer, held, batch.share)
            for place, (layer, held) in enumerate(zip(layers, cells, strict=True))
        ]
        self.move(directions, rates)
        return float(loss)

    def perceive(self, layers, batch, centering=0.0):
        """What each compartment of each layer holds, the readout last, and the loss.

        ``centering`` is the rate at which the mean activity of each layer moves.
        """
        plan, share = self.plan, batch.share

        def centre(layer, fired):
            layer["mean_activity"] += centering * eq.mean_activity_update(
                layer["mean_activity"], fired, share
            )

        move_mean = centre if plan.centered and centering else None
        held = forward_with_slopes(layers[:-1], batch.x, plan.activation, move_mean)
        read = scores(layers[-1], held[-1]["output"])
        error, loss = plan.readout.error(read, batch.truth, share)
        top = {"output": held[-1]["output"], "error": error, "truth": batch.truth}
        held = plan.rule.perceive(layers, held, batch.target, error)
        add_gates(plan, held, top, share)
        return [*held, top], loss

    def _measure_drive(self, held, share):
        """Take a batch into the running size of what drives the updates of each layer."""
        for scale, cells in zip(self.scales, held, strict=True):
            weight = gated(gated(share, cells["gate"]), cells["gate"])
            power = drive_power(scale["drive_power"], cells["drive"], weight, self.n_updates)
            scale["drive_power"] = power

    def changes(self, place, layer, cells, share):
        """Directions of the synapses of one layer, or of the readout, by name."""
        if place == self.plan.n_layers:
            return self.plan.readout.changes(layer, cells, share)
        directions = self._basal_changes(place, cells, share)
        directions |= self.plan.rule.changes(layer, cells, share)
        for name in self._mirrored[place] & directions.keys():
            if place + 1 < self.plan.n_layers:
                directions[name] = directions[name] / math.prod(self._units(place + 1))
            elif self.plan.readout.hebbian:
                directions[name] = directions[name] - layer[name]  # as Eq. (6) has it
        return directions

    def _basal_changes(self, place, cells, share):
        """Eqs. (5) and (9), each row times its gate, in the units of the step rule."""
        of_inputs, of_drive = self._units(place)
        weight = gated(share, cells["gate"]) / of_drive
        teaching, slope = cells["teaching"], cells["slope"]
        basal = eq.basal_update(teaching, slope, cells["input"], weight) / of_inputs
        if not self.plan.fit_intercept:
            return {"basal_weights": basal}
        return {"basal_weights": basal, "basal_intercepts": weight @ (slope * teaching)}

    def _input_size(self, place):
        """Size of all inputs of a layer, times that of each where inputs have limits."""
        limits = self.labile[place].get("input_limits")
        size = self.scales[place]["input_size"]
        return size if limits is None else limits * (size / LIMIT)

    def _units(self, place):
        return self.step.units(self._input_size(place), self.scales[place])

    def _step_sizes(self, eta):
        """Size of a step of every kind of synapse that takes steps, by name, for each place."""
        n_layers, n_neurons = self.plan.n_layers, self.plan.layer_sizes[1:-1]
        sizes = [
            self.step.sizes(self._input_size(place), self.scales[place], n_neurons[place], eta)
            for place in range(n_layers)
        ]
        sizes.append(self.step.readout_sizes(n_neurons[-1], eta))
        for place, names in enumerate(self._mirrored[:n_layers]):
            above = "readout_weights" if place + 1 == n_layers else "basal_weights"
            sizes[place] |= dict.fromkeys(names, sizes[place + 1][above])
        return sizes

    def move(self, directions, rates):
        """Move all synapses: by steps or at rates of their own, less what decays."""
        n_slow = slow_updates(self.n_updates)
        kept = kept_part(rates.weight_decay, n_slow)
        sizes = self._step_sizes(rates.step)
        for place, changes in enumerate(directions):
            arrays, kinds = self.labile[place], self.synapses[place]
            for name, direction in changes.items():
                if kinds[name].rate is not None:
                    rate = rate_of(kinds[name], self._owners[place], rates)
                    arrays[name] = arrays[name] + rate * direction
                else:
                    part = kept if decays(kinds[name]) else 1.0
                    step = self._unit_step(place, name, rates.weight * direction)
                    size = sizes[place].get(name, rates.step)
                    arrays[name] = part * arrays[name] + size * step
        if n_slow and self.step.adaptive:
            self._follow(averaging_rate(self.n_updates, n_slow, rates.span))

    def _unit_step(self, place, name, direction):
        """A step of unit size; the moments follow."""
        before = [moment[place][name] for moment in self.moments]
        step, after = self.step(direction, before, self.n_updates)
        for moment, array in zip(self.moments, after, strict=True):
            moment[place][name] = array
        return step

    def _follow(self, rate):
        """Let each average weight follow the one that learns."""
        for place, name in self.plan.orders.averaged:
            average, array = self.average[place][name], self.labile[place][name]
            self.average[place][name] = average + rate * (array - average)

    def follow_inputs(self, x, share):
        """Let the sizes of a stream's inputs follow these rows.

        Basal weights keep what they are in units of these sizes, so that an input of another scale
        means what it meant before.
        """
        before = to_numpy(self.labile[0]["input_limits"]) / LIMIT
        due = slow_updates(self.n_updates + 1) > 0
        sizes = follow(self.scales[0], before, x, to_numpy(share), due)
        if sizes is None:
            return
        sizes = check_sizes(sizes, self.plan.dtype)
        for weights in (self.labile, self.average):
            weights[0]["basal_weights"] *= like(before / sizes, weights[0]["basal_weights"])
            weights[0]["input_limits"][...] = like(LIMIT * sizes, weights[0]["input_limits"])

    def gains(self, outputs, share):
        """Eigenvalues of mean z z^T that the rule holds in check, of each hidden layer."""
        return gains(self.plan.rule, *moved([self.labile[:-1], outputs, share], to_numpy))

    def is_finite(self):
        """Whether every number that the next update changes is finite."""
        return not any(True for _ in self.not_finite())

    def not_finite(self):
        """Names of the arrays that hold a number that is not finite."""
        for place, arrays in enumerate(self.labile):
            path = "" if place == self.plan.n_layers else f"layers_[{place}]."
            for name, array in arrays.items():
                if not bool(eq.namespace(array).all(eq.namespace(array).isfinite(array))):
                    yield f"{path}{name}" if path else f"{name}_"


def gated(share, gate):
    """Shares (B,) times the gate (B, 1) of the rows; None stands for ones."""
    return share if gate is None else share * gate[:, 0]


def _copy(array):
    return eq.namespace(array).asarray(array, copy=True)
