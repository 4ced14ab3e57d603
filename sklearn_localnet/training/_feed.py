"""Rows of a table or a stream, as batches."""

import numpy as np
from scipy.sparse import issparse

from ..network._arrays import library_of, rows_of, to_numpy
from ..network._network import Batch

SAMPLED_ROWS, SAMPLED_NUMBERS = (200, 1000), 200_000  # rows, and numbers, of a sample
TURNED_NUMBERS = 1_000_000  # numbers of a matrix stored by columns that are held as rows


class Feed:
    """Rows of a table, in an order, as batches in the precision of training.

    Parameters
    ----------
    X : (N, m) array of any library, CSR or CSC matrix
    codes : array with N rows
        Targets as the encoder's ``codes`` gives them.
    encoder, statistics
        What turns codes into target columns, and what centres and scales these.
    readout : Linear
        It says what truth is.
    weights : (N,) array or None
    running : bool
        Whether the statistics take in each batch as it comes (a stream).
    dtype : dtype
    """

    def __init__(self, X, codes, encoder, statistics, readout, weights, running, dtype):
        self.X, self.codes, self.weights = X, codes, weights
        self.encoder, self.statistics, self.running = encoder, statistics, running
        self.readout, self.dtype = readout, dtype
        self._taken_in = 0  # rows that the statistics have
        self._buffer = ()
        self.library = library_of(X)
        plain = self.library is None and not issparse(X)
        self._takes = plain and X.dtype == dtype and X.flags.c_contiguous
        self.follow(None)

    def follow(self, order):
        """Go through the rows of an index array, or, for None, through all as they stand."""
        self._order, self._turned, self._first = order, None, 0
        self.n_rows = self.X.shape[0] if order is None else len(order)

    def mean_weight(self):
        """Mean weight of the rows that it goes through."""
        if self.weights is None:
            return 1.0
        return float(self.weights[self._rows(slice(0, self.n_rows))].mean())

    def first_batch(self, size):
        """The first ``size`` rows of which one has weight, as a Batch."""
        for batch in self.batches(size):
            return batch
        raise ValueError(
            "class_weight leaves every row a weight of zero: there is nothing to start from."
        )

    def sample(self):
        """Inputs of a bounded number of rows from all over the table, and the rows' shares."""
        size = np.clip(SAMPLED_NUMBERS // self.X.shape[1], *SAMPLED_ROWS)
        places = np.linspace(0, self.n_rows - 1, min(size, self.n_rows)).astype(np.intp)
        rows = self._rows(places)
        return to_numpy(rows_of(self.X, rows)), self._shares(rows, len(rows))[0]

    def batches(self, size):
        """Yield the rows in their order, ``size`` at a time, where any of them has weight."""
        for first in range(0, self.n_rows, size):
            batch = self.batch(slice(first, min(first + size, self.n_rows)))
            if batch.weight > 0:
                yield batch

    def batch(self, part):
        """The rows at these places of the order (a slice from start to stop), as a Batch."""
        rows = self._rows(part)
        columns = self.encoder.columns(self.codes[rows])
        share, weight = self._shares(rows, len(columns))
        if self.running and weight and part.stop > self._taken_in:
            self.statistics.include(columns, share, weight)
            self._taken_in = part.stop
        target = self.statistics.encode(columns).astype(self.dtype)
        truth = self.readout.truth(columns, target).astype(self.dtype, copy=False)
        held = target, truth, share.astype(self.dtype)
        if self.library is not None:
            held = map(self.library.take, held)
        return Batch(self._inputs(part, rows), *held, weight)

    def _shares(self, rows, n_rows):
        """Parts of rows in averages over them, and their weight together."""
        if self.weights is None:
            return np.full(n_rows, 1 / n_rows), float(n_rows)
        weight = float(self.weights[rows].sum())
        return self.weights[rows] / (weight or 1.0), weight

    def _rows(self, part):
        return part if self._order is None else self._order[part]

    def _inputs(self, part, rows):
        if self.library is not None:
            x = rows_of(self.X, rows)
            return self.library.xp.astype(x, getattr(self.library.xp, self.dtype.name), copy=False)
        if issparse(self.X):
            x = self._turn(part) if self.X.format == "csc" else self.X[rows]
            return x.astype(self.dtype, copy=False)
        if isinstance(rows, slice):
            return np.asarray(self.X[rows], dtype=self.dtype)
        if len(self._buffer) < len(rows):
            self._buffer = np.empty((len(rows), self.X.shape[1]), self.dtype)
        x = self._buffer[: len(rows)]
        if self._takes:
            return np.take(self.X, rows, axis=0, out=x, mode="clip")
        x[...] = self.X[rows]
        return x

    def _turn(self, part):
        """Rows of a CSC matrix; many ahead are turned at once, as each turn reads all of it."""
        held = 0 if self._turned is None else self._turned.shape[0]
        if not self._first <= part.start <= part.stop <= self._first + held:
            self._turned = None  # before the next rows take as much
            ahead = self.X.shape[0] * TURNED_NUMBERS // max(self.X.shape[0], self.X.nnz)
            ahead = slice(part.start, max(part.stop, part.start + ahead))
            self._first, self._turned = part.start, self.X[self._rows(ahead)].tocsr()
        return self._turned[part.start - self._first : part.stop - self._first]
