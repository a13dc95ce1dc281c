"""``receptive audit``: any model, its filters and what they matter."""

from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from receptive.cli.shared import (
    MOST_THREADS,
    Json,
    Passthrough,
    ProtocolName,
    SequenceInput,
    emit,
    say,
    three_decimals,
    work_bars,
)
from receptive.text import table


def audit(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model: .keras or .h5 of any Keras, .onnx, or .pt2.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for index.html, audit.json and filters.meme.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Sequences: FASTA, or an HDF5 file, of which the test split counts."),
    ] = None,
    bed: Annotated[
        Path | None, typer.Option(help="Regions instead of --data: BED or narrowPeak, of a --genome.")
    ] = None,
    genome: Annotated[Path | None, typer.Option(help="FASTA of the genome that --bed is of.")] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="Positions to take around the middles or summits of --bed.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Labels of a FASTA file: a table of id and a column for each class.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Split of an HDF5 file: train, valid or test, the default.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="The convolution to read; the first by default.")] = None,
    alphabet: Annotated[str, typer.Option(help="Order of the model's four channels.")] = "ACGT",
    database: Annotated[
        str | None,
        typer.Option(help="A file of motifs, or a release such as JASPAR2026; JASPAR 2016 by default."),
    ] = None,
    threshold: Annotated[float, typer.Option(help="Greatest E-value of a match.")] = 0.1,
    protocol: ProtocolName = "released",
    sequences: Annotated[
        int | None, typer.Option(min=1, help="Take so many sequences, drawn at random, instead of all.")
    ] = None,
    importance: Annotated[
        str | None,
        typer.Option(
            help="How many sequences to hold filters on, or all; by default so many that it takes minutes."
        ),
    ] = None,
    attributions: Annotated[
        bool,
        typer.Option(
            "--attributions",
            help="Find the motifs that the network as a whole uses, by mutation and TF-MoDISco.",
        ),
    ] = False,
    passthrough: Passthrough = None,
    sequence_input: SequenceInput = "",
    threads: Annotated[
        int | None, typer.Option(min=1, max=MOST_THREADS, help="Most threads the framework may use.")
    ] = None,
    json: Json = False,
) -> None:
    """Audit a model of one-hot DNA: what it sees, its filters as motifs, and how much each matters.

    The input is (L, 4) or (4, L). An N in FASTA is a position of zeros. How much a filter matters, for the
    loss and for every class, needs labels.

    Where filters are parts of motifs, --attributions mutates every letter of some sequences (--sequences; by
    default as many as take minutes) and groups what recurs into motifs.

    Example: receptive audit model.keras --data peaks.fa --labels labels.tsv --out audit
    """
    from receptive.audits import attribution, inputs, page
    from receptive.audits import audit as auditing
    from receptive.errors import ReceptiveError, UsageError
    from receptive.files import check_writable
    from receptive.models.model import load
    from receptive.motifs.jaspar import database as motifs_of
    from receptive.protocols import protocol as look_up

    if not 0 < threshold < inf:
        raise UsageError(f"--threshold is {threshold}: expected an E-value above 0")
    if (importance not in (None, "all") and not (importance or "").isdecimal()) or importance == "0":
        raise UsageError(f"--importance {importance}: expected a number of sequences, or all")
    if (data is None) == (bed is None):
        raise UsageError("expected either --data or --bed with --genome")
    if (bed is None) != (genome is None) or (bed is None and length is not None):
        raise UsageError("--bed needs --genome, and --genome and --length need --bed")
    if bed is not None and split is not None:
        raise UsageError(f"--split {split}: {bed} has no splits")
    chosen = look_up(protocol)
    for name in page.FILES:
        check_writable(out / name)
    targets = motifs_of(database)
    if bed is not None and genome is not None:
        given = inputs.regions(bed, genome, labels, length)
    elif data is not None:
        given = inputs.sequences(data, labels, split)
    if sequences is not None:
        given = inputs.sample(given, sequences)
    if attributions:
        attribution.check(given.X.shape[1])
    loaded = load(model, threads)
    try:
        with work_bars() as progress:
            result = auditing.audit(
                loaded,
                given,
                layer=layer,
                alphabet=alphabet,
                targets=targets,
                threshold=threshold,
                protocol=chosen,
                passthrough=passthrough or [],
                sequence_input=sequence_input,
                name=model.name,
                progress=progress,
                held=len(given.X) if importance == "all" else int(importance) if importance else None,
                attributions=None if not attributions else sequences or attribution.enough(given.X.shape[1]),
            )
    except UsageError:
        raise
    except ReceptiveError as error:  # of a model that no longer knows its file
        raise error if str(model) in str(error) else ReceptiveError(f"{model}: {error}") from None
    record = page.write(result, out)
    for warning in (*result.notes, *result.warnings) if json else ():
        say(f"receptive: {warning}")
    emit(record, describe(record, out), json)


def describe(record: dict[str, Any], out: Path) -> str:
    """Summarise an audit: the field of each layer, the filters, and their match fractions."""
    layers = [
        [
            row["name"],
            str(row["size"]),
            str(row["uncertainty"]),
            "–" if row["assembly_bits"] is None else f"{row['assembly_bits']:.3f}",
            row["share"] or "–",
            row["expected"] or "–",
        ]
        for row in record["layers"]
    ]
    filters = []
    for row in record["filters"]:
        best = row["best"]
        match = (
            [best["id"], best["name"], f"{best['evalue']:.2g}"]
            if best
            else ["dead" if row["dead"] else "–", "", ""]
        )
        change = "–" if row["importance"] is None else f"{row['importance']:+.5f}"
        if row["importance_error"] is not None:
            change += f" ± {row['importance_error']:.5f}"
        filters.append([row["id"], str(row["sites"]), *match, change])
    shares = record["fractions"]
    loss, why = record["loss"], record["importance_missing"]
    without = shares["jaspar_without_gmeb1"]
    flat = f" ({without:.3f} without Gmeb1)" if without < shares["jaspar"] else ""
    important = (
        f"importance: rise of the loss, {loss['value']:.4f} ({loss['name']}), with the filter held at its "
        f"mean, ± its standard error; on {record['importance_sequences']:,} of {record['sequences']:,} "
        f"sequences; AU-ROC {three_decimals(record['auroc'])}"
        if loss
        else f"importance is not known: {why}"
    )
    return "\n".join(
        [
            table(["layer", "field", "uncertainty", "bits", "relevant", "expected"], layers),
            "",
            f"{record['layer']}, read from {record['read_from']} ({record['activation']}); "
            f"a site is {record['sites']}",
            "",
            table(["filter", "sites", "best", "name", "E-value", "importance"], filters),
            "",
            f"of {len(filters)} filters {shares['jaspar']:.3f} match{flat}, "
            f"{shares['relevant']:.3f} a relevant motif",
            f"read on shuffled sequences, {record['control']['fractions']['jaspar']:.3f} of them match",
            *_attributions(record["attributions"]),
            *([record["distributed"]] if record["distributed"] else []),
            *record["notes"],
            *record["warnings"],
            important,
            f"open {out / 'index.html'}",
        ]
    )


def _attributions(attributions: dict[str, Any] | None) -> list[str]:
    """Return the motifs that mutation found, as a table."""
    if attributions is None:
        return []
    rows = []
    for motif in attributions["motifs"]:
        best = motif["best"]
        classes = sorted(
            zip(motif["by_class"], attributions["classes"], strict=True), key=lambda pair: -pair[0]
        )[:2]
        rows.append(
            [
                motif["id"],
                "raises" if motif["sign"] > 0 else "lowers",
                str(motif["sites"]),
                ", ".join(f"{name} {count}" for count, name in classes if count),
                *([best["id"], best["name"], f"{best['evalue']:.2g}"] if best else ["–", "", ""]),
            ]
        )
    header = ["motif", "", "sites", "of", "best", "name", "E-value"]
    return [
        "",
        f"mutated {attributions['sequences']:,} sequences ({attributions['scale']}); motifs that recur:",
        table(header, rows) if rows else "none",
        "",
    ]
