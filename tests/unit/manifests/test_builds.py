"""Dockerfiles, Compose files and workflows: judged where the rules ask for it, and nothing else of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.dockerfile import bases
from auditor.manifests.inventory import inventory
from auditor.source.memory import MemoryTree

EVERYTHING = ManifestSettings(also=("compose", "dockerfile", "github-actions"))
DOCKERFILE = """\
# syntax=docker/dockerfile:1.7
ARG BASE=ghcr.io/acme/base
ARG TAG=1.2
ARG UNKNOWN
FROM --platform=$BUILDPLATFORM ${BASE}:${TAG} AS Build
RUN --mount=type=bind,from=ghcr.io/acme/tools:3,target=/t make
RUN <<EOF
FROM inside/of:text
EOF
FROM build AS test
FROM \\
  # a comment in between
  ghcr.io/acme/runtime:4
COPY --from=build /a /a
COPY --from=0 /b /b
COPY --from=ghcr.io/acme/files:5 /c /c
FROM ${UNKNOWN}
FROM scratch
"""
COMPOSE = """\
x-common: &common
  image: ghcr.io/acme/common:1
services:
  web: {image: "ghcr.io/acme/web:${TAG:-1.0}"}
  db: {image: "postgres:$VERSION"}
  same: {<<: *common, ports: ["80:80"]}
  built: {build: .}
"""
WORKFLOW = """\
on: push
jobs:
  test:
    container: node:20
    services:
      db: {image: "postgres:16"}
    steps:
      - uses: actions/checkout@v4
      - uses: docker://alpine:3
  other:
    container: {image: "ghcr.io/acme/ci:${{ matrix.v }}"}
    steps: [{run: "docker run x"}]
"""
ACTION = "runs: {using: docker, image: 'docker://ghcr.io/acme/action:1'}\n"
FILES = {
    "Dockerfile": DOCKERFILE,
    "img/Dockerfile.prod": "FROM ghcr.io/acme/prod:1\n",
    "img/web.dockerfile": "from ghcr.io/acme/lower:1\n",
    "docker-compose.yml": COMPOSE,
    ".github/workflows/ci.yaml": WORKFLOW,
    "action.yml": ACTION,
}
TREE = MemoryTree({path: text.encode() for path, text in FILES.items()}, "tree")


def found(settings: ManifestSettings, *, every: bool = False) -> set[tuple[str, int, str]]:
    uses = inventory(TREE, settings, every=every).uses
    return {(use.place.file, use.place.line, use.reference) for use in uses if use.deployed}


def test_nothing_of_them_is_judged_unless_the_rules_ask() -> None:
    assert found(ManifestSettings()) == set()
    assert found(ManifestSettings(), every=True) == set()


def test_a_dockerfile() -> None:
    assert found(ManifestSettings(also=("dockerfile",))) == {
        ("Dockerfile", 1, "docker/dockerfile:1.7"),
        ("Dockerfile", 5, "ghcr.io/acme/base:1.2"),
        ("Dockerfile", 6, "ghcr.io/acme/tools:3"),
        ("Dockerfile", 13, "ghcr.io/acme/runtime:4"),
        ("Dockerfile", 16, "ghcr.io/acme/files:5"),
        ("Dockerfile", 17, "${UNKNOWN}"),
        ("img/Dockerfile.prod", 1, "ghcr.io/acme/prod:1"),
        ("img/web.dockerfile", 1, "ghcr.io/acme/lower:1"),
    }


def test_a_compose_file() -> None:
    assert found(ManifestSettings(also=("compose",))) == {
        ("docker-compose.yml", 4, "ghcr.io/acme/web:1.0"),
        ("docker-compose.yml", 5, "postgres:${VERSION}"),
        ("docker-compose.yml", 2, "ghcr.io/acme/common:1"),
    }


def test_workflows_and_actions() -> None:
    assert found(ManifestSettings(also=("github-actions",))) == {
        (".github/workflows/ci.yaml", 4, "node:20"),
        (".github/workflows/ci.yaml", 6, "postgres:16"),
        (".github/workflows/ci.yaml", 9, "alpine:3"),
        (".github/workflows/ci.yaml", 11, "ghcr.io/acme/ci:${{ matrix.v }}"),
        ("action.yml", 1, "ghcr.io/acme/action:1"),
    }


def test_what_is_filled_in_later_is_a_gap() -> None:
    gaps = inventory(TREE, EVERYTHING).gaps
    assert sorted(gap.image or "" for gap in gaps if gap.rule == "templated-reference") == [
        "${UNKNOWN}",
        "ghcr.io/acme/ci:${{ matrix.v }}",
        "postgres:${VERSION}",
    ]


def test_what_is_judged_is_not_listed_a_second_time_as_not_deployed() -> None:
    uses = inventory(TREE, EVERYTHING, every=True).uses
    places = [(use.place.file, use.place.line, use.reference) for use in uses if use.container != "same"]
    assert len(places) == len(set(places))


def test_what_the_rules_leave_out_is_left_out() -> None:
    settings = ManifestSettings(also=("dockerfile",), exclude=("img/**", "Dockerfile"))
    assert found(settings) == set()


def test_a_file_that_cannot_be_read_is_a_gap() -> None:
    tree = MemoryTree({"compose.yaml": b"services: [\n", "Dockerfile": b"\xff\xfeFROM"}, "tree")
    inside = inventory(tree, EVERYTHING)
    assert {(gap.place.file, gap.rule) for gap in inside.gaps} == {("compose.yaml", "unparsable-file")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a AS a\nFROM a\n", ["a"]),
        ("FROM a:1 as B\nFROM b\n", ["a:1"]),
        ("FROM a:1 AS x\nFROM y:1 AS a:1\n", ["a:1", "y:1"]),
        ("ARG S=base\nFROM r/base:1 AS base\nFROM ${S}\n", ["r/base:1"]),
        ("FROM a:1\nARG T=9\nFROM b:${T}\n", ["a:1", "b:${T}"]),
        ("# escape=`\nFROM `\n  a:1\n", ["a:1"]),
        ("FROM a:1\nRUN <<A <<B\nFROM x\nA\nFROM y\nB\nFROM b:1\n", ["a:1", "b:1"]),
        ('FROM a:1\nRUN echo "<<A"\nFROM b:1\n', ["a:1", "b:1"]),
        ("FROM a:1\nRUN echo 'x <<A y'\nFROM b:1\n", ["a:1", "b:1"]),
        ("FROM a:1\nRUN echo it's <<A\nFROM b:1\n", ["a:1", "b:1"]),
        ("FROM a:1\nRUN cat x<<A\nFROM b:1\n", ["a:1", "b:1"]),
        ("FROM a:1\nRUN\t<<'A.B'\nFROM x\n A.B\nFROM y\nA.B\nFROM b:1\n", ["a:1", "b:1"]),
        ("FROM a:1\nRUN 3<<-A\nFROM x\n\tA\nFROM b:1\n", ["a:1", "b:1"]),
        ("FROM\n", []),
        ("ARG T=1\nFROM a:$T\n", ["a:1"]),
        ('ARG I="a:1"\nFROM ${I}\n', ["a:1"]),
        ("FROM a:${T:-2}\n", ["a:2"]),
    ],
)
def test_dockerfiles_as_docker_reads_them(text: str, expected: list[str]) -> None:
    assert [base.reference for base in bases(text)] == expected


@given(st.text(alphabet="FROM ARGasx:=$\\{}-\n#<'\"@/", max_size=200))
def test_every_text_is_read_and_each_base_stands_in_it(text: str) -> None:
    lines = text.replace("\r\n", "\n").split("\n")
    for base in bases(text):
        assert base.line < len(lines)
        assert base.reference
