"""The size of each input, which its synapses measure it by, and how far it reaches.

An input acts up to ten times its size and no more strongly beyond, so that a wild value moves
nothing much. Zeros say nothing of a size: a rare input is not a small one. On a stream the size
follows what comes.
"""

import math

import numpy as np
from scipy.sparse import csr_array, issparse

from ..rules import _equations as eq
from ._arrays import rows_of, to_numpy

LIMIT = 10.0  # sizes of an input up to which it acts
RARE = 0.1 + 1e-6  # part of an input's values that its size may leave out: a tenth, to rounding
FAR = 300.0  # how many times as large as the others they must be for that
EVEN = 9.0  # times the mean up to which none is wild: a tenth then are a twentieth of it or more
SMALLEST = 1000  # least size, in least normal numbers; weights are about one over it
ENOUGH_ROWS = 10  # from which a batch tells what is usual, and how strong activity is
SIZE_RATE = 0.01  # part of a stream's size that one row makes, once there are enough of them
TELLING_ROWS = 20  # rows of a stream's batch that its sizes follow
UNIT_EVIDENCE = 20  # values in a row that are all out of range, from which the unit is another
RUNNING = ("input_power", "input_seen")
OUTGROWN = 2.0  # ratio to the size in use from which another one takes its place


def measure(x, share):
    """Size of each input, and in how many rows it was other than zero.

    Parameters
    ----------
    x : (B, m) array or sparse matrix
    share : (B,) array

    Returns
    -------
    sizes : (m,) array
        Root mean square of the values other than zero, without those more than `FAR` times as
        large as the smallest that no more than a part `RARE` exceeds. That of an input with hardly
        a value is no less than the median; all are zero where there is no value at all.
    seen : (m,) array
        Rows of some share in which the input was other than zero.
    """
    told = share > 0
    share, x = share[told].astype(np.float64), x[told].astype(np.float64)
    magnitude = abs(csr_array(x) if issparse(x) else x)
    largest = magnitude.max(axis=0)
    largest = largest.toarray().ravel() if issparse(x) else largest
    held = largest > 0
    if not held.any():
        return np.zeros(len(held)), np.zeros(len(held), dtype=int)
    # In units of it no square is too large.
    unit = np.where(held, np.maximum(largest, np.finfo(np.float64).tiny), 1.0)
    magnitude = in_units(magnitude, unit)
    other = magnitude > 0
    seen, total = other.sum(axis=0), share @ other
    sizes = np.sqrt(share @ magnitude**2 / np.where(held, total, 1.0))
    uneven = np.flatnonzero(EVEN * (share @ magnitude) < total)
    if len(uneven):
        sizes[uneven] = _without_wild(magnitude[:, uneven], share)
    sizes *= unit
    rare = (seen < ENOUGH_ROWS) & (total < RARE)
    return np.where(rare, np.maximum(sizes, np.median(sizes[held])), sizes), seen


def _without_wild(magnitude, share):
    """Root mean square of each input from magnitudes (B, m), but for zeros and wild values."""
    n_inputs = magnitude.shape[1]
    column, magnitude, weight = _nonzeros(magnitude, share)
    seen = np.bincount(column, minlength=n_inputs)
    total = np.bincount(column, weight, n_inputs)
    above = np.cumsum(total)[column] - np.cumsum(weight)
    lower = np.bincount(column[above > RARE * total[column]], minlength=n_inputs)
    usual = magnitude[np.minimum(np.cumsum(seen) - seen + lower, len(column) - 1)]
    ratio = magnitude / usual[column]
    kept = np.where(ratio <= FAR, weight, 0.0)
    power = np.bincount(column, kept * np.minimum(ratio, FAR) ** 2, n_inputs)
    return usual * np.sqrt(power / np.bincount(column, kept, n_inputs))


def _nonzeros(magnitude, share):
    """Column, size and share of the magnitudes (B, m) above zero, by column and then by size."""
    if issparse(magnitude):
        x = magnitude.tocsc()
        column = np.repeat(np.arange(x.shape[1]), np.diff(x.indptr))
        order = np.lexsort((x.data, column))
        order = order[x.data[order] > 0]
        return column[order], x.data[order], share[x.indices[order]]
    order = np.argsort(magnitude.T, axis=1)
    ordered = np.take_along_axis(magnitude.T, order, axis=1)
    column, place = np.nonzero(ordered)
    return column, ordered[column, place], share[order[column, place]]


def root_mean_square(x, share):
    """Size of all inputs together; rows of zeros do not count."""
    largest = float(abs(x).max())
    if largest == 0:
        return 0.0
    _, squares, told = _row_sums(x.astype(np.float64) / largest, share)
    return largest * math.sqrt(told @ squares / (told.sum() * x.shape[1]))


def in_units(x, sizes):
    """Inputs (B, m) as multiples of their sizes (m,)."""
    return x.multiply(1 / sizes).tocsr() if issparse(x) else x / sizes


def active_inputs(x, share):
    """How many inputs of one size are active at a time: mean |x|_1^2 / mean |x|_2^2.

    It is m for inputs of one size and the number of non-zeros for sparse ones; 1 where all are
    zero. Rows of zeros do not count.
    """
    sums, squares, told = _row_sums(x, share)
    return float(told @ sums) ** 2 / float(told @ squares * told.sum()) if told.any() else 1.0


def _row_sums(x, share):
    """Sums (B,) of magnitudes and of squares, and shares of the rows that are not all zero."""
    magnitude = abs(x)
    square = magnitude.multiply(magnitude) if issparse(x) else magnitude**2
    sums, squares = (np.asarray(part.sum(axis=1)).ravel() for part in (magnitude, square))
    return sums, squares, share * (sums > 0)


def check_sizes(sizes, dtype):
    """Sizes (m,) that the precision of training can hold; ones where all are zero.

    Raises
    ------
    ValueError
        Where all are too small, or any is too large.
    """
    limits, largest = np.finfo(dtype), sizes.max()
    least = SMALLEST * limits.tiny
    if 0 < largest <= least or largest >= np.sqrt(limits.max):
        raise ValueError(
            f"X holds values too {'small' if largest < 1 else 'large'} to learn from, of size "
            f"{largest:.3g} in column {np.argmax(sizes)}: scale the features, for instance with "
            "StandardScaler."
        )
    return np.maximum(sizes, least) if largest else np.ones_like(sizes)


def limited(x, limits):
    """Inputs (B, m), those beyond their limits (m,) at their limits."""
    if issparse(x):
        if not x.nnz or max(x.data.max(), -x.data.min()) <= limits.min():
            return x
        x = x.tocsr(copy=True)
        most = limits[x.indices]
        x.data = np.clip(x.data, -most, most)
        return x
    xp = eq.namespace(x)
    if x.shape[0] > 1:  # to look is not worth it for one row
        least = xp.min(limits)
        if xp.max(x) <= least and xp.min(x) >= -least:
            return x
    return xp.minimum(xp.maximum(x, -limits), limits)


def follow(scale, sizes, x, share, due):
    """Let the sizes of a stream's inputs follow a batch.

    Parameters
    ----------
    scale : dict
        ``input_power`` (m,), a running mean of squares; ``input_seen`` (m,), in how many rows each
        input was other than zero; and ``input_streak``, a number: how many values in a row were
        beyond their limits together, or minus how many were small together.
    sizes : (m,) array
        Those in use.
    x : (B, m) array or sparse matrix
    share : (B,) array
    due : bool
        Whether sizes move; else the batch is looked at for values that are out of range.

    Returns
    -------
    (m,) array or None
        The sizes to use from now on, where they are others.
    """
    each = max(1, x.shape[0] // TELLING_ROWS)
    x, weight, columns = to_numpy(rows_of(x, slice(None, None, each))), share[::each], ...
    if issparse(x):
        columns = np.unique(x.indices)
        x = x[:, columns].toarray()
    square = np.square(x, dtype=np.float64)
    unit = _new_unit(scale, square, weight, columns)
    if (unit == 1 and not due) or not weight.any():
        return None
    return _followed(scale, sizes, square, weight, columns, unit)


def _new_unit(scale, square, weight, columns):
    """By what squares of inputs differ from before, once enough of them differ alike; else one.

    ``square`` (B, m) and ``weight`` (B,) are of rows, in these columns of all inputs.
    """
    power, seen = (scale[name][columns] for name in RUNNING)
    ratio = square / np.where(seen < ENOUGH_ROWS, np.inf, power)  # zero where it is not known
    largest = ratio.max(axis=1, initial=0)
    if largest.max() <= LIMIT**2 and LIMIT**2 * largest.min() >= 1:
        scale["input_streak"] = 0
        return 1.0
    ratio, largest = ratio[weight > 0], largest[weight > 0]
    quiet = (largest > 0) & (LIMIT**2 * largest < 1)
    n_known = (ratio > 0).sum(axis=1)
    loud = 2 * (ratio > LIMIT**2).sum(axis=1) > n_known
    if 2 * loud.sum() > len(ratio):
        scale["input_streak"] = max(scale["input_streak"], 0) + n_known[loud].sum()
    elif 2 * quiet.sum() > len(ratio):
        scale["input_streak"] = min(scale["input_streak"], 0) - n_known[quiet].sum()
    elif len(ratio):
        scale["input_streak"] = 0
    if abs(scale["input_streak"]) < UNIT_EVIDENCE:
        return 1.0
    scale["input_streak"] = 0
    ratio = ratio[loud | quiet]
    ratio = ratio[ratio > 0]
    return ratio[ratio <= FAR * np.median(ratio)].mean()


def _followed(scale, sizes, square, weight, columns, unit):
    """What `follow` returns, once its running means have taken in some rows.

    ``unit`` is what squares before are to be multiplied by.
    """
    power, seen = (scale[name][columns] for name in RUNNING)
    if unit != 1:
        power, seen = unit * power, np.minimum(seen, ENOUGH_ROWS)  # so that few rows correct it
    weight = weight * (len(weight) / weight.sum(dtype=np.float64))
    told = weight @ (square > 0)
    seen = seen + told
    most = np.where(seen < ENOUGH_ROWS, np.inf, LIMIT**2 * power)
    rate = np.maximum(SIZE_RATE, 1 / np.maximum(seen, 1))
    power = power + rate * (weight @ np.minimum(square, most) - told * power)
    now = np.sqrt(power)
    for name, values in zip(RUNNING, (power, seen), strict=True):
        scale[name] = _placed(scale[name], columns, values)
    used = sizes[columns]
    young = seen < ENOUGH_ROWS
    outgrown = (now > OUTGROWN * used) | (OUTGROWN * now < used) & ~young | (now > used) & young
    outgrown &= told > 0
    if not outgrown.any():
        return None
    return _placed(sizes, columns, np.where(outgrown, now, used))


def _placed(array, columns, values):
    """A copy of an array (m,), in float64, with other values in these columns."""
    copy = array.astype(np.float64)
    copy[columns] = values
    return copy
