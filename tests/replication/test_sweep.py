"""Sweeps: planned by arithmetic, resumed after anything, and never training a run twice.

Most tests put a stand-in for the training, a program that takes milliseconds; the rest train for real.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made import make_run, put_run

from receptive.cli.replicate import board
from receptive.errors import ReceptiveError, UsageError
from receptive.evidence import claims
from receptive.networks.variants import SMALL_CNN_50_2, VARIANTS
from receptive.protocols import ABLATED, CONTROL_READING, PAPER, READING, RELEASED, ablations
from receptive.replication import runs, sweep, targets, workers
from receptive.tasks import chipseq, dataset, registry

NAMES = st.lists(st.sampled_from([*VARIANTS, "table1"]), min_size=1, max_size=5)

STAND_IN = """
import json, os, signal, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
record = json.loads(os.environ["RECORDS"])[sys.argv[1]]
with open("trained", "a") as log:
    log.write(sys.argv[1] + "\\n")
print(json.dumps([1, 0.5]), flush=True)
time.sleep(0.05)
"""
STORES = """
part = Path("store") / folder.parent / ("." + folder.name + ".part")
part.mkdir(parents=True)
(part / "run.json").write_text(json.dumps(record))
part.rename(Path("store") / folder)
"""
FAILS = """
trial = folder.name
if trial == "trial-0":
    os.kill(os.getpid(), signal.SIGKILL)
if trial == "trial-1":
    raise MemoryError("no room for 3 GB")
if trial == "trial-2":
    os._exit(3)
if trial == "trial-3":
    sys.exit("the loss became NaN")
"""
READS = """
from receptive.tasks import dataset
order = json.load(os.fdopen(int(sys.argv[2])))
data = dataset.read(Path(order["data"]), folder.parts[0])
Path("read").write_text(f"{data.task} {data.sha256} {' '.join(data.classes)}")
"""
"""What a training does before it trains."""
SWEEP = """
from pathlib import Path
from receptive.replication import sweep, workers
workers.PROGRAM = Path("program").read_text()
planned = workers.Order.parse(Path("plans").read_text()).plans
say = lambda plan, epoch, loss: print("epoch", epoch, flush=True)
sweep.sweep(planned, "small.h5", "store", on_epoch=say)
"""
ENDLESS = """
import time
from receptive.networks import backend
from receptive.replication import runs, workers
backend.configure = lambda threads: None
runs.run_readings = lambda plans, data, store, report, keep: (report(1, {"val_loss": 0.5}), time.sleep(600))
workers._train()
"""
"""A process as it trains, but that its first epoch is there at once and the second never ends."""


def record(plan):
    """What is taken for a finished run of a plan."""
    return replace(make_run(), plan=plan).record()


def put(plan, store):
    put_run(store, replace(make_run(), plan=plan))


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """Replace the training; returns how to choose its program and which runs it is to store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "WAIT_SECONDS", 0.05)

    def use(plans, program=""):
        records = {str(plan.folder("")): record(plan) for plan in plans}
        monkeypatch.setenv("RECORDS", json.dumps(records))
        monkeypatch.setattr(workers, "PROGRAM", STAND_IN + program + STORES)

    return use


@pytest.fixture
def data_file(small, tmp_path):
    dataset.write(small, tmp_path / "small.h5")
    return tmp_path / "small.h5"


def trained(folder):
    return Counter((folder / "trained").read_text().split())


RUNS = {"table1": 85, "table2": 65, "chipseq": 39, "chipseq-shuffled": 3, "chipseq-source": 3}
RUNS["predictions"] = 3 * 18
RUNS["ablations"] = 3 * (2 * len(ablations()) + 3 + 1)
RUNS |= {"predictions-2": 16 * 5 + 3 * 3 + 5 * 3 + 6 * 3, "activation": 3 * (1 + 4 + 1 + 1) + 3 * 2}
RUNS |= {"conditions": 3 * 2 * 8, "draws": 2 * 2 * 3, "more-trials": 3 * 10 + 13 * 5}
RUNS |= {"pairs": 2 * 3, "sizes": 2 * 2 * 3, "activation-2": 3 * 3, "pairs-apart": 3 * 3}


@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_target_has_its_networks_trials_and_task(small, name):
    planned = []
    for task in targets.tasks_of(["cnn-2", name]):
        of_the_task = targets.plans([name], None, RELEASED, replace(small, task=task))
        assert {plan.task for plan in of_the_task} == {task}
        planned += of_the_task
    assert len(planned) == RUNS[name]
    networks = {network for target in targets.TARGETS[name] for network in target.networks}
    assert {plan.network.name for plan in planned} == networks


def test_targets_of_different_tasks_are_refused():
    assert targets.tasks_of(["cnn-2"]) == ()
    assert targets.tasks_of(["table1", "ablations"]) == ("synthetic",)
    assert targets.tasks_of(["predictions-2"]) == ("synthetic", "synthetic-others", "chipseq")
    with pytest.raises(UsageError, match="table2 and chipseq are of different tasks"):
        targets.tasks_of(["table2", "cnn-2", "chipseq"])


@pytest.mark.claim("T2-*")
def test_table_2_has_the_networks_of_table_2():
    published = dict.fromkeys(
        cell.variant for cell in claims.published_numbers() if cell.id.startswith("T2-")
    )
    assert tuple(published) == targets.TABLE_2


@given(NAMES, st.integers(1, 6), st.sampled_from([PAPER, RELEASED]), st.integers(1, 100))
def test_every_trial_of_every_network_is_planned_once_longest_first(small, names, trials, chosen, epochs):
    planned = targets.plans(names, trials, chosen, small, epochs)
    expected = set(VARIANTS) if "table1" in names else set(names)
    assert Counter((plan.network.name, plan.trial) for plan in planned) == {
        (name, trial): 1 for name in expected for trial in range(trials)
    }
    costs = [targets.cost(plan.network, small.length) for plan in planned]
    assert costs == sorted(costs, reverse=True)
    for plan in planned:
        assert (plan.protocol, plan.data_sha256, plan.epochs) == (chosen, small.sha256, epochs)
        if plan.network.name == "cnn-50-2":
            assert (plan.network == SMALL_CNN_50_2) == (chosen is RELEASED)


def test_cost_counts_multiply_adds():
    conv1, head = 200 * 19 * 4 * 30, 2 * 128 * 512 + 512 * 12
    assert targets.cost(VARIANTS["cnn-25"], 200) == conv1 + 8 * 5 * 30 * 128 + head
    assert targets.cost(VARIANTS["cnn-1"], 200) == conv1 + 200 * 5 * 30 * 128 + head
    deep = conv1 + 200 * 5 * 30 * 128 + 200 * 5 * 128 * 128 + head
    assert targets.cost(VARIANTS["cnn-1-1-100"], 200) == deep
    small = conv1 + 100 * 5 * 30 * 64 + 2 * 64 * 96 + 96 * 12
    assert targets.cost(SMALL_CNN_50_2, 200) == small


@given(st.data())
def test_what_is_stored_is_not_missing(small, data):
    planned = targets.plans(["cnn-2", "cnn-25", "cnn3-2"], 3, RELEASED, small)
    stored = data.draw(st.sets(st.sampled_from(planned)))
    with tempfile.TemporaryDirectory() as store:
        for plan in stored:
            put(plan, store)
        done, missing = workers.split(planned, store)
    assert done == tuple(plan for plan in planned if plan in stored)
    assert missing == tuple(plan for plan in planned if plan not in stored)


@pytest.mark.parametrize(
    ("names", "trials", "message"),
    [(["cnn-26"], 1, "unknown variant 'cnn-26'; did you mean cnn-2"), (["cnn-2"], 0, "--trials is 0")],
)
def test_impossible_sweeps_are_refused(small, names, trials, message):
    with pytest.raises(UsageError, match=message):
        targets.plans(names, trials, RELEASED, small)


def test_a_target_is_planned_on_data_of_its_task_alone(small):
    with pytest.raises(UsageError, match=r"table1 is of the task synthetic: .* found chipseq"):
        targets.plans(["cnn-2", "table1"], 1, RELEASED, replace(small, task="chipseq"))


def test_a_run_planned_otherwise_in_the_same_place_is_refused_before_training(small, stand_in, data_file):
    planned = targets.plans(["cnn-25"], 2, RELEASED, small)
    put(replace(planned[1], epochs=3), "store")
    stand_in(planned)
    with pytest.raises(ReceptiveError, match=r"trial-1 holds another run .it differs in epochs"):
        sweep.sweep(planned, data_file, "store")
    assert not Path("trained").exists()


def test_what_is_missing_is_trained_and_what_is_there_is_not(small, stand_in, data_file, tmp_path):
    planned = targets.plans(["cnn-25", "cnn-2"], 3, RELEASED, small)
    put(planned[2], "store")
    stand_in(planned)
    epochs, ended = [], []
    summary = sweep.sweep(
        planned,
        data_file,
        "store",
        workers=2,
        on_epoch=lambda plan, epoch, loss: epochs.append((plan, epoch, loss)),
        on_end=lambda plan, outcome: ended.append((plan, outcome.state)),
    )
    missing = {plan for plan in planned if plan != planned[2]}
    assert summary == sweep.Summary(planned=6, done=1, trained=5, failed={})
    assert trained(tmp_path) == {str(plan.folder("")): 1 for plan in missing}
    assert Counter(epochs) == {(plan, 1, 0.5): 1 for plan in missing}
    assert Counter(ended) == {(plan, "trained"): 1 for plan in missing}
    assert sweep.sweep(planned, data_file, "store") == sweep.Summary(6, 6, 0, {})
    assert trained(tmp_path).total() == 5


def test_sweeps_on_one_store_share_the_work(small, stand_in, data_file, tmp_path):
    planned = targets.plans(["cnn-25", "cnn-2", "cnn-4"], 5, RELEASED, small)
    stand_in(planned)
    summaries = []

    def work(order):
        summaries.append(sweep.sweep(order, data_file, "store", workers=2))

    sweeps = [threading.Thread(target=work, args=(order,)) for order in (planned, planned, planned[::-1])]
    for process in sweeps:
        process.start()
    for process in sweeps:
        process.join()
    assert trained(tmp_path) == {str(plan.folder("")): 1 for plan in planned}
    assert sum(summary.trained for summary in summaries) == 15
    assert all(
        (summary.planned, summary.done + summary.trained, summary.failed) == (15, 15, {})
        for summary in summaries
    )


def test_a_run_that_fails_is_recorded_and_stops_no_other(small, stand_in, data_file, tmp_path):
    planned = targets.plans(["cnn-25"], 6, RELEASED, small)
    stand_in(planned, FAILS)
    summary = sweep.sweep(planned, data_file, "store", workers=3)
    errors = {
        0: "its process was killed by SIGKILL; was it out of memory?",
        1: "MemoryError: no room for 3 GB",
        2: "its process ended with code 3",
        3: "the loss became NaN",
    }
    assert summary == sweep.Summary(6, 0, 2, {planned[trial]: error for trial, error in errors.items()})
    assert workers.split(planned, "store") == (planned[4:], planned[:4])
    for trial, error in errors.items():
        written = json.loads(sweep.failure_file(planned[trial], "store").read_text())
        assert written.items() >= {"error": error, "trial": trial, "key": planned[trial].key}.items()
    stand_in(planned)
    assert sweep.sweep(planned, data_file, "store", workers=3) == sweep.Summary(6, 2, 4, {})
    assert not list(Path("store").rglob("*.failed.json"))


def test_the_record_of_a_failure_goes_when_the_run_is_there_and_no_lock_is_needed(small, stand_in, data_file):
    planned = targets.plans(["cnn-25"], 1, RELEASED, small)
    stand_in(planned)
    sweep.sweep(planned, data_file, "store")
    record = sweep.failure_file(planned[0], "store")
    record.write_text("{}")
    shutil.rmtree("store/.sweep")
    assert sweep.sweep(planned, data_file, "store") == sweep.Summary(1, 1, 0, {})
    assert not record.exists()
    assert not Path("store/.sweep").exists()


def test_an_order_arrives_as_it_was_sent(small):
    every = [
        plan
        for names in ("table1", "ablations", "predictions", "predictions-2", "activation")
        for plan in targets.plans([names], 1, RELEASED, small)
    ]
    order = workers.Order(tuple(every), Path("\udcff data.h5"), Path("store"), keep=True)
    assert workers.Order.parse(order.text()) == order


def test_a_plan_may_be_longer_than_a_command_line(small, monkeypatch, tmp_path, data_file):
    (planned,) = targets.plans(["cnn-25"], 1, RELEASED, small)
    planned = replace(planned, classes=tuple(f"{number:050}" for number in range(10_000)))
    count = "import json, os, sys; (first,) = json.load(os.fdopen(int(sys.argv[2])))['plans']; "
    monkeypatch.setattr(workers, "PROGRAM", f"{count} sys.exit(f'{{len(first[\"classes\"])}} classes')")
    (outcome,) = workers.attempt([planned], data_file, tmp_path / "store", lambda *_: None)
    assert (outcome.state, outcome.error) == ("failed", "10000 classes")


def test_dask_is_silent_about_a_lost_scheduler(monkeypatch):
    """Its import sets how much it says, so that only what is set later counts."""
    logger = logging.getLogger("distributed.client")
    logger.setLevel(logging.WARNING)
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1)
    with pytest.raises(ReceptiveError, match="no Dask scheduler answers"):
        workers._connect("tcp://127.0.0.1:9")
    assert logger.level == logging.CRITICAL


@pytest.mark.parametrize("there", [False, True])
def test_what_killed_trainings_left_is_removed_by_the_next_sweep(small, stand_in, data_file, there):
    """Also of other runs than it is asked for, and if there is nothing left to train."""
    (planned,) = targets.plans(["cnn-25"], 1, RELEASED, small)
    stand_in([planned])
    folder = planned.folder(Path("store"))
    if there:
        put(planned, "store")
    kills = "import os, sys; from pathlib import Path\n"
    kills += "from receptive.files import atomic_write, temporary_files\n"
    kills += "with temporary_files(Path('store')), atomic_write('store/a/b/c/trial-7') as part:\n"
    kills += "    part.mkdir(); (part / 'x').write_text('half')\n"
    kills += "    open(__import__('tempfile').mkstemp()[1]); os._exit(9)"
    subprocess.run([sys.executable, "-c", kills], check=False)
    assert len([*Path("store").rglob("*/x")]) == 1
    assert len([*Path("store").glob(".training.*/tmp*")]) == 1
    sweep.sweep([planned], data_file, "store")
    assert [path for path in Path("store").rglob(".*") if path.name not in (".sweep", ".gitignore")] == []
    assert folder.is_dir()


def test_data_are_kept_once_and_out_of_version_control(small, tmp_path):
    kept = sweep.store_dataset(small, tmp_path)
    stored = dataset.read(kept)
    assert (stored.sha256, stored.classes) == (small.sha256, small.classes)
    written = kept.stat().st_mtime_ns
    assert sweep.store_dataset(small, tmp_path) == kept
    assert kept.stat().st_mtime_ns == written
    assert (tmp_path / ".sweep" / ".gitignore").read_text() == "*\n"


def test_data_that_changed_since_they_were_planned_on_are_not_trained_on(small, data_file, tmp_path):
    planned = replace(targets.plans(["cnn-100"], 1, RELEASED, small)[0], data_sha256="0" * 64)
    summary = sweep.sweep([planned], data_file, tmp_path / "store")
    assert "small.h5: other data than were planned on" in summary.failed[planned]


def test_an_interrupted_sweep_stops_its_trainings(small, stand_in, data_file):
    planned = targets.plans(["cnn-25"], 3, RELEASED, small)
    stand_in(planned, "from receptive.replication.workers import _end_with_parent\n_end_with_parent()\n")
    begun = []

    def interrupt(plan, epoch, loss):
        begun.append(plan)
        if len(begun) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sweep.sweep(planned, data_file, "store", workers=2, on_epoch=interrupt)
    assert sorted(plan.trial for plan in begun) == [0, 1]
    assert workers.split(planned, "store") == ((), planned)
    assert not [child for child in psutil.Process().children() if "trial-" in " ".join(child.cmdline())]


def test_a_killed_sweep_loses_and_repeats_nothing(small, data_file, tmp_path):
    store = tmp_path / "store"
    whole = targets.plans(["cnn-50", "cnn-100"], 1, RELEASED, small, epochs=2)
    first, second = planned = tuple(
        replace(plan, network=replace(plan.network, filters=(3, 6), units=8)) for plan in whole
    )
    hopeless = (replace(second, trial=1, data_sha256="0" * 64),)
    put(first, store)
    (tmp_path / "plans").write_text(workers.Order(planned, data_file, store).text())
    (tmp_path / "program").write_text(ENDLESS)
    killed = subprocess.Popen([sys.executable, "-c", SWEEP], cwd=tmp_path, stdout=subprocess.PIPE)
    assert killed.stdout.readline() == b"epoch 1\n"
    training = psutil.Process(killed.pid).children()
    killed.kill()
    killed.communicate()
    assert len(training) == 1
    assert not psutil.wait_procs(training, timeout=10)[1]
    assert workers.split(planned, store) == ((first,), (second,))

    kept = first.folder(store).stat().st_mtime_ns
    summaries = {}

    def work(wanted):
        summaries[wanted] = sweep.sweep(wanted, data_file, store, workers=2)

    both = [threading.Thread(target=work, args=(wanted,)) for wanted in (planned, planned + hopeless)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert sum(summary.trained for summary in summaries.values()) == 1
    assert summaries[planned].failed == {}
    assert "other data than were planned on" in summaries[planned + hopeless].failed[hopeless[0]]
    assert workers.split(planned + hopeless, store) == (planned, hopeless)
    assert first.folder(store).stat().st_mtime_ns == kept
    stored = runs.find_run(second, store)
    assert (stored.epochs, stored.record()["metrics"]["classes"]) == (2, list(small.classes))
    left = sorted(path.name for path in second.folder(store).iterdir())
    assert left == ["conv1.meme", "conv1.tomtom.tsv", "conv1.untrimmed.meme", "run.json"]
    there = sorted(path.name for path in second.folder(store).parent.iterdir())
    assert there == ["trial-0", "trial-1.failed.json"]


def test_a_cluster_loses_a_worker_and_no_run(small, stand_in, data_file, tmp_path):
    """The worker is lost while both are training: the stand-in goes on only then."""
    from distributed import LocalCluster

    *planned, hopeless = targets.plans(["cnn-100"], 3, RELEASED, small)
    waits = "import threading\n"
    waits += "threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()\n"
    waits += "while not Path('go').exists(): time.sleep(0.05)\n"
    stand_in(
        [*planned, hopeless], FAILS.replace('"trial-0"', '"none"').replace('"trial-1"', '"none"') + waits
    )
    assert hopeless.trial == 2
    preload = tmp_path / "preload.py"
    preload.write_text(f"from receptive.replication import workers\nworkers.PROGRAM = {workers.PROGRAM!r}\n")
    begun, lost, gone = set(), [], []

    def lose_a_worker(plan, epoch, loss):
        begun.add(plan.trial)
        if {0, 1} <= begun and not lost:
            lost.append(psutil.Process(next(iter(cluster.workers.values())).pid))
            trainings = lost[0].children()
            lost[0].kill()
            gone.append(not psutil.wait_procs(trainings, timeout=30)[1])
            Path("go").touch()

    with LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=":0", preload=str(preload)
    ) as cluster:
        address = cluster.scheduler_address
        wanted = [*planned, hopeless]
        summary = sweep.sweep(wanted, data_file, "store", scheduler=address, on_epoch=lose_a_worker)
    assert not lost[0].is_running()
    assert gone == [True]
    assert summary == sweep.Summary(3, 0, 2, {hopeless: "its process ended with code 3"})
    assert workers.split(wanted, "store") == (tuple(planned), (hopeless,))
    assert set(trained(tmp_path)) >= {str(plan.folder("")) for plan in planned}


def dask(part, tmp_path, *arguments):
    """Start the scheduler or a worker of a Dask cluster, in a process of its own."""
    where = ["--scheduler-file", str(tmp_path / "scheduler.json"), "--dashboard-address", ":0"]
    words = [sys.executable, "-m", f"distributed.cli.dask_{part}", *where, *arguments]
    return subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_lost_scheduler_ends_the_command_with_a_sentence(small, stand_in, data_file, tmp_path):
    """It is killed while the second of two trainings runs; the first is stored and stays."""
    first, second = targets.plans(["cnn-100"], 2, RELEASED, small)
    stand_in([first, second], "if folder.name == 'trial-1':\n    os.read(0, 1)\n    os._exit(1)\n")
    preload = tmp_path / "preload.py"
    preload.write_text(f"from receptive.replication import workers\nworkers.PROGRAM = {workers.PROGRAM!r}\n")
    killed = []

    def lose_the_scheduler():
        while not (first.folder("store").is_dir() and trained(tmp_path)[str(second.folder(""))]):
            time.sleep(0.05)
        scheduler.kill()
        killed.append(scheduler.wait())

    with ExitStack() as stack:
        scheduler = dask("scheduler", tmp_path, "--port", "0")
        worker = dask("worker", tmp_path, "--no-nanny", "--nthreads", "1", "--preload", str(preload))
        for process in (scheduler, worker):
            stack.callback(process.wait)
            stack.callback(process.kill)
        while not (tmp_path / "scheduler.json").exists():
            assert scheduler.poll() is None
            time.sleep(0.05)
        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        losing = threading.Thread(target=lose_the_scheduler, daemon=True)
        losing.start()
        options = ("--trials", "2", "--store", "store", "--data", str(data_file), "--scheduler", address)
        program = [sys.executable, "-c", "from receptive.cli import main; main()"]
        ended = subprocess.run([*program, "replicate", "cnn-100", *options], capture_output=True, text=True)
    assert killed == [-signal.SIGKILL]
    *before, said = ended.stderr.splitlines()
    sentence = "lost the Dask scheduler; what was finished is stored, start again to go on"
    assert (ended.returncode, said) == (1, f"receptive: {sentence}")
    assert [line.partition(" ")[0] for line in before][:2] == ["2", "cnn-100,"]
    assert all("left" in line for line in before[2:])  # the bars
    assert workers.split([first, second], "store") == ((first,), (second,))


def test_news_that_come_after_a_run_do_not_take_it_back(small, stand_in, capsys):
    """On a cluster epochs and results travel by different ways."""
    planned = targets.plans(["cnn-2"], 2, RELEASED, small, epochs=10)
    with board(planned, 2, small.length, Path("store")) as (on_epoch, on_end):
        on_epoch(planned[0], 5, 0.5)
        on_end(planned[0], workers.Outcome("failed", "made up"))
        on_epoch(planned[0], 6, 0.4)
    last = capsys.readouterr().err.rstrip().splitlines()[-1]
    assert "0/2 runs" in last
    assert "epoch" not in last


def test_ablations_train_once_for_all_readings(small):
    planned = targets.plans(["ablations"], None, RELEASED, small)
    switched = {(plan.network.name, plan.protocol.name, plan.trial) for plan in planned}
    assert len(switched) == len(planned)
    for network in ("cnn-2", "cnn-25"):
        assert {(network, ablation.name, trial) for ablation in ablations() for trial in range(3)} <= switched
    assert ("cnn9-4", "released+window=None", 0) in switched
    assert ("cnn-50-2", "released+cnn_50_2=full", 0) in switched
    assert {p.network for p in planned if p.network.name == "cnn-50-2"} == {VARIANTS["cnn-50-2"]}
    groups = sweep.trainings(planned)
    assert {plan for group in groups for plan in group} == set(planned)
    for group in groups:
        assert len({(plan.network, plan.trial) for plan in group}) == 1
        changed = [plan.protocol.differences(RELEASED).keys() - READING for plan in group]
        assert all(changed_ == changed[0] for changed_ in changed)
        # What is read otherwise has the released reading of the same weights beside it.
        assert changed[0] or CONTROL_READING in {plan.protocol for plan in group}
    training_switches = {field for field in ABLATED if field not in READING}
    assert len(groups) == 3 * (2 * (1 + len(training_switches)) + 1 + 1)


def test_a_training_stores_a_run_for_every_reading(small, stand_in, data_file):
    store = Path("store")
    planned = targets.plans(["cnn-100"], 1, RELEASED, small, epochs=1, both_readings=True)
    put(planned[0], store)
    stand_in(planned)
    epochs = []
    summary = sweep.sweep(planned, data_file, store, on_epoch=lambda *news: epochs.append(news[:2]))
    assert summary == sweep.Summary(planned=2, done=1, trained=1, failed={})
    assert epochs == [(planned[1], 1)]
    assert workers.split(planned, store) == (planned, ())
    assert runs.load(planned[1].folder(store)).plan.protocol.threshold == 0.7


def test_what_a_failing_process_had_stored_counts(small, stand_in, data_file):
    planned = targets.plans(["cnn-100"], 1, RELEASED, small, both_readings=True)
    stand_in(planned)
    fails = workers.PROGRAM + 'sys.exit("no room left")\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "PROGRAM", fails)
        summary = sweep.sweep(planned, data_file, "store")
    assert summary == sweep.Summary(2, 0, 1, {planned[1]: "no room left"})
    assert [sweep.failure_file(plan, "store").exists() for plan in planned] == [False, True]
    assert sweep.sweep(planned, data_file, "store") == sweep.Summary(2, 1, 1, {})
    assert not list(Path("store").rglob("*.failed.json"))


def test_the_chipseq_task_and_its_controls_are_replicated_from_the_package_alone(
    command, stand_in, monkeypatch
):
    """A hundredth of the loci and one network."""
    sequences, sources = chipseq.table()
    monkeypatch.setattr(chipseq, "table", lambda: (sequences[::100], sources[::100]))
    for name in ("chipseq", *registry.CONTROLS):
        monkeypatch.setitem(targets.TARGETS, name, (targets.Target(name, {"cnn-100": ()}, 3),))
        data = registry.load(None, name, RELEASED)
        stand_in(targets.plans([name], 1, RELEASED, data, epochs=1), READS)
        arguments = [name, "--trials", 1, "--epochs", 1, "--workers", 1, "--store", "store", "--json"]
        code, out, _ = command("replicate", *arguments)
        assert code == 0
        assert json.loads(out) == {"planned": 1, "done": 0, "trained": 1, "failed": 0, "errors": []}
        assert Path("read").read_text() == f"{name} {data.sha256} {' '.join(data.classes)}"
        record = runs.load(Path("store") / name / "cnn-100" / "released" / "trial-0").record()
        assert (record["task"], record["plan"]["data_sha256"]) == (name, data.sha256)
        code, out, _ = command("replicate", *arguments)
        assert json.loads(out)["done"] == 1


def test_table_2_is_planned_on_the_file_of_its_task(command, small, stand_in, tmp_path):
    data = replace(small, task="invivo")
    dataset.write(data, "invivo.h5")
    for plan in targets.plans(["table2"], 1, RELEASED, data):
        put(plan, "store")
    code, out, _ = command(
        "replicate", "table2", "--data", "invivo.h5", "--trials", 1, "--store", "store", "--json"
    )
    assert code == 0
    assert json.loads(out) == {"planned": 13, "done": 13, "trained": 0, "failed": 0, "errors": []}
    code, _, err = command("replicate", "table2", "--store", "store")
    assert code == 2
    assert "--task invivo needs --data FILE" in err


def test_the_command_says_what_it_did(command, small, stand_in, data_file):
    planned = targets.plans(["cnn-2", "cnn-25"], 2, RELEASED, small)
    put(planned[0], "store")
    stand_in(planned, FAILS.replace('"trial-1"', '"trial-8"').replace('"trial-0"', '"trial-1"'))
    arguments = ["replicate", "cnn-2", "cnn-25", "--trials", 2, "--data", data_file, "--store", "store"]
    code, out, err = command(*arguments, "--workers", 2, "--json")
    assert code == 1
    document = json.loads(out)
    assert {name: document[name] for name in ("planned", "done", "trained", "failed")} == {
        "planned": 4,
        "done": 1,
        "trained": 1,
        "failed": 2,
    }
    assert [entry["trial"] for entry in document["errors"]] == [1, 1]
    assert "4 runs planned on synthetic, 1 of them in store" in err
    assert "cnn-25, trial 0: 1 epochs in 1 s, AU-ROC 0.970" in err
    assert "trial 1: failed: its process was killed by SIGKILL" in err
    stand_in(planned)
    code, out, _ = command(*arguments, "--workers", 2)
    assert (code, out) == (0, "4 runs planned: 2 were there, 2 trained, 0 failed\n")


def test_the_command_plans_the_whole_table(command, small, stand_in, data_file):
    planned = targets.plans(["table1"], 1, RELEASED, small)
    for plan in planned:
        put(plan, "store")
    code, out, _ = command("replicate", "--trials", 1, "--data", data_file, "--store", "store", "--json")
    assert code == 0
    assert json.loads(out) == {"planned": 17, "done": 17, "trained": 0, "failed": 0, "errors": []}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("cnn-26", 2, "unknown variant 'cnn-26'; did you mean cnn-2"),
        ("table2 chipseq", 2, "table2 and chipseq are of different tasks: expected one at a time"),
        ("table2", 2, "--task invivo: small.h5 holds the task 'synthetic'"),
        ("table1 --trials 0", 2, "--trials is 0: expected at least 1"),
        ("table1 --epochs 0", 2, "--epochs is 0"),
        ("table1 --workers 0", 2, "--workers is 0: expected a whole number from 1 to 9999, or auto"),
        ("table1 --workers many", 2, "--workers is many"),
        ("table1 --protocol text", 2, "unknown protocol 'text'"),
        ("table1 --scheduler tcp://127.0.0.1:9 --workers 2", 2, "--workers is for this machine"),
        ("cnn-2 --scheduler tcp://127.0.0.1:9", 1, "no Dask scheduler answers there"),
        ("cnn-2 --scheduler nowhere", 2, "expected an address like tcp://host:8786 (missing port number"),
        ("cnn-2 --set learning_rate=1e999", 2, "learning_rate cannot be inf"),
        ("cnn-2 --data no.h5 --workers 1", 1, "no.h5: no such file"),
        ("ablations --protocol paper", 2, "ablations are switches of the protocol released"),
        ("ablations --both-readings", 2, "ablations have readings of their own"),
        ("cnn-2 --store small.h5 --workers 1", 1, "cannot write"),
    ],
)
def test_a_mistake_is_one_clear_sentence(command, stand_in, data_file, monkeypatch, arguments, code, message):
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1)
    given = [] if "--data" in arguments else ["--data", "small.h5"]
    exit_code, out, err = command("replicate", *arguments.split(), *given)
    assert message in err
    assert (exit_code, out) == (code, "")
    assert "Traceback" not in err


def test_as_many_trainings_as_cores(monkeypatch):
    def device(name):
        def asked(*_, **__):
            return subprocess.CompletedProcess([], 0, f"{name}\n")

        return asked

    monkeypatch.setattr("joblib.cpu_count", lambda: 64)
    monkeypatch.setattr(subprocess, "run", device("CPU"))
    assert sweep.workers_here() == 64
    monkeypatch.setattr(subprocess, "run", device("NVIDIA H200"))
    assert sweep.workers_here() == sweep.MOST_ON_A_CARD
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    assert sweep.workers_here() == 2


def test_a_training_has_one_thread_and_leaves_the_card_to_others(small, monkeypatch, tmp_path, data_file):
    (planned,) = targets.plans(["cnn-25"], 1, RELEASED, small)
    names = ("OMP_NUM_THREADS", "NPROC", "XLA_PYTHON_CLIENT_PREALLOCATE", "ITS_OWN")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("ITS_OWN", "kept")
    monkeypatch.setattr(workers, "PROGRAM", f"import os, sys; sys.exit(' '.join(map(os.getenv, {names})))")
    (outcome,) = workers.attempt([planned], data_file, tmp_path / "store", lambda *_: None)
    assert outcome.error == "1 1 false kept"


def test_a_store_that_cannot_hold_the_sweeps_folder_is_refused(small, stand_in, data_file):
    planned = targets.plans(["cnn-25"], 1, RELEASED, small)
    stand_in(planned)
    Path("store").mkdir()
    Path("store/.sweep").touch()
    with pytest.raises(ReceptiveError, match=r"cannot write .*\.sweep"):
        sweep.sweep(planned, data_file, "store")
