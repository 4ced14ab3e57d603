"""How an estimator learns from a stream, chunk by chunk."""

from contextlib import nullcontext

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state

from ..network._arrays import library_of
from ..network._buffered import Buffered
from ._learning import LearningNetwork
from ._validation import check_features, check_targets, check_weights, expecting_few_rows


class StreamLearning(LearningNetwork):
    """Methods of an estimator behind ``partial_fit``."""

    # After a chunk of a stream, the memory and the engine whose arrays are fitted and remembered.
    _standing = None

    def _stream(self, X, y, sample_weight, classes=None):
        """Learn from a chunk of a stream on a shadow, then hand over."""
        trained, engine = self._shadow(), self._standing_engine()
        if engine is None:
            trained.__dict__.pop("_standing", None)
        before = engine and engine.remember()
        try:
            trained._continue(X, y, sample_weight, classes)
        except BaseException:
            if engine is not None:
                engine.recall(before)
            raise
        self.__dict__ = trained.__dict__
        self.loss_curve_.append(self.loss_)  # in place, as a stream may be long
        return self

    def _continue(self, X, y, sample_weight, classes):
        first = not hasattr(self, "layers_")
        self._check_parameters(first)
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        if isinstance(getattr(self, "class_weight", None), str):
            raise ValueError(
                f"class_weight == {self.class_weight!r} needs the whole table and is not known to "
                "partial_fit: give a dict of weights, or sample_weight."
            )
        X = check_features(self, X, reset=first)
        weights = check_weights(sample_weight, X.shape[0])
        with expecting_few_rows() if first else nullcontext():
            y = check_targets(self, y, X.shape[0], isinstance(self, RegressorMixin), reset=first)
            encoder = self._stream_encoder(y, weights, classes) if first else self._encoder(classes)
        total = weight = 0.0
        for stretch, rows in self._stretches(encoder, y):
            own = None if weights is None else weights[rows]
            x = X if rows.stop - rows.start == X.shape[0] else X[rows]
            loss, size = self._learn_stretch(stretch, x, y[rows], own)
            total, weight = total + loss * size, weight + size
        self.loss_ = total / weight if weight else 0.0
        self.n_iter_ += 1
        if self.best_loss_ is not None:
            self.best_loss_ = min(self.loss_, self.best_loss_)

    def _stretches(self, encoder, y):
        """Yield the encoder of each stretch of a chunk, and its rows; here there is one."""
        yield encoder, slice(0, y.shape[0])

    def _learn_stretch(self, encoder, X, y, weights):
        """Learn rows that have no label that the encoder has not; mean loss and sum of weights."""
        columns = engine = None
        if hasattr(self, "layers_"):
            columns = self._new_columns(encoder)
            stands = columns is None and self._standing and library_of(X) is None
            engine = self._standing[1] if stands else None
        else:
            self._reset(encoder)
            self._seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        codes = encoder.codes(y)
        weights = self._class_weighted(encoder, codes, weights)
        plan = self._plan() if engine is None else engine.plan
        feed = self._feed(plan, X, codes, encoder, weights, bool(self.standardize_targets))
        with np.errstate(all="ignore"):
            trainer = self._trainer(plan, feed, engine=engine, columns=columns)
            loss = trainer.pass_over() if self._waits(encoder) else trainer.sweep()
        self._adopt(trainer, anew=engine is None)
        self._standing = self._memory, trainer.engine if type(trainer.engine) is Buffered else None
        return loss, len(y) if weights is None else weights.sum()

    def _new_columns(self, encoder):
        """Make room for what the encoder has more than the network; a `Columns`, or None."""
        return None

    def _waits(self, encoder):
        """Whether there is nothing to learn yet, and something may come."""
        return False

    def _standing_engine(self):
        """The engine that learnt the last chunk, if what is fitted is still in its arrays."""
        memory, engine = self._standing or (None, None)
        if engine is None or memory is not self._memory:
            return None
        fitted = [*self.layers_, self._readout_arrays()]
        same = (
            held.get(name, array) is array
            for held, arrays in zip(fitted, engine.average or engine.labile, strict=True)
            for name, array in arrays.items()
        )
        return engine if all(same) else None
