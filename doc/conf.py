"""How the documentation site is built: ``python -m sphinx -W --keep-going -n doc doc/_build``."""

import os
from pathlib import Path

import sklearn_localnet

HERE = Path(__file__).parent

project = "sklearn_localnet"
author = "The sklearn_localnet developers"
copyright = author
version = release = sklearn_localnet.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "changes", "generated/changes.rst"]
templates_path = ["_templates"]
rst_prolog = ".. currentmodule:: sklearn_localnet"
default_role = "autolink"

autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the template of a class shows them in full

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


def assemble_changes():
    """Write the page of changes: a heading for each folder of ``changes``, newest first."""
    folders = [path for path in (HERE / "changes").iterdir() if path.is_dir()]
    page = []
    for folder in sorted(folders, key=lambda path: [*map(int, path.name.split("."))], reverse=True):
        page += [folder.name, "-" * len(folder.name), ""]
        page += [fragment.read_text() for fragment in sorted(folder.glob("*.rst"))]
    (HERE / "generated").mkdir(exist_ok=True)
    (HERE / "generated" / "changes.rst").write_text("\n".join(page))


assemble_changes()
