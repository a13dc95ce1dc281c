"""How chapters run: in the process of the build, and not again as long as nothing has changed.

myst-nb starts a Jupyter kernel for every chapter, which imports everything anew, and its own cache does not
go together with the values in sentences. So cells run here, as Sybil runs them in the tests. What they return
is kept beside the built pages, by a hash of the cells, the library and the runs, so that a changed word does
not cost the cells of its chapter, nor a changed chapter those of the others.
"""

import ast
import hashlib
import io
import json
import re
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import myst_nb.sphinx_
import nbformat
import shown
from IPython.core.formatters import DisplayFormatter
from myst_nb.core.execute.base import NotebookClientBase
from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "docs" / "_build" / "kept"
SHOWN = DisplayFormatter()


@cache
def digest(*patterns: str) -> str:
    """A hash of the files of some patterns, from the root."""
    hashed = hashlib.blake2b()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and path.suffix not in (".pyc", ".keras"):
                hashed.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return hashed.hexdigest()


def fingerprint() -> str:
    """A hash of what computed pages hang on beside their own cells: the library, the runs, who draws."""
    drawn_by = " ".join(map(version, ("numpy", "scipy", "matplotlib")))
    return f"{drawn_by} {digest('src/receptive/**/*', 'results/**/*')}"


def kept(name: str, key: str, make: Callable[[], Any]) -> Any:
    """Return what JSON can hold and was made before by this name and key, or make it and keep it."""
    path = KEPT / f"{name}.json"
    key = hashlib.blake2b(f"{fingerprint()} {key}".encode()).hexdigest()
    if path.exists() and (document := json.loads(path.read_text("utf-8")))["key"] == key:
        return document["value"]
    value = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, "value": value}), "utf-8")
    return value


EXPRESSION = re.compile(r"\{eval\}`([^`]+)`")


class Chapter(NotebookClientBase):
    """What a chapter's cells return, and the values in its sentences: as kept, or computed now."""

    def start_client(self) -> None:
        self.notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
        self.steps = [
            (at, code)
            for at, cell in enumerate(self.notebook.cells)
            for code in ([cell.source] if cell.cell_type == "code" else EXPRESSION.findall(cell.source))
        ]
        with shown.folder() if self.path.parent.name == "docs" else nullcontext():
            stored = kept("-".join(self.path.parts[-2:]), json.dumps(self.steps), self.run)
        self.cells: dict[int, Any] = {}
        self.said: dict[str, list[Any]] = {}  # of each expression, what it still has to say
        for (at, code), outputs in zip(self.steps, stored, strict=True):
            if self.notebook.cells[at].cell_type == "code":
                self.cells[at] = outputs
            else:
                self.said.setdefault(code, []).append(outputs)

    def run(self) -> list[list[dict[str, Any]]]:
        """Return the outputs of the cells and of the expressions between them, run in their order."""
        names: dict[str, Any] = {"__name__": "__main__"}
        return [run(code, f"{self.path.name}, {self.place(at, code)}", names) for at, code in self.steps]

    def place(self, at: int, code: str) -> str:
        """Where a step stands in its chapter: the line of a cell, an expression itself."""
        return f"line {self.cell_line(at)}" if self.notebook.cells[at].cell_type == "code" else code

    def code_cell_outputs(self, cell_index: int) -> tuple[int | None, list[nbformat.NotebookNode]]:
        """Return the outputs of a cell."""
        return None, [nbformat.from_dict(cell) for cell in self.cells[cell_index]]

    def eval_variable(self, name: str) -> list[nbformat.NotebookNode]:
        """Return the value of an expression as an output: myst-nb asks for them in their order."""
        return [nbformat.from_dict(cell) for cell in self.said[name].pop(0)]


def run(code: str, where: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run code; return what it prints and the value of its last expression, as Jupyter has them."""
    cell, printed = ast.parse(code, where), io.StringIO()
    last = cell.body.pop() if cell.body and isinstance(cell.body[-1], ast.Expr) else None
    with redirect_stdout(printed), redirect_stderr(printed):
        exec(compile(cell, where, "exec"), names)
        value = eval(compile(ast.Expression(last.value), where, "eval"), names) if last else None
    outputs = [nbformat.v4.new_output("stream", text=printed.getvalue())] if printed.getvalue() else []
    if value is not None:
        data, metadata = SHOWN.format(value)
        outputs.append(nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1))
    return outputs


def outdated(_app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:
    """Return every page if the library, the runs, the tests or what makes pages is another than last time."""
    now = f"{fingerprint()} {digest('docs/*.py', 'tests/**/*.py', 'pyproject.toml')}"
    before, env.made_by = getattr(env, "made_by", None), now
    return [] if now == before else list(env.found_docs)


def forget(app: Sphinx, failed: Exception | None) -> None:
    """After a build with warnings, have the next one read every page, so that it gives them again."""
    if failed or app._warncount:
        (app.doctreedir / ENV_PICKLE_FILENAME).unlink(missing_ok=True)


def setup(app: Sphinx) -> None:
    """Put these in place of the kernels."""
    myst_nb.sphinx_.create_client = lambda notebook, source, config, logger, *_: Chapter(
        notebook, Path(source), config, logger
    )
    app.connect("env-get-outdated", outdated)
    app.connect("build-finished", forget)
