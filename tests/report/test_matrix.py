"""The traceability matrix: every claim has a chapter, code and tests, and no verdict is typed."""

import fnmatch
import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.made import make_run, put_run

from receptive.errors import ReceptiveError
from receptive.evidence import claims, rules, verdicts
from receptive.evidence.claims import Cell
from receptive.evidence.measured import Results
from receptive.report import matrix

ROOT = Path(__file__).parents[2]


def write_tests(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "test_them.py").write_text(text, encoding="utf-8")
    return folder


def test_every_claim_has_a_title_a_source_a_chapter_and_code_that_exists():
    for claim in claims.statements().values():
        assert claim.title
        assert claim.source
        assert claim.text or claim.id.startswith("T"), claim.id
        for name in claim.code:
            assert resolves(name), f"{claim.id}: {name}"


def resolves(name: str) -> bool:
    """Whether a dotted name is a module or something in one."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return hasattr(importlib.import_module(module), attribute)
    return True


def test_claims_and_published_numbers_name_each_other():
    rows = {cell.id for cell in claims.published_numbers()}
    assert rows <= set(claims.statements())
    assert {name for name in claims.statements() if name[:3] in ("T1-", "T2-")} <= rows
    assert {claim.id for claim in rules.CLAIMS} <= set(claims.statements())


def test_the_project_s_own_matrix_has_no_gap():
    tests = matrix.tests_in(ROOT / "tests")
    assert set(claims.statements()) - set(tests) == set()
    assert all((ROOT / test.file).is_file() for own in tests.values() for test in own)


def test_pytest_agrees_with_what_is_read_from_the_files(request):
    """The marks that pytest gives its items are the ones found by reading, for the tests of this session."""
    read = {
        (test.file, test.name, name)
        for name, tests in matrix.tests_in(ROOT / "tests").items()
        for test in tests
    }
    items = [item for item in request.session.items if item.path.is_relative_to(ROOT / "tests")]
    asked = {(item.path.relative_to(ROOT).as_posix(), item.originalname) for item in items}
    marked = {
        (item.path.relative_to(ROOT).as_posix(), item.originalname, name)
        for item in items
        for mark in item.iter_markers("claim")
        for pattern in mark.args
        for name in fnmatch.filter(claims.statements(), pattern)
    }
    assert marked == {marked_test for marked_test in read if marked_test[:2] in asked}


def test_marks_on_functions_classes_and_parameters_are_found(tmp_path):
    folder = write_tests(
        tmp_path / "tests",
        """
import pytest

@pytest.mark.claim("RF-1", "RF-2")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.claim("TOY-1"))])
def test_one(x):
    assert x

@pytest.mark.claim("RF-1")
class TestThem:
    def test_two(self):
        pass

    @pytest.mark.claim("T2-*")
    def test_three(self):
        pass

def test_none():
    pass
""",
    )
    document = matrix.tests_in(folder)
    names = {name: [test.name for test in tests] for name, tests in document.items()}
    assert names["RF-1"] == ["test_one", "test_two", "test_three"]
    assert names["RF-2"] == names["TOY-1"] == ["test_one"]
    assert sum(name.startswith("T2-") for name in names) == 13
    assert document["RF-2"][0].source.startswith('@pytest.mark.claim("RF-1", "RF-2")')
    assert document["RF-2"][0].source.endswith("\n    assert x")
    assert document["T2-5"][0].source.endswith("\n        pass")
    assert str(document["RF-2"][0]) == "tests/test_them.py::test_one"


def test_a_test_of_an_unknown_claim_is_an_error_that_names_it(tmp_path):
    folder = write_tests(tmp_path / "tests", '@pytest.mark.claim("RF-99")\ndef test_it():\n    pass\n')
    with pytest.raises(ReceptiveError, match=r"test_them.py::test_it .*'RF-99'"):
        matrix.tests_in(folder)


def one_row(results: Results, name: str, tests: dict) -> matrix.Row:
    return next(row for row in matrix.rows({"synthetic": results}, tests) if row.statement.id == name)


def agreeing(cell: Cell, shift: float = 0.0) -> tuple[float, ...]:
    return tuple(cell.mean + shift + step / 1000 for step in (-1, 0, 1, 0, 0))


@pytest.mark.parametrize(
    ("shift", "verdict"), [({}, "reproduced"), ({"relevant": -0.5}, "not reproduced")], ids=["same", "other"]
)
def test_a_row_is_as_good_as_its_worst_number(shift, verdict):
    cells = [cell for cell in claims.published_numbers() if cell.id == "T1-5"]
    values = {cell.key: agreeing(cell, shift.get(cell.column, 0.0)) for cell in cells}
    assert one_row(Results(values, {}), "T1-5", {}).verdict == verdict
    del values[cells[0].key]
    expected = "not reproduced" if shift else "not measured"
    assert one_row(Results(values, {}), "T1-5", {}).verdict == expected


def test_what_runs_do_not_decide_is_tested_if_tests_name_it():
    nothing, test = Results({}, {}), matrix.Test("tests/test_x.py", "test_y", "")
    assert one_row(nothing, "RF-1", {}).verdict == "not measured"
    assert one_row(nothing, "RF-1", {"RF-1": [test]}).verdict == "tested"
    assert one_row(nothing, "POOL-2", {"POOL-2": [test]}).verdict == "not measured"


def test_a_claim_in_vivo_is_judged_on_the_papers_own_data_if_there_are_runs_of_it():
    values = {cell.key: agreeing(cell) for cell in verdicts.leans_on(rules.IN_VIVO[2], "invivo")}
    results = {task: Results(values, {}, task=task) for task in ("invivo", "chipseq")}
    both = {row.statement.id: row for row in matrix.rows(results, {})}["VIVO-3"]
    assert both.judgement.task == "invivo"
    assert {number.cell.task for number in both.numbers} == {"invivo"}
    ours = {row.statement.id: row for row in matrix.rows({"chipseq": results["chipseq"]}, {})}["VIVO-3"]
    assert ours.judgement.task == "chipseq"
    assert ours.numbers == ()


def test_a_claim_names_five_of_the_networks_it_waits_for():
    row = one_row(Results({}, {}), "POOL-2", {})
    assert matrix.evidence_lines(row) == ["waits for runs of cnn-1, cnn-2, cnn-4, cnn-10, cnn-25 and 2 more"]
    row = one_row(Results({}, {}), "SIZE-1", {})
    assert matrix.evidence_lines(row) == ["waits for runs of cnn9-4, cnn9-25"]


def test_the_summary_counts_every_claim_once():
    rows = matrix.of(ROOT / "results", ROOT / "tests")
    counts = matrix.summary(rows)
    assert sum(counts.values()) == len(rows) == len(claims.statements())
    few: list[Any] = [SimpleNamespace(verdict=verdict) for verdict in ("tested", "undecided", "tested")]
    expected = dict.fromkeys(matrix.VERDICTS, 0) | {"tested": 2, "undecided": 1}
    assert matrix.summary(few) == expected


def test_the_command_prints_a_list_one_claim_and_json(command):
    code, out, _ = command("claims", "--json", "--store", ROOT / "results", "--tests", ROOT / "tests")
    assert code == 0
    rows = {row["id"]: row for row in json.loads(out)}
    assert set(rows) == set(claims.statements())
    assert rows["RF-2"]["chapter"] == "spec/receptive-fields.md"
    assert rows["RF-2"]["verdict"] == "tested"
    assert all((ROOT / row["chapter"]).is_file() for row in rows.values())
    assert all(
        name.startswith("tests/") and "/test_" in name and "::test_" in name for name in rows["RF-6"]["tests"]
    )

    code, out, _ = command("claims", "POOL-2", "--store", ROOT / "results", "--tests", ROOT / "tests")
    assert code == 0
    assert out.startswith("POOL-2")
    assert "published 0.980±0.027" in out
    assert " ✓ CNN-10 relevant: published" in out
    assert "(✓) CNN-50 relevant" in out


def test_without_a_checkout_claims_are_listed_and_it_is_said_why_none_has_a_verdict(command, tmp_path):
    code, out, err = command("claims", "--store", tmp_path / "no", "--tests", tmp_path / "none")
    assert code == 0
    assert f"{len(claims.statements())} not measured" in out
    assert "no such folder" in err


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that is no checkout, though it has runs and tests of its own."""
    for name in ("results", "tests"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_ships_is_what_the_runs_and_tests_of_the_repository_say():
    now = [matrix.document(row) for row in matrix.of(ROOT / "results", ROOT / "tests")]
    assert matrix.load_shipped() == json.loads(json.dumps(now)), "make it anew: python tools/refresh.py"


def test_outside_a_checkout_claims_have_the_verdicts_they_shipped_with(command, elsewhere):
    code, out, err = command("claims", "--json")
    assert code == 0
    assert json.loads(out) == matrix.load_shipped()
    assert "the runs that this version was released with" in err
    verdicts_ = {row["id"]: row["verdict"] for row in json.loads(out)}
    assert (verdicts_["POOL-4"], verdicts_["POOL-3"], verdicts_["RF-1"]) == (
        "reproduced",
        "undecided",
        "tested",
    )
    code, out, _ = command("claims", "POOL-3")
    assert code == 0
    assert "? CNN-1 JASPAR − CNN-1 relevant: 0.160 [0.075, 0.245], to be above 0.1" in out
    assert "In the repository's runs: The gap is above zero" in out
    code, out, _ = command("claims")
    undecided = list(verdicts_.values()).count("undecided")
    assert (code, f" {undecided} undecided" in out) == (0, True)


def test_outside_a_checkout_laws_stay_tested_beside_ones_own_runs(command, elsewhere):
    code, out, _ = command("claims", "--store", "results", "--json")
    document = {row["id"]: row for row in json.loads(out)}
    assert (code, document["POOL-2"]["verdict"], document["RF-1"]["verdict"]) == (0, "not measured", "tested")
    assert document["RF-1"]["tests"]


@pytest.mark.parametrize("option", [("--protocol", "paper"), ("--tests", "tests")])
def test_what_shipped_is_of_one_protocol_and_its_own_tests(command, elsewhere, option):
    code, out, err = command("claims", *option)
    assert (code, out) == (2, "")
    assert "need runs: give --store" in err


def test_shortened_runs_decide_nothing(tmp_path):
    put_run(tmp_path, make_run("cnn-2", epochs=99))
    assert matrix.summary(matrix.of(tmp_path, tmp_path))["not measured"] == len(claims.statements())


def test_a_protocol_without_runs_is_said(command):
    for protocol, said in (("released", False), ("relaesed", True)):
        code, _, err = command("claims", "RF-1", "--store", ROOT / "results", "--protocol", protocol)
        assert code == 0
        assert ("no runs under protocol 'relaesed'" in err) == said


def test_an_unknown_claim_is_a_usage_error(command):
    code, _, err = command("claims", "RF-77")
    assert code == 2
    assert "RF-77" in err
