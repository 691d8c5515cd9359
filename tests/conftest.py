"""What holds for every test: no property fails because the machine is slow, and programs can be interrupted."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# How long one input takes is the machine's, unless a test says what it bounds.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell starts what stands behind `&` deaf to interrupts, and so is every program that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
