"""The table of kinds: the shipped one is valid, a user's widens it, a wrong one says everything that is wrong."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from auditor import rulebook
from auditor.config.rules import ManifestSettings
from auditor.errors import ConfigurationError
from auditor.manifests.extract import kinds
from auditor.manifests.inventory import inventory
from auditor.model.use import Confidence, Sort
from auditor.source.memory import MemoryTree

TABLES = sorted(rulebook.folder("kinds").glob("*.yaml"))
SCHEMA: dict[str, Any] = json.loads((rulebook.folder("kinds") / "schema.json").read_text())
OWN = b"kinds:\n  - kind: Widget\n    group: acme.example\n    images: [spec.engine, 'spec.more[].from']\n"
WIDGET = b"apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w}\nspec: {engine: nginx, more: [{from: 'busybox:1'}]}\n"


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_a_shipped_table_has_the_published_shape(path: Any) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMA)


def test_at_least_thirty_kinds_are_described() -> None:
    assert len(kinds.load({}).by_kind) >= 30


def test_every_shipped_path_is_found_in_an_object_made_for_it() -> None:
    """For each path of the table an object with a reference there, and nothing else that would give it away."""
    for name, entries in kinds.load({}).by_kind.items():
        for entry in entries:
            for path, sort in entry.paths:
                body: Any = "ghcr.io/acme/x"
                for step in reversed(path):
                    body = [body] if step == "[]" else {("any" if step == "*" else step): body}
                    if step == "name":
                        body["kind"] = "DockerImage"
                made = {"apiVersion": f"{entry.group}/v1", "kind": name, "metadata": {"name": "n"}, **body}
                found = inventory(MemoryTree({"a.json": json.dumps(made).encode()}, "tree"), ManifestSettings())
                tag = f":<{entry.tag}>" if entry.tag else ""
                sure = [(use.reference, use.sort) for use in found.uses if use.confidence is Confidence.HIGH]
                assert sure == [(f"ghcr.io/acme/x{tag}", sort)], (name, path)
                known = {each.image.partition("{")[0].partition("<")[0] for kind in entries for each in kind.defaults}
                rest = [use.reference for use in found.uses if use.confidence is not Confidence.HIGH]
                assert all(one.startswith(tuple(known)) for one in rest), rest


def test_a_user_adds_a_kind() -> None:
    tree = MemoryTree({"w.yaml": WIDGET}, "tree")
    assert not inventory(tree, ManifestSettings()).uses
    found = inventory(tree, ManifestSettings(kinds={"own.yaml": OWN}))
    assert [(use.reference, use.place.line, use.place.key_path) for use in found.uses] == [
        ("nginx", 4, "spec.engine"),
        ("busybox:1", 4, "spec.more[0].from"),
    ]


def test_another_group_is_another_kind() -> None:
    tree = MemoryTree({"w.yaml": WIDGET.replace(b"acme.example", b"other.example")}, "tree")
    assert not inventory(tree, ManifestSettings(kinds={"own.yaml": OWN})).uses


def test_policies_deploy_nothing_and_are_listed_on_request() -> None:
    policy = b"apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {image: 'ghcr.io/acme/x:1'}\n"
    tree = MemoryTree({"p.yaml": policy}, "tree")
    assert not inventory(tree, ManifestSettings()).uses
    assert [(use.reference, use.deployed) for use in inventory(tree, ManifestSettings(), every=True).uses] == [
        ("ghcr.io/acme/x:1", False)
    ]


def test_what_a_table_ignores_is_deployed_by_nothing_and_listed_on_request() -> None:
    table = (
        b"kinds: [{kind: Widget, group: acme.example, ignore: [spec.image, spec.push.repository, spec.own_image,"
        b" spec.parts.tag]}]"
    )
    widget = (
        b"apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w}\nspec: {image: acme/boot, push: {repository: acme/out,"
        b" image: {repository: acme/in, tag: '1'}}, own_image: acme/own, own_image_tag: '2', parts: {repository: acme/p, tag: '3'}}"
    )
    settings = ManifestSettings(kinds={"own.yaml": table})
    tree = MemoryTree({"w.yaml": widget}, "tree")
    deployed, listed = (
        {(use.reference, use.deployed) for use in inventory(tree, settings, every=every).uses}
        for every in (False, True)
    )
    assert deployed == {("acme/in:1", True)}
    assert listed == {("acme/in:1", True), ("acme/boot", False), ("acme/own:2", False), ("acme/p:3", False)}


def test_image_streams_of_other_streams_are_no_images() -> None:
    stream = (
        b"apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: s}\nspec:\n  tags:\n"
        b"    - {name: a, from: {kind: DockerImage, name: 'quay.io/acme/a:1'}}\n"
        b"    - {name: b, from: {kind: ImageStreamTag, name: 'php:8'}}\n"
    )
    found = inventory(MemoryTree({"s.yaml": stream}, "tree"), ManifestSettings())
    assert [use.reference for use in found.uses] == ["quay.io/acme/a:1"]


def test_crossplane_packages_are_artifacts() -> None:
    package = b"apiVersion: pkg.crossplane.io/v1\nkind: Provider\nmetadata: {name: p}\nspec: {package: acme/provider}\n"
    found = inventory(MemoryTree({"p.yaml": package}, "tree"), ManifestSettings())
    assert [(use.reference, use.sort) for use in found.uses] == [("acme/provider", Sort.ARTIFACT)]


def test_defaults_with_mistakes_are_told() -> None:
    wrong = (
        b"kinds:\n  - kind: A\n    group: x\n    tag: 'a b'\n    defaults:\n      - text\n"
        b"      - {image: 'x:{spec.v}', unless: ['a..b'], since: 1}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        inventory(MemoryTree({}, "tree"), ManifestSettings(kinds={"own.yaml": wrong}))
    assert [problem.message for problem in caught.value.problems] == [
        "`tag` is no field: 'a b'",
        "an entry of `defaults` is a mapping with `image` (fields in braces: `acme/engine:{spec.version}`)",
        "unknown key 'since' in `defaults`",
        "`unless` and `when` name fields, like `spec.image`",
    ]


def test_every_shipped_default_has_a_reason_a_source_and_a_day() -> None:
    for path in TABLES:
        for entry in yaml.safe_load(path.read_text())["kinds"]:
            for default in entry.get("defaults", ()):
                assert default["note"], entry["kind"]
                assert default["source"].startswith("https://"), entry["kind"]
                assert default["written"], entry["kind"]


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    wrong = b"kinds:\n  - kind: A\n    groups: x\n    images: ['a..b']\n  - {kind: B, group: ''}\n  - text\n"
    with pytest.raises(ConfigurationError) as caught:
        inventory(MemoryTree({}, "tree"), ManifestSettings(kinds={"own.yaml": wrong, "empty.yaml": b"[]\n"}))
    assert [(problem.file, problem.line, problem.message) for problem in caught.value.problems] == [
        ("empty.yaml", 1, "a table of kinds is a mapping with a list `kinds`"),
        ("own.yaml", 2, "unknown key 'groups'"),
        ("own.yaml", 2, "`group` is missing (write '' for the core group, '*' for any)"),
        ("own.yaml", 2, "not a path: 'a..b'"),
        ("own.yaml", 5, "no paths: say where the images are"),
        ("own.yaml", 0, "an entry of `kinds` must be a mapping"),
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "deployed"),
    [
        ("monitoring.coreos.com/v1 Prometheus", "version: v3.1.0", {"quay.io/prometheus/prometheus:v3.1.0"}),
        ("monitoring.coreos.com/v1 Prometheus", "version: v3.1.0, tag: t1", {"quay.io/prometheus/prometheus:t1"}),
        (
            "monitoring.coreos.com/v1 Prometheus",
            f"version: v3.1.0, tag: t1, sha: {'a' * 64}",
            {f"quay.io/prometheus/prometheus@sha256:{'a' * 64}"},
        ),
        ("monitoring.coreos.com/v1 Alertmanager", "replicas: 1", {"quay.io/prometheus/alertmanager:<spec.version>"}),
        (
            "monitoring.coreos.com/v1 Prometheus",
            "image: 'ghcr.io/acme/p:1', thanos: {version: v0.36.0}",
            {"ghcr.io/acme/p:1", "quay.io/thanos/thanos:v0.36.0"},
        ),
        (
            "grafana.integreatly.org/v1beta1 Grafana",
            f"version: 'nginx@sha256:{'a' * 64}'",
            {"docker.io/grafana/grafana:<spec.version>", f"nginx@sha256:{'a' * 64}"},
        ),
        ("acid.zalan.do/v1 postgresql", "postgresql: {version: '16'}", {"ghcr.io/zalando/spilo-<operator>"}),
        (
            "elasticsearch.k8s.elastic.co/v1 Elasticsearch",
            "version: 8.17.0",
            {"docker.elastic.co/elasticsearch/elasticsearch:8.17.0"},
        ),
    ],
    ids=["version", "tag", "sha", "unknown", "thanos", "whole", "zalando", "elastic"],
)
def test_what_an_operator_deploys_by_the_fields_of_its_object(kind: str, fields: str, deployed: set[str]) -> None:
    version, _, name = kind.partition(" ")
    text = f"apiVersion: {version}\nkind: {name}\nmetadata: {{name: x}}\nspec: {{{fields}}}\n"
    found = inventory(MemoryTree({"x.yaml": text.encode()}, "tree"), ManifestSettings())
    assert {use.reference for use in found.uses} == deployed
    unknown = any("<" in reference for reference in deployed)
    assert ("templated-reference" in {gap.rule for gap in found.gaps}) is unknown
