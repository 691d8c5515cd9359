"""Connaisseur's values: which entry governs, and what its validator says, on signatures that really verify."""

from __future__ import annotations

import textwrap

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.connaisseur.rules import full_name, governing
from auditor.policies.inspected import Resource
from auditor.signatures.root import Root
from fixtures.sigstore import github, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.statements import simple_signing
from tests.support.policies import image_of, load_text, said
from tests.support.signatures import made_root

PASS, FAIL, WARN, SKIP = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.WARN, PolicyVerdict.SKIP
UNKNOWN, ERROR = PolicyVerdict.NOT_EVALUABLE, PolicyVerdict.ERROR
SCENE = Scene()
STACK = SCENE.stack
PUBLIC: Root = made_root(STACK, "public-good")
KEY = derive("acme", "connaisseur key")
SIG = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at))
OTHER = sig_layer(STACK.sign(SCENE.digest, github("acme/base"), SCENE.at))
STRANGER = sig_layer(SCENE.stranger.sign(SCENE.digest, SCENE.claimant, SCENE.at))
KEYED = sig_layer(STACK.seal_with_key(KEY, simple_signing(SCENE.digest, "ghcr.io/acme/shop", None)))
IMAGE = "ghcr.io/acme/shop:1"
ISSUER = "https://token.actions.githubusercontent.com"


def values(*entries: str, roots: str = "", features: str = "", more: str = "") -> str:
    policy = "".join(f"  - {entry}\n" for entry in entries)
    return (
        f"application:\n  features: {{{features}}}\n  validators:\n"
        "  - {name: allow, type: static, approve: true}\n  - {name: deny, type: static, approve: false}\n"
        "  - {name: old, type: notaryv1, trustRoots: []}\n"
        "  - name: default\n    type: cosign\n    trustRoots:\n"
        f"    - name: default\n      keyless: {{issuer: {ISSUER}, subject: '{SCENE.claimant.subject}'}}\n"
        f"    - name: base\n      keyless: {{issuer: {ISSUER}, subjectRegex: acme/base}}\n{roots}{more}  policy:\n{policy}"
    )


ALL = "{pattern: '*:*', with: {trustRoot: '*'%s}}"


@pytest.mark.parametrize(
    ("entries", "stored", "expected"),
    [
        (["{pattern: '*:*'}"], [SIG], PASS),
        (["{pattern: '*:*'}"], [], FAIL),
        (["{pattern: '*:*'}"], [OTHER], FAIL),
        (["{pattern: '*:*'}"], [STRANGER], FAIL),
        (["{pattern: '*:*', validator: allow}"], [], PASS),
        (["{pattern: '*:*', validator: deny}"], [SIG], FAIL),
        (["{pattern: '*:*', validator: old}"], [SIG], UNKNOWN),
        (["{pattern: '*:*', validator: gone}"], [SIG], ERROR),
        (["{pattern: quay.io/*, validator: allow}"], [SIG], FAIL),
        (["{pattern: '*:*', validator: deny}", "{pattern: ghcr.io/acme/*}"], [SIG], PASS),
        (["{pattern: ghcr.io/acme/*}", "{pattern: 'ghcr.io/acme/shop', validator: deny}"], [SIG], FAIL),
        (["{pattern: '*:*', with: {trustRoot: base}}"], [OTHER], PASS),
        (["{pattern: '*:*', with: {trustRoot: nobody}}"], [OTHER], ERROR),
        ([ALL % ""], [SIG], FAIL),
        ([ALL % ""], [SIG, OTHER], PASS),
        ([ALL % ", threshold: 1"], [SIG], PASS),
        ([ALL % ", required: [base]"], [SIG], FAIL),
        ([ALL % ", required: [base]"], [OTHER], PASS),
        ([ALL % ", required: [base], threshold: 2"], [OTHER], FAIL),
        ([ALL % ", required: [base], threshold: 2"], [OTHER, SIG], PASS),
        (["{pattern: '*:*', with: {verifyInTransparencyLog: false}}"], [SIG], FAIL),
        (["{pattern: '*[:'}"], [SIG], UNKNOWN),
        ([], [SIG], UNKNOWN),
    ],
)
def test_one_entry_governs(entries: list[str], stored: list[Stored], expected: PolicyVerdict) -> None:
    assert said(load_text(values(*entries)), image_of(IMAGE, stored), PUBLIC)[0] is expected


def test_what_stands_beside_a_good_signature() -> None:
    loaded = load_text(values("{pattern: '*:*'}"))
    counted = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, optional={"build": 7}))
    told = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at, optional={"build": "7"}))
    assert said(loaded, image_of(IMAGE, [told]), PUBLIC)[0] is PASS
    assert said(loaded, image_of(IMAGE, [SIG, counted]), PUBLIC)[0] is FAIL  # it reads texts alone, of each valid one
    moved = sig_layer(STACK.sign(SCENE.other_digest, SCENE.claimant, SCENE.at))
    assert said(loaded, image_of(IMAGE, [SIG, moved]), PUBLIC)[0] is UNKNOWN
    assert said(loaded, image_of(IMAGE, [moved]), PUBLIC)[0] is FAIL


def test_detection_mode_only_warns() -> None:
    loaded = load_text(values("{pattern: '*:*'}", features="detectionMode: true"))
    assert said(loaded, image_of(IMAGE), PUBLIC)[0] is WARN


def test_keys() -> None:
    roots = "    - name: key\n      key: |\n" + textwrap.indent(pem(KEY.public_key()).decode(), "        ")
    entry = "{pattern: '*:*', with: {trustRoot: key, verifyInTransparencyLog: %s}}"
    assert said(load_text(values(entry % "false", roots=roots)), image_of(IMAGE, [KEYED]), PUBLIC)[0] is PASS
    assert said(load_text(values(entry % "false", roots=roots)), image_of(IMAGE, [SIG]), PUBLIC)[0] is FAIL
    # With the log, Connaisseur would ask Rekor for an entry that the signature does not carry.
    assert said(load_text(values(entry % "true", roots=roots)), image_of(IMAGE, [KEYED]), PUBLIC)[0] is UNKNOWN


def test_a_private_sigstore() -> None:
    files = SCENE.stranger.pem_files()
    host = "    host:\n" + "".join(
        f"      {name}: |\n" + textwrap.indent(files[part].decode(), "        ")
        for name, part in (("rekorPubkey", "rekor"), ("fulcioCert", "fulcio"), ("ctLogPubkey", "ctlog"))
    )
    loaded = load_text(values("{pattern: '*:*'}", more=host))
    assert said(loaded, image_of(IMAGE, [STRANGER]))[0] is PASS
    assert said(loaded, image_of(IMAGE, [SIG]))[0] is FAIL


def test_it_asks_about_pods_only() -> None:
    loaded = load_text(values("{pattern: '*:*', validator: deny}"))
    custom = Resource("Widget", "acme.example/v1", lists=frozenset())
    assert said(loaded, image_of(IMAGE, resources=(custom,)))[0] is SKIP


def test_values_in_a_helm_release() -> None:
    inner = textwrap.indent(values("{pattern: '*:*', validator: deny}"), "    ")
    text = (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: guard}\nspec:\n  values:\n" + inner
    )
    loaded = load_text(text)
    assert [policy.name for policy in loaded.policies] == ["Connaisseur/guard"]
    assert said(loaded, image_of(IMAGE))[0] is FAIL


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nginx", "index.docker.io/library/nginx:latest"),
        ("acme/web:1", "index.docker.io/acme/web:1"),
        ("GHCR.io/acme/web:1", "ghcr.io/acme/web:1"),
        ("ghcr.io/a/b:1@sha256:" + "a" * 64, "ghcr.io/a/b:1@sha256:" + "a" * 64),
        ("ghcr.io/a/b@sha256:" + "a" * 64, "ghcr.io/a/b@sha256:" + "a" * 64),
    ],
)
def test_names(text: str, name: str) -> None:
    assert full_name(text) == name


@pytest.mark.parametrize(
    ("patterns", "best"),
    [
        (["*", "*/*"], 1),
        (["ghcr.io/*", "*/acme/*"], 1),
        (["ghcr.io/acme/*", "*/acme/shop"], 0),
        (["ghcr.io/acme/s*", "ghcr.io/acme/sh*"], 1),
        (["ghcr.io/acme/*", "ghcr.io/acme/*:*"], 1),
        (["ghcr.io/acme/*", "ghcr.io/acme/*"], 1),
        (["quay.io/*"], None),
        (["shop"], 0),
    ],
)
def test_the_most_specific_pattern_wins(patterns: list[str], best: int | None) -> None:
    entries = [(pattern, number) for number, pattern in enumerate(patterns)]
    assert governing(entries, full_name(IMAGE)) == best
