"""Between an estimator's attributes and a network that learns: made of them, and kept in them."""

import copy
from itertools import pairwise

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Bunch

from ..network._arrays import like, moved, to_numpy
from ..network._blocks import Blocks
from ..network._buffered import Buffered
from ..network._grow import grow
from ..network._inputs import ENOUGH_ROWS
from ..network._inspect import with_derived
from ..network._network import State, make_plan
from ..network._readout import make_readout
from ..network._reference import Reference
from ..network._start import start
from ..rules import make_rule
from ..training._feed import Feed
from ..training._loop import Trainer
from ..training._schedule import Schedule
from ..training._settle import settle_readout
from ._fitted import FittedNetwork
from ._targets import TargetStatistics

AUTO_BATCH = 200
EPOCHS_TO_HALF = 40  # after which rates are half of what they were, where they fall by themselves
SMALL = 8_000  # numbers in a layer's arrays up to which float64 is as fast as float32


class LearningNetwork(FittedNetwork):
    """Methods of an estimator that make its network learn and keep what it learnt."""

    def _statistics(self):
        scaled = isinstance(self, RegressorMixin) and self._began["standardize_targets"]
        return TargetStatistics(**self._target_statistics, scaled=scaled)

    def _plan(self):
        """What stays fixed while the network learns."""
        hidden, rule = self._began["hidden_layer_sizes"], make_rule(self.rule)
        sizes = (self.n_features_in_, *hidden, self.n_outputs_)
        return make_plan(
            layer_sizes=sizes,
            activation=self._began["activation"],
            rule=rule,
            readout=make_readout(self.readout, self.out_activation_, rule),
            modulation=self.modulation,
            centered=self.centering_rate is not None,
            fit_intercept=bool(self.fit_intercept),
            batch_size=self._batch_rows(),
            solver=self.solver,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            dtype=np.dtype(self._precision),
        )

    def _choose_precision(self, n_rows):
        """Precision of training on a table of ``n_rows``, or on a stream, whatever its chunks."""
        if self.dtype != "auto":
            return self.dtype
        sizes = (self.n_features_in_, *self._began["hidden_layer_sizes"])
        weights = max(m * k for m, k in pairwise(sizes))
        activity = max(sizes[1:]) * min(self._batch_rows(), n_rows or 0)
        return "float64" if max(weights, activity) <= SMALL else "float32"

    def _batch_rows(self):
        return AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size)

    def _feed(self, plan, X, codes, encoder, weights, running):
        """The rows of a table; statistics of a stream (``running``) take them in as they come."""
        statistics = self._statistics()
        return Feed(X, codes, encoder, statistics, plan.readout, weights, running, plan.dtype)

    def _trainer(self, plan, feed, n_rows=None, engine=None, columns=None):
        """Set up training on a table of ``n_rows``, or on a stream where these are not known.

        An ``engine`` goes on; else one is made. With ``columns``, a `Columns`, the network grows by
        new ones.
        """
        decay = self.learning_rate_decay
        by_itself = decay == "auto"
        if by_itself:
            decay = None if n_rows is None else EPOCHS_TO_HALF * n_rows
        schedule = Schedule(
            self.learning_rate_init,
            self.centering_rate or 0.0,
            decay,
            not by_itself,
            self.alpha / AUTO_BATCH,
            self.solver == "adam",
            n_rows,
            getattr(plan.rule, "warmup", 0),
        )
        if engine is None:
            fresh = not hasattr(self, "layers_")
            state = self._start(plan, feed, n_rows) if fresh else self._state(plan)
            if columns is not None:
                batch = feed.batch(slice(0, min(plan.batch_size, feed.n_rows)))
                batch, state = moved(batch, to_numpy), _placed(state, to_numpy)
                rng = np.random.default_rng([self._seed, len(columns.source)])
                state = grow(plan, state, columns, batch, rng, self.t_)
            in_blocks = not feed.running and Blocks.serves(plan, schedule.rates(0, 0, 1))
            engine = self._engine(plan, state, feed.library, in_blocks)
        return Trainer(feed, schedule, engine, self.t_, self._weighed)

    def _engine(self, plan, state, library, in_blocks):
        """The engine that learns from arrays of a library; None stands for numpy."""
        if library is None:
            return (Blocks if in_blocks else Buffered)(plan, _placed(state, to_numpy))
        return Reference(plan, _placed(state, lambda array: library.take(array, plan.dtype)))

    def _start(self, plan, feed, n_rows):
        """The state that training begins with."""
        labels = self.standardize_targets and plan.readout.activation != "identity"
        frequencies = feed.statistics.mean if labels and n_rows is not None else None
        batch = moved(feed.first_batch(plan.batch_size), to_numpy)
        rng = np.random.default_rng(self._seed)
        whole = n_rows is not None and plan.batch_size >= ENOUGH_ROWS
        enough = whole or len(batch.share) >= ENOUGH_ROWS
        sample = None if n_rows is None else feed.sample()
        return start(plan, batch, rng, frequencies, enough, sample)

    def _state(self, plan):
        """The state of training that the fitted attributes and the memory hold."""
        fitted, memory = [*self.layers_, self._readout_arrays()], self._memory
        labile = [
            _with_traces(held | own, kinds)
            for held, own, kinds in zip(fitted, memory["labile"], plan.synapses, strict=True)
        ]
        return State(**{**memory, "labile": labile, "average": fitted})

    def _adopt(self, trainer, anew=True):
        """Make the trainer's network and counts this estimator's.

        Without ``anew``, its arrays are the fitted ones already.
        """
        engine = trainer.engine
        if anew:
            state = engine.state
            self._set_weights(engine.plan, state.weights)
            self._memory = {
                "labile": traces_of(engine) if state.average is None else state.labile,
                "moments": state.moments,
                "scales": state.scales,
            }
        self._memory = {**self._memory, "n_updates": engine.n_updates}
        self._target_statistics = trainer.feed.statistics.state
        self.t_, self._weighed = trainer.n_seen, trainer.weighed

    def _set_weights(self, plan, weights):
        """Make arrays, by layer and name, the fitted ones."""
        *hidden, readout = with_derived(plan, weights)
        tied = getattr(plan.rule, "tied", ())
        self.layers_ = [
            Bunch(**{name: layer[name] for name in [*_lasting(kinds), *tied]})
            for layer, kinds in zip(hidden, plan.synapses, strict=False)
        ]
        self.readout_weights_ = readout["readout_weights"]
        self.readout_intercepts_ = readout["readout_intercepts"]

    def _snapshot(self):
        """A copy of the fitted attributes, for callbacks."""
        names = set(self.__dict__) - set(self._get_param_names())
        return {
            name: copy.deepcopy(self.__dict__[name])
            for name in names
            if not name.startswith(("_skl_", "_callback_", "_parent_"))
        }

    def _settle(self, plan, feed, rows):
        """Let the readout learn on while the hidden layers stand still.

        In the order of the table, whatever order the last epoch had.
        """
        feed.follow(None if rows is None or len(rows) == feed.X.shape[0] else np.sort(rows))
        weights = [*self.layers_, self._readout_arrays()]
        before, settled = weights[-1], settle_readout(weights, feed, plan.activation, plan.readout)
        weights[-1] = {name: like(array, before[name]) for name, array in settled.items()}
        self._set_weights(plan, weights)


def _placed(state, move):
    """The state with its weights and moments moved."""
    parts = {name: getattr(state, name) for name in ("labile", "average", "moments")}
    return state._replace(**moved(parts, move))


def _with_traces(arrays, kinds):
    """Arrays of a layer, with traces of zero where the rule has none yet but now keeps some."""
    missing = [name for name, kind in kinds.items() if kind.trace and name not in arrays]
    if not missing:
        return arrays
    sizes = {
        axis: size
        for name in kinds.keys() & arrays.keys()
        for axis, size in zip(kinds[name].axes, arrays[name].shape, strict=True)
    }
    return arrays | {name: np.zeros([sizes[a] for a in kinds[name].axes]) for name in missing}


def _lasting(kinds):
    """Names of the arrays that predictions or displays need, in the order of their kinds."""
    return [name for name, kind in kinds.items() if not kind.trace]


def traces_of(engine):
    """Arrays of each place that learning needs beside the weights."""
    return [
        {name: arrays[name] for name, kind in kinds.items() if kind.trace}
        for arrays, kinds in zip(engine.labile, engine.synapses, strict=True)
    ]
