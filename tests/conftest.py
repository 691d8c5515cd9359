"""No property fails because the machine is slow: how long one input takes is the machine's, unless a test says what it bounds."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
