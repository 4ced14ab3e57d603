"""Does each synapse learn from what it can see alone? An experiment on the code that trains.

For each quantity in turn, the wires are cut through which a change of it would reach the
compartments of other cells; the training code makes one update without the change and one with it;
and the synapses whose updates differ by a bit are compared with those that may see the quantity.
"""

import copy
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from ._equations import ACTIVATIONS
from ._microcircuit import Microcircuit
from ._online import block_rows
from ._training import Trainer
from ._validation import MatrixLike, check_features, check_targets

GATE = "gate (broadcast)"
ROWS = 256  # of the table, evenly spaced, that the circuit is started on
AXES = {
    "basal_weights": ("neuron", "input"),
    "basal_intercepts": ("neuron",),
    "apical_weights": ("neuron", "target"),
    "interneuron_weights": ("neuron", "interneuron"),
    "pyramidal_to_interneuron_weights": ("interneuron", "neuron"),
    "gain_trace": ("neuron", "interneuron"),
    "back_trace": ("interneuron", "neuron"),
    "readout_weights": ("target", "neuron"),
    "readout_intercepts": ("target",),
    "mean_activity": ("neuron",),
}
_COMPARTMENTS = {"its own output", "its own apical current", "its own inhibition"}
_INTERNEURON = {"its own output", "its own interneuron activity"}
MAY_SEE = {
    "basal_weights": {"its own input", *_COMPARTMENTS},
    "basal_intercepts": _COMPARTMENTS,
    "apical_weights": {"its own output", "its own target"},
    "interneuron_weights": _INTERNEURON,
    "pyramidal_to_interneuron_weights": _INTERNEURON,
    "gain_trace": _INTERNEURON,
    "back_trace": _INTERNEURON,
    "readout_weights": {"its own output", "its own target", "its own prediction"},
    "readout_intercepts": {"its own target", "its own prediction"},
    "mean_activity": {"its own output"},
}


class Finding(NamedTuple):
    """Whether the updates of one kind of synapse depend on one quantity, and whether they may."""

    synapse: str
    quantity: str
    depends: bool
    may: bool


class LocalityReport(NamedTuple):
    """What `audit_locality` found.

    Attributes
    ----------
    findings : tuple of (synapse, quantity, depends, may)
        One for each kind of synapse and each quantity.
    """

    findings: tuple

    @property
    def violations(self):
        """Findings of a synapse that depends on what it may not see."""
        return [finding for finding in self.findings if finding.depends and not finding.may]

    def __str__(self):
        rows = [("synapse", "quantity", "depends", "may")]
        rows += [
            (*row[:2], *("yes" if flag else "no" for flag in row[2:])) for row in self.findings
        ]
        lines = [f"{a:33}{b:31}{c:9}{d}" for a, b, c, d in rows]
        violations = [f"{row.synapse} on {row.quantity}" for row in self.violations]
        return "\n".join([*lines, f"violations: {', '.join(violations) or 'none'}"])

    def __repr__(self):
        return str(self)


def audit_locality(estimator: BaseEstimator, X: MatrixLike, y: ArrayLike) -> LocalityReport:
    """Find out by experiment what the update of each synapse depends on.

    A clone of the estimator is trained for one epoch on up to 256 rows. Then, for each quantity,
    the code that trains makes one update with the quantity as it is and one with it changed, from
    circuits in which the wires are cut that would carry the change to the compartments of other
    cells: an input that no neuron hears, a neuron that no interneuron and no readout hears, an
    interneuron that inhibits one neuron. Updates that differ by a bit depend on the quantity.
    "its own" is what belongs to the cells that the synapse joins, "another" what belongs to others.

    Scalars that are broadcast to all may be used by any synapse: rates, the size of the features in
    the first rows and the running size of plateaus, which adaptive steps are measured against, and
    with ``modulation`` a gate for each row. They are held while another quantity is changed, and
    what the gate is made of itself is listed under "gate (broadcast)". A softmax readout divides by
    one sum over the outputs, so each of its synapses may see every prediction.

    Where rows are learnt one by one in blocks, inputs, targets and weights are changed inside a
    block and the rest in a block of one row, and a block must give, to rounding, the weights that
    its rows give one by one.

    Parameters
    ----------
    estimator : LocalRuleClassifier or LocalRuleRegressor
        Any setting of the parameters; it is left as it is.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Features.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.

    Returns
    -------
    LocalityReport
        ``findings``, rows (synapse, quantity, depends, may), and ``violations`` among them; it
        prints as a table. Synapses are named as the fitted attributes are; "gain_trace" and
        "back_trace" are the traces of the damped gain control, and "mean_activity" is a neuron's.

    Raises
    ------
    ValueError, TypeError, DivergenceError
        As ``fit`` raises them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier, audit_locality
    >>> report = audit_locality(LocalRuleClassifier(5, random_state=0), *load_iris(return_X_y=True))
    >>> report.violations
    []
    >>> print(report)
    synapse                          quantity                       depends  may
    basal_weights                    its own input                  yes      yes
    basal_weights                    another input                  no       no
    ...
    violations: none
    """
    trainer = _started(estimator, X, y)
    design, in_blocks = trainer.circuit.design, trainer._runs_online()
    findings, block = [], block_rows(design)
    for experiment, touched in _experiments(design).items():
        n_rows = block if in_blocks and experiment in _IN_BLOCK else design.batch_size
        findings += _observe(trainer, _state(trainer, n_rows), experiment, touched)
    if in_blocks:
        findings += _compare_block(trainer, _state(trainer, block))
    order = [*AXES, GATE]
    return LocalityReport(tuple(sorted(findings, key=lambda row: order.index(row.synapse))))


def _started(estimator, X, y):
    """Trainer of a clone that had one epoch."""
    n_rows = _num_samples(X)
    rows = np.unique(np.linspace(0, n_rows - 1, min(n_rows, ROWS)).astype(int))
    X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
    model = clone(estimator)
    model.set_params(max_iter=1, early_stopping=False, warm_start=False, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    X = check_features(model, X, reset=False)
    encoder = model._encoder()
    codes = encoder.codes(check_targets(model, y, X.shape[0], is_regressor(model), reset=False))
    return model._trainer(X, codes, encoder, None, 0, X.shape[0])


class _State(NamedTuple):
    """A circuit and the rows that it is about to learn, free to be changed."""

    weights: dict
    history: dict
    x: np.ndarray
    y: np.ndarray
    at: dict  # the index along each axis at which a quantity is changed

    @property
    def arrays(self):
        return {**self.history, **self.weights}


def _state(trainer, n_rows):
    """The state before up to ``n_rows`` rows, half of all at most, that move a neuron most."""
    batch = trainer.feed.batch(slice(0, trainer.feed.n_rows))
    u, z = trainer.circuit.activity(batch.x)
    function, derivative = ACTIVATIONS[trainer.circuit.design.activation]
    excitable = np.abs(z) * derivative(function(u))
    neuron = int(excitable.max(axis=0).argmax())
    rows = np.argsort(excitable[:, neuron], kind="stable")[-min(n_rows, -(-len(u) // 2)) :]
    x = batch.x.toarray() if issparse(batch.x) else batch.x
    at = {"neuron": neuron, "input": 0, "target": 0, "interneuron": 0}
    circuit = trainer.circuit
    history = {**circuit.history, "labile": {}}
    return copy.deepcopy(_State(circuit.labile, history, x[rows], batch.y[rows], at))


class _Rows:
    """A feed of the rows of a state, all of one weight."""

    running = False

    def __init__(self, state, template):
        self.x, self.y, self.template = state.x, state.y, template

    def follow(self, order):
        self._order = np.arange(len(self.y)) if order is None else order
        self.n_rows = len(self._order)

    def batch(self, part):
        rows = self._order[part]
        x, y = self.x[rows], self.y[rows]
        x = csr_array(x) if issparse(self.template.x) else x
        share = np.full(len(y), 1 / len(y), y.dtype)
        return self.template._replace(x=x, y=y, share=share, weight=float(len(y)))


def _train(trainer, state, gate=None, sweeps=(None,)):
    """Arrays after the training code went over the rows of a state, and the gate of these rows.

    A ``gate`` that is given is broadcast in place of the circuit's own; the running sizes of inputs
    and plateaus are held.
    """
    circuit = Microcircuit(trainer.circuit.design, state.weights, state.history)
    made, gates = circuit._gate, []

    def held(*args):
        gates.append(made(*args))
        return gates[-1] if gate is None else gate

    circuit._gate = held
    size = float(circuit._plateau_size(np.zeros((1, 1)), np.zeros(1)))
    circuit._plateau_size, circuit.widen = lambda *_: size, lambda *_: None
    feed = _Rows(state, trainer.feed.batch(slice(0, 1)))
    learner = Trainer(feed, trainer.schedule, trainer.batch_size, circuit, None, trainer.n_seen)
    for rows in sweeps:
        learner.sweep(rows)
    return copy.deepcopy({**circuit.history, **circuit.labile}), gates[-1] if gates else None


# Experiments cut wires before the yield, and change a quantity after it.


def _change_input(state):
    """An input that no neuron hears, silent before the last row."""
    j = state.at["input"]
    state.weights["basal_weights"][:, j] = 0
    state.x[:, j] = 0
    state.x[-1, j] = 1
    yield
    state.x[-1, j] = 2


def _change_output(state):
    """A neuron that neither interneurons nor a delta-rule readout hear."""
    i = state.at["neuron"]
    for name in ("interneuron_weights", "gain_trace"):
        state.arrays[name][i] = 0
    for name in ("pyramidal_to_interneuron_weights", "back_trace", "readout_weights"):
        state.arrays[name][:, i] = 0
    synapses, intercepts = state.weights["basal_weights"][i], state.weights["basal_intercepts"]
    synapses *= 0.4 / (np.abs(state.x @ synapses).max() or 1)
    intercepts[i] = -0.5  # below the threshold of a rectified neuron for every row
    yield
    intercepts[i] = 0.75  # and above it


def _change_apical_current(state):
    """With a Hebbian readout, which has the apical weights, the prediction changes as well."""
    yield
    apical = state.weights["apical_weights"]
    apical[state.at["neuron"]] += np.sqrt(1 + np.arange(apical.shape[1]))


def _change_interneuron(state):
    """An interneuron that is joined to one neuron."""
    i, cell = state.at["neuron"], state.at["interneuron"]
    for name in ("interneuron_weights", "gain_trace"):
        state.arrays[name][:, cell] = 0
    for name in ("pyramidal_to_interneuron_weights", "back_trace"):
        state.arrays[name][cell] = 0
    inter, back = (
        state.weights[name] for name in ("interneuron_weights", "pyramidal_to_interneuron_weights")
    )
    inter[i, cell] = back[cell, i] = 0.5
    yield
    inter[i, cell] = back[cell, i] = 1


def _change_target(state):
    """A target that no neuron hears, silent before the last row."""
    o = state.at["target"]
    state.weights["apical_weights"][:, o] = 0
    state.y[:, o] = 0
    state.y[-1, o] = 0.5
    yield
    state.y[-1, o] = 1


def _change_prediction(state):
    """A synapse of a delta-rule readout."""
    yield
    state.weights["readout_weights"][state.at["target"], state.at["neuron"]] += 1


def _change_silent_weights(state):
    """A basal and an apical synapse that transmit nothing."""
    i, j, o = (state.at[axis] for axis in ("neuron", "input", "target"))
    state.x[:, j] = 0
    state.y[:, o] = 0
    yield
    state.weights["basal_weights"][i, j] += 1
    state.weights["apical_weights"][i, o] += 1


def _experiments(design):
    """Each experiment, what it changes, and the axis that this belongs to."""
    experiments = {
        _change_input: {"input": "input"},
        _change_output: {"output": "neuron"},
        _change_apical_current: {"apical current": "neuron"},
        _change_interneuron: {"inhibition": "neuron", "interneuron activity": "interneuron"},
        _change_target: {"target": "target"},
        _change_silent_weights: {"other weight": None},
    }
    if design.hebbian:
        experiments[_change_apical_current]["prediction"] = None
    else:
        experiments[_change_prediction] = {"prediction": "target"}
    return experiments


_IN_BLOCK = {_change_input, _change_target, _change_silent_weights}


def _kinds(design):
    """Name, axes and permissions of each kind of synapse that the circuit has."""
    has = {
        "basal_intercepts": design.fit_intercept,
        "pyramidal_to_interneuron_weights": design.interneurons == "decoupled",
        "gain_trace": design.gain_damping > 0,
        "back_trace": design.gain_damping > 0 and design.interneurons == "decoupled",
        "readout_weights": not design.hebbian,
        "readout_intercepts": not design.hebbian,
        "mean_activity": design.centered,
    }
    for name, axes in AXES.items():
        see = MAY_SEE[name]
        if design.interneurons == "target" and name in ("interneuron_weights", "gain_trace"):
            axes, see = AXES["apical_weights"], MAY_SEE["apical_weights"]
        if design.output == "softmax" and name.startswith("readout"):
            see = {*see, "another prediction"}
        if has.get(name, True):
            yield name, axes, see


def _masks(touched, axes, at, shape):
    """Synapses that a change belongs to, those of other cells, or all, by the name of it."""
    masks = {}
    for quantity, axis in touched.items():
        if axis in axes:
            own = np.zeros(shape, dtype=bool)
            np.moveaxis(own, axes.index(axis), 0)[at[axis]] = True
            masks[f"its own {quantity}"], masks[f"another {quantity}"] = own, ~own
        else:
            masks[f"any {quantity}"] = np.ones(shape, dtype=bool)
    return masks


def _observe(trainer, state, experiment, touched):
    """Findings of one experiment: cut, learn, change, learn again."""
    steps = experiment(state)
    next(steps)
    start = copy.deepcopy(state)
    plain, gate = _train(trainer, start)
    next(steps, None)
    moved, other_gate = _train(trainer, state, gate)
    for name, axes, see in _kinds(trainer.circuit.design):
        same = start.arrays[name] == state.arrays[name]
        masks = _masks(touched, axes, state.at, same.shape)
        allowed = np.any([mask for label, mask in masks.items() if label in see], axis=0)
        for label, mask in masks.items():
            seen = same & (mask if label in see else mask & ~allowed)
            if seen.any():
                depends = np.any(plain[name] != moved[name], where=seen)
                yield Finding(name, label, bool(depends), label in see)
    if gate is not None:
        changed, broadcast = not np.array_equal(gate, other_gate), gate.shape == (len(state.y),)
        for quantity in touched:
            yield Finding(GATE, f"any {quantity}", changed, broadcast)


def _compare_block(trainer, state):
    """Findings on rows learnt one by one: as a block and each alone, to rounding."""
    block, _ = _train(trainer, state)
    alone, _ = _train(trainer, state, sweeps=np.arange(len(state.y))[:, None])
    for name, _, _ in _kinds(trainer.circuit.design):
        tolerance = np.finfo(state.y.dtype).eps ** 0.75 * max(1, np.abs(alone[name]).max())
        depends = not np.allclose(block[name], alone[name], rtol=0, atol=tolerance)
        yield Finding(name, "being learnt in a block", depends, may=False)
