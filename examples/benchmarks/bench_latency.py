"""How long one row and ten thousand rows take, beside MLPClassifier.

Run it from the root of the repository::

    python examples/benchmarks/bench_latency.py --json latency.json --out figures

Both have learnt the same 1,000 rows; 100 features, 100 hidden neurons, 10 classes. Calls on one row
come a hundred at a time, each with the next row of the stream.
"""

import numpy as np
from _harness import command_line, draw_ratios, in_turns, medians, print_table, run
from sklearn.neural_network import MLPClassifier

from sklearn_localnet import LocalRuleClassifier

FEATURES, HIDDEN, CLASSES = 100, 100, 10
ROWS = {1: (100, 50), 10_000: (1, 30)}  # rows of a call: calls of a turn, turns


def fitted(kind, X, y):
    """One network that has seen a first chunk of the stream."""
    network = kind(hidden_layer_sizes=HIDDEN, random_state=0)
    return network.partial_fit(X, y, classes=range(CLASSES))


def calls(method, data, rows, n_calls):
    """A function that calls a method on the next rows of a stream, again and again."""
    parts = [[array[i * rows : (i + 1) * rows] for array in data] for i in range(n_calls)]

    def call():
        for part in parts:
            method(*part)

    return call


def benchmark(args):
    """Time each method on one row and on many."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((max(ROWS), FEATURES))
    y = rng.integers(0, CLASSES, len(X))
    networks = {
        "local": fitted(LocalRuleClassifier, X[:1000], y[:1000]),
        "mlp": fitted(MLPClassifier, X[:1000], y[:1000]),
    }
    results = {}
    for rows, (n_calls, turns) in ROWS.items():
        for method in ("partial_fit", "predict", "predict_proba"):
            data = (X, y) if method == "partial_fit" else (X,)
            tasks = {
                name: calls(getattr(n, method), data, rows, n_calls) for name, n in networks.items()
            }
            seconds = medians(in_turns(tasks, 2 if args.quick else turns))
            results[f"{method}, rows: {rows:,}"] = {
                k: 1e6 * s / n_calls for k, s in seconds.items()
            }
    print_table(
        "Time of a call, median over turns, in microseconds",
        ["call", "LocalRuleClassifier", "MLPClassifier", "ratio"],
        [
            (name, f"{r['local']:.0f}", f"{r['mlp']:.0f}", f"{r['local'] / r['mlp']:.2f}")
            for name, r in results.items()
        ],
    )
    ratios = {name: r["local"] / r["mlp"] for name, r in results.items()}
    return results, lambda figure: draw_ratios(figure, ratios, "time over that of MLPClassifier")


if __name__ == "__main__":
    run(command_line(__doc__, data=False), benchmark)
