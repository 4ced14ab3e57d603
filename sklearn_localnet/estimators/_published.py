"""Parameters that make either estimator the algorithm of arXiv 2011.15031 to the letter."""

from inspect import signature
from typing import Any

from ..rules import Microcircuit


def published(**changes: Any) -> dict[str, Any]:
    """Parameters of the paper's online algorithm, Eqs. (5) to (7), for either estimator.

    Linear neurons, as many interneurons as neurons, undamped gain control, plain steps row by row
    in the order of the rows, no centring, no intercepts, no decay of weights, a readout with W2,
    targets as they are, and float64. With ``interneurons="decoupled"`` come Eqs. (21) and (22),
    with another activation Eq. (9), with ``centering_rate`` Eq. (24).

    Parameters
    ----------
    **changes : dict
        Parameters of the estimator or of `Microcircuit`, put where they belong.

    Returns
    -------
    dict
        Parameters by name, with a rule of its own.

    Raises
    ------
    TypeError
        Where the rule is given as well, whose parameters are among the changes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleRegressor, published
    >>> X, _ = load_iris(return_X_y=True)
    >>> X = X - X.mean(axis=0)
    >>> rates = {"apical_rate": 0.01, "interneuron_rate": 0.01}
    >>> network = LocalRuleRegressor(**published(hidden_layer_sizes=2, random_state=0, **rates))
    >>> for _ in range(40):
    ...     network = network.partial_fit(X[:, :3], X[:, 3])
    >>> bool(network.score(X[:, :3], X[:, 3]) > 0.9)
    True
    """
    if "rule" in changes:
        raise TypeError(
            "published() makes the rule: give parameters of Microcircuit themselves, as "
            "apical_rate."
        )
    own = signature(Microcircuit).parameters
    of_rule: dict[str, Any] = {"warmup": 0, "gain_damping": 0.0, "n_interneurons": "n_hidden"}
    of_rule |= {name: value for name, value in changes.items() if name in own}
    parameters = {
        "activation": "identity",
        "solver": "sgd",
        "alpha": 0.0,
        "batch_size": 1,
        "learning_rate_decay": None,
        "modulation": None,
        "centering_rate": None,
        "fit_intercept": False,
        "readout": "hebbian",
        "standardize_targets": False,
        "dtype": "float64",
        "shuffle": False,
    }
    parameters |= {name: value for name, value in changes.items() if name not in own}
    return {"rule": Microcircuit(**of_rule), **parameters}
