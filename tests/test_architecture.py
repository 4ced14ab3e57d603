"""The shape of the package: data flows one way, and both estimators keep the public contract."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import sklearn_localnet
from sklearn_localnet import LocalRuleClassifier, LocalRuleRegressor, published, rules
from sklearn_localnet.rules import Microcircuit

PACKAGE = Path(sklearn_localnet.__file__).parent
FLOW = [
    "_version",
    "rules._rule",
    "rules._equations",
    "rules._gain",
    "rules._microcircuit",
    "rules._feedback",
    "rules._target_propagation",
    "rules._predictive_coding",
    "rules.__init__",
    "network._arrays",
    "network._steps",
    "network._network",
    "network._inputs",
    "network._forward",
    "network._readout",
    "network._modulation",
    "network._inspect",
    "network._check",
    "network._start",
    "network._grow",
    "network._reference",
    "network._buffered",
    "network._blocks",
    "training._feed",
    "training._schedule",
    "training._loop",
    "training._settle",
    "export._mlp",
    "estimators._validation",
    "estimators._targets",
    "estimators._callbacks",
    "estimators._fitted",
    "estimators._learning",
    "estimators._stream",
    "estimators._class_weight",
    "estimators._base",
    "estimators._classifier",
    "estimators._regressor",
    "estimators._published",
    "inspection._fitted",
    "inspection._report",
    "inspection._experiments",
    "inspection._locality",
    "inspection._figure",
    "inspection._measure",
    "inspection._recorder",
    "inspection._drawing",
    "inspection._heatmaps",
    "inspection._plane",
    "inspection._circuit",
    "inspection._teaching",
    "inspection._curves",
    "inspection._learning",
    "export._onnx",
    "__init__",
    "table._file",
    "table._columns",
    "__main__",
]
OF_ANY_RULE = {"rules._rule", "rules._equations", "rules._gain"}
RULE_BLIND = [
    module
    for module in FLOW
    if module.startswith(("network.", "training.", "export.")) and module != "network._blocks"
]
PARAMETERS = [
    "hidden_layer_sizes",
    "activation",
    "rule",
    "solver",
    "alpha",
    "batch_size",
    "learning_rate_init",
    "learning_rate_decay",
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
OF_THE_MICROCIRCUIT = [
    "apical_rate",
    "interneuron_rate",
    "warmup",
    "gain_damping",
    "n_interneurons",
    "interneurons",
]


def nodes(module):
    """The syntax tree of a module, node by node."""
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    return ast.walk(ast.parse(path.read_text()))


def module_of(*path):
    """The module that lies at a path of names in the package, or None."""
    place = PACKAGE.joinpath(*path)
    if place.is_dir():
        return ".".join([*path, "__init__"])
    return ".".join(path) if place.with_suffix(".py").exists() else None


def imported(module):
    """Modules of the package that a module imports, by any form of import."""
    folder = module.split(".")[:-1]
    for node in nodes(module):
        if isinstance(node, ast.ImportFrom):
            source = node.module.split(".") if node.module else []
            if node.level:
                source = folder[: len(folder) - node.level + 1] + source
            elif source[0] == PACKAGE.name:
                source = source[1:]
            else:
                continue
            for name in node.names:
                yield module_of(*source, name.name) or module_of(*source)
        elif isinstance(node, ast.Import):
            for name in node.names:
                source = name.name.split(".")
                if source[0] == PACKAGE.name:
                    yield module_of(*source[1:])


@pytest.mark.parametrize("module", FLOW)
def test_a_module_imports_only_from_those_above_it(module):
    assert set(imported(module)) <= set(FLOW[: FLOW.index(module)])


def test_every_module_but_the_last_is_imported_by_one_below_it():
    assert {found for module in FLOW for found in imported(module)} == set(FLOW[:-1])


@pytest.mark.parametrize("module", RULE_BLIND)
def test_what_trains_and_exports_knows_no_rule_by_name(module):
    assert {found for found in imported(module) if found.startswith("rules.")} <= OF_ANY_RULE


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
    # But for the folders' own modules that hold their docstring alone.
    modules = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" or len(ast.parse(path.read_text()).body) > 1
    }
    assert modules == set(FLOW)


def test_the_shell_uses_public_names_and_reads_tables():
    assert set(imported("__main__")) == {"__init__", "table._columns"}
    assert {found for module in FLOW[:-1] for found in imported(module) if "table" in found} == {
        "table._file"
    }


def defaults(cls):
    parameters = inspect.signature(cls).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def test_every_parameter_of_the_contract_is_there():
    assert set(defaults(LocalRuleRegressor)) == set(PARAMETERS)
    assert set(defaults(LocalRuleClassifier)) == {*PARAMETERS, "class_weight", "new_classes"}
    assert set(defaults(Microcircuit)) == set(OF_THE_MICROCIRCUIT)


def test_both_estimators_share_their_defaults():
    classifier, regressor = defaults(LocalRuleClassifier), defaults(LocalRuleRegressor)
    different = {name for name in regressor if regressor[name] != classifier[name]}
    assert different == {"readout", "modulation", "learning_rate_init", "alpha"}


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor, Microcircuit])
def test_the_docstring_describes_every_parameter(cls):
    section = re.search(r"\nParameters\n-+\n(.*?)\n\n", inspect.getdoc(cls), flags=re.DOTALL)[1]
    headings = re.findall(r"^(\w.*) : ", section, flags=re.MULTILINE)
    names = {name for heading in headings for name in heading.split(", ")}
    assert names == set(defaults(cls))


@pytest.mark.parametrize("cls", [LocalRuleClassifier, LocalRuleRegressor])
def test_published_gives_parameters_of_either_estimator(cls):
    assert set(published()) <= set(defaults(cls))
    assert cls(**published()).get_params()["batch_size"] == 1


def public_functions():
    """Public functions of the package, and what its public classes define or inherit from it.

    Of the rules, those of their base class, which the others override, and all constructors.
    """
    for module, name in [(sklearn_localnet, name) for name in sklearn_localnet.__all__] + [
        (rules, name) for name in rules.__all__
    ]:
        value = getattr(module, name)
        if inspect.isfunction(value):
            yield value
        elif inspect.isclass(value):
            inherits = value is not rules.Rule and issubclass(value, rules.Rule)
            names = [] if inherits else [name for name in dir(value) if name[0] != "_"]
            for member in [value.__init__, *(getattr(value, name) for name in names)]:
                if getattr(member, "__module__", "").startswith("sklearn_localnet"):
                    yield member


@pytest.mark.parametrize("function", list(public_functions()), ids=lambda f: f.__qualname__)
def test_public_functions_say_what_they_take_and_give(function):
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        assert name == "self" or parameter.annotation is not inspect.Parameter.empty


def test_the_package_tells_type_checkers_of_its_hints():
    assert (PACKAGE / "py.typed").exists()


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
