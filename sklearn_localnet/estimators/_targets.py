"""Labels and regression targets to target columns, and scores back to predictions.

An encoder answers for the kind of target; the statistics of its columns (`TargetStatistics`) are
kept apart, because a stream has to estimate them as it goes.
"""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import type_of_target, unique_labels

from ..network._arrays import like, wide
from ..rules._rule import Columns
from ._validation import expecting_few_rows, naming

LARGEST_TARGET = 1e100  # beyond, sums of squares leave the range of float64


class LabelEncoder:
    """Class labels to columns: one for two classes, one a class or a label otherwise.

    A single class has a column as well, of zeros: it says that a row is of another.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted distinct labels.
    multilabel : bool
        Whether targets are indicator rows with a column a label.
    """

    def __init__(self, classes, multilabel):
        self.classes = classes
        self.multilabel = multilabel
        self.binary = not multilabel and len(classes) <= 2
        self.n_columns = 1 if self.binary else len(classes)
        self.activation = "logistic" if multilabel or self.binary else "softmax"

    @classmethod
    def from_targets(cls, y, classes=None):
        """Encoder for the labels in ``y``, or for sorted ``classes`` where they are given."""
        kind = type_of_target(y, input_name="y")
        multilabel = kind.startswith("multilabel")
        if kind == "multiclass-multioutput":
            raise ValueError("y has several multiclass columns: give one, or 0/1 indicators.")
        if classes is None:
            classes = np.arange(y.shape[1]) if multilabel else unique_labels(y)
        return cls(classes, multilabel)

    def check_same(self, classes):
        """Raise ValueError unless sorted ``classes`` are those that training began with."""
        if not np.array_equal(classes, self.classes):
            raise ValueError(
                f"classes={classes.tolist()} is not the same as on the first call to partial_fit: "
                f"{self.classes.tolist()}."
            )

    def with_labels(self, labels, source="y"):
        """Encoder for these labels (N,) as well; ``source`` is the argument that has them."""
        with naming(source), expecting_few_rows():
            classes = unique_labels(self.classes, labels)
        kind = object if self.classes.dtype == object else classes.dtype
        return LabelEncoder(classes.astype(kind), False)

    def columns_from(self, before):
        """Where columns come from, as `Columns`, of the encoder for the classes before."""
        source = np.searchsorted(before.classes, self.classes)
        kept = np.isin(self.classes, before.classes)
        sign = np.ones(len(source))
        if before.binary:  # its one column speaks against the first class
            sign[kept & (source == 0)] = -1
            source[:] = 0
        if self.binary:
            return Columns(source[1:], sign[1:])
        return Columns(np.where(kept, source, -1), sign)

    def codes(self, y):
        """Checked targets: class indices (N,), or indicators (N, n_labels)."""
        return self._indicators(y) if self.multilabel else self._indices(y)

    def _indicators(self, y):
        y = y.toarray() if issparse(y) else np.asarray(y)
        if y.ndim != 2 or y.shape[1] != self.n_columns:
            raise ValueError(
                f"y has shape {y.shape}, expected {self.n_columns} label columns: as many as there "
                "were before, for indicators bring no new ones."
            )
        if not np.isin(y, (0, 1)).all():
            raise ValueError("y has values other than 0 and 1 in its label indicators.")
        return y

    def _indices(self, y):
        codes, unknown = self._found(y)
        if unknown.any():
            unknown = y[unknown][:5].tolist()
            raise ValueError(
                f"y holds labels {unknown} that are not among the classes {self.classes.tolist()}."
            )
        return codes

    def unknown(self, y):
        """Whether each label (N,) is none of the classes."""
        return self._found(y)[1]

    def _found(self, y):
        """Class index of each label, and whether it is none of the classes."""
        if y.ndim != 1:
            raise ValueError(f"y has shape {y.shape}, expected one label a row.")
        mixed = {y.dtype.kind, self.classes.dtype.kind} == {"i", "u"}  # which would meet as floats
        try:
            sought = y.astype(self.classes.dtype) if mixed else y
            # What is beyond all counts as the last.
            codes = np.searchsorted(self.classes[:-1], sought)
            return codes, ~np.asarray(self.classes[codes] == y)
        except TypeError:
            return None, np.ones(len(y), dtype=bool)

    def columns(self, codes):
        """Target columns (B, n), zeros and ones in float64."""
        if self.multilabel or self.binary:
            return codes.reshape(-1, self.n_columns).astype(np.float64)
        # Stored by columns, as scores are.
        columns = np.zeros((self.n_columns, len(codes))).T
        columns[np.arange(len(codes)), codes] = 1
        return columns

    def labels(self, scores):
        """Labels from scores (N, n) whose threshold is zero: the inverse of the encoding."""
        if self.multilabel:
            return (scores > 0).astype(int)
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(scores))
        if self.binary:
            return self.classes[(scores[:, 0] > 0).astype(int)]
        return self.classes[np.argmax(scores, axis=1)]


class ValueEncoder:
    """Regression targets: each output is a column."""

    activation = "identity"

    def __init__(self, n_columns):
        self.n_columns = n_columns

    @classmethod
    def from_targets(cls, y):
        """Encoder for the shape of ``y``."""
        return cls(1 if y.ndim == 1 else y.shape[1])

    def codes(self, y):
        """Checked targets (N, n_outputs) in float64."""
        y = np.asarray(y, dtype=np.float64)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        if y.shape[1] != self.n_columns:
            raise ValueError(f"y has {y.shape[1]} outputs, expected {self.n_columns}.")
        largest = np.abs(y).max()
        if largest > LARGEST_TARGET:
            raise ValueError(f"y holds values as large as {largest:.3g}: scale the targets.")
        return y

    def columns(self, codes):
        """Target columns (B, n)."""
        return codes


class TargetStatistics:
    """Mean and spread of the target columns, of a whole table or of a stream so far.

    Attributes
    ----------
    mean, scale : ndarrays of shape (n,)
        What is taken from the targets, and what they are divided by (ones for labels).
    """

    def __init__(self, mean, variance, weight, scaled=False):
        self.mean, self.variance, self.weight, self.scaled = mean, variance, weight, scaled

    @classmethod
    def empty(cls, n_columns):
        """Statistics of a stream that has not begun."""
        return cls(np.zeros(n_columns), np.zeros(n_columns), 0.0)

    def grown(self, columns):
        """The same with more label columns, of which the new ones have been zero so far."""
        if not self.weight:
            return self.empty(len(columns.source))
        mean = np.where(columns.sign < 0, 1 - self.mean[columns.source], self.mean[columns.source])
        parts = (np.where(columns.new, 0, part) for part in (mean, self.variance[columns.source]))
        return TargetStatistics(*parts, self.weight, self.scaled)

    @property
    def state(self):
        """Plain arrays and numbers to begin from another time."""
        return {"mean": self.mean, "variance": self.variance, "weight": self.weight}

    @property
    def scale(self):
        """Standard deviation of each column, 1 where it does not vary or is not to be scaled."""
        spread = np.sqrt(self.variance) if self.scaled else np.zeros_like(self.variance)
        rounding = 10 * np.finfo(np.float64).eps * np.abs(self.mean)
        return np.where(spread > rounding, spread, 1.0)

    def include(self, columns, share, weight):
        """Take in a batch: columns (B, n), shares that sum to one, and their total weight.

        Pooled mean and variance of Chan, Golub and LeVeque (1983).
        """
        total = self.weight + weight
        mean = share @ columns
        variance = share @ (columns - mean) ** 2
        gap, part = mean - self.mean, weight / total
        self.variance = (1 - part) * (self.variance + part * gap**2) + part * variance
        self.mean = self.mean + part * gap
        self.weight = total

    def encode(self, columns):
        """Standardised target columns."""
        return (columns - self.mean) / self.scale if self.scaled else columns - self.mean

    def decode(self, columns):
        """Inverse of `encode`, in float64; columns of any array library."""
        columns = wide(columns)
        return columns * like(self.scale, columns) + like(self.mean, columns)
