"""What each departure of the defaults is worth: one is taken back, or one option added, at a time.

Run it from the root of the repository::

    python examples/benchmarks/bench_ablation.py --data DIR --json ablation.json

Tables are scored by the mean over `TABLES` of 5-fold cross-validation, images as in
``bench_accuracy.py``, whose options it takes. A fit that raises an error scores 0.
"""

import json

from _data import table_names
from bench_accuracy import IMAGE_TASKS, evaluate, parse_arguments, seed_scores

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
    "Hebbian readout": {"readout": "hebbian"},
    "plain steps": {"solver": "sgd", "learning_rate_init": 0.1},
}
TABLES = ("breast.cancer", "car", "glass", "heart.c", "hypothyroid", "tic-tac-toe", "vehicle")
IMAGES = ("mnist-10k-64", "mnist-one-pass-100")


def mean_score(part, name, args):
    """Mean over seeds of the score of the local rules on one table or image task."""
    scores = seed_scores(part, evaluate(part, name, args, {})["local"])
    return sum(scores) / len(scores)


def main():
    """Print a line for each change, as it is measured."""
    args = parse_arguments(__doc__)
    args.models = ["local"]
    known = table_names("classification", args.data)
    tables = [name for name in TABLES if name in known] or known
    images = [name for name in IMAGE_TASKS if name in IMAGES]
    if args.quick:
        tables, images = tables[:1], images[:1]
    print(f"{'':33}{'tables':>8}" + "".join(f"{name:>20}" for name in images))
    results = {}
    for label, change in CHANGES.items():
        args.set = list(change.items())
        table_scores = [mean_score("tables", name, args) for name in tables]
        row = {"tables": sum(table_scores) / len(tables)}
        row |= {name: mean_score("images", name, args) for name in images}
        results[label] = row
        print(f"{label:33}{row['tables']:8.4f}" + "".join(f"{row[name]:20.4f}" for name in images))
        if args.json:
            args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
