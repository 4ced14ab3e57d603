r"""The equations of arXiv 2011.15031, in the order of the paper.

Every function is pure: arrays in, arrays out; nothing is validated, drawn or written in place.
Samples are rows, so ``X`` holds :math:`x_t^\top` in row :math:`t`; averages over samples take the
place of the paper's single sample, which is a batch of one row. ``share`` gives each row's part in
an average and sums to one; None stands for equal parts.

======================== ============================== ======= ===================================
symbol                   name                           shape   meaning
======================== ============================== ======= ===================================
:math:`x_t`              ``x``                          (B, m)  input on the basal dendrites
:math:`y_t`              ``y``                          (B, n)  target on the apical dendrites
:math:`W_1`              ``basal``                      (k, m)  basal synapses
:math:`z_t=f(W_1x_t)`    ``z``                          (B, k)  output of the pyramidal neurons
:math:`W_2^\top`         ``apical``                     (k, n)  apical synapses
:math:`a_t=W_2^\top y_t` ``current``                    (B, k)  apical dendritic current
:math:`Q`                ``interneuron``                (k, l)  interneuron-to-pyramidal synapses
:math:`R`                ``pyramidal_to_interneuron``   (l, k)  pyramidal-to-interneuron synapses
:math:`n_t=Rz_t`         ``n``                          (B, l)  interneurons; tied: R = Q^T
:math:`p_t=a_t-Qn_t`     ``p``                          (B, k)  plateau potential: teaching signal
======================== ============================== ======= ===================================

Source: Golkar, Lipshutz, Bahroun, Sengupta, Chklovskii, "A biologically plausible neural network
for local supervision in cortical microcircuits", arXiv 2011.15031.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sklearn.externals import array_api_compat


def namespace(array):
    """The array library's own functions, numpy's for a numpy array."""
    try:
        return array.__array_namespace__()
    except AttributeError:  # as of torch, whose functions are not yet those of the standard
        return array_api_compat.array_namespace(array)


def at_least(array, least):
    """Each number of an array, or a bound where that is larger."""
    xp = namespace(array)
    return xp.maximum(array, xp.asarray(least, dtype=array.dtype, device=array.device))


def identity(u):
    """Linear neurons, f(u) = u."""
    return u


def relu(u):
    """Rectified neurons, f(u) = max(u, 0)."""
    return at_least(u, 0)


def tanh(u):
    """Saturating neurons, f(u) = tanh(u)."""
    return namespace(u).tanh(u)


def logistic(u):
    """Sigmoid neurons, f(u) = 1 / (1 + exp(-u)), written so that nothing overflows."""
    return 0.5 * (1 + namespace(u).tanh(0.5 * u))


class Activation(NamedTuple):
    """An activation f and its derivative f'(u) written as a function of the output z = f(u)."""

    function: Callable
    derivative: Callable


def active(z):
    """Derivative of rectified neurons: one where a neuron is active, else zero."""
    return namespace(z).astype(z > 0, z.dtype)


ACTIVATIONS = {
    "identity": Activation(identity, lambda z: namespace(z).ones_like(z)),
    "relu": Activation(relu, active),
    "tanh": Activation(tanh, lambda z: 1 - z * z),
    "logistic": Activation(logistic, lambda z: z * (1 - z)),
}


def mean_outer(left, right, share=None):
    """Average over rows of the outer products left_t right_t^T, shape (left cols, right cols)."""
    if share is None:
        return left.T @ right / left.shape[0]
    left, right = weighed(left, right, share)
    return left.T @ right


def weighed(left, right, share):
    """Two arrays (B, columns), the narrower one times the share of each row."""
    if right.shape[1] < left.shape[1]:
        return left, right * share[:, None]
    return left * share[:, None], right


def basal_current(basal, x):
    """W1 x_t, shape (B, k)."""
    return x @ basal.T


def somatic_activity(basal, x, activation="identity"):
    """z_t = f(W1 x_t), shape (B, k)."""
    return ACTIVATIONS[activation].function(basal_current(basal, x))


def apical_current(apical, y):
    """a_t = W2^T y_t, shape (B, k)."""
    return y @ apical.T


def interneuron_activity(pyramidal_to_interneuron, z):
    """n_t = R z_t, shape (B, l); the tied circuit has R = Q^T."""
    return z @ pyramidal_to_interneuron.T


def inhibitory_current(interneuron, n):
    """Q n_t, shape (B, k)."""
    return n @ interneuron.T


def plateau_potential(current, inhibition):
    """p_t = a_t - Q n_t, shape (B, k): what the target says less what the layer says already."""
    return current - inhibition


def squared_loss(y, prediction, share=None):
    """Eqs. (1) and (8).

    mean_t |y_t - W2 f(W1 x_t)|^2, a scalar. ``prediction`` is W2 z_t, shape (B, n): linear z gives
    Eq. (1), z = f(W1 x) gives Eq. (8).
    """
    xp = namespace(y)
    error = y - prediction
    row = xp.vecdot(error, error)
    return xp.mean(row) if share is None else share @ row


def backprop_update(basal, apical, x, y, activation="identity", share=None):
    """Eq. (2), for comparison only.

    dW1 = mean_t f'(W1 x_t) * (W2^T e_t) x_t^T with e_t = y_t - W2 z_t, shape (k, m): minus half
    the gradient of the loss.
    """
    z = somatic_activity(basal, x, activation)
    signal = apical_current(apical, y - z @ apical)
    return basal_update(signal, ACTIVATIONS[activation].derivative(z), x, share)


def gain(z, share=None):
    """Eq. (3), left side.

    mean_t z_t z_t^T, shape (k, k), which the constraint holds below the identity.
    """
    return mean_outer(z, z, share)


def bound(apical, interneuron, z, y, share=None):
    """Eq. (4), the upper bound that the circuit descends, with Q Q^T as the multiplier.

    mean_t [|y_t|^2 - 2 y_t^T W2 z_t] + Tr W2 W2^T + Tr Q Q^T (mean_t z_t z_t^T - I), a scalar.
    """
    xp = namespace(y)
    power = squared_loss(y, xp.zeros_like(y), share)
    agreement = xp.sum(apical * mean_outer(z, y, share))
    excess = gain(z, share) - xp.eye(z.shape[1], dtype=z.dtype)
    return power - 2 * agreement + xp.sum(apical**2) + xp.sum(interneuron * (excess @ interneuron))


def basal_update(p, derivative, x, share=None):
    """Eqs. (5) and (9), direction.

    dW1 = mean_t f'(W1 x_t) * (a_t - Q n_t) x_t^T, shape (k, m); a derivative of ones gives Eq. (5).
    """
    return mean_outer(derivative * p, x, share)


def apical_update(apical, z, y, share=None):
    """Eq. (6), direction.

    dW2^T = mean_t z_t y_t^T - W2^T, shape (k, n).
    """
    return mean_outer(z, y, share) - apical


def interneuron_update(interneuron, z, n, share=None):
    """Eqs. (7) and (21), direction.

    dQ = mean_t z_t n_t^T - Q, shape (k, l); n = Q^T z gives Eq. (7), n = R z gives Eq. (21).
    """
    return mean_outer(z, n, share) - interneuron


def pyramidal_to_interneuron_update(pyramidal_to_interneuron, z, n, share=None):
    """Eq. (22), direction.

    dR = mean_t n_t z_t^T - R, shape (l, k).
    """
    return mean_outer(n, z, share) - pyramidal_to_interneuron


def mean_activity_update(mean_activity, z, share=None):
    """Eq. (24), direction.

    dzbar = mean_t z_t - zbar, shape (k,).
    """
    return (namespace(z).mean(z, axis=0) if share is None else share @ z) - mean_activity


class ReducedRankOptimum(NamedTuple):
    """The solution of Sec. A: weights, loss and multiplier at the optimum of Eqs. (1) and (3)."""

    basal: Any
    apical: Any
    multiplier: Any
    loss: float


def reduced_rank_optimum(cxx, cxy, cyy, k):
    """Sec. A, the optimum of the linear circuit in closed form (reduced-rank regression).

    With the singular value decomposition Cxx^-1/2 Cxy = U S V^T cut to rank k, W1 = U^T Cxx^-1/2,
    W2 = W1 Cxy = S V^T, Q Q^T = S^2, and the loss is |y|^2 minus the sum of S^2. Directions that
    ``cxx`` does not hold (to rounding) are left out.

    Parameters
    ----------
    cxx, cxy, cyy : arrays of shape (m, m), (m, n), (n, n)
        Second moments mean x x^T, mean x y^T, mean y y^T.
    k : int
        Number of hidden neurons.

    Returns
    -------
    ReducedRankOptimum
        ``basal`` (r, m), ``apical`` (r, n), ``multiplier`` (r, r), ``loss``, with r at most k.
    """
    xp = namespace(cxx)
    values, vectors = xp.linalg.eigh(cxx)
    least = values[-1] * cxx.shape[0] * xp.finfo(cxx.dtype).eps
    n_lost = int(xp.sum(xp.astype(values <= least, xp.int64)))  # values come in rising order
    whitening = vectors[:, n_lost:] / xp.sqrt(values[n_lost:])
    u, s, vt = xp.linalg.svd(whitening.T @ cxy, full_matrices=False)
    u, s, vt = u[:, :k], s[:k], vt[:k, :]
    return ReducedRankOptimum(
        basal=(whitening @ u).T,
        apical=s[:, None] * vt,
        multiplier=s[:, None] * xp.eye(s.shape[0], dtype=s.dtype) * s[None, :],
        loss=float(xp.linalg.trace(cyy) - xp.sum(s**2)),
    )
