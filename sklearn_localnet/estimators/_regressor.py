"""The regressor: values in, values out."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.neural_network import MLPRegressor
from sklearn.utils.validation import check_is_fitted

from ..export._mlp import forward_mlp
from ._base import LocalRuleEstimator
from ._targets import ValueEncoder
from ._validation import MatrixLike


@dataclass(eq=False, repr=False)
class LocalRuleRegressor(RegressorMixin, LocalRuleEstimator):
    """Neural network regressor trained by local synaptic rules instead of backpropagation.

    The network of `LocalRuleClassifier` with continuous targets on its apical dendrites [1]_.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        Number of pyramidal neurons of each hidden layer.
    activation : {"relu", "identity", "tanh", "logistic"}, default="relu"
        f of z = f(W1 x).
    rule : str or rule object, default="microcircuit"
        What teaches the hidden layers: a name of `sklearn_localnet.rules.RULES`, which stands for
        the rule with its defaults, or an object with parameters of its own, as
        ``Microcircuit(gain_damping=0.4)``. ``rule__gain_damping`` is such a parameter in
        ``set_params`` and in a grid.
    solver : {"adam", "sgd"}, default="adam"
        "adam" gives every basal and readout synapse a step of its own size, measured against the
        size of its input, and averages: the fitted weights are a moving average over the last fifth
        of all updates, at most 1,000 (30 in a stream, which may drift). "sgd" takes the plain step
        of Eqs. (5) to (9).
    alpha : float, default=0.1
        Weight decay of basal and readout synapses, decoupled from the step: each update takes away
        the part ``alpha * learning_rate * batch_size / 200`` ("auto" counts as 200; a batch of a
        stream as the rows it has). From 15,000 rows on (of the table, or of the stream so
        far) it falls as one over their number. After 64 updates, four are taken at every fourth.
    batch_size : int or "auto", default="auto"
        Rows that an update averages over; 1 is the paper's online rule, "auto" is 200 or as many
        as there are.
    learning_rate_init : float, default=0.003
        eta_1 of the basal synapses, and the rate of a delta-rule readout.
    learning_rate_decay : float, "auto" or None, default="auto"
        t_0 in samples: every rate is divided by 1 + t / t_0 after t samples; None keeps them.
        "auto" is 40 epochs of the table in ``fit``, where rates that are the rule's own stay, and
        None in ``partial_fit``: a stream may drift.
    modulation : {"plateau", "surprise"} or None, default=None
        Broadcast gate on the plasticity of each row, one on average over a batch. "plateau": by how
        much the size of the row's teaching signal exceeds half of the batch's mean, at most once
        the mean, and zero below, in each layer by itself. "surprise": 0.1 plus one minus the
        readout's probability of the true class (for values 1 - exp(-e^2 / 2) of its error e); it
        uses a prediction, which the paper's algorithm never does. A batch of one row is not gated.
    centering_rate : float in (0, 1] or None, default=0.01
        eps of Eq. (24); None switches mean subtraction off.
    fit_intercept : bool, default=True
        Whether the hidden layers have a constant input.
    readout : {"linear", "hebbian"}, default="linear"
        "linear" learns by the delta rule, and beside adaptive steps goes on at the end of ``fit``
        while the hidden layers stand still;
        "hebbian" reads with W2, the apical synapses of the last layer, as Eq. (6) makes them.
    standardize_targets : bool, default=True
        Whether to centre and scale the target columns before they reach
        the apical dendrites; False passes them as they are. A stream estimates what it needs for
        this as it goes.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Precision of training. "auto" takes float64 where it costs no time: for layers of at most
        8,000 basal synapses and, on a table, 8,000 outputs in a batch. Else it takes float32.
    max_iter : int, default=100
        Most epochs that ``fit`` takes.
    tol : float, default=1e-4
        Gain in loss (in score with ``early_stopping``) that counts as progress.
    n_iter_no_change : int or inf, default=30
        Epochs without progress after which ``fit`` stops. Where the loss has risen by more than a
        tenth by then, the weights of the best epoch are kept.
    early_stopping : bool, default=False
        Whether to hold rows out, stop by their score and keep the weights that scored best.
    validation_fraction : float in [0, 1), default=0.1
        Part of the rows to hold out for ``early_stopping``.
    shuffle : bool, default=True
        Whether ``fit`` takes the rows in a new random order each epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended.
    verbose : bool, default=False
        Whether to print a line an epoch.
    random_state : int, RandomState instance or None, default=None
        Draws the first weights, the order of rows and the rows held out.
    beta_1, beta_2 : float in [0, 1), default=0.0, 0.999
        Memory of the two moments of the adaptive step, a synapse's average direction and the
        average of its square. Where ``beta_1`` is zero, the last direction takes the place of the
        average.
    epsilon : float, default=0.003
        Added to what the adaptive step divides by, where teaching signals and inputs have unit
        size: a synapse whose average product of the two is smaller than this takes smaller steps.

    Attributes
    ----------
    layers_ : list of Bunch
        Arrays of each hidden layer by name: ``basal_weights`` W1 (n_hidden, n_inputs),
        ``basal_intercepts`` (n_hidden,), ``mean_activity`` zbar (n_hidden,; zeros without
        centering), in the first layer with adaptive steps ``input_limits`` (n_inputs,), beyond
        which a feature acts no more strongly, and those of the rule. The microcircuit's are
        ``apical_weights`` W2^T (n_hidden, n_outputs), ``interneuron_weights`` Q (n_hidden,
        n_interneurons) and ``pyramidal_to_interneuron_weights`` R (n_interneurons, n_hidden; Q^T
        when tied).
    readout_weights_ : ndarray of shape (n_outputs, n_hidden)
        Readout of the last layer's activity; W2 when Hebbian.
    readout_intercepts_ : ndarray of shape (n_outputs,)
        Intercepts of the readout.
    coefs_, intercepts_ : lists of ndarray
        The plain forward network, as in MLPClassifier. They are copies that cannot be set: what
        is written into them changes nothing.
    loss_ : float
        Mean loss of the last epoch (of the last call of ``partial_fit``): log loss with a softmax
        readout, else Eq. (8) in encoded targets.
    loss_curve_ : list of float
        Loss of each epoch of ``fit`` and of each call of ``partial_fit``.
    gain_curve_ : list of list of ndarray
        After each epoch of ``fit``, for each hidden layer, the eigenvalues of mean z z^T that the
        rule holds in check, largest first. The microcircuit's are those within the directions that
        its interneurons span, shape (n_interneurons,), which it holds at one or below. They come
        from the last 200 rows or more of the epoch, which spreads them: equal ones by about
        ``2 * sqrt(n_interneurons / 200)`` either way. Zeros stand for directions that the
        interneurons lack.
    best_loss_ : float or None
        Smallest loss; None with ``early_stopping``.
    validation_scores_, best_validation_score_ : list of float and float, or None
        Scores of the rows held out, an epoch each, and the best of them.
    n_iter_ : int
        Epochs of the last ``fit``, and calls of ``partial_fit`` since.
    t_ : int
        Samples seen.
    n_outputs_, n_layers_ : int
        Target columns; hidden layers and two.
    out_activation_ : str
        "softmax", "logistic" or "identity".
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where these have names that are strings.

    See Also
    --------
    LocalRuleClassifier : The same network for class labels.
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

    alpha: float = 0.1
    learning_rate_init: float = 3e-3
    readout: Literal["linear", "hebbian"] = "linear"

    _readouts = ("linear", "hebbian")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from a chunk of a stream, its rows in the order they come.

        Chunks that are multiples of the batch size give the same weights as the whole, to the bit;
        the published one-row rule (`published`), which is computed by blocks of rows, to rounding.

        Adaptive steps are measured against the size of each feature, which follows the stream:
        where a feature comes in another unit, what was learnt of it keeps its meaning.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. A batch counts by the mean weight of its rows against that of all
            rows so far, so weights tell in batches of one row too.

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

    def _stream_encoder(self, y, weights, classes):
        return ValueEncoder.from_targets(y)

    def _encoder(self, classes=None):
        return ValueEncoder(self.n_outputs_)

    def _describe(self, encoder):
        self.out_activation_ = "identity"

    def _class_weighted(self, encoder, codes, weights):
        return weights

    def _values(self, X):
        return self._statistics().decode(self._scores(X))

    def _decoded(self, X, rows=None):
        values = self._by_chunks(self._values, X, rows)
        return values[:, 0] if self.n_outputs_ == 1 else values

    def predict(self, X: MatrixLike) -> np.ndarray:
        """Predicted values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Values in float64, and in float32 where X is.
        """
        return self._decoded(self._checked(X, "predict"))

    def to_mlp(self) -> MLPRegressor:
        """The plain forward network as scikit-learn's class.

        Returns
        -------
        MLPRegressor
            A fitted copy with the same predictions, to rounding, where features are within
            ``layers_[0].input_limits``, which it lacks. Its parameters name the layers and the
            activation; those of training are the defaults of MLPRegressor, whose
            ``partial_fit`` would go on by backpropagation.

        Raises
        ------
        NotFittedError
            Where there is no network yet.
        """
        check_is_fitted(self)
        row = np.zeros((1, self.n_outputs_)) if self.n_outputs_ > 1 else np.zeros(1)
        return forward_mlp(self, MLPRegressor, row)
