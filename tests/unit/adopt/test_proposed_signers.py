"""Signatures → signers: as narrow as they are, and nobody who must not be proposed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from auditor.adopt.choose import propose
from auditor.adopt.refs import ref_patterns
from auditor.adopt.seen import Lack, Seal, Sighting
from auditor.adopt.signers import origin, patterns
from auditor.config.catalog import shipped_publishers
from auditor.model.evidence import Evidence, Fault, FaultKind, Form, KeySigned, Resolved, Signed
from auditor.model.identity import Identity, SubjectType
from auditor.model.reference import Digest

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = date(2026, 3, 2)
GITHUB = "https://token.actions.githubusercontent.com"


def built(
    repository: str = "acme/api",
    ref: str = "refs/tags/v1.0.0",
    event: str = "push",
    *,
    workflow: str = "",
    ids: str = "7",
) -> Identity:
    """What a GitHub Actions certificate says."""
    subject = f"https://github.com/{workflow or f'{repository}/.github/workflows/release.yaml'}@{ref}"
    claims = {
        "sourceRepositoryURI": f"https://github.com/{repository}",
        "sourceRepositoryRef": ref,
        "sourceRepositoryIdentifier": ids,
        "sourceRepositoryOwnerIdentifier": "8",
        "buildTrigger": event,
    }
    return Identity(GITHUB, subject, claims=claims)


def evidence(*identities: Identity, roots: tuple[str, ...] = ("public-good",)) -> Evidence:
    found = tuple(Signed(Form.SIG, identity, AT, roots) for identity in identities)
    return Evidence(Resolved(Digest.of(b"x")), found)


def seal(identity: Identity) -> Seal:
    return Seal(identity, AT, ("public-good",))


@pytest.mark.parametrize(
    ("refs", "expected"),
    [
        (["refs/tags/v1.2.0"], ("refs/tags/v*",)),
        (["refs/tags/v1", "refs/tags/v2"], ("refs/tags/v*",)),
        (["refs/tags/1.0", "refs/tags/v2"], ("refs/tags/*", "refs/tags/v*")),
        (["refs/tags/api/v1.2.0"], ("refs/tags/api/v*",)),
        (["refs/tags/release-2026.1"], ("refs/tags/release-*",)),
        (["refs/tags/stable"], ("refs/tags/*",)),
        (["refs/tags/a/stable"], ("refs/tags/**",)),
        (["refs/heads/main"], ("refs/heads/main",)),
        (["refs/heads/release-1.2"], ("refs/heads/release-1.2",)),
        (["refs/heads/release-1.2", "refs/heads/release-1.3"], ("refs/heads/release-*",)),
        (["refs/heads/main", "refs/tags/v1"], ("refs/tags/v*", "refs/heads/main")),
        (["refs/tags/v*"], None),
        (["refs/heads/a b"], None),
        ([], None),
    ],
)
def test_refs(refs: list[str], expected: tuple[str, ...] | None) -> None:
    assert ref_patterns(refs) == expected


def test_builds_of_one_workflow_have_one_origin() -> None:
    assert origin(built()) == origin(built(ref="refs/tags/v2.0.0"))
    assert origin(built()) != origin(built(ids="9")), "a name that was registered again is somebody else"
    assert origin(built()) != origin(built(workflow="acme/api/.github/workflows/other.yaml"))


@pytest.mark.parametrize(
    "identity",
    [
        built(event="pull_request"),
        built(event="pull_request_target"),
        built(event="merge_request_event"),
        built(ref="refs/pull/4/merge"),
        Identity(None, "https://github.com/acme/api/.github/workflows/r.yaml@refs/heads/main"),
        Identity(GITHUB, "https://github.com/acme/*/.github/workflows/r.yaml@refs/heads/main"),
        Identity("https://accounts.google.com", "*@acme.example", SubjectType.EMAIL),
        Identity("https://login.acme.example", "oncall!acme.example", SubjectType.OTHER),
    ],
)
def test_who_is_never_proposed(identity: Identity) -> None:
    assert origin(identity) is None


def test_a_certificate_from_before_the_claims_is_written_by_its_subject() -> None:
    old = Identity(GITHUB, "https://github.com/acme/api/.github/workflows/r.yaml@refs/heads/main")
    whose = origin(old)
    assert whose is not None
    (written,) = patterns(whose, [seal(old)], TODAY) or ()
    assert dict(written) == {"issuer": GITHUB, "subject": old.subject}


def test_a_reusable_workflow_called_by_commit_stays_as_narrow_as_it_was_seen() -> None:
    commit = "a" * 40
    one = built(workflow="acme/shared/.github/workflows/build.yaml", ref=commit)
    whose = origin(one)
    assert whose is not None
    fields = [dict(each) for each in patterns(whose, [seal(one)], TODAY) or ()]
    assert [each["workflow"] for each in fields] == [f"acme/shared/.github/workflows/build.yaml@{commit}"]


class TestChoice:
    def choose(
        self, name: str, *found: Evidence | None, known: frozenset[str] = frozenset()
    ) -> tuple[list[str], list[Lack]]:
        sighting = Sighting(name, {f"{name}:{number}": each for number, each in enumerate(found)})
        proposal = propose([sighting], shipped_publishers(), known, TODAY)
        return [each.name for each in proposal.signers], [each.lack for each in proposal.left]

    def test_the_owner_in_the_name_is_known(self) -> None:
        assert self.choose("ghcr.io/acme/api", evidence(built())) == (["acme-api"], [])

    def test_an_owner_that_is_part_of_a_word_is_not(self) -> None:
        assert self.choose("ghcr.io/acme-labs/api", evidence(built())) == ([], [Lack.DOUBT])
        assert self.choose("acme.io/team/api", evidence(built())) == ([], [Lack.DOUBT])
        assert self.choose("ghcr.io/team/acme", evidence(built())) == ([], [Lack.DOUBT]), "the last part is no owner"

    def test_an_unsigned_tag_beside_signed_ones_hides_no_signer(self) -> None:
        assert self.choose("ghcr.io/acme/api", evidence(built()), evidence()) == (["acme-api"], [])

    def test_a_tag_that_another_signed_leaves_the_question_open(self) -> None:
        assert self.choose("ghcr.io/acme/api", evidence(built()), evidence(built("evil/api"))) == ([], [Lack.DOUBT])

    def test_a_second_signer_does_not_get_in_beside_the_known_one(self) -> None:
        both = evidence(built("evil/api", ids="66"), built())
        assert self.choose("ghcr.io/acme/api", both) == (["acme-api"], [])

    def test_of_two_known_ones_a_person_chooses(self) -> None:
        both = evidence(built(), built(workflow="acme/api/.github/workflows/other.yaml"))
        assert self.choose("ghcr.io/acme/api", both) == ([], [Lack.DOUBT])

    def test_what_no_root_vouches_for_is_no_signature(self) -> None:
        signers, left = self.choose("ghcr.io/acme/api", evidence(built(), roots=()))
        assert (signers, len(left)) == ([], 1)

    def test_a_fault_is_unknown_and_never_unsigned(self) -> None:
        fault = Evidence(Fault(FaultKind.TIMEOUT, "no answer"))
        assert self.choose("ghcr.io/acme/api", fault) == ([], [Lack.UNKNOWN])
        assert self.choose("ghcr.io/acme/api", None) == ([], [Lack.UNKNOWN])

    def test_a_key_is_told(self) -> None:
        keyed = Evidence(Resolved(Digest.of(b"x")), (KeySigned(Form.SIG),))
        assert self.choose("ghcr.io/acme/api", keyed) == ([], [Lack.KEY])

    def test_a_known_publisher_s_image_that_another_signed(self) -> None:
        other = built("kyverno/other", workflow="kyverno/other/.github/workflows/x.yaml")
        assert self.choose("ghcr.io/kyverno/kyverno", evidence(other)) == ([], [Lack.DOUBT])

    def test_a_publisher_s_own_signature_needs_no_owner_in_the_name(self) -> None:
        own = built("cilium/cilium", workflow="cilium/cilium/.github/workflows/build-images-releases.yaml")
        assert self.choose("quay.io/cilium/cilium", evidence(own)) == (["cilium-cilium"], [])
        google = Identity(
            "https://accounts.google.com", "keyless@distroless.iam.gserviceaccount.com", SubjectType.EMAIL
        )
        assert self.choose("gcr.io/distroless/static", evidence(google)) == (["keyless"], [])

    def test_a_confirmed_publisher_s_is_left_to_the_catalogue(self) -> None:
        own = Identity(GITHUB, "https://github.com/distroless/static/.github/workflows/release.yaml@refs/heads/main")
        proposal = propose(
            [Sighting("ghcr.io/distroless/static", {"a": evidence(own)})], shipped_publishers(), frozenset(), TODAY
        )
        assert (proposal.catalog, proposal.signers, proposal.left) == (("ghcr.io/distroless/static",), (), ())

    def test_the_history_widens_the_ref_of_the_same_origin_only(self) -> None:
        before = {"old": evidence(built(ref="refs/heads/main")), "theirs": evidence(built("evil/api", ids="66"))}
        sighting = Sighting("ghcr.io/acme/api", {"new": evidence(built())}, before)
        (signer,) = propose([sighting], (), frozenset(), TODAY).signers
        assert [dict(each)["ref"] for each in signer.patterns] == ["refs/tags/v*", "refs/heads/main"]
        assert {dict(each)["github"] for each in signer.patterns} == {"acme/api"}
