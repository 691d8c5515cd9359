"""A Rego policy inside a ClusterImagePolicy: `package sigstore`, rule `isCompliant` (policy-controller's `policy/rego.go`).

Compliant is `true`, or a list whose objects say `result: true`; a `warning` beside it makes the controller fail all the same.
The controller reads Rego v0. A module that needs v1 without importing it is refused there, so it is refused here.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.policies.rego.evaluate import Json, Rego, Unevaluated, Value
from auditor.policies.rego.scan import COMMENT_OR_TEXT

QUERY: Final = "data.sigstore.isCompliant"
_V1_WORDS: Final = re.compile(r"\b(?:if|contains(?=\s+[\w\"\[{])|every)\b(?!\()")
_V1_IMPORT: Final = re.compile(r"^\s*import\s+(?:rego\.v1|future\.keywords)", re.MULTILINE)


def complies(rego: Rego, source: str, document: Json) -> bool | str | Unevaluated:
    """Whether the controller's policy is content: True, or why it is not, or why that cannot be told."""
    text = COMMENT_OR_TEXT.sub('""', source)
    if _V1_WORDS.search(text) and not _V1_IMPORT.search(text):
        return Unevaluated("the controller reads Rego v0, and this policy needs `import rego.v1`")
    answer = rego.query([("policy", source)], document, QUERY)
    match answer:
        case Unevaluated():
            return answer
        case Value(defined=False) | Value(json=False):
            return "isCompliant does not hold"
        case Value(json=True):
            return True
        case Value(json=list(results)):
            return _results(results)
        case _:
            return "isCompliant is neither true nor a list of results"


def _results(results: list[Json]) -> bool | str:
    """The first compliant result decides; without one, the last error is shown."""
    why = "isCompliant holds no result"
    for result in results:
        if not isinstance(result, dict):
            return "isCompliant holds something that is no object"
        if result.get("result") is True:
            warning = result.get("warning")
            return f"warning: {warning}" if warning else True
        why = str(result.get("error") or "isCompliant holds a result that is not compliant")
    return why
