"""The drawing of one layer's circuit.

The displays follow scikit-learn's: `from_estimator` computes, the constructor takes what was
computed, `plot` draws it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..estimators._validation import MatrixLike
from ._drawing import draw_circuit, largest
from ._figure import axes_of, pyplot, title_of
from ._fitted import fitted_network, layer_index
from ._heatmaps import draw_summary
from ._measure import rms_activity

MOST_CELLS = 20  # of a kind that are drawn one by one
KINDS = ("basal", "apical", "interneuron", "pyramidal_to_interneuron")
ARRAYS = {kind: f"{kind}_weights" for kind in KINDS}  # of drawn synapses


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
        plt = pyplot(f"{type(self).__name__}.plot")
        k, m = self.weights["basal"].shape
        n, n_inter = self.weights["apical"].shape[1], self.weights["interneuron"].shape[1]
        names = (
            names_of("feature_names", self.feature_names, m),
            names_of("target_names", self.target_names, n),
        )
        small = is_small(self.weights)
        longest = max(map(len, names[0] + names[1]))
        size = (0.6 * k + 0.09 * longest + 5, 0.3 * (m + n + n_inter) + 3.2) if small else (9, 7.5)
        self.ax_ = axes_of(plt, ax, 1, size)[0]
        self.figure_ = self.ax_.figure
        cmaps = weight_cmap, activity_cmap
        if small:
            limits = largest([self.weights]), largest([self.activity])
            self.artists_ = draw_circuit(
                self.ax_, self.weights, self.activity, limits, names, cmaps
            )
        else:
            self.artists_ = draw_summary(self.ax_, self.weights, self.activity, names, cmaps)
        self.ax_.set_title(title_of(self, name))
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
        pyplot(f"{cls.__name__}.from_estimator")
        estimator, X = fitted_network(cls.__name__, estimator, X)
        place = layer_index(estimator, layer)
        arrays = estimator.layers_[place]
        lacking = [name for name in ARRAYS.values() if name not in arrays]
        if lacking:
            raise TypeError(
                f"{cls.__name__} needs the arrays {', '.join(ARRAYS.values())} of a layer, as the "
                f"rule Microcircuit makes them: the rule of this {type(estimator).__name__} is "
                f"{estimator.rule!r}, which has no {', '.join(lacking)}."
            )
        if feature_names is None and place == 0:
            feature_names = getattr(estimator, "feature_names_in_", None)
        display = cls(
            circuit_weights(arrays),
            rms_activity(estimator, X, y)[place],
            feature_names=feature_names,
            target_names=target_names,
            name=type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, **kwargs)


def circuit_weights(layer):
    """Weights of each kind of synapse that is drawn; None where a layer has not all of them."""
    if not set(ARRAYS.values()) <= layer.keys():
        return None
    return {kind: layer[name] for kind, name in ARRAYS.items()}


def is_small(weights):
    """Whether a circuit is drawn cell by cell."""
    cells = *weights["basal"].shape, *weights["apical"].shape, *weights["interneuron"].shape
    return max(cells) <= MOST_CELLS


def names_of(parameter, names, count):
    """Names as given, or numbers; as many as there are things to name."""
    names = range(count) if names is None else names
    if len(names) != count:
        raise ValueError(f"{parameter} holds {len(names)} names, needs {count}.")
    return [str(name) for name in names]
