"""The JSON record of an audit, as ``receptive audit --json`` prints it."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.audits.attribution import Attributions
from receptive.audits.audit import FEW_SITES, Audit, LayerAudit
from receptive.audits.importance import Importance
from receptive.motifs import tomtom
from receptive.networks.filters import unreadable
from receptive.theory import prediction


def document(audit: Audit) -> dict[str, Any]:
    """Return an audit as ``receptive audit --json`` prints it."""
    foretold = {expected.name: expected for expected in audit.predictions}
    layers = []
    for row in cast(list[dict[str, Any]], audit.fields.json()["layers"]):
        expected = foretold.get(row["name"])
        said = expected.record() if expected else prediction.NOTHING
        layers.append(
            {
                **row,
                **said,
                "predicted_relevant": said["relevant"],
                "share": expected.share if expected else None,
                "expected": expected.in_words if expected else None,
                "unreadable": unreadable(audit.fields, row["name"]) or None if expected else None,
            }
        )
    known = audit.importance if isinstance(audit.importance, Importance) else None
    every = _filter_records(audit)
    for index, entry in enumerate(every):
        entry |= {
            "importance": float(known.loss_change[index]) if known else None,
            "importance_error": _number(known.loss_error[index]) if known else None,
            "auroc_change": _at(known.auroc_change, index) if known else None,
            "auroc_error": _at(known.auroc_error, index) if known else None,
        }
    return {
        "model": audit.name,
        "sequences": audit.sequences,
        "input_length": audit.fields.input_length,
        "layers": layers,
        "whole_motifs_in": prediction.whole_motifs_in(audit.predictions),
        "unaligned": list(audit.fields.unaligned),
        **_reading_record(audit),
        "threshold": audit.threshold,
        "loss": {"name": known.loss_name, "value": known.loss} if known else None,
        "auroc": known.auroc if known else None,
        "importance_missing": None if known else audit.importance,
        "importance_sequences": known.sequences if known else None,
        "by_class": _by_class(known) if known else None,
        "filters": every,
        "relevant_factors": list(audit.relevant),
        "warnings": list(audit.warnings),
        "notes": list(audit.notes),
        "distributed": audit.distributed or None,
        "control": {
            "sequences": audit.sequences,
            "shuffle": "dinucleotides",
            "seed": 0,
            "fractions": audit.control.fractions._asdict(),
        },
        "deeper": _layer_record(audit.deeper) if audit.deeper else None,
        "attributions": _attribution_record(audit.attributions) if audit.attributions else None,
    }


def _reading_record(read: LayerAudit) -> dict[str, Any]:
    """Return, as JSON, how the filters of a layer were read, with their match fractions."""
    return {
        "layer": read.layer,
        "read_from": read.read_from,
        "activation": read.activation,
        "sites": read.rule,
        "fractions": read.fractions._asdict(),
        "trusted": {
            "filters": read.trusted_filters[0],
            "jaspar": read.trusted_filters[1] if read.trusted_filters[0] else None,
        },
    }


def _layer_record(read: LayerAudit) -> dict[str, Any]:
    """Return the filters of a later layer."""
    control = {"fractions": read.control.fractions._asdict()}
    return {
        **_reading_record(read),
        "filters": _filter_records(read),
        "warnings": list(read.warnings),
        "control": control,
    }


def _filter_records(read: LayerAudit) -> list[dict[str, Any]]:
    """Return the filters of a layer."""
    return [
        {
            "id": match.id,
            "sites": int(read.reading.sites[index]),
            "few_sites": bool(0 < read.reading.sites[index] < FEW_SITES),
            "greatest": float(read.reading.maxima[index]),
            "dead": match.dead,
            **_match_record(match),
            "control": {
                "sites": int(read.control.sites[index]),
                "matches": bool(read.control.matched[index]),
            },
        }
        for index, match in enumerate(read.matches)
    ]


def _match_record(match: tomtom.Match) -> dict[str, Any]:
    best = match.best
    return {
        "matches": len(match.hits),
        "best": {"id": best.target, "name": best.name, "evalue": best.evalue} if best else None,
    }


def _attribution_record(attributions: Attributions) -> dict[str, Any]:
    """Return the motifs that mutation found."""
    return {
        "sequences": attributions.sequences,
        "pairs": attributions.pairs,
        "scale": attributions.scale,
        "classes": list(attributions.classes),
        "fractions": attributions.fractions._asdict() if attributions.fractions else None,
        "motifs": [
            {
                "id": match.id,
                "sign": int(sign),
                "sites": int(sites),
                "by_class": counts.tolist(),
                **_match_record(match),
                "pwm": np.round(motif.pwm, 4).tolist(),
            }
            for match, motif, sign, sites, counts in zip(
                attributions.matches,
                attributions.motifs,
                attributions.signs,
                attributions.sites,
                attributions.by_class,
                strict=True,
            )
        ],
    }


def _number(value: float) -> float | None:
    """Return a number as JSON has it: none that is not defined."""
    return None if np.isnan(value) else float(value)


def _at(values: NDArray[np.float64] | None, index: int) -> float | None:
    return None if values is None else _number(values[index])


def _by_class(known: Importance) -> dict[str, Any]:
    """Return the AU-ROC of every class, and how it changes when a filter is held: a row for each filter."""
    changes, errors = (
        [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in rows]
        for rows in (known.class_change, known.class_error)
    )
    return {
        "classes": list(known.classes),
        "auroc": [_number(value) for value in known.class_auroc],
        "auroc_change": changes,
        "error": errors,
    }
