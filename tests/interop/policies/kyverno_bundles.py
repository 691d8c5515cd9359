"""Kyverno on bundles (`type: SigstoreBundle`), and ImageValidatingPolicies: trust comes from a TUF repository on loopback."""

from __future__ import annotations

import base64
from typing import Any, Final

from fixtures.sigstore import GITHUB_ISSUER, SLSA_PROVENANCE
from fixtures.sigstore.mirror import TufMirror
from fixtures.sigstore.statements import CYCLONEDX
from tests.interop.policies.kyverno_cases import Writer, forms, policy, verification
from tests.interop.policies.stage import ATTESTED, KEY, OTHER, OTHER_KEY, SHOP, SIGNED, TAG, TIMES, Stage, public
from tests.interop.policies.tables import Document, Table, Workload

_EVERY: Final = "images.containers.map(image, verifyImageSignatures(image, [attestors.a])).all(e, e > 0)"
_STATED: Final = (
    "images.containers.map(i, verifyAttestationSignatures(i, attestations.built, [attestors.a])).all(e, e > 0)"
)


def tables(stage: Stage, mirror: TufMirror) -> list[Table]:
    """All of them."""
    cel = Cel(stage, mirror)
    return [
        _bundles(stage),
        _signed(stage, cel),
        _times(stage, cel),
        _attested(stage, cel),
        _names(stage, cel),
        _workloads(stage, cel),
    ]


def first(stage: Stage, mirror: TufMirror) -> Table:
    """What must be asked before all else: it fills the cache in which other kinds of policies find their trusted root."""
    policies = dict([cel_policy("first", {"a": Cel(stage, mirror).keyless(who())}, _EVERY)])
    return Table("first", "", [Workload("classic", stage.image("classic"))], policies)


def _bundles(stage: Stage) -> Table:
    writer = Writer(stage)

    def entry(subject: str | None = SHOP.subject, issuer: str | None = GITHUB_ISSUER, **more: Any) -> Document:
        return writer.keyless(
            subject, issuer, **{"roots": None, "rekor": {"url": "https://rekor.sigstore.dev"}, "ctlog": None, **more}
        )

    shop = entry()

    def attested(*entries: Document, kind: str = SLSA_PROVENANCE, value: str | None = None) -> Document:
        where = "{{ buildDefinition.externalParameters.workflow.repository }}"
        conditions = [{"all": [{"key": where, "operator": "Equals", "value": value}]}] if value else []
        return verification(
            attestations=[{"type": kind, "attestors": [{"entries": list(entries)}], "conditions": conditions}],
            type="SigstoreBundle",
        )

    cases = {
        "exact": verification([shop], type="SigstoreBundle"),
        "another": verification([entry(OTHER.subject)], type="SigstoreBundle"),
        "unlogged": verification(
            [entry(rekor={"url": "https://rekor.sigstore.dev", "ignoreTlog": True})], type="SigstoreBundle"
        ),
        "either": verification({"count": 1, "entries": [shop, entry(OTHER.subject)]}, type="SigstoreBundle"),
        "glob": verification([entry("https://github.com/acme/*")], type="SigstoreBundle"),
        "regexp": verification([entry(None, subjectRegExp="acme/sh.p")], type="SigstoreBundle"),
        "regexp-and-subject": verification([entry(OTHER.subject, subjectRegExp="acme/sh.p")], type="SigstoreBundle"),
        "both-regexps": verification(
            [entry(None, None, subjectRegExp="^https://github.com/acme/", issuerRegExp="actions")],
            type="SigstoreBundle",
        ),
        "subject-only": verification([entry(issuer=None)], type="SigstoreBundle"),
        "anybody": verification([entry(None, None)], type="SigstoreBundle"),
        "key": verification([{"keys": {"publicKeys": public(KEY)}}], type="SigstoreBundle"),
        "other-key": verification([{"keys": {"publicKeys": public(OTHER_KEY)}}], type="SigstoreBundle"),
        "provenance": attested(shop),
        "provenance-from-source": attested(shop, value="https://github.com/acme/shop"),
        "provenance-from-another": attested(shop, value="https://github.com/acme/other"),
        "bill-of-materials": attested(shop, kind=CYCLONEDX),
    }
    names = [
        "unsigned",
        "classic",
        "bundle",
        "bundle-timed",
        "bundle-unlogged",
        "bundle-other",
        "bundle-key",
        "bundle-second",
        "bundle-first",
        "bundle-headless",
        "mixed",
        "bundle-provenance",
        "bundle-both",
        "provenance",
    ]
    return Table(
        "ClusterPolicy: bundles",
        "`verifyImages` of type `SigstoreBundle`.",
        [Workload(name, stage.image(name)) for name in names],
        dict(policy(name, case) for name, case in cases.items()),
    )


class Cel:
    """Writes ImageValidatingPolicies that rest on the stage's own trust."""

    def __init__(self, stage: Stage, mirror: TufMirror) -> None:
        self._tuf = {"mirror": mirror.url, "root": {"data": base64.b64encode(mirror.root).decode()}}
        self._root = stage.trusted_root.decode()
        self._pems = stage.pems

    def cosign(self, **fields: Any) -> Document:
        """What stands under `cosign:`; the TUF repository and the same root in full."""
        return {"tuf": self._tuf, "trustedRoot": {"value": self._root}, **fields}

    def keyless(self, *identities: Document, **more: Any) -> Document:
        """An attestor by identity."""
        return self.cosign(keyless={"identities": list(identities)}, **more)

    def key(self, pem: str, **more: Any) -> Document:
        """An attestor by key."""
        log = {"url": "https://rekor.acme.example", "rekorPubKey": self._pems["rekor"]}
        return self.cosign(key={"data": pem}, ctlog=log, **more)


def who(subject: str = SHOP.subject, issuer: str = GITHUB_ISSUER, **more: str) -> Document:
    """An identity; a field that is empty is left out."""
    fields = {"subject": subject, "issuer": issuer, **more}
    return {name: value for name, value in fields.items() if value}


def cel_policy(
    name: str, attestors: dict[str, Document], *expressions: str, kinds: tuple[str, ...] = ("pods",), **spec: Any
) -> tuple[str, Document]:
    """An ImageValidatingPolicy."""
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": list(kinds)}]
    return name, {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ImageValidatingPolicy",
        "metadata": {"name": name},
        "spec": {
            "validationConfigurations": {"mutateDigest": False, "verifyDigest": False, "required": False},
            "matchConstraints": {"resourceRules": rules},
            "matchImageReferences": [{"glob": "ghcr.io/acme/*"}],
            "attestors": [{"name": key, "cosign": value} for key, value in attestors.items()],
            "validations": [{"expression": each, "message": "not signed"} for each in expressions],
            **spec,
        },
    }


def _signed(stage: Stage, cel: Cel) -> Table:
    shop, other, anyone = who(), who(OTHER.subject), who("", "", issuerRegExp=".*", subjectRegExp=".*")
    a = {"a": cel.keyless(shop)}
    two = {"a": cel.keyless(shop), "b": cel.keyless(other)}
    first = "images.containers.all(i, verifyImageSignatures(i, [attestors.a, attestors.b])"
    cases: dict[str, tuple[dict[str, Document], str]] = {
        "exact": (a, _EVERY),
        "another": ({"a": cel.keyless(other)}, _EVERY),
        "glob-in-exact-field": ({"a": cel.keyless(who("https://github.com/acme/*"))}, _EVERY),
        "regexp": ({"a": cel.keyless(who("", subjectRegExp="acme/sh.p"))}, _EVERY),
        "regexp-anchored": ({"a": cel.keyless(who("", subjectRegExp="^acme/shop$"))}, _EVERY),
        "regexp-beside-subject": ({"a": cel.keyless(who(OTHER.subject, subjectRegExp="acme/sh.p"))}, _EVERY),
        "anyone": ({"a": cel.keyless(anyone)}, _EVERY),
        "two-identities": ({"a": cel.keyless(shop, other)}, _EVERY),
        "either-attestor": (two, f"{first} > 0)"),
        "both-attestors": (two, f"{first} == 2)"),
        "either-written-out": (
            two,
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0 || verifyImageSignatures(i, [attestors.b]) > 0)",
        ),
        "some-image": (a, "images.containers.exists(i, verifyImageSignatures(i, [attestors.a]) > 0)"),
        "key": ({"a": cel.key(public(KEY))}, _EVERY),
        "annotations": ({"a": cel.keyless(shop, annotations={"env": "prod"})}, _EVERY),
        "repository": ({"a": cel.keyless(shop, source={"repository": "ghcr.io/acme/signatures"})}, _EVERY),
        "never": (a, "false"),
        "always": (a, "true"),
    }
    return Table(
        "ImageValidatingPolicy: who has signed",
        "`verifyImageSignatures`; every policy brings its TUF repository and the trusted root.",
        [Workload(name, stage.image(name)) for name in SIGNED],
        dict(cel_policy(name, attestors, text) for name, (attestors, text) in cases.items()),
    )


def _times(stage: Stage, cel: Cel) -> Table:
    unlogged = {"a": cel.keyless(who(), ctlog={"insecureIgnoreTlog": True})}
    stamped = {"insecureIgnoreTlog": True, "tsaCertChain": stage.pems["tsa"]}
    logged = {"url": "https://rekor.acme.example", "tsaCertChain": stage.pems["tsa"]}
    cases = {
        "log": {"a": cel.keyless(who())},
        "unlogged": unlogged,
        "timestamp": {"a": cel.keyless(who(), ctlog=stamped)},
        "timestamp-and-log": {"a": cel.keyless(who(), ctlog=logged)},
    }
    return Table(
        "ImageValidatingPolicy: logs and times",
        "`ctlog` where a signature has no log entry, or no time at all.",
        [Workload(name, stage.image(name)) for name in TIMES],
        dict(cel_policy(name, attestors, _EVERY) for name, attestors in cases.items()),
    )


def _attested(stage: Stage, cel: Cel) -> Table:
    shop = {"a": cel.keyless(who())}
    payload = "extractPayload(i, attestations.built)"
    source = f"{payload}.predicate.buildDefinition.externalParameters.workflow.repository"
    built = [{"name": "built", "intoto": {"type": SLSA_PROVENANCE}}]
    from_source = f"images.containers.all(i, {source} == 'https://github.com/acme/shop')"
    cases: dict[str, tuple[dict[str, Document], tuple[str, ...], list[Document]]] = {
        "provenance": (shop, (_STATED,), built),
        "provenance-by-another": ({"a": cel.keyless(who(OTHER.subject))}, (_STATED,), built),
        "bill-of-materials": (shop, (_STATED,), [{"name": "built", "intoto": {"type": CYCLONEDX}}]),
        "signed-and-attested": (shop, (_EVERY, _STATED), built),
        "from-source": (shop, (_STATED, from_source), built),
    }
    return Table(
        "ImageValidatingPolicy: what statements say",
        "`verifyAttestationSignatures` and `extractPayload`.",
        [Workload(name, stage.image(name)) for name in ATTESTED],
        dict(
            cel_policy(name, attestors, *texts, attestations=statements)
            for name, (attestors, texts, statements) in cases.items()
        ),
    )


def _names(stage: Stage, cel: Cel) -> Table:
    shop = {"a": cel.keyless(who())}
    globs = {
        "all": "*",
        "one-level": "ghcr.io/*",
        "by-tag": f"ghcr.io/acme/*:{TAG}",
        "digest": "ghcr.io/**@sha256:*",
        "question": "ghcr.io/acme/classi?:v?",
        "bare": "ghcr.io/acme/classic",
        "brackets": "ghcr.io/[a]cme/*",
        "braces": "{ghcr.io,docker.io}/acme/*",
        "hub": "docker.io/*",
        "acme": "acme/*",
        "nginx": "nginx*",
    }
    made = dict(cel_policy(name, shop, _EVERY, matchImageReferences=[{"glob": glob}]) for name, glob in globs.items())
    for name, text in {"ref": "ref.startsWith('ghcr.io/')", "registry": "image(ref).registry() == 'ghcr.io'"}.items():
        made |= dict([cel_policy(name, shop, _EVERY, matchImageReferences=[{"expression": text}])])
    made |= dict([cel_policy("no-reference", shop, _EVERY, matchImageReferences=[])])
    return Table(
        "ImageValidatingPolicy: names and globs",
        "`matchImageReferences`, on the reference as written.",
        forms(stage),
        made,
    )


def _workloads(stage: Stage, cel: Cel) -> Table:
    shop = {"a": cel.keyless(who())}
    image, good = stage.image("other"), stage.image("classic")
    columns = [
        Workload("pod", image, namespace="prod"),
        Workload("pod-labelled", image, namespace="prod", labels={"app": "web"}),
        Workload("init", good, init=image, namespace="prod"),
        Workload("both-lists", image, init=image, namespace="prod"),
        Workload("good", good, namespace="prod"),
    ]
    init = "images.initContainers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e > 0)"
    labelled = "has(object.metadata.labels) && 'app' in object.metadata.labels"
    made = dict(
        [
            cel_policy("containers", shop, _EVERY),
            cel_policy("init-containers", shop, init),
            cel_policy("both", shop, _EVERY, init),
            cel_policy("condition", shop, _EVERY, matchConditions=[{"name": "labelled", "expression": labelled}]),
            cel_policy("variables", shop, "variables.signed.all(e, e > 0)", variables=[
                {"name": "signed", "expression": "images.containers.map(i, verifyImageSignatures(i, [attestors.a]))"}
            ]),
            cel_policy("audit", shop, _EVERY, validationActions=["Audit"]),
        ]
    )  # fmt: skip
    return Table(
        "ImageValidatingPolicy: which workloads", "Lists of containers, conditions, variables, actions.", columns, made
    )
