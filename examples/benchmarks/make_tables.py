"""Make the files of tables that the benchmarks read, from OpenML.

``python examples/benchmarks/make_tables.py DIR`` writes ``uci_classification.npz`` and
``uci_regression.npz`` into a folder, and says where what came is not what the figures were measured
on. It needs a network and pandas.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml

MOST_VALUES = 50  # of a nominal column; one with more numbers the rows, and is left out
LEAST_ROWS = 5  # of a class
MOST_ROWS = 10_000  # of a table for regression, drawn at random


class Table(NamedTuple):
    """Where a table is from, and the shape that the figures were measured on."""

    openml: str
    data_id: int
    rows: int
    features: int


TABLES = {
    "classification": {
        "audiology": Table("audiology", 7, 192, 138),
        "autos": Table("autos", 9, 202, 75),
        "breast.cancer": Table("breast-cancer", 13, 286, 41),
        "breast.w": Table("breast-w", 15, 699, 9),
        "car": Table("car", 21, 1728, 21),
        "column2C": Table("vertebra-column", 1524, 310, 6),
        "column3C": Table("vertebra-column", 1523, 310, 6),
        "credit.a": Table("credit-approval", 29, 690, 46),
        "cylinder.bands": Table("cylinder-bands", 6332, 540, 91),
        "diabetes": Table("diabetes", 37, 768, 8),
        "glass": Table("glass", 41, 214, 9),
        "haberman": Table("haberman", 43, 306, 14),
        "heart.c": Table("heart-c", 49, 303, 25),
        "heart.h": Table("heart-h", 51, 294, 25),
        "hypothyroid": Table("hypothyroid", 57, 3770, 53),
        "iris": Table("iris", 61, 150, 4),
        "letter": Table("letter", 6, 20000, 16),
        "nursery": Table("nursery", 26, 12958, 27),
        "optdigits": Table("optdigits", 28, 5620, 64),
        "sick": Table("sick", 38, 3772, 53),
        "solar.flare1": Table("solar-flare", 40686, 323, 34),
        "solar.flare2": Table("solar-flare", 40687, 1066, 42),
        "soybean": Table("soybean", 42, 683, 99),
        "spambase": Table("spambase", 44, 4601, 57),
        "tae": Table("tae", 48, 151, 7),
        "tic-tac-toe": Table("tic-tac-toe", 50, 958, 27),
        "vehicle": Table("vehicle", 54, 846, 18),
        "wine": Table("wine", 187, 178, 13),
        "zoo": Table("zoo", 62, 97, 31),
    },
    "regression": {
        "2dplanes": Table("2dplanes", 215, 10000, 10),
        "autoprice (2)": Table("auto_price", 195, 159, 20),
        "bodyfat": Table("bodyfat", 560, 252, 14),
        "cal.housing": Table("houses", 537, 10000, 8),
        "cpu": Table("cpu", 561, 209, 36),
        "cpu.small": Table("cpu_small", 227, 8192, 12),
        "echomonths": Table("echoMonths", 222, 130, 12),
        "elevators": Table("elevators", 216, 10000, 18),
        "fried": Table("fried", 564, 10000, 10),
    },
}


def features(frame):
    """Numbers from a data frame: numeric columns, missing values at the median, then one-hot ones.

    A missing nominal value is zero in all of its columns.
    """
    nominal = frame.select_dtypes(exclude="number").astype(object)
    nominal = nominal.loc[:, nominal.nunique() <= MOST_VALUES]
    numeric = frame.select_dtypes("number").astype(float)
    numeric = numeric.fillna(numeric.median()).fillna(0)
    columns = [numeric, *(pd.get_dummies(nominal[name]) for name in nominal)]
    return np.hstack([column.to_numpy(np.float32) for column in columns])


def prepare(kind, frame, target):
    """X and y of a table as the benchmarks take it."""
    X = features(frame)
    if kind == "classification":
        y = np.unique(np.asarray(target, dtype=str), return_inverse=True)[1]
        kept = np.bincount(y)[y] >= LEAST_ROWS
        return X[kept], np.unique(y[kept], return_inverse=True)[1]
    y = np.asarray(target, dtype=float)
    rows = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    return X[rows], y[rows]


def fetch(kind, table):
    """X and y of a table, from OpenML."""
    bunch = fetch_openml(data_id=table.data_id, as_frame=True, parser="auto")
    if bunch.details["name"] != table.openml:
        found = bunch.details["name"]
        raise ValueError(f"OpenML's data {table.data_id} is {found!r}, not {table.openml!r}.")
    return prepare(kind, bunch.data, bunch.target)


def make(folder, tables) -> Iterator[str]:
    """Write the files; yield a line for each table."""
    for kind, of_the_kind in tables.items():
        arrays = {}
        for name, table in of_the_kind.items():
            X, y = fetch(kind, table)
            arrays |= {f"{name}/X": X, f"{name}/y": y}
            expected = (table.rows, table.features)
            differs = "" if X.shape == expected else f", and figures were measured on {expected}"
            yield f"{name}: {X.shape}{differs}"
        np.savez_compressed(Path(folder) / f"uci_{kind}.npz", **arrays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to write the files into")
    for line in make(parser.parse_args().folder, TABLES):
        print(line, flush=True)
