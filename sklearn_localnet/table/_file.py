"""A file read as a table: its encoding, separator, header line and decimal sign are found out."""

import codecs
import csv
import gzip
import io
import os
import re
import stat
import warnings
import zlib
from difflib import get_close_matches
from itertools import islice, zip_longest

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

MAX_BYTES = 2 * 1024**3
MAX_COLUMNS = 20_000
MAX_SIZE = 1e100  # of a number; sums of squares of larger ones overflow
SAMPLE = 2**20  # characters from which separator and header are told
MAX_LINES = 1000  # of these
# The first that fits is taken. A comma may also stand in numbers and texts, so it comes last.
SEPARATORS = "\t|;,"
FALLBACK = "cp1252"  # what Windows writes in Western Europe; almost a superset of Latin-1
CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
# What means "no number" in a column of numbers. A text or a label is missing where it is empty.
MISSING = ["", "?", "-", ".", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "inf", "-inf"]


def read(path, expected, text, drop=(), sep=None, decimal=None, encoding=None):
    """Read a table from a file of text, which may be packed by gzip.

    Parameters
    ----------
    path : str
        The file.
    expected : list of str
        Columns to be found in it. Where the first line holds one, it is a header.
    text : list of str
        Columns to be left as text even where they hold numbers.
    drop : sequence of str, default=()
        Columns to be left out.
    sep, decimal, encoding : str, default=None
        How the file is written; what is None is found out.

    Returns
    -------
    frame : DataFrame of shape (n_rows, n_columns)
        Columns of numbers, NaN where one is missing, and of text, "" where a cell is empty.
    how : dict
        What was taken for `sep`, `decimal` and `encoding`, and `header`: whether there is one.

    Raises
    ------
    ValueError
        If the file is no table, with the option that might help.
    OSError
        If the file cannot be read.
    """
    _check_file(path)
    encoding = _encoding(path, encoding)
    sep, header, names = _layout(path, expected, encoding, sep)
    how = {
        "encoding": encoding.removesuffix("-sig"),
        "sep": sep,
        "decimal": decimal,
        "header": header,
    }
    _check_names(path, expected, names, how)
    best = (-1, -1)
    for sign in [decimal] if decimal else [".", ","]:
        parsed = _parse(path, names, text, {**how, "decimal": sign}).drop(columns=list(drop))
        direct = _count_numbers(parsed)
        converted = parsed.apply(_tidy, decimal=sign, text=text)
        # Between commas, 1,234 is rather a thousand than a fraction.
        found = _count_numbers(converted), direct if sep != "," else 0
        if found > best:
            best, frame, how["decimal"] = found, converted, sign
        if direct + len(text) >= len(parsed.columns):
            break
    sizes = frame.select_dtypes("number").abs().max()
    if (sizes > MAX_SIZE).any():
        raise ValueError(
            f"column {sizes.idxmax()!r} of {path} holds numbers above {MAX_SIZE:.0e}; "
            "--drop leaves a column out"
        )
    return frame, how


def _check_names(path, wanted, names, how):
    """Raise a ValueError if a column is missing; it tells the nearest name."""
    for name in wanted:
        if name in names:
            continue
        some = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
        problem = f"{path} has no column {name!r}; it has {some}"
        folded = {known.casefold(): known for known in reversed(names)}
        if near := get_close_matches(name.strip().casefold(), folded, n=1):
            problem += f"; did you mean {folded[near[0]]!r}?"
        if not how["header"]:
            problem += "; its first line looks like data, so that its columns go by number"
        if how["encoding"] == FALLBACK:
            problem += f"; it was read as {FALLBACK}, and --encoding names another encoding"
        raise ValueError(problem)


def _check_file(path):
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is not a regular file; a table is read from a file of text")
    if status.st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES / 1024**3:.3g} GiB, the most accepted")
    with open(path, "rb") as file:
        if file.read(4) in (b"PK\3\4", b"\xd0\xcf\x11\xe0"):
            raise ValueError(f"{path} is a workbook or a zip archive; save its sheet as a CSV file")


def _open(path, encoding=None):
    """Open a file for reading as text, or as bytes without an encoding; unpack gzip."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    file = gzip.open(path) if packed else open(path, "rb")  # noqa: SIM115, the caller closes it
    return io.TextIOWrapper(file, encoding) if encoding else file


def _encoding(path, given):
    """Tell the encoding in which the whole file can be read."""
    try:
        with _open(path) as file:
            head = file.read(4096)
        if given:
            candidates = ["utf-8-sig" if codecs.lookup(given).name == "utf-8" else given]
        elif head.startswith(codecs.BOM_UTF8):
            candidates = ["utf-8-sig"]
        elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            candidates = ["utf-16"]
        elif 3 * head.count(0) > len(head):
            # Every other byte of Latin letters is 0 in UTF-16.
            candidates = ["utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"]
        else:
            candidates = ["utf-8-sig", FALLBACK]
        for encoding in candidates:
            if _decodes(path, encoding, strictly=encoding == FALLBACK and not given):
                return encoding
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged: it cannot be unpacked by gzip") from error
    tried = given or "UTF-8, UTF-16 or Windows-1252"
    raise ValueError(f"{path} is not text in {tried}; --encoding names another encoding")


def _decodes(path, encoding, strictly):
    """Whether the whole file is text in an encoding; `strictly` allows no control characters."""
    length = 0
    try:
        with _open(path, encoding) as text:
            while chunk := text.read(SAMPLE):
                length += len(chunk)
                if length > MAX_BYTES:
                    raise ValueError(f"{path} unpacks to more than {MAX_BYTES / 1024**3:.3g} GiB")
                if "\0" in chunk:
                    raise ValueError(
                        f"{path} is not text, as it holds NUL bytes; --encoding names an encoding"
                    )
                if strictly and CONTROL.search(chunk):
                    return False
    except UnicodeError:
        return False
    return True


def _layout(path, expected, encoding, sep):
    """Tell the separator, whether there is a header line, and the names of the columns."""
    with _open(path, encoding) as text:
        sample = text.read(SAMPLE)
    if not sample.strip():
        raise ValueError(f"{path} is empty")
    if len(sample) == SAMPLE:  # the last line may be cut short
        sample = sample[: sample.rfind("\n") + 1]
    lines = list(islice(io.StringIO(sample), MAX_LINES))
    if sep is None:
        sep = _separator(lines)
    rows = list(_records(lines, sep))
    if not rows:
        raise ValueError(f"{path} has a first line that is too long for one of a table")
    first, below = rows[0], rows[1:]
    width = max(len(first), len(below[0]) if below else 0)
    if len(first) < width - 1 <= MAX_COLUMNS:
        raise ValueError(
            f"{path} has {len(first)} field(s) in its first line and {width} in the second; remove "
            f"what stands above the header, or name the separator, here {sep!r}, by --sep"
        )
    if width > MAX_COLUMNS:
        raise ValueError(f"{path} has more than {MAX_COLUMNS} columns, the most accepted")
    if width == 1:
        raise ValueError(
            f"{path} has one column only, {first[0][:50]!r}, where {sep!r} separates columns; "
            "--sep names another separator"
        )
    numbered = [str(number) for number in range(1, width + 1)]
    told = set(expected) & set(map(str.strip, first))
    if _is_data(first, below) and told <= set(numbered):
        return sep, False, numbered
    named_rows = len({row[0] for row in below}) == len(below) and any(row[-1] for row in below)
    if len(first) < width and named_rows:
        first = ["", *first]  # R writes no name above the names of rows
    names = {}
    for number, cell in enumerate(first, start=1):
        name = cell.strip() or f"unnamed {number}"
        names[f"{name} ({number})" if name in names else name] = None
    return sep, True, list(names)


def _reader(lines, sep, strict=False):
    """Give the cells of each line, but for Excel's line that names the separator."""
    lines = (line.strip() if sep == " " else line for line in lines if not line.startswith("sep="))
    return csv.reader(lines, delimiter=sep, skipinitialspace=True, strict=strict)


def _records(lines, sep):
    """Give the cells of each line that has any, up to one that is too long."""
    try:
        yield from filter(any, _reader(lines, sep))
    except csv.Error:
        return


def _separator(lines):
    """Tell the separator that cuts the lines into equally many cells."""
    for candidates in (SEPARATORS, " "):
        misfits = {}
        for sep in candidates:
            widths = [len(row) for row in _records(lines, sep)]
            if widths and min(widths[:2]) > 1:
                misfits[sep] = sum(width != widths[1] for width in widths[1:])
        if misfits:
            return min(misfits, key=misfits.get)
    return ","


def _is_data(first, below):
    """Whether the first line looks like those below it: numbers over numbers, texts that recur."""
    figures = [float(cell) for cell in first if cell.isdecimal()]
    if len(figures) > 1 and figures == sorted(set(figures)):
        return False  # names such as 2019, 2020, 2021
    alike = 0
    for cell, column in zip(first, zip_longest(*below, fillvalue=""), strict=False):
        if _is_number(cell):
            alike += 2 * sum(map(_is_number, column)) > sum(map(bool, column))
        else:
            alike += cell != "" and cell in column
    return 2 * alike > sum(map(bool, first))


def _is_number(cell):
    return any(re.fullmatch(_number(decimal), cell.strip()) for decimal in ".,")


def _parse(path, names, text, how):
    """Let pandas read the lines below the header."""
    try:
        with _open(path, how["encoding"]) as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            if how["header"]:
                next(_records(file, how["sep"]))
            frame = pd.read_csv(
                file,
                sep=r"\s+" if how["sep"] == " " else how["sep"],
                decimal=how["decimal"],
                header=None,
                names=names,
                index_col=False,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values=[""],
                skipinitialspace=True,
                low_memory=False,
            )
    except (pd.errors.ParserWarning, ValueError) as error:
        raise ValueError(_malformation(path, len(names), how)) from error
    if not len(frame):
        raise ValueError(f"{path} has no rows below its header")
    return frame


def _malformation(path, width, how):
    """Say which line does not fit."""
    last = 0
    with _open(path, how["encoding"]) as text:
        reader = _reader(text, how["sep"], strict=True)
        try:
            for row in reader:
                if len(row) > width:
                    return (
                        f"{path} is not a well-formed table: line {reader.line_num} has {len(row)} "
                        f"fields and the first {width}, with {how['sep']!r} between them; "
                        "--sep names another separator"
                    )
                last = reader.line_num
        except csv.Error:
            pass
    return f"{path} is not a well-formed table: a quote opened in line {last + 1} is not closed"


def _count_numbers(frame):
    return len(frame.select_dtypes("number").columns)


def _tidy(column, decimal, text):
    """Make a column one of numbers if all of it can be read so, and one of text otherwise."""
    if is_numeric_dtype(column) and column.dtype != bool:
        return column.replace([np.inf, -np.inf], np.nan)
    words = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    if column.name in text or not is_number(words.head(100), decimal).all():
        return words
    cells = pd.Series(words.unique())
    if not is_number(cells, decimal).all():
        return words
    cells.index = cells
    cells = cells.mask(_is_missing(cells), "nan").str.replace(_thousands(decimal), "", regex=True)
    return words.map(cells.str.replace(decimal, ".").astype(float))


def is_number(cells, decimal):
    """Which cells of text hold a number, or what stands for a missing one."""
    return _is_missing(cells) | cells.str.fullmatch(_number(decimal))


def _is_missing(cells):
    return cells.str.lower().isin(MISSING)


def _thousands(decimal):
    return "[" + {".": ",", ",": "."}[decimal] + " '’\u00a0\u202f]"


def _number(decimal):
    """Give the pattern of a number with this decimal sign, and perhaps groups of thousands."""
    sign = re.escape(decimal)
    whole = f"(?:[1-9][0-9]{{0,2}}(?:{_thousands(decimal)}[0-9]{{3}})+|[0-9]+)"
    return f"[+-]?(?:{whole}(?:{sign}[0-9]*)?|{sign}[0-9]+)(?:[eE][+-]?[0-9]+)?"
