"""Accuracy of the local rules beside backpropagation's, on tables and on images.

Both families get the same folds, hidden layers, scaling and seeds; everything else is each family's
default. Run it from the root of the repository::

    python examples/benchmarks/bench_accuracy.py --data DIR --json results.json

Without ``--data`` the bundled tables of scikit-learn and the images of OpenML are used. Backprop's
figures depend on the seeds alone, so a later run can take them from an earlier one::

    python examples/benchmarks/bench_accuracy.py --data DIR --models mlp --json mlp.json
    python examples/benchmarks/bench_accuracy.py --data DIR --baseline mlp.json --set alpha=0.01

Tables are scored by cross-validation with 5 folds, repeated once a seed, functions on fresh rows;
regression by R2 with every fold below 0 counted as 0, the targets standardised for both. ``--hidden
100 100`` gives tables and functions two hidden layers. A tie is a difference of less
than 0.001. A fit that raises an error scores 0 and is marked.
"""

import argparse
import ast
import json
import sys
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _data import FUNCTIONS, load_function, load_images, load_table, table_names
from joblib import Parallel, delayed
from scipy.stats import wilcoxon
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor

PARTS = ("tables", "regression", "functions", "images")
KINDS = {"tables": "classification", "regression": "regression"}
FAMILIES = {
    ("local", "classification"): LocalRuleClassifier,
    ("local", "regression"): LocalRuleRegressor,
    ("mlp", "classification"): MLPClassifier,
    ("mlp", "regression"): MLPRegressor,
}
TIE = 0.001
CHUNK = 32
QUICK = {"tables": 3, "rows": 192, "images": 640, "max_iter": 4}


class ImageTask(NamedTuple):
    """One comparison on images; ``swapped`` trains on the test split and tests on the other."""

    data: str
    hidden: int | tuple
    swapped: bool = False
    one_pass: bool = False


IMAGE_TASKS = {
    "mnist-10k-64": ImageTask("mnist", 64, swapped=True),
    "mnist-10k-256": ImageTask("mnist", 256, swapped=True),
    "mnist-10k-100-100": ImageTask("mnist", (100, 100), swapped=True),
    "mnist-100": ImageTask("mnist", 100),
    "mnist-100-100": ImageTask("mnist", (100, 100)),
    "fashion-100": ImageTask("fashion_mnist", 100),
    "fashion-100-100": ImageTask("fashion_mnist", (100, 100)),
    "mnist-one-pass-100": ImageTask("mnist", 100, one_pass=True),
}


def make_estimator(model, kind, hidden, seed, args):
    """One untrained network: its family's defaults, save what the options set."""
    parameters = {"hidden_layer_sizes": hidden, "random_state": seed}
    if args.quick:
        parameters["max_iter"] = QUICK["max_iter"]
    estimator = FAMILIES[model, kind](**parameters)
    return estimator.set_params(**dict(args.set)) if model == "local" else estimator


def cross_validated(model, kind, X, y, seed, args):
    """Scores of the five folds and the seconds spent in fit."""
    estimator = make_pipeline(
        StandardScaler(), make_estimator(model, kind, args.hidden, seed, args)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    if kind == "regression":
        estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
        folds = KFold(5, shuffle=True, random_state=seed)
    result = cross_validate(estimator, X, y, cv=folds, error_score="raise")
    return {"scores": result["test_score"].tolist(), "seconds": float(result["fit_time"].sum())}


def evaluate_function(model, part, name, seeds, args):
    """One record a seed for one family on one function: trained on some rows, scored on others."""
    kind, _ = FUNCTIONS[name]
    records = []
    for seed in seeds:
        train, fresh = (load_function(name, draw) for draw in (seed, seed + 1000))
        n_rows = QUICK["rows"] if args.quick else len(train[1])
        estimator = make_estimator(model, kind, args.hidden, seed, args)
        task = (estimator, kind, *(array[:n_rows] for array in train), *fresh)
        records.append(attempt(held_out, *task))
    return records


def held_out(estimator, kind, X, y, X_fresh, y_fresh):
    """Score on fresh rows, and the seconds of fit."""
    model = make_pipeline(StandardScaler(), estimator)
    if kind == "regression":
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    return {"scores": [model.score(X_fresh, y_fresh)], "seconds": seconds}


def evaluate_table(model, part, name, seeds, args):
    """One record a seed for one family on one table."""
    X, y = load_table(KINDS[part], name, args.data)
    if args.quick and len(y) > QUICK["rows"]:
        rows = np.random.RandomState(0).permutation(len(y))[: QUICK["rows"]]
        X, y = X[rows], y[rows]
    return [attempt(cross_validated, model, KINDS[part], X, y, seed, args) for seed in seeds]


def largest_gain(estimator, X):
    """Largest eigenvalue of mean z z^T, which the gain control holds near 1 or below."""
    z = np.asarray(estimator.transform(X), dtype=float)
    return float(np.linalg.eigvalsh(z.T @ z / len(z))[-1])


def train_on_images(model, task, data, seed, args):
    """Test and training accuracy of one network, its fit time, epochs and gain."""
    X_train, y_train, X_test, y_test = data
    estimator = make_estimator(model, "classification", task.hidden, seed, args)
    start = time.perf_counter()
    if task.one_pass:
        order = np.random.RandomState(seed).permutation(len(y_train))
        classes = np.unique(y_train)
        for first in range(0, len(order), CHUNK):
            rows = order[first : first + CHUNK]
            estimator.partial_fit(X_train[rows], y_train[rows], classes=classes)
    else:
        estimator.fit(X_train, y_train)
    record = {
        "seconds": time.perf_counter() - start,
        "scores": [estimator.score(X_test, y_test)],
        "train": estimator.score(X_train, y_train),
        "epochs": 1 if task.one_pass else estimator.n_iter_,
    }
    return record | ({"gain": largest_gain(estimator, X_train)} if model == "local" else {})


def evaluate_images(model, part, name, seeds, args):
    """One record a seed for one family on one image task."""
    task = IMAGE_TASKS[name]
    data = load_images(task.data, args.data)
    if task.swapped:
        data = data[2:] + data[:2]
    if args.quick:
        data = tuple(array[: QUICK["images"]] for array in data)
    return [attempt(train_on_images, model, task, data, seed, args) for seed in seeds]


def attempt(function, *arguments):
    """Call it; an error becomes a record that scores 0, so that one failure ends no long run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return function(*arguments)
        except (ArithmeticError, ValueError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return {"scores": [0.0], "seconds": float("nan"), "error": str(error)}


def evaluate(part, name, args, baseline):
    """Collect the records of every family asked for on one table or image task."""
    evaluator = {"images": evaluate_images, "functions": evaluate_function}.get(
        part, evaluate_table
    )
    result = {}
    with threadpool_limits(1) if args.jobs > 1 else nullcontext():
        for model in args.models:
            known = baseline.get(part, {}).get(name) if model == "mlp" else None
            if known is not None and len(known) >= args.seeds:
                result[model] = known[: args.seeds]
                continue
            start = time.perf_counter()
            result[model] = evaluator(model, part, name, range(args.seeds), args)
            print(f"{name} {model}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
    return result


def seed_scores(part, records):
    """Score of each seed, averaged over its folds."""
    floor = 0.0 if part in ("regression", "functions") else -np.inf
    return [float(np.mean(np.maximum(record["scores"], floor))) for record in records]


def seed_mean(records, key):
    """Mean over seeds of one figure, NaN where a record lacks it."""
    return float(np.mean([record.get(key, np.nan) for record in records]))


def print_row(part, name, result):
    """Print one line for a table or image task."""
    line = f"{name:20s}"
    for model, records in result.items():
        scores = seed_scores(part, records)
        line += f"  {model} {np.mean(scores):.4f} +- {np.std(scores):.4f}"
        line += f" {seed_mean(records, 'seconds'):7.1f} s"
        if part == "images":
            line += f" (train {seed_mean(records, 'train'):.4f}"
            line += f", {seed_mean(records, 'epochs'):.0f} epochs)"
        if any("error" in record for record in records):
            line += " FAILED"
    if len(result) == 2:
        local, mlp = (np.mean(seed_scores(part, result[model])) for model in ("local", "mlp"))
        times = seed_mean(result["local"], "seconds") / seed_mean(result["mlp"], "seconds")
        line += f"  diff {local - mlp:+.4f}  time x{times:.2f}"
    if part == "images" and "local" in result:
        line += f"  gain {seed_mean(result['local'], 'gain'):.3f}"
    print(line, flush=True)


def summarise(part, results):
    """Means over the tables of a part and, where both families have run, their comparison."""
    means = {
        model: np.array([np.mean(seed_scores(part, result[model])) for result in results.values()])
        for model in next(iter(results.values()))
    }
    summary = {f"mean_{model}": float(values.mean()) for model, values in means.items()}
    if len(means) == 2:
        difference = means["local"] - means["mlp"]
        wins, losses = int(np.sum(difference >= TIE)), int(np.sum(difference <= -TIE))
        n, worst = len(difference), int(np.argmin(difference))
        summary |= {
            "wins_ties_losses": (wins, n - wins - losses, losses),
            "rank_local": 1.5 + (losses - wins) / (2 * n),
            "rank_mlp": 1.5 + (wins - losses) / (2 * n),
            "wilcoxon_p": float(wilcoxon(difference).pvalue) if difference.any() else 1.0,
            "worst": (list(results)[worst], float(difference[worst])),
        }
    return summary


def run_part(part, args, baseline, output):
    """Run one part, print it line by line, and keep the results in ``output``."""
    fixed = {"images": IMAGE_TASKS, "functions": FUNCTIONS}
    every = list(fixed[part]) if part in fixed else table_names(KINDS[part], args.data)
    names = [name for name in every if not args.only or name in args.only]
    if args.quick and part != "images":
        names = names[: QUICK["tables"]]
    if not names:
        return
    print(f"\n{part}, {args.seeds} seeds")
    jobs = Parallel(n_jobs=args.jobs, return_as="generator")(
        delayed(evaluate)(part, name, args, baseline) for name in names
    )
    results = output.setdefault(part, {})
    for name, result in zip(names, jobs, strict=True):
        results[name] = result
        print_row(part, name, result)
        if args.json:
            args.json.write_text(json.dumps(output, indent=1))
    if part != "images":
        output[f"{part}_summary"] = summarise(part, results)
        for key, value in output[f"{part}_summary"].items():
            print(f"  {key}: {value}")


def read_baseline(files, args):
    """Read backprop's records of earlier runs, {part: {name: records}}."""
    baseline = {}
    for file in files:
        earlier = json.loads(file.read_text())
        if earlier["settings"]["quick"] != args.quick:
            raise SystemExit(f"{file}: one of the two runs is --quick and the other is not.")
        for part in PARTS:
            for name, result in earlier.get(part, {}).items():
                if "mlp" in result:
                    baseline.setdefault(part, {})[name] = result["mlp"]
    return baseline


def parse_arguments(description=__doc__):
    """Command line of the benchmark."""

    def assignment(text):
        name, _, value = text.partition("=")
        return name, ast.literal_eval(value)

    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the data files")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all")
    parser.add_argument(
        "--hidden", nargs="+", type=int, default=[100], help="neurons of each layer"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="tables or image tasks")
    parser.add_argument("--models", nargs="+", choices=("local", "mlp"), default=["local", "mlp"])
    parser.add_argument("--set", nargs="+", type=assignment, default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--baseline", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    args = parser.parse_args()
    try:
        LocalRuleClassifier().set_params(**dict(args.set))
    except ValueError as error:
        parser.error(f"--set: {error}")
    return args


def main():
    """Run the parts asked for."""
    args = parse_arguments()
    baseline = read_baseline(args.baseline, args)
    if baseline:
        print("mlp taken from", *args.baseline, "(its times too: compare them with care)")
    output = {"settings": {key: v if key == "quick" else str(v) for key, v in vars(args).items()}}
    for part in PARTS if args.part == "all" else (args.part,):
        run_part(part, args, baseline, output)
    if args.json:
        args.json.write_text(json.dumps(output, indent=1))


if __name__ == "__main__":
    main()
