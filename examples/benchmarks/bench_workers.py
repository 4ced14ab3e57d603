"""Workers that share a stream: weights averaged, or updates averaged, against one stream.

Run it from the root of the repository::

    python examples/benchmarks/bench_workers.py --data DIR --json workers.json --out figures

The training digits of MNIST pass once, and each worker learns its part of them in batches of 32.
Averaged once: at the end. Averaged often: every 640 rows of a worker, from where all go on.
Synchronous: every update averages over the batches of all workers, which is one stream in batches
of 32 rows a worker. Alone: a worker with its part of the rows, and no other.
"""

import copy

import numpy as np
from _data import load_images
from _harness import command_line, print_table, run

from sklearn_localnet import LocalRuleClassifier

ROWS = 32
OFTEN = 20  # batches between two averages
LEARNT = ("layers_", "readout_weights_", "readout_intercepts_", "_memory", "_target_statistics")
WORKERS, QUICK_WORKERS = (1, 2, 4, 8, 16), (1, 2)


def network(n_rows, seed):
    """A network that has seen nothing, whose update averages over as many rows."""
    return LocalRuleClassifier(batch_size=n_rows, random_state=seed)


def mean_of(parts):
    """Arrays and numbers averaged, in whatever holds them; else the first."""
    first = parts[0]
    if isinstance(first, dict):
        return type(first)(**{name: mean_of([part[name] for part in parts]) for name in first})
    if isinstance(first, list):
        return [mean_of(list(same)) for same in zip(*parts, strict=True)]
    if isinstance(first, float) or getattr(first, "dtype", np.dtype(int)).kind == "f":
        return sum(parts[1:], start=first) / len(parts)
    return first


def averaged(models):
    """A model whose weights, and what learning remembers beside them, are the means of theirs."""
    mean = copy.copy(models[0])
    vars(mean).update({name: mean_of([getattr(m, name) for m in models]) for name in LEARNT})
    return mean


def learnt(model, X, y, batches):
    """A copy that learnt these batches of 32 rows."""
    model = copy.deepcopy(model)
    for first in batches * ROWS:
        rows = slice(first, first + ROWS)
        model.partial_fit(X[rows], y[rows], classes=np.arange(10))
    return model


def shared(X, y, n_workers, seed, often):
    """Workers that begin alike and are averaged at the end, or also every `OFTEN` batches."""
    model = learnt(network(ROWS, seed), X, y, np.arange(1))
    parts = np.array_split(np.arange(1, len(y) // ROWS), n_workers)
    turns = range(0, len(parts[0]), OFTEN if often else len(parts[0]))
    models = [model] * n_workers
    for first in turns:
        last = first + turns.step
        pairs = zip(models, parts, strict=True)
        models = [learnt(model, X, y, part[first:last]) for model, part in pairs]
        models = [averaged(models)] * n_workers
    return models[0]


def benchmark(args):
    """Accuracy on the test digits of each way to share the rows."""
    X, y, X_test, y_test = load_images("mnist", args.data)
    results = {}
    for n_workers in QUICK_WORKERS if args.quick else WORKERS:
        scores = {name: [] for name in ("once", "often", "synchronous", "alone")}
        for seed in range(1 if args.quick else args.seeds):
            order = np.random.default_rng(seed).permutation(len(y))
            own, alone = (X[order], y[order]), order[: len(y) // n_workers]
            models = {
                "once": shared(*own, n_workers, seed, often=False),
                "often": shared(*own, n_workers, seed, often=True),
                "synchronous": network(ROWS * n_workers, seed).partial_fit(
                    *own, classes=np.arange(10)
                ),
                "alone": network(ROWS, seed).partial_fit(X[alone], y[alone], classes=np.arange(10)),
            }
            for name, model in models.items():
                scores[name].append(model.score(X_test, y_test))
        results[n_workers] = {name: float(np.mean(found)) for name, found in scores.items()}
        print(n_workers, results[n_workers], flush=True)
    print_table(
        "Accuracy on the test digits after all rows passed once",
        ["workers", "averaged once", "averaged often", "synchronous", "alone"],
        [(n, *(f"{score:.4f}" for score in found.values())) for n, found in results.items()],
    )
    return results, lambda figure: draw(figure, results)


def draw(figure, results):
    """Draw accuracy against the number of workers."""
    axis = figure.subplots()
    for name in next(iter(results.values())):
        axis.semilogx(results.keys(), [found[name] for found in results.values()], "o-", label=name)
    axis.set(xlabel="workers", ylabel="accuracy", xticks=[*results], xticklabels=[*results])
    axis.legend()


if __name__ == "__main__":
    parser = command_line(__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    run(parser, benchmark)
