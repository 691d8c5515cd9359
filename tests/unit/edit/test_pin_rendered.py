"""Pins of what the real helm and kustomize render: only a way that deploys the digest is taken, and the first that does."""

from __future__ import annotations

import pytest

from tests.support.pinning import Pinned, digest_of, pin
from tests.support.renderers import renderers

API = "ghcr.io/acme/api"
DIGEST = digest_of(f"{API}:v1")
ABOUT = b"apiVersion: v2\nname: api\nversion: 1.2.3\nappVersion: v9\n"
JOINED = "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
READS = (
    "{{ .Values.image.repository }}{{ with .Values.image.digest }}@{{ . }}{{ else }}:{{ .Values.image.tag }}{{ end }}"
)
CUT = "{{ .Values.image.repository }}:{{ .Values.image.tag | splitList `@` | first }}{{ with .Values.image.digest }}@{{ . }}{{ end }}"
STRICT = '{{ .Values.image.repository }}:{{ if contains "@" .Values.image.tag }}{{ fail "no" }}{{ end }}{{ .Values.image.tag }}'


def chart(image: str, values: str) -> dict[str, bytes]:
    deployment = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n"
        f"      containers:\n      - name: api\n        image: {image if image[0] == chr(34) else chr(34) + image + chr(34)}\n"
    )
    if "contains" in image:
        deployment = deployment.replace(f'"{image}"', f"'{image}'")
    return {"c/Chart.yaml": ABOUT, "c/values.yaml": values.encode(), "c/templates/d.yaml": deployment.encode()}


def values(more: str = "", tag: str = "v1") -> str:
    return f"# ours\nimage:\n  repository: {API} # where\n  tag: {tag} # which\n{more}other: 1\n"


def text(done: Pinned, file: str) -> str:
    return {**done.files, **done.after}[file].decode()


@pytest.mark.parametrize(
    ("image", "more", "tag", "after"),
    [
        (JOINED, "", "v1", values(tag=f"v1@{DIGEST}")),
        (JOINED, '  digest: ""\n', "v1", values('  digest: ""\n', tag=f"v1@{DIGEST}")),
        (READS, '  digest: ""\n', "v1", values(f'  digest: "{DIGEST}"\n')),
        (READS, "", "v1", values(tag=f"v1@{DIGEST}")),
        (CUT, "", "v1", f'# ours\nimage:\n  repository: {API} # where\n  tag: v1 # which\n  digest: "{DIGEST}"\nother: 1\n'),
        (STRICT, "", "v1", values()),
    ],
    ids=["joins", "ignores its digest", "fills the digest", "prefers the tag", "adds a digest", "takes no digest"],
)  # fmt: skip
def test_the_way_that_the_chart_reads(image: str, more: str, tag: str, after: str) -> None:
    done = pin(chart(image, values(more, tag)), renderers=renderers("helm"))
    assert text(done, "c/values.yaml") == after
    assert set(done.after) <= {"c/values.yaml"}
    if after == values():
        assert set(done.plan.left.values()) == {"what is deployed would not be this digest"}


def test_what_a_template_says_is_left() -> None:
    done = pin(chart(f"{API}:v1", "other: 1\n"), renderers=renderers("helm"))
    assert done.after == {}
    assert set(done.plan.left.values()) == {"it is made by a template"}


def test_the_release_is_edited_and_not_the_chart_it_overrides() -> None:
    release = (
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: api, namespace: prod}\nspec:\n"
        "  chart: {spec: {chart: ./c, sourceRef: {kind: GitRepository, name: flux-system}}}\n"
        "  values: {image: {tag: 'v2'}}\n"
    )
    files = {**chart(JOINED, values()), "r.yaml": release.encode()}
    done = pin(files, renderers=renderers("helm"))
    assert set(done.after) == {"r.yaml"}
    assert text(done, "r.yaml") == release.replace("'v2'", f"'v2@{digest_of(f'{API}:v2')}'")


@pytest.mark.parametrize("form", ["parameter", "values", "valuesObject"])
def test_argo_applications_are_edited(form: str) -> None:
    helm = {
        "parameter": "{parameters: [{name: image.tag, value: v2}]}",
        "values": "\n      values: |\n        image:\n          tag: v2\n",
        "valuesObject": "{valuesObject: {image: {tag: v2}}}",
    }[form]
    application = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: api, namespace: argocd}\nspec:\n"
        "  destination: {namespace: prod, name: in-cluster}\n  source:\n    repoURL: https://example.com/acme/gitops.git\n"
        f"    path: c\n    targetRevision: HEAD\n    helm: {helm}\n"
    )
    done = pin({**chart(JOINED, values()), "a.yaml": application.encode()}, renderers=renderers("helm"))
    assert set(done.after) == {"a.yaml"}, done.plan.left
    quote = "" if form == "values" else '"'
    assert text(done, "a.yaml") == application.replace("v2", f"{quote}v2@{digest_of(f'{API}:v2')}{quote}")


def test_values_of_two_releases_with_one_tag_each() -> None:
    two = values().replace("other: 1\n", f"sidecar:\n  repository: {API}\n  tag: v1\n")
    files = chart(
        JOINED + '"\n      - name: s\n        image: "{{ .Values.sidecar.repository }}:{{ .Values.sidecar.tag }}', two
    )
    done = pin(files, renderers=renderers("helm"))
    assert text(done, "c/values.yaml") == two.replace("tag: v1", f"tag: v1@{DIGEST}")


def test_what_kustomize_builds_is_pinned_in_base_and_overlay() -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
    files = {
        "base/kustomization.yaml": b"resources: [p.yaml]\n",
        "base/p.yaml": f"{pod}  - {{name: a, image: '{API}:v1'}}\n  - {{name: b, image: 'nginx:1'}}\n".encode(),
        "prod/kustomization.yaml": b"resources: [../base]\nimages:\n- {name: nginx, newTag: '2'}\npatches:\n- path: patch.yaml\n",
        "prod/patch.yaml": f"{pod}  - name: a\n    image: {API}:v2\n".encode(),
    }
    done = pin(files, renderers=renderers("kustomize"))
    assert text(done, "prod/kustomization.yaml").count(f"'2@{digest_of('nginx:2')}'") == 1
    assert text(done, "prod/patch.yaml").endswith(f"image: {API}:v2@{digest_of(f'{API}:v2')}\n")
    assert "base/p.yaml" not in done.after
    assert not pin({**files, **done.after}, renderers=renderers("kustomize")).after
