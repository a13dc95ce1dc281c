"""The figures of the synthetic task show the data that they are given."""

import numpy as np
import pytest

from receptive.figures import synthetic as figures
from receptive.motifs.jaspar import embedded_motifs
from receptive.motifs.motif import ALPHABET
from receptive.protocols import PAPER, RELEASED
from receptive.tasks import synthetic


@pytest.fixture(scope="module")
def split():
    return synthetic.generate(1, RELEASED, 200).train


def test_a_sequence_is_drawn_with_its_letters_and_the_names_of_its_motifs(split):
    row = int(np.argmax((split.truth["motif"] >= 0).sum(1)))
    texts = [text.get_text() for axes in figures.one_sequence(split, row).axes for text in axes.texts]
    assert "".join(text for text in texts if len(text) == 1) == "".join(
        ALPHABET[base] for base in split.X[row].argmax(-1)
    )
    expected = [
        f"\u2190 {embedded_motifs()[motif].name}" if strand else f"{embedded_motifs()[motif].name} \u2192"
        for motif, strand in zip(split.truth["motif"][row], split.truth["strand"][row], strict=True)
        if motif >= 0
    ]
    assert [text for text in texts if len(text) > 1] == expected


def test_every_position_of_a_planted_motif_is_shaded_once(split):
    widths = np.array([motif.width for motif in embedded_motifs()])
    for row in range(4):
        patches = [patch for axes in figures.one_sequence(split, row).axes for patch in axes.patches]
        shaded = sum(patch.get_width() for patch in patches if patch.get_alpha() == figures.SHADE)
        motifs = split.truth["motif"][row]
        assert shaded == widths[motifs[motifs >= 0]].sum()


def test_the_figure_of_planting_shows_shares_that_sum_to_one(split):
    paper = synthetic.generate(1, PAPER, 200).train
    left, right = figures.motif_places({"released": split, "paper": paper}).axes
    for drawn, bars, stairs in zip((split, paper), left.containers, right.patches, strict=True):
        counts = (drawn.truth["motif"] >= 0).sum(1)
        assert [bar.get_height() for bar in bars] == [np.mean(counts == n) for n in range(1, 6)]
        begins = drawn.truth["start"][drawn.truth["motif"] >= 0] // figures.BIN
        shares = np.bincount(begins, minlength=20) / len(begins)
        assert stairs.get_data().values == pytest.approx(shares)


def test_the_bars_of_chance_sites_are_as_long_as_the_shares():
    shares = {"half": np.array([0.1, 0.02]), "most": np.array([0.3, 0.2])}
    axes = figures.chance_bars(["a", "b"], shares).axes[0]
    assert [[bar.get_width() for bar in bars] for bars in axes.containers] == [[0.1, 0.02], [0.3, 0.2]]
    assert [text.get_text().strip() for text in axes.texts] == ["10.0%", "2.0%", "30.0%", "20.0%"]
