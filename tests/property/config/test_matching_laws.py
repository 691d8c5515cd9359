"""Laws of the matcher: revocation covers whatever is accepted, and no shorthand accepts another owner."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.config.load import load_rules
from auditor.config.match import denies, matches, nearest
from auditor.config.names import TextPattern
from auditor.config.rules import KeylessSigner, Signer
from auditor.errors import ConfigurationError
from auditor.model.identity import Identity

ISSUER = "https://token.actions.githubusercontent.com"
LOGGED = datetime(2026, 3, 1, tzinfo=UTC)
REPOSITORIES = st.sampled_from(
    [f"https://github.com/{name}" for name in ("acme/api", "acme/web", "evil/api", "acme-evil/api")]
)
REFS = st.sampled_from(["refs/tags/v1", "refs/heads/main", "refs/pull/1/merge"])
EVENTS = st.sampled_from(["push", "pull_request", "schedule"])


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    subject = f"{draw(REPOSITORIES)}/.github/workflows/{draw(st.sampled_from(['release', 'ci']))}.yaml@{draw(REFS)}"
    claims = {
        "sourceRepositoryURI": draw(st.none() | REPOSITORIES),
        "sourceRepositoryRef": draw(st.none() | REFS),
        "buildTrigger": draw(st.none() | EVENTS),
        "githubWorkflowTrigger": draw(st.none() | EVENTS),
        "githubWorkflowRef": draw(st.none() | REFS),
    }
    issuer = draw(st.sampled_from([ISSUER, f"{ISSUER}/acme", None]))
    return Identity(issuer, subject, claims={name: value for name, value in claims.items() if value is not None})


@st.composite
def signers(draw: st.DrawFn) -> KeylessSigner:
    claims = {}
    if draw(st.booleans()):
        claims["sourceRepositoryURI"] = TextPattern.glob("https://github.com/acme/*")
    if draw(st.booleans()):
        claims["sourceRepositoryRef"] = TextPattern.glob(draw(st.sampled_from(["refs/tags/*", "refs/heads/main"])))
    subjects = [
        "https://github.com/acme/**",
        "https://github.com/acme/*/.github/workflows/release.yaml@**",
        "https://**",
    ]
    return KeylessSigner(
        issuer=TextPattern.exact(ISSUER),
        subject=TextPattern.glob(draw(st.sampled_from(subjects))),
        claims=claims,
        events=draw(st.none() | st.frozensets(EVENTS, min_size=1)),
        require_trigger=draw(st.booleans()),
        same_repository=draw(st.booleans()),
        same_owner=draw(st.booleans()),
        not_before=draw(st.none() | st.sampled_from([date(2026, 1, 1), date(2026, 6, 1)])),
    )


@settings(max_examples=200, deadline=None)
@given(signers(), identities())
def test_what_is_accepted_would_be_revoked(signer: KeylessSigner, identity: Identity) -> None:
    if matches(signer, identity, LOGGED):
        assert denies(signer, identity, LOGGED)


@settings(max_examples=150, deadline=None)
@given(st.lists(signers(), min_size=1, max_size=3), st.lists(identities(), min_size=1, max_size=3))
def test_the_nearest_misses_least(patterns: list[KeylessSigner], candidates: list[Identity]) -> None:
    near = nearest([(identity, LOGGED) for identity in candidates], [Signer("it", tuple(patterns))])
    assert near is not None
    fewest = min(len(matches(pattern, identity, LOGGED).misses) for pattern in patterns for identity in candidates)
    assert len(near.match.misses) == fewest


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="acme/*-evil.", min_size=1, max_size=10),
    st.none() | st.text(alphabet="acme/*release.yaml@", min_size=1, max_size=12),
    identities(),
)
def test_a_shorthand_accepts_only_its_literal_owner(repository: str, workflow: str | None, identity: Identity) -> None:
    form = f'{{github: "{repository}"' + (f', workflow: "{workflow}"}}' if workflow else "}")
    files = {"auditor.yaml": f"version: 1\nsigners: {{it: {form}}}\n".encode()}
    try:
        (signer,) = load_rules(files.get, None, today=LOGGED.date()).signers["it"].patterns
    except ConfigurationError:
        return
    assert isinstance(signer, KeylessSigner)
    owner = repository.partition("/")[0]
    assert "*" not in owner
    if matches(signer, identity, LOGGED):
        assert identity.claims["sourceRepositoryURI"].startswith(f"https://github.com/{owner}/")
        assert identity.claims.get("buildTrigger", identity.claims.get("githubWorkflowTrigger")) in ("push", "schedule")
        assert "refs/pull/" not in identity.subject
