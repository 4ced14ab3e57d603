"""Tables as people have them: rare classes, columns of one, dtypes of data frames, dates."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import KFold, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small import assert_same_state, classifier, regressor, table, values

from sklearn_localnet import published
from sklearn_localnet.rules import RULES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Rare classes


def rare(counts, n_features=3):
    """Rows of classes "class 0", "class 1", ... that are there ``counts`` times."""
    labels = np.repeat([f"class {place}" for place in range(len(counts))], counts)
    X = np.random.default_rng(0).standard_normal((len(labels), n_features))
    return X, labels


@pytest.mark.parametrize(
    "counts", [(30, 20, 1), (30, 1), (9, 1, 1, 1), (2,) * 40, (1,) * 20, (5, 4)], ids=str
)
@pytest.mark.parametrize("fraction", [0.1, 0.4, 0.75])
@pytest.mark.parametrize("sizes", [5, (5, 4)])
@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
def test_early_stopping_takes_rare_classes(counts, fraction, sizes):
    X, y = rare(counts)
    options = {"early_stopping": True, "validation_fraction": fraction, "max_iter": 3}
    model = classifier(hidden_layer_sizes=sizes, **options)
    if fraction * len(y) <= 1:
        with pytest.raises(ValueError, match="early_stopping holds out 1 rows of n_samples=9"):
            model.fit(X, y)
        return
    chances = model.fit(X, y).predict_proba(X)
    assert_array_equal(model.classes_, np.unique(y))
    assert np.isfinite(chances).all()
    assert len(model.validation_scores_) == 3


def test_rows_held_out_are_stratified_but_for_classes_of_one_row():
    codes = np.repeat([0, 1, 2], (60, 30, 1))
    model = classifier(early_stopping=True, validation_fraction=0.2)
    for seed in range(5):
        train, held_out = model._split(codes, None, np.random.RandomState(seed))
        assert_array_equal(np.sort(np.r_[train, held_out]), np.arange(91))
        counts = np.bincount(codes[held_out], minlength=3)
        assert counts.sum() == 19
        assert counts[0] in (12, 13)
        assert counts[2] == 0


@pytest.mark.parametrize("fraction", [0.1, 0.999])
def test_rows_that_cannot_be_held_out_are_told(fraction):
    X, y = rare((3, 2))
    model = classifier(early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match=r"holds out . rows of n_samples=5.*validation_f"):
        model.fit(X, y)


@pytest.mark.parametrize("sizes", [5, (5, 4)])
@pytest.mark.parametrize("absent", [["class 1"], ["class 0", "class 2"], ["class 3"]])
def test_balanced_weights_pass_over_classes_without_weight(absent, sizes):
    X, y = rare((30, 20, 6, 4))
    weights = np.where(np.isin(y, absent), 0.0, np.linspace(1, 2, len(y)))
    options = {"hidden_layer_sizes": sizes, "readout": "hebbian"}  # which has no last phase
    model = classifier(class_weight="balanced", **options).fit(X, y, weights)
    held = np.array([weights[y == label].sum() for label in model.classes_])
    factors = dict(
        zip(model.classes_, held.sum() / ((held > 0).sum() * (held + 1e-9)), strict=True)
    )
    by_row = classifier(**options)
    by_row.fit(X, y, np.where(weights, weights * [factors[label] for label in y], 0))
    np.testing.assert_allclose(model.predict_proba(X), by_row.predict_proba(X), atol=1e-6)


def test_weights_that_cannot_be_balanced_are_refused_without_a_numpy_warning():
    X, y = rare((30, 20, 6))
    weights = np.ones(56)
    weights[30:50] = 0
    weights[40] = 1e-310
    with pytest.raises(ValueError, match="class_weight makes the sum of the weights too large"):
        classifier(class_weight="balanced").fit(X, y, weights)


def test_balanced_weights_pass_over_classes_that_a_warm_start_lacks():
    X, y = rare((30, 20, 6))
    model = classifier(class_weight="balanced", warm_start=True).fit(X, y)
    assert np.isfinite(model.fit(X[:50], y[:50]).predict_proba(X)).all()


def test_bags_of_balanced_networks_with_a_rare_class():
    X, y = rare((30, 20, 1))
    bag = BaggingClassifier(classifier(class_weight="balanced", max_iter=3), random_state=0)
    assert np.isfinite(bag.fit(X, y).predict_proba(X)).all()


@pytest.mark.parametrize("labels", ["int", "float", "str"])
def test_class_weights_are_of_labels_of_any_type(labels):
    X, y = table("multiclass")
    y = y.astype(labels)
    heavy = np.unique(y)[2]
    by_class = classifier(class_weight={heavy: 3.0}).fit(X, y)
    by_row = classifier().fit(X, y, np.where(y == heavy, 3.0, 1.0))
    assert_same_state(by_class, by_row)


@pytest.mark.parametrize(
    ("class_weight", "culprit"),
    [
        ({"clas 0": 2.0}, r"class_weight has weights for \['clas 0'\].*none for.*'class 0'"),
        ([{0: 1.0, 1: 2.0}], "class_weight is a list"),
    ],
)
def test_class_weights_that_fit_no_class_are_refused(class_weight, culprit):
    X, y = rare((30, 20, 6))
    with pytest.raises(ValueError, match=culprit):
        classifier(class_weight=class_weight).fit(X, y)


ONE_CLASS = [
    {},
    {"readout": "hebbian"},
    {"solver": "sgd", "batch_size": 1},
    {"early_stopping": True},
    {"class_weight": "balanced"},
    {"standardize_targets": False, "modulation": "surprise"},
    published(batch_size=7, hidden_layer_sizes=5),
]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("label", [4, "a", True])
@pytest.mark.parametrize("options", ONE_CLASS, ids=str)
@pytest.mark.parametrize("rule", [None, *RULES])
def test_one_class_is_predicted_for_every_row(rule, options, label, method):
    X, y = values(None)[0], [label] * 150
    parameters = options if rule is None or "rule" in options else {**options, "rule": rule}
    model = classifier(**parameters)
    if method == "fit":
        model.fit(X, y)
    elif not {"early_stopping", "class_weight"} & set(options):
        model.partial_fit(X, y, classes=[label]).partial_fit(X, y)
    else:
        return
    assert model.classes_.tolist() == [label]
    assert model.predict(X).tolist() == y
    assert_array_equal(model.predict_proba(X), np.ones((150, 1)))
    assert (model.decision_function(X) < 0).all()
    assert model.score(X, y) == 1
    with pytest.raises(ValueError, match="are not among the classes"):
        model.set_params(warm_start=True).fit(X, [label] * 149 + [5])


@pytest.mark.parametrize("seed", range(20))
def test_one_class_is_likelier_than_none_before_much_is_learnt(seed):
    X = values(None)[0]
    for readout in ("softmax", "hebbian"):
        model = classifier(readout=readout, random_state=seed)
        model.partial_fit(X[:30], [4] * 30, classes=[4])
        assert (model.decision_function(X) < 0).all()


def test_folds_and_votes_of_one_class_are_taken():
    X, y = rare((40, 2))
    scores = cross_val_score(classifier(), X, y, cv=KFold(3))
    assert scores[2] == 12 / 14  # learnt from rows of one class
    vote = VotingClassifier([("one", classifier()), ("other", classifier())], voting="soft")
    assert_array_equal(vote.fit(X[:40], y[:40]).predict(X), y[:1].repeat(42))


def test_one_class_is_no_mlp():
    with pytest.raises(ValueError, match="one class, 'a'"):
        classifier().fit(values(None)[0], ["a"] * 150).to_mlp()


# Columns of one


@pytest.mark.parametrize("make", [np.asarray, list, pd.DataFrame])
@pytest.mark.parametrize("sizes", [5, (5, 4)])
@pytest.mark.parametrize("task", ["labels", "values"])
def test_a_column_of_targets_is_taken_as_a_row_of_them_with_a_warning(task, sizes, make):
    X, y = table("multiclass") if task == "labels" else values(None)
    start = classifier if task == "labels" else regressor
    first = {"classes": np.unique(y)} if task == "labels" else {}
    expected = start(hidden_layer_sizes=sizes).fit(X, y).partial_fit(X, y)
    stream = start(hidden_layer_sizes=sizes).partial_fit(X, y, **first)
    column = make(y[:, None])
    with pytest.warns(DataConversionWarning, match="ravel"):
        model = start(hidden_layer_sizes=sizes).fit(X, column)
    with pytest.warns(DataConversionWarning, match="ravel"):
        model.partial_fit(X, column)
    with pytest.warns(DataConversionWarning, match="ravel"):
        assert_same_state(start(hidden_layer_sizes=sizes).partial_fit(X, column, **first), stream)
    assert_same_state(model, expected)
    assert model.predict(X).shape == (150,)
    assert model.score(X, y) == expected.score(X, y)


def test_a_sparse_column_of_labels_is_taken_with_a_warning():
    X, y = table("binary")
    with pytest.warns(DataConversionWarning, match="ravel"):
        model = classifier().fit(X, csr_array(y[:, None]))
    assert_same_state(model, classifier().fit(X, y))


@pytest.mark.parametrize("y", [np.ones((150, 2), dtype=int), np.full((150, 3), 4)])
def test_columns_of_labels_after_one_label_a_row_are_refused(y):
    X, labels = table("multiclass")
    with pytest.raises(ValueError, match=r"\by\b"):
        classifier().fit(X, labels).partial_fit(X, y)


# Dtypes of data frames


def of_two_classes():
    X, y = table("binary")
    return X, (y > 0).astype(int)


EXTENSION_TYPES = {
    "booleans": (np.array([False, True]), ["boolean", "bool[pyarrow]"]),
    "numbers": (np.array([-3, 4]), ["Int64", "Int8", "int32[pyarrow]"]),
    "large numbers": (np.array([2**60, 2**60 + 1]), ["Int64", "UInt64", "uint64[pyarrow]"]),
    "words": (np.array(["no", "yes"]), ["string", "string[pyarrow]", "str"]),
}
CASES = [(kind, dtype) for kind, (_, dtypes) in EXTENSION_TYPES.items() for dtype in dtypes]
FORMS = {
    "a series": lambda labels: labels,
    "an array": lambda labels: labels.array,
    "an index": pd.Index,
    "categories": lambda labels: labels.astype("category"),
    "a column": lambda labels: labels.to_frame(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("kind", "dtype"), CASES)
@pytest.mark.filterwarnings("ignore:A column-vector y:sklearn.exceptions.DataConversionWarning")
def test_labels_of_extension_dtypes_keep_their_values(kind, dtype, form):
    X, codes = of_two_classes()
    plain = EXTENSION_TYPES[kind][0]
    labels = FORMS[form](pd.Series(plain[codes], dtype=dtype))
    stream = classifier().partial_fit(X, labels, classes=pd.Series(plain, dtype=dtype))
    stream.partial_fit(X, plain[codes], classes=plain.tolist()).partial_fit(X, labels)
    expected = classifier().partial_fit(X, codes, classes=[0, 1])
    expected.partial_fit(X, codes).partial_fit(X, codes)
    for model, like in (
        (stream, expected),
        (classifier().fit(X, labels), classifier().fit(X, codes)),
    ):
        assert_same_state(model, like)
        assert model.classes_.tolist() == plain.tolist()
        assert model.classes_.dtype.kind in (plain.dtype.kind, "u" if "U" in dtype.upper() else "-")
        assert_array_equal(model.predict(X), plain[like.predict(X)])


@pytest.mark.parametrize("pair", [("int64", "uint64"), ("uint64", "int64")])
def test_large_numbers_are_found_among_classes_of_the_other_sign(pair):
    X, codes = of_two_classes()
    ids = 2**60 + codes
    model = classifier().partial_fit(X, ids.astype(pair[0]), classes=np.unique(ids).astype(pair[1]))
    assert_same_state(model, classifier().partial_fit(X, codes, classes=[0, 1]))
    with pytest.raises(ValueError, match=str(2**60 + 2)):
        model.partial_fit(X, (ids + 1).astype(pair[0]))


MISSING = {
    "booleans": ([True, None, False], ["boolean", "bool[pyarrow]", object]),
    "numbers": ([1, None, 2], ["Int64", "int64[pyarrow]", object, "float64"]),
    "words": (["a", None, "b"], ["string", "string[pyarrow]", "str", "category", object]),
}


@pytest.mark.parametrize("make", [pd.Series, pd.Index, list, pd.DataFrame])
@pytest.mark.parametrize(
    ("labels", "dtype"),
    [(labels, dtype) for labels, dtypes in MISSING.values() for dtype in dtypes],
)
def test_missing_labels_are_refused_by_name(labels, dtype, make):
    X, column = np.eye(3), pd.Series(labels, dtype=dtype)
    given = labels if make is list else make(column)
    with pytest.raises(ValueError, match=r"\by (holds missing values|contains NaN)"):
        classifier().fit(X, given)
    with pytest.raises(ValueError, match=r"\bclasses (holds missing values|contains NaN)"):
        classifier().partial_fit(X, [1, 2, 1], classes=given)


# Dates

DAYS = pd.date_range("2020-01-01", periods=150)
DATES = {
    "index": DAYS,
    "array": DAYS.to_numpy(),
    "of a zone": DAYS.tz_localize("UTC"),
    "durations": DAYS - DAYS[0],
    "list": list(DAYS),
    "list of days": [day.date() for day in DAYS],
    "list of durations": list(DAYS - DAYS[0]),
    "objects": np.array([*DAYS.to_numpy()], dtype=object),
    "durations as objects": np.array([*(DAYS - DAYS[0]).to_numpy()], dtype=object),
    "missing": np.full(150, np.datetime64("NaT", "s")),
    "missing among numbers": np.array([1.0] * 149 + [pd.NaT], dtype=object),
    "frame": pd.DataFrame({"day": DAYS, "size": 1.0}),
    "frame of objects": pd.DataFrame({"day": DAYS, "size": 1.0}, dtype=object),
    "arrow": pd.Series(DAYS).astype("timestamp[ns][pyarrow]"),
    "arrow days": pd.Series(DAYS).astype("date32[pyarrow]"),
    "polars": pl.Series(DAYS.to_numpy()),
    "polars frame": pl.DataFrame({"day": DAYS.to_numpy(), "size": 1}),
}


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_dates_are_no_numbers(name, method):
    X, y = values(None)
    dates = DATES[name]
    frame = pl.DataFrame if isinstance(dates, pl.Series) else pd.DataFrame
    column = dates if len(np.shape(dates)) == 2 else frame({"day": dates})
    with pytest.raises(ValueError, match=r"^y holds dates"):
        getattr(regressor(), method)(X, dates)
    with pytest.raises(ValueError, match=r"^X holds dates"):
        getattr(regressor(), method)(column, y)
    with pytest.raises(ValueError, match=r"^X holds dates"):
        regressor().fit(X[:, : np.shape(column)[1]], y).predict(column)
    if len(np.shape(dates)) == 1:
        with pytest.raises(ValueError, match=r"^sample_weight holds dates"):
            getattr(regressor(), method)(X, y, dates)


def test_dates_may_be_labels():
    X, codes = of_two_classes()
    model = classifier().fit(X, DAYS[codes])
    assert_array_equal(model.predict(X), DAYS[classifier().fit(X, codes).predict(X)])


# Warnings


def short():
    return regressor(max_iter=1)


CALLS = {
    "fit": lambda X, y: short().fit(X, y),
    "fit of a pipeline": lambda X, y: make_pipeline(StandardScaler(), short()).fit(X, y),
    "fit_transform": lambda X, y: short().fit_transform(X, y),
    "fit of a wrapper": lambda X, y: MultiOutputRegressor(short()).fit(X, y[:, None]),
    "partial_fit with a column": lambda X, y: short().partial_fit(X, y[:, None]),
}


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("call", CALLS)
def test_warnings_point_at_the_line_that_called(call):
    X, y = values(None)
    with pytest.warns((ConvergenceWarning, DataConversionWarning)) as caught:
        CALLS[call](X, y)
    (found,) = caught
    assert found.filename == __file__
    assert found.lineno == CALLS[call].__code__.co_firstlineno


# Precision


@pytest.mark.parametrize("make", [np.asarray, csr_array, pd.DataFrame])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("training", ["float32", "float64"])
def test_predictions_are_in_float32_where_the_features_are(dtype, training, make):
    if make is csr_array and dtype == "float16":
        return  # scipy has none
    X, y = table("binary")
    X = make((3 * X).astype(dtype))
    results = [regressor(dtype=training, early_stopping=True).fit(X, y).predict(X)]
    for labels in (y, np.arange(150) % 3):
        for readout in ("softmax", "hebbian"):
            model = classifier(dtype=training, readout=readout).fit(X, labels)
            results += [model.predict_proba(X), model.decision_function(X), model.transform(X)]
            results += [model.predict_log_proba(X)]
            assert_array_equal(model.predict(X).dtype, labels.dtype)
    expected = "float32" if dtype == "float32" else training
    found = {result.dtype for result in results[1:]}
    assert found == {np.dtype(expected)}
    assert results[0].dtype == ("float32" if dtype == "float32" else "float64")


def test_predictions_in_float32_are_those_in_float64_rounded():
    X, y = values(None)
    model = regressor().fit(X, y)
    expected = model.predict(X.astype(np.float64))
    assert_array_equal(model.predict(X), expected.astype(np.float32))
    large = regressor().fit(X, 1e40 * y)
    with pytest.raises(ValueError, match=r"too large for results in float32.*float64"):
        large.predict(X)
    assert np.isfinite(large.predict(X.astype(np.float64))).all()


# Parameters as MLPClassifier takes them


@pytest.mark.parametrize("start", [classifier, regressor])
def test_training_goes_on_to_the_last_epoch_where_patience_is_endless(start):
    X, y = table("binary")
    model = start(n_iter_no_change=np.inf, tol=1e9, max_iter=30).fit(X, y)
    assert model.n_iter_ == 30


@pytest.mark.parametrize("fraction", [0, 0.0])
def test_no_rows_are_held_out_unless_they_are_needed(fraction):
    X, y = table("binary")
    assert_same_state(classifier(validation_fraction=fraction).fit(X, y), classifier().fit(X, y))
    with pytest.raises(ValueError, match=r"holds out 0 rows of n_samples=150.*validation_fraction"):
        classifier(validation_fraction=fraction, early_stopping=True).fit(X, y)


@pytest.mark.parametrize("make", [np.array, pd.Series, pd.Index, pd.array, tuple, np.uint8])
def test_sizes_of_layers_come_in_any_sequence(make):
    X, y = table("binary")
    sizes = make([5, 4])
    model = classifier(hidden_layer_sizes=sizes).partial_fit(X, y, classes=[-5, 5])
    expected = classifier(hidden_layer_sizes=(5, 4)).partial_fit(X, y, classes=[-5, 5])
    assert_same_state(model.partial_fit(X, y), expected.partial_fit(X, y))
    model.set_params(hidden_layer_sizes=make([5, 3]))
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.partial_fit(X, y)
