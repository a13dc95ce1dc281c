"""The report: the paper's numbers beside those of a store, with a verdict for each and for every claim.

One document holds all of it (:func:`document`); the tables, the Markdown page and the text on the terminal
are only ways of printing it (`tables`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from receptive.evidence import authors, claims, measured
from receptive.evidence.ablations import COLUMNS
from receptive.evidence.decided import DECIDED
from receptive.evidence.measured import Results
from receptive.evidence.rules import IN_VIVO_TASKS, key
from receptive.evidence.statistics import sample
from receptive.evidence.verdicts import Comparison, Evidence, Judgement, compare, judge_all, leans_on
from receptive.figures import canvas, logos
from receptive.figures.matches import POOLS, match_fractions
from receptive.figures.sheets import named
from receptive.figures.switches import by_protocol, by_protocol_in_words, effects, effects_in_words
from receptive.files import to_json, write_text
from receptive.motifs.jaspar import embedded
from receptive.networks.variants import VARIANTS
from receptive.protocols import RELEASED
from receptive.report import tables
from receptive.report.tables import Document
from receptive.tasks import chipseq

SHEETS = {
    "fig2": (("cnn-2", "conv1"), ("cnn-4", "conv1"), ("cnn-25", "conv1")),
    "fig3": (("cnn9-4", "conv1"), ("cnn9-25", "conv1"), ("cnn-50-2", "conv1"), ("cnn19-1-2", "conv1")),
    "s1": (("cnn-1", "conv1"), ("cnn-1", "conv2")),
}
"""The paper's figures of logos: variants and layers."""
SHEETS_IN_VIVO = {"fig4": SHEETS["fig2"], "s2": SHEETS["s1"]}
"""The same of networks trained on real sequences."""
TITLES = {"fig2": "Fig 2", "fig3": "Fig 3", "fig4": "as in Fig 4", "s1": "S1 Fig", "s2": "as in S2 Fig"}
CONTROLS = tuple(task for task in chipseq.TASKS if task != "chipseq")


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
        switched: what other protocols change, :func:`receptive.evidence.ablations.document`.
        others: the runs of other tasks, :func:`receptive.evidence.measured.collect_others`.

    Returns:
        ``cells`` (``mean`` is null without a run, ``sd`` with fewer than two; the difference, its interval
        and whether agreement is ``shown``, with fewer than
        :data:`~receptive.evidence.statistics.LEAST_TRIALS`); ``claims`` with their inequalities, and what
        the verdict would be ``by_trial``;
        ``fractions`` of every layer, counted four ways (D-9, D-19); ``factors``, how many filters match each;
        ``table2``, the cells of DeepSEA's sequences; ``authors_invivo``, the fractions of the authors' own
        in vivo filters beside Table 2's; ``chipseq``, the numbers of other real sequences and of controls,
        beside nothing published; and what is ``switched``.
    """
    others = others or {}
    in_vivo = others.get("invivo", Results({}, {}))
    every = {"synthetic": results, **others}
    pairs = {task: replace(found, by_trial=True) for task, found in every.items()}
    judged = zip(judge_all(DECIDED, every), judge_all(DECIDED, pairs), strict=True)
    return {
        "protocol": protocol,
        "data_sha256": results.data,
        "left_out": [str(folder) for folder in results.left_out],
        "recipes": {name: list(made) for name, made in results.recipes.items()},
        "cells": _cells(results, "synthetic"),
        "claims": [{**_claim(one), "by_trial": other.verdict} for one, other in judged],
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
    stored = authors.constants()["best_hits"]
    return dict(stored["auroc"]) if data == stored["data_sha256"] else {}


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
            **{column: _mean_sd(results.of(key(variant, column, layer))) for column in measured.FRACTIONS},
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
        "shown": found.shown,
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
        "explanation": found.explanation or claims.statements()[found.claim.id].explanation,
    }


def evidence(each: Evidence) -> Document:
    """One inequality of a claim as JSON has it."""
    return {
        "what": each.what,
        **asdict(each.found),
        "expected": f"{each.side} {each.limit:g}",
        "closest_of": each.closest_of,
        "holds": each.holds,
        "contradicted": each.contradicted,
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


# Writing it.


def drawings(
    results: Results,
    store: Path | str,
    protocol: str,
    others: Mapping[str, Results] | None = None,
    switched: Mapping[str, Sequence[Document]] | None = None,
) -> Iterator[tuple[str, str, Figure]]:
    """Draw the figures that a store has the runs for; the logo sheets show trial 0.

    Args:
        results, protocol, others: as for :func:`document`.
        store: the folder of runs.
        switched: the report's ``ablations`` and ``protocols``.

    Yields:
        The name of the figure's file, words that say what it shows, and the figure.
    """
    yield from _drawings_of(results, store, protocol, SHEETS)
    for task in IN_VIVO_TASKS:
        if found := (others or {}).get(task):
            for name, words, figure in _drawings_of(found, store, protocol, SHEETS_IN_VIVO):
                yield f"{task}-{name}", f"{task}: {words}", figure
    single, whole = ((switched or {}).get(part, ()) for part in ("ablations", "protocols"))
    if any(entry[column]["difference"] for entry in single for column in COLUMNS):
        words = "What single switches of the protocol change, with 95% intervals. Those that leave 0 out"
        yield "switches", f"{words}: {effects_in_words(single)}.", effects(single)
    if any(entry["n"] for entry in whole if entry["protocol"] != RELEASED.name):
        words = "Match fractions against pool size by the released protocol and the paper's"
        yield "protocols", f"{words}. {by_protocol_in_words(whole)}.", by_protocol(whole)
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
    write_text(out / "report.json", to_json(document))
    write_text(out / "table.csv", tables.table_csv(document))
    drawn = {}
    for name, words, figure in drawings(results, store, document["protocol"], others, document):
        for suffix in (".svg", ".png"):
            canvas.save(figure, out / f"{name}{suffix}")
        drawn[name] = words
    write_text(out / "report.md", tables.markdown(document, drawn))
