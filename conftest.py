"""The chapters of the specification are tests too: their cells run in order, in one process."""

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", PythonEvaluator())], pattern="spec/*.md"
).pytest()
