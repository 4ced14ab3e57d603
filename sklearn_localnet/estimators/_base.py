"""What both estimators share: parameters, training, prediction, fitted attributes.

`fit` and `partial_fit` work on a shadow of the estimator and hand its attributes over at the end,
so that nothing of the estimator changes where an error is raised.
"""

import copy
import math
import operator
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import cache
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, gen_batches

from ..network._arrays import to_numpy
from ..rules import Rule, make_rule
from ..training._loop import Patience, epochs, shuffled
from ._callbacks import CallbackSupportMixin, with_callbacks
from ._learning import traces_of
from ._stream import StreamLearning
from ._targets import TargetStatistics
from ._validation import (
    MatrixLike,
    check_features,
    check_parameters,
    check_targets,
    check_weights,
    layer_sizes,
    warn_caller,
)

SITE = "https://sklearn-localnet.readthedocs.io/page"  # "page" leads to the default version
ENCODED_NUMBERS = 4_000_000  # numbers of target columns held at a time
PLAIN = {int, float, str, bool, type(None)}  # values that do not change in place


@dataclass(eq=False, repr=False)
class LocalRuleEstimator(
    StreamLearning,
    CallbackSupportMixin,
    BaseEstimator,
):
    """What classifier and regressor share; a subclass says how targets are encoded."""

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: Literal["relu", "identity", "tanh", "logistic"] = "relu"
    _: KW_ONLY
    rule: str | Rule = "microcircuit"
    solver: Literal["adam", "sgd"] = "adam"
    alpha: float = 0.4
    batch_size: int | Literal["auto"] = "auto"
    learning_rate_init: float = 4e-3
    learning_rate_decay: float | Literal["auto"] | None = "auto"
    modulation: Literal["plateau", "surprise"] | None = None
    centering_rate: float | None = 0.01
    fit_intercept: bool = True
    readout: str = "linear"
    standardize_targets: bool = True
    dtype: Literal["auto", "float32", "float64"] = "auto"
    max_iter: int = 100
    tol: float = 1e-4
    n_iter_no_change: float = 30
    early_stopping: bool = False
    validation_fraction: float = 0.1
    shuffle: bool = True
    warm_start: bool = False
    verbose: bool | int = False
    random_state: int | np.random.RandomState | None = None
    beta_1: float = 0.0
    beta_2: float = 0.999
    epsilon: float = 0.003

    _steady = None  # the parameters checked last, where none of them can change in place

    _doc_link_module = "sklearn_localnet"
    _doc_link_template = SITE + "/generated/sklearn_localnet.{estimator_name}.html"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``rule__name`` sets one of the rule's.

        A rule that is given by its name becomes an object of its own first.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : object
            The estimator.
        """
        of_rule = {name for name in params if name.startswith("rule__")}
        if "rule" not in self._get_param_names():  # of a subclass, which a clone would not give it
            of_rule = set()
        super().set_params(**{name: params[name] for name in params.keys() - of_rule})
        if of_rule:
            rule = make_rule(self.rule)
            rule.set_params(**{name.removeprefix("rule__"): params[name] for name in of_rule})
            self.rule = rule
        return self

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
            Weights of the rows; None for equal weights. Averages over the rows of a batch are
            weighted, and a batch moves synapses by the mean weight of its rows against that of the
            table.

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
            warn_caller(*notice)
        return self

    def _shadow(self):
        shadow = object.__new__(type(self))
        shadow.__dict__.update(self.__dict__)
        return shadow

    def _fit(self, X, y, sample_weight, task, listener):
        """Train this shadow of ``listener``, which callbacks see; a warning to give, or None."""
        fresh = not (self.warm_start and hasattr(self, "layers_"))
        self._check_parameters(fresh)
        self.__dict__.pop("_standing", None)
        X = check_features(self, X, reset=fresh)
        y = check_targets(self, y, X.shape[0], isinstance(self, RegressorMixin), reset=fresh)
        weights = check_weights(sample_weight, X.shape[0])
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
            rows, held_out = self._split(codes, rows, rng)
            score = self._validation(encoder, X, codes, weights, held_out)
        if fresh:
            statistics = _whole_statistics(encoder, codes, weights, rows)
            n_rows = X.shape[0] if rows is None else len(rows)
            self._reset(encoder, statistics if self.standardize_targets else None, n_rows)
            self._seed = seed
        else:
            self._resume()
        plan = self._plan()
        feed = self._feed(plan, X, codes, encoder, weights, running=False)
        rows = shuffled(feed, rows, self.shuffle, rng)
        hook = {"estimator": listener, "X": X, "y": y, "metadata": {"sample_weight": weights}}
        task.call_on_fit_task_begin(**hook)
        with np.errstate(all="ignore"):
            trainer = self._trainer(plan, feed, feed.n_rows)
            records = epochs(trainer, rows, self.shuffle, rng, score)
            notice = self._run(trainer, records, task, hook)
            if trainer.engine.step.adaptive and not plan.readout.hebbian:
                self._settle(plan, feed, rows)
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
                if patience.improved:
                    best = copy.deepcopy(trainer.engine.state.weights)
                if stop and self.verbose:
                    self._announce_stop()
                stop |= epoch.call_on_fit_task_end(**hook, reconstruction_attributes=self._snapshot)
                if stop:
                    return None
            return self._cut_short() if patience.still_gaining else None
        except KeyboardInterrupt:
            self._adopt(trainer)
            best = best if self.early_stopping else None
            return ("Training interrupted by the user; the model is as it was then.", UserWarning)
        finally:
            if best is not None and (self.early_stopping or patience.fell_back):
                self._set_weights(trainer.engine.plan, best)
                self._memory["labile"] = traces_of(trainer.engine)

    def _cut_short(self):
        """The warning that more epochs would have helped."""
        kind = "validation score" if self.early_stopping else "loss"
        message = f"Stopped after max_iter={self.max_iter} epochs while the {kind} was still "
        return message + "improving by more than tol an epoch.", ConvergenceWarning

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

    def _check_parameters(self, fresh):
        """Check parameters, unless they are those that were checked last.

        ``fresh`` says whether training begins anew; else some may not change.
        """
        names = _parameter_names(type(self))
        now = [getattr(self, name) for name in names]
        if self._steady is not None and all(map(operator.is_, now, self._steady)):
            return
        values = [value if type(value) in PLAIN else _comparable(value) for value in now]
        if values != self.__dict__.get("_checked_parameters"):
            check_parameters(dict(zip(names, now, strict=True)), self._readouts)
            if not fresh:
                self._check_unchanged()
            self._checked_parameters = values
            self.__dict__.pop("_standing", None)  # whose plan is of other parameters
        self._steady = now if {type(value) for value in now} <= PLAIN | {tuple} else None

    def _shape(self):
        """Parameters that may not change once training began, as they are now."""
        rule = make_rule(self.rule)
        return {
            "hidden_layer_sizes": layer_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "solver": self.solver,
            "rule": f"{type(rule).__module__}.{type(rule).__qualname__}",
            **{f"rule__{name}": getattr(rule, name) for name in getattr(rule, "shaping", ())},
            "centering_rate": None if self.centering_rate is None else "a number",
            "fit_intercept": bool(self.fit_intercept),
            "readout": self.readout,
            "standardize_targets": bool(self.standardize_targets),
            "dtype": self.dtype,
        }

    def _check_unchanged(self):
        """Raise ValueError where a parameter changed that may not, naming it."""
        now = self._shape()
        for name, before in self._began.items():
            if now.get(name) != before:
                raise ValueError(
                    f"{name} may not change once training began: it was {before!r} and is now "
                    f"{now.get(name)!r}. Take it back, or begin anew with fit and "
                    "warm_start=False."
                )

    def _split(self, codes, rows, rng):
        """Rows to train on and rows to validate on, stratified by label where that can be done."""
        rows = np.arange(len(codes)) if rows is None else rows
        n_held = math.ceil(self.validation_fraction * len(rows))
        if not 2 <= n_held < len(rows):
            raise ValueError(
                f"early_stopping holds out {n_held} rows of n_samples={len(rows)}: too few to "
                "score or to learn from. Change validation_fraction or give more rows."
            )
        if isinstance(self, RegressorMixin) or codes.ndim > 1:
            return train_test_split(rows, test_size=n_held, random_state=rng)
        labels = codes[rows]
        alone = (np.bincount(labels) == 1)[labels]  # in its class, so for training
        n_classes, n_stratified = len(np.unique(labels[~alone])), np.sum(~alone)
        if not n_classes <= n_held <= n_stratified - n_classes:
            return train_test_split(rows, test_size=n_held, random_state=rng)
        train, held_out = train_test_split(
            rows[~alone], test_size=n_held, random_state=rng, stratify=labels[~alone]
        )
        return np.concatenate([rows[alone], train]), held_out

    def _validation(self, encoder, X, codes, weights, rows):
        """A function that scores weights on the rows held out."""
        metric = r2_score if isinstance(self, RegressorMixin) else accuracy_score
        columns = encoder.columns(codes[rows])
        truth = columns if isinstance(self, RegressorMixin) else encoder.labels(columns - 0.5)
        weights = None if weights is None else weights[rows]

        def score(network):
            self._set_weights(self._plan(), network)
            found = to_numpy(self._decoded(X, rows))
            return float(metric(truth, found, sample_weight=weights))

        return score

    def _reset(self, encoder, statistics=None, n_rows=None):
        """Attributes of an estimator that has seen nothing yet, of a table of ``n_rows``."""
        for name in ("layers_", "readout_weights_", "readout_intercepts_", "_memory"):
            self.__dict__.pop(name, None)
        statistics = statistics or TargetStatistics.empty(encoder.n_columns)
        self._describe(encoder)
        self._began = self._shape()
        self._precision = self._choose_precision(n_rows)
        self.n_outputs_ = encoder.n_columns
        self.n_layers_ = len(self._began["hidden_layer_sizes"]) + 2
        self.n_iter_ = self.t_ = 0
        self._weighed = 0.0, 0.0
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


@cache
def _parameter_names(cls):
    """Names of the parameters that the estimators declare, whatever a subclass takes."""
    return [field.name for field in fields(cls)]


def _comparable(value):
    """A copy of a parameter's value that equals it until it is changed in place."""
    if isinstance(value, dict):
        return dict(value)
    if hasattr(value, "tolist") and not isinstance(value, type):  # of numpy or pandas
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_comparable(part) for part in value]
    if hasattr(value, "perceive"):
        return type(value), {name: _comparable(own) for name, own in vars(value).items()}
    return value


def _whole_statistics(encoder, codes, weights, rows):
    """Statistics of the target columns of a table, a part of its rows at a time."""
    statistics = TargetStatistics.empty(encoder.n_columns)
    n_rows = len(codes) if rows is None else len(rows)
    for part in gen_batches(n_rows, max(1, ENCODED_NUMBERS // encoder.n_columns)):
        taken = part if rows is None else rows[part]
        columns = encoder.columns(codes[taken])
        share = np.ones(len(columns)) if weights is None else weights[taken]
        total = share.sum()
        statistics.include(columns, share / total, total)
    return statistics
