"""Displays: what a layer of a fitted network looks like, how it was trained, what teaches it.

They follow scikit-learn's displays: `from_estimator` computes, the constructor takes what was
computed, `plot` draws it. matplotlib is imported where something is drawn.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import Bunch

from ..estimators._validation import MatrixLike
from ._drawing import draw_circuit, draw_summary
from ._fitted import fitted_network, layer_index

MOST_CELLS = 20  # of a kind that are drawn one by one
KINDS = ("basal", "apical", "interneuron", "pyramidal_to_interneuron")  # of drawn synapses
SIGNALS = {"plateau": "plateau $a - Qn$", "teaching": "teaching signal"}  # the first there is


class MicrocircuitDisplay:
    """The circuit of one layer: pyramidal neurons, interneurons, their synapses and activity.

    With at most 20 cells of each kind everything is drawn. Neurons stand upright. Discs are
    synapses; their area is proportional to the weight, against the largest of its kind, and red is
    positive, blue negative. Each neuron carries its synapses from inputs on the basal dendrite,
    those from targets and (subtracted) from interneurons on the apical one; beside it rises its
    axon, with the synapses on interneurons. Dendrites are as wide as their currents: W1 x below,
    a = W2^T y at the top, and in between what inhibition leaves of it, the plateau potential p = a
    - Qn. Wires are as wide as the inputs, targets and interneurons that they carry are active, each
    kind against its largest; cell bodies are coloured by their activity.

    Larger circuits are summarised by heat maps of the weights, a column a neuron, sorted by the
    target that drives the neuron most, with the currents of the neurons between them.

    Parameters
    ----------
    weights : dict of str to ndarray
        ``basal`` (n_hidden, n_inputs), ``apical`` (n_hidden, n_targets), ``interneuron``
        (n_hidden, n_interneurons), ``pyramidal_to_interneuron`` (n_interneurons, n_hidden).
    activity : dict of str to ndarray
        Root mean square over rows: ``input`` (n_inputs,), ``interneuron`` (n_interneurons,),
        ``basal``, ``output``, ``inhibition`` (n_hidden,); where targets were given also ``target``
        (n_targets,), ``apical`` and ``plateau`` (n_hidden,). Targets are as they reach the apical
        dendrites.
    feature_names, target_names : sequence of str, default=None
        Names of the layer's inputs and of the targets; None numbers them.
    name : str, default=None
        Title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the drawing.
    figure_ : matplotlib Figure
        Figure of the axes.
    artists_ : Bunch
        Of a whole circuit ``basal_dendrites``, ``apical_dendrites``, ``plateaus`` and, by kind,
        ``wires``, ``cells``, ``synapses``; of a summary the axes of its parts.

    See Also
    --------
    LocalRuleClassifier.compartments : What each compartment holds, row by row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleRegressor, MicrocircuitDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> circuit = LocalRuleRegressor(5, tol=0.01, random_state=0).fit(X[:, :3], X[:, 3])
    >>> display = MicrocircuitDisplay.from_estimator(circuit, X[:, :3], X[:, 3])
    >>> len(display.artists_.cells["pyramidal"].get_paths())
    5
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        activity: Mapping[str, np.ndarray],
        *,
        feature_names: Sequence[str] | None = None,
        target_names: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        self.weights = weights
        self.activity = activity
        self.feature_names = feature_names
        self.target_names = target_names
        self.name = name

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        weight_cmap: str = "RdBu_r",
        activity_cmap: str = "YlOrBr",
    ) -> Self:
        """Draw the circuit.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None for a new figure of a size that fits.
        name : str, default=None
            Title; None for the display's own.
        weight_cmap, activity_cmap : str or Colormap
            Colours of weights, negative to positive, and of the activity of cells.

        Returns
        -------
        self : MicrocircuitDisplay
        """
        plt = _pyplot(f"{type(self).__name__}.plot")
        k, m = self.weights["basal"].shape
        n, n_inter = self.weights["apical"].shape[1], self.weights["interneuron"].shape[1]
        names = (
            _names("feature_names", self.feature_names, m),
            _names("target_names", self.target_names, n),
        )
        small = max(k, m, n, n_inter) <= MOST_CELLS
        longest = max(map(len, names[0] + names[1]))
        size = (0.6 * k + 0.09 * longest + 5, 0.3 * (m + n + n_inter) + 3.2) if small else (9, 7.5)
        self.ax_ = _axes(plt, ax, 1, size)[0]
        self.figure_ = self.ax_.figure
        draw = draw_circuit if small else draw_summary
        self.artists_ = draw(
            self.ax_, self.weights, self.activity, *names, weight_cmap, activity_cmap
        )
        self.ax_.set_title(_title(self, name))
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike | None = None,
        *,
        layer: int = -1,
        ax: Any = None,
        name: str | None = None,
        feature_names: Sequence[str] | None = None,
        target_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the circuit of a layer with its activity on the rows of X.

        Parameters
        ----------
        estimator : LocalRuleClassifier, LocalRuleRegressor or Pipeline
            Fitted; a pipeline must end in one of the two.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; without them apical currents and plateaus are left out.
        layer : int, default=-1
            Place of the hidden layer in ``layers_``, by default the last.
        ax : matplotlib Axes, default=None
            Axes to draw on; None for a new figure.
        name : str, default=None
            Title; None for the name of the estimator's class.
        feature_names : sequence of str, default=None
            Names of the layer's inputs. None for ``feature_names_in_`` of the lowest layer, where
            there are such, and else for numbers.
        target_names : sequence of str, default=None
            Names of the target columns (one for two classes); None for numbers.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        MicrocircuitDisplay

        Raises
        ------
        TypeError, ValueError
            Where the estimator is of another kind, is not fitted or does not fit the data, where
            its rule is not the microcircuit, and where there is no such layer.
        ImportError
            Without matplotlib.
        """
        _pyplot(f"{cls.__name__}.from_estimator")
        estimator, X = fitted_network(cls.__name__, estimator, X)
        place = layer_index(estimator, layer)
        weights = _circuit_weights(cls.__name__, estimator, place)
        found = estimator.compartments(X, y)
        activity = {part: _size(rows) for part, rows in found[place].items()}
        activity["input"] = _size(found[place - 1].output if place else estimator._checked(X))
        if y is not None:
            target, _ = estimator._encoded_targets(y, len(found[place].output))
            activity["target"] = _size(target)
        if feature_names is None and place == 0:
            feature_names = getattr(estimator, "feature_names_in_", None)
        display = cls(
            weights,
            activity,
            feature_names=feature_names,
            target_names=target_names,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)


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
        plt = _pyplot(f"{type(self).__name__}.plot")
        curves = self._curves()
        self.axes_ = _axes(plt, ax, len(curves), (4.2 * len(curves), 3.8))
        self.figure_ = self.axes_[0].figure
        self.lines_ = Bunch()
        epochs = np.arange(1, len(self.loss_curve) + 1)
        for axes, (kind, curve) in zip(self.axes_, curves.items(), strict=True):
            lines = self.lines_[kind] = axes.plot(epochs, curve, **kwargs)
            axes.set(xlabel="epoch", ylabel=kind.replace("_", " "))
            axes.spines[["top", "right"]].set_visible(False)
            lines[0].set_label(_title(self, name))
        if "gain" in curves:
            self.axes_[-1].axhline(1, color="black", ls=":", lw=1)
            self.axes_[-1].set(ylabel="eigenvalues of mean $z z^T$", ylim=(0, None))
            if "color" not in kwargs:
                self._shade_gains(plt.get_cmap("viridis"))
        self.axes_[0].xaxis.get_major_locator().set_params(integer=True)
        if _title(self, name) is not None:
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
        _pyplot(f"{cls.__name__}.from_estimator")
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
        teaching, signal = (np.float64(part) for part in (self.teaching, self.backprop_signal))
        lengths = np.linalg.norm(teaching, axis=1) * np.linalg.norm(signal, axis=1)
        product = np.einsum("ij,ij->i", teaching, signal)
        cosine = np.divide(product, lengths, out=np.full(len(product), np.nan), where=lengths > 0)
        return np.degrees(np.arccos(np.clip(cosine, -1, 1)))

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
        plt = _pyplot(f"{type(self).__name__}.plot")
        self.axes_ = _axes(plt, ax, 2, (9, 3.8))
        self.figure_ = self.axes_[0].figure
        self._plot_angles(self.axes_[0], _title(self, name), kwargs)
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
        _pyplot(f"{cls.__name__}.from_estimator")
        estimator, X = fitted_network(cls.__name__, estimator, X)
        place = layer_index(estimator, layer)
        found = estimator.compartments(X, y)[place]
        kind = next((kind for kind in SIGNALS if kind in found), None)
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


def _pyplot(caller):
    """matplotlib.pyplot, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'sklearn_localnet[plot]'."
        ) from error
    return plt


def _axes(plt, ax, count, size):
    """The axes given, checked, as an array of ``count``; those of a new figure in place of None."""
    if ax is None:
        _, ax = plt.subplots(1, count, figsize=size, layout="constrained")
    given = np.ravel(np.array(ax, dtype=object))
    if len(given) != count or not all(isinstance(one, plt.Axes) for one in given):
        raise ValueError(f"ax must hold {count} matplotlib Axes for this display, got {ax!r}.")
    return given


def _title(display, name):
    return display.name if name is None else name


def _circuit_weights(caller, estimator, place):
    """Weights of each kind of synapse of one layer that the drawing needs."""
    layer, needed = estimator.layers_[place], [f"{kind}_weights" for kind in KINDS]
    lacking = [name for name in needed if name not in layer]
    if lacking:
        raise TypeError(
            f"{caller} needs the arrays {', '.join(needed)} of a layer, as the rule Microcircuit "
            f"makes them: the rule of this {type(estimator).__name__} is {estimator.rule!r}, which "
            f"has no {', '.join(lacking)}."
        )
    return {kind: layer[name] for kind, name in zip(KINDS, needed, strict=True)}


def _names(parameter, names, count):
    """Names as given, or numbers; as many as there are things to name."""
    names = range(count) if names is None else names
    if len(names) != count:
        raise ValueError(f"{parameter} holds {len(names)} names, needs {count}.")
    return [str(name) for name in names]


def _size(rows):
    """Root mean square over rows, in float64."""
    square = rows.multiply(rows) if issparse(rows) else np.square(rows, dtype=np.float64)
    return np.sqrt(np.asarray(square.mean(axis=0)).ravel())
