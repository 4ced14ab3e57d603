"""Weights of classes as weights of rows."""

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight

from ._validation import naming


def class_weighted(class_weight, growing, encoder, codes, weights):
    """Weights of the rows (N,) times those of their classes; None stands for ones.

    Parameters
    ----------
    class_weight : dict, list of dict, "balanced" or None
    growing : bool
        Whether the weights may name classes that are not there yet.
    encoder : LabelEncoder
    codes : ndarray of shape (N,) or (N, n_labels)
        Targets as the encoder has them.
    weights : ndarray of shape (N,) or None

    Raises
    ------
    ValueError
        Where ``class_weight`` does not fit the targets; the message names it.
    """
    if class_weight is None:
        return weights
    with naming("class_weight"), np.errstate(over="ignore", invalid="ignore"):
        if encoder.multilabel:
            factor = compute_sample_weight(class_weight, codes)
        else:
            if growing and isinstance(class_weight, dict):
                known = set(encoder.classes.tolist())
                class_weight = {key: class_weight[key] for key in class_weight if key in known}
            factor = _class_factors(class_weight, encoder.classes, codes, weights)[codes]
        weights = factor if weights is None else weights * factor
    if not np.isfinite(weights.sum()):
        raise ValueError("class_weight makes the sum of the weights too large for float64.")
    return weights


def _class_factors(class_weight, classes, codes, weights):
    """What weights of rows are multiplied by for each class, zero for one without a row to count.

    "balanced" is the weighted form of ``n_samples / (n_classes * np.bincount(y))``. scikit-learn's
    function divides by zero where a class has rows but no weight, and takes labels "1" for 1.
    """
    if class_weight == "balanced":
        held = np.bincount(codes, weights, minlength=len(classes))
        present, factors = held > 0, np.zeros(len(classes))
        factors[present] = held.sum() / (present.sum() * held[present])
        return factors
    if isinstance(class_weight, list):
        raise ValueError("class_weight is a list, one dict a label: give a dict for one column y.")
    labels = classes.tolist()
    missing = [label for label in labels if label not in class_weight]
    if missing and len(class_weight) > len(labels) - len(missing):
        others = [label for label in class_weight if label not in labels]
        raise ValueError(
            f"class_weight has weights for {others}, which are not among the classes, and none for "
            f"the classes {missing}."
        )
    return np.array([class_weight.get(label, 1.0) for label in labels])
