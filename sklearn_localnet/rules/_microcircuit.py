"""The cortical microcircuit of arXiv 2011.15031: apical targets less interneuron inhibition."""

import math
from numbers import Integral
from typing import Literal

import numpy as np

from . import _equations as eq
from ._gain import gain_spectrum
from ._rule import Rule, Synapse, Wire, check_number

TRACE_RATE = 0.1  # rho, the rate at which a trace of the gain update forgets
DIFFERENCE = 0.5  # of R from Q^T at the start, against Q; from one on, inhibition may excite
MODES = ("tied", "decoupled", "target")
COUNTS = ("auto", "n_targets", "n_hidden")
SPARE_INTERNEURONS = 8  # of "auto", beside half as many as target columns


class Microcircuit(Rule):
    r"""Golkar et al., arXiv 2011.15031: each layer hears the target, and inhibits what it says.

    The apical dendrites carry the target to the layer, a = W2^T y. Interneurons are active as n =
    R z and inhibit them by Q n. The plateau potential p = a - Q n teaches the basal synapses, Eqs.
    (5) and (9). The circuit's own synapses change by Eqs. (6), (7) or (21), and (22). No prediction
    and no error enters. In a stack every layer hears the same target and is a circuit by itself,
    which takes the centred output of the layer below as its input.

    With ``gain_damping`` kappa, inhibition is (Q + kappa D)(R + kappa D') z, where D is a running
    mean of what Eq. (7) changes, and D' of what Eq. (22) does. At rest both are zero.

    Parameters
    ----------
    apical_rate : float in (0, 1], default=0.002
        eta_2 of Eq. (6), an absolute rate.
    interneuron_rate : float in (0, 1], default=0.0025
        eta_q = eta / tau of Eqs. (7), (21) and (22), an absolute rate. Below ``apical_rate``, gains
        grow beyond their limit.
    warmup : int, default=2500
        Updates over which both rates rise, as the square of the number of updates, so that basal
        synapses are ahead of the circuit that teaches them; 0 is rates that do not rise, as
        published.
    gain_damping : float, default=0.0
        kappa, the part of the averaged gain update that inhibition feels at once; 0 is Eq. (7) as
        published. It does not move the fixed points.
    n_interneurons : int, "auto", "n_targets" or "n_hidden", default="auto"
        Interneurons of a layer: a number (at most as many as the layer has neurons are made), one
        a target column, or as many as neurons, as in the paper. "auto" is 8 and one more for every
        two target columns, but one a target column at least and as many as neurons at most.
    interneurons : {"tied", "decoupled", "target"}, default="tied"
        "tied" holds R = Q^T, Eq. (7); "decoupled" learns R on its own, Eqs. (21) and (22);
        "target" drives one interneuron by each target column, dQ = z y^T - Q, without damping: a
        departure from the paper.

    References
    ----------
    S. Golkar, D. Lipshutz, Y. Bahroun, A. M. Sengupta, D. B. Chklovskii, "A biologically plausible
    neural network for local supervision in cortical microcircuits", arXiv 2011.15031, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> from sklearn_localnet.rules import Microcircuit
    >>> X, y = load_iris(return_X_y=True)
    >>> rule = Microcircuit(n_interneurons=8)
    >>> network = LocalRuleClassifier(20, rule=rule, tol=0.01, random_state=0).fit(X, y)
    >>> network.layers_[0].interneuron_weights.shape
    (20, 8)
    """

    shaping = ("n_interneurons", "interneurons")
    shown = ("basal", "output", "interneuron", "inhibition", "apical", "plateau")
    wires = (
        Wire("apical", "apical_weights", "target"),
        Wire("interneuron", "pyramidal_to_interneuron_weights", "output"),
        Wire("damped_interneuron", "damped_back_weights", "output"),
        Wire("inhibition", "damped_interneuron_weights", "damped_interneuron"),
    )

    def __init__(
        self,
        *,
        apical_rate: float = 0.002,
        interneuron_rate: float = 0.0025,
        warmup: int = 2500,
        gain_damping: float = 0.0,
        n_interneurons: int | Literal["auto", "n_targets", "n_hidden"] = "auto",
        interneurons: Literal["tied", "decoupled", "target"] = "tied",
    ) -> None:
        self.apical_rate = apical_rate
        self.interneuron_rate = interneuron_rate
        self.warmup = warmup
        self.gain_damping = gain_damping
        self.n_interneurons = n_interneurons
        self.interneurons = interneurons

    def check(self) -> None:
        """Raise TypeError or ValueError naming a parameter that is out of its range."""
        for name in ("apical_rate", "interneuron_rate"):
            check_number(
                getattr(self, name), name, min_val=0, max_val=1, include_boundaries="right"
            )
        check_number(self.warmup, "warmup", Integral, min_val=0)
        check_number(self.gain_damping, "gain_damping", min_val=0)
        if self.interneurons not in MODES:
            raise ValueError(f"interneurons == {self.interneurons!r}, must be one of {MODES}.")
        count = self.n_interneurons
        if isinstance(count, (bool, np.bool_)) or not isinstance(count, (Integral, str)):
            raise TypeError(f"n_interneurons must be an int or one of {COUNTS}, got {count!r}.")
        if isinstance(count, str) and count not in COUNTS:
            raise ValueError(f"n_interneurons == {count!r}, must be an int or one of {COUNTS}.")
        if not isinstance(count, str):
            check_number(count, "n_interneurons", Integral, min_val=1)

    @property
    def synapses(self):
        """The circuit's own kinds of synapses."""
        joins, sees = ("neuron", "interneuron"), frozenset({"output", "interneuron"})
        if self.interneurons == "target":
            joins, sees = ("neuron", "target"), frozenset({"output", "target"})
        kinds = {
            "apical_weights": Synapse(
                ("neuron", "target"), frozenset({"output", "target"}), "apical_rate"
            ),
            "interneuron_weights": Synapse(joins, sees, "interneuron_rate"),
        }
        if self.damping:
            kinds["gain_trace"] = Synapse(joins, sees, TRACE_RATE, trace=True)
        if self.interneurons == "decoupled":
            back = Synapse(joins[::-1], sees, "interneuron_rate")
            kinds["pyramidal_to_interneuron_weights"] = back
            if self.damping:
                kinds["back_trace"] = back._replace(rate=TRACE_RATE, trace=True)
        return kinds

    @property
    def tied(self):
        """R where it is Q^T."""
        return () if self.interneurons == "decoupled" else ("pyramidal_to_interneuron_weights",)

    @property
    def damping(self):
        """The kappa in force."""
        return 0.0 if self.interneurons == "target" else self.gain_damping

    def start(self, rng, layers, batch):
        """Yield W2^T, Q and R of each layer, near equilibrium.

        Their singular values are the spread of the targets, which is where Sec. A has them when
        the target is predictable, in random directions that they share. A decoupled R differs
        from Q^T by `DIFFERENCE` of that, in directions of its own.
        """
        n = batch.target.shape[1]
        power = np.mean(batch.target.astype(np.float64) ** 2, axis=1)
        spread = math.sqrt(batch.share @ power) or 0.5
        for layer in layers[:-1]:
            k = layer["basal_weights"].shape[0]
            yield self._start_layer(rng, spread, k, n, self._count(k, n))

    def _count(self, k, n):
        if self.interneurons == "target" or self.n_interneurons == "n_targets":
            return n
        if self.n_interneurons == "auto":
            return min(k, max(n, n // 2 + SPARE_INTERNEURONS))
        return k if self.n_interneurons == "n_hidden" else min(k, int(self.n_interneurons))

    def _start_layer(self, rng, spread, k, n, count):
        frame = orthonormal(k, min(k, max(n, count)), rng)
        apical = spread * (frame[:, :n] if n <= k else frame @ orthonormal(k, n, rng))
        inter = spread * (frame[:, :count] if count <= k else frame @ orthonormal(k, count, rng))
        inter = apical if count == n else inter
        arrays = {"apical_weights": apical, "interneuron_weights": inter}
        if self.damping:
            arrays["gain_trace"] = np.zeros((k, count))
        if self.interneurons == "decoupled":
            difference = DIFFERENCE * spread * orthonormal(count, k, rng)
            arrays["pyramidal_to_interneuron_weights"] = inter.T + difference
            if self.damping:
                arrays["back_trace"] = np.zeros((count, k))
        return arrays

    def grown(self, layer, columns):
        """Q and R where each new target has an interneuron that starts as its apical synapses.

        Two columns in the place of one have twice its power, and so has QR. What "auto" has beyond
        the interneurons that were there starts as in `start`.
        """
        if self.interneurons == "target":
            return {}
        power = math.sqrt(2) if columns.split else 1.0
        first, starts = columns.source.max() + 1, layer["apical_weights"][:, columns.new]
        arrays = {}
        for name, kind in self.synapses.items():
            if name in layer and "interneuron" in kind.axes:
                arrays[name] = array = power * layer[name]
                free = array if kind.axes[1] == "interneuron" else array.T
                free = free[:, first : first + starts.shape[1]]
                free[...] = 0 if kind.trace else starts[:, : free.shape[1]]
        return arrays

    def derived(self, layer):
        """R where it is Q^T, and what inhibition feels, Q + kappa D and R + kappa D'."""
        inter = layer["interneuron_weights"]
        back = layer.get("pyramidal_to_interneuron_weights", inter.T)
        damped, damped_back = inter, back
        if "gain_trace" in layer:
            damped = inter + self.gain_damping * layer["gain_trace"]
            damped_back = damped.T
            if "back_trace" in layer:
                damped_back = back + self.gain_damping * layer["back_trace"]
        return {
            "pyramidal_to_interneuron_weights": back,
            "damped_interneuron_weights": damped,
            "damped_back_weights": damped_back,
        }

    def perceive(self, layers, forward, target, error):
        """Apical current, interneurons, inhibition and the plateau potential of each layer."""
        return [
            self._circuit(layer, cells, target)
            for layer, cells in zip(layers[:-1], forward, strict=True)
        ]

    def _circuit(self, layer, cells, target):
        z, back = cells["output"], layer["pyramidal_to_interneuron_weights"]
        damped_back = layer["damped_back_weights"]
        a = eq.apical_current(layer["apical_weights"], target)
        n = eq.interneuron_activity(back, z)
        damped = n if damped_back is back else eq.interneuron_activity(damped_back, z)
        inhibition = eq.inhibitory_current(layer["damped_interneuron_weights"], damped)
        p = eq.plateau_potential(a, inhibition)
        return cells | {
            "target": target,
            "apical": a,
            "interneuron": n,
            "damped_interneuron": damped,
            "inhibition": inhibition,
            "plateau": p,
            "teaching": p,
        }

    def changes(self, layer, cells, share):
        """Eqs. (6), (7), (21) and (22), and the traces of the last three."""
        z, y = cells["output"], cells["target"]
        inter = layer["interneuron_weights"]
        apical_change = eq.apical_update(layer["apical_weights"], z, y, share)
        if self.interneurons == "target":
            change = eq.apical_update(inter, z, y, share)
        else:
            change = eq.interneuron_update(inter, z, cells["interneuron"], share)
        directions = {"apical_weights": apical_change, "interneuron_weights": change}
        if "gain_trace" in layer:
            directions["gain_trace"] = change - layer["gain_trace"]
        if self.interneurons == "decoupled":
            back = layer["pyramidal_to_interneuron_weights"]
            change = eq.pyramidal_to_interneuron_update(back, z, cells["interneuron"], share)
            directions["pyramidal_to_interneuron_weights"] = change
            if "back_trace" in layer:
                directions["back_trace"] = change - layer["back_trace"]
        return directions

    def gains(self, layer, output, share):
        """Eigenvalues of mean z z^T within the span of Q, which gain control holds at one."""
        return gain_spectrum(output, share, layer["interneuron_weights"])


def orthonormal(n_rows, n_columns, rng):
    """Random matrix whose columns (or rows, where these are fewer) are orthonormal."""
    tall = rng.standard_normal((max(n_rows, n_columns), min(n_rows, n_columns)))
    frame = np.linalg.qr(tall)[0]
    return frame if n_rows >= n_columns else frame.T
