"""Drawings of one circuit: cell by cell where it is small, as heat maps where it is large.

Both functions draw on one matplotlib axes, which they are given, and return their artists by name.
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
HEATS = {
    "apical": "apical $W_2^T$",
    "interneuron": "interneuron $Q$",
    "back": "back $R^T$",
    "basal": "basal $W_1$",
}


def shares(values):
    """Sizes of values against the largest size among them, from zero to one."""
    sizes = np.abs(values)
    return sizes / (sizes.max(initial=0) or 1.0)


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


def draw_circuit(ax, weights, activity, feature_names, target_names, weight_cmap, activity_cmap):
    """Every cell, compartment and synapse of a small circuit.

    Parameters
    ----------
    ax : matplotlib Axes
    weights, activity : dicts of arrays
        As `MicrocircuitDisplay` has them.
    feature_names, target_names : sequences of str
    weight_cmap, activity_cmap : colormaps or their names

    Returns
    -------
    Bunch
        Collections ``basal_dendrites``, ``apical_dendrites``, ``plateaus``, ``wires``, ``cells``
        and ``synapses``; the last three by kind.
    """
    k, m = weights["basal"].shape
    levels = floors(m, weights["interneuron"].shape[1], len(target_names))
    artists = Bunch(
        wires=_wires(ax, levels, activity, k),
        **_dendrites(ax, levels, activity, k),
        synapses=_synapses(ax, levels, weights, weight_cmap),
        cells=_cells(ax, levels, activity, k, activity_cmap),
    )
    ax.set_yticks(
        [*levels.targets, *levels.interneurons, *levels.inputs],
        [*target_names, *_indexed("n", len(levels.interneurons)), *feature_names],
    )
    ax.set_xticks(range(k), _indexed("z", k))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(-0.8, k + 0.3), ylim=(-0.6, levels.targets[0] + 0.5), aspect="equal")
    _captions(ax, levels, weights, activity, k)
    _key(ax, artists.cells, k, weight_cmap, "plateau" in activity)
    return artists


def _indexed(letter, count):
    return [f"${letter}_{{{i}}}$" for i in range(count)]


def _wires(ax, levels, activity, k):
    """Axons of inputs, targets and interneurons across the neurons; line width shows activity."""
    from matplotlib.collections import LineCollection

    wires = {}
    kinds = (
        ("input", levels.inputs, "#8a8f98"),
        ("target", levels.targets, "#8a8f98"),
        ("interneuron", levels.interneurons, INTERNEURON),
    )
    for kind, heights, color in kinds:
        widths = WIRE * shares(activity[kind]) if kind in activity else np.ones(len(heights))
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


def _dendrites(ax, levels, activity, k):
    """Dendrites as wide as their currents: apical above, tapering to the plateau; basal below."""
    from matplotlib.collections import PolyCollection

    thin = np.full(k, THIN)
    basal = DENDRITE * shares(activity["basal"])
    apical, plateau = thin, thin
    if "plateau" in activity:
        apical, plateau = DENDRITE * shares(np.stack([activity["apical"], activity["plateau"]]))
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


def _synapses(ax, levels, weights, cmap):
    """Discs where wires cross dendrites and axons: area shows a weight's size, colour its sign."""
    columns = np.arange(len(weights["basal"]))
    return {
        "basal": _discs(ax, columns, levels.inputs, weights["basal"], cmap),
        "apical": _discs(ax, columns, levels.targets, weights["apical"], cmap),
        "interneuron": _discs(ax, columns, levels.interneurons, weights["interneuron"], cmap),
        "pyramidal_to_interneuron": _discs(
            ax,
            columns + AXON,
            levels.interneurons,
            weights["pyramidal_to_interneuron"].T,
            cmap,
        ),
    }


def _discs(ax, columns, heights, weights, cmap):
    from matplotlib import colormaps
    from matplotlib.collections import EllipseCollection

    part = shares(weights).ravel()
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


def _cells(ax, levels, activity, k, cmap):
    """Cell bodies, coloured by activity on one scale: somata are triangles, interneurons discs."""
    from matplotlib.collections import EllipseCollection, PolyCollection

    largest = max(activity["output"].max(), activity["interneuron"].max()) or 1.0
    style = {"cmap": cmap, "clim": (0, largest), "edgecolors": INK, "linewidths": 1, "zorder": 4}
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


def _captions(ax, levels, weights, activity, k):
    """What each floor is, at its right."""
    basal, apical, inter = (
        f"weights to {np.abs(weights[kind]).max():.2g}"
        for kind in ("basal", "apical", "interneuron")
    )
    captions = [
        (levels.targets.mean(), f"apical dendrites\n$a = W_2^T y$, {apical}", INK),
        (levels.interneurons.mean(), f"interneurons\n$n = Rz$, {inter}", INTERNEURON),
        (levels.soma - 0.05, "pyramidal neurons\n$z = f(W_1 x)$", INK),
        (min(levels.inputs.mean(), levels.soma - 1.2), f"basal dendrites\n$W_1 x$, {basal}", INK),
    ]
    if "plateau" in activity:
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


def by_preferred_target(apical):
    """Order of neurons: by the target with the largest apical weight, the strongest first."""
    preferred = np.argmax(apical, axis=1)
    return np.lexsort((-apical.max(axis=1), preferred)), preferred


def draw_summary(ax, weights, activity, feature_names, target_names, weight_cmap, activity_cmap):
    """Heat maps of the weight matrices over one another, a column a neuron, and their activity.

    Neurons are sorted by the target that drives them most. Parameters are those of `draw_circuit`.
    Returns a Bunch of inset axes by name.
    """
    order, preferred = by_preferred_target(weights["apical"])
    maps = {
        "apical": weights["apical"].T,
        "interneuron": weights["interneuron"].T,
        "back": weights["pyramidal_to_interneuron"],
        "basal": weights["basal"].T,
    }
    if np.array_equal(maps["back"], maps["interneuron"]):
        del maps["back"]
    heights = {
        "apical": 2,
        "currents": 1.5,
        "interneuron": 2,
        "back": 2,
        "output": 0.25,
        "basal": 4,
    }
    heights = {name: height for name, height in heights.items() if name != "back" or name in maps}
    axes = _stacked(ax, heights)
    for name in maps:
        limit = np.abs(maps[name]).max() or 1.0
        _heat(axes[name], maps[name][:, order], (-limit, 0, limit), weight_cmap)
        axes[name].set_ylabel(HEATS[name])
    output = activity["output"][None, order]
    _heat(axes.output, output, (0, output.max() or 1.0), activity_cmap)
    axes.output.set_ylabel("RMS $z$", rotation=0, ha="right", va="center")
    _currents(axes.currents, activity, order)
    _label_summary(axes, preferred[order], feature_names, target_names)
    return axes


def _stacked(ax, heights, gap=0.25):
    """Inset axes over one another, of the given relative heights, as a Bunch."""
    ax.axis("off")
    unit = 1 / (sum(heights.values()) + gap * (len(heights) - 1))
    top, axes = 1.0, Bunch()
    for name, height in heights.items():
        axes[name] = ax.inset_axes((0, top - height * unit, 0.9, height * unit))
        top -= (height + gap) * unit
    return axes


def _heat(ax, values, ticks, cmap):
    """A matrix as a heat map with a colour bar from the first tick to the last."""
    image = ax.imshow(
        values, aspect="auto", interpolation="nearest", cmap=cmap, vmin=ticks[0], vmax=ticks[-1]
    )
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.015, 0, 0.015, 1)), ticks=ticks)
    bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks], fontsize="x-small")
    bar.outline.set_visible(False)


def _currents(ax, activity, order):
    """Root mean square of what each neuron's compartments hold."""
    columns = np.arange(len(order))
    if "plateau" in activity:
        style = {"where": "mid", "lw": 1.2}
        ax.step(columns, activity["apical"][order], color=INK, label="apical $a$", **style)
        inhibition = activity["inhibition"][order]
        ax.step(columns, inhibition, color=INTERNEURON, label="inhibition $Qn$", **style)
        plateau = activity["plateau"][order]
        ax.fill_between(columns, plateau, step="mid", color=PLATEAU, lw=0, label="plateau $p$")
    else:
        ax.fill_between(
            columns, activity["output"][order], step="mid", color=INK, lw=0, label="$z$"
        )
    ax.set(ylabel="RMS current", ylim=(0, None), xlim=(-0.5, len(order) - 0.5))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        fontsize="x-small",
        handlelength=1,
    )


def _label_summary(axes, preferred, feature_names, target_names):
    """Names of targets and features where they fit, and the groups of neurons between the maps."""
    most = 20
    starts = np.flatnonzero(np.diff(preferred, prepend=-1))
    centers = (starts + np.append(starts[1:], len(preferred))) / 2 - 0.5
    for ax in axes.values():
        ax.tick_params(length=0, labelsize="x-small", labelbottom=False)
        for start in starts[1:]:
            ax.axvline(start - 0.5, color=INK, lw=0.6)
    names = {"apical": target_names, "basal": feature_names}
    for name in axes.keys() - {"currents"}:
        labels = names.get(name, ())
        labels = labels if len(labels) <= most else ()
        axes[name].set_yticks(range(len(labels)), labels)
    axes.basal.set_xticks(centers, [target_names[i] for i in preferred[starts]])
    axes.basal.tick_params(labelbottom=True)
    axes.basal.set_xlabel("hidden neurons, by the target that drives them most")
