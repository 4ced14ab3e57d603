"""How the documentation site is built: ``python -m sphinx -W --keep-going -n doc doc/_build``."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import sklearn_localnet
from sklearn_localnet.network._readout import Linear
from sklearn_localnet.rules import Microcircuit
from sklearn_localnet.rules._rule import FORWARD_SYNAPSES

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent / "examples" / "benchmarks"

project = "sklearn_localnet"
author = "The sklearn_localnet developers"
copyright = author
version = release = sklearn_localnet.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # the site shows its formulas without a network
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "auto_examples/*.ipynb",
    "changes",
    "generated/bench_*.rst",
    "generated/changes.rst",
    "generated/classification.rst",
    "generated/locality.rst",
    "generated/regression.rst",
]
templates_path = ["_templates"]
rst_prolog = ".. currentmodule:: sklearn_localnet"
default_role = "autolink"

autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the template of a class shows them in full
# All of numpydoc's checks of public docstrings, but for those of taste: sections that only some
# need (ES01, EX01, SA01), a capital or a verb first (PR08, RT04, SS05), names and descriptions of
# what is returned (RT02, RT03), and the order of parameters, most of them given by name (PR03).
numpydoc_validation_checks = {
    *("all", "ES01", "EX01", "SA01", "PR08", "RT04", "SS05", "RT02", "RT03", "PR03"),
}
numpydoc_validation_exclude = {
    r"\.rules\.RULES$",
    r"\.rules\.(Synapse|Wire)\.",  # what a named tuple brings
    r"\.rules\.(?!Rule\.)\w+\.\w+$",  # what Rule documents, as each rule does it
}

# Names of other projects become links where their inventories can be fetched, and stay names where
# they cannot, so that the site builds without a network.
if os.environ.get("READTHEDOCS"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }
autodoc_typehints = "none"  # the docstrings say more
nitpick_ignore_regex = [
    ("py:.*", r"(sklearn|numpy|scipy|pandas|matplotlib)\..*"),
    # from the docstrings of methods inherited from scikit-learn
    ("std:ref", "metadata_routing|df_output_transform|sphx_glr_.*set_output.*"),
    ("std:ref", "accuracy_score|r2_score"),
    ("std:term", "meta-estimator"),
]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "doc_module": ("sklearn_localnet",),
    "backreferences_dir": "generated/backreferences",
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_localnet"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
smartquotes = False  # links from the HTML of an estimator look for the text of its docstring
html_sidebars = {"start": [], "algorithm": [], "api": [], "auto_examples/*": []}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "show_prev_next": False,
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "coming_from_mlp": [],  # leaves the room to its table
    },
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}


SYMBOLS = {
    "basal_weights": "W_1",
    "mean_activity": r"\bar z",
    "apical_weights": r"W_2^\top",
    "interneuron_weights": "Q",
    "gain_trace": "D",
    "pyramidal_to_interneuron_weights": "R",
    "back_trace": "D'",
    "readout_weights": "W_{out}",
    "input": "x",
    "slope": "f'",
    "teaching": "p",
    "fired": "f(W_1 x)",
    "output": "z",
    "interneuron": "n",
    "target": "y",
    "error": r"y - \hat y",
}


def declared_synapses():
    """Every kind of synapse with whose it is: (owner, name, `Synapse`)."""
    circuit = Microcircuit(interneurons="decoupled", gain_damping=0.4).synapses  # has all kinds
    driven = Microcircuit(interneurons="target").synapses
    yield from (("every layer", *kind) for kind in FORWARD_SYNAPSES.items())
    yield from (("microcircuit", *kind) for kind in circuit.items())
    for name, kind in driven.items():
        if kind != circuit[name]:
            yield 'with ``interneurons="target"``', name, kind
    yield from (("readout", *kind) for kind in Linear.synapses.items())


def named(name):
    """A name of the code, with its symbol where it has one."""
    return f"``{name}``" + (f" :math:`{SYMBOLS[name]}`" if name in SYMBOLS else "")


def list_table(rows, *options, caption=""):
    """A table, whose first row is its header, as lines of a page."""
    yield from (f".. list-table:: {caption}", "   :header-rows: 1", *options, "")
    for first, *rest in rows:
        yield from (f"   * - {first}", *(f"     - {cell}" for cell in rest))
    yield ""


def write_page(name, lines):
    """Write lines that other pages include."""
    (HERE / "generated").mkdir(exist_ok=True)
    (HERE / "generated" / f"{name}.rst").write_text("\n".join(lines))


def tabulate_locality():
    """Write the table of what each synapse may see, from what the code declares."""
    rows = [("of", "synapse", "joins", "its update may read")]
    for owner, name, kind in declared_synapses():
        joins = ", ".join(f"``{axis}``" for axis in kind.axes)
        rows.append((owner, named(name), joins, ", ".join(map(named, sorted(kind.sees)))))
    write_page("locality", list_table(rows, "   :widths: 14 32 22 32"))


def tabulate_sources():
    """Write the list of the tables that accuracy is measured on, from the script that gets them."""
    script = runpy.run_path(str(BENCHMARKS / "make_tables.py"))
    for kind, tables in script["TABLES"].items():
        rows = [("table", "at OpenML", "rows", "features")]
        for name, table in tables.items():
            link = f"`{table.openml} <https://www.openml.org/d/{table.data_id}>`__"
            rows.append((name, link, f"{table.rows:,}", table.features))
        write_page(kind, list_table(rows))


def tabulate_speed():
    """Write the tables that benchmarks printed for this version, and what they ran on."""
    for file in (BENCHMARKS / "history" / release).glob("bench_*.json"):
        run = json.loads(file.read_text())
        machine = ", ".join(f"{what} {value}" for what, value in run["machine"].items())
        lines = []
        for kept in run["tables"]:
            lines += list_table(kept["rows"], caption=kept["title"])
        write_page(file.stem, [*lines, f"*{machine}*"])


def draft_changes(app):
    """Write what ``changes`` says of the version that is not released yet, if anything."""
    page = ""
    if (HERE / "changes").exists():  # a release leaves no fragments behind
        draft = [sys.executable, "-m", "towncrier", "build", "--draft"]
        draft += ["--version", release, "--date", "not released"]
        page = subprocess.check_output(draft, cwd=HERE.parent, text=True, stderr=subprocess.DEVNULL)
    (HERE / "generated" / "changes.rst").write_text(page)


def setup(app):
    """Have the list of changes drafted before pages are read."""
    app.connect("builder-inited", draft_changes)


tabulate_locality()
tabulate_sources()
tabulate_speed()
