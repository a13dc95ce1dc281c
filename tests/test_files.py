"""Files and folders are written whole, or nothing changes."""

import pytest

from receptive import files
from receptive.errors import ReceptiveError


def put(folder, text):
    folder.mkdir()
    (folder / "text").write_text(text)


def test_a_folder_replaces_one_only_if_asked(tmp_path):
    place = tmp_path / "run"
    put(place, "old")
    with pytest.raises(ReceptiveError, match="cannot write"), files.whole(place) as part:
        put(part, "new")
    assert (place / "text").read_text() == "old"
    with files.whole(place, replace=True) as part:
        put(part, "new")
    assert (place / "text").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_what_stops_a_replacement_leaves_the_old_folder(tmp_path, monkeypatch, error):
    place = tmp_path / "run"
    put(place, "old")
    rename = files.Path.replace

    def failing(self, target):
        if target == place and (self / "text").read_text() == "new":
            raise error
        return rename(self, target)

    monkeypatch.setattr(files.Path, "replace", failing)
    with pytest.raises((ReceptiveError, KeyboardInterrupt)), files.whole(place, replace=True) as part:
        put(part, "new")
    assert (place / "text").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["run"]
