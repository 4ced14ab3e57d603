"""Checks at the door: parameters, features, weights. All that follows may trust its input."""

import re
import sys
import warnings
from collections.abc import Iterable
from contextlib import contextmanager
from datetime import date, timedelta
from numbers import Integral, Real
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse, sparray, spmatrix
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from ..network._arrays import library_of, to_numpy
from ..rules import make_rule
from ..rules._equations import ACTIVATIONS
from ..rules._rule import check_number

MatrixLike: TypeAlias = ArrayLike | sparray | spmatrix

_NOT_CALLERS = ("sklearn_localnet", "sklearn", "joblib")
_DATES = (date, timedelta, np.datetime64, np.timedelta64)

_POSITIVE = {"target_type": Real, "min_val": 0, "include_boundaries": "neither"}
_NOT_NEGATIVE = {"target_type": Real, "min_val": 0, "include_boundaries": "left"}
_RATE = {"target_type": Real, "min_val": 0, "max_val": 1, "include_boundaries": "right"}
_FRACTION = {"target_type": Real, "min_val": 0, "max_val": 1, "include_boundaries": "left"}
_COUNT = {"target_type": Integral, "min_val": 1}
_FLAG = {"target_type": (bool, np.bool_)}

_SCALARS = {
    "alpha": _NOT_NEGATIVE,
    "learning_rate_init": _POSITIVE,
    "learning_rate_decay": _POSITIVE,
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
    "beta_1": _FRACTION,
    "beta_2": _FRACTION,
    "epsilon": _POSITIVE,
    "batch_size": _COUNT,
}
_MAY_BE_NONE = {"learning_rate_decay", "centering_rate", "modulation"}
_MAY_BE = {"batch_size": "auto", "learning_rate_decay": "auto", "n_iter_no_change": np.inf}
_CHOICES = {
    "activation": tuple(ACTIVATIONS),
    "solver": ("adam", "sgd"),
    "modulation": ("plateau", "surprise"),
    "dtype": ("auto", "float32", "float64"),
    "new_classes": ("raise", "add"),
}


def check_parameters(parameters, readouts):
    """Raise TypeError or ValueError naming the first parameter that is out of its range.

    ``parameters`` is a dict as ``get_params(deep=False)`` gives it; ``readouts`` are the readouts
    that the estimator knows.
    """
    choices = {**_CHOICES, "readout": readouts}
    for name, value in parameters.items():
        if value is None and name in _MAY_BE_NONE:
            continue
        if isinstance(value, str | float) and value == _MAY_BE.get(name):
            continue
        if name in _SCALARS:
            _check_number(name, value)
        elif name in choices and not (isinstance(value, str) and value in choices[name]):
            allowed = ", ".join(map(repr, choices[name]))
            suffix = " or None" if name in _MAY_BE_NONE else ""
            raise ValueError(f"{name} == {value!r}, must be one of {allowed}{suffix}.")
    layer_sizes(parameters["hidden_layer_sizes"])
    getattr(make_rule(parameters["rule"]), "check", lambda: None)()
    with naming("random_state"):
        check_random_state(parameters["random_state"])
    _check_class_weight(parameters.get("class_weight"))


def _check_number(name, value):
    limits = _SCALARS[name]
    if limits["target_type"] in (Real, Integral):
        check_number(value, name, **limits)
    else:
        check_scalar(value, name, **limits)


def _check_class_weight(class_weight):
    """None, "balanced", a dict of weights, or a list of such dicts for many labels."""
    if class_weight is None or (isinstance(class_weight, str) and class_weight == "balanced"):
        return
    dicts = class_weight if isinstance(class_weight, list) else [class_weight]
    if not all(isinstance(weights, dict) for weights in dicts):
        raise ValueError(
            f"class_weight == {class_weight!r}, must be None, 'balanced' or a dict of weights."
        )
    for weight in (weight for weights in dicts for weight in weights.values()):
        if not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise ValueError(f"class_weight holds {weight!r}: weights must be finite, 0 or more.")


def layer_sizes(hidden_layer_sizes):
    """Neurons of each hidden layer, a tuple of int, from an int or a sequence of them."""
    sizes = hidden_layer_sizes
    sizes = sizes.tolist() if isinstance(sizes, np.ndarray) else sizes
    several = isinstance(sizes, Iterable) and not isinstance(sizes, str | bytes)
    sizes = list(sizes) if several else [sizes]
    if not sizes:
        raise ValueError("hidden_layer_sizes must name one hidden layer at least, got none.")
    for size in sizes:
        if isinstance(size, (bool, np.bool_)):
            raise TypeError(f"hidden_layer_sizes must hold ints, got {hidden_layer_sizes!r}.")
        check_scalar(size, "hidden_layer_sizes", Integral, min_val=1)
    return tuple(map(int, sizes))


@contextmanager
def expecting_few_rows():
    """Keep scikit-learn from taking labels for values because a chunk holds most of them once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        yield


@contextmanager
def naming(name):
    """Put ``name`` before the message of an error that does not say what it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def warn_caller(message, category):
    """Warn at the line that called the package, directly or through scikit-learn."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _NOT_CALLERS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _column_dtypes(values):
    """The dtype of each column of a data frame or of the whole of an array, None for a list."""
    dtypes = getattr(values, "dtypes", getattr(values, "dtype", None))
    return list(dtypes) if isinstance(dtypes, Iterable) else [dtypes]


def _refuse_dates(values, name):
    """The values themselves, a list as an array; ValueError where there are dates among them.

    scikit-learn and numpy would count dates and durations as integers.
    """
    values = np.asarray(values) if isinstance(values, list | tuple) else values
    dtypes = _column_dtypes(values)
    kinds = {getattr(dtype, "kind", None) for dtype in dtypes}
    objects = np.asarray(values, dtype=object).flat if "O" in kinds else ()
    if (
        kinds & {"M", "m"}
        or any(isinstance(value, _DATES) for value in objects)
        or any(hasattr(dtype, "is_temporal") and dtype.is_temporal() for dtype in dtypes)
    ):
        raise ValueError(
            f"{name} holds dates or durations: give numbers, for example days since a date."
        )
    return values


def _check_real(array, name):
    """Raise ValueError unless an array is of real numbers."""
    library = library_of(array)
    if library is None:
        real = array.dtype.kind in "fiub"
    else:
        real = library.xp.isdtype(array.dtype, ("real floating", "integral", "bool"))
    if not real:
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}.")


def _labels(labels, name):
    """The labels, of which none may be missing, with integers and booleans in dtypes of numpy.

    scikit-learn makes floats of those in pandas' own dtypes.
    """
    if issparse(labels):
        return labels
    if hasattr(labels, "isna"):
        missing = labels.isna()
    else:
        labels = np.asarray(labels)
        missing = labels.dtype == object and [label is None for label in labels.flat]
    if np.any(missing):
        raise ValueError(f"{name} holds missing values: give each row a label.")
    dtypes = []
    for dtype in _column_dtypes(labels):
        dtype = getattr(getattr(dtype, "categories", None), "dtype", dtype)
        dtypes.append(getattr(dtype, "numpy_dtype", dtype))
    whole = all(isinstance(dtype, np.dtype) and dtype.kind in "iub" for dtype in dtypes)
    return np.asarray(labels, dtype=np.result_type(*dtypes)) if whole else labels


def _is_plain(array, kinds):
    """Whether this is an array of finite numbers of these kinds of dtype, not empty.

    A sum tells in one pass; where it overflows, the full check has the word.
    """
    if type(array) is not np.ndarray or array.dtype.kind not in kinds or not array.size:
        return False
    with np.errstate(all="ignore"):
        return array.dtype.kind != "f" or bool(np.isfinite(array.sum()))


def check_features(estimator, X, reset):
    """X as an array, CSR or CSC matrix of any real dtype, without a copy where it is one.

    An array of another library than numpy stays one where scikit-learn dispatches on it.
    """
    if not reset and _is_plain(X, "f") and X.ndim == 2:
        # What scikit-learn would find, at a tenth of the time that a single row costs there.
        named = hasattr(estimator, "feature_names_in_")
        if not named and X.shape[1] == estimator.n_features_in_:
            return X
    with naming("X"):
        X = _refuse_dates(X, "X")
        X = validate_data(estimator, X, reset=reset, accept_sparse=("csr", "csc"), dtype="numeric")
    _check_real(X, "X")
    return X if issparse(X) or library_of(X) is not None else np.asarray(X)


def check_targets(estimator, y, n_rows, regression, reset):
    """Targets of ``n_rows`` rows, one or many columns; labels are as they are given.

    ``reset`` asks whether labels are ones to begin with; later an encoder knows its own.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    y = to_numpy(y)
    if reset or not _is_plain(y, "fiub" if regression else "iub"):
        with naming("y"):
            y = check_array(
                _refuse_dates(y, "y") if regression else _labels(y, "y"),
                accept_sparse=False if regression else "csr",
                dtype="numeric" if regression else None,
                ensure_2d=False,
                estimator=estimator,
                input_name="y",
            )
            if regression:
                _check_real(y, "y")
            elif reset:
                check_classification_targets(y)
    check_as_many(n_rows, y.shape[0])
    if y.ndim == 2 and y.shape[1] == 1:
        warn_caller(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of "
            "y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
        y = (y.toarray() if issparse(y) else y)[:, 0]
    return y


def check_library(estimator, X, method):
    """Raise ValueError unless the fitted arrays are of numpy, or of X's library on its device."""
    held, given = library_of(estimator.readout_weights_), library_of(X)
    if held is None or held == given:
        return
    held, given = (
        "numpy" if library is None else f"{library.xp.__name__} on {library.device}"
        for library in (held, given)
    )
    raise ValueError(
        f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace and "
        f"the same device as those passed to fit(): these were of {held}, and X is of {given}. "
        "Move X, or pickle and load the estimator: a loaded one takes arrays of any library."
    )


def check_as_many(n_rows, n_targets):
    """Raise ValueError unless there is a target for each row."""
    if n_targets != n_rows:
        raise ValueError(f"X has {n_rows} rows and y has {n_targets}: they must be as many.")


def check_classes(classes):
    """Sorted distinct labels, of which there must be no two alike."""
    with naming("classes"):
        labels = _labels(to_numpy(classes), "classes")
        if labels.ndim != 1:
            raise ValueError(
                f"classes must be a list of labels, got {type(classes).__name__} of shape "
                f"{labels.shape}."
            )
        labels = check_array(labels, dtype=None, ensure_2d=False, input_name="classes")
        distinct = np.unique(labels)
        distinct = np.array(distinct.tolist()) if distinct.dtype == object else distinct
    if len(distinct) != len(labels):
        raise ValueError(f"classes holds a label more than once: {labels.tolist()}.")
    return distinct


def check_weights(sample_weight, n_rows):
    """Sample weights (N,), or None for equal ones; negative or all-zero weights are errors."""
    if sample_weight is None:
        return None
    with naming("sample_weight"), np.errstate(over="ignore"):
        weights = _refuse_dates(to_numpy(sample_weight), "sample_weight")
        rows = np.broadcast_to(0.0, n_rows)  # of which there must be as many
        weights = _check_sample_weight(weights, rows, dtype=np.float64, ensure_non_negative=True)
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError("sample_weight has a sum that is too large for float64.")
    if total == 0:
        raise ValueError("sample_weight is zero for every row: there is nothing to learn from.")
    return weights
