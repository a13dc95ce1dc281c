"""The pages of a store: one for every run, one for the trials of each network, and a list of these.

A run's page says what was trained by which code, when and where, and shows what came of it; its files lie
beside it. Logos are drawn by a script of a few lines from the heights of their letters: those of sixteen
thousand filters would otherwise take more room than all the rest.
"""

import base64
import html
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from math import isnan
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from receptive.evidence import measured
from receptive.evidence.statistics import sample
from receptive.files import packaged, read_text, write_text
from receptive.motifs import tomtom
from receptive.motifs.jaspar import relevant_to
from receptive.motifs.meme import read_meme
from receptive.motifs.motif import Motif, information_content
from receptive.pages import Html, consensus, frame, letters, table
from receptive.protocols import DISCREPANCIES, PROTOCOLS
from receptive.replication import runs
from receptive.replication.runs import Filters, Run

FRACTIONS = {
    "JASPAR": "jaspar",
    "without Gmeb1": "jaspar_without_gmeb1",
    "relevant": "relevant",
    "embedded only": "relevant_embedded",
}
"""Columns of match fractions, with their names in a run."""
WIDE, HIGH = 360, 120
"""Units of the drawing of a history; letters are 11 high."""


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
    groups: list[tuple[Path, list[Run]]] = []
    for group, folders in groupby(measured.folders(store), key=lambda folder: folder.parent):
        found = [(folder, runs.load(folder)) for folder in folders]
        for folder, run in found:
            place = out / folder.relative_to(store)
            _copy(folder, place)
            if not _fresh(place / "index.html", folder):
                write_text(place / "index.html", page(run, folder, home))
        groups.append((group.relative_to(store), [run for _, run in found]))
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
    """Whether a page was made of the files as they are, by the code as it is."""
    sources = (*folder.iterdir(), Path(__file__))
    return page.exists() and page.stat().st_mtime > max(path.stat().st_mtime for path in sources)


def page(run: Run, folder: Path, home: str = "") -> str:
    """Return the page of one run, whose files lie in a folder."""
    title = f"{_name(run)}, trial {run.plan.trial}"
    parts = [
        _way(run.plan.folder(""), home),
        f"<h1>{html.escape(title)}</h1>",
        f"<dl>{''.join(f'<dt>{name}</dt><dd>{what}</dd>' for name, what in _facts(run))}</dl>",
        "<h2>Scores on test sequences</h2>",
        _scores(run),
        "<h2>History</h2>",
        history(run),
        letters(),
    ]
    for layer, found in run.filters.items():
        parts += [f'<h2 id="{layer}">Filters of {layer}</h2>', *_filters(run, folder, layer, found)]
    parts += ["<h2>Files</h2>", _files(folder), f"<script>{packaged('logos.js').decode()}</script>"]
    return frame(title, "\n".join(parts) + "\n")


def trials(found: Sequence[Run], home: str = "") -> str:
    """Return the page of all trials of one network by one protocol, with the numbers that they average to."""
    first = found[0]
    columns = _columns(first)
    rows: list[list[object]] = [
        [
            Html(f'<a href="trial-{run.plan.trial}/index.html">trial {run.plan.trial}</a>'),
            *(_number(take(run)) for take in columns.values()),
            f"{run.best_epoch} of {run.epochs}",
            f"{run.seconds / 60:.0f}",
            run.recipe,
            "" if run.full_protocol and run.complete else "shortened: not counted",
        ]
        for run in found
    ]
    counted = [run for run in found if run.full_protocol and run.complete]
    if counted:
        samples = [
            sample([value for run in counted if (value := take(run)) is not None])
            for take in columns.values()
        ]
        rows.append(["mean", *(_number(one.mean) for one in samples)])
        rows.append(["± deviation", *("–" if isnan(one.sd) else _number(one.sd) for one in samples)])
    header = ["", *columns, "best epoch", "minutes", "recipe", ""]
    parts = [
        _way(first.plan.folder("").parent, home),
        f"<h1>{html.escape(_name(first))}</h1>",
        f"<p>{_network(first)}, trained {len(found)} times; the number of a trial is its seed. ± is the "
        "sample standard deviation over trials.</p>",
        f'<div class="scroll">{table(header, rows).text}</div>',
    ]
    return frame(_name(first), "\n".join(parts) + "\n")


def contents(groups: Sequence[tuple[Path, Sequence[Run]]], home: str = "") -> str:
    """Return the list of all networks of a store, by task, each with its folder and its runs."""
    parts = [_way(Path(), home), "<h1>Runs</h1>"]
    for task, below in groupby(sorted(groups, key=_in_order), key=lambda each: each[0].parts[0]):
        rows: list[list[object]] = []
        for place, found in below:
            first = found[0]
            scores = [run.auroc_mean for run in found if run.auroc_mean is not None]
            relevant = [run.filters["conv1"].relevant for run in found if "conv1" in run.filters]
            link = f'<a href="{address(place)}">{html.escape(_short(first))}</a>'
            rows.append(
                [
                    Html(link),
                    str(first.plan.network),
                    _protocol(first),
                    len(found),
                    *(_number(sample(values).mean if values else None) for values in (scores, relevant)),
                ]
            )
        header = ["network", "layers", "protocol", "trials", "AU-ROC", "relevant, conv1"]
        parts += [
            f'<h2 id="{task}">{task}</h2>',
            f'<div class="scroll wraps compact">{table(header, rows).text}</div>',
        ]
    return frame("Runs", "\n".join(parts) + "\n")


def _in_order(group: tuple[Path, Sequence[Run]]) -> list[tuple[bool, int, str]]:
    """By task, network and protocol, numbers in them as numbers: CNN-4 before CNN-10."""
    words = re.findall(r"\d+|\D+", group[0].as_posix())
    return [(word.isdigit(), int(word) if word.isdigit() else 0, word) for word in words]


def address(place: Path) -> str:
    """Return the address, relative to all pages of a store, of the page of a folder of trials or of a run."""
    return f"{quote(place.as_posix(), safe='/=')}/index.html"


def _way(place: Path, home: str) -> str:
    """Links to what is above a page."""
    depth = len(place.parts)
    up = "../" * depth
    links = [f'<a href="{up}{html.escape(home)}">receptive</a>'] if home else []
    links += [f'<a href="{up}index.html">runs</a>'] if depth else []
    links += [f'<a href="{up}index.html#{place.parts[0]}">{place.parts[0]}</a>'] if depth else []
    links += ['<a href="../index.html">all trials</a>'] if depth == 4 else []
    return f'<nav aria-label="above this page">{" › ".join(links)}</nav>'


def _short(run: Run) -> str:
    return run.plan.network.name.upper()


def _name(run: Run) -> str:
    return f"{_short(run)}, {run.plan.task}, {_protocol(run)}"


def _protocol(run: Run) -> str:
    """The protocol in words: its base and what is switched."""
    protocol = run.plan.protocol
    base = PROTOCOLS[protocol.base]
    switched = [f"{name} = {value}" for name, value in protocol.differences(base).items()]
    return f"{base.name}, but {', '.join(switched)}" if switched else protocol.name.replace("+", ", ")


def _network(run: Run) -> str:
    """A network as its layers, in HTML."""
    network = run.plan.network
    return (
        f"<code>{html.escape(str(network))}</code>, filters {', '.join(map(str, network.filters))}, "
        f"{network.units} hidden units, {run.parameters:,} parameters"
    )


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    """What was trained on what, by which code, when and where; the second of each is HTML."""
    plan, protocol = run.plan, run.plan.protocol
    yield "network", _network(run)
    yield "data", f"{html.escape(plan.task)}, sha256 {html.escape(plan.data_sha256)}"
    reasons = {DISCREPANCIES.get(name) for name in protocol.differences(PROTOCOLS[protocol.base])} - {None}
    because = f" ({', '.join(sorted(map(str, reasons)))})" if reasons else ""
    yield "protocol", html.escape(_protocol(run) + because)
    stopped = "stopped early" if run.stopped_early else "to the end"
    yield (
        "training",
        f"seed {plan.trial}; {run.epochs} epochs of at most {plan.epochs}, {stopped}; "
        f"the weights of epoch {run.best_epoch} kept",
    )
    commit = f", commit {run.commit}" if run.commit else ""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    yield "code", html.escape(f"recipe {run.recipe}{commit}; {versions}")
    yield "where", html.escape(f"{run.machine}, {run.device}, {run.backend}")
    when = f"{run.begin} to {run.end}; " if run.begin else "not recorded (recipe 1); "
    yield "when", html.escape(f"{when}{run.seconds / 60:.1f} minutes of training")
    if not (run.full_protocol and run.complete):
        yield "counts", "no: shortened or incomplete"


def _scores(run: Run) -> str:
    names = run.plan.classes or tuple(f"class {number}" for number in range(len(run.auroc)))
    rows = [
        [name, _number(auroc), _number(aupr)]
        for name, auroc, aupr in zip(names, run.auroc, run.aupr, strict=True)
    ]
    rows.append(["mean", _number(run.auroc_mean), _number(run.aupr_mean)])
    return f'<div class="compact">{table(["class", "AU-ROC", "AU-PR"], rows).text}</div>'


def history(run: Run) -> str:
    """Draw the losses of a run over its epochs, with a mark at the epoch whose weights were kept."""
    left, right, top, bottom = 34, 8, 8, 20
    most = max(*run.loss, *run.val_loss)
    across = (WIDE - left - right) / max(run.epochs - 1, 1)
    down = (HIGH - top - bottom) / most

    def line(kind: str, values: Sequence[float]) -> str:
        points = " ".join(
            f"{left + number * across:.1f},{HIGH - bottom - value * down:.1f}"
            for number, value in enumerate(values)
        )
        return f'<polyline class="{kind}" points="{points}"/>'

    best = left + (run.best_epoch - 1) * across
    text = (
        f"Loss over {run.epochs} epochs: on training data from {run.loss[0]:.3f} to {run.loss[-1]:.3f}, on "
        f"validation data from {run.val_loss[0]:.3f} to {run.val_loss[-1]:.3f}, least, "
        f"{run.val_loss[run.best_epoch - 1]:.3f}, after epoch {run.best_epoch}"
    )
    floor = HIGH - bottom
    return (
        f'<figure class="history"><svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{text}">'
        f'<path class="axis" d="M{left} {top}V{floor}H{WIDE - right}"/>'
        f'<path class="best" d="M{best:.1f} {top}V{floor}"/>'
        f"{line('train', run.loss)}{line('valid', run.val_loss)}"
        f'<text x="{left - 4}" y="{top + 8}" text-anchor="end">{most:.2f}</text>'
        f'<text x="{left - 4}" y="{floor}" text-anchor="end">0</text>'
        f'<text x="{left}" y="{HIGH - 5}" text-anchor="middle">1</text>'
        f'<text x="{WIDE - right}" y="{HIGH - 5}" text-anchor="end">epoch {run.epochs}</text></svg>'
        f"<figcaption>{text}. Blue: training; orange: validation; upright: the epoch kept."
        "</figcaption></figure>"
    )


def _filters(run: Run, folder: Path, layer: str, found: Filters) -> Iterator[str]:
    """What the filters of a layer match, and each as a logo."""
    kept = read_meme(folder / f"{layer}.meme")
    source = folder / f"{layer}.tomtom.tsv"
    text = read_text(source, "a table of hits")
    matches = tomtom.parse_table(text, [motif.id for motif in kept], str(source))
    shares = ", ".join(f"{name} {getattr(found, column):.3f}" for name, column in FRACTIONS.items())
    dead = f" {found.dead} of them without a site." if found.dead else ""
    yield (
        f"<p>Of {found.n} filters the shares that match, at E ≤ {tomtom.THRESHOLD:g}: {shares}.{dead} "
        "As compared, trimmed where the protocol trims; in bold what is relevant.</p>"
    )
    factors = tomtom.best_factors(matches, relevant_to(run.plan.classes))
    widest = max(motif.width for motif in kept)
    sites = found.sites or (None,) * len(kept)
    cards = (
        _card(motif, match, factor, count, widest)
        for motif, match, factor, count in zip(kept, matches, factors, sites, strict=True)
    )
    yield f'<div class="cards">{"".join(cards)}</div>'


def _card(motif: Motif, match: tomtom.Match, factor: str, sites: int | None, widest: int) -> str:
    """A filter as a logo, with its best hit, and its best relevant one if that is another."""
    hits = [hit for hit in match.hits[:1] if hit.name != factor] if factor else match.hits[:1]
    said = [f"<strong>{html.escape(factor)}</strong>"] if factor else []
    said += [f"{html.escape(hit.name)} {hit.target}, E {hit.evalue:.1g}" for hit in hits]
    spelt = consensus(motif.pwm)
    name = f"Sequence logo of {motif.id}, {spelt}: {factor or (hits[0].name if hits else 'no match')}"
    picture = (
        f'<svg viewBox="0 0 {motif.width * 10} 41" style="width:{100 * motif.width / widest:.0f}%" '
        f'role="img" data-logo="{heights(motif.pwm)}" aria-label="{html.escape(name)}"></svg>'
        f"<noscript><code>{spelt}</code></noscript>"
    )
    count = "" if sites is None else f" · {sites:,} sites"
    return (
        f'<div class="card">{"<p>dead: no site</p>" if motif.dead else picture}'
        f"<p>{motif.id} · {'; '.join(said) or 'no match'}{count}</p></div>"
    )


def heights(pwm: NDArray[np.float64]) -> str:
    """Return the heights of a logo's letters (VIS-2) as ``logos.js`` reads them: 255ths of 2 bits, base64."""
    bits = pwm * information_content(pwm)[:, None]
    return base64.b64encode(np.rint(bits * 127.5).astype(np.uint8).tobytes()).decode()


def _files(folder: Path) -> str:
    rows = [
        [Html(f'<a href="{html.escape(path.name)}">{html.escape(path.name)}</a>'), f"{path.stat().st_size:,}"]
        for path in sorted(folder.iterdir())
    ]
    return f'<div class="compact">{table(["file", "bytes"], rows).text}</div>'


def _columns(run: Run) -> dict[str, Callable[[Run], float | None]]:
    """The numbers of a run, with what stands above them."""

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
