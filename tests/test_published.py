"""What docs/published.md shows of networks of others is what the commands print."""

import doctest
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "published.md").read_text("utf-8")
INSTALLED = r"\$ python -m pip install --no-deps --target others (.+)"

pytestmark = pytest.mark.models


def printed(command):
    """What a line for the shell prints, on either stream, with this Python's commands."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "120",
    }
    shell = ["bash", "-o", "pipefail", "-c", command]
    run = subprocess.run(shell, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stderr + run.stdout


def test_the_page_shows_what_is_printed(tmp_path, monkeypatch):
    places = find_spec("spliceai").submodule_search_locations
    assert places
    (place,) = places
    (tmp_path / "others").symlink_to(Path(place).parent)
    monkeypatch.chdir(tmp_path)
    names, shown, made = {}, [], []
    for kind, block in re.findall(r"^```(console|pycon)\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        shown.append(block)
        if "pip install" in block:
            made.append(block)
        elif kind == "console":
            commands = re.findall(r"^\$ (.+)$", block, re.MULTILINE)
            made.append("".join(f"$ {command}\n{printed(command)}" for command in commands))
        else:
            test = doctest.DocTestParser().get_doctest(block, names, "published.md", None, None)
            names, lines = test.globs, []
            for example in test.examples:
                first, *rest = example.source.splitlines()
                lines += [f">>> {first}", *(f"... {line}" for line in rest)]
                text = evaluated(example.source, names)
                lines += [] if text is None else [text]
            made.append("\n".join(lines) + "\n")
    assert made == shown


def evaluated(source, names):
    """What an interactive Python shows of a statement; None for nothing."""
    try:
        code = compile(source, "<page>", "eval")
    except SyntaxError:
        exec(source, names)
        return None
    value = eval(code, names)
    return None if value is None else repr(value)


def test_the_page_installs_what_the_environment_does():
    (line,) = re.findall(INSTALLED, PAGE)
    assert f"pip install --quiet --no-deps {line}\n" in (ROOT / "tox.ini").read_text("utf-8")
