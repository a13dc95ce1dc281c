"""Files and folders are written whole, or nothing changes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.made import make_run, put_run

from receptive import files
from receptive.errors import ReceptiveError


def put(folder, text):
    folder.mkdir()
    (folder / "text").write_text(text)


def test_a_folder_replaces_one_only_if_asked(tmp_path):
    place = tmp_path / "run"
    put(place, "old")
    with pytest.raises(ReceptiveError, match="cannot write"), files.atomic_write(place) as part:
        put(part, "new")
    assert (place / "text").read_text() == "old"
    with files.atomic_write(place, replace=True) as part:
        put(part, "new")
    assert (place / "text").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_what_stops_a_replacement_leaves_the_old_folder(tmp_path, monkeypatch, error):
    place = tmp_path / "run"
    put(place, "old")
    rename = Path.replace

    def failing(self, target):
        if target == place and (self / "text").read_text() == "new":
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises((ReceptiveError, KeyboardInterrupt)), files.atomic_write(place, replace=True) as part:
        put(part, "new")
    assert (place / "text").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_is_being_written_is_not_tidied_away(tmp_path):
    with files.atomic_write(tmp_path / "a") as part, files.temporary_files(tmp_path):
        part.write_text("new")
        files.tidy(tmp_path)
        files.tidy(tmp_path, "a")
        files.write_text(tmp_path / "a", "another's")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "new")]


def test_without_a_lock_only_what_is_ours_and_old_is_tidied_away(tmp_path):
    """On file systems without locks, and of versions before there were any."""
    for name, inside in (
        (".a.old_1234", "a"),
        (".a.new_1234", "a"),
        (".a.not_ours", "b"),
        (".b.old_1234", "b"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / inside).write_text("half")
        if "new" not in name:
            os.utime(tmp_path / name, (0, time.time() - 2 * files.STALE_SECONDS))
    files.write_text(tmp_path / "a", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".a.new_1234",
        ".a.not_ours",
        ".b.old_1234",
        "a",
    ]
    files.tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.new_1234", ".a.not_ours", "a"]


def test_temporary_files_go_beside_the_store_unless_its_name_is_no_text(tmp_path):
    before = tempfile.gettempdir()
    with files.temporary_files(tmp_path / "store"):
        assert Path(tempfile.gettempdir()).parent == tmp_path / "store"
    with files.temporary_files(tmp_path / os.fsdecode(b"\xff")):
        assert tempfile.gettempdir() == before
    assert tempfile.gettempdir() == before
    assert list(tmp_path.iterdir()) == []


WINDOWS = """
import os, sys
sys.modules["fcntl"] = None
for name in ("O_NONBLOCK", "O_CLOEXEC", "set_blocking", "sysconf"):
    delattr(os, name)
from receptive.cli import main
main()
"""
"""The command line, on a system that lacks what Windows lacks."""


@pytest.mark.parametrize("command", ["report", "claims"])
def test_what_runs_say_is_read_without_the_locks_of_unix(command, tmp_path):
    put_run(tmp_path, make_run())
    words = [sys.executable, "-c", WINDOWS, command, "--store", ".", "--json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
