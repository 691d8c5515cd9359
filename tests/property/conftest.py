"""`AUDITOR_EXAMPLES` says how many inputs each property is tried with, others in each run; else there are as many as hypothesis likes."""

from __future__ import annotations

import os

from hypothesis import settings

if wanted := os.environ.get("AUDITOR_EXAMPLES"):
    settings.register_profile("fuzz", max_examples=int(wanted), derandomize=False)
    settings.load_profile("fuzz")
