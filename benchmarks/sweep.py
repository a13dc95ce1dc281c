"""Measure a sweep against training one network after another: ``tox -e bench -- sweep.py``.

Both train the same networks on the full-size task for the same few epochs, and read and match their filters,
in turns on the same machine: a single process that gives every training all cores, as plain ``model.fit``
does; then a sweep with each number of workers, a process of one thread each. The clock on the wall counts,
starting up included, so that with few epochs the many processes of a sweep count against it. On a
graphics card ``sweep.py --workers 1,2,4,8 --trials 8`` gives trainings per hour against the number of
processes.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from receptive.protocols import RELEASED
from receptive.replication import sweep, targets
from receptive.tasks import dataset, synthetic
from receptive.tasks.dataset import Dataset

PLAIN = """
import sys
from receptive.networks import backend
from receptive.replication import runs
from receptive.networks.variants import variant
from receptive.protocols import RELEASED
from receptive.tasks import dataset
file, store, epochs, trials, *names = sys.argv[1:]
backend.configure()
data = dataset.read(file)
for name in names:
    for trial in range(int(trials)):
        runs.run(runs.plan_run(variant(name, RELEASED), data, RELEASED, trial, int(epochs)), data, store)
"""


def plain(file: Path, store: Path, given: argparse.Namespace) -> float:
    """Train one after another in one process; return seconds."""
    words = [sys.executable, "-c", PLAIN, file, store, given.epochs, given.trials, *given.networks]
    # All threads it likes, whatever this process was told.
    free = {name: value for name, value in os.environ.items() if "THREADS" not in name}
    began = time.perf_counter()
    subprocess.run(list(map(str, words)), check=True, stderr=subprocess.DEVNULL, env=free)
    return time.perf_counter() - began


def together(file: Path, store: Path, given: argparse.Namespace, data: Dataset, workers: int) -> float:
    """Train several at once; return seconds."""
    plans = targets.plans(given.networks, given.trials, RELEASED, data, given.epochs)
    began = time.perf_counter()
    done = sweep.sweep(plans, file, store, workers)
    if done.trained != len(plans):
        sys.exit(f"not all were trained: {done.failed}")
    return time.perf_counter() - began


def summary(times: list[float], runs: int) -> dict[str, Any]:
    """Trainings per hour: the median over the turns, and the lowest and highest."""
    hourly = sorted(3600 * runs / seconds for seconds in times)
    return {"seconds": [round(seconds, 1) for seconds in times], "runs_per_hour": _three(hourly)}


def _three(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "lowest": round(min(values), 2),
        "highest": round(max(values), 2),
    }


def main() -> None:
    """Time both in turns, print one JSON document with the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=["cnn-2", "cnn-25"])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", default=str(os.cpu_count()), help="one number or several: 1,2,4,8")
    given = parser.parse_args()
    numbers = [int(number) for number in given.workers.split(",")]
    data = synthetic.generate(0)
    one_by_one: list[float] = []
    at_once: dict[int, list[float]] = {workers: [] for workers in numbers}
    for turn in range(given.turns):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "data.h5"
            dataset.write(data, file)
            one_by_one.append(plain(file, Path(folder) / "plain", given))
            for workers in numbers:
                at_once[workers].append(together(file, Path(folder) / f"{workers}", given, data, workers))
        print(f"turn {turn + 1} of {given.turns} done", file=sys.stderr)
    runs = len(given.networks) * given.trials
    ratios = {
        workers: [a / b for a, b in zip(one_by_one, times, strict=True)] for workers, times in at_once.items()
    }
    document = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "networks": given.networks,
        "runs": runs,
        "epochs": given.epochs,
        "plain": summary(one_by_one, runs),
        "sweep": {
            workers: {**summary(times, runs), "ratio_to_plain": _three(ratios[workers])}
            for workers, times in at_once.items()
        },
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
