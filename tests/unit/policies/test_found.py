"""Where policies are found, what they refer to, and what happens to files that are no policy."""

from __future__ import annotations

import base64
import time

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.policies.found import find_policies
from auditor.policies.load import load_policies
from auditor.policies.ruling import NotReadable
from auditor.source.memory import MemoryTree

POLICY = b"""apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  rules:
  - name: a
    match: {resources: {kinds: [Pod]}}
    verifyImages:
    - {imageReferences: ['*'], mutateDigest: false, attestors: [{entries: [{keys: {publicKeys: 'k8s://a/b'}}]}]}
"""
OTHER = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kyverno, namespace: kyverno}\ndata: {defaultRegistry: ghcr.io}\n"


def names(tree: MemoryTree, *globs: str) -> list[str]:
    return [f"{each.file}:{each.name}" for each in find_policies(tree, globs).objects]


def test_policies_are_found_anywhere_or_under_the_globs() -> None:
    tree = MemoryTree(
        {"a/p.yaml": POLICY, "b/list.json": b'{"kind": "x", "apiVersion": "kyverno.io/v1"}', "c.txt": POLICY}, "t"
    )
    assert names(tree) == ["a/p.yaml:signed", "b/list.json:"]
    assert names(tree, "a/**") == ["a/p.yaml:signed"]
    assert names(tree, "d/**") == []


def test_several_in_one_file_and_in_lists() -> None:
    listed = b"apiVersion: v1\nkind: List\nitems:\n- " + POLICY.replace(b"\n", b"\n  ") + b"\n---\n" + OTHER
    assert names(MemoryTree({"p.yaml": listed + b"---\n" + POLICY}, "t")) == ["p.yaml:signed", "p.yaml:signed"]


def test_rego_is_read_where_globs_name_it() -> None:
    tree = MemoryTree({"policies/a.rego": b"package auditor", "b.rego": b"package other"}, "t")
    assert find_policies(tree).rego == ()
    assert [each.file for each in find_policies(tree, ["policies/**"]).rego] == ["policies/a.rego"]


def test_configuration_is_read_by_name_and_never_guessed() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: %s}\ndata: {cosign.pub: %s, broken: '*'}\n"
    encoded = base64.b64encode(b"key").decode()
    tree = MemoryTree({"p.yaml": POLICY, "c.yaml": OTHER, "s.yaml": (secret % ("a", encoded)).encode()}, "t")
    found = find_policies(tree)
    assert found.config_map("kyverno", "kyverno") == {"defaultRegistry": "ghcr.io"}
    assert found.config_map("nothing") is None
    assert found.secret("b", "a") == {"cosign.pub": b"key"}
    assert found.secret("b", "z") is None
    twice = MemoryTree(
        {"s.yaml": (secret % ("a", encoded)).encode(), "t.yaml": (secret % ("c", encoded)).encode()}, "t"
    )
    assert find_policies(twice).secret("b") is None


def test_anchors_that_contain_themselves_are_mistakes() -> None:
    loop = b"apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nspec: &a {rules: [*a]}\n"
    found = find_policies(MemoryTree({"p.yaml": loop}, "t"))
    assert found.objects == ()
    assert [(each.place.file, "contains itself" in each.message) for each in found.mistakes] == [("p.yaml", True)]


def test_a_template_is_a_mistake_where_it_is_a_policy_or_meant_to_be_one() -> None:
    chart = b"{{- if .Values.x }}\napiVersion: kyverno.io/v1\nkind: %b\n{{- end }}\n%b"
    tree = MemoryTree(
        {
            "a.yaml": chart % (b"ClusterPolicy", b"verifyImages:"),
            "b.yaml": chart % (b"ClusterPolicy", b""),
            "c.yaml": chart % (b"Deployment", b""),
            "d.yaml": chart % (b"ImageValidatingPolicy", b""),
        },
        "t",
    )
    assert [each.place.file for each in find_policies(tree).mistakes] == ["a.yaml", "d.yaml"]
    assert [each.place.file for each in find_policies(tree, ["c.yaml"]).mistakes] == ["c.yaml"]


@pytest.mark.slow(15)
def test_ten_thousand_policies_are_read_in_seconds() -> None:
    documents = b"---\n".join(POLICY.replace(b"signed", b"signed-%d" % number) for number in range(10_000))
    start = time.process_time()
    loaded = load_policies(find_policies(MemoryTree({"p.yaml": documents}, "t")))
    assert len(loaded.policies) == 10_000
    assert time.process_time() - start < 60


def test_more_policies_than_the_bound_are_told_and_the_rest_is_not_evaluable() -> None:
    document = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{verifyImages: [{imageReferences: ['*']}]}]}\n"
    found = find_policies(MemoryTree({"p.yaml": "---\n".join([document] * 4).encode()}, "test"))
    loaded = load_policies(found, limits=replace(DEFAULT, policies=3))
    (mistake,) = [each for each in loaded.mistakes if "4 objects" in each.message]
    assert (mistake.place.file, mistake.place.line) == ("p.yaml", 16)
    assert next(each.place.line for each in loaded.policies if isinstance(each, NotReadable)) == 16
    assert len(loaded.policies) == 4
