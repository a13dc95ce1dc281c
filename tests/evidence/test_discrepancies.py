"""Where the paper contradicts itself or its code, checked on data that the project holds."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from receptive.evidence import claims, discrepancies, measured
from receptive.evidence.discrepancies import QUOTES, fits, own_filters
from receptive.evidence.rules import key
from receptive.motifs.jaspar import FACTORS, RELEVANT
from receptive.networks.variants import VARIANTS, parameters

HERE = Path(__file__).parents[1]
RESULTS = HERE.parent / "results"
FRACTIONS = [cell for cell in claims.published_numbers() if cell.layer]


def authors(task):
    """The authors' tables of one trial: AU-ROC of each network, mean and deviation over classes, as text."""
    text = (HERE / "data" / "authors" / task / "performance_summary.tsv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    scores = {row["model"].replace("_", "-"): row["ave roc"].split(r"$\pm$") for row in rows}
    return {re.sub("^cnn-([39])", r"cnn\1", name): score for name, score in scores.items()}


@pytest.mark.claim("D-1")
def test_the_published_errors_of_auroc_are_of_trials_not_of_classes():
    """Classes differ at least twice as much in every run of ours and of the authors; our trials do not."""
    scores = {
        cell.variant: cell
        for cell in claims.published_numbers()
        if cell.id.startswith("T1-") and not cell.layer
    }
    spread = discrepancies.class_spread(RESULTS)
    assert len(spread["cnn-2"]) == len(measured.require_results(RESULTS).of(key("cnn-2", "auroc"))) > 1
    assert {"cnn-2", "cnn-25"} <= spread.keys() & scores.keys()
    for variant in spread.keys() & scores.keys():
        assert min(spread[variant]) > 2 * scores[variant].sd, variant
    for task in ("synthetic", "invivo"):
        for variant, (_, deviation) in authors(task).items():
            cell = claims.cell(variant, "auroc", task)
            assert cell is None or float(deviation) > 2 * cell.sd, variant
    ours = measured.require_results(RESULTS)
    trials = {v: np.std(ours.of(key(v, "auroc"))) for v in scores if len(ours.of(key(v, "auroc"))) > 2}
    assert np.median(list(trials.values())) < max(cell.sd for cell in scores.values())


@pytest.mark.claim("D-1")
def test_published_fractions_are_of_five_trials():
    """Each is a whole number of filters out of those of five trials, and they are not of other numbers."""
    assert all(fits(cell, own_filters(cell)) for cell in FRACTIONS)
    thirty = [cell for cell in FRACTIONS if own_filters(cell) == 30]
    for trials in (3, 4, 6):
        total = trials * 30
        assert not all(abs(round(cell.mean * total) / total - cell.mean) < 6e-4 for cell in thirty)


@pytest.mark.claim("D-2")
def test_three_rows_of_table_2_are_table_1s():
    copied = discrepancies.copied_cells()
    assert Counter(cell.id for cell in copied) == {"T2-11": 2, "T2-12": 2, "T2-13": 2}
    assert {cell.column for cell in copied} == {"jaspar", "relevant"}
    falling = [cell.mean for cell in copied if cell.column == "relevant"]
    assert falling == sorted(falling, reverse=True), "VIVO-4 says that more filters match"


@pytest.mark.claim("D-3")
def test_the_text_repeats_numbers_of_table_1_with_others():
    for quote in QUOTES:
        assert quote.variant == quote.cell.variant
    assert [quote.variant for quote in QUOTES if not quote.agrees] == [
        "cnn9-4",
        "cnn9-25",
        "cnn3-50",
        "cnn3-2",
        "cnn-50-2",
        "cnn19-1-2",
    ]
    (quote,) = (quote_ for quote_ in QUOTES if quote_.variant == "cnn19-1-2")
    assert round(claims.cell("cnn19-1-2", "jaspar").mean, 2) == quote.mean, "it is the other column's"


@pytest.mark.claim("D-1", "D-3")
def test_the_score_of_cnn3_50_in_the_text_is_that_of_an_earlier_single_trial_over_classes():
    (quote,) = (quote_ for quote_ in QUOTES if quote_.variant == "cnn3-50")
    assert [f"{quote.mean:.3f}", f"{quote.sd:.3f}"] == authors("synthetic")["cnn3-50"]


@pytest.mark.claim("D-4")
def test_the_list_of_factors_names_one_twice():
    named = Counter(discrepancies.NAMED_FACTORS)
    assert named.total() == 13
    assert [name for name, times in named.items() if times > 1] == ["MEF2A"]
    assert {{"Arid3": "Arid3a"}.get(name, name) for name in named} == set(FACTORS)
    assert len(FACTORS) == 12


@pytest.mark.claim("D-4")
def test_columns_of_percentages_hold_fractions():
    assert max(cell.mean for cell in FRACTIONS) <= 1


@pytest.mark.claim("D-6")
def test_the_released_networks_with_more_filters_are_not_those_of_the_table():
    """The file has 30 filters; 0.909, in the row of 90, is no whole number of filters out of 150."""
    sizes = {parameters(VARIANTS[name], 200) for name in discrepancies.RELEASED_FILTERS}
    assert len(sizes) == 4
    for name, filters in discrepancies.RELEASED_FILTERS.items():
        cells = [cell for cell in FRACTIONS if cell.id.startswith("T1-") and cell.variant == name]
        assert filters == VARIANTS["cnn-25"].filters[0]
        assert all(fits(cell, own_filters(cell)) for cell in cells)
        assert all(fits(cell, filters) for cell in cells) == (name != "cnn-25-90")


@pytest.mark.claim("D-9")
def test_the_released_list_is_the_embedded_one_and_more():
    for factor, ids in RELEVANT["embedded"].items():
        assert set(ids) <= set(RELEVANT["released"][factor])
