"""`pytest spec`: the cells of each chapter in order, in one process; the docs build runs them, too."""

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser

pytest_collect_file = Sybil(
    parsers=[CodeBlockParser("python", PythonEvaluator())], pattern="spec/*.md"
).pytest()
