"""What a fitted network holds for some rows, in few numbers: sizes, angles and gains."""

import numpy as np
from scipy.sparse import issparse

SIGNALS = {"plateau": "plateau $a - Qn$", "teaching": "teaching signal"}  # the first there is


def rms_activity(network, found, X, y=None):
    """Root mean square over rows of every cell, by compartment, one dict a hidden layer.

    Parameters
    ----------
    network : LocalRuleEstimator
        Fitted.
    found : list of Bunch
        Its compartments for the rows.
    X, y : array-likes
        The rows; where y is None no target is among the parts.

    Returns
    -------
    list of dict
        The compartments, and ``input`` and ``target`` of the layer.
    """
    inputs = [network._checked(X), *(cells.output for cells in found[:-1])]
    layers = [
        {part: _size(rows) for part, rows in cells.items()} | {"input": _size(below)}
        for cells, below in zip(found, inputs, strict=True)
    ]
    if y is not None:
        target = _size(network._encoded_targets(y, len(found[0].output))[0])
        layers = [layer | {"target": target} for layer in layers]
    return layers


def _size(rows):
    """Root mean square over rows, in float64."""
    square = rows.multiply(rows) if issparse(rows) else np.square(rows, dtype=np.float64)
    return np.sqrt(np.asarray(square.mean(axis=0)).ravel())


def signal_kind(cells):
    """Name of the compartment that holds what teaches a layer; None where the rule shows none."""
    return next((kind for kind in SIGNALS if kind in cells), None)


def angles(one, other):
    """Angles between the rows of two arrays (N, k), in degrees (N,); NaN where a row is zero."""
    one, other = np.float64(one), np.float64(other)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    product = np.einsum("ij,ij->i", one, other)
    cosine = np.divide(product, lengths, out=np.full(len(product), np.nan), where=lengths > 0)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def teaching_angles(network, found, X, y):
    """Angles between what teaches each hidden layer and backpropagation's signal, row by row.

    NaN where the rule does not show what teaches.
    """
    for cells, signal in zip(found, network._backprop_signal(X, y), strict=True):
        kind = signal_kind(cells)
        yield angles(cells[kind], signal) if kind else np.full(len(signal), np.nan)
