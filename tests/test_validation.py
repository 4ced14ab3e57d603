"""Bad input: an error that names the culprit, and an estimator that is as it was."""

import copy

import numpy as np
import pytest
from scipy.sparse import csr_array

from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor
from sklearn_localnet.rules import Microcircuit, Rule

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 4))
LABELS = np.arange(30) % 3
VALUES = X @ np.arange(4.0)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def with_entry(array, value):
    array = np.array(array, dtype=float)
    array.flat[5] = value
    return array


def small(cls, **parameters):
    return cls(**{"hidden_layer_sizes": 5, "max_iter": 2, "random_state": 0, **parameters})


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, Rule):
        return type(one) is type(other) and same(vars(one), vars(other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one is other or one == other


def assert_refused(model, method, arguments, error, culprit):
    """Refused with a message that holds the culprit's name, and nothing of the model changed."""
    before = copy.deepcopy(model.__getstate__())
    with pytest.raises(error, match=culprit):
        getattr(model, method)(*arguments[0], **arguments[1])
    assert same(before, model.__getstate__())


def arguments(*positional, **named):
    return positional, named


TABLES = {
    "NaN in X": (arguments(with_entry(X, np.nan), LABELS), r"\bX\b"),
    "infinity in X": (arguments(with_entry(X, np.inf), LABELS), r"\bX\b"),
    "sparse NaN": (arguments(csr_array(with_entry(X, np.nan)), LABELS), r"\bX\b"),
    "complex X": (arguments(X * 1j, LABELS), "(?i)complex"),
    "text in X": (arguments([["a", "b"]] * 30, LABELS), r"\bX\b|'a'"),
    "X of one dimension": (arguments(X[:, 0], LABELS), "2D"),
    "no rows": (arguments(X[:0], LABELS[:0]), "0 sample"),
    "no columns": (arguments(X[:, :0], LABELS), "0 feature"),
    "y too short": (arguments(X, LABELS[:-1]), r"\by\b"),
    "y missing": (arguments(X, None), r"\by\b"),
    "NaN in y": (arguments(X, with_entry(LABELS, np.nan)), r"\by\b"),
    "infinity in y": (arguments(X, with_entry(LABELS, np.inf)), r"\by\b"),
    "negative weight": (arguments(X, LABELS, with_entry(np.ones(30), -1)), "sample_weight"),
    "NaN weight": (arguments(X, LABELS, with_entry(np.ones(30), np.nan)), "sample_weight"),
    "no weight at all": (arguments(X, LABELS, np.zeros(30)), "sample_weight"),
    "too few weights": (arguments(X, LABELS, np.ones(29)), "sample_weight"),
    "weights of two dimensions": (arguments(X, LABELS, np.ones((30, 1))), "(?i)sample.weight"),
    "weights too large": (arguments(X, LABELS, np.full(30, 1e308)), "sample_weight"),
}


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_a_bad_table_is_refused(case, method, fitted, cls):
    given, culprit = TABLES[case]
    model = small(cls)
    if fitted:
        model.fit(X, LABELS)
    elif method == "partial_fit" and cls is LocalRuleClassifier:
        given = given[0], {**given[1], "classes": [0, 1, 2]}
    assert_refused(model, method, given, ValueError, culprit)


CLASSIFICATION = {
    "values": (arguments(X, VALUES), "(?i)unknown label type|continuous"),
    "several columns of classes": (arguments(X, np.c_[LABELS, LABELS]), r"\by\b"),
}


@pytest.mark.parametrize("case", CLASSIFICATION)
def test_targets_that_are_no_labels_are_refused(case):
    given, culprit = CLASSIFICATION[case]
    assert_refused(small(LocalRuleClassifier), "fit", given, ValueError, culprit)


@pytest.mark.parametrize("y", [["a"] * 30, np.full(30, 1e200)])
def test_targets_that_are_no_values_are_refused(y):
    assert_refused(small(LocalRuleRegressor), "fit", arguments(X, y), ValueError, r"\by\b|'a'")


@pytest.mark.parametrize(
    ("classes", "culprit"),
    [
        (None, "classes"),
        ([0, 1], r"\[2"),
        ([0, 0, 1, 2], "classes holds a label more than once"),
        ([1], r"labels \[0, 2"),
        ([[0, 1, 2]], r"classes must be a list of labels, got list of shape \(1, 3\)"),
        ({0, 1, 2}, "classes must be a list of labels, got set of"),
        (2, "classes must be a list of labels, got int of"),
        ([0, 1, np.nan], "classes"),
    ],
)
def test_bad_classes_are_refused_on_the_first_call(classes, culprit):
    given = arguments(X, LABELS, classes=classes)
    assert_refused(small(LocalRuleClassifier), "partial_fit", given, ValueError, culprit)


@pytest.mark.parametrize(
    ("y", "classes", "culprit"),
    [
        (LABELS + 1, None, r"\[3"),
        (["a"] * 30, None, "'a'"),
        (LABELS, [0, 1, 3], "classes"),
        (np.c_[LABELS > 0, LABELS > 1], None, r"\by\b"),
    ],
)
def test_other_classes_are_refused_on_a_later_call(y, classes, culprit):
    model = small(LocalRuleClassifier).partial_fit(X, LABELS, classes=[0, 1, 2])
    given = arguments(X, y, classes=classes)
    assert_refused(model, "partial_fit", given, ValueError, culprit)


def test_the_order_of_classes_does_not_matter():
    sorted_, mixed = small(LocalRuleClassifier), small(LocalRuleClassifier)
    sorted_.partial_fit(X, LABELS, classes=[0, 1, 2])
    mixed.partial_fit(X, LABELS, classes=[2, 0, 1]).partial_fit(X, LABELS, classes=[1, 2, 0])
    assert mixed.classes_.tolist() == [0, 1, 2]
    assert np.array_equal(sorted_.partial_fit(X, LABELS).coefs_[0], mixed.coefs_[0])


@pytest.mark.parametrize("sizes", [5, (5, 4)])
@pytest.mark.parametrize("method", ["predict", "transform", "compartments", "partial_fit"])
def test_another_number_of_features_is_refused(method, sizes):
    model = small(LocalRuleRegressor, hidden_layer_sizes=sizes).fit(X, VALUES)
    given = arguments(X[:, :3], VALUES) if method == "partial_fit" else arguments(X[:, :3])
    assert_refused(model, method, given, ValueError, "3 features.*4 features")


def test_another_number_of_outputs_is_refused():
    model = small(LocalRuleRegressor).fit(X, VALUES)
    given = arguments(X, np.c_[VALUES, VALUES])
    assert_refused(model, "partial_fit", given, ValueError, "2 outputs, expected 1")
    assert_refused(model, "compartments", given, ValueError, "2 outputs, expected 1")


def test_other_label_columns_are_refused():
    y = np.c_[LABELS > 0, LABELS > 1].astype(int)
    model = small(LocalRuleClassifier).fit(X, y)
    assert_refused(model, "partial_fit", arguments(X, np.c_[y, y]), ValueError, "label columns")
    assert_refused(model, "partial_fit", arguments(X, 2 * y), ValueError, "0 and 1|multioutput")


NUMBERS = {
    "alpha": [-1.0, "1", np.nan, np.inf, True, None],
    "learning_rate_init": [0.0, -1.0, "fast", np.nan, None],
    "rule__apical_rate": [0.0, 1.5, "slow", np.nan, None],
    "rule__interneuron_rate": [0.0, 1.5, [0.1], np.nan, None],
    "rule__warmup": [-1, 2.5, "long", np.inf, None, True],
    "learning_rate_decay": [0.0, -3, "never", np.inf],
    "rule__gain_damping": [-0.1, "much", np.nan, None],
    "centering_rate": [0.0, 2.0, "quick"],
    "batch_size": [0, -1, 1.5, "large", None, True],
    "max_iter": [0, 2.5, "many", None],
    "tol": [-1e-3, "tight", np.nan, None],
    "n_iter_no_change": [0, 1.5, -np.inf, np.nan, None],
    "validation_fraction": [1.0, np.inf, -0.5, "half", None],
    "beta_1": [-0.1, 1.0, "high", None],
    "beta_2": [-0.1, 1.0, "high", None],
    "epsilon": [0.0, -1e-8, "tiny", None],
    "rule__n_interneurons": [0, -2, 1.5, "all", True, None],
    "rule": ["unknown", None, 3, Microcircuit, {"apical_rate": 0.1}],
    "fit_intercept": ["yes", 1.5, None],
    "standardize_targets": ["yes", None],
    "early_stopping": ["yes", None],
    "shuffle": ["yes", None],
    "warm_start": ["yes", None],
    "verbose": ["yes", None],
    "activation": ["sigmoid", None, 3],
    "solver": ["lbfgs", None, 3],
    "rule__interneurons": ["free", None, 3],
    "modulation": ["error", 3],
    "readout": ["linear", None, 3],
    "dtype": ["float16", None, np.float32],
    "hidden_layer_sizes": [
        *[0, -1, "ten", b"5", 2.5, None, True],
        *[(), (5, 0), (-5, 5), (5, "ten"), (2.5,), (5, 5.0), (5, None), (True, 5), [[5]]],
    ],
    "class_weight": ["even", 3, {0: -1.0}, {0: np.nan}, {0: "heavy"}, [3]],
    "new_classes": ["grow", None, True],
    "random_state": ["seed", -1],
}
BAD_PARAMETERS = [(name, value) for name, values in NUMBERS.items() for value in values]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("fitted", [False, True])
def test_a_bad_parameter_is_refused_by_name(name, value, method, fitted):
    if name == "random_state" and method == "partial_fit" and fitted:
        return  # nothing is drawn then
    model = small(LocalRuleClassifier)
    if fitted:
        model.fit(X, LABELS)
    model.set_params(**{name: value})
    given = arguments(X, LABELS, **({} if method == "fit" else {"classes": [0, 1, 2]}))
    culprit = "(?i)seed|random" if name == "random_state" else name.removeprefix("rule__")
    assert_refused(model, method, given, (ValueError, TypeError), culprit)


def test_a_regressor_has_no_softmax():
    model = small(LocalRuleRegressor, readout="softmax")
    assert_refused(model, "fit", arguments(X, VALUES), ValueError, "readout")


def test_parameters_are_read_again_at_every_call():
    model = small(LocalRuleClassifier).partial_fit(X, LABELS, classes=[0, 1, 2])
    model.set_params(alpha=-1.0)
    assert_refused(model, "partial_fit", arguments(X, LABELS), ValueError, "alpha")


@pytest.mark.parametrize("n_interneurons", [2, "n_targets", "n_hidden"])
def test_target_driven_interneurons_are_one_a_target(n_interneurons):
    rule = Microcircuit(interneurons="target", n_interneurons=n_interneurons)
    model = small(LocalRuleClassifier, rule=rule, hidden_layer_sizes=(5, 4)).fit(X, LABELS)
    assert [layer.interneuron_weights.shape for layer in model.layers_] == [(5, 3), (4, 3)]


def test_a_stream_knows_neither_balance_nor_early_stopping():
    given = arguments(X, LABELS, classes=[0, 1, 2])
    model = small(LocalRuleClassifier, class_weight="balanced")
    assert_refused(model, "partial_fit", given, ValueError, "class_weight")
    model = small(LocalRuleClassifier, early_stopping=True)
    assert_refused(model, "partial_fit", given, ValueError, "early_stopping")


def test_class_weights_that_leave_nothing_are_refused():
    model = small(LocalRuleClassifier, class_weight={0: 0.0, 1: 0.0, 2: 0.0})
    assert_refused(model, "fit", arguments(X, LABELS), ValueError, "class_weight")
    given = arguments(X, LABELS, classes=[0, 1, 2])
    assert_refused(model, "partial_fit", given, ValueError, "class_weight")


def test_too_few_rows_to_hold_out_are_told():
    model = small(LocalRuleRegressor, early_stopping=True)
    assert_refused(model, "fit", arguments(X[:5], VALUES[:5]), ValueError, "validation_fraction")


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-6, 1e6])
@pytest.mark.parametrize("sizes", [5, (5, 4)])
def test_features_of_any_usual_size_are_learnt_without_a_warning(cls, scale, sizes):
    model = small(cls, hidden_layer_sizes=sizes, max_iter=20).fit(scale * X, LABELS)
    assert np.isfinite(model.predict(scale * X)).all()


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_too_large_to_learn_from_are_refused_by_name(cls, dtype):
    model = small(cls, dtype=dtype)
    assert_refused(model, "fit", arguments(1e300 * X, LABELS), ValueError, r"\bX\b.*large")


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
@pytest.mark.parametrize("sizes", [5, (5, 4), (1, 1, 1)])
def test_constant_columns_and_tables_are_learnt_without_a_warning(cls, sizes):
    table, model = np.c_[X, np.full(30, 7.0), np.zeros(30)], small(cls, hidden_layer_sizes=sizes)
    assert np.isfinite(model.fit(table, LABELS).predict(table)).all()
    assert np.isfinite(model.fit(np.zeros((30, 2)), LABELS).predict(np.zeros((3, 2)))).all()


def test_a_constant_target_is_predicted():
    model = small(LocalRuleRegressor).fit(X, np.full(30, 1e-300))
    assert np.allclose(model.predict(X), 1e-300, rtol=0, atol=1e-2)


def test_features_whose_sum_overflows_are_finite_all_the_same():
    model = small(LocalRuleRegressor, dtype="float64").fit(X, 1e-6 * VALUES)
    rows = np.full((3, 4), 3e38, dtype=np.float32)
    expected = model.predict(rows.tolist()).astype(np.float32)
    np.testing.assert_array_equal(model.predict(rows), expected)
