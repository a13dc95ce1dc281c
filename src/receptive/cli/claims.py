"""``receptive claims``: every claim with its chapter, its tests and its verdict."""

from collections import Counter
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from receptive.cli.shared import Json, ProtocolName, emit, say
from receptive.text import table

CHECKOUT = Path("src/receptive/data/claims.toml")
"""What a checkout of the project has, seen from its root, and another folder has not."""


def claims(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Show these claims in full, e.g. POOL-2; by default a list.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="Folder of runs; in a checkout by default results.")
    ] = None,
    tests: Annotated[
        Path | None,
        typer.Option("--tests", help="Folder of tests that name claims; in a checkout by default tests."),
    ] = None,
    protocol: ProtocolName = "released",
    json: Json = False,
) -> None:
    """List the claims, the paper's and a few of our own: where each is argued, its tests, what came of it.

    Reproduced, in trend only (its inequalities hold, not all numbers), undecided (a limit lies inside its 95%
    interval) or not reproduced (contradicted); tested, if it is no matter of measurement. A number is marked
    (✓) if it is reproduced without agreement being shown. In a checkout of the project its runs and tests
    decide. Elsewhere, without --store, you see what came of the runs that this version was released with.

    Example: receptive claims POOL-2
    """
    from receptive.errors import UsageError
    from receptive.evidence import measured
    from receptive.files import kind
    from receptive.report import matrix

    checkout = CHECKOUT.is_file()
    if store is None and not checkout:
        if protocol != "released" or tests is not None:
            raise UsageError("--protocol and --tests need runs: give --store, or run this in a checkout")
        say("verdicts on the runs that this version was released with, protocol released")
        rows_shipped = matrix.load_shipped()
    else:
        store, tests = store or Path("results"), tests or (Path("tests") if checkout else None)
        for folder in (store, tests):
            if folder is not None and kind(folder) != "folder":
                say(f"{folder}: no such folder; run this in a checkout, or give --store and --tests")
        if kind(store) == "folder" and not measured.folders(store, protocol=protocol):
            say(f"{store} has no runs under protocol {protocol!r}; nothing counts as measured")
        rows_shipped = [matrix.document(row) for row in matrix.of(store, tests, protocol)]
    rows = {row["id"]: row for row in rows_shipped}
    for unknown in set(ids or ()) - set(rows):
        raise UsageError(f"unknown claim {unknown!r}; `receptive claims` lists them")
    chosen = [rows[name] for name in ids or rows]
    emit(chosen, text(chosen, whole=bool(ids)), json)


def text(rows: list[dict[str, Any]], whole: bool) -> str:
    """Return the claims as text for the terminal, in a line each or in full."""
    from receptive.report import matrix

    if whole:
        return "\n\n".join(map(full, rows))
    lines = [
        [row["id"], row["verdict"], Path(row["chapter"]).stem, str(len(row["tests"])), row["title"]]
        for row in rows
    ]
    verdicts = Counter(row["verdict"] for row in rows)
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in matrix.VERDICTS if verdicts[verdict])
    return table(["claim", "verdict", "chapter", "tests", ""], lines) + f"\n\n{len(rows)} claims: {counts}."


def full(row: dict[str, Any]) -> str:
    """Return one claim in full."""
    from receptive.report.tables import readable

    lines = [f"{row['id']}  {row['title']}: {row['verdict']}"]
    lines += _fill(row["statement"]) if row["statement"] else []
    lines += [
        f"  paper: {row['source']}",
        f"  chapter: {row['chapter']}",
        f"  code: {', '.join(row['code'])}",
    ]
    lines += [f"  test: {test}" for test in row["tests"]]
    lines += [f"  {readable(line)}" for line in [*row["numbers"], *row["evidence"]]]
    if row["explanation"] and row["verdict"] in ("undecided", "not reproduced"):
        lines += _fill(readable(f"In the repository's runs: {row['explanation']}"))
    return "\n".join(lines)


def _fill(paragraph: str) -> list[str]:
    return [fill(paragraph, 110, initial_indent="  ", subsequent_indent="  ")]
