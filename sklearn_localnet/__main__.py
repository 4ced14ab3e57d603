"""Compare the local rule with the multilayer perceptron: ``python -m sklearn_localnet``."""

import argparse
import json
import os
import stat
import sys
import warnings

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import Bunch

from sklearn_localnet import DivergenceError, LocalRuleClassifier, LocalRuleRegressor

MAX_BYTES = 2 * 1024**3
MAX_COLUMNS = 20_000
MAX_CATEGORIES = 50  # of a text column; fewer where there are many such columns
MAX_CLASSES = 1_000
MAX_SIZE = 1e100  # of a number; sums of squares of larger ones overflow

DESCRIPTION = """\
Cross-validate LocalRuleClassifier against MLPClassifier: same folds, same hidden layer, defaults
otherwise. Fit seconds cover scaling and encoding as well. Without FILE the table is the digits that
come with scikit-learn."""
EPILOG = "exit status: 0 done, 1 training diverged, 2 bad usage or input, 130 interrupted"


def main(argv=None):
    """Run the comparison and print it.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments of the command line; None for those of the process.

    Returns
    -------
    status : int
        0 done, 1 training diverged, 2 bad input, 130 interrupted.
    """
    options = _options(argv)
    try:
        table = _digits() if options.file is None else _table(options)
        report = _report(table, options, _compare(table, options))
    except (ImportError, MemoryError, OSError, ValueError) as error:
        return _fail(error, 2)
    except DivergenceError as error:
        return _fail(error, 1)
    except (KeyboardInterrupt, UserWarning):
        return _fail("interrupted", 130)
    print(json.dumps(report, indent=2) if options.json else _text(report))
    return 0


def _options(argv):
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_localnet", description=DESCRIPTION, epilog=EPILOG
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="a CSV table with a header line")
    parser.add_argument("--target", metavar="COLUMN", help="the column of FILE to predict")
    parser.add_argument("--regression", action="store_true", help="predict a number; report R2")
    parser.add_argument("--hidden", type=_at_least(1), default=100, help="hidden neurons (100)")
    parser.add_argument("--folds", type=_at_least(2), default=5, help="folds (5)")
    parser.add_argument("--seed", type=_at_least(0), default=0, help="seed of folds and models (0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    if options.file is not None and options.target is None:
        parser.error("FILE needs --target COLUMN")
    if options.file is None and (options.target is not None or options.regression):
        parser.error("--target and --regression need FILE")
    return options


def _at_least(least):
    def integer(text):
        number = int(text)
        if not least <= number < 2**32:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and 2**32 - 1")
        return number

    return integer


def _fail(error, status):
    # Messages from elsewhere may run over several lines.
    print("error:", " ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
    return status


def _digits():
    X, y = load_digits(return_X_y=True)
    return Bunch(X=X, y=y, names=np.arange(10), dropped=0, prepare=StandardScaler())


def _table(options):
    """Read and check the table; `prepare` turns its columns into numbers inside each fold."""
    frame = _read(options.file, options.target)
    target = frame.pop(options.target)
    kept = target.notna()
    dropped = int((~kept).sum())
    if dropped:
        print(f"note: left out {dropped} row(s) without {options.target!r}", file=sys.stderr)
    frame, target = frame[kept].copy(), target[kept]
    if target.nunique() < 2:
        held = f"only {str(target.iloc[0])!r}" if len(target) else "no value"
        raise ValueError(f"target column {options.target!r} of {options.file} holds {held}")
    y, names = (_numbers(target), None) if options.regression else target.factorize()
    numeric = list(frame.select_dtypes("number"))
    text = [name for name in frame if name not in set(numeric)]
    # A missing text is a category of its own.
    frame[text] = frame[text].astype(object).where(frame[text].notna(), "").astype(str)
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=2,
        max_categories=max(2, min(MAX_CATEGORIES, MAX_COLUMNS // max(1, len(text)))),
    )
    scaler = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    prepare = ColumnTransformer([("numeric", scaler, numeric), ("text", encoder, text)])
    return Bunch(X=frame, y=y, names=names, dropped=dropped, prepare=prepare)


def _read(path, target):
    """Read the file into a pandas frame whose columns can be used."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "reading a table needs pandas: pip install 'sklearn-localnet[table]'"
        ) from error
    _check_file(path)
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(file, index_col=False, skipinitialspace=True, low_memory=False)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{path} is not a well-formed table: {error}") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty") from error
    if target not in frame:
        some = ", ".join(map(repr, frame.columns[:10])) + ", ..." * (frame.shape[1] > 10)
        raise ValueError(f"{path} has no column {target!r}; it has {some}")
    if frame.shape[1] == 1:
        raise ValueError(f"{path} has no feature columns beside {target!r}")
    if not len(frame):
        raise ValueError(f"{path} has no rows")
    frame = frame.replace([np.inf, -np.inf], np.nan)
    sizes = frame.select_dtypes("number").abs().max()
    if (sizes > MAX_SIZE).any():
        raise ValueError(f"column {sizes.idxmax()!r} of {path} holds values above {MAX_SIZE:.0e}")
    return frame


def _check_file(path):
    """Refuse what would exhaust memory or be read as nonsense."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is not a regular file")
    if status.st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES / 1024**3:.3g} GiB, the most accepted")
    with open(path, "rb") as file:
        commas = 0  # in the line so far
        while chunk := file.read(2**20):
            if b"\0" in chunk:
                raise ValueError(f"{path} is not UTF-8 text: it holds NUL bytes")
            for number, part in enumerate(chunk.replace(b"\r", b"\n").split(b"\n")):
                commas = part.count(b",") + (0 if number else commas)
                if commas > MAX_COLUMNS:
                    raise ValueError(f"{path} has more than {MAX_COLUMNS} feature columns")


def _numbers(target):
    import pandas as pd

    numbers = pd.to_numeric(target, errors="coerce")
    wrong = target[numbers.isna()]
    if len(wrong):
        raise ValueError(f"target column {target.name!r} is not numeric: {str(wrong.iloc[0])!r}")
    return numbers.to_numpy(dtype=float)


def _folds(table, options):
    """Split the rows once, so that both models see the same folds."""
    splitter = KFold if options.regression else StratifiedKFold
    if options.regression:
        if len(table.y) < 2 * options.folds:
            raise ValueError(f"{len(table.y)} rows are too few for --folds {options.folds}")
    else:
        counts = np.bincount(table.y)
        rarest = counts.argmin()
        problem = None
        if len(counts) > MAX_CLASSES:
            problem = f"the target has more than {MAX_CLASSES} classes"
        elif counts[rarest] < options.folds:
            name, rows = str(table.names[rarest]), counts[rarest]
            problem = f"class {name!r} has {rows} row(s), fewer than --folds {options.folds}"
        if problem:
            raise ValueError(f"{problem}; a target of numbers may want --regression")
    return splitter(options.folds, shuffle=True, random_state=options.seed).split(table.X, table.y)


def _models(table, options):
    pair = LocalRuleClassifier, MLPClassifier
    if options.regression:
        pair = LocalRuleRegressor, MLPRegressor
    models = {}
    for kind in pair:
        model = kind(hidden_layer_sizes=(options.hidden,), random_state=options.seed)
        if options.regression:
            model = TransformedTargetRegressor(model, transformer=StandardScaler())
        models[kind.__name__] = make_pipeline(table.prepare, model)
    return models


def _compare(table, options):
    """Scores and fit seconds of each model; in turns, so that the machine's noise hits both."""
    models = _models(table, options)
    results = {name: {"scores": [], "fit_seconds": []} for name in models}
    for number, fold in enumerate(_folds(table, options), start=1):
        for name, model in models.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                # Either model would go on half trained.
                warnings.filterwarnings("error", "Training interrupted", UserWarning)
                run = cross_validate(model, table.X, table.y, cv=[fold], error_score="raise")
            score, seconds = run["test_score"].item(), run["fit_time"].item()
            results[name]["scores"].append(score)
            results[name]["fit_seconds"].append(seconds)
            line = f"fold {number}/{options.folds}  {name:19}  {score:.4f}  {seconds:.2f} s"
            print(line, file=sys.stderr, flush=True)
    return results


def _report(table, options, results):
    for result in results.values():
        result["mean"] = float(np.mean(result["scores"]))
        result["spread"] = float(np.std(result["scores"]))
        result["median_fit_seconds"] = float(np.median(result["fit_seconds"]))
    local, mlp = (result["median_fit_seconds"] for result in results.values())
    return {
        "data": options.file or "digits",
        "target": options.target,
        "metric": "R2" if options.regression else "accuracy",
        "rows": len(table.y),
        "dropped_rows": table.dropped,
        "columns": table.X.shape[1],
        "folds": options.folds,
        "hidden": options.hidden,
        "seed": options.seed,
        "models": results,
        "fit_time_ratio": local / mlp,
    }


def _text(report):
    lines = [
        "{rows} rows, {columns} columns, {folds} folds, {hidden} hidden neurons".format(**report),
        f"{'':19}  {report['metric']:^19}  fit seconds",
    ]
    for name, result in report["models"].items():
        score = f"{result['mean']:.4f} +/- {result['spread']:.4f}"
        lines.append(f"{name:19}  {score:>19}  {result['median_fit_seconds']:11.3f}")
    lines.append(f"{'ratio':19}  {'':19}  {report['fit_time_ratio']:11.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
