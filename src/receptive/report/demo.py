"""The demonstration: CNN-2 and CNN-25 side by side on the full-size task, in a few minutes."""

import base64
import html
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from string import Template
from typing import Any

from receptive import __version__
from receptive.errors import ReceptiveError
from receptive.evidence import claims
from receptive.figures import logos
from receptive.figures.canvas import save
from receptive.files import check_writable, temporary_files, write_text
from receptive.networks import backend
from receptive.networks.variants import variant
from receptive.pages import frame
from receptive.protocols import RELEASED
from receptive.replication import runs, sweep
from receptive.tasks import synthetic
from receptive.tasks.dataset import Dataset

NETWORKS = ("cnn-2", "cnn-25")
EPOCHS = 25
"""About half of a full training: enough for the difference to be plain."""
COLUMNS = ("auroc", "jaspar", "relevant")

Progress = Callable[[str, int, dict[str, float]], None]
"""Called with the network, the epochs done and the losses."""


def demo(
    out: Path | str, progress: Progress, epochs: int = EPOCHS, data: Dataset | None = None
) -> list[dict[str, Any]]:
    """Train both networks at once, a process and a thread each, and write the page that compares them.

    Args:
        out: folder for ``index.html``, a logo sheet per network (PNG and SVG) and the runs, under ``runs``.
        progress: called after every epoch of either.
        epochs: how long to train.
        data: the synthetic task; that of seed 0 by default.

    Returns:
        The two runs. A run that ``out`` holds already is not trained again.

    Raises:
        ReceptiveError: ``out`` cannot be written or holds other runs.
    """
    out = Path(out)
    for name in ("index.html", "runs"):
        check_writable(out / name)
    sweep.tidy(out / "runs")
    data = synthetic.generate(0) if data is None else data
    plans = [runs.plan(variant(name, RELEASED), data, RELEASED, 0, epochs) for name in NETWORKS]
    missing = [plan for plan in plans if not runs.finished(plan, out / "runs")]
    processes = get_context("spawn")
    with processes.Manager() as manager, ProcessPoolExecutor(len(plans), processes) as pool:
        ticks = manager.Queue()
        trained = [pool.submit(_train, plan, data, out / "runs", ticks) for plan in missing]
        for future in trained:
            future.add_done_callback(lambda _: ticks.put(None))
        for _ in trained:
            while tick := ticks.get():
                progress(*tick)
        for future in as_completed(trained):
            try:
                future.result()
            except BrokenProcessPool:
                raise ReceptiveError(
                    "a training was killed; is there enough memory (about 1 GB each)?"
                ) from None
    records = [runs.finished(plan, out / "runs") or {} for plan in plans]
    for plan in plans:
        _draw(plan, out)
    write_text(
        out / "index.html", page(records, out, len(data.train.Y) + len(data.valid.Y) + len(data.test.Y))
    )
    return records


def _train(plan: runs.Plan, data: Dataset, store: Path, ticks: Any) -> None:
    """Train one network in a process of its own."""
    backend.configure(threads=1)
    with temporary_files(store):
        runs.run(plan, data, store, lambda epoch, losses: ticks.put((plan.network.name, epoch, losses)))


def _draw(plan: runs.Plan, out: Path) -> None:
    motifs, matches = runs.stored_matches(plan.folder(out / "runs"))
    labels = logos.match_labels(matches)
    found = sum(map(bool, labels))
    title = (
        f"{plan.network.name.upper()}, first layer: {found} of {len(motifs)} filters match a relevant motif"
    )
    sheet = logos.logo_sheet(motifs, labels, title)
    for suffix in ("png", "svg"):
        save(sheet, out / f"{plan.network.name}.{suffix}")


def page(records: list[dict[str, Any]], out: Path, sequences: int) -> str:
    """Return the HTML page, with everything it shows inside it."""
    rows, sheets = [], []
    for record in records:
        name = record["variant"]
        cells = [
            f'<td class="ours">{value}</td><td>{known}</td>'
            for value, known in zip(*compared(record), strict=True)
        ]
        rows.append(f"<tr><td>{name.upper()}</td>{''.join(cells)}</tr>")
        image = base64.b64encode((out / f"{name}.png").read_bytes()).decode()
        share = record["filters"]["conv1"]["relevant"]
        what = (
            f"Sequence logos of the {record['filters']['conv1']['n']} first-layer filters of {name.upper()}"
        )
        sheets.append(
            f'<figure><h2>{name.upper()}</h2><img src="data:image/png;base64,{image}" '
            f'alt="{what}; {share:.0%} match a relevant motif."><figcaption>{what}. A name on the left is '
            f"the factor whose motif the filter matches. "
            f'Also as <a href="{name}.svg">SVG</a>.</figcaption></figure>'
        )
    first = records[0]
    seconds = max(record["seconds"] for record in records)
    machine = f"Trained in {seconds:.0f} s on {first['backend']}, {first['device']} ({first['machine']})"
    template = Template(files("receptive").joinpath("data/demo.html").read_text(encoding="utf-8"))
    body = template.substitute(
        sequences=f"{sequences:,}",
        filters=first["filters"]["conv1"]["n"],
        epochs=first["epochs"]
        if first["epochs"] == records[-1]["epochs"]
        else f"at most {first['plan']['epochs']}",
        machine=html.escape(machine),
        rows="\n".join(rows),
        sheets="\n".join(sheets),
        version=__version__,
    )
    return frame("receptive: CNN-2 and CNN-25", body)


def compared(record: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return a run's AU-ROC and match fractions, and what was published, as text."""
    layer = record["filters"]["conv1"]
    ours = [record["metrics"]["auroc_mean"] or float("nan"), layer["jaspar"], layer["relevant"]]
    cells = [claims.cell(record["variant"], column) for column in COLUMNS]
    return [f"{value:.3f}" for value in ours], [f"{c.mean:.3f} ± {c.sd:.3f}" if c else "–" for c in cells]
