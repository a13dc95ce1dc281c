"""Commands of the manual are shown with what they print."""

import importlib.util
import re
from pathlib import Path

import pytest

from receptive.replication import runs

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def shown():
    spec = importlib.util.spec_from_file_location("shown", DOCS / "shown.py")
    assert spec
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_command_is_run_and_stands_above_what_it_prints(shown):
    page = 'Before.\n\n```{shown} receptive field "conv7 pool3" --input 60\n```\n\nAfter.\n'
    filled = shown.filled(page)
    assert filled.startswith('Before.\n\n```console\n$ receptive field "conv7 pool3" --input 60\nlayer ')
    assert re.search(r"^pool1 +pool +9 +3 +-3 +20 ", filled, re.M)
    assert filled.endswith("```\n\nAfter.\n")


def test_a_command_may_read_and_write_files_in_a_folder_of_its_own(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown.output("receptive match filters.meme").startswith("filter ")
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_stops_the_build(shown):
    with pytest.raises(ValueError, match=r"receptive field nonsense: exit code \d: .*nonsense"):
        shown.output("receptive field nonsense")


def test_a_stored_training_is_shown_as_it_ended(shown):
    text = shown.filled("```{trained} synthetic/cnn-25/released/trial-0\n```\n")
    assert "$ receptive train cnn-25 --data synthetic.h5 --trial 0 --store my-runs\n" in text
    assert "stored in my-runs/synthetic/cnn-25/released/trial-0" in text


def test_no_fence_of_these_kinds_is_left_over(shown):
    for page in DOCS.glob("*.md"):
        text = page.read_text("utf-8")
        places = (shown.PLACE, shown.TRAINED, shown.DEMONSTRATED)
        known = sum(len(place.findall(text)) for place in places)
        assert known == len(re.findall(r"```\{(?:shown|trained|demonstrated)\b", text)), page


def test_no_page_of_the_manual_runs_commands_by_a_cell_of_its_own():
    """A command stands in a fence, so that all are shown alike and one test knows them all."""
    cells = {
        page.name: re.findall(r"^```\{code-cell\}.*?^```", page.read_text("utf-8"), re.M | re.S)
        for page in DOCS.glob("*.md")
    }
    assert [name for name, codes in cells.items() if "CliRunner" in "".join(codes)] == []


def test_of_a_long_output_the_beginning_is_shown_and_how_much_is_left(shown):
    whole = shown.output("receptive variants").splitlines()
    filled = shown.filled("```{shown:4} receptive variants\n```").splitlines()
    assert filled == [
        "```console",
        "$ receptive variants",
        *whole[:4],
        "",
        f"({len(whole) - 4} more lines)",
        "```",
    ]
    assert shown.filled("```{shown:900} receptive variants\n```").splitlines()[2:-1] == whole


def test_the_demo_is_shown_with_the_numbers_of_stored_runs_of_its_plan(shown):
    text = shown.filled("```{demonstrated}\n```\n")
    assert "$ receptive demo --epochs 100 --out demo\nnetwork " in text
    assert "One trial of 100 epochs" in text
    for name in ("cnn-2", "cnn-25"):
        run = runs.load(DOCS.parent / "results" / "synthetic" / name / "released" / "trial-0")
        (line,) = [line.split() for line in text.splitlines() if line.startswith(f"{name} ")]
        assert f"{run.auroc_mean:.3f}" in line
        assert f"{run.filters['conv1'].relevant:.3f}" in line
