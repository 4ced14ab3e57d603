"""Does each synapse learn from what it can see alone? An audit of the code that trains."""

import warnings

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from ..estimators._validation import (
    MatrixLike,
    check_as_many,
    check_features,
    check_targets,
    naming,
)
from ._experiments import Audit
from ._fitted import before_network, network_of
from ._report import LocalityReport

ROWS = 256  # of the table, evenly spaced, that the network is started on


def audit_locality(estimator: BaseEstimator, X: MatrixLike, y: ArrayLike) -> LocalityReport:
    """Find out by experiment what the update of each synapse depends on.

    A clone of the estimator is trained for one epoch on up to 256 rows. Then, for any rule:

    - Each wire that the rule declares must run through arrays that the layer has itself, and each
      current must be the sum over its wire. Where forward weights are changed and the activity is
      held, no current may change: they would be carried backward.
    - With the wires cut that start there, what a neuron holds may not change with another neuron,
      an input, a target or an error. With the synapses of one current of a neuron changed, nothing
      changes in other neurons of its layer.
    - One entry of each compartment and of each array is changed in turn, and updates are computed
      again. "its own" is what belongs to the cells that the synapse joins, or to the synapse;
      "another" is what belongs to others. The step that is made of an update, its averages
      included, may depend on that synapse's update and history alone.
    - The code that trains must give, to rounding, the weights that these parts give.

    Scalars that are broadcast to all may be used by any synapse: rates, the sizes of inputs and of
    what drives updates, which adaptive steps are measured against, and with ``modulation`` a gate
    for each row, listed with what it is made of under "gate (broadcast)". A softmax readout divides
    by one sum over the outputs, so the error of an output depends on every score of its row.

    Parameters
    ----------
    estimator : LocalRuleClassifier, LocalRuleRegressor or Pipeline
        Any setting of the parameters; a pipeline must end in one of the two. It is left as it is.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.

    Returns
    -------
    LocalityReport
        ``findings``, rows (synapse, quantity, depends, may), and ``violations`` among them; it
        prints as a table whose last line is the verdict. Synapses are named as the fitted
        attributes are; traces are those of the damped gain control.

    Raises
    ------
    TypeError
        Where the estimator is of another kind.
    ValueError, DivergenceError
        As ``fit`` raises them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier, audit_locality
    >>> report = audit_locality(LocalRuleClassifier(5, random_state=0), *load_iris(return_X_y=True))
    >>> report.violations
    []
    >>> print(report)
    synapse or current                       quantity ...
    ...
    layers_[0].basal_weights                 its own input    yes      yes
    layers_[0].basal_weights                 another input    no       no
    ...
    violations: none
    """
    findings = Audit(_started(estimator, X, y)).findings()
    return LocalityReport(tuple(findings))


def _started(estimator, X, y):
    """Trainer of a clone that had one epoch."""
    model = clone(network_of("audit_locality", estimator))
    with naming("X"):
        n_rows = _num_samples(X)
    rows = np.unique(np.linspace(0, n_rows - 1, min(n_rows, ROWS)).astype(int))
    X = _safe_indexing(X, rows)
    if y is not None:
        check_as_many(n_rows, _num_samples(y))
        y = _safe_indexing(y, rows)
    for steps in before_network(estimator):
        X = clone(steps).fit_transform(X, y)
    model.set_params(max_iter=1, early_stopping=False, warm_start=False, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    X = check_features(model, X, reset=False)
    encoder = model._encoder()
    codes = encoder.codes(check_targets(model, y, X.shape[0], is_regressor(model), reset=False))
    plan = model._plan()
    feed = model._feed(plan, X, codes, encoder, None, running=False)
    return model._trainer(plan, feed, X.shape[0])
