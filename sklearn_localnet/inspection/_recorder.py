"""Looking inside a network while it learns."""

from collections.abc import Collection, Iterable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import Bunch, resample

from ..estimators._base import LocalRuleEstimator
from ..estimators._validation import MatrixLike
from ..rules._rule import check_number
from ._fitted import fitted_network, unnamed
from ._measure import held_gains, rms_activity, teaching_angles


class Record(NamedTuple):
    """What a network held at one time of its training; lists have an entry a hidden layer."""

    epoch: int
    n_samples: int
    network: LocalRuleEstimator
    currents: list[Bunch]
    angles: list[np.ndarray]
    gains: list[np.ndarray]

    @property
    def weights(self):
        """Arrays of each hidden layer."""
        return self.network.layers_


class Recorder:
    """Keeps what a network holds while it learns: weights, currents, angles and gains.

    It is a callback of scikit-learn, from its version 1.9 on: ``network.set_callbacks(recorder)``,
    and `fit` shows it the network and the training rows after each epoch. It is called as well,
    with any version: ``recorder(network, X, y)`` between calls of `partial_fit`, with the rows to
    look at.

    In a pipeline it is set on the last step. A search that runs in other processes leaves it the
    last fit, which is made in this one. What `fit` does after its last epoch is not recorded: it
    goes back to the best epoch where a validation score or a risen loss asks for it, and lets the
    readout learn on.

    Parameters
    ----------
    at : int or collection of int, default=1
        When to look. An int for every so many epochs; a collection for these epochs. A call of
        `partial_fit` counts as one (``n_iter_``).
    n_rows : int, default=1000
        Rows to look at, at most. Of more, so many are drawn, always the same.

    Attributes
    ----------
    records_ : list of named tuples
        One for each time. Lists have an entry for each hidden layer.

        - ``epoch``, and ``n_samples``, the rows learnt so far (``t_``);
        - ``network``: a fitted copy, which predicts, is drawn and learns on;
        - ``weights``: list of arrays by name, those of ``layers_``;
        - ``currents``: list of arrays by compartment, the root mean square over rows of each cell,
          with the layer's ``input`` and ``target``;
        - ``angles``: list of ndarray of shape (n_rows,), from what teaches the layer to
          backpropagation's signal, in degrees; NaN where either is zero or the rule shows none;
        - ``gains``: list of ndarray, the eigenvalues of mean z z^T over these rows that the rule
          holds in check (``gain_curve_``), largest first; empty where it holds none.

    X_, y_ : {array, sparse matrix} of shape (n_rows, n_features), array of shape (n_rows, ...)
        The rows that the last record looked at, as they reach the network.

    See Also
    --------
    TrainingCurveDisplay.from_recorder : Curves over training.
    LearningDisplay : A moving picture of what was recorded.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier, Recorder
    >>> X, y = load_iris(return_X_y=True)
    >>> network = LocalRuleClassifier(5, random_state=0)
    >>> recorder = Recorder(at=10)
    >>> for _ in range(30):
    ...     recorder(network.partial_fit(X, y, classes=[0, 1, 2]), X, y)
    >>> [record.epoch for record in recorder.records_]
    [10, 20, 30]
    >>> recorder.records_[0].weights[0].basal_weights.shape
    (5, 4)
    """

    X_: Any
    y_: Any

    def __init__(self, at: int | Collection[int] = 1, *, n_rows: int = 1000) -> None:
        self.at = frozenset(at) if isinstance(at, Iterable) and not isinstance(at, str) else at
        for epoch in self.at if isinstance(self.at, frozenset) else [at]:
            check_number(epoch, "at", Integral, min_val=1)
        check_number(n_rows, "n_rows", Integral, min_val=1)
        self.n_rows = n_rows
        self.records_: list[Record] = []

    def __call__(self, estimator: Any, X: MatrixLike, y: ArrayLike) -> None:
        """Look at a network, if it is time to.

        Parameters
        ----------
        estimator : LocalRuleClassifier, LocalRuleRegressor or Pipeline
            Fitted; a pipeline must end in one of the two.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Raises
        ------
        TypeError, ValueError
            Where the estimator is of another kind, is not fitted or does not fit the data.
        """
        network, X = fitted_network(type(self).__name__, estimator, X)
        self._look(network, network._checked(X, "compartments"), y)

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew: the records are those of one call of `fit`, which calls this.

        Parameters
        ----------
        estimator : LocalRuleClassifier or LocalRuleRegressor
            What is fitted.
        context : CallbackContext
            Where in `fit` this is.

        Raises
        ------
        TypeError
            Where it is a callback of another estimator, such as a pipeline.
        """
        if not isinstance(estimator, LocalRuleEstimator):
            raise TypeError(
                f"{type(self).__name__} is a callback of LocalRuleClassifier and "
                f"LocalRuleRegressor, got {type(estimator).__name__}: set it on the network."
            )
        self.records_ = []

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing; `fit` calls this at its end.

        Parameters
        ----------
        estimator : LocalRuleClassifier or LocalRuleRegressor
            What is fitted.
        context : CallbackContext
            Where in `fit` this is.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing; `fit` calls this before each epoch.

        Parameters
        ----------
        estimator : LocalRuleClassifier or LocalRuleRegressor
            What is fitted.
        context : CallbackContext
            Where in `fit` this is.
        """

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any, y: Any, fitted_estimator: Any
    ) -> None:
        """Look at the network, if it is time to; `fit` calls this after each epoch.

        Parameters
        ----------
        estimator : LocalRuleClassifier or LocalRuleRegressor
            What is fitted.
        context : CallbackContext
            Where in `fit` this is.
        X, y : arrays
            The rows that are learnt.
        fitted_estimator : LocalRuleClassifier or LocalRuleRegressor
            A copy as it would be if `fit` stopped here.
        """
        if context.task_name == "epoch":
            self._look(fitted_estimator, X, y)

    def _look(self, network, X, y):
        """Append a record of the network for rows that it has checked, if it is time to."""
        epoch = network.n_iter_
        if epoch not in self.at if isinstance(self.at, frozenset) else epoch % self.at:
            return
        if X.shape[0] > self.n_rows:
            X, y = resample(X, y, replace=False, n_samples=self.n_rows, random_state=0)
        seen = unnamed(network)
        self.records_.append(
            Record(
                epoch,
                network.t_,
                _copy_of(network),
                [Bunch(**sizes) for sizes in rms_activity(seen, X, y)],
                teaching_angles(seen, X, y),
                held_gains(seen, X),
            )
        )
        self.X_, self.y_ = X, y


def _copy_of(network):
    """A fitted copy without callbacks, which shares no array with the network."""
    kept = clone(network).set_callbacks()
    vars(kept).update(network._snapshot())
    return kept


def recorded(caller, recorder):
    """The records of a recorder; TypeError for anything else, ValueError where it has none."""
    if not isinstance(recorder, Recorder):
        raise TypeError(f"{caller} takes a Recorder, got {type(recorder).__name__}.")
    if not recorder.records_:
        raise ValueError(
            f"{caller}: this Recorder has no records. Set it as a callback before fit, or call it "
            "between calls of partial_fit, at one of its epochs."
        )
    return [*recorder.records_]
