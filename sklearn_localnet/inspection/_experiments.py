"""The experiments of the audit, on one network and one batch of rows.

What a rule declares is put to the test: every current is the sum over a wire through synapses of
the layer's own; nothing reaches another neuron but along wires; and where one entry of what a layer
holds is changed, only the synapses that may see it change their updates.
"""

import copy

import numpy as np
from scipy.sparse import issparse

from ..network._modulation import gate
from ..network._readout import scores
from ..network._reference import Reference
from ._report import Finding

LEARNT_ROWS = 40  # learnt once more to compare engines
FORWARD_CELLS = ("input", "basal", "fired", "slope", "output")
FORWARD_ARRAYS = ("basal_weights", "basal_intercepts", "readout_weights", "readout_intercepts")
AXIS_OF = {"input": "input", "target": "target", "truth": "target", "error": "target"}


class Audit:
    """The experiments on one network and one batch of rows."""

    def __init__(self, trainer):
        self.trainer, self.plan = trainer, trainer.engine.plan
        self.state = copy.deepcopy(trainer.engine.state)
        # Rows that are learnt one by one have no updates to compare but those of the equations.
        self.kind = Reference if trainer.engine.by_rows else type(trainer.engine)
        self.batch = trainer.feed.batch(slice(0, trainer.feed.n_rows))
        engine = self.fresh()
        self.layers = engine.layers()
        self.cells, _ = engine.perceive(self.layers, self.batch)
        self.synapses = engine.synapses
        self.rates = trainer.schedule.rates(trainer.n_seen, engine.n_updates, len(self.batch.share))

    def findings(self):
        """What all experiments found, each once, by synapse."""
        found = [*self.wires(), *self.currents(), *self.means(), *self.updates()]
        found += [*self.broadcast(), *self.steps(), *self.engine()]
        order = list(dict.fromkeys(finding.synapse for finding in found))
        return sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.synapse))

    def fresh(self, kind=None):
        """An engine with the state that the audit began with."""
        return (kind or self.kind)(self.plan, self.state)

    def name(self, place, name):
        """A kind of synapse or a current as the fitted attributes name it."""
        return f"{name}_" if place == self.plan.n_layers else f"layers_[{place}].{name}"

    def sizes(self, place):
        """Cells along each axis of a layer."""
        sizes = self.plan.layer_sizes
        if place == self.plan.n_layers:
            return {"target": sizes[-1], "neuron": sizes[-2]}
        found = {"neuron": sizes[place + 1], "target": sizes[-1], "input": sizes[place]}
        for name, kind in self.synapses[place].items():
            found |= dict(zip(kind.axes, self.layers[place][name].shape, strict=True)) | found
        return found

    def axis(self, place, cell):
        """The axis that the cells of a compartment lie along."""
        if place == self.plan.n_layers:
            return "neuron" if cell == "output" else "target"
        sizes, width = self.sizes(place), self.cells[place][cell].shape[1]
        if cell in FORWARD_CELLS:
            return AXIS_OF.get(cell, "neuron")
        if cell == "drive_above":
            return "above"
        if sizes.get(cell) == width:
            return cell
        for wire in self.plan.rule.wires:
            kind = self.synapses[place].get(wire.through)
            if kind is not None and cell in (wire.into, wire.source):
                return kind.axes[0 if cell == wire.into else 1]
        return next((axis for axis, size in sizes.items() if size == width), cell)

    def perceived(self, layers=None, **changed):
        """Compartments after some arguments of ``perceive`` were changed."""
        arguments = {
            "forward": [{name: held[name] for name in FORWARD_CELLS} for held in self.cells[:-1]],
            "target": self.batch.target,
            "error": self.cells[-1]["error"],
        } | changed
        return self.plan.rule.perceive(layers or self.layers, **arguments)

    def wires(self):
        """Whether wires run through the layer's own synapses, and are all that currents are."""
        for place, held in enumerate(self.cells[:-1]):
            for wire in self.plan.rule.wires:
                into, own = self.name(place, wire.into), self.layers[place]
                yield Finding(into, f"synapses: {wire.through}", True, wire.through in own)
                if wire.through in own and {wire.into, wire.source} <= held.keys():
                    total = held[wire.source] @ own[wire.through].T
                    same = _close(total, held[wire.into])
                    yield Finding(into, "more than its wire", not same, False)
        for above, arrays in enumerate(self.layers):
            for name in (name for name in FORWARD_ARRAYS if name in arrays):
                layers = _replaced(self.layers, above, name, arrays[name] + 1)
                carried = f"forward weights: {self.name(above, name)}"
                found = [
                    Finding(self.name(place, cell), carried, True, False)
                    for place, held in enumerate(self.perceived(layers))
                    for cell in _differing(held, self.cells[place])
                ]
                yield from found or [Finding("any current", carried, False, False)]

    def currents(self):
        """Whether anything reaches a neuron but along wires."""
        for place in range(self.plan.n_layers):
            yield from self._along_wires(place)
            yield from self._beside_wires(place)

    def _along_wires(self, place):
        """Change what conducts one current of one neuron: others hold what they held."""
        sources = {wire.source for wire in self.plan.rule.wires}
        for wire in self.plan.rule.wires:
            through = self.layers[place].get(wire.through)
            if through is None or wire.into in sources or wire.into not in self.cells[place]:
                continue
            if self.axis(place, wire.into) != "neuron":
                continue
            at = self._excited(place)[1]
            changed = through.copy()
            changed[at] += 1 + np.sqrt(np.arange(changed.shape[1]))
            held = self.perceived(_replaced(self.layers, place, wire.through, changed))[place]
            yield from self._reaching(place, held, at, f"another {wire.into}", self.cells[place])

    def _beside_wires(self, place):
        """Change what a neuron holds, an input, a target or an error, with its wires cut."""
        row, neuron = self._excited(place)
        for cell in FORWARD_CELLS:
            at = (row, 0 if cell == "input" else neuron)
            forward = [{n: held[n] for n in FORWARD_CELLS} for held in self.cells[:-1]]
            forward[place][cell] = _moved(forward[place][cell], at)
            what = f"{'any' if cell == 'input' else 'another'} {cell} beside wires"
            yield from self._compared(place, cell, what, neuron, forward=forward)
        for name, array in (("target", self.batch.target), ("error", self.cells[-1]["error"])):
            moved = {name: _moved(array, (row, 0))}
            yield from self._compared(place, name, f"any {name} beside wires", None, **moved)

    def _compared(self, place, source, quantity, neuron, **changed):
        """Findings on a change of ``source``, where no wire carries it on.

        In the layer itself with the wires cut that start there; in the others with all theirs cut.
        """
        here = self._cut(lambda other, wire: other == place and wire.source == source)
        plain, moved = self.perceived(here), self.perceived(here, **changed)
        spared = None if source == "input" else neuron
        yield from self._reaching(place, moved[place], spared, quantity, plain[place])
        there = self._cut(lambda other, wire: other != place)
        plain, moved = self.perceived(there), self.perceived(there, **changed)
        for other in set(range(self.plan.n_layers)) - {place}:
            yield from self._reaching(other, moved[other], None, quantity, plain[other])

    def _cut(self, condition):
        """Arrays of all layers, zero where ``condition(place, wire)`` says so."""
        layers = [dict(arrays) for arrays in self.layers]
        for place, arrays in enumerate(layers[:-1]):
            for wire in self.plan.rule.wires:
                if wire.through in arrays and condition(place, wire):
                    arrays[wire.through] = 0 * arrays[wire.through]
        return layers

    def _reaching(self, place, held, neuron, quantity, plain):
        """Findings on the compartments of neurons, but for one neuron, against what they held."""
        found = []
        for cell in held:
            if self.cells[place][cell] is not None and self.axis(place, cell) == "neuron":
                others = np.arange(held[cell].shape[1]) != (-1 if neuron is None else neuron)
                if (held[cell] != plain[cell]).any(axis=0)[others].any():
                    found.append(Finding(self.name(place, cell), quantity, True, False))
        yield from found or [Finding(self.name(place, "any current"), quantity, False, False)]

    def _excited(self, place):
        """A row and a neuron with a large update."""
        drive = np.abs(self.cells[place]["drive"])
        return np.unravel_index(drive.argmax(), drive.shape)

    def means(self):
        """Whether a neuron's mean activity moves with that neuron alone, Eq. (24)."""
        if not self.plan.centered:
            return
        for place in range(self.plan.n_layers):
            neuron, found = self._excited(place)[1], []
            for shift in (0.0, 1.0):
                engine = self.fresh()
                engine.labile[place]["basal_intercepts"][neuron] += shift
                engine.perceive(engine.layers(), self.batch, centering=0.5)
                found.append(engine.labile[place]["mean_activity"].copy())
            differs = found[0] != found[1]
            own = np.arange(len(differs)) == neuron
            path = self.name(place, "mean_activity")
            yield Finding(path, "its own fired", bool(differs[own].any()), True)
            yield Finding(path, "another fired", bool(differs[~own].any()), False)

    def updates(self):
        """Which compartments and arrays the updates of each layer depend on."""
        for place, (layer, held) in enumerate(zip(self.layers, self.cells, strict=True)):
            engine = self.fresh()
            plain = self._changes(engine, place, layer, held)
            for cell in held:
                if held[cell] is not None and cell != "drive":
                    changes = self._changes(engine, place, layer, self._moved_cell(place, cell))
                    yield from self._on_cell(place, cell, plain, changes)
            yield from self._on_arrays(engine, place, plain)

    def _changes(self, engine, place, layer, held):
        changes = engine.changes(place, layer, held, self.batch.share)
        return {name: np.array(direction) for name, direction in changes.items()}

    def _at(self, place, cell):
        """The entry of a compartment that is changed."""
        array = self.cells[place][cell]
        if cell == "gate":
            return int(array.argmax()), 0
        if place < self.plan.n_layers and array.shape[1] == self.sizes(place)["neuron"]:
            return self._excited(place)
        rows = _dense(array)
        row = self._excited(place)[0] if place < self.plan.n_layers else 0
        return row, int(np.abs(rows[row]).argmax())

    def _moved_cell(self, place, cell):
        """What a layer holds, with one entry of a compartment changed."""
        held = dict(self.cells[place])
        held[cell] = _moved(held[cell], self._at(place, cell))
        if "drive" in held:
            held["drive"] = held["slope"] * held["teaching"]
        return held

    def _on_cell(self, place, cell, plain, changes):
        at = self._at(place, cell)[1]
        for name, before in plain.items():
            kind, differs = self.synapses[place][name], changes[name] != before
            path = self.name(place, name)
            if cell == "gate":
                yield Finding(path, "gate (broadcast)", bool(differs.any()), True)
                continue
            own = np.zeros(before.shape, dtype=bool)
            axis = self.axis(place, cell)
            for i in (i for i, along in enumerate(kind.axes) if along == axis):
                np.moveaxis(own, i, 0)[at] = True
            if own.any():
                may = cell in kind.sees
                yield Finding(path, f"its own {cell}", bool(differs[own].any()), may)
            if not own.all():
                yield Finding(path, f"another {cell}", bool(differs[~own].any()), False)

    def _on_arrays(self, engine, place, plain):
        """Findings on weights and traces: a synapse may see its own."""
        depends = {name: [False, False] for name in plain}
        for moved, array in self.layers[place].items():
            at = np.unravel_index(np.abs(array).argmax(), array.shape)
            layer = self.layers[place] | {moved: _moved(array, at)}
            changes = self._changes(engine, place, layer, self.cells[place])
            axes = getattr(self.synapses[place].get(moved), "axes", None)
            for name, before in plain.items():
                differs = changes[name] != before
                own = np.zeros(before.shape, dtype=bool)
                if axes == self.synapses[place][name].axes:
                    own[at] = True
                depends[name][0] |= bool(differs[own].any())
                depends[name][1] |= bool(differs[~own].any())
        for name, (own, other) in depends.items():
            yield Finding(self.name(place, name), "its own weight", own, True)
            yield Finding(self.name(place, name), "another weight", other, False)

    def broadcast(self):
        """What the gate of each layer is made of, and whether it is one number a row."""
        error, share, readout = self.cells[-1]["error"], self.batch.share, self.plan.readout
        for place, held in enumerate(self.cells[:-1]):
            if held["gate"] is None:
                continue
            path, one = self.name(place, "gate"), held["gate"].shape == (len(share), 1)
            teaching = _moved(held["teaching"], self._excited(place))
            parts = {
                "teaching": (teaching, error),
                "error": (held["teaching"], _moved(error, (0, 0))),
            }
            for quantity, (signal, missed) in parts.items():
                other = gate(self.plan.modulation, signal, missed, share, readout)
                depends = not np.array_equal(other, held["gate"])
                yield Finding(path, f"any {quantity}", depends, one)
        read = scores(self.layers[-1], self.cells[-1]["output"])
        errors = [
            readout.error(found, self.batch.truth, share)[0]
            for found in (read, _moved(read, (0, 0)))
        ]
        differs = errors[0] != errors[1]
        softmax = readout.activation == "softmax"
        yield Finding("error_", "its own score", bool(differs[0, 0]), True)
        if differs.shape[1] > 1:
            yield Finding("error_", "another score", bool(differs[0, 1:].any()), softmax)

    def steps(self):
        """Whether a step is made of the synapse's own update, weight and history."""
        directions = [
            self._changes(self.fresh(), place, layer, held)
            for place, (layer, held) in enumerate(zip(self.layers, self.cells, strict=True))
        ]
        plain = self._moved_by(directions)
        for place, changes in enumerate(directions):
            for name, direction in changes.items():
                at = np.unravel_index(np.abs(direction).argmax(), direction.shape)
                other = [dict(part) for part in directions]
                other[place][name] = _moved(direction, at)
                after = self._moved_by(other)
                path, own = self.name(place, name), after[place, name][at]
                changed = bool(own != plain[place, name][at])
                yield Finding(path, "its own update", changed, True)
                after[place, name][at] = plain[place, name][at]
                depends = any((after[key] != plain[key]).any() for key in plain)
                yield Finding(path, "another update", depends, False)

    def _moved_by(self, directions):
        """Arrays after a step, by place and name, those that learn and their averages together."""
        engine = self.fresh()
        engine.n_updates += 1
        engine.move([dict(part) for part in directions], self.rates)
        return {
            (place, name): np.array(array)
            for place, arrays in enumerate(engine.labile)
            for name, array in arrays.items()
        }

    def engine(self):
        """Whether the code that trains does what the parts that were looked at do together."""
        rows = slice(0, min(LEARNT_ROWS, len(self.batch.share)))
        found = []
        for kind in (type(self.trainer.engine), Reference):
            engine = kind(self.plan._replace(dtype=np.dtype(np.float64)), _in_float64(self.state))
            self._learn(engine, rows)
            found.append(engine.labile)
        for place, kinds in enumerate(self.synapses):
            for name, kind in kinds.items():
                trained, composed = (labile[place][name] for labile in found)
                path = self.name(place, name)
                if kind.sees:
                    same = _close(trained, composed)
                    yield Finding(path, "anything but these parts", not same, False)

    def _learn(self, engine, rows):
        """Learn some rows, in one batch or one by one."""
        x, target, truth, share = (
            array.astype(np.float64) for array in (self.batch.x, *self.batch[1:4])
        )
        one_by_one = self.trainer.engine.by_rows
        parts = [slice(i, i + 1) for i in range(rows.stop)] if one_by_one else [rows]
        if engine.by_rows:
            parts = [rows]
        seen = self.trainer.n_seen
        for part in parts:
            size = part.stop - part.start
            batch = self.batch._replace(
                x=x[part],
                target=target[part],
                truth=truth[part],
                share=np.full(size, 1 / size, share.dtype),
                weight=float(size),
            )
            n_seen = seen + np.arange(size) if engine.by_rows else seen + part.start
            n_rows = 1 if one_by_one else self.plan.batch_size
            rates = self.trainer.schedule.rates(n_seen, engine.n_updates, n_rows)
            engine.learn(batch, rates)


def _in_float64(tree):
    """A state, or a part of one, with its arrays in float64."""
    if isinstance(tree, dict):
        return {name: _in_float64(part) for name, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*map(_in_float64, tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map(_in_float64, tree))
    return tree.astype(np.float64) if isinstance(tree, np.ndarray) else tree


def _dense(array):
    return array.toarray() if issparse(array) else array


def _moved(array, at):
    """A copy of an array with one entry changed."""
    moved = np.array(_dense(array))
    moved[at] += 1 + np.abs(moved[at])
    return type(array)(moved) if issparse(array) else moved


def _replaced(layers, place, name, array):
    """Arrays of all layers, with one array exchanged."""
    return [arrays | {name: array} if i == place else arrays for i, arrays in enumerate(layers)]


def _differing(held, plain):
    """Compartments, of those in both, that do not hold the same."""
    for cell in held:
        if cell != "input" and not np.array_equal(held[cell], plain[cell]):
            yield cell


def _close(one, other):
    """Whether two arrays are the same to rounding."""
    largest = max(1.0, np.abs(other).max(initial=0))
    return np.allclose(one, other, rtol=0, atol=np.finfo(other.dtype).eps ** 0.75 * largest)
