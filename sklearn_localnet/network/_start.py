"""The state that a network starts with, from its first batch."""

import math

import numpy as np
from scipy.special import logit

from ..rules._gain import largest_gain
from ._check import check_run, check_started
from ._forward import forward, hidden_output
from ._inputs import (
    LIMIT,
    RUNNING,
    active_inputs,
    check_sizes,
    in_units,
    limited,
    measure,
    root_mean_square,
)
from ._network import State

LEAST_SPREAD = 0.003  # part of the gain that the differences between rows are taken to have
LINEAR_START = 0.01  # part of the gain at which linear neurons start to learn row by row
SAME_CURRENT = 1e-6  # part of the range of currents within which two are the same
RAREST = 0.001  # least probability that a label starts with


def start(plan, batch, rng, frequencies=None, enough=True, sample=None):
    """State near the equilibrium of the gain control.

    Parameters
    ----------
    plan : Plan
    batch : Batch
        The first batch.
    rng : Generator
    frequencies : (n,) array or None
        How often each label comes, where that is known: the readout starts with it.
    enough : bool
        Whether the batch, however few rows it has, tells how strong activity is: for it is a whole
        table, or has `ENOUGH_ROWS`.
    sample : (array or sparse matrix, array) or None
        Inputs and shares of rows that tell the size of each input; None for the first batch.

    Returns
    -------
    State
        Whose arrays are in float64.

    Raises
    ------
    ValueError, TypeError
        For a rule that does not keep to its protocol, which a dry run on the first rows tells.
    """
    n_targets = plan.layer_sizes[-1]
    layers, scales, x, share = [], [], batch.x, batch.share
    sizes, known, limits = _first_inputs(plan, batch, sample)
    if limits:
        x = limited(x, limits["input_limits"])
    for n_neurons in plan.layer_sizes[1:-1]:
        units = in_units(x, sizes)
        active = active_inputs(units, share)
        # Few rows do not tell how large the inputs are together.
        together = (root_mean_square(units, share) or 1.0) if enough or not limits else 1.0
        scales.append(
            {**known, "input_size": together, "active_inputs": active, "drive_power": 0.0}
        )
        size = together * sizes
        layers.append(_forward_arrays(plan, n_neurons, x, share, size, rng, enough))
        x = _next_inputs(layers[-1], x, share, plan.activation)
        sizes, known = np.ones(n_neurons), {}
    layers[0] |= limits
    intercepts = np.zeros(n_targets)
    if frequencies is not None:
        intercepts = _log_odds(frequencies, plan.readout.activation)
    top = {
        "readout_weights": np.zeros((n_targets, plan.layer_sizes[-2])),
        "readout_intercepts": intercepts,
    }
    layers = with_rule(plan, layers, top, batch, rng)
    top = {name: top[name] for name in plan.readout.synapses}
    state = State([*layers, top], None, [], scales, 0)
    check_run(plan, state, batch)
    return state


def _first_inputs(plan, batch, sample):
    """Sizes (m,) of the inputs of the first layer, what a scale keeps of them, arrays of the layer.

    Plain steps do not measure inputs one by one.
    """
    if not plan.step().adaptive:
        check_sizes(np.array([root_mean_square(batch.x, batch.share)]), plan.dtype)
        return np.ones(plan.layer_sizes[0]), {}, {}
    sizes, seen = measure(*(sample or (batch.x, batch.share)))
    sizes = check_sizes(sizes, plan.dtype)
    running = dict(zip(RUNNING, (sizes**2, seen), strict=True))
    return sizes, {**running, "input_streak": 0}, {"input_limits": LIMIT * sizes}


def with_rule(plan, layers, top, batch, rng):
    """Hidden layers with the arrays that the rule starts with, once these are as declared."""
    started = list(plan.rule.start(rng, [*layers, top], batch))
    if len(started) != len(layers):
        raise ValueError(
            f"rule {type(plan.rule).__name__}: start yields arrays for {len(started)} hidden "
            f"layers, and there are {len(layers)}."
        )
    layers = [layer | own for layer, own in zip(layers, started, strict=True)]
    check_started(plan, layers)
    return layers


def _forward_arrays(plan, n_neurons, x, share, size, rng, enough):
    """Random W1 and thresholds of a layer, with one as the largest eigenvalue of mean z z^T.

    Where batches have too few rows to tell, it is the trace for features of unit size, and
    thresholds are zero. Linear neurons that learn from so few rows start smaller: what chance put
    into their weights hardly fades where inputs hardly vary, and targets give them their
    directions.
    """
    n_inputs = x.shape[1]
    layer = {
        "basal_weights": rng.standard_normal((n_neurons, n_inputs)) / (math.sqrt(n_inputs) * size),
        "basal_intercepts": np.zeros(n_neurons),
        "mean_activity": np.zeros(n_neurons),
    }
    gain = float(n_neurons)
    if enough:
        # Where rows hardly differ, what is left of them without what they share is rounding.
        least = LEAST_SPREAD * largest_gain(hidden_output([layer], x, plan.activation), share)
        if plan.fit_intercept:
            currents = x @ layer["basal_weights"].T
            layer["basal_intercepts"] -= _thresholds(currents, share, rng.random(n_neurons))
        z = hidden_output([layer], x, plan.activation)
        centred = z - share @ z if plan.centered else z
        gain = max(largest_gain(centred, share), least) or gain
    elif plan.activation == "identity":
        gain /= LINEAR_START
    layer["basal_weights"] /= math.sqrt(gain)
    layer["basal_intercepts"] /= math.sqrt(gain)
    if plan.centered:
        layer["mean_activity"] = share @ hidden_output([layer], x, plan.activation)
    return layer


def _thresholds(currents, share, parts):
    """For each neuron a current (k,) that a part (k,) of the rows, by shares, does not exceed.

    It lies between the currents of two rows, so that rounding does not decide on which side a row
    is. Neither the order of rows matters, nor whether a row has a weight or is there repeatedly.
    """
    order = np.argsort(currents, axis=0, kind="stable")
    ordered = np.take_along_axis(currents, order, axis=0)
    below = np.cumsum(share[order], axis=0)
    row = np.minimum((below < parts * below[-1]).sum(axis=0), len(share) - 1)
    here = ordered[row, np.arange(len(row))]
    apart = SAME_CURRENT * (ordered[-1] - ordered[0])
    above = np.where(ordered > here + apart, ordered, np.inf).min(axis=0)
    lower = np.where(ordered < here - apart, ordered, -np.inf).max(axis=0)
    other = np.where(np.isfinite(above), above, np.where(np.isfinite(lower), lower, here))
    return (here + other) / 2


def _next_inputs(layer, x, share, activation):
    """Output of a layer as the inputs that the next one starts with.

    Where rows hardly differ, what is left of activity without its mean is rounding. It is taken to
    be as large as the differences between rows would be at least: those of activity as it is, and
    those of unit gain, as thresholds that lie at these rows leave nothing of the activity either.
    """
    (cells,) = forward([layer], x, activation)
    size, fired = (root_mean_square(cells[name], share) for name in ("output", "fired"))
    least = max(math.sqrt(LEAST_SPREAD) * fired, 1 / math.sqrt(layer["basal_weights"].shape[0]))
    return cells["output"] * max(1.0, least / size if size else 1.0)


def _log_odds(frequencies, activation):
    """Scores that a softmax or a logistic turns into these frequencies (n,), kept off 0 and 1."""
    chances = np.clip(frequencies, RAREST, 1 - RAREST)
    return logit(chances) if activation == "logistic" else np.log(chances)
