"""Of a root that puts others together only what a change touches is read: what gates is the same as if all of it were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract import kinds
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.manifests.reach.reach import Reach, reach
from auditor.manifests.reach.spare import last_name
from auditor.manifests.trees import asked, read_trees
from auditor.source.memory import MemoryTree
from auditor.source.tree import Tree
from tests.support.changes import gating

APPS = ("a", "b", "c")
NAMES = st.sampled_from(["nginx", "ghcr.io/acme/api", "ghcr.io/acme/web", "quay.io/acme/api", "ghcr.io/acme/my-api"])
TAGS = st.sampled_from(["1", "2", "1.2"])


def container(image: str) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": image}]}


@st.composite
def objects(draw: st.DrawFn) -> str:
    """An object with an image, written in one of the ways in which a reference need not stand in the text as it is."""
    name, tag = draw(NAMES), draw(TAGS)
    registry, _, rest = name.rpartition("/")
    metadata = {"name": draw(st.sampled_from(["x", "y"]))}
    match draw(st.integers(0, 9)):
        case 0:
            text = json.dumps(
                {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": container(f"{name}:{tag}")}
            )
            return text.replace("nginx", "ngin\\u0078").replace("api:", "a\\u0070i:")
        case 1:
            image = {"registry": registry or "docker.io", "repository": rest, "tag": tag}
            return json.dumps(
                {"apiVersion": "acme.example/v1", "kind": "App", "metadata": metadata, "spec": {"image": image}}
            )
        case 2:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": container("${IMAGE}")}
            value = [{"name": "IMAGE", "value": f"{name}:{tag}"}]
            head = {"apiVersion": "template.openshift.io/v1", "kind": "Template", "metadata": metadata}
            return json.dumps({**head, "objects": [pod], "parameters": value})
        case 3:
            values = {"image": f"{name}:{tag}", "other": "text"}
            return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": values})
        case 4:
            return "kind: [\nimage: x\n"
        case 5:
            task = {"params": [{"name": "image", "default": f"{name}:{tag}"}], "steps": [{"image": "$(params.image)"}]}
            return json.dumps({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": metadata, "spec": task})
        case _:
            return json.dumps(
                {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": container(f"{name}:{tag}")}
            )


def options() -> st.SearchStrategy[dict[str, Any]]:
    """How a replacement splits and joins: not at all, between the parts of a reference, or inside of a name or tag."""
    parts = {"delimiter": st.sampled_from(["/", ":", "-", ".", "p"]), "index": st.integers(-1, 2)}
    return st.one_of(st.just({}), st.fixed_dictionaries(parts))


@st.composite
def apps(draw: st.DrawFn) -> dict[str, Any]:
    """What an app does to its objects."""
    body: dict[str, Any] = {"resources": ["one.yaml", *draw(st.sampled_from([[], ["two.yaml"], ["../shared"]]))]}
    if draw(st.booleans()):
        entry = {"name": draw(NAMES), "newTag": draw(TAGS)}
        body["images"] = [{**entry, **draw(st.sampled_from([{}, {"newName": "ghcr.io/acme/new"}]))}]
    if draw(st.integers(0, 3)) == 0:
        patch = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": container(draw(NAMES) + ":2")}
        body["patches"] = [{"patch": json.dumps(patch)}]
    if draw(st.integers(0, 4)) == 0:
        field = draw(st.sampled_from(["data.image", "data.other", "metadata.name", "spec.containers.0.image"]))
        source = {"kind": draw(st.sampled_from(["ConfigMap", "Pod"])), "fieldPath": field, "options": draw(options())}
        target = {"select": {"kind": "Pod"}, "fieldPaths": ["spec.containers.0.image"], "options": draw(options())}
        body["replacements"] = [{"source": source, "targets": [target]}]
    if draw(st.integers(0, 5)) == 0:
        body["components"] = ["../part"]
    if draw(st.integers(0, 5)) == 0:
        body["namePrefix"] = "p-"
    return body


@st.composite
def aggregates(draw: st.DrawFn) -> dict[str, Any]:
    """A root that loads apps and files of its own: mostly nothing but that."""
    loads = draw(st.lists(st.sampled_from(["../a", "../b", "../c", "own.yaml", "../middle"]), min_size=1, max_size=4))
    plainly: dict[str, Any] = draw(
        st.sampled_from([{}, {}, {"namespace": "n"}, {"labels": [{"pairs": {"a": "b"}}]}, {"namePrefix": "z-"}])
    )
    other: dict[str, Any] = {} if draw(st.integers(0, 4)) else {"images": [{"name": "nginx", "newTag": "2"}]}
    return {"resources": list(dict.fromkeys(loads)), **plainly, **other}


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    files = {"shared/kustomization.yaml": '{"resources": ["one.yaml"]}', "shared/one.yaml": draw(objects())}
    files["part/kustomization.yaml"] = json.dumps({"kind": "Component", "images": [{"name": "nginx", "newTag": "2"}]})
    files["middle/kustomization.yaml"] = json.dumps({"resources": ["../a", "../shared"]})
    for app in APPS:
        files[f"{app}/kustomization.yaml"] = json.dumps(draw(apps()))
        files |= {f"{app}/{name}.yaml": draw(objects()) for name in ("one", "two")}
    for root in ("all", "some"):
        files[f"{root}/kustomization.yaml"] = json.dumps(draw(aggregates()))
        files[f"{root}/own.yaml"] = draw(objects())
    return files


@st.composite
def changes(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    base = draw(trees())
    head = dict(base)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        app = draw(st.sampled_from([*APPS, "shared"]))
        match draw(st.integers(0, 7)):
            case 0:
                head[f"{app}/kustomization.yaml"] = json.dumps(draw(apps()))
            case 1:
                head.pop(f"{app}/kustomization.yaml", None)
            case 2:
                head[f"{draw(st.sampled_from(['all', 'some']))}/kustomization.yaml"] = json.dumps(draw(aggregates()))
            case 3:
                head.pop(f"{app}/one.yaml", None)
            case _:
                head[f"{app}/one.yaml"] = draw(objects())
    return base, head


def encoded(files: dict[str, str]) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(change=changes())
def test_what_gates_is_the_same(change: tuple[dict[str, str], dict[str, str]]) -> None:
    base, head = map(encoded, change)
    part = gating(base, head, narrow=True)
    assert part.same(gating(base, head, narrow=False))
    event(part.why or f"{len(part.added)} new")


def pod(image: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": container(image)})


BASE = {
    "all/kustomization.yaml": "resources: [../a, ../b, own.yaml]\n",
    "all/own.yaml": pod("ghcr.io/acme/own:1"),
    "a/kustomization.yaml": "resources: [one.yaml]\n",
    "a/one.yaml": pod("ghcr.io/acme/api:1"),
    "b/kustomization.yaml": "resources: [one.yaml]\nimages: [{name: quay.io/acme/api, newName: ghcr.io/acme/api, newTag: '2'}]\n",
    "b/one.yaml": pod("quay.io/acme/api:1"),
}


@pytest.mark.parametrize(
    ("image", "added"),
    [
        ("ghcr.io/acme/api:2", set()),  # what the root has of the other app already, put together from two files there
        ("ghcr.io/acme/own:1", set()),
        ("ghcr.io/acme/api:3", {"ghcr.io/acme/api:3"}),
        ("quay.io/acme/api:1", {"quay.io/acme/api:1"}),  # it stands in the other app, which deploys another one
    ],
)
def test_what_a_sibling_deploys_is_not_new(image: str, added: set[str]) -> None:
    head = encoded({**BASE, "a/one.yaml": pod(image)})
    found = gating(encoded(BASE), head, narrow=True)
    assert not found.why
    assert {use.reference for use in found.added} == added


def config(**data: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"}, "data": data})


def replacing(delimiter: str = "") -> str:
    """A replacement of the image of the Pod x by what a ConfigMap says, or by its name."""
    options = {"options": {"delimiter": delimiter, "index": 1}} if delimiter else {}
    target = {"select": {"kind": "Pod", "name": "x"}, "fieldPaths": ["spec.containers.0.image"], **options}
    source = {"kind": "ConfigMap", "fieldPath": "data.image" if delimiter else "metadata.name"}
    return f"replacements: {json.dumps([{'source': source, 'targets': [target]}])}\n"


def copying(kind: str, field: str, *, joined: str = "", at: int = 1) -> str:
    """A replacement of the image of the Pod x, or of one part of it between delimiters, by what an object says."""
    options = {"options": {"delimiter": joined, "index": at}} if joined else {}
    target = {"select": {"kind": "Pod", "name": "x"}, "fieldPaths": ["spec.containers.0.image"], **options}
    return f"replacements: {json.dumps([{'source': {'kind': kind, 'fieldPath': field}, 'targets': [target]}])}\n"


def template(image: str, **values: str) -> str:
    head = {"apiVersion": "template.openshift.io/v1", "kind": "Template", "metadata": {"name": "t"}}
    given = [{"name": name, "value": value} for name, value in values.items()]
    return json.dumps({**head, "objects": [json.loads(pod(image))], "parameters": given})


def task(image: str, **values: str) -> str:
    head = {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "t"}}
    given = [{"name": name, "default": value} for name, value in values.items()]
    return json.dumps({**head, "spec": {"params": given, "steps": [{"name": "s", "image": image}]}})


TASK = task("ghcr.io/acme/my-$(params.rest):3", rest="api")
MADE = {
    "by a replacement between dots": {
        "b/kustomization.yaml": "resources: [one.yaml, two.yaml]\n" + copying("ConfigMap", "data.a", joined="."),
        "b/one.yaml": pod("ghcr.old"),
        "b/two.yaml": config(a="io/acme/my-api:3"),
    },
    "by a replacement of a longer text": {
        "b/kustomization.yaml": "resources: [one.yaml, two.yaml]\n" + copying("ConfigMap", "data.a"),
        "b/two.yaml": config(a="ghcr.io/acme/my-api:3"),
    },
    "by a patch of another ending": {
        "b/kustomization.yaml": "resources: [one.yaml]\npatches: [{path: patch.txt}]\n",
        "b/patch.txt": pod("ghcr.io/acme/my-api:3"),
    },
    "by a file elsewhere": {
        "b/kustomization.yaml": "resources: [../elsewhere/deep/it's.txt]\n",
        "elsewhere/deep/it's.txt": pod("ghcr.io/acme/my-api:3"),
    },
    "by a file of a chart": {
        "b/kustomization.yaml": "resources: [../chart/templates/pod.yaml]\n",
        "chart/Chart.yaml": "name: chart\n",
        "chart/templates/pod.yaml": pod("ghcr.io/acme/my-api:3"),
    },
    "by the second kustomization of a directory": {
        "b/kustomization.yaml": "resources: [Kustomization]\n",
        "b/Kustomization": pod("ghcr.io/acme/my-api:3"),
    },
    "by a kustomization with escapes": {
        "b/kustomization.yaml": 'resources: [one.yaml, "\\x2e./far"]\n',
        "far/kustomization.yaml": "resources: [pod.yaml]\n",
        "far/pod.yaml": pod("ghcr.io/acme/my-api:3"),
    },
    "by an override with an escape": {
        "b/kustomization.yaml": (
            'resources: [pod.yaml]\nimages: [{name: quay.io/acme/web, newName: "ghcr.io/acme/my\\x2dapi", newTag: "3"}]\n'
        ),
        "b/pod.yaml": pod("quay.io/acme/web:1"),
    },
    "by a long way": {
        "b/kustomization.yaml": "resources: [../c]\n",
        "c/kustomization.yaml": "resources: [../d]\n",
        "d/kustomization.yaml": "resources: [one.yaml]\nimages: [{name: web, newName: ghcr.io/acme/my-api, newTag: '3'}]\n",
        "d/one.yaml": pod("web:1"),
    },
    "by a task with an anchor": {"b/one.yaml": TASK.replace('"tekton.dev/v1"', '&it "tekton.dev/v1"')},
    "by a task on the next line": {"b/one.yaml": TASK.replace('"tekton.dev/v1"', '\n  "tekton.dev/v1"')},
    "by a task with an explicit key": {"b/one.yaml": TASK.replace('"apiVersion":', '? "apiVersion"\n  :')},
    "by a replacement of a part": {
        "b/kustomization.yaml": "resources: [pod.yaml, two.yaml]\n" + replacing("-"),
        "b/pod.yaml": pod("ghcr.io/acme/my-app:3"),
        "b/two.yaml": config(image="api:3"),
    },
    "by a template": {"b/one.yaml": template("ghcr.io/acme/my-${REST}:3", REST="api")},
    "by a task": {"b/one.yaml": task("ghcr.io/acme/my-$(params.rest):3", rest="api")},
    "by an escape": {"b/one.yaml": pod("ghcr.io/acme/my-api:3").replace("my-api", "my\\u002dapi")},
    "by a component": {
        "b/kustomization.yaml": "resources: [one.yaml]\ncomponents: [../part]\n",
        "part/kustomization.yaml": (
            "kind: Component\nimages: [{name: quay.io/acme/api, newName: ghcr.io/acme/my-api, newTag: '3'}]\n"
        ),
    },
    "by a patch in a file": {
        "b/kustomization.yaml": "resources: [one.yaml]\npatches: [{path: patch.yaml}]\n",
        "b/patch.yaml": pod("ghcr.io/acme/my-api:3"),
    },
    "by a generator": {
        "b/kustomization.yaml": "configMapGenerator: [{name: made, files: [k=values.txt]}]\n",
        "b/values.txt": pod("ghcr.io/acme/my-api:3"),
    },
}


@pytest.mark.parametrize("how", sorted(MADE))
def test_what_a_sibling_makes_is_not_new(how: str) -> None:
    """However it makes the reference: the root has it before the change and after it."""
    base = {**BASE, "a/one.yaml": pod("web:1"), "b/kustomization.yaml": "resources: [one.yaml]\n", **MADE[how]}
    head = {**base, "a/one.yaml": pod("ghcr.io/acme/my-api:3")}
    found = gating(encoded(base), encoded(head), narrow=True)
    assert found.same(gating(encoded(base), encoded(head), narrow=False))
    assert not found.why
    assert not found.added


def test_what_a_sibling_makes_of_a_name_with_a_prefix_is_not_new() -> None:
    """No text holds the name that it copies."""
    base = {
        **BASE,
        "a/one.yaml": pod("web:1"),
        "b/kustomization.yaml": "resources: [../named, one.yaml]\n"
        + copying("Secret", "metadata.name", joined="/", at=2),
        "b/one.yaml": pod("ghcr.io/acme/x"),
        "named/kustomization.yaml": "resources: [s.yaml]\nnamePrefix: my-\n",
        "named/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: api}\nstringData: {image: 'ghcr.io/acme/x:1'}\n",
    }
    head = {**base, "a/one.yaml": pod("ghcr.io/acme/my-api")}
    whole = gating(encoded(base), encoded(head), narrow=False)
    assert not whole.added
    assert gating(encoded(base), encoded(head), narrow=True).same(whole)


def app(**spec: Any) -> str:
    return json.dumps({"apiVersion": "acme.example/v1", "kind": "App", "metadata": {"name": "x"}, "spec": spec})


DIGEST = "0123456789abcdef" * 4
JOINED = {
    "a tag with a suffix, which kustomize adds twice": (
        "ghcr.io/acme/my-api:3-alpine-alpine",
        "resources: [one.yaml]\nimages: [{name: ghcr.io/acme/my-api, tagSuffix: -alpine}]\n",
        pod("ghcr.io/acme/my-api:3"),
    ),
    "a tag of another file": (
        "ghcr.io/acme/my-api:3",
        "resources: [one.yaml]\nimages: [{name: ghcr.io/acme/my-api, newTag: '3'}]\n",
        pod("ghcr.io/acme/my-api:2"),
    ),
    "a tag that nobody writes": (
        "ghcr.io/acme/my-api:latest",
        "resources: [one.yaml]\n",
        app(hub="ghcr.io/acme", image="my-api"),
    ),
    "a digest without its algorithm": (
        f"ghcr.io/acme/my-api@sha256:{DIGEST}",
        "resources: [one.yaml]\n",
        app(image={"repository": "ghcr.io/acme/my-api", "digest": DIGEST}),
    ),
    "a tag in capitals": ("ghcr.io/acme/my-api:RC", "resources: [one.yaml]\n", pod("ghcr.io/acme/my-api:RC")),
    "a version that is no tag": (
        "ghcr.io/acme/my-api:v1.30.1-k3s1",
        "resources: [one.yaml]\n",
        json.dumps(
            {
                "apiVersion": "upgrade.cattle.io/v1",
                "kind": "Plan",
                "metadata": {"name": "x"},
                "spec": {"version": "v1.30.1+k3s1", "upgrade": {"image": "ghcr.io/acme/my-api"}},
            }
        ),
    ),
}


@pytest.mark.parametrize("how", sorted(JOINED))
def test_what_a_sibling_puts_together_is_not_new(how: str) -> None:
    """The name stands in one place, and the tag in another or nowhere as it is deployed."""
    image, kustomization, manifest = JOINED[how]
    base = {**BASE, "a/one.yaml": pod("web:1"), "b/kustomization.yaml": kustomization, "b/one.yaml": manifest}
    head = {**base, "a/one.yaml": pod(image)}
    whole = gating(encoded(base), encoded(head), narrow=False)
    assert not whole.added, "the root has it, in the way that this case is about"
    assert gating(encoded(base), encoded(head), narrow=True).same(whole)


def test_what_an_operator_makes_is_not_new() -> None:
    """The table knows the image of an object that does not say it."""
    known = (one for listed in kinds.load({}).by_kind.values() for one in listed if one.defaults and one.group)
    kind = next(one for one in known if last_name(one.defaults[0].image) not in f"{one.group} {one.kind}".lower())
    item = json.dumps({"apiVersion": f"{kind.group}/v1", "kind": kind.kind, "metadata": {"name": "x"}, "spec": {}})
    base = {**BASE, "a/one.yaml": pod("web:1"), "b/kustomization.yaml": "resources: [one.yaml]\n", "b/one.yaml": item}
    head = {**base, "a/one.yaml": item}
    found = gating(encoded(base), encoded(head), narrow=True)
    assert found.same(gating(encoded(base), encoded(head), narrow=False))
    assert not found.added


def test_a_root_that_copies_from_a_sibling_is_read_whole() -> None:
    """The change gives its object the name that the root writes a sibling's value to: a new image, in no file it touches."""
    base = {
        **BASE,
        "all/kustomization.yaml": "resources: [../a, ../b]\n" + replacing(),
        "a/one.yaml": pod("web:1").replace('"x"', '"y"'),
        "b/kustomization.yaml": "resources: [one.yaml]\n",
        "b/one.yaml": config(a="b"),
    }
    head = {**base, "a/one.yaml": pod("web:1")}
    found = gating(encoded(base), encoded(head), narrow=True)
    assert "values" in {use.reference for use in found.added}
    assert found.same(gating(encoded(base), encoded(head), narrow=False))


def test_below_a_root_with_a_touched_file_everything_unreadable_gates() -> None:
    base = {
        "all/kustomization.yaml": "resources: [../b, part/one.yaml]\n",
        "all/part/one.yaml": pod("ghcr.io/acme/api:1"),
        "b/kustomization.yaml": "resources: [one.yaml]\n",
        "b/one.yaml": "kind: [\nimage: x\n",
    }
    head = {**base, "all/part/one.yaml": pod("ghcr.io/acme/api:2")}
    found = gating(encoded(base), encoded(head), narrow=True)
    assert "unparsable-file" in {finding.rule for finding in found.findings}
    assert found.same(gating(encoded(base), encoded(head), narrow=False))


def test_a_gap_that_a_sibling_has_already_is_not_new() -> None:
    base = {
        "all/kustomization.yaml": "resources: [../a, ../b]\n",
        "a/kustomization.yaml": "resources: []\n",
        "b/kustomization.yaml": "resources: [../shared]\n",
        "shared/kustomization.yaml": "resources: [one.yaml]\n",
        "shared/one.yaml": "image: [\n",
    }
    head = {**base, "a/kustomization.yaml": "resources: [../shared]\n"}
    found = gating(encoded(base), encoded(head), narrow=True)
    assert not found.why
    assert not found.findings
    assert found.same(gating(encoded(base), encoded(head), narrow=False))


def test_a_root_that_only_head_has_is_read_whole() -> None:
    """What loaded it is gone: all that it deploys is new there, whatever the change leaves alone of it."""
    base = {**BASE, "over/kustomization.yaml": "resources: [../all]\nimages: [{name: ghcr.io/acme/own, newTag: '9'}]\n"}
    head = {path: text for path, text in base.items() if not path.startswith("over/")}
    head["a/one.yaml"] = pod("ghcr.io/acme/api:2")
    found = gating(encoded(base), encoded(head), narrow=True)
    assert {use.reference for use in found.added} == {"ghcr.io/acme/api:2", "ghcr.io/acme/own:1"}
    assert found.same(gating(encoded(base), encoded(head), narrow=False))


@pytest.mark.parametrize(
    ("image", "read"), [("ghcr.io/acme/fresh:2", False), ("ghcr.io/acme/api:3", False), ("ghcr.io/acme/api:2", True)]
)
def test_a_sibling_is_read_where_it_may_hold_what_differs(image: str, *, read: bool) -> None:
    """The image of the change replaces `web`, which no sibling names; `api` may be in the one that names it and the tag."""
    base = encoded({**BASE, "a/one.yaml": pod("ghcr.io/acme/web:1")})
    head = {**base, "a/one.yaml": pod(image).encode()}
    trees, shared, rules = (MemoryTree(base, "base"), MemoryTree(head, "head")), Shared(), ManifestSettings()
    within = reach(trees, rules, shared, frozenset({"a/one.yaml"}))
    assert isinstance(within, Reach)

    def reading(tree: Tree, before: Inventory | None, part: Reach | None) -> Inventory:
        return inventory(tree, rules, shared, before=before, within=part)

    found = read_trees(trees[:1], None, trees[1], reading, within)
    assert image in {use.reference for use in found.after.uses}
    assert ("b/one.yaml" in {path for path, *_ in shared.contents}) is read


def overridden(names: str) -> dict[str, str]:
    """A root over `a`, whose override the change turns into one for nothing, and over `b`, which loads `names` too."""
    images = [{"name": "nginx", "newTag": "2"}]
    return {
        "all/kustomization.yaml": json.dumps({"resources": ["../a", "../b"]}),
        "a/kustomization.yaml": json.dumps({"resources": ["one.yaml"], "images": images}),
        "a/one.yaml": pod("nginx:1"),
        "b/kustomization.yaml": json.dumps({"resources": ["one.yaml", names]}),
        "b/one.yaml": pod("ghcr.io/acme/api:1"),
        "b/two.yaml": pod("ghcr.io/acme/web:1"),
    }


@pytest.mark.parametrize(
    ("names", "left"),
    [("two.yaml", True), ("../a/kustomization.yaml", False), ("../a/./kustomization.yaml/", False)],
)
def test_a_gap_of_what_the_change_reaches(names: str, *, left: bool) -> None:
    """It is said of the override alone, unless what is left out loads the file of the override as if it were a manifest."""
    base = overridden(names)
    head = {**base, "a/one.yaml": pod("httpd:1")}
    trees = MemoryTree(encoded(base), "base"), MemoryTree(encoded(head), "head")
    shared = Shared()
    within = reach(trees, ManifestSettings(), shared, frozenset({"a/one.yaml"}))
    assert isinstance(within, Reach)
    read = [inventory(tree, ManifestSettings(), shared, within=within) for tree in trees]
    assert len({len(each.gaps) for each in read}) == 2
    assert bool(asked(read, within).roots) is left
    whole = gating(encoded(base), encoded(head), narrow=False)
    assert gating(encoded(base), encoded(head), narrow=True).same(whole)
    assert whole.findings
