"""The broadcast gate on plasticity: one number a row, one on average over the batch."""

from ..rules import _equations as eq

SURPRISE_FLOOR = 0.1  # the part of plasticity that a fully expected row keeps
QUIET = 0.5  # part of the mean teaching signal that a row's must exceed to teach


def gate(modulation, teaching, error, share, readout):
    """Gate (B, 1) of the rows, or None for ones, as for a row that is alone.

    Parameters
    ----------
    modulation : "plateau", "surprise" or None
        "plateau": by how much the length of a row's teaching signal exceeds `QUIET` of the mean, up
        to once the mean; "surprise": how unlikely the readout held the truth.
    teaching : (B, k) array
    error : (B, n) array
    share : (B,) array
    readout : Linear
    """
    if modulation is None or share.shape[0] == 1:
        return None
    xp = eq.namespace(teaching)
    if modulation == "surprise":
        size = SURPRISE_FLOOR + readout.surprise(error)
    else:
        size = xp.sqrt(xp.vecdot(teaching, teaching))
        usual = share @ size
        size = xp.minimum(eq.at_least(size - QUIET * usual, 0), usual)
    mean = share @ size
    return (size / mean if mean > 0 else size)[:, None]


def add_gates(plan, held, top, share):
    """Add to the cells of each hidden layer its ``gate``, and what drives plasticity.

    ``drive`` is slope times teaching signal, which times the gate drives the synapses onto the
    layer's neurons. ``drive_above`` is what drives those onto the cells above; for the readout,
    which has no gate, it is said by its cells ``top``.
    """
    above = plan.readout.drive(top)
    for place in reversed(range(len(held))):
        cells = held[place]
        teaching = cells["teaching"]
        cells["drive_above"] = above
        cells["gate"] = gate(plan.modulation, teaching, top["error"], share, plan.readout)
        cells["drive"] = above = cells["slope"] * teaching
        if place > 0 and cells["gate"] is not None:
            above = cells["gate"] * above
