"""Repositories that are broken or hostile: told in words, never a traceback, and every other image is still judged."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.house import House, Ran, pod
from tests.support import repositories

HOSTILE = Path(__file__).resolve().parents[2] / "fixtures" / "hostile" / "manifests"
BOMB = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  a: &a [{image: x}, {image: y}]\n" + "".join(
    f"  {chr(ord('b') + n)}: &{chr(ord('b') + n)} [{', '.join(['*' + chr(ord('a') + n)] * 9)}]\n" for n in range(9)
)


def judged(house: House, files: Mapping[str, bytes | str], *, base: Mapping[str, bytes | str] | None = None) -> Ran:
    """A change that brings these files beside one good image; the good one must be judged whatever they are."""
    house.commit_base(base)
    house.commit({"web.yaml": house.images.pod("web"), **files})
    ran = house.check()
    assert ran.verdicts["web"] == "verified"
    text = house.run("check", ".", "--base", "main", "-v").clean_of_tracebacks()
    assert text.status == ran.status
    return ran


def skipped(ran: Ran) -> dict[str, str]:
    """Why each file could not be read."""
    return {gap["file"]: f"{gap['what']}: {gap['why']}" for gap in ran.report["skipped"]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, ""),
        ("apiVersion: v1\nkind: Pod\nimage: [" * 300, ""),
        (b"apiVersion: v1\nkind: Pod\nimage: \x00\x01\x02\xff\xfe binary", ""),
        ("apiVersion: v1\nkind: Pod\nspec: {containers: [image: a\n", ""),
        ("<<<<<<< ours\nimage: a\n=======\nimage: b\n>>>>>>> theirs\n", ""),
    ],
    ids=["alias bomb", "deep", "binary", "open bracket", "conflict"],
)
def test_a_file_that_cannot_be_read_is_named_and_makes_the_run_incomplete(
    house: House, content: bytes | str, why: str
) -> None:
    start = time.monotonic()
    ran = judged(house, {"bad.yaml": content})
    assert ran.status in (1, 3)
    assert "unparsable-file" in ran.rules
    assert why in skipped(ran)["bad.yaml"]
    assert ran.finding("unparsable-file")["help"]
    assert time.monotonic() - start < 90


def test_a_file_that_could_not_be_read_before_either_is_not_this_changes_business(house: House) -> None:
    ran = judged(house, {}, base={"bad.yaml": "image: [\n"})
    assert (ran.status, ran.rules) == (0, [])
    assert "bad.yaml" in skipped(ran), "but it is listed"


@pytest.mark.slow(5)
def test_fifty_megabytes_of_yaml(house: House) -> None:
    """Within the limit it is read: the image at its end is found."""
    line = "  - {name: a, value: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'}\n"
    padding = "---\nfiller:\n" + line * 1000
    big = padding * (50 * 1024 * 1024 // len(padding)) + "---\n" + house.images.pod("unsigned")
    house.commit_base()
    house.commit({"big.yaml": big, "web.yaml": house.images.pod("web")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"web": "verified", "unsigned": "unsigned"})


def test_more_megabytes_than_are_read(house: House) -> None:
    ran = judged(house, {"huge.yaml": house.images.pod("unsigned") + "#" * (65 * 1024 * 1024)})
    assert (ran.status, ran.rules) == (3, ["unparsable-file"])
    assert "more than 67108864" in skipped(ran)["huge.yaml"]


def test_kustomizations_in_a_circle(house: House) -> None:
    circle: dict[str, bytes | str] = {
        "a/kustomization.yaml": "resources: [../b, pod.yaml]\n",
        "b/kustomization.yaml": "resources: [../a]\n",
        "a/pod.yaml": house.images.pod("unsigned"),
    }
    ran = judged(house, circle)
    assert (ran.status, ran.verdicts["unsigned"]) == (1, "unsigned")
    assert "circle" in " ".join(skipped(ran).values()) or "cycl" in " ".join(skipped(ran).values())


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside.yaml", "loop.yaml", "nowhere.yaml", "/dev/zero"])
def test_a_symlink_that_leaves_the_tree_or_leads_nowhere(house: House, tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.yaml").write_text(pod("secret", "registry.acme.example/secret:1"))
    house.commit_base()
    (house.repo / "loop.yaml").symlink_to(target)
    (house.repo / "deep").mkdir()
    (house.repo / "deep/kustomization.yaml").write_text("resources: [../loop.yaml]\n")
    house.commit({"web.yaml": house.images.pod("web")})
    ran = house.check()
    assert ran.verdicts == {"web": "verified"}
    assert "registry.acme.example" not in ran.out
    assert ran.status == 3
    assert "loop.yaml" in skipped(ran) or any("loop.yaml" in why for why in skipped(ran).values())


SPELLINGS = {
    "escaped key": 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{"im\\x61ge": "%s"}]}\n',
    "escaped unicode key": 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{"\\u0069mage": "%s"}]}\n',
    "tagged": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{!!str image: !!str %s}]}\n",
    "anchors": "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: &a {i: %s}}\nspec: {containers: [{image: &b %s}]}\n",
    "folded": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - image: >-\n      %s\n",
    "complex key": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - ? image\n    : %s\n",
    "json": '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"image":"%s"}]}}',
    "json with escapes": '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"im\\u0061ge":"%s"}]}}',
    "duplicate key": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{image: a, image: %s}]}\n",
    "list": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{image: %s}]}}\n",
    "windows lines": "apiVersion: v1\r\nkind: Pod\r\nmetadata: {name: x}\r\nspec: {containers: [{image: %s}]}\r\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_image_is_found_however_it_is_written(house: House, spelling: str) -> None:
    ran = judged(house, {"x.yaml": SPELLINGS[spelling].replace("%s", house.images.ref("unsigned"))})
    assert (ran.status, ran.verdicts["unsigned"]) == (1, "unsigned")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_image_is_found_in_every_encoding_or_the_file_is_named(house: House, encoding: str) -> None:
    ran = judged(house, {"x.yaml": pod("x", house.images.ref("unsigned")).encode(encoding)})
    assert ran.verdicts.get("unsigned") == "unsigned" or "x.yaml" in skipped(ran)
    assert ran.status in (1, 3)
    if encoding in ("utf-8-sig", "utf-16"):
        assert ran.verdicts["unsigned"] == "unsigned"


@pytest.mark.parametrize(
    "value",
    [
        "{{ .Values.x }}",
        '"{{ .Values.image }}"',
        "'{{ .Values.image.repository }}:{{ .Values.image.tag }}'",
        "${IMAGE}",
        '"${REGISTRY}/web:1"',
        "$(IMAGE)",
    ],
)
def test_what_is_filled_in_later_is_named_and_makes_the_run_incomplete(house: House, value: str) -> None:
    ran = judged(house, {"x.yaml": pod("x", value)})
    assert ran.status == 3
    assert "templated-reference" in ran.rules
    assert (ran.finding("templated-reference")["file"], ran.finding("templated-reference")["line"]) == ("x.yaml", 7)


def test_every_hostile_file_at_once(house: House) -> None:
    """All of `fixtures/hostile/manifests` in one change: it ends, in words, and the good image is judged."""
    files = {
        f"hostile/{path.relative_to(HOSTILE)}": path.read_bytes()
        for path in sorted(HOSTILE.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    assert len(files) > 40
    ran = judged(house, files)
    assert ran.status in (1, 3)


@pytest.mark.parametrize(
    "name", ["new\nline.yaml", "esc\x1b[31m.yaml", "::error::x.yaml", "\udcff.yaml", "a b'\".yaml"]
)
def test_a_file_name_that_wants_to_be_more(house: House, name: str) -> None:
    ran = judged(house, {name: house.images.pod("unsigned")})
    assert (ran.status, ran.verdicts["unsigned"]) == (1, "unsigned")
    for form in ("table", "github", "markdown", "csv", "junit", "codequality", "sarif"):
        told = house.run("check", ".", "--base", "main", "-f", form).clean_of_tracebacks()
        assert "\x1b" not in told.out
        assert not any(line.startswith("::error::x") for line in told.out.splitlines())


def test_a_submodule_is_named(house: House, tmp_path: Path) -> None:
    other = repositories.new(tmp_path / "other")
    repositories.commit(other, {"pod.yaml": pod("x", "ghcr.io/acme/x:1")})
    house.commit_base()
    house.git("submodule", "--quiet", "add", str(other), "vendor")
    house.commit({"web.yaml": house.images.pod("web"), "kustomization.yaml": "resources: [vendor]\n"})
    ran = house.check("--head", "HEAD")
    assert ran.status == 3
    assert "vendor" in ran.out
