"""Drawings of large layers: heat maps of weights over one another, a column a neuron."""

import numpy as np
from sklearn.utils import Bunch

from ._drawing import INK, INTERNEURON, PLATEAU

HEATS = {
    "apical": "apical $W_2^T$",
    "interneuron": "interneuron $Q$",
    "back": "back $R^T$",
    "basal": "basal $W_1$",
}


def by_preferred_target(apical):
    """Order of neurons: by the target with the largest apical weight, the strongest first."""
    preferred = np.argmax(apical, axis=1)
    return np.lexsort((-apical.max(axis=1), preferred)), preferred


def draw_summary(ax, weights, activity, names, cmaps):
    """Heat maps of the weight matrices over one another, a column a neuron, and their activity.

    Neurons are sorted by the target that drives them most. Parameters are those of `draw_circuit`,
    less the limits. Returns a Bunch of inset axes by name.
    """
    (feature_names, target_names), (weight_cmap, activity_cmap) = names, cmaps
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


def draw_layer(ax, weights, currents, limits, cmap):
    """The weights of any layer as heat maps over one another, and the currents of its neurons.

    Parameters
    ----------
    ax : matplotlib Axes
    weights : dict of (cells, k) arrays
        A column a neuron.
    currents : dict of (k,) arrays
        Root mean square over rows.
    limits : pair of dicts
        The largest weight and current of each kind.
    cmap : colormap or its name
        For weights.

    Returns
    -------
    Bunch
        Inset axes by name, ``currents`` at the bottom.
    """
    axes = _stacked(ax, dict.fromkeys([*weights, "currents"], 1.0))
    for name, matrix in weights.items():
        limit = limits[0][name] or 1.0
        _heat(axes[name], matrix, (-limit, 0, limit), cmap)
        axes[name].set_ylabel(name.replace("_", " "))
        axes[name].set(xticks=[], yticks=[])
    for part, values in currents.items():
        axes.currents.step(np.arange(len(values)), values, where="mid", label=part)
    columns, top = len(values), max(limits[1][part] for part in currents)
    axes.currents.set(xlim=(-0.5, columns - 0.5), ylim=(0, 1.05 * top or 1.0))
    axes.currents.set(xlabel="hidden neurons", ylabel="RMS current")
    axes.currents.spines[["top", "right"]].set_visible(False)
    axes.currents.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=1)
    return axes
