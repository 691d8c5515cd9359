"""What is kept is written as the standard library writes it: it is compared with what earlier versions kept, byte for byte."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from auditor.history.texts import plain

_TEXTS = st.text(st.characters(), max_size=8)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES)
@example({"b": '\x00\x1f\x7f\x80ÿ…\u2028😀"\\/', "a": ["\b\f\n\r\t", -1, None]})
@example(["\ud83d", "\ude00", "\udcff and more"])
def test_json_is_what_the_standard_library_writes(value: Any) -> None:
    assert plain(value) == json.dumps(value, separators=(",", ":"), sort_keys=True)
