"""The script that makes the benchmarks' tables, with OpenML played by data frames."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import Bunch

BENCHMARKS = Path(__file__).parents[1] / "examples" / "benchmarks"


def module(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


make_tables = module("make_tables")
EVERY = [
    (kind, name, table)
    for kind, tables in make_tables.TABLES.items()
    for name, table in tables.items()
]


@pytest.fixture
def openml(monkeypatch):
    """Have OpenML hold a table under every number; by number, its name."""
    names = {table.data_id: table.openml for _, _, table in EVERY}

    def fetch_openml(data_id, as_frame, parser):
        frame = pd.DataFrame({"a": np.arange(20.0), "b": pd.Categorical(["x", "y"] * 10)})
        target = pd.Series(np.arange(20) % 3)
        return Bunch(data=frame, target=target, details={"name": names[data_id]})

    monkeypatch.setattr(make_tables, "fetch_openml", fetch_openml)
    return names


def test_numbers_come_first_and_what_is_missing_is_the_median_or_zeros():
    frame = pd.DataFrame(
        {
            "letter": pd.Categorical(["q", None, "p", "q"], categories=["p", "q", "never"]),
            "size": [1.0, 2.0, np.nan, 4.0],
            "empty": np.full(4, np.nan),
            "yes": [True, False, True, True],
        }
    )
    expected = [[1, 0, 0, 1, 0, 1], [2, 0, 0, 0, 1, 0], [2, 0, 1, 0, 0, 1], [4, 0, 0, 1, 0, 1]]
    assert_array_equal(make_tables.features(frame), expected)


def test_a_nominal_column_that_numbers_the_rows_is_left_out():
    frame = pd.DataFrame({"row": [f"r{i}" for i in range(60)], "kind": ["a", "b"] * 30})
    assert make_tables.features(frame).shape == (60, 2)


def test_classes_of_few_rows_are_left_out_and_labels_count_from_zero():
    target = ["c"] * 6 + ["rare"] * 4 + ["z"] * 5
    X, y = make_tables.prepare("classification", pd.DataFrame({"a": range(15)}), target)
    assert_array_equal(X[:, 0], [*range(6), *range(10, 15)])
    assert_array_equal(y, [0] * 6 + [1] * 5)


def test_regression_takes_no_more_rows_than_it_may_and_keeps_them_together():
    frame = pd.DataFrame({"a": np.arange(12_000.0)})
    X, y = make_tables.prepare("regression", frame, 2 * frame["a"])
    assert X.shape == (10_000, 1)
    assert len(np.unique(X)) == 10_000
    assert_array_equal(y, 2 * X[:, 0])


def test_the_files_are_those_that_the_benchmarks_read(openml, tmp_path):
    lines = list(make_tables.make(tmp_path, make_tables.TABLES))
    assert len(lines) == len(EVERY)
    assert lines[0] == "audiology: (20, 3), and figures were measured on (192, 138)"
    data = module("_data")
    for kind, tables in make_tables.TABLES.items():
        assert data.table_names(kind, tmp_path) == sorted(tables)
    for kind, name, _ in EVERY:
        X, y = data.load_table(kind, name, tmp_path)
        assert X.shape == (20, 3)
        assert X.dtype == np.float32
        assert len(y) == 20


def test_another_table_under_the_number_is_an_error_that_names_both(openml, tmp_path):
    openml[61] = "flowers"
    with pytest.raises(ValueError, match="data 61 is 'flowers', not 'iris'"):
        list(make_tables.make(tmp_path, make_tables.TABLES))
