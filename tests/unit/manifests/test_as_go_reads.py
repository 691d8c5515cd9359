"""What kubectl and kustomize deploy of a file is found in it, or it is told that it cannot be: both are written in Go.

Each case deploys the image `evil`; the real programs, where they are installed, say so too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.kustomize.spelling import spelled
from auditor.manifests.nodes import Mapping, Scalar
from auditor.source.memory import MemoryTree

TOOLS: Final = Path(__file__).resolve().parents[3] / ".cache" / "tools"
EVIL: Final = "evil.example/x"


def pod(inside: str, *, name: str = "web") -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: web, {inside}}}]}}\n"


BAD: Final = pod(f"image: '{EVIL}:1'")
GOOD: Final = pod("image: 'ghcr.io/acme/web:1'")
BODY: Final = BAD.split("kind: Pod\n")[1]
NESTED: Final = BAD.replace("\n", "\n  ").rstrip()

MANIFESTS: Final[dict[str, tuple[str, str | bytes]]] = {
    "a merge with its tag brings the kind": (
        "x.yaml",
        f"x: &x {{apiVersion: v1, kind: Pod}}\n!!merge <<: *x\n{BODY}",
    ),
    "a quoted merge with its tag": ("x.yaml", f"x: &x {{apiVersion: v1, kind: Pod}}\n!!merge '<<': *x\n{BODY}"),
    "a merge with its tag in full": (
        "x.yaml",
        f"x: &x {{apiVersion: v1, kind: Pod}}\n!<tag:yaml.org,2002:merge> <<: *x\n{BODY}",
    ),
    "the second of two merges": (
        "x.yaml",
        pod(f"<<: {{image: 'ghcr.io/acme/web:1'}}, <<: {{image: '{EVIL}:1'}}"),
    ),
    "a merge below the key": ("x.yaml", pod(f"image: 'ghcr.io/acme/web:1', <<: {{image: '{EVIL}:1'}}")),
    "a merge within a merge": (
        "x.yaml",
        pod(f"<<: {{image: 'ghcr.io/acme/web:1', <<: {{image: '{EVIL}:1'}}}}"),
    ),
    "a key written twice": ("x.yaml", pod(f"image: 'ghcr.io/acme/web:1', image: '{EVIL}:1'")),
    "a kind written twice": ("x.yaml", f"apiVersion: v1\nkind: ConfigMap\nkind: Pod\n{BODY}"),
    "a kind merged over a list of types": (
        "x.yaml",
        f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n<<: {{apiVersion: v1, kind: Pod}}\n{BODY}",
    ),
    "an item that merges its kind": (
        "x.yaml",
        (
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nitems:\n- "
            f"<<: {{apiVersion: v1, kind: Pod}}\n  {BODY.replace(chr(10), chr(10) + '  ').rstrip()}\n"
        ),
    ),
    "a key and a kind in base64": (
        "x.yaml",
        f"apiVersion: v1\n!!binary a2luZA==: !!binary UG9k\n{BODY}".replace("image", "!!binary aW1hZ2U="),
    ),
    "a separator with a narrow space": ("x.yaml", f"{GOOD}---\xa0\n{BAD.replace('name: web', 'name: w2')}"),
    "a mark of order in the middle": ("x.yaml", f"{GOOD}---\n\ufeff{BAD.replace('name: web', 'name: w2')}"),
    "carriage returns alone": ("x.yaml", BAD.replace("\n", "\r")),
    "UTF-16": ("x.yaml", BAD.encode("utf-16")),
    "JSON with a key twice": (
        "x.json",
        json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [0]}}).replace(
            "[0]", f'[{{"name": "a", "image": "ghcr.io/acme/web:1", "im\\u0061ge": "{EVIL}\\u003a1"}}]'
        ),
    ),
    "JSON after JSON": (
        "x.json",
        "".join(
            json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [each]}})
            for name, each in (
                ("a", {"name": "a", "image": "ghcr.io/acme/web:1"}),
                ("b", {"name": "b", "image": f"{EVIL}:1"}),
            )
        ),
    ),
    "a pod called like a kustomization": ("kustomization.yaml", BAD),
    "a list called like a kustomization": (
        "kustomization.yaml",
        f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {{name: x}}\nitems:\n- {NESTED}\n",
    ),
}
ENTRY: Final = f"[{{name: ghcr.io/acme/web, newName: {EVIL}}}]"
TAGGED: Final = "[{name: ghcr.io/acme/web, newTag: '2'}]"
REPLACE: Final = f"'{json.dumps([{'op': 'replace', 'path': '/spec/containers/0/image', 'value': f'{EVIL}:1'}])}'"
FROM: Final = "{kind: ConfigMap, name: c, fieldPath: data.v}"
TO: Final = "{select: {kind: Pod}, fieldPaths: [spec.containers.0.image]}"
VALUES: Final = f"configMapGenerator: [{{name: c, literals: ['v={EVIL}:1']}}]\n"

KUSTOMIZATIONS: Final[dict[str, tuple[str, str]]] = {
    **{f"`{key}`": (f"resources: [x.yaml]\n{key}: {ENTRY}\n", GOOD) for key in ("Images", "IMAGES", "imageS")},
    "`NewName`": (f"resources: [x.yaml]\nimages: [{{name: ghcr.io/acme/web, NewName: {EVIL}}}]\n", GOOD),
    "`ImageTags`": (f"resources: [x.yaml]\nImageTags: {ENTRY}\n", GOOD),
    "`Resources`": ("Resources: [x.yaml]\n", BAD),
    "the long s": ("re\u017fources: [x.yaml]\n", BAD),
    "`Patches`": (f"resources: [x.yaml]\nPatches: [{{Target: {{Kind: Pod}}, Patch: {REPLACE}}}]\n", GOOD),
    "`Replacements`": (
        f"resources: [x.yaml]\n{VALUES}Replacements: [{{Source: {FROM}, Targets: [{TO}]}}]\n",
        GOOD,
    ),
    "a transformer's field": (
        (
            "resources: [x.yaml]\ntransformers:\n- |\n  apiVersion: builtin\n  kind: ImageTagTransformer\n"
            f"  metadata: {{name: t}}\n  ImageTag: {{name: ghcr.io/acme/web, NewName: {EVIL}}}\n"
        ),
        GOOD,
    ),
    "two spellings": (f"resources: [x.yaml]\nImages: {ENTRY}\nimages: {TAGGED}\n", GOOD),
    "a merge below": (f"resources: [x.yaml]\nimages: {TAGGED}\n<<: {{images: {ENTRY}}}\n", GOOD),
    "a merge with its tag": (f"resources: [x.yaml]\n!!merge <<: {{images: {ENTRY}}}\n", GOOD),
    "two merges": (f"resources: [x.yaml]\n<<: {{images: {TAGGED}}}\n<<: {{images: {ENTRY}}}\n", GOOD),
    "a merge in an entry": (
        (
            "resources: [x.yaml]\n"
            f"images: [{{name: ghcr.io/acme/web, newName: ghcr.io/acme/api, <<: {{newName: {EVIL}}}}}]\n"
        ),
        GOOD,
    ),
}


def read(files: dict[str, str | bytes]) -> Inventory:
    content = {path: text if isinstance(text, bytes) else text.encode() for path, text in files.items()}
    return inventory(MemoryTree(content, "tree"), ManifestSettings())


def is_told(found: Inventory) -> bool:
    return bool(found.gaps) or any(use.reference.startswith(EVIL) for use in found.uses if use.deployed)


@pytest.mark.parametrize("case", MANIFESTS)
def test_what_kubectl_would_apply_is_found_or_told(case: str) -> None:
    path, content = MANIFESTS[case]
    assert is_told(read({path: content}))


@pytest.mark.parametrize("case", KUSTOMIZATIONS)
def test_what_kustomize_would_build_is_found_or_told(case: str) -> None:
    content, manifest = KUSTOMIZATIONS[case]
    assert is_told(read({"kustomization.yaml": content, "x.yaml": manifest}))


@pytest.mark.parametrize("case", [case for case in KUSTOMIZATIONS if "merge" not in case and case != "two spellings"])
def test_fields_in_another_case_are_read_and_nothing_is_missing(case: str) -> None:
    content, manifest = KUSTOMIZATIONS[case]
    found = read({"kustomization.yaml": content, "x.yaml": manifest})
    assert {use.reference for use in found.uses} == {f"{EVIL}:1"}
    assert not found.gaps


@pytest.mark.parametrize("case", MANIFESTS)
def test_kubectl_applies_it(case: str, tmp_path: Path) -> None:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    path, content = MANIFESTS[case]
    (tmp_path / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    command = [program, "label", "--local", "--filename", str(tmp_path), "read=1", "--output=json"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env={"HOME": str(tmp_path)})
    assert f'"image": "{EVIL}:1"' in done.stdout.decode()


@pytest.mark.interop
@pytest.mark.parametrize("case", KUSTOMIZATIONS)
def test_kustomize_builds_it(case: str, tmp_path: Path) -> None:
    cached = TOOLS / "kustomize"
    program = shutil.which("kustomize") or (str(cached) if cached.is_file() else None)
    if program is None:
        pytest.skip("kustomize is not installed")
    content, manifest = KUSTOMIZATIONS[case]
    (tmp_path / "kustomization.yaml").write_text(content, "utf-8")
    (tmp_path / "x.yaml").write_text(manifest, "utf-8")
    done = subprocess.run([program, "build", str(tmp_path)], capture_output=True, check=True, timeout=60)
    assert f"image: {EVIL}:" in done.stdout.decode()


def test_values_of_a_chart_keep_their_own_keys() -> None:
    """They are the chart's, whatever fields of kustomize they resemble."""
    values = Mapping([("Images", Scalar("x", "k", 1, 1))])
    written = Mapping([("HelmCharts", Mapping([("ValuesInline", values), ("Name", Scalar("c", "k", 1, 1))]))])
    (key, charts), *_ = spelled(written).entries
    assert isinstance(charts, Mapping)
    assert (key, [name for name, _ in charts.entries]) == ("helmCharts", ["valuesInline", "name"])
    assert charts.mapping("valuesInline") is values
