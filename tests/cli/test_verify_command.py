"""`auditor verify`, `auditor check --image` and `auditor check -`: single images, and manifests from a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.model.verdict import Verdict
from fixtures.sigstore import GITHUB_ISSUER
from tests.cli.house import House, pod
from tests.support import repositories

SUBJECT = "https://github.com/acme/web/.github/workflows/release.yaml@refs/tags/v1.0.0"
IDENTITY = ("--certificate-identity", SUBJECT, "--certificate-oidc-issuer", GITHUB_ISSUER)


@pytest.fixture
def outside(house: House, tmp_path: Path) -> Path:
    """A folder without rules above it, and a trusted root."""
    folder = tmp_path / "elsewhere"
    repositories.write(folder, {"root.json": house.images.trusted_root()})
    return folder


@pytest.mark.parametrize(
    ("flags", "status", "verdict"),
    [
        (IDENTITY, 0, "verified"),
        (("--certificate-identity-regexp", r"https://github\.com/acme/.+", *IDENTITY[2:]), 0, "verified"),
        (
            (*IDENTITY[:2], "--certificate-oidc-issuer-regexp", r"https://token\.actions\.githubusercontent\.com"),
            0,
            "verified",
        ),
        ((*IDENTITY, "--certificate-github-workflow-repository", "acme/web"), 0, "verified"),
        ((*IDENTITY, "--certificate-github-workflow-trigger", "push"), 0, "verified"),
        ((*IDENTITY, "--certificate-github-workflow-ref", "refs/tags/v1.0.0"), 0, "verified"),
        ((*IDENTITY, "--certificate-github-workflow-name", "release"), 0, "verified"),
        ((*IDENTITY, "--certificate-github-workflow-ref", "refs/tags/v1"), 1, "wrong-signer"),
        ((*IDENTITY, "--certificate-github-workflow-repository", "acme/we"), 1, "wrong-signer"),
        ((*IDENTITY, "--certificate-github-workflow-sha", "0" * 40), 1, "wrong-signer"),
        ((IDENTITY[0], SUBJECT[:-1], *IDENTITY[2:]), 1, "wrong-signer"),
        ((*IDENTITY[:3], "https://token.actions.githubusercontent.com.evil.example"), 1, "wrong-signer"),
        (("--certificate-identity-regexp", r"https://github\.com/acme/we", *IDENTITY[2:]), 1, "wrong-signer"),
        (("--certificate-identity-regexp", r"ttps://github\.com/acme/web.*", *IDENTITY[2:]), 1, "wrong-signer"),
    ],
)
def test_cosigns_flags_judge(house: House, outside: Path, flags: tuple[str, ...], status: int, verdict: str) -> None:
    image = house.images.ref("web")
    ran = house.run("verify", image, *flags, "--trusted-root", "root.json", "-f", "json", cwd=outside)
    ran.clean_of_tracebacks()
    assert (ran.status, ran.verdicts) == (status, {"web": verdict})
    (signature,) = ran.report["images"][0]["signatures"]
    assert (signature["identity"]["subject"], signature["form"]) == (SUBJECT, "bundle")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (IDENTITY[:2], "--certificate-oidc-issuer is missing"),
        (IDENTITY[2:], "--certificate-identity is missing"),
        (("--certificate-github-workflow-ref", "refs/tags/v1.0.0"), "--certificate-identity is missing"),
        ((*IDENTITY, "--certificate-identity-regexp", "x"), "exclude each other"),
        (("--certificate-identity-regexp", "(", *IDENTITY[2:]), "--certificate-identity"),
        (("--certificate-identity-regexp", ".*", *IDENTITY[2:]), "any stranger could satisfy these flags"),
        (("--certificate-identity", "", *IDENTITY[2:]), "--certificate-identity"),
        ((*IDENTITY[:2], "--certificate-oidc-issuer", ""), "--certificate-oidc-issuer"),
    ],
)
def test_flags_that_name_nobody_are_refused(house: House, outside: Path, flags: tuple[str, ...], message: str) -> None:
    house.images.registry.forget()
    ran = house.run("verify", house.images.ref("web"), *flags, "--trusted-root", "root.json", cwd=outside)
    assert (ran.status, ran.out) == (2, "")
    assert message in ran.err.splitlines()[0]
    assert house.images.registry.requests == []


def test_a_root_that_did_not_issue_the_certificate_makes_it_invalid(house: House, outside: Path) -> None:
    (outside / "evil.json").write_text(house.images.trusted_root("sigstore.evil.example"))
    ran = house.run(
        "verify", house.images.ref("web"), *IDENTITY, "--trusted-root", "evil.json", "-f", "json", cwd=outside
    )
    assert (ran.status, ran.verdicts) == (1, {"web": "invalid"})
    (signature,) = ran.report["images"][0]["signatures"]
    assert signature["status"] == "refused"
    assert signature["why"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"mediaType": "x"}', "\x00"])
def test_a_trusted_root_that_is_none_is_a_mistake_of_the_caller(house: House, outside: Path, content: str) -> None:
    (outside / "bad.json").write_text(content)
    ran = house.run("verify", house.images.ref("web"), *IDENTITY, "--trusted-root", "bad.json", cwd=outside)
    ran.clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert "bad.json" in ran.err


def test_the_rules_found_upward_judge(house: House) -> None:
    house.commit_base()
    below = house.repo / "apps" / "web"
    below.mkdir(parents=True)
    images = house.images
    ran = house.run("verify", images.ref("web"), images.ref("wrong"), "-f", "json", cwd=below)
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer", "web": "verified"})
    assert ran.report["run"]["trust"][0]["source"] == "trust/root.json"
    named = house.run("verify", images.ref("web"), "--config", "../../auditor.yaml", "-f", "json", cwd=below)
    assert (named.status, named.verdicts) == (0, {"web": "verified"})


def test_rules_above_the_repository_are_not_its_rules(house: House, tmp_path: Path) -> None:
    (tmp_path / "auditor.yaml").write_text("version: 1\notherwise: allow\n")
    house.base.pop("auditor.yaml")
    house.commit_base()
    root = str(house.repo / "trust/root.json")
    ran = house.run("verify", house.images.ref("web"), "--trusted-root", root, "-f", "json")
    assert (ran.status, ran.verdicts) == (3, {"web": "uncovered"})


def test_an_image_that_nobody_speaks_about_is_only_described(house: House, outside: Path) -> None:
    ran = house.run("verify", house.images.ref("web"), "--trusted-root", "root.json", "-f", "json", cwd=outside)
    assert (ran.status, ran.verdicts) == (3, {"web": "uncovered"})
    (signature,) = ran.report["images"][0]["signatures"]
    assert (signature["status"], signature["identity"]["subject"]) == ("valid", SUBJECT)
    told = house.run("verify", house.images.ref("web"), "--trusted-root", "root.json", cwd=outside)
    assert SUBJECT in told.out


def test_every_form_is_shown(house: House, outside: Path) -> None:
    images = house.images
    ran = house.run(
        "verify", images.ref("api"), images.ref("attested"), "--trusted-root", "root.json", "-f", "json", cwd=outside
    )
    forms = {
        short["name"].rpartition("/")[2]: [s["form"] for s in short["signatures"]] for short in ran.report["images"]
    }
    assert forms == {"api": ["sig"], "attested": ["att"]}


@pytest.mark.parametrize("reference", ["", "acme/Web", "a b", "x@sha256:12", "http://x/y", "-", "x\x1b[31m"])
def test_what_is_no_reference_is_no_image(house: House, outside: Path, reference: str) -> None:
    ran = house.run("verify", "--trusted-root", "root.json", "--", reference, cwd=outside).clean_of_tracebacks()
    assert ran.status in (2, 3)
    assert "\x1b" not in ran.out + ran.err
    checked = house.run("check", f"--image={reference}", cwd=outside).clean_of_tracebacks()
    assert checked.status in (1, 2, 3)


# ── check --image, check - ───────────────────────────────────────────────────────────────────────────────────────────────


def test_single_images_by_the_rules_of_the_tree(house: House) -> None:
    house.commit_base()
    images = house.images
    ran = house.run("check", "--image", images.ref("web"), "--image", images.ref("unsigned"), "-f", "json")
    assert (ran.status, ran.verdicts) == (1, {"unsigned": "unsigned", "web": "verified"})
    assert house.run("check", "--image", images.ref("web")).status == 0
    assert house.run("check", "--image", images.ref("web"), "--offline").status == 3


def test_manifests_from_a_pipe_by_the_rules_of_the_tree(house: House) -> None:
    house.commit_base()
    ran = house.run("check", "-", "-f", "json", stdin=house.images.pod("web", "wrong").encode())
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer", "web": "verified"})
    assert {image["uses"][0]["file"] for image in ran.report["images"]} == {"standard-input.yaml"}
    listed = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {
        "containers": [{"name": "x", "image": house.images.ref("web")}]}}]}  # fmt: skip
    assert house.run("check", "-", "-f", "json", stdin=json.dumps(listed).encode()).verdicts == {"web": "verified"}
    assert house.run("images", "-", "-f", "csv", stdin=house.images.pod("web").encode()).status == 0


@pytest.mark.parametrize(
    ("stdin", "status"), [(b"", 3), (b"\x00\x01", 3), (b"image: [", 3), (b"- just\n- words\n", 3), (b"\xff\xfe", 3)]
)
def test_nothing_useful_in_the_pipe_is_no_clean_run(house: House, stdin: bytes, status: int) -> None:
    house.commit_base()
    assert house.run("check", "-", stdin=stdin).clean_of_tracebacks().status == status


def test_a_pipe_into_a_real_process(house: House) -> None:
    house.commit_base()
    ran = house.program("check", "-", "-f", "json", stdin=pod("x", house.images.ref("unsigned")).encode())
    assert (ran.status, ran.verdicts, ran.err) == (1, {"unsigned": "unsigned"}, "")


# ── explain, version ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_prints_the_page_of_every_rule(house: House) -> None:
    listed = house.run("explain")
    rules = [line.split()[0] for line in listed.out.splitlines()]
    assert {"unsigned-image", "wrong-signer", "unjudged-image", "rules-changed"} <= set(rules)
    for rule in rules:
        page = house.run("explain", rule)
        assert (page.status, page.out[:2]) == (0, "# ")


def test_explain_prints_the_page_of_the_rule_that_a_verdict_breaks(house: House) -> None:
    """A verdict is what the first column of a report says."""
    broken = sorted({each.value for each in Verdict} - {"verified", "exempt"})
    assert all(house.run("explain", verdict).status == 0 for verdict in broken)
    assert house.run("explain", "unsigned").out == house.run("explain", "unsigned-image").out
    assert "the verdict 'verified' breaks no rule" in house.run("explain", "verified").err


def test_version_and_help_work_anywhere(house: House, tmp_path: Path) -> None:
    assert house.run("--version", cwd=tmp_path).out.startswith("auditor ")
    for command in ([], ["check"], ["images"], ["verify"], ["explain"]):
        ran = house.run(*command, "--help", cwd=tmp_path)
        assert (ran.status, ran.err) == (0, "")
        assert ran.out.startswith("usage: auditor")
