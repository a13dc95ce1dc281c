import csv
import json
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receptive import ablations, authors, claims, measured, report
from receptive.errors import ReceptiveError
from receptive.figures.matches import POOLS, match_fractions
from receptive.measured import Results
from receptive.motifs import FACTORS, embedded, write_meme
from receptive.protocols import ABLATED

TRIALS = {
    "cnn-2": [(0.966, 0.50, 0.0), (0.967, 0.40, 0.1), (0.965, 0.45, 0.0)],
    "cnn-25": [(0.972, 0.90, 0.8), (0.962, 1.00, 1.0)],
    "cnn-4": [(0.955, 0.60, 0.2)],
}
"""AU-ROC, JASPAR and relevant fraction of made-up runs."""


def record(variant, trial, auroc, jaspar, relevant, **changes):
    """A made-up ``run.json`` with all that a report reads."""
    layer = {
        "n": 12,
        "dead": 0,
        "jaspar": jaspar,
        "jaspar_without_gmeb1": jaspar,
        "relevant": relevant,
        "relevant_embedded": relevant / 2,
        "by_factor": dict.fromkeys(FACTORS, relevant / 12),
    }
    return {
        "key": "made up",
        "plan": {},
        "task": "synthetic",
        "variant": variant,
        "trial": trial,
        "protocol": "released",
        "complete": True,
        "full_protocol": True,
        "metrics": {"auroc_mean": auroc, "aupr_mean": auroc / 2},
        "filters": {"conv1": layer},
        "data": {"sha256": "0" * 64},
        **changes,
    }


def put(store, variant, trial, *numbers, **changes):
    made = record(variant, trial, *numbers, **changes)
    folder = store / made["task"] / variant / made["protocol"] / f"trial-{trial}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(made))
    return folder


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A store with three networks, CNN-2's first trial with filters."""
    store = tmp_path_factory.mktemp("made up")
    for variant, trials in TRIALS.items():
        for trial, numbers in enumerate(trials):
            put(store, variant, trial, *numbers)
    for name in ("conv1.meme", "conv1.untrimmed.meme"):
        for variant in ("cnn-2", "cnn-4", "cnn-25"):
            write_meme(store / "synthetic" / variant / "released" / "trial-0" / name, embedded()[:3])
    return store


@pytest.fixture(scope="module")
def written(made_up, tmp_path_factory):
    """The report of the made-up store, written out."""
    out = tmp_path_factory.mktemp("report")
    results = measured.collect(made_up)
    document = report.document(results, "released", ablations.document(made_up))
    report.write(document, results, made_up, out)
    return out


def cell(document, variant, column, layer=None):
    wanted = (variant, column, layer)
    (found,) = (c for c in document["cells"] if (c["variant"], c["column"], c["layer"]) == wanted)
    return found


# What is measured.


def test_a_store_is_read_trial_by_trial(made_up):
    results = measured.collect(made_up)
    for variant, trials in TRIALS.items():
        numbers = [
            results.of((variant, layer, column))
            for layer, column in (("", "auroc"), ("conv1", "jaspar"), ("conv1", "relevant"))
        ]
        assert list(zip(*numbers, strict=True)) == trials
        assert results.of((variant, "conv1", "relevant_embedded")) == tuple(r / 2 for *_, r in trials)
        assert [trial["MAX"] for trial in results.factors[variant, "conv1"]] == [r / 12 for *_, r in trials]
    assert results.of(("cnn-10", "", "auroc")) == ()
    assert results.left_out == ()


def test_trials_are_in_the_order_of_their_numbers(tmp_path):
    for trial in (10, 9, 2, 0):
        put(tmp_path, "cnn-2", trial, trial / 100, 0, 0)
    assert measured.collect(tmp_path).of(("cnn-2", "", "auroc")) == (0, 0.02, 0.09, 0.1)


@pytest.mark.parametrize("change", [{"full_protocol": False}, {"complete": False}])
def test_shortened_and_incomplete_runs_never_count(made_up, tmp_path, change):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    folder = put(store, "cnn-25", 2, 0.5, 0.5, 0.5, **change)
    results = measured.collect(store)
    assert results.values == measured.collect(made_up).values
    assert results.left_out == (folder,)
    document = report.document(results, "released")
    assert cell(document, "cnn-25", "auroc")["verdict"] == "not measured"
    assert document["left_out"] == [str(folder)]


def test_protocols_and_tasks_are_kept_apart(made_up, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    put(store, "cnn-2", 0, 0.1, 0.1, 0.1, protocol="paper", data={"sha256": "1"})
    put(store, "cnn-2", 0, 0.2, 0.2, 0.2, protocol="released+beta_1=0.9")
    put(store, "cnn-2", 0, 0.3, 0.3, 0.3, task="chipseq", data={"sha256": "2"})
    assert measured.collect(store).values == measured.collect(made_up).values
    assert measured.collect(store, "paper").of(("cnn-2", "", "auroc")) == (0.1,)
    assert measured.collect(store, task="chipseq").of(("cnn-2", "", "auroc")) == (0.3,)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("{", "not JSON"),
        ("3", "not a run, no field"),
        ("null", "not a run, no field"),
        ({"metrics": {}}, "KeyError 'auroc_mean'"),
        ({"metrics": None}, "TypeError"),
        ({"metrics": {"auroc_mean": "high", "aupr_mean": 0}}, "ValueError"),
        ({"metrics": {"auroc_mean": float("nan"), "aupr_mean": 0}}, "auroc is nan, not between 0 and 1"),
        ({"metrics": {"auroc_mean": 1.2, "aupr_mean": 0}}, "auroc is 1.2, not between 0 and 1"),
        ({"filters": {"conv1": {"jaspar": 0.5}}}, "KeyError"),
        ({"filters": []}, "AttributeError"),
        ({"data": {}}, "KeyError 'sha256'"),
        ({"variant": "cnn-4"}, "holds cnn-4, trial 2"),
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


def test_a_run_folder_without_a_run_is_named(made_up, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(made_up, store)
    (store / "synthetic" / "cnn-25" / "released" / "trial-2").mkdir()
    with pytest.raises(ReceptiveError, match=r"cannot read .*trial-2"):
        measured.collect(store)


def test_a_store_without_runs_is_a_clear_error(command, tmp_path, made_up, store):
    for folder, protocol, message in (
        (tmp_path / "nowhere", "released", "no such folder"),
        (tmp_path, "released", "no full run of synthetic under protocol 'released', but no run at all"),
        (made_up, "paper", "under protocol 'paper', but synthetic under 'released'"),
        (store, "released", "1 shortened or incomplete run"),
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
    document = report.document(measured.collect(made_up), "released")
    expected = [(c.id, c.column, c.mean, c.sd) for c in claims.published() if c.task == "synthetic"]
    assert [
        (c["id"], c["column"], c["published_mean"], c["published_sd"]) for c in document["cells"]
    ] == expected
    ids = "POOL-1, POOL-2, POOL-3, POOL-4, NUM-1, SIZE-1, SIZE-2, STRIDE-1, DEEP-1, DEEP-2, DEEP-3"
    assert ", ".join(claim["id"] for claim in document["claims"]) == ids


def test_numbers_of_the_report(made_up):
    document = report.document(measured.collect(made_up), "released")
    two = cell(document, "cnn-2", "jaspar", "conv1")
    assert (two["n"], two["mean"], two["sd"]) == (3, pytest.approx(0.45), pytest.approx(0.05))
    assert two["difference"]["estimate"] == pytest.approx(0.45 - 0.24)
    assert two["verdict"] == "not reproduced"
    assert cell(document, "cnn-2", "auroc")["verdict"] == "reproduced"
    few, one, none = (cell(document, name, "auroc") for name in ("cnn-25", "cnn-4", "cnn-10"))
    assert (few["n"], few["sd"]) == (2, pytest.approx(0.01 / np.sqrt(2)))
    assert (one["n"], one["mean"], one["sd"]) == (1, 0.955, None)
    assert (none["n"], none["mean"], none["sd"]) == (0, None, None)
    for each in (few, one, none):
        assert (each["verdict"], each["difference"]) == ("not measured", None)
    (row,) = (row for row in document["factors"] if row["variant"] == "cnn-2")
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
        (variant, layer, column): tuple(trial[place] for trial in trials)
        for variant, trials in numbers.items()
        for place, (layer, column) in enumerate(places)
    }
    values |= {(variant, "conv1", name): (0.5,) for variant in numbers for name in measured.FRACTIONS[1::2]}
    shares = {(v, "conv1"): (dict.fromkeys(FACTORS, 1 / 12),) * len(trials) for v, trials in numbers.items()}
    document = json.loads(json.dumps(report.document(Results(values, shares), "released")))
    rows = list(csv.DictReader(report.table_csv(document).splitlines()))
    assert len(rows) == len(document["cells"])
    for row, each in zip(rows, document["cells"], strict=True):
        for name in ("id", "variant", "layer", "column", "published_mean", "mean", "sd", "n", "verdict"):
            assert row[name] == ("" if each[name] is None else str(each[name]))
        assert (row["difference"] == "") == (each["verdict"] == "not measured")
    page, text = report.markdown(document, {}), command_text(document)
    header, lines = report.table(document)
    for line in (header, *lines):
        assert f"| {' | '.join(line)} |" in page
        assert " ".join(" ".join(line).split()) in [" ".join(each.split()) for each in text.splitlines()]
    marks = [mark for line in lines for mark in line[5::3] if mark]
    verdicts = [each["verdict"] for each in document["cells"]]
    assert sorted(marks) == sorted(report.MARKS[verdict] for verdict in verdicts)
    for each in document["claims"]:
        assert f"**{each['id']}** – *{each['verdict']}*. {each['statement']}" in page
        assert f"{each['id']}: {each['verdict']}." in text
        for inequality in each["evidence"]:
            assert report.evidence_line(inequality) in page
            assert report.evidence_line(inequality) in text
    assert report.tally(document) in page
    assert report.tally(document) in text


def command_text(document):
    from receptive.cli.report import text

    return text(document)


def test_the_command_prints_what_it_writes(command, made_up, written, tmp_path):
    code, out, err = command("report", "--store", made_up, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document == json.loads((written / "report.json").read_text())
    assert (written / "table.csv").read_text() == report.table_csv(document)
    code, out, _ = command("report", "--store", made_up)
    assert code == 0
    assert out.rstrip() == command_text(document)


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
    results = measured.collect(made_up)
    for axes, column in zip(match_fractions(results).axes, ("jaspar", "relevant"), strict=True):
        theirs, ours = axes.containers
        published = [claims.cell(variant, column).mean for variant in POOLS]
        assert theirs.lines[0].get_ydata() == pytest.approx(published)
        means = [np.mean(results.of((v, "conv1", column)) or [np.nan]) for v in POOLS]
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
        found = authors.fractions(row["variant"])
        assert {name: row[name] for name in found} == found
        line = (
            f"| {row['variant']} | 30 | {found['jaspar']:.3f} | {jaspar.mean:.3f}±{jaspar.sd:.3f} | "
            f"{found['relevant']:.3f} | {relevant.mean:.3f}±{relevant.sd:.3f} | "
            f"{found['relevant_embedded']:.3f} |"
        )
        assert line in page.splitlines()


def test_what_switches_change_is_shown_with_its_interval(tmp_path):
    for trial, relevant in enumerate((0.0, 0.1, 0.2)):
        put(tmp_path, "cnn-2", trial, 0.966, 0.4, relevant)
        put(tmp_path, "cnn-2", trial, 0.966, 0.5, relevant + 0.1, protocol="released+threshold=0.7")
    document = report.document(measured.collect(tmp_path), "released", ablations.document(tmp_path))
    header, lines = report.switch_table(document["ablations"])
    assert len({(line[0], line[1]) for line in lines}) == len(lines) == 2 * (len(ABLATED) + 4)
    line = next(line for line in lines if line[:2] == ["cnn-2", "threshold=0.7"])
    assert dict(zip(header[2:4], line[2:4], strict=True)) == {"": "D-7", "n": "3"}
    assert line[4:] == [
        "0.966±0.000 ✓",
        "0",
        "0.500±0.000 ✗",
        "+0.100 [+0.100, +0.100]",
        "0.200±0.100 ✓",
        "+0.100 [+0.100, +0.100]",
    ]
    whole = [line[1] for line in report.switch_table(document["protocols"])[1]]
    assert whole[:4] == ["published", "released", "paper", "paper, read as released"]
    for each in (line, header):
        assert f"| {' | '.join(each)} |" in report.markdown(document, {})
        assert " ".join(" ".join(each).split()) in " ".join(command_text(document).split())
