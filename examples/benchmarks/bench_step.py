"""What an update of the basal weights is made of, and what a compiled step would spare.

Run it from the root of the repository, with numba for the last column::

    python examples/benchmarks/bench_step.py --threads 1 --json step.json --out figures

A batch of 200 rows of 784 features in float32: taking it from a table in random order, the two
products, and the passes over weights and mean squares of an adaptive step and (every fourth time)
a moving average, once by numpy as the package does it and once by a loop that numba compiles. Each
part runs after the others, as in training, and finds in the caches what they left.
"""

import time

import numpy as np
from _harness import command_line, draw_ratios, print_table, run

FEATURES, BATCH, ROWS = 784, 200, 20_000
HIDDEN = (100, 256)
DECAY, FLOOR, PACE = (np.float32(number) for number in (0.999, 0.1, 0.01))


def by_numpy(weights, average, squares, direction, unit, size, follows, scratch):
    """Adaptive step and average with numpy's passes."""
    direction *= unit
    squares *= DECAY
    squares += np.multiply(direction, direction, out=scratch)
    np.sqrt(squares, out=scratch)
    scratch += FLOOR
    direction /= scratch
    direction *= size
    weights += direction
    if follows:
        np.subtract(weights, average, out=scratch)
        scratch *= PACE
        average += scratch


def compiled():
    """The same in one loop, and seconds to import numba and to compile; None without numba."""
    start = time.perf_counter()
    try:
        from numba import njit
    except ImportError:
        print("numba is not installed: numpy alone")
        return None, 0.0, 0.0
    imported = time.perf_counter() - start

    @njit(fastmath=True, error_model="numpy")
    def step(weights, average, squares, direction, unit, size, follows, scratch):
        for i in range(weights.shape[0]):
            for j in range(weights.shape[1]):
                along = direction[i, j] * unit[j]
                squares[i, j] = DECAY * squares[i, j] + along * along
                weights[i, j] += size[j] * along / (np.sqrt(squares[i, j]) + FLOOR)
            if follows:
                for j in range(weights.shape[1]):
                    average[i, j] += PACE * (weights[i, j] - average[i, j])

    start = time.perf_counter()
    step(*arrays(2), False, np.empty((2, FEATURES), np.float32))
    return step, imported, time.perf_counter() - start


def arrays(hidden):
    """Weights, averages, mean squares, directions, units and sizes."""
    weights = np.random.default_rng(0).standard_normal((hidden, FEATURES), dtype=np.float32)
    along = np.ones(FEATURES, np.float32)
    return weights, weights.copy(), weights**2, 0 * weights, along, 1e-3 * along


def parts(step, hidden, n_batches):
    """Microseconds of a batch by part: taking rows, products, step."""
    rng = np.random.default_rng(1)
    table = rng.standard_normal((ROWS, FEATURES), dtype=np.float32)
    drive = rng.standard_normal((BATCH, hidden), dtype=np.float32)
    held, scratch = arrays(hidden), np.empty((hidden, FEATURES), np.float32)
    x, current, seconds = np.empty((BATCH, FEATURES), np.float32), np.empty_like(drive), []
    for number in range(n_batches):
        rows = rng.integers(0, ROWS, BATCH)
        clock = [time.perf_counter()]
        np.take(table, rows, axis=0, out=x, mode="clip")
        clock.append(time.perf_counter())
        np.matmul(x, held[0].T, out=current)
        np.matmul(drive.T, x, out=held[3])
        clock.append(time.perf_counter())
        step(*held, number % 4 == 0, scratch)
        clock.append(time.perf_counter())
        seconds.append(np.diff(clock))
    return 1e6 * np.mean(seconds, axis=0)


def benchmark(args):
    """Time the parts with either step in turns."""
    step, imported, compiling = compiled()
    steps = {"numpy": by_numpy} | ({} if step is None else {"compiled": step})
    n_batches, turns = (2, 1) if args.quick else (100, 9)
    results = {}
    for hidden in HIDDEN:
        found = {name: [] for name in steps}
        for _ in range(turns):
            for name, one in steps.items():
                found[name].append(parts(one, hidden, n_batches))
        medians = {name: np.median(times, axis=0) for name, times in found.items()}
        taking, products, _ = medians["numpy"]
        results[str(hidden)] = {"taking rows": taking, "two products": products}
        results[str(hidden)] |= {f"step, {name}": times[2] for name, times in medians.items()}
    columns = list(results[str(HIDDEN[0])])
    print_table(
        f"Microseconds of a batch of {BATCH} rows; numba took {imported:.1f} s to import and "
        f"{compiling:.1f} s to compile",
        ["hidden neurons", *columns],
        [(hidden, *(f"{r[name]:.0f}" for name in columns)) for hidden, r in results.items()],
    )
    ratios = {
        f"{name}, {hidden}": time / r["two products"]
        for hidden, r in results.items()
        for name, time in r.items()
    }
    return results, lambda figure: draw_ratios(figure, ratios, "time over that of two products")


if __name__ == "__main__":
    run(command_line(__doc__, data=False), benchmark)
