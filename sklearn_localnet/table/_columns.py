"""A table made ready for models: what becomes of each of its columns."""

import re
import warnings

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from pandas.tseries.api import guess_datetime_format
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import Bunch

from ._file import is_number, read

MAX_CLASSES = 1_000
MAX_CATEGORIES = 50  # of a text column; fewer where there are many such columns
MAX_ENCODED = 20_000  # columns that all columns of text become
ROW_NUMBERS = re.compile(
    r"(?i:unnamed.*|index|row[\W_]?(?:names?|num(?:ber)?|nr|no)?|(?:.*[\W_])?id|nr|no)|.*[a-z]I[dD]"
)
DONE = {"numbers": "numbers, scaled", "text": "text, one-hot"}
MAX_TRIED = 2_000  # rows to which the tree of `giveaways` is put


def read_table(path, target, regression, folds, drop, keep, **written):
    """Read a table, and say how its columns are to be used.

    Parameters
    ----------
    path : str
        The file.
    target : str
        The column to predict.
    regression : bool
        Whether that holds numbers to predict, or labels.
    folds : int
        A class needs as many rows.
    drop, keep : list of str
        Columns to leave out, and columns to take where they would be left out.
    **written : dict
        What `read` takes to tell how the file is written.

    Returns
    -------
    table : Bunch
        `X`, a DataFrame; `y`, an array; `prepare`, a transformer that is to learn from the rows of
        a fold how to make X an array; `facts`, what was found out and done.

    Raises
    ------
    ValueError
        If the file, or its column `target`, is of no use.
    """
    text = [] if regression else [target]
    frame, how = read(path, [target, *drop, *keep], text, drop, **written)
    given = frame[target][frame[target].notna() & (frame[target] != "")]
    notes = []
    if len(given) < len(frame):
        notes.append(f"left out {len(frame) - len(given)} row(s) without {target!r}")
    where = f"target column {target!r} of {path}"
    y = _values(given, where, folds, how) if regression else _labels(given, where, folds, notes)
    if y.nunique() < 2:
        held = f"only {str(y.iloc[0])[:50]!r}" if len(y) else "no value"
        raise ValueError("; ".join([f"{where} holds {held}", *notes]))
    kinds, treatment = _sort(frame.drop(columns=target), keep)
    treatment |= dict.fromkeys(drop, "left out by --drop")
    if not kinds:
        what = "; ".join(f"{name!r} {done}" for name, done in list(treatment.items())[:5])
        raise ValueError(f"{path} has no feature columns beside {target!r}: {what}")
    treatment[target] = "target, " + ("numbers" if regression else f"{y.nunique()} classes")
    X, y = frame.loc[y.index, list(kinds)], y.to_numpy()
    if alone := _giveaways(X, y, regression):
        alone = " or ".join(map(repr, alone))
        notes.append(f"{alone} alone tells the target; --drop leaves out what is not known before")
    facts = {"data": path, "read": how, "target": target, "rows": len(y)}
    facts |= {"dropped_rows": len(frame) - len(y), "columns": len(kinds)}
    facts |= {"treatment": treatment, "notes": notes}
    return Bunch(X=X, y=y, prepare=_preparation(kinds), facts=facts)


def read_rows(path, names, numbers, **written):
    """Read the columns that a fitted model takes.

    Parameters
    ----------
    path : str
        The file.
    names, numbers : list of str
        The columns, and those of them that are to hold numbers.
    **written : dict
        What `read` takes to tell how the file is written.

    Returns
    -------
    X : DataFrame of shape (n_rows, len(names))
        The columns.
    how : dict
        What `read` found out.

    Raises
    ------
    ValueError
        If one is missing, or is text where numbers are to be.
    """
    frame, how = read(path, names, [name for name in names if name not in numbers], **written)
    for name in numbers:
        if word := _word(frame[name], how):
            raise ValueError(f"column {name!r} of {path} is not numeric as in the model: {word!r}")
    return frame[names], how


def _sort(frame, keep):
    """Give the kind of each useful column, and what becomes of every column.

    A kind is "numbers", "text" or the format of dates.
    """
    kinds, treatment = {}, {}
    for name, column in frame.items():
        numeric = is_numeric_dtype(column)
        kind = "numbers" if numeric else _date_format(column) or "text"
        useless = None if name in keep else _useless(column, kind, name == frame.columns[0])
        if useless:
            treatment[name] = f"left out, {useless}"
        else:
            kinds[name] = kind
            dates = f"dates as {kind}, made day, month, weekday and hour, scaled"
            treatment[name] = DONE.get(kind, dates)
    return kinds, treatment


def _useless(column, kind, first):
    if kind == "numbers" and _numbers_rows(column, first):
        return "numbers the rows (--keep takes it)"
    if column.nunique(dropna=False) == 1:
        return "empty" if column.isna().all() else "one value only"
    return "another text in each row" if kind == "text" and column.is_unique else None


def _numbers_rows(column, first):
    steps = np.diff(column.to_numpy(dtype=float))
    if ROW_NUMBERS.fullmatch(column.name):
        return (steps > 0).all() and (steps % 1 == 0).all()
    return first and column.iloc[0] in (0, 1) and (steps == 1).all()


def _date_format(column):
    """Give the format in which all cells that are not empty are dates, or None."""
    cells = column[column != ""].unique()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a day where a month was looked for
        guesses = [guess_datetime_format(cells[0], dayfirst=order) for order in (False, True)]
    if "." in cells[0]:
        guesses.reverse()
    for guess in [*filter(None, guesses), *["ISO8601"] * any(guesses)]:
        if pd.to_datetime(cells, format=guess, errors="coerce", utc=True).notna().all():
            return guess
    return None


def calendar(frame, formats):
    """Turn dates into numbers: day, month, weekday and hour.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Columns of dates as text.
    formats : dict of str to str
        The format of each column.

    Returns
    -------
    parts : ndarray of shape (n_rows, 4 * n_columns)
        NaN where there is no date.
    """
    parts = []
    for name, layout in formats.items():
        dates = pd.to_datetime(frame[name], format=layout, errors="coerce", utc=True)
        days = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
        parts += [days, dates.dt.month, dates.dt.day_of_week, dates.dt.hour]
    return np.column_stack(parts).astype(float)


def _preparation(kinds):
    """Give the transformer that makes columns of these kinds into scaled numbers and indicators."""
    numbers = [name for name, kind in kinds.items() if kind == "numbers"]
    text = [name for name, kind in kinds.items() if kind == "text"]
    formats = {name: kind for name, kind in kinds.items() if kind not in ("numbers", "text")}
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=2,
        max_categories=max(2, min(MAX_CATEGORIES, MAX_ENCODED // max(1, len(text)))),
    )
    scale = SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    parts = [("numbers", make_pipeline(*scale), numbers), ("text", encoder, text)]
    if formats:
        dates = FunctionTransformer(calendar, kw_args={"formats": formats})
        parts.append(("dates", make_pipeline(dates, *scale), list(formats)))
    return ColumnTransformer(parts)


def _word(column, how):
    """Give a cell that is no number, or None in a column of numbers."""
    if is_numeric_dtype(column):
        return None
    return column[~is_number(column, how["decimal"])].iloc[0][:50]


def _values(target, where, folds, how):
    """Give the numbers to predict."""
    if word := _word(target, how):
        raise ValueError(f"{where} is not numeric: {word!r}; without --regression it holds classes")
    if len(target) < 2 * folds:
        raise ValueError(f"{where} holds {len(target)} number(s), too few for --folds {folds}")
    return target


def _labels(target, where, folds, notes):
    """Give the labels to predict, but for those that have not a row for each fold."""
    counts = target.value_counts()
    rare, common = counts[counts < folds], counts[counts >= folds]
    figures = any(is_number(counts.index.to_series(), sign).all() for sign in ".,")
    hint = "; --regression predicts a number" if figures else ""
    if len(common) > MAX_CLASSES:
        raise ValueError(f"{where} has more than {MAX_CLASSES} classes{hint}")
    few = ", ".join(f"{name[:50]!r} ({count})" for name, count in rare[:5].items())
    few = f"{rare.sum()} row(s) of classes with fewer than --folds {folds}: {few}"
    few += ", ..." * (len(rare) > 5) + hint
    if rare.sum() > common.sum():
        raise ValueError(f"{where} has too many rare classes, {few}")
    if len(rare):
        notes.append(f"left out {few}")
    return target[target.isin(common.index)]


def _giveaways(frame, y, regression):
    """Name the columns from each of which alone a decision tree predicts the target.

    It learns from one half of at most `MAX_TRIED` rows, and may lose on the other no more than a
    hundredth of what a constant guess loses.
    """
    size = min(MAX_TRIED, len(y)) // 2
    train, test = train_test_split(
        np.arange(len(y)),
        train_size=size,
        test_size=size,
        stratify=None if regression else y,
        random_state=0,
    )
    tree = (DecisionTreeRegressor if regression else DecisionTreeClassifier)(random_state=0)
    at_stake = 1 if regression else np.mean(y[test] != pd.Series(y[train]).mode()[0])
    found = []
    for name, column in frame.items():
        codes = column if is_numeric_dtype(column) else column.astype("category").cat.codes
        codes = codes.to_numpy(dtype=float)[:, None]
        loss = 1 - tree.fit(codes[train], y[train]).score(codes[test], y[test])
        if loss <= at_stake / 100:
            found.append(name)
    return found
