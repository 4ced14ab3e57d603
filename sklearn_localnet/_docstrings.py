"""What the docstrings of both estimators share."""

from inspect import signature

_SHARED_PARAMETERS = """hidden_layer_sizes : int or sequence of one int, default=(100,)
        Number of pyramidal neurons k. Deeper networks are an error.
    activation : {{"relu", "identity", "tanh", "logistic"}}, default="relu"
        f of z = f(W1 x).
    solver : {{"adam", "sgd"}}, default="adam"
        "adam" gives every basal and readout synapse a step of its own size, measured against the
        size of its input, and consolidates: the fitted weights are an average over the last fifth
        of all updates, at most 1,000 (30 in a stream, which may drift). "sgd" takes the plain step
        of Eqs. (5) to (9).
    alpha : float, default={alpha}
        Weight decay of basal and readout synapses, decoupled from the step: each update takes away
        the part ``alpha * learning_rate * batch_size / 200`` ("auto" counts as 200; a batch of a
        stream as the rows it has). From {decay_rows} rows on (of the table, or of the stream so
        far) it falls as one over their number. After 64 updates, four are taken at every fourth.
    batch_size : int or "auto", default="auto"
        Rows that an update averages over; 1 is the paper's online rule, "auto" is 200 or as many
        as there are.
    learning_rate_init : float, default={learning_rate_init}
        eta_1 of the basal synapses, and the rate of a delta-rule readout.
    apical_rate : float in (0, 1], default=0.003
        eta_2 of Eq. (6), an absolute rate.
    interneuron_rate : float in (0, 1], default=0.006
        eta_q = eta / tau of Eqs. (7), (21) and (22), an absolute rate. Twice ``apical_rate``
        damps the two against each other.
    learning_rate_decay : float or None, default=None
        t_0 in samples: every rate is divided by 1 + t / t_0 after t samples; None keeps them.
    gain_damping : float, default=0.6
        kappa, the part of the averaged gain update that inhibition feels at once; 0 is Eq. (7) as
        published. It does not move the fixed points.
    n_interneurons : int, "n_hidden" or None, default=None
        None for one a target column; "n_hidden" for as many as pyramidal neurons, as in the paper.
    interneurons : {{"tied", "decoupled", "target"}}, default="tied"
        "tied" holds R = Q^T, Eq. (7); "decoupled" learns R on its own, Eqs. (21) and (22);
        "target" drives the interneurons by the target, dQ = z y^T - Q, a departure from the paper.
    modulation : {{"plateau", "surprise"}} or None, default={modulation}
        Broadcast gate on the plasticity of each row, one on average over a batch. "plateau": by how
        much the size of the row's plateau potentials exceeds 0.35 of the batch's mean, and zero
        below. "surprise": 0.1 plus one minus the readout's chance of the true class (for values
        1 - exp(-e^2 / 2) of its error e); it uses a prediction, which the paper's algorithm never
        does. A batch of one row is not gated.
    centering_rate : float in (0, 1] or None, default=0.01
        eps of Eq. (24); None switches mean subtraction off.
    fit_intercept : bool, default=True
        Whether the hidden layer has a constant input.
    readout : {{{readouts}}}, default={readout}
        {readout_text}
        "hebbian" reads with W2, the apical synapses.
    standardize_targets : bool, default=True
        {standardize} before they reach
        the apical dendrites; False passes them as they are. A stream estimates what it needs for
        this as it goes."""

_MORE_PARAMETERS = """dtype : {{"auto", "float32", "float64"}}, default="auto"
        Precision of training; "auto" takes float64 for at most 8,000 basal synapses, where it
        hardly costs more, and float32 beyond.
    max_iter : int, default=100
        Most epochs that ``fit`` takes.
    tol : float, default=1e-4
        Gain in loss (in score with ``early_stopping``) that counts as progress.
    n_iter_no_change : int, default=10
        Epochs without progress after which ``fit`` stops.
    early_stopping : bool, default=False
        Whether to hold rows out, stop by their score and keep the weights that scored best.
    validation_fraction : float in (0, 1), default=0.1
        Part of the rows to hold out for ``early_stopping``.
    shuffle : bool, default=True
        Whether ``fit`` takes the rows in a new random order each epoch.
    warm_start : bool, default=False
        Whether ``fit`` goes on from where the last call ended.
    verbose : bool, default=False
        Whether to print a line an epoch.
    random_state : int, RandomState instance or None, default=None
        Draws the first weights, the order of rows and the rows held out.
    beta_1, beta_2 : float in [0, 1), default=0.5, 0.999
        Memory of the two moments of the adaptive step.
    epsilon : float, default={epsilon}
        Added to what the adaptive step divides by, where plateaus and inputs have unit size: a
        synapse whose average product of the two is smaller than this takes smaller steps."""

_ATTRIBUTES = """basal_weights_ : ndarray of shape (n_hidden, n_features)
        W1.
    basal_intercepts_ : ndarray of shape (n_hidden,)
        Weights of the constant input.
    apical_weights_ : ndarray of shape (n_hidden, n_outputs)
        W2^T.
    interneuron_weights_ : ndarray of shape (n_hidden, n_interneurons)
        Q.
    pyramidal_to_interneuron_weights_ : ndarray of shape (n_interneurons, n_hidden)
        R; Q^T when tied.
    mean_activity_ : ndarray of shape (n_hidden,)
        zbar; zeros without centering.
    readout_weights_ : ndarray of shape (n_outputs, n_hidden)
        Readout of the activity; W2 when Hebbian.
    readout_intercepts_ : ndarray of shape (n_outputs,)
        Intercepts of the readout.
    coefs_, intercepts_ : lists of two ndarrays
        The plain forward network, as in MLPClassifier.
    loss_ : float
        Mean loss of the last epoch (of the last call of ``partial_fit``): log loss with a softmax
        readout, else Eq. (8) in encoded targets.
    loss_curve_ : list of float
        Loss of each epoch of ``fit``.
    gain_curve_ : list of ndarray of shape (n_interneurons,)
        Eigenvalues of mean z z^T within the directions that the interneurons span, largest first,
        after each epoch of ``fit``; the gain control holds them at one or below. They come from
        the last 200 rows or more of the epoch, which spreads them: equal ones by about
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
        Target columns; 3.
    out_activation_ : str
        "softmax", "logistic" or "identity".
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where these have names that are strings."""


def documented(**words):
    """Fill the shared parts into the docstring of an estimator, with its defaults and words."""

    def fill(cls):
        parameters = signature(cls.__init__).parameters
        facts = {name: _quoted(parameter.default) for name, parameter in parameters.items()}
        facts |= words | {"readouts": ", ".join(map(_quoted, cls._readouts))}
        facts["decay_rows"] = f"{cls._decay_rows:,}"
        cls.__doc__ = cls.__doc__.format(
            shared_parameters=_SHARED_PARAMETERS.format(**facts),
            more_parameters=_MORE_PARAMETERS.format(**facts),
            attributes=_ATTRIBUTES,
        )
        return cls

    return fill


def _quoted(value):
    return f'"{value}"' if isinstance(value, str) else str(value)
