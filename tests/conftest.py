"""How many cases hypothesis tries: 30 a property, or 300 with HYPOTHESIS_PROFILE=ci."""

import os

from hypothesis import HealthCheck, settings

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "derandomize": True}
settings.register_profile("dev", max_examples=30, **COMMON)
settings.register_profile("ci", max_examples=300, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
