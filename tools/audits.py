"""Make the audits that docs/audit.md shows: ``python tools/audits.py --models FOLDER [NAME …]``.

Each network is trained as that page says, unless FOLDER has it, and audited into docs/_static/audits: the
page, and its numbers as JSON. Minutes a network; an audit of a network that is there takes less than one.
``python tools/audits.py --redraw`` makes the pages anew of their numbers and logos, without any network,
where such pages are to look otherwise.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from receptive.audits.page import Logos, draw
from receptive.files import write_text
from receptive.pages import Html

ROOT = Path(__file__).parent.parent
AUDITS = ROOT / "docs" / "_static" / "audits"
EXAMPLES = ROOT / "docs" / "examples" / "chipseq_networks.py"
SEQUENCES = {"basset": 4000, "bpnet": 4000, "basset-pool25": 4000, "bpnet-plain": 4000, "cnn-25": 1000}
"""The networks, and on how many test sequences each is audited."""


def receptive(*words: str | Path) -> None:
    """Run a command of this package."""
    subprocess.run([sys.executable, "-c", "from receptive.cli import main; main()", *words], check=True)


def train(name: str, path: Path) -> None:
    """Train a network, and leave it in a file."""
    if name != "cnn-25":
        subprocess.run([sys.executable, EXAMPLES, name, path], check=True)
        return
    store = path.parent / "runs"
    receptive("train", name, "--epochs", "12", "--keep", "--store", store)
    (model,) = (store / "synthetic" / name).glob("released/trial-0/model.keras")
    shutil.copyfile(model, path)


def audit(path: Path, data: Path) -> None:
    """Audit a network, and put its page and numbers where the documentation has them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        receptive("audit", path, "--data", data, "--sequences", str(SEQUENCES[path.stem]), "--out", out)
        for made, ending in (("index.html", "html"), ("audit.json", "json")):
            shutil.copyfile(out / made, AUDITS / f"{path.stem}.{ending}")


LOGO = re.compile(r'<svg [^>]*aria-label="Sequence logo of (\w+), .*?</svg>')
VERSION = re.compile(r"version \S+, from")


def redraw(name: str) -> str:
    """Return the page of an audit by its numbers, and by the logos and the version of the page as it is."""
    numbers = json.loads((AUDITS / f"{name}.json").read_text(encoding="utf-8"))
    page = (AUDITS / f"{name}.html").read_text(encoding="utf-8")
    cards = page[page.index('<div class="cards">') :]
    logos = {found[1]: Html(found[0]) for found in LOGO.finditer(cards)}
    drawn = draw(numbers, Logos(tuple(logos.get(entry["id"], Html("")) for entry in numbers["filters"])))
    return VERSION.sub(VERSION.findall(page)[-1], drawn)


def main() -> None:
    """Go through the networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SEQUENCES)}; all by default")
    ways = parser.add_mutually_exclusive_group(required=True)
    ways.add_argument("--models", type=Path, help="folder for the trained networks")
    ways.add_argument("--redraw", action="store_true", help="make the pages anew, without the networks")
    chosen = parser.parse_args()
    if chosen.redraw:
        for name in chosen.names or SEQUENCES:
            write_text(AUDITS / f"{name}.html", redraw(name))
        return
    chosen.models.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or SEQUENCES:
        path, task = chosen.models / f"{name}.keras", "synthetic" if name == "cnn-25" else "chipseq"
        data = chosen.models / f"{task}.h5"
        if not data.exists():
            receptive("data", task, "--out", data)
        if not path.exists():
            train(name, path)
        audit(path, data)


if __name__ == "__main__":
    main()
