import csv
import json
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.container import ErrorbarContainer
from tests.made import make_run, put_run

from receptive.errors import ReceptiveError
from receptive.evidence import authors, claims, measured
from receptive.evidence.claims import Quantity
from receptive.evidence.measured import Results
from receptive.evidence.roster import DECIDED
from receptive.evidence.rules import key
from receptive.figures.matches import POOLS, match_fractions
from receptive.motifs import tomtom
from receptive.motifs.jaspar import FACTORS, embedded_motifs, jaspar_2016
from receptive.motifs.meme import format_meme
from receptive.networks import training
from receptive.networks.variants import NUMBERS, VARIANTS
from receptive.protocols import ABLATED
from receptive.replication.targets import TABLE_2
from receptive.report import drawings, records, report, tables
from receptive.tasks import chipseq

TRIALS = {
    "cnn-2": [(0.966, 0.50, 0.0), (0.967, 0.40, 0.1), (0.965, 0.45, 0.0)],
    "cnn-25": [(0.972, 0.90, 0.8), (0.962, 1.00, 1.0)],
    "cnn-4": [(0.955, 0.60, 0.2)],
}
"""AU-ROC, JASPAR and relevant fraction of made-up runs."""


def put(store, network, trial, *numbers, **changes):
    """Store a made-up run; what is no argument of ``make_run`` is changed in its record."""
    damage = {name: changes.pop(name) for name in ("metrics", "filters") if name in changes}
    return put_run(store, make_run(network, trial, *numbers, **changes), **damage)


def put_filters(folder, layer, motifs):
    """Give a made-up run motifs of JASPAR as its filters, with their hits."""
    for ending in (".meme", ".untrimmed.meme"):
        (folder / f"{layer}{ending}").write_text(format_meme(motifs))
    hits = tomtom.table(tomtom.match(motifs, jaspar_2016()))
    (folder / f"{layer}.tomtom.tsv").write_text(hits)


def factors(by_factor):
    """A change of a made-up ``run.json`` in how many filters match each factor."""
    layer = make_run().record()["filters"]["conv1"]
    return {"filters": {"conv1": {**layer, "by_factor": by_factor}}}


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A store with three networks, CNN-2's first trial with filters."""
    store = tmp_path_factory.mktemp("made up")
    for variant, trials in TRIALS.items():
        for trial, numbers in enumerate(trials):
            put(store, variant, trial, *numbers)
    for variant in ("cnn-2", "cnn-4", "cnn-25"):
        put_filters(store / "synthetic" / variant / "released" / "trial-0", "conv1", embedded_motifs()[:3])
    return store


@pytest.fixture(scope="module")
def written(made_up, tmp_path_factory):
    """The report of the made-up store, written out."""
    out = tmp_path_factory.mktemp("report")
    drawings.write(report.read(made_up), made_up, out)
    return out


def document(store):
    """The report of a store as JSON has it."""
    return records.record(report.read(store))


def cell(record, variant, column, layer=None):
    wanted = (variant, column, layer)
    (cell_found,) = (c for c in record["cells"] if (c["variant"], c["column"], c["layer"]) == wanted)
    return cell_found


# What is measured.


def test_a_store_is_read_trial_by_trial(made_up):
    results = measured.require_results(made_up)
    for variant, trials in TRIALS.items():
        numbers = [
            results.of(Quantity(variant, layer, column))
            for layer, column in (("", "auroc"), ("conv1", "jaspar"), ("conv1", "relevant"))
        ]
        assert list(zip(*numbers, strict=True)) == trials
        assert results.of(key(variant, "relevant_embedded")) == tuple(r / 2 for *_, r in trials)
        assert [trial["MAX"] for trial in results.factors[variant, "conv1"]] == [r / 12 for *_, r in trials]
    assert results.of(key("cnn-10", "auroc")) == ()
    assert results.left_out == ()


def test_a_report_says_which_networks_have_runs_of_more_than_one_recipe(command, made_up, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    assert document(store)["recipes"] == {"cnn-2": [2], "cnn-25": [2], "cnn-4": [2]}
    assert tables.mixed_recipes(report.read(store)) == ""
    put(store, "cnn-4", 1, 0.9, 0.5, 0.5, recipe=1)
    code, out, _ = command("report", "--store", store)
    assert code == 0
    assert (
        "Runs of more than one recipe (see run.json), trials of different code, are together in cnn-4." in out
    )
    assert "together in cnn-4" in tables.markdown(report.read(store), {})


def test_trials_are_in_the_order_of_their_numbers(tmp_path):
    for trial in (10, 9, 2, 0):
        put(tmp_path, "cnn-2", trial, trial / 100, 0, 0)
    assert measured.require_results(tmp_path).of(key("cnn-2", "auroc")) == (0, 0.02, 0.09, 0.1)


@pytest.mark.parametrize("change", [{"epochs": 99}, {"complete": False}])
def test_shortened_and_incomplete_runs_never_count(made_up, tmp_path, change):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    folder = put(store, "cnn-25", 2, 0.5, 0.5, 0.5, **change)
    results = measured.require_results(store)
    assert results.values == measured.require_results(made_up).values
    assert results.left_out == (folder,)
    record = document(store)
    assert cell(record, "cnn-25", "auroc")["verdict"] == "not measured"
    assert record["left_out"] == [str(folder)]


def test_protocols_and_tasks_are_kept_apart(made_up, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    put(store, "cnn-2", 0, 0.1, 0.1, 0.1, protocol="paper", data="1")
    put(store, "cnn-2", 0, 0.2, 0.2, 0.2, protocol="released+beta_1=0.9")
    put(store, "cnn-2", 0, 0.3, 0.3, 0.3, task="chipseq", data="2")
    assert measured.require_results(store).values == measured.require_results(made_up).values
    assert measured.require_results(store, "paper").of(key("cnn-2", "auroc")) == (0.1,)
    assert measured.require_results(store, task="chipseq").of(key("cnn-2", "auroc")) == (0.3,)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("{", "not JSON"),
        ("3", "not a run, expected an object, found 3"),
        ("null", "not a run, expected an object, found None"),
        ({"metrics": {}}, "not a run, no field 'auroc'"),
        ({"metrics": None}, "expected an object as metrics, found None"),
        ({"plan": []}, "expected an object as plan, found []"),
        ({"metrics": {"auroc": ["high"], "aupr": [0]}}, "ValueError"),
        ({"metrics": {"auroc": [float("nan")], "aupr": [0]}}, "auroc is nan, not between 0 and 1"),
        ({"metrics": {"auroc": [1.2], "aupr": [0]}}, "auroc is 1.2, not between 0 and 1"),
        ({"metrics": {"auroc": [None], "aupr": [None]}}, "no class has a score"),
        ({"filters": {"conv1": {"jaspar": 0.5}}}, "not a run, no field 'n'"),
        ({"history": {"loss": [1.0]}}, "not a run, no field 'val_loss'"),
        ({"key": "0123456789abcdef"}, "its key is not that of its plan by recipe 2"),
        ({"schema": 99}, "written by a newer receptive"),
        ({"filters": []}, "expected an object as filters, found []"),
        ({"filters": {}}, "filters: none at all"),
        (factors({"MAX": 0.5}), "other layers or factors than in the trials before it"),
        (factors({"MAX": "half"}), "ValueError"),
        (factors({"MAX": float("nan")}), "by_factor MAX is nan, not between 0 and 1"),
        (factors(3), "AttributeError"),
        ({"data": {}}, "not a run, no field 'sha256'"),
        ({"variant": "cnn-4"}, "not what its plan says, but ('synthetic', 'cnn-4', 2, 'released')"),
        ({"protocol": "paper"}, "not what its plan says"),
        (make_run("cnn-4", 2).record(), "holds another run, synthetic/cnn-4/released/trial-2"),
        (make_run(trial=2, protocol="paper").record(), "holds another run, synthetic/cnn-25/paper/trial-2"),
        (make_run(trial=2, task="chipseq").record(), "holds another run, chipseq/cnn-25/released/trial-2"),
        ({"data": {"sha256": "1"}}, "were trained on different data"),
    ],
)
def test_a_damaged_run_is_named(command, made_up, tmp_path, damage, message):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    path = put(store, "cnn-25", 2, 0.97, 0.9, 0.9) / "run.json"
    whole = json.loads(path.read_text())
    path.write_text(damage if isinstance(damage, str) else json.dumps({**whole, **damage}))
    code, out, err = command("report", "--store", store)
    assert (code, out) == (1, "")
    assert message in err
    assert str(path.parent) in err


def test_a_folder_that_cannot_be_looked_into_is_named(made_up, monkeypatch):
    """Not by its rights, which do not bind the administrator who may run the tests."""
    closed = made_up / "synthetic" / "cnn-4"
    look = Path.iterdir

    def refuse(folder):
        if folder == closed:
            raise PermissionError(13, "Permission denied")
        return look(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ReceptiveError, match=f"cannot read {closed}: Permission denied"):
        measured.require_results(made_up)


def test_a_run_folder_without_a_run_is_named(made_up, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    (store / "synthetic" / "cnn-25" / "released" / "trial-2").mkdir()
    with pytest.raises(ReceptiveError, match=r"cannot read .*trial-2"):
        measured.require_results(store)


def test_a_store_without_runs_is_a_clear_error(command, tmp_path, made_up):
    put(tmp_path / "short", "cnn-25", 0, 0.9, 0.5, 0.5, epochs=2)
    (tmp_path / "empty").mkdir()
    for folder, protocol, message in (
        (tmp_path / "nowhere", "released", "no such folder"),
        (tmp_path / "empty", "released", "synthetic under protocol 'released', but no run at all"),
        (made_up, "paper", "under protocol 'paper', but synthetic under 'released'"),
        (tmp_path / "short", "released", "1 shortened or incomplete run"),
    ):
        code, out, err = command(
            "report", "--store", folder, "--protocol", protocol, "--out", tmp_path / "out"
        )
        assert (code, out) == (1, "")
        assert message in err
        assert str(folder) in err
    assert not (tmp_path / "out").exists()


# What is reported.


def test_every_published_number_of_the_synthetic_task_is_there(made_up):
    record = document(made_up)
    expected = [(c.id, c.column, c.mean, c.sd) for c in claims.published_numbers() if c.task == "synthetic"]
    assert [
        (c["id"], c["column"], c["published_mean"], c["published_sd"]) for c in record["cells"]
    ] == expected
    assert [claim["id"] for claim in record["claims"]] == [claim.id for claim in DECIDED]
    assert {claim.id for claim in DECIDED} >= {"POOL-1", "DEEP-3", "VIVO-5", "ASM-3", "DISC-1"}


def test_numbers_of_the_report(made_up):
    record = document(made_up)
    two = cell(record, "cnn-2", "jaspar", "conv1")
    assert (two["n"], two["mean"], two["sd"]) == (3, pytest.approx(0.45), pytest.approx(0.05))
    assert two["difference"]["estimate"] == pytest.approx(0.45 - 0.24)
    assert two["verdict"] == "not reproduced"
    assert cell(record, "cnn-2", "auroc")["verdict"] == "reproduced"
    few, first, none = (cell(record, name, "auroc") for name in ("cnn-25", "cnn-4", "cnn-10"))
    assert (few["n"], few["sd"]) == (2, pytest.approx(0.01 / np.sqrt(2)))
    assert (first["n"], first["mean"], first["sd"]) == (1, 0.955, None)
    assert (none["n"], none["mean"], none["sd"]) == (0, None, None)
    for entry in (few, first, none):
        assert (entry["verdict"], entry["difference"]) == ("not measured", None)
    (row,) = (row for row in record["factors"] if row["variant"] == "cnn-2")
    assert row["covered"] == {"mean": pytest.approx(4), "sd": pytest.approx(np.std([0, 12, 0], ddof=1))}
    assert row["fractions"]["SP1"]["mean"] == pytest.approx(0.1 / 36)


runs_of_a_network = st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=6)


@given(
    st.one_of(
        st.dictionaries(st.sampled_from(sorted(POOLS)), runs_of_a_network, min_size=1),
        st.fixed_dictionaries({variant: runs_of_a_network.filter(lambda r: len(r) > 2) for variant in POOLS}),
    )
)
def test_text_csv_markdown_and_json_agree(numbers):
    places = (("", "auroc"), ("conv1", "jaspar"), ("conv1", "relevant"))
    values = {
        Quantity(variant, layer, column): tuple(trial[place] for trial in trials)
        for variant, trials in numbers.items()
        for place, (layer, column) in enumerate(places)
    }
    values |= {key(variant, name): (0.5,) for variant in numbers for name in measured.FRACTIONS[1::2]}
    shares = {(v, "conv1"): (dict.fromkeys(FACTORS, 1 / 12),) * len(trials) for v, trials in numbers.items()}
    judged = report.judge_results({"synthetic": Results(values, shares)})
    document = json.loads(json.dumps(records.record(judged)))
    rows = list(csv.DictReader(tables.table_csv(judged).splitlines()))
    assert len(rows) == len(document["cells"])
    for row, entry in zip(rows, document["cells"], strict=True):
        for name in (
            "id",
            "variant",
            "layer",
            "column",
            "published_mean",
            "mean",
            "sd",
            "n",
            "verdict",
            "shown",
        ):
            assert row[name] == ("" if entry[name] is None else str(entry[name]))
        assert (row["difference"] == "") == (entry["verdict"] == "not measured")
    page, text = tables.markdown(judged, {}), command_text(judged)
    header, lines = tables.table(judged)
    for line in (header, *lines):
        assert f"| {' | '.join(line)} |" in page
        assert " ".join(" ".join(line).split()) in [
            " ".join(splitline.split()) for splitline in text.splitlines()
        ]
    marks = [mark for line in lines for mark in line[5::3] if mark]
    verdicts = [entry["verdict"] for entry in document["cells"]]
    shown = [entry["shown"] for entry in document["cells"]]
    assert marks.count("✓") == shown.count(True)
    assert marks.count("✓") + marks.count("(✓)") == verdicts.count("reproduced")
    for verdict, mark in (("not reproduced", "✗"), ("not measured", "·")):
        assert marks.count(mark) == verdicts.count(verdict)
    assert len(marks) == len(verdicts)
    assert f"agreement is shown of {shown.count(True)} of those reproduced" in tables.tally(judged)
    for entry, claim in zip(document["claims"], judged.claims, strict=True):
        assert f"**{entry['id']}** – *{entry['verdict']}*. {entry['statement']}" in page
        assert f"{entry['id']}: {entry['verdict']}." in text
        for inequality in claim.judgement.evidence:
            assert tables.readable(tables.evidence_line(inequality)) in page
            assert tables.readable(tables.evidence_line(inequality)) in text
    assert tables.tally(judged) in page
    assert tables.tally(judged) in text


def command_text(report_found):
    from receptive.cli.report import text

    return text(report_found)


def test_the_command_prints_what_it_writes(command, made_up, written, tmp_path):
    code, out, err = command("report", "--store", made_up, "--json")
    assert (code, err) == (0, "")
    report_ = report.read(made_up)
    assert json.loads(out) == json.loads((written / "report.json").read_text()) == records.record(report_)
    assert (written / "table.csv").read_text() == tables.table_csv(report_)
    code, out, _ = command("report", "--store", made_up)
    assert code == 0
    assert out.rstrip() == command_text(report_)


def test_figures_are_written_and_shown_with_their_words(written):
    names = {"pools", "motifs", *(f"fig2-{variant}-conv1" for variant in TRIALS)}
    files = {f"{name}{suffix}" for name in names for suffix in (".svg", ".png")}
    assert {path.name for path in written.iterdir()} == files | {"report.md", "report.json", "table.csv"}
    page = (written / "report.md").read_text()
    for name in names:
        (line,) = (line for line in page.splitlines() if line.endswith(f"]({name}.svg)"))
        assert len(line) > 60
        assert (written / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert "pool 2: JASPAR 0.45, relevant 0.03; pool 4: JASPAR 0.60, relevant 0.20" in page
    assert "CNN-2, conv1, trial 0: 3 of 3 filters match a relevant motif: Arid3a, CEBPB, FOSL1." in page


def test_the_figure_of_pools_shows_the_numbers(made_up):
    results = measured.require_results(made_up)
    for axes, column in zip(match_fractions(results).axes, ("jaspar", "relevant"), strict=True):
        theirs, ours = cast(list[ErrorbarContainer], axes.containers)
        published = [claims.cell(variant, column).mean for variant in POOLS]
        assert theirs.lines[0].get_ydata() == pytest.approx(published)
        means = [np.mean(results.of(key(v, column)) or [np.nan]) for v in POOLS]
        assert ours.lines[0].get_ydata() == pytest.approx(means, nan_ok=True)
        low, high = ours.lines[1][0].get_ydata(), ours.lines[1][1].get_ydata()
        place = list(POOLS).index("cnn-2")
        sd = np.std([trial[1 if column == "jaspar" else 2] for trial in TRIALS["cnn-2"]], ddof=1)
        assert (high[place] - low[place]) / 2 == pytest.approx(sd)
    assert list(POOLS.values()) == [1, 2, 4, 10, 25, 50, 100]


def test_help_teaches_by_example(command):
    code, out, _ = command("report", "--help")
    assert code == 0
    assert "Example: receptive report" in " ".join(out.split())


def test_the_authors_in_vivo_filters_stand_beside_table_2(written):
    rows = json.loads((written / "report.json").read_text())["authors_invivo"]
    page = (written / "report.md").read_text()
    assert [row["variant"] for row in rows] == list(authors.INVIVO)
    for row in rows:
        jaspar, relevant = (claims.cell(row["variant"], name, "invivo") for name in ("jaspar", "relevant"))
        fractions = authors.fractions(row["variant"])
        assert {name: row[name] for name in fractions} == fractions
        line = (
            f"| {row['variant']} | 30 | {fractions['jaspar']:.3f} | {jaspar.mean:.3f}±{jaspar.sd:.3f} | "
            f"{fractions['relevant']:.3f} | {relevant.mean:.3f}±{relevant.sd:.3f} | "
            f"{fractions['relevant_embedded']:.3f} |"
        )
        assert line in page.splitlines()


def test_an_unknown_protocol_is_a_mistake(command, tmp_path):
    code, out, err = command("report", "--store", tmp_path, "--protocol", "text")
    assert (code, out) == (2, "")
    assert "unknown protocol 'text': expected one of released, paper" in err


def test_what_switches_change_is_shown_with_its_interval(tmp_path):
    for trial, relevant in enumerate((0.0, 0.1, 0.2)):
        for name in ("released", "released+again"):
            put(tmp_path, "cnn-2", trial, 0.966, 0.4, relevant, protocol=name)
        put(tmp_path, "cnn-2", trial, 0.966, 0.5, relevant + 0.1, protocol="released+threshold=0.7")
    report_ = report.read(tmp_path)
    header, lines = tables.switch_table(report_.switches.ablations)
    assert len({(line[0], line[1]) for line in lines}) == len(lines) == 2 * (len(ABLATED) + 5) + 8
    line = next(line for line in lines if line[:2] == ["cnn-2", "threshold=0.7"])
    assert dict(zip(header[2:4], line[2:4], strict=True)) == {"discrepancy": "D-7", "n": "3"}
    assert line[4:] == [
        "0.966±0.000 ✓",
        "0",
        "0.500±0.000 ✗",
        "+0.100 [+0.100, +0.100]",
        "0.200±0.100 (✓)",
        "+0.100 [+0.100, +0.100]",
    ]
    joint, below = tables.switch_table(report_.switches.ablations, "<br>")
    assert joint == [*header[:4], *(f"{name}<br>− released" for name in ("AU-ROC", "JASPAR", "relevant"))]
    assert below[lines.index(line)] == [
        *line[:4],
        *map("<br>".join, zip(line[4::2], line[5::2], strict=True)),
    ]
    assert below[0] == [*lines[0][:4], *lines[0][4::2]]  # published numbers differ from nothing
    assert all(
        f"| {' | '.join(cells)} |" in tables.switch_sections(report_.switches, "<br>")[2] for cells in below
    )
    whole = [line[1] for line in tables.switch_table(report_.switches.protocols)[1]]
    assert whole[:4] == ["published", "released", "paper", "paper, read as released"]
    for text_line in (line, header):
        assert f"| {' | '.join(text_line)} |" in tables.markdown(report_, {})
        assert " ".join(" ".join(text_line).split()) in " ".join(command_text(report_).split())


# Real sequences.

TEN = chipseq.CLASSES
IN_VIVO_SHEETS = [(f"cnn-{pool}", "conv1") for pool in (1, 2, 4, 25)] + [("cnn-1", "conv2")]
LISTS = ("MAX.top500.one", "MAX.top500.two")


@pytest.fixture(scope="module")
def in_vivo(made_up, tmp_path_factory):
    """The made-up store with three trials of every network of Table 2 on the ChIP-seq task, and controls."""
    store = tmp_path_factory.mktemp("in vivo") / "store"
    shutil.copytree(made_up, store)
    for place, variant in enumerate(TABLE_2):
        for trial in range(3):
            put_in_vivo(store, "chipseq", variant, trial, 0.7 + place / 100 + trial / 1000, TEN)
    put_in_vivo(store, "chipseq-shuffled", "cnn-25", 0, 0.5, TEN)
    put_in_vivo(store, "chipseq-source", "cnn-25", 0, 0.6, LISTS)
    for variant, layer in IN_VIVO_SHEETS:
        folder = store / "chipseq" / variant / "released" / "trial-0"
        put_filters(folder, layer, [m for m in embedded_motifs() if m.name in ("Arid3a", "CEBPB", "NFYB")])
    return store


def put_in_vivo(store, task, network, trial, auroc, classes, data=None):
    numbers = (auroc, 0.5 + trial / 10, 0.25 + trial / 10)
    by_factor = {name: 0.1 * (place > 1) for place, name in enumerate(TEN)}
    layers = ("conv1", "conv2") if network == "cnn-1" else ("conv1",)
    own = {"task": task, "classes": classes, "by_factor": by_factor, "layers": layers}
    put(store, network, trial, *numbers, data=data or task.ljust(64, "0"), **own)


def test_a_verdict_that_depends_on_pairing_is_said(tmp_path):
    """AU-ROC rises with the filters in every trial, but the trials lie far apart."""
    for place, variant in enumerate(NUMBERS):
        for trial in range(3):
            put_in_vivo(tmp_path, "chipseq", variant, trial, 0.6 + place / 100 + trial / 10, TEN)
    report_ = report.read(tmp_path)
    judged = {claim.id: (claim.verdict, claim.by_trial) for claim in report_.claims}
    assert judged["VIVO-4"] == ("undecided", "trend only")
    assert judged["VIVO-1"] == ("not measured", "not measured")
    for page in (command_text(report_), tables.markdown(report_, {})):
        assert page.count("taken trial by trial it would be trend only") == 1


def test_real_sequences_alone_can_be_reported(command, in_vivo, tmp_path):
    shutil.copytree(in_vivo, tmp_path / "store", ignore=shutil.ignore_patterns("synthetic"))
    code, out, _ = command("report", "--store", tmp_path / "store", "--json")
    assert code == 0
    record = json.loads(out)
    assert record["chipseq"] == document(in_vivo)["chipseq"]
    assert {entry["n"] for entry in record["cells"]} == {0}
    assert "data set `none`" in tables.markdown(report.read(tmp_path / "store"), {})
    code, out, _ = command("report", "--store", tmp_path / "store")
    assert (code, "VIVO-1" in out) == (0, True)


@pytest.mark.claim("VIVO-1", "VIVO-2", "VIVO-3", "VIVO-4", "VIVO-5")
def test_the_chipseq_task_is_reported_beside_nothing_published(in_vivo):
    report_, record = report.read(in_vivo), document(in_vivo)
    part = record["chipseq"]
    assert [row["variant"] for row in part["scores"]] == sorted(TABLE_2, key=list(VARIANTS).index)
    row = next(row for row in part["scores"] if row["variant"] == "cnn-4")
    assert row["auroc"] == {"mean": pytest.approx(0.721), "sd": pytest.approx(0.001)}
    assert row["auroc_by_class"]["SP1"] == pytest.approx(row["auroc"])
    assert "published" not in json.dumps(part)
    assert [(row["variant"], row["layer"]) for row in part["fractions"]][:2] == [
        ("cnn-1", "conv1"),
        ("cnn-1", "conv2"),
    ]
    assert {tuple(row["covered"].values()) for row in part["factors"]} == {(8, 0)}
    judged = {claim["id"]: claim for claim in record["claims"] if claim["id"].startswith("VIVO")}
    assert {claim["task"] for claim in judged.values()} == {"chipseq"}
    assert {claim["verdict"] for claim in judged.values()} <= {"trend only", "undecided", "not reproduced"}
    assert all(claim["evidence"] and not claim["leans_on"] for claim in judged.values())
    header, rows = tables.chipseq_table(report_.networks["chipseq"])
    for line in (header, *rows):
        assert f"| {' | '.join(line)} |" in tables.markdown(report_, {})
    assert rows[1][:5] == ["cnn-1 conv2", "3", "", "", "0.600±0.100"]


def test_the_controls_are_reported_apart(in_vivo):
    report_ = report.read(in_vivo)
    controls = records.record(report_)["chipseq"]["controls"]
    assert list(controls) == ["chipseq-shuffled", "chipseq-source"]
    for name, mean, classes in (("chipseq-shuffled", 0.5, TEN), ("chipseq-source", 0.6, LISTS)):
        (row,) = controls[name]["scores"]
        assert (row["variant"], row["n"], row["auroc"]["mean"]) == ("cnn-25", 1, mean)
        assert set(row["auroc_by_class"]) == set(classes)
    page = tables.markdown(report_, {})
    assert page.index("## Different data") < page.index("### Control: chipseq-shuffled")
    assert "| MAX.top500.one | 0.600 |" in page


def test_the_best_jaspar_hits_are_of_the_test_set_that_the_networks_had(in_vivo, tmp_path):
    assert document(in_vivo)["chipseq"]["best_hits"] == {}
    data = chipseq.load()
    put(tmp_path, "cnn-2", 0, 0.9, 0.5, 0.5)
    put_in_vivo(tmp_path, "chipseq", "cnn-25", 0, 0.9, TEN, data.sha256)
    report_ = report.read(tmp_path)
    expected = training.metrics(data.test.Y, chipseq.best_hits(data.test.X))["auroc"]
    assert report_.best_hits == dict(zip(data.classes, expected, strict=True))
    _, rows = tables.class_table(report_.networks["chipseq"], report_.best_hits)
    assert rows[0] == ["Arid3a", f"{expected[0]:.3f}", "0.900"]


@pytest.mark.claim("T2-*")
def test_table_2_stands_unmeasured_until_there_are_runs_on_its_data(made_up, tmp_path):
    published = [c for c in claims.published_numbers() if c.task == "invivo"]
    report_ = report.read(made_up)
    assert [number.cell for number in report_.table2] == published
    assert {number.verdict for number in report_.table2} == {"not measured"}
    assert "There is no full run yet: `receptive replicate chipseq`." in tables.markdown(report_, {})
    assert "Table 2" not in command_text(report_)
    shutil.copytree(made_up, tmp_path / "store")
    for trial in range(3):
        put(tmp_path / "store", "cnn-25", trial, 0.903, 0.93, 0.75, task="invivo", data="1")
    report_ = document(tmp_path / "store")["table2"]["cells"]
    verdicts = {(c["column"], c["verdict"]) for c in report_ if c["id"] == "T2-5"}
    expected = {(name, "reproduced") for name in ("auroc", "jaspar", "relevant")}
    assert verdicts == expected | {("aupr", "not reproduced")}


def test_the_command_shows_real_sequences_and_draws_their_figures(command, in_vivo, tmp_path):
    code, out, _ = command("report", "--store", in_vivo)
    assert code == 0
    assert "Different data, not the paper's: the ChIP-seq task" in out
    assert "on the ChIP-seq task, which is not the paper's data" in out
    code, out, _ = command("report", "--store", in_vivo, "--json", "--out", tmp_path)
    assert json.loads(out) == json.loads((tmp_path / "report.json").read_text())
    sheets = {
        f"chipseq-{'s2' if variant == 'cnn-1' else 'fig4'}-{variant}-{layer}"
        for variant, layer in IN_VIVO_SHEETS
    }
    assert {path.stem for path in tmp_path.glob("chipseq-*.svg")} == {"chipseq-pools", *sheets}
    page = (tmp_path / "report.md").read_text()
    (line,) = (line for line in page.splitlines() if line.endswith("](chipseq-pools.svg)"))
    assert "published" not in line
    assert "pool 2: JASPAR 0.60, relevant 0.35" in line
    (line,) = (line for line in page.splitlines() if line.endswith("](chipseq-fig4-cnn-25-conv1.svg)"))
    assert "2 of 3 filters match a relevant motif" in line
    assert "NFYB" not in line


def test_the_figure_of_other_data_has_no_published_series(in_vivo):
    results = measured.require_results(in_vivo, task="chipseq")
    for axes in match_fractions(results).axes:
        (ours,) = cast(list[ErrorbarContainer], axes.containers)
        assert np.size(ours.lines[0].get_xdata()) == len(POOLS)
