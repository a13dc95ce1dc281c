import json

from tests.made import make_run

from receptive.figures import sheets
from receptive.motifs import tomtom
from receptive.motifs.jaspar import embedded_motifs, jaspar_2016, relevant_ids
from receptive.motifs.meme import format_meme
from receptive.replication import runs


def test_every_run_has_a_column_with_its_first_filters(tmp_path):
    folders = {"one": tmp_path / "1", "other": tmp_path / "2"}
    for folder, motifs in zip(folders.values(), (embedded_motifs()[:4], embedded_motifs()[4:8]), strict=True):
        folder.mkdir()
        for name in ("conv1.meme", "conv1.untrimmed.meme"):
            (folder / name).write_text(format_meme(motifs))
        (folder / "conv1.tomtom.tsv").write_text(tomtom.table(tomtom.match(motifs, jaspar_2016())))
        (folder / "run.json").write_text(json.dumps(make_run().record()))
    sheet = sheets.side_by_side(folders, filters=2)
    names = [motif.name for motif in embedded_motifs()]
    # Axes come row by row.
    assert [axis.get_ylabel() for axis in sheet.axes] == [names[i] for i in (0, 4, 1, 5)]
    assert [axis.texts[0].get_text() for axis in sheet.axes] == [
        embedded_motifs()[i].id for i in (0, 4, 1, 5)
    ]
    assert [axis.get_title() for axis in sheet.axes] == ["one", "other", "", ""]
    assert tomtom.best_factors(runs.stored_matches(tmp_path / "2")[1], relevant_ids()) == names[4:8]
    assert sheets.names_in_words(folders, filters=2) == (
        f"one: {names[0]}, {names[1]}; other: {names[4]}, {names[5]}"
    )

    # A filter is named by a factor that the run's task asks for, or not at all.
    (tmp_path / "1" / "run.json").write_text(json.dumps(make_run(classes=names[1:3]).record()))
    assert sheets.read_named(tmp_path / "1")[1] == ["", *names[1:3], ""]
    assert sheets.names_in_words({"one": tmp_path / "1"}, filters=1) == "one: none"
