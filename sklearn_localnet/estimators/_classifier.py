"""The classifier: labels in, probabilities out."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from ..export._mlp import forward_mlp
from ..network._arrays import library_of, like, to_numpy
from ..network._readout import estimated_probabilities, probabilities
from ..rules._equations import namespace
from ._base import LocalRuleEstimator
from ._class_weight import class_weighted
from ._targets import LabelEncoder
from ._validation import MatrixLike, check_classes


@dataclass(eq=False, repr=False)
class LocalRuleClassifier(ClassifierMixin, LocalRuleEstimator):
    """Neural network classifier trained by local synaptic rules instead of backpropagation.

    Every synapse changes by what it sees itself: the target reaches each hidden layer through
    apical dendrites, and interneurons take away what the layer says already; no error and no
    transposed forward weight enters the update of a hidden layer [1]_.

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
    alpha : float, default=0.4
        Weight decay of basal and readout synapses, decoupled from the step: each update takes away
        the part ``alpha * learning_rate * batch_size / 200`` ("auto" counts as 200; a batch of a
        stream as the rows it has). From 15,000 rows on (of the table, or of the stream so
        far) it falls as one over their number. After 64 updates, four are taken at every fourth.
    batch_size : int or "auto", default="auto"
        Rows that an update averages over; 1 is the paper's online rule, "auto" is 200 or as many
        as there are.
    learning_rate_init : float, default=0.004
        eta_1 of the basal synapses, and the rate of a delta-rule readout.
    learning_rate_decay : float, "auto" or None, default="auto"
        t_0 in samples: every rate is divided by 1 + t / t_0 after t samples; None keeps them.
        "auto" is 40 epochs of the table in ``fit``, where rates that are the rule's own stay, and
        None in ``partial_fit``: a stream may drift.
    modulation : {"plateau", "surprise"} or None, default="plateau"
        Broadcast gate on the plasticity of each row, one on average over a batch. "plateau": by how
        much the size of the row's teaching signal exceeds half of the batch's mean, at most once
        the mean, and zero below, in each layer by itself. "surprise": 0.1 plus one minus the
        readout's probability of the true class (for values 1 - exp(-e^2 / 2) of its error e); it
        uses a prediction, which the paper's algorithm never does. A batch of one row is not gated.
    centering_rate : float in (0, 1] or None, default=0.01
        eps of Eq. (24); None switches mean subtraction off.
    fit_intercept : bool, default=True
        Whether the hidden layers have a constant input.
    readout : {"softmax", "hebbian"}, default="softmax"
        "softmax" (logistic for two classes and for labels) learns by the delta rule, and beside
        adaptive steps goes on at the end of ``fit`` while the hidden layers stand still, where rows
        times neurons and classes are 2.5 million at most;
        "hebbian" reads with W2, the apical synapses of the last layer, as Eq. (6) makes them.
    standardize_targets : bool, default=True
        Whether to take the mean from the target columns before they reach
        the apical dendrites; False passes them as they are. A stream estimates what it needs for
        this as it goes.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with ``sample_weight``; "balanced" needs ``fit``.
    new_classes : {"raise", "add"}, default="raise"
        What ``partial_fit`` does with a label that is none of the classes: "raise" raises
        ValueError; "add" makes it one of them. The network grows by synapses for the new class, and
        what it decided before, it decides still, until rows teach it otherwise. Indicators of many
        labels do not grow.
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
    classes_ : ndarray of shape (n_classes,)
        Sorted class labels.
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
    LocalRuleRegressor : The same network for continuous targets.
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
    >>> network = LocalRuleClassifier(early_stopping=True, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> bool(model.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:]) > 0.9)
    True
    """

    modulation: Literal["plateau", "surprise"] | None = "plateau"
    readout: Literal["softmax", "hebbian"] = "softmax"
    class_weight: dict | list[dict] | Literal["balanced"] | None = None
    new_classes: Literal["raise", "add"] = "raise"

    _readouts = ("softmax", "hebbian")

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
        the published one-row rule (`published`), which is computed by blocks of rows, to rounding.

        Adaptive steps are measured against the size of each feature, which follows the stream:
        where a feature comes in another unit, what was learnt of it keeps its meaning.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or indicators.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows. A batch counts by the mean weight of its rows against that of all
            rows so far, so weights tell in batches of one row too.
        classes : array-like of shape (n_classes,), default=None
            All labels that may come; needed on the first call (but for indicators) and the same
            or left out later. With ``new_classes="add"`` it may always be left out, and names
            labels that are to be classes whether they come or not.

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

    def _stream_encoder(self, y, weights, classes):
        if self.new_classes == "add" and (classes is None or not np.size(classes)):
            first, size = 0 if weights is None else int(np.argmax(weights > 0)), self._batch_rows()
            return LabelEncoder.from_targets(y[: (first // size + 1) * size])
        if classes is not None:
            return LabelEncoder.from_targets(y, check_classes(classes))
        encoder = LabelEncoder.from_targets(y)
        if not encoder.multilabel:
            raise ValueError(
                "classes must name all labels on the first call to partial_fit, unless "
                "new_classes='add'."
            )
        return encoder

    def _encoder(self, classes=None):
        encoder = LabelEncoder(self.classes_, self._multilabel)
        if classes is None or (self.new_classes == "add" and not np.size(classes)):
            return encoder
        classes = check_classes(classes)
        if self.new_classes == "add" and not encoder.multilabel:
            return encoder.with_labels(classes, "classes")
        encoder.check_same(classes)
        return encoder

    def _stretches(self, encoder, y):
        """Yield the encoder of each stretch of a chunk, and its rows.

        A stretch begins with a batch that brings new labels.
        """
        first, size = 0, self._batch_rows()
        while self.new_classes == "add" and not encoder.multilabel:
            unknown = encoder.unknown(y[first:])
            if not unknown.any():
                break
            begin = first + int(np.argmax(unknown)) // size * size
            if begin > first:
                yield encoder, slice(first, begin)
            encoder, first = encoder.with_labels(y[begin : begin + size]), begin
        yield encoder, slice(first, y.shape[0])

    def _new_columns(self, encoder):
        if len(encoder.classes) == len(self.classes_):
            return None
        columns = encoder.columns_from(self._encoder())
        self._describe(encoder)
        self.n_outputs_ = encoder.n_columns
        self._target_statistics = self._statistics().grown(columns).state
        return columns

    def _waits(self, encoder):
        return self.new_classes == "add" and len(encoder.classes) == 1

    def _describe(self, encoder):
        self.classes_ = encoder.classes
        self._multilabel = encoder.multilabel
        self.out_activation_ = "identity" if self.readout == "hebbian" else encoder.activation

    def _class_weighted(self, encoder, codes, weights):
        growing = self.new_classes == "add"
        return class_weighted(self.class_weight, growing, encoder, codes, weights)

    def decision_function(self, X: MatrixLike) -> np.ndarray:
        """Scores whose sign, or whose largest, gives the label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Log odds with a softmax readout, estimated probabilities less their threshold with a
            Hebbian one; one column for two classes is flattened.
        """
        scores = self._by_chunks(self._decision, self._checked(X, "decision_function"))
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def _decision(self, X):
        scores = self._scores(X)
        if self.out_activation_ == "identity":
            if len(self.classes_) == 1:
                scores = 0 * scores  # W2 had no target to learn
            threshold = 0.5 if self._encoder().activation == "logistic" else 0.0
            scores = scores + like(self._target_statistics["mean"] - threshold, scores)
        return scores

    def _decoded(self, X, rows=None):
        return self._encoder().labels(to_numpy(self._by_chunks(self._decision, X, rows)))

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
        X = self._checked(X, "predict")
        labels, library = self._decoded(X), library_of(X)
        numbers = labels.dtype.kind in "biuf"  # which other libraries have
        return library.take(labels) if library is not None and numbers else labels

    def predict_proba(self, X: MatrixLike) -> np.ndarray:
        """Probabilities of the classes; of each label for multilabel targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to one (but for multilabel targets).
        """
        return self._by_chunks(self._class_chances, self._checked(X, "predict_proba"))

    def _class_chances(self, X):
        chance = self._chances(X)
        if len(self.classes_) == 1:
            return namespace(chance).ones_like(chance)
        if chance.shape[1] == 1:
            return namespace(chance).concat([1 - chance, chance], axis=1)
        return chance

    def _chances(self, X):
        of = probabilities if self.out_activation_ != "identity" else estimated_probabilities
        return of(self._decision(X), self._encoder().activation)

    def predict_log_proba(self, X: MatrixLike) -> np.ndarray:
        """Logarithm of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Logarithm of `predict_proba`.
        """
        X = self._checked(X, "predict_log_proba")
        chance = self._by_chunks(self._class_chances, X)
        with np.errstate(divide="ignore"):
            return namespace(chance).log(chance)

    def to_mlp(self) -> MLPClassifier:
        """The plain forward network as scikit-learn's class.

        Returns
        -------
        MLPClassifier
            A fitted copy with the same labels and probabilities, to rounding, where features are
            within ``layers_[0].input_limits``, which it lacks. Its parameters name the layers and
            the activation; those of training are the defaults of MLPClassifier, whose
            ``partial_fit`` would go on by backpropagation.

        Raises
        ------
        NotFittedError
            Where there is no network yet.
        ValueError
            Where the readout is Hebbian: its outputs are estimates of probabilities, which
            MLPClassifier would take for log odds. Where there is one class: MLPClassifier has
            probabilities of two then.
        """
        check_is_fitted(self)
        if len(self.classes_) == 1:
            raise ValueError(
                f"There is one class, {self.classes_.tolist()[0]!r}, and the predict_proba of an "
                "MLPClassifier would differ: it has two columns all the same."
            )
        if self.out_activation_ == "identity":
            raise ValueError(
                "readout='hebbian' estimates probabilities directly, and no MLPClassifier does: "
                "its predict_proba would differ. Fit with readout='softmax', or build on coefs_ "
                "and intercepts_, whose outputs are the estimates."
            )
        if self._multilabel:
            return forward_mlp(self, MLPClassifier, [[0] * self.n_outputs_], classes=self.classes_)
        return forward_mlp(self, MLPClassifier, self.classes_[:1], classes=self.classes_)
