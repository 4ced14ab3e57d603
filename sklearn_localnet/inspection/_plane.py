"""What a network of two inputs says over the plane, with the rows it learns from."""

import numpy as np
from scipy.sparse import issparse

from ._fitted import unnamed

SIDE = 100  # points along each side at which the network is asked
PALE = 0.6  # opacity of the plane behind the rows
MARGIN = 0.08  # around the rows, against their range


def is_plane(network, y):
    """Whether a network has two inputs, and one label or value a row."""
    one = not issparse(y) and np.size(y) == np.shape(y)[0]
    return network.n_features_in_ == 2 and one


def draw_plane(ax, network, X, y, classes, cmap="viridis"):
    """Draw the classes by their probability, or the predicted values, and the rows over them.

    Parameters
    ----------
    ax : matplotlib Axes
    network : LocalRuleEstimator
        Fitted.
    X : {array-like, sparse matrix} of shape (n_samples, 2)
    y : array-like of shape (n_samples,)
    classes : ndarray of labels or None
        All that there are or will be, each with a colour of its own; None for values.
    cmap : colormap or its name
        From the first class to the last, or from the least value of y to the largest.
    """
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    rows, y = X.toarray() if issparse(X) else np.asarray(X), np.ravel(y)
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = np.where(high > low, MARGIN * (high - low), 1.0)
    low, high = low - margin, high + margin
    grid = np.stack(np.meshgrid(*np.linspace(low, high, SIDE).T), axis=-1).reshape(-1, 2)
    cmap, asked = colormaps.get_cmap(cmap), unnamed(network)
    if classes is None:
        scale = Normalize(y.min(), y.max())
        image, points = cmap(scale(np.ravel(asked.predict(grid)))), cmap(scale(y))
    else:
        colors = cmap(np.linspace(0, 1, len(classes)))
        image = asked.predict_proba(grid) @ colors[np.searchsorted(classes, asked.classes_)]
        points = colors[np.searchsorted(classes, y)]
    ax.imshow(
        np.clip(image.reshape(SIDE, SIDE, -1), 0, 1),
        extent=(low[0], high[0], low[1], high[1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        alpha=PALE,
    )
    ax.scatter(*rows.T, c=points, s=18, edgecolors="black", linewidths=0.4)
    xlabel, ylabel = getattr(network, "feature_names_in_", ("first input", "second input"))
    ax.set(xlabel=xlabel, ylabel=ylabel)
