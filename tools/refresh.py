"""Make anew what is made from the committed runs and tests: ``python tools/refresh.py``.

These are the verdicts and the outcomes of forecasts that the package ships, and README's lists of claims.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill

from receptive.evidence import claims, forecasts, measured, verdicts
from receptive.evidence.roster import DECIDED
from receptive.files import to_json, write_text
from receptive.report import matrix

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


if __name__ == "__main__":
    store, readme = ROOT / "results", ROOT / "README.md"
    rows = [matrix.document(row) for row in matrix.of(store, ROOT / "tests")]
    write_text(DATA / "verdicts.json", to_json(rows))
    results = {"synthetic": measured.require_results(store), **measured.read_others(store)}
    known = forecasts.shipped_outcomes(results["synthetic"], results["chipseq"], results["conditions"])
    write_text(DATA / "outcomes.json", to_json(known.document()))
    judged = {judgement.claim.id: judgement.verdict for judgement in verdicts.judge_all(DECIDED, results)}
    write_text(readme, with_lists(readme.read_text("utf-8"), judged))
