"""Learning rules side by side: one network, one optimiser, and only what teaches it exchanged.

Every rule of the package and scikit-learn's MLP, which backpropagates, learn the same rows with
the same hidden layers and seeds; everything else is each one's default. The defaults allow the
rules 100 epochs and the MLP 200; ``--epochs`` sets one number for all. ``--no-gate`` lets every row
teach alike. Run it from the root of the repository::

    python examples/benchmarks/bench_rules.py --data DIR --threads 1 --json rules.json --out FIGURES

Functions are drawn anew for each seed, a thousand rows to learn and a thousand to be scored on.
Tables are split in two halves. MNIST is learnt from the 10,000 images of its test split and scored
on the 60,000 others. Scores are accuracies, or R2 where a quantity is to be predicted. Without
``--data`` the tables are those bundled with scikit-learn, and the images come from OpenML.
"""

import json
import time

import numpy as np
from _data import load_images, load_table, table_names
from _harness import command_line, print_table, run
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor
from sklearn_localnet.rules import RULES

MODELS = (*RULES, "MLP")
SHORT = {
    "microcircuit": "micro",
    "feedback_alignment": "FA",
    "direct_feedback_alignment": "DFA",
    "kolen_pollack": "KP",
    "sign_symmetry": "sign",
    "target_propagation": "TP",
    "predictive_coding": "PC",
    "backpropagation": "BP",
}
PARTS = ("functions", "tables", "images")
SIZES = {"functions": [(100,), (100, 100)], "tables": [(100,), (100, 100)], "images": [(64,)]}
TABLES = ("car", "glass", "vehicle")
N_ROWS = 1000
TURNS = 1.25  # of each arm of the spirals
QUICK = {"rows": 100, "max_iter": 3, "parts": {"functions": 2, "tables": 1, "images": 1}}


def wave(rng, n_rows):
    """sin(2a) cos(2b) of two numbers, over a few periods."""
    X = rng.uniform(-2, 2, (n_rows, 2))
    return X, np.sin(2 * X[:, 0]) * np.cos(2 * X[:, 1])


def friedman1(rng, n_rows):
    """Friedman's first function: five inputs that count among ten, with noise."""
    return make_friedman1(n_rows, noise=1.0, random_state=rng.integers(2**31))


def checkerboard(rng, n_rows):
    """Black and white on a board of four by four."""
    X = rng.uniform(0, 4, (n_rows, 2))
    return X, np.floor(X).astype(int).sum(axis=1) % 2


def spirals(rng, n_rows):
    """Three arms that wind about one another."""
    y = np.arange(n_rows) % 3
    radius = np.sqrt(rng.uniform(0.02, 1, n_rows))
    angle = 2 * np.pi * (TURNS * radius + y / 3)
    X = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return X + 0.02 * rng.standard_normal(X.shape), y


FUNCTIONS = {f.__name__: f for f in (wave, friedman1, checkerboard, spirals)}


def is_quantity(y):
    """Whether targets are quantities to be predicted and not classes."""
    return np.issubdtype(np.asarray(y).dtype, np.floating)


def scaled(X_train, y_train, X_test, y_test):
    """Inputs and quantities of mean zero and variance one on the rows to learn."""
    scaler = StandardScaler().fit(X_train)
    if is_quantity(y_train):
        mean, deviation = y_train.mean(), y_train.std()
        y_train, y_test = (y_train - mean) / deviation, (y_test - mean) / deviation
    return scaler.transform(X_train), y_train, scaler.transform(X_test), y_test


def load(part, name, seed, args):
    """Return X_train, y_train, X_test, y_test of a task, for a seed."""
    n_rows = QUICK["rows"] if args.quick else N_ROWS
    if part == "functions":
        X, y = FUNCTIONS[name](np.random.default_rng(seed), 2 * n_rows)
        return scaled(X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:])
    if part == "tables":
        X, y = load_table("classification", name, args.data)
        halves = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
        X_train, X_test, y_train, y_test = halves
        return scaled(X_train, y_train, X_test, y_test)
    X_test, y_test, X_train, y_train = load_images(name, args.data)
    rows = slice(n_rows if args.quick else None)
    return X_train[rows], y_train[rows], X_test, y_test


def make_estimator(model, quantity, sizes, seed, args):
    """An untrained network with the defaults of its family."""
    parameters = {"hidden_layer_sizes": sizes, "random_state": seed}
    epochs = QUICK["max_iter"] if args.quick else args.epochs
    if epochs is not None:
        parameters["max_iter"] = epochs
    if model == "MLP":
        return (MLPRegressor if quantity else MLPClassifier)(**parameters)
    if args.no_gate:
        parameters["modulation"] = None
    cls = LocalRuleRegressor if quantity else LocalRuleClassifier
    return cls(rule=model, **parameters)


def measure(model, sizes, data, seed, args):
    """Score of one network on rows that it has not seen, seconds of its fit, and epochs."""
    X_train, y_train, X_test, y_test = data
    network = make_estimator(model, is_quantity(y_train), sizes, seed, args)
    start = time.perf_counter()
    network.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    return {
        "score": float(network.score(X_test, y_test)),
        "seconds": seconds,
        "epochs": int(network.n_iter_),
    }


def tasks(args):
    """Part, name and sizes of hidden layers of each task."""
    known = table_names("classification", args.data)
    chosen = {
        "functions": list(FUNCTIONS),
        "tables": [name for name in TABLES if name in known] or known,
        "images": ["mnist"],
    }
    for part in args.parts:
        names = chosen[part][: QUICK["parts"][part]] if args.quick else chosen[part]
        for sizes in SIZES[part]:
            yield from ((part, name, sizes) for name in names)


def title(name, sizes):
    """Name of a task and its hidden layers."""
    return f"{name} {'-'.join(map(str, sizes))}"


def benchmark(args):
    """Measure every model on every task, all models on the same rows, and print the means."""
    results = {}
    for part, name, sizes in tasks(args):
        records = {model: [] for model in MODELS}
        for seed in range(args.seeds):
            data = load(part, name, seed, args)
            for model in MODELS:
                records[model].append(measure(model, sizes, data, seed, args))
        results[title(name, sizes)] = records
        print(title(name, sizes), *(f"{mean(records[m]):.3f}" for m in MODELS), flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))
    print_results(results)
    return results, lambda figure: draw(figure, results)


def mean(records, what="score"):
    """Mean over seeds."""
    return float(np.mean([record[what] for record in records]))


def print_results(results):
    """One table of scores and one of seconds a fit: a line for each task, a column a model."""
    for what, digits in (("score", 3), ("seconds", 2)):
        found = {
            task: [mean(records[model], what) for model in MODELS]
            for task, records in results.items()
        }
        lines = [
            [task, *(f"{value:.{digits}f}" for value in values)]
            for task, values in [*found.items(), *mean_lines(found)]
        ]
        heads = [SHORT.get(model, model) for model in MODELS]
        print_table(f"{what.title()}, mean over seeds", ["task", *heads], lines)


def mean_lines(found):
    """Means over the tasks that have the same hidden layers, where there are several."""
    for sizes in dict.fromkeys(task.split()[-1] for task in found):
        values = [values for task, values in found.items() if task.split()[-1] == sizes]
        if len(values) > 1:
            yield f"mean of {len(values)} at {sizes}", np.mean(values, axis=0)


def draw(figure, results):
    """A point for each model and task: how far its mean score lies from the MLP's."""
    axis = figure.subplots()
    places = np.arange(len(results))
    shifts = np.linspace(-0.32, 0.32, len(RULES))  # rules that score alike stand below one another
    for model, shift in zip(RULES, shifts, strict=True):
        gaps = [mean(records[model]) - mean(records["MLP"]) for records in results.values()]
        axis.plot(gaps, places + shift, "o", ms=3, label=model.replace("_", " "))
    axis.axvline(0, color="black", linestyle=":")
    axis.hlines(places[1:] - 0.5, *axis.get_xlim(), color="lightgrey", lw=0.6)
    axis.margins(x=0)
    axis.set_yticks(places, results)
    axis.invert_yaxis()
    axis.set_xlabel("mean score less the MLP's")
    figure.legend(loc="outside right upper", frameon=False)


def main():
    """Read the options and run."""
    parser = command_line(__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="at most, the same for all")
    parser.add_argument("--no-gate", action="store_true", help="no gate on rows, for any rule")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    run(parser, benchmark)


if __name__ == "__main__":
    main()
