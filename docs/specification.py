"""What the specification's pages get from the library at build time: claims, the matrix, and their tests.

A chapter only says where a claim stands, by a fence ``{claim} POOL-2`` without content. Its statement,
numbers, verdict and links are filled in here, so that none of them is typed in a page.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import links

from receptive.evidence import claims
from receptive.evidence.verdicts import Comparison
from receptive.report import matrix
from receptive.report.matrix import MARKS, Row, Test
from receptive.report.tables import COLUMNS_IN_VIVO, mark, plus_minus, readable

PLACE = re.compile(r"^```\{claims?\} ([^\n]+)\n```$", re.MULTILINE)
"""Where a claim stands, or the rows of a table, which stand together."""


def check(spec: Path, rows: Sequence[Row]) -> None:
    """Demand that every claim stands once, in its chapter, and has a test.

    Raises:
        ValueError: with all that is missing.
    """
    places = Counter(
        (path.stem, name)
        for path in sorted(spec.glob("*.md"))
        for names in PLACE.findall(path.read_text("utf-8"))
        for name in names.split()
    )
    wanted = {(row.statement.chapter, row.statement.id) for row in rows}
    problems = [
        f"claim {name} is not in its chapter, spec/{chapter}.md" for chapter, name in wanted - set(places)
    ]
    problems += [
        f"spec/{chapter}.md: no claim {name} belongs there" for chapter, name in set(places) - wanted
    ]
    problems += [
        f"spec/{chapter}.md has claim {name} twice" for (chapter, name), n in places.items() if n > 1
    ]
    problems += [f"no test names claim {row.statement.id}" for row in rows if not row.tests]
    if problems:
        raise ValueError("\n".join(sorted(problems)))


def with_claims(page: str, rows: dict[str, Row]) -> str:
    """Fill in the claims of a page."""

    def filled(place: re.Match[str]) -> str:
        named = [rows[name] for name in place[1].split()]
        return claim(*named) if len(named) == 1 else table(named)

    return PLACE.sub(filled, page)


def table(rows: Sequence[Row]) -> str:
    """Rows of Table 1 or 2 as one table; each as a claim, with its tests, is folded away below it."""
    columns = dict.fromkeys(number.cell.column for row in rows for number in row.numbers)
    named = [COLUMNS_IN_VIVO[column] for column in columns]
    lines = [
        f"| claim | | {' | '.join(f'{name}:<br>published, measured' for name in named)} | |",
        "|---" * (len(named) + 3) + "|",
    ]
    for row in rows:
        by_column = {number.cell.column: number for number in row.numbers}
        cells = [
            f"{links.published(plus_minus(number.cell.mean, number.cell.sd), number.cell)}"
            f"<br>{measured_link(number)} {mark(number)}"
            for number in map(by_column.__getitem__, columns)
        ]
        title = f"{{need}}`{row.statement.id}` | {row.statement.title}"
        lines.append(f"| {title} | {' | '.join(cells)} | {MARKS[row.verdict]} {row.verdict} |")
    summary = "Row by row, with sources and tests"
    boxes = [part for row in rows for part in (claim(row), "")]
    framed = [":::{container} rows", *lines, ":::"]
    return "\n".join([*framed, "", "<details>", f"<summary>{summary}</summary>", "", *boxes, "</details>"])


def claim(row: Row) -> str:
    """A claim as a page shows it: a ``claim`` of sphinx-needs."""
    stated = row.statement
    return "\n".join(
        [
            f"`````{{claim}} {stated.title}",
            f":id: {stated.id}",
            f":verdict: {MARKS[row.verdict]} {row.verdict}",
            f":style: {row.verdict.replace(' ', '-')}",
            "",
            stated.text,
            "",
            *_inequalities(row),
            *([f"**{_why(row)}:** {readable(row.explanation)}", ""] if row.explanation else []),
            *_numbers(row),
            "::::{container} claim-facts",
            f"Source: {links.source(stated.source)} · Code: {code(row)} · {_tests(row)}{_runs(row)}",
            "::::",
            "`````",
        ]
    )


def _why(row: Row) -> str:
    return {"undecided": "Why it is undecided", "not reproduced": "Why it fails"}.get(row.verdict, "Why")


def _runs(row: Row) -> str:
    """Links to the runs that decide a claim."""
    if row.judgement is None:
        return ""
    networks = tuple(quantity.variant for quantity in row.judgement.criterion.needs)
    linked = links.every(networks, row.judgement.task)
    return f" · Runs: {linked}" if linked else ""


def _inequalities(row: Row) -> list[str]:
    task = row.judgement.task if row.judgement else ""
    lines = [f"- {links.named(readable(line), task)}" for line in matrix.evidence_lines(row)]
    return [*lines, ""] if lines else []


def _numbers(row: Row) -> list[str]:
    """The numbers of a row of a table in full, those that a claim leans on folded away."""
    if not row.numbers:
        return []
    few = row.judgement is None
    grid = ["| | published | measured | |", "|---|---|---|---|"] + [
        f"| {readable(matrix.quantity(number.cell, with_variant=not few))} "
        f"| {links.published(plus_minus(number.cell.mean, number.cell.sd), number.cell)} "
        f"| {measured_link(number)} "
        f"| {mark(number)} {in_words(number)} |"
        for number in row.numbers
    ]
    if few:
        return [*grid, ""]
    counts = Counter(number.verdict for number in row.numbers)
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in matrix.VERDICTS if counts[verdict])
    if counts["reproduced"]:
        verdicts += f"; agreement shown of {sum(number.shown is True for number in row.numbers)}"
    summary = f"The {len(row.numbers)} published numbers it leans on: {verdicts}"
    return ["<details>", f"<summary>{summary}</summary>", "", *grid, "", "</details>", ""]


def measured_link(number: Comparison) -> str:
    """A measured number with a link to its runs."""
    return links.runs(matrix.measured_text(number), number.cell.variant, number.cell.task)


def in_words(number: Comparison) -> str:
    """The verdict on a number, and whether its agreement is shown."""
    return "reproduced, not shown" if number.verdict == "reproduced" and not number.shown else number.verdict


def code(row: Row) -> str:
    """Links to the code of a claim."""
    return ", ".join(f"{{py:obj}}`~{name}`" for name in row.statement.code)


def _tests(row: Row, most: int = 3) -> str:
    """Links to a claim's tests, or to the list of them."""
    shown = [f"[{sentence(test)}](#{anchor(test)})" for test in row.tests[:most]]
    more = len(row.tests) - len(shown)
    rest = [f"[{more} more](#tests-{row.statement.id.lower()})"] if more else []
    return f"Test{'s' if len(row.tests) > 1 else ''}: " + "; ".join([*shown, *rest])


def sentence(test: Test) -> str:
    """The name of a test as the sentence that it is."""
    return test.name.removeprefix("test_").replace("_", " ")


def anchor(test: Test) -> str:
    """The target of a test on the page of tests."""
    place = "-".join(Path(test.file).with_suffix("").parts[1:])
    return f"{place}-{test.name}".replace("_", "-").lower()


def the_matrix(rows: Sequence[Row]) -> str:
    """The matrix as a table in Markdown."""
    lines = [
        "| claim | says | measured | verdict | published | tests | code |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        stated = row.statement
        cells = [
            f"{{need}}`{stated.id}`",
            stated.title,
            measured(row),
            f"{MARKS[row.verdict]} {row.verdict}",
            published(row),
            f"[{len(row.tests)}](#tests-{stated.id.lower()})",
            code(row),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def published(row: Row) -> str:
    """The published numbers of a row of a table, or the rows that a claim leans on."""
    if row.judgement is not None:
        ids = dict.fromkeys(number.cell.id for number in row.numbers if number.cell.id != row.statement.id)
        return " ".join(f"{{need}}`{name}`" for name in ids if name in claims.statements())
    return "<br>".join(
        f"{COLUMNS_IN_VIVO[number.cell.column]} "
        + links.published(plus_minus(number.cell.mean, number.cell.sd), number.cell)
        for number in row.numbers
    )


def measured(row: Row) -> str:
    """The measured numbers of a row of a table, or how many inequalities of a claim hold."""
    if row.judgement is not None:
        hold = [inequality.holds for inequality in row.judgement.evidence]
        box = f"{row.statement.chapter}.html#{row.statement.id}"
        return links.link(f"{sum(hold)} of {len(hold)} inequalities hold", box, "box") if hold else ""
    return "<br>".join(f"{measured_link(number)} {mark(number)}" for number in row.numbers)


def the_tests(rows: Sequence[Row]) -> str:
    """Every claim with the source of its tests; a test of several claims is shown once."""
    shown: set[str] = set()
    lines = []
    for row in rows:
        lines += [
            f"(tests-{row.statement.id.lower()})=",
            f"## {row.statement.id}",
            "",
            row.statement.title,
            "",
        ]
        for test in row.tests:
            if anchor(test) in shown:
                lines += [f"- [{sentence(test)}](#{anchor(test)})", ""]
                continue
            shown.add(anchor(test))
            lines += [f"({anchor(test)})=", f"**{sentence(test)}** (`{test}`)", ""]
            lines += ["``````python", test.source, "``````", ""]
    return "\n".join(lines)
