"""Checks at the door: parameters, features, weights. All that follows may trust its input."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_scalar
from sklearn.utils.validation import _check_sample_weight, validate_data

from ._equations import ACTIVATIONS

_POSITIVE = {"target_type": Real, "min_val": 0, "include_boundaries": "neither"}
_NOT_NEGATIVE = {"target_type": Real, "min_val": 0, "include_boundaries": "left"}
_FRACTION = {"target_type": Real, "min_val": 0, "max_val": 1, "include_boundaries": "neither"}
_RATE = {"target_type": Real, "min_val": 0, "max_val": 1, "include_boundaries": "right"}
_MOMENT = {"target_type": Real, "min_val": 0, "max_val": 1, "include_boundaries": "left"}
_COUNT = {"target_type": Integral, "min_val": 1}
_FLAG = {"target_type": (bool, np.bool_)}

_SCALARS = {
    "alpha": _NOT_NEGATIVE,
    "learning_rate_init": _POSITIVE,
    "apical_rate": _RATE,
    "interneuron_rate": _RATE,
    "learning_rate_decay": _POSITIVE,
    "gain_damping": _NOT_NEGATIVE,
    "centering_rate": _RATE,
    "fit_intercept": _FLAG,
    "standardize_targets": _FLAG,
    "max_iter": _COUNT,
    "tol": _NOT_NEGATIVE,
    "n_iter_no_change": _COUNT,
    "early_stopping": _FLAG,
    "validation_fraction": _FRACTION,
    "shuffle": _FLAG,
    "warm_start": _FLAG,
    "verbose": {"target_type": (bool, np.bool_, Integral)},
    "beta_1": _MOMENT,
    "beta_2": _MOMENT,
    "epsilon": _POSITIVE,
    "batch_size": _COUNT,
    "n_interneurons": _COUNT,
}
_MAY_BE_NONE = {"learning_rate_decay", "centering_rate", "n_interneurons", "modulation"}
_MAY_BE_NAMED = {"batch_size": "auto", "n_interneurons": "n_hidden"}
_CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "solver": ("adam", "sgd"),
    "interneurons": ("tied", "decoupled", "target"),
    "modulation": ("plateau", "surprise"),
    "dtype": ("auto", "float32", "float64"),
}


def check_parameters(parameters, readouts):
    """Raise TypeError or ValueError naming the first parameter that is out of its range.

    ``parameters`` is a dict as ``get_params(deep=False)`` gives it; ``readouts`` are the readouts
    that the estimator knows.
    """
    choices = {**_CHOICES, "readout": readouts}
    for name, value in parameters.items():
        if (value is None and name in _MAY_BE_NONE) or value is _named(name, value):
            continue
        if name in _SCALARS:
            _check_number(name, value)
        elif name in choices and not (isinstance(value, str) and value in choices[name]):
            allowed = ", ".join(map(repr, choices[name]))
            suffix = " or None" if name in _MAY_BE_NONE else ""
            raise ValueError(f"{name} == {value!r}, must be one of {allowed}{suffix}.")
    n_hidden(parameters["hidden_layer_sizes"])
    if parameters["interneurons"] == "target" and parameters["n_interneurons"] is not None:
        raise ValueError(
            "interneurons='target' drives one interneuron by each target column, so n_interneurons "
            f"must be None, got {parameters['n_interneurons']!r}."
        )


def _named(name, value):
    """The value itself where it is the word that stands for a number, else a new object."""
    return value if isinstance(value, str) and value == _MAY_BE_NAMED.get(name) else object()


def _check_number(name, value):
    rule = _SCALARS[name]
    is_flag = isinstance(value, (bool, np.bool_))
    if is_flag and rule["target_type"] in (Real, Integral):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    check_scalar(value, name, **rule)
    if not np.isfinite(value):
        raise ValueError(f"{name} == {value}, must be finite.")


def n_hidden(hidden_layer_sizes):
    """The number of hidden neurons from an int or a sequence of one int."""
    sizes = hidden_layer_sizes
    if isinstance(sizes, (list, tuple, np.ndarray)):
        if len(sizes) != 1:
            raise ValueError(
                "hidden_layer_sizes must name one hidden layer (an int or a sequence of length 1): "
                f"deeper networks have no local rule here. Got {hidden_layer_sizes!r}."
            )
        sizes = sizes[0]
    if isinstance(sizes, (bool, np.bool_)):
        raise TypeError(f"hidden_layer_sizes must be an int, got {hidden_layer_sizes!r}.")
    return int(check_scalar(sizes, "hidden_layer_sizes", Integral, min_val=1))


def check_features(estimator, X, reset):
    """X as an array or CSR matrix of real numbers of any dtype, without a copy where it is one."""
    X = validate_data(
        estimator, X, reset=reset, accept_sparse=("csr", "csc"), dtype="numeric"
    )
    return _in_rows(X)


def check_features_and_targets(estimator, X, y, reset, regression):
    """X as by `check_features` and y of the same length, one or many columns."""
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse=("csr", "csc"),
        dtype="numeric",
        multi_output=True,
        y_numeric=regression,
    )
    return _in_rows(X), y


def _in_rows(X):
    """Batches are rows, so a matrix stored by columns is turned once."""
    if X.dtype.kind not in "fiub":
        raise ValueError(f"X must hold real numbers, got dtype {X.dtype}.")
    return X.tocsr() if issparse(X) else np.asarray(X)


def check_weights(sample_weight, X):
    """Sample weights (N,), or None for equal ones; negative or all-zero weights are errors."""
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("sample_weight is zero for every row: there is nothing to learn from.")
    return weights
