"""The bar that somebody at a terminal sees. The only door to rich."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from auditor.cli.seen import Seen
from auditor.report.escape import terminal_text

_WIDTH: Final = 30
_PER_SECOND: Final = 8


class Bar:
    """Draws what is seen of a run, until it is stopped; then nothing of it is left on the screen."""

    def __init__(self, seen: Seen, *, color: bool) -> None:
        self._seen = seen
        self._spinner = Spinner("dots")
        self._live = Live(
            get_renderable=self.drawn,
            console=Console(stderr=True, no_color=not color, highlight=False),
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        """Draw, in a thread of its own."""
        self._live.start(refresh=True)

    def stop(self) -> None:
        """Take it off the screen, and give the cursor back."""
        self._live.stop()

    def drawn(self) -> RenderableType:
        """One line, and a second one while a host makes everybody wait."""
        seen = self._seen
        line = Table.grid(padding=(0, 1))
        cells: list[RenderableType] = [self._spinner, Text(seen.phase)]
        if seen.images:
            cells += [
                ProgressBar(total=seen.images, completed=seen.answered, width=_WIDTH),
                Text(f"{seen.resolved} resolved, {seen.answered} verified, of {seen.images} images"),
            ]
        line.add_row(*cells)
        wait = seen.wait
        left = wait[1] - time.monotonic() if wait else 0.0
        if wait is None or left <= 0:
            return line
        return Group(line, Text(f"  {terminal_text(wait[0])} limits the rate of requests: {left:.0f} s to wait"))
