"""The weights that a circuit starts with, from its first batch."""

import math

import numpy as np
from scipy.sparse import issparse
from scipy.special import logit

from . import _equations as eq
from ._gain import largest_gain

ENOUGH_ROWS = 10  # from which a batch tells the largest eigenvalue of its activity
LEAST_SPREAD = 0.01  # part of the gain that the differences between rows are taken to have
LINEAR_START = 0.01  # part of the gain at which linear neurons start to learn row by row
SMALLEST = 1000  # size of features, in least normal numbers; weights are about one over it
RAREST = 0.001  # least chance that a label starts with


def start_weights(design, x, y, share, rng, chances=None):
    """Weights near the equilibrium of the gain control, and statistics of the inputs.

    Parameters
    ----------
    design : Design
    x : (B, m) array or CSR matrix
    y : (B, n) array
        Targets as they reach the apical dendrites.
    share : (B,) array
        Each row's part in the averages; sums to one.
    rng : Generator
    chances : (n,) array or None
        How often each label comes, where that is known: the readout starts with it.
    """
    k, n = design.n_hidden, design.n_targets
    apical, inter, back = _targets_and_gain(design, y, share, rng)
    scale, active = input_statistics(x, share)
    _check_scale(scale, np.finfo(design.dtype))
    basal = _basal(design, x, share, scale or 1.0, rng)
    mean_activity = np.zeros(k)
    if design.centered:
        mean_activity = share @ eq.ACTIVATIONS[design.activation].function(x @ basal.T)
    weights = {
        "basal_weights": basal,
        "basal_intercepts": np.zeros(k),
        "readout_weights": np.zeros((n, k)),
        "readout_intercepts": np.zeros(n) if chances is None else _log_odds(chances, design.output),
        "apical_weights": apical,
        "interneuron_weights": inter,
        "pyramidal_to_interneuron_weights": back,
        "mean_activity": mean_activity,
    }
    return weights, {"input_scale": scale, "active_inputs": active}


def _targets_and_gain(design, y, share, rng):
    """Apical and interneuron synapses W2^T, Q and R.

    Their singular values are the spread of the targets, which is where Sec. A has them when the
    target is predictable, in random directions that they share.
    """
    k, n, n_inter = design.n_hidden, design.n_targets, design.n_interneurons
    spread = np.sqrt(share @ np.mean(y.astype(np.float64) ** 2, axis=1)) or 0.5
    frame = orthonormal(k, min(k, max(n, n_inter)), rng)
    apical = spread * (frame[:, :n] if n <= k else frame @ orthonormal(k, n, rng))
    inter = spread * (frame[:, :n_inter] if n_inter <= k else frame @ orthonormal(k, n_inter, rng))
    inter = apical if n_inter == n else inter
    back = inter.T
    if design.interneurons == "decoupled":
        back = inter.T + spread / np.sqrt(k) * rng.standard_normal(inter.T.shape)
    return apical, inter, back


def _basal(design, x, share, scale, rng):
    """Random W1, scaled so that the largest eigenvalue of mean z z^T is one.

    Where batches have too few rows to tell, it is the trace for features of unit size. Linear
    neurons that learn from so few rows start smaller: what chance put into their weights hardly
    fades where inputs hardly vary, and targets give them their directions.
    """
    k, m = design.n_hidden, design.n_features
    basal = rng.standard_normal((k, m)) / (np.sqrt(m) * scale)
    gain = float(k)
    if design.batch_size >= ENOUGH_ROWS:
        z = eq.ACTIVATIONS[design.activation].function(x @ basal.T)
        centred = z - share @ z if design.centered else z
        # Where rows hardly differ, what is left of them without their mean is rounding.
        gain = max(largest_gain(centred, share), LEAST_SPREAD * largest_gain(z, share)) or gain
    elif design.activation == "identity":
        gain /= LINEAR_START
    return basal / np.sqrt(gain)


def _check_scale(scale, limits):
    if scale and not SMALLEST * limits.tiny < scale < np.sqrt(limits.max):
        raise ValueError(
            f"X holds values too {'small' if scale < 1 else 'large'} to learn from, of root mean "
            f"square {scale:.3g}: scale the features, for instance with StandardScaler."
        )


def orthonormal(n_rows, n_columns, rng):
    """Random matrix whose columns (or rows, where these are fewer) are orthonormal."""
    tall = rng.standard_normal((max(n_rows, n_columns), min(n_rows, n_columns)))
    frame = np.linalg.qr(tall)[0]
    return frame if n_rows >= n_columns else frame.T


def input_statistics(x, share):
    """Size of the features in a batch, and how many of them are active at a time.

    The root of the mean square x, and (mean |x|_1)^2 / mean |x|_2^2, which is m for features of one
    size and the number of non-zeros for sparse ones (1 where all are zero).
    """
    magnitude = abs(x).astype(np.float64)
    largest = magnitude.max()
    if largest == 0:
        return 0.0, 1.0
    magnitude = magnitude / largest
    square = magnitude.multiply(magnitude) if issparse(x) else magnitude**2
    sums, squares = (np.asarray(part.sum(axis=1)).ravel() for part in (magnitude, square))
    share = share * (sums > 0)
    share = share / share.sum()
    first, second = float(share @ sums), float(share @ squares)
    return largest * math.sqrt(second / x.shape[1]), first**2 / second


def _log_odds(chances, output):
    """Scores that a softmax or a logistic turns into these chances (n,), kept off 0 and 1."""
    chances = np.clip(chances, RAREST, 1 - RAREST)
    return logit(chances) if output == "logistic" else np.log(chances)
