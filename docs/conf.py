"""The documentation and, beside it, the specification: ``sphinx-build -W -c docs . OUT`` from the root."""

import gc
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from textwrap import dedent

import typer
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from typer.testing import CliRunner

import receptive
from receptive.cli.app import app
from receptive.report import matrix

sys.path.append(str(Path(__file__).parent))
import chapters
import explorers
import links
import results_page
import shown
import specification
import trials

root = Path(__file__).parent.parent
pyproject = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))

# A build makes millions of nodes and drops few: to look for garbage as often as Python does costs time.
gc.set_threshold(200_000, 20, 20)

project = "receptive"
author = "The receptive developers"
project_copyright = f"{author}; MIT licence"
version = release = receptive.__version__.partition("+")[0]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_needs",
]
include_patterns = ["docs/**", "spec/**"]
# Sphinx walks through every folder that is not excluded: tox's environments hold tens of thousands of files.
exclude_patterns = [
    "docs/_build",
    "docs/root",
    *(path.name for path in root.iterdir() if path.name not in ("docs", "spec")),
]
root_doc = "docs/index"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "substitution"]
myst_heading_anchors = 3

# Chapters run as they are read (chapters.py); {eval}`expression` puts a computed value into a sentence.
nb_execution_mode = "inline"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
nb_mime_priority_overrides = [("html", "text/html", 0)]

# Claims are what sphinx-needs calls needs; specification.py fills them in.
matrix_rows = matrix.of(root / "results", root / "tests")
specification.check(root / "spec", matrix_rows)
myst_substitutions = {
    "claims": len(matrix_rows),
    **{verdict.replace(" ", "_"): n for verdict, n in matrix.summary(matrix_rows).items()},
}
needs_types = [{"directive": "claim", "title": "Claim", "prefix": "", "color": "#0072B2", "style": "node"}]
needs_id_required = True
needs_id_regex = r"^[A-Z]+[0-9]?-[0-9]+$"
needs_fields = {"verdict": {"schema": {"type": "string"}, "default": ""}}
needs_layouts = {
    "theorem": {
        "grid": "simple",
        "layout": {"head": ["<<meta_id()>> **<<meta('title')>>** <<meta('verdict')>>"], "meta": []},
    }
}
needs_default_layout = "theorem"
needs_css = str(root / "docs/_static/needs.css")
needs_role_need_template = "{{ id }}"
needs_build_json = True

add_module_names = False
# Every page has the tree of all pages beside it. With each function in that tree, it took a fifth of a build.
toc_object_entries = False
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_use_type_comments = False
autodoc_typehints_format = "short"
maximum_signature_line_length = 90
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

copybutton_prompt_text = "$ "
copybutton_selector = "div.cell_input pre, div:not(.cell_output) > div.highlight pre"

html_theme = "furo"
html_title = f"receptive {version}"
html_extra_path = ["root"]  # a page at the top that leads to docs/index.html
html_static_path = ["_static"]
html_css_files = ["spec.css"]
html_js_files = ["matrix.js", "logos.js", "explorers.js"]
html_show_sphinx = False
html_copy_source = False


def layer(name: str) -> int:
    """How far to the right in the flow of data a module stands, by the contract that lint checks."""
    (contract,) = pyproject["tool"]["importlinter"]["contracts"]
    for place, layer in enumerate(reversed(contract["layers"])):
        if any(f"{name}.".startswith(f"{wing}.") for wing in layer.split(" | ")):
            return place
    raise LookupError(f"{name} stands in no layer of [tool.importlinter] in pyproject.toml")


def modules() -> list[str]:
    """Every public module of the library, in the order in which the data flow through them."""
    names = (module.name for module in walk_packages(receptive.__path__, "receptive."))
    return sorted((name for name in names if not re.search(r"\._|^receptive\.cli", name)), key=layer)


def commands(command: object, path: str = "receptive") -> Iterator[str]:
    """The command line, for example "receptive data synthetic", without the groups that only hold others."""
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path


def complete(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Put into the pages what the package says itself, so that nothing is forgotten."""
    if docname.startswith("spec/"):
        source[0] = specification.with_claims(source[0], {row.statement.id: row for row in matrix_rows})
    if docname == "spec/matrix":
        source[0] = source[0].replace("{{ matrix }}", specification.the_matrix(matrix_rows))
    if docname == "spec/claim-tests":
        source[0] += "\n" + specification.the_tests(matrix_rows)
    if docname.startswith("docs/"):
        source[0] = shown.filled(source[0])
    if docname == "docs/results":
        source[0] += "\n" + results_page.contents(root / "results")
    if docname == "docs/api":
        for name in modules():
            if import_module(name).__doc__:
                source[0] += f"\n## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"
    if docname == "docs/commands":
        for line in commands(typer.main.get_command(app)):
            told = CliRunner().invoke(
                app, [*line.split()[1:], "--help"], env={"COLUMNS": "88", "NO_COLOR": "1"}
            )
            source[0] += f"\n## {line}\n\n```text\n{dedent(told.output).strip()}\n```\n"


def shorten(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, arguments: str, returns: str
) -> tuple:
    """Write ``NDArray[float64]`` in signatures, as the source does, for what it stands for."""
    long = re.compile(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(\w+)\]\]")
    return tuple(text and long.sub(r"NDArray[\1]", text) for text in (arguments, returns))


def skip(_app: Sphinx, _what: str, _name: str, member: object, *_: object) -> bool | None:
    """Leave the fields of named tuples to the description of the class, where dataclasses have theirs."""
    return True if type(member).__name__ == "_tuplegetter" else None


def lead_to_runs(_app: Sphinx, page: str, _template: str, context: dict, _tree: object) -> None:
    """In what a chapter has computed, lead from the name of a network to its runs."""
    if page.startswith("spec/") or page == "docs/results":
        task = "chipseq" if page == "spec/in-vivo" else "synthetic"
        context["body"] = links.in_computed(context["body"], task)


class Explorer(Directive):
    """``{explorer} name``: a figure to move, behind the still one that it takes the place of."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (name,) = self.arguments
        made_by = chapters.digest("docs/*.py", "docs/templates/*")
        text = chapters.kept(f"explorer-{name}", made_by, lambda: explorers.explorer(name, links.STORE).text)
        return [nodes.raw("", text, format="html")]


def write_runs(app: Sphinx, failed: Exception | None) -> None:
    """Write the pages of all runs beside those of the documentation."""
    if failed is None and app.builder.format == "html":
        trials.write(links.STORE, Path(app.outdir) / "results", "../docs/index.html")


def setup(sphinx: Sphinx) -> None:
    """Connect the functions above."""
    chapters.setup(sphinx)
    sphinx.add_directive("explorer", Explorer)
    sphinx.connect("source-read", complete)
    sphinx.connect("autodoc-process-signature", shorten)
    sphinx.connect("autodoc-skip-member", skip)
    sphinx.connect("html-page-context", lead_to_runs)
    sphinx.connect("build-finished", write_runs)
