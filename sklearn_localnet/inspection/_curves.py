"""Curves over training."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from ._figure import axes_of, pyplot, title_of
from ._fitted import fitted_network, layer_index


class TrainingCurveDisplay:
    """Loss, validation score and gains over the epochs of `fit`.

    The gains of a layer are the eigenvalues of mean z z^T that its rule holds in check
    (``gain_curve_``). The microcircuit's are those in the directions that the interneurons see; its
    constraint is that none exceeds one.

    Parameters
    ----------
    loss_curve : sequence of float
        Loss of each epoch.
    gain_curve : array-like of shape (n_epochs, n_gains), default=None
        Gains of a layer after each epoch; None where its rule holds none in check.
    validation_scores : sequence of float, default=None
        Score of the rows held out, after each epoch.
    name : str, default=None
        Name of the curves.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Loss, validation score and gains, from left to right, where there are such.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : Bunch
        Lists of lines: ``loss``, ``validation_score``, ``gain``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleRegressor, TrainingCurveDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> circuit = LocalRuleRegressor(5, tol=0.01, random_state=0).fit(X[:, :3], X[:, 3])
    >>> display = TrainingCurveDisplay.from_estimator(circuit)
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'eigenvalues of mean $z z^T$']
    """

    def __init__(
        self,
        loss_curve: Sequence[float],
        gain_curve: ArrayLike | None = None,
        *,
        validation_scores: Sequence[float] | None = None,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.gain_curve = gain_curve
        self.validation_scores = validation_scores
        self.name = name

    def plot(self, ax: Any = None, *, name: str | None = None, **kwargs: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : array-like of matplotlib Axes, default=None
            Axes to draw on, as many as there are curves (``axes_`` of another display, to
            compare); None for a new figure.
        name : str, default=None
            Name of the curves; None for the display's own.
        **kwargs : dict
            Properties of all lines, such as ``color``.

        Returns
        -------
        self : TrainingCurveDisplay
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        curves = self._curves()
        self.axes_ = axes_of(plt, ax, len(curves), (4.2 * len(curves), 3.8))
        self.figure_ = self.axes_[0].figure
        self.lines_ = Bunch()
        epochs = np.arange(1, len(self.loss_curve) + 1)
        for axes, (kind, curve) in zip(self.axes_, curves.items(), strict=True):
            lines = self.lines_[kind] = axes.plot(epochs, curve, **kwargs)
            axes.set(xlabel="epoch", ylabel=kind.replace("_", " "))
            axes.spines[["top", "right"]].set_visible(False)
            lines[0].set_label(title_of(self, name))
        if "gain" in curves:
            self.axes_[-1].axhline(1, color="black", ls=":", lw=1)
            self.axes_[-1].set(ylabel="eigenvalues of mean $z z^T$", ylim=(0, None))
            if "color" not in kwargs:
                self._shade_gains(plt.get_cmap("viridis"))
        self.axes_[0].xaxis.get_major_locator().set_params(integer=True)
        if title_of(self, name) is not None:
            self.axes_[0].legend(frameon=False)
        return self

    def _curves(self):
        """Curves to draw by name, a column a line."""
        curves = Bunch(loss=self.loss_curve)
        if self.validation_scores is not None:
            curves.validation_score = self.validation_scores
        if self.gain_curve is not None and np.size(self.gain_curve):
            curves.gain = np.asarray(self.gain_curve)
        return curves

    def _shade_gains(self, cmap):
        """Colour the gains from the largest to the smallest."""
        shades = cmap(np.linspace(0, 0.9, len(self.lines_.gain)))
        for line, shade in zip(self.lines_.gain, shades, strict=True):
            line.set_color(shade)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        layer: int = -1,
        ax: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw how a network was trained by `fit`.

        Parameters
        ----------
        estimator : LocalRuleClassifier, LocalRuleRegressor or Pipeline
            Fitted; a pipeline must end in one of the two.
        layer : int, default=-1
            Place in ``layers_`` of the hidden layer whose gains are drawn, by default the last.
        ax : array-like of matplotlib Axes, default=None
            Axes to draw on, as many as there are curves; None for a new figure.
        name : str, default=None
            Name of the curves; None for the name of the estimator's class.
        **kwargs : dict
            Properties of all lines.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        TypeError, ValueError
            Where the estimator is of another kind, is not fitted or was never given to `fit`, and
            where there is no such layer.
        ImportError
            Without matplotlib.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        estimator, _ = fitted_network(cls.__name__, estimator)
        place = layer_index(estimator, layer)
        if not estimator.loss_curve_:
            raise ValueError(
                f"This {type(estimator).__name__} has no curves to draw: fit records them, "
                "partial_fit does not."
            )
        display = cls(
            estimator.loss_curve_,
            [gains[place] for gains in estimator.gain_curve_ if gains],
            validation_scores=estimator.validation_scores_,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)
