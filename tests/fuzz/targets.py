"""Every parser that eats bytes of strangers: what it is asked, with what it begins, and which errors are its own.

A target takes any bytes. It may raise what it says it raises; everything else is a finding. `AssertionError` never is its own:
what a target promises beyond that is asserted in it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from auditor.config.load import load_rules
from auditor.config.rules import ManifestSettings
from auditor.errors import ConfigurationError
from auditor.manifests.inventory import inventory
from auditor.model.evidence import KeySigned, Refused, Signature, Signed
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.policies.found import find_policies
from auditor.policies.lint.run import lint
from auditor.policies.load import load_policies
from auditor.registry.challenge import parse as parse_challenge
from auditor.registry.faults import Failed
from auditor.registry.keychain import CredentialError, Keychain
from auditor.registry.manifest import parse as parse_manifest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.registry.pace import retry_after
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Message
from auditor.signatures.certificate import certificate_der, check_leaf, identity_of, load_leaf
from auditor.signatures.encoding import Malformed, parse_object
from auditor.signatures.envelope import parse_envelope
from auditor.signatures.keys import load_key, load_pem_key
from auditor.signatures.log import check_inclusion, read_checkpoint
from auditor.signatures.log_entry import check_about
from auditor.signatures.pem import root_from_pem
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import parse_root
from auditor.signatures.statement import read_statement
from auditor.signatures.timestamp import Stamper, read_stamps, stamped_times
from auditor.signatures.verify import Verifier
from auditor.source.memory import MemoryTree
from fixtures.sigstore import BundleVersion, Ceremony, EntryKind, Stamp, att_layer, bundle, sig_layer
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Signed as Sealed
from fixtures.sigstore.stack import REKOR_V2, TIMESTAMP_ONLY
from tests.support.policies import image_of, judgments
from tests.support.signatures import made_root, verifier_of

PROJECT: Final = Path(__file__).resolve().parents[2]
_T = TypeVar("_T")
_NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """One parser: what it is called, how it is run, the errors that are its own, and inputs to begin with."""

    name: str
    run: Callable[[bytes], object]
    own: tuple[type[Exception], ...]
    seeds: Callable[[], Iterable[bytes]]


TARGETS: Final[dict[str, Target]] = {}


def target(
    seeds: Callable[[], Iterable[bytes]], *own: type[Exception]
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    """Register a function as a target under its own name."""

    def register(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[run.__name__] = Target(run.__name__, run, own, seeds)
        return run

    return register


# ── the stage ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Stage:
    """Good signatures of one image by one deployment, and who would accept them."""

    scene: Scene
    sig: Sealed
    statement: Sealed
    tiles: Sealed
    stamped: Sealed
    verifier: Verifier

    @property
    def digest(self) -> Digest:
        return Digest.parse(self.scene.digest)

    def candidate(self, kind: EntryKind = EntryKind.DSSE_1) -> Candidate:
        """A good bundle, ready to be judged."""
        scene = self.scene
        log = REKOR_V2 if kind in {EntryKind.DSSE_2, EntryKind.HASHEDREKORD_2} else Ceremony()
        parsed = parse_bundle(
            bundle(scene.stack.attest(scene.digest, scene.claimant, scene.at, replace(log, kind=kind))).content
        )
        assert parsed.leaf_der is not None
        assert parsed.envelope is not None
        return bundle_candidate(parsed, parsed.leaf_der, Message.of(parsed.envelope.pae))


@cache
def stage() -> Stage:
    """Made once for each process."""
    scene = Scene()
    stack, digest, who, at = scene.stack, scene.digest, scene.claimant, scene.at
    return Stage(
        scene,
        sig=stack.sign(digest, who, at, Ceremony(stamp=Stamp.SIGNATURE)),
        statement=stack.attest(digest, who, at),
        tiles=stack.attest(digest, who, at, REKOR_V2),
        stamped=stack.attest(digest, who, at, TIMESTAMP_ONLY),
        verifier=verifier_of(made_root(stack)),
    )


def _judged(material: Material) -> Signature:
    """A verdict comes out, in few words, and it never is that our own code failed."""
    verdict = stage().verifier.verify(material, stage().digest)
    if isinstance(verdict, Refused):
        assert len(verdict.why) <= 1000, "a refusal of endless words"
        assert "cannot be judged" not in verdict.why, verdict.why
    if isinstance(verdict, KeySigned):
        assert not verdict.keys, "no key is known here"
    if isinstance(verdict, Signed):
        assert verdict.identity.subject == stage().scene.claimant.subject, "somebody else's signature is accepted"
    return verdict


def _each(run: Callable[[_T], object], of: Iterable[_T]) -> None:
    """Run it of each. Raises the first error only where all of them were refused."""
    errors: list[Malformed | Refusal] = []
    ran = 0
    for each in of:
        try:
            run(each)
        except (Malformed, Refusal) as error:
            errors.append(error)
        else:
            ran += 1
    if errors and not ran:
        raise errors[0]


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


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────


@target(
    lambda: [
        bundle(stage().tiles).content,
        bundle(stage().statement).content,
        bundle(stage().statement, BundleVersion.V0_1).content,
        bundle(stage().statement, BundleVersion.V0_2).content,
        bundle(stage().stamped).content,
        bundle(stage().sig).content,
    ]
)
def sigstore_bundle(data: bytes) -> None:
    _judged(BundleBytes(data, Digest.of(data)))


@target(lambda: [att_layer(stage().statement).content])
def attestation(data: bytes) -> None:
    _judged(LegacyAttestation(data, Digest.of(data), att_layer(stage().statement).annotations))


@target(lambda: [sig_layer(stage().sig).content])
def simple_signing(data: bytes) -> None:
    _judged(SimpleSigning(data, Digest.of(data), sig_layer(stage().sig).annotations))


@target(lambda: [json.dumps(dict(sig_layer(stage().sig).annotations)).encode()])
def layer_annotations(data: bytes) -> None:
    """As the annotations of a layer, whose values are texts."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(said, dict):
        return
    texts = {name: text for name, text in said.items() if isinstance(text, str)}
    payload = sig_layer(stage().sig).content
    _judged(SimpleSigning(payload, Digest.of(payload), texts))


@target(lambda: [stage().statement.payload], Malformed)
def statement(data: bytes) -> None:
    read_statement(parse_object(data, "it"))


@target(lambda: [stage().statement.envelope], Malformed)
def envelope(data: bytes) -> None:
    parse_envelope(data)


@target(lambda: [stage().statement.certificate or b"", *stage().statement.chain], Malformed, Refusal)
def certificate(data: bytes) -> None:
    """The extensions too: identity and claims come out of them."""
    leaf = load_leaf(data)
    check_leaf(leaf)
    identity_of(leaf)


@target(lambda: [_entry(kind) for kind in EntryKind], Malformed, Refusal)
def log_entry(data: bytes) -> None:
    def about(kind: EntryKind) -> None:
        candidate = _candidates()[kind]
        assert candidate.entry is not None
        check_about(candidate, replace(candidate.entry, body=data, kind=None))

    _each(about, EntryKind)


@cache
def _candidates() -> dict[EntryKind, Candidate]:
    return {kind: stage().candidate(kind) for kind in EntryKind}


def _entry(kind: EntryKind) -> bytes:
    entry = _candidates()[kind].entry
    assert entry is not None
    return entry.body


@target(lambda: [_note(EntryKind.DSSE_1), _note(EntryKind.HASHEDREKORD_2)], Malformed, Refusal)
def checkpoint(data: bytes) -> None:
    def included(kind: EntryKind) -> None:
        entry = _candidates()[kind].entry
        assert entry is not None
        assert entry.proof is not None
        proof = replace(entry.proof, checkpoint=data.decode("utf-8", "replace"))
        log = made_root(stage().scene.stack).logs[entry.log]
        read_checkpoint(proof)
        check_inclusion(entry, proof, log)
        # Whatever else is signed below it, this text alone is the log's.
        assert proof.checkpoint.startswith(entry.proof.checkpoint.partition("\n\n")[0]), "another text is believed"

    _each(included, (EntryKind.DSSE_1, EntryKind.HASHEDREKORD_2))


def _note(kind: EntryKind) -> bytes:
    entry = _candidates()[kind].entry
    assert entry is not None
    assert entry.proof is not None
    return entry.proof.checkpoint.encode()


@target(lambda: [*stage().tiles.stamps], Refusal)
def time_stamp(data: bytes) -> None:
    stampers = [Stamper(each) for each in made_root(stage().scene.stack).stampers]
    (expected,) = stamped_times(read_stamps(stage().tiles.stamps), stage().tiles.signature, stampers)
    for time in stamped_times(read_stamps([data]), stage().tiles.signature, stampers):
        assert time == expected, "another time is believed"


# ── what people trust ────────────────────────────────────────────────────────────────────────────────────────────────


@target(lambda: [json.dumps(stage().scene.stack.trusted_root()).encode()], Malformed)
def trusted_root(data: bytes) -> None:
    parse_root(data, "fuzz")


@target(lambda: [*stage().scene.stack.pem_files().values()], Malformed)
def pem(data: bytes) -> None:
    good = stage().scene.stack.pem_files()
    _each(lambda name: parse_root(root_from_pem({**good, name: data}), "fuzz"), good)
    load_pem_key(data, "it")


@target(lambda: [base64.b64decode(stage().scene.stack.pem_files()["rekor"].split(b"-----")[2])], Malformed)
def key(data: bytes) -> None:
    """In DER."""
    load_key(data, "it")


@target(lambda: [sig_layer(stage().sig).annotations["dev.sigstore.cosign/certificate"].encode()], Malformed)
def certificate_pem(data: bytes) -> None:
    certificate_der(data.decode("latin-1"), "it")
