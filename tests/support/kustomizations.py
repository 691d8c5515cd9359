"""Random trees of kustomizations, wide rather than likely: nearly every field that can change an image.

Written as JSON with a line for each text; every image and every value that may become a part of one has a tag of its own,
`t1`, `t2`, …, so that an image in the output says which lines it was made of.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

_NAMES: Final = ("acme/api", "ghcr.io/acme/web", "localhost:5000/db", "nginx", "registry.acme.example:5000/x/y")
_KINDS: Final = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("v1", "Pod"),
    ("argoproj.io/v1alpha1", "Rollout"),
    ("extensions/v1beta1", "Deployment"),
    ("acme.example/v1", "Widget"),
)
_DIGEST: Final = "@sha256:"


class Trees:
    """Makes one tree: a base, perhaps a second one, components, one or two overlays. `top` is the last directory."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.files: dict[str, bytes] = {}
        self.top = "base"
        self._count = 0
        self._objects: list[dict[str, Any]] = []
        self._has_variables = random.random() < 0.25
        self._kinds = random.sample(_KINDS, random.choice([1, 1, 2, 3]))
        self._make()

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tag(self) -> str:
        self._count += 1
        return f"t{self._count}x"

    def _some(self, share: float) -> bool:
        return self.random.random() < share

    def _image(self) -> str:
        if self._has_variables and self._some(0.2):
            return self.random.choice(["$(VALUE)", "acme/api:$(PART)", "acme/api:$(NOBODY)"])
        name, tag = self.random.choice(_NAMES), self._tag()
        if self._some(0.1):
            return f"{name}:{tag}{_DIGEST}{'a' * 64}"
        return f"{name}:{tag}"

    def _containers(self, *, least: int = 1) -> list[dict[str, Any]]:
        names = ["one", *self.random.sample(["two", "three"], self.random.randint(0, 2))]
        names = names if least else self.random.sample(names, self.random.randint(0, len(names)))
        return [{"name": name, "image": self._image()} for name in names]

    def _pod(self, *, least: int = 1) -> dict[str, Any]:
        spec: dict[str, Any] = {"containers": self._containers(least=least)}
        if self._some(0.3):
            spec["initContainers"] = self._containers(least=least)
        if self._some(0.1):
            spec["volumes"] = [{"name": "v", "image": {"reference": self._image()}}]
        return spec

    def _spec(self, kind: str, *, least: int = 1) -> dict[str, Any]:
        pod = self._pod(least=least)
        if kind == "Pod":
            return pod
        if kind == "CronJob":
            return {"jobTemplate": {"spec": {"template": {"spec": pod}}}}
        if kind == "Widget":
            return {"engine": {"image": self._image()}, "containers": pod["containers"]}
        return {"template": {"spec": pod}}

    def _object(self, name: str) -> dict[str, Any]:
        version, kind = self.random.choice(self._kinds)
        metadata: dict[str, Any] = {"name": name}
        if self._some(0.3):
            metadata["labels"] = {"tier": self.random.choice(["web", "db"])}
        if self._some(0.15):
            metadata["annotations"] = {"note": "x"}
        if self._some(0.15):
            metadata["namespace"] = self.random.choice(["one", "two"])
        if self._some(0.06):
            metadata.setdefault("annotations", {})["config.kubernetes.io/local-config"] = "true"
        made = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": self._spec(kind)}
        self._objects.append(made)
        return made

    # ── fields of a kustomization ────────────────────────────────────────────────────────────────────────────────────────

    def _entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": self.random.choice([*_NAMES, "ghcr.io/.*", "acme/other"])}
        if self._some(0.5):
            entry["newTag"] = self._tag()
        if self._some(0.3):
            entry["newName"] = self.random.choice(["ghcr.io/acme/new", "acme/other", "localhost:5001/z"])
        if self._some(0.15):
            entry["digest"] = "sha256:" + "b" * 64
        if len(entry) == 1:
            entry["tagSuffix"] = "-s"
        return entry

    def _path(self, kind: str) -> str:
        return {"Pod": "/spec", "CronJob": "/spec/jobTemplate/spec/template/spec", "Widget": "/spec"}.get(
            kind, "/spec/template/spec"
        )

    def _target(self, item: dict[str, Any]) -> dict[str, Any]:
        kind, name = item["kind"], item["metadata"]["name"]
        choices: list[dict[str, Any]] = [
            {"kind": kind, "name": name},
            {"kind": kind},
            {"name": f"{name}|none", "kind": f"{kind}|Nothing"},
            {"kind": kind, "name": f".*{name}.*"},
            {"group": item["apiVersion"].rpartition("/")[0] or "", "kind": kind, "name": name},
            {"labelSelector": self.random.choice(["tier=web", "tier in (web,db)", "!tier", "team=a", "tier!=db,team"])},
            {"annotationSelector": self.random.choice(["note=x", "note!=x", "owner"])},
        ]
        return self.random.choice(choices)

    def _operations(self, kind: str) -> list[dict[str, Any]]:
        at = f"{self._path(kind)}/containers"
        new = {"name": f"n{self._count}", "image": self._image()}
        choices: list[list[dict[str, Any]]] = [
            [{"op": "replace", "path": f"{at}/0/image", "value": self._image()}],
            [{"op": "add", "path": f"{at}/0", "value": new}],
            [{"op": "add", "path": f"{at}/-", "value": new}],
            [{"op": "remove", "path": f"{at}/0"}, {"op": "add", "path": f"{at}/-", "value": new}],
            [{"op": "replace", "path": at, "value": [new]}],
            [{"op": "add", "path": "/metadata/annotations", "value": {"note": "y"}}],
            [{"op": "copy", "from": f"{at}/0/image", "path": f"{self._path(kind)}/copied~1image"}],
            [
                {"op": "test", "path": f"{at}/0/name", "value": "one"},
                {"op": "replace", "path": f"{at}/0/image", "value": self._image()},
            ],
        ]
        return self.random.choice(choices)

    def _merge(self, item: dict[str, Any], name: str) -> dict[str, Any]:
        kind = item["kind"]
        metadata = {"name": name, **{k: v for k, v in item["metadata"].items() if k == "namespace"}}
        patch = {
            "apiVersion": item["apiVersion"],
            "kind": kind,
            "metadata": metadata,
            "spec": self._spec(kind, least=0),
        }
        pod: Any = patch["spec"]
        for step in self._path(kind).split("/")[2:]:
            pod = pod[step]
        for listed in pod.get("containers", []):
            if self._some(0.12):
                listed.pop("image")
                listed["$patch"] = "delete"
        if self._some(0.06):
            pod["containers"] = [{"$patch": "replace"}, *self._containers()]
        if self._some(0.05):
            pod["initContainers"] = None
        if self._some(0.04):
            pod["containers"] = [{"$patch": "delete"}, *self._containers()]
        if self._some(0.08):
            pod["$patch"] = "replace"
        return {**patch, "$patch": "delete"} if self._some(0.04) else patch

    def _patch(self, layer: str, prefix: str) -> dict[str, Any]:
        item = self.random.choice(self._objects)
        if self._some(0.5):
            body: Any = self._operations(item["kind"])
            patch: dict[str, Any] = {"target": self._target(item)}
        else:
            patch = {"target": self._target(item)} if self._some(0.4) else {}
            body = self._merge(item, item["metadata"]["name"] if self._some(0.8) else prefix + item["metadata"]["name"])
        text = json.dumps(body, indent=1 if self._some(0.5) else None)
        if self._some(0.3):
            name = f"patch-{self._tag()}.{self.random.choice(['json', 'yaml'])}"
            self.files[f"{layer}/{name}"] = text.encode()
            return {**patch, "path": name}
        return {**patch, "patch": text}

    def _replacement(self) -> dict[str, Any]:
        source, target = self.random.choice(self._objects), self.random.choice(self._objects)
        path = self._path(target["kind"]).strip("/").replace("/", ".")
        options: dict[str, Any] = {}
        if self._some(0.4):
            options = {"delimiter": ":", "index": self.random.choice([0, 1, 5, -1])}
        if self._some(0.3):
            options["create"] = True
        where = self.random.choice(["containers.0.image", "containers.*.image", "containers.[name=one].image"])
        chosen: dict[str, Any] = {
            "select": self.random.choice([{"kind": target["kind"]}, {"name": target["metadata"]["name"]}]),
            "fieldPaths": [f"{path}.{where}"],
        }
        if options:
            chosen["options"] = options
        if self._some(0.2) or "delimiter" in options:
            # A value that is cut up where it comes from is copied on as it is then: a quirk that nobody means.
            chosen["reject"] = [{"name": source["metadata"]["name"]}]
        if self._some(0.2):
            return {"sourceValue": self._tag(), "targets": [chosen]}
        from_settings = self._some(0.4)
        said: dict[str, Any] = {"kind": "ConfigMap", "name": "settings", "fieldPath": "data.image"}
        if not from_settings:
            inside = self._path(source["kind"]).strip("/").replace("/", ".")
            said = {
                "kind": source["kind"],
                "name": source["metadata"]["name"],
                "fieldPath": f"{inside}.containers.0.image",
            }
        elif self._some(0.3):
            said["options"] = {"delimiter": ":", "index": 1}
        return {"source": said, "targets": [chosen]}

    def _transformer(self) -> str:
        item = self.random.choice(self._objects)
        made: dict[str, Any] = {"apiVersion": "builtin", "metadata": {"name": f"t{self._count}"}}
        match self.random.randint(0, 3):
            case 0:
                made |= {"kind": "ImageTagTransformer", "imageTag": self._entry()}
                if self._some(0.5):
                    made["fieldSpecs"] = [{"path": "spec/engine/image", "kind": "Widget"}]
            case 1:
                made |= {"kind": "PatchTransformer", "target": self._target(item)}
                made["patch"] = json.dumps(self._operations(item["kind"]))
            case 2:
                made |= {"kind": "ReplacementTransformer", "replacements": [self._replacement()]}
            case _:
                made |= {"kind": "AnnotationsTransformer", "annotations": {"owner": "b"}}
                made["fieldSpecs"] = [{"path": "metadata/annotations", "create": True}]
        return json.dumps(made, indent=1)

    def _common(self, layer: str, body: dict[str, Any], prefix: str) -> None:
        body["images"] = [self._entry() for _ in range(self.random.choice([0, 0, 1, 2]))]
        body["patches"] = [self._patch(layer, prefix) for _ in range(self.random.choice([0, 0, 1, 2]))]
        if self._some(0.15):
            item = self.random.choice(self._objects)
            group, _, version = item["apiVersion"].rpartition("/")
            target = {"group": group, "version": version, "kind": item["kind"], "name": item["metadata"]["name"]}
            body["patchesJson6902"] = [{"target": target, "patch": json.dumps(self._operations(item["kind"]))}]
        if self._some(0.15):
            item = self.random.choice(self._objects)
            body["patchesStrategicMerge"] = [json.dumps(self._merge(item, item["metadata"]["name"]), indent=1)]
        if self._some(0.25):
            body["replacements"] = [self._replacement()]
        if self._some(0.15):
            body["transformers"] = [self._transformer()]
        if self._some(0.15):
            body["commonLabels"] = {"team": "a"}
        if self._some(0.15):
            body["labels"] = [{"pairs": {"tier": "web"}, "includeSelectors": False}]
        if self._some(0.15):
            body["commonAnnotations"] = {"owner": "x"}
        if self._some(0.1):
            body["configurations"] = ["fields.json"]
            paths = ["spec/engine/image", "spec/containers/image", "spec/template/spec/containers[]/image"]
            field = {"path": self.random.choice(paths), **self.random.choice([{"kind": "Widget"}, {}])}
            fields = {"images": [field]}
            self.files[f"{layer}/fields.json"] = json.dumps(fields).encode()

    # ── directories ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _base(self, directory: str, names: list[str]) -> None:
        body: dict[str, Any] = {"resources": []}
        for name in names:
            made = self._object(name)
            if self._some(0.1):
                made = {"apiVersion": "v1", "kind": "List", "items": [made]}
            self.files[f"{directory}/{name}.yaml"] = json.dumps(made, indent=1).encode()
            body["resources"].append(f"{name}.yaml")
        if directory == "base":
            body["configMapGenerator"] = [{"name": "settings", "literals": [f"image=ghcr.io/acme/set:{self._tag()}"]}]
        self._common(directory, body, "")
        if directory == "base" and self._has_variables:
            self._variables(body)
        self._write(directory, body)

    def _variables(self, body: dict[str, Any]) -> None:
        settings = {"kind": "ConfigMap", "name": "settings", "apiVersion": "v1"}
        body["configMapGenerator"][0]["literals"].append(f"part={self._tag()}")
        body["vars"] = [
            {"name": "VALUE", "objref": settings, "fieldref": {"fieldpath": "data.image"}},
            {"name": "PART", "objref": settings, "fieldref": {"fieldpath": "data.part"}},
        ]
        pods = ("spec", "spec/template/spec", "spec/jobTemplate/spec/template/spec")
        paths = [f"{pod}/{lists}/image" for pod in pods for lists in ("containers", "initContainers")]
        fields = {"varReference": [{"path": path} for path in (*paths, "spec/engine/image")]}
        self.files["base/variables.json"] = json.dumps(fields).encode()
        body["configurations"] = [*body.get("configurations", []), "variables.json"]

    def _component(self, directory: str) -> None:
        body: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
        if self._some(0.3):
            name = f"{directory}-own"
            self.files[f"{directory}/own.json"] = json.dumps(self._object(name), indent=1).encode()
            body["resources"] = ["own.json"]
        self._common(directory, body, "")
        body["images"] = body["images"] or [self._entry()]
        self._write(directory, body)

    def _overlay(self, directory: str, below: list[str]) -> None:
        prefix = "p-" if self._some(0.3) else ""
        body: dict[str, Any] = {"resources": [f"../{name}" for name in below]}
        if prefix:
            body["namePrefix"] = prefix
        if self._some(0.2):
            body["nameSuffix"] = "-s"
        if self._some(0.2):
            body["namespace"] = "one"
        if self._some(0.25):
            generator = {"name": "settings", "behavior": "merge", "envs": ["settings.env"]}
            self.files[f"{directory}/settings.env"] = f"# set\nimage=ghcr.io/acme/env:{self._tag()}\n".encode()
            body["configMapGenerator"] = [generator]
        if self._some(0.3):
            self._component(f"{directory}-part")
            body["components"] = [f"../{directory}-part"]
        self._common(directory, body, prefix)
        self._write(directory, body)
        self.top = directory

    def _write(self, directory: str, body: dict[str, Any]) -> None:
        kept = {key: value for key, value in body.items() if value}
        self.files[f"{directory}/kustomization.yaml"] = json.dumps(kept, indent=1).encode()

    def _make(self) -> None:
        self._base("base", ["alpha", "beta"][: self.random.randint(1, 2)])
        bases = ["base"]
        if self._some(0.2):
            self._base("more", ["gamma"])
            bases.append("more")
        self._overlay("overlay", bases)
        if self._some(0.4):
            self._overlay("top", ["overlay"])
