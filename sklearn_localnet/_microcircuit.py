"""The circuit: its weights, what its compartments hold, how a batch changes them.

`Microcircuit.learn` is the fast form of `_equations.py`, with preallocated buffers and in-place
steps; the tests hold the two equal.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.special import expit

from . import _equations as eq
from ._start import input_statistics, start_weights
from ._step_rules import AdaptiveStep, PlainStep

SIZE_RATE = 0.01  # at which the size of plateaus is averaged, once there are enough updates
TRACE_RATE = 0.1  # rho, the rate at which a trace of the gain update forgets
SURPRISE_FLOOR = 0.1  # the part of plasticity that a fully expected row keeps
QUIET = 0.35  # part of the mean plateau that a row's must exceed to teach
LARGEST_SHIFT = 0.1  # of a basal current of unit gain, by the step of all active inputs together
READOUT_PACE = 1.5  # steps of the readout, whose inputs differ in size, against the basal ones
RECENT_PART = 1 / 5  # of all updates, over which consolidated weights are an average
EARLY = 64  # updates after which slow variables move at every SLOW-th only
SLOW = 4
STEPPED = ("basal_weights", "basal_intercepts", "readout_weights", "readout_intercepts")
WEIGHTS = (
    *STEPPED,
    "apical_weights",
    "interneuron_weights",
    "pyramidal_to_interneuron_weights",
    "mean_activity",
)


class Design(NamedTuple):
    """What stays fixed while a circuit learns."""

    n_features: int
    n_hidden: int
    n_targets: int
    n_interneurons: int
    batch_size: int
    activation: str
    output: str  # "softmax", "logistic" or "identity": what turns scores into predictions
    hebbian: bool
    interneurons: str
    modulation: str | None
    gain_damping: float
    centered: bool
    fit_intercept: bool
    solver: str
    beta_1: float
    beta_2: float
    epsilon: float
    dtype: np.dtype


class Rates(NamedTuple):
    """Step sizes of one update."""

    basal: float  # eta_1, also of a delta-rule readout
    apical: float  # eta_2
    interneuron: float  # eta_q
    centering: float  # eps
    weight_decay: float  # the part of a weight lost in this step
    span: int  # updates over which consolidated weights are an average, at most


class Microcircuit:
    """Weights of one circuit, and the update that changes them.

    Parameters
    ----------
    design : Design
    weights : dict of str to ndarray
        The arrays named in ``WEIGHTS``; they are copied.
    history : dict
        What else an update needs: statistics of the inputs, ``n_updates``, traces, moments, and
        labile weights where ``weights`` are an average of them.

    Attributes
    ----------
    recent : tuple of (B, k) and (B,) arrays, or None
        Activity z of the rows learnt last, until the next are, and their shares.
    """

    def __init__(self, design, weights, history):
        self.design = design
        own = [*(STEPPED[:2] if design.hebbian else STEPPED), "apical_weights"]
        own += ["interneuron_weights", "mean_activity"]
        if design.interneurons == "decoupled":
            own.append("pyramidal_to_interneuron_weights")
        labile = weights | history.get("labile", {})
        self._labile, self._own, bounds = _packed(
            {name: labile[name] for name in own}, design.dtype
        )
        for name, array in self._completed(self._own).items():
            setattr(self, name, array)
        self._average = None
        self._bounds = bounds[: 2 if design.hebbian else len(STEPPED)]
        moved = {name: self._own[name] for name in own[: len(self._bounds)]}
        self._work = np.empty_like(self._labile)
        self._direction = self._work[: self._bounds[-1][1]]
        self._direction_views = list(_unpacked(self._direction, moved)[0].values())
        trace = history.get("gain_trace", np.zeros(self.interneuron_weights.shape))
        self.gain_trace = np.array(trace, dtype=design.dtype, order="C")
        self.back_trace = self.gain_trace.T
        if design.interneurons == "decoupled":
            trace = history.get("back_trace", self.gain_trace.T)
            self.back_trace = np.array(trace, dtype=design.dtype, order="C")
        self.input_scale = history["input_scale"]
        self.active_inputs = history["active_inputs"]
        self.n_updates = history.get("n_updates", 0)
        self.plateau_power = history.get("plateau_power", 0.0)
        self._step = PlainStep()
        if design.solver == "adam":
            averaged = {name: weights[name] for name in own}
            self._average, self._consolidated, _ = _packed(averaged, design.dtype)
            betas = (design.beta_1, design.beta_2, design.epsilon)
            self._step = AdaptiveStep(self._direction.size, design.dtype, *betas, history)
        self.function, self.derivative = eq.ACTIVATIONS[design.activation]
        self._z = self._p = self._slope = np.empty((0, design.n_hidden), design.dtype)
        self.recent = None

    def _completed(self, own):
        """All arrays named in ``WEIGHTS``, from those of which the circuit has its own."""
        zeros = np.zeros(self.design.n_targets, self.design.dtype)
        tied = {
            "readout_weights": own["apical_weights"].T,
            "readout_intercepts": zeros,
            "pyramidal_to_interneuron_weights": own["interneuron_weights"].T,
        }
        return {name: own[name] if name in own else tied[name] for name in WEIGHTS}

    @classmethod
    def start(cls, design, x, y, share, rng, chances=None):
        """A new circuit near equilibrium for the first batch (x, y)."""
        return cls(design, *start_weights(design, x, y, share, rng, chances))

    @property
    def labile(self):
        """The arrays named in ``WEIGHTS`` that the next update changes."""
        return self._completed(self._own)

    def is_finite(self):
        """Whether every number that the next update changes is finite."""
        return bool(np.isfinite(self._labile).all())

    @property
    def weights(self):
        """The arrays named in ``WEIGHTS``, consolidated where the circuit does so."""
        return self._completed(self._own if self._average is None else self._consolidated)

    @property
    def history(self):
        """What a later update needs beside the weights: plain arrays and numbers."""
        return {
            "input_scale": self.input_scale,
            "active_inputs": self.active_inputs,
            "n_updates": self.n_updates,
            "plateau_power": self.plateau_power,
            "gain_trace": self.gain_trace,
            "back_trace": self.back_trace,
            "labile": {} if self._average is None else self._own,
            **self._step.history,
        }

    def widen(self, x, share, part):
        """Take the size of inputs from these rows too, where they are this ``part`` of all so far.

        Basal weights keep what they are in units of it, so the first row does not decide for all.
        """
        size = input_statistics(x, share)[0]
        before = self._unit
        self.input_scale = math.hypot(
            math.sqrt(1 - part) * self.input_scale, math.sqrt(part) * size
        )
        for weights in (self._own, self._consolidated):
            weights["basal_weights"] *= before / self._unit

    def activity(self, x):
        """Basal current W1 x and activity z as the rest of the circuit sees it, shapes (B, k)."""
        u = x @ self.basal_weights.T + self.basal_intercepts
        z = self.function(u)
        return u, (z - self.mean_activity if self.design.centered else z)

    def scores(self, z):
        """What the readout makes of the activity, in encoded target units, shape (B, n)."""
        if self.design.hebbian:
            return z @ self.apical_weights
        return z @ self.readout_weights.T + self.readout_intercepts

    def compartments(self, x, y=None):
        """Every compartment for each row, by name; ``apical`` and ``plateau`` only with y."""
        u, z = self.activity(x)
        inhibition = self._inhibition(z)
        n = eq.interneuron_activity(self.pyramidal_to_interneuron_weights, z)
        parts = {"basal": u, "output": z, "interneuron": n, "inhibition": inhibition}
        if y is not None:
            parts["apical"] = eq.apical_current(self.apical_weights, y)
            parts["plateau"] = eq.plateau_potential(parts["apical"], inhibition)
        return parts

    def learn(self, x, y, offset, share, rates):
        """Change every synapse by one batch, in place.

        Parameters
        ----------
        x : (B, m) array or CSR matrix
        y : (B, n) array
            Targets as they reach the apical dendrites.
        offset : (n,) array
            What was taken from the labels to get ``y``; a classifier's readout adds it back.
        share : (B,) array
            Each row's part in the averages; sums to one.
        rates : Rates

        Returns
        -------
        float
            Loss of the batch before the update.
        """
        self.n_updates += 1
        z, slope = self._somatic(x, share, rates.centering)
        error, loss = self._readout_error(z, y, offset, share)
        p = self._plateau(z, y)
        gate = self._gate(p, error, share)
        p *= slope
        self.recent = z, share
        self._set_basal_directions(x, p, share, gate)
        share = share[:, None]
        self._set_readout_directions(z, error * share)
        self._change_targets_and_gain(z, y * share, share, rates)
        self._move(rates)
        return loss

    def _somatic(self, x, share, centering):
        """z, centred, and f' (both in buffers); the mean activity moves first, Eq. (24)."""
        rows = x.shape[0]
        if len(self._z) < rows:
            shape = (rows, self.design.n_hidden)
            self._z, self._p, self._slope = (np.empty(shape, self.design.dtype) for _ in range(3))
        z = self._z[:rows]
        if issparse(x):
            z[...] = x @ self.basal_weights.T
        else:
            np.matmul(x, self.basal_weights.T, out=z)
        z += self.basal_intercepts
        if self.design.activation == "relu":
            slope = self._slope[:rows]
            np.copyto(slope, z > 0)
            z *= slope
        else:
            z[...] = self.function(z)
            slope = self.derivative(z)
        if self.design.centered:
            self.mean_activity += centering * (share @ z - self.mean_activity)
            z -= self.mean_activity
        return z, slope

    def _plateau(self, z, y):
        """Plateau potential a - Q n, in a buffer."""
        p = np.matmul(y, self.apical_weights.T, out=self._p[: len(y)])
        p -= self._inhibition(z)
        return p

    def _inhibition(self, z):
        """Q R z, with the traces of Q and R added where gain control is damped."""
        inter, back, kappa = (
            self.interneuron_weights,
            self.pyramidal_to_interneuron_weights,
            self.design.gain_damping,
        )
        if kappa:
            inter, back = inter + kappa * self.gain_trace, back + kappa * self.back_trace
        return (z @ back.T) @ inter.T

    def _readout_error(self, z, y, offset, share):
        """Target less prediction (B, n), and the loss: log loss, or Eqs. (1) and (8)."""
        scores = self.scores(z)
        if self.design.hebbian or self.design.output == "identity":
            error = np.subtract(y, scores, out=scores)
            return error, float(share @ np.einsum("ij,ij->i", error, error))
        # Stored by columns: few columns and many rows are reduced sooner so.
        truth = np.add(y, offset, order="F")
        chance = probabilities(np.asfortranarray(scores), self.design.output)
        error = truth - chance
        if self.design.output == "softmax":
            likelihood = np.einsum("ij,ij->i", truth, chance)[:, None]
        else:
            likelihood = 1 - np.abs(error)
        np.maximum(likelihood, np.finfo(likelihood.dtype).tiny, out=likelihood)
        return error, -float(share @ np.log(likelihood).sum(axis=1))

    def _gate(self, p, error, share):
        """The broadcast gate on each row's plateau, one on average over the batch, shape (B,)."""
        if self.design.modulation is None:
            return np.ones_like(share)
        if self.design.modulation == "plateau":
            size = np.sqrt(np.einsum("ij,ij->i", p, p))
            gate = np.maximum(size - QUIET * (share @ size), 0)
        elif self.design.hebbian or self.design.output == "identity":
            gate = SURPRISE_FLOOR - np.expm1(-0.5 * np.einsum("ij,ij->i", error, error))
        elif self.design.output == "softmax":
            gate = SURPRISE_FLOOR + error.max(axis=1)
        else:
            gate = SURPRISE_FLOOR + np.abs(error).mean(axis=1)
        mean = share @ gate
        return gate / mean if mean > 0 else gate

    def _set_basal_directions(self, x, p, share, gate):
        """Eqs. (5) and (9), each row times its gate."""
        basal, intercepts, *_ = self._direction_views
        weight = share * gate
        weight /= self._unit * self._plateau_size(p, weight * gate)
        np.multiply(weight @ p, self._unit if self.design.fit_intercept else 0.0, out=intercepts)
        p *= weight[:, None]
        if issparse(x):
            basal[...] = (x.T @ p).T
        else:
            np.matmul(p.T, x, out=basal)

    def _set_readout_directions(self, z, error):
        """The delta rule, where the readout has synapses of its own; ``error`` has its shares."""
        if not self.design.hebbian:
            *_, weights, intercepts = self._direction_views
            np.matmul(error.T, z, out=weights)
            error.sum(axis=0, out=intercepts)

    def _plateau_size(self, p, weight):
        """Running root mean square of what reaches the basal synapses, for the adaptive step."""
        if self.design.solver != "adam":
            return 1.0
        power = float(weight @ np.einsum("ij,ij->i", p, p)) / self.design.n_hidden
        rate = max(SIZE_RATE, 1 / self.n_updates)
        self.plateau_power += rate * (power - self.plateau_power)
        return math.sqrt(self.plateau_power) or 1.0

    @property
    def _unit(self):
        """Size of an input for the adaptive step; the plain step takes inputs as they are."""
        return self.input_scale or 1.0 if self.design.solver == "adam" else 1.0

    def _change_targets_and_gain(self, z, y, share, rates):
        """Eqs. (6), (7), (21), (22) and the traces; ``y`` comes with its shares."""
        inter, back = self.interneuron_weights, self.pyramidal_to_interneuron_weights
        agreement = z.T @ y
        driven = self.design.interneurons == "target"
        gain = agreement if driven else z.T @ ((z @ back.T) * share)
        if self.design.gain_damping:
            self.gain_trace += TRACE_RATE * (gain - inter - self.gain_trace)
        if self.design.interneurons == "decoupled":
            if self.design.gain_damping:
                self.back_trace += TRACE_RATE * (gain.T - back - self.back_trace)
            back += rates.interneuron * (gain.T - back)
        inter += rates.interneuron * (gain - inter)
        self.apical_weights += rates.apical * (agreement - self.apical_weights)

    def _move(self, rates):
        """Let the step rule move basal and readout synapses, less what decays.

        Decay and consolidation are slow, and take several updates at once later on.
        """
        adaptive = self.design.solver == "adam"
        steps = self._adaptive_steps(rates.basal) if adaptive else (rates.basal,) * len(STEPPED)
        segments = [(*bound, step) for bound, step in zip(self._bounds, steps, strict=False)]
        n_slow = self._n_slow()
        if n_slow and rates.weight_decay:
            self._fade(max(0.0, 1 - rates.weight_decay) ** n_slow)
        moved = self._labile[: len(self._direction)]
        self._step(moved, self._direction, segments, self.n_updates)
        if n_slow and self._average is not None:
            self._consolidate(n_slow, rates.span)

    def _adaptive_steps(self, eta):
        """Size of a step for each of ``STEPPED``, measured against what the synapse transmits.

        That is the features for basal synapses, and 1 / sqrt(k), a neuron's part in unit gain, for
        the readout. All active inputs together may move a basal current by no more than that part,
        nor by more than `LARGEST_SHIFT`: a few neurons would outrun the control of their gain.
        """
        fan = math.sqrt(self.design.n_hidden)
        basal = min(eta, min(LARGEST_SHIFT, 1 / fan) / self.active_inputs)
        readout = READOUT_PACE * eta * fan
        return basal / self._unit, eta, readout, readout

    def _n_slow(self):
        """How many updates slow variables take at once: one each early on, then none or `SLOW`."""
        if self.n_updates <= EARLY:
            return 1
        return 0 if self.n_updates % SLOW else SLOW

    def _fade(self, part):
        """Keep this part of basal and readout weights."""
        self.basal_weights *= part
        if not self.design.hebbian:
            self.readout_weights *= part

    def _consolidate(self, n_slow, span):
        """Let each consolidated weight follow its labile one, as an average over recent updates."""
        recent = max(1.0, self.n_updates * RECENT_PART)
        rate = min(1.0, n_slow / min(recent, span))
        move = np.subtract(self._labile, self._average, out=self._work)
        move *= rate
        self._average += move


def _packed(arrays, dtype):
    """Copies of the arrays in one flat array, as views of it by name, and their bounds."""
    flat = np.concatenate([array.ravel() for array in arrays.values()], dtype=dtype)
    return flat, *_unpacked(flat, arrays)


def _unpacked(flat, arrays):
    """Views of a flat array, by the names and in the shapes of these arrays, and their bounds."""
    views, bounds, start = {}, [], 0
    for name, array in arrays.items():
        stop = start + array.size
        views[name] = flat[start:stop].reshape(array.shape)
        bounds.append((start, stop))
        start = stop
    return views, bounds


def probabilities(scores, output):
    """Scores (B, n) to chances: softmax over columns, or the logistic of each column."""
    if output == "logistic":
        return expit(scores)
    chance = scores - scores.max(axis=1, keepdims=True)
    np.exp(chance, out=chance)
    chance /= chance.sum(axis=1, keepdims=True)
    return chance
