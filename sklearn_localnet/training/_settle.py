"""The last phase of training on a table: the readout goes on learning while the rest stands still.

While hidden layers learn, the readout lags behind them. Once they have stopped, it goes on with the
delta rule, each step an average over all rows, less a decay of the weights, until it comes to rest:
there mean (y - yhat) z^T = decay W. Where that is does not depend on the way there. For values the
second moments of activity and targets tell; for classes it is the minimum of a convex function.

How strong the decay is follows from the rows. It is the one with which values read from the
activity would tell best what the target of a row is without having learnt from that row: the
leave-one-out loss in the form of Golub, Heath and Wahba (Technometrics 21, 215, 1979), with the
factor of Kim and Gu (J. R. Statist. Soc. B 66, 337, 2004) against too weak a decay. The same
moments tell it.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ..network._arrays import moved, to_numpy
from ..network._forward import hidden_output
from ..network._readout import scores

DECAYS = np.logspace(3, -3, 13)  # of the strongest activity's own pace, by all rows together
CLASS_DECAY = 0.3  # part of it for a readout of classes, where an error moves its output by less
SPENT = 1.4  # rows that each free weight counts for
SETTLE_ROWS = 1000  # rows taken at a time
MOST_NUMBERS = 2_500_000  # of activity and outputs; more rows teach a readout by themselves
MOST_NEURONS = 4000  # whose directions of activity are found in seconds
MOST_STEPS = 200


class Moments(NamedTuple):
    """Second moments of activity (k,) and encoded targets (n,), without their means."""

    activity: np.ndarray  # (k,), the mean
    target: np.ndarray  # (n,), the mean
    gram: np.ndarray  # (k, k), of activity
    cross: np.ndarray  # (n, k), of targets and activity
    power: np.ndarray  # (n,), of targets
    n_rows: float  # a row counts by its weight; weights below one do not make few rows of many


def settle_readout(weights, feed, activation, readout):
    """Readout weights and intercepts, by name, after the last phase; arrays of numpy.

    Parameters
    ----------
    weights : list of dict
        Arrays of each hidden layer and of the readout, by name.
    feed : Feed
    activation : str
    readout : Linear
        More than `MOST_NEURONS` leave it as it is, and one of classes more than `MOST_NUMBERS`.
    """
    before = moved(weights[-1], to_numpy)
    n, k = before["readout_weights"].shape
    of_classes = readout.activation != "identity"
    if k > MOST_NEURONS or (of_classes and feed.n_rows * (k + n) > MOST_NUMBERS):
        return before
    batches = _as_the_readout_sees_them(weights[:-1], feed, activation)
    if of_classes:
        batches = list(batches)
    moments = _moments(batches)
    decay, values = _best_values(moments)
    if of_classes:
        settled = _classes_at_rest(before, batches, CLASS_DECAY * decay, readout)
    else:
        settled = {
            "readout_weights": values,
            "readout_intercepts": moments.target - values @ moments.activity,
        }
    return {name: array.astype(before[name].dtype) for name, array in settled.items()}


def _as_the_readout_sees_them(layers, feed, activation):
    """The rows of the feed, with activity (B, k) in the place of inputs, in arrays of numpy."""
    for batch in feed.batches(SETTLE_ROWS):
        yield moved(batch._replace(x=hidden_output(layers, batch.x, activation)), to_numpy)


def _moments(batches):
    """Moments of all rows."""
    sums, total, n_weighed = [0.0] * 5, 0.0, 0
    for batch in batches:
        rows = batch.x, batch.target, batch.share * batch.weight
        z, y, weight = (array.astype(np.float64) for array in rows)
        heavy = z * weight[:, None]
        parts = heavy.sum(axis=0), weight @ y, heavy.T @ z, y.T @ heavy, weight @ y**2
        sums = [sum_ + part for sum_, part in zip(sums, parts, strict=True)]
        total, n_weighed = total + batch.weight, n_weighed + np.count_nonzero(weight)
    activity, target, gram, cross, power = (sum_ / total for sum_ in sums)
    return Moments(
        activity,
        target,
        gram - np.outer(activity, activity),
        cross - np.outer(target, activity),
        power - target**2,
        max(total, n_weighed),
    )


def _best_values(moments):
    """The best of `DECAYS`, as a rate of one row, and where the delta rule rests with it, W (n, k).

    Along each direction of the activity the weights at rest are a part ``kept`` of those of least
    squares.
    """
    n_rows = moments.n_rows
    strength, directions = np.linalg.eigh(moments.gram)
    strength = np.maximum(strength, 0)
    decay = (DECAYS * (strength[-1] or 1.0) / n_rows)[:, None]
    kept = strength / (strength + decay)
    along = moments.cross @ directions
    told = np.sum((2 - kept) / (strength + decay) * np.sum(along**2, axis=0), axis=1)
    spare = np.maximum(1 - SPENT * (1 + kept.sum(axis=1)) / n_rows, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.fmin((moments.power.sum() - told) / spare**2, np.inf)
    best = decay[np.argmin(loss), 0]
    return best, (along / (strength + best)) @ directions.T


def _classes_at_rest(before, batches, decay, readout):
    """Weights and intercepts with which a readout of classes is at rest, by name."""
    rows = ((batch.x, batch.truth, batch.share * batch.weight) for batch in batches)
    z, truth, weight = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    share = weight / weight.sum()
    names = "readout_weights", "readout_intercepts"
    shape = before[names[0]].shape

    def arrays(flat):
        n_weights = shape[0] * shape[1]
        return dict(zip(names, (flat[:n_weights].reshape(shape), flat[n_weights:]), strict=True))

    def loss_and_slope(flat):
        now = {name: array.astype(z.dtype) for name, array in arrays(flat).items()}
        error, loss = readout.error(scores(now, z), truth, share)
        change = readout.changes(now, {"output": z, "error": error}, share)
        W = arrays(flat)["readout_weights"]
        slope = np.concatenate([np.ravel(decay * W - change[names[0]]), -change[names[1]]])
        return float(loss) + decay / 2 * np.sum(W**2), slope.astype(np.float64)

    flat = np.concatenate([before[name].ravel() for name in names]).astype(np.float64)
    options = {"maxiter": MOST_STEPS, "ftol": 1e-14, "gtol": 1e-9}
    return arrays(minimize(loss_and_slope, flat, jac=True, method="L-BFGS-B", options=options).x)
