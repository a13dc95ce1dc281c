"""The chapters of the specification are tests too: their cells run in order, in one process."""

import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", PythonEvaluator())], pattern="spec/*.md"
).pytest()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the cells of a chapter together when tests are spread over processes (``--dist loadgroup``)."""
    for item in items:
        if item.path.suffix == ".md":
            item.add_marker(pytest.mark.xdist_group(item.path.name))
