"""The training loop: batches in, one record an epoch out, and when to stop."""

import math
from typing import NamedTuple

import numpy as np

from ..network._arrays import to_numpy
from ..network._forward import forward
from ..network._network import Batch
from ..network._steps import Rates

GAIN_ROWS = 200  # rows whose activity tells the gains at the end of an epoch
RISE = 0.1  # of the least loss, from which on a loss that is larger has risen
BLOCK_ROWS = 256  # rows taken from the table at a time where they are learnt one by one
SAME_WEIGHT = 1e-6  # part by which a weight differs from the mean through rounding


class DivergenceError(ArithmeticError):
    """Training produced weights that are not finite; the estimator is as it was before."""


class Record(NamedTuple):
    """What one epoch left behind."""

    loss: float
    gains: list[np.ndarray]  # of each hidden layer
    validation_score: float | None


class Trainer:
    """Feeds batches to an engine, and knows how far it has come.

    Parameters
    ----------
    feed : Feed
    schedule : Schedule
    engine : Reference
    n_seen : int
        Samples seen before, t of the decay of rates.
    weighed : tuple of float
        Weight of the samples seen before, and how many of them had any.
    """

    def __init__(self, feed, schedule, engine, n_seen, weighed):
        self.feed, self.schedule, self.engine, self.n_seen = feed, schedule, engine, n_seen
        self.weighed = weighed
        self._mean_weight = None if schedule.n_rows is None else feed.mean_weight()

    def sweep(self):
        """One pass over the rows in the order of the feed; the mean loss."""
        by_rows = self.engine.by_rows
        total = weight = 0.0
        for batch in self.feed.batches(BLOCK_ROWS if by_rows else self.engine.plan.batch_size):
            total += (self._learn_rows if by_rows else self._learn)(batch) * batch.weight
            weight += batch.weight
        # Limits on a table are the same in the next sweep.
        self.engine.looks_beyond = self.schedule.n_rows is None or self.engine.found_beyond
        self._check_weights()
        return total / weight if weight else 0.0

    def pass_over(self):
        """Take in rows that have nothing to teach: how many they are, and how large.

        Inhibition without a target would switch neurons off.
        """
        for batch in self.feed.batches(self.engine.plan.batch_size):
            self._follow_inputs(batch)
            self.n_seen += batch.target.shape[0]
        return 0.0

    def _follow_inputs(self, batch):
        if self.engine.step.adaptive and self.schedule.n_rows is None and self.n_seen:
            self.engine.follow_inputs(batch.x, batch.share)

    def _learn(self, batch):
        engine, n_rows = self.engine, batch.target.shape[0]
        self._follow_inputs(batch)
        # The rows of a table weigh as much in one batch as in another, however few are left for it.
        size = n_rows if self.schedule.n_rows is None else engine.plan.batch_size
        n_weighed = np.count_nonzero(to_numpy(batch.share))
        total, number = self.weighed[0] + batch.weight, self.weighed[1] + n_weighed
        self.weighed = total, number
        weight = self._against_mean(batch.weight / n_weighed, total / number)
        rates = self.schedule.rates(self.n_seen, engine.n_updates, size, weight)
        rates = Rates(*map(float, rates))  # which any array library multiplies by
        loss = engine.learn(batch, rates)
        self.n_seen += n_rows
        if not math.isfinite(loss):
            self._diverged()
        return loss

    def _learn_rows(self, batch):
        """Learn a batch row by row; rows without weight are passed over."""
        if not batch.share.all():
            held = np.flatnonzero(batch.share)
            batch = Batch(*(array[held] for array in batch[:4]), batch.weight)
        seen = self.n_seen + np.arange(len(batch.share))
        weights = batch.weight * batch.share
        totals = self.weighed[0] + np.cumsum(weights)
        numbers = self.weighed[1] + np.arange(1, len(seen) + 1)
        self.weighed = totals[-1].item(), numbers[-1].item()
        relative = self._against_mean(weights, totals / numbers)
        updates = self.engine.n_updates + np.arange(len(seen))
        rates = self.schedule.rates(seen, updates, 1, relative)
        losses = self.engine.learn(batch, rates)
        finite = np.isfinite(losses)
        self.n_seen += len(losses) if finite.all() else int(np.argmin(finite)) + 1
        if not finite.all():
            self._diverged()
        return float(batch.share @ losses)

    def _against_mean(self, weight, mean):
        """Weights against the mean: of the table, or in a stream of the rows so far.

        What differs from it by rounding is one.
        """
        relative = weight / (mean if self._mean_weight is None else self._mean_weight)
        return relative + (1 - relative) * (abs(relative - 1) < SAME_WEIGHT)

    def gains(self):
        """Eigenvalues of mean z z^T that the rule holds in check, from the last rows of the sweep.

        Where the last batch was too small to tell, these rows are shown to the network once more.
        """
        engine, n_rows = self.engine, self.feed.n_rows
        outputs, share = engine.recent
        if share.shape[0] < min(GAIN_ROWS, n_rows):
            batch = self.feed.batch(slice(max(0, n_rows - GAIN_ROWS), n_rows))
            held = forward(engine.labile[:-1], batch.x, engine.plan.activation)
            outputs, share = [cells["output"] for cells in held], batch.share
        return engine.gains(outputs, share)

    def _check_weights(self):
        if not self.engine.is_finite():
            self._diverged()

    def _diverged(self):
        blown = ", ".join(self.engine.not_finite()) or "the loss"
        raise DivergenceError(
            f"Training diverged: {blown} stopped being finite by sample {self.n_seen}. Lower "
            "learning_rate_init (or the rates of the rule), or scale the features and targets, for "
            "instance with StandardScaler."
        )


def shuffled(feed, rows, shuffle, rng):
    """Let the feed go through ``rows`` (an index array; None for all), in a new order if asked."""
    if shuffle:
        rows = np.arange(feed.X.shape[0]) if rows is None else rows
        rng.shuffle(rows)
    feed.follow(rows)
    return rows


def epochs(trainer, rows, shuffle, rng, score=None):
    """Yield a Record for each pass over the rows of the feed, the first in its order as it is.

    The index array ``rows`` is shuffled in place before each later pass. ``score(weights)`` gives
    the validation score.
    """
    while True:
        loss = trainer.sweep()
        validation_score = None if score is None else score(trainer.engine.state.weights)
        yield Record(loss, trainer.gains(), validation_score)
        rows = shuffled(trainer.feed, rows, shuffle, rng)


class Patience:
    """Stops training once ``n_iter_no_change`` epochs in a row brought no gain above ``tol``.

    Attributes
    ----------
    improved : bool
        Whether the epoch taken in last is the best so far.
    """

    def __init__(self, tol, n_iter_no_change):
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
        self.best, self.waited, self.improved, self.merits = -np.inf, 0, False, []

    def exhausted(self, merit):
        """Take in an epoch's merit (a score, or minus the loss); whether to stop."""
        self.waited = 0 if merit >= self.best + self.tol else self.waited + 1
        self.improved = merit > self.best
        self.best = max(self.best, merit)
        self.merits.append(merit)
        return self.waited > self.n_iter_no_change

    @property
    def still_gaining(self):
        """Whether the last epochs gained more than ``tol`` each on average."""
        span = self.n_iter_no_change
        if len(self.merits) <= span:
            return True
        return self.merits[-1] - self.merits[-1 - int(span)] > span * self.tol

    @property
    def fell_back(self):
        """Whether the last epoch is worse than the best by more than noise explains."""
        return self.best - self.merits[-1] > RISE * abs(self.best) + self.tol
