"""``receptive report``: the paper's numbers beside the measured ones, and what holds."""

from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from receptive.cli.shared import Json, ProtocolName, Store, emit, say, table


def report(
    store: Store = Path("results"),
    protocol: ProtocolName = "released",
    out: Annotated[
        Path | None, typer.Option(help="Also write report.json, report.md, table.csv and the figures here.")
    ] = None,
    json: Json = False,
) -> None:
    """Set the paper's numbers beside those of the stored runs, with a verdict for each and for every claim.

    A number is reproduced if nothing contradicts it; beside it stands whether agreement is shown, too. A
    claim is not reproduced if it is contradicted, and undecided if a limit lies inside its 95% interval.

    Example: receptive report --store results --out report
    """
    from receptive.evidence import ablations, measured
    from receptive.protocols import protocol as protocol_of
    from receptive.report import report as reports

    protocol_of(protocol.partition("+")[0])  # An unknown one is a mistake, one without runs is not.
    others = measured.collect_others(store, protocol)
    real = any(found.data for found in others.values())
    results = measured.held(store, protocol) if real else measured.collect(store, protocol)
    document = reports.document(results, protocol, ablations.document(store), others)
    if out is not None:
        say(f"drawing figures into {out}, a minute or two")
        reports.write(document, results, store, out, others)
    emit(document, text(document), json)


def text(document: dict[str, Any]) -> str:
    """The report as text for the terminal."""
    from receptive.report.tables import (
        RULES,
        TASK_WORDS,
        by_trial_line,
        chipseq_table,
        class_table,
        evidence_line,
        mixed_recipes,
        switch_table,
        table_2,
        tally,
    )
    from receptive.report.tables import table as rows

    lines = [table(*rows(document)), "", fill(RULES, 110), ""]
    if document["table2"]["data_sha256"]:
        lines += [table(*table_2(document)), ""]
    chipseq = document["chipseq"]
    if chipseq["scores"]:
        lines += [
            "Different data, not the paper's: the ChIP-seq task",
            "",
            table(*chipseq_table(chipseq)),
            "",
        ]
        lines += [table(*class_table(chipseq, chipseq["best_hits"])), ""]
    for name, control in chipseq["controls"].items():
        lines += [f"Control: {name}", "", table(*chipseq_table(control)), ""]
    for claim in document["claims"]:
        lines.append(
            fill(f"{claim['id']}: {claim['verdict']}. {claim['statement']}", 110, subsequent_indent="  ")
        )
        if claim["task"] in TASK_WORDS:
            lines.append(f"  {TASK_WORDS[claim['task']]}")
        if claim["waits_for"]:
            waits = f"  waits for {', '.join(claim['waits_for'])}"
            lines.append(fill(waits, 110, subsequent_indent="  "))
        lines += [f"  {evidence_line(each)}" for each in claim["evidence"]]
        if claim["by_trial"] != claim["verdict"]:
            lines.append(f"  ({by_trial_line(claim)})")
    for name in ("ablations", "protocols"):
        if measured := [row for row in document.get(name, ()) if row["n"]]:
            lines += ["", table(*switch_table(measured))]
    lines += ["", f"Protocol {document['protocol']}. {tally(document)}"]
    lines += filter(None, [mixed_recipes(document)])
    if document["left_out"]:
        lines.append(f"Left out, incomplete or shortened: {', '.join(document['left_out'])}")
    return "\n".join(lines)
