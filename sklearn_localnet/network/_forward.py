"""The forward pass: from inputs to the output of each hidden layer."""

from ..rules import _equations as eq
from ._inputs import limited


def forward(layers, x, activation, centre=None):
    """What each hidden layer holds for the rows of x, the lowest layer first.

    Parameters
    ----------
    layers : sequence of dict
        Arrays of each hidden layer: ``basal_weights`` (k, m), ``basal_intercepts`` (k,),
        ``mean_activity`` (k,); of the first, where inputs have limits, ``input_limits`` (m,).
    x : (B, m) array or sparse matrix
    activation : str
    centre : callable or None
        ``centre(layer, fired)`` moves the mean activity of a layer before it is taken off.

    Yields
    ------
    dict
        ``input``, ``basal`` = W1 x + b, ``fired`` = f(basal), ``output`` = fired less its mean,
        which is the input of the next layer.
    """
    function = eq.ACTIVATIONS[activation].function
    if "input_limits" in layers[0]:
        x = limited(x, layers[0]["input_limits"])
    for layer in layers:
        basal = eq.basal_current(layer["basal_weights"], x)
        basal += layer["basal_intercepts"]
        fired = function(basal)
        if centre is not None:
            centre(layer, fired)
        output = fired - layer["mean_activity"]
        yield {"input": x, "basal": basal, "fired": fired, "output": output}
        x = output


def hidden_output(layers, x, activation):
    """Output (B, k) of the last hidden layer."""
    for cells in forward(layers, x, activation):
        output = cells["output"]
    return output


def forward_with_slopes(layers, x, activation, centre=None):
    """The same as a list, with ``slope`` = f'(basal) in each dict."""
    held = list(forward(layers, x, activation, centre))
    for cells in held:
        cells["slope"] = eq.ACTIVATIONS[activation].derivative(cells["fired"])
    return held
