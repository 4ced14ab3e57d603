"""The estimators with `PUBLISHED` against a plain loop over the equations of the paper.

The loop works sample by sample on arrays of one sample and knows nothing of the package: it starts
from the weights after the first row and applies Eqs. (5)-(7), (9), (21), (22) and (24) as printed.
"""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from sklearn_localnet import (
    PUBLISHED,
    LocalRuleClassifier,
    LocalRuleRegressor,
    _online,
    _training,
)

ROWS, FEATURES, HIDDEN = 300, 7, 6
RATES = {"learning_rate_init": 0.02, "apical_rate": 0.03, "interneuron_rate": 0.01}
LEARNT = (
    "basal_weights_",
    "basal_intercepts_",
    "apical_weights_",
    "interneuron_weights_",
    "pyramidal_to_interneuron_weights_",
    "mean_activity_",
)
FUNCTION = {
    "identity": lambda u: u,
    "relu": lambda u: np.where(u > 0, u, 0),
    "tanh": np.tanh,
    "logistic": lambda u: 1 / (1 + np.exp(-u)),
}
SLOPE = {
    "identity": lambda u: np.ones(u.shape),
    "relu": lambda u: np.where(u > 0, 1.0, 0.0),
    "tanh": lambda u: 1 - np.tanh(u) ** 2,
    "logistic": lambda u: np.exp(-u) / (1 + np.exp(-u)) ** 2,
}
SETTINGS = {
    "as printed": {},
    "decaying rates": {"learning_rate_decay": 50.0},
    "relu": {"activation": "relu"},
    "tanh": {"activation": "tanh"},
    "logistic": {"activation": "logistic"},
    "decoupled": {"interneurons": "decoupled"},
    "target-driven": {"interneurons": "target", "n_interneurons": None},
    "centred": {"activation": "relu", "centering_rate": 0.01},
    "intercept": {"activation": "relu", "fit_intercept": True},
    "fewer interneurons": {"n_interneurons": 2},
    "more interneurons": {"n_interneurons": HIDDEN + 3, "interneurons": "decoupled"},
    "one neuron": {"hidden_layer_sizes": 1},
    "everything": {
        "activation": "relu",
        "interneurons": "decoupled",
        "centering_rate": 0.01,
        "fit_intercept": True,
        "learning_rate_decay": 80.0,
        "n_interneurons": 4,
    },
    "everything, tied": {
        "activation": "tanh",
        "centering_rate": 0.02,
        "fit_intercept": True,
        "learning_rate_decay": 200.0,
    },
}
CHUNKS = {
    "one call": [ROWS],
    "row by row": [1] * ROWS,
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
    return kind(**{**PUBLISHED, **parameters})


def feed(model, X, y, chunks, **classes):
    """Stream the rows in chunks of the given lengths."""
    first = 0
    for length in chunks:
        model.partial_fit(X[first : first + length], y[first : first + length], **classes)
        first += length
    assert first == len(y)
    return model


def loop(model, X, Y):
    """Weights after rows 1, 2, ... of (X, Y), from those that ``model`` has after row 0.

    With them come the squared errors of these rows, each before it is learnt.
    """
    W1, b1, W2T, Q, R, zbar = (getattr(model, name).copy() for name in LEARNT)
    f, slope = FUNCTION[model.activation], SLOPE[model.activation]
    errors = []
    for t in range(1, len(X)):
        x, y = X[t], Y[t]
        divisor = 1.0
        if model.learning_rate_decay is not None:
            divisor = 1 + t / model.learning_rate_decay
        eta_1, eta_2 = model.learning_rate_init / divisor, model.apical_rate / divisor
        eta_q = model.interneuron_rate / divisor
        u = W1 @ x + b1
        z = f(u)
        if model.centering_rate is not None:
            zbar = zbar + model.centering_rate / divisor * (z - zbar)  # (24)
            z = z - zbar
        errors.append(np.sum((y - W2T.T @ z) ** 2))
        n = R @ z
        p = slope(u) * (W2T @ y - Q @ n)
        W1 = W1 + eta_1 * np.outer(p, x)  # (5), (9)
        if model.fit_intercept:
            b1 = b1 + eta_1 * p
        W2T = W2T + eta_2 * (np.outer(z, y) - W2T)  # (6)
        Q = Q + eta_q * (np.outer(z, y if model.interneurons == "target" else n) - Q)  # (7), (21)
        R = R + eta_q * (np.outer(n, z) - R) if model.interneurons == "decoupled" else Q.T  # (22)
    return dict(zip(LEARNT, (W1, b1, W2T, Q, R, zbar), strict=True)), errors


def assert_follows_the_loop(model, start, X, Y):
    for name, expected in loop(start, X, Y)[0].items():
        np.testing.assert_allclose(getattr(model, name), expected, rtol=0, atol=1e-10, err_msg=name)
    np.testing.assert_array_equal(model.readout_weights_, model.apical_weights_.T)
    assert model.t_ == len(X)


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_regressor_stream_follows_the_printed_equations(table, changes, chunks):
    X, Y = table
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    moved = feed(make(LocalRuleRegressor, **changes), X, Y, chunks)
    assert np.abs(moved.basal_weights_ - start.basal_weights_).max() > 1e-3
    assert_follows_the_loop(moved, start, X, Y)


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
def test_the_loss_is_the_mean_squared_error_of_rows_before_they_are_learnt(table, changes):
    X, Y = table
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    expected = np.mean(loop(start, X, Y)[1])
    assert start.partial_fit(X[1:], Y[1:]).loss_ == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["as printed", "everything", "everything, tied"])
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


def test_multilabel_stream_follows_the_printed_equations(table):
    X, Y = table
    labels = (Y > 0).astype(int)
    start = make(LocalRuleClassifier).partial_fit(X[:1], labels[:1])
    moved = feed(make(LocalRuleClassifier), X, labels, CHUNKS["uneven"])
    assert_follows_the_loop(moved, start, X, labels)


@pytest.mark.parametrize("name", ["as printed", "everything"])
def test_sparse_stream_follows_the_printed_equations(table, name):
    X, Y = table
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    sparse = csr_matrix(X)
    moved = make(LocalRuleRegressor, **SETTINGS[name])
    for part in (slice(0, 100), slice(100, ROWS)):
        moved.partial_fit(sparse[part], Y[part])
    assert_follows_the_loop(moved, start, X, Y)


@pytest.mark.parametrize("name", ["as printed", "everything"])
def test_one_epoch_of_fit_follows_the_printed_equations(table, name):
    X, Y = table
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    with pytest.warns(UserWarning, match="max_iter=1"):
        moved = make(LocalRuleRegressor, **SETTINGS[name], max_iter=1).fit(X, Y)
    assert_follows_the_loop(moved, start, X, Y)


def test_epochs_of_fit_go_on_counting_samples(table):
    X, Y = table[0][:60], table[1][:60]
    options = {**SETTINGS["everything"], "max_iter": 3, "tol": 0.0}
    start = make(LocalRuleRegressor, **options).partial_fit(X[:1], Y[:1])
    with pytest.warns(UserWarning, match="max_iter=3"):
        moved = make(LocalRuleRegressor, **options).fit(X, Y)
    assert_follows_the_loop(moved, start, np.tile(X, (3, 1)), np.tile(Y, (3, 1)))


@pytest.mark.parametrize("name", ["as printed", "everything"])
def test_rows_of_weight_zero_are_not_seen(table, name):
    X, Y = table
    weights = np.ones(ROWS)
    weights[5:50:3] = 0
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    moved = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X, Y, sample_weight=weights)
    assert_follows_the_loop(moved, start, X[weights > 0], Y[weights > 0])


def test_a_stream_that_stands_at_zero_does_not_move_the_basal_synapses(table):
    X, Y = table
    start = make(LocalRuleRegressor).partial_fit(X[:1], Y[:1])
    kept = start.basal_weights_.copy()
    start.partial_fit(np.zeros((20, FEATURES)), Y[:20])
    np.testing.assert_array_equal(start.basal_weights_, kept)


@pytest.mark.parametrize("kind", [LocalRuleClassifier, LocalRuleRegressor])
def test_published_names_parameters_of_the_estimator(kind):
    assert set(PUBLISHED) <= set(kind().get_params())


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


@pytest.mark.parametrize("name", ["as printed", "everything"])
def test_a_block_that_does_not_settle_is_learnt_in_smaller_ones(table, name, monkeypatch):
    X, Y = table
    settle = _online._Block.settle
    monkeypatch.setattr(_online._Block, "settle", lambda b: len(b.y) <= 5 and settle(b))
    start = make(LocalRuleRegressor, **SETTINGS[name]).partial_fit(X[:1], Y[:1])
    model = feed(make(LocalRuleRegressor, **SETTINGS[name]), X, Y, [ROWS])
    assert_follows_the_loop(model, start, X, Y)


def test_a_block_whose_guesses_overflow_is_learnt_in_smaller_ones(monkeypatch):
    rng = np.random.default_rng(0)
    X, Y = 2 * rng.standard_normal((120, 20)), rng.standard_normal((120, 3))
    rates = {"learning_rate_init": 0.02, "apical_rate": 0.05, "interneuron_rate": 0.02}
    changes = {"hidden_layer_sizes": 8, "dtype": "float32", **rates}
    settle, settled = _online._Block.settle, []

    def watched(block):
        settled.append(settle(block))
        return settled[-1]

    monkeypatch.setattr(_online._Block, "settle", watched)
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    model = feed(make(LocalRuleRegressor, **changes), X, Y, [120])
    assert False in settled
    for name, expected in loop(start, X, Y)[0].items():
        np.testing.assert_allclose(getattr(model, name), expected, atol=1e-4, err_msg=name)


NOT_PUBLISHED = [
    {"solver": "adam"},
    {"readout": "linear"},
    {"gain_damping": 0.3},
    {"alpha": 1e-3},
    {"batch_size": 2},
    {"apical_rate": 0.3},
    {"interneuron_rate": 0.3},
    {"centering_rate": 0.3},
]


def test_the_published_update_runs_in_blocks_and_no_other_does(table, monkeypatch):
    X, Y = table
    learnt = []
    monkeypatch.setattr(_training, "learn_rows", lambda c, x, y, rates: learnt.append(x) or [0.0])
    for changes in NOT_PUBLISHED:
        make(LocalRuleRegressor, **changes).partial_fit(X[:3], Y[:3])
    assert not learnt
    make(LocalRuleRegressor, apical_rate=_online.LARGEST_RATE).partial_fit(X[:2], Y[:2])
    assert len(learnt) == 1


def test_rates_that_make_the_circuit_swing_are_followed_too():
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((200, 20)), rng.standard_normal((200, 3))
    rates = {"learning_rate_init": 0.1, "apical_rate": 0.05, "interneuron_rate": 0.02}
    changes = {"activation": "tanh", "hidden_layer_sizes": 8, **rates}
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    assert_follows_the_loop(feed(make(LocalRuleRegressor, **changes), X, Y, [200]), start, X, Y)


@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
def test_interneurons_settle_where_basal_synapses_hardly_move(table, interneurons):
    X, Y = np.vstack([table[0][:1], 10 * table[0][1:]]), table[1]
    rates = {"learning_rate_init": 1e-12, "apical_rate": 0.01, "interneuron_rate": 0.2}
    changes = {"interneurons": interneurons, **rates}
    start = make(LocalRuleRegressor, **changes).partial_fit(X[:1], Y[:1])
    assert_follows_the_loop(feed(make(LocalRuleRegressor, **changes), X, Y, [ROWS]), start, X, Y)
