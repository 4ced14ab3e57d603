"""The comparison from the shell: what it prints, and what it refuses."""

import gzip
import io
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sklearn_localnet.__main__ as cli
import sklearn_localnet.table
from sklearn_localnet import DivergenceError, LocalRuleClassifier
from sklearn_localnet.table import _columns, _file

QUICK = ["--folds", "2", "--hidden", "10"]
REPORT_KEYS = {
    "data", "read", "target", "metric", "rows", "dropped_rows", "columns", "treatment", "notes",
    "folds", "hidden", "seed", "models", "verdict", "fit_time_ratio",
}  # fmt: skip
CLASSIFIERS = ["LocalRuleClassifier", "MLPClassifier", "logistic regression", "most frequent class"]
REGRESSORS = ["LocalRuleRegressor", "MLPRegressor", "ridge regression", "mean"]
NETWORKS = {*CLASSIFIERS[:2], *REGRESSORS[:2]}
MODEL_KEYS = {"scores", "fit_seconds", "mean", "spread", "median_fit_seconds"}


@pytest.fixture
def frame():
    """Return 90 rows whose classes a colour and a number give away."""
    rng = np.random.default_rng(0)
    x = rng.permutation(np.linspace(-3, 3, 90))
    return pd.DataFrame(
        {
            "x": x,
            "colour": np.where(np.abs(x) < 1, "red", rng.choice(["blue", "green"], 90)),
            "name": [f"row {i}" for i in range(90)],
            "kind": np.where(np.abs(x) < 1, "inner", np.where(x > 0, "upper", "lower")),
            "value": 500 + 100 * x + 50 * (np.abs(x) < 1),
        }
    )


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "table.csv"
        if isinstance(content, pd.DataFrame):
            content.to_csv(path, index=False)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def report(capsys):
    def report(*argv):
        assert cli.main([*argv, *QUICK, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return report


@pytest.fixture
def refusal(capsys):
    """Return the one line that a refused run leaves behind."""

    def refusal(*argv, status=2):
        assert cli.main(list(argv)) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert err.startswith("error: ")
        return err.strip()

    return refusal


@pytest.fixture
def runs(monkeypatch):
    """Record what is cross-validated, in order, in place of doing it."""
    calls = []

    def record(model, X, y, cv, error_score):
        calls.append((model, y, cv))
        n = len(calls)
        return {"test_score": np.array([n / 10]), "fit_time": np.array([n**2.0])}

    monkeypatch.setattr(cli, "cross_validate", record)
    return calls


def test_json_holds_scores_and_seconds_that_agree(report, write, frame):
    path = write(frame)
    result = report(path, "--target", "kind")
    assert result.keys() == REPORT_KEYS
    assert list(result["models"]) == CLASSIFIERS
    for name, model in result["models"].items():
        assert model.keys() == MODEL_KEYS
        assert len(model["scores"]) == len(model["fit_seconds"]) == 2
        assert model["mean"] == pytest.approx(np.mean(model["scores"]))
        assert model["spread"] == pytest.approx(np.std(model["scores"]))
        assert model["median_fit_seconds"] == pytest.approx(np.median(model["fit_seconds"]))
        assert min(model["fit_seconds"]) > 0
        assert 0.8 < model["mean"] <= 1 or name not in NETWORKS
    local, mlp, *_ = (model["median_fit_seconds"] for model in result["models"].values())
    assert result["fit_time_ratio"] == pytest.approx(local / mlp)
    facts = {key: result[key] for key in REPORT_KEYS - {"models", "verdict", "fit_time_ratio"}}
    assert facts == {
        "data": path, "target": "kind", "metric": "accuracy", "rows": 90, "dropped_rows": 0,
        "columns": 3, "folds": 2, "hidden": 10, "seed": 0,
        "read": {"encoding": "utf-8", "sep": ",", "decimal": ".", "header": True},
        "treatment": {
            "x": "numbers, scaled", "colour": "text, one-hot", "value": "numbers, scaled",
            "name": "left out, another text in each row", "kind": "target, 3 classes",
        },
        "notes": [],
    }  # fmt: skip


def test_regression_reports_r2_whatever_the_scale_of_the_target(report, write, frame):
    result = report(write(frame), "--target", "value", "--regression")
    assert result["metric"] == "R2"
    assert list(result["models"]) == REGRESSORS
    assert all(0.8 < result["models"][name]["mean"] <= 1 for name in REGRESSORS[:2])
    assert result["models"]["mean"]["mean"] < 0.01


def test_rows_without_a_finite_target_are_left_out_of_a_regression(report, write, frame):
    frame.loc[[2, 60], "value"] = [np.nan, -np.inf]
    result = report(write(frame), "--target", "value", "--regression")
    assert (result["rows"], result["dropped_rows"]) == (88, 2)


def test_all_models_share_folds_and_scaling_and_run_in_turns(runs, write, frame):
    argv = [write(frame), "--target", "kind", "--folds", "3", "--hidden", "7", "--seed", "4"]
    assert cli.main(argv) == 0
    names = [type(model[-1]).__name__ for model, _, _ in runs]
    kinds = ["LocalRuleClassifier", "MLPClassifier", "LogisticRegression", "DummyClassifier"]
    assert names == kinds * 3
    tested = []
    for turn in range(0, 12, 4):
        models, [y, *_], folds = zip(*runs[turn : turn + 4], strict=True)
        [fold] = folds[0]
        assert all(other is fold for [other] in folds)
        assert set(fold[0]) | set(fold[1]) == set(range(90))
        counts = np.unique(y, return_counts=True)[1]
        assert np.ptp(np.unique(y[fold[1]], return_counts=True)[1] - counts / 3) < 2
        assert all(model[0] is models[0][0] for model in models)
        for model in models[:2]:
            assert (model[-1].hidden_layer_sizes, model[-1].random_state) == ((7,), 4)
        tested.extend(fold[1])
    assert sorted(tested) == list(range(90))


def test_text_says_what_was_read_and_how_the_models_compare(capsys, runs, write, frame):
    path = write(frame)
    assert cli.main([path, "--target", "kind", "--folds", "3"]) == 0
    out, err = capsys.readouterr()
    # Run n of the twelve recorded scores n / 10 in n**2 seconds; a spread of four steps is 0.3266.
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        f"{path}: encoding utf-8, separator ',', decimal '.', names in its first line",
        "90 rows, 3 columns",
        "numbers, scaled: x, value",
        "text, one-hot: colour",
        "left out, another text in each row: name",
        "target, 3 classes: kind",
        "",
        "3 folds, 100 hidden neurons",
        "accuracy fit seconds",
        "LocalRuleClassifier 0.5000 +/- 0.3266 25.000",
        "MLPClassifier 0.6000 +/- 0.3266 36.000",
        "logistic regression 0.7000 +/- 0.3266 49.000",
        "most frequent class 0.8000 +/- 0.3266 64.000",
        "ratio 0.694 (LocalRuleClassifier / MLPClassifier)",
        "LocalRuleClassifier, fold by fold:",
        "worse than MLPClassifier -0.1000 +/- 0.0000",
        "worse than logistic regression -0.2000 +/- 0.0000",
        "worse than most frequent class -0.3000 +/- 0.0000",
    ]
    progress = [" ".join(line.split()[:3]) for line in err.splitlines()]
    assert progress[:3] == [
        "fold 1/3 LocalRuleClassifier", "fold 1/3 MLPClassifier", "fold 1/3 logistic"
    ]  # fmt: skip
    assert len(progress) == 12


def test_long_lists_of_columns_are_cut_short(capsys, runs, write):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 14))).add_prefix("c").assign(y=["a", "b"] * 10)
    assert cli.main([write(frame), "--target", "y", "--folds", "2"]) == 0
    assert "numbers, scaled: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 4 more" in (
        capsys.readouterr().out.splitlines()
    )


@pytest.mark.parametrize(
    ("local", "other", "word"),
    [
        ([0.9, 0.8, 0.7], [0.8, 0.7, 0.5], "better than"),
        ([0.8, 0.7, 0.5], [0.9, 0.8, 0.7], "worse than"),
        ([0.9, 0.8, 0.7], [0.8, 0.9, 0.6], "within the spread of"),
        ([0.8, 0.9, 0.6], [0.9, 0.8, 0.7], "within the spread of"),
        ([0.5, 0.7], [0.5, 0.7], "within the spread of"),
    ],
)
def test_verdict_holds_differences_fold_by_fold_against_their_spread(local, other, word):
    differences = np.subtract(local, other)
    [(name, verdict)] = cli._verdict({"a": {"scores": local}, "b": {"scores": other}}).items()
    assert name == "b"
    assert verdict["word"] == word
    assert verdict["difference"] == pytest.approx(np.mean(differences))
    assert verdict["spread"] == pytest.approx(np.std(differences))


def test_seed_settles_the_scores(report, write, frame):
    def scores(seed):
        models = report(path, "--target", "kind", "--seed", seed)["models"]
        return [model["scores"] for model in models.values()]

    frame["kind"] = np.random.default_rng(1).permutation(frame["kind"])
    path = write(frame)
    assert scores("1") == scores("1") != scores("2")


def test_seed_settles_the_folds(runs, write, frame):
    path = write(frame)
    for seed in ("1", "1", "2"):
        assert cli.main([path, "--target", "kind", "--folds", "2", "--seed", seed]) == 0
    first, again, other = ([*fold[1]] for _, _, [fold] in runs[::8])
    assert first == again != other


def test_digits_from_the_shell_need_no_pandas(tmp_path):
    (tmp_path / "pandas.py").write_text("raise ModuleNotFoundError('hidden from this test')")
    root = Path(cli.__file__).parents[1]
    argv = [sys.executable, "-m", "sklearn_localnet", "--folds", "2", "--hidden", "20", "--json"]
    path = os.pathsep.join(map(str, (tmp_path, root)))
    run = subprocess.run(
        argv, env={**os.environ, "PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert (result["data"], result["rows"], result["columns"]) == ("digits", 1797, 64)
    assert all(result["models"][name]["mean"] > 0.8 for name in CLASSIFIERS[:3])
    assert result["models"]["most frequent class"]["mean"] < 0.2


def test_exit_status_reaches_the_shell(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sklearn_localnet", "nowhere.csv", "--target", "y"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(cli.__file__, run_name="__main__")
    assert stopped.value.code == 2
    assert "nowhere.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (b"", "{path} is empty"),
        (" \n\n", "{path} is empty"),
        ("x,y\n", "{path} has no rows"),
        ("x,z\n1,2\n", "has no column 'y'; it has 'x', 'z'"),
        ("y\na\nb\n", "has one column only, 'y', where ',' separates columns; --sep names"),
        ("x:y\n1:a\n2:b\n", "has one column only, 'x:y', where ',' separates columns; --sep names"),
        ("x,y\n" + "1,a\n" * 9, "'y' of {path} holds only 'a'"),
        ("x,y\n" + "1,\n" * 9, "'y' of {path} holds no value; left out 9 row(s) without 'y'"),
        ("x,y\n" + "1,a\n" * 9 + "2,b\n" * 4, "holds only 'a'; left out 4 row(s) of classes"),
        ("x,y\n" + "".join(f"{i},{i / 7}\n" for i in range(20)), "; --regression predicts"),
        ("x,y\n1,a\n2,b\x00\n", "{path} is not text, as it holds NUL bytes; --encoding"),
        ("x,y\n1,é\x81\n".encode("latin-1"), "is not text in UTF-8, UTF-16 or Windows-1252; --enc"),
        (
            "\ufeffx,y\n1,é\n".encode() + b"\xe9",
            "is not text in UTF-8, UTF-16 or Windows-1252; --e",
        ),
        ("x,y\n1,a\n".encode("utf-16")[:-1], "is not text in UTF-8, UTF-16 or Windows-1252; --enc"),
        (
            b"\x1f\x8b\x08" + bytes(range(1, 256)),
            "{path} is damaged: it cannot be unpacked by gzip",
        ),
        (
            gzip.compress(b"x,y\n1,a\n" * 99, mtime=0)[:-20],
            "{path} is damaged: it cannot be unpacked by gz",
        ),
        (
            b"PK\x03\x04" + bytes(99),
            "{path} is a workbook or a zip archive; save its sheet as a CSV",
        ),
        (
            "x,y\n1,a\n1,2,3,4\n",
            "line 3 has 4 fields and the first 2, with ',' between them; --sep",
        ),
        (
            "x,y\n1,2,a\n1,2,b\n",
            "line 2 has 3 fields and the first 2, with ',' between them; --sep",
        ),
        (
            "My table\nx,z,y\n1,2,b\n",
            "1 field(s) in its first line and 3 in the second; remove what",
        ),
        ('x,y\n1,b\n"1,a\n', "a quote opened in line 3 is not closed"),
    ],
)
def test_unusable_table_is_refused_by_name(refusal, write, content, culprit):
    path = write(content)
    line = refusal(path, "--target", "y")
    assert path in line
    assert culprit.format(path=path) in line


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        ("x,y\n" + "1,2\n3,much\n" * 9, "'y' of {path} is not numeric: 'much'; without --regr"),
        ("x,y\n" + "1,2\n3,4\n" * 4, "'y' of {path} holds 8 number(s), too few for --folds 5"),
        ("x,y\n" + "1,2\n3,2\n" * 9, "'y' of {path} holds only '2'"),
    ],
)
def test_unusable_number_to_predict_is_refused(refusal, write, content, culprit):
    path = write(content)
    assert culprit.format(path=path) in refusal(path, "--target", "y", "--regression")


@pytest.mark.parametrize("option", ["--drop", "--keep"])
def test_column_of_an_option_is_refused_by_its_nearest_name(refusal, write, frame, option):
    line = refusal(write(frame), "--target", "kind", option, "color")
    assert "has no column 'color'" in line
    assert "did you mean 'colour'?" in line


def test_file_in_another_encoding_than_said_is_refused(refusal, write):
    path = write("x,y\n1,é\n".encode("latin-1"))
    line = refusal(path, "--target", "y", "--encoding", "utf-8")
    assert line == f"error: {path} is not text in utf-8; --encoding names another encoding"


def test_long_list_of_columns_is_cut_short(refusal, write):
    path = write(",".join(f"c{i}" for i in range(50)) + "\n")
    assert "'c8', 'c9', ..." in refusal(path, "--target", "y")


def test_missing_file_directory_and_link_to_itself_are_refused(refusal, tmp_path):
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    assert str(loop) in refusal(str(loop), "--target", "y")
    missing = str(tmp_path / "missing.csv")
    assert f"No such file or directory: {missing!r}" in refusal(missing, "--target", "y")
    assert f"{tmp_path} is not a regular file" in refusal(str(tmp_path), "--target", "y")


def test_more_columns_than_memory_can_hold_are_refused_before_reading(refusal, write, monkeypatch):
    def header(n):
        return write(",".join(f"c{i}" for i in range(n)) + ",y\n")

    assert "more than 20000 columns" in refusal(header(20_000), "--target", "y")
    monkeypatch.setattr(_file, "MAX_COLUMNS", 3)
    assert "has no rows" in refusal(header(2), "--target", "y")
    assert "more than 3 columns" in refusal(header(3), "--target", "y")


def test_file_larger_than_the_limit_is_refused_unread(refusal, tmp_path):
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(_file.MAX_BYTES + 1)
    assert f"{path} is larger than 2 GiB" in refusal(str(path), "--target", "y")


def test_file_that_unpacks_to_more_than_the_limit_is_refused(refusal, write, monkeypatch):
    monkeypatch.setattr(_file, "MAX_BYTES", 2**20)
    path = write(gzip.compress(b"x,y\n" + b"1,a\n" * 2**18))
    assert f"{path} unpacks to more than" in refusal(path, "--target", "y")


HOSTILE = {
    "a line of commas": ("x,y\n" + "," * 1_000_000 + "\n", "line 2 has 1000001 fields"),
    "a later line of commas": ("x,y\n1,a\n" + "," * 10**6 + "\n", "line 3 has 1000001 fields"),
    "a million columns": (",".join(["x"] * 1_000_000) + ",y\n", "first line that is too long"),
    "a first line without end": ("x" * 2**21, "first line that is too long"),
    "a million quotes": ('x,y\n"' + '""' * 500_000 + ",a\n", "not a well-formed table"),
    "a huge field": ("x,y\n" + "a" * 20_000_000 + ",a\n" + "1,b\n" * 9, "'y' of"),
    "a huge label": ("x,y\n1," + "a" * 20_000_000 + "\n" + "1,b\n" * 9, "holds only 'b'"),
    "nothing but line ends": ("\r\n" * 100_000, "is empty"),
    "bytes at random": (
        np.random.default_rng(0).integers(1, 256, 10**6, np.uint8).tobytes(),
        "not",
    ),
    "numbers that overflow": ("x,y\n" + "1e308,a\n-1e308,b\n" * 9, "column 'x' of"),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_table_is_refused_from_the_shell_in_one_line_and_little_memory(
    write, content, said
):
    path = write(content)
    limits = "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30));"
    code = f"{limits} import runpy; runpy.run_module('sklearn_localnet', run_name='__main__')"
    run = subprocess.run(
        [sys.executable, "-c", code, path, "--target", "y"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.startswith("error: ")
    assert len(run.stderr.splitlines()) == 1
    assert said in run.stderr


def test_formulas_are_text_like_any_other(report, write):
    cells = ["=cmd|' /C calc'!A0", "@SUM(1+1)", "+1+1", "-2+3"]
    lines = [f'"{cell}",{"ab"[i % 2]}\n' for i, cell in enumerate(cells)]
    result = report(write("x,y\n" + "".join(lines) * 6), "--target", "y")
    assert (result["rows"], result["columns"]) == (24, 1)
    assert result["models"]["LocalRuleClassifier"]["mean"] == 1


def test_too_many_classes_are_refused(refusal, write, monkeypatch):
    monkeypatch.setattr(_columns, "MAX_CLASSES", 3)
    path = write("x,y\n" + "1,a\n2,b\n3,c\n4,d\n" * 5)
    assert refusal(path, "--target", "y").endswith("has more than 3 classes")
    assert refusal(path, "--target", "x").endswith("; --regression predicts a number")


def test_target_that_overflows_is_refused_unless_it_is_left_out(refusal, report, write):
    path = write("x,z,y\n" + "1,1e300,2\n2,2,3\n" * 9)
    assert "column 'z' of" in refusal(path, "--target", "z", "--regression")
    assert "--drop leaves a column out" in refusal(path, "--target", "y")
    assert report(path, "--target", "y", "--drop", "z")["columns"] == 1


@pytest.mark.parametrize(
    ("hidden", "argv", "said"),
    [
        ("pandas", [], "pip install 'sklearn-localnet[table]'"),
        ("skops", ["--save", "model.skops"], "pip install 'sklearn-localnet[skops]'"),
    ],
)
def test_missing_package_is_named_with_the_way_to_get_it(
    refusal, write, monkeypatch, hidden, argv, said
):
    for name in ("_columns", "_file"):
        monkeypatch.delitem(sys.modules, f"sklearn_localnet.table.{name}")
        monkeypatch.delattr(sklearn_localnet.table, name)
    monkeypatch.setitem(sys.modules, hidden, None)
    assert said in refusal(write("x,y\n1,2\n"), "--target", "y", *argv)


@pytest.mark.parametrize("regression", [False, True])
def test_saved_model_predicts_a_file_that_is_written_otherwise(
    capsys, write, frame, tmp_path, regression
):
    frame["when"] = pd.date_range("2020-01-01", periods=90).strftime("%d.%m.%Y")
    frame["code"] = ["1", "x"] * 45
    frame.loc[5, ["x", "colour", "when"]] = None
    target, model = ("value" if regression else "kind"), str(tmp_path / "model.skops")
    argv = ["--target", target, "--save", model, *["--regression"] * regression, *QUICK]
    assert cli.main([write(frame), *argv]) == 0
    out, _ = capsys.readouterr()
    name = "LocalRuleRegressor" if regression else "LocalRuleClassifier"
    saved = f"saved {name}, fitted to all rows: FILE --load {model} predicts by it"
    assert out.splitlines()[-1] == saved
    rows = frame.loc[::2].drop(columns=[target, "name"]).assign(other=3)[::-1]
    content = rows[[*rows][::-1]].to_csv(index=False, sep=";", decimal=",").encode("utf-16")
    assert cli.main([write(content), "--load", model]) == 0
    out, err = capsys.readouterr()
    assert "encoding utf-16, separator ';', decimal ','" in err
    printed = pd.read_csv(io.StringIO(out))["prediction"]
    rows = rows.assign(colour=rows["colour"].fillna(""), when=rows["when"].fillna(""))
    trusted = skops.io.get_untrusted_types(file=model)
    predicted = skops.io.load(model, trusted=trusted).predict(rows)
    assert len(set(predicted)) > 2
    if regression:
        np.testing.assert_allclose(printed, predicted)
    else:
        assert printed.tolist() == predicted.tolist()


@pytest.fixture
def model(write, frame, tmp_path, capsys):
    """Return the path of a saved classifier of `frame`."""
    path = str(tmp_path / "model.skops")
    assert cli.main([write(frame), "--target", "kind", "--save", path, *QUICK]) == 0
    capsys.readouterr()
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "x;color;value\n1;red;2\n",
            "has no column 'colour'; it has 'x', 'color', 'value'; did you",
        ),
        ("x;colour;value\n1;red;much\n", "column 'value' of {path} is not numeric as in the model"),
        ("x;colour;value\n", "has no rows"),
        ("1.5;red;2\n2.5;red;3\n", "first line looks like data"),
    ],
)
def test_rows_that_a_saved_model_cannot_take_are_refused(refusal, write, model, content, said):
    path = write(content)
    assert said.format(path=path) in refusal(path, "--load", model)


@pytest.mark.parametrize("kind", ["text", "archive", "pipeline", "estimator", "untrusted"])
def test_what_save_did_not_write_is_not_loaded(refusal, write, tmp_path, kind):
    path = tmp_path / "model.skops"
    if kind == "text":
        path.write_text("no model")
    elif kind == "archive":
        with ZipFile(path, "w") as archive:
            archive.writestr("schema", "no model")
    else:
        fitted = {
            "pipeline": make_pipeline(StandardScaler(), Ridge()),
            "estimator": Ridge(),
            "untrusted": make_pipeline(FunctionTransformer(os.path.join), Ridge()),
        }
        skops.io.dump(fitted[kind], path)
    line = refusal(write("x,y\n1,2\n"), "--load", str(path))
    assert line == f"error: {path} is no model that --save wrote"


def test_missing_model_is_refused(refusal, write):
    assert "No such file" in refusal(write("x,y\n1,2\n"), "--load", "nowhere.skops")


@pytest.mark.parametrize(
    "argv",
    [
        ["table.csv"],
        ["--target", "y"],
        ["--regression"],
        ["--save", "model.skops"],
        ["--sep", ";"],
        ["--sep", ";;", "table.csv"],
        ["--encoding", "klingon", "table.csv"],
        ["--encoding", "hex", "table.csv"],
        ["--decimal", "x", "table.csv"],
        ["--drop", "y", "--target", "y", "table.csv"],
        ["--keep", "y", "--load", "model.skops", "table.csv"],
        ["--json", "--load", "model.skops", "table.csv"],
        ["--folds", "1"],
        ["--hidden", "0"],
        ["--seed", "-1"],
        ["--seed", str(2**32)],
        ["--hidden", "many"],
    ],
)
def test_wrong_usage_exits_with_2_and_names_the_option(capsys, argv):
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    assert {"table.csv": "FILE"}.get(argv[0], argv[0]) in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (DivergenceError("weights\nblew up"), 1, "error: weights blew up"),
        (ValueError("bad cell"), 2, "error: bad cell"),
        (MemoryError(), 2, "error: MemoryError"),
        (KeyboardInterrupt(), 130, "error: interrupted"),
    ],
)
def test_failed_fit_ends_with_one_line(refusal, write, frame, monkeypatch, error, status, said):
    class Failing(LocalRuleClassifier):
        def fit(self, X, y):
            raise error

    monkeypatch.setattr(cli, "LocalRuleClassifier", Failing)
    assert refusal(write(frame), "--target", "kind", "--json", status=status) == said


@pytest.mark.filterwarnings("default")  # as in a shell, where a warning stops nothing
@pytest.mark.parametrize(
    "step",
    [
        "sklearn_localnet.training._loop.Patience.exhausted",
        "sklearn.neural_network.MLPClassifier._update_no_improvement_count",
    ],
)
def test_model_interrupted_half_trained_is_not_reported(write, frame, monkeypatch, capsys, step):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(step, interrupt)
    assert cli.main([write(frame), "--target", "kind", "--json", *QUICK]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "error: interrupted"
