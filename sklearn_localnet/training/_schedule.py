"""Rates over time."""

from typing import NamedTuple

import numpy as np

from ..network._steps import Rates

DECAY_ROWS = 15_000  # up to which weights decay as strongly as alpha says
TABLE_SPAN, STREAM_SPAN = 1000, 30  # updates that weights average over: a stream may drift


class Schedule(NamedTuple):
    """Rates over time, from the estimator's parameters."""

    learning_rate_init: float
    centering_rate: float
    decay_samples: float | None  # t_0; None keeps rates constant
    rule_too: bool  # whether a rule's own rates fall with those of steps and mean activity
    alpha: float  # of one row
    adaptive: bool
    n_rows: int | None  # of the table; None for a stream, whose rows are those it has had
    warmup: int  # updates over which a rule's own rates rise, as the square of their number

    def rates(self, n_seen, n_updates, size, weight=1.0):
        """Rates of an update by ``size`` rows after ``n_seen`` samples in ``n_updates`` updates.

        ``weight`` is what the rows of the batch weigh against the mean.

        Beside adaptive steps the mean activity is averaged over all updates until there are enough
        of them for its rate, as the moments of the adaptive step are. A large table needs less
        decay of weights: from `DECAY_ROWS` on, the decay falls as one over the number of rows.
        """
        fall = 1.0 if self.decay_samples is None else 1.0 + n_seen / self.decay_samples
        eta = self.learning_rate_init / fall
        centering = self.centering_rate / fall
        if self.adaptive and centering:
            centering = max(centering, 1 / (n_updates + 2))
        rise = np.maximum(1.0, self.warmup / (n_updates + 1)) ** 2
        return Rates(
            step=eta,
            divisor=rise * fall if self.rule_too else rise,
            centering=centering,
            weight_decay=self.alpha * eta * size * self._need_of_decay(n_seen),
            span=STREAM_SPAN if self.n_rows is None else TABLE_SPAN,
            weight=weight,
        )

    def _need_of_decay(self, n_seen):
        n_rows = n_seen if self.n_rows is None else self.n_rows
        return DECAY_ROWS / np.maximum(n_rows, DECAY_ROWS)
