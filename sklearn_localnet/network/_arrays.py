"""Arrays of any library that the array API standard covers: to it, from it, and whose they are."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.externals import array_api_compat
from sklearn.utils._array_api import _convert_to_numpy, _max_precision_float_dtype

from ..rules._equations import namespace


class Library(NamedTuple):
    """An array library other than numpy, and the device where its arrays are."""

    xp: Any
    device: Any

    def take(self, array, dtype=None):
        """An array as one of this library, in a dtype that numpy knows by the same name."""
        dtype = None if dtype is None else getattr(self.xp, np.dtype(dtype).name)
        return self.xp.asarray(to_numpy(array), dtype=dtype, device=self.device)


def library_of(array):
    """The `Library` of an array; None for numpy's and for sparse matrices."""
    if isinstance(array, np.ndarray) or issparse(array):
        return None
    return Library(namespace(array), array_api_compat.device(array))


def to_numpy(array):
    """An array of any library as one of numpy; anything else is returned as it is."""
    if isinstance(array, np.ndarray) or not array_api_compat.is_array_api_obj(array):
        return array
    return _convert_to_numpy(array, namespace(array))


def like(array, other):
    """An array (or sparse matrix) in the library and the dtype of another, and where that is."""
    library = library_of(other)
    if library is None:
        return to_numpy(array).astype(other.dtype, copy=False)
    array = array if library_of(array) == library else library.take(array)
    return library.xp.astype(array, other.dtype, copy=False)


def wide(array):
    """An array in float64, or in the widest floating point that its device has."""
    library = library_of(array)
    if library is None:
        return array.astype(np.float64, copy=False)
    return library.xp.astype(array, _max_precision_float_dtype(*library))


def moved(tree, move):
    """Lists, dicts and named tuples of arrays, with ``move`` of each array in its place."""
    if isinstance(tree, dict):
        return {name: moved(part, move) for name, part in tree.items()}
    if isinstance(tree, list):
        return [moved(part, move) for part in tree]
    if isinstance(tree, tuple):
        return type(tree)(*(moved(part, move) for part in tree))
    return move(tree) if array_api_compat.is_array_api_obj(tree) else tree


def rows_of(X, rows):
    """Rows of X at a slice or at an index array."""
    library = library_of(X)
    if library is None:
        return X[rows]
    if isinstance(rows, slice):
        return X[rows, ...]
    return library.xp.take(X, library.take(rows), axis=0)
