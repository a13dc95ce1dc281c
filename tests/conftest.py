"""Hypothesis profiles, and the fixtures that several test files share.

Profiles: ``fast`` for every change, ``thorough`` for the night (HYPOTHESIS_PROFILE=thorough).
"""

import os
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

slow_machines = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=40, derandomize=True, **slow_machines)
settings.register_profile("thorough", max_examples=1000, **slow_machines)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process; returns exit code, standard output and standard error."""
    from receptive.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["receptive", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def small():
    """A small synthetic data set: 400 sequences."""
    from receptive.tasks import synthetic

    return synthetic.generate(0, sequences=400)


@pytest.fixture(scope="session")
def store(tmp_path_factory, small):
    """A store with one tiny run: CNN-25, two epochs on the small data set."""
    from receptive import runs
    from receptive.networks import VARIANTS
    from receptive.protocols import RELEASED

    folder = tmp_path_factory.mktemp("store")
    runs.run(runs.plan(VARIANTS["cnn-25"], small, RELEASED, trial=0, epochs=2), small, folder)
    return folder
