"""Policies with mistakes in a check: a finding at the right line, never a pass, and the rest is still judged."""

from __future__ import annotations

import pytest

from tests.cli.house import House
from tests.cli.test_cluster_policies import kyverno

HEAD = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: wrong}\nspec:\n"
RULE = "  rules:\n  - name: a\n    match: {any: [{resources: {kinds: [Pod]}}]}\n"
VERIFY = (
    "    verifyImages:\n    - imageReferences: ['*']\n      mutateDigest: false\n      attestors:\n      - entries:\n"
)
LOG = "rekor: {url: https://x}"
CEL = (
    "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {name: wrong}\nspec:\n"
    "  matchConstraints: {resourceRules: [{resources: [pods]}]}\n  attestors: []\n  validations:\n  - expression: "
)
CIP = (
    "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: wrong}\nspec:\n"
    "  images: [{glob: '**'}]\n  authorities:\n"
)
LOOP = "        - attestor: &loop\n            entries:\n            - attestor: *loop\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + RULE + VERIFY + f"        - keyless: {{subjectRegExp: '(?=x)', {LOG}}}\n", 13, "RE2"),
        (HEAD + RULE + VERIFY + f"        - keyless: {{subjectRegExp: '((((a{{999}}){{999}}){{999}}){{9}})', {LOG}}}\n", 13, "RE2"),
        (HEAD + RULE + VERIFY + "        - keys: {publicKeys: '-----BEGIN NOTHING'}\n", 13, "PEM"),
        (HEAD + RULE + VERIFY + f"        - keyless: {{roots: nothing, {LOG}}}\n", 13, "PEM"),
        (HEAD + RULE + VERIFY + "        - keyless: {}\n        - keyless: {}\n        count: 9\n", 13, "rekor"),
        (HEAD + RULE + "    preconditions: {all: [{key: '{{ [ }}', operator: Equals, value: a}]}\n" + VERIFY
         + f"        - keyless: {{{LOG}}}\n", 8, "JMESPath"),
        (HEAD.replace("kyverno.io/v1", "kyverno.io/v9") + RULE + VERIFY + f"        - keyless: {{{LOG}}}\n", 1, "v9"),
        (HEAD.replace("name: wrong", "name: '{{ .Release.Name }}'") + RULE + VERIFY, 3, "template"),
        (HEAD + "{{- if .Values.enforce }}\n  a: b\n{{- end }}\n" + RULE + VERIFY, 6, "template"),
        (HEAD + RULE + VERIFY + LOOP, 1, "does not parse"),
        (CEL + "'1 +'\n", 8, "CEL"),
        (CIP + "  - keyless: {identities: [{issuer: x, subjectRegExp: '(?<x'}]}\n", 7, "regular expression"),
        (CIP + "  - key: {data: nothing}\n", 7, "PEM"),
        (CIP + "  - static: {action: perhaps}\n", 7, "action"),
    ],
    ids=["lookahead", "large", "key", "roots", "keyless", "jmespath", "version", "filled-in", "template", "loop", "cel",
         "cip-regexp", "cip-key", "cip-static"],
)  # fmt: skip
def test_a_mistake_is_a_finding_of_the_check(house: House, text: str, line: int, words: str) -> None:
    house.commit_base({"wrong.yaml": text, "good.yaml": kyverno(house, "https://github.com/other/*")})
    house.commit({"worker.yaml": house.images.pod("worker")})
    ran = house.check()
    (found,) = [each for each in ran.report["findings"] if each["rule"] == "policy-not-evaluable"]
    assert (found["file"], found["line"], words in found["message"]) == ("wrong.yaml", line, True), found
    (image,) = [each for each in ran.report["images"] if each["verdict"]]
    assert sorted(each["verdict"] for each in image["policies"]) == ["fail", "not-evaluable"]
    assert (ran.status, "policy-failed" in ran.rules) == (1, True)
