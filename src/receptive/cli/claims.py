"""``receptive claims``: every claim with its chapter, its tests and its verdict."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from receptive.cli.shared import Json, ProtocolName, emit, say, table

if TYPE_CHECKING:
    from receptive.report.matrix import Row


def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Show these claims in full, e.g. POOL-2; by default a list.")
    ] = None,
    store: Annotated[Path, typer.Option("--store", help="Folder of runs.")] = Path("results"),
    tests: Annotated[Path, typer.Option("--tests", help="Folder of tests that name claims.")] = Path("tests"),
    protocol: ProtocolName = "released",
    json: Json = False,
) -> None:
    """List the claims, the paper's and a few of our own: where each is argued, its tests, what came of it.

    Runs and tests are those of a checkout of the project; without them claims have no verdict.

    Example: receptive claims POOL-2
    """
    from receptive.errors import UsageError
    from receptive.evidence import measured
    from receptive.files import kind
    from receptive.report import matrix

    for folder in (store, tests):
        if kind(folder) != "folder":
            say(f"{folder}: no such folder; run this in a checkout, or give --store and --tests")
    if kind(store) == "folder" and not measured.folders(store, protocol=protocol):
        say(f"{store} has no runs under protocol {protocol!r}; nothing counts as measured")
    rows = {row.statement.id: row for row in matrix.of(store, tests, protocol)}
    for unknown in set(ids or ()) - set(rows):
        raise UsageError(f"unknown claim {unknown!r}; `receptive claims` lists them")
    chosen = [rows[name] for name in ids or rows]
    emit([matrix.document(row) for row in chosen], text(chosen, whole=bool(ids)), json)


def text(rows: "list[Row]", whole: bool) -> str:
    """The claims as text for the terminal, in a line each or in full."""
    from receptive.report import matrix

    if not whole:
        lines = [
            [row.statement.id, row.verdict, row.statement.chapter, str(len(row.tests)), row.statement.title]
            for row in rows
        ]
        counts = ", ".join(f"{n} {verdict}" for verdict, n in matrix.summary(rows).items() if n)
        return (
            table(["claim", "verdict", "chapter", "tests", ""], lines) + f"\n\n{len(rows)} claims: {counts}."
        )
    return "\n\n".join(map(full, rows))


def full(row: "Row") -> str:
    """One claim in full."""
    from receptive.report import matrix

    claim = row.statement
    lines = [f"{claim.id}  {claim.title}: {row.verdict}"]
    lines += [fill(claim.text, 110, initial_indent="  ", subsequent_indent="  ")] if claim.text else []
    lines += [
        f"  paper: {claim.source}",
        f"  chapter: spec/{claim.chapter}.md",
        f"  code: {', '.join(claim.code)}",
    ]
    lines += [f"  test: {test}" for test in row.tests]
    lines += [f"  {line}" for line in [*matrix.number_lines(row), *matrix.evidence_lines(row)]]
    return "\n".join(lines)
