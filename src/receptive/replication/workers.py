"""One training in a process of its own, under a lock, here or on a Dask cluster."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Literal, NamedTuple
from uuid import uuid4

from receptive import files
from receptive.errors import ReceptiveError, UsageError
from receptive.extras import need
from receptive.networks import backend
from receptive.replication import runs
from receptive.replication.runs import Plan
from receptive.tasks import dataset

PROGRAM = "from receptive.replication.workers import _train; _train()"
"""What a process that trains a run runs."""
CONNECT_SECONDS = 5

OnEpoch = Callable[[Plan, int, float], None]
"""Called after an epoch of a run with the number of epochs done and the validation loss, from any thread."""


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt at a run.

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


class Order(NamedTuple):
    """Plans that share a training, for a process to train, with the file of their data and the store."""

    plans: tuple[Plan, ...]
    data: Path
    store: Path
    keep: bool = False

    def text(self) -> str:
        """Return the order as JSON, as which it travels."""
        plans = [{"plan": plan.record(), "classes": plan.classes} for plan in self.plans]
        return json.dumps({**self._asdict(), "plans": plans}, default=str)

    @classmethod
    def parse(cls, text: str) -> "Order":
        """Return the order that :meth:`text` was made of."""
        record = json.loads(text)
        plans = tuple(Plan.from_record(entry["plan"], entry["classes"]) for entry in record["plans"])
        return cls(plans, Path(record["data"]), Path(record["store"]), record["keep"])


def split(wanted: Iterable[Plan], store: Path | str) -> tuple[tuple[Plan, ...], tuple[Plan, ...]]:
    """Part plans into those that the store has and those that it misses, keeping their order.

    Raises:
        ReceptiveError: another run is in the place of one of them.
    """
    done = {plan: runs.find_run(plan, store) is not None for plan in wanted}
    return tuple(plan for plan in done if done[plan]), tuple(plan for plan in done if not done[plan])


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
    with hold_lock(sweep_folder(store) / first.task / first.network.name / first.weights_key) as lock:
        if lock is None:
            return (Outcome("held"),) * len(wanted)
        present, missing = split(wanted, store)
        if not missing:
            return (Outcome("found"),) * len(wanted)
        ended = _watch(Order(missing, data, store, keep), report, lifeline, lock)
        stored, _ = split(missing, store)  # A process that fails may have stored some of them before.
    outcomes = {**dict.fromkeys(present, Outcome("found")), **dict.fromkeys(stored, Outcome("trained"))}
    return tuple(outcomes.get(plan, ended) for plan in wanted)


def _watch(order: Order, report: Callable[[int, float], None], lifeline: int, lock: IO[bytes]) -> Outcome:
    """Start the process that trains, pass its reports on, and say how it ended."""
    with (
        TemporaryFile() as task,
        TemporaryFile("w+", encoding="utf-8", errors="replace") as printed,
    ):
        # By a file: a command line has a limit, and everybody on the machine may read it.
        task.write(order.text().encode())
        task.seek(0)
        with subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, str(order.plans[0].folder("")), str(task.fileno())],
            stdin=lifeline,
            stdout=subprocess.PIPE,
            stderr=printed,
            text=True,
            env=training_environment(),
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
        order = Order.parse(task.read().decode())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Whatever else prints is kept out of the report.

    def report(epoch: int, losses: dict[str, float]) -> None:
        print(json.dumps([epoch, float(losses.get("val_loss", "nan"))]), file=out)

    try:
        data = dataset.read(order.data, order.plans[0].task)
        if any(data.sha256 != plan.data_sha256 for plan in order.plans):
            raise ReceptiveError(f"{order.data}: other data than were planned on; did the file change?")
        backend.configure(threads=1)
        with files.temporary_files(sweep_folder(order.store)):
            runs.run_readings(order.plans, data, order.store, report, keep=order.keep)
    except ReceptiveError as error:
        sys.exit(str(error))


def _end_with_parent() -> None:
    """Wait until nobody holds the other end of standard input, then end at once."""
    os.read(0, 1)
    os._exit(1)


def training_environment() -> dict[str, str]:
    """Return the environment of a training: one thread, and no more of a card's memory than it needs."""
    # NPROC is what JAX sizes its pools of threads by.
    return {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", **os.environ, "OMP_NUM_THREADS": "1", "NPROC": "1"}


def sweep_folder(store: Path | str) -> Path:
    """Make the sweeps' own folder in a store, which version control passes over."""
    folder = Path(store) / ".sweep"
    if not (folder / ".gitignore").exists():
        files.write_text(folder / ".gitignore", "*\n")
    return folder


@contextmanager
def hold_lock(path: Path) -> Iterator[IO[bytes] | None]:
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
            files.lock(file)
        except BlockingIOError:
            yield None
            return
        except OSError as error:
            raise ReceptiveError(
                f"cannot lock {path}: {error.strerror}; is its file system mounted so that "
                "files can be locked?"
            ) from None
        yield file


Training = tuple[Plan, ...]
Submit = Callable[[Training], "Future[tuple[Outcome, ...]]"]


@contextmanager
def in_threads(workers: int, data: Path, store: Path, on_epoch: OnEpoch, keep: bool) -> Iterator[Submit]:
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
def on_cluster(address: str, data: Path, store: Path, on_epoch: OnEpoch, keep: bool) -> Iterator[Submit]:
    """Watch the trainings from tasks on a Dask cluster, which starts those of a lost worker on another."""
    client = _connect(address)
    topic, planned = f"receptive-{uuid4().hex}", {}

    def submit(plans: Training) -> "Future[tuple[Outcome, ...]]":
        planned[plans[0].key] = plans[0]
        future: Future[tuple[Outcome, ...]] = tasks.submit(
            _attempt_there, topic, Order(plans, data, store, keep).text()
        )
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


def _attempt_there(topic: str, text: str) -> tuple[Outcome, ...]:
    """Attempt an order on a worker of a cluster, reporting through the scheduler."""
    from distributed import get_worker

    worker, order = get_worker(), Order.parse(text)
    key = order.plans[0].key

    def report(epoch: int, loss: float) -> None:
        worker.log_event(topic, [key, epoch, loss])

    return attempt(order.plans, order.data, order.store, report, keep=order.keep)


def _connect(address: str) -> Any:
    """Connect to a Dask scheduler.

    Raises:
        UsageError: this is not an address, or Dask is not installed.
        ReceptiveError: nothing answers at the address.
    """
    need("--scheduler", "cluster", "distributed")
    from distributed import Client
    from distributed.comm import get_address_host_port

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
