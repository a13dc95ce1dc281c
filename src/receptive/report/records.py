"""A report as JSON, which ``receptive report --json`` prints and ``report.json`` holds."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from receptive.evidence import authors, claims
from receptive.evidence.ablations import COLUMNS, Row
from receptive.evidence.measured import Results
from receptive.evidence.statistics import Sample
from receptive.evidence.verdicts import Comparison, Evidence, leans_on
from receptive.report.report import NOTHING, Judged, Layer, Networks, Report

Record = dict[str, Any]


def record(report: Report) -> Record:
    """Return a report as JSON has it.

    Returns:
        ``cells`` (``mean`` is null without a run, ``sd`` with fewer than two; the difference, its interval
        and whether agreement is ``shown``, with fewer than
        :data:`~receptive.evidence.statistics.LEAST_TRIALS`); ``claims`` with their inequalities, and what
        the verdict would be ``by_trial``;
        ``fractions`` of every layer, counted four ways (D-9, D-19); ``factors``, how many filters match each;
        ``table2``, the cells of DeepSEA's sequences; ``authors_invivo``, the fractions of the authors' own
        in vivo filters beside Table 2's; ``chipseq``, the numbers of other real sequences and of controls,
        beside nothing published; ``ablations`` and ``protocols``, what other protocols change.
    """
    synthetic, networks = report.synthetic, report.networks
    in_vivo, real = (report.results.get(task, NOTHING) for task in ("invivo", "chipseq"))
    return {
        "protocol": report.protocol,
        **_origin(synthetic),
        "recipes": {name: list(made) for name, made in synthetic.recipes.items()},
        "cells": [cell(comparison) for comparison in report.cells],
        "claims": [_claim(judged) for judged in report.claims],
        "fractions": [_fractions(layer) for layer in networks["synthetic"].layers],
        "factors": [_factors(layer) for layer in networks["synthetic"].layers],
        "table2": {**_origin(in_vivo), "cells": [cell(comparison) for comparison in report.table2]},
        "authors_invivo": [_authors(variant) for variant in authors.INVIVO],
        "chipseq": {
            **_origin(real),
            **_networks(networks["chipseq"]),
            "best_hits": dict(report.best_hits),
            "controls": {
                task: {**_origin(report.results[task]), **_networks(networks[task])}
                for task in report.controls
            },
        },
        "ablations": [_switch_record(row) for row in report.switches.ablations],
        "protocols": [_switch_record(row) for row in report.switches.protocols],
    }


def _origin(results: Results) -> Record:
    return {"data_sha256": results.data, "left_out": [str(folder) for folder in results.left_out]}


def _number(sample: Sample | None) -> Record:
    return {"mean": sample.mean if sample else None, "sd": sample.deviation if sample else None}


def _plain(value: Any) -> Any:
    """Return a part of a report as JSON has it: samples as mean and deviation, also those by a name."""
    if isinstance(value, Mapping):
        return {name: _number(sample) for name, sample in value.items()}
    return _number(value) if isinstance(value, Sample) else value


def cell(comparison: Comparison) -> Record:
    """Return a published number beside the measured one as JSON has it."""
    published, measured = comparison.cell, comparison.measured
    return {
        "id": published.id,
        "variant": published.variant,
        "layer": published.layer or None,
        "column": published.column,
        "published_mean": published.mean,
        "published_sd": published.sd,
        **_number(measured),
        "n": measured.n if measured else 0,
        "difference": asdict(comparison.difference) if comparison.difference else None,
        "verdict": comparison.verdict,
        "shown": comparison.shown,
    }


def _claim(judged: Judged) -> Record:
    judgement = judged.judgement
    criterion, task = judgement.criterion, judgement.task
    return {
        "id": criterion.id,
        "task": task,
        "verdict": judgement.verdict,
        "statement": criterion.statement,
        "evidence": [_evidence(inequality) for inequality in judgement.evidence],
        "leans_on": [f"{cell.id} {cell.column} {cell.layer}".strip() for cell in leans_on(criterion, task)],
        "waits_for": list(judgement.waits_for),
        "explanation": judged.explanation,
        "by_trial": judged.by_trial,
    }


def _evidence(inequality: Evidence) -> Record:
    return {
        "what": inequality.what,
        **asdict(inequality.interval),
        "expected": inequality.requirement,
        "closest_of": inequality.closest_of,
        "holds": inequality.holds,
        "contradicted": inequality.contradicted,
    }


def _networks(networks: Networks) -> Record:
    return {
        "scores": [{name: _plain(value) for name, value in row._asdict().items()} for row in networks.scores],
        "fractions": [_fractions(layer) for layer in networks.layers],
        "factors": [_factors(layer) for layer in networks.layers],
    }


def _fractions(layer: Layer) -> Record:
    return {**_of(layer), **_plain(layer.fractions)}


def _factors(layer: Layer) -> Record:
    return {**_of(layer), "covered": _number(layer.covered), "fractions": _plain(layer.factors)}


def _of(layer: Layer) -> Record:
    return {"variant": layer.variant, "layer": layer.layer, "n": layer.n}


def _authors(variant: str) -> Record:
    """Return the authors' in vivo filters of a variant, beside what Table 2 says of theirs."""
    cells = {column: claims.cell(variant, column, "invivo") for column in ("jaspar", "relevant")}
    return {
        "variant": variant,
        "n": len(authors.filters(variant)),
        **authors.fractions(variant),
        **{f"published_{column}": {"mean": c.mean, "sd": c.sd} for column, c in cells.items() if c},
    }


def _switch_record(row: Row) -> Record:
    """Return the runs of a network under a protocol: each number with its difference from ``released``."""
    return {
        "variant": row.variant,
        "protocol": row.protocol.name,
        "switches": {name: list(v) if isinstance(v, tuple) else v for name, v in row.switches.items()},
        "discrepancies": list(row.discrepancies),
        "n": row.n,
        **{column: _switch_number(row, column) for column in COLUMNS},
    }


def _switch_number(row: Row, column: str) -> Record:
    difference, comparison = row.differences[column], row.comparison(column)
    published = comparison.cell if comparison else None
    return {
        **_number(row.sample_of(column)),
        "difference": asdict(difference) if difference else None,
        "published": {"mean": published.mean, "sd": published.sd} if published else None,
        "verdict": comparison.verdict if comparison else None,
        "shown": comparison.shown if comparison else None,
    }
