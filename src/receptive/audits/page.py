"""The page of an audit: what each layer sees, what its filters are, and which of them matter."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from receptive import __version__
from receptive import pages as page
from receptive.audits.audit import Audit, document
from receptive.audits.importance import Importance
from receptive.files import to_json, write_text
from receptive.motifs.jaspar import FACTORS
from receptive.motifs.meme import format_meme

FILES = ("index.html", "audit.json", "filters.meme")
"""What an audit leaves in its folder."""


def write(audit: Audit, out: Path | str) -> None:
    """Write the page, the numbers and the filters (as compared, trimmed) into a folder, as :data:`FILES`.

    Each file is whole or as it was before.

    Raises:
        ReceptiveError: the folder cannot be made or written to.
    """
    texts = (render(audit), to_json(document(audit)), format_meme(audit.kept))
    for name, text in zip(FILES, texts, strict=True):
        write_text(Path(out) / name, text)


def render(audit: Audit) -> str:
    """Return the page, with everything it shows inside it."""
    found = document(audit)
    title = f"Audit of {audit.name}"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{_summary(found)}</p>",
        "<h2>What each layer sees</h2>",
        _layers(found),
        f"<h2>The filters of {html.escape(audit.layer)}</h2>",
        *_importance(found),
        *_by_class(audit, found),
        page.letters(),
        _cards(audit, found),
        f'<p class="faint">Made by <code>receptive audit</code>, version {__version__}, from '
        f"{audit.sequences:,} sequences. JASPAR is CC BY 4.0.</p>",
    ]
    return page.frame(title, "\n".join(parts) + "\n")


def _summary(found: dict[str, Any]) -> str:
    """What came out, in a few sentences."""
    n, shares = len(found["filters"]), found["fractions"]
    layer = html.escape(found["layer"])
    (row,) = (row for row in found["layers"] if row["name"] == found["layer"])
    factors = found["relevant_factors"]
    whose = "of the paper" if factors == [*FACTORS] else "that the labels name"
    asked = f"one of the {len(factors)} factors {whose}"
    without = shares["jaspar_without_gmeb1"]
    flat = f"; {without:.0%} without Gmeb1, which flat filters match" if without < shares["jaspar"] else ""
    text = (
        f"Of the {n} filters of {layer}, <strong>{shares['jaspar']:.0%}</strong> match a motif of the "
        f"database (Tomtom, E&nbsp;≤&nbsp;{found['threshold']:g}{flat}) and {shares['relevant']:.0%} "
        f"a motif of {asked}."
    )
    if row["prediction"]:
        means = {
            "localist": "has to hold whole motifs itself",
            "mixed": "may hold both parts and whole motifs",
            "distributed": "can leave it to the next layer to put parts together",
        }[row["prediction"]]
        text += (
            f" By architecture alone the layer is expected to be <strong>{row['prediction']}</strong>: with "
            f"{row['assembly_bits']:.2f} bits of assembly information it {means}."
        )
    elif row["outside"]:
        text += f" What to expect of it cannot be said from the architecture: {html.escape(row['outside'])}."
    dead = sum(each["dead"] for each in found["filters"])
    text += f" {dead} never found anything." if dead else ""
    text += (
        " Read on the same sequences with their letters shuffled (dinucleotides kept), "
        f"{found['control']['fractions']['jaspar']:.0%} match: what the filters' own preferences and chance "
        "come to where there are no sites of factors."
    )
    said = (*found["notes"], *found["warnings"])
    return text + "".join(f"</p><p><strong>{html.escape(each)}.</strong>" for each in said)


def _layers(found: dict[str, Any]) -> str:
    """The receptive fields as a table, each with its share of the sequence as a bar."""
    length = found["input_length"]
    rows = []
    for row in found["layers"]:
        bits = "–" if row["assembly_bits"] is None else f"{row['assembly_bits']:.2f}"
        bar = (
            f'<svg viewBox="0 0 100 9" role="img" aria-label="field of {row["size"]} of {length} positions, '
            f'uncertain by {row["uncertainty"]}"><path class="axis" d="M0 4.5H100"/>'
            f'<rect class="field" y="1" height="4" {_centred(row["size"] / length)}/>'
            f'<rect class="lost" y="6" height="2" {_centred((row["uncertainty"] - 1) / length)}/></svg>'
        )
        cells = (bits, row["prediction"] or "–", row["size"], row["uncertainty"])
        values = "".join(f"<td>{cell}</td>" for cell in cells)
        more = f"<td>{bar}</td><td>{row['jump']}</td><td>{row['length']}</td>"
        rows.append(f"<tr><td>{html.escape(row['name'])}</td>{values}{more}</tr>")
    heads = ("layer", "bits", "expected", "field", "uncertainty", "of the sequence", "jump", "neurons")
    notes = [
        "Bits: assembly information, how much a filter of the next layer can learn about the distance of two "
        "parts of a motif. Little, and the layer is expected to hold whole motifs (localist). Field: "
        "positions that a neuron sees; blue, as part of the sequence. Uncertainty: from how many a maximum "
        "may have come, as pooling lost its place; orange. Jump: positions from one neuron to the next."
    ]
    notes += [html.escape(why) for why in found["unaligned"]]
    return (
        f'<div class="scroll"><table><thead><tr>{"".join(f"<th>{head}</th>" for head in heads)}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        + "".join(f'<p class="faint">{note}</p>' for note in notes)
    )


def _centred(share: float) -> str:
    """Place and width of a bar in the middle of 100 units."""
    width = 100 * min(max(share, 0), 1)
    return f'x="{50 - width / 2:.4g}" width="{width:.4g}"'


def _importance(found: dict[str, Any]) -> list[str]:
    """How the filters were read, and the bars of what the network loses without each."""
    read = (
        f"A filter is read from its sites: {html.escape(found['sites'])}. Its map is the output of "
        f"<code>{html.escape(found['read_from'])}</code> (activation {html.escape(found['activation'])})."
    )
    if found["importance_missing"]:
        why = html.escape(found["importance_missing"])
        return [f"<p>{read}</p><p>How much each filter matters is not known: {why}.</p>"]
    auroc = "" if found["auroc"] is None else f" and a mean AU-ROC of {found['auroc']:.3f}"
    count = found["importance_sequences"]
    part = "" if count == found["sequences"] else f", on {count:,} of the sequences, drawn at random"
    text = (
        f"Importance is how much the loss rises when the filter's map is held at its mean{part}; after ± "
        "stands its standard error, how far it would be off, were other sequences drawn. The network as it "
        f"is has a loss of {found['loss']['value']:.4f} ({html.escape(found['loss']['name'])}){auroc}."
    )
    return [f"<p>{read} {text}</p>", _bars(found["filters"])]


SHOWN_FILTERS, SHOWN_CLASSES = 40, 40
"""Rows and columns of the table of filters and classes; audit.json has all."""


def _by_class(audit: Audit, found: dict[str, Any]) -> list[str]:
    """The change of every class's AU-ROC with each filter held, as a table in colour; none for one class."""
    known = audit.importance
    if not isinstance(known, Importance) or len(known.classes) < 2 or known.auroc is None:
        return []
    change, error = known.class_change, known.class_error
    size = np.abs(np.nan_to_num(change))
    rows = np.argsort(-known.loss_change, kind="stable")[:SHOWN_FILTERS]
    columns = np.sort(np.argsort(-size.max(0), kind="stable")[:SHOWN_CLASSES])
    greatest = size.max() or 1.0
    heads = "".join(f'<th class="class">{html.escape(known.classes[c])}</th>' for c in columns)
    whole = "".join(f"<td>{_thousandths(known.class_auroc[c])}</td>" for c in columns)
    lines = [f'<tr><th colspan="3">AU-ROC with all filters</th>{whole}</tr>']
    for row in rows:
        each, motif = found["filters"][row], audit.reading.motifs[row]
        name = html.escape(each["best"]["name"]) if each["best"] else "no match"
        logo = "" if each["dead"] else page.logo(motif.pwm, f"{each['id']} as a logo")
        cells = []
        for c in columns:
            value, spread = change[row, c], error[row, c]
            said = f"{each['id']}, {known.classes[c]}: {_signed(value)} ± {spread:.4f}"
            clear = abs(value) > 2 * spread
            share = 60 * np.sqrt(abs(value) / greatest) if clear else 0
            cells.append(
                f'<td class="{"fall" if value < 0 else "rise"}" style="--s:{share:.0f}%" '
                f'title="{html.escape(said)}">{_thousandths(value) if clear else "·"}</td>'
            )
        lines.append(f"<tr><th>{each['id']}</th><td>{name}</td><td>{logo}</td>{''.join(cells)}</tr>")
    some = (
        f" The {len(rows)} most important of {len(change)} filters"
        + (f" and {len(columns)} of {change.shape[1]} classes" if len(columns) < change.shape[1] else "")
        + " are shown; <code>audit.json</code> has all."
        if len(rows) < len(change) or len(columns) < change.shape[1]
        else ""
    )
    return [
        "<h2>Which classes need which filter</h2>",
        "<p>The change of each class's AU-ROC, in thousandths, when a filter is held at its mean: blue where "
        "it falls, orange where it rises, a dot where it changes by less than two standard errors."
        f"{some}</p>",
        '<div class="scroll"><table class="heat"><thead><tr><th>filter</th><th>match</th><th></th>'
        f"{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>",
    ]


def _thousandths(value: float) -> str:
    """A number in thousandths, with a proper minus sign; a dash if it is not defined."""
    return "–" if np.isnan(value) else f"{1000 * value:.0f}".replace("-", "−")


def _bars(filters: Sequence[dict[str, Any]]) -> str:
    """Importance of all filters, the greatest first; in colour those that match a motif."""
    ranked = sorted(filters, key=lambda each: -each["importance"])
    values = np.array([each["importance"] for each in ranked])
    low, high = min(values.min(), 0), max(values.max(), 0)
    scale, step = 90 / ((high - low) or 1), 600 / len(ranked)
    zero = 12 + high * scale
    bars = []
    for number, (each, value) in enumerate(zip(ranked, values, strict=True)):
        top, tall = min(zero, zero - value * scale), abs(value) * scale
        name = f"{each['id']}: {_signed(value)}" + (f", {each['best']['name']}" if each["best"] else "")
        bars.append(
            f'<rect class="{"field" if each["best"] else "no"}" x="{number * step + step * 0.1:.4g}" '
            f'y="{top:.4g}" width="{step * 0.8:.3g}" height="{max(tall, 0.3):.3g}">'
            f"<title>{html.escape(name)}</title></rect>"
        )
    matched = sum(bool(each["best"]) for each in filters)
    text = (
        f"Importance of {len(filters)} filters, greatest first, from {_signed(high)} to {_signed(low)}; "
        f"{matched} of them match a motif"
    )
    return (
        f'<figure><svg viewBox="0 0 600 108" role="img" aria-label="{text}">{"".join(bars)}'
        f'<path class="axis" d="M0 {zero:.4g}H600"/></svg>'
        f"<figcaption>{text}: blue. The others: grey.</figcaption></figure>"
    )


def _signed(value: float) -> str:
    """A change to four decimals, with a proper minus sign."""
    return f"{value:+.4f}".replace("-", "−")


def _cards(audit: Audit, found: dict[str, Any]) -> str:
    """A logo of each filter with what is known about it: the most important first, or the best matches."""
    cards = []
    for motif, each in zip(audit.reading.motifs, found["filters"], strict=True):
        best, change = each["best"], each["importance"]
        facts = [f"{each['sites']:,} sites" + (" (few)" if each["few_sites"] else "")]
        for what, key in (("loss", "importance"), ("AU-ROC", "auroc_change")):
            if each[key] is not None:
                error = each["importance_error" if what == "loss" else "auroc_error"]
                facts.append(f"{what} {_signed(each[key])}" + ("" if error is None else f" ± {error:.4f}"))
        match, name = "no match", ""
        if best:
            name = html.escape(best["name"])
            match = f"<strong>{name}</strong> {html.escape(best['id'])}, E {best['evalue']:.1g}"
        spelt = f"Sequence logo of {each['id']}, {page.consensus(motif.pwm)}: {name or 'no match'}"
        picture = "<p>dead: no site</p>" if each["dead"] else page.logo(motif.pwm, spelt)
        rank = -change if change is not None else best["evalue"] if best else np.inf
        cards.append(
            (
                rank,
                f'<div class="card">{picture}<p>{each["id"]} · {match}<br>'
                f'<span class="faint">{" · ".join(facts)}</span></p></div>',
            )
        )
    return f'<div class="cards">{"".join(card for _, card in sorted(cards, key=lambda card: card[0]))}</div>'
