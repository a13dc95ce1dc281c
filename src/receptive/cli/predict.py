"""``receptive predict``: whether a network's filters will be parts or whole motifs, before it is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from receptive.cli.fields import NETWORK, InputLength, Passthrough, fields_of, network
from receptive.cli.shared import Json, emit, fixed, table
from receptive.errors import UsageError

if TYPE_CHECKING:
    from receptive.theory.assembly import Prediction


def predict(
    network_: Annotated[str | None, typer.Argument(metavar="NETWORK", help=NETWORK)] = None,
    input_length: InputLength = None,
    registered: Annotated[
        bool,
        typer.Option(
            "--registered", help="Instead: the predictions put down before their networks were trained."
        ),
    ] = False,
    store: Annotated[
        Path | None, typer.Option(help="With --registered: score them by the runs of this store.")
    ] = None,
    json: Json = False,
    passthrough: Passthrough = None,
) -> None:
    """Predict from the architecture alone which convolution will hold whole motifs.

    Assembly information: the bits that one filter of the next layer can learn about where two parts of a
    motif lie to one another, at most 3.17. With many, a layer's filters will be parts of motifs
    (distributed); with next to none, whole motifs (localist). The curve from bits to the share of relevant
    filters was fitted to the paper's Table 1. Where it is known to fail a layer has its bits alone, and the
    reason: filters too short for a motif, or one tap without pooling. Not counted: how training goes, motifs
    of more than two parts. With --registered --store, pool size alone is scored beside it.

    Example: receptive predict "conv19 pool4 conv1 pool25"
    """
    if registered == (network_ is not None):
        raise UsageError("expected either a network (see receptive predict --help) or --registered")
    if store is not None and not registered:
        raise UsageError("--store is for --registered")
    if registered and (input_length is not None or passthrough):
        raise UsageError("--input and --passthrough are for a network, not for --registered")
    if registered:
        document = scored(store) if store else put_down()
        emit(document, registered_text(document), json)
        return
    from receptive.theory import assembly

    fields = fields_of(network(network_ or "", passthrough or []), input_length)
    found = assembly.predict(fields)
    if not found:
        raise UsageError(f'"{network_}" has no convolution')
    text = conclusion(found)
    overlap = [
        each.name
        for each in found
        if each.stride < each.pool and each.kind != "localist" and not each.outside
    ]
    if overlap:
        names = ", ".join(overlap)
        text += f"\nnote: windows above {names} overlap: expect more whole motifs there (spec/prediction.md)"
    emit(assembly.document(found), f"{layers(found)}\n{text}", json)


def conclusion(found: "tuple[Prediction, ...]") -> str:
    """Say which convolution will hold whole motifs, and of which nothing can be said."""
    from receptive.theory import assembly

    whole, outside = assembly.whole_motifs_in(found), [each for each in found if each.outside]
    if whole:
        text = f"whole motifs in {whole}"
    elif any(each.kind == "localist" for each in outside):
        text = "which convolution holds whole motifs, if any, cannot be said"
    else:
        text = "no convolution holds whole motifs"
    return "\n".join([text, *(f"{each.name} is outside what was tested: {each.outside}" for each in outside)])


def layers(found: "tuple[Prediction, ...]") -> str:
    """Tabulate the predictions for the layers of a network."""
    header = ["layer", "read by", "window", "stride", "taps", "assembly bits", "relevant", "prediction"]
    rows = [
        [
            each.name,
            each.read_by or "dense",
            *map(str, (each.pool, each.stride)),
            f"{each.taps}"
            + (f" dilated by {each.dilation}" if each.dilation > 1 else "")
            + (f" every {each.step}" if each.step > 1 else ""),
            f"{each.bits:.2f}",
            *(("–", "–") if each.outside else (f"{each.fraction:.2f}", each.kind)),
        ]
        for each in found
    ]
    return table(header, rows)


def put_down() -> dict[str, Any]:
    """Return the registered predictions."""
    from receptive.evidence import predictions

    return predictions.registered()


def scored(store: Path) -> dict[str, Any]:
    """Return the scores of both registrations and, apart, of the paper's networks."""
    from receptive.evidence import forecasts, measured, predictions

    results = measured.collect(store)
    tasks = {task for _, task, _ in forecasts.NETWORKS.values()} - {"synthetic"}
    every = {"synthetic": results, **{task: measured.held(store, task=task) for task in tasks}}
    return {
        "registered": predictions.score(results).document(),
        "fitted": predictions.score(results, predictions.paper_networks()).document(),
        "second": {
            part: forecasts.score(part, every[task])
            for part, (_, task, _) in forecasts.NETWORKS.items()
            if part != "real" or every[task].data
        },
    }


def registered_text(document: dict[str, Any]) -> str:
    """Tabulate registered predictions, or their score."""
    if "networks" in document:
        header = ["network", "layers", "assembly bits", "relevant", "prediction"]
        rows = [
            [name, row["layers"], fixed(row["assembly_bits"]), fixed(row["relevant"]), row["prediction"]]
            for name, row in document["networks"].items()
        ]
        return table(header, rows)
    first = [f"{part}: {score_text(document[part])}" for part in ("registered", "fitted")]
    second = [f"second, {part}: {second_text(found)}" for part, found in document["second"].items()]
    return "\n\n".join((*first, *second))


def second_text(score: dict[str, Any]) -> str:
    """Tabulate the score of a part of the second registration."""
    lines = [f"{score['measured']} of {score['planned']} networks have three full runs or more"]
    if score["layers"]:
        alone, n = score["pool_alone"], len(score["layers"])
        lines.append(
            f"coincidence information {score['distance']:.3f} off on average, {score['hits']} of {n} in the "
            f"predicted class; pool size alone {alone['distance']:.3f}, {alone['hits']} of {n}"
        )
        columns = ("bits", "predicted", "pool_alone", "mean")
        rows = [
            [f"{row['network']} {row['layer']}", *(fixed(row[name]) for name in columns), str(row["n"])]
            for row in score["layers"]
        ]
        lines.append(table(["layer", "bits", "predicted", "pool alone", "measured", "n"], rows))
    return "\n".join(lines)


def score_text(score: dict[str, Any]) -> str:
    """Tabulate the score of some networks."""
    lines = [f"{score['hits']} of {score['measured']} networks in the predicted class"]
    if rho := score["rho"]:
        lines.append(
            f"Spearman's rho of bits and relevant fraction {rho['estimate']:.2f} "
            f"[{rho['low']:.2f}, {rho['high']:.2f}]; measured minus predicted {score['bias']:+.3f} "
            f"on average, {score['error']:.3f} without the sign"
        )
    if alone := score["pool_alone"]:
        rho = f"Spearman's rho {alone['rho']:.2f}, " if alone["rho"] is not None else ""
        lines.append(
            f"the size of the first pool alone, by a curve fitted to the same published numbers: {rho}"
            f"{alone['error']:.3f} off on average, {alone['hits']} in the predicted class"
        )
    if score["networks"]:
        header = ["network", "assembly bits", "predicted", "measured", "n", "prediction", "measured as"]
        rows = [
            [
                name,
                *(fixed(row[column]) for column in ("assembly_bits", "predicted", "mean")),
                str(row["n"]),
                row["prediction"],
                row["measured"],
            ]
            for name, row in score["networks"].items()
        ]
        lines.append(table(header, rows))
    if score["waits_for"]:
        lines.append(f"not measured (fewer than three full runs): {', '.join(score['waits_for'])}")
    return "\n".join(lines)
