"""``receptive field``: what every neuron of a network sees."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from receptive.cli.shared import Json, Passthrough, SequenceInput, emit, say
from receptive.errors import UsageError
from receptive.files import kind
from receptive.theory.fields import ReceptiveFields
from receptive.theory.layers import Graph, chain, parse_layers

NETWORK = 'A variant, a model (.keras, .h5, .onnx, .pt2), or layers: "conv19 pool25 conv5 pool4".'
"""What the commands take for a network, and the options that go with it."""
Network = Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK)]
InputLength = Annotated[
    int | None,
    typer.Option(
        "--input",
        min=1,
        max=10_000_000,
        help="Length of the input sequence; by default that of the model, otherwise 200.",
    ),
]

ENDINGS = (".keras", ".h5", ".hdf5", ".json", ".pt", ".pth", ".pt2", ".pkl", ".pb", ".onnx")
"""How names of model files end, of those that can be read and of those that get a sentence."""
INPUT_LENGTH = 200
"""Length of the paper's synthetic sequences, where neither the user nor a model says otherwise."""


def network(name: str, passthrough: list[str], sequence_input: str) -> Graph:
    """Find the network that a user means: a variant's name, the file of a model, or layers as text.

    Raises:
        UsageError: the text cannot be read; if it resembles a variant's name, that is suggested.
        ReceptiveError: the model cannot be read.
    """
    from receptive.networks.variants import OWN, VARIANTS

    known = VARIANTS | OWN
    if kind(name) == "file" or name.endswith(ENDINGS):
        return model(name, passthrough, sequence_input)
    if passthrough or sequence_input:
        option = "--passthrough" if passthrough else "--sequence-input"
        raise UsageError(f'{option} is for saved models; "{name}" is not the name of a file of one')
    if name in known:
        return chain(known[name].layers)
    try:
        return chain(parse_layers(name))
    except UsageError as error:
        if kind(name) == "folder":
            return model(name, passthrough, sequence_input)
        near = get_close_matches(name.lower(), known, n=1, cutoff=0.7)
        if near:
            raise UsageError(f'no network is called "{name}"; did you mean {near[0]}?') from None
        raise UsageError(
            f"{error}\n(or give a name that `receptive variants` lists, or the file of a model)"
        ) from None


def model(path: str, passthrough: list[str], sequence_input: str) -> Graph:
    """Read a saved model, and say on standard error what should be known of how it was read."""
    from receptive.models.model import read_model

    graph = read_model(path, passthrough=passthrough, sequence_input=sequence_input)
    for note in graph.notes:
        say(f"receptive: {note}")
    return graph


def fields_of(graph: Graph, input_length: int | None) -> ReceptiveFields:
    """Compute the fields on the length that is asked for, the network's own, or `INPUT_LENGTH`.

    Raises:
        UsageError: the sequence is too short for a layer.
    """
    from receptive.theory.fields import receptive_fields

    given = input_length or graph.input_length
    try:
        return receptive_fields(graph, given or INPUT_LENGTH)
    except UsageError as error:
        if given:
            raise
        raise UsageError(f"{error}, taken as no length is given: give one with --input") from None


def field(
    network_: Network,
    input_length: InputLength = None,
    json: Json = False,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw the fields, to a .svg, .png or .pdf file.")
    ] = None,
    passthrough: Passthrough = None,
    sequence_input: SequenceInput = "",
) -> None:
    """Show what the neurons of every layer see: field size, jump, start, uncertainty, overlap.

    And of convolutions what `receptive predict` predicts: the bits that the next layer can use to assemble
    motifs, and the share of filters that will be whole motifs, or why nothing can be said.

    A layer is conv, pool (maximum) or mean (average) and its size, then any of s2 (stride 2), d4 (dilation
    4), same, valid, p3 or p3,0 (padding, left and right); or pad3, crop3, global. Unless the text says
    otherwise, a convolution has stride 1 and is padded to "same"; pooling moves by its size, unpadded.

    Example: receptive field "conv19s2d4same pool50s2 conv5 pool4" --input 1000
    """
    from receptive.theory import prediction

    fields = fields_of(network(network_, passthrough or [], sequence_input), input_length)
    if figure is not None:
        from receptive.figures import canvas
        from receptive.figures.fields import draw_fields

        canvas.save(draw_fields(fields), figure)
    expected = {layer.name: layer for layer in prediction.predict(fields)}
    document = fields.json()
    for layer in document["layers"]:
        layer |= expected[layer["name"]].record() if layer["name"] in expected else prediction.NOTHING
    columns = {
        "bits": {name: f"{layer.bits:.3f}" for name, layer in expected.items()},
        "relevant": {name: layer.share for name, layer in expected.items()},
        "expected": {name: layer.in_words for name, layer in expected.items()},
    }
    emit(document, fields.text(columns), json)
