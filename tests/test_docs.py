"""The pages in doc/ say what is so: their tables are held against the signatures they describe."""

import ast
import re
import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from test_architecture import FLOW, defaults

import sklearn_localnet
from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published, rules
from sklearn_localnet.network._readout import Linear
from sklearn_localnet.rules import Microcircuit
from sklearn_localnet.rules._rule import FORWARD_SYNAPSES

ROOT = Path(__file__).parents[1]
DOC = ROOT / "doc"
PAIRS = [(LocalRuleClassifier, MLPClassifier), (LocalRuleRegressor, MLPRegressor)]


def rows(page, heading):
    """The cells of the list-table under a heading of a page, row by row, without its header."""
    section = re.split(rf"^{heading}\n=+\n", (DOC / page).read_text(), flags=re.MULTILINE)[1]
    table = section.split(".. list-table::")[1].split("\n   * - ")[2:]
    table[-1] = re.split(r"\n(?=\S)", table[-1])[0]
    return [[cell.strip() for cell in re.split(r"\n     -", row)] for row in table]


def literal(cell):
    """The Python value that a cell shows between double backticks."""
    return ast.literal_eval(cell.strip("`"))


def names(table):
    return {row[0].strip("`") for row in table}


def public(objects):
    """Public names of objects, but for their parameters."""
    for one in objects:
        yield from (name for name in dir(one) if name[0] != "_" and name not in defaults(type(one)))


@pytest.fixture(scope="module")
def fitted():
    """Fitted estimators, ours and scikit-learn's."""
    X, y = np.random.default_rng(0).random((40, 2)), np.arange(40) % 2
    return [
        [cls(max_iter=20, tol=10, n_iter_no_change=1).fit(X, y) for cls in family]
        for family in zip(*PAIRS, strict=True)
    ]


COMING = rows("coming_from_mlp.rst", "Parameters of MLPClassifier and MLPRegressor")


def test_every_parameter_of_the_mlp_has_its_row():
    assert names(COMING) == set(defaults(MLPClassifier)) | set(defaults(MLPRegressor))
    assert len(COMING) == len(names(COMING))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("row", COMING, ids=lambda row: row[0].strip("`"))
def test_a_row_tells_what_the_signatures_tell(row, ours, theirs):
    name, here, default, remark = row
    name = name.strip("`")
    there, _, changed = default.partition(", here ")
    changed, _, regression = changed.partition(", for regression ")
    if regression and ours is LocalRuleRegressor:
        changed = regression
    if name in defaults(theirs):
        assert literal(there) == defaults(theirs)[name]
    assert here in ("same", "different", "absent")
    assert (here != "absent") == (name in defaults(ours))
    if here != "absent":
        assert literal(changed or there) == defaults(ours)[name]
    assert here == "same" or remark


def test_every_parameter_that_the_mlp_lacks_is_listed():
    ours = set(defaults(LocalRuleClassifier)) | set(defaults(LocalRuleRegressor))
    assert names(rows("coming_from_mlp.rst", "Only here: parameters")) == ours - names(COMING)


def test_every_parameter_of_the_default_rule_is_listed():
    table = rows("coming_from_mlp.rst", "Only here: parameters of the rule")
    assert {row[0].strip("`"): literal(row[1]) for row in table} == defaults(Microcircuit)


def test_every_attribute_that_the_mlp_lacks_is_listed(fitted):
    ours, theirs = ({name for name in public(family) if name.endswith("_")} for family in fitted)
    assert theirs <= ours
    assert names(rows("coming_from_mlp.rst", "Only here: attributes")) == ours - theirs


def test_every_array_of_a_layer_is_listed(fitted):
    arrays = names(rows("coming_from_mlp.rst", "Arrays of a layer"))
    assert all(arrays == set(model.layers_[0]) for model in fitted[0])


def test_every_method_that_the_mlp_lacks_is_listed(fitted):
    ours, theirs = ({name for name in public(family) if name[-1] != "_"} for family in fitted)
    section = (DOC / "coming_from_mlp.rst").read_text().partition("Only here: methods")[2]
    listed = set(re.findall(r"``(\w+)``", section))
    assert listed & ours == ours - theirs


def test_departures_are_those_that_published_takes_back():
    table = rows("algorithm.rst", "How the default departs")
    listed = {row[1].strip("`"): literal(row[2]) for row in table}
    default = defaults(LocalRuleClassifier) | defaults(Microcircuit)
    values = published()
    values |= values.pop("rule").get_params()
    assert listed == {name: value for name, value in values.items() if value != default[name]}


def test_the_table_of_locality_holds_every_declaration_of_a_synapse():
    runpy.run_path(str(DOC / "conf.py"))
    table = (DOC / "generated" / "locality.rst").read_text().split("\n   * - ")[2:]
    listed = [
        [re.findall("``(.*?)``", cell) for cell in row.split("\n     -")[1:]] for row in table
    ]
    circuits = [
        Microcircuit(interneurons=mode, gain_damping=0.4).synapses
        for mode in ("decoupled", "target")
    ]
    declared = {
        (name, kind.axes, kind.sees)
        for kinds in (FORWARD_SYNAPSES, *circuits, Linear.synapses)
        for name, kind in kinds.items()
    }
    assert {(name, tuple(axes), frozenset(sees)) for (name,), axes, sees in listed} == declared
    assert len(listed) == len(declared)
    tied = Microcircuit(gain_damping=0.4).synapses.items()
    assert {(name, kind.axes, kind.sees) for name, kind in tied} <= declared


def test_what_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!https://|#)(.+?)\)", (ROOT / "README.md").read_text())
    assert links
    assert not [link for link in links if not (ROOT / link).is_file()]


@pytest.mark.parametrize("module", [sklearn_localnet, rules])
def test_every_public_name_is_in_the_reference(module):
    assert set(module.__all__) <= set(re.findall(r"\w+", (DOC / "api.rst").read_text()))


def test_contributing_lists_the_modules_in_the_order_of_the_flow():
    page = (DOC / "contributing.rst").read_text()
    assert re.findall(r"^``([\w.]+)`` ", page, flags=re.MULTILINE) == FLOW


def test_the_newest_release_supports_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    release, python, *floors, _ = rows("versions.rst", "What is supported")[-1]
    assert sklearn_localnet.__version__.startswith(f"{release}.")
    supported = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert python == f"{supported[0]} to {supported[-1]}"
    assert project["requires-python"] == f">={supported[0]}"
    numpy, scipy, sklearn = (each.split(">=")[1] for each in project["dependencies"])
    assert floors == [f"from {sklearn}", f"from {numpy}, {scipy}"]


def test_every_change_has_a_name_that_towncrier_knows():
    kinds = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["fragment"]
    names = [path.name for path in (DOC / "changes").glob("*")]
    pattern = rf"\+\w+\.({'|'.join(kinds)})\.rst"
    assert not [name for name in names if not re.fullmatch(pattern, name)]


def test_the_version_has_its_changes():
    released = f"\n{sklearn_localnet.__version__} (" in (DOC / "changes.rst").read_text()
    assert released or list((DOC / "changes").glob("*.rst"))


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_the_html_of_an_estimator_links_to_its_page_on_the_site(cls):
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    link = re.search(r'href="([^"#]*)"', cls()._repr_html_())[1]
    assert link.startswith(urls["Documentation"])
    assert link.endswith(f"/generated/sklearn_localnet.{cls.__name__}.html")
