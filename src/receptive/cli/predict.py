"""``receptive predict``: whether a network's filters will be parts or whole motifs, before it is trained."""

from typing import Annotated

import typer

from receptive.cli.fields import INPUT_LENGTH, network
from receptive.cli.shared import Json, emit, table


def predict(
    network_: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK", help='A variant, a .keras file, or layers: "conv19 pool25 conv5 pool4".'
        ),
    ],
    input_length: Annotated[
        int | None,
        typer.Option(
            "--input",
            min=1,
            max=10_000_000,
            help="Length of the input sequence; by default that of the Keras model, otherwise 200.",
        ),
    ] = None,
    json: Json = False,
    passthrough: Annotated[
        list[str] | None,
        typer.Option(metavar="LAYER", help="Name or class of a Keras layer to pass over; may be repeated."),
    ] = None,
) -> None:
    """Predict from the architecture alone which convolution will hold whole motifs.

    Assembly information: the bits that one filter of the next layer can learn about where two parts of a
    motif lie to one another, at most 3.17. With many, a layer's filters will be parts of motifs
    (distributed); with next to none, whole motifs (localist). The curve from bits to the share of relevant
    filters was fitted to the paper's Table 1. Not counted: filters too short for a motif, how training goes,
    motifs of more than two parts.

    Example: receptive predict "conv19 conv1 pool100"
    """
    from receptive import arithmetic, assembly

    graph = network(network_, passthrough or [])
    fields = arithmetic.field(graph, input_length or graph.input_length or INPUT_LENGTH)
    found = assembly.predict(fields)
    rows = [
        [
            each.name,
            each.read_by or "dense",
            str(each.pool),
            str(each.stride),
            f"{each.taps}" + (f" dilated by {each.dilation}" if each.dilation > 1 else ""),
            f"{each.bits:.2f}",
            f"{each.fraction:.2f}",
            each.kind,
        ]
        for each in found
    ]
    header = ["layer", "read by", "window", "stride", "taps", "assembly bits", "relevant", "prediction"]
    whole = assembly.whole_motifs_in(found)
    text = f"whole motifs in {whole}" if whole else "no convolution holds whole motifs"
    emit(assembly.document(found), f"{table(header, rows)}\n{text}", json)
