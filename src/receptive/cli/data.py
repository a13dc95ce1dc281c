"""``receptive data``: make the data sets."""

from pathlib import Path
from typing import Annotated

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
    file_hash = dataset.write(synthetic.with_models(drawn) if models else drawn, out)
    counts = {name: len(split.Y) for name, split in drawn.splits.items()}
    document = {"path": str(out), "sequences": counts, "sha256": file_hash, "data_sha256": drawn.sha256}
    shown = ", ".join(f"{count} {name}" for name, count in counts.items())
    emit(
        document,
        f"{out}: {shown} sequences, {drawn.length} nt, {len(drawn.classes)} labels; sha256 {file_hash}",
        json,
    )
    if not json:
        say(f"Next: receptive train cnn-25 --data {out}")
