"""What the theory of the paper says of a trained circuit, held to the estimators.

The oracles are the closed forms of Sec. A, B and D, and the conserved quantity of the scalar
circuit, whose gain control follows the equations of Lotka and Volterra.
"""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils import Bunch

from sklearn_localnet import LocalRuleRegressor, published

N, FEATURES, TARGETS = 200, 5, 3
WHOLE = {"batch_size": N, "gain_damping": 0.3}
RATES = {"learning_rate_init": 0.05, "apical_rate": 0.05, "interneuron_rate": 0.05}


SINGULAR = np.array([1.0, 0.8, 0.6])  # of Cxx^-1/2 Cxy


def make_table():
    """Features of several sizes, and targets that are partly their linear function."""
    rng = np.random.default_rng(0)
    orthonormal = np.linalg.qr(rng.standard_normal((N, FEATURES + TARGETS)))[0] * np.sqrt(N)
    white, noise = orthonormal[:, :FEATURES], orthonormal[:, FEATURES:]
    mixing = np.linalg.qr(rng.standard_normal((FEATURES, FEATURES)))[0]
    rotation = np.linalg.qr(rng.standard_normal((TARGETS, TARGETS)))[0]
    X = white * [0.6, 0.8, 1.0, 1.2, 1.4] @ mixing
    return X, white[:, 1:4] * SINGULAR @ rotation + 0.5 * noise


X, Y = make_table()
CXX, CXY, CYY = X.T @ X / N, X.T @ Y / N, Y.T @ Y / N


@cache
def trained(k, updates=4000, **changes):
    """A linear circuit that learnt the whole table again and again."""
    parameters = {**WHOLE, **RATES, "hidden_layer_sizes": k, "random_state": 0, **changes}
    model = LocalRuleRegressor(**published(**parameters))
    for _ in range(10):
        model.partial_fit(np.tile(X, (updates // 10, 1)), np.tile(Y, (updates // 10, 1)))
    return model


def inverse_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors / np.sqrt(values) @ vectors.T


def multiplier(model):
    (layer,) = model.layers_
    return layer.interneuron_weights @ layer.pyramidal_to_interneuron_weights


def begin(model, weights):
    """Give a model of one layer these weights, and gain traces of zero."""
    layer = {**model.layers_[0], **{name: array.copy() for name, array in weights.items()}}
    traces = {name: np.zeros_like(array) for name, array in model._memory["labile"][0].items()}
    model.layers_ = [Bunch(**layer)]
    model.readout_weights_ = layer["apical_weights"].T.copy()
    model._memory = {**model._memory, "labile": [traces, *model._memory["labile"][1:]]}
    return model


# Sec. A


@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_sec_a_trained_circuit_is_the_optimum(k, interneurons):
    model = trained(k, interneurons=interneurons)
    W1, W2 = model.layers_[0].basal_weights, model.layers_[0].apical_weights.T
    # The constraint is saturated, and W2 is the cross moment.
    assert_allclose(W1 @ CXX @ W1.T, np.eye(k), atol=1e-6)
    assert_allclose(W2.T, W1 @ CXY, atol=1e-6)
    # The multiplier's formula, for the semi-orthogonal U that this run ended with.
    root = inverse_root(CXX)
    U = W1 @ np.linalg.inv(root)
    assert_allclose(U @ U.T, np.eye(k), atol=1e-6)
    assert_allclose(multiplier(model), U @ root @ CXY @ CXY.T @ root @ U.T, atol=1e-6)
    # The loss is that of reduced-rank regression, and the bound is tight.
    best = np.trace(CYY) - np.sum(SINGULAR[:k] ** 2)
    Z = X @ W1.T
    loss = np.mean(np.sum((Y - Z @ W2.T) ** 2, axis=1))
    excess = np.trace(multiplier(model) @ (Z.T @ Z / N - np.eye(k)))
    bound = np.trace(CYY) - 2 * np.trace(W2 @ Z.T @ Y / N) + np.sum(W2**2) + excess
    assert_allclose([loss, bound], best, rtol=1e-6)
    assert_allclose(np.mean(np.sum((Y - model.predict(X)) ** 2, axis=1)), best, rtol=1e-6)


def test_sec_a_more_neurons_than_targets_reach_least_squares():
    model = trained(TARGETS + 2, n_interneurons="n_targets")
    least = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    assert_allclose(Y - model.predict(X), least, atol=1e-5)
    W1 = model.layers_[0].basal_weights
    gain = W1 @ CXX @ W1.T
    values = np.linalg.eigvalsh(gain)
    assert values[-1] < 1 + 1e-6
    assert_allclose(values[-TARGETS:], 1, atol=1e-6)


# Sec. B


@pytest.mark.parametrize("k", [1, 2, 3])
def test_sec_b_plateau_of_a_trained_circuit_is_the_error_carried_back(k):
    model = trained(k)
    error = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    plateau = model.compartments(X, Y)[0].plateau
    assert_allclose(plateau, error @ model.layers_[0].apical_weights.T, atol=1e-5)
    assert np.abs(plateau).max() > 0.1


# Sec. D


@pytest.mark.parametrize("decay", [None, 300.0])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("sizes", [4, (4, 3)])
def test_sec_d_difference_of_q_and_r_decays_with_the_samples(decay, batch_size, sizes):
    x, y = np.tile(X, (5, 1)), np.tile(Y, (5, 1))
    parameters = {**RATES, "interneurons": "decoupled", "batch_size": batch_size}
    parameters |= {"learning_rate_init": 1e-3, "interneuron_rate": 1e-3}
    parameters |= {"learning_rate_decay": decay, "hidden_layer_sizes": sizes}
    model = LocalRuleRegressor(random_state=0, **published(**parameters))
    model.partial_fit(x[:4], y[:4])

    def differences():
        return [
            layer.pyramidal_to_interneuron_weights - layer.interneuron_weights.T
            for layer in model.layers_
        ]

    before = differences()
    assert min(np.abs(difference).max() for difference in before) > 0.01
    model.partial_fit(x[4:], y[4:])
    seen = np.arange(4, len(x), batch_size)
    eta = model.rule.interneuron_rate / (1.0 if decay is None else 1 + seen / decay)
    left = np.prod(1 - eta * np.ones(len(seen)))
    for after, difference in zip(differences(), before, strict=True):
        assert_allclose(after, left * difference, atol=1e-10)


# Damping


@pytest.mark.parametrize("kappa", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("interneurons", ["tied", "decoupled"])
def test_no_synapse_of_the_optimum_moves_whatever_the_damping(kappa, interneurons):
    left, singular, right = np.linalg.svd(inverse_root(CXX) @ CXY)
    parameters = {**WHOLE, **RATES, "gain_damping": kappa, "interneurons": interneurons}
    model = LocalRuleRegressor(2, random_state=0, **published(**parameters))
    optimum = {
        "basal_weights": left[:, :2].T @ inverse_root(CXX),
        "apical_weights": singular[:2, None] * right[:2],
        "interneuron_weights": np.diag(singular[:2]),
        "pyramidal_to_interneuron_weights": np.diag(singular[:2]),
    }
    begin(model.partial_fit(X, Y), optimum)
    model.partial_fit(np.tile(X, (50, 1)), np.tile(Y, (50, 1)))
    for name, weights in optimum.items():
        assert_allclose(model.layers_[0][name], weights, atol=1e-10, err_msg=name)
    assert_allclose(model.readout_weights_, optimum["apical_weights"].T, atol=1e-10)


def test_every_damping_ends_at_the_same_multiplier():
    values = [
        np.linalg.eigvalsh(multiplier(trained(2, gain_damping=kappa))) for kappa in (0.1, 0.3, 1.0)
    ]
    assert_allclose(values[1:], [values[0]] * 2, rtol=1e-6)


# The scalar circuit. With unit variance of x, y = c x and W2 = w c:
#     d ln w = eta (c^2 - q^2),  d ln q = eta_q (w^2 - 1).

C, ETA, ETA_Q = 0.8, 1e-3, 1e-3


def conserved(w, q):
    """Constant along the orbits; least at the equilibrium w = 1, q = c."""
    return ETA_Q * (w**2 / 2 - np.log(w)) + ETA * (q**2 / 2 - C**2 * np.log(q))


def orbit(kappa, steps, every=20, pace=1.0, apical_rate=1.0):
    """(w, q) on the way of a scalar circuit from w = 0.5, q = c."""
    x = np.array([[1.0], [-1.0]])
    parameters = {"batch_size": 2, "gain_damping": kappa, "apical_rate": apical_rate}
    parameters |= {"learning_rate_init": pace * ETA, "interneuron_rate": pace * ETA_Q}
    model = LocalRuleRegressor(1, random_state=0, **published(**parameters)).partial_fit(
        x, C * x[:, 0]
    )
    start = {"basal_weights": 0.5, "apical_weights": 0.5 * C, "interneuron_weights": C}
    begin(model, {name: np.array([[value]]) for name, value in start.items()})
    rows = np.tile(x, (every, 1))
    points = [(0.5, C)]
    for _ in range(steps // every):
        model.partial_fit(rows, C * rows[:, 0])
        layer = model.layers_[0]
        points.append((layer.basal_weights.item(), layer.interneuron_weights.item()))
    return np.array(points).T


def test_without_damping_the_scalar_circuit_stays_on_a_lotka_volterra_orbit():
    w, q = orbit(kappa=0.0, steps=12_000)
    height = conserved(w, q) - conserved(1, C)
    drift = height[-1] / height[0] - 1
    assert abs(drift) < 0.04
    # What drift there is comes from the size of the steps: with half the steps it is halved.
    height = conserved(*orbit(kappa=0.0, steps=24_000, every=2000, pace=0.5)) - conserved(1, C)
    assert (height[-1] / height[0] - 1) / drift == pytest.approx(0.5, abs=0.05)
    angle = np.unwrap(np.arctan2(np.log(q / C), np.log(w)))
    turns = np.abs(angle[-1] - angle[0]) / (2 * np.pi)
    assert turns > 2
    second = np.abs(angle - angle[0]) > 2 * np.pi
    assert w[second].min() == pytest.approx(w.min(), rel=0.02)
    assert w[second].max() == pytest.approx(w.max(), rel=0.02)
    assert w.max() > 1.4


def test_apical_synapses_that_lag_end_the_swings():
    w, q = orbit(kappa=0.0, steps=12_000, apical_rate=1e-3)
    height = conserved(w, q) - conserved(1, C)
    assert height[-1] < 0.05 * height[0]
    # To first order they fall as the slowest solution of three linear equations does.
    a = ETA * C**2
    motion = [[-a, a, -2 * a], [1e-3, -1e-3, 0], [2 * ETA_Q, 0, 0]]
    slowest = np.linalg.eigvals(motion).real.max()
    late = slice(300, None)
    slope = np.polyfit(20 * np.arange(len(height))[late], np.log(height[late]), 1)[0]
    assert slope == pytest.approx(2 * slowest, rel=0.1)


def test_with_damping_the_scalar_circuit_spirals_into_the_equilibrium():
    w, q = orbit(kappa=0.3, steps=12_000)
    height = conserved(w, q) - conserved(1, C)
    assert (np.diff(height) < 1e-4 * height[:-1]).all()  # the step's part in a growth
    assert height[-1] < 1e-3 * height[0]
    angle = np.unwrap(np.arctan2(np.log(q / C), np.log(w)))
    assert np.abs(angle[-1] - angle[0]) > 2 * np.pi
