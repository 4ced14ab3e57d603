"""What both estimators share: training, forward pass, fitted attributes.

`fit` and `partial_fit` work on a shadow of the estimator and hand its attributes over at the end,
so that nothing of the estimator changes where an error is raised.
"""

import copy
import warnings
from functools import cache
from operator import is_
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    is_regressor,
)
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch, check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted

from ._callbacks import CallbackSupportMixin, with_callbacks
from ._encoding import TargetStatistics
from ._equations import ACTIVATIONS
from ._microcircuit import WEIGHTS, Design, Microcircuit, probabilities
from ._training import Feed, Patience, Schedule, Trainer, epochs
from ._validation import (
    MatrixLike,
    check_features,
    check_parameters,
    check_targets,
    check_weights,
    n_hidden,
    naming,
)
from ._version import __version__

AUTO_BATCH = 200
SMALL_LAYER = 8_000  # weights up to which float64 costs hardly more than the calls themselves
SITE = "https://sklearn-localnet.readthedocs.io/page"  # "page" leads to the default version
FORWARD_NUMBERS = 500_000  # numbers held at a time while predicting: a few MB


class LocalRuleEstimator(
    CallbackSupportMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """What classifier and regressor share; a subclass says how targets are encoded."""

    basal_weights_: np.ndarray
    basal_intercepts_: np.ndarray
    apical_weights_: np.ndarray
    interneuron_weights_: np.ndarray
    pyramidal_to_interneuron_weights_: np.ndarray
    mean_activity_: np.ndarray
    readout_weights_: np.ndarray
    readout_intercepts_: np.ndarray
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    n_outputs_: int
    n_layers_: int
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray

    _doc_link_module = "sklearn_localnet"
    _doc_link_template = SITE + "/generated/{estimator_module}.{estimator_name}.html"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @with_callbacks
    def fit(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features, of any real dtype; never copied as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None for equal weights. Every average over rows is weighted.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            Where a parameter or an array is not as it should be; the message names it.
        DivergenceError
            Where the weights stop being finite. The estimator is left as it was in every case.
        """
        task = self._init_callback_context(max_subtasks=self.max_iter)
        trained = self._shadow()
        notice = trained._fit(X, y, sample_weight, task, self)
        self.__dict__ = trained.__dict__
        if notice is not None:
            message, category = notice
            warnings.warn(message, category, stacklevel=2)
        return self

    def _shadow(self):
        shadow = object.__new__(type(self))
        shadow.__dict__.update(self.__dict__)
        return shadow

    def _fit(self, X, y, sample_weight, task, listener):
        """Train this shadow of ``listener``, which callbacks see; a warning to give, or None."""
        self._check_parameters()
        fresh = not (self.warm_start and hasattr(self, "basal_weights_"))
        X = check_features(self, X, reset=fresh)
        y = check_targets(self, y, X.shape[0], is_regressor(self), reset=fresh)
        weights = check_weights(sample_weight, X)
        encoder = self._new_encoder(y) if fresh else self._encoder()
        codes = encoder.codes(y)
        weights = self._class_weighted(encoder, codes, weights)
        if weights is not None and not weights.any():
            raise ValueError(
                "class_weight leaves every row a weight of zero: nothing to learn from."
            )
        rows = None if weights is None or weights.all() else np.flatnonzero(weights)
        rng = check_random_state(self.random_state)
        seed = rng.randint(np.iinfo(np.int32).max)
        score = None
        if self.early_stopping:
            rows, held_out = self._split(encoder, codes, rows, rng)
            score = self._validation(encoder, X, codes, weights, held_out)
        if fresh:
            statistics = _whole_statistics(encoder, codes, weights, rows)
            self._reset(encoder, statistics if self.standardize_targets else None)
        else:
            self._resume()
        trainer = self._trainer(X, codes, encoder, weights, seed, X.shape[0])
        hook = {"estimator": listener, "X": X, "y": y, "metadata": {"sample_weight": weights}}
        task.call_on_fit_task_begin(**hook)
        with np.errstate(all="ignore"):
            notice = self._run(trainer, epochs(trainer, rows, self.shuffle, rng, score), task, hook)
        task.call_on_fit_task_end(**hook, reconstruction_attributes=self._snapshot)
        return notice

    def _run(self, trainer, records, task, hook):
        """Drain the records until training is done; a warning's arguments, or None."""
        patience = Patience(self.tol, self.n_iter_no_change)
        best = None
        self.n_iter_ = 0
        try:
            for _ in range(self.max_iter):
                epoch = task.subcontext(task_name="epoch").call_on_fit_task_begin(**hook)
                record = next(records)
                self._adopt(trainer)
                stop = patience.exhausted(self._note(record))
                if self.early_stopping and patience.improved:
                    best = {
                        name: weights.copy() for name, weights in trainer.circuit.weights.items()
                    }
                if stop and self.verbose:
                    self._announce_stop()
                stop |= epoch.call_on_fit_task_end(**hook, reconstruction_attributes=self._snapshot)
                if stop:
                    return None
            return (
                f"Stopped after max_iter={self.max_iter} epochs while the "
                f"{'validation score' if self.early_stopping else 'loss'} was still improving.",
                ConvergenceWarning,
            )
        except KeyboardInterrupt:
            if trainer.circuit is None:
                raise
            self._adopt(trainer)
            return ("Training interrupted by the user; the model is as it was then.", UserWarning)
        finally:
            if best is not None:
                self._set_weights(best)
                self._history = self._settled_history()

    def _note(self, record):
        """Write an epoch's record to the fitted attributes; its merit for stopping."""
        self.n_iter_ += 1
        self.loss_ = record.loss
        self.loss_curve_.append(record.loss)
        self.gain_curve_.append(record.gains)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {record.loss:.8f}")
        if not self.early_stopping:
            self.best_loss_ = min(record.loss, self.best_loss_)
            return -record.loss
        self.validation_scores_.append(record.validation_score)
        self.best_validation_score_ = max(self.validation_scores_)
        if self.verbose:
            print(f"Validation score: {record.validation_score:f}")
        return record.validation_score

    def _announce_stop(self):
        kind = "Validation score" if self.early_stopping else "Training loss"
        print(
            f"{kind} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} "
            "consecutive epochs. Stopping."
        )

    def _stream(self, X, y, sample_weight, classes=None):
        """Learn from a chunk of a stream on a shadow, then hand over."""
        trained = self._shadow()
        trained._continue(X, y, sample_weight, classes)
        self.__dict__ = trained.__dict__
        return self

    def _continue(self, X, y, sample_weight, classes):
        self._check_parameters()
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        if isinstance(getattr(self, "class_weight", None), str):
            raise ValueError(
                f"class_weight == {self.class_weight!r} needs the whole table and is not known to "
                "partial_fit: give a dict of weights, or sample_weight."
            )
        first = not hasattr(self, "basal_weights_")
        X = check_features(self, X, reset=first)
        y = check_targets(self, y, X.shape[0], is_regressor(self), reset=first)
        encoder = self._stream_encoder(y, classes) if first else self._encoder(classes)
        if first:
            self._reset(encoder, None)
        codes = encoder.codes(y)
        weights = self._class_weighted(encoder, codes, check_weights(sample_weight, X))
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max) if first else 0
        trainer = self._trainer(X, codes, encoder, weights, seed)
        with np.errstate(all="ignore"):
            self.loss_ = trainer.sweep()
        self._adopt(trainer)
        self.n_iter_ += 1
        if self.best_loss_ is not None:
            self.best_loss_ = min(self.loss_, self.best_loss_)

    def _check_parameters(self):
        """Check parameters, unless they are those that were checked last."""
        names = _parameter_names(type(self))
        values = [getattr(self, name) for name in names]
        checked = self.__dict__.get("_checked_parameters", ())
        if len(checked) != len(values) or not all(map(is_, values, checked)):
            check_parameters(dict(zip(names, values, strict=True)), self._readouts)
            self._checked_parameters = values

    def _split(self, encoder, codes, rows, rng):
        """Rows to train on and rows to validate on."""
        rows = np.arange(len(codes)) if rows is None else rows
        one_label = not is_regressor(self) and codes.ndim == 1
        with naming("validation_fraction"):
            train, held_out = train_test_split(
                rows,
                test_size=self.validation_fraction,
                random_state=rng,
                stratify=codes[rows] if one_label else None,
            )
        if len(held_out) < 2:
            raise ValueError(
                f"early_stopping holds out {len(held_out)} of {len(rows)} rows, too few to score: "
                "raise validation_fraction or give more rows."
            )
        return train, held_out

    def _validation(self, encoder, X, codes, weights, rows):
        """A function that scores a circuit on the rows held out."""
        metric = r2_score if is_regressor(self) else accuracy_score
        columns = encoder.columns(codes[rows])
        truth = columns if is_regressor(self) else encoder.labels(columns - 0.5)
        weights = None if weights is None else weights[rows]

        def score(circuit):
            self._set_weights(circuit.weights)
            return float(metric(truth, self._decoded(X, rows), sample_weight=weights))

        return score

    def _reset(self, encoder, statistics):
        """Attributes of an estimator that has seen nothing yet."""
        for name in ("_history", *(f"{name}_" for name in WEIGHTS)):
            self.__dict__.pop(name, None)
        statistics = statistics or TargetStatistics.empty(encoder.n_columns)
        self._describe(encoder)
        self.n_outputs_ = encoder.n_columns
        self.n_layers_ = 3
        self.n_iter_ = self.t_ = 0
        self.loss_curve_, self.gain_curve_ = [], []
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = None
        self._target_statistics = statistics.state

    def _resume(self):
        """Own copies of the records that a warm start goes on with."""
        self.loss_curve_, self.gain_curve_ = [*self.loss_curve_], [*self.gain_curve_]
        self.best_loss_ = None if self.early_stopping else min(self.loss_curve_, default=np.inf)
        self.validation_scores_ = (
            [*(self.validation_scores_ or ())] if self.early_stopping else None
        )

    def _statistics(self):
        scaled = is_regressor(self) and bool(self.standardize_targets)
        return TargetStatistics(**self._target_statistics, scaled=scaled)

    def _design(self):
        width, hidden = self.n_outputs_, n_hidden(self.hidden_layer_sizes)
        interneurons = {None: width, "n_hidden": hidden}.get(
            self.n_interneurons, self.n_interneurons
        )
        dtype = self.dtype
        if dtype == "auto":
            dtype = "float64" if self.n_features_in_ * hidden <= SMALL_LAYER else "float32"
        hebbian = self.readout == "hebbian"
        return Design(
            n_features=self.n_features_in_,
            n_hidden=hidden,
            n_targets=width,
            n_interneurons=int(interneurons),
            batch_size=AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size),
            activation=self.activation,
            output="identity" if hebbian else self.out_activation_,
            hebbian=hebbian,
            interneurons=self.interneurons,
            modulation=self.modulation,
            gain_damping=0.0 if self.interneurons == "target" else float(self.gain_damping),
            centered=self.centering_rate is not None,
            fit_intercept=bool(self.fit_intercept),
            solver=self.solver,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            dtype=np.dtype(dtype),
        )

    def _settled_history(self):
        """The history of a circuit whose labile weights are the fitted ones."""
        return {**self._history, "labile": {}}

    def _circuit(self, design, history):
        """The circuit as the fitted attributes have it; its arrays are copies."""
        weights = {name: getattr(self, f"{name}_") for name in WEIGHTS}
        shape = (design.n_hidden, design.n_interneurons)
        if weights["interneuron_weights"].shape != shape:
            raise ValueError(
                "hidden_layer_sizes or n_interneurons changed since training began: the circuit "
                f"has {weights['interneuron_weights'].shape}, the parameters ask for {shape}."
            )
        return Microcircuit(design, weights, history)

    def _trainer(self, X, codes, encoder, weights, seed, n_rows=None):
        """Set up training on a table of ``n_rows``, or on a stream where these are not known."""
        design = self._design()
        schedule = Schedule(
            self.learning_rate_init,
            self.apical_rate,
            self.interneuron_rate,
            self.centering_rate or 0.0,
            self.learning_rate_decay,
            self.alpha / AUTO_BATCH,
            self.solver == "adam",
            self._decay_rows,
            n_rows,
        )
        statistics, standardize = self._statistics(), bool(self.standardize_targets)
        running = n_rows is None and standardize
        known = n_rows is not None and standardize and design.output != "identity"
        feed = Feed(X, codes, encoder, statistics, weights, running, design.dtype)

        def start(x, y, share):
            rng, chances = np.random.default_rng(seed), statistics.mean if known else None
            return Microcircuit.start(design, x, y, share, rng, chances)

        circuit = self._circuit(design, self._history) if hasattr(self, "basal_weights_") else None
        return Trainer(feed, schedule, design.batch_size, circuit, start, self.t_)

    def _adopt(self, trainer):
        """Make the trainer's circuit and counts this estimator's."""
        if trainer.circuit is None:
            raise ValueError(
                "class_weight leaves every row a weight of zero: there is nothing to start from."
            )
        self._set_weights(trainer.circuit.weights)
        self._history = trainer.circuit.history
        self._target_statistics = trainer.feed.statistics.state
        self.t_ = trainer.n_seen

    def _set_weights(self, weights):
        for name, array in weights.items():
            setattr(self, f"{name}_", array)

    def _snapshot(self):
        """A copy of the fitted attributes, for callbacks."""
        names = set(self.__dict__) - set(self._get_param_names())
        return {
            name: copy.deepcopy(self.__dict__[name])
            for name in names
            if not name.startswith(("_skl_", "_callback_", "_parent_"))
        }

    def __getstate__(self):
        return {**super().__getstate__(), "_sklearn_localnet_version": __version__}

    def __setstate__(self, state):
        state = dict(state)
        saved = state.pop("_sklearn_localnet_version", "unknown")
        if saved != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"{__version__} of sklearn_localnet",
                    original_sklearn_version=saved,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "basal_weights_")

    @property
    def _n_features_out(self):
        return self.basal_weights_.shape[0]

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of the plain forward network, as MLPClassifier has them: (m, k) and (k, n)."""
        scale, _ = self._output_map()
        return [self.basal_weights_.T, (self.readout_weights_ * scale[:, None]).T]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Intercepts of the plain forward network, shapes (k,) and (n,)."""
        scale, shift = self._output_map()
        return [self.basal_intercepts_, self._readout_shift() * scale + shift]

    def _output_map(self):
        """What scores are multiplied by and what is added to give outputs, shapes (n,)."""
        statistics = self._statistics()
        if self.out_activation_ == "identity":
            return statistics.scale, statistics.mean
        return np.ones(self.n_outputs_), np.zeros(self.n_outputs_)

    def _readout_shift(self):
        """Intercepts of the readout for activity that is not centred, shape (n,)."""
        return self.readout_intercepts_ - self.readout_weights_ @ self.mean_activity_

    def _hidden(self, X):
        """f(W1 x), not centred, in the precision of training."""
        u = X.astype(self.basal_weights_.dtype, copy=False) @ self.basal_weights_.T
        u += self.basal_intercepts_
        return ACTIVATIONS[self.activation].function(u)

    def _scores(self, X):
        scores = self._hidden(X) @ self.readout_weights_.T
        scores += self._readout_shift()
        return scores

    def _by_chunks(self, function, X, rows=None):
        """``function`` of the rows of X, a bounded number of rows at a time."""
        n_rows = X.shape[0] if rows is None else len(rows)
        width = X.nnz // max(1, X.shape[0]) if issparse(X) else X.shape[1]
        size = max(1, FORWARD_NUMBERS // max(width, len(self.basal_weights_)))
        with np.errstate(all="ignore"):
            if n_rows <= size:
                return _finite(function(X if rows is None else X[rows]))
            parts = gen_batches(n_rows, size)
            return np.concatenate(
                [_finite(function(X[part if rows is None else rows[part]])) for part in parts]
            )

    def _checked(self, X):
        check_is_fitted(self)
        return check_features(self, X, reset=False)

    def transform(self, X: MatrixLike) -> np.ndarray:
        """Hidden activity as the rest of the circuit sees it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_hidden)
            z_t, less its running mean unless ``centering_rate`` is None.
        """
        return self._by_chunks(
            lambda rows: self._hidden(rows) - self.mean_activity_, self._checked(X)
        )

    def microcircuit(self, X: MatrixLike, y: ArrayLike | None = None) -> Bunch:
        """What each compartment of the circuit holds for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.

        Returns
        -------
        Bunch
            ``basal`` W1 x, ``output`` z, ``inhibition`` Q n, each (n_samples, n_hidden);
            ``interneuron`` n (n_samples, n_interneurons); and with y ``apical`` W2^T y and
            ``plateau``, the apical less the inhibitory current, each (n_samples, n_hidden).
        """
        X = self._checked(X)
        circuit = self._circuit(self._design(), self._settled_history())
        encoded = None if y is None else self._encoded_targets(y, X.shape[0])
        with np.errstate(all="ignore"):
            parts = circuit.compartments(X.astype(circuit.design.dtype, copy=False), encoded)
        return Bunch(**{name: _finite(part) for name, part in parts.items()})

    def _encoded_targets(self, y, n_rows):
        """Targets as they reach the apical dendrites, shape (n_rows, n_outputs)."""
        encoder = self._encoder()
        codes = encoder.codes(check_targets(self, y, n_rows, is_regressor(self), reset=False))
        encoded = self._statistics().encode(encoder.columns(codes))
        return encoded.astype(self.basal_weights_.dtype)

    def _backprop_signal(self, X, y):
        """W_out^T (y - yhat) for each row, shape (n_samples, n_hidden); for comparison only."""
        X = self._checked(X)
        y, prediction = self._encoded_targets(y, X.shape[0]), self._scores(X)
        if self.out_activation_ != "identity":
            chance = probabilities(prediction, self.out_activation_)
            prediction = chance - self._target_statistics["mean"]
        return (y - prediction) @ self.readout_weights_


@cache
def _parameter_names(cls):
    """Names of the parameters, which scikit-learn reads from the signature at every call."""
    return cls._get_param_names()


def _finite(result):
    """The result itself; ValueError where an input left the range of its precision."""
    if not np.isfinite(result).all():
        raise ValueError(
            f"X holds values too large for a model in {result.dtype}: scale the features as for "
            "fit, for instance with StandardScaler in a pipeline."
        )
    return result


def _whole_statistics(encoder, codes, weights, rows):
    """Statistics of the target columns of a table, a part of its rows at a time."""
    statistics = TargetStatistics.empty(encoder.n_columns)
    for part in gen_batches(len(codes) if rows is None else len(rows), 65_536):
        taken = part if rows is None else rows[part]
        columns = encoder.columns(codes[taken])
        share = np.ones(len(columns)) if weights is None else weights[taken]
        total = share.sum()
        statistics.include(columns, share / total, total)
    return statistics
