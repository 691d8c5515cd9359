"""The lints of references from the files of a repository to the finding at the line that a reviewer must edit."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.config.rules import ManifestSettings, Pinned, Rules
from auditor.judge.compare import compare
from auditor.judge.judge import judge
from auditor.manifests.inventory import inventory
from auditor.model.evidence import Evidence, Resolved
from auditor.model.reference import Digest, Reference
from auditor.source.folder import FolderTree
from tests.support.judging import TODAY, entry, rules

REPOSITORIES = Path(__file__).resolve().parents[3] / "fixtures" / "repos"
HEX = "87a8794d1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3ff8e"
PINNED = f"ghcr.io/acme/pinned:1.4@sha256:{HEX}"
LINTS = (
    *("digest-dropped", "digest-as-tag", "placeholder-deployed", "override-without-effect", "numeric-tag"),
    *("tag-digest-mismatch", "latest-tag", "unpinned-image", "templated-reference"),
)


def found(repository: str, judged: Rules, moved: Digest | None = None) -> dict[str, set[str]]:
    """The places of the findings of each lint."""
    read = inventory(FolderTree(REPOSITORIES / repository), ManifestSettings())
    reference = Reference.parse(PINNED)
    assert reference.digest is not None
    known = {PINNED: Evidence(Resolved(reference.digest, tag_digest=moved or reference.digest), ())}
    told = judge(compare((), read.uses), known, judged, TODAY, gaps=read.gaps).findings
    return {lint: places for lint in LINTS if (places := {str(one.place) for one in told if one.rule == lint})}


def test_what_each_lint_says_of_a_repository() -> None:
    strict = rules(entry("**", "release"))
    assert found("reference-lints", strict, moved=Digest.of(b"moved")) == {
        "digest-dropped": {"konflux-ui/prod/kustomization.yaml:6"},
        "digest-as-tag": {"konflux-ui/prod/kustomization.yaml:6"},
        "placeholder-deployed": {"lister/base/lister.yaml:12"},
        "tag-digest-mismatch": {"loose/pinned.yaml:12"},
        "latest-tag": {"loose/no-tag.yaml:12", "loose/latest.yaml:12"},
        "unpinned-image": {
            "konflux-ui/prod/kustomization.yaml:6",
            "lister/base/lister.yaml:12",
            "loose/no-tag.yaml:12",
            "loose/latest.yaml:12",
        },
        "templated-reference": {"loose/templated.yaml:12"},
    }


def test_a_tag_that_still_names_the_digest_is_no_finding() -> None:
    assert "tag-digest-mismatch" not in found("reference-lints", rules(entry("**", "release")))


@pytest.mark.parametrize(
    ("repository", "lint", "places"),
    [
        (
            "override-nothing",
            "override-without-effect",
            {"runtime/kustomization.yaml:7", "runtime/kustomization.yaml:16"},
        ),
        ("numeric-tag", "numeric-tag", {"release.yaml:16"}),
        ("digest-dropped", "digest-dropped", {"prod/kustomization.yaml:6"}),
        ("digest-pin", "unpinned-image", set()),
        ("digest-pin", "digest-dropped", set()),
    ],
)
def test_one_lint_of_a_repository(repository: str, lint: str, places: set[str]) -> None:
    assert found(repository, rules(entry("**", "release"))).get(lint, set()) == places


def test_there_is_a_repository_for_each_lint() -> None:
    strict = rules(entry("**", "release"))
    names = ("reference-lints", "override-nothing", "numeric-tag", "digest-dropped")
    assert {lint for name in names for lint in found(name, strict, Digest.of(b"moved"))} == set(LINTS)


def test_who_does_not_care_for_pins_hears_of_none() -> None:
    relaxed = rules(replace(entry("**", "release"), pinned=Pinned.IGNORE))
    assert "unpinned-image" not in found("reference-lints", relaxed)
