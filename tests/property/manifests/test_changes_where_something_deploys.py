"""Where Flux, Argo CD or Fleet deploy: what is left out of a change deploys the same in every tree."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.support.changes import Gating, gating

Files = dict[str, str]
DIRECTORIES = ("apps/a", "apps/b", "apps/c", "infra", "clusters/one")
IMAGES = st.sampled_from(["nginx:1", "nginx:2", "ghcr.io/acme/api:1", "ghcr.io/acme/api:${TAG}", "web"])
WHERE = st.sampled_from(["./apps/a", "apps/b/", "/apps/c", "./apps", "infra", "./apps/../infra", "gone", "."])
HERE = {"kind": "GitRepository", "name": "flux-system"}
REPOSITORY = "https://github.com/acme/fleet"


def made(kind: str, version: str, name: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **body}


def pod(image: str, name: str = "x") -> dict[str, Any]:
    return made("Pod", "v1", name, spec={"containers": [{"name": "app", "image": image}]})


def config(kind: str = "ConfigMap", name: str = "settings", **data: str) -> dict[str, Any]:
    return made(kind, "v1", name, **{"data" if kind == "ConfigMap" else "stringData": data})


def flux(path: str, name: str = "f", **spec: Any) -> dict[str, Any]:
    return made("Kustomization", "kustomize.toolkit.fluxcd.io/v1", name, spec={"path": path, "sourceRef": HERE, **spec})


def application(path: str, name: str = "app", **source: Any) -> dict[str, Any]:
    source = {"repoURL": REPOSITORY, "path": path, **source}
    return made("Application", "argoproj.io/v1alpha1", name, spec={"source": source})


def applications(generator: dict[str, Any], path: str) -> dict[str, Any]:
    source = {"repoURL": REPOSITORY, "path": path}
    template = {"metadata": {"name": "{{name}}"}, "spec": {"source": source}}
    return made("ApplicationSet", "argoproj.io/v1alpha1", "set", spec={"generators": [generator], "template": template})


def release(**spec: Any) -> dict[str, Any]:
    return made("HelmRelease", "helm.toolkit.fluxcd.io/v2", "r", spec=spec)


@st.composite
def fluxes(draw: st.DrawFn) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if draw(st.booleans()):
        spec["images"] = [{"name": "nginx", "newTag": draw(st.sampled_from(["8", "9"]))}]
    if draw(st.integers(0, 2)) == 0:
        patched = draw(st.sampled_from([pod("nginx:7"), application("apps/c"), flux("./apps/b", "x")]))
        spec["patches"] = [{"patch": json.dumps(patched)}]
    if draw(st.integers(0, 3)) == 0:
        spec["components"] = [draw(st.sampled_from(["../part", "../../part"]))]
    if draw(st.integers(0, 1)) == 0:
        kind = draw(st.sampled_from(["ConfigMap", "Secret"]))
        spec["postBuild"] = {"substituteFrom": [{"kind": kind, "name": "settings"}]}
    return flux(draw(WHERE), draw(st.sampled_from(["f", "g"])), **spec)


@st.composite
def sets(draw: st.DrawFn) -> dict[str, Any]:
    match draw(st.integers(0, 2)):
        case 0:
            return applications({"git": {"directories": [{"path": "apps/*"}]}}, "{{path}}")
        case 1:
            return applications({"git": {"files": [{"path": "**/where.json"}]}}, "{{where}}")
        case _:
            return applications({"list": {"elements": [{"where": "apps/a"}, {"where": "infra"}]}}, "{{where}}")


@st.composite
def releases(draw: st.DrawFn) -> dict[str, Any]:
    chart = {
        "chart": draw(st.sampled_from(["./charts/c", "c"])),
        "sourceRef": HERE,
        "valuesFiles": ["infra/values.yaml"],
    }
    spec: dict[str, Any] = draw(
        st.sampled_from([{"chart": {"spec": chart}}, {"chartRef": {"kind": "OCIRepository", "name": "settings"}}])
    )
    if draw(st.booleans()):
        spec["valuesFrom"] = [{"kind": draw(st.sampled_from(["ConfigMap", "Secret"])), "name": "settings"}]
    return release(**spec, values={"image": draw(IMAGES)})


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """A few documents: mostly Pods and settings."""
    one = st.one_of(
        IMAGES.map(pod),
        IMAGES.map(pod),
        st.builds(lambda tag: config(TAG=tag, a=tag), st.sampled_from(["1", "2"])),
        st.builds(lambda tag: config("Secret", TAG=tag), st.sampled_from(["1", "2"])),
        fluxes(),
        st.builds(application, WHERE, st.sampled_from(["app", "other"])),
        st.builds(lambda path: application(path, directory={"recurse": True}), WHERE),
        sets(),
        releases(),
        st.just(made("OCIRepository", "source.toolkit.fluxcd.io/v1", "settings", spec={"url": "oci://ghcr.io/acme/c"})),
    )
    return "\n---\n".join(map(json.dumps, draw(st.lists(one, min_size=1, max_size=2))))


@st.composite
def kustomizations(draw: st.DrawFn, directory: str) -> str:
    up = "/".join(".." for _ in directory.split("/"))
    names = ["p.yaml", "q.yaml", *(f"{up}/{each}" for each in DIRECTORIES if each != directory)]
    body: dict[str, Any] = {"resources": draw(st.lists(st.sampled_from(names), max_size=3, unique=True))}
    if draw(st.integers(0, 2)) == 0:
        body["images"] = [{"name": "nginx", "newTag": draw(st.sampled_from(["5", "6"]))}]
    if draw(st.integers(0, 4)) == 0:
        body["configMapGenerator"] = [{"name": "settings", "envs": ["v.env"]}]
    if draw(st.integers(0, 4)) == 0:
        turned = [
            {"op": "replace", "path": "/apiVersion", "value": "kustomize.toolkit.fluxcd.io/v1"},
            {"op": "replace", "path": "/kind", "value": "Kustomization"},
            {"op": "add", "path": "/spec", "value": {"path": "./apps/c", "sourceRef": HERE}},
        ]
        body["patches"] = [{"target": {"kind": "ConfigMap"}, "patch": json.dumps(turned)}]
    return json.dumps(body)


@st.composite
def trees(draw: st.DrawFn) -> Files:
    files = {"part/kustomization.yaml": json.dumps({"kind": "Component", "images": [{"name": "web", "newTag": "3"}]})}
    for directory in DIRECTORIES:
        for name in ("p.yaml", "q.yaml"):
            if draw(st.integers(0, 3)):
                files[f"{directory}/{name}"] = draw(manifests())
        if draw(st.integers(0, 2)):
            files[f"{directory}/kustomization.yaml"] = draw(kustomizations(directory))
        if draw(st.integers(0, 3)) == 0:
            files[f"{directory}/where.json"] = json.dumps({"where": draw(st.sampled_from(["apps/a", "infra"]))})
        files[f"{directory}/v.env"] = f"TAG={draw(st.sampled_from(['1', '2']))}\n"
    files["clusters/one/f.yaml"] = json.dumps(draw(fluxes()))
    if draw(st.integers(0, 3)) == 0:
        files["infra/fleet.yaml"] = json.dumps({"kustomize": {"dir": "../apps/a"}})
    if draw(st.integers(0, 3)) == 0:
        files["apps/a/.argocd-source-app.yaml"] = json.dumps({"kustomize": {"images": ["nginx:4"]}})
    if draw(st.integers(0, 3)) == 0:
        files["charts/c/Chart.yaml"] = "name: c\n"
    files["infra/values.yaml"] = "image: nginx:1\n"
    return files


@st.composite
def changes(draw: st.DrawFn) -> tuple[Files, Files]:
    base = draw(trees())
    head = dict(base)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        path = draw(st.sampled_from(sorted(base)))
        directory, _, name = path.rpartition("/")
        match draw(st.integers(0, 7)):
            case 0 | 1:
                head[path] = base[path] + "\n"
            case 2 if name in ("p.yaml", "q.yaml"):
                head.pop(path, None)
            case _ if name == "kustomization.yaml" and directory in DIRECTORIES:
                head[path] = draw(kustomizations(directory))
            case _ if name in ("p.yaml", "q.yaml", "f.yaml"):
                now, tag = base[path], draw(st.sampled_from(["nginx:3", "api:9"]))
                head[path] = draw(st.one_of(manifests(), st.just(now.replace("nginx:1", tag).replace("api:1", tag))))
            case _:
                head[path] = base[path].replace("1", "2")
    return base, head


def both(base: Files, head: Files) -> tuple[Gating, Gating]:
    """What gates as it is read narrowly, and read whole."""
    old, new = ({path: text.encode() for path, text in files.items()} for files in (base, head))
    return gating(old, new, narrow=True), gating(old, new, narrow=False)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(change=changes())
def test_what_gates_is_the_same(change: tuple[Files, Files]) -> None:
    narrow, whole = both(*change)
    assert narrow.same(whole)
    event(narrow.why or "something was left out")
