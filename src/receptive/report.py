"""The report: the paper's numbers beside those of a store, with a verdict for each and for every claim.

One document holds all of it (:func:`document`); the table, the Markdown page and the text on the terminal are
only ways of printing it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from receptive import authors, claims, measured, runs
from receptive.figures import canvas, logos
from receptive.figures.matches import POOLS, match_fractions
from receptive.figures.sheets import named
from receptive.files import write_text
from receptive.measured import Results
from receptive.motifs import embedded
from receptive.networks import VARIANTS
from receptive.tasks import chipseq
from receptive.training import metrics
from receptive.verdicts import (
    IN_VIVO_TASKS,
    LEAST_TRIALS,
    PUBLISHED_TRIALS,
    Comparison,
    Evidence,
    Judgement,
    compare,
    judge_all,
    key,
    leans_on,
    sample,
)

Document = dict[str, Any]

SHEETS = {
    "fig2": (("cnn-2", "conv1"), ("cnn-4", "conv1"), ("cnn-25", "conv1")),
    "fig3": (("cnn9-4", "conv1"), ("cnn9-25", "conv1"), ("cnn-50-2", "conv1"), ("cnn19-1-2", "conv1")),
    "s1": (("cnn-1", "conv1"), ("cnn-1", "conv2")),
}
"""The paper's figures of logos: variants and layers."""
SHEETS_IN_VIVO = {"fig4": SHEETS["fig2"], "s2": SHEETS["s1"]}
"""The same of networks trained on real sequences."""
TITLES = {"fig2": "Fig 2", "fig3": "Fig 3", "fig4": "as in Fig 4", "s1": "S1 Fig", "s2": "as in S2 Fig"}
COLUMNS = {"auroc": "AU-ROC", "jaspar": "JASPAR", "relevant": "relevant"}
COLUMNS_IN_VIVO = {"auroc": "AU-ROC", "aupr": "AU-PR", "jaspar": "JASPAR", "relevant": "relevant"}
CONTROLS = tuple(task for task in chipseq.TASKS if task != "chipseq")
MARKS = {"reproduced": "✓", "not reproduced": "✗", "not measured": "·"}
TASK_WORDS = {
    "invivo": "on DeepSEA's sequences, the paper's own",
    "chipseq": "on the ChIP-seq task, which is not the paper's data",
}
CONTROL_WORDS = {
    "chipseq-shuffled": "Every sequence has the labels of another one of its split: there is nothing to "
    "learn, and AU-ROC should be 0.5.",
    "chipseq-source": "Which of a factor's lists is a locus in? The lists of one factor differ in cell line, "
    "laboratory and antibody. What a network learns of these, it could use in place of the factor.",
}
RULES = (
    "✓ reproduced: the 95% Welch interval of measured − published holds 0, or they differ by less than 0.05 "
    f"(fractions) or 0.01 (AU-ROC). ✗ not reproduced. · not measured: fewer than {LEAST_TRIALS} full runs "
    "(n). ± is the standard deviation over trials, of which the measured one divides by n − 1 and the "
    "published one by n; the interval takes this into account."
)


def document(
    results: Results,
    protocol: str,
    switched: Mapping[str, Any] | None = None,
    others: Mapping[str, Results] | None = None,
) -> Document:
    """Judge every published number and every claim by the runs of a store.

    Args:
        results: the runs under ``protocol`` of the synthetic task.
        protocol: its name.
        switched: what other protocols change, :func:`receptive.ablations.document`.
        others: the runs of other tasks, :func:`receptive.measured.collect_others`.

    Returns:
        ``cells`` (``mean`` is null without a run, ``sd`` with fewer than two, the difference and its interval
        with fewer than :data:`~receptive.verdicts.LEAST_TRIALS`); ``claims`` with their inequalities;
        ``fractions`` of every layer, counted four ways (D-9, D-19); ``factors``, how many filters match each;
        ``table2``, the cells of DeepSEA's sequences; ``authors_invivo``, the fractions of the authors' own
        in vivo filters beside Table 2's; ``chipseq``, the numbers of other real sequences and of controls,
        beside nothing published; and what is ``switched``.
    """
    others = others or {}
    in_vivo = others.get("invivo", Results({}, {}))
    return {
        "protocol": protocol,
        "data_sha256": results.data,
        "left_out": [str(folder) for folder in results.left_out],
        "cells": _cells(results, "synthetic"),
        "claims": [_claim(each) for each in judge_all({"synthetic": results, **others})],
        "fractions": _fractions(results),
        "factors": _factors(results),
        "table2": {**_origin(in_vivo), "cells": _cells(in_vivo, "invivo")},
        "authors_invivo": [_authors(variant) for variant in authors.INVIVO],
        "chipseq": _chipseq(others),
        **(switched or {}),
    }


def _chipseq(others: Mapping[str, Results]) -> Document:
    """Everything measured on the ChIP-seq task and its controls."""
    results = others.get("chipseq", Results({}, {}))
    return {
        **_origin(results),
        **_networks(results),
        "best_hits": _best_hits(results.data) if results.data else {},
        "controls": {
            task: {**_origin(others[task]), **_networks(others[task])} for task in CONTROLS if task in others
        },
    }


def _best_hits(data: str) -> dict[str, float]:
    """The AU-ROC of each factor's best JASPAR hit alone; none if the networks had another test set."""
    task = chipseq.load()
    if data != task.sha256:
        return {}
    scores = metrics(task.test.Y, chipseq.best_hits(task.test.X))["auroc"]
    return dict(zip(task.classes, scores, strict=True))


def _origin(results: Results) -> Document:
    return {"data_sha256": results.data, "left_out": [str(folder) for folder in results.left_out]}


def _networks(results: Results) -> Document:
    """The scores of every network, its fractions of matches, and what it has learned of every class."""
    return {
        "scores": [
            {
                "variant": variant,
                "n": len(trials),
                "auroc": _mean_sd(results.of(key(variant, "auroc"))),
                "aupr": _mean_sd(results.of(key(variant, "aupr"))),
                "auroc_by_class": _mean_sds(trials),
            }
            for variant, trials in sorted(results.auroc.items(), key=lambda item: _place(item[0]))
        ],
        "fractions": _fractions(results),
        "factors": _factors(results),
    }


def _by_variant(results: Results) -> list[tuple[tuple[str, str], tuple[Mapping[str, float], ...]]]:
    """The layers of a store in the order of the paper's variants; others follow."""
    return sorted(results.factors.items(), key=lambda item: (_place(item[0][0]), item[0]))


def _place(variant: str) -> int:
    return list(VARIANTS).index(variant) if variant in VARIANTS else len(VARIANTS)


def _mean_sd(values: Sequence[float]) -> dict[str, float | None]:
    one = sample(values)
    return {"mean": one.mean, "sd": None if isnan(one.sd) else one.sd}


def _mean_sds(trials: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    return {name: _mean_sd([trial[name] for trial in trials]) for name in trials[0]}


def _cells(results: Results, task: str) -> list[Document]:
    cells = [cell for cell in claims.published() if cell.task == task]
    return [_cell(compare(cell, results.of(cell.key)), results) for cell in cells]


def _fractions(results: Results) -> list[Document]:
    return [
        {
            "variant": variant,
            "layer": layer,
            "n": len(trials),
            **{column: _mean_sd(results.of((variant, layer, column))) for column in measured.FRACTIONS},
        }
        for (variant, layer), trials in _by_variant(results)
    ]


def _cell(found: Comparison, results: Results) -> Document:
    cell, values = found.cell, results.of(found.cell.key)
    return {
        "id": cell.id,
        "variant": cell.variant,
        "layer": cell.layer or None,
        "column": cell.column,
        "published_mean": cell.mean,
        "published_sd": cell.sd,
        **(_mean_sd(values) if values else {"mean": None, "sd": None}),
        "n": len(values),
        "difference": asdict(found.difference) if found.difference else None,
        "verdict": found.verdict,
    }


def _claim(found: Judgement) -> Document:
    return {
        "id": found.claim.id,
        "task": found.task,
        "verdict": found.verdict,
        "statement": found.claim.statement,
        "evidence": [evidence(each) for each in found.evidence],
        "leans_on": [
            f"{cell.id} {cell.column} {cell.layer}".strip() for cell in leans_on(found.claim, found.task)
        ],
        "waits_for": list(found.waits_for),
    }


def evidence(each: Evidence) -> Document:
    """One inequality of a claim as JSON has it."""
    return {
        "what": each.what,
        **asdict(each.found),
        "expected": f"{each.side} {each.limit:g}",
        "closest_of": each.closest_of,
        "holds": each.holds,
    }


def _factors(results: Results) -> list[Document]:
    """The fraction of filters on each factor, and how many factors have any (coverage)."""
    return [
        {
            "variant": variant,
            "layer": layer,
            "n": len(trials),
            "covered": _mean_sd(results.covered(variant, layer)),
            "fractions": _mean_sds(trials),
        }
        for (variant, layer), trials in _by_variant(results)
    ]


def _authors(variant: str) -> Document:
    """Score the authors' in vivo filters of a variant, beside what Table 2 says of theirs."""
    cells = {column: claims.cell(variant, column, "invivo") for column in ("jaspar", "relevant")}
    return {
        "variant": variant,
        "n": len(authors.filters(variant)),
        **authors.fractions(variant),
        **{
            f"published_{column}": {"mean": cell.mean, "sd": cell.sd}
            for column, cell in cells.items()
            if cell is not None
        },
    }


# Printing it.


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
    return [published, plus_minus(cell["mean"], cell["sd"]), MARKS[cell["verdict"]]]


def tally(document: Document) -> str:
    """Count the verdicts in one sentence."""

    def counted(entries: Sequence[Document], *verdicts: str) -> str:
        found = [entry["verdict"] for entry in entries]
        return ", ".join(f"{found.count(verdict)} {verdict}" for verdict in verdicts)

    cells, judged = document["cells"], document["claims"]
    return (
        f"Of {len(cells)} numbers {counted(cells, 'reproduced', 'not reproduced', 'not measured')}; "
        f"of {len(judged)} claims "
        f"{counted(judged, 'reproduced', 'trend only', 'not reproduced', 'not measured')}."
    )


def evidence_line(each: Document) -> str:
    """One inequality of a claim as text."""
    closest = f", the closest of {each['closest_of']}" if each["closest_of"] > 1 else ""
    interval = f"{each['estimate']:.3f} [{each['low']:.3f}, {each['high']:.3f}]"
    return f"{'✓' if each['holds'] else '✗'} {each['what']}: {interval}, to be {each['expected']}{closest}"


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
    sections = [
        "# Koo & Eddy (2019), Table 1: published and measured",
        f"Protocol `{document['protocol']}`, data set `{document['data_sha256'][:16]}`. {tally(document)}",
        f"{len(document['left_out'])} shortened or incomplete runs are left out."
        if document["left_out"]
        else "",
        RULES,
        grid(*table(document)),
        "## Claims",
        "A claim is *reproduced* if the whole 95% interval of each of its inequalities lies on the claimed "
        "side and the published numbers it leans on are reproduced too; *trend only* if the inequalities "
        "hold but not the numbers, or none was published of such data; *not measured* while a variant that "
        f"it needs has fewer than {PUBLISHED_TRIALS} full runs, or {LEAST_TRIALS} for a claim in vivo.",
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
    return "\n".join([*lines, *(f"- {evidence_line(each)}" for each in claim["evidence"])])


def _fraction_rows(document: Document) -> Iterator[list[str]]:
    for row in document["fractions"]:
        numbers = [plus_minus(**row[column]) for column in measured.FRACTIONS]
        yield [f"{row['variant']} {row['layer']}", str(row["n"]), *numbers]


def _factor_grid(rows: Sequence[Document]) -> str:
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
        "text says, with all that concerns the reading of filters, and with everything. Beside the "
        "difference from `released` its 95% interval: Welch's, or, where the weights are the same, that of "
        "the differences trial by trial. Marks are verdicts on the published number.",
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
        line = [row["variant"], protocol_words(row), shown, str(row["n"])]
        for column in COLUMNS:
            number, mark = row[column], MARKS[row[column]["verdict"]]
            mean = plus_minus(number["mean"], number["sd"])
            line += [f"{mean} {mark}" if row["n"] else mark, difference_text(number["difference"])]
        lines.append(line)
    return header, lines


def protocol_words(row: Document) -> str:
    """Name a protocol by what distinguishes it from ``released``."""
    name, _, switches = str(row["protocol"]).partition("+")
    if name == "paper":
        return "paper, read as released" if switches else "paper"
    if len(row["switches"]) > 1:
        return "read as paper"
    return switches.replace("+", ", ") or name


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


# Writing it.


def drawings(
    results: Results, store: Path | str, protocol: str, others: Mapping[str, Results] | None = None
) -> Iterator[tuple[str, str, Figure]]:
    """Draw the figures that a store has the runs for; the logo sheets show trial 0.

    Yields:
        The name of the figure's file, words that say what it shows, and the figure.
    """
    yield from _drawings_of(results, store, protocol, SHEETS)
    for task in IN_VIVO_TASKS:
        if found := (others or {}).get(task):
            for name, words, figure in _drawings_of(found, store, protocol, SHEETS_IN_VIVO):
                yield f"{task}-{name}", f"{task}: {words}", figure
    names = [motif.name for motif in embedded()]
    nameless = [replace(motif, id="") for motif in embedded()]
    words = "Sequence logos of the twelve motifs that the synthetic sequences hold"
    yield "motifs", f"{words}: {', '.join(names)}.", logos.logo_sheet(nameless, names, words)


def _drawings_of(
    results: Results,
    store: Path | str,
    protocol: str,
    sheets: Mapping[str, Sequence[tuple[str, str]]],
) -> Iterator[tuple[str, str, Figure]]:
    yield "pools", _pools_in_words(results), match_fractions(results)
    for prefix, layers in sheets.items():
        for variant, layer in layers:
            folder = Path(store) / results.task / variant / protocol / "trial-0"
            if (variant, layer) in results.factors and folder not in results.left_out and folder.exists():
                words, sheet = _sheet(folder, variant, layer)
                yield f"{prefix}-{variant}-{layer}", f"{TITLES[prefix]}: {words}", sheet


def _sheet(folder: Path, variant: str, layer: str) -> tuple[str, Figure]:
    """Draw the filters of a stored run as logos, with words that say what is seen."""
    motifs, labels = named(folder, layer)
    found = sum(map(bool, labels))
    title = f"{variant.upper()}, {layer}, trial 0: {found} of {len(motifs)} filters match a relevant motif"
    found_names = sorted(set(filter(None, labels)))
    words = f"sequence logos of {title}{': ' + ', '.join(found_names) if found_names else ''}."
    return words, logos.logo_sheet(motifs, labels, title, columns=3 if len(motifs) <= 30 else 6)


def _pools_in_words(results: Results) -> str:
    shown = [
        f"pool {pool}: JASPAR {sample(jaspar).mean:.2f}, relevant {sample(relevant).mean:.2f}"
        for variant, pool in POOLS.items()
        if (jaspar := results.of(key(variant, "jaspar")))
        and (relevant := results.of(key(variant, "relevant")))
    ]
    both = "measured" if results.task == "chipseq" else "published and measured"
    return (
        "Fraction of first-layer filters that match any motif of JASPAR (left) and a relevant motif (right) "
        f"against the size of the first pool, {both}; bars are sample standard deviations "
        f"over trials, dots trials. Measured: {'; '.join(shown) or 'none'}."
    )


def write(
    document: Document,
    results: Results,
    store: Path | str,
    out: Path | str,
    others: Mapping[str, Results] | None = None,
) -> None:
    """Write ``report.json``, ``table.csv``, the figures (SVG and PNG) and ``report.md`` to a folder.

    Raises:
        ReceptiveError: a file cannot be written, or a run's motifs cannot be read.
    """
    out = Path(out)
    write_text(out / "report.json", runs.to_json(document))
    write_text(out / "table.csv", table_csv(document))
    drawn = {}
    for name, words, figure in drawings(results, store, document["protocol"], others):
        for suffix in (".svg", ".png"):
            canvas.save(figure, out / f"{name}{suffix}")
        drawn[name] = words
    write_text(out / "report.md", markdown(document, drawn))
