"""Every law of the synthetic task, on drawn data, against the truth that is kept with it."""

import itertools
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from receptive.errors import UsageError
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.motif import Motif, reverse_complement
from receptive.protocols import PAPER, PROTOCOLS, RELEASED
from receptive.tasks import dataset, synthetic

TRUTH = ("motif", "strand", "start")
RARE = 1e-5
"""A fit this bad has one chance in 100,000; the seeds are fixed, so a test passes always or never."""


@pytest.fixture(scope="module", params=PROTOCOLS)
def drawn(request):
    """The full data set by each protocol."""
    return synthetic.generate(0, PROTOCOLS[request.param])


def everything(data):
    """All sequences, labels and truth, whatever their split."""
    splits = data.splits.values()
    truth = {key: np.concatenate([split.truth[key] for split in splits]) for key in TRUTH}
    return np.concatenate([s.X for s in splits]), np.concatenate([s.Y for s in splits]), truth


def placed(data):
    """Sequence, factor, strand, start and width of every embedded motif, and the mask of where they lie."""
    X, _, truth = everything(data)
    sequence, slot = np.nonzero(truth["motif"] >= 0)
    motif, strand, start = (truth[key][sequence, slot] for key in TRUTH)
    widths = np.array([m.width for m in embedded_motifs()])[motif]
    mask = np.zeros(X.shape[:2], np.int64)
    for row, begin, width in zip(sequence, start, widths, strict=True):
        mask[row, begin : begin + width] += 1
    return sequence, motif, strand, start, widths, mask


@pytest.mark.claim("SYN-1")
def test_sequences_are_one_hot_and_200_long(drawn):
    X, Y, _ = everything(drawn)
    assert X.shape == (25_000, 200, 4)
    assert X.dtype == np.uint8
    assert (X.sum(-1) == 1).all()
    assert len(Y) == 25_000


@pytest.mark.claim("SYN-1")
def test_background_is_uniform(drawn):
    X, _, _ = everything(drawn)
    counts = X[placed(drawn)[-1] == 0].sum(0)
    assert stats.chisquare(counts).pvalue > RARE
    pairs = np.zeros((4, 4))
    free = placed(drawn)[-1] == 0
    base = X.argmax(-1)
    both = free[:, 1:] & free[:, :-1]
    np.add.at(pairs, (base[:, :-1][both], base[:, 1:][both]), 1)
    assert stats.chisquare(pairs.ravel()).pvalue > RARE


@pytest.mark.claim("SYN-2")
def test_pool_holds_each_motif_and_its_reverse_complement():
    table = synthetic.pool(embedded_motifs())
    assert len(table.widths) == 24
    for index, motif in enumerate(embedded_motifs()):
        for strand, pwm in enumerate((motif.pwm, motif.pwm[::-1, ::-1])):
            at = table.first[2 * index + strand]
            np.testing.assert_allclose(
                table.columns[at : at + table.widths[2 * index + strand]], pwm, atol=2e-6
            )
    np.testing.assert_array_equal(table.columns[0], np.full(4, 0.25))


@pytest.mark.claim("SYN-3")
@given(
    seed=st.integers(0, 2**32),
    spacing=st.sampled_from(["normalised", "uniform"]),
    buffer=st.integers(0, 6),
    sequences=st.integers(10, 60),
)
def test_motifs_keep_their_distance(seed, spacing, buffer, sequences):
    protocol = replace(PAPER, spacing=spacing, buffer=buffer)
    data = synthetic.generate(seed, protocol, sequences)
    _, _, truth = everything(data)
    widths = np.array([m.width for m in embedded_motifs()])
    for motif, start in zip(truth["motif"], truth["start"], strict=True):
        count = (motif >= 0).sum()
        assert 1 <= count <= 5
        assert (motif[count:] == -1).all()
        ends = start[:count] + widths[motif[:count]]
        gaps = np.diff([0, *itertools.chain(*zip(start[:count], ends, strict=True)), 200])[::2]
        assert (gaps >= buffer).all()


@pytest.mark.claim("SYN-3")
def test_buffers_of_the_two_protocols():
    gaps = {}
    for name, protocol in PROTOCOLS.items():
        sequence, _, _, start, widths, mask = placed(synthetic.generate(1, protocol, 4000))
        assert mask.max() == 1
        follows = sequence[1:] == sequence[:-1]
        gaps[name] = (start[1:] - start[:-1] - widths[:-1])[follows].min()
        assert start.min() == gaps[name]
        last = [*~follows, True]
        assert (synthetic.LENGTH - start - widths)[last].min() == gaps[name]
    assert gaps == {"paper": 1, "released": 0}


@pytest.mark.claim("SYN-3", "D-10")
def test_number_of_motifs_follows_the_protocol(drawn):
    protocol = PROTOCOLS[drawn.attributes["protocol"]]
    _, _, truth = everything(drawn)
    counts = np.bincount((truth["motif"] >= 0).sum(1), minlength=6)[1:]
    assert stats.chisquare(counts, 25_000 * np.array(protocol.motif_counts)).pvalue > RARE


@pytest.mark.claim("SYN-2", "SYN-3")
def test_motifs_and_strands_are_drawn_evenly_and_with_replacement(drawn):
    _, motif, strand, _, _, _ = placed(drawn)
    assert stats.chisquare(np.bincount(2 * motif + strand, minlength=24)).pvalue > RARE
    _, _, truth = everything(drawn)
    two = (truth["motif"] >= 0).sum(1) == 2
    twice = (truth["motif"][two, 0] == truth["motif"][two, 1]).sum()
    assert stats.binomtest(int(twice), int(two.sum()), 1 / 12).pvalue > RARE


@pytest.mark.claim("SYN-4")
def test_labels_say_which_motifs_are_embedded_on_either_strand(drawn):
    _, Y, truth = everything(drawn)
    assert Y.shape == (25_000, 12)
    for labels, motif in zip(Y, truth["motif"], strict=True):
        assert set(np.flatnonzero(labels)) == set(motif[motif >= 0])


@pytest.mark.claim("SYN-5")
def test_split_is_random_and_70_10_20(drawn):
    assert [len(split.Y) for split in drawn.splits.values()] == [17_500, 2_500, 5_000]
    counts = np.array([split.Y.sum(0) for split in drawn.splits.values()])
    assert stats.chi2_contingency(counts).pvalue > RARE


@pytest.mark.claim("SYN-5")
@given(sequences=st.integers(10, 400), seed=st.integers(0, 2**32))
def test_split_loses_and_repeats_nothing(sequences, seed):
    data = synthetic.generate(seed, RELEASED, sequences)
    whole = Counter(row.tobytes() for row in everything(data)[0])
    assert sum(whole.values()) == sequences
    assert len(whole) == sequences
    sizes = [len(split.Y) for split in data.splits.values()]
    np.testing.assert_allclose(sizes, np.multiply(synthetic.FRACTIONS, sequences), atol=1)


@pytest.mark.claim("SYN-1")
def test_embedded_sites_give_the_pwms_back(drawn):
    X, _, _ = everything(drawn)
    sequence, motif, strand, start, _, _ = placed(drawn)
    worst = []
    for index, true in enumerate(embedded_motifs()):
        for side in (0, 1):
            pwm = reverse_complement(true.pwm) if side else true.pwm
            pwm = pwm / pwm.sum(1, keepdims=True)
            here = (motif == index) & (strand == side)
            sites = X[sequence[here][:, None], start[here][:, None] + np.arange(len(pwm))]
            for observed, expected in zip(sites.sum(0), pwm, strict=True):
                assert not observed[expected == 0].any()
                some = expected > 0
                if some.sum() > 1:
                    fit = stats.chisquare(observed[some], expected[some] * here.sum())
                    # Chi-square needs an expected count of a few; rarer nucleotides are too few to tell.
                    if (expected[some] * here.sum()).min() >= 5:
                        worst.append(fit.pvalue)
    assert len(worst) > 100
    assert min(worst) > RARE / len(worst)


@given(
    seed=st.integers(0, 2**32),
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    free=st.integers(5, 150),
)
def test_gaps_share_out_what_is_free(seed, counts, free):
    counts = np.array(counts)
    room = np.full(len(counts), free)
    for draw in (synthetic.normalised_gaps, synthetic.uniform_gaps):
        gaps = draw(np.random.default_rng(seed), counts, room, 5)
        assert gaps.shape == (len(counts), 6)
        assert (gaps >= 0).all()
        assert (gaps.sum(1) == free).all()
        assert not gaps[np.arange(6) > counts[:, None]].any()


@pytest.mark.claim("D-10")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_uniform_gaps_make_every_placement_equally_likely(count):
    free, draws = 4, 20_000
    gaps = synthetic.uniform_gaps(np.random.default_rng(3), np.full(draws, count), np.full(draws, free), 3)
    seen = Counter(map(tuple, gaps[:, : count + 1]))
    placements = [g for g in itertools.product(range(free + 1), repeat=count + 1) if sum(g) == free]
    assert set(seen) <= set(placements)
    assert stats.chisquare([seen[placement] for placement in placements]).pvalue > RARE


@pytest.mark.claim("D-10")
def test_normalised_gaps_are_scaled_uniform_variates():
    """Against the definition, one sequence at a time."""
    free, count, draws = 12, 2, 6000
    rng = np.random.default_rng(4)
    slow = Counter()
    while sum(slow.values()) < draws:
        shares = [rng.random() for _ in range(count + 1)]
        gaps = [round(share / sum(shares) * free) for share in shares]
        if sum(gaps) == free:
            slow[tuple(gaps)] += 1
    fast = synthetic.normalised_gaps(np.random.default_rng(5), np.full(draws, count), np.full(draws, free), 5)
    fast_seen = Counter(map(tuple, fast[:, : count + 1]))
    common = [gaps for gaps in slow | fast_seen if slow[gaps] + fast_seen[gaps] >= 20]
    both = [[sums[gaps] for gaps in common] for sums in (slow, fast_seen)]
    assert stats.chi2_contingency(both).pvalue > RARE


def test_sequence_models_are_what_sequences_were_drawn_from():
    data = synthetic.generate(2, PAPER, 40)
    model = synthetic.sequence_models(data.train)
    assert model.shape == (28, 4, 200)
    for row, (motif, strand, start) in enumerate(zip(*(data.train.truth[k] for k in TRUTH), strict=True)):
        expected = np.full((200, 4), 0.25)
        for m, s, begin in zip(motif, strand, start, strict=True):
            if m >= 0:
                pwm = embedded_motifs()[m].pwm
                expected[begin : begin + len(pwm)] = pwm[::-1, ::-1] if s else pwm
        np.testing.assert_allclose(model[row].T, expected, atol=2e-6)


@pytest.mark.claim("SYN-6")
def test_chance_sites_by_brute_force():
    data = synthetic.generate(3, RELEASED, 200)
    shares = synthetic.chance_sites(data.train)
    index = 5
    pwm = embedded_motifs()[index].pwm

    def score(window, matrix):
        return sum(np.log2(max(matrix[j, base], 1e-9) / 0.25) for j, base in enumerate(window))

    true, negatives = [], []
    truth = data.train.truth
    for row, (x, label) in enumerate(zip(data.train.X.argmax(-1), data.train.Y[:, index], strict=True)):
        both = (pwm, pwm[::-1, ::-1])
        if not label:
            windows = [x[i : i + len(pwm)] for i in range(200 - len(pwm) + 1)]
            negatives.append(max(score(window, matrix) for window in windows for matrix in both))
        for slot in np.flatnonzero(truth["motif"][row] == index):
            begin = truth["start"][row, slot]
            true.append(score(x[begin : begin + len(pwm)], both[truth["strand"][row, slot]]))
    assert shares[index] == pytest.approx(np.mean(np.array(negatives) >= np.median(true)))
    assert 0 < shares.max() < 1


@pytest.mark.claim("SYN-6")
def test_fewer_sites_asked_for_mean_fewer_chance_sites():
    split = synthetic.generate(3, RELEASED, 400).train
    shares = [synthetic.chance_sites(split, share=share) for share in (1.0, 0.9, 0.5, 0.1)]
    for more, fewer in itertools.pairwise(shares):
        assert (fewer <= more).all()
        assert fewer.sum() < more.sum()


pwms = st.lists(st.tuples(*[st.integers(1, 9)] * 4), min_size=1, max_size=3).map(
    lambda rows: np.array(rows) / np.sum(rows, axis=1, keepdims=True)
)


@pytest.mark.claim("SYN-6")
@given(pwms)
def test_planted_odds_compare_the_two_stories(pwm):
    """Against the probability of every sequence of four letters under either story, by enumeration."""
    sequences = list(itertools.product(range(4), repeat=4))
    planted = np.zeros(len(sequences))
    sites = [(matrix, start) for matrix in (pwm, reverse_complement(pwm)) for start in range(5 - len(pwm))]
    for row, sequence in enumerate(sequences):
        for matrix, start in sites:
            letters = np.full((4, 4), 0.25)
            letters[start : start + len(pwm)] = matrix
            planted[row] += np.prod([letters[i, base] for i, base in enumerate(sequence)]) / len(sites)
    odds = synthetic.planted_odds(np.eye(4, dtype=np.uint8)[np.array(sequences)], Motif("m", "", pwm, 20))
    np.testing.assert_allclose(odds, planted * 4**4)
    assert planted.sum() == pytest.approx(1)


def test_one_seed_gives_the_same_bytes_whatever_the_time(tmp_path):
    files = []
    for name, seed in (("a", 5), ("c", 6), ("b", 5)):
        dataset.write(synthetic.generate(seed, RELEASED, 60), tmp_path / f"{name}.h5")
        files.append((tmp_path / f"{name}.h5").read_bytes())
        if name == "c":
            time.sleep(1.1)  # HDF5 would keep the time in seconds
    assert files[0] == files[2]
    assert files[0] != files[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": 9}, "--sequences is 9"),
        ({"seed": -1}, "--seed is -1"),
        (
            {"motifs": [Motif("wide", "", np.full((40, 4), 0.25), 40)]},
            "5 motifs of width 40 do not fit into 200",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        synthetic.generate(**arguments)


def test_a_motif_without_a_name_is_called_by_its_id():
    motifs = [replace(motif, id=f"my{place}", name="") for place, motif in enumerate(embedded_motifs()[:5])]
    assert synthetic.generate(0, sequences=20, motifs=motifs).classes == ("my0", "my1", "my2", "my3", "my4")
