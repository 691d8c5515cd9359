"""What somebody who waits may want to see: which phase a run is in, and how far the questions to registries are."""

from __future__ import annotations

from typing import Final, Protocol


class Progress(Protocol):
    """Told by whatever works, from any thread. It shows, or it doesn't; it decides nothing, and never raises."""

    def begin(self, phase: str) -> None:
        """A phase begins; there is one at a time."""
        ...

    def end(self, phase: str, seconds: float) -> None:
        """The phase is over."""
        ...

    def expect(self, images: int) -> None:
        """So many images are asked about in this phase, beside those that were told before."""
        ...

    def resolved(self) -> None:
        """One more image has its digest, or why it has none."""
        ...

    def answered(self) -> None:
        """All that was asked about one more image is known."""
        ...

    def waiting(self, host: str, seconds: float) -> None:
        """A host limits the rate of requests, and is left alone for so long."""
        ...

    def close(self) -> None:
        """Nothing more is shown: what comes now is the report."""
        ...


class _Silent:
    """Shows nothing."""

    def begin(self, phase: str) -> None: ...

    def end(self, phase: str, seconds: float) -> None: ...

    def expect(self, images: int) -> None: ...

    def resolved(self) -> None: ...

    def answered(self) -> None: ...

    def waiting(self, host: str, seconds: float) -> None: ...

    def close(self) -> None: ...


SILENT: Final[Progress] = _Silent()
