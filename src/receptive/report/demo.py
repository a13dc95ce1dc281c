"""The demonstration: CNN-2 and CNN-25 side by side on the full-size task, in a few minutes."""

import base64
from collections.abc import Callable
from pathlib import Path

from receptive import __version__, pages
from receptive.errors import ReceptiveError
from receptive.evidence import claims
from receptive.figures import logos
from receptive.figures.canvas import save
from receptive.files import check_writable, write_text
from receptive.motifs.jaspar import relevant_ids
from receptive.motifs.tomtom import best_factors
from receptive.networks.variants import variant
from receptive.protocols import RELEASED
from receptive.replication import runs, sweep
from receptive.replication.runs import Run
from receptive.tasks import synthetic
from receptive.tasks.dataset import Dataset

NETWORKS = ("cnn-2", "cnn-25")
EPOCHS = 16
"""About a third of a full training: enough for the difference to be plain."""
COLUMNS = ("auroc", "jaspar", "relevant")

Progress = Callable[[str, int, dict[str, float]], None]
"""Called with the network, the epochs done and the losses."""


def demo(out: Path | str, progress: Progress, epochs: int = EPOCHS, data: Dataset | None = None) -> list[Run]:
    """Train both networks at once, by a sweep of two workers, and write the page that compares them.

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
    plans = [runs.plan_run(variant(name, RELEASED), data, RELEASED, 0, epochs) for name in NETWORKS]
    summary = sweep.sweep(
        plans,
        sweep.store_dataset(data, out / "runs"),
        out / "runs",
        workers=len(plans),
        on_epoch=lambda plan, epoch, loss: progress(plan.network.name, epoch, {"val_loss": loss}),
    )
    for plan, why in summary.failed.items():
        raise ReceptiveError(f"the training of {plan.network.name} failed: {why}")
    trained = [runs.load(plan.folder(out / "runs")) for plan in plans]
    for plan in plans:
        _draw(plan, out)
    write_text(
        out / "index.html", page(trained, out, len(data.train.Y) + len(data.valid.Y) + len(data.test.Y))
    )
    return trained


def _draw(plan: runs.Plan, out: Path) -> None:
    motifs, matches = runs.stored_matches(plan.folder(out / "runs"))
    labels = best_factors(matches, relevant_ids(plan.classes))
    matched = sum(map(bool, labels))
    title = (
        f"{plan.network.name.upper()}, first layer: {matched} of {len(motifs)} filters match a relevant motif"
    )
    sheet = logos.logo_sheet(motifs, labels, title)
    for suffix in ("png", "svg"):
        save(sheet, out / f"{plan.network.name}.{suffix}")


def page(finished: list[Run], out: Path, sequences: int) -> str:
    """Return the HTML page, with everything it shows inside it."""
    rows, sheets = [], []
    for run in finished:
        name, layer = run.plan.network.name, run.filters["conv1"]
        rows.append((name.upper(), list(zip(*comparison_text(run), strict=True))))
        sheets.append(
            {
                "name": name,
                "image": base64.b64encode((out / f"{name}.png").read_bytes()).decode(),
                "words": f"Sequence logos of the {layer.n} first-layer filters of {name.upper()}",
                "relevant": layer.relevant,
            }
        )
    first, trained = finished[0], {run.epochs for run in finished}
    seconds = max(run.seconds for run in finished)
    return pages.render(
        "demo.html",
        title="receptive: CNN-2 and CNN-25",
        sequences=sequences,
        filters=first.filters["conv1"].n,
        epochs=first.epochs if len(trained) == 1 else f"at most {first.plan.epochs}",
        machine=f"Trained in {seconds:.0f} s on {first.backend}, {first.device} ({first.machine})",
        rows=rows,
        sheets=sheets,
        version=__version__,
    )


def comparison_text(trained: Run) -> tuple[list[str], list[str]]:
    """Return a run's AU-ROC and match fractions, and what was published, as text."""
    layer = trained.filters["conv1"]
    ours = [trained.auroc_mean or float("nan"), layer.jaspar, layer.relevant]
    cells = [claims.cell(trained.plan.network.name, column) for column in COLUMNS]
    return [f"{value:.3f}" for value in ours], [f"{c.mean:.3f} ± {c.sd:.3f}" if c else "–" for c in cells]
