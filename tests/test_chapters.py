"""Chapters as text: what a build shows as it stands would be a slip of the pen."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

import receptive
from receptive.evidence import claims

SPEC = Path(__file__).parents[1] / "spec"
CHAPTERS = sorted(path for path in SPEC.glob("*.md") if "{code-cell}" in path.read_text("utf-8"))


def sentences(chapter: Path) -> list[str]:
    """The strings of a chapter's cells, without docstrings; the parts of an f-string one by one."""
    sentences_ = []
    for cell in re.findall(r"^```\{code-cell\} python\n(.*?)^```", chapter.read_text("utf-8"), re.M | re.S):
        tree = ast.parse(re.sub(r"^:tags:.*\n", "", cell))
        docs = {
            ast.get_docstring(node, clean=False)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
        }
        strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        sentences_ += [string for string in strings if isinstance(string, str) and string not in docs]
    return sentences_


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_computed_sentences_hold_no_markup(chapter):
    """What a cell returns is shown letter by letter: stars, dollars and backticks would be seen."""
    prose = sentences(chapter)
    assert prose
    assert not [
        sentence for sentence in prose if re.search(r"(?<!\*)\*\w[^*]*\w\*|\$[^$]+\$|`[^`]+`", sentence)
    ]


FIRST = ("receptive-fields", "pooling", "synthetic-task", "networks", "reading-filters", "pool-size")
"""The chapters that lead to the answer."""


def captions(text: str) -> str:
    """The captions of a chapter's pictures, as far as they are written down."""
    cells = re.findall(r"^```\{code-cell\} python\n(.*?)^```", text, re.M | re.S)
    return " ".join(
        node.value
        for cell in cells
        for call in ast.walk(ast.parse(re.sub(r"^:tags:.*\n", "", cell)))
        if isinstance(call, ast.keyword) and call.arg == "caption"
        for node in ast.walk(call.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_captions_name_no_colour_that_the_dark_turns_around(chapter):
    assert not re.search(r"\b(black|white)\b", captions(chapter.read_text("utf-8")), re.IGNORECASE)


def words(text: str) -> int:
    return sum(bool(re.search(r"\w", word)) for word in text.split())


def words_to_read(chapter: Path) -> int:
    """Words of sentences, captions and claims, folds closed; a computed value is one word."""
    text = re.sub(
        r"\A---\n.*?^---\n|<details>.*?</details>", "", chapter.read_text("utf-8"), flags=re.M | re.S
    )
    stated = [claims.statements()[name] for name in re.findall(r"^```\{claim\} (\S+)", text, re.M)]
    prose = re.sub(r"^```\{.*?^```$|\$\$.*?\$\$", "", text, flags=re.M | re.S)
    prose = re.sub(r"\]\([^)]*\)", "]", re.sub(r"\{eval\}`[^`]*`", "1", prose))
    return sum(map(words, [prose, captions(text), *(f"{claim.title} {claim.text}" for claim in stated)]))


def test_the_first_six_chapters_are_read_in_45_minutes():
    """At 200 words a minute. What grows beyond that moves into a fold, or onto another page."""
    counts = {name: words_to_read(SPEC / f"{name}.md") for name in FIRST}
    assert sum(counts.values()) <= 45 * 200, counts


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_list_of_what_was_shown_names_every_claim_of_its_chapter(chapter):
    """Rows of the paper's tables, which stand in a table of their own, are left out."""
    text = chapter.read_text("utf-8")
    _, _, end = text.partition("## What was shown")
    judged = re.findall(r"^```\{claim\} ([A-Z]+-\d+)$", text, re.M)
    for listed in re.findall(r'for name in \(((?:"[A-Z]+-\d+"(?:, )?)+)\)', end):
        assert re.findall(r"[A-Z]+-\d+", listed) == [name for name in judged if not name.startswith("T1-")]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_leads_to_the_next_and_back_to_the_last(chapter):
    order = re.findall(r"^[\w-]+$", (SPEC / "index.md").read_text("utf-8").partition("maxdepth")[2], re.M)
    text, place = chapter.read_text("utf-8"), order.index(chapter.stem)
    led = re.findall(r"\[(?:The |the )?(next|last) (?:chapter|one)\]\(([\w-]+)\.md\)", text, re.I)
    final = order[order.index("matrix") - 1]  # before the lists at the end; "the last chapter", too
    ways = {"next": {order[place + 1]}, "last": {order[place - 1], final}}
    assert [(way, to) for way, to in led if to not in ways[way.lower()]] == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_question_has_an_answer_and_every_answer_its_question(chapter):
    """A list of a single question has lost the others, whose answers still stand below it."""
    asked, _, answered = chapter.read_text("utf-8").partition("## Try it")[2].partition("<details>")
    numbers = re.findall(r"^(\d+)\. ", asked, re.M)
    assert numbers != ["1"]
    assert ("For the second" in answered) <= (len(numbers) > 1)


@pytest.mark.parametrize(
    "page",
    [*SPEC.glob("*.md"), *(SPEC.parent / "docs").glob("*.md"), *SPEC.parent.glob("*.md")],
    ids=lambda page: page.name,
)
def test_no_sentence_ends_in_a_list_by_accident(page):
    """A line of a paragraph that begins with ``1.`` or a dash is the first item of a list to Markdown."""
    text = re.sub(r"^(```|~~~).*?^\1$", "", page.read_text("utf-8"), flags=re.M | re.S)
    lines = re.split(r"\n", text)
    accidents = [
        line
        for before, line in pairwise(lines)
        if re.match(r"(1\.|[-+*]) ", line) and re.match(r"\w", before) and not re.match(r"\d+\. ", before)
        if not before.rstrip().endswith(":")
    ]
    assert not accidents


def test_the_api_page_begins_with_every_public_name_and_shows_it():
    page = (SPEC.parent / "docs" / "api.md").read_text("utf-8")
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    shown = dict(zip(parts[::2], parts[1::2], strict=True))
    assert sorted(name for names in shown for name in names.split(", ")) == sorted(receptive.__all__)
    for names, text in shown.items():
        code = "".join(re.findall(r"^```.*?python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        assert all(f"receptive.{name}" in code for name in names.split(", ") if name != "Graph"), names
