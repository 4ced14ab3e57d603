"""A moving picture of a network that learns, as one HTML file."""

import copy
import re
from collections.abc import Sequence
from html import escape
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np

from ..rules._rule import check_number
from ._circuit import circuit_weights, is_small, names_of
from ._drawing import draw_circuit, largest
from ._figure import axes_of, pyplot, title_of
from ._fitted import layer_index
from ._heatmaps import draw_layer
from ._measure import signal_kind
from ._plane import draw_plane, is_plane
from ._recorder import Record, Recorder, recorded

CMAPS = "RdBu_r", "YlOrBr"  # of weights and of activity
FRAMES_A_SECOND = 5
DPI = 80  # of the frames
MEGABYTES = 500  # of a player, beyond which matplotlib leaves frames out
BUTTONS = {  # in place of the font that matplotlib's player asks a server for
    "minus": "−",
    "fast-backward": "|◀",
    "step-backward": "←",
    "play fa-flip-horizontal": "◀",
    "pause": "||",
    "play": "▶",
    "step-forward": "→",
    "fast-forward": "▶|",
    "plus": "+",
}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{}</title></head>
<body>{}</body>
</html>
"""


class LearningDisplay:
    """A layer over training and, where the network has two inputs, what it says over their plane.

    Each record of a recorder is a frame, on scales that all frames share. A small layer of the
    microcircuit is drawn as `MicrocircuitDisplay` draws it, any other layer as heat maps of its
    weights, a column a neuron, over the currents of its neurons. The plane is there for two inputs
    and one label or value a row: probabilities of classes, or predicted values, by colour, with the
    recorded rows on it in the colours of their targets.

    A notebook shows the display as a player. `save` writes the player as one HTML file that needs
    nothing beside it.

    Parameters
    ----------
    records : sequence of named tuples
        As `Recorder` has them.
    X, y : array-likes
        Rows to draw on the plane, as they reach the network.
    layer : int, default=-1
        Place of the hidden layer in ``layers_``, by default the last.
    feature_names, target_names : sequence of str, default=None
        Names of the layer's inputs and of the targets, for a circuit that is drawn; None numbers
        them. Records from before new classes came have numbers for targets.
    name : str, default=None
        Title.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The layer and, where it is there, the plane.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    TrainingCurveDisplay.from_recorder : The same records as curves.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LearningDisplay, LocalRuleClassifier, Recorder
    >>> X, y = load_iris(return_X_y=True)
    >>> recorder, network = Recorder(), LocalRuleClassifier(5, random_state=0)
    >>> for _ in range(3):
    ...     recorder(network.partial_fit(X[:, 2:], y, classes=[0, 1, 2]), X[:, 2:], y)
    >>> display = LearningDisplay.from_recorder(recorder)
    >>> len(display.axes_)
    2
    >>> display.save("learning.html")  # doctest: +SKIP
    """

    def __init__(
        self,
        records: Sequence[Record],
        X: Any,
        y: Any,
        *,
        layer: int = -1,
        feature_names: Sequence[str] | None = None,
        target_names: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        self.records = records
        self.X = X
        self.y = y
        self.layer = layer
        self.feature_names = feature_names
        self.target_names = target_names
        self.name = name

    def plot(self, ax: Any = None, *, record: int = -1, name: str | None = None) -> Self:
        """Draw one record.

        Parameters
        ----------
        ax : array-like of matplotlib Axes, default=None
            Axes to draw on, as many as there are panels; None for a new figure.
        record : int, default=-1
            Its place in ``records``, by default the last.
        name : str, default=None
            Title; None for the display's own.

        Returns
        -------
        self : LearningDisplay
        """
        plt = pyplot(f"{type(self).__name__}.plot")
        panels = self._panels()
        self.axes_ = axes_of(plt, ax, len(panels), (7 * len(panels), 6))
        self.figure_ = self.axes_[0].figure
        self._draw(panels, record, title_of(self, name))
        return self

    def _panels(self):
        """Functions that draw a record on axes, of the layer first."""
        network = self.records[-1].network
        panels = [self._layer_panel(layer_index(network, self.layer))]
        if is_plane(network, self.y):
            classes = getattr(network, "classes_", None)
            panels.append(
                lambda ax, record: draw_plane(ax, record.network, self.X, self.y, classes)
            )
        return panels

    def _layer_panel(self, place):
        last = circuit_weights(self.records[-1].weights[place])
        as_circuit = last is not None and is_small(last)
        weights_of = _circuit_of if as_circuit else _maps_of
        limits = (
            largest([weights_of(record, place) for record in self.records]),
            largest([record.currents[place] for record in self.records]),
        )

        def draw(ax, record):
            weights, currents = weights_of(record, place), record.currents[place]
            if as_circuit:
                names = self._names(record, place)
                draw_circuit(ax, weights, currents, limits, names, CMAPS)
            else:
                shown = ["basal", "output", signal_kind(currents)]
                shown = {part: currents[part] for part in shown if part in currents}
                draw_layer(ax, weights, shown, limits, CMAPS[0])

        return draw

    def _names(self, record, place):
        """Names of the layer's inputs and of the targets; numbers before the network grew."""
        features, targets = self.feature_names, self.target_names
        if features is None and place == 0:
            features = getattr(record.network, "feature_names_in_", None)
        n_inputs, n_targets = (len(record.currents[place][part]) for part in ("input", "target"))
        if n_targets < len(self.records[-1].currents[place].target):
            targets = None
        return (
            names_of("feature_names", features, n_inputs),
            names_of("target_names", targets, n_targets),
        )

    def _draw(self, panels, record, title):
        drawn = self.records[record]
        for panel, ax in zip(panels, self.axes_, strict=True):
            panel(ax, drawn)
        state = f"{drawn.n_samples:,} rows learnt, loss {drawn.network.loss_:.3g}"
        self.axes_[0].set_title(state if title is None else f"{title}, {state}")

    def _player(self, fps):
        """The player that matplotlib makes of all records, with nothing left outside."""
        plt = pyplot(type(self).__name__)
        from matplotlib.animation import HTMLWriter

        shown, panels = copy.copy(self).plot(), self._panels()
        shown.figure_.draw_without_rendering()
        shown.figure_.set_layout_engine("none")  # so that nothing moves but what learns
        writer = HTMLWriter(fps, embed_frames=True, embed_limit=MEGABYTES)
        with TemporaryDirectory() as folder:
            path = Path(folder, "player.html")
            with writer.saving(shown.figure_, path, dpi=DPI):
                for record in range(len(self.records)):
                    for ax in shown.axes_:
                        ax.clear()
                    shown._draw(panels, record, self.name)
                    writer.grab_frame()
            player = path.read_text()
        plt.close(shown.figure_)
        player = re.sub(r'<link rel="stylesheet"[^>]*>', "", player)
        return re.sub(r'<i class="fa fa-(.*?)"></i>', lambda icon: BUTTONS[icon[1]], player)

    def _repr_html_(self):
        return self._player(FRAMES_A_SECOND)

    def save(self, path: str | PathLike[str], *, fps: float = FRAMES_A_SECOND) -> None:
        """Write the player of all records as one HTML file.

        Parameters
        ----------
        path : str or path-like
            File to write; one that is there is written over.
        fps : float, default=5
            Records shown in a second.

        Raises
        ------
        TypeError, ValueError
            Where ``fps`` is no positive number.
        ImportError
            Without matplotlib.
        """
        check_number(fps, "fps", min_val=0, include_boundaries="neither")
        title = escape(self.name or type(self).__name__)
        Path(path).write_text(PAGE.format(title, self._player(fps)), encoding="utf-8")

    @classmethod
    def from_recorder(
        cls,
        recorder: Recorder,
        *,
        layer: int = -1,
        ax: Any = None,
        name: str | None = None,
        feature_names: Sequence[str] | None = None,
        target_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the last record of a recorder, with the others ready to be played.

        Parameters
        ----------
        recorder : Recorder
            With records.
        layer : int, default=-1
            Place of the hidden layer in ``layers_``, by default the last.
        ax : array-like of matplotlib Axes, default=None
            Axes to draw on, as many as there are panels; None for a new figure.
        name : str, default=None
            Title; None for the name of the estimator's class.
        feature_names, target_names : sequence of str, default=None
            Names of the layer's inputs and of the target columns (one for two classes), for a
            circuit that is drawn. None for ``feature_names_in_`` of the lowest layer, where there
            are such, and else for numbers.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        LearningDisplay

        Raises
        ------
        TypeError, ValueError
            Where this is no recorder or one without records, and where there is no such layer.
        ImportError
            Without matplotlib.
        """
        pyplot(f"{cls.__name__}.from_recorder")
        records = recorded(f"{cls.__name__}.from_recorder", recorder)
        display = cls(
            records,
            recorder.X_,
            recorder.y_,
            layer=layer,
            feature_names=feature_names,
            target_names=target_names,
            name=type(records[-1].network).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)


def _circuit_of(record, place):
    return circuit_weights(record.weights[place])


def _maps_of(record, place):
    """Weight matrices of a layer by name, a column a neuron, those from its inputs last."""
    layer, kinds = record.weights[place], record.network._plan().synapses[place]
    maps = {
        name.removesuffix("_weights"): np.moveaxis(layer[name], kind.axes.index("neuron"), 1)
        for name, kind in kinds.items()
        if name in layer and len(kind.axes) == 2 and "neuron" in kind.axes
    }
    return maps | {"basal": maps.pop("basal")}
