"""What teaches a layer, against backpropagation's signal."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..estimators._validation import MatrixLike
from ._figure import axes_of, pyplot, title_of
from ._fitted import fitted_network, layer_index
from ._measure import SIGNALS, angles, signal_kind


class TeachingSignalDisplay:
    """What teaches a hidden layer, against backpropagation's signal.

    Backpropagation's signal is what a gradient step on the readout's loss would give each hidden
    neuron, before the derivative of its activation: W_out^T (y - yhat) in the last hidden layer,
    with the readout in use (``readout_weights_``; W2 when Hebbian), encoded targets y and what the
    readout predicts for them, yhat: probabilities after a softmax or logistic readout, and values
    otherwise. In a layer below it is W^T (f' * s), of the weights W and the signal s of the layer
    above. The microcircuit's teaching signal is the plateau a - Qn, likewise before the derivative.
    Training by it never computes the former.

    Parameters
    ----------
    teaching, backprop_signal : ndarrays of shape (n_samples, n_hidden)
        Both signals, row by row.
    label : str, default="teaching signal"
        What the first one is.
    name : str, default=None
        Title.

    Attributes
    ----------
    angle : ndarray of shape (n_samples,)
        Angle between both signals of each row, in degrees; NaN where either is zero.
    axes_ : ndarray of two matplotlib Axes
        Histogram of the angles, and both signals of every row and neuron.
    figure_ : matplotlib Figure
        Figure of the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleRegressor, TeachingSignalDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> circuit = LocalRuleRegressor(5, tol=0.01, random_state=0).fit(X[:, :3], X[:, 3])
    >>> display = TeachingSignalDisplay.from_estimator(circuit, X[:, :3], X[:, 3])
    >>> display.angle.shape
    (150,)
    """

    def __init__(
        self,
        teaching: np.ndarray,
        backprop_signal: np.ndarray,
        *,
        label: str = "teaching signal",
        name: str | None = None,
    ) -> None:
        self.teaching = teaching
        self.backprop_signal = backprop_signal
        self.label = label
        self.name = name

    @property
    def angle(self) -> np.ndarray:
        """Angle between both signals of each row, in degrees."""
        return angles(self.teaching, self.backprop_signal)

    def plot(
        self, ax: Any = None, *, name: str | None = None, cmap: str = "magma_r", **kwargs: Any
    ) -> Self:
        """Draw the angles, and both signals against one another.

        Parameters
        ----------
        ax : array-like of two matplotlib Axes, default=None
            Axes to draw on; None for a new figure.
        name : str, default=None
            Title; None for the display's own.
        cmap : str or Colormap, default="magma_r"
            Colours of the number of pairs (row, neuron) in the right panel, on a log scale.
        **kwargs : dict
            Properties of the histogram of angles, such as ``color``.

        Returns
        -------
        self : TeachingSignalDisplay
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        self.axes_ = axes_of(plt, ax, 2, (9, 3.8))
        self.figure_ = self.axes_[0].figure
        self._plot_angles(self.axes_[0], title_of(self, name), kwargs)
        self._plot_signals(self.axes_[1], cmap)
        return self

    def _plot_angles(self, ax, title, style):
        angle = self.angle[np.isfinite(self.angle)]
        ax.hist(angle, bins=np.arange(0, 181, 5), **{"color": "#f6b93b", **style})
        ax.axvline(90, color="black", ls=":", lw=1)
        if len(angle):
            median = np.median(angle)
            ax.axvline(median, color="black", lw=1.5)
            ax.text(
                0.97, 0.95, f"median {median:.0f}°", ha="right", va="top", transform=ax.transAxes
            )
        ax.set(xlim=(0, 180), xticks=range(0, 181, 45), title=title)
        ax.set(xlabel="angle between the two signals of a row [degrees]", ylabel="rows")
        ax.spines[["top", "right"]].set_visible(False)

    def _plot_signals(self, ax, cmap):
        signal, teaching = np.ravel(self.backprop_signal), np.ravel(self.teaching)
        limits = [np.quantile(np.abs(part), 0.999) or 1.0 for part in (signal, teaching)]
        image = ax.hist2d(
            signal,
            teaching,
            bins=60,
            range=[(-limit, limit) for limit in limits],
            norm="log",
            cmap=cmap,
        )[3]
        ax.axhline(0, color="black", lw=0.5)
        ax.axvline(0, color="black", lw=0.5)
        ax.figure.colorbar(image, ax=ax, label="pairs of row and neuron")
        ax.set(xlabel="backpropagation's signal", ylabel=self.label)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        layer: int = -1,
        ax: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what teaches a hidden layer for the rows of X.

        Parameters
        ----------
        estimator : LocalRuleClassifier, LocalRuleRegressor or Pipeline
            Fitted; a pipeline must end in one of the two.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        layer : int, default=-1
            Place of the hidden layer in ``layers_``, by default the last.
        ax : array-like of two matplotlib Axes, default=None
            Axes to draw on; None for a new figure.
        name : str, default=None
            Title; None for the name of the estimator's class.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        TeachingSignalDisplay

        Raises
        ------
        TypeError, ValueError
            Where the estimator is of another kind, is not fitted or does not fit the data, and
            where there is no such layer.
        ImportError
            Without matplotlib.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        estimator, X = fitted_network(cls.__name__, estimator, X)
        place = layer_index(estimator, layer)
        found = estimator.compartments(X, y)[place]
        kind = signal_kind(found)
        if kind is None:
            raise TypeError(
                f"{cls.__name__} needs the compartment {' or '.join(SIGNALS)} of a layer: the rule "
                f"of this {type(estimator).__name__} is {estimator.rule!r}, which shows "
                f"{', '.join(found)}."
            )
        display = cls(
            found[kind],
            estimator._backprop_signal(X, y)[place],
            label=SIGNALS[kind],
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)
