"""An internal error becomes a log that can be pasted into an issue."""

from __future__ import annotations

import platform
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from auditor.version import __version__


def write_crash_log(argv: Sequence[str]) -> str:
    """Write the traceback of the exception being handled to a file; returns what to tell the reader."""
    log = "\n".join(
        (
            f"auditor {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {list(argv)}",
            "",
            traceback.format_exc(),
        )
    )
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="auditor-crash-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(log)
    except OSError:
        return f"internal error; nothing was judged\n{log}"
    last = traceback.format_exc().strip().splitlines()[-1]
    return (
        f"internal error: {last[:500]!r}\n  nothing was judged, which is not the same as clean\n"
        f"  help: please report it with the log in {Path(file.name)}\n"
    )
