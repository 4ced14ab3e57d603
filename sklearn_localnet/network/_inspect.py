"""What a trained network holds for given rows, without training it."""

from ._arrays import like
from ._forward import forward_with_slopes
from ._readout import scores


def with_derived(plan, arrays):
    """Arrays of each hidden layer and of the readout, with those that follow from them."""
    derived = getattr(plan.rule, "derived", lambda layer: {})
    hidden = [layer | derived(layer) for layer in arrays[:-1]]
    return [*hidden, plan.readout.arrays([*hidden, arrays[-1]])]


def rows_forward(plan, layers, x):
    """Cells of each hidden layer after the forward pass."""
    return forward_with_slopes(layers[:-1], like(x, layers[0]["basal_weights"]), plan.activation)


def compartments(plan, layers, x, target, truth):
    """Compartments that the rule shows, by name, of each hidden layer.

    Parameters
    ----------
    plan : Plan
    layers : list of dict
        As `with_derived` gives them.
    x : (N, m) array or sparse matrix
    target, truth : (N, n) arrays or None
        None for what can be said without them: the currents along wires that start at outputs.
    """
    held = rows_forward(plan, layers, x)
    wires = [wire.into for wire in plan.rule.wires]
    shown = getattr(plan.rule, "shown", None) or ("basal", "output", *wires, "teaching")
    if target is None:
        for layer, cells in zip(layers[:-1], held, strict=True):
            for wire in plan.rule.wires:
                if wire.source in cells:
                    cells[wire.into] = cells[wire.source] @ layer[wire.through].T
    else:
        read = scores(layers[-1], held[-1]["output"])
        error, _ = plan.readout.error(read, truth, truth[:, 0] * 0 + 1 / truth.shape[0])
        held = plan.rule.perceive(layers, held, target, error)
    return [{name: cells[name] for name in shown if name in cells} for cells in held]


def gains(rule, layers, outputs, share):
    """Eigenvalues of mean z z^T that the rule holds in check, of each hidden layer.

    Parameters
    ----------
    rule : Rule
        One without the method ``gains`` holds none in check.
    layers : list of dict
        Arrays of each hidden layer.
    outputs : list of (N, k) arrays
        Output of each.
    share : (N,) array
        Each row's part in averages.
    """
    if not hasattr(rule, "gains"):
        return []
    return [rule.gains(*of_layer, share) for of_layer in zip(layers, outputs, strict=True)]
