"""The estimators with `published` against a plain loop over the equations of the paper.

The loop works sample by sample on arrays of one sample and knows nothing of the package: it starts
from the weights after the first row and applies Eqs. (5)-(7), (9), (21), (22) and (24) as printed.
Of a stack each layer is such a circuit: its input is the output of the layer below for the same
row, from the weights before that row, its target is the row's, and the last one's W2 is the
readout.
"""

import numpy as np
import pytest
from networks import FUNCTION, SLOPE
from scipy.sparse import csr_matrix

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published
from sklearn_localnet.network import _blocks
from sklearn_localnet.rules import Microcircuit

ROWS, FEATURES, HIDDEN, STACK = 300, 7, 6, (8, 5)
RATES = {"learning_rate_init": 0.02, "apical_rate": 0.03, "interneuron_rate": 0.01}
LEARNT = (
    "basal_weights",
    "basal_intercepts",
    "apical_weights",
    "interneuron_weights",
    "pyramidal_to_interneuron_weights",
    "mean_activity",
)
VARIANTS = {
    "as printed": {},
    "decaying rates": {"learning_rate_decay": 50.0},
    "relu": {"activation": "relu"},
    "tanh": {"activation": "tanh"},
    "logistic": {"activation": "logistic"},
    "decoupled": {"interneurons": "decoupled"},
    "target-driven": {"interneurons": "target"},
    "centred": {"activation": "relu", "centering_rate": 0.01},
    "intercept": {"activation": "relu", "fit_intercept": True},
    "fewer interneurons": {"n_interneurons": 2},
    "one a target": {"n_interneurons": "n_targets"},
    "more interneurons": {"n_interneurons": max(STACK) + 1, "interneurons": "decoupled"},
    "everything": {
        "activation": "relu",
        "interneurons": "decoupled",
        "centering_rate": 0.01,
        "fit_intercept": True,
        "learning_rate_decay": 80.0,
        "n_interneurons": 4,
        "warmup": 150,
    },
    "everything, tied": {
        "activation": "tanh",
        "centering_rate": 0.02,
        "fit_intercept": True,
        "learning_rate_decay": 200.0,
    },
}
SETTINGS = {
    **VARIANTS,
    "one neuron": {"hidden_layer_sizes": 1},
    **{f"{name}, stack": {"hidden_layer_sizes": STACK} | VARIANTS[name] for name in VARIANTS},
    "one neuron at the bottom": {"hidden_layer_sizes": (1, 4), "activation": "tanh"},
    "three layers": {"hidden_layer_sizes": (6, 5, 4), "interneurons": "decoupled"},
}
BOTH = ["as printed", "everything", "as printed, stack", "everything, stack"]
CHUNKS = {
    "one call": [ROWS],
    "chunks of 1": [1] * ROWS,
    "chunks of 7": [7] * (ROWS // 7) + [ROWS % 7],
    "chunks of 64": [64] * (ROWS // 64) + [ROWS % 64],
    "uneven": [1, 2, 3, 64, 65, 128, 37],
}


@pytest.fixture(scope="module")
def table():
    """Features with a mean and two targets that depend on them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, FEATURES)) + 0.3
    X[np.abs(X) < 0.3] = 0
    Y = np.tanh(X @ rng.standard_normal((FEATURES, 2))) + 0.1 * rng.standard_normal((ROWS, 2))
    return X, Y


def make(kind, **changes):
    parameters = {"hidden_layer_sizes": HIDDEN, "random_state": 3, **RATES, **changes}
    return kind(**published(**parameters))


def feed(model, X, y, chunks, **classes):
    """Stream the rows in chunks of the given lengths."""
    first = 0
    for length in chunks:
        model.partial_fit(X[first : first + length], y[first : first + length], **classes)
        first += length
    assert first == len(y)
    return model


class Layer:
    """One circuit of the paper, which learns sample by sample."""

    def __init__(self, model, fitted):
        self.W1, self.b1, self.W2T, self.Q, self.R, self.zbar = (
            fitted[name].copy() for name in LEARNT
        )
        self.model, self.rule = model, model.rule

    def learn(self, x, y, divisor, risen, weight):
        """Learn a sample; its output z, and the squared error of W2 z before W2 changes."""
        model, rule = self.model, self.rule
        eta_1 = weight * model.learning_rate_init / divisor
        eta_2, eta_q = (
            weight * risen * rate / divisor for rate in (rule.apical_rate, rule.interneuron_rate)
        )
        u = self.W1 @ x + self.b1
        z = FUNCTION[model.activation](u)
        if model.centering_rate is not None:
            eps = weight * model.centering_rate / divisor
            self.zbar = self.zbar + eps * (z - self.zbar)  # (24)
            z = z - self.zbar
        error = np.sum((y - self.W2T.T @ z) ** 2)
        n = self.R @ z
        p = SLOPE[model.activation](u) * (self.W2T @ y - self.Q @ n)
        self.W1 = self.W1 + eta_1 * np.outer(p, x)  # (5), (9)
        if model.fit_intercept:
            self.b1 = self.b1 + eta_1 * p
        self.W2T = self.W2T + eta_2 * (np.outer(z, y) - self.W2T)  # (6)
        heard = y if rule.interneurons == "target" else n
        self.Q = self.Q + eta_q * (np.outer(z, heard) - self.Q)  # (7), (21)
        if rule.interneurons == "decoupled":
            self.R = self.R + eta_q * (np.outer(n, z) - self.R)  # (22)
        else:
            self.R = self.Q.T
        return z, error

    def weights(self):
        learnt = (self.W1, self.b1, self.W2T, self.Q, self.R, self.zbar)
        return dict(zip(LEARNT, learnt, strict=True))


def loop(model, X, Y, weights=None):
    """Weights of each layer after rows 1, 2, ... of (X, Y), from those after row 0 in ``model``.

    With them come the squared errors of these rows, each before it is learnt. ``weights`` multiply
    the rates of each row.
    """
    weights = np.ones(len(X)) if weights is None else weights
    layers, errors = [Layer(model, fitted) for fitted in model.layers_], []
    for t in range(1, len(X)):
        divisor = 1.0
        if model.learning_rate_decay is not None:
            divisor = 1 + t / model.learning_rate_decay
        risen = min(1, (t + 1) / model.rule.warmup) ** 2 if model.rule.warmup else 1
        x = X[t]
        for layer in layers:
            x, error = layer.learn(x, Y[t], divisor, risen, weights[t])
        errors.append(error)
    return [layer.weights() for layer in layers], errors


def assert_follows_the_loop(model, start, X, Y, atol=1e-10, weights=None):
    layers = loop(start, X, Y, weights)[0]
    assert len(model.layers_) == len(layers)
    for place, (fitted, expected) in enumerate(zip(model.layers_, layers, strict=True)):
        assert fitted.keys() == expected.keys()
        for name, array in expected.items():
            told = f"{name} of layer {place}"
            np.testing.assert_allclose(fitted[name], array, rtol=0, atol=atol, err_msg=told)
    np.testing.assert_array_equal(model.readout_weights_, model.layers_[-1].apical_weights.T)
    assert model.t_ == len(X)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_regressor_stream_follows_the_printed_equations(table, changes, chunks):
    X, Y = table
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    moved = feed(make(LocalRuleRegressor, **changes), X, Y, chunks)
    for after, before in zip(moved.layers_, start.layers_, strict=True):
        assert np.abs(after.basal_weights - before.basal_weights).max() > 1e-3
    assert_follows_the_loop(moved, start, X, Y)


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_the_loss_is_the_mean_squared_error_of_rows_before_they_are_learnt(table, changes):
    X, Y = table
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    expected = np.mean(loop(start, X, Y)[1])
    assert start.partial_fit(X[1:], Y[1:]).loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", [*BOTH, "everything, tied", "three layers"])
def test_classifier_stream_follows_the_printed_equations(table, name, n_classes):
    X, Y = table
    y = np.digitize(Y[:, 0], np.quantile(Y[:, 0], np.arange(1, n_classes) / n_classes))
    columns = (y[:, None] == np.arange(n_classes)[-n_classes if n_classes > 2 else 1 :]).astype(
        float
    )
    options = {"classes": np.arange(n_classes)}
    start = make(LocalRuleClassifier, **SETTINGS[name]).partial_fit(X[:1], y[:1], **options)
    moved = feed(make(LocalRuleClassifier, **SETTINGS[name]), X, y, CHUNKS["uneven"], **options)
    assert_follows_the_loop(moved, start, X, columns)


@pytest.mark.parametrize("sizes", [HIDDEN, STACK])
def test_multilabel_stream_follows_the_printed_equations(table, sizes):
    X, Y = table
    labels = (Y > 0).astype(int)
    changes = {"hidden_layer_sizes": sizes}
    start = make(LocalRuleClassifier, **changes).partial_fit(X[:1], labels[:1])
    moved = feed(make(LocalRuleClassifier, **changes), X, labels, CHUNKS["uneven"])
    assert_follows_the_loop(moved, start, X, labels)


@pytest.mark.parametrize("name", BOTH)
def test_sparse_stream_follows_the_printed_equations(table, name):
    X, Y = table
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    sparse = csr_matrix(X)
    moved = make(LocalRuleRegressor, **SETTINGS[name])
    for part in (slice(0, 100), slice(100, ROWS)):
        moved.partial_fit(sparse[part], Y[part])
    assert_follows_the_loop(moved, start, X, Y)


@pytest.mark.parametrize("name", BOTH)
def test_one_epoch_of_fit_follows_the_printed_equations(table, name):
    X, Y = table
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    with pytest.warns(UserWarning, match="max_iter=1"):
        moved = make(LocalRuleRegressor, **SETTINGS[name], max_iter=1).fit(X, Y)
    assert_follows_the_loop(moved, start, X, Y)


@pytest.mark.parametrize("name", ["everything", "everything, stack"])
def test_epochs_of_fit_go_on_counting_samples(table, name):
    X, Y = table[0][:60], table[1][:60]
    options = {**SETTINGS[name], "max_iter": 3, "tol": 0.0}
    start = make(LocalRuleRegressor, **options).partial_fit(X[:1], Y[:1])
    with pytest.warns(UserWarning, match="max_iter=3"):
        moved = make(LocalRuleRegressor, **options).fit(X, Y)
    assert_follows_the_loop(moved, start, np.tile(X, (3, 1)), np.tile(Y, (3, 1)))


@pytest.mark.parametrize("name", BOTH)
def test_rows_of_weight_zero_are_not_seen(table, name):
    X, Y = table
    weights = np.ones(ROWS)
    weights[5:50:3] = 0
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    moved = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X, Y, sample_weight=weights)
    assert_follows_the_loop(moved, start, X[weights > 0], Y[weights > 0])


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("name", BOTH)
def test_a_row_of_a_stream_counts_by_its_weight_against_the_mean_so_far(table, name, chunks):
    X, Y = table
    weights = np.random.default_rng(0).choice([0.2, 1.0, 6.0], ROWS)
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    moved, first = make(LocalRuleRegressor, **SETTINGS[name]), 0
    for length in chunks:
        part = slice(first, first + length)
        moved.partial_fit(X[part], Y[part], sample_weight=weights[part])
        first += length
    so_far = np.cumsum(weights) / np.arange(1, ROWS + 1)
    assert_follows_the_loop(moved, start, X, Y, weights=weights / so_far)


@pytest.mark.parametrize("name", BOTH)
def test_a_row_of_a_table_counts_by_its_weight_against_the_mean(table, name):
    X, Y = table
    weights = np.random.default_rng(0).choice([0.0, 0.2, 1.0, 6.0], ROWS)
    weights[0] = mean = weights[1:][weights[1:] > 0].mean()  # as the one row that it starts with
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    with pytest.warns(UserWarning, match="max_iter=1"):
        moved = make(LocalRuleRegressor, **SETTINGS[name], max_iter=1).fit(X, Y, weights)
    held = weights > 0
    assert_follows_the_loop(moved, start, X[held], Y[held], weights=weights[held] / mean)


@pytest.mark.parametrize("sizes", [HIDDEN, STACK])
def test_a_stream_that_stands_at_zero_does_not_move_the_basal_synapses(table, sizes):
    X, Y = table
    start = make(LocalRuleRegressor, hidden_layer_sizes=sizes).partial_fit(X[:1], Y[:1])
    kept = [layer.basal_weights.copy() for layer in start.layers_]
    start.partial_fit(np.zeros((20, FEATURES)), Y[:20])
    for layer, before in zip(start.layers_, kept, strict=True):
        np.testing.assert_array_equal(layer.basal_weights, before)


@pytest.mark.parametrize("kind", [LocalRuleClassifier, LocalRuleRegressor])
def test_published_names_parameters_of_the_estimator(kind):
    assert set(published()) <= set(kind().get_params())
    assert kind(**published()).get_params(deep=False).items() >= published_by_value().items()


def published_by_value():
    """Parameters of `published` but for the rule, which has no value to compare."""
    return {name: value for name, value in published().items() if name != "rule"}


def test_published_puts_changes_where_they_belong():
    found = published(hidden_layer_sizes=8, activation="relu", apical_rate=0.01, gain_damping=0.2)
    rule = found.pop("rule")
    assert found == {**published_by_value(), "hidden_layer_sizes": 8, "activation": "relu"}
    assert type(rule) is Microcircuit
    changed = {"apical_rate": 0.01, "gain_damping": 0.2, "n_interneurons": "n_hidden", "warmup": 0}
    assert rule.get_params() == {**Microcircuit().get_params(), **changed}
    with pytest.raises(TypeError, match="gain"):
        LocalRuleRegressor(**published(gain=1))
    with pytest.raises(TypeError, match="apical_rate"):
        published(rule="microcircuit")


def test_published_makes_a_rule_of_its_own_each_time():
    rules = [published()["rule"] for _ in range(2)]
    assert rules[0] is not rules[1]
    assert rules[0].get_params() == rules[1].get_params()


@pytest.mark.parametrize("n_weak", [0, 200])
def test_published_circuit_reaches_the_reduced_rank_optimum(n_weak):
    rng = np.random.default_rng(1)
    strong = rng.standard_normal((20_000, 5))
    X = np.hstack([strong, 0.1 * rng.standard_normal((len(strong), n_weak))])
    signal = strong @ rng.standard_normal((5, 3)) / 2
    Y = signal + 0.3 * rng.standard_normal(signal.shape)
    model = make(
        LocalRuleRegressor,
        hidden_layer_sizes=2,
        learning_rate_init=0.02,
        apical_rate=0.02,
        interneuron_rate=0.02,
        learning_rate_decay=1000.0,
    ).partial_fit(X, Y)
    U, s, Vt = np.linalg.svd(X @ np.linalg.lstsq(X, Y, rcond=None)[0], full_matrices=False)
    best = np.mean(np.sum((Y - (U[:, :2] * s[:2]) @ Vt[:2]) ** 2, axis=1))
    loss = np.mean(np.sum((Y - model.predict(X)) ** 2, axis=1))
    start = np.mean(np.sum(Y**2, axis=1))
    assert best <= loss < best + 0.02 * (start - best)


@pytest.mark.parametrize("name", BOTH)
def test_a_block_that_does_not_settle_is_learnt_in_smaller_ones(table, name, monkeypatch):
    X, Y = table
    settle = _blocks._Block.settle
    monkeypatch.setattr(_blocks._Block, "settle", lambda b: len(b.y) <= 5 and settle(b))
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    model = feed(make(LocalRuleRegressor, **SETTINGS[name]), X, Y, [ROWS])
    assert_follows_the_loop(model, start, X, Y)


@pytest.mark.parametrize("sizes", [8, (8, 8)])
def test_a_block_whose_guesses_overflow_is_learnt_in_smaller_ones(sizes, monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = 2 * rng.standard_normal((120, 20)), rng.standard_normal((120, 3))
    rates = {"learning_rate_init": 0.02, "apical_rate": 0.05, "interneuron_rate": 0.02}
    changes = {"hidden_layer_sizes": sizes, "dtype": "float32", **rates}
    settle, settled = _blocks._Block.settle, []

    def watched(block):
        settled.append(settle(block))
        return settled[-1]

    monkeypatch.setattr(_blocks._Block, "settle", watched)
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    model = feed(make(LocalRuleRegressor, **changes), X, Y, [120])
    assert False in settled
    assert_follows_the_loop(model, start, X, Y, atol=1e-4)


NOT_PUBLISHED = [
    {"solver": "adam"},
    {"readout": "linear"},
    {"gain_damping": 0.3},
    {"alpha": 1e-3},
    {"batch_size": 2},
    {"apical_rate": 0.3},
    {"interneuron_rate": 0.3},
    {"centering_rate": 0.3},
    {"standardize_targets": True},  # a stream estimates their statistics row by row
]


def test_the_published_update_runs_in_blocks_and_no_other_does(table, monkeypatch):
    X, Y = table
    learnt = []

    def watched(self, batch, rates):
        learnt.append(len(batch.target))
        return np.zeros(len(batch.target))

    monkeypatch.setattr(_blocks.Blocks, "learn", watched)
    for changes in NOT_PUBLISHED:
        make(LocalRuleRegressor, **changes).partial_fit(X[:3], Y[:3])
    assert not learnt
    make(LocalRuleRegressor, apical_rate=_blocks.LARGEST_RATE).partial_fit(X[:2], Y[:2])
    assert learnt == [2]


@pytest.mark.parametrize("sizes", [8, (8, 6)])
def test_rates_that_make_the_circuit_swing_are_followed_too(sizes):
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((200, 20)), rng.standard_normal((200, 3))
    rates = {"learning_rate_init": 0.1, "apical_rate": 0.05, "interneuron_rate": 0.02}
    changes = {"activation": "tanh", "hidden_layer_sizes": sizes, **rates}
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    assert_follows_the_loop(feed(make(LocalRuleRegressor, **changes), X, Y, [200]), start, X, Y)


@pytest.mark.parametrize("sizes", [HIDDEN, STACK])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
def test_interneurons_settle_where_basal_synapses_hardly_move(table, interneurons, sizes):
    X, Y = np.vstack([table[0][:1], 10 * table[0][1:]]), table[1]
    rates = {"learning_rate_init": 1e-12, "apical_rate": 0.01, "interneuron_rate": 0.2}
    changes = {"interneurons": interneurons, "hidden_layer_sizes": sizes, **rates}
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    assert_follows_the_loop(feed(make(LocalRuleRegressor, **changes), X, Y, [ROWS]), start, X, Y)
