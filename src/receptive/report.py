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
from receptive.files import write_text
from receptive.measured import Results
from receptive.motifs import embedded
from receptive.networks import VARIANTS
from receptive.verdicts import (
    CLAIMS,
    LEAST_TRIALS,
    PUBLISHED_TRIALS,
    Comparison,
    Evidence,
    Judgement,
    compare,
    judge,
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
TITLES = {"fig2": "Fig 2", "fig3": "Fig 3", "s1": "S1 Fig"}
COLUMNS = {"auroc": "AU-ROC", "jaspar": "JASPAR", "relevant": "relevant"}
MARKS = {"reproduced": "✓", "not reproduced": "✗", "not measured": "·"}
RULES = (
    "✓ reproduced: the 95% Welch interval of measured − published holds 0, or they differ by less than 0.05 "
    f"(fractions) or 0.01 (AU-ROC). ✗ not reproduced. · not measured: fewer than {LEAST_TRIALS} full runs "
    "(n). ± is the standard deviation over trials, of which the measured one divides by n − 1 and the "
    "published one by n; the interval takes this into account."
)


def document(results: Results, protocol: str, switched: Mapping[str, Any] | None = None) -> Document:
    """Judge every published number and every claim by the runs of a store.

    Args:
        results: the runs under ``protocol``.
        protocol: its name.
        switched: what other protocols change, :func:`receptive.ablations.document`.

    Returns:
        ``cells`` (``mean`` is null without a run, ``sd`` with fewer than two, the difference and its interval
        with fewer than :data:`~receptive.verdicts.LEAST_TRIALS`); ``claims`` with their inequalities;
        ``fractions`` of every layer, counted four ways (D-9, D-19); ``factors``, how many filters match each;
        ``authors_invivo``, the fractions of the authors' own in vivo filters beside Table 2's; and what is
        ``switched``.
    """
    cells = [cell for cell in claims.published() if cell.task == "synthetic"]
    return {
        "protocol": protocol,
        "data_sha256": results.data,
        "left_out": [str(folder) for folder in results.left_out],
        "cells": [_cell(compare(cell, results.of(cell.key)), results) for cell in cells],
        "claims": [_claim(judge(claim, results)) for claim in CLAIMS],
        "fractions": [
            {
                "variant": variant,
                "layer": layer,
                "n": len(trials),
                **{column: _mean_sd(results.of((variant, layer, column))) for column in measured.FRACTIONS},
            }
            for (variant, layer), trials in _by_variant(results)
        ],
        "factors": [_factors(variant, layer, trials) for (variant, layer), trials in _by_variant(results)],
        "authors_invivo": [_authors(variant) for variant in authors.INVIVO],
        **(switched or {}),
    }


def _by_variant(results: Results) -> list[tuple[tuple[str, str], tuple[Mapping[str, float], ...]]]:
    """The layers of a store in the order of the paper's variants; others follow."""
    order = {name: place for place, name in enumerate(VARIANTS)}
    return sorted(results.factors.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0]))


def _mean_sd(values: Sequence[float]) -> dict[str, float | None]:
    one = sample(values)
    return {"mean": one.mean, "sd": None if isnan(one.sd) else one.sd}


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
        "verdict": found.verdict,
        "statement": found.claim.statement,
        "evidence": [evidence(each) for each in found.evidence],
        "leans_on": [f"{cell.id} {cell.column} {cell.layer}".strip() for cell in leans_on(found.claim)],
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


def _factors(variant: str, layer: str, trials: Sequence[Mapping[str, float]]) -> Document:
    """The fraction of filters on each factor, and how many factors have any (coverage)."""
    covered = [sum(share > 0 for share in trial.values()) for trial in trials]
    return {
        "variant": variant,
        "layer": layer,
        "n": len(trials),
        "covered": _mean_sd(covered),
        "fractions": {factor: _mean_sd([trial[factor] for trial in trials]) for factor in trials[0]},
    }


# Printing it.


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
    header = ["id", "variant", "n"]
    for name in COLUMNS.values():
        header += [name, "measured", ""]
    rows: dict[tuple[str, str, str], dict[str, Document]] = {}
    for cell in document["cells"]:
        rows.setdefault((cell["id"], cell["variant"], cell["layer"] or "conv1"), {})[cell["column"]] = cell
    lines = []
    for (identifier, variant, layer), cells in rows.items():
        deep = not identifier.startswith("T")
        line = [identifier, f"{variant} {layer}" if deep else variant]
        line.append(str(next(iter(cells.values()))["n"]))
        for column in COLUMNS:
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
        "hold but not the numbers; *not measured* while a variant that it needs has fewer than "
        f"{PUBLISHED_TRIALS} full runs.",
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
        _factor_grid(document),
        "## The authors' own in vivo filters",
        "First-layer filters that the authors trained on DeepSEA's sequences, from the history of their "
        "repository: one trial of an earlier version, CNN-50-2 small (D-5), compared with JASPAR by this "
        "package. Published: Table 2, ± standard deviation over five trials.",
        _authors_grid(document),
        *(switch_sections(document) if "ablations" in document else ()),
        "## Figures" if figures else "",
        *(f"![{words}]({name}.svg)" for name, words in figures.items()),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _claim_section(claim: Document) -> str:
    lines = [f"**{claim['id']}** – *{claim['verdict']}*. {claim['statement']}", ""]
    if claim["waits_for"]:
        lines.append(f"- waits for {', '.join(claim['waits_for'])}")
    return "\n".join([*lines, *(f"- {evidence_line(each)}" for each in claim["evidence"])])


def _fraction_rows(document: Document) -> Iterator[list[str]]:
    for row in document["fractions"]:
        numbers = [plus_minus(**row[column]) for column in measured.FRACTIONS]
        yield [f"{row['variant']} {row['layer']}", str(row["n"]), *numbers]


def _factor_grid(document: Document) -> str:
    rows = document["factors"]
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
            published = [plus_minus(**row[column]["published"]) for column in COLUMNS]
            lines.append(
                [row["variant"], "published", "", "5", *(cell for one in published for cell in (one, ""))]
            )
            last = row["variant"]
        reasons = row["discrepancies"]
        shown = ", ".join(reasons) if len(reasons) < 3 else f"{reasons[0]} … {reasons[-1]}"
        line = [row["variant"], protocol_words(row), shown, str(row["n"])]
        for column in COLUMNS:
            number, mark = row[column], MARKS[row[column]["verdict"]]
            mean = plus_minus(number["mean"], number["sd"])
            line += [f"{mean} {mark}" if row["n"] else mark, _difference(number["difference"])]
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


def _difference(found: Document | None) -> str:
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


def drawings(results: Results, store: Path | str, protocol: str) -> Iterator[tuple[str, str, Figure]]:
    """Draw the figures that a store has the runs for; the logo sheets show trial 0.

    Yields:
        The name of the figure's file, words that say what it shows, and the figure.
    """
    yield "pools", _pools_in_words(results), match_fractions(results)
    for prefix, layers in SHEETS.items():
        for variant, layer in layers:
            folder = Path(store) / "synthetic" / variant / protocol / "trial-0"
            if (variant, layer) in results.factors and folder not in results.left_out and folder.exists():
                words, sheet = _sheet(folder, variant, layer)
                yield f"{prefix}-{variant}-{layer}", f"{TITLES[prefix]}: {words}", sheet
    names = [motif.name for motif in embedded()]
    nameless = [replace(motif, id="") for motif in embedded()]
    words = "Sequence logos of the twelve motifs that the synthetic sequences hold"
    yield "motifs", f"{words}: {', '.join(names)}.", logos.logo_sheet(nameless, names, words)


def _sheet(folder: Path, variant: str, layer: str) -> tuple[str, Figure]:
    """Draw the filters of a stored run as logos, with words that say what is seen."""
    motifs, matches = runs.stored_matches(folder, layer)
    labels = logos.match_labels(matches)
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
    return (
        "Fraction of first-layer filters that match any motif of JASPAR (left) and a relevant motif (right) "
        f"against the size of the first pool, published and measured; bars are sample standard deviations "
        f"over trials, dots trials. Measured: {'; '.join(shown) or 'none'}."
    )


def write(document: Document, results: Results, store: Path | str, out: Path | str) -> None:
    """Write ``report.json``, ``table.csv``, the figures (SVG and PNG) and ``report.md`` to a folder.

    Raises:
        ReceptiveError: a file cannot be written, or a run's motifs cannot be read.
    """
    out = Path(out)
    write_text(out / "report.json", runs.to_json(document))
    write_text(out / "table.csv", table_csv(document))
    drawn = {}
    for name, words, figure in drawings(results, store, document["protocol"]):
        for suffix in (".svg", ".png"):
            canvas.save(figure, out / f"{name}{suffix}")
        drawn[name] = words
    write_text(out / "report.md", markdown(document, drawn))
