"""Attribution: the effect of each letter on a network's outputs, and the motifs that recur among them.

Where filters are no motifs, the motifs are spread over several layers. Then they show in what the whole
network does: every letter is mutated to every other (in silico mutagenesis), which is exact and asks nothing
of a network but its outputs; TF-MoDISco (Shrikumar et al. 2018) groups what recurs into motifs.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from receptive.errors import ReceptiveError, UsageError
from receptive.extras import need
from receptive.motifs import tomtom
from receptive.motifs.motif import Motif
from receptive.networks import filters
from receptive.protocols import RELEASED, Protocol

Run = Callable[[NDArray[np.uint8], NDArray[np.int64]], NDArray[np.float32]]
"""From one-hot sequences (n, L, 4), and of which of those to be mutated each is (n,), to outputs (n, C)."""

WORK = 300_000_000
"""Positions of mutated sequences that a network is run on unless more are asked for."""
FEWEST = 200
"""Sequences that are mutated at the least, if there are as many."""
SHORTEST = 50
"""Positions that TF-MoDISco takes at the least, for its windows of 41."""
SEQLETS = 2000
"""Most stretches of either sign that TF-MoDISco groups; it takes time by their square."""
NOISE = 1e-3
"""Noise in place of effects that are exactly 0, as a share of the spread of all."""
LEAST = 1e-7
"""What probabilities are clipped to before their logit is taken."""


@dataclass(frozen=True, eq=False)
class Attributions:
    """The motifs that mutation found.

    Attributes:
        sequences: how many were mutated.
        scale: what was measured of the outputs, in words.
        classes: the C outputs by name.
        pairs: how many sequences were looked at for a class, and classes for a sequence.
        motifs: PWMs of what recurs, as it was compared: trimmed.
        signs: (M,) 1 where a motif raises an output, -1 where it lowers it.
        sites: (M,) how many stretches of sequence each was made of.
        by_class: (M, C) the same by class.
        matches: their hits in the database.
        fractions: shares of the motifs that raise outputs that match, and of the paper's;
            None if there is no such motif.
    """

    sequences: int
    scale: str
    classes: tuple[str, ...]
    pairs: int
    motifs: tuple[Motif, ...]
    signs: NDArray[np.int8]
    sites: NDArray[np.int64]
    by_class: NDArray[np.int64]
    matches: tuple[tomtom.Match, ...]
    fractions: tomtom.Fractions | None


class Effects(NamedTuple):
    """The effects of letters on outputs, for pairs of a sequence and a class.

    Attributes:
        rows: of each pair, the sequence.
        columns: of each pair, the class.
        values: float32 (pairs, L, 4), as `mutagenesis` gives them.
        scale: what was measured of the outputs, in words.
        classes: how many outputs there are.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    scale: str
    classes: int


class Pattern(NamedTuple):
    """A motif that recurs, found by TF-MoDISco.

    Attributes:
        sign: 1 if it raises outputs, -1 if it lowers them.
        pwm: (w, 4).
        rows: of each of its stretches, the sequence that it lies in.
    """

    sign: int
    pwm: NDArray[np.float64]
    rows: NDArray[np.int64]


def enough(positions: int) -> int:
    """Say how many sequences of so many positions to mutate, so that it takes minutes.

    >>> enough(200)
    2500
    """
    return max(WORK // (3 * positions**2), FEWEST)


def mutants(sequence: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return a sequence (L, 4) and all that differ from it in one letter, (3L + 1, L, 4).

    Returns:
        The sequences; of each but the first, the position and the letter that is put there.

    >>> mutants(np.eye(4, dtype=np.uint8)[[0, 3]])[0].argmax(2).tolist()
    [[0, 3], [1, 3], [2, 3], [3, 3], [0, 0], [0, 1], [0, 2]]
    """
    length = len(sequence)
    position = np.repeat(np.arange(length), 3)
    letter = ((sequence.argmax(1)[:, None] + [1, 2, 3]) % 4).ravel()
    changed = np.repeat(sequence[None], 3 * length + 1, axis=0)
    rows = 1 + np.arange(3 * length)
    changed[rows, position] = 0
    changed[rows, position, letter] = 1
    return changed, position, letter


def mutagenesis(run: Run, X: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Score every letter at every position of each sequence, all else as it is.

    Args:
        run: the network.
        X: one-hot sequences (N, L, 4).

    Yields:
        Of each sequence, (L, 4, C): the outputs with that letter there, less the mean over the four letters;
        0 where the sequence's own letter is unknown.
    """
    for row, sequence in enumerate(X):
        changed, position, letter = mutants(sequence)
        outputs = run(changed, np.full(len(changed), row))
        scores = np.empty((*sequence.shape, outputs.shape[1]), np.float32)
        scores[np.arange(len(sequence)), sequence.argmax(1)] = outputs[0]
        scores[position, letter] = outputs[1:]
        yield (scores - scores.mean(1, keepdims=True)) * sequence.any(1)[:, None, None]


def logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn probabilities into logits, in which what two motifs do adds up where it is strong as well."""
    clipped = probabilities.astype(np.float64).clip(LEAST, 1 - LEAST)
    scaled: NDArray[np.float32] = np.log(clipped / (1 - clipped)).astype(np.float32)
    return scaled


def choose_outputs(Y: NDArray[np.int8] | None, outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Choose which outputs to look at for each sequence, (N, C).

    The classes that it is labelled with; without labels that go with the outputs, the output that is the
    greatest compared with other sequences.
    """
    if Y is not None and Y.shape == outputs.shape:
        return Y > 0
    above = outputs - outputs.mean(0)
    chosen: NDArray[np.bool_] = np.arange(outputs.shape[1]) == above.argmax(1)[:, None]
    return chosen


def find_patterns(X: NDArray[np.uint8], effects: NDArray[np.float32]) -> list[Pattern]:
    """Group stretches of sequence that matter, by TF-MoDISco, in a process of its own.

    Args:
        X: one-hot sequences (n, L, 4).
        effects: of every letter there, (n, L, 4), as `mutagenesis` gives them for one output.

    Where a maximum over all positions comes first, most letters do nothing at all. There TF-MoDISco gets
    noise of a thousandth of the spread, always the same, as it cannot tell chance from nothing but zeros.

    Returns:
        What recurs, of either sign that which has the most stretches first; nothing if no letter matters.

    Raises:
        ReceptiveError: TF-MoDISco fails.
    """
    if not effects.any():
        return []
    still = ~effects.any(2)
    noise = np.random.default_rng(0).normal(scale=NOISE * effects.std(), size=(still.sum(), 4))
    effects = effects.copy()
    effects[still] = noise
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.npz", Path(folder) / "made.npz"
        np.savez(given, X=X, effects=effects)
        code = "from receptive.audits.attribution import _group; _group()"
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, given, made], capture_output=True, text=True, check=False
        )
        if done.returncode or not made.exists():
            why = next(iter(reversed(done.stderr.strip().splitlines())), f"it exits with {done.returncode}")
            raise ReceptiveError(f"TF-MoDISco fails: {why}")
        with np.load(made) as file:
            count = len(file.files) // 3
            return [Pattern(int(file[f"sign{i}"]), file[f"pwm{i}"], file[f"rows{i}"]) for i in range(count)]


def _group() -> None:
    """Run TF-MoDISco on a file, into a file, with as few clusterings as its own command does by default."""
    from modiscolite.tfmodisco import TFMoDISco

    given, made = sys.argv[1:]
    with np.load(given) as file:
        X, effects = file["X"].astype(np.float32), file["effects"]
    raising, lowering = TFMoDISco(
        one_hot=X, hypothetical_contribs=effects, max_seqlets_per_metacluster=SEQLETS, n_leiden_runs=2
    )
    arrays: dict[str, Any] = {}
    for sign, patterns in ((1, raising), (-1, lowering)):
        for pattern in sorted(patterns or [], key=lambda recurring: -len(recurring.seqlets)):
            i = len(arrays) // 3
            rows = np.array([seqlet.example_idx for seqlet in pattern.seqlets])
            arrays |= {f"sign{i}": sign, f"pwm{i}": pattern.sequence, f"rows{i}": rows}
    np.savez(made, **arrays)


def check(positions: int) -> None:
    """Make sure that attributions can be had, before any work is done.

    Raises:
        UsageError: TF-MoDISco is not installed, or sequences are too short for it.
    """
    need("--attributions", "modisco", "modiscolite")
    if positions < SHORTEST:
        raise UsageError(
            f"--attributions: TF-MoDISco needs sequences of {SHORTEST} positions or more, found {positions}"
        )


def effects(
    run: Run,
    X: NDArray[np.uint8],
    Y: NDArray[np.int8] | None = None,
    ticks: Callable[[int], Callable[[], None]] = lambda _: lambda: None,
) -> Effects:
    """Mutate sequences, and keep what letters do to the outputs that each is looked at for.

    Args:
        run: the network.
        X: the sequences, one-hot (N, L, 4).
        Y: their labels (N, C), if there are some that go with the outputs.
        ticks: from how many steps there will be to what is called after each.

    Raises:
        ReceptiveError: there is no sequence, or the outputs are no numbers.
    """
    if not len(X):
        raise ReceptiveError("--attributions: found no sequence with a label of 1")
    outputs = run(X, np.arange(len(X)))
    if not np.isfinite(outputs).all():
        raise ReceptiveError("the model's outputs are not all finite numbers")
    likely = bool(outputs.min() >= 0 and outputs.max() <= 1)
    scaled: Run = (lambda X, rows: logits(run(X, rows))) if likely else run
    chosen, tick, values = choose_outputs(Y, outputs), ticks(len(X)), []
    for scores, columns in zip(mutagenesis(scaled, X), chosen, strict=True):
        values.append(scores[..., columns].transpose(2, 0, 1))
        tick()
    scale = "the logit of the output" if likely else "the output"
    rows, columns = np.nonzero(chosen)
    return Effects(rows, columns, np.concatenate(values), scale, outputs.shape[1])


def attribute(
    acting: Effects,
    X: NDArray[np.uint8],
    classes: Sequence[str] = (),
    targets: Sequence[Motif] = (),
    relevant: Mapping[str, Sequence[str]] = MappingProxyType({}),
    threshold: float = tomtom.THRESHOLD,
    protocol: Protocol = RELEASED,
) -> Attributions:
    """Find the motifs that recur where letters matter, and compare them.

    Args:
        acting: what letters do.
        X: the sequences that were mutated, one-hot (N, L, 4).
        classes: the names of the outputs; numbers by default.
        targets: the motifs to compare with.
        relevant: those that count as relevant, by factor.
        threshold: greatest E-value of a match.
        protocol: how motifs are trimmed.

    Raises:
        ReceptiveError: TF-MoDISco fails.
    """
    patterns, count = find_patterns(X[acting.rows], acting.values), acting.classes
    whole = tuple(Motif(f"motif{i}", "", pattern.pwm, len(pattern.pwm)) for i, pattern in enumerate(patterns))
    motifs = filters.trim_all(whole, protocol)
    matches = tomtom.match(motifs, targets, threshold)
    signs = np.array([pattern.sign for pattern in patterns], np.int8)
    raising = [match for match, sign in zip(matches, signs, strict=True) if sign > 0]
    by_class = [np.bincount(acting.columns[pattern.rows], minlength=count) for pattern in patterns]
    return Attributions(
        sequences=len(X),
        scale=acting.scale,
        classes=tuple(classes) if len(classes) == count else tuple(map(str, range(count))),
        pairs=len(acting.rows),
        motifs=motifs,
        signs=signs,
        sites=np.array([len(pattern.rows) for pattern in patterns], np.int64),
        by_class=np.array(by_class, np.int64).reshape(-1, count),
        matches=matches,
        fractions=tomtom.fractions(raising, relevant) if raising else None,
    )
