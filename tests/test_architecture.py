"""The shape of the package: data flows one way, and both estimators keep the public contract."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import sklearn_localnet
from sklearn_localnet import PUBLISHED, LocalRuleClassifier, LocalRuleRegressor

FLOW = [
    "_version",
    "_equations",
    "_callbacks",
    "_validation",
    "_encoding",
    "_gain",
    "_start",
    "_step_rules",
    "_microcircuit",
    "_online",
    "_training",
    "_audit",
    "_docstrings",
    "_base",
    "_mlp",
    "_estimators",
    "_drawing",
    "_display",
    "_onnx",
    "__init__",
    "__main__",
]
PARAMETERS = [
    "hidden_layer_sizes",
    "activation",
    "solver",
    "alpha",
    "batch_size",
    "learning_rate_init",
    "apical_rate",
    "interneuron_rate",
    "learning_rate_decay",
    "gain_damping",
    "n_interneurons",
    "interneurons",
    "modulation",
    "centering_rate",
    "fit_intercept",
    "readout",
    "standardize_targets",
    "dtype",
    "max_iter",
    "tol",
    "n_iter_no_change",
    "early_stopping",
    "validation_fraction",
    "shuffle",
    "warm_start",
    "verbose",
    "random_state",
    "beta_1",
    "beta_2",
    "epsilon",
]


def nodes(module):
    """The syntax tree of a module, node by node."""
    path = Path(sklearn_localnet.__file__).with_name(f"{module}.py")
    return ast.walk(ast.parse(path.read_text()))


def imported(module):
    """Names of the package's modules that a module imports."""
    for node in nodes(module):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield from [node.module] if node.module else [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("sklearn_localnet"):
            yield node.module.partition(".")[2] or "__init__"


@pytest.mark.parametrize("module", FLOW)
def test_a_module_imports_only_from_those_above_it(module):
    assert set(imported(module)) <= set(FLOW[: FLOW.index(module)])


@pytest.mark.parametrize("module", FLOW)
def test_linear_algebra_is_numpys_alone(module):
    # The wheels of numpy and of scipy bring a BLAS each. Where calls of one follow calls of the
    # other, the threads of either wait for a core that those of the other keep busy.
    for node in nodes(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names = [source + name.name for name in node.names]
            assert not [name for name in names if name.startswith("scipy.linalg")]


def test_every_module_has_its_place_in_the_flow():
    folder = Path(sklearn_localnet.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} == set(FLOW)


def test_the_shell_uses_public_names_only():
    assert set(imported("__main__")) == {"__init__"}


def defaults(cls):
    parameters = inspect.signature(cls).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def test_every_parameter_of_the_contract_is_there():
    assert set(defaults(LocalRuleRegressor)) == set(PARAMETERS)
    assert set(defaults(LocalRuleClassifier)) == {*PARAMETERS, "class_weight"}


def test_both_estimators_share_their_defaults():
    classifier, regressor = defaults(LocalRuleClassifier), defaults(LocalRuleRegressor)
    different = {name for name in regressor if regressor[name] != classifier[name]}
    assert different == {"readout", "modulation", "learning_rate_init", "alpha", "epsilon"}


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_the_docstring_describes_every_parameter(cls):
    described = cls.__doc__.partition("Parameters\n")[2].partition("Attributes\n")[0]
    headings = [line.partition(" : ")[0] for line in described.splitlines() if " : " in line]
    names = {name.strip() for heading in headings for name in heading.split(",")}
    assert set(defaults(cls)) <= names
    assert "{" not in described.replace('{"', "").replace("{array", "")


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_published_is_a_set_of_parameters_of_either_estimator(cls):
    assert set(PUBLISHED) <= set(defaults(cls))
    assert cls(**PUBLISHED).get_params()["batch_size"] == 1


def public_functions():
    """Public functions of the package, and what its public classes define or inherit from it."""
    for name in sklearn_localnet.__all__:
        value = getattr(sklearn_localnet, name)
        if inspect.isfunction(value):
            yield value
        elif inspect.isclass(value):
            members = [getattr(value, member) for member in dir(value) if member[0] != "_"]
            for member in [value.__init__, *members]:
                if getattr(member, "__module__", "").startswith("sklearn_localnet"):
                    yield member


@pytest.mark.parametrize("function", list(public_functions()), ids=lambda f: f.__qualname__)
def test_public_functions_say_what_they_take_and_give(function):
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        assert name == "self" or parameter.annotation is not inspect.Parameter.empty


def test_the_package_tells_type_checkers_of_its_hints():
    assert Path(sklearn_localnet.__file__).with_name("py.typed").exists()


def test_every_promise_names_a_test_that_is_there():
    root = Path(__file__).parents[1]
    promises = (root / "doc" / "promises.rst").read_text()
    modules = {path.stem: path.read_text() for path in (root / "tests").glob("*.py")}
    literals = re.findall(r"``(test_[a-z_0-9: ]+)``", promises)
    assert len(literals) > 30
    module = None
    for literal in literals:
        first, _, name = literal.rpartition(": ")
        if name in modules:
            continue
        module = first or module
        assert f"def {name}" in modules[module], literal
