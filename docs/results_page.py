"""What the page of results gets from the stored runs at build time."""

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev

import links

from receptive.evidence import ablations, claims, measured
from receptive.evidence.labels import label, label_networks
from receptive.networks.variants import OWN, VARIANTS
from receptive.replication import runs
from receptive.report import report, tables
from receptive.report.report import Report


def contents(store: Path) -> str:
    """Every table of the page, in Markdown."""
    report_ = report.read(store)
    return "\n\n".join(
        [
            "## Table 1, published and measured",
            f"By the protocol `released`. {tables.tally(report_)}",
            table(*table_1(report_)),
            tables.RULES,
            "## What is undecided or not reproduced",
            *failed_claims(report_),
            by_trial(report_),
            *not_reproduced(report_),
            *(framed(label_networks(part)) for part in tables.switch_sections(report_.switches, "<br>")),
            "## What it took",
            *times(store),
        ]
    )


def table_1(report: Report) -> tables.Table:
    """Table 1 with links from its published numbers to the paper and from the measured ones to their runs."""
    header, rows = tables.table(report)
    for row in rows:
        network = row[1].split()[0]
        row[1] = links.named(label_networks(row[1]))
        for at in reversed(range(3, len(row), 3)):  # a number, ours, its mark; from the end, as marks join
            row[at] = links.link(row[at], f"https://doi.org/{links.DOI}.t001", "paper") if row[at] else ""
            row[at + 1 : at + 3] = [f"{links.runs(row[at + 1], network)} {row[at + 2]}".strip()]
    return [name for name in header if name], rows


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table whose numbers stay on one line."""
    return framed(tables.grid(header, rows))


def framed(part: str) -> str:
    """Put a table, and nothing else, into a container."""
    return f":::{{container}} numbers\n{part}\n:::" if part.startswith("|") else part


def failed_claims(report: Report) -> Iterator[str]:
    """Every claim that is undecided or not reproduced, with what is known of why."""
    for judged in report.claims:
        if judged.verdict in ("undecided", "not reproduced"):
            stated = claims.statements()[judged.id]
            place = f"[{stated.id}](../spec/{stated.chapter}.md)"
            said = f"The claim {place}, “{stated.title}”, is {judged.verdict}."
            yield f"{said} {tables.readable(judged.explanation)}".rstrip()


def not_reproduced(report: Report) -> Iterator[str]:
    """Every number that is not, with the switches that make it so."""
    missed = [number for number in report.cells if number.verdict == "not reproduced"]
    few = sum(number.verdict == "not measured" for number in report.cells)
    if not missed:
        yield f"Of the numbers measured so far, none; {few} still wait for runs." if few else "Nothing."
        return
    layers = {(layer.variant, layer.layer): layer.fractions for layer in report.networks["synthetic"].layers}
    rows = []
    for number in missed:
        cell = number.cell
        reasons = ablations.explain(number, report.switches.ablations)
        flat = layers[cell.variant, cell.layer]["jaspar_without_gmeb1"] if cell.column == "jaspar" else None
        rows.append(
            [
                tables.readable(f"{cell.variant} {cell.layer} {cell.column}"),
                tables.plus_minus(cell.mean, cell.sd),
                links.runs(tables.of_sample(number.measured), cell.variant),
                tables.difference_text(number.difference),
                tables.of_sample(flat),
                ", ".join(dict.fromkeys(reasons)) or "none",
            ]
        )
    header = ["number", "published", "measured", "difference", "without Gmeb1", "reproduced when switched"]
    yield table(header, rows)
    compared = len(report.cells) - few
    switched = dict.fromkeys(row.variant for row in report.switches.ablations)
    yield (
        f"Of {compared} numbers compared by 95% intervals one would expect about {compared / 20:.0f} to miss "
        "by chance if every pair were equal, or fewer, as small differences count as none. Without Gmeb1: "
        "the measured share if a match with that motif, which flat filters have, does not count (D-19; it "
        "does in what was published). The last column names the discrepancies whose switch, in the table "
        "below, turns the number into one that is reproduced, with an effect whose own 95% interval leaves "
        f"0 out. Switches are trained for {', '.join(map(label, switched))} alone; with fewer than three "
        "runs none explains."
    )


def by_trial(report: Report) -> str:
    """Which verdicts depend on taking the trials of different networks as independent."""
    changed = [
        f"{claim.id} would be {claim.by_trial} instead of {claim.verdict}"
        for claim in report.claims
        if claim.by_trial != claim.verdict
    ]
    return (
        "The number of a trial is the seed of every network: the order of its batches and, where shapes "
        "agree, its first weights. Welch's intervals take trials as independent all the same. Judged by "
        f"sums within each trial instead, {'; '.join(changed) or 'no verdict changes'}. (Such intervals have "
        "fewer degrees of freedom, so that a verdict may change without any dependence.)"
    )


def times(store: Path) -> Iterator[str]:
    """The time of the trainings by the protocol released, on the machines that they ran on."""
    names = (*VARIANTS, *OWN)
    minutes: dict[str, list[float]] = {name: [] for name in names}
    epochs: dict[str, list[int]] = {name: [] for name in names}
    machines = set()
    for folder in measured.folders(store, "synthetic", "released"):
        stored = runs.load(folder)
        if stored.full_protocol and stored.plan.network.name in minutes:
            minutes[stored.plan.network.name].append(stored.seconds / 60)
            epochs[stored.plan.network.name].append(stored.epochs)
            machines.add(f"{stored.device} ({stored.machine}, {stored.backend})")
    of_the_paper = [minute for name in VARIANTS for minute in minutes[name]]
    ours = [minute for name in OWN for minute in minutes[name]]
    yield (
        f"The paper's networks: {len(of_the_paper)} trainings, {sum(of_the_paper) / 60:.1f} hours in all; "
        f"the registered ones: {len(ours)}, {sum(ours) / 60:.1f} hours. Each was trained on one thread, "
        f"mostly two at a time beside other work, on {'; '.join(sorted(machines))}. Not in these times: "
        "starting a process, and reading and matching its filters. The table was never trained in one go, so "
        "that nobody measured the wall time of it. ± is the standard deviation over trials."
    )
    rows = [
        [links.named(label(name)), str(len(minutes[name])), spread(epochs[name]), spread(minutes[name])]
        for name in names
        if minutes[name]
    ]
    yield table(["network", "n", "epochs", "minutes"], rows)


def spread(values: list[float] | list[int]) -> str:
    """Mean and standard deviation."""
    return tables.plus_minus(fmean(values), stdev(values) if len(values) > 1 else None, 1)
