"""Rules written in another language and read back judge as the rules do."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditor.config.names import NamePattern, TextPattern
from auditor.config.rules import ImageRule, KeylessSigner, KeySigner, Otherwise, Rules, SignedBy, Signer
from auditor.judge.compare import compare
from auditor.judge.judge import judge
from auditor.model.evidence import Evidence, Resolved
from auditor.model.report import PolicyVerdict, Report, Run
from auditor.model.verdict import Verdict
from auditor.policies.export.statements import Unsayable
from auditor.policies.export.write import export
from auditor.policies.found import find_policies
from auditor.policies.inspected import Containers, Resource
from auditor.policies.load import load_policies
from auditor.policies.rego.evaluate import Rego
from auditor.policies.rego.gate import ask_gate
from auditor.report.options import RenderOptions
from auditor.report.render import render
from auditor.signatures.root import Root
from auditor.source.memory import MemoryTree
from fixtures.sigstore import email, github, gitlab, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.statements import simple_signing
from tests.support.judging import PUBLIC_GOOD, use
from tests.support.policies import DIGEST, NOW, image_of, judgments
from tests.support.signatures import made_root, verifier_of

SCENE = Scene()
STACK = SCENE.stack
PUBLIC: Root = made_root(STACK, "public-good")
KEY = derive("acme", "exported key")
PEM = pem(KEY.public_key())
VERIFIER = verifier_of(PUBLIC, keys={"cosign.pub": PEM})

CLAIMANTS = {
    "shop": github("acme/shop"),
    "base": github("acme/base"),
    "mallory": github("mallory/shop"),
    "gitlab": gitlab(),
    "oncall": email(),
}
SIGNATURES: dict[str, Stored] = {
    **{name: sig_layer(STACK.sign(SCENE.digest, who, SCENE.at)) for name, who in CLAIMANTS.items()},
    "key": sig_layer(STACK.seal_with_key(KEY, simple_signing(SCENE.digest, "ghcr.io/acme/shop", None))),
    "other key": sig_layer(
        STACK.seal_with_key(derive("acme", "another"), simple_signing(SCENE.digest, "ghcr.io/acme/shop", None))
    ),
    "stranger": sig_layer(SCENE.stranger.sign(SCENE.digest, CLAIMANTS["shop"], SCENE.at)),
    "another image": sig_layer(STACK.sign(SCENE.other_digest, CLAIMANTS["shop"], SCENE.at)),
}
POD = Resource("Pod", "v1", "web", "prod", container="web", lists=frozenset({Containers.NORMAL}))
IMAGES = (
    "ghcr.io/acme/shop:1",
    "ghcr.io/acme/team/api:2",
    "ghcr.io/acme/shop:1@" + SCENE.digest,
    "ghcr.io/acmes/shop:1",
    "nginx",
    "docker.io/library/nginx:1.27",
    "acme/web:1",
    "index.docker.io/acme/web",
    "registry.acme.example:5000/web:1",
)
PATTERNS = (
    "ghcr.io/acme/**",
    "ghcr.io/acme/*",
    "ghcr.io/acme/shop",
    "ghcr.io/acme/team/**",
    "docker.io/library/nginx",
    "docker.io/library/*",
    "docker.io/acme/*",
    "docker.io/**",
    "registry.acme.example:5000/**",
)


def text(value: str) -> st.SearchStrategy[TextPattern]:
    """The value itself, a glob that may take its neighbours, an expression."""
    head, _, tail = value.rpartition("/")
    globs = [f"{head}/*", f"{value.partition('@')[0]}*", "https://github.com/*/shop/**" if "github" in value else value]
    return st.one_of(
        st.just(TextPattern.exact(value)),
        st.sampled_from(globs).map(TextPattern.glob),
        st.sampled_from([f"(?i){head}/.+" if tail else f".*{value}", ".+"]).map(TextPattern.regex),
    )


@st.composite
def keyless(draw: st.DrawFn) -> KeylessSigner:
    who = draw(st.sampled_from(sorted(CLAIMANTS)))
    claimant = CLAIMANTS[who]
    owner = draw(st.booleans())
    return KeylessSigner(TextPattern.exact(claimant.issuer), draw(text(claimant.subject)), same_owner=owner)


PATTERN = st.one_of(keyless(), st.just(KeySigner("cosign.pub")))
SIGNER = st.lists(PATTERN, min_size=1, max_size=2).map(tuple)


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    """Three signers, and entries for some patterns."""
    signers = {name: Signer(name, draw(SIGNER)) for name in ("a", "b", "c")}
    entries = []
    for number, pattern in enumerate(draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3, unique=True))):
        names = tuple(draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True)))
        signed_by = SignedBy(names, every=draw(st.booleans()))
        unsigned = draw(st.booleans()) and draw(st.booleans())
        entries.append(
            ImageRule(
                f"images[{number}]",
                (NamePattern.parse(pattern),),
                signed_by=None if unsigned else signed_by,
                unsigned_allowed=unsigned,
            )
        )
    return Rules(
        "auditor.yaml",
        signers=signers,
        images=tuple(entries),
        otherwise=draw(st.sampled_from(Otherwise)),
        trust=(PUBLIC_GOOD,),
        keys={"cosign.pub": PEM},
    )


@cache
def evidence(names: tuple[str, ...]) -> Evidence:
    found = tuple(VERIFIER.verify(as_material(SIGNATURES[name]), DIGEST) for name in names)
    return Evidence(Resolved(DIGEST), found)


def report_of(image: str, names: tuple[str, ...], said: Rules) -> Report:
    judged = judge(compare(None, (use(image),)), {image: evidence(names)}, said, NOW.date())
    return Report(Run("check", ".", NOW, "0"), judged.images, judged.findings)


def ours(image: str, names: tuple[str, ...], said: Rules) -> Verdict:
    verdict = report_of(image, names, said).images[0].verdict
    assert verdict is not None
    return verdict


# Making rules takes milliseconds on a machine at rest, and on a busy one longer than hypothesis likes; no case is left out for it.
EXPORTS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
CASES = given(
    rules(),
    st.sampled_from(IMAGES),
    st.lists(st.sampled_from(sorted(SIGNATURES)), max_size=3, unique=True).map(tuple),
)


def read_back(said: Rules, target: str, image: str, names: tuple[str, ...]) -> set[PolicyVerdict]:
    """What the exported policies say of the image, those that do not speak about it left out."""
    try:
        exported = export(said, target, identity_only=True)
    except Unsayable:
        assume(False)
        raise
    loaded = load_policies(find_policies(MemoryTree({"exported.yaml": exported.encode()}, "test")))
    assert loaded.mistakes == (), exported
    rows = judgments(loaded, image_of(image, [SIGNATURES[name] for name in names], resources=(POD,)), PUBLIC)
    return {each.ruling.verdict for each in rows} - {PolicyVerdict.SKIP}


@settings(EXPORTS, max_examples=150)
@CASES
def test_cluster_image_policy(said: Rules, image: str, names: tuple[str, ...]) -> None:
    theirs = read_back(said, "clusterimagepolicy", image, names)
    match ours(image, names, said):
        case Verdict.VERIFIED | Verdict.EXEMPT:
            assert theirs == {PolicyVerdict.PASS}
        case Verdict.UNCOVERED:
            others = {Otherwise.DENY: PolicyVerdict.FAIL, Otherwise.WARN: PolicyVerdict.WARN}
            assert theirs == {others.get(said.otherwise, PolicyVerdict.PASS)}
        case _:
            assert PolicyVerdict.FAIL in theirs


@pytest.mark.parametrize("target", ["kyverno", "imagevalidatingpolicy"])
@settings(EXPORTS, max_examples=100)
@CASES
def test_kyverno(target: str, said: Rules, image: str, names: tuple[str, ...]) -> None:
    theirs = read_back(said, target, image, names)
    match ours(image, names, said):
        case Verdict.VERIFIED:
            assert theirs == {PolicyVerdict.PASS}
        case Verdict.UNCOVERED | Verdict.EXEMPT:
            assert theirs == set()
        case _:
            assert theirs == {PolicyVerdict.FAIL}


@pytest.fixture(scope="module")
def rego() -> Rego:
    return Rego()


@pytest.mark.slow
@settings(EXPORTS, max_examples=150)
@CASES
def test_rego(rego: Rego, said: Rules, image: str, names: tuple[str, ...]) -> None:
    module = export(said, "rego")
    document = json.loads(render(report_of(image, names, said), "json", RenderOptions()))
    answer = ask_gate({"exported.rego": module.encode()}, document, rego)
    assert answer is not None
    assume(answer.unevaluated is None or "(?i)" not in module)  # OPA reads it; here it is refused, and not guessed
    assert answer.unevaluated is None, module
    denied = {word.image for word in answer.words if word.denies}
    warned = {word.image for word in answer.words if not word.denies}
    match ours(image, names, said):
        case Verdict.VERIFIED | Verdict.EXEMPT:
            assert not denied | warned, module
        case Verdict.UNCOVERED:
            assert denied == ({image} if said.otherwise is Otherwise.DENY else set())
            assert warned == ({image} if said.otherwise is Otherwise.WARN else set())
        case _:
            assert denied == {image}, module


def test_what_cannot_be_said_is_refused_with_every_reason() -> None:
    signer = KeylessSigner(
        TextPattern.exact("https://token.actions.githubusercontent.com"),
        TextPattern.glob("https://github.com/acme/**"),
        claims={"sourceRepositoryURI": TextPattern.glob("https://github.com/acme/*")},
        not_before=NOW.date(),
    )
    entry = ImageRule("images[0]", (NamePattern.parse("ghcr.io/acme/**"),), signed_by=SignedBy(("a",)))
    other = replace(entry, label="images[1]", match=(NamePattern.parse("ghcr.io/*/api"),))
    said = Rules("auditor.yaml", signers={"a": Signer("a", (signer,))}, images=(entry, other), trust=(PUBLIC_GOOD,))
    for target, count in (("clusterimagepolicy", 4), ("kyverno", 4), ("imagevalidatingpolicy", 4), ("cosign", 3)):
        with pytest.raises(Unsayable) as caught:
            export(said, target)
        assert len(caught.value.reasons) == count, caught.value.reasons
    assert "package auditor" in export(said, "rego")
