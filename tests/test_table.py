"""Files read as tables: how they are written is found out, and what each column is."""

import gzip
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_localnet.table import _columns, _file

N = 24
SEPARATORS = ["\t", "|", ";", ",", " "]
ENCODINGS = {
    "utf-8": "utf-8", "utf-8-sig": "utf-8", "cp1252": "cp1252", "latin-1": "cp1252",
    "utf-16": "utf-16", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be",
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "table.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def table(write):
    """Return the table made of a file."""

    def table(content, target="y", regression=False, folds=2, drop=(), keep=(), **written):
        path = write(content)
        return _columns.read_table(
            path, target, regression, folds, list(drop), list(keep), **written
        )

    return table


def csv(columns, sep=","):
    """Write columns as a file, quoted where a cell holds the separator."""
    names = list(columns)
    rows = itertools.chain([names], zip(*columns.values(), strict=True))
    return "".join(
        sep.join(f'"{cell}"' if sep in str(cell) else str(cell) for cell in row) + "\n"
        for row in rows
    )


def labelled(**columns):
    """Columns and a target that no column gives away."""
    return {**columns, "y": np.random.default_rng(0).permutation(["a", "b"] * (N // 2))}


NUMBERS = np.random.default_rng(1).permutation(np.arange(N) * 1234.5 - 500)


def figure(number, decimal, thousands):
    text = f"{number:,.1f}" if thousands else f"{number:.1f}"
    return text if decimal == "." else text.translate({ord("."): ",", ord(","): "."})


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("thousands", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("sep", SEPARATORS)
def test_a_table_is_read_however_it_is_written(write, sep, decimal, encoding, thousands, packed):
    columns = {
        "größe": [figure(number, decimal, thousands) for number in NUMBERS],
        "anzahl": list(range(N, 0, -1)),
        "ort": ["Köln", "Aÿ", f"a{sep}b"] * (N // 3),
        "y": ["01", "1"] * (N // 2),
    }
    content = csv(columns, sep).encode(encoding)
    path = write(gzip.compress(content) if packed else content)
    frame, how = _file.read(path, ["y"], ["y"])
    assert how == {
        "encoding": ENCODINGS[encoding], "sep": sep, "decimal": decimal, "header": True
    }  # fmt: skip
    assert list(frame) == list(columns)
    np.testing.assert_array_equal(frame["größe"], NUMBERS)
    for name in ("anzahl", "ort", "y"):
        assert frame[name].tolist() == columns[name]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\n\n", "sep=;\n"])
def test_line_ends_blank_lines_and_excels_hint_are_no_rows(write, start, end):
    content = start + csv({"x": ["1,5", "2,5"], "y": ["a", ""]}, ";") + "\n"
    frame, how = _file.read(write(content.replace("\n", end)), ["y"], ["y"])
    assert (how["sep"], how["decimal"]) == (";", ",")
    assert frame.to_dict("list") == {"x": [1.5, 2.5], "y": ["a", ""]}


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "NaN", "null", "None", "?", "-", "inf"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_may_be_missing_by_any_word(write, decimal, cell):
    content = csv({"x": [f"1{decimal}5", cell, f"1{decimal}25"], "z": ["a", "b", "c"]}, ";")
    frame, _ = _file.read(write(content), ["x"], [])
    np.testing.assert_array_equal(frame["x"], [1.5, np.nan, 1.25])


@pytest.mark.parametrize(
    ("sep", "cells", "decimal", "numbers"),
    [
        (";", ["1.234", "1.234,5"], ",", [1234, 1234.5]),
        (";", ["1.234", "7.5"], ".", [1.234, 7.5]),
        (";", ["1,234", "2,345"], ",", [1.234, 2.345]),
        (",", ["1,234", "2,345"], ".", [1234, 2345]),
        (",", ["1,234", "2,5"], ",", [1.234, 2.5]),
        (";", ["1 234,5", "12 000"], ",", [1234.5, 12000]),
        (";", ["1\u202f234,5", "-12\u00a0000"], ",", [1234.5, -12000]),
        (";", ["1'234.5", "+12'000"], ".", [1234.5, 12000]),
        (";", ["1.234.567", "8.900.000"], ",", [1234567, 8900000]),
        (";", ["0,125", "1,5e3"], ",", [0.125, 1500]),
        (",", ["9" * 30, "4"], ".", [1e30, 4]),
    ],
)
def test_decimal_signs_are_told_from_thousands(write, sep, cells, decimal, numbers):
    frame, how = _file.read(write(csv({"x": cells, "z": ["a", "b"]}, sep)), ["x"], [])
    assert how["decimal"] == decimal
    np.testing.assert_allclose(frame["x"], numbers, rtol=1e-15)


@pytest.mark.parametrize("last", ["1.500,5", "2,5", "late"])
def test_cells_far_below_the_first_lines_count(write, last):
    n = _file.SAMPLE // 8
    path = write(csv({"x": [*["1.500"] * n, last], "y": ["a"] * (n + 1)}, ";"))
    frame, how = _file.read(path, ["y"], ["y"])
    assert len(frame) == n + 1
    if last == "late":
        assert frame["x"].iloc[[0, -1]].tolist() == ["1.500", "late"]
    else:
        assert how["decimal"] == ","
        assert frame["x"].iloc[[0, -1]].tolist() == [1500, {"2,5": 2.5}.get(last, 1500.5)]


@pytest.mark.parametrize("cell", ["1.2.3", "1,23,456", "12.34.567", "1,2", "1.234.56", "0.123.456"])
def test_what_only_resembles_a_number_is_text(write, cell):
    frame, _ = _file.read(write(csv({"x": ["2.5", cell], "z": ["1.5", "2"]}, ";")), ["x"], [])
    assert frame["x"].tolist() == ["2.5", cell]


@pytest.mark.parametrize(
    ("option", "value", "content"),
    [
        ("sep", ":", "x:y\n1,5:ä\n2,5:b\n"),
        ("decimal", ",", "x;y\n1.500;ä\n2.500;b\n"),
        ("encoding", "utf-8", "\ufeffx;y\n1,5;ä\n2,5;b\n"),
        ("encoding", "cp850", "x;y\n1,5;ä\n2,5;b\n"),
        ("encoding", "shift-jis", "x;y\n1,5;ﾂ\n2,5;b\n"),
    ],
)
def test_what_is_said_of_a_file_goes_before_what_is_found_out(write, option, value, content):
    content = content.encode(value if option == "encoding" else "utf-8")
    frame, how = _file.read(write(content), ["y"], ["y"], **{option: value})
    assert how[option] == value
    assert frame["x"].tolist() == ([1500, 2500] if option == "decimal" else [1.5, 2.5])
    assert frame["y"].tolist() == [content.decode(how["encoding"]).splitlines()[1][-1], "b"]


HEADLESS = {
    "numbers": "5.1,3.5,a\n4.9,3.0,b\n4.7,3.2,a\n",
    "whole numbers": "6,148,72,1\n1,85,66,0\n8,183,64,1\n",
    "letters": "p,x,s,p\ne,x,s,n\np,x,y,p\n",
    "decimal commas": "5,1;3,5;a\n4,9;3,0;b\n4,7;3,2;a\n",
    "missing cells": "5.1,,,a\n,3.0,1,b\n4.7,3.2,2,a\n4.7,3.2,2,a\n",
}


@pytest.mark.parametrize("content", HEADLESS.values(), ids=HEADLESS)
def test_a_file_without_a_header_is_noticed(write, content):
    frame, how = _file.read(write(content), ["2"], [])
    assert not how["header"]
    assert list(frame) == [str(number) for number in range(1, frame.shape[1] + 1)]
    assert len(frame) == content.count("\n")
    with pytest.raises(ValueError, match=r"no column 'kind'.*first line looks like data"):
        _file.read(write(content), ["kind"], [])


HEADED = {
    "years": ("land,2010,2015,2020\na,1,2,3\nb,4,5,6\n", "land"),
    "numbers from 0, as of pixels": ("0,1,2,y\n0,3,0,a\n9,3,1,b\n", "y"),
    "numbers from 0, and one asked for": ("0,1,2,y\n0,3,0,a\n9,3,1,b\n", "2"),
    "a name that recurs below": ("y,y b,c\ny,y b,c\nn,n,c\n", "y b"),
    "no rows that resemble it": ("x,y\n1,a\n2,b\n", "z"),
}


@pytest.mark.parametrize(("content", "target"), HEADED.values(), ids=HEADED)
def test_a_header_of_numbers_is_one(write, content, target):
    names = content.splitlines()[0].split(",")
    if target in names:
        frame, how = _file.read(write(content), [target], [])
        assert how["header"]
        assert list(frame) == names
    else:
        with pytest.raises(ValueError, match=r"no column 'z'; it has 'x', 'y'$"):
            _file.read(write(content), [target], [])


def test_names_are_made_where_they_are_missing_or_twice_there(write):
    frame, _ = _file.read(write("x,,x,y\n1,2,3,4\n"), ["y"], [])
    assert list(frame) == ["x", "unnamed 2", "x (3)", "y"]


@pytest.mark.parametrize("sep", SEPARATORS)
def test_rows_named_by_r_leave_the_names_of_columns_in_place(table, sep):
    numbers = np.random.default_rng(2).normal(size=N)
    lines = csv(labelled(row=range(1, N + 1), x=numbers), sep).removeprefix("row" + sep)
    found = table(lines)
    assert found.facts["treatment"]["unnamed 1"].startswith("left out, numbers the rows")
    np.testing.assert_allclose(found.X["x"], numbers)


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("Survived", "survived"), ("surived", "survived"), (" age ", "Age"), ("xyz", None)],
)
def test_a_missing_column_is_refused_with_the_nearest_name(write, wanted, near):
    path = write("survived,Age\n1,2\n")
    with pytest.raises(ValueError, match="it has 'survived', 'Age'") as refused:
        _file.read(path, [wanted], [])
    said = str(refused.value)
    assert said.startswith(f"{path} has no column {wanted!r}")
    assert ("did you mean" in said) == (near is not None)
    assert near is None or f"did you mean {near!r}?" in said


def test_a_name_in_an_encoding_that_was_guessed_points_to_the_option(write):
    path = write("größe;y\n1;2\n".encode("cp850"))
    with pytest.raises(ValueError, match="read as cp1252, and --encoding"):
        _file.read(path, ["größe"], [])


ROW_NUMBERS = ["", "rownames", "id", "ID", "Id", "index", "row", "PassengerId", "customer_id", "no"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("name", ROW_NUMBERS)
def test_a_column_that_numbers_the_rows_is_left_out_unless_kept(table, name, first):
    gaps = np.cumsum(np.random.default_rng(0).integers(1, 4, N))  # rows taken out of a longer file
    x = [figure(number, ".", False) for number in NUMBERS]
    columns = {name: gaps, "x": x} if first else {"x": x, name: gaps}
    told = name or f"unnamed {1 if first else 2}"
    found = table(csv(labelled(**columns)))
    assert list(found.X) == ["x"]
    assert found.facts["treatment"][told] == "left out, numbers the rows (--keep takes it)"
    kept = table(csv(labelled(**columns)), keep=[told])
    assert set(kept.X) == {"x", told}
    assert kept.facts["treatment"][told] == "numbers, scaled"


@pytest.mark.parametrize("start", [0, 1])
def test_a_first_column_of_any_name_that_counts_is_left_out(table, start):
    columns = labelled(count=range(start, start + N), x=NUMBERS)
    assert list(table(csv(columns)).X) == ["x"]


@pytest.mark.parametrize(
    "columns",
    [
        {"year": range(1990, 1990 + N), "x": NUMBERS},
        {"x": NUMBERS, "count": range(1, 1 + N)},
        {"count": range(2, 2 * N + 2, 2), "x": NUMBERS},
        {"id": np.random.default_rng(0).permutation(N), "x": NUMBERS},
        {"id": np.arange(N) / 2, "x": NUMBERS},
        {"humid": range(5, 5 + N), "x": NUMBERS},
    ],
)
def test_a_column_that_does_not_number_the_rows_is_taken(table, columns):
    assert list(table(csv(labelled(**columns))).X) == list(columns)


def giveaway(kind, y):
    """Make a column that tells labels or numbers."""
    if kind == "text":
        return np.where(y == y[0], "yes", "no") if y.dtype.kind == "U" else None
    codes = np.unique(y, return_inverse=True)[1] if y.dtype.kind == "U" else y
    return {"number": 3 * codes - 2, "step": np.round(codes * 50 + NOISE)}[kind]


NOISE = np.random.default_rng(5).normal(size=200)


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.05])
@pytest.mark.parametrize("kind", ["text", "number", "step"])
def test_a_column_that_alone_gives_the_answer_is_named(table, kind, share, regression):
    rng = np.random.default_rng(4)
    y = rng.normal(size=200) * 100 if regression else np.where(rng.random(200) < share, "a", "b")
    hint = y + rng.normal(size=200) * 50 if regression else np.where(rng.random(200) < 0.5, y, "c")
    told = giveaway(kind, y)
    columns = {"z": rng.normal(size=200), "hint": hint, "y": y}
    note = "'told' alone tells the target; --drop leaves out what is not known before"
    notes = table(csv(columns), regression=regression).facts["notes"]
    assert notes == []
    if told is not None:
        found = table(csv({**columns, "told": told}), regression=regression)
        assert found.facts["notes"] == [note]
        without = table(csv({**columns, "told": told}), regression=regression, drop=["told"])
        assert without.facts["notes"] == []
        assert without.facts["treatment"]["told"] == "left out by --drop"
        assert "told" not in without.X


@pytest.mark.parametrize("label", ["None", "NA", "null", "nan", "N/A", "?", "-", "inf", "True"])
def test_words_for_nothing_are_labels_like_others(table, label):
    labels = [label, "b", ""] * (N // 3)
    found = table(csv({"x": NUMBERS, "y": labels}))
    assert set(found.y) == {label, "b"}
    assert found.facts["dropped_rows"] == N // 3
    assert found.facts["notes"] == [f"left out {N // 3} row(s) without 'y'"]


@pytest.mark.parametrize(("rare", "hint"), [("c", ""), ("3", "; --regression predicts a number")])
def test_a_class_with_fewer_rows_than_folds_is_left_out(table, rare, hint):
    others = ["a", "b"] if rare == "c" else ["1", "2"]
    labels = (others * N)[: N - 4] + [rare] * 4
    found = table(csv({"x": NUMBERS, "y": labels}), folds=5)
    assert set(found.y) == set(others)
    assert len(found.X) == len(found.y) == found.facts["rows"] == N - 4
    note = f"left out 4 row(s) of classes with fewer than --folds 5: {rare!r} (4){hint}"
    assert found.facts["notes"] == [note]
    assert set(table(csv({"x": NUMBERS, "y": labels}), folds=4).y) == {*others, rare}


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("words", [False, True])
def test_regression_is_suggested_for_numbers_only(table, decimal, words):
    y = [figure(number, decimal, True) for number in NUMBERS]
    y = [f"no {cell}" for cell in y] if words else y
    with pytest.raises(ValueError, match=f"too many rare classes, {N} row") as refused:
        table(csv({"x": np.sin(NUMBERS), "y": y}, ";"))
    assert ("--regression" in str(refused.value)) != words


DATES = {
    "%Y-%m-%d": None, "%d.%m.%Y": None, "%m/%d/%Y": None, "%d/%m/%Y": None, "%Y/%m/%d": None,
    "%d-%b-%Y": None, "%B %d, %Y": None, "%Y-%m-%d %H:%M": None, "%d.%m.%Y %H:%M": None,
    "%Y-%m-%dT%H:%M:%S": None, "%Y-%m-%dT%H:%M:%SZ": "%Y-%m-%dT%H:%M:%S%z",
}  # fmt: skip


@pytest.mark.parametrize("written", DATES)
def test_dates_become_day_month_weekday_and_hour(table, written):
    days = pd.to_datetime("2019-12-30 00:00", utc=True) + pd.to_timedelta(np.arange(N) * 31, "h")
    cells = [*days.strftime(written)]
    cells[3] = ""
    found = table(csv(labelled(when=cells), ";"))
    layout = DATES[written] or written
    assert layout in found.facts["treatment"]["when"]
    parts = _columns.calendar(found.X, {"when": layout})
    seen = pd.to_datetime(cells, format=written, utc=True)
    hours = (seen - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(hours=1)
    expected = np.column_stack([hours / 24, seen.month, seen.day_of_week, seen.hour])
    np.testing.assert_allclose(parts, expected)
    assert np.isnan(parts[3]).all()
    assert found.prepare.fit_transform(found.X).shape == (N, 4)


@pytest.mark.parametrize("cells", [["May", "June"], ["12:30", "13:00"], ["5-10", "10-15"]])
def test_what_only_resembles_a_date_is_text(table, cells):
    treatment = table(csv(labelled(when=cells * (N // 2)))).facts["treatment"]
    assert treatment["when"] == "text, one-hot"


@pytest.mark.parametrize(
    ("cells", "done"),
    [
        ([""] * N, "left out, empty"),
        (["NA"] * N, "left out, empty"),
        ([7] * N, "left out, one value only"),
        (["a"] * N, "left out, one value only"),
        ([f"name {i}" for i in range(N)], "left out, another text in each row"),
        (["a", ""] * (N // 2), "text, one-hot"),
        ([1, ""] * (N // 2), "numbers, scaled"),
    ],
)
def test_columns_of_no_use_are_left_out(table, cells, done):
    found = table(csv(labelled(x=NUMBERS, z=cells)))
    assert found.facts["treatment"] == {
        "x": "numbers, scaled", "z": done, "y": "target, 2 classes"
    }  # fmt: skip


def test_a_table_of_nothing_but_its_target_is_refused_and_says_why(table):
    with pytest.raises(ValueError, match="no feature columns beside 'y': 'z' left out, empty"):
        table(csv(labelled(z=[""] * N)))


@pytest.mark.parametrize("n_text", [1, 3])
def test_text_columns_of_many_values_take_few_columns(monkeypatch, table, n_text):
    monkeypatch.setattr(_columns, "MAX_ENCODED", 60)
    columns = {f"text {i}": [f"{j % 200}a" for j in range(400)] for i in range(n_text)}
    found = table(csv({**columns, "y": [0, 1] * 200}))
    encoded = found.prepare.fit_transform(found.X)
    assert encoded.shape == (400, {1: 50, 3: 60}[n_text])
    unknown = found.X.head(1).assign(**dict.fromkeys(columns, "never seen"))
    assert found.prepare.transform(unknown).sum() == n_text


def test_missing_numbers_and_texts_are_filled(table):
    columns = labelled(x=[*NUMBERS[:-2], "", "inf"], colour=["red", "", "blue"] * (N // 3))
    found = table(csv(columns))
    encoded = found.prepare.fit_transform(found.X)
    assert encoded.shape == (N, 4)
    assert np.isfinite(encoded).all()
    scaled = encoded[:-2, 0]
    np.testing.assert_allclose(
        np.diff(scaled) / np.diff(NUMBERS[:-2]), np.ptp(scaled) / np.ptp(NUMBERS[:-2])
    )
    np.testing.assert_allclose(encoded[-2:, 0], np.median(scaled))


CELLS = [
    "1", "2.5", "1,5", "1.234", "", " ", "a", "b c", '"x', '"x, y"', "é", "NA", "2020-01-02", "²",
    "31.02.2020", "9" * 5000, "1e400", "٢", "True", "\t", "\x1a", "sep=;", ";", "0x1",
]  # fmt: skip


@given(
    columns=st.lists(
        st.lists(st.sampled_from(CELLS), min_size=1, max_size=3), min_size=1, max_size=3
    ),
    labels=st.sampled_from([["a", "b"], ["1", "2.5"], ["1,5", "2"], ["NA", ""], CELLS]),
    order=st.randoms(use_true_random=False),
    sep=st.sampled_from(SEPARATORS),
    encoding=st.sampled_from([*ENCODINGS, "shift-jis"]),
    junk=st.just(b"") | st.binary(max_size=3),
    regression=st.booleans(),
)
def test_any_file_is_read_or_refused_in_words_of_our_own(
    tmp_path_factory, columns, labels, order, sep, encoding, junk, regression
):
    columns = {str(number): order.choices(cells, k=N) for number, cells in enumerate(columns)}
    content = csv({**columns, "y": order.choices(labels, k=N)}, sep)
    path = tmp_path_factory.mktemp("any") / "table.csv"
    path.write_bytes(content.encode(encoding, "ignore") + junk)
    try:
        found = _columns.read_table(str(path), "y", regression, 2, [], [])
    except ValueError as error:
        found = str(error)
    if isinstance(found, str):
        assert str(path) in found
    else:
        assert len(found.X) == len(found.y) >= 4
        assert np.isfinite(found.prepare.fit_transform(found.X).sum())
