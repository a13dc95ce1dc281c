"""A report as people read it: tables, sentences and a Markdown page.

Every function takes a :class:`~receptive.report.report.Report`, or a part of it, and returns text or rows of
text. What numbers there are and what they mean is decided there; here, how they look.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from receptive.evidence import ablations, authors, claims
from receptive.evidence.ablations import Row, Switches
from receptive.evidence.labels import label, label_networks
from receptive.evidence.statistics import LEAST_TRIALS, Interval, Sample
from receptive.evidence.verdicts import PUBLISHED_TRIALS, Comparison, Evidence
from receptive.report import records
from receptive.report.report import Judged, Networks, Report
from receptive.tasks.registry import words

Table = tuple[list[str], list[list[str]]]
"""A header and rows."""
COLUMNS = {"auroc": "AU-ROC", "jaspar": "JASPAR", "relevant": "relevant"}
COLUMNS_IN_VIVO = {"auroc": "AU-ROC", "aupr": "AU-PR", "jaspar": "JASPAR", "relevant": "relevant"}
IN_WORDS = {
    "gradient_left": "gradient at the last epoch kept over that after epoch 1",
    "relevant_at_end": "relevant at the last epoch kept",
    "gradient_lead": "log gradient after epoch 1, filters that end relevant − others",
    "importance_lead": "rise in test loss, filters with a relevant match − filters without",
}
"""Columns of the studies of a run's first layer, in words."""
MARKS = {"reproduced": "✓", "undecided": "?", "not reproduced": "✗", "not measured": "·"}
UNSHOWN = "(✓)"
"""The mark of a number that is reproduced without its agreement being shown."""
RULES = (
    "✓ reproduced: the 95% Welch interval of measured − published holds 0, or they differ by less than 0.05 "
    "(fractions) or 0.01 (AU-ROC), and agreement within these limits is shown, too: the 90% interval of the "
    f"difference lies between them (two one-sided tests at 5%). {UNSHOWN} reproduced, but not shown: the "
    "trials scatter too much, and nothing contradicts it. ✗ not reproduced. · not measured: fewer than "
    f"{LEAST_TRIALS} full runs (n). ± is the standard deviation over trials, of which the measured one "
    "divides by n − 1 and the published one by n; the interval takes this into account."
)


def plus_minus(mean: float | None, sd: float | None, digits: int = 3) -> str:
    """Format a mean and its deviation; a dash without a mean."""
    if mean is None:
        return "–"
    return f"{mean:.{digits}f}" + ("" if sd is None else f"±{sd:.{digits}f}")


def of_sample(sample: Sample | None, digits: int = 3) -> str:
    """Format the mean of some trials and their deviation; a dash without a trial."""
    return plus_minus(sample.mean, sample.deviation, digits) if sample else "–"


def table(report: Report) -> Table:
    """Lay the numbers out as Table 1 has them: a row per network and layer, with marks for the verdicts."""
    return _table(report.cells, COLUMNS)


def table_2(report: Report) -> Table:
    """Lay the numbers of DeepSEA's sequences out as Table 2 has them, in the same way."""
    return _table(report.table2, COLUMNS_IN_VIVO)


def chipseq_table(networks: Networks) -> Table:
    """Lay the numbers of the ChIP-seq task, or of a control, out like Table 2, beside nothing published."""
    header = ["network", "n", "AU-ROC", "AU-PR", "JASPAR", "without Gmeb1", "relevant", "covered"]
    scores = {row.variant: row for row in networks.scores}
    rows = []
    for layer in networks.layers:
        first, own = layer.layer == "conv1", scores[layer.variant]
        rows.append(
            [
                layer.variant if first else f"{layer.variant} {layer.layer}",
                str(layer.n),
                *(of_sample(score) if first else "" for score in (own.auroc, own.aupr)),
                *(of_sample(share) for name, share in layer.fractions.items() if name != "relevant_embedded"),
                of_sample(layer.covered, 1),
            ]
        )
    return header, rows


def class_table(networks: Networks, best: Mapping[str, float]) -> Table:
    """Lay out the AU-ROC of every class, means over trials: the best JASPAR hit's and every network's."""
    scores = networks.scores
    header = ["class", *(["best JASPAR hit"] if best else []), *(row.variant for row in scores)]
    return header, [
        [
            name,
            *([f"{best[name]:.3f}"] if best else []),
            *(f"{row.auroc_by_class[name].mean:.3f}" for row in scores),
        ]
        for name in scores[0].auroc_by_class
    ]


def _table(published: Sequence[Comparison], columns: Mapping[str, str]) -> Table:
    header = ["id", "variant", "n"]
    for name in columns.values():
        header += [name, "measured", ""]
    rows: dict[tuple[str, str, str], dict[str, Comparison]] = {}
    for number in published:
        cell = number.cell
        rows.setdefault((cell.id, cell.variant, cell.layer or "conv1"), {})[cell.column] = number
    lines = []
    for (identifier, variant, layer), numbers in rows.items():
        deep = not identifier.startswith("T")
        measured = next(iter(numbers.values())).measured
        line = [identifier, f"{variant} {layer}" if deep else variant, str(measured.n if measured else 0)]
        for column in columns:
            line += _three(numbers.get(column))
        lines.append(line)
    return header, lines


def _three(number: Comparison | None) -> list[str]:
    """Return a published number, the measured one and the mark of the verdict."""
    if number is None:
        return ["", "", ""]
    return [plus_minus(number.cell.mean, number.cell.sd), of_sample(number.measured), mark(number)]


def mark(number: Comparison) -> str:
    """Return the mark of a number: of its verdict, and whether its agreement is shown."""
    return UNSHOWN if number.verdict == "reproduced" and not number.shown else MARKS[number.verdict]


def tally(report: Report) -> str:
    """Count the verdicts in one sentence."""

    def count(entries: Sequence[Comparison] | Sequence[Judged], *verdicts: str) -> str:
        counts = Counter[str](entry.verdict for entry in entries)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in verdicts)

    cells, judged = report.cells, report.claims
    shown = sum(number.shown is True for number in cells)
    twice = " (each data set by itself)" if len({claim.id for claim in judged}) < len(judged) else ""
    return (
        f"Of {len(cells)} numbers {count(cells, 'reproduced', 'not reproduced', 'not measured')}; "
        f"agreement is shown of {shown} of those reproduced, and the others are not contradicted. "
        f"Of {len(judged)} claims{twice} "
        f"{count(judged, 'reproduced', 'trend only', 'undecided', 'not reproduced', 'not measured')}."
    )


def evidence_line(inequality: Evidence) -> str:
    """Say one inequality of a claim."""
    closest = f", the closest of {inequality.closest_of}" if inequality.closest_of > 1 else ""
    sign = "✓" if inequality.holds else "✗" if inequality.contradicted else "?"
    return f"{sign} {inequality.what}: {inequality.interval}, to be {inequality.requirement}{closest}"


def readable(what: str) -> str:
    """Say a line of evidence as people read it: networks by labels, columns by heads, long fractions cut."""
    words = COLUMNS_IN_VIVO | IN_WORDS
    named = re.sub(rf"\b({'|'.join(words)})\b", lambda column: words[column[0]], label_networks(what))
    return re.sub(r"\d\.\d{6,}\b", lambda number: f"{float(number[0]):.3f}", named)


def by_trial_line(claim: Judged) -> str:
    """Say what a claim's verdict would be if trials of one seed were taken as pairs."""
    return f"taken trial by trial it would be {claim.by_trial}"


def table_csv(report: Report) -> str:
    """Return the cells as comma-separated values, a row per number."""
    text = io.StringIO()
    cells = [records.cell(number) for number in report.cells]
    names = [name for name in cells[0] if name != "difference"]
    columns = [*names, "difference", "difference_low", "difference_high"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for cell in cells:
        interval = cell["difference"] or {}
        ends = {f"difference_{end}": interval.get(end) for end in ("low", "high")}
        writer.writerow({**cell, "difference": interval.get("estimate"), **ends})
    return text.getvalue()


def markdown(report: Report, figures: Mapping[str, str]) -> str:
    """Return the report as a Markdown page.

    Args:
        report: what to show.
        figures: names of the figures' files, without their endings, and what each shows in words.
    """
    data, left_out = report.synthetic.data[:16] or "none", report.synthetic.left_out
    sections = [
        "# Koo & Eddy (2019), Table 1: published and measured",
        f"Protocol `{report.protocol}`, data set `{data}`. {tally(report)}",
        f"{len(left_out)} shortened or incomplete runs are left out." if left_out else "",
        mixed_recipes(report),
        RULES,
        grid(*table(report)),
        "## Claims",
        "A claim is *reproduced* if the whole 95% interval of each of its inequalities lies on the claimed "
        "side and the published numbers it leans on are reproduced too; *trend only* if the inequalities "
        "hold but not the numbers, or none was published of such data; *not reproduced* if an interval lies "
        "wholly on the other side (✗); else *undecided*: the limit lies inside an interval (?). It is *not "
        "measured* while a variant that "
        f"it needs has fewer than {PUBLISHED_TRIALS} full runs, or {LEAST_TRIALS} for ASM-3, ASM-5, ASM-6, "
        "ASM-7 and a claim in vivo.",
        *map(_claim_section, report.claims),
        "## What counts as a match",
        "JASPAR: any of the 519 motifs; without Gmeb1, which flat filters hit (D-19). Relevant: by the "
        "released list, as in the table, or by the embedded motifs alone (D-9).",
        grid(
            ["layer", "n", "JASPAR", "without Gmeb1", "relevant", "embedded only"],
            list(_fraction_rows(report.networks["synthetic"])),
        ),
        "## Filters on each factor",
        "Mean fraction of all filters whose best relevant hit is the factor's, ± standard deviation over "
        "trials; covered: how many of the twelve factors have a filter (POOL-4).",
        _factor_grid(report.networks["synthetic"]),
        "## Table 2: published and measured",
        "DeepSEA's sequences, the paper's in vivo data, which are too large to ship (docs/deepsea.md). The "
        "match fractions published for CNN-25 with 60, 90 and 120 filters are Table 1's (D-2).",
        grid(*table_2(report)),
        "## The authors' own in vivo filters",
        "First-layer filters that the authors trained on DeepSEA's sequences, from the history of their "
        "repository: one trial of an earlier version, CNN-50-2 small (D-5), compared with JASPAR by this "
        "package. Published: Table 2, ± standard deviation over five trials.",
        _authors_grid(),
        *_chipseq_sections(report),
        *(switch_sections(report.switches) if report.switches.ablations else ()),
        "## Figures" if figures else "",
        *(f"![{words}]({name}.svg)" for name, words in figures.items()),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _chipseq_sections(report: Report) -> list[str]:
    networks = report.networks["chipseq"]
    sections = [
        "## Different data: the ChIP-seq task",
        "**These are not the paper's data.** No number here is one of Table 2's, and none is compared with "
        "one: 100 nt instead of 1000, ten factors instead of twelve, cell lines and laboratories mixed "
        "(docs/chipseq.md). What is judged on them are the claims VIVO-1 to VIVO-5. ± is the standard "
        "deviation over trials; covered: how many of the ten factors have a filter.",
    ]
    if not networks.scores:
        sections.append("There is no full run yet: `receptive replicate chipseq`.")
    else:
        sections += [
            grid(*chipseq_table(networks)),
            "### AU-ROC of each factor",
            "Means over trials, beside that of the best site of the factor's own JASPAR motif alone.",
            grid(*class_table(networks, report.best_hits)),
            "### Filters on each factor, ChIP-seq",
            _factor_grid(networks),
        ]
    for task in report.controls:
        control = report.networks[task]
        sections += [f"### Control: {task}", words(task), grid(*chipseq_table(control))]
        if task == "chipseq-source":
            sections.append(grid(*class_table(control, {})))
    return sections


def _claim_section(claim: Judged) -> str:
    judgement = claim.judgement
    lines = [f"**{claim.id}** – *{claim.verdict}*. {judgement.criterion.statement}", ""]
    if special := words(judgement.task):
        lines.append(f"- {special}")
    if judgement.waits_for:
        lines.append(f"- waits for {', '.join(map(label, judgement.waits_for))}")
    if claim.by_trial != claim.verdict:
        lines.append(f"- {by_trial_line(claim)}")
    return "\n".join(
        [*lines, *(f"- {readable(evidence_line(inequality))}" for inequality in judgement.evidence)]
    )


def _fraction_rows(networks: Networks) -> Iterator[list[str]]:
    for layer in networks.layers:
        yield [f"{layer.variant} {layer.layer}", str(layer.n), *map(of_sample, layer.fractions.values())]


def _factor_grid(networks: Networks) -> str:
    if not networks.layers:
        return ""
    header = ["layer", "n", "covered", *networks.layers[0].factors]
    return grid(
        header,
        [
            [
                f"{layer.variant} {layer.layer}",
                str(layer.n),
                of_sample(layer.covered, 1),
                *(of_sample(share, 2) for share in layer.factors.values()),
            ]
            for layer in networks.layers
        ],
    )


def mixed_recipes(report: Report) -> str:
    """Say which networks have runs by code that makes different networks of one plan; empty if none has."""
    mixed = [name for name, recipes in report.synthetic.recipes.items() if len(recipes) > 1]
    if not mixed:
        return ""
    names = ", ".join(mixed)
    return f"Runs of more than one recipe (see run.json), trials of different code, are together in {names}."


def _authors_grid() -> str:
    header = ["network", "filters", "JASPAR", "published", "relevant", "published", "embedded only"]
    rows = []
    for variant in authors.INVIVO:
        shares = authors.fractions(variant)
        line = [variant, str(len(authors.filters(variant)))]
        for column in ("jaspar", "relevant"):
            cell = claims.cell(variant, column, "invivo")
            line += [f"{shares[column]:.3f}", plus_minus(cell.mean, cell.sd) if cell else "–"]
        rows.append([*line, f"{shares['relevant_embedded']:.3f}"])
    return grid(header, rows)


def switch_sections(switches: Switches, joint: str = "") -> list[str]:
    """Return the two tables of runs under other protocols, laid out as by `switch_table`, with words."""
    return [
        "## Single switches of the protocol",
        "CNN-2 and CNN-25 by the released code, with one difference at a time switched to what the paper's "
        "text says, with all that concerns the reading of filters, and with everything; CNN9-4 with windows "
        "as long as its filters; CNN-50-2 as large as the text says. Beside the difference from `released` "
        "its 95% interval: Welch's, or, where only the reading differs, that of the differences, trial by "
        "trial, from a released reading of the same weights (`released, again`: weights are not kept, and "
        "another machine makes others of the same seed). Marks are verdicts on the published number.",
        grid(*switch_table(switches.ablations, joint)),
        "## The two protocols",
        "Networks trained by the released code and by the paper's text, the latter also with their filters "
        "read as the released code reads them.",
        grid(*switch_table(switches.protocols, joint)),
    ]


def switch_table(rows: Sequence[Row], joint: str = "") -> Table:
    """Lay out runs under several protocols, below the published numbers of their network.

    Args:
        rows: the runs.
        joint: what joins a number and its difference into one cell; each has a cell of its own by default.
    """

    def laid(pairs: Iterable[tuple[str, str]]) -> list[str]:
        return [cell for pair in pairs for cell in ([joint.join(filter(None, pair))] if joint else pair)]

    header = [
        "network",
        "protocol",
        "discrepancy",
        "n",
        *laid((name, "− released") for name in COLUMNS.values()),
    ]
    lines, last = [], ""
    for row in rows:
        numbers = [
            (number, row.differences[column]) for column in COLUMNS if (number := row.comparison(column))
        ]
        if row.variant != last:
            said = ((plus_minus(number.cell.mean, number.cell.sd), "") for number, _ in numbers)
            lines.append([row.variant, "published", "", str(PUBLISHED_TRIALS), *laid(said)])
            last = row.variant
        reasons = row.discrepancies
        shown = ", ".join(reasons) if len(reasons) < 3 else f"{reasons[0]} … {reasons[-1]}"
        measured = (
            ((f"{of_sample(number.measured)} " if row.n else "") + mark(number), difference_text(difference))
            for number, difference in numbers
        )
        lines.append([row.variant, ablations.in_words(row), shown, str(row.n), *laid(measured)])
    return header, lines


def difference_text(difference: Interval | None) -> str:
    """Format a difference with its 95% interval; nothing without one, 0 if it is that for certain."""
    if difference is None:
        return ""
    if difference.low == difference.high == 0:
        return "0"
    return f"{difference.estimate:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
