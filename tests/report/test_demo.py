import re
from dataclasses import replace

import pytest
from tests.made import make_run, put_run

from receptive.errors import ReceptiveError
from receptive.evidence.claims import cell, published_numbers
from receptive.motifs import tomtom
from receptive.motifs.jaspar import embedded_motifs, jaspar_2016
from receptive.motifs.meme import format_meme
from receptive.networks.variants import variant
from receptive.protocols import RELEASED
from receptive.replication import runs, workers
from receptive.report import demo

STAND_IN = """
import json, os, shutil, sys
from pathlib import Path
from receptive.tasks import dataset
order = json.load(os.fdopen(int(sys.argv[2])))
assert dataset.read(Path(order["data"]), "synthetic").sha256 == order["plans"][0]["plan"]["data_sha256"]
print(json.dumps([1, 0.5]))
print(json.dumps([2, 0.4]))
shutil.copytree(Path({made!r}) / sys.argv[1], Path(order["store"]) / sys.argv[1])
"""
"""Reads the data as a training does, then takes a run that was made up; tests of sweeps train for real."""


def test_the_demo_trains_what_is_missing_and_writes_the_page(tmp_path, small, monkeypatch):
    made, tmp_path = tmp_path / "made", tmp_path / "demo"
    hits = tomtom.table(tomtom.match(embedded_motifs()[:3], jaspar_2016()))
    for network, store in (("cnn-2", made), ("cnn-25", tmp_path / "runs")):
        plan = runs.plan_run(variant(network), small, RELEASED, 0, 2)
        folder = put_run(store, replace(make_run(auroc=0.9), plan=plan))
        (folder / "conv1.untrimmed.meme").write_text(format_meme(embedded_motifs()[:3]))
        (folder / "conv1.tomtom.tsv").write_text(hits)
    monkeypatch.setattr(workers, "PROGRAM", STAND_IN.format(made=str(made)))
    told = []
    records = demo.demo(tmp_path, lambda *tick: told.append(tick[:2]), epochs=2, data=small)
    assert told == [("cnn-2", 1), ("cnn-2", 2)]
    assert [record.plan.network.name for record in records] == ["cnn-2", "cnn-25"]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"index.html", "cnn-2.png", "cnn-2.svg", "cnn-25.png", "cnn-25.svg", "runs"}
    page = (tmp_path / "index.html").read_text()
    assert "$" not in page
    assert page.count('<img src="data:image/png;base64,') == page.count('alt="Sequence logos') == 2
    assert not re.search(r'(src|href)="(?:https?:)?//', page)
    for record in records:
        ours, theirs = demo.comparison_text(record)
        assert all(f">{value}</td>" in page for value in (*ours, *theirs))
    assert "0.980 ± 0.027" in page

    monkeypatch.setattr(demo, "_draw", lambda *_: None)
    again = demo.demo(tmp_path, lambda *tick: pytest.fail("trained again"), epochs=2, data=small)
    assert again == records
    with pytest.raises(ReceptiveError, match="differs in epochs"):
        demo.demo(tmp_path, lambda *tick: None, epochs=1, data=small)


def test_a_failure_in_one_process_reaches_the_user(tmp_path, small, monkeypatch):
    monkeypatch.setattr(workers, "PROGRAM", "import sys; sys.exit('the loss became NaN')")
    with pytest.raises(ReceptiveError, match=r"the training of cnn-.* failed: the loss became NaN"):
        demo.demo(tmp_path, lambda *tick: None, epochs=2, data=small)
    assert not (tmp_path / "index.html").exists()
    assert not list((tmp_path / "runs").rglob("run.json"))


def test_a_killed_process_is_said_in_a_sentence(tmp_path, small, monkeypatch):
    monkeypatch.setattr(workers, "PROGRAM", "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(
        ReceptiveError, match=r"the training of cnn-.* failed: its process was killed by SIGKILL"
    ):
        demo.demo(tmp_path, lambda *tick: None, epochs=1, data=small)


def test_published_numbers_are_those_of_the_tables():
    assert (
        len({(c.id, c.variant, c.layer, c.column) for c in published_numbers()})
        == len(published_numbers())
        == 110
    )
    assert cell("cnn-25", "relevant").mean == 0.980
    assert cell("cnn-1", "relevant", layer="conv2").mean == 0.847
    assert cell("cnn-1-1-100", "auroc") is None
    assert cell("cnn-4", "aupr", task="invivo").sd == 0.005


def test_a_run_is_compared_with_what_was_published_of_its_network():
    ours, theirs = demo.comparison_text(make_run("cnn-25", 0, 0.962, 0.5, 0.25))
    assert theirs == ["0.973 ± 0.001", "0.987 ± 0.016", "0.980 ± 0.027"]
    assert ours == ["0.962", "0.500", "0.250"]
