"""Learning with numpy's arrays, with torch's, and with torch's own MLP.

Run it from the root of the repository, where torch is installed::

    python examples/benchmarks/bench_arrays.py --device cuda --json arrays.json --out figures

The rows are random, of 784 features and 10 classes, in float32 and in batches of 200; the hidden
layer has 100, 1,000 and 10,000 neurons. "numpy" learns on the processor with the engine for numpy,
"torch" the same network from arrays of torch on the device, by the engine that any library runs.
"torch's MLP" is two linear layers, a rectifier between them, cross entropy and torch's Adam on the
same device. Each has learnt a batch before, so that no start is in the time of a batch.
"""

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # which scikit-learn asks for

import numpy as np
from _harness import command_line, draw_ratios, in_turns, medians, print_table, run
from sklearn import config_context

from sklearn_localnet import LocalRuleClassifier

FEATURES, CLASSES, BATCH = 784, 10, 200
HIDDEN, N_BATCHES = (100, 1000, 10_000), 10


def local_rules(X, y, hidden):
    """A function that learns the rows with the local rules, in arrays of X's library."""
    network = LocalRuleClassifier(hidden, batch_size=BATCH, random_state=0)

    def learn(X=X, y=y):
        with config_context(array_api_dispatch=not isinstance(X, np.ndarray)):
            network.partial_fit(X, y, classes=range(CLASSES))

    learn(X[:BATCH], y[:BATCH])
    return learn


def torch_mlp(X, y, hidden):
    """A function that learns the rows with torch's own MLP, until its last weights are there."""
    import torch

    torch.manual_seed(0)
    layers = torch.nn.Linear(FEATURES, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, CLASSES)
    network = torch.nn.Sequential(*layers).to(X.device)
    optimizer = torch.optim.Adam(network.parameters())

    def learn():
        for first in range(0, len(X), BATCH):
            rows = slice(first, first + BATCH)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
            optimizer.step()
        network[0].weight.detach()[0, 0].item()

    return learn


def on_torch(device):
    """A function that makes arrays of torch on a device; None where there is no torch."""
    try:
        import torch
    except ImportError:
        print("torch is not installed: numpy alone")
        return None
    return lambda array: torch.asarray(array, device=device)


def benchmark(args):
    """Time a batch of each kind and size."""
    rng, make = np.random.default_rng(0), on_torch(args.device)
    X = rng.random((N_BATCHES * BATCH, FEATURES), dtype=np.float32)
    y = rng.integers(0, CLASSES, len(X))
    kinds = {"numpy": (local_rules, X, y)}
    if make is not None:
        x, labels = make(X), make(y)
        kinds |= {"torch": (local_rules, x, labels), "torch's MLP": (torch_mlp, x, labels)}
    results = {}
    for hidden in HIDDEN[: 1 if args.quick else None]:
        tasks = {name: kind(*data, hidden) for name, (kind, *data) in kinds.items()}
        seconds = medians(in_turns(tasks, 1 if args.quick else 5))
        results[str(hidden)] = {name: 1e6 * s / N_BATCHES for name, s in seconds.items()}
    print_table(
        f"Time of a batch of {BATCH} rows, in microseconds; torch on {args.device}",
        ["hidden neurons", *kinds],
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
