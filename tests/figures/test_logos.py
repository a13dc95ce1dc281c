import numpy as np
import pytest
from hypothesis import given
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from tests.strategies import pwms

from receptive.figures import logos
from receptive.motifs.jaspar import embedded_motifs, relevant_ids
from receptive.motifs.motif import Motif, reverse_complement
from receptive.motifs.tomtom import Hit, Match, best_factors, match
from receptive.pages import LEAST

DEAD = Motif("filter9", "", np.zeros((19, 4)), 19)


@pytest.mark.claim("VIS-2")
@given(pwms(max_width=4))
def test_a_column_is_as_high_as_its_information(pwm):
    axis = Figure().subplots()
    logos.draw_logo(axis, pwm)
    heights = np.zeros(len(pwm))
    for letter in axis.patches:
        box = letter.get_extents().transformed(axis.transData.inverted())
        column = round((box.x0 + box.x1) / 2)
        heights[column] = max(heights[column], box.y1)
    bits = [2 + sum(p * np.log2(p) for p in column if p > 0) for column in pwm]
    seen = [[h for h in column * bit if h >= LEAST] for column, bit in zip(pwm, bits, strict=True)]
    np.testing.assert_allclose(heights, [sum(letters) for letters in seen], atol=0.02)
    assert axis.get_ylim() == (0, 2)


def test_a_sheet_shows_every_filter_its_label_and_the_dead():
    motifs = (*embedded_motifs()[:3], DEAD)
    sheet = logos.logo_sheet(motifs, ["Arid3a", "", "FOSL1", ""], "CNN-25", columns=3)
    shown = [axis for axis in sheet.axes if axis.axison]
    assert len(shown) == 4
    # Filters run down the columns, two to a column here; matplotlib lists axes by rows.
    assert [axis.get_ylabel() for axis in sheet.axes[:2]] == ["Arid3a", "FOSL1"]
    assert "dead" in [text.get_text() for axis in shown for text in axis.texts]
    assert sheet.get_suptitle() == "CNN-25"


@pytest.mark.parametrize("strand", "+-")
def test_an_alignment_puts_a_fragment_over_the_positions_it_was_cut_from(strand):
    mafk = embedded_motifs()[4]
    whole = mafk.pwm if strand == "+" else reverse_complement(mafk.pwm)
    fragment = Motif("fragment", "", whole[4:12], 8)
    hit = match([fragment], [mafk])[0].best
    assert hit
    assert (hit.offset, hit.overlap, hit.strand) == (4, 8, strand)
    upper, lower = logos.alignments([(fragment, mafk, hit)], ["MAFK"], ("filter", "JASPAR")).axes
    left, right = lower.get_xlim()
    assert upper.get_xlim() == (left - 4, right - 4)
    drawn = [
        sorted((round(box.x0 + box.x1, 2), round(box.y1, 3)) for box in boxes(axis) if box.y1 > 0.05)
        for axis in (upper, lower)
    ]
    assert [(x + 8, y) for x, y in drawn[0]] == [(x, y) for x, y in drawn[1] if 7.5 < x < 23]


@pytest.mark.parametrize(("offset", "overlap"), [(6, 4), (-3, 7), (-2, 10)])
def test_a_filter_that_sticks_out_of_its_motif_is_drawn_whole(offset, overlap):
    target, width = Motif("t", "", np.full((10, 4), 0.25), 1), 14 if overlap == 10 else 10
    query = Motif("q", "", np.full((width, 4), 0.25), 1)
    hit = Hit("t", "", offset, 1e-3, 1e-3, overlap, "+")
    upper, lower = logos.alignments([(query, target, hit)], [""], ("", "")).axes
    assert lower.get_xlim() == (min(0, offset) - 0.5, max(10, offset + width) - 0.5)
    assert upper.get_xlim() == tuple(x - offset for x in lower.get_xlim())


def boxes(axis):
    """The letters of a logo."""
    return [letter.get_extents().transformed(axis.transData.inverted()) for letter in axis.patches[:-1]]


def test_labels_name_the_factor_of_the_best_relevant_hit():
    def hit(target, p):
        return Hit(target, "", 0, p, 519 * p, 9, "+")

    matches = (
        Match("a", False, (hit("MA0491.1", 1e-9), hit("MA0477.1", 1e-8), hit("MA0079.3", 1e-5))),
        Match("b", False, (hit("MA0491.1", 1e-9),)),
        Match("c", True, ()),
        Match("d", False, (hit("MA0773.1", 1e-6),)),
    )
    assert best_factors(matches, relevant_ids()) == ["FOSL1", "", "", "STAT1"]
    assert best_factors(matches, relevant_ids(which="embedded")) == ["FOSL1", "", "", ""]


def test_a_sheet_is_painted_in_the_four_colours(tmp_path):
    shown = Motif("one", "", np.array([[0.97, 0.01, 0.01, 0.01], [0.01, 0.97, 0.01, 0.01]]), 9)
    turned = Motif("two", "", reverse_complement(shown.pwm), 9)
    for motif, letters in ((shown, "AC"), (turned, "GT"), (DEAD, "")):
        logos.logo_sheet([motif], columns=1).savefig(tmp_path / "sheet.png", dpi=100)
        painted = imread(tmp_path / "sheet.png")[..., :3].reshape(-1, 3)
        for letter, colour in logos.COLOURS.items():
            area = np.isclose(painted, to_rgb(colour), atol=0.01).all(1).sum()
            assert (area > 100) == (letter in letters), letter
