"""The traceability matrix: every claim with its chapter, its code, its tests, its numbers and its verdict.

Two kinds of claims have a verdict. What runs decide is judged by :mod:`receptive.verdicts`. What holds by
arithmetic, or is a fact about data and code, is checked by tests that name the claim with
``@pytest.mark.claim``; it is *tested* if there are any, and every one of them passes before a change lands.
"""

import ast
import fnmatch
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from receptive.errors import ReceptiveError
from receptive.evidence import claims, measured, verdicts
from receptive.evidence.claims import Statement
from receptive.evidence.measured import Results
from receptive.evidence.roster import DECIDED
from receptive.evidence.verdicts import Comparison, Judgement
from receptive.files import kind, read_packaged, read_text
from receptive.report import tables
from receptive.report.tables import COLUMNS_IN_VIVO, evidence_line, mark, plus_minus

VERDICTS = ("reproduced", "trend only", "undecided", "not reproduced", "not measured", "tested")
MARKS = {**tables.MARKS, "trend only": "≈", "tested": "⊢"}
"""A sign for every verdict, to be read without colour."""
NOTHING = Results({}, {})


@dataclass(frozen=True)
class Test:
    """A test function that names a claim: its file, its name and its text from the first decorator on."""

    __test__ = False  # not one for pytest to collect

    file: str
    name: str
    source: str

    def __str__(self) -> str:
        """Return pytest's name for it."""
        return f"{self.file}::{self.name}"


@dataclass(frozen=True)
class Row:
    """A claim and all that there is about it.

    Attributes:
        statement: the claim.
        tests: the tests that name it.
        numbers: the published numbers it consists of or leans on, with those measured.
        judgement: its inequalities, if runs decide it; on the paper's own data, if there are runs of it.
        verdict: one of :data:`VERDICTS`.
    """

    statement: Statement
    tests: tuple[Test, ...]
    numbers: tuple[Comparison, ...]
    judgement: Judgement | None
    verdict: str

    @property
    def explanation(self) -> str:
        """The reason that it is undecided or not reproduced; empty if it is neither, or nobody has said."""
        return self.statement.explanation or (self.judgement.explanation if self.judgement else "")


def of(store: Path, tests: Path | None, protocol: str = "released") -> tuple[Row, ...]:
    """Lay out the matrix from a folder of runs and one of tests; a folder that is missing counts as empty.

    ``tests``: if ``None``, their names are those `shipped`.

    Raises:
        ReceptiveError: a run is damaged, or a test names a claim that there is not.
    """
    there = kind(store) == "folder"
    named = _shipped_tests() if tests is None else tests_in(tests)
    if not there:
        return rows({}, named)
    synthetic = measured.read_results(store, protocol)
    own = {"synthetic": synthetic} if synthetic.data else {}
    return rows({**own, **measured.read_others(store, protocol)}, named)


def rows(results: Mapping[str, Results], tests: Mapping[str, Sequence[Test]]) -> tuple[Row, ...]:
    """Lay out the matrix.

    Args:
        results: the measured results by task.
        tests: the tests of every claim, see :func:`tests_in`.

    Returns:
        A row for every claim, in the order of the specification.
    """
    judged = {
        judgement.criterion.id: judgement for judgement in reversed(verdicts.judge_all(DECIDED, results))
    }
    return tuple(
        _row(statement, results, judged.get(name), tuple(tests.get(name, ())))
        for name, statement in claims.statements().items()
    )


def _row(
    statement: Statement,
    results: Mapping[str, Results],
    judgement: Judgement | None,
    tests: tuple[Test, ...],
) -> Row:
    if judgement:
        numbers = _comparison(verdicts.leans_on(judgement.criterion, judgement.task), results)
        return Row(statement, tests, numbers, judgement, judgement.verdict)
    numbers = _comparison([cell for cell in claims.published_numbers() if cell.id == statement.id], results)
    if not numbers:
        return Row(statement, tests, (), None, "tested" if tests else "not measured")
    verdicts_ = {number.verdict for number in numbers}
    worst = next(
        verdict for verdict in ("not reproduced", "not measured", "reproduced") if verdict in verdicts_
    )
    return Row(statement, tests, numbers, None, worst)


def _comparison(cells: Sequence[claims.Cell], results: Mapping[str, Results]) -> tuple[Comparison, ...]:
    return tuple(verdicts.compare(cell, results.get(cell.task, NOTHING).of(cell.key)) for cell in cells)


def summary(matrix: Sequence[Row]) -> dict[str, int]:
    """Count the claims of every verdict."""
    counts = Counter(row.verdict for row in matrix)
    return {verdict: counts[verdict] for verdict in VERDICTS}


def document(row: Row) -> dict[str, Any]:
    """Return a claim as ``receptive claims --json`` prints it, each number and inequality in a line."""
    claim = row.statement
    return {
        "id": claim.id,
        "title": claim.title,
        "statement": claim.text,
        "source": claim.source,
        "chapter": f"spec/{claim.chapter}.md",
        "code": list(claim.code),
        "tests": [str(test) for test in row.tests],
        "verdict": row.verdict,
        "numbers": number_lines(row),
        "evidence": evidence_lines(row),
        "explanation": row.explanation,
    }


def load_shipped() -> list[dict[str, Any]]:
    """Return the claims as `document` has them for the runs and tests of this version's repository.

    ``receptive claims --json`` in a checkout makes the file, and a test holds it to the runs.
    """
    documents: list[dict[str, Any]] = json.loads(read_packaged("verdicts.json"))
    return documents


def _shipped_tests() -> dict[str, list[Test]]:
    named = {row["id"]: [test.split("::") for test in row["tests"]] for row in load_shipped()}
    return {claim: [Test(file, name, "") for file, name in tests] for claim, tests in named.items()}


def number_lines(row: Row) -> list[str]:
    """Return a line for every published number of a claim, with the measured one and its verdict."""
    return [
        f"{mark(number)} {quantity(number.cell)}: "
        f"published {plus_minus(number.cell.mean, number.cell.sd)}, "
        f"measured {measured_text(number)}"
        for number in row.numbers
    ]


def quantity(cell: claims.Cell, with_variant: bool = True) -> str:
    """Name what a published number is of, e.g. ``cnn-1 conv2 relevant``."""
    layer = cell.layer if cell.layer != "conv1" else ""
    return " ".join(filter(None, (cell.variant if with_variant else "", layer, COLUMNS_IN_VIVO[cell.column])))


def measured_text(number: Comparison) -> str:
    """Return the measured mean, deviation and number of trials; a dash without a trial."""
    if number.measured is None:
        return "–"
    mean, sd, n = number.measured.mean, number.measured.sd, number.measured.n
    return f"{plus_minus(mean, None if isnan(sd) else sd)} (n = {n})"


def evidence_lines(row: Row) -> list[str]:
    """Return a line for every inequality of a claim, or one that names the runs it waits for."""
    if row.judgement is None:
        return []
    if row.judgement.waits_for:
        first, rest = row.judgement.waits_for[:5], len(row.judgement.waits_for[5:])
        return [f"waits for runs of {', '.join(first)}" + (f" and {rest} more" if rest else "")]
    return [evidence_line(inequality) for inequality in row.judgement.evidence]


def tests_in(folder: Path) -> dict[str, list[Test]]:
    """Find the tests of every claim under a folder, by reading, without running them.

    A test names claims by ``@pytest.mark.claim("RF-1", …)`` on itself, on its class or on its parameters;
    ``"T1-*"`` names all rows of Table 1.

    Raises:
        ReceptiveError: a test names a claim that there is not, or a file is not Python.
    """
    tests: dict[str, list[Test]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        text = read_text(path, "Python", "utf-8")
        try:
            marked = list(_claim_marks(ast.parse(text)))
        except SyntaxError as error:
            raise ReceptiveError(f"{path}: not Python: {error.msg}, line {error.lineno}") from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ReceptiveError(f"{path}: cannot be read as Python: {error}") from None
        for function, marks in marked:
            first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
            source = "\n".join(text.splitlines()[first - 1 : function.end_lineno])
            test = Test(path.relative_to(folder.parent).as_posix(), function.name, source)
            for pattern in marks:
                names = fnmatch.filter(claims.statements(), pattern)
                if not names:
                    raise ReceptiveError(f"{test} is marked with the claim {pattern!r}, which there is not")
                for name in names:
                    tests.setdefault(name, []).append(test)
    return tests


def _claim_marks(
    tree: ast.AST, above: tuple[str, ...] = ()
) -> Iterator[tuple[ast.FunctionDef, tuple[str, ...]]]:
    """Return the functions of a module with the claims that they and the classes around them name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            marks = (*above, *_claims_of(node))
            if isinstance(node, ast.FunctionDef) and marks:
                yield node, tuple(dict.fromkeys(marks))
            elif isinstance(node, ast.ClassDef):
                yield from _claim_marks(node, marks)


def _claims_of(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        for call in ast.walk(decorator):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.claim":
                yield from (str(ast.literal_eval(argument)) for argument in call.args)
