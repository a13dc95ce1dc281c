"""Links of the pages: from measured numbers to their runs, from published ones to their place in the paper.

All are HTML, and lead from a page of ``docs/`` or ``spec/`` to ``results/`` beside these folders.
"""

import re
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import quote

import trials

from receptive.evidence import measured
from receptive.evidence.claims import Cell
from receptive.evidence.labels import SWITCHES, TASKS, label

STORE = Path(__file__).parent.parent / "results"
DOI = "10.1371/journal.pcbi.1007560"
ARTICLE = f"https://journals.plos.org/ploscompbiol/article?id={DOI}"
CODE = "https://github.com/p-koo/learning_sequence_motifs/blob/122f5f2/"
THEIRS = "their"
"""Word before the name of a network of the authors' own, of which there is no run."""
MANY = 9
"""Networks that a list names; of more it leads to the list of all."""
SIDE = ("conditions", "epochs", "importance")
"""What `measured` makes one task of, though its runs are of several."""
HEADINGS = {
    "Internal representations of motifs": "Internal representations of motifs depend on architecture",
    "Max-pooling": "Max-pooling influences ability to build",
    "Sensitivity to the number of filters": "Sensitivity of motif representations to the number",
    "First layer filter size": "Motif representations are not very sensitive",
    "Ability to assemble whole motifs": "Motif representations are affected by the ability",
    "Distributed representations": "Distributed representations build whole",
    "Generalization to in vivo sequences": "Generalization to in vivo sequences",
    "Synthetic dataset": "Synthetic dataset",
    "In vivo dataset": "In vivo dataset",
    "CNN models": "CNN models",
    "Visualizing first layer filters": "Visualizing first layer filters",
}
"""Sections of the paper as claims name them, with the words to look for."""
PLACES = re.compile(
    rf"(?P<heading>{'|'.join(map(re.escape, HEADINGS))})|(?P<code>code/[\w/]+\.\w+)"
    r"|Tables? (?P<table>\d)|(?<=and )(?P<other>\d)|Fig (?P<figure>\d)[AB]?|S(?P<supplement>\d) Fig"
)


def link(text: str, address: str, kind: str) -> str:
    """A link, as HTML that Markdown leaves as it is."""
    return f'<a class="{kind}" href="{escape(address)}">{text}</a>'


@cache
def groups() -> dict[tuple[str, str, str], str]:
    """The addresses of the pages of trials, by task, network and protocol."""
    places = {folder.parent.relative_to(STORE) for folder in measured.folders(STORE)}
    return {place.parts: f"../results/{trials.address(place)}" for place in sorted(places)}


@cache
def layers(task: str) -> dict[str, str]:
    """The network, with runs of a task, that a list of layers is; of several the one with fewest filters."""
    networks = [run.plan.network for run in measured.read_runs(STORE, task, "released")]
    return {
        str(network): network.name for network in sorted(networks, key=lambda network: -network.filters[0])
    }


def runs(text: str, network: str, task: str = "synthetic", protocol: str = "released") -> str:
    """A number, or a name, with a link to the trials of a network; as it is if there are none."""
    address = groups().get((task, network, protocol))
    return link(text, address, "runs" if " " in text else "runs one-word") if address and text else text


@cache
def labels(task: str) -> dict[str, tuple[str, str, str]]:
    """What runs are called, in small letters, and where they are; those of a task by their names, too."""
    known: dict[str, tuple[str, str, str]] = {}
    for of, network, protocol in groups():
        base, switched, switches = protocol.partition("+")
        if base == "released" and of in measured.SIDE:
            name = f"{measured.SIDE[of]}{network}{switched}{switches}"
            if name != network:
                known.setdefault(label(name).lower(), (of, network, protocol))
    own = "synthetic" if task in SIDE else task
    return known | {network: (own, network, "released") for of, network, _ in groups() if of == own}


@cache
def names(task: str) -> re.Pattern[str]:
    """What networks, and runs of them, are called in a page about a task, in small letters or large."""
    networks = {network for _, network, _ in groups()} & {name.split(" ")[0] for name in labels(task)}
    ranked, tasks = (sorted(them, key=len, reverse=True) for them in (networks, filter(None, TASKS.values())))
    name, switch, on = ("|".join(map(re.escape, words)) for words in (ranked, SWITCHES.values(), tasks))
    return re.compile(
        rf"(?<![\w-])(?<!{THEIRS} )(?:{name})(?: \((?:{switch})\))?(?: (?:{on})\b)?(?![\w-])", re.IGNORECASE
    )


def named(text: str, task: str = "synthetic") -> str:
    """A text with a link at every network that it names, to its runs as they are named, if there are any."""

    def linked(name: re.Match[str]) -> str:
        known = labels(task).get(name[0].lower())
        return runs(name[0], known[1], known[0], known[2]) if known else name[0]

    return names(task).sub(linked, text)


def place(network: str, task: str) -> tuple[str, str, str]:
    """Where the trials of a network are: task, network and protocol.

    ``chipseq/cnn-2+l2=0.0`` names its task and its switch, as `measured.conditions` does.
    """
    before, _, rest = network.rpartition("/")
    name, switched, switches = rest.partition("+")
    tasks = {written: of for of, written in reversed(measured.SIDE.items())}
    of = tasks[f"{before}/"] if before else "synthetic" if task in SIDE else task
    return of, name, f"released{switched}{switches}"


def every(networks: tuple[str, ...], task: str) -> str:
    """Links to the trials of some networks, or to the list of all if there are many."""
    known = [network for network in dict.fromkeys(networks) if place(network, task) in groups()]
    if not 0 < len(known) <= MANY:
        own = place("", task)[0]
        return link("every network", f"../results/index.html#{own}", "runs") if known else ""
    return named(", ".join(map(label, known)), task)


def published(text: str, cell: Cell) -> str:
    """A published number with a link to its table, or to its section."""
    if cell.id.startswith("T"):
        return link(text, f"https://doi.org/{DOI}.t00{cell.id[1]}", "paper")
    return link(text, section("Distributed representations"), "paper")


def section(name: str) -> str:
    """The address of a section of the paper: the browser looks for its heading."""
    return f"{ARTICLE}#:~:text={quote(HEADINGS[name]).replace('-', '%2D')}"


def source(text: str) -> str:
    """Where the paper or the released code says something, with links."""

    def target(match: re.Match[str]) -> str:
        kind, value = next((kind, value) for kind, value in match.groupdict().items() if value)
        if kind == "heading":
            return link(match[0], section(value), "paper")
        if kind == "code":
            return link(match[0], CODE + value, "paper")
        letter = {"table": "t", "other": "t", "figure": "g", "supplement": "s"}[kind]
        return link(match[0], f"https://doi.org/{DOI}.{letter}00{value}", "paper")

    return PLACES.sub(target, text)


COMPUTED = re.compile(
    r"(?P<cell><td>(?:<p>)?)(?P<name>[^<]+?)(?P<layer> conv\d)?(?P<end>(?:</p>)?</td>)"
    r"|alt=\"(?P<alt>[^\"]*)\"(?P<between>[^<]*<figcaption>)(?P<caption>.*?)</figcaption>"
    r"|(?P<code><code class=\"docutils literal notranslate\"><span class=\"pre\">"
    r"(?P<coded>[^<]+)</span></code>)"
    r"|(?P<value><span class=\"output[^>]*>[^<]*</span>)",
    re.DOTALL,
)


def numbers(name: str) -> list[int]:
    """The numbers in the name of a network, by which such names are sorted."""
    return [int(number) for number in re.findall(r"\d+", name)]


def in_computed(body: str, task: str) -> str:
    """The HTML of a chapter with links to runs wherever something computed names a network.

    That is: at the network that a row of a table is about, in numbers inside sentences, at its name beside
    these, and under a figure at the networks of its caption, or else at those of its description.
    """

    def linked(document: re.Match[str]) -> str:
        if name := document["name"]:
            network = layers(task).get(name)
            whole = names(task).fullmatch(name)
            text = runs(name, network, task) if network else named(name, task) if whole else name
            return f"{document['cell']}{text}{document['layer'] or ''}{document['end']}"
        if document["code"]:
            return runs(document["code"], document["coded"], task)
        if document["value"]:
            return named(document["value"], task)
        caption = named(document["caption"], task)
        shown = {name.lower(): name for name in names(task).findall(document["alt"])}
        if caption == document["caption"] and shown:
            many = link("every network", f"../results/index.html#{task}", "runs")
            few = ", ".join(named(label(name), task) for name in sorted(shown.values(), key=numbers))
            caption += f" Runs: {few if len(shown) <= MANY else many}."
        return f'alt="{document["alt"]}"{document["between"]}{caption}</figcaption>'

    return COMPUTED.sub(linked, body)
