"""Make anew what is made from the committed runs and tests: ``python tools/refresh.py``.

These are the verdicts and the outcomes of forecasts that the package ships, and README's claims and table.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

from receptive.evidence import claims, forecasts, measured, verdicts
from receptive.evidence.measured import Results
from receptive.evidence.roster import DECIDED
from receptive.evidence.rules import key
from receptive.evidence.statistics import sample
from receptive.files import to_json, write_text
from receptive.networks.variants import LARGE, SMALL
from receptive.report import matrix
from receptive.report.tables import plus_minus

ROOT = Path(__file__).parent.parent
DATA = ROOT / "src" / "receptive" / "data"
WORDS = {
    "reproduced": "reproduced",
    "trend only": "in trend only",
    "undecided": "undecided",
    "not reproduced": "not reproduced",
    "not measured": "waiting for runs",
}
"""What README calls the verdicts, in the order of its lists."""
LISTS = re.compile(r"^- \*\*reproduced:\*\*.*?(?=\n\n)", re.MULTILINE | re.DOTALL)


def with_lists(readme: str, verdicts: Mapping[str, str]) -> str:
    """Return README with the lists of claims that are due to their verdicts, by id."""
    lines = []
    for verdict, words in WORDS.items():
        named = [
            f"{name} ({claims.statements()[name].title})" for name in verdicts if verdicts[name] == verdict
        ]
        text = f"- **{words}:** {', '.join(named)}"
        lines += [fill(text, 125, subsequent_indent="  ", break_on_hyphens=False)] if named else []
    return LISTS.sub(lambda _: "\n".join(lines), readme)


def table_row(variant: str, results: Results) -> str:
    """Return README's row of a network: three shares or scores, each measured and published."""
    cells = []
    for column in ("auroc", "jaspar", "relevant"):
        for numbers in (sample(results.of(key(variant, column))), claims.cell(variant, column)):
            cells.append(plus_minus(numbers.mean, numbers.sd).replace("±", " ± "))
    return f"| {variant.upper()} | {' | '.join(cells)} |"


def with_table(readme: str, results: Results) -> str:
    """Return README with the rows of its table that are due to the runs."""
    for variant in (*SMALL, *LARGE):
        row = table_row(variant, results)
        readme = re.sub(rf"^\| {variant.upper()} \|.*$", lambda _, row=row: row, readme, flags=re.MULTILINE)
    return readme


if __name__ == "__main__":
    store, readme = ROOT / "results", ROOT / "README.md"
    rows = [matrix.document(row) for row in matrix.of(store, ROOT / "tests")]
    write_text(DATA / "verdicts.json", to_json(rows))
    results = {"synthetic": measured.require_results(store), **measured.read_others(store)}
    known = forecasts.shipped_outcomes(results["synthetic"], results["chipseq"], results["conditions"])
    write_text(DATA / "outcomes.json", to_json(known.document()))
    judged = {judgement.criterion.id: judgement.verdict for judgement in verdicts.judge_all(DECIDED, results)}
    write_text(readme, with_table(with_lists(readme.read_text("utf-8"), judged), results["synthetic"]))
