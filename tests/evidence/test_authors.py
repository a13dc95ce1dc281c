"""The authors' in vivo filters: in the package as in the test data, and scored as MEME scored them."""

import csv
import json
from pathlib import Path

import pytest
from tests.made import load_tool

from receptive.evidence import authors, claims
from receptive.motifs.jaspar import FACTORS, RELEVANT
from receptive.motifs.meme import read_meme

DATA = Path(__file__).parents[1] / "data" / "authors" / "invivo"


def theirs(variant: str) -> Path:
    return DATA / variant.replace("cnn-", "cnn_").replace("-", "_")


def printed(variant: str) -> dict[str, set[str]]:
    """The targets that MEME's Tomtom found for each filter, E at most 0.1."""
    lines = theirs(variant).with_suffix(".tomtom.tsv").read_text("utf-8").splitlines()
    hits: dict[str, set[str]] = {}
    for row in csv.DictReader(filter(None, lines), delimiter="\t"):
        hits.setdefault(row["#Query ID"], set()).add(row["Target ID"])
    return hits


def test_all_their_files_are_there() -> None:
    stems = {theirs(variant).name for variant in authors.INVIVO}
    assert {path.name.removesuffix(".clip.meme") for path in DATA.glob("*.meme")} == stems
    assert {path.name.removesuffix(".tomtom.tsv") for path in DATA.glob("*.tomtom.tsv")} == stems


@pytest.mark.parametrize("variant", authors.INVIVO)
def test_the_package_has_the_filters_of_their_file(variant: str) -> None:
    ours, given = authors.filters(variant), read_meme(theirs(variant).with_suffix(".clip.meme"))
    assert len(ours) == 30
    assert [motif.id for motif in ours] == [motif.id for motif in given]
    assert all((a.pwm == b.pwm).all() for a, b in zip(ours, given, strict=True))


def test_the_decision_agrees_with_theirs() -> None:
    matches = [(variant, match) for variant in authors.INVIVO for match in authors.matches(variant)]
    assert len(matches) == 270
    differ = [
        (variant, match.id)
        for variant, match in matches
        if bool(match.hits) != (match.id in printed(variant))
    ]
    assert differ == []


@pytest.mark.parametrize("variant", authors.INVIVO)
def test_the_fractions_are_those_of_their_tables(variant: str) -> None:
    hits = printed(variant).values()
    ids = {id for factor in FACTORS for id in RELEVANT["released"][factor]}
    fractions = authors.fractions(variant)
    assert fractions["jaspar"] == pytest.approx(len(hits) / 30)
    assert fractions["relevant"] == pytest.approx(sum(bool(hit & ids) for hit in hits) / 30)
    assert fractions["relevant_embedded"] <= fractions["relevant"] <= fractions["jaspar"]


def test_table_2_has_every_variant_in_this_order() -> None:
    order = [
        cell.variant for cell in claims.published_numbers() if (cell.task, cell.column) == ("invivo", "auroc")
    ]
    assert [variant for variant in order if variant in authors.INVIVO] == list(authors.INVIVO)


@pytest.mark.claim("VIVO-1")
def test_their_real_filters_show_the_trend_with_pool_size() -> None:
    """What the table says of five trials, one trial of another version shows too."""
    document = {variant: authors.fractions(variant) for variant in authors.INVIVO}
    for column in ("jaspar", "relevant"):
        low, *high = (
            document[variant][column] for variant in ("cnn-2", "cnn-10", "cnn-25", "cnn-50", "cnn-100")
        )
        assert low < document["cnn-4"][column] < min(high)


def test_the_constants_that_ship_are_what_the_data_say() -> None:
    """Written anew by tools/constants.py."""
    assert json.loads(json.dumps(load_tool("constants").constants())) == authors.constants()
