"""One-row updates: blocks of rows against a plain loop over the published equations.

Run it from the root of the repository::

    python examples/benchmarks/bench_online.py --data DIR --json online.json --out figures

Both learn the same rows of MNIST, pixels less their mean, from the same weights in float64, and the
weights afterwards must agree to 1e-10. The plain loop is the equations as printed; "frugal" counts
against the same loop where a rate is multiplied into a vector before the outer product, which
saves a pass over the matrix. Last come a million rows of Fig. 3's run on CIFAR-10, with k = 4.
"""

import numpy as np
from _data import load_linear_task
from _harness import command_line, draw_ratios, in_turns, medians, print_table, run, timed

from sklearn_localnet import LocalRuleRegressor, published

RATES = {"learning_rate_init": 1e-3, "apical_rate": 2e-4, "interneuron_rate": 1e-3}
CIFAR = {"learning_rate_init": 0.01, "apical_rate": 0.002, "interneuron_rate": 0.002}
CIFAR_DECAY, CIFAR_ROWS, CHUNK = 1.5e4, 1_000_000, 2000
SIZES = {4: 4000, 64: 2000, 256: 1000}
WEIGHTS = ("basal", "apical", "interneuron", "pyramidal_to_interneuron")


def weights_of(network):
    """Copies of the four weight matrices."""
    (layer,) = network.layers_
    return [np.array(layer[f"{name}_weights"]) for name in WEIGHTS]


def plain_loop(weights, X, Y, relu, tied, frugal=False):
    """Eqs. (5) to (7), (9), (21) and (22), row by row, in place."""
    w1, w2t, q, r = weights
    eta_1, eta_2, eta_q = RATES.values()
    for x, y in zip(X, Y, strict=True):
        z = w1 @ x
        if relu:
            z = np.maximum(z, 0)
        n = q.T @ z if tied else r @ z
        p = w2t @ y - q @ n
        if relu:
            p *= z > 0
        if frugal:
            w1 += np.outer(eta_1 * p, x)
        else:
            w1 += eta_1 * np.outer(p, x)
        w2t += eta_2 * (np.outer(z, y) - w2t)
        q += eta_q * (np.outer(z, n) - q)
        if not tied:
            r += eta_q * (np.outer(n, z) - r)
    return weights


def make(k, activation, interneurons):
    """One published network, not trained yet."""
    settings = {"activation": activation, "interneurons": interneurons, "random_state": 0}
    return LocalRuleRegressor(k, **published(**RATES, **settings))


def compare(k, activation, interneurons, X, Y, repeats):
    """Microseconds a row of each way, and the largest difference of their weights."""
    relu, tied = activation == "relu", interneurons == "tied"

    def blocks():
        network = make(k, activation, interneurons).partial_fit(X[:1], Y[:1])
        found["blocks"] = weights_of(network.partial_fit(X[1:], Y[1:]))

    def loop(frugal):
        start = weights_of(make(k, activation, interneurons).partial_fit(X[:1], Y[:1]))
        found["loop"] = plain_loop(start, X[1:], Y[1:], relu, tied, frugal)

    found = {}
    tasks = {"blocks": blocks, "loop": lambda: loop(False), "frugal": lambda: loop(True)}
    seconds = medians(in_turns(tasks, repeats))
    pairs = list(zip(found["blocks"], found["loop"], strict=True))[: 3 if tied else 4]
    difference = max(float(np.abs(a - b).max()) for a, b in pairs)
    if not difference <= 1e-10:
        raise AssertionError(f"{k}, {activation}, {interneurons}: weights differ by {difference}.")
    return {name: 1e6 * s / len(X) for name, s in seconds.items()} | {"difference": difference}


def cifar(args):
    """Seconds of the first million rows of Fig. 3's run on CIFAR-10, drawn at random."""
    X, Y = load_linear_task("cifar10", args.data)
    settings = published(**CIFAR, learning_rate_decay=CIFAR_DECAY, random_state=0)
    network = LocalRuleRegressor(4, **settings)
    rng, total = np.random.default_rng(0), CHUNK if args.quick else CIFAR_ROWS

    def stream():
        for _ in range(total // CHUNK):
            rows = rng.integers(0, len(X), CHUNK)
            network.partial_fit(X[rows], Y[rows])

    return {"rows": total, "seconds": timed(stream)}


def benchmark(args):
    """Compare every k, activation and kind of interneuron, then time CIFAR-10."""
    X, Y = load_linear_task("mnist", args.data, 70 if args.quick else max(SIZES.values()))
    X = X.astype(float)
    results = {}
    for k, rows in SIZES.items():
        for activation in ("identity", "relu"):
            for interneurons in ("tied", "decoupled"):
                record = compare(
                    k, activation, interneurons, X[:rows], Y[:rows], 1 if args.quick else 5
                )
                results[f"{k}, {activation}, {interneurons}"] = record
    print_table(
        "One row at a time, m = 784: microseconds a row",
        ["k, f, interneurons", "blocks", "plain loop", "ratio", "ratio, frugal", "difference"],
        [
            (
                name,
                f"{r['blocks']:.1f}",
                f"{r['loop']:.1f}",
                f"{r['loop'] / r['blocks']:.2f}",
                f"{r['frugal'] / r['blocks']:.2f}",
                f"{r['difference']:.0e}",
            )
            for name, r in results.items()
        ],
    )
    figure_3 = cifar(args)
    print(f"\nCIFAR-10, k = 4: {figure_3['rows']} rows in {figure_3['seconds']:.1f} s")
    ratios = {name: r["loop"] / r["blocks"] for name, r in results.items()}
    label = "speed of blocks over the plain loop (k, f, interneurons)"
    output = {"comparison": results, "cifar10": figure_3}
    return output, lambda figure: draw_ratios(figure, ratios, label)


if __name__ == "__main__":
    run(command_line(__doc__), benchmark)
