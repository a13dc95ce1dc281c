"""``receptive toy``: the toy model of Fig 1 for any pool size."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from receptive.cli.shared import Json, emit
from receptive.text import table

if TYPE_CHECKING:
    from receptive.theory.toy import ToyModel


def toy(
    pool: Annotated[int, typer.Option(help="Pool size, in positions.")] = 3,
    stride: Annotated[int | None, typer.Option(help="Pool stride; by default the pool size.")] = None,
    width: Annotated[int, typer.Option(help="Size of the second-layer filters, in pooled bins.")] = 3,
    json: Json = False,
    figure: Annotated[
        Path | None, typer.Option(help="Also draw Fig 1 anew, to a .svg, .png or .pdf file.")
    ] = None,
) -> None:
    """Show which of Fig 1's patterns CACGTG, GTGCAC and CACNNGTG survive max-pooling.

    Resolved: a second-layer filter fires on this pattern where it stands in the sequence, and on neither of
    the other two. Confusion: the share of all phases of one pattern in which another can give the same
    signature.

    Example: receptive toy --pool 20 --figure fig1b.svg
    """
    from receptive.theory.toy import toy_model

    model = toy_model(pool, stride, width)
    if figure is not None:
        from receptive.figures import canvas
        from receptive.figures.toy import figure_1

        canvas.save(figure_1(pool, stride, width), figure)
    emit(model.document(), text(model), json)


def text(model: "ToyModel") -> str:
    """Return the toy model as tables for the terminal."""
    from receptive.theory.toy import signature_text

    names = list(model.is_resolved)
    patterns = [
        (name, "yes" if model.is_resolved[name] else "no", signature_text(model.signatures[name]))
        for name in names
    ]

    def shares(second: str) -> list[str]:
        return ["–" if first == second else f"{float(model.confusion[first, second]):.3f}" for first in names]

    return "\n".join(
        [
            f"pool {model.pool}, pool stride {model.stride}, second-layer filters of width {model.width}",
            "",
            table(("pattern", "resolved", "signature where it stands"), patterns),
            "",
            "share of a pattern's phases whose signature another can give as well:",
            table(("pattern", *names), [(second, *shares(second)) for second in names]),
            "",
            f"bits about the pattern: {model.information_bits:.3f} of {model.most_bits:.3f} kept by the "
            f"pooled map, {model.view_bits:.3f} seen in windows of {model.width} bins",
        ]
    )
