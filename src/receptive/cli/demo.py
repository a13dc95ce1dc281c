"""``receptive demo``: see the difference in a few minutes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from receptive.cli.shared import MOST_EPOCHS, epochs_bars, say
from receptive.text import table

if TYPE_CHECKING:
    from receptive.replication.runs import Run


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the page, the logo sheets and the runs.")] = Path(
        "demo"
    ),
    epochs: Annotated[
        int | None, typer.Option(min=1, max=MOST_EPOCHS, help="Epochs of training; 16 by default.")
    ] = None,
) -> None:
    """Train CNN-2 and CNN-25 on the full-size synthetic task and compare their filters, in a few minutes.

    The networks are trained just long enough for the difference to be plain: 16 epochs, about a third of a
    full training.

    Example: receptive demo --out demo
    """
    from receptive.files import check_writable
    from receptive.networks import backend
    from receptive.report import demo as demonstration

    backend.require_training("receptive demo")
    count = demonstration.EPOCHS if epochs is None else epochs
    check_writable(out / "index.html")
    say("Drawing 25,000 sequences with twelve known motifs, then training two networks at once.")
    with epochs_bars(demonstration.NETWORKS, count) as progress:
        finished = demonstration.demo(out, progress, count)
    print(describe(finished, out, count))


def describe(finished: "list[Run]", out: Path, epochs: int) -> str:
    """Set the runs beside the published numbers, and say what to look at next."""
    from receptive.report import demo as demonstration

    header = ["network", "AU-ROC", "published", "JASPAR", "published", "relevant", "published"]
    rows = []
    for finished_run in finished:
        pairs = zip(*demonstration.comparison_text(finished_run), strict=True)
        rows.append([finished_run.plan.network.name, *(cell for pair in pairs for cell in pair)])
    return (
        f"{table(header, rows)}\n\n"
        f"One trial of {epochs} epochs; published are five of up to 100 (mean ± standard deviation).\n"
        "JASPAR and relevant are shares of first-layer filters with a Tomtom match at E ≤ 0.1.\n\n"
        f"Open {out / 'index.html'}\n"
        "Full protocol: receptive train cnn-2 --trial 0; receptive train cnn-25 --trial 0"
    )
