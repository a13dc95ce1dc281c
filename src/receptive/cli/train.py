"""``variants`` and ``train``: from a network to the share of its filters that are motifs."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from receptive.cli.shared import (
    MOST_EPOCHS,
    MOST_THREADS,
    Json,
    Keep,
    ProtocolName,
    Store,
    Switches,
    emit,
    epochs_bars,
    say,
    switch_protocol,
    three_decimals,
)
from receptive.errors import UsageError
from receptive.text import table

if TYPE_CHECKING:
    from receptive.replication.runs import Run

LENGTHS = (200, 1000)
"""Sequence lengths of the synthetic and the in vivo task."""


def variants(json: Json = False) -> None:
    """List the paper's seventeen networks with their layers and parameter counts.

    Example: receptive variants
    """
    from receptive.networks.variants import SMALL_CNN_50_2, VARIANTS, parameters

    document: dict[str, dict[str, Any]] = {}
    for variant in VARIANTS.values():
        document[variant.name] = {
            "layers": str(variant),
            "parameters": {str(length): parameters(variant, length) for length in LENGTHS},
            "filters": list(variant.filters),
            "units": variant.units,
            "table_1": variant.claim or None,
        }
    small = {str(length): parameters(SMALL_CNN_50_2, length) for length in LENGTHS}
    document[SMALL_CNN_50_2.name]["parameters_released"] = small
    header = ["variant", "layers", "filters", *(f"parameters at {length} nt" for length in LENGTHS)]
    rows = [
        [
            name,
            row["layers"],
            "+".join(map(str, row["filters"])),
            *(f"{n:,}" for n in row["parameters"].values()),
        ]
        for name, row in document.items()
    ]
    note = f"cnn-50-2 as released (D-5) has {small['200']:,} and {small['1000']:,} parameters."
    emit(document, f"{table(header, rows)}\n\n{note}", json)


def train(
    variant: Annotated[
        str | None,
        typer.Argument(
            metavar="VARIANT",
            help='A network by name (see receptive variants), or its layers: "conv19 pool6 conv5 pool16".',
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="synthetic (the default), synthetic-others, chipseq, and more; or that of the file."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="HDF5 file; synthetic and chipseq… do without (seed 0).")
    ] = None,
    trial: Annotated[
        int, typer.Option(help="Number of the trial: the seed of weights, dropout and batches.")
    ] = 0,
    epochs: Annotated[int, typer.Option(max=MOST_EPOCHS, help="The most epochs.")] = 100,
    protocol: ProtocolName = "released",
    switches: Switches = None,
    store: Store = Path("results"),
    threads: Annotated[
        int | None, typer.Option(min=1, max=MOST_THREADS, help="Most threads TensorFlow may use.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another run in the same place.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="What to call a network given by its layers.")
    ] = None,
    keep: Keep = False,
    again: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN.json",
            help="Instead: train a stored run once more, keep nothing, and say whether it is the same.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train a network, read its filters, compare them with JASPAR, and store the run.

    The full protocol takes minutes on one core: 3 to 6 for cnn-25, 8 to 15 for cnn-2 (the runs in results/).

    Example: receptive train cnn-25 --trial 0 --store results
    """
    from receptive.files import temporary_files
    from receptive.networks import backend
    from receptive.networks.variants import variant as look_up
    from receptive.replication import runs, sweep
    from receptive.tasks import registry

    if (again is None) == (variant is None):
        raise UsageError("expected either a network (see receptive variants) or --again RUN.json")
    backend.require_training("receptive train")
    if again is not None:
        backend.configure(threads)
        emit_comparison(again, data, json)
        return
    chosen = switch_protocol(protocol, switches)
    network = look_up(variant or "", chosen, name)
    dataset = registry.load(data, task, chosen)
    wanted = runs.plan_run(network, dataset, chosen, trial, epochs)
    sweep.tidy(store)
    trained = None if replace else runs.find_run(wanted, store)
    if trained:
        say(f"{wanted.folder(store)} has this run already")
    else:
        backend.configure(threads)
        title = f"{network.name}, trial {trial}"
        with temporary_files(store), epochs_bars([title], epochs) as progress:
            trained = runs.run(wanted, dataset, store, partial(progress, title), replace, keep)
    emit(trained.record(), describe(trained, wanted.folder(store)), json)


def emit_comparison(path: Path, data: Path | None, json: bool) -> None:
    """Train a stored run once more and print how the two compare."""
    from receptive.replication import runs
    from receptive.tasks import registry

    stored = runs.load(path.parent if path.name == "run.json" else path)
    plan = stored.plan
    dataset = registry.load(data, plan.task, plan.protocol)
    title = f"{plan.network.name}, trial {plan.trial}, again"
    with epochs_bars([title], plan.epochs) as progress:
        document = runs.repeat(stored, dataset, partial(progress, title))
    lines = [f"{path}: {'the same to the last digit' if document['same'] else 'not the same'}"]
    lines += [
        f"{part}: stored {pair['stored']}, now {pair['now']}" for part, pair in document["differs"].items()
    ]
    if document["recipe"]["stored"] != document["recipe"]["now"]:
        lines.append(
            f"the stored run is of recipe {document['recipe']['stored']}, this code of recipe "
            f"{document['recipe']['now']}: another network was to be expected"
        )
    emit(document, "\n".join(lines), json)


def describe(trained: "Run", folder: Path) -> str:
    """Summarise a run in a few lines."""
    plan = trained.plan
    lines = [
        f"{plan.network.name}, trial {plan.trial}, protocol {plan.protocol.name}: "
        f"{trained.epochs} epochs (best {trained.best_epoch}) in {trained.seconds:.0f} s "
        f"on {trained.backend}, {trained.device}",
        f"AU-ROC {three_decimals(trained.auroc_mean)}, AU-PR {three_decimals(trained.aupr_mean)} "
        "on the test set",
    ]
    for layer, filters in trained.filters.items():
        lines.append(
            f"{layer}: of {filters.n} filters {filters.jaspar:.3f} match JASPAR "
            f"({filters.jaspar_without_gmeb1:.3f} without Gmeb1), {filters.relevant:.3f} a relevant motif; "
            f"{filters.dead} dead"
        )
    return "\n".join([*lines, f"stored in {folder}"])
