"""What a wheel holds besides the package: the runs that this version was released with (hatchling calls it).

Of every run the numbers, and of first trials the filters and their matches: what ``receptive report`` reads.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NUMBERS = ("run.json", "epochs.json", "importance.json")
FIRST = "*/*/released/trial-0/conv?.*"


def shipped(store: Path) -> list[Path]:
    """Return the files of a store that ship, relative to it."""
    paths = [path for name in NUMBERS for path in store.rglob(name)]
    paths += store.glob(FIRST)
    return sorted(path.relative_to(store) for path in paths)


class Runs(BuildHookInterface):
    """Put them under ``receptive/data/results``."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to hatchling; an editable installation reads the checkout's."""
        store = Path(self.root) / "results"
        if version != "editable":
            for path in shipped(store):
                build_data["force_include"][str(store / path)] = f"receptive/data/results/{path.as_posix()}"
