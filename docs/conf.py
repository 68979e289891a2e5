"""Settings of Sphinx: sphinx-build -W --keep-going -b html docs build/docs (or: make docs)."""

import os
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = "dcl_hpc"
copyright = "the authors of dcl_hpc, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
smartquotes = False  # quotes are those of TOML and Python
html_theme = "alabaster"
html_theme_options = {
    "description": "Distribution-consistent learning of lattice models",
    "page_width": "64em",
}
html_sidebars = {"**": ["about.html", "searchfield.html", "globaltoc.html"]}
html_show_sourcelink = False
html_math_renderer = "mathml"  # what browsers show by themselves: no network and no LaTeX
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say it with shapes and units
napoleon_google_docstring = False
napoleon_use_rtype = False


class Command(SphinxDirective):
    """What `python -m MODULE ARGUMENTS` prints, with the command line above."""

    required_arguments, final_argument_whitespace = 1, True

    def run(self):
        """Run it, in the root of the repository."""
        # help as wide as a page, and this folder's own modules
        environment = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", *self.arguments[0].split()]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        text = f"$ .venv/bin/python -m {self.arguments[0]}\n\n{done.stdout}"
        return [nodes.literal_block(text, text, language="text")]


def show_math(translator, node):
    """One formula as MathML."""
    block = isinstance(node, nodes.math_block)
    body = tex2mathml(node.astext(), as_block=block)
    translator.body.append(f'<div class="math">{body}</div>' if block else body)
    raise nodes.SkipNode


def escape_stars(app, what, name, obj, options, lines):
    """Leave shapes such as (..., *lattice) as they are."""
    lines[:] = [line.replace("*lattice", r"\*lattice") for line in lines]


def setup(app):
    """Register what is above."""
    app.connect("autodoc-process-docstring", escape_stars, priority=900)  # after napoleon
    app.add_directive("command", Command)
    app.add_html_math_renderer("mathml", (show_math, None), (show_math, None))
