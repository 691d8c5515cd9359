"""Where Flux, Argo CD or Fleet deploy: what is left out of a change deploys the same in every tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Shared
from auditor.manifests.reach.reach import Reach, reach
from auditor.source.differ import differing
from auditor.source.folder import FolderTree
from auditor.source.memory import MemoryTree
from tests.support.changes import Gating, gating, gating_of

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


def applications(generator: dict[str, Any], path: str, **source: Any) -> dict[str, Any]:
    source = {"repoURL": REPOSITORY, "path": path, **source}
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


@pytest.mark.slow(50)
@settings(max_examples=500, deadline=None)
@given(change=changes())
def test_what_gates_is_the_same(change: tuple[Files, Files]) -> None:
    narrow, whole = both(*change)
    assert narrow.same(whole)
    event(narrow.why or "something was left out")


# ── one by one ───────────────────────────────────────────────────────────────────────────────────────────────────────────

BASE: Files = {
    "clusters/one/apps.yaml": json.dumps(flux("./apps/a", "a")),
    "clusters/one/infra.yaml": json.dumps(flux("./infra", "infra")),
    "apps/a/kustomization.yaml": json.dumps({"resources": ["p.yaml", "../shared"]}),
    "apps/a/p.yaml": json.dumps(pod("ghcr.io/acme/api:1")),
    "apps/shared/kustomization.yaml": json.dumps({"resources": ["p.yaml"]}),
    "apps/shared/p.yaml": json.dumps(pod("ghcr.io/acme/shared:1", "y")),
    "infra/p.yaml": json.dumps(pod("ghcr.io/acme/infra:1")),
    "infra/sub/q.yaml": json.dumps(pod("ghcr.io/acme/sub:1", "z")),
    "free/p.yaml": json.dumps(pod("ghcr.io/acme/free:1")),
}


def left(base: Files, head: Files) -> set[str] | None:
    """The entry points that are left out; None where everything is read."""
    trees = [MemoryTree({path: text.encode() for path, text in files.items()}, "t") for files in (base, head)]
    touched = differing(*trees)
    found = reach(trees, ManifestSettings(), Shared(differing=touched), touched)
    return set(found.left or ()) if isinstance(found, Reach) else None


def changed(base: Files, path: str, old: str = ":1", new: str = ":9") -> Files:
    assert old in base[path]
    return {**base, path: base[path].replace(old, new)}


def added(base: Files, head: Files) -> set[str]:
    """The references that are new, which are the same however the change is read."""
    narrow, whole = both(base, head)
    assert narrow.same(whole)
    return {use.reference for use in narrow.added}


@pytest.mark.parametrize(
    ("path", "roots", "new"),
    [
        ("apps/a/p.yaml", {"infra"}, {"ghcr.io/acme/api:9"}),
        ("apps/shared/p.yaml", {"infra"}, {"ghcr.io/acme/shared:9"}),
        ("infra/sub/q.yaml", {"apps/a"}, {"ghcr.io/acme/sub:9"}),
        ("free/p.yaml", {"apps/a", "infra"}, {"ghcr.io/acme/free:9"}),
    ],
)
def test_what_the_change_does_not_reach_is_left_out(path: str, roots: set[str], new: set[str]) -> None:
    head = changed(BASE, path)
    assert left(BASE, head) == roots
    assert added(BASE, head) == new


def test_nothing_that_is_left_out_is_built() -> None:
    trees = [
        MemoryTree({path: text.encode() for path, text in files.items()}, "t")
        for files in (BASE, changed(BASE, "infra/p.yaml"))
    ]
    shared = Shared(differing=frozenset({"infra/p.yaml"}))
    assert isinstance(reach(trees, ManifestSettings(), shared, frozenset({"infra/p.yaml"})), Reach)
    assert "apps/a/p.yaml" not in {path for path, *_ in shared.contents}


PATCHED = {"patches": [{"patch": json.dumps(pod("ghcr.io/acme/patched:1"))}]}
VALUES = {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "settings"}]}}
TURNED = [
    {"op": "replace", "path": "/apiVersion", "value": "kustomize.toolkit.fluxcd.io/v1"},
    {"op": "replace", "path": "/kind", "value": "Kustomization"},
    {"op": "add", "path": "/spec", "value": {"path": "./infra", "sourceRef": HERE}},
]
FURTHER = json.dumps(flux("./far", "far"))
TO_FAR = [*TURNED[:2], {"op": "add", "path": "/spec", "value": {"path": "./far", "sourceRef": HERE}}]
SET = applications(
    {"git": {"files": [{"path": "**/w.json"}]}}, "charts/c", helm={"valuesObject": {"image": "{{image}}"}}
)
FAR = {"far/kustomization.yaml": "resources: [p.yaml]\n", "far/p.yaml": json.dumps(pod("ghcr.io/acme/far:1"))}


def replaced(old: str, new: str, base: Files = BASE) -> Files:
    return {path: text.replace(old, new) for path, text in base.items()}


CASES: dict[str, tuple[Files, str]] = {
    "a path by an escape": (replaced('"./apps/a"', '"./apps/\\u0061"'), "apps/a/p.yaml"),
    "a path with dots": (replaced("./apps/a", "./infra/../apps/./a/"), "apps/a/p.yaml"),
    "a path of an anchor": (replaced('"./apps/a"', '&it "./apps/a"'), "apps/a/p.yaml"),
    "a patch of the deployer": (
        {**BASE, "clusters/one/apps.yaml": json.dumps(flux("./apps/a", "a", **PATCHED))},
        "clusters/one/apps.yaml",
    ),
    "values of a ConfigMap": (
        {
            **BASE,
            "clusters/one/apps.yaml": json.dumps(flux("./apps/a", "a", **VALUES)),
            "clusters/one/settings.yaml": json.dumps(config(TAG="tag:1")),
            "apps/a/p.yaml": json.dumps(pod("ghcr.io/acme/${TAG}")),
        },
        "clusters/one/settings.yaml",
    ),
    "values of a generator": (
        {
            **BASE,
            "clusters/one/apps.yaml": json.dumps(flux("./apps/a", "a", **VALUES)),
            "made/kustomization.yaml": "configMapGenerator: [{name: settings, envs: [v.env]}]\n",
            "made/v.env": "TAG=tag:1\n",
            "apps/a/p.yaml": json.dumps(pod("ghcr.io/acme/${TAG}")),
        },
        "made/v.env",
    ),
    "a component of the deployer": (
        {
            **BASE,
            "clusters/one/apps.yaml": json.dumps(flux("./apps/a", "a", components=["../../part"])),
            "part/kustomization.yaml": "kind: Component\nresources: [p.yaml]\n",
            "part/p.yaml": json.dumps(pod("ghcr.io/acme/part:1", "part")),
        },
        "part/p.yaml",
    ),
    "a deployer that a deployer deploys": ({**BASE, **FAR, "infra/sub/far.yaml": FURTHER}, "far/p.yaml"),
    "a deployer with escapes": (
        {**BASE, **FAR, "infra/sub/far.yaml": FURTHER.replace("kustomize.toolkit", "kustomize\\u002etoolkit")},
        "far/p.yaml",
    ),
    "a deployer of another ending": (
        {**BASE, **FAR, "apps/a/kustomization.yaml": "resources: [p.yaml, far.txt]\n", "apps/a/far.txt": FURTHER},
        "far/p.yaml",
    ),
    "a deployer in a kustomization's name": (
        {
            **BASE,
            **FAR,
            "infra/sub/kustomization.yaml": FURTHER,
            "clusters/one/infra.yaml": json.dumps(application("infra", directory={"recurse": True})),
        },
        "far/p.yaml",
    ),
    "a deployer that a patch makes": (
        {
            **BASE,
            "apps/a/kustomization.yaml": json.dumps(
                {"resources": ["p.yaml", "c.yaml"], "patches": [{"target": {"kind": "ConfigMap"}, "path": "turn.yaml"}]}
            ),
            "apps/a/c.yaml": json.dumps(config(image="ghcr.io/acme/c:1")),
            "apps/a/turn.yaml": json.dumps(TURNED),
            "clusters/one/infra.yaml": json.dumps(config()),
        },
        "infra/p.yaml",
    ),
    "a deployer that a replacement makes": (
        {
            **BASE,
            "apps/a/kustomization.yaml": json.dumps(
                {
                    "resources": ["p.yaml", "c.yaml"],
                    "replacements": [
                        {
                            "source": {"kind": "ConfigMap", "fieldPath": "data.group"},
                            "targets": [
                                {
                                    "select": {"kind": "Kustomization"},
                                    "fieldPaths": ["apiVersion"],
                                    "options": {"delimiter": ".", "index": 0},
                                }
                            ],
                        }
                    ],
                }
            ),
            "apps/a/c.yaml": json.dumps(config(group="kustomize"))
            + "\n---\n"
            + FURTHER.replace("kustomize.toolkit", "x.toolkit"),
            **FAR,
        },
        "far/p.yaml",
    ),
    "an Application of directories": (
        {**BASE, "clusters/one/infra.yaml": json.dumps(application("infra", directory={"recurse": True}))},
        "infra/sub/q.yaml",
    ),
    "a set of directories": (
        {
            **BASE,
            "clusters/one/infra.yaml": json.dumps(
                applications({"git": {"directories": [{"path": "inf*"}]}}, "{{path}}")
            ),
        },
        "infra/p.yaml",
    ),
    "a set of files": (
        {
            **BASE,
            "clusters/one/infra.yaml": json.dumps(
                applications(
                    {"git": {"files": [{"path": "**/w.json"}]}},
                    "charts/c",
                    helm={"valuesObject": {"image": "{{image}}"}},
                )
            ),
            "any/w.json": json.dumps({"image": "ghcr.io/acme/in-a-set:1"}),
        },
        "any/w.json",
    ),
    "a set of files in a kustomization": (
        {
            **BASE,
            "sets/kustomization.yaml": "resources: [set.yaml]\n",
            "sets/set.yaml": json.dumps(SET),
            "any/w.json": json.dumps({"image": "ghcr.io/acme/in-a-set:1"}),
        },
        "any/w.json",
    ),
    "a set of files that is deployed": (
        {
            **BASE,
            "infra/sub/set.yaml": json.dumps(SET),
            "any/w.json": json.dumps({"image": "ghcr.io/acme/in-a-set:1"}),
        },
        "any/w.json",
    ),
    "a deployer in a patch of a kustomization": (
        {
            **BASE,
            **FAR,
            "apps/a/kustomization.yaml": "resources: [c.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: |-\n    "
            + json.dumps(TO_FAR),
            "apps/a/c.yaml": json.dumps(config(image="ghcr.io/acme/c:1")),
        },
        "far/p.yaml",
    ),
    "a deployer in a patch of a deployer": (
        {
            **BASE,
            **FAR,
            "clusters/one/infra.yaml": json.dumps(
                flux("./infra", "infra", patches=[{"target": {"kind": "ConfigMap"}, "patch": json.dumps(TO_FAR)}])
            ),
            "infra/c.yaml": json.dumps(config(image="ghcr.io/acme/c:1")),
        },
        "far/p.yaml",
    ),
    "a deployer in a component": (
        {
            **BASE,
            **FAR,
            "clusters/one/apps.yaml": json.dumps(flux("./apps/a", "a", components=["../../part"])),
            "part/kustomization.yaml": "kind: Component\nresources: [far.txt]\n",
            "part/far.txt": FURTHER,
        },
        "far/p.yaml",
    ),
    "a kustomization below": (
        {
            **BASE,
            "infra/sub/kustomization.yaml": "resources: [q.yaml, ../../elsewhere]\n",
            "elsewhere/kustomization.yaml": "resources: [p.yaml]\n",
            "elsewhere/p.yaml": json.dumps(pod("ghcr.io/acme/elsewhere:1", "e")),
        },
        "elsewhere/p.yaml",
    ),
    "the values of a release that a base has": (
        {
            **BASE,
            "apps/shared/kustomization.yaml": json.dumps({"resources": ["p.yaml", "r.yaml"]}),
            "apps/shared/r.yaml": json.dumps(
                release(chart={"spec": {"chart": "c"}}, valuesFrom=[{"kind": "ConfigMap", "name": "values"}])
            ),
            "free/values.yaml": json.dumps(config(name="values", tag="tag:1")),
        },
        "free/values.yaml",
    ),
    "what an updater writes": (
        {
            **BASE,
            "clusters/one/apps.yaml": json.dumps(application("apps/a")),
            "apps/a/.argocd-source.yaml": json.dumps(
                {"kustomize": {"images": ["ghcr.io/acme/api=ghcr.io/acme/other:1"]}}
            ),
        },
        "apps/a/.argocd-source.yaml",
    ),
    "a bundle": ({**BASE, "any/fleet.yaml": json.dumps({"kustomize": {"dir": "../apps/a"}})}, "apps/a/p.yaml"),
    "the values of a release": (
        {
            **BASE,
            "infra/r.yaml": json.dumps(
                release(chart={"spec": {"chart": "c"}}, valuesFrom=[{"kind": "ConfigMap", "name": "values"}])
            ),
            "free/values.yaml": json.dumps(config(name="values", tag="tag:1")),
        },
        "free/values.yaml",
    ),
    "the source of a release": (
        {
            **BASE,
            "infra/r.yaml": json.dumps(release(chartRef={"kind": "OCIRepository", "name": "charts"})),
            "free/source.yaml": json.dumps(
                made(
                    "OCIRepository",
                    "source.toolkit.fluxcd.io/v1",
                    "charts",
                    spec={"url": "oci://x/y", "ref": {"tag": "t:1"}},
                )
            ),
        },
        "free/source.yaml",
    ),
    "a value file": (
        {
            **BASE,
            "infra/r.yaml": json.dumps(
                release(chart={"spec": {"chart": "./c", "sourceRef": HERE, "valuesFiles": ["any/values.yaml"]}})
            ),
            "any/values.yaml": "image: 'nginx:1'\n",
        },
        "any/values.yaml",
    ),
    "a value file of an Application": (
        {
            **BASE,
            "infra/r.yaml": json.dumps(application("charts/c", helm={"valueFiles": ["/any/values.yaml"]})),
            "charts/c/Chart.yaml": "name: c\n",
            "any/values.yaml": "image: 'nginx:1'\n",
        },
        "any/values.yaml",
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_whatever_way_a_deployer_leads_there(case: str) -> None:
    """By the file that changes something gates that did not before, the same however it is read."""
    base, path = CASES[case]
    narrow, whole = both(base, changed(base, path))
    assert narrow.same(whole)
    assert whole.added or whole.findings


def test_a_gap_that_something_left_out_has_is_not_new() -> None:
    """The override for nothing is said of the base, whichever root loads it."""
    nothing = {"resources": ["p.yaml"], "images": [{"name": "other", "newTag": "2"}]}
    base = {**BASE, "apps/shared/kustomization.yaml": json.dumps(nothing)}
    base["far/kustomization.yaml"] = json.dumps({"resources": ["p.yaml"]})
    base["far/p.yaml"] = json.dumps(pod("ghcr.io/acme/far:1"))
    head = {**base, "far/kustomization.yaml": json.dumps({"resources": ["p.yaml", "../apps/shared"]})}
    narrow, whole = both(base, head)
    assert narrow.same(whole)
    assert not whole.findings


def test_another_encoding() -> None:
    base = {path: text.encode() for path, text in {**BASE, **FAR}.items()}
    base["infra/sub/far.yaml"] = FURTHER.encode("utf-16")
    head = {**base, "far/p.yaml": base["far/p.yaml"].replace(b":1", b":9")}
    narrow = gating(base, head, narrow=True)
    assert narrow.same(gating(base, head, narrow=False))
    assert {(use.reference, use.deployers) for use in narrow.added} == {
        ("ghcr.io/acme/far:9", ("clusters/one/infra.yaml", "infra"))
    }


def test_through_a_symlink(tmp_path: Path) -> None:
    """What Flux applies of a directory may stand elsewhere."""
    trees = []
    for label, tag in (("base", ":1"), ("head", ":9")):
        for path, text in {**BASE, "free/p.yaml": BASE["free/p.yaml"].replace(":1", tag)}.items():
            (tmp_path / label / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / label / path).write_text(text)
        (tmp_path / label / "infra" / "link.yaml").symlink_to("../free/p.yaml")
        trees.append(FolderTree(tmp_path / label))
    narrow = gating_of(trees[0], trees[1], narrow=True)
    assert narrow.same(gating_of(trees[0], trees[1], narrow=False))
    assert "infra" in {use.root for use in narrow.added}


def linked(folder: Path, files: Files, link: str, target: str) -> FolderTree:
    """A folder of these files, with another name for one of them."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / link).symlink_to(target)
    return FolderTree(folder)


def test_a_set_behind_a_symlink(tmp_path: Path) -> None:
    """A loose manifest has another name for it."""
    trees = []
    for label, tag in (("base", ":1"), ("head", ":9")):
        files = {
            **BASE,
            "aside/set.txt": json.dumps(SET),
            "any/w.json": json.dumps({"image": f"ghcr.io/acme/set{tag}"}),
        }
        trees.append(linked(tmp_path / label, files, "clusters/link.yaml", "../aside/set.txt"))
    narrow = gating_of(trees[0], trees[1], narrow=True)
    assert narrow.same(gating_of(trees[0], trees[1], narrow=False))
    assert {use.reference for use in narrow.added} == {"ghcr.io/acme/set:9"}


def test_a_deployer_behind_a_symlink(tmp_path: Path) -> None:
    """A directory that Flux deploys has another name for it."""
    trees = []
    for label, tag in (("base", ":1"), ("head", ":9")):
        files = {**BASE, **FAR, "far/p.yaml": FAR["far/p.yaml"].replace(":1", tag), "aside/far.txt": FURTHER}
        trees.append(linked(tmp_path / label, files, "infra/link.yaml", "../aside/far.txt"))
    narrow = gating_of(trees[0], trees[1], narrow=True)
    assert narrow.same(gating_of(trees[0], trees[1], narrow=False))
    assert {use.deployers for use in narrow.added} == {("clusters/one/infra.yaml", "infra")}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("clusters/one/more.yaml", json.dumps(flux("./free", "more"))),
        ("clusters/one/apps.yaml", json.dumps(flux("./apps/shared", "a"))),
        ("apps/a/kustomization.yaml", json.dumps({"resources": ["p.yaml"]})),
        ("infra/p.yaml", json.dumps(flux("./free", "more"))),
        ("infra/Chart.yaml", "name: infra\n"),
        ("any/fleet.yaml", json.dumps({"kustomize": {"dir": "../apps/a"}})),
    ],
)
def test_where_other_things_are_deployed_everything_is_read(path: str, text: str) -> None:
    head = {**BASE, path: text}
    assert left(BASE, head) is None
    added(BASE, head)
    added(head, BASE)


def test_an_override_is_reached_and_the_rest_left_out() -> None:
    """One of the most usual changes: the tag that a kustomization gives an image."""
    images = {"resources": ["p.yaml", "../shared"], "images": [{"name": "ghcr.io/acme/api", "newTag": "t:1"}]}
    base = {**BASE, "apps/a/kustomization.yaml": json.dumps(images).replace("t:1", "1")}
    head = changed(base, "apps/a/kustomization.yaml", '"1"', '"9"')
    assert left(base, head) == {"infra"}
    assert added(base, head) == {"ghcr.io/acme/api:9"}


def test_with_programs_everything_is_read() -> None:
    """What helm makes of charts depends on files that nothing names here."""
    trees = [
        MemoryTree({path: text.encode() for path, text in files.items()}, "t")
        for files in (BASE, changed(BASE, "infra/p.yaml"))
    ]
    found = reach(trees, ManifestSettings(), Shared(), frozenset({"infra/p.yaml"}), rendered=True)
    assert found == "clusters/one/apps.yaml deploys by rules of its own"
