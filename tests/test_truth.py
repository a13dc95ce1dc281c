"""How much of a known truth is found: against the definitions, and what chance and an oracle come to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from truth import localisation, mark_planted, recover

from receptive.audits.attribution import Effects
from receptive.motifs import tomtom
from receptive.motifs.jaspar import embedded_motifs, jaspar_2016, relevant_ids
from receptive.motifs.motif import Motif
from receptive.tasks import synthetic


def test_the_planted_motifs_themselves_recover_all_twelve_factors():
    flat = Motif("flat", "", np.full((12, 4), 0.25), 12)
    dead = Motif("dead", "", np.zeros((12, 4)), 12)
    matches = tomtom.match([*embedded_motifs(), flat, dead, embedded_motifs()[0]], jaspar_2016())
    recovery = recover(matches, relevant_ids())
    assert recovery.factors == tuple(sorted(relevant_ids()))
    assert (recovery.motifs, recovery.spurious) == (14, 1)
    assert recover([], relevant_ids()) == (0, (), 0)


def test_planted_positions_are_those_that_the_sequence_models_are_drawn_from():
    data = synthetic.generate(seed=3, sequences=40)
    sites = mark_planted(data.test.truth, data.length, embedded_motifs())
    drawn = (synthetic.sequence_models(data.test) != 0.25).any(1)  # background is uniform
    assert (sites.any(1) >= drawn).all()  # a column of a motif may be uniform, too
    np.testing.assert_array_equal(sites.any(2), data.test.Y == 1)
    widths = [motif.width for motif in embedded_motifs()]
    for row, motifs in enumerate(data.test.truth["motif"]):
        assert sites[row].sum() == sum(widths[motif] for motif in motifs if motif >= 0)


def effects(values):
    rows = np.arange(len(values))
    return Effects(rows, np.zeros_like(rows), values.astype(np.float32), "the output", 1)


@given(st.integers(0, 99))
def test_attributions_of_the_sites_alone_are_perfect(seed):
    rng = np.random.default_rng(seed)
    X = np.eye(4, dtype=np.uint8)[rng.integers(4, size=(3, 20))]
    sites = np.zeros((3, 1, 20), bool)
    for row in (0, 1):  # the third has no site and does not count
        sites[row, 0, rng.choice(20, 5, replace=False)] = True
    own = X * sites[:, 0, :, None]
    area, chance = localisation(effects(own), X, sites)
    assert (area, chance) == (pytest.approx(1), pytest.approx(0.25))
    others = (1 - X) * sites[:, 0, :, None]  # what other letters do is no matter
    assert localisation(effects(others), X, sites)[0] == pytest.approx(0.25)
    assert localisation(effects(-own.astype(float)), X, sites)[0] == pytest.approx(0.25)  # all of them last


def test_precision_over_positions_is_counted_by_hand():
    X = np.eye(4, dtype=np.uint8)[[[0, 1, 2, 3]]]
    values = np.array([[[4, 9, 9, 9], [9, 3, 9, 9], [9, 9, 2, 9], [9, 9, 9, 1]]])
    sites = np.array([[[True, False, True, False]]])
    area, chance = localisation(effects(values), X, sites)
    assert area == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert chance == 0.5
