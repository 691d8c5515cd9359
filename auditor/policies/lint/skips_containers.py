"""CEL that looks at some lists of a pod's images only, or is content with an empty list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditor.model.finding import Finding
from auditor.policies.lint.subject import IVPOL, Subject

RULE = "policy-skips-containers"
_LIST: Final = re.compile(r"\bimages\.(\w+)")
_ALL_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")
_GUARD: Final = re.compile(r"size\(|\.size\(|\.exists(?:_one)?\(")


def check(subject: Subject) -> Iterator[Finding]:
    """All validations together must name every list."""
    if not subject.of(IVPOL):
        return
    expressions = [each["expression"] for each in subject.spec["validations"]]
    texts = [each.text for each in expressions]
    named = {name for text in texts for name in _LIST.findall(text)}
    missing = [name for name in _ALL_LISTS if name not in named]
    first = next((each for each in expressions if _LIST.search(each.text)), None)
    if first is not None and missing and named & set(_ALL_LISTS):
        message = f"images of {' and '.join(missing)} are not looked at"
        yield subject.finding(RULE, first, message, f"add the same for images.{', images.'.join(missing)}")
    for each in expressions:
        if ".all(" in each.text and _LIST.search(each.text) and not _GUARD.search(each.text):
            message = ".all() over an empty list is true: where no image matches, the validation passes"
            yield subject.finding(RULE, each, message, "say size() > 0 as well where an image must be there")
