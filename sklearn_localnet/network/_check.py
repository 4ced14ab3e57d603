"""Whether a rule does what it declares: the arrays that it starts with, and a dry run."""

from ._inspect import rows_forward, with_derived
from ._modulation import add_gates
from ._network import Batch
from ._readout import scores

DRY_ROWS = 2  # rows of the first batch that the dry run takes
SIZED = ("neuron", "input", "target", "above")  # axes whose length the network sets


def check_started(plan, layers):
    """Raise ValueError unless hidden layers have the arrays that are declared, in their shapes.

    ``layers`` are the hidden layers with all that the rule's ``start`` gave them.
    """
    sizes = plan.layer_sizes
    for place, (arrays, kinds) in enumerate(zip(layers, plan.synapses, strict=False)):
        where = f"{_of(plan.rule)}: start of layer {place}"
        undeclared = sorted(arrays.keys() - kinds.keys())
        lacking = sorted(kinds.keys() - arrays.keys())
        if lacking:
            raise ValueError(f"{where} gives no {lacking[0]!r}, which synapses declares.")
        if undeclared:
            raise ValueError(f"{where} gives {undeclared[0]!r}, which synapses does not declare.")
        lengths = sizes[place + 1], sizes[place], sizes[-1], sizes[place + 2]
        cells = dict(zip(SIZED, lengths, strict=True))
        for name, kind in kinds.items():
            found = tuple(arrays[name].shape)
            if len(found) == len(kind.axes):  # other cells are as many as their first array has
                cells = dict(zip(kind.axes, found, strict=True)) | cells
            wanted = tuple(cells.get(axis) for axis in kind.axes)
            if found != wanted:
                raise ValueError(
                    f"{where} gives {name!r} of shape {found}, and its axes ({_axes(kind)}) make "
                    f"it {_shape(kind, cells)}."
                )


def check_run(plan, state, batch):
    """Raise TypeError or ValueError unless `perceive` and `changes` give what training takes."""
    n_rows = min(DRY_ROWS, len(batch.target))
    share = batch.share[:n_rows] * 0 + 1 / n_rows
    batch = Batch(*(part[:n_rows] for part in batch[:3]), share, batch.weight)
    layers = with_derived(plan, state.labile)
    held = rows_forward(plan, layers, batch.x)
    error, _ = plan.readout.error(scores(layers[-1], held[-1]["output"]), batch.truth, share)
    top = {"output": held[-1]["output"], "error": error, "truth": batch.truth}
    held = plan.rule.perceive(layers, held, batch.target, error)
    _check_cells(plan, held, n_rows)
    add_gates(plan, held, top, share)
    for place, (layer, cells) in enumerate(zip(layers[:-1], held, strict=True)):
        _check_directions(plan, place, layer, plan.rule.changes(layer, cells, share))


def _check_cells(plan, held, n_rows):
    what = f"{_of(plan.rule)}: perceive must give a list of {plan.n_layers} dicts, one a layer"
    if not isinstance(held, list) or not all(isinstance(cells, dict) for cells in held):
        raise TypeError(f"{what}, got {_kind(held)}.")
    if len(held) != plan.n_layers:
        raise ValueError(f"{what}, got {len(held)}.")
    for place, cells in enumerate(held):
        wanted = (n_rows, plan.layer_sizes[place + 1])
        if "teaching" not in cells:
            raise ValueError(f"{_of(plan.rule)}: perceive gives layer {place} no 'teaching'.")
        found = tuple(getattr(cells["teaching"], "shape", ()))
        if found != wanted:
            raise ValueError(
                f"{_of(plan.rule)}: perceive gives layer {place} 'teaching' of shape {found}, must "
                f"be {wanted} (rows, neurons)."
            )


def _check_directions(plan, place, layer, directions):
    where = f"{_of(plan.rule)}: changes of layer {place}"
    if not isinstance(directions, dict):
        raise TypeError(f"{where} must be a dict of arrays by name, got {_kind(directions)}.")
    kinds = plan.synapses[place]
    for name, direction in directions.items():
        if name not in kinds:
            raise ValueError(f"{where} give {name!r}, which synapses does not declare.")
        if not kinds[name].sees or name == "mean_activity":
            why = "sees nothing to change by" if not kinds[name].sees else "the network moves"
            raise ValueError(f"{where} give a direction of {name!r}, which {why}.")
        found, wanted = tuple(getattr(direction, "shape", ())), tuple(layer[name].shape)
        if found != wanted:
            raise ValueError(
                f"{where} give a direction of {name!r} of shape {found}, must be {wanted}."
            )


def _of(rule):
    return f"rule {type(rule).__name__}"


def _kind(value):
    if isinstance(value, list):
        return f"a list of {', '.join(sorted({type(part).__name__ for part in value}))}"
    return type(value).__name__


def _axes(kind):
    return ", ".join(kind.axes)


def _shape(kind, cells):
    return f"({', '.join(str(cells.get(axis, 'any')) for axis in kind.axes)})"
