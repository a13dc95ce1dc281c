"""``receptive predict``: whether a network's filters will be parts or whole motifs, before it is trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from receptive.cli.fields import NETWORK, InputLength, fields_of, network
from receptive.cli.shared import Json, Passthrough, SequenceInput, emit, stored_runs, three_decimals
from receptive.errors import UsageError
from receptive.text import table
from receptive.theory.layers import format_layers

if TYPE_CHECKING:
    from receptive.evidence.suggestions import Advice
    from receptive.theory.prediction import Prediction


def predict(
    network_: Annotated[str | None, typer.Argument(metavar="NETWORK", help=NETWORK)] = None,
    input_length: InputLength = None,
    suggest: Annotated[
        bool,
        typer.Option("--suggest", help="Single changes that would make the first layer readable."),
    ] = False,
    towards: Annotated[
        str, typer.Option(help="With --suggest: motifs in the first layer, or parts that the next assembles.")
    ] = "motifs",
    registered: Annotated[
        bool,
        typer.Option(
            "--registered",
            help="Instead: what was predicted of networks before they were trained, and what came of it.",
        ),
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            help="With --registered: folder of runs; by default results, or else the runs that ship."
        ),
    ] = None,
    json: Json = False,
    passthrough: Passthrough = None,
    sequence_input: SequenceInput = "",
) -> None:
    """Predict from the architecture alone which convolution will hold whole motifs.

    From the bits that a filter of the next layer can learn about how two parts of a motif lie. With many, a
    layer's filters will be parts of motifs (distributed); with next to none, whole motifs (localist). Beside
    the share of relevant filters stands an interval for four of five trainings, or why nothing can be said:
    filters too short, another activation than ReLU, or unlike all networks that were tried. A list of layers
    is taken to be of ReLU.

    Example: receptive predict "conv19 pool4 conv1 pool25"
    """
    if registered == (network_ is not None):
        raise UsageError("expected either a network (see receptive predict --help) or --registered")
    if store is not None and not registered:
        raise UsageError("--store is for --registered")
    if registered and (input_length is not None or passthrough or sequence_input or suggest):
        raise UsageError(
            "--input, --suggest, --passthrough and --sequence-input are for a network, not for --registered"
        )
    if towards != "motifs" and not suggest:
        raise UsageError("--towards is for --suggest")
    if registered:
        document = registered_predictions(stored_runs(store))
        emit(document, registered_text(document), json)
        return
    from receptive.theory import prediction

    graph = network(network_ or "", passthrough or [], sequence_input)
    fields = fields_of(graph, input_length)
    predictions = prediction.predict(fields)
    if not predictions:
        raise UsageError(f'"{network_}" has no convolution')
    if suggest:
        from receptive.evidence import suggestions

        advice = suggestions.suggest(graph, fields.input_length, towards)
        emit(advice.document(), advice_text(advice), json)
        return
    emit(prediction.document(predictions), f"{layers(predictions)}\n{conclusion(predictions)}", json)


def conclusion(predictions: "tuple[Prediction, ...]") -> str:
    """Say which convolution will hold whole motifs, or that it cannot be said, and what the shares mean."""
    from receptive.theory import prediction

    text = "which convolution holds whole motifs, if any, cannot be said"
    if whole := prediction.whole_motifs_in(predictions):
        text = f"whole motifs in {whole}"
        (why,) = (layer.unreadable.partition(",")[0] for layer in predictions if layer.name == whole)
        text += f", where they cannot be read ({why});\n--suggest says what would change that" if why else ""
    return (
        f"{text}\nrelevant: share of filters that match a motif which the task depends on, and an\n"
        f"interval for {prediction.LEVEL:.0%} of trainings, on a task like the paper's; on real\n"
        f"sequences the most to be had was {prediction.outcomes().ceiling:.2f} (docs/predict.md)"
    )


def layers(predictions: "tuple[Prediction, ...]") -> str:
    """Tabulate the predictions for the layers of a network."""
    header = ["layer", "read by", "window", "stride", "taps", "bits", "relevant", "expected"]
    rows = [
        [
            layer.name,
            layer.read_by or "dense",
            *map(str, (layer.pool, layer.stride)),
            f"{layer.taps}"
            + (f" dilated by {layer.dilation}" if layer.dilation > 1 else "")
            + (f" every {layer.step}" if layer.step > 1 else ""),
            f"{layer.bits:.3f}",
            layer.share,
            layer.in_words,
        ]
        for layer in predictions
    ]
    return table(header, rows)


def advice_text(advice: "Advice") -> str:
    """Tabulate suggestions, the network as it is first."""
    header = ["change", "network", "relevant", "parameters", "positions", "multiply-adds", "AU-ROC", "of"]
    rows = []
    for design in (advice.now, *advice.suggestions):
        like = design.like
        rows.append(
            [
                design.change,
                format_layers(design.layers),
                design.prediction.share,
                *(f"{number:,}" for number in (design.parameters, design.positions, design.multiply_adds)),
                f"{like.auroc[0]:.3f} ± {like.auroc[1]:.3f}" if like else "–",
                like.network if like else "",
            ]
        )
    lines = [table(header, rows), *([advice.note] if advice.note else [])]
    if advice.suggestions:
        lines.append(
            "relevant: predicted for the first layer; AU-ROC: of the most alike network that was\n"
            "trained on the paper's synthetic task; how a change does on your data you have to try"
        )
    lines += [advice.activation] if advice.activation else []
    return "\n".join(lines)


def registered_predictions(store: Path) -> dict[str, Any]:
    """Return the first registration, and the scores of both and, apart, of the paper's networks."""
    from receptive.evidence import forecasts, measured, predictions

    results = measured.require_results(store)
    tasks = {task for _, task, _ in forecasts.NETWORKS.values()} - {"synthetic"}
    every = {"synthetic": results, **{task: measured.read_results(store, task=task) for task in tasks}}
    return {
        **predictions.registration(),
        "registered": predictions.score(results).document(),
        "fitted": predictions.score(results, predictions.paper_networks()).document(),
        "second": {
            part: forecasts.score(part, every[task])
            for part, (_, task, _) in forecasts.NETWORKS.items()
            if part != "real" or every[task].data
        },
    }


def registered_text(document: dict[str, Any]) -> str:
    """Tabulate what came of both registrations."""
    first = [f"{part}: {score_text(document[part])}" for part in ("registered", "fitted")]
    second = [f"second, {part}: {second_text(part_score)}" for part, part_score in document["second"].items()]
    return "\n\n".join((*first, *second))


def second_text(score: dict[str, Any]) -> str:
    """Tabulate the score of a part of the second registration."""
    lines = [f"{score['measured']} of {score['planned']} networks have three full runs or more"]
    if score["layers"]:
        alone, n, rho = score["pool_alone"], len(score["layers"]), score["rho"]
        lines.append(
            f"coincidence information {score['distance']:.3f} off on average, {score['hits']} of {n} in the "
            f"predicted class; pool size alone {alone['distance']:.3f}, {alone['hits']} of {n}; "
            f"{further(score['gain'])}"
        )
        others = [f"R = {reach} {off:.3f} off" for reach, off in score["reaches"].items()]
        lines.append(f"by the largest offset, all three registered: {', '.join(others)}")
        if rho:
            lines.append(f"Spearman's rho of bits and relevant fraction {interval(rho)}")
        columns = ("bits", "predicted", "pool_alone", "mean")
        rows = [
            [
                f"{row['network']} {row['layer']}",
                *(three_decimals(row[name]) for name in columns),
                str(row["n"]),
            ]
            for row in score["layers"]
        ]
        lines.append(table(["layer", "bits", "predicted", "pool alone", "measured", "n"], rows))
    if score["waits_for"]:
        lines.append(f"not measured (fewer than three full runs): {', '.join(score['waits_for'])}")
    return "\n".join(lines)


def interval(ends: dict[str, float]) -> str:
    """Format an estimate with its interval."""
    return f"{ends['estimate']:.2f} [{ends['low']:.2f}, {ends['high']:.2f}]"


def further(gain: dict[str, float] | None) -> str:
    """Say how much further off pool size alone is."""
    if gain is None:
        return "too few for an interval"
    return (
        f"pool size alone is further off by {gain['estimate']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
    )


def score_text(score: dict[str, Any]) -> str:
    """Tabulate the score of some networks."""
    lines = [f"{score['hits']} of {score['measured']} networks in the predicted class"]
    if rho := score["rho"]:
        lines.append(
            f"Spearman's rho of bits and relevant fraction {interval(rho)}; measured minus predicted "
            f"{score['bias']:+.3f} on average, {score['error']:.3f} without the sign"
        )
    if alone := score["pool_alone"]:
        rho = f"Spearman's rho {alone['rho']:.2f}, " if alone["rho"] is not None else ""
        lines.append(
            f"the size of the first pool alone, by a curve fitted to the same published numbers: {rho}"
            f"{alone['error']:.3f} off on average, {alone['hits']} in the predicted class; "
            f"{further(score['gain'])}"
        )
    if score["networks"]:
        header = ["network", "assembly bits", "predicted", "measured", "n", "prediction", "measured as"]
        rows = [
            [
                name,
                *(three_decimals(row[column]) for column in ("assembly_bits", "predicted", "mean")),
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
