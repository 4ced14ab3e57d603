"""How the time of an epoch grows with rows, features and hidden neurons.

Run it from the root of the repository::

    python examples/benchmarks/bench_scaling.py --json scaling.json --out figures

One size varies, the others stay at 30,000 rows, 200 features and 100 hidden neurons (float32): too
many rows for a last phase of the readout, whose time does not grow with the epochs. The slope is
that of a line through the logarithms; 1 means proportional.
"""

import numpy as np
from _harness import command_line, in_turns, medians, print_table, run

from sklearn_localnet import LocalRuleClassifier

FIXED = {"rows": 30_000, "features": 200, "hidden": 100}
VARIED = {
    "rows": (30_000, 60_000, 120_000, 240_000, 480_000),
    "features": (200, 400, 800, 1600, 3200),
    "hidden": (100, 200, 400, 800, 1600),
}
QUICK = {"rows": (400, 800), "features": (20, 40), "hidden": (10, 20)}


def seconds_an_epoch(rows, features, hidden, repeats):
    """Median seconds of three epochs less those of one, halved, so that the start is left out."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, features), dtype=np.float32)
    y = rng.integers(0, 10, rows)

    def fit(epochs):
        settings = {"max_iter": epochs, "dtype": "float32", "random_state": 0}
        return lambda: LocalRuleClassifier(hidden, **settings).fit(X, y)

    seconds = medians(in_turns({"one": fit(1), "three": fit(3)}, repeats))
    return max(seconds["three"] - seconds["one"], 1e-9) / 2


def benchmark(args):
    """Vary one size at a time and fit the slopes."""
    results = {}
    for name, sizes in (QUICK if args.quick else VARIED).items():
        fixed = {key: v[0] for key, v in QUICK.items()} if args.quick else FIXED
        seconds = [seconds_an_epoch(**{**fixed, name: s}, repeats=3) for s in sizes]
        slope = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        results[name] = {"sizes": sizes, "seconds": seconds, "slope": slope}
    print_table(
        "Seconds an epoch, and the slope of their logarithms",
        ["what varies", "sizes", "seconds", "slope"],
        [
            (
                name,
                ", ".join(map(str, r["sizes"])),
                ", ".join(f"{s:.3f}" for s in r["seconds"]),
                f"{r['slope']:.2f}",
            )
            for name, r in results.items()
        ],
    )
    return results, lambda figure: draw(figure, results)


def draw(figure, results):
    """Draw one panel a size, both axes logarithmic."""
    for axis, (name, r) in zip(figure.subplots(1, 3, sharey=True), results.items(), strict=True):
        axis.loglog(r["sizes"], r["seconds"], "o-")
        axis.set(xlabel=name, title=f"slope {r['slope']:.2f}")
    figure.axes[0].set_ylabel("seconds an epoch")


if __name__ == "__main__":
    run(command_line(__doc__, data=False), benchmark)
