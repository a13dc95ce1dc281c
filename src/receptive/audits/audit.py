"""Auditing a trained model: what its filters are, how much each matters, and what was to be expected.

The paper's reading of a filter, for any network: its sites in given sequences, aligned to a PWM, compared
with JASPAR (VIS-1). Beside it stand what the architecture alone foretells (`assembly`), and what the paper's
Discussion leaves open: how much the network would lose without each filter (`importance`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from receptive.audits.attribution import Attributions, attribute, check, effects
from receptive.audits.importance import Importance, enough, label_mismatch, measure
from receptive.audits.inputs import Sequences, sample
from receptive.errors import ReceptiveError, UsageError
from receptive.models.axes import Shape
from receptive.models.model import live
from receptive.models.probe import Levels, Model, Probe
from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016, relevant_ids
from receptive.motifs.motif import ALPHABET, Motif
from receptive.networks import filters
from receptive.networks.filters import Window, unreadable
from receptive.protocols import RELEASED, Protocol
from receptive.tasks import shuffle
from receptive.theory import prediction
from receptive.theory.fields import LayerField, ReceptiveFields, receptive_fields
from receptive.theory.layers import Graph, first_convolutions

RECTIFIED = ("relu", "relu6")
"""Activations that are 0 where a filter finds nothing."""

FEW_SITES = 50
"""A PWM of fewer sites is judged by chance: docs/audit.md has how often, and how that was measured."""

Progress = Callable[[str, int, int], None]
"""Called after every step of a piece of work: what is done, the steps done and how many there will be."""


@dataclass(frozen=True, eq=False)
class Control:
    """The same filters, read the same way on shuffled sequences, which hold motifs by chance alone.

    Attributes:
        sites: (F,) number of sites of each filter.
        matched: (F,) whether it matches a motif.
        fractions: shares of filters that match, those of the paper.
    """

    sites: NDArray[np.int64]
    matched: NDArray[np.bool_]
    fractions: tomtom.Fractions


@dataclass(frozen=True, eq=False, kw_only=True)
class LayerAudit:
    """The filters of one convolution.

    Attributes:
        layer: the convolution.
        read_from: the layer whose output is its map.
        activation: the activation of that output.
        rule: what counts as a site, in words.
        reading: the filters.
        kept: the filters as they were compared, trimmed.
        matches: their hits.
        fractions: shares of filters that match, those of the paper.
        control: what the filters come to on shuffled sequences.
    """

    layer: str
    read_from: str
    activation: str
    rule: str
    reading: filters.Reading
    kept: tuple[Motif, ...]
    matches: tuple[tomtom.Match, ...]
    fractions: tomtom.Fractions
    control: Control

    @property
    def trusted_filters(self) -> tuple[int, float]:
        """The number of filters read from enough sites to be believed, and the share of them that matches."""
        matched = np.array([bool(match.hits) for match in self.matches])[self.reading.sites >= FEW_SITES]
        return len(matched), float(matched.mean()) if len(matched) else 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Reasons to doubt the matches, a sentence each."""
        few = (self.reading.sites > 0) & (self.reading.sites < FEW_SITES)
        matched = sum(bool(match.hits) for match, rare in zip(self.matches, few, strict=True) if rare)
        here, there = self.fractions.jaspar, self.control.fractions.jaspar
        said, (many, share) = [], self.trusted_filters
        rest = f"; of the other {many} filters {share:.0%} match" if many else ""
        if many == 1:
            rest = f"; the other filter matches {'one' if share else 'none'}"
        if few.any():
            said.append(
                f"{few.sum()} of {len(few)} filters were read from fewer than {FEW_SITES} sites, {matched} "
                f"of which match a motif; of so few, chance decides much, and more sequences help{rest}"
            )
        if there >= here > 0:
            said.append(
                f"read on shuffled sequences as many filters match ({there:.0%}, here {here:.0%}); the share "
                "that matches tells what filters prefer anywhere, and is no sign of motifs in these sequences"
            )
        return tuple(said)


@dataclass(frozen=True, eq=False, kw_only=True)
class Audit(LayerAudit):
    """The result of an audit: the filters of one convolution, and more.

    Attributes:
        name: what the model is called.
        sequences: how many sequences it was audited on.
        fields: the receptive fields of its layers.
        predictions: what its architecture foretells of every convolution.
        threshold: greatest E-value of a hit.
        relevant: the factors whose motifs count as relevant: those that the labels name, or all twelve.
        importance: how much each filter matters, or why that is not known.
        deeper: the filters of a later convolution, if those of the first are parts and its can be read.
        attributions: what was found by mutation, if that was asked for.
        distributed: that the filters of the first layer are parts, if so, and what to read instead.
        notes: what should be known of the layer and of how the model was read, a sentence each.
    """

    name: str
    sequences: int
    fields: ReceptiveFields
    predictions: tuple[prediction.Prediction, ...]
    threshold: float
    relevant: tuple[str, ...]
    importance: Importance | str
    deeper: LayerAudit | None = None
    attributions: Attributions | None = None
    distributed: str = ""
    notes: tuple[str, ...] = ()


# --- the audit -----------------------------------------------------------------------------------------


def audit(
    model: Any,
    data: Sequences | NDArray[np.uint8],
    Y: NDArray[np.int8] | None = None,
    layer: str | None = None,
    alphabet: str = ALPHABET,
    targets: Sequence[Motif] | None = None,
    threshold: float = tomtom.THRESHOLD,
    protocol: Protocol = RELEASED,
    passthrough: Sequence[str] = (),
    sequence_input: str = "",
    name: str = "",
    progress: Progress | None = None,
    held: int | None = None,
    attributions: int | None = None,
) -> Audit:
    """Audit a model: read the filters of a convolution, compare them, and measure how much each matters.

    >>> import keras
    >>> maps = keras.layers.Conv1D(4, 8, activation="relu", name="conv")(sequence := keras.Input((60, 4)))
    >>> output = keras.layers.Dense(1, activation="sigmoid")(keras.layers.GlobalMaxPooling1D()(maps))
    >>> X = np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(4, size=(100, 60))]
    >>> result = audit(keras.Model(sequence, output), X)
    >>> result.layer, len(result.reading.motifs), result.importance
    ('conv', 4, 'the sequences have no labels')

    Args:
        model: a Sequential or functional Keras model, a ``torch.nn.Module`` or an ONNX model, whose input is
            one-hot DNA, (L, 4) or (4, L), or these with an axis of 1 as in 2-D, or flat, (4L,).
        data: the sequences to scan, with their labels if importance is asked for; or one-hot (N, L, 4).
        Y: the labels (N, C) of sequences that are given as one-hot alone: 1, 0 or -1 (not measured).
        layer: the convolution to read; the first by default.
        alphabet: the order of the model's four channels.
        targets: the motifs to compare with; JASPAR 2016 by default.
        threshold: greatest E-value of a match.
        protocol: what is a site, and how filters are trimmed; their width is always the receptive field.
        passthrough: layers of an unknown kind that leave positions as they are, see `keras_graph.read`.
        sequence_input: the name of the input that is the sequence, of several that may be.
        name: what to call the model.
        progress: called after every step.
        held: how many of the sequences to measure importance on; by default so many that it takes minutes.
        attributions: how many of the sequences to mutate, to find the motifs that the network as a whole
            uses; none by default.

    Raises:
        UsageError: an alphabet that is none, no such convolution, or one whose filters cannot be read.
        ReceptiveError: the model is not one of DNA sequences as long as these.
    """
    data = _check_arguments(data, Y, alphabet, threshold)
    length = data.X.shape[1]
    if attributions is not None:
        check(length)
    targets = jaspar_2016() if targets is None else targets
    network = live(model, length, passthrough, sequence_input)
    if attributions is not None and network.left_out:
        raise UsageError(f"--attributions takes the whole network, and {network.left_out}")
    shape = _input_shape(network)
    _check_input(shape, network.graph, length)
    data, zeros = _feed_others(network, data)
    fields = receptive_fields(network.graph, length)
    row, chosen = _convolution(fields, layer)
    predictions = prediction.predict(fields)
    relevant = relevant_ids(data.classes, motifs=targets)
    protocol = replace(protocol, window=None)
    reader = _Reader(network, shape, alphabet, protocol, tuple(targets), threshold, relevant, progress)
    shuffled = replace(data, X=shuffle.dinucleotides(data.X, seed=0))

    missing = "the sequences have no labels" if data.Y is None else network.left_out
    if not missing and data.Y is not None:
        missing = label_mismatch(reader.listen(data, row.name), data.Y)
    first, levels = reader.read(row, data, shuffled, "passes: reading filters", not missing)
    why = _explain_parts(first, predictions) if layer is None else ""
    below = _choose_deeper(fields, row.name, predictions) if why else None
    deeper = None
    if below is not None:
        deeper, _ = reader.read(below, data, shuffled, f"passes: reading {below.name}")
    importance: Importance | str = missing
    if levels is not None and not missing:
        part = sample(data, enough(len(levels.mean), length) if held is None else held)
        importance = reader.weigh(row, levels, part)
    mutated = None
    if attributions is not None:
        mutated = reader.mutate(row, data, not missing, attributions)
    return Audit(
        **vars(first),
        name=name or network.name,
        sequences=len(data.X),
        fields=fields,
        predictions=predictions,
        threshold=threshold,
        relevant=tuple(relevant),
        importance=importance,
        deeper=deeper,
        attributions=mutated,
        distributed=_advise(why, row, below, mutated),
        notes=(*chosen, *_notes(fields, row), *network.graph.notes, *zeros),
    )


@dataclass(frozen=True, eq=False)
class _Reader:
    """A model, and how its filters are read.

    Attributes:
        network: the model.
        shape: of its input that is the sequence, with the batch.
        alphabet: the order of its four channels.
        protocol: what is a site, and how filters are trimmed.
        targets: the motifs to compare with.
        threshold: greatest E-value of a match.
        relevant: the ids of the motifs that count as relevant, by factor.
        progress: called after every step.
    """

    network: Model
    shape: Shape
    alphabet: str
    protocol: Protocol
    targets: tuple[Motif, ...]
    threshold: float
    relevant: Mapping[str, Sequence[str]]
    progress: Progress | None

    def listen(self, data: Sequences, layer: str) -> Probe:
        """Return the model with some sequences, as its input takes them, to be asked about a convolution."""
        place, _, axis = self.network.activation(layer)
        calls = self.network.calls(layer)
        given = data.X[..., [ALPHABET.index(letter) for letter in self.alphabet]]
        given = given.swapaxes(1, 2) if self.network.graph.turned else given
        sizes = [data.X.shape[1] if size is None else size for size in self.shape[1:]]
        return Probe(
            self.network,
            place,
            given.reshape(len(data.X), *sizes),
            axis,
            tuple(data.others.values()),
            tuple(self.network.activation(call)[0] for call in calls if call != layer),
        )

    def read(
        self, row: LayerField, data: Sequences, shuffled: Sequences, work: str, levels_wanted: bool = False
    ) -> tuple[LayerAudit, Levels | None]:
        """Read the filters of a convolution in sequences, and in shuffled ones as a control.

        With it come the levels of its map, if they are wanted, or needed because the activation is not 0
        where a filter finds nothing. ``work`` is what `progress` is told.
        """
        place, function, _ = self.network.activation(row.name)
        rectified = function in RECTIFIED
        needed = levels_wanted or not rectified
        tick, levels = _ticks(self.progress, work, 4 + needed), None
        if needed:
            levels = self.listen(data, row.name).levels()
            tick()
        rest = None if rectified or levels is None else levels.mean
        reading, kept, matches = self._match(row, data, rest, tick)
        chance, _, chance_matches = self._match(row, shuffled, rest, tick)
        read = LayerAudit(
            layer=row.name,
            read_from=place,
            activation=function,
            rule=_rule(self.protocol, rectified),
            reading=reading,
            kept=kept,
            matches=matches,
            fractions=tomtom.fractions(matches, self.relevant),
            control=Control(
                chance.sites,
                np.array([bool(match.hits) for match in chance_matches]),
                tomtom.fractions(chance_matches, self.relevant),
            ),
        )
        return read, levels

    def _match(
        self, row: LayerField, data: Sequences, rest: NDArray[Any] | None, tick: Callable[[], None]
    ) -> tuple[filters.Reading, tuple[Motif, ...], tuple[tomtom.Match, ...]]:
        """Align the sites of filters in sequences to PWMs, trim these, and compare them with motifs.

        ``rest`` is the activation of each filter that counts as none; without it 0.
        """

        def scan() -> Iterator[tuple[int, NDArray[np.float32]]]:
            for first, maps in self.listen(data, row.name).maps():
                if maps.shape[1] != row.length:
                    raise ReceptiveError(
                        f"layer {row.name}: its map has {maps.shape[1]} positions, by its receptive field it "
                        f"has {row.length}; does a layer that --passthrough names change positions?"
                    )
                yield first, maps if rest is None else np.maximum(maps - rest, 0)
            tick()

        window = Window(row.size, -row.start, row.jump)
        reading = filters.read_maps(row.name, scan, data.X, self.protocol, window)
        kept = filters.trim_all(reading.motifs, self.protocol)
        return reading, kept, tomtom.match(kept, self.targets, self.threshold)

    def weigh(self, row: LayerField, levels: Levels, data: Sequences) -> Importance | str:
        """Measure how much each filter matters, or say why that is not known."""
        probe = self.listen(data, row.name)
        steps = int((levels.least < levels.greatest).sum()) * sum(1 for _ in probe.batches())
        tick = _ticks(self.progress, "batches: holding filters", steps)
        try:
            return measure(probe, levels, cast(NDArray[np.int8], data.Y), data.classes, tick)
        except ReceptiveError as error:  # no loss for such labels
            return str(error)

    def mutate(self, row: LayerField, data: Sequences, labelled: bool, count: int) -> Attributions:
        """Mutate every letter of some sequences, and group what recurs into motifs."""
        if labelled:
            data = data.take(np.any(cast(NDArray[np.int8], data.Y) > 0, axis=1))
        part = sample(data, count)
        acting = effects(
            lambda X, rows: self.listen(replace(part.take(rows), X=X), row.name).scores(),
            part.X,
            part.Y if labelled else None,
            partial(_ticks, self.progress, "sequences: mutating letters"),
        )
        return attribute(
            acting, part.X, data.classes, self.targets, self.relevant, self.threshold, self.protocol
        )


PARTS = 1 / 3
"""A layer is taken for one of parts if fewer of its filters match; the expectation has the same limit."""


def _explain_parts(read: LayerAudit, predictions: Sequence[prediction.Prediction]) -> str:
    """Say why the filters of a layer are taken for parts of motifs; "" if they are not."""
    foretold = {expected.name: expected.kind for expected in predictions}.get(read.layer)
    if read.fractions.jaspar < PARTS:
        more = ", as its architecture foretells" if foretold == "distributed" else ""
        return f"{read.fractions.jaspar:.0%} of its filters match a motif{more}"
    return "by its architecture" if foretold == "distributed" else ""


def _choose_deeper(
    fields: ReceptiveFields, first: str, predictions: Sequence[prediction.Prediction]
) -> LayerField | None:
    """Choose a deeper convolution to read: the first not predicted to hold parts, or else the last."""
    kinds = {expected.name: expected.kind for expected in predictions}
    above = {first}
    for node in fields.graph.nodes:  # each after what it reads
        if above & {*node.inputs}:
            above.add(node.layer.name)
    rows = [
        row
        for row in fields.rows
        if row.kind == "conv" and row.name in above - {first} and not unreadable(fields, row.name)
    ]
    whole = [row for row in rows if kinds.get(row.name) != "distributed"]
    return next(iter(whole[:1] or rows[-1:]), None)


def _advise(why: str, row: LayerField, below: LayerField | None, mutated: Attributions | None) -> str:
    """Say that the filters of the first layer are parts, and which motifs to read instead."""
    if not why:
        return ""
    ways = [f"the filters of {below.name}, which see {below.size} positions, are read below"] if below else []
    ways.append(
        "the motifs that the network as a whole uses stand below"
        if mutated
        else "--attributions finds the motifs that the network as a whole uses"
    )
    return f"{row.name} is distributed, its filters parts of motifs ({why}): {'; '.join(ways)}"


def _notes(fields: ReceptiveFields, row: LayerField) -> tuple[str, ...]:
    """Warn of a layer that sees a single nucleotide, and name one that sees more."""
    if row.size > 1:
        return ()
    wider = [other.name for other in fields.rows if other.kind == "conv" and other.size > 1]
    readable = [name for name in wider if not unreadable(fields, name)]
    if readable:
        more = f"--layer {readable[0]} sees {fields.row(readable[0]).size}"
    elif wider:
        more = f"{wider[0]}, which sees more, cannot be read: {unreadable(fields, wider[0])}"
    else:
        more = "no convolution sees more"
    return (f"each filter of {row.name} sees one nucleotide, and can be no motif; {more}",)


def _check_arguments(
    data: Sequences | NDArray[np.uint8], Y: NDArray[np.int8] | None, alphabet: str, threshold: float
) -> Sequences:
    """Return the sequences and their labels as one, if these and the options can be meant."""
    if sorted(alphabet) != sorted(ALPHABET):
        raise UsageError(f"--alphabet {alphabet}: expected the letters A, C, G, T in some order")
    if not 0 < threshold < np.inf:
        raise UsageError(f"--threshold is {threshold}: expected an E-value above 0")
    if not isinstance(data, Sequences):
        data = Sequences(np.asarray(data), Y)
    if data.X.ndim != 3 or data.X.shape[2] != 4 or (data.Y is not None and len(data.Y) != len(data.X)):
        raise UsageError(
            f"expected one-hot sequences (N, L, 4) and labels (N, C), found {data.X.shape} and "
            f"{None if data.Y is None else data.Y.shape}"
        )
    if not len(data.X):
        raise UsageError("expected sequences to audit the model on, found none")
    return data


def _convolution(fields: ReceptiveFields, layer: str | None) -> tuple[LayerField, list[str]]:
    """Return the row of the convolution that is asked for, the first by default; and a note on the choice.

    Of several that read the sequence itself the first is the one with most filters, of as many the widest.
    """
    rows = [row for row in fields.rows if row.kind == "conv"]
    if not rows:
        raise ReceptiveError(
            "; ".join(["the model has no convolution over the sequence", *fields.graph.notes])
        )
    if layer is not None and layer not in [row.name for row in rows]:
        known = "; ".join([", ".join(row.name for row in rows), *fields.graph.notes])
        raise UsageError(f"--layer {layer}: expected a convolution of the model: {known}")
    count, reading = fields.graph.filters, first_convolutions(fields.graph)
    firsts = [row for row in rows if row.name in reading] or rows[:1]
    if layer is None:
        row = max(firsts, key=lambda row: (row.size > 1, count.get(row.name, 0), row.size))
    else:
        row = fields.row(layer)
    if why := unreadable(fields, row.name):
        which = f"the first convolution, {row.name}" if layer is None else f"--layer {row.name}"
        raise UsageError(f"{which}: its filters cannot be read: {why}")
    if layer is not None or len(firsts) == 1:
        return row, []
    has = {first.name: f"{count.get(first.name, '?')} filters of {first.size}" for first in firsts}
    others = ", ".join(f"{name} ({those})" for name, those in has.items() if name != row.name)
    return row, [
        f"{row.name} is read, which has {has[row.name]}; {others} see the sequence itself as well, and "
        "--layer reads them"
    ]


def _feed_others(model: Model, data: Sequences) -> tuple[Sequences, list[str]]:
    """Return the sequences with an array for each other input of a model, in its order; and a note on zeros.

    Raises:
        UsageError: an array is of another shape than its input.
    """
    inputs, fed, missing = [*model.inputs], dict[str, NDArray[Any]](), list[str]()
    del inputs[model.sequence]
    for name, shape in inputs:
        sizes = [data.X.shape[1] if size is None else size for size in shape[1:]]
        missing += [] if name in data.others else [name]
        fed[name] = np.asarray(data.others.get(name, np.zeros((len(data.X), *sizes), np.float32)))
        if fed[name].shape != (len(data.X), *sizes):
            raise UsageError(
                f"input {name}: expected an array of {(len(data.X), *sizes)}, found {fed[name].shape}"
            )
    held = f"given 0 for {', '.join(missing)}: what is said of filters, and of what matters, holds for that"
    return replace(data, others=fed), [held] if missing else []


def _input_shape(model: Model) -> Shape:
    """Return the shape of the input of a model that is the sequence; refuse what cannot be one-hot DNA."""
    _, shape = model.inputs[model.sequence]
    sizes = [size for size in shape[1:] if size != 1]
    if not ((len(sizes) == 2 and 4 in sizes) or len(sizes) == 1):
        raise ReceptiveError(
            f"expected a model of one-hot DNA, (batch, L, 4) or (batch, 4, L), found {shape}"
        )
    return shape


def _check_input(shape: Shape, graph: Graph, length: int) -> None:
    """Refuse a model that takes no one-hot sequences of this length, or that convolves over their letters."""
    sizes = [size for size in shape[1:] if size is not None]
    if prod(sizes) == (graph.input_length or 1):
        raise ReceptiveError(
            f"the model takes one number for each position, {shape}, such as a code: expected one-hot DNA; a "
            "model of the layers after the one that encodes them can be audited"
        )
    if prod(sizes) // (graph.input_length or 1) != 4:
        raise ReceptiveError(
            f"the model turns its input of {shape}, and so expected (batch, 4, L)"
            if graph.turned
            else f"the model convolves over the letters of its input of {shape}: expected (batch, L, 4), or "
            "(batch, 4, L) and a Permute that turns it first"
        )
    if graph.input_length not in (None, length):
        raise ReceptiveError(
            f"the model takes sequences of {graph.input_length} nucleotides, the data have {length}"
        )


def _rule(protocol: Protocol, rectified: bool) -> str:
    """Say in words which positions count as sites."""
    which = "every position" if protocol.sites == "every" else "the best position of a sequence, if it is"
    if rectified:
        return f"{which} above {protocol.threshold:g} of the filter's greatest activation"
    return (
        f"{which} above {protocol.threshold:g} of the way from the filter's mean activation to its greatest, "
        "as this activation is not 0 where a filter finds nothing, and may be negative"
    )


def _ticks(progress: Progress | None, work: str, steps: int) -> Callable[[], None]:
    """Count the steps of a piece of work and report them."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(work, done, steps)

    return tick
