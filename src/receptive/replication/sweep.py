"""A sweep: the runs of a table that a store does not have yet, several at once."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from receptive import files
from receptive.errors import ReceptiveError, UsageError
from receptive.networks import backend
from receptive.replication.runs import Plan
from receptive.replication.workers import (
    OnEpoch,
    Outcome,
    Submit,
    Training,
    hold_lock,
    in_threads,
    on_cluster,
    split,
    sweep_folder,
    training_environment,
)
from receptive.tasks import dataset
from receptive.tasks.dataset import Dataset

MOST_ON_A_CARD = 8
"""Most processes that share a graphics card unless the user says otherwise; each takes about 1 GB of it."""
WAIT_SECONDS = 2
"""How long to wait before asking again for a run that another sweep is training."""


OnEnd = Callable[[Plan, Outcome], None]
"""Called in the sweep's own thread after each attempt at a run; one that is held is attempted again."""


@dataclass(frozen=True)
class Summary:
    """The outcome of a sweep; ``planned`` is the sum of the other three.

    Attributes:
        planned: runs asked for.
        done: runs that were in the store already, or that another sweep trained meanwhile.
        trained: runs trained and stored by this sweep.
        failed: why each of the others failed.
    """

    planned: int
    done: int
    trained: int
    failed: Mapping[Plan, str]


def trainings(wanted: Iterable[Plan]) -> tuple[tuple[Plan, ...], ...]:
    """Group plans by the training that they share, keeping their order."""
    groups: dict[str, list[Plan]] = {}
    for plan in wanted:
        groups.setdefault(plan.weights_key, []).append(plan)
    return tuple(map(tuple, groups.values()))


def failure_file(plan: Plan, store: Path | str) -> Path:
    """Return where a failed run is recorded: beside the place of its folder, never taken for a run."""
    folder = plan.folder(store)
    return folder.with_name(f"{folder.name}.failed.json")


def store_dataset(data: Dataset, store: Path | str) -> Path:
    """Put a data set that no file holds into the store, for all processes to read; return the file."""
    path = sweep_folder(store) / f"{data.task}-{data.sha256[:16]}.h5"
    if not path.exists():
        dataset.write(data, path)
    return path


def workers_here() -> int:
    """Return how many trainings to run at once on this machine.

    One for each core that this process may use (containers and batch systems may give it fewer than there
    are), but on a graphics card no more than ``MOST_ON_A_CARD``.
    """
    from joblib import cpu_count

    cores = int(cpu_count())
    # Asked in a process of its own, since looking may already take memory on the card.
    program = "from receptive.networks import backend as b; b.configure(); print(b.describe()['device'])"
    asked = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=training_environment(),
    )
    return cores if asked.stdout.strip() in ("CPU", "") else min(cores, MOST_ON_A_CARD)


def sweep(
    wanted: Sequence[Plan],
    data: Path | str,
    store: Path | str,
    workers: int = 1,
    scheduler: str | None = None,
    on_epoch: OnEpoch = lambda *_: None,
    on_end: OnEnd = lambda *_: None,
    keep: bool = False,
) -> Summary:
    """Train the runs that the store misses, in the order given, and store each as soon as it is finished.

    Args:
        wanted: the runs, planned on the data set in ``data``.
        data: HDF5 file of the data set; on a cluster, at the same path on every machine.
        store: folder of runs; the same.
        workers: trainings at once on this machine.
        scheduler: address of a Dask scheduler (``tcp://…``) whose workers train instead, one run for each of
            their threads at once.
        on_epoch: progress of the runs.
        on_end: called at the end of every attempt.
        keep: whether to store the weights and the first layer over epochs, too.

    Raises:
        UsageError: less than one worker; what training takes is not installed.
        ReceptiveError: the store cannot be written or locked or holds other runs; the scheduler cannot be
            reached or is lost. What was finished by then is stored.
    """
    if workers < 1:
        raise UsageError(f"--workers is {workers}: expected at least 1, or auto")
    store, data = Path(store).absolute(), Path(data).absolute()
    tidy(store)
    done, missing = split(wanted, store)
    if missing:
        if scheduler is None:
            backend.require_training("training")
        with hold_lock(sweep_folder(store) / "lock"):
            pass
    for plan in done:
        failure_file(plan, store).unlink(missing_ok=True)
    ready, trained, failed = len(done), 0, {}
    if missing:
        here = partial(in_threads, workers) if scheduler is None else partial(on_cluster, scheduler)
        with here(data, store, on_epoch, keep) as submit:
            for plan, outcome in _attempt_all(trainings(missing), submit):
                ready += outcome.state == "found"
                trained += outcome.state == "trained"
                if outcome.state == "failed":
                    failed[plan] = outcome.error
                    _record(plan, store, outcome)
                elif outcome.state != "held":
                    failure_file(plan, store).unlink(missing_ok=True)
                on_end(plan, outcome)
    return Summary(len(done) + len(missing), ready, trained, failed)


def tidy(store: Path | str) -> None:
    """Remove what killed trainings left in a store: half-written runs, and their temporary files."""
    store = Path(store)
    for folder in (store, store / ".sweep", *store.glob("*/*/*")):
        files.tidy(folder)


def _record(plan: Plan, store: Path, outcome: Outcome) -> None:
    """Write down why a run failed."""
    what = {"key": plan.key, "task": plan.task, "variant": plan.network.name, "trial": plan.trial}
    why = {"error": outcome.error, "details": outcome.details, "host": outcome.host}
    record = {**what, "protocol": plan.protocol.name, **why}
    files.write_text(failure_file(plan, store), files.to_json(record))


def _attempt_all(missing: Sequence[Training], submit: Submit) -> Iterator[tuple[Plan, Outcome]]:
    """Attempt every training, those that another sweep holds again and again; yield how each run ended."""
    waiting = list(missing)
    while waiting:
        attempts = {submit(plans): plans for plans in waiting}
        waiting = []
        for future in as_completed(attempts):
            plans = attempts[future]
            outcomes = _outcomes(future, len(plans))
            if outcomes[0].state == "held":
                waiting.append(plans)
            yield from zip(plans, outcomes, strict=True)
        if waiting:
            time.sleep(WAIT_SECONDS)


def _outcomes(attempted: "Future[tuple[Outcome, ...]]", number: int) -> tuple[Outcome, ...]:
    """Return how an attempt ended; an exception, such as too many workers lost at it, is a failure."""
    try:
        return attempted.result()
    except CancelledError:
        raise ReceptiveError(
            "lost the Dask scheduler; what was finished is stored, start again to go on"
        ) from None
    except Exception as error:
        kind = "" if isinstance(error, ReceptiveError) else f"{type(error).__name__}: "
        return (Outcome("failed", f"{kind}{error}"),) * number
