"""What all displays share: matplotlib, imported where something is drawn, axes and titles."""

import numpy as np


def pyplot(caller):
    """matplotlib.pyplot, or an error that says how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'sklearn_localnet[plot]'."
        ) from error
    return plt


def axes_of(plt, ax, count, size):
    """The axes given, checked, as an array of ``count``; those of a new figure in place of None."""
    if ax is None:
        _, ax = plt.subplots(1, count, figsize=size, layout="constrained")
    given = np.ravel(np.array(ax, dtype=object))
    if len(given) != count or not all(isinstance(one, plt.Axes) for one in given):
        raise ValueError(f"ax must hold {count} matplotlib Axes for this display, got {ax!r}.")
    return given


def title_of(display, name):
    return display.name if name is None else name
