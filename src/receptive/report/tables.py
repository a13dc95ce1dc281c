"""A report as people read it: tables, sentences and a Markdown page, all made from one document.

Every function takes the document that :func:`receptive.report.report.document` makes, or a part of it, and
returns text or rows of text. What numbers there are and what they mean is decided there; here, how they look.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from receptive.evidence import ablations, measured
from receptive.evidence.statistics import LEAST_TRIALS
from receptive.evidence.verdicts import PUBLISHED_TRIALS

Document = dict[str, Any]

COLUMNS = {"auroc": "AU-ROC", "jaspar": "JASPAR", "relevant": "relevant"}
COLUMNS_IN_VIVO = {"auroc": "AU-ROC", "aupr": "AU-PR", "jaspar": "JASPAR", "relevant": "relevant"}
MARKS = {"reproduced": "✓", "undecided": "?", "not reproduced": "✗", "not measured": "·"}
UNSHOWN = "(✓)"
"""The mark of a number that is reproduced without its agreement being shown."""
TASK_WORDS = {
    "invivo": "on DeepSEA's sequences, the paper's own",
    "chipseq": "on the ChIP-seq task, which is not the paper's data",
    "synthetic-others": "on the synthetic task with twelve other motifs",
}
CONTROL_WORDS = {
    "chipseq-shuffled": "Labels are exchanged at random within each split: there is nothing to learn, and "
    "AU-ROC should be 0.5.",
    "chipseq-source": "Which of a factor's lists is a locus in? The lists of one factor differ in cell line, "
    "laboratory and antibody. What a network learns of these, it could use in place of the factor.",
}
RULES = (
    "✓ reproduced: the 95% Welch interval of measured − published holds 0, or they differ by less than 0.05 "
    "(fractions) or 0.01 (AU-ROC), and agreement within these limits is shown, too: the 90% interval of the "
    f"difference lies between them (two one-sided tests at 5%). {UNSHOWN} reproduced, but not shown: the "
    "trials scatter too much, and nothing contradicts it. ✗ not reproduced. · not measured: fewer than "
    f"{LEAST_TRIALS} full runs (n). ± is the standard deviation over trials, of which the measured one "
    "divides by n − 1 and the published one by n; the interval takes this into account."
)


def plus_minus(mean: float | None, sd: float | None, digits: int = 3) -> str:
    """Format a mean and its deviation; a dash for what there is not."""
    if mean is None:
        return "–"
    return f"{mean:.{digits}f}" + ("" if sd is None else f"±{sd:.{digits}f}")


def table(document: Document) -> tuple[list[str], list[list[str]]]:
    """Lay the numbers out as Table 1 has them: a row per network and layer, with marks for the verdicts.

    Returns:
        The header and the rows.
    """
    return _table(document["cells"], COLUMNS)


def table_2(document: Document) -> tuple[list[str], list[list[str]]]:
    """Lay the numbers of DeepSEA's sequences out as Table 2 has them, in the same way."""
    return _table(document["table2"]["cells"], COLUMNS_IN_VIVO)


def chipseq_table(networks: Document) -> tuple[list[str], list[list[str]]]:
    """Lay the numbers of the ChIP-seq task, or of a control, out like Table 2, beside nothing published.

    Returns:
        The header and the rows.
    """
    header = ["network", "n", "AU-ROC", "AU-PR", "JASPAR", "without Gmeb1", "relevant", "covered"]
    scores = {row["variant"]: row for row in networks["scores"]}
    rows = []
    for fractions, factors in zip(networks["fractions"], networks["factors"], strict=True):
        variant, layer = fractions["variant"], fractions["layer"]
        first = layer == "conv1"
        rows.append(
            [
                variant if first else f"{variant} {layer}",
                str(fractions["n"]),
                *(plus_minus(**scores[variant][name]) if first else "" for name in ("auroc", "aupr")),
                *(plus_minus(**fractions[name]) for name in ("jaspar", "jaspar_without_gmeb1", "relevant")),
                plus_minus(**factors["covered"], digits=1),
            ]
        )
    return header, rows


def class_table(networks: Document, best: Mapping[str, float]) -> tuple[list[str], list[list[str]]]:
    """Lay out the AU-ROC of every class, means over trials: the best JASPAR hit's and every network's."""
    scores = networks["scores"]
    header = ["class", *(["best JASPAR hit"] if best else []), *(row["variant"] for row in scores)]
    return header, [
        [
            name,
            *([f"{best[name]:.3f}"] if best else []),
            *(f"{row['auroc_by_class'][name]['mean']:.3f}" for row in scores),
        ]
        for name in scores[0]["auroc_by_class"]
    ]


def _table(published: Sequence[Document], columns: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    header = ["id", "variant", "n"]
    for name in columns.values():
        header += [name, "measured", ""]
    rows: dict[tuple[str, str, str], dict[str, Document]] = {}
    for cell in published:
        rows.setdefault((cell["id"], cell["variant"], cell["layer"] or "conv1"), {})[cell["column"]] = cell
    lines = []
    for (identifier, variant, layer), cells in rows.items():
        deep = not identifier.startswith("T")
        line = [identifier, f"{variant} {layer}" if deep else variant]
        line.append(str(next(iter(cells.values()))["n"]))
        for column in columns:
            line += _three(cells.get(column))
        lines.append(line)
    return header, lines


def _three(cell: Document | None) -> list[str]:
    """A published number, the measured one and the mark of the verdict."""
    if cell is None:
        return ["", "", ""]
    published = plus_minus(cell["published_mean"], cell["published_sd"])
    return [published, plus_minus(cell["mean"], cell["sd"]), number_mark(cell["verdict"], cell["shown"])]


def number_mark(verdict: str, shown: bool | None) -> str:
    """Return the mark of a number: of its verdict, and whether its agreement is shown."""
    return UNSHOWN if verdict == "reproduced" and not shown else MARKS[verdict]


def tally(document: Document) -> str:
    """Count the verdicts in one sentence."""

    def counted(entries: Sequence[Document], *verdicts: str) -> str:
        found = [entry["verdict"] for entry in entries]
        return ", ".join(f"{found.count(verdict)} {verdict}" for verdict in verdicts)

    cells, judged = document["cells"], document["claims"]
    shown = sum(cell["shown"] is True for cell in cells)
    twice = " (each data set by itself)" if len({each["id"] for each in judged}) < len(judged) else ""
    return (
        f"Of {len(cells)} numbers {counted(cells, 'reproduced', 'not reproduced', 'not measured')}; "
        f"agreement is shown of {shown} of those reproduced, and the others are not contradicted. "
        f"Of {len(judged)} claims{twice} "
        f"{counted(judged, 'reproduced', 'trend only', 'undecided', 'not reproduced', 'not measured')}."
    )


def evidence_line(each: Document) -> str:
    """One inequality of a claim as text."""
    closest = f", the closest of {each['closest_of']}" if each["closest_of"] > 1 else ""
    interval = f"{each['estimate']:.3f} [{each['low']:.3f}, {each['high']:.3f}]"
    mark = "✓" if each["holds"] else "✗" if each["contradicted"] else "?"
    return f"{mark} {each['what']}: {interval}, to be {each['expected']}{closest}"


def by_trial_line(claim: Document) -> str:
    """Say what a claim's verdict would be if trials of one seed were taken as pairs."""
    return f"taken trial by trial it would be {claim['by_trial']}"


def table_csv(document: Document) -> str:
    """Return the cells as comma-separated values, a row per number."""
    text = io.StringIO()
    names = [name for name in document["cells"][0] if name != "difference"]
    columns = [*names, "difference", "difference_low", "difference_high"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for cell in document["cells"]:
        found = cell["difference"] or {}
        ends = {f"difference_{end}": found.get(end) for end in ("low", "high")}
        writer.writerow({**cell, "difference": found.get("estimate"), **ends})
    return text.getvalue()


def markdown(document: Document, figures: Mapping[str, str]) -> str:
    """Return the report as a Markdown page.

    Args:
        document: the report.
        figures: names of the figures' files, without their endings, and what each shows in words.
    """
    data = document["data_sha256"][:16] or "none"
    sections = [
        "# Koo & Eddy (2019), Table 1: published and measured",
        f"Protocol `{document['protocol']}`, data set `{data}`. {tally(document)}",
        f"{len(document['left_out'])} shortened or incomplete runs are left out."
        if document["left_out"]
        else "",
        mixed_recipes(document),
        RULES,
        grid(*table(document)),
        "## Claims",
        "A claim is *reproduced* if the whole 95% interval of each of its inequalities lies on the claimed "
        "side and the published numbers it leans on are reproduced too; *trend only* if the inequalities "
        "hold but not the numbers, or none was published of such data; *not reproduced* if an interval lies "
        "wholly on the other side (✗); else *undecided*: the limit lies inside an interval (?). It is *not "
        "measured* while a variant that "
        f"it needs has fewer than {PUBLISHED_TRIALS} full runs, or {LEAST_TRIALS} for ASM-3, ASM-5, ASM-6, "
        "ASM-7 and a claim in vivo.",
        *(_claim_section(claim) for claim in document["claims"]),
        "## What counts as a match",
        "JASPAR: any of the 519 motifs; without Gmeb1, which flat filters hit (D-19). Relevant: by the "
        "released list, as in the table, or by the embedded motifs alone (D-9).",
        grid(
            ["layer", "n", "JASPAR", "without Gmeb1", "relevant", "embedded only"],
            list(_fraction_rows(document)),
        ),
        "## Filters on each factor",
        "Mean fraction of all filters whose best relevant hit is the factor's, ± standard deviation over "
        "trials; covered: how many of the twelve factors have a filter (POOL-4).",
        _factor_grid(document["factors"]),
        "## Table 2: published and measured",
        "DeepSEA's sequences, the paper's in vivo data, which are too large to ship (docs/deepsea.md). The "
        "match fractions published for CNN-25 with 60, 90 and 120 filters are Table 1's (D-2).",
        grid(*table_2(document)),
        "## The authors' own in vivo filters",
        "First-layer filters that the authors trained on DeepSEA's sequences, from the history of their "
        "repository: one trial of an earlier version, CNN-50-2 small (D-5), compared with JASPAR by this "
        "package. Published: Table 2, ± standard deviation over five trials.",
        _authors_grid(document),
        *_chipseq_sections(document["chipseq"]),
        *(switch_sections(document) if "ablations" in document else ()),
        "## Figures" if figures else "",
        *(f"![{words}]({name}.svg)" for name, words in figures.items()),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _chipseq_sections(part: Document) -> list[str]:
    sections = [
        "## Different data: the ChIP-seq task",
        "**These are not the paper's data.** No number here is one of Table 2's, and none is compared with "
        "one: 100 nt instead of 1000, ten factors instead of twelve, cell lines and laboratories mixed "
        "(docs/chipseq.md). What is judged on them are the claims VIVO-1 to VIVO-5. ± is the standard "
        "deviation over trials; covered: how many of the ten factors have a filter.",
    ]
    if not part["scores"]:
        sections.append("There is no full run yet: `receptive replicate chipseq`.")
    else:
        sections += [
            grid(*chipseq_table(part)),
            "### AU-ROC of each factor",
            "Means over trials, beside that of the best site of the factor's own JASPAR motif alone.",
            grid(*class_table(part, part["best_hits"])),
            "### Filters on each factor, ChIP-seq",
            _factor_grid(part["factors"]),
        ]
    for task, control in part["controls"].items():
        sections += [f"### Control: {task}", CONTROL_WORDS[task], grid(*chipseq_table(control))]
        if task == "chipseq-source":
            sections.append(grid(*class_table(control, {})))
    return sections


def _claim_section(claim: Document) -> str:
    lines = [f"**{claim['id']}** – *{claim['verdict']}*. {claim['statement']}", ""]
    if claim["task"] in TASK_WORDS:
        lines.append(f"- {TASK_WORDS[claim['task']]}")
    if claim["waits_for"]:
        lines.append(f"- waits for {', '.join(claim['waits_for'])}")
    if claim["by_trial"] != claim["verdict"]:
        lines.append(f"- {by_trial_line(claim)}")
    return "\n".join([*lines, *(f"- {evidence_line(each)}" for each in claim["evidence"])])


def _fraction_rows(document: Document) -> Iterator[list[str]]:
    for row in document["fractions"]:
        numbers = [plus_minus(**row[column]) for column in measured.FRACTIONS]
        yield [f"{row['variant']} {row['layer']}", str(row["n"]), *numbers]


def _factor_grid(rows: Sequence[Document]) -> str:
    if not rows:
        return ""
    header = ["layer", "n", "covered", *rows[0]["fractions"]]
    return grid(
        header,
        [
            [
                f"{row['variant']} {row['layer']}",
                str(row["n"]),
                plus_minus(**row["covered"], digits=1),
                *(plus_minus(**share, digits=2) for share in row["fractions"].values()),
            ]
            for row in rows
        ],
    )


def mixed_recipes(document: Document) -> str:
    """Say which networks have runs by code that makes different networks of one plan; empty if none has."""
    mixed = [name for name, recipes in document["recipes"].items() if len(recipes) > 1]
    if not mixed:
        return ""
    names = ", ".join(mixed)
    return f"Runs of more than one recipe (see run.json), trials of different code, are together in {names}."


def _authors_grid(document: Document) -> str:
    header = ["network", "filters", "JASPAR", "published", "relevant", "published", "embedded only"]
    return grid(
        header,
        [
            [
                row["variant"],
                str(row["n"]),
                f"{row['jaspar']:.3f}",
                plus_minus(**row["published_jaspar"]),
                f"{row['relevant']:.3f}",
                plus_minus(**row["published_relevant"]),
                f"{row['relevant_embedded']:.3f}",
            ]
            for row in document["authors_invivo"]
        ],
    )


def switch_sections(document: Document) -> list[str]:
    """Return the two tables of what other protocols change, in Markdown, with what they show."""
    return [
        "## Single switches of the protocol",
        "CNN-2 and CNN-25 by the released code, with one difference at a time switched to what the paper's "
        "text says, with all that concerns the reading of filters, and with everything; CNN9-4 with windows "
        "as long as its filters; CNN-50-2 as large as the text says. Beside the difference from `released` "
        "its 95% interval: Welch's, or, where only the reading differs, that of the differences, trial by "
        "trial, from a released reading of the same weights (`released, again`: weights are not kept, and "
        "another machine makes others of the same seed). Marks are verdicts on the published number.",
        grid(*switch_table(document["ablations"])),
        "## The two protocols",
        "Networks trained by the released code and by the paper's text, the latter also with their filters "
        "read as the released code reads them.",
        grid(*switch_table(document["protocols"])),
    ]


def switch_table(rows: Sequence[Document]) -> tuple[list[str], list[list[str]]]:
    """Lay out runs under several protocols, below the published numbers of their network.

    Returns:
        The header and the rows.
    """
    header = ["network", "protocol", "", "n"]
    for name in COLUMNS.values():
        header += [name, "− released"]
    lines, last = [], ""
    for row in rows:
        if row["variant"] != last:
            lines.append([row["variant"], "published", "", str(PUBLISHED_TRIALS)])
            for column in COLUMNS:
                lines[-1] += [plus_minus(**row[column]["published"]), ""]
            last = row["variant"]
        reasons = row["discrepancies"]
        shown = ", ".join(reasons) if len(reasons) < 3 else f"{reasons[0]} … {reasons[-1]}"
        line = [row["variant"], ablations.in_words(row), shown, str(row["n"])]
        for column in COLUMNS:
            number = row[column]
            mark = number_mark(number["verdict"], number["shown"])
            mean = plus_minus(number["mean"], number["sd"])
            line += [f"{mean} {mark}" if row["n"] else mark, difference_text(number["difference"])]
        lines.append(line)
    return header, lines


def difference_text(found: Document | None) -> str:
    """Format a difference with its 95% interval; nothing without one, 0 if it is that for certain."""
    if found is None:
        return ""
    if found["low"] == found["high"] == 0:
        return "0"
    return f"{found['estimate']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out as a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
