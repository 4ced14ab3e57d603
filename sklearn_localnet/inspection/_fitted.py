"""What displays and the audit are given: an estimator or a pipeline, and a layer of it."""

from numbers import Integral

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..estimators._base import LocalRuleEstimator
from ..network._arrays import library_of, to_numpy


def network_of(caller, estimator):
    """The estimator itself, or the one that a pipeline ends in, within others or not.

    Parameters
    ----------
    caller : str
        Name of what was called, for the message of an error.
    estimator : object

    Returns
    -------
    LocalRuleEstimator

    Raises
    ------
    TypeError
        Where it is of another kind.
    """
    network = estimator
    while isinstance(network, Pipeline) and network.steps:
        network = network[-1]
    if not isinstance(network, LocalRuleEstimator):
        is_class = isinstance(network, type)
        got = f"the class {network.__name__}" if is_class else type(network).__name__
        raise TypeError(
            f"{caller} takes a LocalRuleClassifier, a LocalRuleRegressor or a Pipeline that ends "
            f"in one, got {got}."
        )
    return network


def before_network(estimator):
    """Yield what pipelines have before the network that they end in, the outermost first."""
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            yield estimator[:-1]
        estimator = estimator[-1]


def fitted_network(caller, estimator, X=None):
    """The fitted network of `network_of`, and X as it reaches it.

    Parameters
    ----------
    caller : str
        Name of what was called, for the message of an error.
    estimator : object
    X : {array-like, sparse matrix}, default=None
        Features as the estimator takes them.

    Returns
    -------
    network : LocalRuleEstimator
        With arrays of numpy.
    X : {array-like, sparse matrix} or None
        Features as the network takes them.

    Raises
    ------
    TypeError
        Where the estimator is of another kind.
    NotFittedError
        Where it is not fitted.
    """
    network = network_of(caller, estimator)
    check_is_fitted(estimator)
    check_is_fitted(network)
    if X is not None:
        for steps in before_network(estimator):
            X = steps.transform(X)
    if library_of(network.readout_weights_) is not None:
        network, X = network.__sklearn_array_api_convert__(to_numpy), to_numpy(X)
    return network, X


def unnamed(network):
    """The network as one that was fitted without feature names, for rows that it has checked."""
    shadow = network._shadow()
    vars(shadow).pop("feature_names_in_", None)
    return shadow


def layer_index(network, layer):
    """Place of a hidden layer in ``layers_``, counted from the lowest.

    Parameters
    ----------
    network : LocalRuleEstimator
        Fitted.
    layer : int
        Place; negative ones count from the last hidden layer.

    Returns
    -------
    int
        From zero on.

    Raises
    ------
    TypeError
        Where ``layer`` is no int.
    ValueError
        Where there is no such layer.
    """
    n_layers = len(network.layers_)
    if isinstance(layer, bool) or not isinstance(layer, Integral):
        raise TypeError(f"layer must be an int, got {layer!r}.")
    if not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer == {layer}, must be from {-n_layers} to {n_layers - 1}, by the number of "
            "hidden layers."
        )
    return int(layer) % n_layers
