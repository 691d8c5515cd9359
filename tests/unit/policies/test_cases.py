"""Tables of expected verdicts: how they are read, and how they are compared."""

from __future__ import annotations

import pytest

from auditor.errors import ConfigurationError
from auditor.model.report import PolicyVerdict
from auditor.policies.cases import outcomes, read_cases
from tests.support.policies import image_of, judgments, load_text

POLICY = """apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: NAME}
spec:
  images: [{glob: "ghcr.io/acme/**"}]
  authorities: [{static: {action: ACTION}}]
"""
LOADED = load_text(
    POLICY.replace("NAME", "open").replace("ACTION", "pass"), POLICY.replace("NAME", "closed").replace("ACTION", "fail")
)


def test_a_table_is_compared_cell_by_cell() -> None:
    text = b"""version: 1
cases:
- image: ghcr.io/acme/api:1
  expect: {ClusterImagePolicy/open: pass, ClusterImagePolicy/closed: pass, ClusterImagePolicy/gone: skip}
- image: quay.io/acme/api:1
  resource: {kind: Deployment, namespace: prod, labels: {app: api}}
  expect: {"*": skip}
"""
    first, second = read_cases(text, "cases.yaml")
    assert (second.resource.api_version, second.resource.labels) == ("apps/v1", (("app", "api"),))
    cells = list(outcomes(first, judgments(LOADED, image_of(first.text))))
    assert [(each.policy, each.found, each.agrees) for each in cells] == [
        ("ClusterImagePolicy/gone", None, False),
        ("ClusterImagePolicy/open", PolicyVerdict.PASS, True),
        ("ClusterImagePolicy/closed", PolicyVerdict.FAIL, False),
    ]
    assert [each.agrees for each in outcomes(second, judgments(LOADED, image_of(second.text)))] == [True, True]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version: 1\ncases: []\n", 0),
        ("version: 2\ncases:\n- image: a\n  expect: {x: pass}\n", 1),
        ("version: 1\ncases:\n- image: acme/UPPER\n  expect: {x: pass}\n", 3),
        ("version: 1\ncases:\n- image: a\n  expect: {x: maybe}\n", 4),
        ("version: 1\ncases:\n- image: a\n", 3),
        ("version: 1\ncases:\n- image: a\n  expect: {x: pass}\n  expects: {}\n", 5),
        ("version: 1\ncases: [", 3),
        ("a: &a [*a]\n", 0),
    ],
)
def test_every_mistake_has_a_line(text: str, line: int) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_cases(text.encode(), "cases.yaml")
    assert caught.value.problems[0].file == "cases.yaml"
    assert caught.value.problems[0].line == line
