"""What a network is: its plan, its arrays by layer and name, and what else learning needs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..rules._rule import FORWARD_SYNAPSES, Arrays, Synapse
from ._steps import AdaptiveStep, PlainStep


class Orders(NamedTuple):
    """Layer and name of arrays, in the order in which they are packed."""

    stepped: list[tuple[int, str]]  # those that take the steps of the step rule
    averaged: list[tuple[int, str]]  # these, and all other weights that move
    moving: list[tuple[int, str]]  # these, and traces
    still: list[tuple[int, str]]  # those that never change


class Plan(NamedTuple):
    """What stays fixed while a network learns."""

    layer_sizes: tuple[int, ...]  # features, neurons of each hidden layer, target columns
    activation: str
    rule: Any
    readout: Any
    modulation: str | None
    centered: bool
    fit_intercept: bool
    batch_size: int
    solver: str
    beta_1: float
    beta_2: float
    epsilon: float
    dtype: Any
    synapses: list[Mapping[str, Synapse]]  # kinds of each hidden layer, the readout's last
    orders: Orders

    @property
    def n_layers(self):
        """Number of hidden layers."""
        return len(self.layer_sizes) - 2

    def step(self):
        """The step rule of the solver."""
        if self.solver == "sgd":
            return PlainStep()
        return AdaptiveStep(self.beta_1, self.beta_2, self.epsilon)


def make_plan(**fields):
    """A plan, from all but its last two fields, which follow from the others."""
    hidden = {**FORWARD_SYNAPSES, **fields["rule"].synapses}
    for name, moves in (
        ("basal_intercepts", fields["fit_intercept"]),
        ("mean_activity", fields["centered"]),
    ):
        if not moves:
            hidden[name] = Synapse(("neuron",))
    n_layers = len(fields["layer_sizes"]) - 2
    limits = {} if fields["solver"] == "sgd" else {"input_limits": Synapse(("input",))}
    synapses = [hidden | limits] + [hidden] * (n_layers - 1) + [fields["readout"].synapses]
    return Plan(**fields, synapses=synapses, orders=_orders(synapses))


def _orders(synapses):
    stepped, others, traces, still = [], [], [], []
    for place, kinds in enumerate(synapses):
        for name, kind in kinds.items():
            if not kind.sees:
                still.append((place, name))
            elif kind.trace:
                traces.append((place, name))
            else:
                (stepped if kind.rate is None else others).append((place, name))
    return Orders(stepped, stepped + others, stepped + others + traces, still)


class Batch(NamedTuple):
    """Rows ready to be learnt."""

    x: Any  # (B, m) array or CSR matrix
    target: Any  # (B, n), as it reaches the apical dendrites
    truth: Any  # (B, n), what the readout is held to
    share: Any  # (B,), each row's part in averages; sums to one
    weight: float  # of all rows together


class State(NamedTuple):
    """All that learning goes on from, in plain lists, dicts, arrays and numbers.

    Lists have an entry for each hidden layer and one for the readout at the end; dicts have arrays
    by name.
    """

    labile: list[Arrays]  # weights that the next update changes
    average: list[Arrays] | None  # moving averages of these; None where there are none yet
    moments: list[list[Arrays]]  # one list for each moment of the step rule, or none yet
    scales: list[dict[str, Any]]  # of each hidden layer, what its steps are measured by
    n_updates: int

    @property
    def weights(self):
        """The arrays to predict with."""
        return self.labile if self.average is None else self.average


def decays(kind):
    """Whether weight decay acts on a kind of synapse: on weights that take steps."""
    return kind.rate is None and len(kind.axes) > 1


def mirrored(kind):
    """Whether a kind of synapse lies beside the forward ones to the cells above and steps alike."""
    return kind.rate is None and kind.axes[-1] == "above"
