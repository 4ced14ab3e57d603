"""One pass with numpy's arrays, with torch's, and with torch's own MLP.

Run it from the root of the repository, where torch is installed::

    python examples/benchmarks/bench_arrays.py --device cuda --json arrays.json --out figures

The rows are random, of 784 features and 10 classes, in float32 and in batches of 200; the hidden
layer has 100, 1,000 and 10,000 neurons. "numpy" learns on the processor with the engine for numpy,
"torch" the same network from arrays of torch on the device, by the engine that any library runs.
"torch's MLP" is two linear layers, a rectifier between them, cross entropy and torch's Adam on the
same device. The time of a batch is that of a pass over one number of rows less that of a pass over
another, so that no start is in it.
"""

import os
from functools import partial

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # which scikit-learn asks for

import numpy as np
from _harness import command_line, draw_ratios, in_turns, medians, print_table, run
from sklearn import config_context

from sklearn_localnet import LocalRuleClassifier

FEATURES, CLASSES, BATCH = 784, 10, 200
HIDDEN = {100: (40, 5), 1000: (20, 5), 10_000: (6, 3)}  # neurons: batches more than one, turns


def local_pass(X, y, hidden):
    """One epoch of the local rules on arrays of X's library."""
    network = LocalRuleClassifier(hidden, batch_size=BATCH, max_iter=1, random_state=0)
    with config_context(array_api_dispatch=True):
        network.fit(X, y)


def torch_pass(X, y, hidden):
    """One epoch of torch's own MLP, until its last weights are there."""
    import torch

    torch.manual_seed(0)
    layers = torch.nn.Linear(FEATURES, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, CLASSES)
    network = torch.nn.Sequential(*layers).to(X.device)
    optimizer = torch.optim.Adam(network.parameters())
    order = torch.randperm(len(X), device=X.device)
    for first in range(0, len(X), BATCH):
        rows = order[first : first + BATCH]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
        optimizer.step()
    network[0].weight.detach()[0, 0].item()


def on_torch(device):
    """A function that makes arrays of torch on a device; None where there is no torch."""
    try:
        import torch
    except ImportError:
        print("torch is not installed: numpy alone")
        return None
    return lambda array: torch.asarray(array, device=device)


def microseconds(passes, hidden, n_batches, turns):
    """Of a batch, by name of the pass."""
    seconds = []
    for rows in (BATCH, (1 + n_batches) * BATCH):
        tasks = {
            name: partial(one, X[:rows], y[:rows], hidden) for name, (one, X, y) in passes.items()
        }
        seconds.append(medians(in_turns(tasks, turns)))
    few, many = seconds
    return {name: 1e6 * (many[name] - few[name]) / n_batches for name in passes}


def benchmark(args):
    """Time a batch of each kind and size."""
    rng, make = np.random.default_rng(0), on_torch(args.device)
    n_rows = (1 + max(n for n, _ in HIDDEN.values())) * BATCH
    X = rng.random((n_rows, FEATURES), dtype=np.float32)
    y = rng.integers(0, CLASSES, n_rows)
    passes = {"numpy": (local_pass, X, y)}
    if make is not None:
        x, labels = make(X), make(y)
        passes |= {"torch": (local_pass, x, labels), "torch's MLP": (torch_pass, x, labels)}
    sizes = {4: (2, 1)} if args.quick else HIDDEN
    results = {str(hidden): microseconds(passes, hidden, *n) for hidden, n in sizes.items()}
    print_table(
        f"Time of a batch of {BATCH} rows, in microseconds; torch on {args.device}",
        ["hidden neurons", *passes],
        [(hidden, *(f"{t:.0f}" for t in times.values())) for hidden, times in results.items()],
    )
    ratios = {
        f"{name}, {hidden}": time / times["numpy"]
        for hidden, times in results.items()
        for name, time in times.items()
    }
    return results, lambda figure: draw_ratios(figure, ratios, "time over that with numpy")


if __name__ == "__main__":
    parser = command_line(__doc__, data=False)
    parser.add_argument("--device", default="cpu", help="of torch, as cuda")
    run(parser, benchmark)
