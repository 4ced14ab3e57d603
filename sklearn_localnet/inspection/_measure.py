"""What a fitted network holds for some rows, in few numbers: sizes, angles and gains."""

import numpy as np
from scipy.sparse import issparse

from ..network._inspect import gains, rows_forward

SIGNALS = {"plateau": "plateau $a - Qn$", "teaching": "teaching signal"}  # the first there is


def rms_activity(network, X, y=None):
    """Root mean square over rows of every cell, by compartment, one dict a hidden layer.

    Parameters
    ----------
    network : LocalRuleEstimator
        Fitted.
    X, y : array-likes
        Rows; without y only what does not depend on it is there.

    Returns
    -------
    list of dict
        What `compartments` shows, ``input`` of the layer, and with y ``target``.
    """
    found, forward = network.compartments(X, y), _forward(network, X)
    layers = [
        {part: _size(rows) for part, rows in (shown | {"input": cells["input"]}).items()}
        for shown, cells in zip(found, forward, strict=True)
    ]
    if y is None:
        return layers
    target = _size(network._encoded_targets(y, len(forward[0]["output"]))[0])
    return [layer | {"target": target} for layer in layers]


def _forward(network, X):
    """Cells of each hidden layer after the forward pass."""
    X = network._checked(X, "compartments")
    return rows_forward(network._plan(), network._seen_layers(), X)


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


def teaching_angles(network, X, y):
    """Angle of what teaches each hidden layer to backpropagation's signal, (N,) arrays in degrees.

    NaN where the rule does not show what teaches.
    """
    found, signals = network.compartments(X, y), network._backprop_signal(X, y)
    kinds = map(signal_kind, found)
    return [
        angles(cells[kind], signal) if kind else np.full(len(signal), np.nan)
        for cells, kind, signal in zip(found, kinds, signals, strict=True)
    ]


def held_gains(network, X):
    """Eigenvalues of mean z z^T that the rule holds in check, of each hidden layer; or no list."""
    outputs = [cells["output"] for cells in _forward(network, X)]
    share = np.full(len(outputs[0]), 1 / len(outputs[0]))
    return gains(network._plan().rule, network._seen_layers()[:-1], outputs, share)
