"""Source and builder of SLSA provenance: what its two versions say, and what must not be taken for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.limits import DEFAULT
from auditor.signatures.encoding import Malformed
from auditor.signatures.provenance import Provenance, read_provenance, repository

V0_2 = "https://slsa.dev/provenance/v0.2"
V1 = "https://slsa.dev/provenance/v1"
API = "https://github.com/acme/api"
URI = "git+https://github.com/acme/api@refs/tags/v2.1.0"
EVIL = "git+https://github.com/mallory/api@refs/tags/v2.1.0"
BUILDER = "https://github.com/acme/ci/.github/workflows/build.yaml@refs/tags/v3"


def v0_2(uri: Any = URI, materials: Any = None, builder: Any = None) -> dict[str, Any]:
    """As slsa-github-generator writes it."""
    return {
        "builder": {"id": BUILDER} if builder is None else builder,
        "buildType": "https://github.com/slsa-framework/slsa-github-generator/container@v1",
        "invocation": {"configSource": {"uri": uri, "digest": {"sha1": "0" * 40}, "entryPoint": "release.yaml"}},
        "materials": [{"uri": URI, "digest": {"sha1": "0" * 40}}] if materials is None else materials,
    }


def v1(
    repository: Any = API, dependencies: Any = None, builder: Any = None, more: dict[str, Any] | None = None
) -> dict[str, Any]:
    """As GitHub's attestations write it."""
    workflow = {"ref": "refs/tags/v2.1.0", "repository": repository, "path": ".github/workflows/release.yaml"}
    return {
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": workflow} | (more or {}),
            "resolvedDependencies": [{"uri": URI, "digest": {"gitCommit": "0" * 40}}]
            if dependencies is None
            else dependencies,
        },
        "runDetails": {"builder": {"id": BUILDER} if builder is None else builder},
    }


def read(predicate: Any, kind: str = V1) -> Provenance:
    return read_provenance(json.dumps({"predicateType": kind, "predicate": predicate}).encode())


@pytest.mark.parametrize(("kind", "predicate"), [(V0_2, v0_2()), (V1, v1())], ids=["v0.2", "v1"])
def test_what_builders_write_is_read(kind: str, predicate: dict[str, Any]) -> None:
    assert read(predicate, kind) == Provenance(API, BUILDER)


@pytest.mark.parametrize(
    "uri",
    [
        "git+https://github.com/acme/api@refs/heads/feature@2",
        "git+https://github.com/acme/api",
        "git+https://github.com/acme/api.git@v2",
        "https://github.com/acme/api",
        "https://github.com/acme/api.git",
    ],
)
def test_one_repository_has_several_spellings(uri: str) -> None:
    assert repository(uri, "it") == API


@pytest.mark.parametrize(
    "uri",
    [
        "git+https://github.com@evil.example/acme/api",
        "git+https://acme@github.com/acme/api",
        "git+https://github.com:pw@evil.example/acme/api",
        "git+git+https://github.com/acme/api",
        "git+ssh://git@github.com/acme/api",
        "https://github.com/acme/../mallory/api",
        "https://github.com/acme/./api",
        "https://github.com/acme/..@v1",
        "https://github.com/acme/%2e%2e/api",
        "https://github.com/acme/api?x",
        "https://github.com/acme/api#x",
        "https://github.com//acme/api",
        "https://github.com/acme/api/",
        "https://github.com/acme/api@",
        "https://github.com/acme/api@v1 v2",
        "https://GitHub.com/acme/api",
        "https://github.com/acme/\u0430pi",
        "https://github.com/acme/api\n",
        "https://github.com\\@evil.example/acme/api",
        "https://github.com",
        "",
        None,
        [URI],
        {"uri": URI},
        7,
    ],
    ids=repr,
)
def test_what_could_be_read_as_another_repository_is_none(uri: Any) -> None:
    with pytest.raises(Malformed):
        repository(uri, "it")


UNTOLD: dict[str, tuple[str, Any]] = {
    "v0.2 asked for by another repository": (V0_2, v0_2(uri=EVIL)),
    "v0.2 built from another repository": (V0_2, v0_2(materials=[{"uri": EVIL}])),
    "v0.2 built from nothing": (V0_2, v0_2(materials=[])),
    "v0.2 with a list for a source": (V0_2, v0_2(uri=[URI])),
    "v0.2 with an object for its materials": (V0_2, v0_2(materials={"uri": URI})),
    "v0.2 with a text as a material": (V0_2, v0_2(materials=[URI])),
    "v0.2 without an invocation": (V0_2, {"builder": {"id": BUILDER}, "materials": [{"uri": URI}]}),
    "v0.2 that is named v1": (V1, v0_2()),
    "v1 that is named v0.2": (V0_2, v1()),
    "v1 asked for by another repository": (V1, v1(repository="https://github.com/mallory/api")),
    "v1 built from another repository": (V1, v1(dependencies=[{"uri": EVIL}])),
    "v1 that only depends on ours": (V1, v1(repository=None)),
    "v1 with two sources": (V1, v1(more={"source": {"uri": EVIL}})),
    "v1 with a list for a repository": (V1, v1(repository=[API])),
    "v1 with a text for a workflow": (V1, v1(more={"workflow": API})),
    "v1 with parameters that nobody knows": (V1, {"buildDefinition": {"externalParameters": {"repository": API}}}),
    "v1 that lists too much": (V1, v1(dependencies=[{"uri": URI}] * (DEFAULT.provenance_materials + 1))),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_what_does_not_say_one_thing_says_nothing(name: str) -> None:
    kind, predicate = UNTOLD[name]
    assert read(predicate, kind).source != API


def test_a_repository_among_images_and_tools_is_found() -> None:
    others = [{"uri": "pkg:docker/alpine@3"}, {"name": "nameless"}, {"uri": URI}, {"uri": EVIL}]
    assert read(v1(dependencies=others)).source == API
    assert read(v1(more={"source": {"uri": URI}})).source == API


@pytest.mark.parametrize("builder", [{}, {"id": [BUILDER]}, {"id": None}, [BUILDER], BUILDER], ids=repr)
@pytest.mark.parametrize("kind", [V0_2, V1])
def test_a_builder_without_one_id_is_none(kind: str, builder: Any) -> None:
    assert isinstance(read((v0_2 if kind == V0_2 else v1)(builder=builder), kind).builder, Malformed)


@pytest.mark.parametrize(
    "statement",
    [
        b"",
        b"[]",
        json.dumps({"predicateType": "https://spdx.dev/Document", "predicate": v1()}).encode(),
        json.dumps({"predicateType": V1}).encode(),
        json.dumps({"predicateType": V1, "predicate": [v1()]}).encode(),
        json.dumps({"predicateType": V1, "predicate": v1()})
        .replace('"repository"', '"repository": 1, "repository"')
        .encode(),
        b'{"predicateType": "%s", "predicate": %s}' % (V1.encode(), b"[" * 100_000),
    ],
    ids=["nothing", "a list", "another type", "no predicate", "a list of predicates", "a key twice", "too deep"],
)
def test_what_is_no_provenance_is_malformed(statement: bytes) -> None:
    with pytest.raises(Malformed):
        read_provenance(statement)
