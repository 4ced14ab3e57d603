"""What the speed benchmarks share: options, clocks, the machine, tables and files.

Two programs are timed in turns, A B A B, after a warm-up of each, and compared by their medians, so
that a machine that slows down or speeds up meets both. Threads are pinned for both alike. The JSON
file of a run holds what was printed too, of which the documentation makes its tables.
"""

import argparse
import json
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import scipy
import sklearn
from joblib import cpu_count
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

import sklearn_localnet

CORES = cpu_count(only_physical_cores=True)

printed = []  # tables of this run


def command_line(doc, data=True):
    """Options of a benchmark; ``data`` says whether it reads files."""
    parser = argparse.ArgumentParser(description=doc.split("\n\n")[0])
    if data:
        parser.add_argument("--data", type=Path, help="folder of the data files")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the figure")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--threads", type=int, default=CORES, help="of linear algebra")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    return parser


def run(parser, benchmark):
    """Pin the threads, describe the machine, run ``benchmark(args)`` and keep its results.

    It returns results for the JSON file and a function that draws them on a matplotlib figure.
    """
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(args.threads):
        output = {"machine": machine(args)}
        print(", ".join(f"{key} {value}" for key, value in output["machine"].items()))
        output["results"], draw = benchmark(args)
    output["tables"] = printed
    if args.json:
        args.json.write_text(json.dumps(output, indent=1))
    if args.out:
        save_figure(args.out, Path(parser.prog).stem, draw)


def machine(args):
    """Versions, threads and the rate of matrix products, the limit of all that follows."""
    size = 200 if args.quick else 2000
    blas = {pool["internal_api"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "sklearn_localnet": sklearn_localnet.__version__,
        "BLAS": "/".join(sorted(blas)),
        "threads": args.threads,
        "Gflop/s float32": round(matrix_rate(np.float32, size) / 1e9, 1),
        "Gflop/s float64": round(matrix_rate(np.float64, size) / 1e9, 1),
    }


def matrix_rate(dtype, size):
    """Floating-point operations a second in the product of two square matrices, the best of 7."""
    a = np.random.default_rng(0).standard_normal((size, size)).astype(dtype)
    out = np.empty_like(a)
    seconds = in_turns({"product": lambda: np.matmul(a, a, out=out)}, 7)["product"]
    return 2 * size**3 / min(seconds)


def in_turns(tasks, repeats):
    """Seconds of each task (a dict of callables), run in turns after a warm-up of each."""
    for task in tasks.values():
        task()
    seconds = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            seconds[name].append(timed(task))
    return seconds


def timed(task):
    """Seconds that a callable takes."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def medians(seconds):
    """Median of each task's seconds."""
    return {name: float(np.median(values)) for name, values in seconds.items()}


def print_table(title, columns, rows):
    """Print a table that reStructuredText understands, and keep it for the JSON file."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    printed.append({"title": title, "rows": cells})
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = " ".join("=" * width for width in widths)
    lines = [" ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    print(f"\n{title}\n", rule, lines[0], rule, *lines[1:], rule, sep="\n", flush=True)


def save_figure(folder, name, draw):
    """Draw on a new figure and save it as ``name``.png."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(8, 4), layout="constrained")
    draw(figure)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=150)
    plt.close(figure)


def draw_ratios(figure, ratios, label):
    """Horizontal bars of ratios, with a line where both are equal."""
    axis = figure.subplots()
    axis.barh(list(ratios), list(ratios.values()))
    axis.axvline(1, color="black", linestyle=":")
    axis.set_xlabel(label)
    axis.invert_yaxis()
