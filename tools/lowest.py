"""Write constraints for pip that take every bound of pyproject.toml at its lowest: ``tox -e lowest``."""

import re
import sys
import tomllib
from pathlib import Path

BOUND = re.compile(r"([\w.-]+)(?:\[[\w,-]+\])?>=([\w.]+)")


def constraints(pyproject: dict) -> list[str]:
    """Return ``name==version`` for every lower bound, the greatest of a package's."""
    project = pyproject["project"]
    lines = [*project["dependencies"]]
    for group in (*project["optional-dependencies"].values(), *pyproject["dependency-groups"].values()):
        lines += [line for line in group if isinstance(line, str)]
    bounds: dict[str, str] = {}
    for line in lines:
        if matches := BOUND.match(line):
            name, version = matches.groups()
            bounds[name] = max(
                version, bounds.get(name, version), key=lambda text: [*map(int, text.split("."))]
            )
    return [f"{name}=={version}" for name, version in sorted(bounds.items())]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


if __name__ == "__main__":
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    Path(sys.argv[1]).write_text("\n".join(constraints(tomllib.loads(text))) + "\n", "utf-8")
