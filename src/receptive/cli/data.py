"""``receptive data``: make the data sets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from receptive.cli.shared import Json, ProtocolName, emit, say

if TYPE_CHECKING:
    from rich.progress import TaskID

app = typer.Typer(no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", help="The HDF5 file to write.")]


@app.callback()
def data() -> None:
    """Make a data set as an HDF5 file.

    Example: receptive data synthetic --out synthetic.h5
    """


@app.command("synthetic")
def synthetic(
    out: Out,
    seed: Annotated[int, typer.Option(help="Seed of every random draw; the same seed, the same bytes.")] = 0,
    protocol: ProtocolName = "released",
    sequences: Annotated[int, typer.Option(help="How many sequences, split 0.7 / 0.1 / 0.2.")] = 25_000,
    models: Annotated[
        bool, typer.Option(help="Also keep the sequence models, as the released file does.")
    ] = False,
    json: Json = False,
) -> None:
    """Draw the paper's synthetic task: 12 JASPAR motifs embedded in random DNA of 200 nt.

    Example: receptive data synthetic --out synthetic.h5 --seed 0
    """
    from receptive import protocols
    from receptive.tasks import dataset, synthetic

    drawn = synthetic.generate(seed, protocols.protocol(protocol), sequences)
    emit_file(drawn, out, dataset.write(synthetic.with_models(drawn) if models else drawn, out), json)


@app.command("chipseq")
def chipseq(
    out: Out,
    seed: Annotated[int, typer.Option(help="Seed of the split; the same seed, the same bytes.")] = 0,
    json: Json = False,
) -> None:
    """Write the ChIP-seq task: ENCODE peaks of ten of the paper's factors, real sequences of 100 nt.

    The data ship with the package. They are not the paper's in vivo data, which are DeepSEA's.

    Example: receptive data chipseq --out chipseq.h5
    """
    from receptive.tasks import chipseq, dataset

    data = chipseq.load(seed)
    emit_file(data, out, dataset.write(data, out), json)


@app.command("deepsea")
def deepsea(
    source: Annotated[
        Path, typer.Option(help="Folder with train.mat, valid.mat and test.mat of DeepSEA's training bundle.")
    ],
    out: Out,
    json: Json = False,
) -> None:
    """Write the paper's in vivo task from DeepSEA's training bundle, real sequences of 1000 nt.

    Rows with a peak of one of the twelve factors are kept, and counted against the paper's numbers.

    Example: receptive data deepsea --source deepsea_train --out invivo.h5
    """
    from receptive.tasks import deepsea

    with steps_bars() as progress:
        conversion = deepsea.convert(source, out, progress)
    different = deepsea.differences(conversion)
    factors = [track.factor for track in deepsea.tracks()]
    document = {
        "path": str(out),
        "sequences": dict(conversion.sequences),
        "sha256": conversion.sha256,
        "data_sha256": conversion.data_sha256,
        "rows": dict(conversion.rows),
        "positives": {
            split: dict(zip(factors, counts, strict=True)) for split, counts in conversion.positives.items()
        },
        "validation_in": conversion.validation,
        "differences": list(different),
    }
    shown = ", ".join(f"{count} {name}" for name, count in conversion.sequences.items())
    emit(document, f"{out}: {shown} sequences, 1000 nt, 12 labels\n{hashes(document)}", json)
    if different:
        say("Warning: this is not the data that the paper used:")
        for line in different:
            say(f"- {line}")
    if not json:
        say(f"Next: receptive train cnn-25 --data {out}")


@contextmanager
def steps_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for each step of a conversion, on standard error.

    Yields:
        The function to call with the step, how much of it is done, and how much there is.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield progress


def hashes(document: dict[str, Any]) -> str:
    """Name the two hashes apart: the file's, and the data's, which every run has."""
    return (
        f"sha256 of the file: {document['sha256']}\n"
        f"sha256 of the data: {document['data_sha256']} (data.sha256 in the run.json of its runs)"
    )


def emit_file(data: Any, out: Path, file_hash: str, json: bool) -> None:
    """Say what a file holds: sequences of each split, and hashes of the file and of its content."""
    counts = {name: len(split.Y) for name, split in data.splits.items()}
    document = {"path": str(out), "sequences": counts, "sha256": file_hash, "data_sha256": data.sha256}
    shown = ", ".join(f"{count} {name}" for name, count in counts.items())
    what = f"{shown} sequences, {data.length} nt, {len(data.classes)} labels"
    emit(document, f"{out}: {what}\n{hashes(document)}", json)
    if not json:
        say(f"Next: receptive train cnn-25 --data {out}")
