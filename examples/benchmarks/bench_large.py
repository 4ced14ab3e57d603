"""Large networks and long tables: what a row costs, beside the two products that nothing can spare.

Run it from the root of the repository (it needs 2 GB of memory and 400 MB of disk)::

    python examples/benchmarks/bench_large.py --json large.json --out figures

"Wide" is a network of 2,000 neurons on 10,000 features, "long" one of 100 neurons on a million rows
of 100 features in a mapped file; both learn in batches of 200, on one thread and on two. The time
of a row is that of two epochs less that of one, so that no start is in it. The products are W1 x
and its update alone, in batches of the same shapes. Memory is the most that a fit takes above what
there was before, without the pages of the file.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from _harness import command_line, draw_ratios, in_turns, medians, print_table, run
from bench_memory import watched
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklearn_localnet import LocalRuleClassifier

BATCH, CLASSES = 200, 10
TABLES = {"wide": (2_000, 10_000, 2_000), "long": (1_000_000, 100, 100)}  # rows, features, neurons
QUICK = {"wide": (400, 50, 10), "long": (2_000, 10, 10)}


def mapped(path, n_rows, n_features):
    """Random numbers in a mapped file."""
    rng, X = np.random.default_rng(0), np.memmap(path, np.float32, "w+", shape=(n_rows, n_features))
    for first in range(0, n_rows, 10_000):
        rows = X[first : first + 10_000]
        rows[...] = rng.random(rows.shape, dtype=np.float32)
    X.flush()
    return np.memmap(path, np.float32, "r", shape=(n_rows, n_features))


def products(n_features, n_neurons):
    """A function that multiplies as an update has to, once."""
    rng = np.random.default_rng(0)
    x, weights, drive = (
        rng.random(shape, dtype=np.float32)
        for shape in ((BATCH, n_features), (n_neurons, n_features), (BATCH, n_neurons))
    )
    current, change = np.empty_like(drive), np.empty_like(weights)

    def multiply():
        np.matmul(x, weights.T, out=current)
        np.matmul(drive.T, x, out=change)

    return multiply


def measure(X, y, n_neurons, repeats):
    """Microseconds of a row with and without all but the products, and memory in MB."""
    network = LocalRuleClassifier(n_neurons, batch_size=BATCH, random_state=0)
    fits = {epochs: clone(network).set_params(max_iter=epochs) for epochs in (1, 2)}
    seconds, most = {epochs: [] for epochs in fits}, 0.0
    for _ in range(repeats):
        for epochs, fit in fits.items():
            taken, mb = watched(partial(fit.fit, X, y))
            seconds[epochs].append(taken)
            most = max(most, mb)
    taken = medians(seconds)
    bare = medians(in_turns({"products": products(X.shape[1], n_neurons)}, 20))["products"]
    return {
        "row": 1e6 * (taken[2] - taken[1]) / len(X),
        "products": 1e6 * bare / BATCH,
        "mb": most,
        "weights_mb": 4e-6 * X.shape[1] * n_neurons,
    }


def benchmark(args):
    """Measure both tables with each number of threads."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, features, neurons) in (QUICK if args.quick else TABLES).items():
            X = mapped(Path(folder) / name, rows, features)
            y = np.random.default_rng(1).integers(0, CLASSES, rows)
            for threads in (1, 2):
                with threadpool_limits(threads):
                    found = measure(X, y, neurons, 1 if args.quick else 3)
                results[f"{name}, threads: {threads}"] = found
    print_table(
        "Time of a row in microseconds, and memory above the input in MB beside that of W1",
        ["table", "a row", "its two products", "ratio", "memory", "W1"],
        [
            (
                name,
                f"{r['row']:.1f}",
                f"{r['products']:.1f}",
                f"{r['row'] / r['products']:.2f}",
                f"{r['mb']:.0f}",
                f"{r['weights_mb']:.2f}",
            )
            for name, r in results.items()
        ],
    )
    ratios = {name: r["row"] / r["products"] for name, r in results.items()}
    return results, lambda figure: draw_ratios(figure, ratios, "time over that of two products")


if __name__ == "__main__":
    run(command_line(__doc__, data=False), benchmark)
