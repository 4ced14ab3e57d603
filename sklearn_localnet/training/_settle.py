"""The last phase of training on a table: the readout goes on learning while the rest stands still.

While hidden layers learn, a readout of values lags behind them. Once they have stopped, it takes
`STEPS` more steps of the delta rule, each over all rows, with Nesterov's momentum: every synapse
keeps one velocity and sees its input and the error of its output, as before. As the activity stands
still, its second moments say what all these steps do, and one pass over the rows is enough.
"""

import numpy as np

from ..network._forward import hidden_output

STEPS = 400
MOMENTUM = 0.99  # at most; (i + 1) / (i + 4) at step i
DECAY = 0.3  # of a weight by all steps of unit size together, over the sum of the rows' weights
SETTLE_ROWS = 1000  # rows taken at a time


def settle_readout(weights, feed, activation):
    """Readout weights and intercepts, by name, after the last phase.

    Parameters
    ----------
    weights : list of dict
        Arrays of each hidden layer and of the readout, by name.
    feed : Feed
    activation : str
    """
    readout = weights[-1]
    gram, moment, total = _moments(weights[:-1], feed, activation)
    k = gram.shape[0] - 1
    start = np.column_stack([readout["readout_weights"], readout["readout_intercepts"]])
    settled = _delta_rule(start.astype(np.float64), gram, moment, np.append(np.ones(k), 0), total)
    return {
        name: array.astype(readout[name].dtype)
        for name, array in (
            ("readout_weights", settled[:, :k]),
            ("readout_intercepts", settled[:, k]),
        )
    }


def _moments(layers, feed, activation):
    """Mean of z z^T and of y z^T with a constant one at the end of z, and the sum of weights."""
    gram = moment = total = 0.0
    for batch in feed.batches(SETTLE_ROWS):
        z = hidden_output(layers, batch.x, activation).astype(np.float64)
        z = np.column_stack([z, np.ones(len(z))])
        weighted = z * (batch.share.astype(np.float64) * batch.weight)[:, None]
        gram = gram + weighted.T @ z
        moment = moment + batch.target.astype(np.float64).T @ weighted
        total += batch.weight
    return gram / total, moment / total, total


def _delta_rule(weights, gram, moment, decaying, total):
    """Steps of W += mean (y - W z) z^T, less what decays, by the mean square length of z."""
    size = 1 / np.trace(gram)
    decay = DECAY / total * decaying
    velocity = np.zeros_like(weights)
    for i in range(STEPS):
        momentum = min(MOMENTUM, (i + 1) / (i + 4))
        ahead = weights + momentum * velocity
        velocity = momentum * velocity + size * (moment - ahead @ gram - decay * ahead)
        weights = weights + velocity
    return weights
