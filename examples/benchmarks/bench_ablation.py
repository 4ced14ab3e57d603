"""What each departure of the defaults is worth: one is taken back, or one option added, at a time.

Run it from the root of the repository::

    python examples/benchmarks/bench_ablation.py --data DIR --json ablation.json

Functions, tables and images are scored as by ``bench_accuracy.py``, whose options it takes:
functions with one layer and with two, and the mean over `TABLES`. A fit that raises an error scores
0.
"""

import json

import numpy as np
from _data import FUNCTIONS, table_names
from bench_accuracy import evaluate, parse_arguments, seed_scores

CHANGES = {
    "defaults": {},
    "no gate": {"modulation": None},
    "surprise gate": {"modulation": "surprise"},
    "target-driven interneurons": {"rule__interneurons": "target"},
    "decoupled interneurons": {"rule__interneurons": "decoupled"},
    "as many interneurons as neurons": {"rule__n_interneurons": "n_hidden"},
    "as many interneurons as targets": {"rule__n_interneurons": "n_targets"},
    "damped gain control": {"rule__gain_damping": 0.4},
    "no mean subtraction": {"centering_rate": None},
    "no decay of weights": {"alpha": 0.0},
    "rates that do not fall": {"learning_rate_decay": None},
    "rates that do not rise": {"rule__warmup": 0},
    "Hebbian readout": {"readout": "hebbian"},
    "plain steps": {"solver": "sgd", "learning_rate_init": 0.1},
}
TABLES = ("breast.cancer", "car", "glass", "heart.c", "hypothyroid", "tic-tac-toe", "vehicle")
IMAGES = ("mnist-10k-64", "mnist-one-pass-100")


def columns(args):
    """Part, names and hidden layers of what each column is the mean of, by its heading."""
    known = table_names("classification", args.data)
    functions, tables = list(FUNCTIONS), [name for name in TABLES if name in known] or known
    if args.quick:
        functions, tables = functions[:1], tables[:1]
    return {
        "functions": ("functions", functions, [100]),
        "functions, two layers": ("functions", functions, [100, 100]),
        "tables": ("tables", tables, [100]),
        **{name: ("images", [name], None) for name in IMAGES[: 1 if args.quick else None]},
    }


def mean_score(part, name, args):
    """Mean over seeds of the score of the local rules on one task."""
    return float(np.mean(seed_scores(part, evaluate(part, name, args, {})["local"])))


def main():
    """Print a line for each change, as it is measured."""
    args = parse_arguments(__doc__)
    args.models, measured = ["local"], columns(args)
    print(f"{'':33}" + "".join(f"{heading:>23}" for heading in measured))
    results = {}
    for label, change in CHANGES.items():
        args.set, row = list(change.items()), {}
        for heading, (part, names, args.hidden) in measured.items():
            row[heading] = float(np.mean([mean_score(part, name, args) for name in names]))
        results[label] = row
        print(f"{label:33}" + "".join(f"{score:23.4f}" for score in row.values()), flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
