"""The pages of a store: one for every run, one for the trials of each network, and a list of these.

A run's page says what was trained by which code, when and where, and shows what came of it; its files lie
beside it. Logos are drawn by a script of a few lines from the heights of their letters: those of sixteen
thousand filters would otherwise take more room than all the rest.
"""

import base64
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from math import isnan
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from receptive.evidence import measured
from receptive.evidence.labels import label
from receptive.evidence.statistics import sample
from receptive.files import read_text, write_text
from receptive.motifs import tomtom
from receptive.motifs.jaspar import relevant_ids
from receptive.motifs.meme import read_meme
from receptive.motifs.motif import information_content
from receptive.pages import Html, consensus, environment, letters, piece, table
from receptive.protocols import DISCREPANCIES, PROTOCOLS
from receptive.replication import runs
from receptive.replication.runs import Filters, Run

DOCS = Path(__file__).parent
TEMPLATES = environment(str(DOCS / "templates"))
FRACTIONS = {
    "JASPAR": "jaspar",
    "without Gmeb1": "jaspar_without_gmeb1",
    "relevant": "relevant",
    "embedded only": "relevant_embedded",
}
"""Columns of match fractions, with their names in a run."""

Group = tuple[Path, Sequence[Run]]
"""A folder of trials, relative to its store, and the runs in it."""


def write(store: Path | str, out: Path | str, home: str = "") -> None:
    """Write the pages of a store's runs, and copies of their files, to a folder laid out as the store is.

    A run whose page is younger than its files is left as it is.

    Args:
        store: folder of runs.
        out: folder for ``index.html``, ``<task>/<network>/<protocol>/index.html`` and, below these,
            ``trial-<n>/index.html``.
        home: where these pages belong to, an address relative to ``out``.

    Raises:
        ReceptiveError: a run is damaged, or a file cannot be written.
    """
    store, out = Path(store), Path(out)
    groups: list[Group] = []
    for group, folders in groupby(measured.folders(store), key=lambda folder: folder.parent):
        runs_ = [(folder, runs.load(folder)) for folder in folders]
        for folder, run in runs_:
            place = out / folder.relative_to(store)
            _copy(folder, place)
            if not _fresh(place / "index.html", folder):
                write_text(place / "index.html", page(run, folder, home))
        groups.append((group.relative_to(store), [run for _, run in runs_]))
        write_text(out / group.relative_to(store) / "index.html", trials(groups[-1][1], home))
    write_text(out / "index.html", contents(groups, home))


def _copy(folder: Path, place: Path) -> None:
    """Put a run's files into another folder, without taking room for them twice where that can be."""
    place.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        copy = place / path.name
        if copy.exists() and copy.stat().st_mtime >= path.stat().st_mtime:
            continue
        copy.unlink(missing_ok=True)
        try:
            os.link(path, copy)
        except OSError:
            shutil.copy2(path, copy)


def _fresh(page: Path, folder: Path) -> bool:
    """Tell whether a page was made of the files as they are, by the code as it is."""
    sources = (*folder.iterdir(), Path(__file__), *(DOCS / "templates").iterdir())
    return page.exists() and page.stat().st_mtime > max(path.stat().st_mtime for path in sources)


def page(run: Run, folder: Path, home: str = "") -> str:
    """Return the page of one run, whose files lie in a folder."""
    files = [[piece("link", path.name, path.name), path.stat().st_size] for path in sorted(folder.iterdir())]
    return TEMPLATES.get_template("run.html").render(
        title=f"{_title(run)}, trial {run.plan.trial}",
        way=_way(run.plan.folder(""), home),
        run=run,
        facts=list(_facts(run)),
        scores=table(["class", "AU-ROC", "AU-PR"], list(_scores(run))),
        curve=curve(run),
        letters=letters(),
        threshold=tomtom.THRESHOLD,
        layers=[Layer.read(run, folder, name) for name in run.filters],
        files=table(["file", "bytes"], files),
        script=Html((DOCS / "_static" / "logos.js").read_text("utf-8")),
    )


def trials(finished: Sequence[Run], home: str = "") -> str:
    """Return the page of all trials of one network by one protocol, with the numbers that they average to."""
    first = finished[0]
    columns = _columns(first)
    rows: list[list[object]] = [
        [
            piece("link", f"trial-{run.plan.trial}/index.html", f"trial {run.plan.trial}"),
            *(_number(take(run)) for take in columns.values()),
            f"{run.best_epoch} of {run.epochs}",
            f"{run.seconds / 60:.0f}",
            run.recipe,
            "" if _counts(run) else "shortened: not counted",
        ]
        for run in finished
    ]
    if counted := [run for run in finished if _counts(run)]:
        known = ([value for run in counted if (value := take(run)) is not None] for take in columns.values())
        samples = [sample(values) for values in known]
        rows.append(["mean", *(_number(sample.mean) for sample in samples)])
        rows.append(["± deviation", *("–" if isnan(sample.sd) else _number(sample.sd) for sample in samples)])
    return TEMPLATES.get_template("trials.html").render(
        title=_title(first),
        way=_way(first.plan.folder("").parent, home),
        network=_network(first),
        n=len(finished),
        table=table(["", *columns, "best epoch", "minutes", "recipe", ""], rows),
    )


def contents(groups: Sequence[Group], home: str = "") -> str:
    """Return the list of all networks of a store, by task."""
    header = ["network", "layers", "protocol", "trials", "AU-ROC", "relevant, conv1"]
    by_task = groupby(sorted(groups, key=_in_order), key=lambda group: group[0].parts[0])
    return TEMPLATES.get_template("runs.html").render(
        title="Runs",
        way=_way(Path(), home),
        tasks=[(task, table(header, [_line(*group) for group in below])) for task, below in by_task],
    )


def _line(place: Path, finished: Sequence[Run]) -> list[object]:
    scores = [run.auroc_mean for run in finished if run.auroc_mean is not None]
    relevant = [run.filters["conv1"].relevant for run in finished if "conv1" in run.filters]
    network = finished[0].plan.network
    return [
        piece("link", address(place), label(network.name)),
        str(network),
        _protocol(finished[0]),
        len(finished),
        *(_number(sample(values).mean if values else None) for values in (scores, relevant)),
    ]


def _in_order(group: Group) -> tuple[bool, bool, str, list[tuple[bool, int, str]]]:
    """Order runs by task, the paper's first, network and protocol, numbers as such: CNN-4 before CNN-10."""
    task, *below = group[0].parts
    words = re.findall(r"\d+|\D+", "/".join(below))
    numbered = [(word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words]
    return task != "synthetic", not task.startswith("synthetic"), task, numbered


def address(place: Path) -> str:
    """Return the address, relative to all pages of a store, of the page of a folder of trials or of a run."""
    return f"{quote(place.as_posix(), safe='/=')}/index.html"


def _way(place: Path, home: str) -> Html:
    """Link a page to those above it."""
    depth = len(place.parts)
    up = "../" * depth
    links = [(f"{up}{home}", "receptive")] if home else []
    links += (
        [(f"{up}index.html", "runs"), (f"{up}index.html#{place.parts[0]}", place.parts[0])] if depth else []
    )
    links += [("../index.html", "all trials")] if depth == 4 else []
    return piece("way", links)


def _title(run: Run) -> str:
    return f"{label(run.plan.network.name, run.plan.task)}, {_protocol(run)}"


def _counts(run: Run) -> bool:
    return run.full_protocol and run.complete


def _protocol(run: Run) -> str:
    """Return the protocol in words: its base and its switches."""
    protocol = run.plan.protocol
    base = PROTOCOLS[protocol.base]
    switched = [f"{name} = {value}" for name, value in protocol.differences(base).items()]
    return f"{base.name}, but {', '.join(switched)}" if switched else protocol.name.replace("+", ", ")


def _network(run: Run) -> Html:
    """Return a network as its layers and their sizes."""
    network = run.plan.network
    filters = ", ".join(map(str, network.filters))
    rest = f", filters {filters}, {network.units} hidden units, {run.parameters:,} parameters"
    return piece("code", str(network), rest)


def _facts(run: Run) -> Iterator[tuple[str, object]]:
    """Describe a training: network, data, code, time and place."""
    plan, protocol = run.plan, run.plan.protocol
    yield "network", _network(run)
    yield "data", f"{plan.task}, sha256 {plan.data_sha256}"
    reasons = {DISCREPANCIES.get(name) for name in protocol.differences(PROTOCOLS[protocol.base])} - {None}
    because = f" ({', '.join(sorted(map(str, reasons)))})" if reasons else ""
    yield "protocol", _protocol(run) + because
    stopped = "stopped early" if run.stopped_early else "to the end"
    epochs = f"{run.epochs} epochs of at most {plan.epochs}, {stopped}"
    yield "training", f"seed {plan.trial}; {epochs}; the weights of epoch {run.best_epoch} kept"
    commit = f", commit {run.commit}" if run.commit else ""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    yield "code", f"recipe {run.recipe}{commit}; {versions}"
    yield "where", f"{run.machine}, {run.device}, {run.backend}"
    when = f"{run.begin} to {run.end}" if run.begin else "not recorded (recipe 1)"
    yield "when", f"{when}; {run.seconds / 60:.1f} minutes of training"
    if not _counts(run):
        yield "counts", "no: shortened or incomplete"


def _scores(run: Run) -> Iterator[list[object]]:
    names = run.plan.classes or tuple(f"class {number}" for number in range(len(run.auroc)))
    for name, auroc, aupr in zip(names, run.auroc, run.aupr, strict=True):
        yield [name, _number(auroc), _number(aupr)]
    yield ["mean", _number(run.auroc_mean), _number(run.aupr_mean)]


class Curve(NamedTuple):
    """The losses of a run as lines in a drawing of 360 by 120 units, with the places of its axes."""

    train: str
    valid: str
    best: float
    most: float
    left: int = 34
    right: int = 352
    top: int = 8
    floor: int = 100


def curve(run: Run) -> Curve:
    """Draw the losses of a run over its epochs, and where the epoch is whose weights were kept."""
    frame = Curve("", "", 0, max(*run.loss, *run.val_loss))
    across = (frame.right - frame.left) / max(run.epochs - 1, 1)
    down = (frame.floor - frame.top) / frame.most

    def line(values: Sequence[float]) -> str:
        places = enumerate(values)
        return " ".join(
            f"{frame.left + n * across:.1f},{frame.floor - loss * down:.1f}" for n, loss in places
        )

    best = round(frame.left + (run.best_epoch - 1) * across, 1)
    return frame._replace(train=line(run.loss), valid=line(run.val_loss), best=best)


class Card(NamedTuple):
    """A filter as a page shows it: its logo, its best hit, and the factor of its best relevant one."""

    id: str
    dead: bool
    width: int
    share: float
    heights: str
    spelt: str
    factor: str
    hit: tomtom.Hit | None
    sites: int | None


class Layer(NamedTuple):
    """The filters of a layer, with their matches."""

    name: str
    filters: Filters
    shares: tuple[tuple[str, float], ...]
    cards: tuple[Card, ...]

    @classmethod
    def read(cls, run: Run, folder: Path, name: str) -> "Layer":
        """Read a layer of a run from its files."""
        kept = read_meme(folder / f"{name}.meme")
        source = folder / f"{name}.tomtom.tsv"
        ids = [motif.id for motif in kept]
        matches = tomtom.parse_table(read_text(source, "a table of hits"), ids, str(source))
        factors = tomtom.best_factors(matches, relevant_ids(run.plan.classes))
        filters = run.filters[name]
        widest = max(motif.width for motif in kept)
        sites = filters.sites or (None,) * len(kept)
        cards = tuple(
            Card(
                motif.id,
                motif.dead,
                motif.width,
                motif.width / widest,
                heights(motif.pwm),
                consensus(motif.pwm),
                factor,
                match.best,
                count,
            )
            for motif, match, factor, count in zip(kept, matches, factors, sites, strict=True)
        )
        shares = tuple((what, getattr(filters, column)) for what, column in FRACTIONS.items())
        return cls(name, filters, shares, cards)


def heights(pwm: NDArray[np.float64]) -> str:
    """Return the heights of a logo's letters (VIS-2) as ``logos.js`` reads them: 255ths of 2 bits, base64."""
    bits = pwm * information_content(pwm)[:, None]
    return base64.b64encode(np.rint(bits * 127.5).astype(np.uint8).tobytes()).decode()


def _columns(run: Run) -> dict[str, Callable[[Run], float | None]]:
    """Return the numbers of a run, with what stands above them."""

    def share(layer: str, column: str) -> Callable[[Run], float | None]:
        return lambda run: float(getattr(run.filters[layer], column))

    several = len(run.filters) > 1
    columns: dict[str, Callable[[Run], float | None]] = {
        "AU-ROC": lambda run: run.auroc_mean,
        "AU-PR": lambda run: run.aupr_mean,
    }
    return columns | {
        f"{layer} {name}" if several else name: share(layer, column)
        for layer in run.filters
        for name, column in FRACTIONS.items()
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
