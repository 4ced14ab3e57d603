"""More target columns in the middle of a stream: every array that has cells for them grows.

What was learnt stays, and the network decides as before: a new class reads the mean of what the
others read, less a margin, so that it scores less than the best of them whatever the row.
"""

import math

import numpy as np

from ._start import RAREST, with_rule


def grow(plan, state, columns, batch, rng, n_seen):
    """The state of a network with more target columns.

    Synapses of cells that were not there start as the rule starts them, their moments at zero.

    Parameters
    ----------
    plan : Plan
        Of the network as it is to be.
    state : State
    columns : Columns
    batch : Batch
        The first rows with the new columns.
    rng : Generator
    n_seen : int
        Rows that the network has seen without them.

    Returns
    -------
    State
    """
    n_targets = len(columns.source)
    own = plan.rule.synapses
    hidden = [
        {name: layer[name] for name in kinds if name not in own}
        for kinds, layer in zip(plan.synapses, state.labile[:-1], strict=False)
    ]
    top = {
        "readout_weights": np.zeros((n_targets, plan.layer_sizes[-2])),
        "readout_intercepts": np.zeros(n_targets),
    }
    started = [*with_rule(plan, hidden, top, batch, rng), top]
    labile, average = (
        _grown(plan, places, started, columns, n_seen) for places in (state.labile, state.weights)
    )
    zeros = [{name: 0 * array for name, array in arrays.items()} for arrays in labile]
    signs = columns._replace(sign=columns.sign**2), columns  # of squares, and of averages
    moments = [
        _extended(plan, moment, zeros, sign, 1.0)
        for moment, sign in zip(state.moments, signs, strict=False)
    ]
    return state._replace(labile=labile, average=average, moments=moments)


def _grown(plan, places, started, columns, n_seen):
    """Weights and traces of each place; new ones as they start."""
    # The scores of two columns differ by twice what each of them reads.
    part = 0.5 if columns.split and not plan.readout.hebbian else 1.0
    *hidden, readout = _extended(plan, places, started, columns, part)
    grown = getattr(plan.rule, "grown", lambda layer, columns: {})
    hidden = [layer | grown(layer, columns) for layer in hidden]
    if readout:
        _lower(plan.readout.arrays([*hidden, readout]), columns, n_seen)
    return [*hidden, readout]


def _extended(plan, places, started, columns, part):
    """Arrays as they start, with what was there before in its place.

    ``part`` multiplies it in the readout, and in synapses beside those of the readout.
    """
    below = [{"target": 1.0}] * (plan.n_layers - 1)
    along = [*below, {"target": 1.0, "above": part}, {"target": part}]
    return [
        {
            name: _placed(arrays[name], started[place][name], kind.axes, columns, along[place])
            for name, kind in plan.synapses[place].items()
            if name in arrays
        }
        for place, arrays in enumerate(places)
    ]


def _placed(old, start, axes, columns, along):
    """One array; ``along`` names its axes along target columns, and what multiplies it there."""
    result, places = np.array(start, old.dtype), []
    for axis, name in enumerate(axes):
        kept = np.arange(old.shape[axis])
        if name in along:
            kept = np.flatnonzero(~columns.new)
            sign = along[name] * columns.sign[kept]
            old = np.take(old, columns.source[kept], axis)
            old = old * np.expand_dims(sign, [*range(1, old.ndim - axis)])
        places.append(kept)
    result[np.ix_(*places)] = old
    return result


def _lower(readout, columns, n_seen):
    """Let new classes score less than the others, by how many rows did not show them."""
    weights, intercepts = readout["readout_weights"], readout["readout_intercepts"]
    new = columns.new
    margin = math.log1p(min(n_seen, 1 / RAREST) / np.count_nonzero(~new))
    if len(new) == 1:  # the one column says how likely the second class is
        intercepts -= columns.sign * margin
    else:
        weights[new] = weights[~new].mean(axis=0)
        intercepts[new] = intercepts[~new].mean() - margin
