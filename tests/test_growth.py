"""Classes that come in the middle of a stream: what grows, what stays, and what is learnt."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from networks import FEATURES, RATES, make, make_batches
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler
from small import assert_same_state, state

from sklearn_localnet import LocalRuleClassifier, published
from sklearn_localnet.estimators._targets import LabelEncoder
from sklearn_localnet.network._forward import hidden_output
from sklearn_localnet.network._grow import grow
from sklearn_localnet.network._inspect import with_derived
from sklearn_localnet.network._network import Batch
from sklearn_localnet.network._readout import probabilities, scores
from sklearn_localnet.network._reference import Reference
from sklearn_localnet.network._start import start
from sklearn_localnet.rules import RULES, KolenPollack, Microcircuit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Classes before, and all of them after.
GROWTH = [("b", "bc"), ("b", "ab"), ("b", "abc"), ("bd", "abd"), ("bd", "bcde"), ("bdf", "abcdef")]
MODES = ["tied", "decoupled", "target"]


def classes_of(letters):
    return LabelEncoder(np.array(list(letters)), multilabel=False)


def plan_of(encoder, rule, hidden=(7, 5), hebbian=False, solver="adam"):
    return make(
        rule=RULES[rule]() if isinstance(rule, str) else rule,
        output="identity" if hebbian else encoder.activation,
        hebbian=hebbian,
        hidden=hidden,
        layer_sizes=(FEATURES, *hidden, encoder.n_columns),
        solver=solver,
    )


def grown(before, after, rule, n_seen=100, **options):
    """Plans and states of a network that learnt a little, before and after more classes came."""
    before, after = classes_of(before), classes_of(after)
    old = plan_of(before, rule, **options)
    batches = make_batches(old)
    if len(before.classes) == 1:  # no row is of another
        batches = [b._replace(target=0 * b.target, truth=0 * b.truth) for b in batches]
    engine = Reference(old, start(old, batches[0], np.random.default_rng(0)))
    for batch in batches:
        engine.learn(batch, RATES)
    new = plan_of(after, rule, **options)
    rows = np.eye(max(2, len(after.classes)))[: len(after.classes), -new.layer_sizes[-1] :]
    share = np.full(len(rows), 1 / len(rows))
    batch = Batch(batches[0].x[: len(rows)], rows - share @ rows, rows, share, 1.0)
    columns = after.columns_from(before)
    state = grow(new, engine.state, columns, batch, np.random.default_rng(1), n_seen)
    return (old, engine.state), (new, state), columns


def read(plan, arrays, x):
    """Scores of rows, one for each class."""
    output = hidden_output(arrays[:-1], x, plan.activation)
    hidden = [*arrays[:-1], plan.readout.arrays(arrays)]
    found = scores(hidden[-1], output)
    return np.hstack([0 * found, found]) if found.shape[1] == 1 else found


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize(("before", "after"), GROWTH)
def test_no_row_is_decided_otherwise_by_a_network_that_grew(before, after, rule):
    (old, state), (new, larger), _ = grown(before, after, rule)
    x = 30 * np.random.default_rng(2).standard_normal((500, FEATURES))
    kept = np.isin(list(after), list(before))
    for places, more in ((state.labile, larger.labile), (state.weights, larger.weights)):
        first, then = read(old, places, x)[:, : len(before)], read(new, more, x)
        apart = first - first[:, :1]
        assert_allclose(then[:, kept] - then[:, kept][:, :1], apart, rtol=1e-9, atol=1e-9)
        assert np.all(then[:, ~kept].max(axis=1) < then[:, kept].max(axis=1))
        if len(after) == 2:  # the one column said before how likely another class is
            odds = (then[:, ~kept] - then[:, kept])[:, 0]
            assert_allclose(odds, read(old, places, x)[:, 1] - np.log1p(100), rtol=1e-9)
            continue
        # A class that n rows did not show is as likely as one row in n at most.
        chance = probabilities(then, "softmax")
        assert chance[:, ~kept].max() <= (1 + 1e-9) / (len(before) + 100)


@pytest.mark.parametrize("rule", ["feedback_alignment", "kolen_pollack"])
@pytest.mark.parametrize(("before", "after"), GROWTH[2:])
def test_a_hebbian_readout_of_its_own_decides_as_before(before, after, rule):
    (old, state), (new, larger), _ = grown(before, after, rule, hebbian=True)
    x = np.random.default_rng(2).standard_normal((50, FEATURES))
    kept = np.isin(list(after), list(before))
    first, then = read(old, state.labile, x), read(new, larger.labile, x)
    if len(before) == 2:  # one column, which says the opposite of the first class
        assert_allclose(then[:, kept], np.hstack([-first[:, 1:], first[:, 1:]]), atol=1e-12)
    elif len(before) > 2:
        assert_allclose(then[:, kept], first, atol=1e-12)
    assert_allclose(then[:, ~kept], then[:, kept].mean(axis=1, keepdims=True) + 0 * then[:, ~kept])


@pytest.mark.parametrize("rule", [*sorted(RULES), *(Microcircuit(interneurons=m) for m in MODES)])
@pytest.mark.parametrize("hebbian", [False, True])
@pytest.mark.parametrize(("before", "after"), GROWTH)
def test_a_network_that_grew_learns_on(before, after, rule, hebbian):
    _, (new, state), _ = grown(before, after, rule, hebbian=hebbian)
    engine = Reference(new, state)
    for batch in make_batches(new):
        assert np.isfinite(engine.learn(batch, RATES))
    for place, arrays in enumerate(state.labile):
        for name, kind in new.synapses[place].items():
            moved = not np.array_equal(engine.labile[place][name], arrays[name])
            assert moved == bool(kind.sees), name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n_interneurons", ["auto", "n_targets", 2])
def test_a_new_target_has_an_interneuron_that_starts_as_its_apical_synapses(mode, n_interneurons):
    rule = Microcircuit(interneurons=mode, n_interneurons=n_interneurons)
    (_, state), (_, larger), columns = grown("bdf", "abcdef", rule, hidden=(40, 30))
    new, driven = columns.new, mode == "target"
    for before, layer in zip(state.labile[:-1], larger.labile[:-1], strict=True):
        apical, inter = layer["apical_weights"], layer["interneuron_weights"]
        old = before["interneuron_weights"]
        assert_array_equal(apical[:, ~new], before["apical_weights"])
        assert np.linalg.norm(apical[:, new], axis=0).min() > 0.1
        if n_interneurons == 2 and not driven:
            assert_array_equal(inter, old)
            continue
        own = np.flatnonzero(new) if driven else np.arange(3, 6)
        assert_array_equal(inter[:, own], apical[:, new])
        others = (
            np.flatnonzero(~new)
            if driven
            else np.delete(np.arange(len(old.T)), own[own < len(old.T)])
        )
        assert_array_equal(inter[:, others], old[:, columns.source[others] if driven else others])


def gain_control(plan, arrays):
    """Q R of the first layer, and W2 y for unit targets."""
    layer = with_derived(plan, arrays)[0]
    Q, R = layer["damped_interneuron_weights"], layer["damped_back_weights"]
    return Q, R, layer["apical_weights"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("damping", [0.0, 0.4])
def test_the_teaching_signal_is_doubled_where_one_column_becomes_two(mode, damping):
    rule = Microcircuit(interneurons=mode, gain_damping=damping)
    (old, state), (new, larger), columns = grown("bd", "bdf", rule, hidden=(40,))
    Q, R, apical = gain_control(old, state.labile)
    then_Q, then_R, then_apical = gain_control(new, larger.labile)
    y = np.array([-1.0, 1.0, 0.0])  # of a row of the second class
    assert_allclose(then_apical @ y, 2 * apical[:, 0], rtol=1e-12)
    # One interneuron is for the new class, and some may be made beside those that were there.
    w = then_apical[:, columns.new]
    if mode != "target":
        then_Q, then_R = then_Q[:, : len(R)], then_R[: len(R)]
        Q, R = np.delete(Q, 1, axis=1), np.delete(R, 1, axis=0)
    assert_allclose(then_Q @ then_R, 2 * Q @ R + w @ w.T, rtol=1e-9, atol=1e-12)


def test_feedback_beside_the_readout_stays_as_near_to_its_transpose():
    (_, state), (_, larger), columns = grown("bd", "bdf", KolenPollack())
    gaps = [
        places[-2]["feedback_weights"] - places[-1]["readout_weights"].T
        for places in (state.labile, larger.labile)
    ]
    assert_allclose(gaps[1][:, ~columns.new], 0.5 * gaps[0] * [[-1, 1]], atol=1e-12)


@pytest.mark.parametrize(("before", "after"), GROWTH)
def test_moments_of_what_was_there_stay_and_new_ones_start_at_zero(before, after):
    (_, state), (_, larger), columns = grown(before, after, "microcircuit")
    for order, old, new in zip((2, 1), state.moments, larger.moments, strict=True):
        expected = old[-1]["readout_weights"][columns.source] * columns.sign[:, None] ** order
        expected[columns.new] = 0
        assert_array_equal(new[-1]["readout_weights"], expected)
        assert_array_equal(new[0]["basal_weights"], old[0]["basal_weights"])


# Streams


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    order = np.random.default_rng(0).permutation(len(y))
    order = np.concatenate([order[y[order] != 1][:20], order])
    return X[order], np.array([5, 3, 4])[y[order]]


def network(sizes=10, **options):
    return LocalRuleClassifier(sizes, new_classes="add", random_state=0, **options)


OPTIONS = {
    "defaults": {},
    "two layers": {"sizes": (10, 8)},
    "rows one by one": {"batch_size": 1},
    "decoupled": {"rule": Microcircuit(interneurons="decoupled")},
    "damped": {"rule": Microcircuit(gain_damping=0.4)},
    "damped, decoupled": {"rule": Microcircuit(gain_damping=0.4, interneurons="decoupled")},
    "target-driven": {"rule": Microcircuit(interneurons="target"), "sizes": (10, 8)},
    "an interneuron a target": {"rule": Microcircuit(n_interneurons="n_targets")},
    "hebbian": {"readout": "hebbian", "sizes": (10, 8)},
    "plain steps": {"solver": "sgd", "learning_rate_init": 0.05},
    "raw targets": {"standardize_targets": False},
    "single precision": {"dtype": "float32"},
    **{rule: {"rule": rule, "sizes": (10, 8)} for rule in sorted(RULES)},
    "kolen_pollack, hebbian": {"rule": "kolen_pollack", "readout": "hebbian"},
}
EVERY_OPTION = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())


@EVERY_OPTION
@pytest.mark.parametrize("inner", [range(8, 198, 8), [16, 24, 184], [24, 32, 48]])
def test_a_stream_in_chunks_that_grows_is_the_whole_to_the_bit(wine, options, inner):
    X, y = wine
    whole = network(**{"batch_size": 8} | options)
    parts = clone(whole)
    for first, stop in pairwise([0, *inner, len(y)]):
        parts.partial_fit(X[first:stop], y[first:stop])
    whole.partial_fit(X, y)
    assert parts.t_ == whole.t_ == len(y)
    assert parts.classes_.tolist() == whole.classes_.tolist() == [3, 4, 5]
    assert_same_state(parts, whole)


@EVERY_OPTION
def test_a_pickle_goes_on_growing_to_the_bit(wine, options):
    X, y = wine
    options = {"random_state": None} | options
    straight = LocalRuleClassifier(options.pop("sizes", 10), new_classes="add", **options)
    kept = None
    for first in range(0, len(y), 5):
        rows = slice(first, first + 5)
        straight.partial_fit(X[rows], y[rows])
        kept = copy.deepcopy(straight) if kept is None else kept.partial_fit(X[rows], y[rows])
        kept = pickle.loads(pickle.dumps(kept))
    assert_same_state(kept, straight)
    assert_array_equal(
        kept.partial_fit(X, y).predict_proba(X), straight.partial_fit(X, y).predict_proba(X)
    )


@EVERY_OPTION
def test_late_classes_are_learnt_as_those_that_were_named(wine, options):
    X, y = wine
    score = {}
    for known in (False, True):
        model = network(**options).set_params(new_classes="raise" if known else "add")
        for _ in range(12):
            for first in range(0, len(y), 5):
                rows = slice(first, first + 5)
                model.partial_fit(X[rows], y[rows], classes=[3, 4, 5] if known else None)
        score[known] = model.score(X, y)
    assert score[False] > score[True] - 0.03


def test_seven_digits_first_and_three_later():
    X, y = load_digits(return_X_y=True)
    found = []
    for seed, late in enumerate([(7, 8, 9), (0, 1, 2), (3, 8, 5)]):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(y))
        train, test = order[:1400], order[1400:]
        first = train[~np.isin(y[train], late)]
        model = LocalRuleClassifier(new_classes="add", random_state=seed)
        for rows in [rng.permutation(part) for part in (first, first, train, train)]:
            for place in range(0, len(rows), 10):
                chunk = rows[place : place + 10]
                model.partial_fit(X[chunk], y[chunk])
        is_late = np.isin(y[test], late)
        found.append(
            (model.score(X[test], y[test]), model.score(X[test[is_late]], y[test[is_late]]))
        )
    overall, on_late = np.mean(found, axis=0)
    assert overall >= 0.95
    assert on_late >= 0.94


# What people do with it


LABELS = {
    "int": ([3, 10], [-4]),
    "str": (["no", "yes"], ["perhaps"]),
    "object": (np.array(["no", "yes"], dtype=object), np.array(["perhaps"], dtype=object)),
    "float": ([1.0, 2.0], [1.5]),
    "bool": ([False], [True]),
    "column": ([[3], [10]], [[-4]]),
}


@pytest.mark.parametrize(("first", "later"), LABELS.values(), ids=LABELS.keys())
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_of_any_type_are_added_in_their_order(first, later):
    if np.asarray(later).dtype.kind == "f":
        later = [3.0]
    X = np.random.default_rng(0).standard_normal((6, 3))
    first, later = np.resize(first, (6, *np.shape(first)[1:])), np.asarray(later)
    model = network(5).partial_fit(X, first)
    model.partial_fit(X[: len(later)], later)
    expected = np.unique(np.concatenate([first, later]))
    assert model.classes_.tolist() == expected.tolist()
    assert model.classes_.dtype.kind == expected.dtype.kind.replace("O", "U")
    assert set(model.predict(X)) <= set(expected.tolist())


def test_before_a_second_class_comes_every_row_is_of_the_first(wine):
    X = wine[0]
    model = network().partial_fit(X[:20], ["only"] * 20)
    assert set(model.predict(X)) == {"only"}
    assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))
    assert model.decision_function(X).shape == (len(X),)
    assert model.score(X[:20], ["only"] * 20) == 1
    # There is nothing to learn from, and nothing is unlearnt.
    before = copy.deepcopy(state(model))
    model.partial_fit(X[:20], ["only"] * 20)
    assert model.t_ == 40
    for name, array in state(model).items():
        assert_array_equal(array, before[name], err_msg=name)
    model.partial_fit(X[20:22], ["other", "only"])
    assert model.predict_proba(X).shape == (len(X), 2)


@pytest.mark.parametrize("n_first", [1, 300])
def test_many_rows_of_one_class_first_do_no_harm(n_first):
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [np.resize(np.flatnonzero(y == 0), n_first), *(rng.permutation(len(y)) for _ in range(5))]
    )
    model = network(20)
    for row in rows:
        model.partial_fit(X[[row]], y[[row]])
    assert model.score(X, y) > 0.95


def test_classes_may_be_named_at_any_call_and_none_is_lost(wine):
    X, y = wine
    model = network().partial_fit(X[:20], y[:20], classes=[9])
    assert model.classes_.tolist() == [4, 5, 9]
    row = X[20:21], y[20:21], [1e-9]  # which hardly teaches
    other = copy.deepcopy(model).partial_fit(*row)
    model.partial_fit(*row, classes=[7])
    assert model.classes_.tolist() == sorted({7, *other.classes_})
    assert_array_equal(model.predict(X), other.predict(X))
    same = copy.deepcopy(model)
    assert_same_state(model.partial_fit(X, y, classes=[]), same.partial_fit(X, y))


@pytest.mark.parametrize("kind", [csr_array, csc_array])
def test_sparse_rows_grow_a_network_as_dense_ones_do(wine, kind):
    X, y = wine
    X = np.where(np.abs(X) < 0.5, 0, X)
    dense = network(batch_size=8).partial_fit(X, y)
    sparse = network(batch_size=8).partial_fit(kind(X), y)
    assert sparse.classes_.tolist() == [3, 4, 5]
    assert_allclose(sparse.predict_proba(X), dense.predict_proba(X), atol=1e-9)


def test_a_table_of_two_classes_may_be_followed_by_a_stream_with_a_third(wine):
    X, y = wine
    two = y != y[25]
    model = network(20, max_iter=30).fit(X[two], y[two])
    assert model.out_activation_ == "logistic"
    before = model.predict(X[two])
    with pytest.raises(ValueError, match="not among the classes"):
        model.set_params(new_classes="raise").partial_fit(X, y)
    model.set_params(new_classes="add")
    for _ in range(5):
        for first in range(0, len(y), 5):
            model.partial_fit(X[first : first + 5], y[first : first + 5])
    assert model.out_activation_ == "softmax"
    assert np.mean(model.predict(X[two]) == before) > 0.95
    assert model.score(X, y) > 0.95


def test_weights_of_classes_that_may_come_are_taken(wine):
    X, y = wine
    weights = {3: 2.0, 4: 0.5, 99: 7.0}
    by_class = network(class_weight=weights, batch_size=8).partial_fit(X, y)
    of_rows = np.array([weights.get(label, 1.0) for label in y])
    by_row = network(batch_size=8).partial_fit(X, y, sample_weight=of_rows)
    assert_same_state(by_class, by_row)


def test_rows_without_weight_bring_their_class_and_nothing_else(wine):
    X, y = wine
    weights = (np.arange(len(y)) >= 24).astype(float)
    model = network(batch_size=8).partial_fit(X, y, sample_weight=weights)
    assert model.classes_.tolist() == [3, 4, 5]
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("options", [{}, {"readout": "hebbian"}, {"activation": "tanh"}])
def test_the_published_circuit_grows_too(wine, options):
    X, y = wine
    rates = {"learning_rate_init": 0.02, "apical_rate": 0.02, "interneuron_rate": 0.02}
    model = LocalRuleClassifier(
        **published(hidden_layer_sizes=6, new_classes="add", random_state=0, **rates, **options)
    )
    for _ in range(10):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9


ERRORS = {
    "labels of another kind": (["a"] * 3, None, "y: Mix of label input types"),
    "classes of another kind": ([0, 1, 2], ["a"], "classes: Mix of label input types"),
    "indicators": (np.eye(3, dtype=int), None, r"1d array|\by\b"),
    "values": ([0.5, 1.5, 2.5], None, r"\by\b.*|Unknown label type"),
}


@pytest.mark.parametrize(("y", "classes", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_what_cannot_be_a_new_class_is_refused_and_changes_nothing(y, classes, message):
    X = np.random.default_rng(0).standard_normal((3, 2))
    model = network(4).partial_fit(X, [0, 1, 1])
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y, classes=classes)
    assert all(vars(model)[name] is held for name, held in before.items())


def test_indicators_do_not_grow():
    X = np.random.default_rng(0).standard_normal((4, 2))
    model = network(4).partial_fit(X, [[0, 1], [1, 1], [1, 0], [0, 0]])
    with pytest.raises(ValueError, match=r"3\), expected 2 label columns.*bring no new ones"):
        model.partial_fit(X, np.eye(4, 3, dtype=int))
    model.partial_fit(X, [[0, 1], [1, 1], [1, 0], [0, 0]])


def test_without_it_a_new_label_is_an_error_that_tells_of_it():
    X = np.random.default_rng(0).standard_normal((4, 2))
    with pytest.raises(ValueError, match=r"classes must name .* new_classes='add'"):
        LocalRuleClassifier(4).partial_fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize("options", [{}, {"readout": "hebbian"}])
def test_a_table_of_one_class_may_be_followed_by_a_stream_with_others(wine, options):
    X, y = wine
    only = y == 5
    model = network(20, **options).fit(X[only], y[only])
    assert set(model.predict(X)) == {5}
    for _ in range(8):
        for first in range(0, len(y), 5):
            model.partial_fit(X[first : first + 5], y[first : first + 5])
    assert model.score(X, y) > 0.95
