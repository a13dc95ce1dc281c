"""``receptive replicate``: train everything that the tables rest on."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from receptive.cli.shared import (
    MOST_EPOCHS,
    Json,
    Keep,
    ProtocolName,
    Store,
    Switches,
    emit,
    say,
    switch_protocol,
    three_decimals,
)
from receptive.errors import UsageError, printable

if TYPE_CHECKING:
    from receptive.replication.runs import Plan
    from receptive.replication.sweep import OnEnd
    from receptive.replication.workers import OnEpoch, Outcome


def replicate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET|VARIANT", help="table1 (the default) or another target below; networks by name."
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(max=1000, help="Trials of each network; by default 5, or 3 (see the targets)."),
    ] = None,
    protocol: ProtocolName = "released",
    switches: Switches = None,
    both_readings: Annotated[
        bool,
        typer.Option(
            "--both-readings",
            help="Read the filters as the other protocol does, too; of one training if neither run is there.",
        ),
    ] = False,
    workers: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Trainings at once; auto: one for each core, at most 8 on a graphics card.",
        ),
    ] = "auto",
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Train on the Dask cluster of this scheduler instead."),
    ] = None,
    store: Store = Path("results"),
    data: Annotated[
        Path | None, typer.Option(help="HDF5 file; synthetic and chipseq… do without (seed 0).")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="The task; by default the target's, that of the file, or synthetic.")
    ] = None,
    epochs: Annotated[int, typer.Option(max=MOST_EPOCHS, help="The most epochs of each training.")] = 100,
    keep: Keep = False,
    json: Json = False,
) -> None:
    """Train every trial of every network that the store does not have yet, several at once.

    Can be stopped at any moment and started again: what is finished is kept and not repeated. Several can
    work on one store. A run that fails is recorded beside its place and does not stop the others; the exit
    code is then 1. Runs that differ only in how filters are read share a training.
    Planned = done (in the store before, or trained by another sweep) + trained + failed.

    Targets: table1, all 17 networks on the synthetic task; ablations, CNN-2 and CNN-25 with single switches
    of the protocol, CNN9-4 read otherwise and CNN-50-2 in full size (3 trials); table2, the 13 networks of
    Table 2 on DeepSEA's sequences (--data, made by receptive data deepsea); chipseq, the same networks on
    the packaged ChIP-seq task (3 trials); its controls, CNN-25 on chipseq-shuffled (labels exchanged at
    random) and chipseq-source (which list a locus is from; 3 trials each); predictions, the 18 networks of
    results/predictions.json (3 trials); predictions-2, those of results/predictions-2.json, on
    three tasks; and what answers the paper's Discussion: activation, conditions, draws, more-trials
    (results/experiments.toml), pairs, sizes (results/experiments-2.toml),
    activation-2 (results/experiments-3.toml), pairs-apart
    (results/experiments-4.toml).

    Example: receptive replicate table1 --trials 5 --store results
    """
    from receptive.networks import backend
    from receptive.replication import sweep
    from receptive.replication.targets import plans, tasks_of
    from receptive.replication.workers import split
    from receptive.tasks import registry

    number = count(workers)
    if scheduler is not None and number is not None:
        raise UsageError("--workers is for this machine; on a cluster (--scheduler) its workers count")
    chosen = switch_protocol(protocol, switches)
    names = targets or ["table1"]
    if "ablations" in names and chosen.name != "released":
        raise UsageError("ablations are switches of the protocol released; leave --protocol and --set out")
    if "ablations" in names and both_readings:
        raise UsageError("ablations have readings of their own; leave --both-readings out")
    tasks = (task,) if task else tasks_of(names) or (None,)
    if data is not None and len(tasks) > 1:
        raise UsageError(f"--data is of one task, {' and '.join(names)} of {len(tasks)}: add --task")
    summaries = []
    for name in tasks:
        dataset = registry.load(data, name, chosen)
        wanted = plans(names, trials, chosen, dataset, epochs, both_readings)
        done, missing = split(wanted, store)
        say(f"{len(wanted)} runs planned on {dataset.task}, {len(done)} of them in {store}")
        if missing and scheduler is None:
            backend.require_training("receptive replicate")
        if missing and scheduler is None and number is None:
            number = sweep.workers_here()
        file = sweep.store_dataset(dataset, store) if data is None and missing else data or store
        with board(missing, len(wanted), dataset.length, store) as (on_epoch, on_end):
            summaries.append(sweep.sweep(wanted, file, store, number or 1, scheduler, on_epoch, on_end, keep))
    planned, there, trained = (
        sum(getattr(summary, field) for summary in summaries) for field in ("planned", "done", "trained")
    )
    failed = [
        {
            "variant": plan.network.name,
            "protocol": plan.protocol.name,
            "trial": plan.trial,
            "error": error,
        }
        for summary in summaries
        for plan, error in summary.failed.items()
    ]
    document = {
        "planned": planned,
        "done": there,
        "trained": trained,
        "failed": len(failed),
        "errors": failed,
    }
    text = f"{planned} runs planned: {there} were there, {trained} trained, {len(failed)} failed"
    emit(document, text, json)
    if failed:
        raise typer.Exit(1)


def count(workers: str) -> int | None:
    """Read ``--workers``; ``None`` for auto."""
    if workers == "auto":
        return None
    if not re.fullmatch("[1-9][0-9]{0,3}", workers):
        raise UsageError(f"--workers is {workers}: expected a whole number from 1 to 9999, or auto")
    return int(workers)


@contextmanager
def board(
    missing: "Sequence[Plan]", planned: int, length: int, store: Path
) -> "Iterator[tuple[OnEpoch, OnEnd]]":
    """Show the whole sweep on standard error: runs done, those in training, and the time left.

    The time left is reckoned from the multiply-adds that remain if no training stops early.

    Yields:
        What to call after an epoch, and at the end of a run.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from receptive.replication.sweep import trainings
    from receptive.replication.targets import cost

    # Of runs that share a training the first stands for all.
    costs = dict.fromkeys(missing, 0)
    costs |= {plans[0]: cost(plans[0].network, length) for plans in trainings(missing)}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        TextColumn("left{task.fields[loss]}"),
    )
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, disable=not missing, speed_estimate_period=600) as bars:
        done = planned - len(missing)
        total = sum(costs[plan] * plan.epochs for plan in missing)
        whole = bars.add_task("sweep", total=total, count=f"{done}/{planned} runs", loss="")
        rows: dict[Plan, TaskID] = {}
        over: set[Plan] = set()
        epochs = dict.fromkeys(missing, 0)

        def advance(plan: "Plan", epoch: int) -> None:
            bars.advance(whole, costs[plan] * (epoch - epochs[plan]))
            epochs[plan] = epoch

        def on_epoch(plan: "Plan", epoch: int, loss: float) -> None:
            if plan in over:  # On a cluster the news of an epoch may come after the run.
                return
            if plan not in rows:
                rows[plan] = bars.add_task(title(plan), total=plan.epochs, count="", loss="")
            count = f"epoch {epoch}/{plan.epochs}"
            bars.update(rows[plan], completed=epoch, count=count, loss=f", loss {loss:.3f}")
            advance(plan, epoch)

        def on_end(plan: "Plan", outcome: "Outcome") -> None:
            nonlocal done
            if outcome.state == "held":
                bars.update(whole, loss=", and another sweep is training some of them")
                return
            over.add(plan)
            if plan in rows:
                bars.remove_task(rows.pop(plan))
            advance(plan, plan.epochs)
            done += outcome.state != "failed"
            bars.update(whole, count=f"{done}/{planned} runs", loss="")
            bars.console.print(
                printable(outcome_line(plan, outcome, store)), markup=False, highlight=False, soft_wrap=True
            )

        yield on_epoch, on_end


def title(plan: "Plan") -> str:
    """Name a run, with the switches of its protocol."""
    switches = plan.protocol.suffix
    return f"{plan.network.name}, trial {plan.trial}" + (f", {switches}" if switches else "")


def outcome_line(plan: "Plan", outcome: "Outcome", store: Path) -> str:
    """Say in a line how a run ended."""
    from receptive.replication import runs

    if outcome.state == "failed":
        return f"{title(plan)}: failed: {outcome.error}"
    trained = runs.load(plan.folder(store))
    layer = trained.filters["conv1"]
    return (
        f"{title(plan)}: {trained.epochs} epochs in {trained.seconds:.0f} s, "
        f"AU-ROC {three_decimals(trained.auroc_mean)}, JASPAR {layer.jaspar:.3f}, "
        f"relevant {layer.relevant:.3f}" + (", by another sweep" if outcome.state == "found" else "")
    )
