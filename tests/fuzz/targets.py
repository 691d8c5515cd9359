"""Parsers that eat bytes of strangers, but for signatures: references, manifests, rules, policies, what a registry answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import tests.fuzz.signatures  # noqa: F401 - registers its own
from auditor.config.load import load_rules
from auditor.config.rules import ManifestSettings
from auditor.errors import ConfigurationError
from auditor.manifests.inventory import inventory
from auditor.model.reference import InvalidReference, Reference
from auditor.policies.found import find_policies
from auditor.policies.lint.run import lint
from auditor.policies.load import load_policies
from auditor.registry.challenge import parse as parse_challenge
from auditor.registry.faults import Failed
from auditor.registry.keychain import CredentialError, Keychain
from auditor.registry.manifest import parse as parse_manifest
from auditor.registry.pace import retry_after
from auditor.source.memory import MemoryTree
from fixtures.sigstore import bundle
from tests.fuzz.stage import stage
from tests.fuzz.target import target
from tests.support.policies import image_of, judgments

PROJECT: Final = Path(__file__).resolve().parents[2]
_NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)


# ── references ───────────────────────────────────────────────────────────────────────────────────────────────────────


@target(lambda: [b"nginx", b"ghcr.io/acme/api:2.1", b"127.0.0.1:5000/a/b@sha256:" + b"a" * 64], InvalidReference)
def reference(data: bytes) -> None:
    parsed = Reference.parse(data.decode("utf-8", "surrogateescape"))
    again = Reference.parse(str(parsed))
    assert (again.name, again.tag, again.digest) == (parsed.name, parsed.tag, parsed.digest)


# ── manifests ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _files(*folders: str) -> list[bytes]:
    """The example repositories and policies, file by file."""
    return [
        path.read_bytes()
        for folder in folders
        for path in sorted((PROJECT / folder).rglob("*"))
        if path.is_file() and path.suffix in {".yaml", ".yml", ".json"}
    ]


_DEPLOYMENT: Final = b"""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec: {template: {spec: {containers: [{name: web, image: "ghcr.io/acme/web:1"}]}}}
"""


@target(lambda: _files("fixtures/repos", "fixtures/hostile/manifests"))
def manifests(data: bytes) -> None:
    inventory(MemoryTree({"all.yaml": data}, "fuzz"), ManifestSettings())


@target(
    lambda: [
        *(each for each in _files("fixtures/repos") if b"resources:" in each),
        b"resources: [deployment.yaml]\nimages: [{name: ghcr.io/acme/web, newTag: '2'}]\n",
        b"resources: [deployment.yaml]\npatches: [{patch: '[{op: replace, path: /spec/replicas, value: 2}]', target: {kind: Deployment}}]\n",
        b"resources: [deployment.yaml]\nconfigMapGenerator: [{name: a, literals: [b=c], files: [other.yaml]}]\n",
        b"resources: [deployment.yaml]\nreplacements: [{source: {kind: Deployment}, targets: [{select: {kind: Deployment}}]}]\n",
    ]
)
def kustomization(data: bytes) -> None:
    files = {"kustomization.yaml": data, "deployment.yaml": _DEPLOYMENT, "other.yaml": _DEPLOYMENT}
    inventory(MemoryTree(files, "fuzz"), ManifestSettings())


@target(
    lambda: [
        b"apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: redis, version: 1.x.x, repository: 'oci://ghcr.io/acme'}]\n",
        b"image: {repository: ghcr.io/acme/shop, tag: '1', digest: ''}\nsidecar: {image: ghcr.io/acme/side:2}\n",
        b'{{- define "x" -}}\nimage: {{ .Values.image | quote }}\n{{- end }}\n',
    ]
)
def chart(data: bytes) -> None:
    """As each file of a chart in turn."""
    good = {
        "shop/Chart.yaml": b"apiVersion: v2\nname: shop\nversion: 1.0.0\n",
        "shop/values.yaml": b"image: {repository: ghcr.io/acme/shop, tag: '1'}\n",
        "shop/templates/web.yaml": _DEPLOYMENT,
    }
    for name in good:
        inventory(MemoryTree({**good, name: data}, "fuzz"), ManifestSettings())


# ── rules and policies ───────────────────────────────────────────────────────────────────────────────────────────────


_RULES: Final = b"""\
version: 1
signers:
  release: {github: acme/shop, workflow: release.yaml, ref: refs/tags/v*}
  oncall: {issuer: https://accounts.google.com, subject: oncall@acme.example}
  regex: {issuer: https://gitlab.acme.example, subject-regex: 'https://gitlab\\.acme\\.example/shop/.+'}
images:
  - {match: ghcr.io/acme/**, signed-by: [release, oncall], pinned: require, platforms: each}
  - {match: docker.io/library/*, unsigned: allow, reason: upstream}
deny: [{digest: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', reason: old}]
waivers: [{image: ghcr.io/acme/legacy, rule: unsigned-image, until: 2026-04-01, owner: platform, reason: moving}]
trust: [public-good, {name: private, file: t.json, issuers: ['https://gitlab.acme.example']}]
"""


@target(lambda: [_RULES, b"version: 1\n", b"extends: {file: other.yaml}\nversion: 1\n"], ConfigurationError)
def rules(data: bytes) -> None:
    files = {"auditor.yaml": data, "other.yaml": data, "t.json": b"{}", "k.pub": b"-----BEGIN PUBLIC KEY-----"}
    load_rules(files.get, None, today=date(2026, 3, 1))


@target(lambda: _files("fixtures/policies"))
def policies(data: bytes) -> None:
    """Every engine's loader, its judgment of an image, and the lints."""
    found = find_policies(MemoryTree({"policy.yaml": data}, "fuzz"))
    loaded = load_policies(found)
    rows = judgments(loaded, image_of("ghcr.io/acme/api:1", [bundle(stage().tiles)]))
    assert all(each.ruling.why for each in rows)
    lint(found.objects, loaded.mistakes)


# ── the registry's answers ───────────────────────────────────────────────────────────────────────────────────────────


@target(
    lambda: [
        b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":'
        b'"application/vnd.oci.image.manifest.v1+json","digest":"sha256:' + b"a" * 64 + b'","size":7,"platform":'
        b'{"architecture":"arm64","os":"linux"},"annotations":{"vnd.docker.reference.type":"attestation-manifest"}}]}',
        b'{"schemaVersion":2,"config":{"mediaType":"x"},"layers":[{"digest":"sha256:'
        + b"b" * 64
        + b'","size":1,"data":"AA=="}]}',
    ],
    Failed,
)
def manifest(data: bytes) -> None:
    """A manifest, an index, a listing of referrers: one reader."""
    parse_manifest(data, "application/vnd.oci.image.index.v1+json", "it")


@target(
    lambda: [
        b'Bearer realm="https://auth.acme.example/token",service="r",scope="a:b:pull,push"',
        b"Basic realm=x, Negotiate AAA==",
    ]
)
def challenge(data: bytes) -> None:
    for each in parse_challenge(data.decode("latin-1")):
        assert each.scheme == each.scheme.lower()


@target(lambda: [b"120", b"Wed, 21 Oct 2026 07:28:00 GMT"])
def wait(data: bytes) -> None:
    seconds = retry_after(data.decode("latin-1"), _NOW)
    assert seconds is None or seconds >= 0


@target(
    lambda: [
        b'{"auths":{"ghcr.io":{"auth":"YTpi"},"https://index.docker.io/v1/":{"username":"a","password":"b"}},"credHelpers":{}}',
        b'{"auths":{"ghcr.io/acme":{"identitytoken":"x"}},"credsStore":""}',
    ],
    CredentialError,
)
def docker_config(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        # A helper would be a program of this machine: none is found, whatever the file says.
        (Path(folder) / "config.json").write_bytes(data)
        Keychain({"DOCKER_CONFIG": folder, "PATH": folder}, seconds=1).find("ghcr.io", "acme/shop")
