"""``receptive report``: the paper's numbers beside the measured ones, and what holds."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from receptive.cli.shared import Json, ProtocolName, emit, say, stored_runs
from receptive.text import table

if TYPE_CHECKING:
    from receptive.report.report import Report


def report(
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Folder of runs; by default results, or else the runs that ship."),
    ] = None,
    protocol: ProtocolName = "released",
    out: Annotated[
        Path | None, typer.Option(help="Also write report.json, report.md, table.csv and the figures here.")
    ] = None,
    json: Json = False,
) -> None:
    """Set the paper's numbers beside those of the stored runs, with a verdict for each and for every claim.

    A number is reproduced if nothing contradicts it; beside it stands whether agreement is shown, too. A
    claim is not reproduced if it is contradicted, and undecided if a limit lies inside its 95% interval.
    Without a folder results you see what came of the runs that this version was released with.

    Example: receptive report --store results --out report
    """
    from receptive.protocols import protocol as protocol_of
    from receptive.report import records
    from receptive.report.report import read

    protocol_of(protocol.partition("+")[0])  # An unknown one is a mistake, one without runs is not.
    store = stored_runs(store)
    document = read(store, protocol)
    if out is not None:
        from receptive.report import drawings

        say(f"drawing figures into {out}, a minute or two")
        drawings.write(document, store, out)
    emit(records.record(document), text(document), json)


def text(report: "Report") -> str:
    """Return the report as text for the terminal."""
    from receptive.evidence.labels import label
    from receptive.report.tables import (
        RULES,
        by_trial_line,
        chipseq_table,
        class_table,
        evidence_line,
        mixed_recipes,
        readable,
        switch_table,
        table_2,
        tally,
    )
    from receptive.report.tables import table as rows
    from receptive.tasks.registry import words

    lines = [table(*rows(report)), "", fill(RULES, 110), ""]
    if "invivo" in report.results:
        lines += [table(*table_2(report)), ""]
    chipseq = report.networks["chipseq"]
    if chipseq.scores:
        lines += [
            "Different data, not the paper's: the ChIP-seq task",
            "",
            table(*chipseq_table(chipseq)),
            "",
            table(*class_table(chipseq, report.best_hits)),
            "",
        ]
    for name in report.controls:
        lines += [f"Control: {name}", "", table(*chipseq_table(report.networks[name])), ""]
    for claim in report.claims:
        judgement = claim.judgement
        said = f"{claim.id}: {claim.verdict}. {judgement.criterion.statement}"
        lines.append(fill(said, 110, subsequent_indent="  "))
        if special := words(judgement.task):
            lines.append(f"  {special}")
        if judgement.waits_for:
            waits = f"  waits for {', '.join(map(label, judgement.waits_for))}"
            lines.append(fill(waits, 110, subsequent_indent="  "))
        lines += [f"  {readable(evidence_line(inequality))}" for inequality in judgement.evidence]
        if claim.by_trial != claim.verdict:
            lines.append(f"  ({by_trial_line(claim)})")
    for part in report.switches:
        if measured := [row for row in part if row.n]:
            lines += ["", table(*switch_table(measured))]
    lines += ["", f"Protocol {report.protocol}. {tally(report)}"]
    lines += filter(None, [mixed_recipes(report)])
    if left_out := report.synthetic.left_out:
        lines.append(f"Left out, incomplete or shortened: {', '.join(map(str, left_out))}")
    return "\n".join(lines)
