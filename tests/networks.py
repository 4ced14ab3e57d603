"""Networks and batches to hold engines to one another, and the update as a textbook writes it."""

import math

import numpy as np
from sklearn.metrics import log_loss

from sklearn_localnet.network._network import Batch, State, make_plan
from sklearn_localnet.network._readout import make_readout
from sklearn_localnet.network._start import start
from sklearn_localnet.network._steps import Rates
from sklearn_localnet.rules import Microcircuit

RATES = Rates(step=0.03, divisor=2.0, centering=0.11, weight_decay=0.013, span=1000)
ROWS, FEATURES, HIDDEN, TARGETS = 11, 6, 5, 3
RULE = {"apical_rate": 0.1, "interneuron_rate": 0.14, "n_interneurons": "n_targets"}


def make(rule=None, output="identity", hebbian=False, hidden=(HIDDEN,), **changes):
    """A plan; ``rule`` is a rule, or a dict of parameters of the microcircuit."""
    if rule is None or isinstance(rule, dict):
        rule = Microcircuit(**{**RULE, "gain_damping": 0.3, **(rule or {})})
    fields = {
        "layer_sizes": (FEATURES, *hidden, TARGETS),
        "activation": "tanh",
        "rule": rule,
        "readout": make_readout("hebbian" if hebbian else "delta", output, rule),
        "modulation": None,
        "centered": True,
        "fit_intercept": True,
        "batch_size": ROWS,
        "solver": "sgd",
        "beta_1": 0.5,
        "beta_2": 0.99,
        "epsilon": 1e-8,
        "dtype": np.dtype(np.float64),
    }
    return make_plan(**{**fields, **changes})


def make_batches(plan, n_batches=3, seed=0):
    """Batches with uneven shares, one of them zero."""
    rng, n = np.random.default_rng(seed), plan.layer_sizes[-1]
    offset = rng.uniform(0.1, 0.4, n)
    batches = []
    for _ in range(n_batches):
        x = 3 * rng.standard_normal((ROWS, FEATURES))
        x[np.abs(x) < 1] = 0
        if plan.readout.activation == "softmax":
            columns = np.eye(n)[rng.integers(n, size=ROWS)]
        elif plan.readout.activation == "logistic":
            columns = rng.integers(2, size=(ROWS, n)).astype(float)
        else:
            columns = offset + rng.standard_normal((ROWS, n))
        share = rng.dirichlet(np.ones(ROWS))
        share[2] = 0
        target = columns - offset
        truth = plan.readout.truth(columns, target)
        batches.append(Batch(x, target, truth, share / share.sum(), 1.0))
    return batches


def started(plan, batch, seed=1):
    """A state with no synapse at a special value."""
    state = start(plan, batch, np.random.default_rng(seed), enough=plan.batch_size > 1)
    rng = np.random.default_rng(seed + 1)
    labile = []
    for place, arrays in enumerate(state.labile):
        kinds = plan.synapses[place]
        labile.append(
            {
                name: array + 0.1 * rng.standard_normal(array.shape)
                if kinds[name].sees and not kinds[name].trace
                else array
                for name, array in arrays.items()
            }
        )
    return state._replace(labile=labile)


def as_dtype(tree, dtype):
    """A state or a batch, or a part of one, with its arrays in another precision."""
    if isinstance(tree, dict):
        return {name: as_dtype(part, dtype) for name, part in tree.items()}
    if isinstance(tree, State | Batch):
        return type(tree)(*(as_dtype(part, dtype) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(as_dtype(part, dtype) for part in tree)
    return tree.astype(dtype) if isinstance(tree, np.ndarray) else tree


FUNCTION = {
    "identity": lambda u: u,
    "relu": lambda u: np.where(u > 0, u, 0),
    "tanh": np.tanh,
    "logistic": lambda u: 1 / (1 + np.exp(-u)),
}
SLOPE = {
    "identity": lambda u: np.ones(u.shape),
    "relu": lambda u: np.where(u > 0, 1.0, 0.0),
    "tanh": lambda u: 1 - np.tanh(u) ** 2,
    "logistic": lambda u: np.exp(-u) / (1 + np.exp(-u)) ** 2,
}


class Textbook:
    """Stacked microcircuits as formulas say them, with no function of the package."""

    def __init__(self, plan, state):
        self.plan = plan
        self.layers = [dict(arrays) for arrays in state.labile[:-1]]
        self.readout = dict(state.labile[-1])
        self.n = 0
        self.moments = {}
        self.powers = [0.0] * plan.n_layers
        self.inputs = [
            (scale["input_size"] * layer.get("input_limits", 10.0) / 10, scale["active_inputs"])
            for layer, scale in zip(self.layers, state.scales, strict=True)
        ]
        self.average = self.weights()

    def weights(self):
        """Arrays by layer and name."""
        found = {(i, n): w for i, layer in enumerate(self.layers) for n, w in layer.items()}
        return found | {("readout", n): w for n, w in self.readout.items()}

    def learn(self, batch, rates):
        """Loss before the update; arrays are exchanged for new ones."""
        plan, s = self.plan, batch.share
        adaptive = plan.solver == "adam"
        self.n += 1
        x, found = batch.x, []
        if adaptive:
            limits = self.layers[0]["input_limits"]
            x = np.minimum(np.maximum(x, -limits), limits)
        for layer in self.layers:
            u = x @ layer["basal_weights"].T + layer["basal_intercepts"]
            fired, mean = FUNCTION[plan.activation](u), layer["mean_activity"]
            if plan.centered:
                mean = mean + weighted(rates.centering, rates) * (s @ fired - mean)
            found.append((x, SLOPE[plan.activation](u), fired - mean, mean))
            x = fired - mean
        error, loss, surprise = self.read(x, batch)
        new = [
            self.change_layer(i, batch.target, s, rates, surprise, *held)
            for i, held in enumerate(found)
        ]
        kept = (1 - rates.weight_decay) ** self.n_slow()
        if self.readout:
            pace = rates.step * (1.5 * math.sqrt(len(self.layers[-1]["basal_weights"])))
            pace = pace if adaptive else rates.step
            weights, intercepts = self.readout.values()
            self.readout = {
                "readout_weights": kept * weights
                + pace * self.step("W", rates.weight * (error * s[:, None]).T @ x),
                "readout_intercepts": intercepts + pace * self.step("b", rates.weight * s @ error),
            }
        self.layers = new
        self.follow(rates.span)
        return loss

    def read(self, z, batch):
        """Error of the readout, loss, and how unlikely the truth of each row was."""
        s, output = batch.share, self.plan.readout.activation
        if not self.readout:  # W2 of the last layer reads
            scores = z @ self.layers[-1]["apical_weights"]
        else:
            scores = z @ self.readout["readout_weights"].T + self.readout["readout_intercepts"]
        if output == "identity":
            error = batch.truth - scores
            row = np.sum(error**2, axis=1)
            return error, s @ row, 1 - np.exp(-0.5 * row)
        if output == "softmax":
            chance = np.exp(scores) / np.exp(scores).sum(axis=1)[:, None]
            labels = np.argmax(batch.truth, axis=1)
            loss = log_loss(labels, chance, sample_weight=s, labels=np.arange(chance.shape[1]))
            return batch.truth - chance, loss, 1 - np.sum(batch.truth * chance, axis=1)
        chance = 1 / (1 + np.exp(-scores))
        loss = sum(
            log_loss(batch.truth[:, o], chance[:, o], sample_weight=s, labels=[0, 1])
            for o in range(chance.shape[1])
        )
        return batch.truth - chance, loss, np.mean(np.abs(batch.truth - chance), axis=1)

    def change_layer(self, i, y, s, rates, surprise, x, slope, z, mean):
        """The arrays of one layer after the update."""
        plan, rule, w = self.plan, self.plan.rule, self.layers[i]
        adaptive = plan.solver == "adam"
        Q, W2T = w["interneuron_weights"], w["apical_weights"]
        R = w.get("pyramidal_to_interneuron_weights", Q.T)
        D = w.get("gain_trace", 0 * Q)
        E = w.get("back_trace", D.T)
        kappa = 0 if rule.interneurons == "target" else rule.gain_damping
        n = z @ R.T
        p = y @ W2T.T - (z @ (R + kappa * E).T) @ (Q + kappa * D).T
        if plan.modulation == "plateau":
            size = np.linalg.norm(p, axis=1)
            p = p * gate(np.clip(size - 0.5 * (s @ size), 0, s @ size), s)
        if plan.modulation == "surprise":
            p = p * gate(0.1 + surprise, s)
        p = p * slope
        size, active = self.inputs[i]
        largest = rates.step
        if adaptive:
            power = np.sum(s[:, None] * p**2) / p.shape[1]
            self.powers[i] += max(0.01, 1 / self.n) * (power - self.powers[i])
            p = p / math.sqrt(self.powers[i])
            largest = min(rates.step, min(0.1, 1 / math.sqrt(p.shape[1])) / active)
        unit = size if adaptive else 1.0
        kept = (1 - rates.weight_decay) ** self.n_slow()

        def mean_of(left, right):
            return sum(s[t] * np.outer(left[t], right[t]) for t in range(len(s)))

        dQ = mean_of(z, y if rule.interneurons == "target" else n) - Q
        dR = mean_of(n, z) - R
        eta_2 = weighted(rule.apical_rate / rates.divisor, rates)
        eta_q = weighted(rule.interneuron_rate / rates.divisor, rates)
        step = self.step(("basal", i), rates.weight * mean_of(p, x / unit))
        new = {
            "basal_weights": kept * w["basal_weights"] + largest / unit * step,
            "basal_intercepts": w["basal_intercepts"],
            "mean_activity": mean,
            "apical_weights": W2T + eta_2 * (mean_of(z, y) - W2T),
            "interneuron_weights": Q + eta_q * dQ,
        }
        if "input_limits" in w:
            new["input_limits"] = w["input_limits"]
        if plan.fit_intercept:
            new["basal_intercepts"] = new["basal_intercepts"] + rates.step * self.step(
                ("intercepts", i), rates.weight * s @ p
            )
        if "gain_trace" in w:
            new["gain_trace"] = D + weighted(0.1, rates) * (dQ - D)
        if rule.interneurons == "decoupled":
            new["pyramidal_to_interneuron_weights"] = R + eta_q * dR
        if "back_trace" in w:
            new["back_trace"] = E + weighted(0.1, rates) * (dR - E)
        return new

    def n_slow(self):
        """Updates that decay and averages take at once: after the 64th, four every fourth."""
        if self.n <= 64:
            return 1
        return 4 if self.n % 4 == 0 else 0

    def follow(self, span):
        """Average over the last fifth of the updates, at most over ``span`` of them."""
        rate = min(1, self.n_slow() / min(max(1, self.n / 5), span))
        now = self.weights()
        self.average = {
            key: now[key] if rate == 1 else (1 - rate) * old + rate * now[key]
            for key, old in self.average.items()
        }

    def step(self, name, direction):
        """The direction itself, or that of Adam as Kingma and Ba print it."""
        plan = self.plan
        if plan.solver == "sgd":
            return direction
        m, v = self.moments.get(name, (0.0, 0.0))
        m = plan.beta_1 * m + (1 - plan.beta_1) * direction
        v = plan.beta_2 * v + (1 - plan.beta_2) * direction**2
        self.moments[name] = m, v
        # Kingma and Ba's efficient form, where epsilon joins the biased root.
        rate = math.sqrt(1 - plan.beta_2**self.n) / (1 - plan.beta_1**self.n)
        return rate * m / (np.sqrt(v) + plan.epsilon)


def weighted(rate, rates):
    """A rate of an average at a batch that weighs more or less than the mean."""
    return min(rate * rates.weight, max(rate, 0.9))


def gate(size, share):
    """Sizes of the rows, one on average over the batch."""
    return (size / (share @ size))[:, None]
