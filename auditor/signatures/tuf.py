"""Trusted roots by The Update Framework: the one target `trusted_root.json`, verified from a known root.json on.

python-tuf does the work: chain of root keys, expiry, rollback, sizes. What it verified last is kept in the user's cache, for runs
without a network and so that not every run asks: the target is fetched again after a day.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from auditor.limits import DEFAULT, Limits

TARGET: Final = "trusted_root.json"
FRESH: Final = timedelta(days=1)
"""How long a verified copy is used without asking. Sigstore's own clients keep it as long."""
_TIMEOUT_SECONDS: Final = 2
"""To connect, and between two reads. Where packets vanish python-tuf tries four times: eight seconds, then the copy serves."""


class Unreachable(Exception):  # noqa: N818 - the state of the repository, as seen from here
    """The repository could not be asked, or what it answered does not verify."""


class Copy(Struct, frozen=True):
    """A trusted_root.json that was verified at `verified`."""

    content: bytes
    verified: datetime


class Repository(Struct, frozen=True):
    """A TUF repository: where it is, and the root.json that its chain of trust starts from. `cache` is ours alone."""

    url: str
    root: bytes
    cache: Path

    def kept(self) -> Copy | None:
        """What was verified last, however old; None if there is nothing."""
        try:
            path = self._folder / "targets" / TARGET
            with path.open("rb") as file:
                verified = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                return Copy(file.read(DEFAULT.trusted_root_bytes), verified)
        except OSError:
            return None

    def fetch(self, now: datetime, limits: Limits = DEFAULT) -> Copy:
        """The current target. Raises Unreachable."""
        if not may_ask(self.url):
            raise Unreachable(f"{self.url} is neither https nor a loopback address")
        try:
            content = _within(limits.request_seconds, partial(self._download, limits))
            os.utime(self._folder / "targets" / TARGET, (now.timestamp(), now.timestamp()))
        except Unreachable:
            raise
        except Exception as error:  # network, files, metadata: python-tuf and urllib3 raise many kinds
            raise Unreachable(f"{self.url}: {type(error).__name__}: {error}"[: limits.text]) from error
        return Copy(content, now)

    def _download(self, limits: Limits) -> bytes:
        from tuf.ngclient.config import UpdaterConfig  # noqa: PLC0415 - late: 0.2 s of CPU that a fresh copy saves
        from tuf.ngclient.updater import Updater  # noqa: PLC0415 - late: see above
        from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher  # noqa: PLC0415 - late: see above

        url = self.url.rstrip("/")
        metadata, targets = self._folder / "metadata", self._folder / "targets"
        for folder in (metadata, targets):
            folder.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            metadata_dir=str(metadata),
            metadata_base_url=url,
            target_dir=str(targets),
            target_base_url=f"{url}/targets/",
            fetcher=Urllib3Fetcher(socket_timeout=_TIMEOUT_SECONDS),
            config=UpdaterConfig(targets_max_length=limits.trusted_root_bytes),
            bootstrap=self.root,
        )
        updater.refresh()
        target = updater.get_targetinfo(TARGET)
        if target is None or target.length > limits.trusted_root_bytes:
            raise Unreachable(f"{url} has no {TARGET} of a fitting size")
        return Path(updater.find_cached_target(target) or updater.download_target(target)).read_bytes()

    @property
    def _folder(self) -> Path:
        """One folder per repository *and* start of trust: two roots for one URL must not read each other's copies."""
        name = hashlib.sha256(self.url.encode() + b"\0" + self.root).hexdigest()
        return self.cache / name


def _within(seconds: float, work: Callable[[], bytes]) -> bytes:
    """What comes of work that has no end of its own: a server that sends a byte now and then is never too late for a read.

    Raises TimeoutError. What goes on after that goes on beside the run, until one of the two ends.
    """
    came: list[bytes | Exception] = []

    def perform() -> None:
        try:
            came.append(work())
        except Exception as error:  # noqa: BLE001 - it is raised again by whoever waits
            came.append(error)

    thread = threading.Thread(target=perform, daemon=True)
    thread.start()
    thread.join(seconds)
    if not came:
        raise TimeoutError(f"no end after {seconds:g} seconds")
    if isinstance(came[0], Exception):
        raise came[0]
    return came[0]


def may_ask(url: str) -> bool:
    """Whether the URL is https, or plain HTTP to this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return True
    if parts.scheme != "http" or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return False
