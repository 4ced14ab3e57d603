"""Training on tables: a pass over MNIST, time to accuracy, and whole fits of small tables.

Run it from the root of the repository::

    python examples/benchmarks/bench_fit.py --data DIR --json fit.json --out figures

"Pass" is an epoch over the training images of MNIST with batches of 200, for input of either
precision, one layer and two, and every rule: the first epoch, with checks and start, and one of the
two that follow. "Rate" is the share of the machine's float32 rate of matrix products that the
products of the update reach. "Accuracy" fits MLPClassifier until it stops and takes the time that
the local rules need, epoch by epoch with their defaults, to the same test accuracy. "Tables" times
whole fits with defaults.
"""

from functools import partial

import numpy as np
from _data import load_images, load_table, table_names
from _harness import (
    command_line,
    draw_ratios,
    in_turns,
    matrix_rate,
    medians,
    print_table,
    run,
    timed,
)
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_localnet import LocalRuleClassifier
from sklearn_localnet.rules import RULES

FAMILIES = {"local": LocalRuleClassifier, "mlp": MLPClassifier}
PASSES = [  # input, hidden layers, rule
    ("float32", (100,), "microcircuit"),
    ("float64", (100,), "microcircuit"),
    *(("float32", (100, 100), rule) for rule in RULES),
]
RATE_RUNS = ((256, 200), (256, 500), (256, 1000))  # hidden neurons, rows of a batch
MOST_EPOCHS = 200
QUICK_ROWS = 300


def passes(kind, X, y, hidden=100, batch=200, epochs=1, **settings):
    """Return a callable that fits some epochs."""
    settings |= {"batch_size": min(batch, len(X)), "max_iter": epochs, "random_state": 0}
    return lambda: kind(hidden_layer_sizes=hidden, **settings).fit(X, y)


def time_passes(X, y, repeats):
    """Seconds of a pass of either family, the first and a later one."""
    results = {}
    for dtype, hidden, rule in PASSES:
        typed, label = X.astype(dtype), f"{dtype}, {' '.join(map(str, hidden))}, {rule}"
        settings = {"local": {"rule": rule}, "mlp": {}}
        tasks = {
            (name, epochs): passes(kind, typed, y, hidden, epochs=epochs, **settings[name])
            for name, kind in FAMILIES.items()
            for epochs in (1, 3)
        }
        seconds = medians(in_turns(tasks, repeats))
        results[label] = {
            name: (seconds[name, 1], (seconds[name, 3] - seconds[name, 1]) / 2) for name in FAMILIES
        }
    print_table(
        "One pass over MNIST in batches of 200 rows, the first and a later one",
        ["input, hidden neurons, rule", "local rules, s", "MLPClassifier, s", "ratio"],
        [
            (
                label,
                *(", ".join(f"{s:.3f}" for s in r[name]) for name in FAMILIES),
                ", ".join(f"{a / b:.2f}" for a, b in zip(r["local"], r["mlp"], strict=True)),
            )
            for label, r in results.items()
        ],
    )
    return results


def products(n_rows, n_features, hidden, n_targets=10):
    """Floating-point operations of one epoch's matrix products.

    W1 x and its update; readout, apical current and their updates, and the four of the
    interneurons, which are as many as targets.
    """
    return 2 * n_rows * hidden * (2 * n_features + 8 * n_targets)


def time_rates(X, y, repeats, size):
    """Share of the rate of matrix products that a pass reaches, start and checks included."""
    limit, results = matrix_rate(np.float32, size), {}
    for hidden, batch in RATE_RUNS:
        kind = LocalRuleClassifier
        seconds = medians(in_turns({"pass": passes(kind, X, y, hidden, batch)}, repeats))["pass"]
        share = products(*X.shape, hidden) / seconds / limit
        results[f"{hidden}, {batch}"] = {"seconds": seconds, "share": share}
    print_table(
        "One pass over MNIST in float32 and the rate of matrix products",
        ["hidden, batch", "seconds", "share of the rate"],
        [(name, f"{r['seconds']:.3f}", f"{r['share']:.2f}") for name, r in results.items()],
    )
    return results


def time_to_accuracy(name, args):
    """Seconds of MLPClassifier's whole fit, and of the local rules to its test accuracy."""
    data = load_images(name, args.data)
    X, y, X_test, y_test = (a[: QUICK_ROWS if args.quick else None] for a in data)
    most = 3 if args.quick else MOST_EPOCHS
    mlp = MLPClassifier(random_state=0, max_iter=most)
    mlp_seconds = timed(lambda: mlp.fit(X, y))
    # Each call goes on for one epoch more; a generator, not a seed, so that orders differ.
    rng = np.random.RandomState(0)
    local = LocalRuleClassifier(random_state=rng, max_iter=1, warm_start=True)
    goal, reached, seconds, epochs = mlp.score(X_test, y_test), 0.0, 0.0, 0
    while reached < goal and epochs < most:
        seconds += timed(lambda: local.fit(X, y))
        epochs += 1
        reached = max(reached, local.score(X_test, y_test))
    return {
        "mlp": mlp_seconds,
        "local": seconds if reached >= goal else None,
        "goal": goal,
        "reached": reached,
        "epochs": (epochs, mlp.n_iter_),
    }


def run_accuracy(args):
    """Time to accuracy on both image sets."""
    results = {name: time_to_accuracy(name, args) for name in ("mnist", "fashion_mnist")}
    print_table(
        "Time to the test accuracy at which MLPClassifier stops",
        ["images", "accuracy", "local, s", "epochs", "MLPClassifier, s", "epochs", "ratio"],
        [
            (
                name,
                f"{r['goal']:.4f}",
                f"{r['local']:.1f}" if r["local"] else f"not reached ({r['reached']:.4f})",
                r["epochs"][0],
                f"{r['mlp']:.1f}",
                r["epochs"][1],
                f"{r['local'] / r['mlp']:.2f}" if r["local"] else "",
            )
            for name, r in results.items()
        ],
    )
    return results


def run_tables(args):
    """Seconds of whole fits with defaults on scaled tables, and the median of their ratio."""
    results = {}
    limit = {"max_iter": 2} if args.quick else {}
    networks = {family: kind(random_state=0, **limit) for family, kind in FAMILIES.items()}
    for name in table_names("classification", args.data):
        X, y = load_table("classification", name, args.data)
        X = StandardScaler().fit_transform(X)
        tasks = {family: partial(network.fit, X, y) for family, network in networks.items()}
        results[name] = medians(in_turns(tasks, 1))
    ratio = float(np.median([r["local"] / r["mlp"] for r in results.values()]))
    print_table(
        f"Whole fits of tables with defaults: median ratio {ratio:.2f}",
        ["table", "LocalRuleClassifier, s", "MLPClassifier, s", "ratio"],
        [
            (name, f"{r['local']:.2f}", f"{r['mlp']:.2f}", f"{r['local'] / r['mlp']:.2f}")
            for name, r in results.items()
        ],
    )
    return {"tables": results, "median ratio": ratio}


def benchmark(args):
    """Run the parts asked for."""
    X, y, _, _ = load_images("mnist", args.data)
    X, y = (a[: QUICK_ROWS if args.quick else None] for a in (X, y))
    repeats, size = (1, 200) if args.quick else (7, 2000)
    parts = {
        "pass": lambda: time_passes(X, y, repeats),
        "rate": lambda: time_rates(X, y, repeats, size),
        "accuracy": lambda: run_accuracy(args),
        "tables": lambda: run_tables(args),
    }
    results = {part: parts[part]() for part in args.part}
    return results, lambda figure: draw(figure, results)


def draw(figure, results):
    """Draw the ratios to MLPClassifier's time."""
    ratios = {name: r["local"][1] / r["mlp"][1] for name, r in results.get("pass", {}).items()} | {
        f"accuracy, {name}": r["local"] / r["mlp"]
        for name, r in results.get("accuracy", {}).items()
        if r["local"]
    }
    if "tables" in results:
        ratios["tables, median"] = results["tables"]["median ratio"]
    draw_ratios(figure, ratios, "time over that of MLPClassifier")


if __name__ == "__main__":
    parser = command_line(__doc__)
    parts = ("pass", "rate", "accuracy", "tables")
    parser.add_argument("--part", nargs="+", choices=parts, default=parts)
    run(parser, benchmark)
