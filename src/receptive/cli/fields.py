"""``receptive field``: what every neuron of a network sees."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from receptive.cli.shared import Json, emit
from receptive.errors import UsageError
from receptive.files import kind
from receptive.theory.layers import Graph, chain, parse_layers

NETWORK = 'A variant, a .keras file, or layers: "conv19 pool25 conv5 pool4".'
"""What the commands take for a network, and the options that go with it."""
Network = Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK)]
InputLength = Annotated[
    int | None,
    typer.Option(
        "--input",
        min=1,
        max=10_000_000,
        help="Length of the input sequence; by default that of the Keras model, otherwise 200.",
    ),
]
Passthrough = Annotated[
    list[str] | None,
    typer.Option(metavar="LAYER", help="Name or class of a Keras layer to pass over; may be repeated."),
]

INPUT_LENGTH = 200
"""Length of the paper's synthetic sequences, where neither the user nor a model says otherwise."""


def network(name: str, passthrough: list[str]) -> Graph:
    """Find the network that a user means: a variant's name, a ``.keras`` file, or layers as text.

    Raises:
        UsageError: the text cannot be read; if it resembles a variant's name, that is suggested.
        ReceptiveError: the Keras model cannot be read.
    """
    from receptive.networks.variants import REGISTERED, VARIANTS

    known = VARIANTS | REGISTERED
    if name.endswith(".keras") or kind(name) == "file":
        from receptive.models.keras import read

        return read(name, passthrough)
    if passthrough:
        raise UsageError(f'--passthrough is for Keras models; "{name}" is not the name of a .keras file')
    if name in known:
        return chain(known[name].layers)
    try:
        return chain(parse_layers(name))
    except UsageError as error:
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.7)
        if near:
            raise UsageError(f'no network is called "{name}"; did you mean {near[0]}?') from None
        raise UsageError(
            f"{error}\n(or give a name that `receptive variants` lists, or a .keras file)"
        ) from None


def field(
    network_: Network,
    input_length: InputLength = None,
    json: Json = False,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw the fields, to a .svg, .png or .pdf file.")
    ] = None,
    passthrough: Passthrough = None,
) -> None:
    """Show what the neurons of every layer see: field size, jump, start, uncertainty, overlap.

    And of convolutions the assembly information, in bits, from which `receptive predict` predicts.

    A layer is conv, pool (maximum) or mean (average) and its size, then any of s2 (stride 2), d4 (dilation
    4), same, valid, p3 or p3,0 (padding, left and right); or pad3, crop3, global. Unless the text says
    otherwise, a convolution has stride 1 and is padded to "same"; pooling moves by its size, unpadded.

    Example: receptive field "conv19s2d4same pool50s2 conv5 pool4" --input 1000
    """
    from receptive.theory import assembly
    from receptive.theory.fields import receptive_fields

    graph = network(network_, passthrough or [])
    fields = receptive_fields(graph, input_length or graph.input_length or INPUT_LENGTH)
    if figure is not None:
        from receptive.figures import canvas
        from receptive.figures.fields import draw_fields

        canvas.save(draw_fields(fields), figure)
    bits = {each.name: each.bits for each in assembly.predict(fields)}
    document = fields.json()
    document["layers"] = [layer | {"assembly_bits": bits.get(layer["name"])} for layer in document["layers"]]
    column = {name: f"{value:.2f}" for name, value in bits.items()}
    emit(document, fields.text({"assembly bits": column}), json)
