"""Commands of the manual with what they print: run when the pages are built, so that no output is typed.

A page has a fence ``{shown} receptive field cnn-25``, without content; ``{shown:20}`` shows the first 20
lines. Each command runs in a folder with the files that the manual speaks of. ``{trained}`` and the folder of
a stored run show what its training printed, ``{demonstrated}`` what ``receptive demo`` prints.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from typer.testing import CliRunner

from receptive import text
from receptive.cli import demo
from receptive.cli.app import app
from receptive.cli.train import describe
from receptive.replication import runs
from receptive.report import demo as demonstration

STORE = Path(__file__).parent.parent / "results"
FILES = {
    "filters.meme": "synthetic/cnn-25/released/trial-0/conv1.meme",
    "model.keras": "synthetic/cnn-2/released+activation=exponential/trial-0/model.keras",
}
"""Files that the manual reads, with what of the stored runs they are."""
PLACE = re.compile(r"^```\{shown(?::(\d+))?\} (receptive [^\n]+)\n```$", re.MULTILINE)
TRAINED = re.compile(r"^```\{trained\} ([^\n]+)\n```$", re.MULTILINE)
DEMONSTRATED = re.compile(r"^```\{demonstrated\}\n```$", re.MULTILINE)
WIDTH = "92"


def filled(page: str) -> str:
    """Fill in what the commands of a page print."""
    page = PLACE.sub(lambda place: console(place[2], beginning(output(place[2]), place[1])), page)
    page = TRAINED.sub(lambda place: trained(place[1]), page)
    return DEMONSTRATED.sub(lambda _: demonstrated(), page)


def beginning(printed: str, most: str | None) -> str:
    """The first lines of an output, and how many follow; all of it without a number."""
    lines = printed.splitlines()
    left = len(lines) - int(most or len(lines))
    return "\n".join([*lines[: int(most)], "", f"({left} more lines)"]) if most and left > 0 else printed


def console(command: str, printed: str) -> str:
    """A command with what it prints, as a block of a page."""
    return f"```console\n$ {command}\n{printed}\n```"


@contextmanager
def folder() -> Iterator[None]:
    """Work in a folder with the files that the manual speaks of, and with the stored runs as ``results``."""
    with TemporaryDirectory() as place, chdir(place):
        for name, source in FILES.items():
            shutil.copyfile(STORE / source, name)
        Path("results").symlink_to(STORE, target_is_directory=True)
        yield


def output(command: str) -> str:
    """Run a command, and return what it prints.

    Raises:
        ValueError: it fails.
    """
    with folder(), mock.patch.object(text, "terminal_width", return_value=int(WIDTH)):
        done = CliRunner().invoke(app, shlex.split(command)[1:], env={"COLUMNS": WIDTH, "NO_COLOR": "1"})
    if done.exit_code:
        raise ValueError(f"{command}: exit code {done.exit_code}: {done.output or done.exception}")
    return "\n".join(line.rstrip() for line in done.output.strip().splitlines())


def trained(place: str) -> str:
    """What ``receptive train`` printed at the end of a stored run, with the command that makes it."""
    run = runs.load(STORE / place)
    name, plan = run.plan.network.name, run.plan
    command = f"receptive train {name} --data {plan.task}.h5 --trial {plan.trial} --store my-runs"
    return console(command, describe(run, Path("my-runs") / place))


def demonstrated() -> str:
    """What ``receptive demo`` prints at full length, of the stored runs that it would train."""
    places = [STORE / "synthetic" / name / "released" / "trial-0" for name in demonstration.NETWORKS]
    finished = [runs.load(place) for place in places]
    (epochs,) = {run.plan.epochs for run in finished}
    printed = demo.describe(finished, Path("demo"), epochs)
    return console(f"receptive demo --epochs {epochs} --out demo", printed)
