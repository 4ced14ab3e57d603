"""Curves over training."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from ._figure import axes_of, pyplot, title_of
from ._fitted import fitted_network, layer_index
from ._recorder import Recorder, recorded

LABELS = {
    "loss": "loss",
    "validation_score": "validation score",
    "current": "current (RMS)",
    "angle": "angle to backprop's [degrees]",
    "gain": "eigenvalues of mean $z z^T$",
}
MARKS = {"angle": 90, "gain": 1}  # heights with a line for comparison


class TrainingCurveDisplay:
    """Loss, validation score and gains over training; of a recorder also currents and angles.

    The gains of a layer are the eigenvalues of mean z z^T that its rule holds in check
    (``gain_curve_``). The microcircuit's are those in the directions that the interneurons see; its
    constraint is that none exceeds one.

    Parameters
    ----------
    loss_curve : sequence of float
        Loss of each epoch; a call of `partial_fit` counts as one.
    gain_curve : array-like of shape (n_epochs, n_gains), default=None
        Gains of a layer after each epoch; None where its rule holds none in check.
    validation_scores : sequence of float, default=None
        Score of the rows held out, after each epoch.
    currents : dict of str to sequence of float, default=None
        Root mean square over rows and cells of what each compartment of a layer holds.
    angle_curve : sequence of float, default=None
        Median angle, in degrees, of what teaches a layer to backpropagation's signal.
    n_samples : sequence of int, default=None
        Rows learnt at each point of the curves; None numbers epochs from one on.
    name : str, default=None
        Name of the curves.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Loss, validation score, currents, angle and gains, from left to right, where there are such.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : Bunch
        Lists of lines: ``loss``, ``validation_score``, ``current``, ``angle``, ``gain``.

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
        currents: Mapping[str, Sequence[float]] | None = None,
        angle_curve: Sequence[float] | None = None,
        n_samples: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.gain_curve = gain_curve
        self.validation_scores = validation_scores
        self.currents = currents
        self.angle_curve = angle_curve
        self.n_samples = n_samples
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
        label = "epoch" if self.n_samples is None else "rows learnt"
        for axes, (kind, curve) in zip(self.axes_, curves.items(), strict=True):
            place = np.arange(1, len(curve) + 1) if self.n_samples is None else self.n_samples
            lines = self.lines_[kind] = axes.plot(place, curve, **kwargs)
            axes.set(xlabel=label, ylabel=LABELS[kind])
            axes.locator_params(axis="x", integer=True, nbins=4)
            axes.spines[["top", "right"]].set_visible(False)
            lines[0].set_label(title_of(self, name))
            if kind in MARKS:
                axes.axhline(MARKS[kind], color="black", ls=":", lw=1)
                axes.set_ylim(0, None)
        if "gain" in curves and "color" not in kwargs:
            self._shade_gains(plt.get_cmap("viridis"))
        if "current" in curves:
            self.axes_[list(curves).index("current")].legend(
                self.lines_.current, self.currents, frameon=False
            )
        if title_of(self, name) is not None:
            self.axes_[0].legend(frameon=False)
        return self

    def _curves(self):
        """Curves to draw by name, a column a line."""
        curves = {
            "loss": self.loss_curve,
            "validation_score": self.validation_scores,
            "current": self.currents and np.transpose([*self.currents.values()]),
            "angle": self.angle_curve,
            "gain": None if self.gain_curve is None else _filled(self.gain_curve),
        }
        return {
            kind: np.asarray(curve)
            for kind, curve in curves.items()
            if curve is not None and np.size(curve)
        }

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
        """Draw how a network was trained.

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
            Where the estimator is of another kind or is not fitted, and where there is no such
            layer.
        ImportError
            Without matplotlib.
        """
        pyplot(f"{cls.__name__}.from_estimator")
        estimator, _ = fitted_network(cls.__name__, estimator)
        place = layer_index(estimator, layer)
        display = cls(
            estimator.loss_curve_,
            [gains[place] for gains in estimator.gain_curve_ if gains],
            validation_scores=estimator.validation_scores_,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)

    @classmethod
    def from_recorder(
        cls,
        recorder: Recorder,
        *,
        layer: int = -1,
        ax: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw what a recorder saw of a layer, over the rows learnt.

        Parameters
        ----------
        recorder : Recorder
            With records.
        layer : int, default=-1
            Place in ``layers_`` of the hidden layer, by default the last.
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
            Where this is no recorder or one without records, and where there is no such layer.
        ImportError
            Without matplotlib.
        """
        pyplot(f"{cls.__name__}.from_recorder")
        records = recorded(f"{cls.__name__}.from_recorder", recorder)
        networks = [record.network for record in records]
        place = layer_index(networks[-1], layer)
        validated = bool(networks[-1].validation_scores_)
        display = cls(
            [network.loss_ for network in networks],
            [record.gains[place] for record in records if record.gains],
            validation_scores=[n.validation_scores_[-1] for n in networks] if validated else None,
            currents=_sizes([record.currents[place] for record in records]),
            angle_curve=_medians([record.angles[place] for record in records]),
            n_samples=[record.n_samples for record in records],
            name=type(networks[-1]).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)


def _filled(rows):
    """Rows as one array, with NaN at the end of those before a network grew."""
    return np.transpose([*zip_longest(*rows, fillvalue=np.nan)])


def _sizes(currents):
    """Root mean square over cells of each compartment, a list over records."""
    parts = [part for part in currents[-1] if part not in ("input", "target")]
    return {part: [float(np.sqrt(np.mean(c[part] ** 2))) for c in currents] for part in parts}


def _medians(angles):
    """Median of the angles that there are, a list over records; None where there are none."""
    held = [found[np.isfinite(found)] for found in angles]
    medians = [float(np.median(found)) if len(found) else np.nan for found in held]
    return medians if np.isfinite(medians).any() else None
