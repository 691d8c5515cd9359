"""A packed chart → its files, and nothing that is not a file of the chart.

Source: helm.sh/helm/v3/pkg/chart/loader/archive.go. Where Helm would take a guess (links, the same name twice, several
folders), the archive is refused: two readers must not see two charts. Nothing is written to disk here.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import Final

from auditor.limits import Limits

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_FORBIDDEN: Final = frozenset({"", ".", ".."})


class Refused(Exception):  # noqa: N818 - a fact about one archive, turned into a value by whoever asked
    """An archive that is not unpacked; the message says why."""


def unpack(packed: bytes, limits: Limits) -> dict[str, bytes]:
    """The files of a `.tgz` by their path below the chart's folder. Raises Refused."""
    if len(packed) > limits.chart_bytes:
        raise Refused(f"its archive has more than {limits.chart_bytes} bytes")
    files: dict[str, bytes] = {}
    top: str | None = None
    try:
        for name, content in _members(packed, limits):
            folder, path = _split(name)
            if top is not None and folder != top:
                raise Refused(f"its archive has several folders ({top!r} and {folder!r})")
            if path in files:
                raise Refused(f"its archive has {path!r} twice")
            top, files[path] = folder, content
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise Refused(f"its archive is no gzipped tar: {error}") from error
    if "Chart.yaml" not in files:
        raise Refused("its archive holds no chart")
    for path in files:
        if any(path[:index] in files for index, letter in enumerate(path) if letter == "/"):
            raise Refused(f"its archive has {path!r} below a file")
    return files


def _members(packed: bytes, limits: Limits) -> Iterator[tuple[str, bytes]]:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        unpacked = stream.read(limits.chart_unpacked_bytes + 1)
    if len(unpacked) > limits.chart_unpacked_bytes:
        raise Refused(f"its archive unpacks to more than {limits.chart_unpacked_bytes} bytes")
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        for number, member in enumerate(archive):
            if number >= limits.chart_entries:
                raise Refused(f"its archive has more than {limits.chart_entries} entries")
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise Refused(f"its archive has {member.name[:200]!r}, which is no plain file")
            content = archive.extractfile(member)
            yield member.name, content.read() if content else b""
        # Python ends silently at a header that it cannot read, where another reader may go on.
        if unpacked[archive.offset : archive.offset + tarfile.BLOCKSIZE].strip(b"\0"):
            raise Refused("its archive has a part that cannot be read")


def _split(name: str) -> tuple[str, str]:
    """The chart's folder, and the path below it. Raises Refused."""
    parts = name.split("/")
    odd = "\\" in name or "\0" in name or _DRIVE.match(name) or any(part in _FORBIDDEN for part in parts)
    if odd or len(parts) < 2:
        raise Refused(f"its archive has a file that is outside of the chart: {name[:200]!r}")
    return parts[0], "/".join(parts[1:])
