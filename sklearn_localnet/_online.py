r"""One-row updates at matrix speed, exactly.

Within a block of rows every weight matrix is its value at the start of the block plus outer
products of what the rows before left behind, so the published updates need no full matrix until
the block ends:

    W1_t = W1_0 + sum_{s<t} eta_1s d_s x_s^T,               d_s = f'_s * p_s
    W2_t^T = alpha_t W2_0^T + sum_{s<t} c_ts z_s y_s^T
    Q_t = beta_t Q_0 + sum_{s<t} q_ts z_s n_s^T,            R_t likewise with n_s z_s^T

with alpha_t the product of 1 - eta_2r over r < t, c_ts = eta_2s alpha_t / alpha_{s+1}, and beta, q
the same for eta_q. What touches the m features is three matrix products a block. The loop over
rows carries n_s eta_qs / beta_{s+1} in place of n_s, so that one factor beta_t serves all rows.
"""

import numpy as np
from scipy.sparse import issparse

BLOCK = 32
LARGEST_RATE = 0.5  # beyond, beta of a block would leave the range of float32


def runs_online(design, rates):
    """Whether the circuit's one-row update is the published one, which `learn_rows` knows."""
    return (
        design.solver == "sgd"
        and design.hebbian
        and design.gain_damping == 0
        and rates.weight_decay == 0
        and max(rates.apical, rates.interneuron) <= LARGEST_RATE
    )


def learn_rows(circuit, x, y, rates):
    """Change every synapse by each row in turn, in place: Eqs. (5) to (9), (21), (22), (24).

    Parameters
    ----------
    circuit : Microcircuit
    x : (B, m) array or CSR matrix
    y : (B, n) array
    rates : Rates
        Whose fields are arrays of shape (B,): each row has its own.

    Returns
    -------
    (B,) array
        Squared error of each row before its update.
    """
    design, size = circuit.design, len(y)
    alpha, apical_parts = _averaging(rates.apical)
    beta, inter_parts = _averaging(rates.interneuron)
    lower = np.tri(size, k=-1, dtype=design.dtype)
    memory = lower * apical_parts  # c_ts / alpha_t
    z, n, steps = _sequence(
        circuit, x, y, rates, (alpha[:-1] / beta[:-1])[:, None], memory, beta, inter_parts
    )
    prediction = z @ circuit.apical_weights + (memory * (z @ z.T)) @ y
    errors = np.sum((y - alpha[:-1, None] * prediction) ** 2, axis=1)

    circuit.n_updates += size
    circuit.recent = z, np.full(size, 1 / size, design.dtype)
    circuit.basal_weights += (x.T @ steps).T if issparse(x) else steps.T @ x
    if design.fit_intercept:
        circuit.basal_intercepts += steps.sum(axis=0)
    circuit.apical_weights += z.T @ (y * apical_parts[:, None])
    circuit.apical_weights *= alpha[-1]
    if design.interneurons == "decoupled":
        circuit.pyramidal_to_interneuron_weights += n.T @ z
        circuit.pyramidal_to_interneuron_weights *= beta[-1]
    circuit.interneuron_weights += z.T @ n
    circuit.interneuron_weights *= beta[-1]
    return errors


def _averaging(rates):
    """Part of the start left before each row (B + 1,), and each rate over what it leaves (B,)."""
    left = np.concatenate([np.ones(1, rates.dtype), np.cumprod(1 - rates)])
    return left, rates / left[1:]


def _sequence(circuit, x, y, rates, ratio, memory, beta, inter_parts):
    """Row after row: z (B, k), what drives Q by its part (B, l), and basal steps (B, k)."""
    design, size = circuit.design, len(y)
    k, width = circuit.interneuron_weights.shape
    relu, linear = design.activation == "relu", design.activation == "identity"
    pace = rates.basal * beta[:-1]
    u = x @ circuit.basal_weights.T + circuit.basal_intercepts
    overlap = (x @ x.T).toarray() if issparse(x) else x @ x.T
    overlap = (overlap + 1 if design.fit_intercept else overlap) * pace
    apical = ratio * (y @ circuit.apical_weights.T)
    agreement = ratio * memory * (y @ y.T)
    # Rows: the synapses at the start of the block, then what each row left behind.
    to_inter = np.empty((width + size, k), design.dtype)
    to_inter[:width] = circuit.pyramidal_to_interneuron_weights
    to_pyramidal = to_inter
    if design.interneurons == "decoupled":
        to_pyramidal = np.empty_like(to_inter)
        to_pyramidal[:width] = circuit.interneuron_weights.T
    driven, steps = np.empty((size, width), design.dtype), np.empty((size, k), design.dtype)
    target = design.interneurons == "target"
    if target:
        driven[:] = y * inter_parts[:, None]
    said = np.empty(width + size, design.dtype)
    for t in range(size):
        stop, before = width + t, driven[:t]
        z = overlap[t, :t].dot(steps[:t])
        z += u[t]
        if relu:
            np.maximum(z, 0, out=z)
            slope = np.sign(z)
        elif not linear:
            z = circuit.function(z)
            slope = circuit.derivative(z)
        if design.centered:
            circuit.mean_activity += rates.centering[t] * (z - circuit.mean_activity)
            z -= circuit.mean_activity
        to_inter[stop] = z
        heard = to_inter[:stop].dot(z)
        n = heard[width:].dot(before)
        n += heard[:width]
        n *= beta[t]
        said[:width] = n
        if not target:
            np.multiply(n, inter_parts[t], out=driven[t])
        np.subtract(before.dot(n), agreement[t, :t], out=said[width:stop])
        p = np.subtract(apical[t], said[:stop].dot(to_pyramidal[:stop]), out=steps[t])
        if not linear:
            p *= slope
        to_pyramidal[stop] = z
    steps *= pace[:, None]
    return to_inter[width:], driven, steps
