"""Logos as inline SVG: letters upright, as high as their information, and spelt for those who cannot see."""

import re

import numpy as np
import pytest
from hypothesis import given
from tests.strategies import pwms

from receptive import pages as page
from receptive.motifs.motif import ALPHABET


def outline(letter):
    """The points of a letter's outline, (n, 2), y from the top."""
    path = re.search(rf'id="{letter}" class="{letter}" d="([^"]+)"', page.letters().text)[1]
    return np.array(re.findall(r"-?[\d.]+(?:e-\d+)?", path), np.float64).reshape(-1, 2)


@pytest.mark.parametrize("letter", ALPHABET)
def test_a_letter_fills_its_box(letter):
    points = outline(letter)
    np.testing.assert_allclose([points.min(0), points.max(0)], [[0, 0], [1, 1]], atol=0.03)


def test_letters_are_upright():
    """T is widest at the top, A at the bottom."""
    for letter, wide_at_the_top in (("T", True), ("A", False)):
        x, y = outline(letter).T
        assert (np.ptp(x[y < 0.1]) > np.ptp(x[y > 0.9])) == wide_at_the_top


@pytest.mark.claim("VIS-2")
@given(pwms(max_width=5))
def test_a_logo_stacks_letters_as_high_as_their_share_of_the_information(pwm):
    drawn = page.logo(pwm, "words").text
    assert 'aria-label="words"' in drawn
    uses = re.findall(r'#(\w)" transform="translate\((\S+) (\S+)\)scale\(\S+ (\S+)\)', drawn)
    information = 2 + np.sum(pwm * np.log2(np.where(pwm > 0, pwm, 1)), axis=1)
    expected = (pwm * information[:, None]) / 2 * page.HEIGHT
    drawn_letters = np.zeros_like(expected)
    for letter, x, _, tall in uses:
        drawn_letters[int(float(x) // page.COLUMN), ALPHABET.index(letter)] = float(tall)
    np.testing.assert_allclose(drawn_letters, expected, rtol=0.01, atol=page.LEAST * page.HEIGHT / 2 + 1e-9)
    for column in range(len(pwm)):
        stack = [(float(y), float(tall)) for _, x, y, tall in uses if float(x) // page.COLUMN == column]
        bottoms = [y + tall for y, tall in stack]
        assert bottoms == pytest.approx([page.HEIGHT, *(y for y, _ in stack)][: len(stack)], abs=0.1)
        assert [tall for _, tall in stack] == sorted(tall for _, tall in stack)


@given(pwms(max_width=5))
def test_the_consensus_has_a_letter_where_half_a_bit_is_known(pwm):
    for letter, row in zip(page.consensus(pwm), pwm, strict=True):
        bits = 2 + sum(p * np.log2(p) for p in row if p > 0)
        if letter == ".":
            assert bits < 0.5 + 1e-9
        else:
            assert bits > 0.5 - 1e-9
            assert row[ALPHABET.index(letter)] == row.max()


def test_a_page_says_its_title_as_text():
    assert "<title>a &lt;b&gt;</title>" in page.render("page.html", title="a <b>")
