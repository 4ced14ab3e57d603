"""Tables as people have them: rare classes, columns of one, dtypes of data frames, dates."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import BaggingClassifier
from small import assert_same_state, classifier, table

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
        with pytest.raises(ValueError, match="early_stopping holds out 1 of 9 rows"):
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
    with pytest.raises(ValueError, match=r"early_stopping holds out . of 5 rows.*validation_f"):
        model.fit(X, y)


@pytest.mark.parametrize("sizes", [5, (5, 4)])
@pytest.mark.parametrize("absent", [["class 1"], ["class 0", "class 2"], ["class 3"]])
def test_balanced_weights_pass_over_classes_without_weight(absent, sizes):
    X, y = rare((30, 20, 6, 4))
    weights = np.where(np.isin(y, absent), 0.0, np.linspace(1, 2, len(y)))
    model = classifier(hidden_layer_sizes=sizes, class_weight="balanced").fit(X, y, weights)
    held = np.array([weights[y == label].sum() for label in model.classes_])
    factors = dict(
        zip(model.classes_, held.sum() / ((held > 0).sum() * (held + 1e-9)), strict=True)
    )
    by_row = classifier(hidden_layer_sizes=sizes)
    by_row.fit(X, y, np.where(weights, weights * [factors[label] for label in y], 0))
    np.testing.assert_allclose(model.predict_proba(X), by_row.predict_proba(X), atol=1e-6)


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
