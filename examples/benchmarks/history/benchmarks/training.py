"""What airspeed velocity times at each commit: a pass, a row, predictions, and peak memory."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published

N_ROWS, N_FEATURES, N_CLASSES = 10_000, 784, 10


def table():
    """Random images whose labels a linear function of the pixels tells."""
    rng = np.random.default_rng(0)
    X = rng.random((N_ROWS, N_FEATURES), dtype=np.float32)
    return X, np.argmax(X @ rng.standard_normal((N_FEATURES, N_CLASSES)), axis=1)


class Network:
    """A classifier of either depth, in single precision as its features are."""

    params = ([(100,), (100, 100)], ["microcircuit", "kolen_pollack"])
    param_names = ("hidden_layer_sizes", "rule")

    def setup(self, hidden_layer_sizes, rule):
        """Make the table, and a network that has seen it once."""
        warnings.simplefilter("ignore", ConvergenceWarning)
        self.X, self.y = table()
        self.options = {"hidden_layer_sizes": hidden_layer_sizes, "rule": rule, "random_state": 0}
        self.model = LocalRuleClassifier(**self.options)
        self.model.partial_fit(self.X, self.y, classes=range(N_CLASSES))

    def time_pass(self, *_):
        """One epoch over the table, start included."""
        LocalRuleClassifier(max_iter=1, **self.options).fit(self.X, self.y)

    def time_row(self, *_):
        """One more row of a stream."""
        self.model.partial_fit(self.X[:1], self.y[:1])

    def time_predict_row(self, *_):
        """The label of one row."""
        self.model.predict(self.X[:1])

    def time_predict(self, *_):
        """The labels of the table."""
        self.model.predict(self.X)

    def peakmem_pass(self, *_):
        """Memory of an epoch, the table included."""
        LocalRuleClassifier(max_iter=1, **self.options).fit(self.X, self.y)


class Published:
    """The published rule, row by row, in blocks."""

    def setup(self):
        """Make the table, scaled as its rates ask for."""
        X, y = table()
        self.X, self.y = X[:2000] - X[:2000].mean(axis=0), y[:2000].astype(float)
        self.options = published(hidden_layer_sizes=64, learning_rate_init=1e-4, random_state=0)

    def time_rows(self):
        """Two thousand rows."""
        LocalRuleRegressor(**self.options).partial_fit(self.X, self.y)
