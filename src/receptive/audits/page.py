"""The page of an audit: what each layer sees, what its filters are, and which of them matter."""

from collections.abc import Sequence
from math import inf, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from receptive import __version__, pages
from receptive.audits.attribution import Attributions
from receptive.audits.audit import Audit, LayerAudit
from receptive.audits.importance import Importance
from receptive.audits.record import document
from receptive.files import to_json, write_text
from receptive.motifs.jaspar import FACTORS
from receptive.motifs.meme import format_meme
from receptive.motifs.motif import Motif

FILES = ("index.html", "audit.json", "filters.meme")
"""What an audit leaves in its folder."""


def write(audit: Audit, out: Path | str) -> dict[str, Any]:
    """Write the page, the numbers and the filters (as compared, trimmed) into a folder, as :data:`FILES`.

    Each file is whole or as it was before.

    Returns:
        The numbers.

    Raises:
        ReceptiveError: the folder cannot be made or written to.
    """
    numbers = document(audit)
    texts = (render(audit, numbers), to_json(numbers), format_meme(audit.kept))
    for name, text in zip(FILES, texts, strict=True):
        write_text(Path(out) / name, text)
    return numbers


def render(audit: Audit, numbers: dict[str, Any] | None = None) -> str:
    """Return the page, with everything inside it; ``numbers`` are those of the audit, if at hand."""
    numbers = numbers or document(audit)
    mutated = audit.attributions
    return pages.render(
        "audit.html",
        **numbers | {"sequences": audit.sequences},
        title=f"Audit of {audit.name}",
        read=next(row for row in numbers["layers"] if row["name"] == numbers["layer"]),
        of_the_paper=audit.relevant == tuple(FACTORS),
        heat=heat(audit, numbers["filters"]),
        below=_cards(audit.deeper, numbers["deeper"]["filters"]) if audit.deeper else [],
        motifs=_motifs(mutated, numbers["attributions"]["motifs"]) if mutated else [],
        bars=None if numbers["importance_missing"] else bars(numbers["filters"]),
        letters=pages.letters(),
        cards=_cards(audit, numbers["filters"]),
        version=__version__,
    )


def _motifs(
    attributions: Attributions, entries: list[dict[str, Any]]
) -> list[tuple[pages.Html, dict[str, Any]]]:
    """Return the logos of motifs found by mutation, with their entries and the classes of most sites."""
    cards = []
    for motif, entry, counts in zip(
        attributions.motifs, entries, attributions.by_class.tolist(), strict=True
    ):
        ranked = sorted(zip(counts, attributions.classes, strict=True), key=lambda pair: -pair[0])
        classes = [pair for pair in ranked[:3] if pair[0]]
        cards.append((pages.logo(motif.pwm, _spelt(entry, motif)), entry | {"classes": classes}))
    return cards


def _cards(read: LayerAudit, filters: list[dict[str, Any]]) -> list[tuple[pages.Html, dict[str, Any]]]:
    """Return the logos of filters, with their entries of the document."""
    cards = (
        (pages.logo(motif.pwm, _spelt(entry, motif)), entry)
        for motif, entry in zip(read.reading.motifs, filters, strict=True)
    )
    return sorted(cards, key=lambda card: _rank(card[1]))


class Bar(NamedTuple):
    """The importance of a filter, an entry of the document, as a bar from a line across 600 units."""

    filter: dict[str, Any]
    x: float
    y: float
    width: float
    height: float


class Bars(NamedTuple):
    """The bars of all filters, the greatest first; where they stand, and the ends of the axis."""

    bars: tuple[Bar, ...]
    zero: float
    low: float
    high: float


def bars(filters: Sequence[dict[str, Any]]) -> Bars:
    """Place the bars of the importance of filters, the entries of the document."""
    ranked = sorted(filters, key=lambda entry: -entry["importance"])
    values = [entry["importance"] for entry in ranked]
    low, high = min(0, *values), max(0, *values)
    scale, step = 90 / ((high - low) or 1), 600 / len(ranked)
    zero = 12 + high * scale
    placed = (
        Bar(
            entry,
            (number + 0.1) * step,
            min(zero, zero - value * scale),
            step * 0.8,
            max(abs(value) * scale, 0.3),
        )
        for number, (entry, value) in enumerate(zip(ranked, values, strict=True))
    )
    return Bars(tuple(placed), zero, low, high)


SHOWN_FILTERS, SHOWN_CLASSES = 40, 40
"""Rows and columns of the table of filters and classes; audit.json has all."""


class Cell(NamedTuple):
    """The change of a class's AU-ROC with a filter held; in colour if it is clear of chance."""

    name: str
    change: float
    error: float
    clear: bool
    share: float


class Row(NamedTuple):
    """A filter, an entry of the document, with its logo, and what each class loses without it."""

    filter: dict[str, Any]
    logo: pages.Html | str
    cells: tuple[Cell, ...]


class Heat(NamedTuple):
    """The table of filters and classes: the most important and those that change most."""

    classes: tuple[str, ...]
    auroc: tuple[float, ...]
    rows: tuple[Row, ...]
    left_out: bool


def heat(audit: Audit, filters: Sequence[dict[str, Any]]) -> Heat | None:
    """Return the change of every class's AU-ROC with each filter held; None for a single class.

    A change is clear beyond two standard errors. Colours go by its root, so that small ones show.
    """
    known = audit.importance
    if not isinstance(known, Importance) or len(known.classes) < 2 or known.auroc is None:
        return None
    sizes = np.abs(np.nan_to_num(known.class_change))
    greatest = sizes.max() or 1.0
    shown = np.argsort(-known.loss_change, kind="stable")[:SHOWN_FILTERS]
    ranked = np.argsort(-sizes.max(0), kind="stable")
    columns = np.sort(ranked[~np.isnan(known.class_auroc[ranked])][:SHOWN_CLASSES])
    clear = sizes > 2 * known.class_error
    rows = tuple(
        Row(
            filters[f],
            ""
            if filters[f]["dead"]
            else pages.logo(audit.reading.motifs[f].pwm, f"{filters[f]['id']} as a logo"),
            tuple(
                Cell(
                    known.classes[c],
                    float(known.class_change[f, c]),
                    float(known.class_error[f, c]),
                    bool(clear[f, c]),
                    60 * sqrt(sizes[f, c] / greatest) * bool(clear[f, c]),
                )
                for c in columns
            ),
        )
        for f in shown
    )
    return Heat(
        tuple(known.classes[c] for c in columns),
        tuple(float(known.class_auroc[c]) for c in columns),
        rows,
        sizes.shape != (len(shown), len(columns)),
    )


def _spelt(entry: dict[str, Any], motif: Motif) -> str:
    match = entry["best"]["name"] if entry["best"] else "no match"
    return f"Sequence logo of {entry['id']}, {pages.consensus(motif.pwm)}: {match}"


def _rank(entry: dict[str, Any]) -> float:
    """Return the most important filters first, or those that match best."""
    if entry.get("importance") is not None:
        return -float(entry["importance"])
    return float(entry["best"]["evalue"]) if entry["best"] else inf
