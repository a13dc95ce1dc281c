"""What needs the extra ``jaspar``: ``tox -e jaspar`` runs these tests."""

import numpy as np
import pytest

from receptive.errors import UsageError
from receptive.motifs.jaspar import database, jaspar_2016

pytestmark = pytest.mark.jaspar


def test_jaspar_2016_of_pyjaspar_is_the_packaged_database():
    packaged = {motif.id: motif for motif in jaspar_2016()}
    released = {motif.id: motif for motif in database("JASPAR2016")}
    assert set(released) == set(packaged)
    for identifier, motif in released.items():
        np.testing.assert_allclose(motif.pwm, packaged[identifier].pwm, atol=1e-6)
        assert motif.name == packaged[identifier].name


def test_a_later_release_holds_more():
    assert len(database("JASPAR2026")) > 519


def test_a_release_that_never_was_is_refused():
    with pytest.raises(UsageError, match=r"JASPAR1999: pyjaspar has .*JASPAR2016"):
        database("JASPAR1999")
