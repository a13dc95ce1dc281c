"""Measure a sweep against training one network after another: ``tox -e bench -- sweep.py``.

Both train the same networks on the full-size task for a few epochs, in turns on the same machine: first a
single process that gives every training all cores, as plain ``model.fit`` does; then `receptive.sweep`, a
process of one thread for each core. The clock on the wall counts, starting up included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from receptive import sweep
from receptive.protocols import RELEASED
from receptive.tasks import dataset, synthetic

NETWORKS = ["cnn-2", "cnn-25"]
PLAIN = """
import sys
from receptive import backend, runs
from receptive.networks import variant
from receptive.protocols import RELEASED
from receptive.tasks import dataset
backend.configure()
data = dataset.read(sys.argv[1])
for name in sys.argv[4:]:
    for trial in range(int(sys.argv[3])):
        plan = runs.plan(variant(name, RELEASED), data, RELEASED, trial, int(sys.argv[2]))
        runs.run(plan, data, sys.argv[1] + ".plain")
"""


def main() -> None:
    """Time both, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    data = synthetic.generate(0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.h5"
        dataset.write(data, file)
        began = time.perf_counter()
        command = [sys.executable, "-c", PLAIN, file, given.epochs, given.trials, *NETWORKS]
        subprocess.run(list(map(str, command)), check=True, stderr=subprocess.DEVNULL)
        plain = time.perf_counter() - began
        plans = sweep.plans(NETWORKS, given.trials, RELEASED, data, given.epochs)
        began = time.perf_counter()
        done = sweep.sweep(plans, file, Path(folder) / "sweep", given.workers)
        together = time.perf_counter() - began
    runs = done.trained
    print(
        json.dumps(
            {
                "runs": runs,
                "epochs": given.epochs,
                "workers": given.workers,
                "plain_s": round(plain, 1),
                "sweep_s": round(together, 1),
                "plain_runs_per_hour": round(3600 * runs / plain, 1),
                "sweep_runs_per_hour": round(3600 * runs / together, 1),
                "ratio": round(plain / together, 2),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
