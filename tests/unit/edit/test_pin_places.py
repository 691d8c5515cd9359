"""Where a digest is written, by the form of what stands there; what cannot be edited safely is named and left."""

from __future__ import annotations

import pytest

from auditor.model.use import Use
from tests.support.pinning import Pinned, digest_of, pin

API = "ghcr.io/acme/api"
DIGEST = digest_of(f"{API}:1.0")
PINNED = f"1.0@{DIGEST}"

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
RELEASE = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec:\n"
    "  chart: {spec: {chart: c, sourceRef: {kind: HelmRepository, name: h}}}\n  values:\n    image:\n"
)
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n"


def text(done: Pinned, file: str = "f.yaml") -> str:
    return {**done.files, **done.after}[file].decode()


def left(done: Pinned) -> list[str]:
    return sorted(set(done.plan.left.values()))


REWRITTEN = {
    "plain": (POD + f"  - name: c\n    image: {API}:1.0 # why\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "double quotes": (POD + f'  - {{name: c, image: "{API}:1.0"}}\n', f"{API}:1.0", f"{API}:{PINNED}"),
    "single quotes": (POD + f"  - {{'image': '{API}:1.0', name: c}}\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "flow": (POD + f"  - {{name: c, image: {API}:1.0}}\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "folded": (POD + f"  - name: c\n    image: >-\n      {API}:1.0\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "anchor": (POD + f"  - name: c\n    image: &i {API}:1.0\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "crlf": ((POD + f"  - name: c\n    image: {API}:1.0\n").replace("\n", "\r\n"), f"{API}:1.0", f"{API}:{PINNED}"),
    "mark": ("\ufeff" + POD + f"  - {{name: c, image: {API}:1.0}}\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "no end": (POD + f"  - name: c\n    image: {API}:1.0", f"{API}:1.0", f"{API}:{PINNED}"),
    "wide characters": (POD + f"  - {{name: ü🎈, image: {API}:1.0}}\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "argument": (POD + f"  - {{name: c, image: {API}:{PINNED}, args: ['--image={API}:2.0']}}\n", f"{API}:2.0", None),
    "second document": ("a: 1\n---\n" + POD + f"  - name: c\n    image: {API}:1.0\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "block in a map": (MAP + f"  x.yaml: |\n    image: {API}:1.0\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "env in a map": (MAP + f"  x.env: |\n    A=1\n    IMAGE={API}:1.0\n", f"{API}:1.0", f"{API}:{PINNED}"),
    "renovate": (
        RELEASE + f"      repository: {API}\n      # renovate: datasource=docker\n      tag: 1.0.1\n      digest: ''\n",
        "1.0.1",
        f"1.0.1@{digest_of(f'{API}:1.0.1')}",
    ),
    "flux, whole": (
        POD + f'  - name: c\n    image: {API}:1.0 # {{"$imagepolicy": "flux-system:api"}}\n',
        f"{API}:1.0",
        f"{API}:{PINNED}",
    ),
    "flux, split": (
        RELEASE + f'      repository: {API} # {{"$imagepolicy": "a:b:name"}}\n      tag: v1 # {{"$imagepolicy": "a:b:tag"}}\n      digest: ""\n',
        "tag: v1",
        f"tag: v1@{digest_of(f'{API}:v1')}",
    ),
    "split": (RELEASE + f"      repository: {API}\n      tag: 'v1'\n", "'v1'", f"'v1@{digest_of(f'{API}:v1')}'"),
    "registry": (
        RELEASE + "      registry: ghcr.io\n      repository: acme/api\n      tag: v1\n",
        "tag: v1",
        f"tag: v1@{digest_of(f'{API}:v1')}",
    ),
    "empty digest": (RELEASE + f'      repository: {API}\n      tag: v1\n      digest: ""\n', '""', f'"{digest_of(f"{API}:v1")}"'),
    "no digest": (RELEASE + f"      repository: {API}\n      digest:\n      tag: v1\n", "digest:\n", f"digest: {digest_of(f'{API}:v1')}\n"),
    "digits": (RELEASE + f"      repository: {API}\n      tag: v1\n      sha: ''\n", "''", f"'{digest_of(f'{API}:v1').hex}'"),
}  # fmt: skip


@pytest.mark.parametrize("form", REWRITTEN)
def test_only_the_scalar_changes(form: str) -> None:
    before, old, new = REWRITTEN[form]
    new = new or f"{old}@{digest_of(old)}"
    done = pin({"f.yaml": before.encode()})
    assert left(done) == []
    assert text(done) == before.replace(old, new)
    assert not done.again().after


def test_json_stays_json() -> None:
    before = '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"name":"c","image":"ghcr.io/acme/api:1.0"}]}}'
    done = pin({"f.json": before.encode()})
    assert text(done, "f.json") == before.replace("api:1.0", f"api:{PINNED}")


def test_a_name_without_tag_gets_the_digest_alone() -> None:
    done = pin({"f.yaml": (POD + f"  - {{name: c, image: {API}}}\n").encode()})
    assert f'image: "{API}@{digest_of(API)}"}}' in text(done)


# ── anchors ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_anchor_that_all_use_alike_is_edited_once() -> None:
    before = POD + f"  - name: a\n    image: &i {API}:1.0\n  - name: b\n    image: *i\n"
    done = pin({"f.yaml": before.encode()})
    assert text(done) == before.replace(f"{API}:1.0", f"{API}:{PINNED}")
    assert len(done.plan.pinned) == 2


@pytest.mark.parametrize(
    "before",
    [
        POD.replace("{name: p}", "{name: p, labels: {v: &t '1.0'}}") + f"  - name: a\n    image: {{repository: {API}, tag: *t}}\n",
        RELEASE + f"      repository: {API}\n      tag: &t v1\n    version: *t\n",
        POD + f"  - name: a\n    image: &i {API}:1.0\n  - name: b\n    image: busybox\n    workingDir: *i\n",
    ],
    ids=["label", "value", "another field"],
)  # fmt: skip
def test_an_anchor_with_another_use_is_left(before: str) -> None:
    done = pin({"f.yaml": before.encode()}, lambda use: "busybox" not in use.reference)
    assert done.after == {}


def test_an_anchored_tag_of_two_images_is_left() -> None:
    two = "    other: {image: {repository: ghcr.io/acme/web, tag: *t}}\n"
    done = pin({"f.yaml": (RELEASE + f"      repository: {API}\n      tag: &t v1\n" + two).encode()})
    assert done.after == {}
    assert left(done) == ["several images are made from the text there"]


# ── what is left, and why ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tag", ["1.10", "010", "1e3", "0x1f", "1_000"])
def test_a_number_that_yaml_changes_is_left(tag: str) -> None:
    done = pin({"f.yaml": (RELEASE + f"      repository: {API}\n      tag: {tag}\n").encode()})
    assert done.after == {}
    assert left(done) == ["YAML reads the tag as another number: put it in quotes first"]


@pytest.mark.parametrize("tag", ["1.25", "34", "0.1"])
def test_a_number_that_stays_what_it_is_is_pinned(tag: str) -> None:
    done = pin({"f.yaml": (RELEASE + f"      repository: {API}\n      tag: {tag}\n").encode()})
    assert f"tag: {tag}@sha256:" in text(done)


def test_escapes_are_left() -> None:
    done = pin({"f.yaml": (POD + '  - {name: c, image: "ghcr.io\\/acme/api:1.0"}\n').encode()})
    assert done.after == {}
    assert len(done.plan.left) == 1


def test_json_in_a_string_is_edited_where_the_reference_stands_once() -> None:
    before = MAP + f'  x.json: "{{\\"image\\": \\"{API}:1.0\\"}}"\n'
    done = pin({"f.yaml": before.encode()})
    assert text(done) == before.replace(":1.0", f":{PINNED}")


def test_a_reference_that_stands_twice_in_a_text_is_left() -> None:
    before = MAP + f'  x.json: "{{\\"image\\": \\"{API}:1.0\\", \\"label\\": \\"{API}:1.0\\"}}"\n'
    done = pin({"f.yaml": before.encode()})
    assert done.after == {}
    assert len(done.plan.left) >= 1


def test_utf16_is_left() -> None:
    done = pin({"f.yaml": (POD + f"  - {{name: c, image: {API}:1.0}}\n").encode("utf-16")})
    assert done.after == {}
    assert len(done.plan.left) == 1


def test_a_repository_without_tag_is_left_where_a_chart_may_add_one() -> None:
    done = pin({"f.yaml": (RELEASE + f"      repository: {API}\n").encode()})
    assert done.after == {}


def test_flux_substitution_is_left() -> None:
    files = {
        "ks.yaml": b"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: k, namespace: f}\n"
        b"spec:\n  path: ./app\n  sourceRef: {kind: GitRepository, name: g}\n  postBuild: {substitute: {V: v1}}\n",
        "app/p.yaml": (POD + f"  - {{name: c, image: '{API}:${{V}}'}}\n").encode(),
    }
    done = pin(files)
    assert done.after == {}
    assert left(done) in ([], ["it is made by a substitute"])


# ── kustomize ────────────────────────────────────────────────────────────────────────────────────────────────────────────

BASE = {
    "base/kustomization.yaml": b"resources: [p.yaml]\n",
    "base/p.yaml": (POD + f"  - name: c\n    image: {API}:0.9\n").encode(),
}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (f"- name: {API}\n  newTag: '1.0'\n", f"- name: {API}\n  newTag: '{PINNED}'\n"),
        (
            f'- name: {API}\n  newTag: "1.0" # {{"$imagepolicy": "a:b:tag"}}\n',
            f'- name: {API}\n  newTag: "{PINNED}" # {{"$imagepolicy": "a:b:tag"}}\n',
        ),
        (f"- name: {API}\n  newTag: '1.0'\n  digest: ''\n", f"- name: {API}\n  newTag: '{PINNED}'\n  digest: ''\n"),
        (f"- {{name: {API}, newTag: v1}}\n", f'- {{name: {API}, newTag: "v1@{digest_of(f"{API}:v1")}"}}\n'),
        (
            f"- name: {API}\n  newName: quay.io/acme/api\n",
            f'- name: {API}\n  newName: quay.io/acme/api\n  newTag: "0.9@{digest_of("quay.io/acme/api:0.9")}"\n',
        ),
        (
            f"- {{name: {API}, newName: quay.io/acme/api}}\n",
            f'- {{name: {API}, newName: quay.io/acme/api, newTag: "0.9@{digest_of("quay.io/acme/api:0.9")}"}}\n',
        ),
    ],
    ids=["tag", "flux", "empty digest", "flow", "name", "flow name"],
)
def test_an_images_entry_is_pinned(entry: str, expected: str) -> None:
    top = "resources: [../base]\nimages:\n"
    done = pin({**BASE, "over/kustomization.yaml": (top + entry).encode()})
    assert text(done, "over/kustomization.yaml") == top + expected
    assert "base/p.yaml" not in done.after
    assert not done.again().after


def test_a_suffix_is_left() -> None:
    done = pin(
        {**BASE, "o/kustomization.yaml": f"resources: [../base]\nimages:\n- {{name: {API}, tagSuffix: -x}}\n".encode()}
    )
    assert done.after == {}
    assert len(done.plan.left) == 1


def test_what_only_one_root_may_pin_becomes_its_entry() -> None:
    def prod(use: Use) -> bool:
        return use.root == "prod"

    files = {
        **BASE,
        "prod/kustomization.yaml": b"resources: [../base]\n",
        "dev/kustomization.yaml": b"resources: [../base]\n",
    }
    done = pin(files, prod)
    assert set(done.after) == {"prod/kustomization.yaml"}
    expected = f'resources: [../base]\nimages:\n- name: {API}\n  newTag: "0.9@{digest_of(f"{API}:0.9")}"\n'
    assert text(done, "prod/kustomization.yaml") == expected
    assert not pin({**files, **done.after}, prod).after


def test_no_entry_is_made_for_a_field_that_kustomize_does_not_reach() -> None:
    files = {
        "base/kustomization.yaml": b"resources: [p.yaml]\n",
        "base/p.yaml": f"apiVersion: acme.example/v1\nkind: Tool\nmetadata: {{name: t}}\nspec: {{image: '{API}:1.0'}}\n".encode(),
        "prod/kustomization.yaml": b"resources: [../base]\n",
    }
    done = pin(files, inside=lambda file: file.startswith("prod/"))
    assert done.after == {}
    assert left(done) == ["what is deployed would not be this digest"]


def test_loose_manifests_outside_are_left() -> None:
    done = pin({"f.yaml": (POD + f"  - {{name: c, image: {API}:1.0}}\n").encode()}, inside=lambda _: False)
    assert done.after == {}
    assert left(done) == ["its line is used by others too, or is outside of what was asked for"]
