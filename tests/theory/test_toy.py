"""The toy model of Fig 1: claims TOY-1 to TOY-4 and RF-3, and the laws of what pooling keeps."""

from fractions import Fraction
from itertools import pairwise, product
from math import isclose, log, log2, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.errors import UsageError
from receptive.theory import toy

CACGTG, GTGCAC, CACNNGTG = toy.PATTERNS
STARTS = {pattern: toy.STARTS[pattern.name] for pattern in toy.PATTERNS}
FIGURE = toy.scan(toy.SEQUENCE)

sizes = st.integers(1, 12)
patterns = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 15)), min_size=2, max_size=4, unique=True
).map(lambda features: toy.Pattern(str(features), tuple(features)))
pattern_sets = st.lists(patterns, min_size=2, max_size=4, unique_by=lambda p: frozenset(p.features))


def only(name: str) -> str:
    """Fig 1's sequence with every letter outside one pattern blanked."""
    start = toy.STARTS[name]
    end = start + len(name)
    return "N" * start + toy.SEQUENCE[start:end] + "N" * (len(toy.SEQUENCE) - end)


def taken_out(name: str) -> str:
    """Fig 1's sequence with one pattern blanked."""
    start = toy.STARTS[name]
    return toy.SEQUENCE[:start] + "N" * len(name) + toy.SEQUENCE[start + len(name) :]


def fires(filter_: toy.SecondLayerFilter, sequence: str, pool: int, stride: int) -> bool:
    """Whether a second-layer filter fires anywhere, with room for it at both ends of the pooled map."""
    room = pool * stride * len(filter_.weights)
    pooled = toy.max_pool(toy.scan("N" * room + sequence + "N" * room), pool, stride)
    return bool((filter_.respond(pooled) > 0).any())


def lit(pooled: np.ndarray) -> toy.Lit:
    return frozenset((int(b), int(channel)) for b, channel in np.argwhere(pooled > 0))


def stacked(windows: list[toy.Lit], width: int, channels: int) -> np.ndarray:
    maps = np.zeros((len(windows), width, channels))
    for row, view in enumerate(windows):
        for column, channel in view:
            maps[row, column, channel] = 1
    return maps


# Fig 1


@pytest.mark.claim("TOY-1", "TOY-2")
def test_the_sequence_holds_the_parts_in_the_patterns_and_nowhere_else():
    expected = {start + offset for name, start in toy.STARTS.items() for offset in parts_of(name)}
    starts = {i for i in range(58) if toy.SEQUENCE[i : i + 3] in toy.PARTS}
    assert starts == expected
    assert len(toy.SEQUENCE) == 60
    for name, start in toy.STARTS.items():
        stands = toy.SEQUENCE[start : start + len(name)]
        assert all(a in ("N", b) for a, b in zip(name, stands, strict=True))


def parts_of(name: str) -> list[int]:
    return [i for i in range(len(name)) if name[i : i + 3] in toy.PARTS]


@pytest.mark.claim("TOY-1", "TOY-2")
def test_the_scan_fires_where_the_middle_of_a_part_stands_and_nowhere_else():
    expected = np.zeros((60, 2))
    for pattern, start in STARTS.items():
        for channel, offset in pattern.features:
            assert toy.SEQUENCE[start + offset - 1 : start + offset + 2] == toy.PARTS[channel]
            expected[start + offset, channel] = 1
    np.testing.assert_array_equal(FIGURE, expected)


@pytest.mark.claim("TOY-4")
@given(st.text("ACGT", min_size=7, max_size=40))
def test_padding_of_three_keeps_the_map_as_long_as_the_sequence(sequence):
    assert len(toy.scan(sequence)) == len(sequence)
    assert len(toy.scan(sequence, padding=0)) == len(sequence) - 6
    np.testing.assert_array_equal(toy.scan(sequence)[3:-3], toy.scan(sequence, padding=0))


@pytest.mark.claim("TOY-1")
def test_at_pool_3_a_filter_for_each_pattern_is_found_and_works():
    model = toy.toy_model(3)
    assert model.is_resolved == {"CACGTG": True, "GTGCAC": True, "CACNNGTG": True}
    for name, filter_ in model.filters.items():
        assert filter_ is not None
        assert filter_.weights.shape == (3, 2)
        responses = filter_.respond(toy.max_pool(FIGURE, 3, 3))
        (where,) = np.flatnonzero(responses > 0)
        field = range(3 * where, 3 * where + 9)
        parts = [toy.STARTS[name] + offset for _, offset in toy.parse_pattern(name).features]
        assert all(part in field for part in parts)


@pytest.mark.claim("TOY-1")
def test_over_all_phases_cacnngtg_passes_for_cacgtg_in_one_of_three():
    assert toy.confusion(CACGTG, CACNNGTG, 3, 3) == Fraction(1, 3)
    filter_ = toy.toy_model(3).filters["CACGTG"]
    assert filter_ is not None
    fooled = [fires(filter_, "N" * phase + "CACCGGTG" + "N" * 20, 3, 3) for phase in range(3)]
    assert fooled.count(True) == 1


@pytest.mark.claim("TOY-2")
@pytest.mark.parametrize("width", [1, 2, 3])
def test_at_pool_20_no_filter_tells_the_patterns_apart(width):
    assert not any(toy.toy_model(20, width=width).is_resolved.values())


@pytest.mark.claim("TOY-2")
def test_at_pool_20_the_three_patterns_give_the_same_signature():
    bins = toy.max_pool(FIGURE, 20, 20)
    np.testing.assert_array_equal(bins, np.ones((3, 2)))
    assert set(toy.toy_model(20).signatures.values()) == {frozenset({(0, 0), (0, 1)})}
    for at, name in enumerate(toy.STARTS):
        assert lit(toy.max_pool(toy.scan(only(name)), 20, 20)) == {(at, 0), (at, 1)}


@pytest.mark.claim("TOY-2")
def test_at_pool_20_the_parts_of_cacgtg_fall_into_two_bins_in_three_phases_of_twenty():
    alone = [
        toy.max_pool(toy.scan("N" * phase + "CACGTG" + "N" * 30), pool=20, stride=20) for phase in range(20)
    ]
    assert [int((pooled > 0).any(axis=1).sum()) for pooled in alone].count(2) == 3
    assert toy.bin_difference(3, 20) == {0: Fraction(17, 20), 1: Fraction(3, 20)}


@pytest.mark.claim("TOY-2")
@pytest.mark.parametrize("width", [1, 2, 3])
def test_at_pool_20_the_linear_programme_finds_no_filter_either(width):
    for name in toy.STARTS:
        alone = {other: lit(toy.max_pool(toy.scan(only(other)), 20, 20)) for other in toy.STARTS}
        silent = {view for other in alone if other != name for view in toy.views(alone[other], width)}
        assert toy.separating_filter([toy.views(alone[name], width)], silent, width, 2) is None


@pytest.mark.claim("TOY-1", "TOY-2")
@pytest.mark.parametrize("pool", [3, 20])
def test_trying_every_small_filter_reaches_the_same_verdict(pool):
    """All filters of width 3 with weights -1, 0, 1 and bias 0 to -5, on each pattern alone."""
    weights = np.array(list(product((-1, 0, 1), repeat=6)))
    fired = {}
    for name in toy.STARTS:
        alone = toy.max_pool(toy.scan("N" * 60 + only(name) + "N" * 60), pool, pool)
        windows = np.array([alone[at : at + 3].ravel() for at in range(len(alone) - 2)])
        fired[name] = (weights @ windows.T).max(axis=1)[:, None] > np.arange(6)
    for name, verdict in toy.toy_model(pool).is_resolved.items():
        others = [fired[other] for other in fired if other != name]
        assert bool((fired[name] & ~others[0] & ~others[1]).any()) == verdict == (pool == 3)


@pytest.mark.claim("TOY-3")
def test_cacngtg_can_fire_the_filter_for_cacgtg():
    cacngtg = toy.parse_pattern("CACNGTG")
    assert toy.confusion(CACGTG, cacngtg, 3, 3) == Fraction(2, 3)
    filter_ = toy.toy_model(3).filters["CACGTG"]
    assert filter_ is not None
    fooled = [fires(filter_, "N" * phase + "CACAGTG" + "N" * 20, 3, 3) for phase in range(3)]
    assert fooled.count(True) == 2


@pytest.mark.claim("TOY-3")
def test_no_filter_at_pool_3_serves_cacgtg_in_every_phase_but_one_serves_gtgcac():
    every = {
        pattern: toy.filter_for_every_phase(pattern, [p for p in toy.PATTERNS if p != pattern], 3, 3, 3)
        for pattern in toy.PATTERNS
    }
    assert every[CACGTG] is None
    assert every[CACNNGTG] is None
    filter_ = every[GTGCAC]
    assert filter_ is not None
    for phase in range(3):
        answers = {
            sequence: fires(filter_, "N" * phase + sequence + "N" * 20, 3, 3)
            for sequence in ("CACGTG", "GTGCAC", "CACCGGTG", "TTTTTT")
        }
        assert answers == {"CACGTG": False, "GTGCAC": True, "CACCGGTG": False, "TTTTTT": False}


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4))
def test_a_resolving_filter_works_where_it_should_and_only_there(pool, stride, width):
    for name, filter_ in toy.toy_model(pool, stride, width).filters.items():
        if filter_ is None:
            continue
        for sequence in (toy.SEQUENCE, only(name)):
            assert (filter_.respond(toy.max_pool(toy.scan(sequence), pool, stride)) > 0).any()
        for sequence in (taken_out(name), *(only(other) for other in toy.STARTS if other != name)):
            assert not (filter_.respond(toy.max_pool(toy.scan(sequence), pool, stride)) > 0).any()


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4))
def test_the_linear_programme_agrees_that_a_filter_exists(pool, stride, width):
    """The same question put to the LP, window by window: all that must fire against all that must not."""
    for name, filter_ in toy.toy_model(pool, stride, width).filters.items():
        maps = {
            sequence: toy.max_pool(toy.scan(sequence), pool, stride)
            for sequence in [toy.SEQUENCE, taken_out(name), *map(only, toy.STARTS)]
        }
        cut = min(width, len(maps[toy.SEQUENCE]))
        firsts = range(len(maps[toy.SEQUENCE]) - cut + 1)
        silent = {toy.window(lit(maps[taken_out(name)]), first, cut) for first in firsts}
        for other, start in STARTS.items():
            if other.name != name:
                silent |= toy.views(toy.lit_units(other, start, pool, stride), cut)
        pattern = toy.parse_pattern(name)
        exists = False
        for first in toy.whole_views(pattern, STARTS[pattern], pool, stride, cut):
            if first not in firsts:
                continue
            least = toy.window(lit(maps[only(name)]), first, cut)
            spare = sorted(toy.window(lit(maps[toy.SEQUENCE]), first, cut) - least)
            between = [
                [least | {unit for unit, on in zip(spare, chosen, strict=True) if on}]
                for chosen in product((False, True), repeat=len(spare))
            ]
            exists = exists or toy.separating_filter(between, silent, cut, 2) is not None
        assert exists == (filter_ is not None)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 3))
def test_a_wider_filter_resolves_no_less(pool, stride, width):
    bins = len(toy.max_pool(FIGURE, pool, stride))
    narrow = toy.toy_model(pool, stride, width).is_resolved
    wide = toy.toy_model(pool, stride, width + 1).is_resolved
    assert width >= bins or all(wide[name] >= narrow[name] for name in narrow)


def test_a_filter_too_narrow_to_see_a_pattern_whole_does_not_resolve_it():
    assert not any(toy.toy_model(1, width=3).is_resolved.values())
    assert all(toy.toy_model(1, width=6).is_resolved.values())


# Pooling


@pytest.mark.claim("RF-3")
@given(st.data(), sizes, st.integers(1, 5))
def test_moving_a_maximum_inside_its_window_changes_nothing_downstream(data, pool, bins):
    """Non-overlapping windows: any order of the values inside a window gives the same pooled map."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    feature_map = rng.normal(size=(pool * bins, 2))
    at = data.draw(st.integers(0, bins - 1)) * pool
    moved = feature_map.copy()
    to = data.draw(st.integers(0, pool - 1))
    from_ = int(feature_map[at : at + pool, 0].argmax())
    moved[[at + from_, at + to], 0] = moved[[at + to, at + from_], 0]
    filter_ = toy.SecondLayerFilter(rng.normal(size=(1, 2)), 0.5)
    before, after = toy.max_pool(feature_map, pool, pool), toy.max_pool(moved, pool, pool)
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(filter_.respond(before), filter_.respond(after))
    assert moved[at : at + pool, 0].argmax() == to


@given(st.integers(1, 40), sizes, sizes)
def test_max_pooling_against_its_definition(length, pool, stride):
    feature_map = np.random.default_rng(length).normal(size=(length, 2))
    pooled = toy.max_pool(feature_map, pool, stride)
    for b, row in enumerate(pooled):
        window = [feature_map[i] for i in range(b * stride, min(b * stride + pool, length))]
        np.testing.assert_array_equal(row, np.max(window, axis=0))
    last = (len(pooled) - 1) * stride
    assert last < length
    assert last + max(pool, stride) >= length  # nothing is left out but what lies between windows


@given(st.integers(0, 30), sizes, sizes)
def test_lit_bins_are_the_windows_that_hold_the_position(position, pool, stride):
    held = {b for b in range(-20, 40) if b * stride <= position < b * stride + pool}
    assert set(toy.lit_bins(position, pool, stride)) == held


@given(st.sampled_from(toy.PATTERNS), st.integers(0, 30), sizes, sizes)
def test_lit_units_are_what_scanning_and_pooling_give(pattern, start, pool, stride):
    text = pattern.name.replace("NN", "CG")
    sequence = "T" * 12 + "A" * start + text + "A" * 40
    pooled = toy.max_pool(toy.scan(sequence), pool, stride)
    expected = {(b, c) for b, c in toy.lit_units(pattern, 12 + start, pool, stride) if b >= 0}
    assert lit(pooled) == expected


@given(patterns, st.integers(0, 30), sizes, sizes)
def test_translation_by_the_stride_shifts_the_lit_units_by_one(pattern, start, pool, stride):
    moved = toy.lit_units(pattern, start + stride, pool, stride)
    assert moved == {(b + 1, channel) for b, channel in toy.lit_units(pattern, start, pool, stride)}
    assert toy.signature(pattern, start + stride, pool, stride) == toy.signature(pattern, start, pool, stride)


@given(st.integers(-40, 40), st.integers(1, 30))
def test_bin_difference_against_enumeration(distance, pool):
    apart = [(phase + distance) // pool - phase // pool for phase in range(pool)]
    counted = {n: Fraction(apart.count(n), pool) for n in apart}
    assert toy.bin_difference(distance, pool) == counted


@given(st.integers(1, 20), st.integers(1, 20))
def test_signatures_of_two_parts_are_their_bin_differences(distance, pool):
    pair = toy.Pattern("pair", ((0, 0), (1, distance)))
    expected = {
        frozenset([frozenset({(0, 0), (apart, 1)})]): share
        for apart, share in toy.bin_difference(distance, pool).items()
    }
    assert toy.signatures(pair, pool, pool) == expected


# Information


def brute_information(pattern_set, pool, stride, width) -> float:
    """H(pattern) + H(signature) - H(both), counted over every pattern and phase."""

    def entropy(seen):
        return -sum(seen.count(x) / len(seen) * log2(seen.count(x) / len(seen)) for x in set(seen))

    pairs = [
        (i, toy.views(toy.signature(pattern, phase, pool, stride), width))
        for i, pattern in enumerate(pattern_set)
        for phase in range(stride)
    ]
    return entropy([i for i, _ in pairs]) + entropy([s for _, s in pairs]) - entropy(pairs)


@given(pattern_sets, sizes, sizes, st.none() | st.integers(1, 4))
def test_information_against_entropies_by_counting(pattern_set, pool, stride, width):
    bits = toy.information(pattern_set, pool, stride, width)
    assert isclose(bits, brute_information(pattern_set, pool, stride, width), abs_tol=1e-9)


@given(pattern_sets, sizes, sizes, st.none() | st.integers(1, 4))
def test_information_lies_between_nothing_and_the_choice_of_the_pattern(pattern_set, pool, stride, width):
    bits = toy.information(pattern_set, pool, stride, width)
    assert -1e-9 <= bits <= log2(len(pattern_set)) + 1e-9


@given(pattern_sets, sizes, st.just(0) | sizes, st.integers(1, 4))
def test_information_never_rises_when_windows_are_merged(pattern_set, pool, gap, m):
    """The merged signature is a function of the fine one and of where, modulo m, its first lit bin lies.

    The latter is independent of pattern and fine signature, so it adds nothing, and the data-processing
    inequality holds. Merging m windows of pool p and stride s <= p gives pool p + (m - 1) s and stride m s:
    for p = s, pool m p on the same grid.
    """
    stride = max(1, pool - gap)
    merged = toy.information(pattern_set, pool + (m - 1) * stride, m * stride)
    assert merged <= toy.information(pattern_set, pool, stride) + 1e-9


@given(patterns, st.integers(0, 30), sizes, st.just(0) | sizes, st.integers(1, 4))
def test_the_merged_map_is_a_function_of_the_fine_one(pattern, start, pool, gap, m):
    stride = max(1, pool - gap)
    fine = toy.lit_units(pattern, start, pool, stride)
    merged = toy.lit_units(pattern, start, pool + (m - 1) * stride, m * stride)
    assert merged == {(b // m, channel) for b, channel in fine}


@given(pattern_sets)
def test_pool_1_loses_nothing(pattern_set):
    def placed(pattern):
        first = min(offset for _, offset in pattern.features)
        return frozenset((channel, offset - first) for channel, offset in pattern.features)

    counts = [[placed(p) for p in pattern_set].count(x) for x in {placed(p) for p in pattern_set}]
    n = len(pattern_set)
    bits = -sum(count / n * log2(count / n) for count in counts)  # log2(n) when all differ
    assert isclose(toy.information(pattern_set, 1, 1), bits, abs_tol=1e-9)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 20])
def test_pool_1_keeps_which_of_the_three_patterns_it_was_for_filters_that_see_two_parts_at_once(width):
    """The nearest parts stand 3 apart; narrower filters see one at a time, in all patterns the same two."""
    assert isclose(toy.information(toy.PATTERNS, 1, 1), log2(3))
    seen = toy.information(toy.PATTERNS, 1, 1, width)
    assert isclose(seen, log2(3) if width > 3 else 0, abs_tol=1e-9)


@given(pattern_sets, sizes, sizes, st.integers(1, 4))
def test_views_hold_no_more_than_the_whole_and_the_whole_if_they_are_wide(pattern_set, pool, stride, width):
    whole = toy.information(pattern_set, pool, stride)
    assert toy.information(pattern_set, pool, stride, width) <= whole + 1e-9
    span = 2 + 2 * (15 + pool) // stride
    assert isclose(toy.information(pattern_set, pool, stride, span), whole, abs_tol=1e-9)


@given(pattern_sets, sizes, sizes, st.none() | st.integers(1, 4))
def test_confusion_against_enumeration(pattern_set, pool, stride, width):
    first, second = pattern_set[:2]

    def given_by(pattern):
        return [toy.views(toy.signature(pattern, phase, pool, stride), width) for phase in range(stride)]

    shared = [seen in given_by(first) for seen in given_by(second)]
    assert toy.confusion(first, second, pool, stride, width) == Fraction(sum(shared), stride)


# Which filters exist


@given(st.data(), st.integers(1, 3), st.integers(1, 2))
def test_an_interval_filter_fires_inside_its_interval_and_nowhere_else(data, width, channels):
    units = list(product(range(width), range(channels)))
    most = data.draw(st.frozensets(st.sampled_from(units), min_size=1))
    least = data.draw(st.frozensets(st.sampled_from(sorted(most))))
    made = toy.interval_filter(least, most, width, channels)
    every = [
        frozenset(u for u, on in zip(units, chosen, strict=True) if on)
        for chosen in product((False, True), repeat=len(units))
    ]
    for view, drawn in zip(every, stacked(every, width, channels), strict=True):
        assert (made.respond(drawn)[0] > 0) == (least <= view <= most)


SMALL_WEIGHTS = np.array(list(product(range(-3, 4), repeat=4)))
SMALL_BIASES = np.arange(-12, 13)


def test_the_small_integer_filters_give_every_threshold_function_of_four_units():
    corners = np.array(list(product((0, 1), repeat=4)))
    fired = ((SMALL_WEIGHTS @ corners.T)[:, None, :] + SMALL_BIASES[None, :, None] > 0) @ (1 << np.arange(16))
    assert len(np.unique(fired)) == 1882


@given(st.data())
def test_the_linear_programme_against_every_small_integer_filter(data):
    """Exhaustive: these integer filters give all 1882 threshold functions of four units (OEIS A000609)."""
    units = list(product(range(2), range(2)))
    window = st.frozensets(st.sampled_from(units))
    groups = data.draw(st.lists(st.lists(window, min_size=1, max_size=3), min_size=1, max_size=3))
    silent = data.draw(st.lists(window, max_size=4))
    solution = toy.separating_filter(groups, silent, 2, 2)
    weights, bias = SMALL_WEIGHTS, SMALL_BIASES

    def responses(windows):  # (filters, biases, windows)
        return (weights @ stacked(windows, 2, 2).reshape(len(windows), 4).T)[:, None, :] + bias[None, :, None]

    works = (responses(silent) <= 0).all(axis=-1)
    for group in groups:
        works &= (responses(group) > 0).any(axis=-1)
    assert (solution is not None) == bool(works.any())
    if solution is not None:
        assert all(max(solution.respond(w)[0] for w in stacked(group, 2, 2)) > 0 for group in groups)
        assert all(solution.respond(w)[0] <= 0 for w in stacked(silent, 2, 2))


@given(patterns, patterns, st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_a_filter_for_every_phase_works_in_every_phase(pattern, other, pool, stride, width):
    solution = toy.filter_for_every_phase(pattern, [other], pool, stride, width)
    if solution is None:
        return
    assert solution.respond(np.zeros_like(solution.weights))[0] <= 0
    channels = solution.weights.shape[1]
    for own, expected in ((pattern, True), (other, False)):
        for phase in range(stride):
            seen = list(toy.views(toy.signature(own, phase, pool, stride), width))
            fired = [solution.respond(view)[0] > 0 for view in stacked(seen, width, channels)]
            assert any(fired) == expected


# Chance


words = st.text("ACGTN", min_size=1, max_size=4)


@given(words, st.integers(1, 4))
def test_chance_against_every_string(part, pool):
    length = pool + len(part) - 1
    hits = sum(
        any(
            all(p in ("N", c) for p, c in zip(part, string[at : at + len(part)], strict=True))
            for at in range(pool)
        )
        for string in product("ACGT", repeat=length)
    )
    assert toy.chance_in_window(part, pool) == Fraction(hits, 4**length)


@given(st.sampled_from(["GTG", "CAC", "AAA", "CACGT", "ACGT"]), st.integers(1, 30), st.integers(0, 2**32))
def test_chance_against_simulation_with_the_networks_own_scan(part, pool, seed):
    """By Hoeffding's inequality a right value fails with a probability below 1e-9."""
    windows, size = 4000, pool + len(part) - 1
    letters = np.random.default_rng(seed).choice(list("ACGT"), size=(windows, size))
    middle = len(part) // 2
    scanned = toy.scan("".join(letters.ravel()), [part]).reshape(windows, size)
    rate = (scanned[:, middle : middle + pool].max(axis=1) > 0).mean()
    margin = sqrt(log(2 / 1e-9) / (2 * windows))
    assert abs(rate - float(toy.chance_in_window(part, pool))) < margin


@given(words.filter(lambda word: set(word) != {"N"}), st.integers(1, 40))
def test_chance_stays_below_its_bound_and_rises_with_the_window(part, pool):
    bits = 2 * sum(letter != "N" for letter in part)
    chance = toy.chance_in_window(part, pool)
    assert 4.0 ** -len(part) <= chance <= min(1, pool / 2**bits)
    assert chance < toy.chance_in_window(part, pool + 1)


@given(st.integers(1, 3), st.integers(1, 12))
def test_a_word_that_cannot_overlap_itself_is_the_worst_case(k, pool):
    worst = toy.chance_in_window("C" + "A" * (k - 1), pool)
    assert worst == max(toy.chance_in_window("".join(word), pool) for word in product("ACGT", repeat=k))


@given(st.integers(1, 200), st.floats(0.001, 1))
def test_the_letters_needed_keep_chance_below_the_rate_and_no_fewer_do(pool, rate):
    k = toy.letters_needed(pool, rate)
    assert toy.chance_in_window("C" + "A" * (k - 1), pool) <= rate
    assert k == 1 or toy.chance_in_window("C" + "A" * (k - 2), pool) > rate
    assert k == 1 or 2 * (k - 1) < log2(pool / rate)


# Bad input


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"pool": 0}, "pool: expected 1 to 60, the length of the sequence, found 0"),
        ({"pool": 61}, "pool: expected 1 to 60"),
        ({"pool": 3, "stride": -1}, "stride: expected 1 to 60"),
        ({"pool": 3, "width": 0}, "width: expected 1 to 60"),
    ],
)
def test_sizes_that_cannot_be_meant(sizes, message):
    with pytest.raises(UsageError, match=message):
        toy.toy_model(**sizes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: toy.parse_pattern("CACXGTG"), "'CACXGTG'.*found 'X'"),
        (lambda: toy.parse_pattern("CACGTT"), "two or more.*GTG, CAC, found 1"),
        (lambda: toy.signatures(CACGTG, 0, 3), "pool: expected 1 or more, found 0"),
        (lambda: toy.information(toy.PATTERNS, 3, 0), "stride: expected 1 or more, found 0"),
        (lambda: toy.signatures(CACGTG, 3, 3, 0), "width: expected 1 or more, found 0"),
        (lambda: toy.max_pool(FIGURE, -1, 3), "pool: expected 1 or more, found -1"),
        (lambda: toy.bin_difference(3, 0), "pool: expected 1 or more, found 0"),
        (lambda: toy.chance_in_window("", 3), "letters: expected 1 or more, found 0"),
        (lambda: toy.letters_needed(3, 0.0), "rate: expected above 0"),
        (lambda: toy.letters_needed(3, -1.0), "rate: expected above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


@given(st.lists(st.sampled_from(["GTG", "CAC", "N", "T"]), min_size=1, max_size=6))
def test_a_pattern_is_its_parts_in_order(pieces):
    text = "".join(pieces)
    words = [text[i : i + 3] for i in range(len(text))]
    parts = [(toy.PARTS.index(word), i + 1) for i, word in enumerate(words) if word in toy.PARTS]
    if len(parts) < 2:
        with pytest.raises(UsageError):
            toy.parse_pattern(text)
    else:
        assert toy.parse_pattern(text) == toy.Pattern(text, tuple(parts))


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 1))))
def test_a_signature_is_read_back_from_its_line(lit_bins):
    lit_bins = frozenset(lit_bins)
    runs = toy.signature_text(lit_bins).split(" | ") if lit_bins else []
    bins = []
    for run in runs:
        held, _, times = run.partition(" x")
        bins += [() if held == "-" else tuple(held.split("+"))] * int(times or 1)
    last = max((at for at, _ in lit_bins), default=-1)
    expected = [tuple(p for i, p in enumerate(toy.PARTS) if (at, i) in lit_bins) for at in range(last + 1)]
    assert bins == expected == [tuple(parts) for parts in toy.signature_bins(lit_bins)]
    assert all(first.partition(" x")[0] != other.partition(" x")[0] for first, other in pairwise(runs))


@pytest.mark.parametrize("part", ["G", "CA", "CAT", "CATG", "GATCA", "GATTCA"])
def test_a_filter_answers_where_its_part_is_said_to_be(part):
    """At the middle of the part, whatever its length."""
    text = f"TT{part}T{part}"
    expected = [(0, int(at)) for at in np.flatnonzero(toy.scan(text, [part])[:, 0] > 0)]
    assert toy.parse_pattern(text, [part]) == toy.Pattern(text, tuple(expected))
    assert len(expected) == 2
