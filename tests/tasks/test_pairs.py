"""The task of pairs: what its labels ask for can be seen in its truth, and single motifs do not tell it."""

from itertools import pairwise

import numpy as np
import pytest

from receptive.errors import UsageError
from receptive.motifs.jaspar import FACTORS, embedded_motifs
from receptive.tasks import pairs

WIDTHS = [motif.width for motif in embedded_motifs()]


@pytest.fixture(scope="module", params=[pairs.GAP, pairs.APART])
def drawn(request):
    return pairs.generate(0, sequences=3_000, gap=request.param)


def placed(split, row):
    """The motifs of a sequence in the order in which they lie: which, first position, last position."""
    which, starts = split.truth["motif"][row], split.truth["start"][row]
    motifs = [(int(m), int(s), int(s) + WIDTHS[m]) for m, s in zip(which, starts, strict=True) if m >= 0]
    return sorted(motifs, key=lambda motif: motif[1])


def test_a_label_is_set_where_its_pair_lies_at_its_distance_and_in_its_order(drawn):
    for split in drawn.splits.values():
        for row, labels in enumerate(split.Y):
            motifs = placed(split, row)
            lying = {
                (first[0], other[0])
                for first, other in pairwise(motifs)
                if other[1] - first[2] == drawn.attributes["gap"] and first[1] // 100 == other[1] // 100
            }
            assert set(np.flatnonzero(labels)) == {k for k, pair in enumerate(pairs.PAIRS) if pair in lying}


def test_gaps_are_those_that_were_registered(drawn):
    """Three, or 14, in a pair, turned or not; from 20 to 49 in what is too far apart."""
    apart = drawn.attributes["gap"]
    gaps = {form: set() for form in range(len(pairs.FORMS))}
    for row in range(len(drawn.train.Y)):
        for half in range(pairs.HALVES):
            motifs = [motif for motif in placed(drawn.train, row) if motif[1] // 100 == half]
            for first, other in pairwise(motifs):
                gaps[int(drawn.train.truth["form"][row, half])].add(other[1] - first[2])
    assert gaps == {0: {apart}, 1: {apart}, 2: set(range(20, 50)), 3: set(), 4: set()}


def test_motifs_lie_in_their_half_and_do_not_overlap(drawn):
    for row in range(len(drawn.train.Y)):
        motifs = placed(drawn.train, row)
        assert motifs[-1][2] <= 200
        assert all(other[1] >= first[2] for first, other in pairwise(motifs))
        assert all(motif[1] // 100 == (motif[2] - 1) // 100 for motif in motifs)


def test_what_is_planted_is_of_the_motif(drawn):
    """Letters under a motif agree with it: on average their log-odds are those that its PWM expects."""
    motif = embedded_motifs()[1]
    best = motif.pwm.argmax(1)
    row, slot = np.nonzero(drawn.train.truth["motif"] == 1)
    starts = drawn.train.truth["start"][row, slot]
    letters = np.array(
        [drawn.train.X[r, s : s + motif.width].argmax(1) for r, s in zip(row, starts, strict=True)]
    )
    assert np.allclose((letters == best).mean(0), motif.pwm.max(1), atol=0.08)


def test_that_both_motifs_are_there_does_not_tell_the_label(drawn):
    """Of the sequences that hold both motifs of a pair in one half, about half are decoys."""
    train = drawn.train
    both = np.isin(train.truth["form"], [0, 1, 2])
    share = (train.truth["form"][both] == 0).mean()
    assert share == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_data_and_another_does_not():
    first, again, other = (pairs.generate(seed, sequences=50).sha256 for seed in (1, 1, 2))
    assert first == again != other
    assert pairs.generate(0, sequences=50).classes[0] == "+".join(list(FACTORS)[:2])
    assert pairs.generate(sequences=50).sha256 == pairs.generate(0, sequences=50).sha256
    assert pairs.generate(7, sequences=10).attributes == {"seed": 7, "protocol": "released", "gap": 3}
    with pytest.raises(UsageError, match="at least 10"):
        pairs.generate(0, sequences=9)
