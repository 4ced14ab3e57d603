"""The training loop: batches in, one record an epoch out, and when to stop."""

import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from ._gain import gain_spectrum
from ._microcircuit import Rates
from ._online import BATCH, learn_rows, runs_online
from ._start import ENOUGH_ROWS
from ._step_rules import decay

GAIN_ROWS = 200  # rows whose activity tells the gains at the end of an epoch
TABLE_SPAN, STREAM_SPAN = 1000, 30  # updates that weights average over: a stream may drift
TURNED_NUMBERS = 1_000_000  # numbers of a matrix stored by columns that are held as rows


class DivergenceError(ArithmeticError):
    """Training produced weights that are not finite; the estimator is as it was before."""


class Batch(NamedTuple):
    """Rows ready to be learnt; ``offset`` is what the encoding took from labels."""

    x: np.ndarray
    y: np.ndarray
    offset: np.ndarray
    share: np.ndarray
    weight: float


class Record(NamedTuple):
    """What one epoch left behind."""

    loss: float
    gains: np.ndarray
    validation_score: float | None
    n_seen: int


class Schedule(NamedTuple):
    """Step sizes over time, from the estimator's parameters."""

    learning_rate_init: float
    apical_rate: float
    interneuron_rate: float
    centering_rate: float
    decay_samples: float | None
    alpha: float  # of one row
    adaptive: bool
    decay_rows: int  # up to which the decay of weights is as strong as alpha says
    n_rows: int | None  # of the table; None for a stream, whose rows are those it has had

    def rates(self, n_seen, n_updates, size):
        """Rates of an update by ``size`` rows after ``n_seen`` samples in ``n_updates`` updates.

        Beside adaptive steps the mean activity is averaged over all updates until there are enough
        of them for its rate, as the moments of the adaptive step are. A large table needs less
        decay of weights: from ``decay_rows`` on, the decay falls as one over the number of rows.
        """
        divisor = decay(n_seen, self.decay_samples)
        eta = self.learning_rate_init / divisor
        centering = self.centering_rate / divisor
        if self.adaptive and centering:
            centering = max(centering, 1 / (n_updates + 2))
        return Rates(
            eta,
            self.apical_rate / divisor,
            self.interneuron_rate / divisor,
            centering,
            self.alpha * eta * size * self._need_of_decay(n_seen),
            STREAM_SPAN if self.n_rows is None else TABLE_SPAN,
        )

    def _need_of_decay(self, n_seen):
        n_rows = n_seen if self.n_rows is None else self.n_rows
        return self.decay_rows / np.maximum(n_rows, self.decay_rows)


class Feed:
    """Rows of a table, in an order, as batches in the precision of training.

    Parameters
    ----------
    X : (N, m) array, CSR or CSC matrix
    codes : array with N rows
        Targets as the encoder's ``codes`` gives them.
    encoder, statistics
        What turns codes into target columns, and what centres and scales these.
    weights : (N,) array or None
    running : bool
        Whether the statistics take in each batch as it comes (a stream).
    dtype : dtype
    """

    def __init__(self, X, codes, encoder, statistics, weights, running, dtype):
        self.X, self.codes, self.weights = X, codes, weights
        self.encoder, self.statistics, self.running = encoder, statistics, running
        self.dtype = dtype
        self._buffer = np.empty((0, X.shape[1]), dtype)
        self._takes = not issparse(X) and X.dtype == dtype and X.flags.c_contiguous
        self.follow(None)

    def follow(self, order):
        """Go through the rows of an index array, or, for None, through all as they stand."""
        self._order, self._turned, self._first = order, None, 0
        self.n_rows = self.X.shape[0] if order is None else len(order)

    def batch(self, part):
        """The rows at these places of the order (a slice from start to stop), as a Batch."""
        rows = self._rows(part)
        columns = self.encoder.columns(self.codes[rows])
        if self.weights is None:
            weight = float(len(columns))
            share = np.full(len(columns), 1 / weight)
        else:
            weight = float(self.weights[rows].sum())
            share = self.weights[rows] / (weight or 1.0)
        if self.running and weight:
            self.statistics.include(columns, share, weight)
        y = self.statistics.encode(columns).astype(self.dtype)
        offset = self.statistics.mean.astype(self.dtype)
        return Batch(self._inputs(part, rows), y, offset, share.astype(self.dtype), weight)

    def _rows(self, part):
        return part if self._order is None else self._order[part]

    def _inputs(self, part, rows):
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


class Trainer:
    """Feeds batches to a circuit, and knows how far it has come.

    Parameters
    ----------
    feed : Feed
    schedule : Schedule
    batch_size : int
    circuit : Microcircuit or None
        None until the first batch starts it.
    start : callable
        ``start(x, y, share)`` makes the circuit from the first batch.
    n_seen : int
        Samples seen before, t of the decay of rates.
    """

    def __init__(self, feed, schedule, batch_size, circuit, start, n_seen):
        self.feed, self.schedule, self.batch_size = feed, schedule, batch_size
        self.circuit, self.start, self.n_seen = circuit, start, n_seen

    def sweep(self, rows=None):
        """One pass over ``rows`` (an index array; None for all as they stand); the mean loss."""
        self.feed.follow(rows)
        n_rows = self.feed.n_rows
        total = weight = 0.0
        first = 0
        while first < n_rows:
            online = self._runs_online()
            part = slice(first, min(first + (BATCH if online else self.batch_size), n_rows))
            batch = self.feed.batch(part)
            if batch.weight > 0:
                total += (self._learn_rows if online else self._learn)(batch) * batch.weight
                weight += batch.weight
            first = part.stop
        self._check_weights()
        return total / weight if weight else 0.0

    def gains(self):
        """Eigenvalues of mean z z^T that the interneurons see, from the last rows of the sweep.

        Where the last batch was too small to tell, these rows are shown to the circuit once more.
        """
        n_rows = self.feed.n_rows
        z, share = self.circuit.recent
        if len(z) < min(GAIN_ROWS, n_rows):
            batch = self.feed.batch(slice(max(0, n_rows - GAIN_ROWS), n_rows))
            z, share = self.circuit.activity(batch.x)[1], batch.share
        return gain_spectrum(z, share, self.circuit.interneuron_weights)

    def _runs_online(self):
        """Whether rows can be learnt one by one in blocks: the circuit is there and knows how."""
        if self.batch_size > 1 or self.circuit is None or self.feed.running:
            return False
        return runs_online(self.circuit.design, self.schedule.rates(0, 0, 1))

    def _learn(self, batch):
        if self.circuit is None:
            self.circuit = self.start(batch.x, batch.y, batch.share)
        elif self.schedule.adaptive and self.n_seen < ENOUGH_ROWS:
            part = len(batch.y) / (self.n_seen + len(batch.y))
            self.circuit.widen(batch.x, batch.share, part)
        # The rows of a table weigh as much in one batch as in another, however few are left for it.
        size = len(batch.y) if self.schedule.n_rows is None else self.batch_size
        rates = self.schedule.rates(self.n_seen, self.circuit.n_updates, size)
        loss = self.circuit.learn(batch.x, batch.y, batch.offset, batch.share, rates)
        self.n_seen += len(batch.y)
        if not math.isfinite(loss):
            self._diverged()
        return loss

    def _learn_rows(self, batch):
        """Learn a batch row by row; rows without weight are passed over."""
        x, y, share = batch.x, batch.y, batch.share
        if not share.all():
            held = np.flatnonzero(share)
            x, y, share = x[held], y[held], share[held]
        seen = self.n_seen + np.arange(len(share))
        rates = self.schedule.rates(seen, self.circuit.n_updates, 1)
        rates = Rates(*(np.broadcast_to(rate, len(share)).astype(y.dtype) for rate in rates))
        losses = learn_rows(self.circuit, x, y, rates)
        finite = np.isfinite(losses)
        self.n_seen += len(share) if finite.all() else int(np.argmin(finite)) + 1
        if not finite.all():
            self._diverged()
        return float(share @ losses)

    def _check_weights(self):
        if self.circuit is not None and not self.circuit.is_finite():
            self._diverged()

    def _diverged(self):
        names = [f"{n}_" for n, w in self.circuit.labile.items() if not np.isfinite(w).all()]
        blown = ", ".join(names) or "the loss"
        raise DivergenceError(
            f"Training diverged: {blown} stopped being finite by sample {self.n_seen}. Lower "
            "learning_rate_init (or interneuron_rate and apical_rate), or scale the features "
            "and targets, for instance with StandardScaler."
        )


def epochs(trainer, rows, shuffle, rng, score=None):
    """Yield a Record for each pass over ``rows`` (an index array, or None for all as they stand).

    The index array is shuffled in place. ``score(circuit)`` gives the validation score.
    """
    if shuffle and rows is None:
        rows = np.arange(trainer.feed.n_rows)
    while True:
        if shuffle:
            rng.shuffle(rows)
        loss = trainer.sweep(rows)
        validation_score = None if score is None else score(trainer.circuit)
        yield Record(loss, trainer.gains(), validation_score, trainer.n_seen)


class Patience:
    """Stops training once ``n_iter_no_change`` epochs in a row brought no gain above ``tol``."""

    def __init__(self, tol, n_iter_no_change, best=-np.inf):
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
        self.best, self.waited, self.improved = best, 0, False

    def exhausted(self, merit):
        """Take in an epoch's merit (a score, or minus the loss); whether to stop."""
        self.waited = 0 if merit >= self.best + self.tol else self.waited + 1
        self.improved = merit > self.best
        self.best = max(self.best, merit)
        return self.waited > self.n_iter_no_change
