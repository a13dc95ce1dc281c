"""``match``: any motifs against a database."""

from math import inf
from pathlib import Path
from typing import Annotated

import typer

from receptive.cli.shared import Json, emit, say
from receptive.text import table


def match(
    filters: Annotated[
        Path, typer.Argument(metavar="FILTERS", help="Motifs: MEME, JASPAR, HOMER, TRANSFAC.")
    ],
    database: Annotated[
        str | None,
        typer.Option(help="A file of motifs, or a release such as JASPAR2026; JASPAR 2016 by default."),
    ] = None,
    threshold: Annotated[float, typer.Option(help="Greatest E-value of a match.")] = 0.1,
    relevant: Annotated[
        str, typer.Option(help="Which ids count as relevant: released or embedded (D-9).")
    ] = "released",
    json: Json = False,
) -> None:
    """Compare motifs with a database by Tomtom, and say which are matched by what.

    Example: receptive match results/synthetic/cnn-25/released/trial-0/conv1.meme
    """
    from receptive.errors import UsageError
    from receptive.motifs import tomtom
    from receptive.motifs.formats import read_motifs
    from receptive.motifs.jaspar import RELEVANT, relevant_ids
    from receptive.motifs.jaspar import database as motifs_of

    if relevant not in RELEVANT:
        raise UsageError(f"--relevant {relevant}: expected one of {', '.join(RELEVANT)}")
    if not 0 < threshold < inf:
        raise UsageError(f"--threshold is {threshold}: expected an E-value above 0")
    queries, targets = read_motifs(filters), motifs_of(database)
    ids = relevant_ids(which=relevant, motifs=targets)
    if missing := [factor for factor, own in ids.items() if not own]:
        say(f"no motif of the database counts as relevant for {', '.join(missing)}")
    matches = tomtom.match(queries, targets, threshold)
    fractions = tomtom.fractions(matches, ids)
    rows, records = [], []
    for match_ in matches:
        best = match_.best
        records.append(
            {
                "id": match_.id,
                "matches": len(match_.hits),
                "best": {"id": best.target, "name": best.name, "evalue": best.evalue} if best else None,
                "dead": match_.dead,
                "hits": [{"id": hit.target, "name": hit.name, "evalue": hit.evalue} for hit in match_.hits],
            }
        )
        shown = (
            [best.target, best.name, f"{best.evalue:.3g}"]
            if best
            else ["dead" if match_.dead else "–", "", ""]
        )
        rows.append([match_.id, str(len(match_.hits)), *shown])
    has_gmeb1 = any(tomtom.is_gmeb1(target.id) for target in targets)
    without = f" ({fractions.jaspar_without_gmeb1:.3f} without Gmeb1)" if has_gmeb1 else ""
    summary = (
        f"{fractions.jaspar:.3f} match{without}, {fractions.relevant:.3f} a relevant motif ({relevant} list)"
    )
    header = ["filter", "matches", "best", "name", "E-value"]
    text = f"{table(header, rows)}\n\nof {len(matches)} filters {summary}"
    emit({"filters": records, "fractions": fractions._asdict()}, text, json)
