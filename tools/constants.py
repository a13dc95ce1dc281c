"""Write ``src/receptive/data/constants.json``: what follows from shipped data and takes seconds to compute.

A test recomputes them; run this when it fails for a good reason: ``python tools/constants.py``.
"""

from pathlib import Path

from receptive.evidence import authors
from receptive.files import to_json, write_text
from receptive.networks.training import metrics
from receptive.tasks import chipseq

FILE = Path(__file__).parents[1] / "src" / "receptive" / "data" / "constants.json"


def constants() -> dict[str, object]:
    """Score the authors' in vivo filters as ours are, and each factor's best JASPAR hit as a classifier."""
    task = chipseq.load()
    auroc = metrics(task.test.Y, chipseq.best_hits(task.test.X))["auroc"]
    return {
        "authors_invivo": {name: authors.score(name) for name in authors.INVIVO},
        "best_hits": {"data_sha256": task.sha256, "auroc": dict(zip(task.classes, auroc, strict=True))},
    }


if __name__ == "__main__":
    write_text(FILE, to_json(constants()))
