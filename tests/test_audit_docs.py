"""What docs/audit.md says of its examples is what their audits say, which lie beside their pages."""

import json
import re
import runpy
from pathlib import Path

import pytest

import audits
from receptive.audits.audit import FEW_SITES
from receptive.tasks.dataset import read_split

ROOT = Path(__file__).parents[1]
AUDITS = ROOT / "docs" / "_static" / "audits"
LINES = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8").splitlines()
WORDS = " ".join(LINES)


def audited(name):
    return json.loads((AUDITS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", audits.SEQUENCES)
def test_a_page_is_what_is_drawn_of_its_numbers_today(name):
    """Another look of the pages of audits takes ``python tools/audits.py --redraw``."""
    assert (AUDITS / f"{name}.html").read_text(encoding="utf-8") == audits.redraw(name)


def by_importance(name):
    return sorted(audited(name)["filters"], key=lambda entry: -entry["importance"])


@pytest.mark.parametrize("name", ["basset", "basset-pool25", "bpnet", "bpnet-plain"])
def test_the_table_has_the_numbers_of_the_audits(name):
    document = audited(name)
    n = len(document["filters"])
    (layer,) = (layer for layer in document["layers"] if layer["name"] == document["layer"])
    jaspar, relevant = (round(document["fractions"][column] * n) for column in ("jaspar", "relevant"))
    shuffled = round(document["control"]["fractions"]["jaspar"] * n)
    expected, link = layer["prediction"] or "–", f'<a href="../_static/audits/{name}.html">audit</a>'
    row = (
        f"| `{name}` | {layer['assembly_bits']:.2f} | {expected} | {document['auroc']:.3f} | "
        f"{jaspar} of {n} | {shuffled} of {n} | {relevant} of {n} | {link} |"
    )
    assert row in LINES
    assert f"over {document['sequences']:,} test sequences" in WORDS


def test_what_is_said_of_shuffled_sequences():
    assert any("as many filters match" in warning for warning in audited("basset")["warnings"])
    bits = next(row["assembly_bits"] for row in audited("basset")["layers"] if row["name"] == "conv1")
    assert f"leaves the second layer {bits:.2f} bits" in WORDS
    every = audited("bpnet")["filters"]
    both = sum(bool(each["best"]) and each["control"]["matches"] for each in every)
    matched = sum(bool(each["best"]) for each in every)
    assert matched - both == 1
    assert f"All but one of its {matched} matches stand on shuffled sequences as well" in WORDS


def test_what_is_said_of_bassets_filters():
    assert [bool(entry["best"]) for entry in by_importance("basset")].index(True) == 16
    assert "sixteen most important filters match nothing" in WORDS
    shares = []
    for name in ("basset", "basset-pool25", "bpnet"):
        every = by_importance(name)
        matched = sum(entry["importance"] for entry in every if entry["best"])
        shares.append(round(100 * matched / sum(entry["importance"] for entry in every)))
    less, more, most = shares
    assert f"{less}% of the summed importance ({more}% in `basset-pool25`, {most}% in `bpnet`)" in WORDS
    flat = [
        round(audited(name)["fractions"]["jaspar_without_gmeb1"] * 60) for name in ("basset-pool25", "basset")
    ]
    assert f"({flat[0]} against {flat[1]} if Gmeb1" in WORDS


def test_what_is_said_of_cnn_25():
    document, every = audited("cnn-25"), by_importance("cnn-25")
    (layer,) = (layer for layer in document["layers"] if layer["name"] == document["layer"])
    assert f"{layer['assembly_bits']:.2f} bits, *{layer['prediction']}*" in WORDS

    def counts(fractions):
        return [round(fractions[column] * len(every)) for column in ("jaspar", "relevant")]

    jaspar, relevant = counts(document["fractions"])
    assert f"{jaspar} of {len(every)} filters match JASPAR, {relevant} of them a factor of the task" in WORDS
    jaspar, relevant = counts(document["control"]["fractions"])
    assert f"On shuffled sequences {jaspar} match, {relevant} of them such a factor" in WORDS
    matched, others = (
        [each["importance"] for each in every if bool(each["best"]) == side] for side in (True, False)
    )
    others_said, matched_said = (f"−{-rises[-1]:.3f} to +{rises[0]:.3f}" for rises in (others, matched))
    assert f"change the loss by {others_said}, and the others by {matched_said}" in WORDS
    share = round(100 * sum(matched) / sum(matched + others))
    assert f"these make up {share}% of the summed importance" in WORDS


def test_what_is_said_of_few_sites_is_what_its_script_finds():
    """On a third of the filters, at two numbers of sites; the page has all of them."""
    script = runpy.run_path(str(ROOT / "docs" / "examples" / "few_sites.py"))
    nothing, _ = script["filters"](ROOT / "results", ("synthetic/cnn-2", "chipseq/cnn-2"))
    by_chance = [script["share"](nothing, sites) for sites in (10, FEW_SITES)]
    assert by_chance[0] > 0.3
    assert by_chance[1] < 0.2
    said = {
        int(row[0]): int(row[1]) for row in re.findall(r"\| (\d+) \| (\d+)% \| \d+% \|", "\n".join(LINES))
    }
    assert tuple(said) == script["SITES"]
    assert all(said[sites] <= 100 / 7 for sites in said if sites >= FEW_SITES)


def test_the_hdf5_file_of_the_page_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    exec(re.search(r"```python\n(.*?)```", page, re.S)[1], {})
    split, classes = read_split("mine.h5")
    assert (split.X.shape, split.Y.shape, classes) == ((60, 200, 4), (60, 2), ("SP1", "SRF"))
