"""The example that comes with the rules does what its comments say."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from auditor import rulebook
from auditor.model.place import Place
from auditor.policies.rego.evaluate import Rego
from auditor.policies.rego.gate import Said, Word, ask_gate

SUBJECT = "https://github.com/acme/platform/.github/workflows/release.yaml@refs/tags/v1"
API = {
    "reference": "ghcr.io/acme/api:1",
    "verdict": "verified",
    "change": "added",
    "pinned": True,
    "signatures": [{"status": "valid", "allowed": True, "identity": {"subject": SUBJECT}}],
    "uses": [{"file": "clusters/prod/api.yaml", "line": 7}],
}


def said(*images: dict[str, Any], complete: bool = True) -> Said:
    module = (rulebook.folder("rego") / "example.rego").read_bytes()
    with Rego() as rego:
        answer = ask_gate({"example.rego": module}, {"run": {"complete": complete}, "images": list(images)}, rego)
    assert answer is not None
    assert answer.unevaluated is None
    return answer


def changed(**fields: Any) -> dict[str, Any]:
    return {**deepcopy(API), **fields}


def test_what_the_platform_has_built_is_let_through() -> None:
    assert said(API).words == ()


def test_what_others_have_built_is_not() -> None:
    stranger = [
        {"status": "valid", "allowed": True, "identity": {"subject": "https://github.com/acme/web/x@refs/tags/v1"}}
    ]
    (word,) = said(changed(signatures=stranger)).words
    assert word.denies
    assert (word.image, word.place) == ("ghcr.io/acme/api:1", Place("clusters/prod/api.yaml", 7))
    assert said(changed(signatures=[{**API["signatures"][0], "status": "refused"}])).words  # type: ignore[index]
    assert said(changed(signatures=[])).words


def test_elsewhere_and_before_it_says_nothing() -> None:
    assert said(changed(signatures=[], uses=[{"file": "clusters/dev/api.yaml", "line": 7}])).words == ()
    assert said(changed(signatures=[], verdict=None)).words == ()
    assert said(changed(signatures=[], change="removed")).words == ()


def test_a_tag_is_a_warning_and_an_incomplete_run_is_denied() -> None:
    (word,) = said(changed(pinned=False)).words
    assert not word.denies
    assert said(API, complete=False).words == (Word(True, "the run is not complete: something could not be judged"),)
