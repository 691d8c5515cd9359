"""`AUDITOR_EXAMPLES` says how many inputs each property is tried with; hypothesis has its own default."""

from __future__ import annotations

import os

from hypothesis import settings

if wanted := os.environ.get("AUDITOR_EXAMPLES"):
    settings.register_profile("fuzz", max_examples=int(wanted))
    settings.load_profile("fuzz")
