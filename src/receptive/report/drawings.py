"""Draw the figures of a report, and write all of it to a folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from receptive.evidence.ablations import COLUMNS
from receptive.evidence.measured import Results
from receptive.evidence.rules import key
from receptive.evidence.statistics import sample
from receptive.figures import canvas, logos
from receptive.figures.matches import POOLS, match_fractions
from receptive.figures.sheets import read_named
from receptive.figures.switches import by_protocol, by_protocol_in_words, effects, effects_in_words
from receptive.files import to_json, write_text
from receptive.motifs.jaspar import embedded_motifs
from receptive.protocols import RELEASED
from receptive.report import tables
from receptive.report.records import record
from receptive.report.report import Report
from receptive.tasks.registry import IN_VIVO

SHEETS = {
    "fig2": (("cnn-2", "conv1"), ("cnn-4", "conv1"), ("cnn-25", "conv1")),
    "fig3": (("cnn9-4", "conv1"), ("cnn9-25", "conv1"), ("cnn-50-2", "conv1"), ("cnn19-1-2", "conv1")),
    "s1": (("cnn-1", "conv1"), ("cnn-1", "conv2")),
}
"""The paper's figures of logos: variants and layers."""
SHEETS_IN_VIVO = {"fig4": SHEETS["fig2"], "s2": SHEETS["s1"]}
"""The same of networks trained on real sequences."""
TITLES = {"fig2": "Fig 2", "fig3": "Fig 3", "fig4": "as in Fig 4", "s1": "S1 Fig", "s2": "as in S2 Fig"}


def drawings(report: Report, store: Path | str) -> Iterator[tuple[str, str, Figure]]:
    """Draw the figures that a store has the runs for; the logo sheets show trial 0.

    Args:
        report: what to draw.
        store: the folder of its runs.

    Yields:
        The name of the figure's file, words that say what it shows, and the figure.
    """
    yield from _drawings_of(report.synthetic, store, report.protocol, SHEETS)
    for task in IN_VIVO:
        if results := report.results.get(task):
            for name, words, figure in _drawings_of(results, store, report.protocol, SHEETS_IN_VIVO):
                yield f"{task}-{name}", f"{task}: {words}", figure
    single, whole = report.switches
    if any(row.differences[column] for row in single for column in COLUMNS):
        words = "What single switches of the protocol change, with 95% intervals. Those that leave 0 out"
        yield "switches", f"{words}: {effects_in_words(single)}.", effects(single)
    if any(row.n for row in whole if row.protocol != RELEASED):
        words = "Match fractions against pool size by the released protocol and the paper's"
        yield "protocols", f"{words}. {by_protocol_in_words(whole)}.", by_protocol(whole)
    names = [motif.name for motif in embedded_motifs()]
    nameless = [replace(motif, id="") for motif in embedded_motifs()]
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
    """Draw the filters of a stored run as logos, and describe them in words."""
    motifs, labels = read_named(folder, layer)
    matched = sum(map(bool, labels))
    title = f"{variant.upper()}, {layer}, trial 0: {matched} of {len(motifs)} filters match a relevant motif"
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


def write(report: Report, store: Path | str, out: Path | str) -> None:
    """Write ``report.json``, ``table.csv``, the figures (SVG and PNG) and ``report.md`` to a folder.

    Raises:
        ReceptiveError: a file cannot be written, or a run's motifs cannot be read.
    """
    out = Path(out)
    write_text(out / "report.json", to_json(record(report)))
    write_text(out / "table.csv", tables.table_csv(report))
    drawn = {}
    for name, words, figure in drawings(report, store):
        for suffix in (".svg", ".png"):
            canvas.save(figure, out / f"{name}{suffix}")
        drawn[name] = words
    write_text(out / "report.md", tables.markdown(report, drawn))
