"""What a repository may hold to stop, mislead or blind a check, item by item: bounded, told, and the rest is still judged.

Each item is a change beside a signed and an unsigned image. Closer tests of the same things: tests/unit/manifests
(test_helm_hostile, test_bounds, test_hostile_manifests, graph), tests/cli/test_bad_manifests.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from tests.cli.house import House
from tests.support.renderers import TOOLS

Files: TypeAlias = Mapping[str, str]

_CHART: Final = {
    "chart/Chart.yaml": "apiVersion: v2\nname: api\nversion: 1.2.3\n",
    "chart/values.yaml": "image: ghcr.io/acme/api:v1\n",
    "chart/templates/pod.yaml": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: '{{ .Values.image }}'}]}\n"
    ),
}
_BOMB: Final = "a: &a [x, y, z, x, y, z, x, y, z]\n" + "".join(
    f"{chr(ord('b') + n)}: &{chr(ord('b') + n)} [{', '.join(['*' + chr(ord('a') + n)] * 9)}]\n" for n in range(9)
)
_APPLICATION: Final = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app}\nspec:\n"
    "  source: {repoURL: 'https://git.acme.example/deploy', path: chart}\n"
)
_RELEASE: Final = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec:\n"
    "  chart: {spec: {chart: ./chart, sourceRef: {kind: GitRepository, name: flux-system}}}\n"
)


def _exploding() -> str:
    elements = ", ".join(f"{{n: '{index}'}}" for index in range(60))
    part = f"{{list: {{elements: [{elements}]}}}}"
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n"
        f"  generators: [{{matrix: {{generators: [{', '.join([part] * 8)}]}}}}]\n"
        "  template:\n    metadata: {name: 'a-{{n}}'}\n"
        "    spec: {source: {repoURL: 'https://git.acme.example/deploy', path: 'apps/{{n}}'}}\n"
    )


def _circle() -> Files:
    """Applications that deploy each other's directories, and one its own."""
    one = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {}}}\nspec:\n  source: {{repoURL: x, path: {}}}\n"
    return {"a/app.yaml": one.format("b", "b"), "b/app.yaml": one.format("a", "a"), "c/app.yaml": one.format("c", "c")}


_PLUGIN: Final = (
    "apiVersion: acme.example/v1\nkind: Evil\nmetadata:\n  name: x\n  annotations:\n"
    "    config.kubernetes.io/function: |\n      exec: {path: ./evil.sh}\n"
)
ITEMS: Final[dict[str, tuple[Files, str]]] = {
    "template that loops": (
        {**_CHART, "chart/templates/evil.yaml": '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'},
        "chart api",
    ),
    "chart of 50 MB": ({**_CHART, **{f"chart/files/{n}.txt": "x" * (10 << 20) for n in range(5)}}, "chart api"),
    "values bomb in a chart": ({**_CHART, "chart/values.yaml": _BOMB}, "chart api|unfold|nodes"),
    "values bomb in an Application": (
        {**_CHART, "app.yaml": _APPLICATION.replace("chart}", f"chart, helm: {{values: {json.dumps(_BOMB)}}}}}")},
        "app.yaml",
    ),
    "values bomb in a release": (
        {**_CHART, "release.yaml": f"{_RELEASE}  values:\n{textwrap.indent(_BOMB, '    ')}"},
        "release.yaml|nodes",
    ),
    "ApplicationSet that explodes": ({"set.yaml": _exploding()}, "too many Applications|Applications"),
    "path that leads out": (
        {"a/kustomization.yaml": "resources: [../../../../../etc/passwd, /etc/passwd]\n"},
        "out of|outside|leads|not in the tree|absolute",
    ),
    "remote base": (
        {"a/kustomization.yaml": "resources: ['https://github.com/acme/base//deploy?ref=v1']\n"},
        "github.com/acme/base",
    ),
    "exec plugin": (
        {"a/kustomization.yaml": "generators: [plugin.yaml]\n", "a/plugin.yaml": _PLUGIN, "a/evil.sh": "#!/bin/sh\n"},
        "plugin|generator",
    ),
    "post-renderer of a helmfile": (
        {**_CHART, "helmfile.yaml": "releases:\n- name: api\n  chart: ./chart\n  postRenderer: ./evil.sh\n"},
        "postRenderer",
    ),
    "post-renderer of Flux": (
        {
            **_CHART,
            "release.yaml": _RELEASE
            + "  postRenderers: [{kustomize: {patches: [{target: {kind: Pod}, patch: 'x: ['}]}}]\n",
        },
        "",
    ),
    "merge conflict": (
        {"a/kustomization.yaml": "resources:\n<<<<<<< ours\n- x.yaml\n=======\n- y.yaml\n>>>>>>> theirs\n"},
        "a/kustomization.yaml",
    ),
    "SOPS file": (
        {
            "d.sops.yaml": (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: d}\nspec:\n  containers:\n  - name: a\n"
                "    image: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\nsops: {version: 3.9.0}\n"
            )
        },
        "d.sops.yaml",
    ),
    "missing base": ({"a/kustomization.yaml": "resources: [../gone]\n"}, "gone"),
    "applications in a circle": (_circle(), ""),
    "kustomizations in a circle": (
        {"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"},
        "circle|cycl",
    ),
    "100,000 documents": ({"many.yaml": "---\nkind: None\nimages: no\n" * 100_000}, ""),
    "NUL in a namespace": (
        {**_CHART, "app.yaml": _APPLICATION + '  destination: {namespace: "a\\0b"}\n'},
        "null byte|chart api|chart chart",
    ),
}


def items() -> Iterator[Any]:
    """With and without programs that render; what has no program in it, and takes long, once."""
    for item in ITEMS:
        if "000" in item:
            yield pytest.param(item, "auto", marks=pytest.mark.slow(16), id=item)
        else:
            yield from (pytest.param(item, render, id=f"{item}-{render}") for render in ("auto", "never"))


@pytest.mark.parametrize(("item", "render"), [*items()])
def test_it_is_bounded_and_told_and_the_rest_is_judged(house: House, item: str, render: str) -> None:
    files, told = ITEMS[item]
    house.commit_base()
    house.commit({"web.yaml": house.images.pod("web"), "z/bad.yaml": house.images.pod("unsigned"), **files})
    path = os.pathsep.join((str(TOOLS), os.environ["PATH"]))
    began, started = time.process_time(), time.monotonic()
    ran = house.check("--render", render, environ={"PATH": path})
    assert time.process_time() - began < 90
    assert time.monotonic() - started < 600, "programs that render are not this process, and each has half a minute"
    assert ran.status == 1
    assert {name: ran.verdicts[name] for name in ("web", "unsigned")} == {"web": "verified", "unsigned": "unsigned"}
    said = [f"{gap['file']} {gap['what']} {gap['why']}" for gap in ran.report["skipped"]]
    assert any(re.search(told, one) for one in said) if told else True, said
    if told:
        assert {"unrendered", "unparsable-file", "templated-reference"} & set(ran.rules)


def test_symlinks_that_lead_out_or_nowhere(house: House, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: ghcr.io/acme/secret:1}]}\n"
    )
    house.commit_base()
    (house.repo / "a").mkdir()
    for name, target in {
        "out": "../../outside.yaml",
        "passwd": "/etc/passwd",
        "loop": "loop.yaml",
        "gone": "none.yaml",
    }.items():
        (house.repo / f"a/{name}.yaml").symlink_to(target)
    house.commit({"web.yaml": house.images.pod("web"), "z/bad.yaml": house.images.pod("unsigned")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"web": "verified", "unsigned": "unsigned"})
    assert "secret" not in ran.out
    assert {f"a/{name}.yaml" for name in ("out", "passwd", "loop", "gone")} <= {
        gap["file"] for gap in ran.report["skipped"]
    }
