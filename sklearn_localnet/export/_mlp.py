"""The plain forward network of a fitted estimator as scikit-learn's multilayer perceptron."""

import numpy as np


def forward_mlp(estimator, mlp_class, y, **first_call):
    """An ``mlp_class`` with the forward weights of ``estimator``.

    ``y`` is any one row of targets, and ``first_call`` what else ``partial_fit`` asks for.
    """
    coefs = estimator.coefs_
    features, hidden = coefs[0].shape[0], tuple(layer.shape[1] for layer in coefs[:-1])
    activation = estimator._began["activation"]
    mlp = mlp_class(hidden_layer_sizes=hidden, activation=activation, random_state=0)
    # A step on a row of zeros has scikit-learn set up all that an MLP knows of itself.
    mlp.partial_fit(np.zeros((1, features)), y, **first_call)
    del mlp._optimizer  # its moments are of the weights replaced here
    mlp.coefs_ = [np.array(weights, dtype=np.float64) for weights in coefs]
    mlp.intercepts_ = [np.array(weights, dtype=np.float64) for weights in estimator.intercepts_]
    mlp.n_iter_, mlp.t_, mlp.loss_ = estimator.n_iter_, estimator.t_, estimator.loss_
    mlp.loss_curve_, mlp.best_loss_ = [*estimator.loss_curve_], np.inf
    if hasattr(estimator, "feature_names_in_"):
        mlp.feature_names_in_ = estimator.feature_names_in_
    return mlp.set_params(random_state=None)
