"""Hypothesis profiles: ``fast`` for every change, ``thorough`` for the night (HYPOTHESIS_PROFILE=thorough)."""

import os

from hypothesis import HealthCheck, settings

slow_machines = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=40, derandomize=True, **slow_machines)
settings.register_profile("thorough", max_examples=1000, **slow_machines)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
