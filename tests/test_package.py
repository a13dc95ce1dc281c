"""The package as a whole: what it imports, what it ships, and that its documents keep up with it."""

import ast
import doctest
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from gzip import decompress
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from inspect import getdoc
from pathlib import Path
from pkgutil import walk_packages

import pytest
import typer
from typer.testing import CliRunner

import receptive
from receptive.cli.app import app

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MODULES = sorted(module.name for module in walk_packages(receptive.__path__, "receptive."))
FRAMEWORKS = {"jax", "keras", "tensorflow", "torch"}


def commands(command: object, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words after ``receptive`` of every command and group, from those below ``command``."""
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


COMMANDS = list(commands(typer.main.get_command(app)))


def loaded_after(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the top-level modules it has loaded by its end."""
    program = (
        f"import atexit, sys\natexit.register(lambda: print(*sys.modules, file=sys.stderr))\n{statement}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stderr.split()}


def names(requirements: list[str]) -> set[str]:
    """Strip versions and extras from requirements."""
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


def test_a_framework_would_be_noticed() -> None:
    assert "keras" in loaded_after("import sys, types; sys.modules['keras'] = types.ModuleType('keras')")


def test_importing_any_module_imports_no_framework() -> None:
    loaded = loaded_after("import " + ", ".join(["receptive", *MODULES]))
    assert "receptive" in loaded
    assert not loaded & FRAMEWORKS


def test_help_imports_no_framework() -> None:
    helps = "".join(
        f"sys.argv = {['receptive', *path, '--help']}\ntry:\n    main()\nexcept SystemExit as end:\n"
        "    assert not end.code\n"
        for path in COMMANDS
    )
    loaded = loaded_after(f"from receptive.cli import main\n{helps}")
    assert "typer" in loaded
    assert not loaded & FRAMEWORKS


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_an_example(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0
    assert "Example: receptive" in shown.output


def test_public_names_are_found_and_typed_alike() -> None:
    for name in receptive.__all__:
        home = f"receptive.{receptive._HOMES[name]}"
        assert getattr(receptive, name) is getattr(import_module(home), name)
        assert f"    from {home} import" in Path(receptive.__file__).read_text("utf-8")
    assert sorted(receptive.__all__) == sorted(receptive._HOMES)
    assert set(receptive.__all__) <= set(dir(receptive))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = receptive.nonsense


@pytest.mark.parametrize("name", sorted({*MODULES} - {"receptive.audits.audit"}))
def test_examples_in_docstrings_are_true(name: str) -> None:
    """Those of the audit need a framework: tests/audits/test_audit.py runs them."""
    outcome = doctest.testmod(import_module(name))
    assert outcome.failed == 0


def test_every_public_name_has_an_example() -> None:
    without = [name for name in receptive.__all__ if ">>>" not in (getdoc(getattr(receptive, name)) or "")]
    assert without == []


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    examples = [e for name in MODULES for test in finder.find(import_module(name)) for e in test.examples]
    assert len(examples) >= 30


def test_the_walks_through_the_code_name_what_there_is() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = "|".join(sorted({name.split(".")[1] for name in MODULES if "." in name}))
    walked = set(re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", text))
    assert len(walked) > 20
    for name in walked:
        *module, last = f"receptive.{name}".split(".")
        if f"receptive.{name}" not in MODULES:
            assert hasattr(import_module(".".join(module)), last), name


def test_version_is_the_same_everywhere() -> None:
    citation = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE)
    assert citation
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest
    assert newest[1] == citation[1]
    assert receptive.__version__ == version("receptive")
    # Between releases the version is that of the next one, with the number of commits: 0.1.dev30+g1a2b3c4.
    assert "dev" in receptive.__version__ or receptive.__version__ == newest[1]
    assert PYPROJECT["tool"]["hatch"]["version"]["source"] == "vcs"


def test_data_ship_with_the_package() -> None:
    packed = files("receptive").joinpath("data", "JASPAR_CORE_2016_vertebrates.meme.gz").read_bytes()
    assert decompress(packed).count(b"\nMOTIF ") == 519
    assert files("receptive").joinpath("py.typed").is_file()


def test_every_dependency_has_its_reason_in_the_documents() -> None:
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    required = [*project["dependencies"], *PYPROJECT["build-system"]["requires"]]
    required += [line for extra in project["optional-dependencies"].values() for line in extra]
    required += [line for group in groups.values() for line in group if isinstance(line, str)]
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").lower()
    assert not {name for name in names(required) if not re.search(rf"\b{re.escape(name)}\b", text)}


def imported(folder: str) -> set[str]:
    """The top-level names that the Python files of a folder import, wherever in a file they do."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    wanted = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in plain | wanted}


BESIDE = PYPROJECT["tool"]["pytest"]["ini_options"]["pythonpath"]
OWN = {path.stem for folder in BESIDE for path in (ROOT / folder).glob("*.py")}
OWN |= {"receptive", "tests", *sys.stdlib_module_names}
SAME = {
    "modiscolite": "modisco-lite",
    "sklearn": "scikit-learn",
    "dask_jobqueue": "dask",
    "distributed": "dask",
}


@pytest.mark.parametrize(("folder", "groups"), [("src", []), ("tests", ["tests", "browser", "docs"])])
def test_whatever_is_imported_is_declared(folder: str, groups: list[str]) -> None:
    project = PYPROJECT["project"]
    lines = [
        *project["dependencies"],
        *(line for e in project["optional-dependencies"].values() for line in e),
    ]
    wanted = [line for group in groups for line in PYPROJECT["dependency-groups"][group]]
    for line in wanted:  # grows by what groups include
        if isinstance(line, dict):
            wanted += PYPROJECT["dependency-groups"][line["include-group"]]
    declared = names(lines + [line for line in wanted if isinstance(line, str)])
    assert {SAME.get(name, name) for name in imported(folder) - OWN} <= declared


def test_the_source_distribution_has_all_that_its_tests_need() -> None:
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    always = {"README.md", "LICENSE", "pyproject.toml", ".gitignore"}
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False)
    assert {line.partition("/")[0] for line in listed.stdout.split()} <= {*included, *always}
    assert "conftest.py" in included


def test_workflows_and_documents_name_environments_that_there_are() -> None:
    tox = (ROOT / "tox.ini").read_text("utf-8")
    there = set(re.findall(r"^\[testenv:([\w-]+)\]", tox, re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for path in [*pages, *(ROOT / ".github").rglob("*.*")]:
        named = re.findall(r"\btox -e ([\w,-]+)", path.read_text("utf-8"))
        assert {name for names in named for name in names.split(",")} <= there, path
    steps = ",".join(re.findall(r" -e ([\w,]+)", (ROOT / ".ci" / "run").read_text("utf-8"))).split(",")
    checked = re.findall(r"run: tox -e (\w+)", (ROOT / ".github/workflows/check.yml").read_text("utf-8"))
    assert sorted(steps) == sorted(checked)


def test_workflows_run_every_python_that_is_promised() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(PYPROJECT["project"]["classifiers"]))
    matrix = re.search(r"python: (\[.+\])", (ROOT / ".github/workflows/check.yml").read_text("utf-8"))
    assert matrix
    assert ast.literal_eval(matrix[1]) == promised
    assert PYPROJECT["project"]["requires-python"] == f">={promised[0]}"


def test_the_version_of_keras_that_security_rests_on_is_required() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    (required,) = {line for extra in extras for line in extra if line.startswith("keras")}
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    assert f"requires Keras {required.removeprefix('keras>=')} or newer" in text
    installed = tuple(map(int, version("keras").split(".")[:3]))
    assert installed >= tuple(map(int, required.removeprefix("keras>=").split(".")))


def test_every_module_stands_in_a_layer_and_in_the_architecture() -> None:
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    tops = {name for name in MODULES if name.count(".") == 1}
    assert tops == {name for line in contract["layers"] for name in line.split(" | ")}
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    leaves = {name.rpartition(".")[2] for name in MODULES if "figures." not in name and "cli." not in name}
    assert not {leaf for leaf in leaves if f"`{leaf}`" not in text}


def test_every_command_in_the_documents_exists() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    matches = re.findall(
        r"(?:\$ (?:\w+=\w+ )*|`)receptive ([^`\n]+)", "\n".join(p.read_text("utf-8") for p in pages)
    )
    assert matches
    known = {path for path in COMMANDS if path and path != ("data",)}
    assert not {
        line for line in matches if line[0] != "-" and not any(line.split()[: len(p)] == [*p] for p in known)
    }
