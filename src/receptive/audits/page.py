"""The page of an audit: what each layer sees, what its filters are, and which of them matter."""

from collections.abc import Sequence
from math import inf, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from receptive import __version__, pages
from receptive.audits.audit import Audit
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
    below, found = audit.deeper, audit.attributions
    return draw(
        numbers,
        Logos(
            _logos(audit.reading.motifs, numbers["filters"]),
            _logos(below.reading.motifs, numbers["deeper"]["filters"]) if below else (),
            _logos(found.motifs, numbers["attributions"]["motifs"]) if found else (),
        ),
    )


class Logos(NamedTuple):
    """The logos of a page: of the filters, of those of a later layer, and of motifs found by mutation."""

    filters: tuple[pages.Html, ...]
    deeper: tuple[pages.Html, ...] = ()
    motifs: tuple[pages.Html, ...] = ()


def draw(numbers: dict[str, Any], logos: Logos) -> str:
    """Return the page of an audit by its numbers, as audit.json has them, and its logos."""
    mutated = numbers["attributions"]
    return pages.render(
        "audit.html",
        **numbers,
        title=f"Audit of {numbers['model']}",
        read=next(row for row in numbers["layers"] if row["name"] == numbers["layer"]),
        of_the_paper=numbers["relevant_factors"] == list(FACTORS),
        heat=heat(numbers, logos.filters),
        below=_cards(logos.deeper, numbers["deeper"]["filters"]) if numbers["deeper"] else [],
        motifs=_motifs(logos.motifs, mutated) if mutated else [],
        bars=None if numbers["importance_missing"] else bars(numbers["filters"]),
        letters=pages.letters(),
        cards=_cards(logos.filters, numbers["filters"]),
        version=__version__,
    )


def _logos(motifs: Sequence[Motif], entries: Sequence[dict[str, Any]]) -> tuple[pages.Html, ...]:
    """Draw motifs, with their names, letters and matches in words."""
    return tuple(
        pages.logo(motif.pwm, _spelt(entry, motif)) for motif, entry in zip(motifs, entries, strict=True)
    )


def _motifs(logos: Sequence[pages.Html], mutated: dict[str, Any]) -> list[tuple[pages.Html, dict[str, Any]]]:
    """Return the logos of motifs found by mutation, with their entries and the classes of most sites."""
    cards = []
    for logo, entry in zip(logos, mutated["motifs"], strict=True):
        ranked = sorted(zip(entry["by_class"], mutated["classes"], strict=True), key=lambda pair: -pair[0])
        cards.append((logo, entry | {"classes": [pair for pair in ranked[:3] if pair[0]]}))
    return cards


def _cards(
    logos: Sequence[pages.Html], filters: list[dict[str, Any]]
) -> list[tuple[pages.Html, dict[str, Any]]]:
    """Return the logos of filters, with their entries of the document."""
    return sorted(zip(logos, filters, strict=True), key=lambda card: _rank(card[1]))


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
    logo: pages.Html
    cells: tuple[Cell, ...]


class Heat(NamedTuple):
    """The table of filters and classes: the most important and those that change most."""

    classes: tuple[str, ...]
    auroc: tuple[float, ...]
    rows: tuple[Row, ...]
    left_out: bool


def heat(numbers: dict[str, Any], logos: Sequence[pages.Html]) -> Heat | None:
    """Return the change of every class's AU-ROC with each filter held; None for a single class.

    A change is clear beyond two standard errors. Colours go by its root, so that small ones show.
    """
    known, filters = numbers["by_class"], numbers["filters"]
    if known is None or len(known["classes"]) < 2 or numbers["auroc"] is None:
        return None
    classes = known["classes"]
    auroc, change, error = (np.array(known[name], float) for name in ("auroc", "auroc_change", "error"))
    sizes = np.abs(np.nan_to_num(change))
    greatest = sizes.max() or 1.0
    shown = np.argsort([-entry["importance"] for entry in filters], kind="stable")[:SHOWN_FILTERS]
    ranked = np.argsort(-sizes.max(0), kind="stable")
    columns = np.sort(ranked[~np.isnan(auroc[ranked])][:SHOWN_CLASSES])
    clear = sizes > 2 * error
    rows = tuple(
        Row(
            filters[f],
            logos[f],
            tuple(
                Cell(
                    classes[c],
                    float(change[f, c]),
                    float(error[f, c]),
                    bool(clear[f, c]),
                    60 * sqrt(sizes[f, c] / greatest) * bool(clear[f, c]),
                )
                for c in columns
            ),
        )
        for f in shown
    )
    return Heat(
        tuple(classes[c] for c in columns),
        tuple(float(auroc[c]) for c in columns),
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
