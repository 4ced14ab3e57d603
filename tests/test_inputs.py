"""The size of each input: of a table, of a stream, and what lies beyond its limits."""

import math

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array, csr_matrix
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale as standardised

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor
from sklearn_localnet.network._inputs import (
    LIMIT,
    OUTGROWN,
    RUNNING,
    active_inputs,
    follow,
    in_units,
    limited,
    measure,
    root_mean_square,
)

FORMS = [np.asarray, csr_matrix, csr_array, csc_array]
ROWS, INPUTS = 40, 5


def table(rng, rows=ROWS):
    """Inputs of many sizes, some values zero, and shares, one of them zero."""
    x = rng.standard_normal((rows, INPUTS)) * 10.0 ** np.arange(-4, INPUTS - 4)
    x[rng.random(x.shape) < 0.2] = 0
    share = rng.dirichlet(np.ones(rows))
    share[3] = 0
    return x, share / share.sum()


def size_by_hand(column, share):
    held = [(v, s) for v, s in zip(column, share, strict=True) if v != 0 and s > 0]
    return math.sqrt(sum(s * v**2 for v, s in held) / sum(s for _, s in held))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_a_size_is_that_of_the_values_other_than_zero(form, scale):
    x, share = table(np.random.default_rng(0))
    sizes, seen = measure(form(scale * x), share)
    expected = [scale * size_by_hand(column, share) for column in x.T]
    np.testing.assert_allclose(sizes, expected, rtol=1e-12)
    np.testing.assert_array_equal(seen, ((x != 0) & (share > 0)[:, None]).sum(axis=0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wild", [1e4, -9999.0, 1e9, np.finfo(float).max])
@pytest.mark.parametrize("n_wild", [1, 3])
def test_a_few_wild_values_do_not_count(form, wild, n_wild):
    rng = np.random.default_rng(0)
    x, share = rng.uniform(1, 2, (ROWS, INPUTS)), np.full(ROWS, 1 / ROWS)
    tame = x.copy()
    x[:n_wild, 1] = wild
    sizes, _ = measure(form(x), share)
    tame[:n_wild, 1] = 0
    np.testing.assert_allclose(sizes, measure(form(tame), share)[0], rtol=1e-12)


def test_a_rare_value_counts_where_the_others_are_not_far_below():
    x = np.ones((ROWS, 1))
    x[0] = 200
    sizes, _ = measure(x, np.full(ROWS, 1 / ROWS))
    assert sizes[0] == pytest.approx(np.sqrt(np.mean(x**2)))


@pytest.mark.parametrize("form", FORMS)
def test_an_input_that_is_always_zero_has_the_size_of_the_others(form):
    x, share = table(np.random.default_rng(0))
    x[:, 2] = 0
    sizes, seen = measure(form(x), share)
    assert seen[2] == 0
    assert sizes[2] == pytest.approx(np.median(np.delete(sizes, 2)))
    np.testing.assert_array_equal(measure(form(0 * x), share)[0], 0)


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_twice_the_weight_counts_as_two_rows(form):
    x, _ = table(np.random.default_rng(0))
    weights = np.random.default_rng(1).integers(3, size=ROWS)
    weighted = measure(form(x), weights / weights.sum())[0]
    repeated = np.repeat(x, weights, axis=0)
    expected = measure(form(repeated), np.full(len(repeated), 1 / len(repeated)))[0]
    np.testing.assert_allclose(weighted, expected, rtol=1e-12)


@pytest.mark.parametrize("form", [np.asarray, csr_matrix])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_the_size_of_all_inputs_weighs_rows_and_neither_overflows_nor_underflows(form, scale):
    x, share = table(np.random.default_rng(0))
    expected = math.sqrt(sum(s * np.mean(row**2) for s, row in zip(share, x, strict=True)))
    assert root_mean_square(form(scale * x), share) == pytest.approx(scale * expected, rel=1e-12)
    with_zeros = form(np.vstack([x, 0 * x])), np.tile(share, 2) / 2
    assert root_mean_square(*with_zeros) == pytest.approx(expected)


def test_every_input_of_its_own_size_and_every_nonzero_of_a_sparse_row_is_active():
    share, sizes = np.full(4, 0.25), np.arange(1.0, 10)
    for form in (np.asarray, csr_matrix):
        x = in_units(form(-3 * sizes * np.ones((4, 9))), sizes)
        assert active_inputs(x, share) == pytest.approx(9)
        assert active_inputs(form(np.eye(4, 9)), share) == pytest.approx(1)


@pytest.mark.parametrize("form", FORMS)
def test_values_beyond_a_limit_are_taken_at_it(form):
    x = np.array([[0.5, -3.0, 0.0], [-2.0, 40.0, 1.0]])
    given = form(x)
    found = limited(given, np.array([1.0, 10.0, np.inf]))
    found = found if isinstance(found, np.ndarray) else found.toarray()
    np.testing.assert_array_equal(found, [[0.5, -3, 0], [-1, 10, 1]])
    np.testing.assert_array_equal(given if form is np.asarray else given.toarray(), x)
    assert limited(given, np.full(3, 40.0)) is given


def begun(x):
    """The scale of a stream that begins with these rows."""
    sizes, seen = measure(x, np.full(len(x), 1 / len(x)))
    running = dict(zip(RUNNING, (sizes**2, seen), strict=True))
    return {"sizes": sizes, **running, "input_streak": 0}


def feed(scale, x, chunk, form=np.asarray, every=1):
    """Follow the rows of x, ``chunk`` at a time; sizes move by one chunk in ``every``."""
    for first in range(0, len(x), chunk):
        part = x[first : first + chunk]
        share, due = np.full(len(part), 1 / len(part)), first // chunk % every == 0
        found = follow(scale, scale["sizes"], form(part), share, due)
        if found is not None:
            scale["sizes"] = found


@pytest.mark.parametrize("chunk", [1, 7, 200])
@pytest.mark.parametrize("first", [1, 5])
def test_the_first_ten_rows_of_a_stream_tell_sizes_together(first, chunk):
    x = np.random.default_rng(0).standard_exponential((10, INPUTS)) + 0.1
    scale = begun(x[:first])
    feed(scale, x[first:], chunk)
    if chunk > 1:
        return
    feed(scale, x[:0], chunk)
    now = np.sqrt(scale["input_power"])
    np.testing.assert_allclose(now, np.sqrt(np.mean(x**2, axis=0)), rtol=1e-12)
    ratio = now / scale["sizes"]
    assert ratio.max() < 2
    assert ratio.min() > 0.5


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("chunk", [1, 7, 200])
@pytest.mark.parametrize("factor", [1e3, 1e-3, 50.0, 1 / 50])
def test_sizes_follow_a_stream_whose_rows_come_in_another_unit(factor, chunk, every):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1200, INPUTS))
    x[rng.random(x.shape) < 0.3] = 0
    scale = begun(x[:100])
    feed(scale, x[100:600], chunk, every=every)
    feed(scale, factor * x[600:], chunk, every=every)
    assert (scale["sizes"] > factor / OUTGROWN).all()
    assert (scale["sizes"] < factor * OUTGROWN).all()


@pytest.mark.parametrize("chunk", [1, 7, 200])
@pytest.mark.parametrize("wild", [1e3, 1e9, np.finfo(np.float32).max])
def test_one_wild_value_moves_its_size_for_a_while_and_no_other(wild, chunk):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1600, INPUTS))
    scale = begun(x[:100])
    feed(scale, x[100:600], chunk)
    before = scale["sizes"]
    x[600, 1] = wild
    feed(scale, x[600:800], chunk)
    np.testing.assert_array_equal(np.delete(scale["sizes"], 1), np.delete(before, 1))
    assert scale["sizes"][1] < 5 * before[1]
    feed(scale, x[800:], chunk)
    assert scale["sizes"][1] < 2.1 * before[1]


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("chunk", [1, 20])
def test_sparse_rows_move_sizes_as_dense_ones_do(chunk, every):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, INPUTS)) * (rng.random((400, INPUTS)) < 0.3)
    x[200:] *= 30
    dense, sparse = begun(x[:20]), begun(x[:20])
    feed(dense, x[20:], chunk, every=every)
    feed(sparse, x[20:], chunk, csr_array, every=every)
    for name, expected in dense.items():
        np.testing.assert_allclose(sparse[name], expected, rtol=1e-12, err_msg=name)


def test_sizes_of_a_steady_stream_stay_and_limits_with_them():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5000, INPUTS)) * 10.0 ** np.arange(INPUTS)
    scale = begun(x[:100])
    before = scale["sizes"]
    feed(scale, x, 1)
    assert scale["sizes"] is before
    assert (np.abs(x) < LIMIT * before).all()


# Tables and streams


def a_wild_cell(X, rng, column):
    X[rng.integers(len(X)), column] = 10.0 ** rng.uniform(3, 300)


def a_number_for_missing(X, rng, column):
    X[rng.random(len(X)) < rng.uniform(0.002, 0.05), column] = rng.choice([-999, -9999, 99999])


def an_income(X, rng, column):
    X[:, 5] = np.exp(rng.uniform(5, 15) + rng.standard_normal(len(X)))


def a_row_number(X, rng, column):
    X[:, 5] = np.arange(len(X)) + 10.0 ** rng.integers(5)


def a_mixture_of_scales(X, rng, column):
    X *= 10.0 ** rng.uniform(-9, 9, X.shape[1])


WILD = [a_wild_cell, a_number_for_missing, an_income, a_row_number, a_mixture_of_scales]


@pytest.mark.filterwarnings("ignore:Stopped after max_iter")
@pytest.mark.parametrize("form", [np.asarray, csc_array])
@pytest.mark.parametrize("sizes", [100, (30, 20)])
@pytest.mark.parametrize("wild", WILD)
@pytest.mark.parametrize("seed", range(2))
def test_wild_cells_and_columns_cost_little(wild, seed, sizes, form):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((500, 6))
    value = X[:, 0] + X[:, 1]
    wild(X, rng, column=rng.choice([0, 5]))
    options = {"hidden_layer_sizes": sizes, "random_state": seed, "max_iter": 60}
    assert LocalRuleClassifier(**options).fit(form(X), value > 0).score(form(X), value > 0) > 0.93
    assert LocalRuleRegressor(**options).fit(form(X), value).score(form(X), value) > 0.9


@pytest.mark.parametrize("chunk", [1, 10, 50])
@pytest.mark.parametrize("factor", [1e3, 1e-3, 1e6])
def test_a_stream_goes_on_in_another_unit(factor, chunk):
    X, y = load_iris(return_X_y=True)
    X, rng = standardised(X), np.random.default_rng(0)
    model = LocalRuleClassifier(random_state=0)
    for turn in range(32):
        unit = factor if turn >= 16 else 1.0
        rows = rng.permutation(150)
        for first in range(0, 150, chunk):
            part = rows[first : first + chunk]
            model.partial_fit(unit * X[part], y[part], classes=[0, 1, 2])
        if turn == 15:
            before = model.score(X, y)
    assert before > 0.93
    assert model.score(factor * X, y) > before - 0.03
