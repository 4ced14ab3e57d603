"""The estimators: parameters in, fitted attributes out."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.validation import check_is_fitted

from ._base import LocalRuleEstimator
from ._docstrings import documented
from ._encoding import LabelEncoder, ValueEncoder
from ._microcircuit import probabilities
from ._mlp import forward_mlp
from ._validation import MatrixLike, check_classes, naming

HINGE_WIDTH = 1e-2  # over which an estimate of no chance at all is rounded off

#: Parameters that make either estimator the online algorithm of arXiv 2011.15031 to the letter.
PUBLISHED: dict[str, Any] = {
    "activation": "identity",
    "solver": "sgd",
    "alpha": 0.0,
    "batch_size": 1,
    "gain_damping": 0.0,
    "n_interneurons": "n_hidden",
    "interneurons": "tied",
    "modulation": None,
    "centering_rate": None,
    "fit_intercept": False,
    "readout": "hebbian",
    "standardize_targets": False,
    "dtype": "float64",
    "shuffle": False,
}


@documented(
    readout_text='"softmax" (logistic for two classes and for labels) learns by the delta rule;',
    standardize="Whether to take the mean from the target columns",
)
class LocalRuleClassifier(ClassifierMixin, LocalRuleEstimator):
    """Two-layer classifier trained by local synaptic rules instead of backpropagation.

    Every synapse changes by what it sees itself: the target reaches the hidden layer through
    apical dendrites, and interneurons take away what the layer says already; no error and no
    transposed forward weight enters the update of the hidden layer [1]_.

    Parameters
    ----------
    {shared_parameters}
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with ``sample_weight``; "balanced" needs ``fit``.
    {more_parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.
    {attributes}

    See Also
    --------
    LocalRuleRegressor : The same circuit for continuous targets.
    sklearn.neural_network.MLPClassifier : The same network trained by backpropagation.

    References
    ----------
    .. [1] S. Golkar, D. Lipshutz, Y. Bahroun, A. M. Sengupta, D. B. Chklovskii, "A biologically
       plausible neural network for local supervision in cortical microcircuits",
       arXiv 2011.15031, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_localnet import LocalRuleClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LocalRuleClassifier(random_state=0))
    >>> bool(model.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.9)
    True
    """

    classes_: np.ndarray
    _readouts = ("softmax", "hebbian")
    _decay_rows = 5_000

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Literal["relu", "identity", "tanh", "logistic"] = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate_init: float = 4e-3,
        apical_rate: float = 0.003,
        interneuron_rate: float = 0.006,
        learning_rate_decay: float | None = None,
        gain_damping: float = 0.6,
        n_interneurons: int | Literal["n_hidden"] | None = None,
        interneurons: Literal["tied", "decoupled", "target"] = "tied",
        modulation: Literal["plateau", "surprise"] | None = "plateau",
        centering_rate: float | None = 0.01,
        fit_intercept: bool = True,
        readout: Literal["softmax", "hebbian"] = "softmax",
        standardize_targets: bool = True,
        class_weight: dict | list[dict] | Literal["balanced"] | None = None,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        max_iter: int = 100,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        warm_start: bool = False,
        verbose: bool | int = False,
        random_state: int | np.random.RandomState | None = None,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        epsilon: float = 0.003,
    ) -> None:
        self.__dict__.update({k: v for k, v in locals().items() if k not in ("self", "__class__")})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def partial_fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Learn from a chunk of a stream, its rows in the order they come.

        Chunks that are multiples of the batch size give the same weights as the whole, to the bit;
        the published one-row rule (`PUBLISHED`), which is computed by blocks of rows, to rounding.

        Adaptive steps are measured against the size of the features in the first batch, or in the
        first ten rows where batches are smaller. A stream whose later rows are many times as large
        may raise DivergenceError, and one whose later rows are far smaller learns slowly: scale
        the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or indicators.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        classes : array-like of shape (n_classes,), default=None
            All labels that may come; needed on the first call (but for indicators) and the same
            or left out later.

        Returns
        -------
        self : object
            The estimator, trained on.

        Raises
        ------
        ValueError, TypeError, DivergenceError
            As in `fit`; the estimator is left as it was.
        """
        return self._stream(X, y, sample_weight, classes)

    def _new_encoder(self, y):
        return LabelEncoder.from_targets(y)

    def _stream_encoder(self, y, classes):
        if classes is not None:
            return LabelEncoder.from_targets(y, check_classes(classes))
        encoder = LabelEncoder.from_targets(y)
        if not encoder.multilabel:
            raise ValueError("classes must name all labels on the first call to partial_fit.")
        return encoder

    def _encoder(self, classes=None):
        encoder = LabelEncoder(self.classes_, self._multilabel)
        if classes is not None:
            encoder.check_same(check_classes(classes))
        return encoder

    def _describe(self, encoder):
        self.classes_ = encoder.classes
        self._multilabel = encoder.multilabel
        self.out_activation_ = "identity" if self.readout == "hebbian" else encoder.activation

    def _class_weighted(self, encoder, codes, weights):
        if self.class_weight is None:
            return weights
        with naming("class_weight"), np.errstate(over="ignore"):
            if encoder.multilabel:
                factor = compute_sample_weight(self.class_weight, codes)
            else:
                factor = compute_class_weight(
                    self.class_weight,
                    classes=encoder.classes,
                    y=encoder.classes[codes],
                    sample_weight=weights,
                )[codes]
            weights = factor if weights is None else weights * factor
        if not np.isfinite(weights.sum()):
            raise ValueError("class_weight makes the sum of the weights too large for float64.")
        return weights

    def decision_function(self, X: MatrixLike) -> np.ndarray:
        """Scores whose sign, or whose largest, gives the label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Log odds with a softmax readout, estimated chances less their threshold with a
            Hebbian one; one column for two classes is flattened.
        """
        X = self._checked(X)
        scores = self._by_chunks(self._decision, X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def _decision(self, X):
        scores = self._scores(X)
        if self.out_activation_ == "identity":
            threshold = 0.5 if self._encoder().activation == "logistic" else 0.0
            scores = scores + (self._target_statistics["mean"] - threshold).astype(scores.dtype)
        return scores

    def _decoded(self, X, rows=None):
        return self._encoder().labels(self._by_chunks(self._decision, X, rows))

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Class labels, or indicators.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        """
        return self._decoded(self._checked(X))

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Chances of the classes; of each label for multilabel targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one (but for multilabel targets).
        """
        chance = self._by_chunks(self._chances, self._checked(X))
        if chance.shape[1] == 1:
            return np.concatenate([1 - chance, chance], axis=1)
        return chance

    def _chances(self, X):
        scores = self._decision(X)
        output = self._encoder().activation
        if self.out_activation_ != "identity":
            return probabilities(scores, output)
        if output == "logistic":
            likely, unlikely = _hinge(0.5 + scores), _hinge(0.5 - scores)
            return likely / (likely + unlikely)
        likely = _hinge(scores)
        return likely / likely.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: MatrixLike) -> np.ndarray:
        """Logarithm of the chances of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithm of `predict_proba`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def to_mlp(self) -> MLPClassifier:
        """The plain forward network as scikit-learn's class.

        Returns
        -------
        MLPClassifier
            A fitted copy with the same labels and chances, to rounding. Its parameters name the
            layer and the activation; those of training are the defaults of MLPClassifier, whose
            ``partial_fit`` would go on by backpropagation.

        Raises
        ------
        NotFittedError
            Where there is no network yet.
        ValueError
            Where the readout is Hebbian: its outputs are estimates of chances, which MLPClassifier
            would take for log odds.
        """
        check_is_fitted(self)
        if self.out_activation_ == "identity":
            raise ValueError(
                "readout='hebbian' estimates chances directly, and no MLPClassifier does: its "
                "predict_proba would differ. Fit with readout='softmax', or build on coefs_ and "
                "intercepts_, whose outputs are the estimates."
            )
        if self._multilabel:
            return forward_mlp(self, MLPClassifier, [[0] * self.n_outputs_], classes=self.classes_)
        return forward_mlp(self, MLPClassifier, self.classes_[:1], classes=self.classes_)


def _hinge(scores):
    """A smooth max(scores, 0), positive and increasing, for scores that estimate chances.

    0.5 (s + sqrt(s^2 + c^2)) with c = HINGE_WIDTH, without the cancellation of a large -s.
    """
    larger = 0.5 * (np.abs(scores) + np.hypot(scores, HINGE_WIDTH))
    return np.where(scores > 0, larger, 0.25 * HINGE_WIDTH**2 / larger)


@documented(
    readout_text='"linear" learns by the delta rule;',
    standardize="Whether to centre and scale the target columns",
)
class LocalRuleRegressor(RegressorMixin, LocalRuleEstimator):
    """Two-layer regressor trained by local synaptic rules instead of backpropagation.

    The circuit of `LocalRuleClassifier` with continuous targets on its apical dendrites [1]_.

    Parameters
    ----------
    {shared_parameters}
    {more_parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    LocalRuleClassifier : The same circuit for class labels.
    sklearn.neural_network.MLPRegressor : The same network trained by backpropagation.

    References
    ----------
    .. [1] S. Golkar, D. Lipshutz, Y. Bahroun, A. M. Sengupta, D. B. Chklovskii, "A biologically
       plausible neural network for local supervision in cortical microcircuits",
       arXiv 2011.15031, 2020.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn_localnet import LocalRuleRegressor
    >>> X, y = make_regression(n_samples=500, n_features=10, noise=1.0, random_state=0)
    >>> regressor = LocalRuleRegressor(early_stopping=True, random_state=0).fit(X, y)
    >>> bool(regressor.score(X, y) > 0.9)
    True
    """

    _readouts = ("linear", "hebbian")
    _decay_rows = 1_000  # numbers tell more of a function than labels do

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: Literal["relu", "identity", "tanh", "logistic"] = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 1.0,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate_init: float = 2e-3,
        apical_rate: float = 0.003,
        interneuron_rate: float = 0.006,
        learning_rate_decay: float | None = None,
        gain_damping: float = 0.6,
        n_interneurons: int | Literal["n_hidden"] | None = None,
        interneurons: Literal["tied", "decoupled", "target"] = "tied",
        modulation: Literal["plateau", "surprise"] | None = None,
        centering_rate: float | None = 0.01,
        fit_intercept: bool = True,
        readout: Literal["linear", "hebbian"] = "linear",
        standardize_targets: bool = True,
        dtype: Literal["auto", "float32", "float64"] = "auto",
        max_iter: int = 100,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        warm_start: bool = False,
        verbose: bool | int = False,
        random_state: int | np.random.RandomState | None = None,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        epsilon: float = 0.01,
    ) -> None:
        self.__dict__.update({k: v for k, v in locals().items() if k not in ("self", "__class__")})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from a chunk of a stream, its rows in the order they come.

        Chunks that are multiples of the batch size give the same weights as the whole, to the bit;
        the published one-row rule (`PUBLISHED`), which is computed by blocks of rows, to rounding.

        Adaptive steps are measured against the size of the features in the first batch, or in the
        first ten rows where batches are smaller. A stream whose later rows are many times as large
        may raise DivergenceError, and one whose later rows are far smaller learns slowly: scale
        the features.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        self : object
            The estimator, trained on.

        Raises
        ------
        ValueError, TypeError, DivergenceError
            As in `fit`; the estimator is left as it was.
        """
        return self._stream(X, y, sample_weight)

    def _new_encoder(self, y):
        return ValueEncoder.from_targets(y)

    def _stream_encoder(self, y, _):
        return ValueEncoder.from_targets(y)

    def _encoder(self, classes=None):
        return ValueEncoder(self.n_outputs_, self._flat_target)

    def _describe(self, encoder):
        self._flat_target = encoder.flat
        self.out_activation_ = "identity"

    def _class_weighted(self, encoder, codes, weights):
        return weights

    def _decoded(self, X, rows=None):
        values = self._statistics().decode(self._by_chunks(self._scores, X, rows))
        return values[:, 0] if self._flat_target else values

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Predicted values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Values in float64.
        """
        return self._decoded(self._checked(X))

    def to_mlp(self) -> MLPRegressor:
        """The plain forward network as scikit-learn's class.

        Returns
        -------
        MLPRegressor
            A fitted copy with the same predictions, to rounding. Its parameters name the layer and
            the activation; those of training are the defaults of MLPRegressor, whose
            ``partial_fit`` would go on by backpropagation.

        Raises
        ------
        NotFittedError
            Where there is no network yet.
        """
        check_is_fitted(self)
        row = np.zeros((1, self.n_outputs_)) if self.n_outputs_ > 1 else np.zeros(1)
        return forward_mlp(self, MLPRegressor, row)
