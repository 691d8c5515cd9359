"""Packed charts, and an HTTP repository of charts on loopback that does as a test says."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from fixtures.loopback import Loopback, Quiet
from fixtures.registry import OciRegistry
from fixtures.registry.images import descriptor, encode
from fixtures.registry.store import OCI_MANIFEST, Manifest, digest_of

LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
CONFIG = "application/vnd.cncf.helm.config.v1+json"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  template:
    spec:
      containers:
      - name: web
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
"""


def files(version: str = "1.2.3", name: str = "web") -> dict[str, bytes]:
    """A small chart: one image, whose tag is the version of the application unless a value says otherwise."""
    about = f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: v{version}\n"
    values = f"image:\n  repository: ghcr.io/acme/{name}\n  tag: ''\n"
    return {
        "Chart.yaml": about.encode(),
        "values.yaml": values.encode(),
        "templates/web.yaml": DEPLOYMENT.encode(),
    }


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A gzipped tar of these members, the same bytes each time."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(held.getvalue(), mtime=0)


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """The header of one member."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info


def packed(content: Mapping[str, bytes] | None = None, top: str = "web") -> bytes:
    """A packed chart."""
    held = files() if content is None else content
    return tar(*((member(f"{top}/{path}", len(each)), each) for path, each in held.items()))


def sha256(content: bytes) -> str:
    """As an index writes it."""
    return hashlib.sha256(content).hexdigest()


def index(name: str, *versions: tuple[str, str, str]) -> bytes:
    """An index of one chart: version, address, digest of each."""
    lines = ["apiVersion: v1", "entries:", f"  {name}:"]
    for version, url, digest in versions:
        lines += [f"  - name: {name}", f"    version: {version}", f"    digest: {digest}", "    urls:", f"    - {url}"]
    return "\n".join([*lines, "generated: 2026-01-01T00:00:00Z", ""]).encode()


@dataclass
class Repository:
    """What a server answers: bodies by path, or an address to which it redirects. `asked`: the paths, in order."""

    authority: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.authority}"

    def publish(self, *versions: str, name: str = "web") -> None:
        """An index with these versions of a chart, and their archives."""
        rows = []
        for version in versions:
            content = packed(files(version, name), name)
            self.bodies[f"/{name}-{version}.tgz"] = content
            rows.append((version, f"{name}-{version}.tgz", sha256(content)))
        self.bodies["/index.yaml"] = index(name, *rows)


@contextmanager
def repository() -> Iterator[Repository]:
    """A server on 127.0.0.1 for as long as the block lasts."""
    held = Repository()

    class Handler(Quiet):
        def do_GET(self) -> None:
            held.asked.append(self.path)
            held.headers.append(dict(self.headers))
            if (target := held.redirects.get(self.path)) is not None:
                self.send_response(302)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = held.bodies.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            try:
                self.wfile.write(body or b"")
            except OSError:
                return  # whoever asked has had enough

    with Loopback(Handler) as server:
        held.authority = server.host
        yield held


def push(registry: OciRegistry, name: str, tag: str, content: bytes) -> str:
    """A chart in an OCI registry, as `helm push` writes it; the digest of its manifest."""
    config = encode({"name": name, "version": tag})
    for blob in (config, content):
        registry.store.put_blob(name, blob)
    manifest = encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(CONFIG, config),
            "layers": [descriptor(LAYER, content)],
        }
    )
    registry.store.put_manifest(name, Manifest(manifest, OCI_MANIFEST), tag)
    return digest_of(manifest)


__all__ = ["LAYER", "Repository", "files", "index", "member", "packed", "push", "repository", "sha256", "tar"]
