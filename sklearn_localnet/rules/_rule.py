"""What a learning rule is: its kinds of synapses, the wires that they lie on, and two functions.

`perceive` gathers what every compartment of every hidden layer holds for the rows of a batch.
`changes` turns what one layer holds into the directions in which that layer's synapses move. All
else (forward pass, readout, size of steps, decay, averages) is the same for every rule.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_scalar

Arrays = dict[str, Any]  # arrays of one layer by name
Cells = dict[str, Any]  # what each compartment of one layer holds, (B, cells), by name


class Synapse(NamedTuple):
    """One kind of synapse, declared once.

    Parameters
    ----------
    axes : tuple of str
        The cells along each axis of its array: "neuron", "input", "target", "interneuron", "above"
        (the neurons of the next layer, or the outputs).
    sees : frozenset of str
        The compartments that its update may read, each at the cells that the synapse joins. A
        kind that sees nothing is never changed.
    rate : str, float or None
        A rule's parameter that holds the rate at which it moves; a number for a rate that never
        falls; None for the steps that basal synapses take.
    trace : bool
        Whether it is a running quantity of a synapse and not its weight.
    """

    axes: tuple[str, ...]
    sees: frozenset[str] = frozenset()
    rate: str | float | None = None
    trace: bool = False


class Wire(NamedTuple):
    """A current: ``cells[into] == cells[source] @ layer[through].T``, in each layer by itself.

    Parameters
    ----------
    into : str
        The compartment that holds the current.
    through : str
        The kind of synapses that carry it.
    source : str
        The compartment that drives it.
    """

    into: str
    through: str
    source: str


class Columns(NamedTuple):
    """Where the target columns of a network that grows come from.

    Attributes
    ----------
    source : (n,) array of int
        The column before; -1 for a new one.
    sign : (n,) array
        -1 where it says the opposite of that column, else 1.
    """

    source: Any
    sign: Any

    @property
    def new(self) -> Any:
        """Which columns are new, (n,)."""
        return self.source < 0

    @property
    def split(self) -> bool:
        """Whether the one column of two classes becomes a column of each."""
        return len(self.sign) > 1 and bool((self.sign < 0).any())


#: What every hidden layer has, whatever teaches it.
FORWARD_SYNAPSES = {
    "basal_weights": Synapse(("neuron", "input"), frozenset({"input", "slope", "teaching"})),
    "basal_intercepts": Synapse(("neuron",), frozenset({"slope", "teaching"})),
    "mean_activity": Synapse(("neuron",), frozenset({"fired"}), rate="centering_rate"),
}


class Rule(BaseEstimator):
    """Base class of learning rules; a rule of one's own overrides what it needs.

    Parameters of a rule are those of its constructor, with ``get_params`` and ``set_params`` as
    scikit-learn has them, so that ``rule__name`` works in a grid.

    Attributes
    ----------
    synapses : mapping of str to Synapse
        Kinds of synapses of a hidden layer beside the forward ones.
    wires : tuple of Wire
        The currents that `perceive` makes.
    warmup : int
        Updates over which rates that are parameters of the rule rise to what these say, as the
        square of the number of updates.
    shaping : tuple of str
        Parameters that may not change once training began.
    tied : tuple of str
        Names of derived arrays that ``layers_`` shows beside the rule's own.
    shown : tuple of str or None
        Compartments that ``compartments`` of an estimator shows; None for the basal current, the
        output, all currents and the teaching signal.
    """

    synapses: Mapping[str, Synapse] = {}
    wires: tuple[Wire, ...] = ()
    warmup: int = 0
    shaping: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()
    shown: tuple[str, ...] | None = None

    def check(self) -> None:
        """Raise TypeError or ValueError naming a parameter that is out of its range."""

    def start(self, rng: Any, layers: Sequence[Arrays], batch: Any) -> Iterator[Arrays]:
        """Yield the rule's arrays of each hidden layer, the lowest first.

        Parameters
        ----------
        rng : Generator
            The one source of random numbers.
        layers : sequence of dict
            Forward arrays of each hidden layer, and of the readout last.
        batch : Batch
            The first batch: ``x`` (B, m), ``target`` (B, n), ``truth`` (B, n), ``share`` (B,).

        Returns
        -------
        iterator of dict
            Of each hidden layer an array for every name in ``synapses``.
        """
        return ({} for _ in layers[:-1])

    def grown(self, layer: Arrays, columns: Columns) -> Arrays:
        """What is to be otherwise in a layer whose target columns became more.

        Parameters
        ----------
        layer : dict
            Arrays of the layer: what was there before, and new cells as `start` gives them.
        columns : Columns
            Of each target column, ``source`` (n,), the column before, -1 for a new one; ``sign``
            (n,), -1 where it says the opposite of that column; whether it is ``new`` (n,); and
            whether the one column of two classes is ``split``.

        Returns
        -------
        dict
            Arrays by name, in the place of the layer's; here none.
        """
        return {}

    def derived(self, layer: Arrays) -> Arrays:
        """Arrays that follow from the layer's own, for wires and for ``layers_``.

        Parameters
        ----------
        layer : dict
            Arrays of the layer.

        Returns
        -------
        dict
            Arrays by name.
        """
        return {}

    def perceive(
        self, layers: Sequence[Arrays], forward: Sequence[Cells], target: Any, error: Any
    ) -> list[Cells]:
        """What each compartment of each hidden layer holds, one dict a layer.

        Parameters
        ----------
        layers : sequence of dict
            Arrays of each hidden layer (those of `derived` too), and of the readout last.
        forward : sequence of dict
            Of each hidden layer ``input`` (B, m), ``basal``, ``fired`` = f(basal), ``slope`` =
            f'(basal), ``output``, all (B, k); the output is ``fired`` less its mean.
        target : (B, n) array
            Targets as they reach the apical dendrites.
        error : (B, n) array
            Truth less prediction at the readout.

        Returns
        -------
        list of dict
            The dicts of ``forward`` with more entries; ``teaching`` (B, k) is the one that a rule
            has to give.
        """
        raise NotImplementedError

    def changes(self, layer: Arrays, cells: Cells, share: Any) -> Arrays:
        """Directions of the rule's own synapses in one layer, by name; a pure function.

        Basal synapses move by ``slope * teaching`` times input, whatever the rule, unless it gives
        directions of its own for them.

        Parameters
        ----------
        layer : dict
            Arrays of the layer.
        cells : dict
            What `perceive` found in this layer, and besides ``gate``, the part of each row in
            plasticity, (B, 1) or None for equal parts; ``drive``, slope times teaching, which times
            gate and input moves the basal synapses; and ``drive_above`` (B, cells above), which
            times the output moves the synapses from this layer's neurons to the cells above.
        share : (B,) array
            Each row's part in averages; sums to one.

        Returns
        -------
        dict
            A direction of the shape of its array for each name; names may be left out.
        """
        return {}

    def gains(self, layer: Arrays, output: Any, share: Any) -> Any:
        """Eigenvalues of mean z z^T that the rule holds in check; here none.

        Parameters
        ----------
        layer : dict
            Arrays of the layer.
        output : (B, k) array
            Activity z of the layer.
        share : (B,) array
            Each row's part in averages; sums to one.

        Returns
        -------
        (n,) array
            The eigenvalues, largest first.
        """
        return output[0, :0]


def check_number(value, name, target_type=Real, **limits):
    """Raise TypeError or ValueError unless ``value`` is a finite number within ``limits``.

    ``limits`` are those of scikit-learn's `check_scalar`; a bool is no number.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    check_scalar(value, name, target_type, **limits)
    if not math.isfinite(value):
        raise ValueError(f"{name} == {value}, must be finite.")
