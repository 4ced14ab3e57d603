"""Data for the benchmarks: from a folder of ``.npz`` files, or through scikit-learn's loaders.

A folder holds ``mnist.npz``, ``fashion_mnist.npz`` (``X_train``, ``y_train``, ``X_test``,
``y_test``; bytes), ``cifar10_train.npz``, ``cifar100_train.npz`` (``jpeg``, the bytes of JPEG files
one after another, image i from ``offsets[i]`` to ``offsets[i + 1]``, and ``y_train``),
``uci_classification.npz`` and ``uci_regression.npz`` (``NAME/X`` and ``NAME/y`` for each table).
Without a folder the images come from OpenML, which needs a network, and the tables are those
bundled with scikit-learn. JPEG files are read by Pillow, which comes with matplotlib.
"""

from functools import partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2
from sklearn import datasets

OPENML_NAMES = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR_10"}
OPENML_TRAINING_ROWS = {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000}
BLOCK = 2000
SQUARE_LENGTH = 784.0  # of linear inputs on average: pixels of unit variance in 28 x 28 of them
BUNDLED = {
    "classification": {
        "breast_cancer": datasets.load_breast_cancer,
        "digits": datasets.load_digits,
        "iris": datasets.load_iris,
        "wine": datasets.load_wine,
    },
    "regression": {"diabetes": datasets.load_diabetes},
}


def _pixels(images):
    """Bytes to numbers between 0 and 1."""
    scaled = np.asarray(images, dtype=np.float32)
    scaled /= 255
    return scaled


def _openml_images(name):
    """Raw images and labels of a data set on OpenML, training rows first."""
    bunch = datasets.fetch_openml(OPENML_NAMES[name], version=1, as_frame=False)
    return bunch.data, bunch.target.astype(int)


def load_images(name, folder=None):
    """Return X_train, y_train, X_test, y_test of "mnist" or "fashion_mnist", pixels in [0, 1]."""
    if folder is None:
        X, y = _openml_images(name)
        n = OPENML_TRAINING_ROWS[name]
        return _pixels(X[:n]), y[:n], _pixels(X[n:]), y[n:]
    with np.load(Path(folder) / f"{name}.npz") as file:
        train = _pixels(file["X_train"]), file["y_train"].astype(int)
        return *train, _pixels(file["X_test"]), file["y_test"].astype(int)


def _decoded(jpeg, offsets):
    """Bytes of JPEG files, one after another, to an array of pixels, an image a row."""
    from PIL import Image

    files = (BytesIO(jpeg[first:last]) for first, last in pairwise(offsets))
    return np.stack([np.ravel(Image.open(file)) for file in files])


def load_training_images(name, folder=None):
    """Return X, y of the training images of any data set of images, pixels in [0, 1]."""
    if not name.startswith("cifar"):
        return load_images(name, folder)[:2]
    if folder is None:
        X, y = _openml_images(name)
        n = OPENML_TRAINING_ROWS[name]
        return _pixels(X[:n]), y[:n]
    with np.load(Path(folder) / f"{name}_train.npz") as file:
        return _pixels(_decoded(file["jpeg"], file["offsets"])), file["y_train"].astype(int)


def table_names(kind, folder=None):
    """Names of the tables of a kind, "classification" or "regression", in alphabetical order."""
    if folder is None:
        return sorted(BUNDLED[kind])
    with np.load(Path(folder) / f"uci_{kind}.npz") as file:
        return sorted({key.removesuffix("/X") for key in file.files if key.endswith("/X")})


def load_table(kind, name, folder=None):
    """Return X, y of one table."""
    if folder is None:
        X, y = BUNDLED[kind][name](return_X_y=True)
        return X.astype(np.float32), y
    with np.load(Path(folder) / f"uci_{kind}.npz") as file:
        return file[f"{name}/X"], file[f"{name}/y"]


def _spirals(arms, rng):
    """Points on arms that wind around each other one and a half times."""
    y, turn = np.arange(1500) % arms, 2 * np.pi * rng.uniform(0.2, 1, 1500)
    angle = 1.5 * turn + 2 * np.pi * y / arms
    X = turn[:, None] * np.c_[np.cos(angle), np.sin(angle)]
    return X + 0.1 * rng.normal(size=X.shape), y


def _checkerboard(rng):
    X = rng.uniform(-2, 2, (2000, 2))
    return X, np.floor(X).sum(axis=1).astype(int) % 2


def _rings(rng):
    """Three rings in two of six features."""
    X = rng.normal(size=(1500, 6))
    radius = np.hypot(X[:, 0], X[:, 1])
    return X, (radius > 0.8).astype(int) + (radius > 1.6)


def _waves(rng):
    X = rng.uniform(-2, 2, (2000, 2))
    return X, np.sin(2 * X[:, 0]) * np.cos(2 * X[:, 1])


def _sine(rng):
    X = rng.uniform(-3, 3, (1500, 1))
    return X, np.sin(3 * X[:, 0])


def _bumps(rng):
    """Eight bumps and dips, the same for every seed."""
    places = np.random.RandomState(0)
    centres, signs = places.uniform(-1.7, 1.7, (8, 2)), places.choice([-1, 1], 8)
    X = rng.uniform(-2, 2, (2000, 2))
    square = np.sum((X[:, None] - centres) ** 2, axis=2)
    return X, np.exp(-square / 0.25) @ signs


def _shells(n_shells, n_features, rng):
    """Shells around one centre, with as many rows each; no direction tells them apart."""
    X = rng.normal(size=(1500, n_features))
    edges = chi2.ppf(np.arange(1, n_shells) / n_shells, n_features)
    return X, np.searchsorted(edges, np.sum(X**2, axis=1))


#: Functions by name: kind, and what draws their rows.
FUNCTIONS = {
    "two spirals": ("classification", partial(_spirals, 2)),
    "three spirals": ("classification", partial(_spirals, 3)),
    "checkerboard": ("classification", _checkerboard),
    "rings": ("classification", _rings),
    "ball": ("classification", partial(_shells, 2, 10)),
    "five shells": ("classification", partial(_shells, 5, 6)),
    "sin 2a cos 2b": ("regression", _waves),
    "sin 3a": ("regression", _sine),
    "bumps": ("regression", _bumps),
    "friedman1": (
        "regression",
        lambda rng: datasets.make_friedman1(1000, noise=0.5, random_state=rng),
    ),
    "friedman3": (
        "regression",
        lambda rng: datasets.make_friedman3(1000, noise=0.05, random_state=rng),
    ),
}


def load_function(name, seed):
    """Return X, y of one function, drawn with a seed."""
    return FUNCTIONS[name][1](np.random.RandomState(seed))


def load_linear_task(name, folder=None, rows=None, square_length=SQUARE_LENGTH):
    """Return centred inputs of a mean square length and one-hot targets less a constant.

    At most ``rows`` of each. The constant is one over the number of classes.
    """
    X, y = (part[:rows] for part in load_training_images(name, folder))
    X -= X.mean(axis=0, dtype=float).astype(X.dtype)
    found = np.mean(np.einsum("ij,ij->i", X, X), dtype=float)
    X *= np.sqrt(square_length / found).astype(X.dtype)
    n_classes = y.max() + 1
    return X, np.eye(n_classes)[y] - 1 / n_classes


class Moments(NamedTuple):
    """Second moments of inputs and targets, which hold all that the loss (1) depends on."""

    cxx: np.ndarray
    cxy: np.ndarray
    mean_y: np.ndarray
    power: float

    def loss(self, weights, constant):
        """Return mean |y - A^T x - b|^2 for A (m, n), b (n,) and inputs of mean 0."""
        explained = 2 * np.sum(weights * self.cxy) - np.sum(weights * (self.cxx @ weights))
        return self.power - explained - 2 * constant @ self.mean_y + constant @ constant

    def optimum(self, k, added=0.0):
        """Return the least loss (1) of k neurons: |y|^2 less the k largest squared values.

        ``added`` is added to the variance of each input.
        """
        values, vectors = np.linalg.eigh(self.cxx + added * np.eye(len(self.cxx)))
        held = values > values[-1] * len(values) * np.finfo(float).eps
        whitening = vectors[:, held] / np.sqrt(values[held])
        singular = np.linalg.svd(whitening.T @ self.cxy, compute_uv=False)
        return self.power - np.sum(singular[:k] ** 2)


def second_moments(X, Y):
    """Return the Moments of a data set in double precision, a block of rows at a time."""
    cxx = np.zeros((X.shape[1], X.shape[1]))
    cxy = np.zeros((X.shape[1], Y.shape[1]))
    for first in range(0, len(X), BLOCK):
        x = X[first : first + BLOCK].astype(float)
        cxx += x.T @ x
        cxy += x.T @ Y[first : first + BLOCK]
    return Moments(cxx / len(X), cxy / len(X), Y.mean(axis=0), float(np.mean(np.sum(Y**2, axis=1))))
