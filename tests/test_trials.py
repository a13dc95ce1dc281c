"""Pages of runs: they say what the files beside them say, and lead to them."""

import base64
import os
import re
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest
import trials
from hypothesis import given
from tests.made import make_run, put_run
from tests.strategies import pwms

from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016
from receptive.motifs.meme import format_meme
from receptive.motifs.motif import Motif


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three trials of one network, another of a switched protocol, each with filters and hits."""
    folder = tmp_path_factory.mktemp("store")
    made = [make_run(trial=n, auroc=0.9 + n / 50, classes=("MAX", "<b>")) for n in range(3)]
    made += [
        make_run("cnn-2", protocol="released+beta_1=0.9", epochs=5, commit="abc+", begin="then", end="now")
    ]
    filters = [
        replace(jaspar_2016()[0], id="filter0"),
        Motif("filter1", "", np.zeros((5, 4)), 0),
        Motif("filter2", "", np.array([[0.7, 0.1, 0.1, 0.1]]), 9),
    ]
    for run in made:
        place = put_run(folder, run)
        (place / "conv1.meme").write_text(format_meme(filters))
        hits = tomtom.match(filters, jaspar_2016())
        (place / "conv1.tomtom.tsv").write_text(tomtom.table(hits), "utf-8")
    return folder


@pytest.fixture
def site(store, tmp_path):
    trials.write(store, tmp_path / "runs", "../docs/index.html")
    return tmp_path / "runs"


def test_every_run_has_a_page_with_its_files_beside_it(store, site):
    for path in store.rglob("run.json"):
        place = site / path.parent.relative_to(store)
        for file in path.parent.iterdir():
            assert (place / file.name).read_bytes() == file.read_bytes()
            assert f'<a href="{file.name}">' in (place / "index.html").read_text("utf-8")


def test_every_link_leads_to_a_file(site):
    home = site.parent / "docs" / "index.html"
    home.parent.mkdir()
    home.touch()
    pages = list(site.rglob("index.html"))
    assert len(pages) == 1 + 2 + 4
    for page in pages:
        for link in re.findall(r'<a href="([^"#]+)', page.read_text("utf-8")):
            assert (page.parent / link.replace("%2B", "+")).resolve().is_file(), (page, link)


def test_a_page_says_what_made_the_run(site):
    text = (site / "synthetic/cnn-2/released+beta_1=0.9/trial-0/index.html").read_text("utf-8")
    facts = ("conv19 pool2 conv5 pool50", "released, but beta_1 = 0.9 (D-14)", "commit abc+", "then to now")
    for fact in (*facts, "0" * 64, "seed 0; 1 epochs of at most 5", "no: shortened"):
        assert fact in text
    assert jaspar_2016()[0].name in text
    assert "dead: no site" in text
    assert "filter2 · no match</p>" in text


def test_names_of_classes_are_text(site):
    text = (site / "synthetic/cnn-25/released/trial-0/index.html").read_text("utf-8")
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


def test_the_page_of_trials_has_their_mean_and_deviation(site):
    text = (site / "synthetic/cnn-25/released/index.html").read_text("utf-8")
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", text)]
    scores = [0.9, 0.92, 0.94]
    assert [row[1] for row in rows[1:]] == [*map("{:.3f}".format, (*scores, fmean(scores), stdev(scores)))]


def test_shortened_runs_count_in_no_mean(site):
    assert ">mean<" not in (site / "synthetic/cnn-2/released+beta_1=0.9/index.html").read_text("utf-8")


def test_a_page_is_made_again_when_a_file_of_its_run_is_younger(store, site):
    first, second = (site / f"synthetic/cnn-25/released/trial-{n}/index.html" for n in (0, 1))
    later = second.stat().st_mtime + 10
    made = store / "synthetic/cnn-25/released/trial-1/run.json"
    for page in (first, second):
        page.write_text("old", "utf-8")
    os.utime(made, (later, later))
    trials.write(store, site)
    assert first.read_text("utf-8") == "old"
    assert second.read_text("utf-8") != "old"


@given(pwms())
def test_the_heights_of_a_logo_are_shares_of_the_information(pwm):
    """Against VIS-2 column by column: p times log2 4 minus the column's entropy."""
    drawn = np.frombuffer(base64.b64decode(trials.heights(pwm)), np.uint8).reshape(-1, 4) / 127.5
    for row, seen in zip(pwm, drawn, strict=True):
        entropy = -sum(p * np.log2(p) for p in row if p > 0)
        assert seen == pytest.approx(row * (2 - entropy), abs=1 / 255 + 1e-9)
