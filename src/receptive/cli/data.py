"""``receptive data``: make the data sets."""

from pathlib import Path
from typing import Annotated, Any

import typer

from receptive.cli.shared import Json, ProtocolName, emit, say

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
    written(drawn, out, dataset.write(synthetic.with_models(drawn) if models else drawn, out), json)


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
    written(data, out, dataset.write(data, out), json)


def written(data: Any, out: Path, file_hash: str, json: bool) -> None:
    """Say what a file holds: sequences of each split, and hashes of the file and of its content."""
    counts = {name: len(split.Y) for name, split in data.splits.items()}
    document = {"path": str(out), "sequences": counts, "sha256": file_hash, "data_sha256": data.sha256}
    shown = ", ".join(f"{count} {name}" for name, count in counts.items())
    emit(
        document,
        f"{out}: {shown} sequences, {data.length} nt, {len(data.classes)} labels; sha256 {file_hash}",
        json,
    )
    if not json:
        say(f"Next: receptive train cnn-25 --data {out}")
