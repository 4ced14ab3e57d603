"""How much memory training takes above its input (Linux).

Run it from the root of the repository::

    python examples/benchmarks/bench_memory.py --json memory.json --out figures

Each kind of input is made and learnt for one epoch in a process of its own, which has fitted a
small table before, so that libraries have their own buffers. A thread reads the anonymous memory of
the process every millisecond; pages of a mapped file do not count, since the system may drop them.
The limit is 50 MB and six times the weights. With ``--larger``, a mapped file 1.2 times as large as
memory is learnt too, of zeros, so that it takes no disk. The system is told that its rows are read
in random order: it would else read megabytes around each row.
"""

import argparse
import json
import mmap
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from _harness import command_line, print_table, run, timed
from scipy import sparse

KINDS = ("float32", "float64", "fortran", "csr", "csc", "memmap")
ROWS, FEATURES, HIDDEN = 50_000, 1000, 100
EVERY = 5  # a sparse row holds one feature of five
LIMIT_MB, WEIGHT_FACTOR = 50, 6
QUICK_ROWS = 2000


def anonymous_mb():
    """Memory of this process that is not a file's, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise OSError("The system does not tell RssAnon in /proc/self/status.")


def watched(task):
    """Seconds of a task, and the most memory in MB that it takes above what there was before."""
    samples, done = [anonymous_mb()], threading.Event()

    def watch():
        while not done.wait(0.001):
            samples.append(anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds = timed(task)
    done.set()
    watcher.join()
    return seconds, max(samples) - samples[0]


def make_input(kind, rows, folder):
    """Return random features of a kind; "zeros" is a mapped file that takes no disk."""
    rng = np.random.default_rng(0)
    if kind in ("csr", "csc"):
        columns = EVERY * np.arange(FEATURES // EVERY) + rng.integers(0, EVERY, (rows, 1))
        values = rng.standard_normal(columns.size, dtype=np.float32)
        starts = np.arange(0, columns.size + 1, columns.shape[1])
        shape = (rows, FEATURES)
        return sparse.csr_array((values, columns.ravel(), starts), shape=shape).asformat(kind)
    if kind in ("memmap", "zeros"):
        path = Path(folder) / "X.dat"
        X = np.memmap(path, np.float32, "w+", shape=(rows, FEATURES))
        for first in range(0, rows if kind == "memmap" else 0, 1000):
            X[first : first + 1000] = rng.random((1000, FEATURES), dtype=np.float32)
        X.flush()
        X = np.memmap(path, np.float32, "r", shape=(rows, FEATURES))
        X.base.madvise(mmap.MADV_RANDOM if kind == "zeros" else mmap.MADV_NORMAL)
        return X
    X = rng.standard_normal((rows, FEATURES), dtype=np.float32)
    return np.asfortranarray(X) if kind == "fortran" else X.astype(kind, copy=False)


def peak_above_input(kind, early_stopping, rows):
    """Fit one epoch in this process and print a JSON record of it."""
    from sklearn_localnet import LocalRuleClassifier

    settings = {"max_iter": 1, "early_stopping": early_stopping, "random_state": 0}
    with tempfile.TemporaryDirectory() as folder:
        X = make_input(kind, rows, folder)
        y = np.arange(rows) % 10
        network = LocalRuleClassifier(HIDDEN, **settings)
        network.fit(np.ones((400, FEATURES), np.float32), y[:400])
        seconds, peak = watched(lambda: network.fit(X, y))
        weights = sum(a.nbytes for a in (*network.coefs_, *network.intercepts_)) / 2**20
        limit = LIMIT_MB + WEIGHT_FACTOR * weights
        record = {"peak": peak, "limit": limit, "seconds": seconds}
        print(json.dumps(record))


def measure(kind, early_stopping, rows):
    """Return the record of `peak_above_input` from a fresh process."""
    command = [sys.executable, "-W", "ignore", __file__, "--child", kind, "--rows", str(rows)]
    command += ["--early-stopping"] * early_stopping
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def benchmark(args):
    """Measure every kind of input, with early stopping and without."""
    rows = QUICK_ROWS if args.quick else ROWS
    cases = [(kind, early, rows) for early in (False, True) for kind in KINDS]
    if args.larger:
        cases.append(("zeros", False, int(1.2 * memory_bytes()) // (4 * FEATURES)))
    results = {}
    for kind, early, n in cases[len(KINDS) if args.quick else 0 :]:
        name = f"{kind}, early stopping" if early else kind
        results[name] = measure(kind, early, n) | {"rows": n}
    print_table(
        f"Peak memory above the input, {FEATURES} features, {HIDDEN} hidden neurons",
        ["input", "rows", "MB", "limit, MB", "seconds an epoch"],
        [
            (name, r["rows"], f"{r['peak']:.0f}", f"{r['limit']:.0f}", f"{r['seconds']:.1f}")
            for name, r in results.items()
        ],
    )
    return results, lambda figure: draw(figure, results)


def memory_bytes():
    """Memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def draw(figure, results):
    """Draw bars of the peaks, and the limit."""
    axis = figure.subplots()
    axis.barh(list(results), [r["peak"] for r in results.values()])
    axis.axvline(next(iter(results.values()))["limit"], color="black", linestyle=":")
    axis.set_xlabel("peak memory above the input, MB")
    axis.invert_yaxis()


if __name__ == "__main__":
    parser = command_line(__doc__, data=False)
    parser.add_argument("--larger", action="store_true", help="a mapped file larger than memory")
    for option in ("--child", "--rows"):
        parser.add_argument(option, help=argparse.SUPPRESS)
    parser.add_argument("--early-stopping", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        peak_above_input(args.child, args.early_stopping, int(args.rows))
    else:
        run(parser, benchmark)
