"""Shared by the commands: options, progress on standard error, results on standard output."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from receptive.errors import ReceptiveWarning, UsageError, printable, shorten
from receptive.files import kind, packaged_runs
from receptive.protocols import Protocol, protocol

if TYPE_CHECKING:
    from rich.progress import Progress

MOST_EPOCHS = 1_000_000
MOST_THREADS = 1024
"""More of which crash TensorFlow."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Store = Annotated[Path, typer.Option("--store", help="Folder of runs.")]
ProtocolName = Annotated[
    str, typer.Option("--protocol", help="released: as the published code does it; paper: as the text says.")
]
Switches = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Switch one field of the protocol; may be repeated."),
]

Passthrough = Annotated[
    list[str] | None,
    typer.Option(metavar="LAYER", help="Name or class of a layer to pass over; may be repeated."),
]
SequenceInput = Annotated[
    str, typer.Option(metavar="NAME", help="The input of a saved model that is the sequence, of several.")
]

Keep = Annotated[
    bool,
    typer.Option(
        "--keep", help="Keep the weights (model.keras) and the first layer over epochs (epochs.npz), too."
    ),
]


def say(message: str) -> None:
    """Print a message for the person at the terminal, on standard error."""
    print(printable(message), file=sys.stderr, flush=True)


@contextmanager
def notes() -> Iterator[None]:
    """Say each warning of this package in one line, whatever Python was told to do with warnings."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, ReceptiveWarning):
                say(f"receptive: {shorten(str(message))}")
            else:
                others(message, category, *where, **more)

        warnings.showwarning = show
        warnings.filterwarnings("ignore", module=r"keras\.")  # of layers, to whoever builds them
        warnings.simplefilter("always", ReceptiveWarning)
        yield


def emit(document: Mapping[str, Any] | Sequence[Any], text: str, as_json: bool) -> None:
    """Print a result on standard output, as JSON or as text."""
    print(json.dumps(document, indent=1, allow_nan=False) if as_json else printable(text), flush=True)


def stored_runs(store: Path | None) -> Path:
    """Return a folder of runs; by default ``results``, or else the runs that ship, and say so."""
    shipped = packaged_runs()
    if store is None and shipped is not None and kind("results") == "":
        say("numbers of the runs that this version was released with")
        return shipped
    return store or Path("results")


def three_decimals(value: float | None) -> str:
    """Format a score to three decimals; a dash for one that is not defined."""
    return "–" if value is None else f"{value:.3f}"


def switch_protocol(name: str, switches: Sequence[str] | None) -> Protocol:
    """Return the protocol of ``--protocol`` and ``--set``, whose values are read as JSON, else as text."""
    values = {}
    for switch in switches or ():
        field, equals, value = switch.partition("=")
        if not equals:
            raise UsageError(f"--set {switch}: expected FIELD=VALUE, such as beta_1=0.9")
        try:
            values[field] = json.loads(value)
        except (ValueError, RecursionError):
            values[field] = value
    return protocol(name, **values)


def progress(unit: str, ending: str = "") -> "Progress":
    """Return progress bars on standard error: how many of a unit are done, and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn(f"left{ending}"),
    )
    return Progress(*columns, console=Console(stderr=True))


@contextmanager
def epochs_bars(
    names: Sequence[str], epochs: int
) -> Iterator[Callable[[str, int, Mapping[str, float]], None]]:
    """Show a progress bar over epochs for each name.

    Yields:
        The function to call after each epoch, with the name, the epochs done and the losses.
    """
    with progress("epochs, at most", "{task.fields[loss]}") as bars:
        tasks = {name: bars.add_task(name, total=epochs, loss="") for name in names}

        def after(name: str, done: int, losses: Mapping[str, float]) -> None:
            bars.update(tasks[name], completed=done, loss=f", loss {losses['val_loss']:.3f}")

        yield after


@contextmanager
def work_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for each piece of work.

    Yields:
        The function to call after each step, with what is done, the steps done and how many there will be;
        what is done begins with the unit of its steps: "passes: reading filters".
    """
    with progress("{task.fields[unit]},") as bars:
        tasks: dict[str, Any] = {}

        def after(work: str, done: int, total: int) -> None:
            if work not in tasks:
                unit, _, what = work.partition(": ")
                tasks[work] = bars.add_task(what, unit=unit)
            bars.update(tasks[work], completed=done, total=total)

        yield after
