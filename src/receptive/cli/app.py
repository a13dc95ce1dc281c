"""The command line: names, options and JSON fields are part of the specification."""

import os
import sys
from contextlib import suppress
from errno import EBADF, EIO, ENOSPC, EPIPE
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from receptive import __version__
from receptive.cli import audit, claims, data, demo, fields, match, predict, replicate, report, toy, train
from receptive.cli.shared import notes, say
from receptive.errors import ReceptiveError, UsageError, shorten

MISTAKES = cast(tuple[type[Exception], ...], typer.BadParameter.__bases__)
"""What typer raises of whatever is wrong with arguments."""

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
    """Run the command line; a user's mistake is one sentence on standard error, never a traceback.

    What can go wrong anywhere is caught here, once: files that cannot be reached, streams that are closed,
    full or know no more than ASCII, and data nested or large beyond reason.
    """
    _open_streams()
    os.environ["MPLBACKEND"] = "agg"  # no window is ever opened
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # no date is ever written
    try:
        if "" in sys.argv[1:]:
            before = sys.argv[sys.argv.index("", 1) - 1] if sys.argv[1] else "receptive"
            raise UsageError(f"the argument after {before} is empty; is a variable of the shell not set?")
        with notes():
            code = app(standalone_mode=False)
        sys.stdout.flush()
    except ReceptiveError as error:
        code = _fail(str(error), error.exit_code)
    except MISTAKES as error:
        code = _fail(_usage(error), 2)
    except MemoryError:
        code = _fail("not enough memory for this")
    except RecursionError:
        code = _fail("something is nested too deeply to be read; is a file damaged?")
    except OverflowError as error:
        code = _fail(f"a number is too large: {error}")
    except OSError as error:
        code = _fail(_system(error))
    sys.exit(code)


def _open_streams() -> None:
    """Make sure that there are standard streams, and that they take any text."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file to be opened would take its place
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _fail(message: str, code: int = 1) -> int:
    """Say what went wrong; return the exit code."""
    if message:
        with suppress(OSError):
            say(f"receptive: {shorten(message)}")
    return code


def _usage(error: Any) -> str:
    """Say what typer found wrong with the arguments."""
    message = error.format_message()
    command = error.ctx.command_path if error.ctx else "receptive"
    return f"{message} (see {command} --help)" if message else ""


def _system(error: OSError) -> str:
    """Say what the system refused, and of which file."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"cannot read or write {error.filename}: {reason}"
    try:
        Path.cwd()
    except OSError:
        return "the working folder is gone; change to another"
    if error.errno in (ENOSPC, EIO, EBADF, EPIPE):
        # What could not be written now would be tried again, and complained of, at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return f"cannot write the output: {reason}"
    return f"the system refused something: {reason}"
