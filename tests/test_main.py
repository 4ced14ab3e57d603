"""The comparison from the shell: what it prints, and what it refuses."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sklearn_localnet.__main__ as cli
from sklearn_localnet import DivergenceError, LocalRuleClassifier

QUICK = ["--folds", "2", "--hidden", "10"]
REPORT_KEYS = {
    "data", "target", "metric", "rows", "dropped_rows", "columns", "folds", "hidden", "seed",
    "models", "fit_time_ratio",
}  # fmt: skip
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
        lines = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert len(lines) == 1
        assert lines[0].startswith("error: ")
        return lines[0]

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
    assert list(result["models"]) == ["LocalRuleClassifier", "MLPClassifier"]
    for model in result["models"].values():
        assert model.keys() == MODEL_KEYS
        assert len(model["scores"]) == len(model["fit_seconds"]) == 2
        assert model["mean"] == pytest.approx(np.mean(model["scores"]))
        assert model["spread"] == pytest.approx(np.std(model["scores"]))
        assert model["median_fit_seconds"] == pytest.approx(np.median(model["fit_seconds"]))
        assert min(model["fit_seconds"]) > 0
        assert 0.8 < model["mean"] <= 1
    local, mlp = (model["median_fit_seconds"] for model in result["models"].values())
    assert result["fit_time_ratio"] == pytest.approx(local / mlp)
    facts = {key: result[key] for key in REPORT_KEYS - {"models", "fit_time_ratio"}}
    assert facts == {
        "data": path, "target": "kind", "metric": "accuracy", "rows": 90, "dropped_rows": 0,
        "columns": 4, "folds": 2, "hidden": 10, "seed": 0,
    }  # fmt: skip


def test_regression_reports_r2_whatever_the_scale_of_the_target(report, write, frame):
    result = report(write(frame), "--target", "value", "--regression")
    assert result["metric"] == "R2"
    assert list(result["models"]) == ["LocalRuleRegressor", "MLPRegressor"]
    assert all(0.8 < model["mean"] <= 1 for model in result["models"].values())


def test_missing_cells_are_filled_and_rows_without_target_left_out(capsys, write, frame):
    frame["empty"] = np.nan
    frame["flag"] = pd.Series([True, False, None] * 30, dtype=object)
    frame.loc[[0, 40], "x"] = [np.nan, np.inf]
    frame.loc[[1, 50], "colour"] = None
    frame.loc[[2, 60], "kind"] = None
    assert cli.main([write(frame), "--target", "kind", *QUICK, "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["rows"], result["dropped_rows"], result["columns"]) == (88, 2, 6)
    assert all(model["mean"] > 0.8 for model in result["models"].values())
    assert err.startswith("note: left out 2 row(s) without 'kind'\n")


def test_rows_without_a_finite_target_are_left_out_of_a_regression(report, write, frame):
    frame.loc[[2, 60], "value"] = [np.nan, -np.inf]
    result = report(write(frame), "--target", "value", "--regression")
    assert (result["rows"], result["dropped_rows"]) == (88, 2)


@pytest.mark.parametrize("n_text", [1, 3])
def test_text_columns_of_many_values_take_few_columns(monkeypatch, write, n_text):
    monkeypatch.setattr(cli, "MAX_COLUMNS", 60)
    columns = {f"text {i}": [f"{j % 200}" + "a" for j in range(400)] for i in range(n_text)}
    path = write(pd.DataFrame({**columns, "y": [0, 1] * 200}))
    table = cli._table(cli._options([path, "--target", "y"]))
    encoded = table.prepare.fit_transform(table.X)
    assert encoded.shape == (400, {1: 50, 3: 60}[n_text])
    unknown = table.X.head(1).assign(**dict.fromkeys(columns, "never seen"))
    assert table.prepare.transform(unknown).sum() == n_text


def test_both_models_share_folds_scaling_and_hidden_size_and_run_in_turns(runs, write, frame):
    argv = [write(frame), "--target", "kind", "--folds", "3", "--hidden", "7", "--seed", "4"]
    assert cli.main(argv) == 0
    names = [type(model[-1]).__name__ for model, _, _ in runs]
    assert names == ["LocalRuleClassifier", "MLPClassifier"] * 3
    tested = []
    for (local, y, [fold]), (mlp, _, [same]) in zip(runs[::2], runs[1::2], strict=True):
        assert fold is same
        assert set(fold[0]) | set(fold[1]) == set(range(90))
        assert np.ptp(np.bincount(y[fold[1]]) - np.bincount(y) / 3) < 2
        assert local[0] is mlp[0]
        for model in (local[-1], mlp[-1]):
            assert (model.hidden_layer_sizes, model.random_state) == ((7,), 4)
        tested.extend(fold[1])
    assert sorted(tested) == list(range(90))


def test_table_shows_mean_spread_median_seconds_and_their_ratio(capsys, runs, write, frame):
    assert cli.main([write(frame), "--target", "kind", "--folds", "3"]) == 0
    out, err = capsys.readouterr()
    facts, head, local, mlp, ratio = map(str.split, out.splitlines())
    assert " ".join(facts) == "90 rows, 4 columns, 3 folds, 100 hidden neurons"
    assert head == ["accuracy", "fit", "seconds"]
    # Run n of the six recorded scores n / 10 in n**2 seconds; a spread of two steps is 0.1633.
    assert local == ["LocalRuleClassifier", "0.3000", "+/-", "0.1633", "9.000"]
    assert mlp == ["MLPClassifier", "0.4000", "+/-", "0.1633", "16.000"]
    assert ratio == ["ratio", "0.562"]
    progress = [line.split()[:3] for line in err.splitlines()]
    assert progress[:3] == [
        ["fold", "1/3", "LocalRuleClassifier"],
        ["fold", "1/3", "MLPClassifier"],
        ["fold", "2/3", "LocalRuleClassifier"],
    ]
    assert len(progress) == 6


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
    first, again, other = ([*fold[1]] for _, _, [fold] in runs[::4])
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
    assert all(model["mean"] > 0.8 for model in result["models"].values())


def test_exit_status_reaches_the_shell(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sklearn_localnet", "nowhere.csv", "--target", "y"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(cli.__file__, run_name="__main__")
    assert stopped.value.code == 2
    assert "nowhere.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (b"", "is empty"),
        ("x,y\n", "has no rows"),
        ("x,z\n1,2\n", "has no column 'y'; it has 'x', 'z'"),
        ("y\na\nb\n", "has no feature columns beside 'y'"),
        ("x,y\n" + "1,a\n" * 9, "'y' of {path} holds only 'a'"),
        ("x,y\n" + "1,\n" * 9, "'y' of {path} holds no value"),
        ("x,y\n" + "1,a\n2,b\n" * 5 + "3,rare\n" * 4, "class 'rare' has 4 row(s), fewer than"),
        ("x,y\n" + "".join(f"{i},{i / 7}\n" for i in range(20)), "may want --regression"),
        ("x,y\n1,a\n2,b\x00\n", "{path} is not UTF-8 text: it holds NUL bytes"),
        ("x,y\n1,é\n".encode("latin-1"), "{path} is not UTF-8 text"),
        ("x,y\n1,a\n".encode("utf-16"), "{path} is not UTF-8 text"),
        (b"\x1f\x8b\x08" + bytes(range(1, 256)), "{path} is not"),
        ("x,y\n1,a\n1,2,3,4\n", "{path} is not a well-formed table"),
        ("x,y\n1,2,a\n1,2,b\n", "{path} is not a well-formed table"),
        ('x,y\n"1,a\n', "{path} is not a well-formed table"),
    ],
)
def test_unusable_table_is_refused_by_name(refusal, write, content, culprit):
    path = write(content)
    assert culprit.format(path=path) in refusal(path, "--target", "y")


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        ("x,y\n" + "1,2\n3,much\n" * 9, "'y' is not numeric: 'much'"),
        ("x,y\n" + "1,2\n3,4\n" * 4, "8 rows are too few for --folds 5"),
    ],
)
def test_unusable_number_to_predict_is_refused(refusal, write, content, culprit):
    assert culprit in refusal(write(content), "--target", "y", "--regression")


def test_long_list_of_columns_is_cut_short(refusal, write):
    path = write(",".join(f"c{i}" for i in range(50)) + "\n")
    assert refusal(path, "--target", "y").endswith("'c9', ...")


def test_missing_file_directory_and_link_to_itself_are_refused(refusal, tmp_path):
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    assert str(loop) in refusal(str(loop), "--target", "y")
    missing = str(tmp_path / "missing.csv")
    assert f"No such file or directory: {missing!r}" in refusal(missing, "--target", "y")
    assert refusal(str(tmp_path), "--target", "y") == f"error: {tmp_path} is not a regular file"


def test_more_columns_than_memory_can_hold_are_refused_before_reading(refusal, write, monkeypatch):
    def header(n):
        return write(",".join(f"c{i}" for i in range(n)) + ",y\n")

    assert "more than 20000 feature columns" in refusal(header(20_001), "--target", "y")
    monkeypatch.setattr(cli, "MAX_COLUMNS", 2)
    assert "has no rows" in refusal(header(2), "--target", "y")
    assert "more than 2 feature columns" in refusal(header(3), "--target", "y")


def test_file_larger_than_the_limit_is_refused_unread(refusal, tmp_path):
    path = tmp_path / "sparse.csv"
    with path.open("wb") as file:
        file.truncate(cli.MAX_BYTES + 1)
    assert f"{path} is larger than 2 GiB" in refusal(str(path), "--target", "y")


HOSTILE = {
    "a line of commas": ("x,y\n" + "," * 1_000_000 + "\n", "more than 20000 feature columns"),
    "a million columns": (",".join(["x"] * 1_000_000) + ",y\n", "more than 20000 feature columns"),
    "a million quotes": ('x,y\n"' + '""' * 500_000 + ",a\n", "not a well-formed table"),
    "a huge field": ("x,y\n" + "a" * 20_000_000 + ",a\n" + "1,b\n" * 9, "class 'a' has 1 row(s)"),
    "nothing but line ends": ("\r\n" * 100_000, "is empty"),
    "bytes at random": (
        np.random.default_rng(0).integers(1, 256, 10**6, np.uint8).tobytes(),
        "not",
    ),
    "numbers that overflow": ("x,y\n" + "1e308,a\n-1e308,b\n" * 9, "column 'x' of"),
    "a target that overflows": ("x,z,y\n" + "1,a,1e300\n2,b,2\n" * 9, "column 'y' of"),
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
    monkeypatch.setattr(cli, "MAX_CLASSES", 3)
    path = write("x,y\n" + "1,a\n2,b\n3,c\n4,d\n" * 5)
    assert "more than 3 classes; a target of numbers" in refusal(path, "--target", "y")


def test_byte_order_mark_and_spaces_after_commas_are_no_part_of_names(report, write):
    path = write("\ufeffy, x\n" + "a, 1\nb, 2\n" * 6)
    assert report(path, "--target", "y")["columns"] == 1
    assert report(path, "--target", "x")["columns"] == 1


def test_missing_pandas_is_named_with_the_way_to_get_it(refusal, write, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    line = refusal(write("x,y\n1,2\n"), "--target", "y")
    assert "pip install 'sklearn-localnet[table]'" in line


@pytest.mark.parametrize(
    "argv",
    [
        ["table.csv"],
        ["--target", "y"],
        ["--regression"],
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
    assert refusal(write(frame), "--target", "kind", status=status) == said


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
    assert cli.main([write(frame), "--target", "kind", *QUICK]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "error: interrupted"
