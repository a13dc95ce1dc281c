"""What the explorers of the pages look up, against the library."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016
from receptive.motifs.meme import read_meme
from receptive.replication import runs
from receptive.report import explorers
from receptive.theory import toy

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def the_toy():
    return explorers.toys().data


@given(pool=st.integers(1, explorers.POOLS), of=st.data())
def test_the_toy_says_for_each_phase_what_a_pattern_may_be_taken_for(the_toy, pool, of):
    """Counted over the phases this is the library's confusion; and bits and bins are the library's."""
    stride = of.draw(st.integers(1, pool))
    at_width = of.draw(st.integers(0, len(explorers.WIDTHS) - 1))
    at_distance = of.draw(st.integers(0, len(explorers.DISTANCES) - 1))
    width, patterns = explorers.WIDTHS[at_width], explorers.three(explorers.DISTANCES[at_distance])
    found = the_toy["settings"][f"{pool} {stride}"]
    place = at_width * len(explorers.DISTANCES) + at_distance
    assert found["bits"][place] == round(toy.information(patterns, pool, stride, width), 2)
    for row, pattern in enumerate(patterns):
        masks = the_toy["texts"][found["like"][3 * place + row]]
        assert len(masks) == stride
        for column, other in enumerate(patterns):
            phases = sum(int(mask) >> column & 1 for mask in masks)
            assert phases == toy.confusion(other, pattern, pool, stride, width) * stride
        for phase in range(stride):
            lit = toy.lit_units(pattern, phase, pool, stride)
            for channel, offset in pattern.features:
                first, last = found["bins"][2 * (phase + offset) :][:2]
                assert {(bin, channel) for bin in range(first, last + 1)} <= lit


def test_a_filter_matches_from_the_step_on_at_which_tomtom_says_so():
    found = explorers.filters(RESULTS)
    names = found.controls[0].words
    for words, name, layer in (explorers.SHOWN[2], explorers.SHOWN[5]):
        one = found.data["layers"][names.index(words)][1]
        folder = RESULTS / "synthetic" / name / "released" / "trial-1"
        assert one["page"] == f"../results/synthetic/{name}/released/trial-1/index.html"
        kept = read_meme(folder / f"{layer}.meme")
        for at, step in list(enumerate(explorers.STEPS))[3::3]:
            matches = tomtom.match(kept, jaspar_2016(), step)
            assert [bool(match.hits) for match in matches] == [row[3] <= at for row in one["filters"]]
            shares = runs.summary(matches, runs.load(folder).plan.classes)
            expected = (shares.jaspar, shares.jaspar_without_gmeb1, shares.relevant)
            assert one["shares"][at] == pytest.approx(expected, abs=1e-4)
            relevant = sum(row[4] <= at for row in one["filters"]) / len(kept)
            assert relevant == pytest.approx(shares.relevant)
        whole = read_meme(folder / f"{layer}.untrimmed.meme")
        for row, motif, part in zip(one["filters"], whole, kept, strict=True):
            assert explorers.heights(motif.pwm) == row[0]
            assert (motif.pwm[row[1] : row[1] + row[2]] == part.pwm).all()


def test_without_runs_there_is_no_explorer_of_filters(tmp_path):
    assert explorers.filters(tmp_path) is None
    assert explorers.explorer("filters", tmp_path).text == ""
