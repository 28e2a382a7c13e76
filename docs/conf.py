"""Settings of Sphinx for the documentation site: `make docs` builds it."""

from importlib.metadata import version as installed

project = "edsym"
author = "The edsym developers"
version = release = installed("edsym")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "figures"]
html_theme = "furo"
html_title = f"edsym {version}"

# Docstrings are numpydoc; single backticks in them are code.
default_role = "literal"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# The notebook is kept with its outputs, which a test compares with what the code gives.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# Links to files of the repository that are no pages of this site, and pages that only benchmarks write.
suppress_warnings = ["myst.xref_missing", "toc.not_included"]
