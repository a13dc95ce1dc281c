"""How chapters run when pages are built (``docs/chapters.py``; in ``tox -e docs``, which has Sphinx)."""

import io
import re
import sys
import warnings
from contextlib import chdir, redirect_stderr
from html import unescape
from pathlib import Path

import pytest

pytestmark = pytest.mark.docs

DOCS = Path(__file__).parents[1] / "docs"
CONF = f"""
import sys
from pathlib import Path
sys.path.append({str(DOCS)!r})
import chapters
chapters.ROOT = Path(__file__).parent
chapters.KEPT = chapters.ROOT / "kept"
extensions = ["myst_nb"]
nb_execution_mode = "inline"
myst_enable_extensions = ["dollarmath"]
include_patterns = ["spec/**"]
root_doc = "spec/one"
setup = chapters.setup
"""
HEAD = """---
file_format: mystnb
kernelspec:
  name: python3
  display_name: Python 3
---

# A chapter

"""


def cell(code, tag=""):
    tags = f":tags: [{tag}]\n\n" if tag else ""
    return f"```{{code-cell}} python\n{tags}{code}\n```\n\n"


class Book:
    """A few chapters, what they say when built, and which of their cells ran."""

    def __init__(self, root):
        self.root = root
        for folder in ("spec", "results", "src/receptive"):
            (root / folder).mkdir(parents=True)
        (root / "conf.py").write_text(CONF)
        (root / "src/receptive/library.py").write_text("ANSWER = 42\n")

    def write(self, name, *parts):
        (self.root / "spec" / f"{name}.md").write_text(HEAD + "".join(parts))

    def noted(self, word, code="", tag=""):
        """A cell that leaves a word in a log whenever it runs."""
        log = str(self.root / "log")
        return cell(f"with open({log!r}, 'a') as log:\n    log.write({word + ' '!r})\n{code}", tag)

    def ran(self):
        """The words of the cells that ran since this was asked."""
        log = self.root / "log"
        words = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return words

    def build(self):
        """Build the pages as ``sphinx-build -W`` does; return its exit code and what it complains of."""
        from sphinx.cmd.build import main

        said = io.StringIO()
        sys.modules.get("chapters") and sys.modules["chapters"].digest.cache_clear()
        with warnings.catch_warnings(), redirect_stderr(said), chdir(self.root):
            warnings.simplefilter("ignore")
            code = main(["-W", "--keep-going", "-q", "-N", ".", "html"])
        return code, said.getvalue()

    def page(self, name):
        """The text of a page, one space for any white space."""
        code, said = self.build()
        assert code == 0, said
        html = (self.root / "html" / "spec" / f"{name}.html").read_text("utf-8")
        article = html.partition('<div class="body"')[2].partition('<div class="sphinxsidebar"')[0]
        return " ".join(unescape(re.sub("<[^>]+>", " ", article)).split())


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path)
    made.write(
        "one",
        made.noted("a", "x = 2\nprint('printed', x)\nx + 1"),
        "There are {eval}`x` of them.\n\n",
        made.noted("b", "x = 7", "remove-cell"),
        "And now {eval}`x`, or {eval}`f'{x:.1f}'`.\n",
        "\n```{toctree}\ntwo\n```\n",
    )
    made.write("two", made.noted("c", "print('x' in globals())"), "Words.\n")
    return made


def test_cells_and_sentences_say_what_python_says_in_the_order_of_the_page(book):
    page = book.page("one")
    assert re.search(r"printed 2 3 There are 2 of them\. And now 7 , or '?7\.0'? \.", page), page
    assert "False" in book.page("two")  # each chapter has names of its own
    assert book.ran() == ["a", "b", "c"]


def test_nothing_runs_again_until_something_changes(book):
    book.page("one")
    assert book.ran() == ["a", "b", "c"]
    book.page("one")
    text = (book.root / "spec/one.md").read_text()
    (book.root / "spec/one.md").write_text(text.replace("There are", "They are"))
    assert "They are 2 of them" in book.page("one")
    assert book.ran() == []
    (book.root / "spec/one.md").write_text(text.replace("x = 2", "x = 5"))
    assert "There are 5 of them. And now 7" in book.page("one")
    assert book.ran() == ["a", "b"]


@pytest.mark.parametrize("changed", ["src/receptive/library.py", "results/new.json"])
def test_all_run_again_if_the_library_or_the_runs_change(book, changed):
    book.page("one")
    book.ran()
    (book.root / changed).write_text("ANSWER = 43\n")
    book.page("one")
    assert book.ran() == ["a", "b", "c"]


def test_an_expression_that_changes_is_computed_anew(book):
    book.page("one")
    text = (book.root / "spec/one.md").read_text()
    (book.root / "spec/one.md").write_text(text.replace("{eval}`x` of", "{eval}`10 * x` of"))
    assert "There are 20 of them" in book.page("one")


def test_a_cell_that_fails_stops_the_build_and_is_named(book):
    book.write("two", "Words.\n\n", cell("fine = 1"), cell("assert fine == 2"))
    code, said = book.build()
    assert code != 0
    assert "AssertionError" in said
    assert "two.md, line" in said
    book.write("two", "Words.\n\n", cell("fine = 1"), cell("assert fine == 1"))
    assert "Words." in book.page("two")


def test_a_sentence_that_fails_stops_the_build_and_is_named(book):
    book.write("two", cell("fine = 1"), "There are {eval}`missing` of them.\n")
    code, said = book.build()
    assert code != 0
    assert "NameError" in said
    assert "two.md, missing" in said


def test_a_build_with_a_warning_gives_it_again(book):
    book.write("two", cell("1"), "[nowhere](nowhere.md)\n")
    for _ in range(2):
        code, said = book.build()
        assert code != 0
        assert "nowhere" in said
