"""Compare the local rule with the multilayer perceptron: ``python -m sklearn_localnet``."""

import argparse
import json
import sys
import warnings

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from sklearn_localnet import DivergenceError, LocalRuleClassifier, LocalRuleRegressor

DESCRIPTION = """\
Cross-validate LocalRuleClassifier against MLPClassifier: same folds, same hidden layer, defaults
otherwise; beside them a linear model and a constant guess. Fit seconds cover scaling and encoding
as well. Without FILE the table is the digits that come with scikit-learn. With --load a saved model
predicts the rows of FILE instead, and its predictions are printed, one a line."""
EPILOG = "exit status: 0 done, 1 training diverged, 2 bad usage or input, 130 interrupted"


def main(argv=None):
    """Run the comparison and print it, or print the predictions of a saved model.

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
        if options.load:
            _predict(options)
        else:
            _compare(options)
    except (ImportError, MemoryError, OSError, ValueError) as error:
        return _fail(error, 2)
    except DivergenceError as error:
        return _fail(error, 1)
    except (KeyboardInterrupt, UserWarning):
        return _fail("interrupted", 130)
    return 0


def _options(argv):
    parser = argparse.ArgumentParser(
        prog="python -m sklearn_localnet", description=DESCRIPTION, epilog=EPILOG
    )
    column = {"metavar": "COLUMN", "action": "append", "default": []}
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="a table as text, such as CSV; gzip is unpacked")
    add("--target", metavar="COLUMN", help="the column of FILE to predict")
    add("--regression", action="store_true", help="predict a number; report R2")
    add("--drop", help="a column to leave out; may be repeated", **column)
    add("--keep", help="one to take that would be left out; may be repeated", **column)
    add("--sep", type=_separator, metavar="CHAR", help="between columns; found out if not given")
    add("--decimal", choices=[".", ","], metavar="SIGN", help=". or ,; found out if not given")
    add("--encoding", type=_encoding, metavar="NAME", help="of text; found out if not given")
    add("--save", metavar="MODEL", help="fit the local rule to all rows and save it by skops")
    add("--load", metavar="MODEL", help="predict the rows of FILE by what --save wrote")
    add("--hidden", type=_at_least(1), default=100, help="hidden neurons (100)")
    add("--folds", type=_at_least(2), default=5, help="folds (5)")
    add("--seed", type=_at_least(0), default=0, help="seed of folds and models (0)")
    add("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    given = {name for name, value in vars(options).items() if value != parser.get_default(name)}
    if options.file is None:
        wrong, problem = given - {"hidden", "folds", "seed", "json"}, "needs FILE"
    elif options.load:
        allowed = {"file", "load", "sep", "decimal", "encoding"}
        wrong, problem = given - allowed, "does not go with --load"
    else:
        wrong = set()
    if wrong:
        parser.error(f"--{min(wrong)} {problem}")
    if options.file and not (options.target or options.load):
        parser.error("FILE needs --target COLUMN")
    if options.target in options.drop:
        parser.error("--drop names the column of --target")
    return options


def _at_least(least):
    def integer(text):
        number = int(text)
        if not least <= number < 2**32:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and 2**32 - 1")
        return number

    return integer


def _separator(text):
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n':
        raise argparse.ArgumentTypeError("a separator is one character, or tab")
    return text


def _encoding(text):
    try:
        "".encode(text)
    except (LookupError, UnicodeError):
        raise argparse.ArgumentTypeError(f"{text!r} is no encoding that Python knows") from None
    return text


def _fail(error, status):
    # Messages from elsewhere may run over several lines.
    print("error:", " ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
    return status


def _compare(options):
    """Compare the models, print what came of it, and save the local rule's."""
    dump = _skops().dump if options.save else None
    table = _digits() if options.file is None else _table(options)
    if not options.json:
        print(_described(table.facts), flush=True)
    models = _models(table, options)
    report = table.facts | _report(_results(table, models, options), options)
    print(json.dumps(report, indent=2) if options.json else _text(report))
    if dump:
        with warnings.catch_warnings():
            _refuse_interrupted_training()
            name, model = next(iter(models.items()))
            dump(model.fit(table.X, table.y), options.save)
        if not options.json:
            print(f"saved {name}, fitted to all rows: FILE --load {options.save} predicts by it")


def _digits():
    X, y = load_digits(return_X_y=True)
    facts = {"data": "digits", "read": None, "target": None, "rows": len(y), "dropped_rows": 0}
    facts |= {"columns": X.shape[1], "treatment": {}, "notes": []}
    return Bunch(X=X, y=y, prepare=StandardScaler(), facts=facts)


def _table(options):
    """Read the table; `prepare` turns its columns into numbers inside each fold."""
    names = "target", "regression", "folds", "drop", "keep"
    chosen = {name: getattr(options, name) for name in names}
    return _reading().read_table(options.file, **chosen, **_written(options))


def _reading():
    try:
        from sklearn_localnet.table import _columns
    except ImportError as error:
        raise ImportError(
            "reading a table needs pandas: pip install 'sklearn-localnet[table]'"
        ) from error
    return _columns


def _written(options):
    return {name: getattr(options, name) for name in ("sep", "decimal", "encoding")}


def _folds(table, options):
    """Split the rows once, so that all models see the same folds."""
    splitter = KFold if options.regression else StratifiedKFold
    return splitter(options.folds, shuffle=True, random_state=options.seed).split(table.X, table.y)


def _models(table, options):
    if options.regression:
        kinds = LocalRuleRegressor, MLPRegressor
        yardsticks = {"ridge regression": Ridge(), "mean": DummyRegressor()}
    else:
        kinds = LocalRuleClassifier, MLPClassifier
        linear = LogisticRegression(max_iter=1000)
        yardsticks = {"logistic regression": linear, "most frequent class": DummyClassifier()}
    hidden = {"hidden_layer_sizes": (options.hidden,), "random_state": options.seed}
    models = {kind.__name__: kind(**hidden) for kind in kinds} | yardsticks
    for name, model in models.items():
        if options.regression:
            model = TransformedTargetRegressor(model, transformer=StandardScaler())
        models[name] = make_pipeline(table.prepare, model)
    return models


def _refuse_interrupted_training():
    """Let a network that would go on half trained raise a UserWarning."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("error", "Training interrupted", UserWarning)


def _results(table, models, options):
    """Scores and fit seconds of each model; in turns, so that the machine's noise hits all."""
    results = {name: {"scores": [], "fit_seconds": []} for name in models}
    for number, fold in enumerate(_folds(table, options), start=1):
        for name, model in models.items():
            with warnings.catch_warnings():
                _refuse_interrupted_training()
                run = cross_validate(model, table.X, table.y, cv=[fold], error_score="raise")
            score, seconds = run["test_score"].item(), run["fit_time"].item()
            results[name]["scores"].append(score)
            results[name]["fit_seconds"].append(seconds)
            line = f"fold {number}/{options.folds}  {name:19}  {score:.4f}  {seconds:.2f} s"
            print(line, file=sys.stderr, flush=True)
    return results


def _report(results, options):
    for result in results.values():
        result["mean"] = float(np.mean(result["scores"]))
        result["spread"] = float(np.std(result["scores"]))
        result["median_fit_seconds"] = float(np.median(result["fit_seconds"]))
    local, mlp, *_ = results.values()
    return {
        "metric": "R2" if options.regression else "accuracy",
        "folds": options.folds,
        "hidden": options.hidden,
        "seed": options.seed,
        "models": results,
        "verdict": _verdict(results),
        "fit_time_ratio": local["median_fit_seconds"] / mlp["median_fit_seconds"],
    }


def _verdict(results):
    """Hold the local rule against each other model, fold by fold."""
    (_, local), *others = results.items()
    verdict = {}
    for name, result in others:
        differences = np.subtract(local["scores"], result["scores"])
        mean, spread = float(differences.mean()), float(differences.std())
        word = "better than" if mean > 0 else "worse than"
        word = "within the spread of" if abs(mean) <= spread else word
        verdict[name] = {"difference": mean, "spread": spread, "word": word}
    return verdict


def _how_read(path, how):
    header = "names in its first line" if how["header"] else "no header, columns go by number"
    return (
        f"{path}: encoding {how['encoding']}, separator {how['sep']!r}, "
        f"decimal {how['decimal']!r}, {header}"
    )


def _described(facts):
    """Say what was read, and what becomes of each column."""
    lines = []
    if facts["read"]:
        lines.append(_how_read(facts["data"], facts["read"]))
    lines.append(f"{facts['rows']} rows, {facts['columns']} columns")
    groups = {}
    for name, treatment in facts["treatment"].items():
        groups.setdefault(treatment, []).append(name)
    for treatment, names in groups.items():
        more = f" and {len(names) - 10} more" * (len(names) > 10)
        lines.append(f"{treatment}: {', '.join(names[:10])}{more}")
    return "\n".join([*lines, *(f"note: {note}" for note in facts["notes"]), ""])


def _text(report):
    lines = [
        "{folds} folds, {hidden} hidden neurons".format(**report),
        f"{'':19}  {report['metric']:^19}  fit seconds",
    ]
    for name, result in report["models"].items():
        score = f"{result['mean']:.4f} +/- {result['spread']:.4f}"
        lines.append(f"{name:19}  {score:>19}  {result['median_fit_seconds']:11.3f}")
    local, mlp, *_ = report["models"]
    lines.append(f"{'ratio':19}  {'':19}  {report['fit_time_ratio']:11.3f}  ({local} / {mlp})")
    lines.append(f"{local}, fold by fold:")
    for name, verdict in report["verdict"].items():
        difference = f"{verdict['difference']:+.4f} +/- {verdict['spread']:.4f}"
        lines.append(f"  {verdict['word']:20} {name:19}  {difference}")
    return "\n".join(lines)


def _skops():
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "saving and loading a model needs skops: pip install 'sklearn-localnet[skops]'"
        ) from error
    return skops.io


def _load(path, functions):
    """Load what `--save` wrote; a file may name no other types than that has, and skops trusts."""
    load = _skops().load
    trusted = [LocalRuleClassifier, LocalRuleRegressor, np.dtype, *functions]
    try:
        model = load(path, trusted=[f"{kind.__module__}.{kind.__name__}" for kind in trusted])
        return model, {part: names for part, _, names in model[0].transformers}
    except OSError:
        raise
    except Exception as error:  # of many types, where a file is damaged or of another kind
        raise ValueError(f"{path} is no model that --save wrote") from error


def _predict(options):
    """Print what a saved model predicts for each row of a file."""
    reading = _reading()
    model, parts = _load(options.load, [reading.calendar])
    rows, how = reading.read_rows(
        options.file, list(model.feature_names_in_), parts["numbers"], **_written(options)
    )
    print(_how_read(options.file, how), file=sys.stderr)
    predictions = rows[[]].assign(prediction=model.predict(rows))
    print(predictions.to_csv(index=False), end="")


if __name__ == "__main__":
    sys.exit(main())
