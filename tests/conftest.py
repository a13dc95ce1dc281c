"""Hypothesis profiles, and the fixtures that several test files share.

Profiles: ``fast`` for every change, ``thorough`` for the night (HYPOTHESIS_PROFILE=thorough).
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

slow_machines: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=40, derandomize=True, **slow_machines)
settings.register_profile("thorough", max_examples=1000, **slow_machines)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

# As `receptive.networks.backend` has it, which some tests import after Keras.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# A shell starts its background jobs deaf to Ctrl-C, and what these start is deaf, too. Some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the tests marked ``gpu``."""
    group = parser.getgroup("receptive, with -m gpu")
    group.addoption("--on-cpu", action="store_true", help="train on the processor if there is no card")
    group.addoption(
        "--quick", action="store_true", help="one trial of six networks, and the claims that these decide"
    )
    group.addoption("--runs", help="folder to keep the runs in and to go on from; by default a temporary one")


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[str | int, str, str]]:
    """Run the command line in this process; returns exit code, standard output and standard error."""
    from receptive.cli import main

    def run(*arguments: object) -> tuple[str | int, str, str]:
        monkeypatch.setattr(sys, "argv", ["receptive", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code: str | int = 0
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def committed():
    """The results of the runs that the repository holds, by task."""
    from receptive.evidence import measured

    store = Path(__file__).parent.parent / "results"
    return {"synthetic": measured.require_results(store), **measured.read_others(store)}


@pytest.fixture(scope="session")
def judgements(committed):
    """The verdicts on them of all claims that runs decide, by id."""
    from receptive.evidence.roster import DECIDED
    from receptive.evidence.verdicts import judge_all

    return {judgement.criterion.id: judgement for judgement in judge_all(DECIDED, committed)}


@contextmanager
def uncompiled() -> Iterator[None]:
    """Let Keras train step by step: compiling a network takes longer than the few steps of a test.

    Weights agree but for rounding. tests/networks/test_training.py, the command line and whatever trains in a
    process of its own compile as users do.
    """
    import keras

    compiled = keras.Model.compile

    def step_by_step(model: Any, **options: Any) -> None:
        compiled(model, **options, run_eagerly="loss" in options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "compile", step_by_step)
        yield


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Train in this test as `uncompiled`."""
    with uncompiled():
        yield


@pytest.fixture(scope="session")
def small():
    """A small synthetic data set: 400 sequences."""
    from receptive.tasks import synthetic

    return synthetic.generate(0, sequences=400)


@pytest.fixture(scope="session")
def store(tmp_path_factory, small):
    """A store with one tiny run: CNN-25, two epochs on the small data set."""
    from receptive.networks.variants import VARIANTS
    from receptive.protocols import RELEASED
    from receptive.replication import runs

    folder = tmp_path_factory.mktemp("store")
    with uncompiled():
        runs.run(runs.plan_run(VARIANTS["cnn-25"], small, RELEASED, trial=0, epochs=2), small, folder)
    return folder
