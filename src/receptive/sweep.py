"""A sweep: the runs of a table that a store does not have yet, several at once, here or on a Dask cluster.

Every training has a process of its own: its memory is free again when it ends, and if the system kills it,
the others go on. That process is watched by a thread of this program, or by a task on a cluster, and ends
with its watcher, so that a sweep that is killed leaves no training behind. Runs that differ in nothing but
how filters are read share a training.

Two sweeps may share a store. Whoever trains holds a lock on a file under ``STORE/.sweep``, which the
system releases when its holder ends, however it ends; the other sweep waits and then finds the run. On a
cluster the store has to be a folder that all machines share, and that honours ``flock`` between them.

A run that fails leaves ``trial-<n>.failed.json`` where its folder would be. A later sweep tries it again.
"""

import fcntl
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal
from uuid import uuid4

import joblib

from receptive import arithmetic, backend, files, protocols, runs
from receptive.errors import ReceptiveError, UsageError
from receptive.networks import DEPTH, LARGE, NUMBERS, REGISTERED, SECOND, SMALL, VARIANTS, Variant, variant
from receptive.protocols import AGAIN, RELEASED, Protocol, ablations, protocol, reread
from receptive.runs import Plan
from receptive.tasks import dataset
from receptive.tasks.dataset import Dataset
from receptive.training import EPOCHS

MOST_ON_A_CARD = 8
"""Most processes that share a graphics card unless the user says otherwise; each takes about 1 GB of it."""
PROGRAM = "from receptive.sweep import _train; _train()"
"""What a process that trains a run runs."""
CONNECT_SECONDS = 5
WAIT_SECONDS = 2
"""How long to wait before asking again for a run that another sweep is training."""


@dataclass(frozen=True)
class Target:
    """What is trained under one name.

    Attributes:
        task: the task that the networks are trained on.
        networks: their names, each with the protocols that it is trained under; none: the one asked for.
        trials: of each, unless the user says otherwise; as many as the paper's by default.
    """

    task: str
    networks: Mapping[str, tuple[Protocol, ...]]
    trials: int = 5


TABLE_2 = (*SMALL, *LARGE, "cnn9-4", "cnn9-25", "cnn-50-2", *NUMBERS[1:])
"""The networks of Table 2."""

ABLATIONS = {
    "cnn-2": ablations(),
    "cnn-25": ablations(),
    "cnn9-4": (AGAIN, protocol("released", window=None), reread(RELEASED)),
    "cnn-50-2": (protocol("released", cnn_50_2="full"),),
}
"""Every switch for two networks; for filters of 9 the window that suits them, and for CNN-50-2 its size."""

ACTIVATIONS = {
    "cnn-1": (protocol("released", activation="exponential"),),
    "cnn-2": tuple(protocol("released", activation=name) for name in protocols.ACTIVATIONS[1:]),
    "cnn-4": (protocol("released", activation="exponential"),),
    "cnn-25": (protocol("released", activation="exponential"),),
}
"""Activations of the first layer other than ReLU (DISC-1)."""

CONDITIONS = tuple(
    protocol("released", **switches)
    for switches in (
        {"l2": 0.0},
        {"l2": 1e-4},
        {"dropout": (0.0, 0.0, 0.0)},
        {"dropout": (0.5, 0.1, 0.5)},
        {"batch_norm": False},
        {"optimizer": "sgd", "learning_rate": 0.01},
        {"learning_rate": 1e-2},
        {"learning_rate": 1e-4},
    )
)
"""Other ways of regularising and of optimising (DISC-4)."""

TARGETS = {
    "table1": (Target("synthetic", dict.fromkeys(VARIANTS, ())),),
    "ablations": (Target("synthetic", ABLATIONS, 3),),
    "table2": (Target("invivo", dict.fromkeys(TABLE_2, ())),),
    "chipseq": (Target("chipseq", dict.fromkeys(TABLE_2, ()), 3),),
    "chipseq-shuffled": (Target("chipseq-shuffled", {"cnn-25": ()}, 3),),
    "chipseq-source": (Target("chipseq-source", {"cnn-25": ()}, 3),),
    "predictions": (Target("synthetic", dict.fromkeys(REGISTERED, ()), 3),),
    "predictions-2": (
        Target("synthetic", dict.fromkeys(SECOND, ()), 5),
        Target("synthetic", dict.fromkeys(DEPTH, ()), 3),
        Target(
            "synthetic-others", dict.fromkeys(("cnn-2", "cnn-4", "cnn-pool6", "cnn-10", "cnn19-1-2"), ()), 3
        ),
        Target("chipseq", dict.fromkeys(("cnn-pool6", "cnn-pool8s2", "cnn-pool4-conv1"), ()), 3),
        Target("chipseq", dict.fromkeys(("cnn-pool2-conv5d3", "cnn-basset", "cnn-deepsea"), ()), 3),
    ),
    "activation": (
        Target("synthetic", ACTIVATIONS, 3),
        Target("chipseq", dict.fromkeys(("cnn-2", "cnn-25"), ACTIVATIONS["cnn-25"]), 3),
    ),
    "conditions": (Target("synthetic", {"cnn-2": CONDITIONS, "cnn-25": CONDITIONS}, 3),),
    "draws": tuple(
        Target(task, dict.fromkeys(("cnn-2", "cnn-4", "cnn-25"), ()), 2)
        for task in ("synthetic-draw1", "synthetic-draw2")
    ),
    "more-trials": (
        Target("synthetic", dict.fromkeys(SMALL, ()), 10),
        Target("chipseq", dict.fromkeys(TABLE_2, ()), 5),
    ),
}
"""By name: Table 1 with the two networks of Fig S1, all 17; switches of the protocol; Table 2; its networks
on the ChIP-seq task; that task's controls; the networks whose filters were predicted before their training,
first and second registration; and what answers the Discussion: other activations, conditions and draws,
and more trials."""

OnEpoch = Callable[[Plan, int, float], None]
"""Called after an epoch of a run with the number of epochs done and the validation loss, from any thread."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt at a run ended.

    Attributes:
        state: it was ``trained``; ``found`` in the store; ``held`` by another sweep; or it ``failed``.
        error: why it failed, in one line.
        details: the end of what its process printed.
        host: the machine it was on.
    """

    state: Literal["trained", "found", "held", "failed"]
    error: str = ""
    details: str = ""
    host: str = ""


OnEnd = Callable[[Plan, Outcome], None]
"""Called in the sweep's own thread after each attempt at a run; one that is held is attempted again."""


@dataclass(frozen=True)
class Summary:
    """What a sweep did; ``planned`` is the sum of the other three.

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


def cost(network: Variant, length: int, classes: int = 12) -> int:
    """Count the multiply-adds of one sequence of ``length`` nt through a network, by arithmetic alone."""
    positions, channels, total, filters = length, 4, 0, iter(network.filters)
    for layer, row in zip(network.layers, arithmetic.field(network.layers, length).rows, strict=True):
        positions = row.length
        if layer.kind == "conv":
            new = next(filters)
            total += positions * layer.size * channels * new
            channels = new
    return total + positions * channels * network.units + network.units * classes


def plans(
    names: Iterable[str],
    trials: int | None,
    protocol: Protocol,
    data: Dataset,
    epochs: int = EPOCHS,
    both_readings: bool = False,
) -> tuple[Plan, ...]:
    """Plan every trial of the named variants, the longest trainings first.

    Longest first keeps the machine busy to the end: what is started last is soon over.

    Args:
        names: variants or :data:`TARGETS`; a run that is named twice counts once.
        trials: trials of each, numbered from 0; ``None`` for the usual number.
        protocol: how they are trained and read, unless a target has its own protocols.
        data: the data set of all of them.
        epochs: the most epochs.
        both_readings: whether the filters are to be read as the other protocol does, too.

    Raises:
        UsageError: an unknown name, data of another task than a target's, or less than one trial or epoch.
    """
    if trials is not None and trials < 1:
        raise UsageError(f"--trials is {trials}: expected at least 1")
    protocols = (protocol, reread(protocol)) if both_readings else (protocol,)
    wanted: dict[Plan, None] = {}
    for name in names:
        targets = [
            target
            for target in TARGETS.get(name, (Target(data.task, {name: ()}),))
            if target.task == data.task
        ]
        if not targets:
            tasks = " and ".join(tasks_of([name]))
            raise UsageError(f"{name} is of the task {tasks}: expected data of it, found {data.task}")
        for target in targets:
            for one, own in target.networks.items():
                for chosen, trial in product(own or protocols, range(trials or target.trials)):
                    wanted[runs.plan(variant(one, chosen), data, chosen, trial, epochs)] = None
    return tuple(sorted(wanted, key=lambda plan: -cost(plan.network, data.length)))


def tasks_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the tasks of the targets among some names, none without any.

    Raises:
        UsageError: targets that have no task in common.
    """
    chosen = {name: [target.task for target in TARGETS[name]] for name in names if name in TARGETS}
    if len({frozenset(tasks) for tasks in chosen.values()}) > 1:
        raise UsageError(f"{' and '.join(chosen)} are of different tasks: expected one at a time")
    return tuple(dict.fromkeys(task for tasks in chosen.values() for task in tasks))


def trainings(wanted: Iterable[Plan]) -> tuple[tuple[Plan, ...], ...]:
    """Group plans by the training that they share, keeping their order."""
    groups: dict[str, list[Plan]] = {}
    for plan in wanted:
        groups.setdefault(plan.training, []).append(plan)
    return tuple(map(tuple, groups.values()))


def split(wanted: Iterable[Plan], store: Path | str) -> tuple[tuple[Plan, ...], tuple[Plan, ...]]:
    """Part plans into those that the store has and those that it misses, keeping their order.

    Raises:
        ReceptiveError: another run is in the place of one of them.
    """
    done = {plan: runs.finished(plan, store) is not None for plan in wanted}
    return tuple(plan for plan in done if done[plan]), tuple(plan for plan in done if not done[plan])


def failure_file(plan: Plan, store: Path | str) -> Path:
    """Return where a failed run is recorded: beside the place of its folder, never taken for a run."""
    folder = plan.folder(store)
    return folder.with_name(f"{folder.name}.failed.json")


def keep(data: Dataset, store: Path | str) -> Path:
    """Put a data set that no file holds into the store, for all processes to read; return the file."""
    path = _private(store) / f"{data.task}-{data.sha256[:16]}.h5"
    if not path.exists():
        dataset.write(data, path)
    return path


def workers_here() -> int:
    """Return how many trainings to run at once on this machine.

    One for each core that this process may use (containers and batch systems may give it fewer than there
    are), but on a graphics card no more than ``MOST_ON_A_CARD``.
    """
    cores = int(joblib.cpu_count())
    # Asked in a process of its own, since looking may already take memory on the card.
    program = "from receptive import backend as b; b.configure(); print(b.describe()['device'])"
    asked = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False, env=_environment()
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
        UsageError: less than one worker.
        ReceptiveError: the store cannot be written or locked or holds other runs; the scheduler cannot be
            reached or is lost. What was finished by then is stored.
    """
    if workers < 1:
        raise UsageError(f"--workers is {workers}: expected at least 1, or auto")
    store, data = Path(store).absolute(), Path(data).absolute()
    tidy(store)
    done, missing = split(wanted, store)
    if missing:
        with _lock(_private(store) / "lock"):
            pass
    for plan in done:
        failure_file(plan, store).unlink(missing_ok=True)
    found, trained, failed = len(done), 0, {}
    if missing:
        here = partial(_threads, workers) if scheduler is None else partial(_cluster, scheduler)
        with here(data, store, on_epoch, keep) as submit:
            for plan, outcome in _ended(trainings(missing), submit):
                found += outcome.state == "found"
                trained += outcome.state == "trained"
                if outcome.state == "failed":
                    failed[plan] = outcome.error
                    _record(plan, store, outcome)
                elif outcome.state != "held":
                    failure_file(plan, store).unlink(missing_ok=True)
                on_end(plan, outcome)
    return Summary(len(done) + len(missing), found, trained, failed)


def attempt(
    wanted: Sequence[Plan],
    data: Path,
    store: Path,
    report: Callable[[int, float], None],
    lifeline: int = subprocess.PIPE,
    keep: bool = False,
) -> tuple[Outcome, ...]:
    """Train in a process of its own, unless all is in the store or another sweep trains it now.

    Args:
        wanted: runs that share a training.
        data: file of their data set.
        store: folder of runs.
        report: called after every epoch with the epochs done and the validation loss.
        lifeline: what the process reads from; it ends when nobody can write there any more. By default a
            pipe of this process.
        keep: as for :func:`sweep`.

    Returns:
        The outcome for each run.

    Raises:
        ReceptiveError: the store cannot be written or locked.
    """
    first = wanted[0]
    with _lock(_private(store) / first.task / first.network.name / first.training) as lock:
        if lock is None:
            return (Outcome("held"),) * len(wanted)
        found, missing = split(wanted, store)
        if not missing:
            return (Outcome("found"),) * len(wanted)
        ended = _watch(missing, data, store, report, lifeline, lock, keep)
        stored, _ = split(missing, store)  # A process that fails may have stored some of them before.
    outcomes = {**dict.fromkeys(found, Outcome("found")), **dict.fromkeys(stored, Outcome("trained"))}
    return tuple(outcomes.get(plan, ended) for plan in wanted)


def _watch(
    missing: Sequence[Plan],
    data: Path,
    store: Path,
    report: Callable[[int, float], None],
    lifeline: int,
    lock: IO[bytes],
    keep: bool,
) -> Outcome:
    """Start the process that trains, pass its reports on, and say how it ended."""
    with (
        TemporaryFile() as task,
        TemporaryFile("w+", encoding="utf-8", errors="replace") as printed,
    ):
        # By a file: a command line has a limit, and everybody on the machine may read it.
        task.write(pickle.dumps((missing, data, store, keep)))
        task.seek(0)
        with subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, str(missing[0].folder("")), str(task.fileno())],
            stdin=lifeline,
            stdout=subprocess.PIPE,
            stderr=printed,
            text=True,
            env=_environment(),
            process_group=0,
            # The lock is held until both this process and the training have ended.
            pass_fds=(lock.fileno(), task.fileno()),
        ) as training:
            assert training.stdout is not None
            for line in training.stdout:
                report(*json.loads(line))
            code = training.wait()
        printed.seek(0)
        lines = printed.read().strip().splitlines()[-30:]
    if code == 0:
        return Outcome("trained")
    error = lines[-1] if lines else f"its process ended with code {code}"
    if code < 0:
        hint = "; was it out of memory?" if code == -signal.SIGKILL else ""
        error = f"its process was killed by {signal.Signals(-code).name}{hint}"
    return Outcome("failed", error, "\n".join(lines), socket.gethostname())


def _train() -> None:
    """Be the process that trains: print epochs as lines of JSON, and errors on standard error."""
    with os.fdopen(int(sys.argv[2]), "rb") as task:
        wanted, path, store, keep = pickle.load(task)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Whatever else prints is kept out of the report.

    def report(epoch: int, losses: dict[str, float]) -> None:
        print(json.dumps([epoch, float(losses.get("val_loss", "nan"))]), file=out)

    try:
        data = dataset.read(path, wanted[0].task)
        if any(data.sha256 != plan.data_sha256 for plan in wanted):
            raise ReceptiveError(f"{path}: other data than were planned on; did the file change?")
        backend.configure(threads=1)
        with files.temporary_files(_private(store)):
            runs.run_readings(wanted, data, store, report, keep=keep)
    except ReceptiveError as error:
        sys.exit(str(error))


def _end_with_parent() -> None:
    """Wait until nobody holds the other end of standard input, then end at once."""
    os.read(0, 1)
    os._exit(1)


def _environment() -> dict[str, str]:
    """Return the environment of a training: one thread, and no more of a card's memory than it needs."""
    # NPROC is what JAX sizes its pools of threads by.
    return {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ, "OMP_NUM_THREADS": "1", "NPROC": "1"}


def _private(store: Path | str) -> Path:
    """Make the sweeps' own folder in a store, which version control passes over."""
    folder = Path(store) / ".sweep"
    if not (folder / ".gitignore").exists():
        files.write_text(folder / ".gitignore", "*\n")
    return folder


@contextmanager
def _lock(path: Path) -> Iterator[IO[bytes] | None]:
    """Hold a lock on a file, and yield the open file; ``None`` if someone else holds it.

    The file stays, as removing it would let two hold it at once.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise ReceptiveError(f"cannot write {path}: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        except OSError as error:
            raise ReceptiveError(
                f"cannot lock {path}: {error.strerror}; is its file system mounted so that "
                "files can be locked?"
            ) from None
        yield file


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
    files.write_text(failure_file(plan, store), runs.to_json(record))


Training = tuple[Plan, ...]
Submit = Callable[[Training], "Future[tuple[Outcome, ...]]"]


def _ended(missing: Sequence[Training], submit: Submit) -> Iterator[tuple[Plan, Outcome]]:
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


@contextmanager
def _threads(workers: int, data: Path, store: Path, on_epoch: OnEpoch, keep: bool) -> Iterator[Submit]:
    """Watch the trainings from threads of this process; they end with it, or when the block is left."""
    lifeline, held = os.pipe()
    pool = ThreadPoolExecutor(workers)
    try:
        yield lambda plans: pool.submit(
            attempt, plans, data, store, partial(on_epoch, plans[0]), lifeline, keep
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        os.close(held)
        pool.shutdown()
        os.close(lifeline)


@contextmanager
def _cluster(address: str, data: Path, store: Path, on_epoch: OnEpoch, keep: bool) -> Iterator[Submit]:
    """Watch the trainings from tasks on a Dask cluster, which starts those of a lost worker on another."""
    client = _connect(address)
    topic, planned = f"receptive-{uuid4().hex}", {}

    def submit(plans: Training) -> "Future[tuple[Outcome, ...]]":
        planned[plans[0].key] = plans[0]
        future: Future[tuple[Outcome, ...]] = tasks.submit(_attempt_there, topic, plans, data, store, keep)
        return future

    def hear(event: tuple[float, Any]) -> None:
        key, epoch, loss = event[1]
        on_epoch(planned[key], epoch, loss)

    try:
        tasks = client.get_executor(pure=False)
        client.subscribe_topic(topic, hear)
        yield submit
    finally:
        client.close()


def _attempt_there(topic: str, plans: Training, data: Path, store: Path, keep: bool) -> tuple[Outcome, ...]:
    """Attempt a training on a worker of a cluster, reporting through the scheduler."""
    from distributed import get_worker

    worker = get_worker()
    key = plans[0].key
    return attempt(
        plans, data, store, lambda epoch, loss: worker.log_event(topic, [key, epoch, loss]), keep=keep
    )


def _connect(address: str) -> Any:
    """Connect to a Dask scheduler.

    Raises:
        UsageError: this is not an address.
        ReceptiveError: Dask is not installed, or nothing answers at the address.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        raise ReceptiveError('--scheduler needs Dask: pip install "receptive[cluster]"') from None
    try:
        get_address_host_port(address)
    except ValueError as error:
        raise UsageError(
            f"--scheduler {address}: expected an address like tcp://host:8786 ({error})"
        ) from None
    # Of a lost scheduler Dask tells by a traceback; the sweep says it in a sentence.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ReceptiveError(f"--scheduler {address}: no Dask scheduler answers there ({error})") from None
