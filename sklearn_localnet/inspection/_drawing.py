"""The drawing of a small circuit, cell by cell, on matplotlib axes.

Lengths are in the axes' own units; pyramidal neurons stand one unit apart.
"""

import numpy as np
from sklearn.utils import Bunch

ROW = 0.5  # from one wire to the next
AXON = 0.45  # from a neuron's dendrite to its axon
DISC = 0.42  # diameter of the largest synapse
DENDRITE = 0.4  # width of the dendrite with the largest current
THIN = 0.06  # width of a dendrite whose current is not known
PLATEAU_HEIGHT = 1.6  # from the soma to the first interneuron
WIRE = 3.0  # line width of the most active wire, in points
INK, DENDRITES, INTERNEURON = "#333333", "#cfc8bd", "#2a8c82"
PLATEAU, DARK_PLATEAU = "#f6b93b", "#a86f00"


def largest(several):
    """The largest size in each kind of array, over several dicts of arrays."""
    sizes = [{kind: np.abs(array).max(initial=0) for kind, array in one.items()} for one in several]
    return {kind: max(one[kind] for one in sizes) for kind in sizes[-1]}


def shares(values, limit):
    """Sizes of values against the one that is drawn largest."""
    return np.abs(values) / (limit or 1.0)


def floors(n_inputs, n_interneurons, n_targets):
    """Heights of what lies over one another in the drawing, from the ground up."""
    inputs = ROW * np.arange(n_inputs)[::-1]
    soma = max(inputs[0], 2 * ROW) + 0.8
    interneurons = soma + PLATEAU_HEIGHT + ROW * np.arange(n_interneurons)[::-1]
    targets = (
        max(interneurons[0], soma + PLATEAU_HEIGHT + 2 * ROW)
        + 0.9
        + ROW * np.arange(n_targets)[::-1]
    )
    return Bunch(inputs=inputs, soma=soma, interneurons=interneurons, targets=targets)


def draw_circuit(ax, weights, activity, limits, names, cmaps):
    """Every cell, compartment and synapse of a small circuit.

    Parameters
    ----------
    ax : matplotlib Axes
    weights, activity : dicts of arrays
        As `MicrocircuitDisplay` has them.
    limits : pair of dicts
        The largest weight and activity of each kind, which are drawn in full size.
    names : pair of sequences of str
        Of features and targets.
    cmaps : pair of colormaps or their names
        For weights and activity.

    Returns
    -------
    Bunch
        Collections ``basal_dendrites``, ``apical_dendrites``, ``plateaus``, ``wires``, ``cells``
        and ``synapses``; the last three by kind.
    """
    k, m = weights["basal"].shape
    (feature_names, target_names), (weight_cmap, activity_cmap) = names, cmaps
    of_weights, of_activity = limits
    levels = floors(m, weights["interneuron"].shape[1], len(target_names))
    artists = Bunch(
        wires=_wires(ax, levels, activity, of_activity, k),
        **_dendrites(ax, levels, activity, of_activity, k),
        synapses=_synapses(ax, levels, weights, of_weights, weight_cmap),
        cells=_cells(ax, levels, activity, of_activity, k, activity_cmap),
    )
    ax.set_yticks(
        [*levels.targets, *levels.interneurons, *levels.inputs],
        [*target_names, *_indexed("n", len(levels.interneurons)), *feature_names],
    )
    ax.set_xticks(range(k), _indexed("z", k))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(-0.8, k + 0.3), ylim=(-0.6, levels.targets[0] + 0.5), aspect="equal")
    _captions(ax, levels, of_weights, "plateau" in activity, k)
    _key(ax, artists.cells, k, weight_cmap, "plateau" in activity)
    return artists


def _indexed(letter, count):
    return [f"${letter}_{{{i}}}$" for i in range(count)]


def _wires(ax, levels, activity, limits, k):
    """Axons of inputs, targets and interneurons across the neurons; line width shows activity."""
    from matplotlib.collections import LineCollection

    wires = {}
    kinds = (
        ("input", levels.inputs, "#8a8f98"),
        ("target", levels.targets, "#8a8f98"),
        ("interneuron", levels.interneurons, INTERNEURON),
    )
    for kind, heights, color in kinds:
        widths = np.ones(len(heights))
        if kind in activity:
            widths = WIRE * shares(activity[kind], limits[kind])
        stop = k - 0.2 + (0.3 if kind == "interneuron" else 0)
        lines = LineCollection(
            [[(-0.6, y), (stop, y)] for y in heights],
            linewidths=widths,
            colors=color,
            alpha=0.75,
            zorder=1,
        )
        wires[kind] = ax.add_collection(lines)
    for i in range(k):
        path = [(i, levels.soma), (i + AXON, levels.soma), (i + AXON, levels.interneurons[0] + 0.3)]
        ax.plot(*zip(*path, strict=True), color=INK, lw=0.8, zorder=1.5, solid_joinstyle="round")
    return wires


def _dendrites(ax, levels, activity, limits, k):
    """Dendrites as wide as their currents: apical above, tapering to the plateau; basal below."""
    from matplotlib.collections import PolyCollection

    thin = np.full(k, THIN)
    basal = DENDRITE * shares(activity["basal"], limits["basal"])
    apical, plateau = thin, thin
    if "plateau" in activity:
        currents = np.stack([activity["apical"], activity["plateau"]])
        apical, plateau = DENDRITE * shares(currents, max(limits["apical"], limits["plateau"]))
    soma, first, last = levels.soma, levels.interneurons[-1] - ROW / 2, levels.interneurons[0]
    heights = [soma, first, last + ROW / 2, levels.targets[0] + ROW / 2]
    apical_profile = np.stack([plateau, plateau, apical, apical], axis=1)
    basal_profile = np.stack([basal, basal], axis=1)
    style = {"facecolors": DENDRITES, "edgecolors": "none", "zorder": 2}
    shapes = {
        "apical_dendrites": PolyCollection(_columns(apical_profile, heights), **style),
        "basal_dendrites": PolyCollection(_columns(basal_profile, [-ROW / 2, soma]), **style),
        "plateaus": PolyCollection(
            _columns(apical_profile[:, :2], [soma, first]),
            **style | ({"facecolors": PLATEAU} if "plateau" in activity else {}),
        ),
    }
    return {name: ax.add_collection(shape) for name, shape in shapes.items()}


def _columns(widths, heights):
    """Upright shapes around x = 0, 1, ... with one width for each height."""
    heights = np.concatenate([heights, heights[::-1]])
    for x, profile in enumerate(widths):
        half = profile / 2
        yield np.column_stack([np.concatenate([x - half, x + half[::-1]]), heights])


def _synapses(ax, levels, weights, limits, cmap):
    """Discs where wires cross dendrites and axons: area shows a weight's size, colour its sign."""
    columns, heights = np.arange(len(weights["basal"])), levels.interneurons
    places = {
        "basal": (columns, levels.inputs, weights["basal"]),
        "apical": (columns, levels.targets, weights["apical"]),
        "interneuron": (columns, heights, weights["interneuron"]),
        "pyramidal_to_interneuron": (
            columns + AXON,
            heights,
            weights["pyramidal_to_interneuron"].T,
        ),
    }
    return {kind: _discs(ax, *place, limits[kind], cmap) for kind, place in places.items()}


def _discs(ax, columns, heights, weights, limit, cmap):
    from matplotlib import colormaps
    from matplotlib.collections import EllipseCollection

    part = shares(weights, limit).ravel()
    tint = 0.5 + 0.5 * np.sign(weights).ravel() * (0.4 + 0.5 * part)
    diameters = DISC * np.sqrt(part)
    x, y = np.meshgrid(columns, heights, indexing="ij")
    discs = EllipseCollection(
        diameters,
        diameters,
        np.zeros_like(diameters),
        units="xy",
        offsets=np.column_stack([x.ravel(), y.ravel()]),
        offset_transform=ax.transData,
        facecolors=colormaps.get_cmap(cmap)(tint),
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
    )
    return ax.add_collection(discs)


def _cells(ax, levels, activity, limits, k, cmap):
    """Cell bodies, coloured by activity on one scale: somata are triangles, interneurons discs."""
    from matplotlib.collections import EllipseCollection, PolyCollection

    limit = max(limits["output"], limits["interneuron"]) or 1.0
    style = {"cmap": cmap, "clim": (0, limit), "edgecolors": INK, "linewidths": 1, "zorder": 4}
    triangle = np.array([[-0.27, -0.24], [0.27, -0.24], [0, 0.34]])
    somata = PolyCollection([triangle + np.array([i, levels.soma]) for i in range(k)], **style)
    n_cells = len(levels.interneurons)
    size = np.full(n_cells, 0.36)
    bodies = EllipseCollection(
        size,
        size,
        0 * size,
        units="xy",
        offsets=np.column_stack([np.full(n_cells, k + 0.1), levels.interneurons]),
        offset_transform=ax.transData,
        **style | {"edgecolors": INTERNEURON, "linewidths": 1.5},
    )
    somata.set_array(activity["output"])
    bodies.set_array(activity["interneuron"])
    return {"pyramidal": ax.add_collection(somata), "interneuron": ax.add_collection(bodies)}


def _captions(ax, levels, limits, taught, k):
    """What each floor is, at its right."""
    basal, apical, inter = (
        f"weights to {limits[kind]:.2g}" for kind in ("basal", "apical", "interneuron")
    )
    captions = [
        (levels.targets.mean(), f"apical dendrites\n$a = W_2^T y$, {apical}", INK),
        (levels.interneurons.mean(), f"interneurons\n$n = Rz$, {inter}", INTERNEURON),
        (levels.soma - 0.05, "pyramidal neurons\n$z = f(W_1 x)$", INK),
        (min(levels.inputs.mean(), levels.soma - 1.2), f"basal dendrites\n$W_1 x$, {basal}", INK),
    ]
    if taught:
        height = (levels.soma + levels.interneurons[-1]) / 2 + 0.1
        captions.append((height, "plateau potentials\n$p = a - Qn$, teach $W_1$", DARK_PLATEAU))
    for height, text, color in captions:
        ax.text(k + 0.6, height, text, va="center", color=color, linespacing=1.3)


def _key(ax, cells, k, cmap, taught):
    """What discs and widths mean, and the colour bar of the cells."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    cmap = colormaps.get_cmap(cmap)
    dot = {"ls": "none", "marker": "o", "ms": 8}
    handles = [
        Line2D([], [], color=cmap(0.9), label="positive weight", **dot),
        Line2D([], [], color=cmap(0.1), label="negative weight", **dot),
        Line2D([], [], color=DENDRITES, lw=7, label="dendritic current"),
    ]
    if taught:
        handles.append(Line2D([], [], color=PLATEAU, lw=7, label="plateau potential"))
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(-1, -1.1),
        bbox_transform=ax.transData,
        ncols=1 if k < 10 else 2,
        frameon=False,
        fontsize="small",
        borderpad=0,
    )
    place = ax.inset_axes((k + 0.6, -1.6, 3.4, 0.22), transform=ax.transData)
    bar = ax.figure.colorbar(cells["pyramidal"], cax=place, orientation="horizontal")
    bar.ax.set_title("activity of cells (RMS)", fontsize="small", color=INK)
    bar.ax.tick_params(labelsize="small")
    bar.ax.locator_params(nbins=4)
    bar.outline.set_visible(False)
