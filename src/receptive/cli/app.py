"""The command line: names, options and JSON fields are part of the specification."""

import sys
from typing import Annotated

import typer

from receptive import __version__
from receptive.cli import audit, claims, data, demo, fields, match, predict, replicate, report, toy, train
from receptive.cli.shared import notes
from receptive.errors import ReceptiveError

app = typer.Typer(
    name="receptive",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("variants")(train.variants)
app.command("field")(fields.field)
app.command("predict")(predict.predict)
app.command("toy")(toy.toy)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("replicate")(replicate.replicate)
app.command("match")(match.match)
app.command("report")(report.report)
app.command("claims")(claims.claims)
app.command("audit")(audit.audit)
app.command("demo")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        print(f"receptive {__version__}")
        raise typer.Exit


@app.callback()
def receptive(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learn what a genomic CNN's filters can be read as: Koo & Eddy (2019), executable and tested.

    Example: receptive demo --out demo
    """


def main() -> None:
    """Run the command line; a user's mistake is one sentence on standard error, never a traceback."""
    try:
        with notes():
            app()
    except ReceptiveError as error:
        print(f"receptive: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except MemoryError:
        print("receptive: not enough memory for this", file=sys.stderr)
        sys.exit(1)
