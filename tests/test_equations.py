"""Each equation against loops over samples and synapses, derivatives, and closed forms."""

import math

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_localnet.rules import _equations as eq

ACTIVATIONS = ("identity", "relu", "tanh", "logistic")
SCALAR = {
    "identity": lambda u: u,
    "relu": lambda u: u if u > 0 else 0.0,
    "tanh": math.tanh,
    "logistic": lambda u: 1 / (1 + math.exp(-u)),
}
SLOPE = {
    "identity": lambda u: 1.0,
    "relu": lambda u: 1.0 if u > 0 else 0.0,
    "tanh": lambda u: 1 / math.cosh(u) ** 2,
    "logistic": lambda u: math.exp(-u) / (1 + math.exp(-u)) ** 2,
}
sizes = st.integers(1, 4)


class Circuit:
    """A random circuit of the given sizes with a batch of samples."""

    def __init__(self, rows, m, k, n, l, seed=0, weighted=True):  # noqa: E741
        rng = np.random.default_rng(seed)
        self.rows, self.m, self.k, self.n, self.l = rows, m, k, n, l
        self.x, self.y = rng.standard_normal((rows, m)), rng.standard_normal((rows, n))
        self.z, self.p = rng.standard_normal((rows, k)), rng.standard_normal((rows, k))
        self.basal, self.apical = rng.standard_normal((k, m)), rng.standard_normal((k, n))
        self.Q, self.R = rng.standard_normal((k, l)), rng.standard_normal((l, k))
        self.slope = rng.uniform(size=(rows, k))
        self.mean = rng.standard_normal(k)
        self.share = rng.dirichlet(np.ones(rows)) if weighted else None
        self.part = np.full(rows, 1 / rows) if self.share is None else self.share


circuits = st.builds(
    Circuit, sizes, sizes, sizes, sizes, sizes, st.integers(0, 2**32 - 1), st.booleans()
)


def looped(shape, entry):
    """Array whose every element is ``entry(i, j)`` (or ``entry(i)``)."""
    out = np.empty(shape)
    for index in np.ndindex(*shape):
        out[index] = entry(*index)
    return out


def gradient(function, at, step=1e-6):
    """Central differences of a scalar function, one element at a time."""

    def slope(*index):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        return (function(up) - function(down)) / (2 * step)

    return looped(at.shape, slope)


def assert_same(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12)


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_mean_outer_is_the_weighted_sum_of_products_over_samples(c):
    expected = looped(
        (c.k, c.n), lambda i, o: sum(c.part[t] * c.z[t, i] * c.y[t, o] for t in range(c.rows))
    )
    assert_same(eq.mean_outer(c.z, c.y, c.share), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@given(c=circuits)
@settings(max_examples=15, deadline=None)
def test_somatic_activity_is_f_of_the_basal_sum(activation, c):
    def fire(t, i):
        return SCALAR[activation](sum(c.basal[i, j] * c.x[t, j] for j in range(c.m)))

    assert_same(eq.somatic_activity(c.basal, c.x, activation), looped((c.rows, c.k), fire))


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_currents_are_sums_over_synapses(c):
    apical = looped((c.rows, c.k), lambda t, i: sum(c.apical[i, o] * c.y[t, o] for o in range(c.n)))
    n = looped((c.rows, c.l), lambda t, a: sum(c.R[a, i] * c.z[t, i] for i in range(c.k)))
    inhibition = looped((c.rows, c.k), lambda t, i: sum(c.Q[i, a] * n[t, a] for a in range(c.l)))
    plateau = looped((c.rows, c.k), lambda t, i: apical[t, i] - inhibition[t, i])
    assert_same(eq.apical_current(c.apical, c.y), apical)
    assert_same(eq.interneuron_activity(c.R, c.z), n)
    assert_same(eq.inhibitory_current(c.Q, n), inhibition)
    assert_same(eq.plateau_potential(apical, inhibition), plateau)


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_squared_loss_is_eq_1(c):
    prediction = c.z @ c.apical
    expected = sum(
        c.part[t] * (c.y[t, o] - prediction[t, o]) ** 2 for t in range(c.rows) for o in range(c.n)
    )
    assert eq.squared_loss(c.y, prediction, c.share) == pytest.approx(expected, rel=1e-12)


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_gain_is_the_second_moment_of_the_activity(c):
    expected = looped(
        (c.k, c.k), lambda i, j: sum(c.part[t] * c.z[t, i] * c.z[t, j] for t in range(c.rows))
    )
    assert_same(eq.gain(c.z, c.share), expected)


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_bound_is_eq_4_term_by_term(c):
    power = agreement = 0.0
    for t in range(c.rows):
        for o in range(c.n):
            power += c.part[t] * c.y[t, o] ** 2
            for i in range(c.k):
                agreement += c.part[t] * c.y[t, o] * c.apical[i, o] * c.z[t, i]
    size = sum(c.apical[i, o] ** 2 for i in range(c.k) for o in range(c.n))
    control = 0.0
    for i in range(c.k):
        for j in range(c.k):
            multiplier = sum(c.Q[i, a] * c.Q[j, a] for a in range(c.l))
            second = sum(c.part[t] * c.z[t, i] * c.z[t, j] for t in range(c.rows))
            control += multiplier * (second - (i == j))
    expected = power - 2 * agreement + size + control
    assert eq.bound(c.apical, c.Q, c.z, c.y, c.share) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_updates_move_each_synapse_by_what_it_sees(c):
    n = c.z @ c.R.T
    each = range(c.rows)
    assert_same(
        eq.basal_update(c.p, c.slope, c.x, c.share),
        looped(
            (c.k, c.m),
            lambda i, j: sum(c.part[t] * c.slope[t, i] * c.p[t, i] * c.x[t, j] for t in each),
        ),
    )
    assert_same(
        eq.apical_update(c.apical, c.z, c.y, c.share),
        looped(
            (c.k, c.n),
            lambda i, o: sum(c.part[t] * (c.z[t, i] * c.y[t, o] - c.apical[i, o]) for t in each),
        ),
    )
    assert_same(
        eq.interneuron_update(c.Q, c.z, n, c.share),
        looped(
            (c.k, c.l),
            lambda i, a: sum(c.part[t] * (c.z[t, i] * n[t, a] - c.Q[i, a]) for t in each),
        ),
    )
    assert_same(
        eq.pyramidal_to_interneuron_update(c.R, c.z, n, c.share),
        looped(
            (c.l, c.k),
            lambda a, i: sum(c.part[t] * (n[t, a] * c.z[t, i] - c.R[a, i]) for t in each),
        ),
    )
    assert_same(
        eq.mean_activity_update(c.mean, c.z, c.share),
        looped((c.k,), lambda i: sum(c.part[t] * (c.z[t, i] - c.mean[i]) for t in each)),
    )


@given(c=circuits)
@settings(max_examples=20, deadline=None)
def test_without_shares_all_rows_count_the_same(c):
    equal = np.full(c.rows, 1 / c.rows)
    for function, arrays in (
        (eq.mean_outer, (c.z, c.y)),
        (eq.squared_loss, (c.y, c.z @ c.apical)),
        (eq.gain, (c.z,)),
        (eq.bound, (c.apical, c.Q, c.z, c.y)),
        (eq.basal_update, (c.p, c.slope, c.x)),
        (eq.apical_update, (c.apical, c.z, c.y)),
        (eq.interneuron_update, (c.Q, c.z, c.z @ c.R.T)),
        (eq.pyramidal_to_interneuron_update, (c.R, c.z, c.z @ c.R.T)),
        (eq.mean_activity_update, (c.mean, c.z)),
        (eq.backprop_update, (c.basal, c.apical, c.x, c.y, "tanh")),
    ):
        assert_same(function(*arrays), function(*arrays, equal))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_of_the_output_is_the_slope_of_the_activation(activation):
    function, derivative = eq.ACTIVATIONS[activation]
    u = np.array([-3.0, -0.7, -0.01, 0.02, 0.5, 4.0])
    assert_same(function(u), [SCALAR[activation](v) for v in u])
    assert_same(derivative(function(u)), [SLOPE[activation](v) for v in u])


def test_a_rectified_neuron_at_its_threshold_does_not_learn():
    relu = eq.ACTIVATIONS["relu"]
    assert relu.derivative(relu.function(np.array([0.0, -0.0]))).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_saturating_activations_do_not_overflow(activation, dtype):
    u = np.array([-np.finfo(dtype).max, -1e4, 0, 1e4, np.finfo(dtype).max], dtype)
    z = eq.ACTIVATIONS[activation].function(u)
    low, middle = (-1, 0) if activation == "tanh" else (0, 0.5)
    assert z.tolist() == [low, low, middle, 1, 1]
    assert eq.ACTIVATIONS[activation].derivative(z)[[0, 1, 3, 4]].tolist() == [0, 0, 0, 0]


def every_equation(c, activation):
    """Each function of the module on one circuit, by name."""
    z, n = eq.somatic_activity(c.basal, c.x, activation), c.z @ c.R.T
    optimum = eq.reduced_rank_optimum(c.x.T @ c.x, c.x.T @ c.y, c.y.T @ c.y, 2)
    return {
        "mean_outer": eq.mean_outer(c.z, c.y, c.share),
        "basal_current": eq.basal_current(c.basal, c.x),
        "somatic_activity": z,
        "derivative": eq.ACTIVATIONS[activation].derivative(z),
        "apical_current": eq.apical_current(c.apical, c.y),
        "interneuron_activity": eq.interneuron_activity(c.R, c.z),
        "inhibitory_current": eq.inhibitory_current(c.Q, n),
        "plateau_potential": eq.plateau_potential(c.p, c.z),
        "squared_loss": eq.squared_loss(c.y, c.z @ c.apical, c.share),
        "backprop_update": eq.backprop_update(c.basal, c.apical, c.x, c.y, activation, c.share),
        "gain": eq.gain(c.z, c.share),
        "bound": eq.bound(c.apical, c.Q, c.z, c.y, c.share),
        "basal_update": eq.basal_update(c.p, c.slope, c.x, c.share),
        "apical_update": eq.apical_update(c.apical, c.z, c.y, c.share),
        "interneuron_update": eq.interneuron_update(c.Q, c.z, n, c.share),
        "pyramidal_to_interneuron_update": eq.pyramidal_to_interneuron_update(c.R, c.z, n, c.share),
        "mean_activity_update": eq.mean_activity_update(c.mean, c.z, c.share),
        "optimal loss": optimum.loss,
        "optimal multiplier": optimum.multiplier,
    }


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equations_run_on_any_array_library(activation, weighted):
    c = Circuit(7, 4, 3, 2, 2, seed=3, weighted=weighted)
    expected = every_equation(c, activation)
    for name, value in vars(c).items():
        if isinstance(value, np.ndarray):
            setattr(c, name, array_api_strict.asarray(value))
    found = every_equation(c, activation)
    for name, value in found.items():
        if name != "optimal loss":
            assert type(value) is type(c.x), name
        np.testing.assert_allclose(np.asarray(value), expected[name], rtol=1e-10, err_msg=name)


def test_functions_leave_their_arguments_and_their_precision_alone():
    c = Circuit(5, 4, 3, 2, 2, seed=3)
    for name in ("x", "y", "z", "p", "basal", "apical", "Q", "R", "slope", "mean", "share"):
        array = getattr(c, name).astype(np.float32)
        array.flags.writeable = False
        setattr(c, name, array)
    for activation in ACTIVATIONS:
        results = [
            eq.somatic_activity(c.basal, c.x, activation),
            eq.backprop_update(c.basal, c.apical, c.x, c.y, activation, c.share),
            eq.ACTIVATIONS[activation].derivative(c.z),
        ]
        assert {r.dtype for r in results} == {np.dtype(np.float32)}
    results = [
        eq.apical_current(c.apical, c.y),
        eq.interneuron_activity(c.R, c.z),
        eq.inhibitory_current(c.Q, c.z @ c.R.T),
        eq.plateau_potential(c.p, c.z),
        eq.squared_loss(c.y, c.y, c.share),
        eq.gain(c.z, c.share),
        eq.bound(c.apical, c.Q, c.z, c.y, c.share),
        eq.basal_update(c.p, c.slope, c.x, c.share),
        eq.apical_update(c.apical, c.z, c.y, c.share),
        eq.interneuron_update(c.Q, c.z, c.z @ c.R.T, c.share),
        eq.pyramidal_to_interneuron_update(c.R, c.z, c.z @ c.R.T, c.share),
        eq.mean_activity_update(c.mean, c.z, c.share),
    ]
    assert {np.asarray(r).dtype for r in results} == {np.dtype(np.float32)}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backprop_update_is_minus_half_the_gradient_of_the_loss(activation, weighted):
    c = Circuit(6, 4, 3, 2, 2, seed=1, weighted=weighted)

    def loss(basal):
        prediction = eq.somatic_activity(basal, c.x, activation) @ c.apical
        return eq.squared_loss(c.y, prediction, c.share)

    update = eq.backprop_update(c.basal, c.apical, c.x, c.y, activation, c.share)
    np.testing.assert_allclose(update, -0.5 * gradient(loss, c.basal), rtol=1e-6, atol=1e-8)


def test_neurons_are_linear_where_no_activation_is_named():
    c = Circuit(6, 4, 3, 2, 2, seed=1)
    z = eq.somatic_activity(c.basal, c.x)
    update = eq.backprop_update(c.basal, c.apical, c.x, c.y)
    assert_same(z, c.x @ c.basal.T)
    assert_same(update, c.apical @ (c.y - z @ c.apical).T @ c.x / 6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_circuit_descends_the_bound_in_w1_and_w2_and_ascends_it_in_q(activation, weighted):
    c = Circuit(6, 4, 3, 2, 2, seed=2, weighted=weighted)
    z = eq.somatic_activity(c.basal, c.x, activation)
    n = eq.interneuron_activity(c.Q.T, z)
    p = eq.plateau_potential(eq.apical_current(c.apical, c.y), eq.inhibitory_current(c.Q, n))
    slope = eq.ACTIVATIONS[activation].derivative(z)

    def bound(basal=c.basal, apical=c.apical, interneuron=c.Q):
        z = eq.somatic_activity(basal, c.x, activation)
        return eq.bound(apical, interneuron, z, c.y, c.share)

    close = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(
        eq.basal_update(p, slope, c.x, c.share),
        -0.5 * gradient(lambda w: bound(basal=w), c.basal),
        **close,
    )
    np.testing.assert_allclose(
        eq.apical_update(c.apical, z, c.y, c.share),
        -0.5 * gradient(lambda w: bound(apical=w), c.apical),
        **close,
    )
    np.testing.assert_allclose(
        eq.interneuron_update(c.Q, z, n, c.share),
        +0.5 * gradient(lambda w: bound(interneuron=w), c.Q),
        **close,
    )


@given(c=circuits)
@settings(max_examples=20, deadline=None)
def test_linear_neurons_make_eq_9_equal_eq_5(c):
    z = eq.somatic_activity(c.basal, c.x, "identity")
    slope = eq.ACTIVATIONS["identity"].derivative(z)
    assert_same(eq.basal_update(c.p, slope, c.x, c.share), eq.mean_outer(c.p, c.x, c.share))


@given(c=circuits)
@settings(max_examples=20, deadline=None)
def test_decoupled_interneurons_equal_tied_ones_where_r_is_q_transposed(c):
    n = eq.interneuron_activity(c.Q.T, c.z)
    assert_same(
        eq.pyramidal_to_interneuron_update(c.Q.T, c.z, n, c.share),
        eq.interneuron_update(c.Q, c.z, n, c.share).T,
    )


@given(
    k=sizes,
    l=sizes,
    rows=st.integers(1, 3),
    eta=st.floats(0.001, 0.999),
    steps=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=30, deadline=None)
def test_sec_d_difference_of_q_and_r_decays_geometrically(k, l, rows, eta, steps, seed):  # noqa: E741
    rng = np.random.default_rng(seed)
    Q, R = rng.standard_normal((k, l)), rng.standard_normal((l, k))
    start = Q.T - R
    for _ in range(steps):
        z = 0.3 * rng.standard_normal((rows, k))
        n = eq.interneuron_activity(R, z)
        Q, R = (
            Q + eta * eq.interneuron_update(Q, z, n),
            R + eta * eq.pyramidal_to_interneuron_update(R, z, n),
        )
    scale = np.abs(Q).max() + np.abs(start).max()
    np.testing.assert_allclose(Q.T - R, (1 - eta) ** steps * start, atol=1e-12 * scale)


class Table:
    """Samples whose targets depend on their inputs, and their second moments."""

    def __init__(self, m=5, n=3, rank=None, seed=0):
        rng = np.random.default_rng(seed)
        rows, rank = 40, m if rank is None else rank
        mixing = np.linalg.qr(rng.standard_normal((m, rank)))[0] * rng.uniform(0.5, 2, rank)
        self.x = rng.standard_normal((rows, rank)) @ mixing.T
        self.y = self.x @ rng.standard_normal((m, n)) + 0.5 * rng.standard_normal((rows, n))
        self.cxx, self.cxy = self.x.T @ self.x / rows, self.x.T @ self.y / rows
        self.cyy = self.y.T @ self.y / rows
        self.power = np.mean(np.sum(self.y**2, axis=1))

    def optimum(self, k):
        return eq.reduced_rank_optimum(self.cxx, self.cxy, self.cyy, k)

    def loss(self, basal, apical):
        residual = self.y - self.x @ basal.T @ apical
        return np.mean(np.sum(residual**2, axis=1))


tables = st.builds(Table, st.integers(1, 6), st.integers(1, 4), seed=st.integers(0, 1000))


@given(table=tables, k=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_optimum_whitens_activity_and_its_w2_is_the_cross_moment(table, k):
    best = table.optimum(k)
    rank = min(k, *table.cxy.shape)
    assert best.basal.shape == (rank, table.cxx.shape[0])
    tight = {"rtol": 0, "atol": 1e-8}
    np.testing.assert_allclose(best.basal @ table.cxx @ best.basal.T, np.eye(rank), **tight)
    np.testing.assert_allclose(best.apical, best.basal @ table.cxy, **tight)
    np.testing.assert_allclose(best.multiplier, best.apical @ best.apical.T, **tight)


@given(table=tables, k=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_optimal_loss_is_that_of_the_optimal_weights(table, k):
    best = table.optimum(k)
    assert best.loss == pytest.approx(table.loss(best.basal, best.apical), rel=1e-8)


@given(table=tables)
@settings(max_examples=20, deadline=None)
def test_optimum_of_full_rank_is_least_squares(table):
    coefficients = np.linalg.lstsq(table.x, table.y, rcond=None)[0]
    expected = np.mean(np.sum((table.y - table.x @ coefficients) ** 2, axis=1))
    best = table.optimum(table.cxy.shape[1])
    assert best.loss == pytest.approx(expected, rel=1e-8)
    np.testing.assert_allclose(best.basal.T @ best.apical, coefficients, atol=1e-7)


@pytest.mark.parametrize("k", [1, 2])
def test_no_other_map_of_rank_k_has_a_smaller_loss(k):
    table = Table()
    best = table.optimum(k)
    rng = np.random.default_rng(0)
    for spread in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(50):
            basal = best.basal + spread * rng.standard_normal(best.basal.shape)
            # The best readout of these hidden neurons leaves the basal weights the only suspect.
            apical = np.linalg.lstsq(table.x @ basal.T, table.y, rcond=None)[0]
            assert table.loss(basal, apical) > best.loss


@pytest.mark.parametrize("k", [1, 2, 3])
def test_bound_is_tight_at_the_optimum_whatever_the_rotation(k):
    table = Table()
    best = table.optimum(k)
    rotation = np.linalg.qr(np.random.default_rng(k).standard_normal((k, k)))[0]
    basal, apical = rotation @ best.basal, rotation @ best.apical
    interneuron = rotation @ np.sqrt(best.multiplier)
    z = eq.somatic_activity(basal, table.x)
    assert eq.bound(apical, interneuron, z, table.y) == pytest.approx(best.loss, rel=1e-9)


@given(c=circuits)
@settings(max_examples=30, deadline=None)
def test_bound_is_above_the_loss_while_gain_is_below_the_identity(c):
    largest = np.linalg.eigvalsh(eq.gain(c.z, c.share))[-1]
    z = 0.9 * c.z / math.sqrt(largest)
    loss = eq.squared_loss(c.y, z @ c.apical, c.share)
    without_control = eq.bound(c.apical, 0 * c.Q, z, c.y, c.share)
    assert without_control >= loss
    assert eq.bound(c.apical, c.Q, z, c.y, c.share) <= without_control


@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_synapse_moves_at_the_optimum(k):
    table = Table()
    best = table.optimum(k)
    Q = np.sqrt(best.multiplier)
    z = eq.somatic_activity(best.basal, table.x)
    n = eq.interneuron_activity(Q.T, z)
    p = eq.apical_current(best.apical, table.y) - eq.inhibitory_current(Q, n)
    still = {"rtol": 0, "atol": 1e-10}
    np.testing.assert_allclose(eq.basal_update(p, np.ones_like(p), table.x), 0, **still)
    np.testing.assert_allclose(eq.apical_update(best.apical, z, table.y), 0, **still)
    np.testing.assert_allclose(eq.interneuron_update(Q, z, n), 0, **still)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_sec_b_plateau_at_the_optimum_is_the_error_of_least_squares_carried_back(k):
    table = Table()
    best = table.optimum(k)
    Q = np.sqrt(best.multiplier)
    n = eq.interneuron_activity(Q.T, eq.somatic_activity(best.basal, table.x))
    p = eq.apical_current(best.apical, table.y) - eq.inhibitory_current(Q, n)
    fitted = table.x @ np.linalg.lstsq(table.x, table.y, rcond=None)[0]
    np.testing.assert_allclose(p, (table.y - fitted) @ best.apical.T, atol=1e-9)


@pytest.mark.parametrize(("m", "rank"), [(5, 1), (5, 2), (5, 4), (100, 4)])
def test_optimum_of_rank_deficient_inputs_ignores_the_directions_they_lack(m, rank):
    table = Table(m=m, n=3, rank=rank, seed=4)
    assert np.linalg.matrix_rank(table.cxx) == rank
    best = table.optimum(3)
    expected = np.linalg.lstsq(table.x, table.y, rcond=None)[0]
    assert best.loss == pytest.approx(table.loss(expected.T, np.eye(3)), rel=1e-8)
    held = min(rank, 3)
    np.testing.assert_allclose(
        best.basal @ table.cxx @ best.basal.T, np.eye(held), rtol=0, atol=1e-8
    )
    lacking = np.linalg.svd(table.x)[2][rank:]
    np.testing.assert_allclose(best.basal @ lacking.T, 0, atol=1e-8)


def test_inputs_that_are_all_zero_have_no_direction_to_learn():
    best = eq.reduced_rank_optimum(np.zeros((4, 4)), np.zeros((4, 3)), np.diag([1.0, 2, 3]), 2)
    assert best.basal.shape == (0, 4)
    assert best.apical.shape == (0, 3)
    assert best.loss == 6
