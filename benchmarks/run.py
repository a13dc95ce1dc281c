"""Measure speed as ratios to plain loops in the same run; ``tox -e bench`` runs it.

Every job is timed several times, in turns, by the processor time of this process, and the medians are
compared; the spread is the lowest and the highest ratio over the turns. Prints a table, or one JSON document
with --json.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import plain

from receptive.motifs import tomtom
from receptive.motifs.jaspar import jaspar_2016
from receptive.motifs.motif import Motif
from receptive.networks import filters
from receptive.protocols import RELEASED
from receptive.tasks import synthetic

SEQUENCES = 2500


def seconds(job: Callable[[], Any]) -> float:
    """Processor time of one call."""
    began = time.process_time()
    job()
    return time.process_time() - began


def ratio(name: str, slow: Callable[[], Any], fast: Callable[[], Any], turns: int = 3) -> dict[str, Any]:
    """Time two versions of a job in turns."""
    fast()
    times = [(seconds(slow), seconds(fast)) for _ in range(turns)]
    ratios = [a / b for a, b in times]
    return {
        "name": name,
        "plain_s": statistics.median(a for a, _ in times),
        "receptive_s": statistics.median(b for _, b in times),
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
    }


def generation() -> dict[str, Any]:
    """Drawing the synthetic task (issue: at least 20 times)."""
    return ratio(
        f"draw {SEQUENCES:,} sequences",
        lambda: plain.generate(0, SEQUENCES),
        lambda: synthetic.generate(0, RELEASED, SEQUENCES),
    )


def reading() -> dict[str, Any]:
    """Counting the sites of 30 filters in 1,000 sequences (at least 8 times).

    The maps are those of random weights, which give about 70 sites in a sequence, as trained networks do.
    """
    X = synthetic.generate(0, RELEASED, SEQUENCES).train.X[:1000]
    kernels = np.random.default_rng(0).normal(size=(19, 4, 30)).astype(np.float32)
    padded = np.pad(X, ((0, 0), (9, 9), (0, 0))).astype(np.float32)
    maps = sum((padded[:, j : j + 200] @ kernels[j] for j in range(19)), start=np.float32(0))
    maps = np.maximum(maps, 0).astype(np.float32)
    batches = [(first, maps[first : first + 500]) for first in range(0, 1000, 500)]
    window = filters.Window(19, 9)
    ours = filters.count(lambda: batches, X, RELEASED, window)[0]
    np.testing.assert_allclose(plain.read(maps, X, RELEASED.threshold, 19), ours, rtol=1e-6)
    return ratio(
        "read 30 filters",
        lambda: plain.read(maps, X, RELEASED.threshold, 19),
        lambda: filters.count(lambda: batches, X, RELEASED, window),
    )


def matching() -> list[dict[str, Any]]:
    """Tomtom of 30 filters against 519 motifs, and against memelite's, which is compiled and bins targets."""
    pwms = np.random.default_rng(0).dirichlet([1] * 4, (30, 19))
    queries = [Motif(f"filter{index}", "", pwm, 19) for index, pwm in enumerate(pwms)]
    targets = jaspar_2016()
    ours = tomtom.compare(queries, targets).p
    np.testing.assert_allclose(plain.compare(queries, targets), ours, rtol=1e-12)
    name = "match 30 filters with 519 motifs"
    results = [
        ratio(
            name,
            lambda: plain.compare(queries, targets),
            lambda: tomtom.compare(queries, targets),
            turns=7,
        )
    ]
    try:
        import memelite
    except ImportError:
        return results
    Q, T = ([np.ascontiguousarray(motif.pwm.T) for motif in motifs] for motifs in (queries, targets))
    memelite.tomtom(Q, T, n_jobs=1)  # compiles itself
    other = ratio(
        f"{name}, memelite",
        lambda: memelite.tomtom(Q, T, n_jobs=1),
        lambda: tomtom.compare(queries, targets),
        turns=7,
    )
    return [*results, {**other, "than": "memelite"}]


def starting(*words: str) -> dict[str, Any]:
    """A command that computes little, by the clock on the wall: starting up is most of it."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from receptive.cli import main; main()", *words],
            check=True,
            capture_output=True,
        )
        times.append(time.perf_counter() - began)
    name = f"receptive {' '.join(words)} (wall)"
    return {"name": name, "receptive_s": statistics.median(times), "spread_s": [min(times), max(times)]}


def main() -> None:
    """Run every benchmark and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    as_json = parser.parse_args().json
    starts = (["--help"], ["field", "cnn-25"], ["field", "conv7 pool3 conv3"], ["toy", "--pool", "3"])
    results = [generation(), reading(), *matching(), *(starting(*words) for words in starts)]
    versions = f"Python {platform.python_version()}, numpy {np.__version__}"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {versions}"
    if as_json:
        print(json.dumps({"machine": machine, "results": results}, indent=1))
        return
    print(machine)
    for result in results:
        line = f"{result['name']:45} {result['receptive_s']:8.3f} s"
        if "ratio" in result:
            low, high = result["spread"]
            line += f"   {result.get('than', 'plain loops'):11} {result['plain_s']:7.2f} s"
            line += f"   ratio {result['ratio']:5.2f} ({low:.2f} to {high:.2f})"
        print(line)


if __name__ == "__main__":
    main()
