"""The experiments of arXiv 2011.15031: the linear curves of its Fig. 3 and its Table 1.

Run it from the root of the repository::

    python examples/benchmarks/bench_paper.py --data DIR --out figures --json paper.json

Fig. 3 follows the loss (1) of k linear neurons against the samples seen, one row at a time and
reshuffled for every pass over the training images, for the circuit as published, for the package's
defaults with the same decay of rates, and for backprop, Eq. (2). The defaults have no fast path for
single rows and are left out where there are ten million. Targets are one-hot minus one over the
number of classes, so with ten of them a network that predicts 0 has a loss of 0.90. Inputs are
pixels less their mean, for every method and data set at one mean square length (``--length``; the
page on accuracy says why it is 784). "Excess" is (loss - optimum) / (start - optimum), with the
optimum of reduced-rank regression in closed form; the package's defaults have intercepts, so their
optimum is the one with a free constant. CIFAR-100 is run where the folder holds
``cifar100_train.npz``.

Table 1 trains rectified neurons with mean subtraction on the 10,000 test digits of MNIST and tests
on the 60,000 training digits. The rates printed for k = 256 diverge on pixels, so the published
circuit gets inputs less their mean and of mean square length 1 there. "Free readout" is logistic
regression on the published circuit's activity, since the paper leaves the readout open. A nan says
that a run diverged. Without ``--data`` the images come from OpenML.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _data import SQUARE_LENGTH, load_images, load_linear_task, second_moments
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published


class Linear(NamedTuple):
    """One panel of Fig. 3; ``rates`` are those of RATES, each method's ``decay`` is its t_0."""

    k: int
    rates: tuple
    decay: float
    backprop_rate: float
    backprop_decay: float
    samples: int
    methods: tuple = ("published", "defaults", "backprop")


RATES = ("learning_rate_init", "apical_rate", "interneuron_rate")
LONG = 10_000_000, ("published", "backprop")
FIGURE_3 = {
    "mnist": Linear(1, (0.01, 0.01, 0.003), 1e3, 0.02, 1e3, 100_000),
    "fashion_mnist": Linear(2, (0.013, 0.013, 0.005), 1e3, 0.018, 1e3, 100_000),
    "cifar10": Linear(4, (0.01, 0.002, 0.002), 1.5e4, 0.0065, 1e4, *LONG),
    "cifar100": Linear(8, (0.025, 0.001, 0.002), 4e4, 0.0065, 1.1e4, *LONG),
}
# k: the circuit's rates, and the train / test accuracy printed for backprop and for the circuit.
TABLE_1 = {
    64: ((0.001, 0.0002, 0.001), (0.998, 0.940), (0.993, 0.936)),
    256: ((0.2, 0.04, 0.04), (1.0, 0.955), (1.0, 0.952)),
}
# Small enough for backprop to start at the loss of a network that predicts 0.
START = 0.1
CHUNK = 2000
REGULARISER = 0.1  # of the covariance in the optimum that the authors' notebook prints
QUICK = {"rows": 500, "samples": 2000, "runs": 2, "epochs": 2}


class Backprop:
    """Eq. (2) for linear neurons, one sample at a time, with the methods of an estimator."""

    def __init__(self, setting, m, n, seed):
        rng = np.random.default_rng(seed)
        self.w1 = rng.standard_normal((setting.k, m)) * START / np.sqrt(m)
        self.w2 = rng.standard_normal((n, setting.k)) * START / np.sqrt(setting.k)
        self.intercepts_ = np.zeros(setting.k), np.zeros(n)
        self.rate, self.decay, self.t = setting.backprop_rate, setting.backprop_decay, 0

    @property
    def coefs_(self):
        """Weights as an MLP holds them."""
        return self.w1.T, self.w2.T

    def partial_fit(self, X, Y):
        """Take one step a row."""
        for x, y in zip(X.astype(float), Y, strict=True):
            rate = self.rate / (1 + self.t / self.decay)
            z = self.w1 @ x
            error = y - self.w2 @ z
            self.w1 += np.outer(rate * (self.w2.T @ error), x)
            self.w2 += np.outer(rate * error, z)
            self.t += 1
        if not np.isfinite(self.w1).all():
            raise FloatingPointError(f"Backprop diverged before sample {self.t}.")


def linear_map(network):
    """Return A, b of the prediction A^T x + b."""
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    return w1 @ w2, b1 @ w2 + b2


def make_method(method, setting, m, n, seed):
    """One untrained linear network of Fig. 3."""
    if method == "backprop":
        return Backprop(setting, m, n, seed)
    common = {
        "hidden_layer_sizes": setting.k,
        "activation": "identity",
        "batch_size": 1,
        "learning_rate_decay": setting.decay,
        "random_state": seed,
    }
    if method == "defaults":
        return LocalRuleRegressor(**common)
    rates = dict(zip(RATES, setting.rates, strict=True))
    return LocalRuleRegressor(**published(**rates, **common))


def learning_curve(network, X, Y, samples, measured, seed):
    """Loss (1) at the measuring points; NaN from the point where learning broke down."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(X)) for _ in range(-(-samples // len(X)))])
    points = np.unique(np.round(np.geomspace(1, samples, 41)).astype(int))
    curve = np.full(len(points), np.nan)
    seen = 0
    for i, point in enumerate(points):
        try:
            for first in range(seen, point, CHUNK):
                rows = order[first : min(first + CHUNK, point)]
                network.partial_fit(X[rows], Y[rows])
        except ArithmeticError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            break
        if hasattr(network, "layers_") and "input_limits" in network.layers_[0]:
            # Inputs beyond their limits make the network other than its linear map.
            curve[i] = np.mean(np.sum((Y - network.predict(X)) ** 2, axis=1))
        else:
            curve[i] = measured.loss(*linear_map(network))
        seen = point
    return points, curve


def has_cifar100(folder):
    """Whether a folder is given that holds CIFAR-100."""
    return folder is not None and (folder / "cifar100_train.npz").exists()


def run_panel(name, args):
    """Every method's curves on one data set, each a row a run."""
    setting = FIGURE_3[name]
    rows = QUICK["rows"] if args.quick else None
    X, Y = load_linear_task(name, args.data, rows, args.length)
    samples = min(setting.samples, args.samples or setting.samples)
    measured = second_moments(X, Y)
    optimum = measured.optimum(setting.k)
    regularised = measured.optimum(setting.k, REGULARISER)
    panel = {"k": setting.k, "start": measured.power, "regularised": regularised, "curves": {}}
    for method in setting.methods:
        begin = time.perf_counter()
        runs = []
        for seed in range(args.runs):
            network = make_method(method, setting, X.shape[1], Y.shape[1], seed)
            with np.errstate(all="ignore"):
                points, curve = learning_curve(network, X, Y, samples, measured, seed)
            runs.append(curve.tolist())
        # Inputs have mean 0, so a free constant gains exactly the targets' mean.
        gain = measured.mean_y @ measured.mean_y if method == "defaults" else 0.0
        seconds = time.perf_counter() - begin
        panel["curves"][method] = {
            "samples": points.tolist(),
            "loss": runs,
            "optimum": float(optimum - gain),
            "seconds": seconds / args.runs,
        }
        print(f"{name} {method}: {seconds:.0f} s", file=sys.stderr)
    return panel


def excess(panel, method):
    """Normalised excess of every run: 1 where the network predicts 0, and 0 at the optimum."""
    curve = panel["curves"][method]
    optimum = curve["optimum"]
    return (np.array(curve["loss"]) - optimum) / (panel["start"] - optimum)


def print_panel(name, panel):
    """Print the excess of each method at the end of its runs."""
    optimum = panel["curves"]["published"]["optimum"]
    print(f"\n{name}, k = {panel['k']}: start {panel['start']:.4f}, optimum {optimum:.4f},")
    print(f"  {panel['regularised']:.4f} with {REGULARISER} added to the variance of each input")
    for method, curve in panel["curves"].items():
        final = excess(panel, method)[:, -1]
        runs = " ".join(f"{value:.4f}" for value in final)
        print(
            f"  {method:10s} excess after {curve['samples'][-1]} samples: "
            f"mean {final.mean():.4f}  runs {runs}  ({curve['seconds']:.1f} s a run)",
            flush=True,
        )


def draw(panels, folder):
    """Save the figure: losses above, excesses below, both axes logarithmic."""
    import matplotlib.pyplot as plt

    size = (4 * len(panels), 6.5)
    figure, axes = plt.subplots(2, len(panels), figsize=size, squeeze=False, layout="constrained")
    for (name, panel), column in zip(panels.items(), axes.T, strict=True):
        for method, curve in panel["curves"].items():
            for axis, values in zip(
                column, (np.array(curve["loss"]), excess(panel, method)), strict=True
            ):
                (line,) = axis.loglog(curve["samples"], values.mean(axis=0), label=method)
                axis.loglog(curve["samples"], values.T, color=line.get_color(), alpha=0.2, lw=0.7)
        column[0].axhline(panel["curves"]["published"]["optimum"], color="black", ls=":", lw=1)
        column[0].set(title=f"{name}, k = {panel['k']}", ylabel="loss (1)")
        column[1].set(xlabel="samples seen", ylabel="normalised excess")
    axes[0, 0].legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "figure_3.png", dpi=150)


def table_estimators(k, seed, args):
    """Make the three networks of one row of Table 1."""
    common = {"hidden_layer_sizes": k, "random_state": seed}
    as_published = published(
        **common,
        **dict(zip(RATES, TABLE_1[k][0], strict=True)),
        activation="relu",
        centering_rate=1e-4,
        max_iter=args.epochs,
        n_iter_no_change=args.epochs,
    )
    limit = {"max_iter": args.epochs} if args.quick else {}
    return {
        "published": LocalRuleClassifier(**as_published),
        "defaults": LocalRuleClassifier(**common, **limit),
        "MLPClassifier": MLPClassifier(**common, **limit),
    }


def accuracies(estimator, train, test):
    """Train and test accuracy after fit, or NaN where learning broke down, and the seconds."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            estimator.fit(*train)
        except ArithmeticError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return float("nan"), float("nan"), time.perf_counter() - start
    seconds = time.perf_counter() - start
    return estimator.score(*train), estimator.score(*test), seconds


def published_inputs(k, X_train, X_test):
    """Return inputs on which the published rates learn: pixels, or a cloud of unit size."""
    if k == 64:
        return X_train, X_test
    centre = X_train.mean(axis=0)
    size = np.sqrt(np.mean(np.sum((X_train - centre) ** 2, axis=1)))
    return (X_train - centre) / size, (X_test - centre) / size


def free_readout(network, train, test):
    """Accuracies of logistic regression on the activity of the trained hidden layer."""
    if not hasattr(network, "coefs_"):
        return float("nan"), float("nan"), float("nan")
    (X_train, y_train), (X_test, y_test) = train, test
    readout = LogisticRegression(max_iter=300)
    activity = network.transform(X_train), y_train
    return accuracies(readout, activity, (network.transform(X_test), y_test))


def table_run(k, seed, data, args):
    """Train and test accuracies and seconds of every method, for one seed of one row."""
    X_test, y_test, X_train, y_train = data
    records = {}
    for method, network in table_estimators(k, seed, args).items():
        inputs = (
            published_inputs(k, X_train, X_test) if method == "published" else (X_train, X_test)
        )
        train, test = (inputs[0], y_train), (inputs[1], y_test)
        records[method] = accuracies(network, train, test)
        if method == "published":
            records["free readout"] = free_readout(network, train, test)
    return records


def run_table(args):
    """Table 1 beside the figures of the paper."""
    rows = slice(QUICK["rows"] if args.quick else None)
    data = [a[rows] for a in load_images("mnist", args.data)]
    results = {}
    for k, (_, backprop, circuit) in TABLE_1.items():
        results[k] = [table_run(k, seed, data, args) for seed in range(args.runs)]
        print(f"\nTable 1, k = {k}: train / test accuracy, {args.runs} runs")
        for method, printed in {"paper, backprop": backprop, "paper, circuit": circuit}.items():
            print(f"  {method:16s} {printed[0]:.4f} / {printed[1]:.4f}")
        for method in results[k][0]:
            records = [run[method] for run in results[k]]
            (train, test, seconds), (_, spread, _) = np.mean(records, 0), np.std(records, 0)
            line = f"{train:.4f} / {test:.4f} +- {spread:.4f}  {seconds:.1f} s"
            print(f"  {method:16s} {line}", flush=True)
    return results


def parse_arguments():
    """Command line of the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the data files")
    parser.add_argument("--part", choices=("figure", "table", "all"), default="all")
    parser.add_argument("--only", nargs="+", choices=tuple(FIGURE_3), default=list(FIGURE_3))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--samples", type=int, help="of a run of Fig. 3, where the paper has more")
    parser.add_argument(
        "--length", type=float, default=SQUARE_LENGTH, help="mean square length of Fig. 3's inputs"
    )
    parser.add_argument("--epochs", type=int, default=50, help="of the published rule in Table 1")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the figure")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    args = parser.parse_args()
    if args.quick:
        args.runs, args.epochs, args.samples = (QUICK[key] for key in ("runs", "epochs", "samples"))
    return args


def main():
    """Run the parts asked for."""
    args = parse_arguments()
    output = {"figure": {}}
    if args.part != "table":
        for name in args.only:
            if name == "cifar100" and not has_cifar100(args.data):
                print("\ncifar100: left out, no folder with cifar100_train.npz was given")
                continue
            output["figure"][name] = run_panel(name, args)
            print_panel(name, output["figure"][name])
        if args.out and output["figure"]:
            draw(output["figure"], args.out)
    if args.part != "figure":
        output["table"] = run_table(args)
    if args.json:
        args.json.write_text(json.dumps(output, indent=1))


if __name__ == "__main__":
    main()
