"""What a fitted estimator holds and does: forward network, activity, compartments, pickling."""

import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, is_regressor
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import Bunch, gen_batches
from sklearn.utils.validation import check_is_fitted

from .._version import __version__
from ..network._arrays import library_of, like, moved, rows_of, to_numpy
from ..network._forward import hidden_output
from ..network._inspect import compartments, with_derived
from ..network._readout import make_readout, scores
from ..rules import Backpropagation, make_rule
from ..rules._equations import namespace
from ._validation import MatrixLike, check_features, check_library, check_targets

CANNOT_BE_SET = (
    "{} is computed from layers_ and the readout and cannot be set. Set it on what to_mlp() gives, "
    "an MLP with the weights of this network."
)
FORWARD_NUMBERS = 50_000  # numbers held at a time while predicting: what a processor has at hand
FORWARD_NUMBERS_ELSEWHERE = 20_000_000  # the same for other array libraries, whose calls take time


class FittedNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Methods of an estimator that read its fitted attributes.

    The mixins are here because ``set_output`` wraps the ``transform`` of a class that has them.
    """

    layers_: list[Bunch]
    readout_weights_: np.ndarray
    readout_intercepts_: np.ndarray
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
    n_outputs_: int
    n_layers_: int
    out_activation_: str
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __getstate__(self):
        state = {**super().__getstate__(), "_sklearn_localnet_version": __version__}
        if "layers_" in state:  # plain dicts of numpy's arrays, which whatever loads them knows
            state |= self._arrays(to_numpy)
            state["layers_"] = [dict(layer) for layer in state["layers_"]]
            state["loss_curve_"] = [*self.loss_curve_]  # a shallow copy appends to its own
        state.pop("_standing", None)  # an engine whose arrays are in the state themselves
        return state

    def __setstate__(self, state):
        state = dict(state)
        if "layers_" in state:
            state["layers_"] = [Bunch(**layer) for layer in state["layers_"]]
        saved = state.pop("_sklearn_localnet_version", "unknown")
        if saved != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"{__version__} of sklearn_localnet",
                    original_sklearn_version=saved,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_array_api_convert__(self, convert):
        """A copy with ``convert`` of each fitted array, as scikit-learn asks for."""
        other = self._shadow()
        if hasattr(self, "layers_"):
            vars(other).update(self._arrays(convert), _standing=None)
        return other

    def _arrays(self, convert):
        """Fitted attributes and memory, with ``convert`` of each array of the network."""
        memory = {name: moved(self._memory[name], convert) for name in ("labile", "moments")}
        return {
            "layers_": [Bunch(**layer) for layer in moved(self.layers_, convert)],
            "readout_weights_": convert(self.readout_weights_),
            "readout_intercepts_": convert(self.readout_intercepts_),
            "_memory": self._memory | memory,
        }

    def __sklearn_is_fitted__(self):
        return hasattr(self, "layers_")

    @property
    def _n_features_out(self):
        return len(self.layers_[-1].basal_intercepts)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of the plain forward network, as MLPClassifier has them; copies, of numpy.

        Shapes (m, k) of each hidden layer and (k, n) of the output.
        """
        scale, _ = self._output_map()
        hidden = [to_numpy(layer.basal_weights).T.copy() for layer in self.layers_]
        return [*hidden, (to_numpy(self.readout_weights_) * scale[:, None]).T]

    @coefs_.setter
    def coefs_(self, _: list[np.ndarray]) -> None:
        raise AttributeError(CANNOT_BE_SET.format("coefs_"))

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Intercepts of the plain forward network; copies of shapes (k,) and (n,), of numpy.

        The mean activity that a layer takes off its output is in the intercepts of the next one.
        """
        scale, shift = self._output_map()
        layers = moved(self.layers_, to_numpy)
        readout = moved(self._readout_arrays(), to_numpy)
        above = [layer["basal_weights"] for layer in layers[1:]] + [readout["readout_weights"]]
        own = [layer["basal_intercepts"] for layer in layers] + [readout["readout_intercepts"]]
        intercepts = [own[0].copy()]
        for layer, weights, intercept in zip(layers, above, own[1:], strict=True):
            intercepts.append(intercept - weights @ layer["mean_activity"])
        intercepts[-1] = intercepts[-1] * scale + shift
        return intercepts

    @intercepts_.setter
    def intercepts_(self, _: list[np.ndarray]) -> None:
        raise AttributeError(CANNOT_BE_SET.format("intercepts_"))

    def _output_map(self):
        """What scores are multiplied by and what is added to give outputs, shapes (n,)."""
        check_is_fitted(self)
        statistics = self._statistics()
        if self.out_activation_ == "identity":
            return statistics.scale, statistics.mean
        return np.ones(self.n_outputs_), np.zeros(self.n_outputs_)

    def _output(self, X):
        """Output of the last hidden layer, in the precision of training."""
        layers = self._beside(X, self.layers_)
        x = like(X, layers[0]["basal_weights"])
        return hidden_output(layers, x, self._began["activation"])

    def _scores(self, X):
        """Scores (N, n) of the readout."""
        return scores(self._beside(X, self._readout_arrays()), self._output(X))

    def _beside(self, X, arrays):
        """Arrays of the network in the library of X, to which those of numpy are moved."""
        library = library_of(X)
        if library is None or library_of(self.readout_weights_) is not None:
            return arrays
        return moved(arrays, library.take)

    def _readout_arrays(self):
        return {
            "readout_weights": self.readout_weights_,
            "readout_intercepts": self.readout_intercepts_,
        }

    def _by_chunks(self, function, X, rows=None):
        """``function`` of the rows of X, a bounded number of rows at a time.

        In float32 where X is.
        """
        n_rows = X.shape[0] if rows is None else len(rows)
        width = X.nnz // max(1, X.shape[0]) if issparse(X) else X.shape[1]
        widest = max(width, *self._began["hidden_layer_sizes"], self.n_outputs_)
        numbers = FORWARD_NUMBERS if library_of(X) is None else FORWARD_NUMBERS_ELSEWHERE
        size = max(1, numbers // widest)
        with np.errstate(all="ignore"):
            if n_rows <= size:
                return _finite(function(X if rows is None else rows_of(X, rows)), X.dtype)
            parts = gen_batches(n_rows, size)
            results = [
                _finite(function(rows_of(X, part if rows is None else rows[part])), X.dtype)
                for part in parts
            ]
            return namespace(results[0]).concat(results)

    def _checked(self, X, method):
        """X, once it is as the network's method of this name takes it."""
        if not hasattr(self, "layers_"):
            check_is_fitted(self)  # which takes its time, and raises here
        X = check_features(self, X, reset=False)
        check_library(self, X, method)
        return X

    def transform(self, X: MatrixLike) -> np.ndarray:
        """Activity of the last hidden layer as the readout sees it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_hidden)
            z_t, less its running mean unless ``centering_rate`` is None.
        """
        return self._by_chunks(self._output, self._checked(X, "transform"))

    def compartments(self, X: MatrixLike, y: ArrayLike | None = None) -> list[Bunch]:
        """What each compartment of each hidden layer holds for each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.

        Returns
        -------
        list of Bunch
            One a hidden layer, the lowest first. ``basal`` W1 x and ``output`` z, each (n_samples,
            n_hidden), and what the rule adds. The microcircuit's are ``interneuron`` n (n_samples,
            n_interneurons), ``inhibition`` Q n (n_samples, n_hidden), and with y ``apical`` W2^T y
            and ``plateau``, the apical less the inhibitory current, each (n_samples, n_hidden).
            Without y there is what does not depend on it.
        """
        X = self._checked(X, "compartments")
        layers, target, truth = self._beside(X, self._seen_layers()), None, None
        if y is not None:
            encoded = self._encoded_targets(y, X.shape[0])
            target, truth = (like(part, layers[0]["basal_weights"]) for part in encoded)
        with np.errstate(all="ignore"):
            found = compartments(self._plan(), layers, X, target, truth)
        return [Bunch(**{name: _finite(part) for name, part in held.items()}) for held in found]

    def _seen_layers(self):
        """Arrays of each hidden layer and of the readout, with the traces that a rule feels."""
        self._check_unchanged()
        plan = self._plan()
        state = self._state(plan)
        arrays = [
            labile | fitted for labile, fitted in zip(state.labile, state.average, strict=True)
        ]
        return with_derived(plan, arrays)

    def _encoded_targets(self, y, n_rows):
        """Targets as they reach the apical dendrites and as the readout is held to them."""
        encoder = self._encoder()
        codes = encoder.codes(check_targets(self, y, n_rows, is_regressor(self), reset=False))
        columns = encoder.columns(codes)
        target = self._statistics().encode(columns)
        readout = make_readout(self.readout, self.out_activation_, make_rule(self.rule))
        return target, readout.truth(columns, target)

    def _backprop_signal(self, X, y):
        """Backpropagation's signal to each hidden layer, row by row; for comparison only."""
        layers, plan = self._seen_layers(), self._plan()._replace(rule=Backpropagation())
        X = self._checked(X, "compartments")
        encoded = self._encoded_targets(y, X.shape[0])
        target, truth = (like(part, layers[0]["basal_weights"]) for part in encoded)
        with np.errstate(all="ignore"):
            found = compartments(plan, layers, X, target, truth)
        return [held["teaching"] for held in found]


def _finite(result, dtype=None):
    """The result, in float32 where ``dtype`` is; ValueError where it left the range of that."""
    xp = namespace(result)
    if dtype == xp.float32:
        result = xp.astype(result, dtype, copy=False)
    if not xp.all(xp.isfinite(result)):
        raise ValueError(
            f"X holds values too large for results in {result.dtype}: scale the features as for "
            "fit, for instance with StandardScaler in a pipeline, or take float64."
        )
    return result
