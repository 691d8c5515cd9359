"""Over generated rules files: a waiver is an addition of bytes, and the rules say what they said and the waiver."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.config.load import load_rules
from auditor.config.rules import Rules
from auditor.edit.splice import spliced
from auditor.edit.waiver import NewWaiver, with_waivers

TODAY = date(2026, 3, 1)
OLD = {
    "flow": "{image: ghcr.io/acme/old, rule: latest-tag, until: 2026-03-09, owner: us, reason: r}",
    "block": "image: ghcr.io/acme/old\n{0}rule: latest-tag\n{0}until: 2026-03-09\n{0}owner: us\n{0}reason: |\n{0}  text\n{0}  more",
}
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)


@st.composite
def sections(draw: st.DrawFn) -> str:
    items = draw(st.lists(st.sampled_from(sorted(OLD)), max_size=3))
    if not items:
        return draw(st.sampled_from(["", "waivers: []\n", "waivers: [ ] # none\n"]))
    if draw(st.booleans()):
        return f"waivers: [{', '.join(OLD['flow'] for _ in items)}]  # flow\n"
    indent = " " * draw(st.integers(0, 4))
    dash = "-" + " " * draw(st.integers(1, 3))
    inner = " " * (len(indent) + len(dash))
    tails = st.sampled_from(["", "\n", f"{indent}# tail\n", "# tail\n"])
    lines = (
        f"{indent}{dash}{OLD[each].format(inner) if each == 'block' else OLD[each]}\n{draw(tails)}" for each in items
    )
    return "waivers:\n" + "".join(lines)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    before = draw(st.sampled_from(["version: 1\n", "# ours\nversion: 1 # first\n\n"]))
    after = draw(st.sampled_from(["", "otherwise: warn\n", "# end\n", "\nrules:\n  latest-tag: note\n\n\n"]))
    text = before + draw(sections()) + after
    text = text.rstrip("\n") if draw(st.booleans()) else text
    return (text.replace("\n", "\r\n") if draw(st.booleans()) else text).encode()


def load(content: bytes) -> Rules:
    return load_rules(lambda path: content if path == "auditor.yaml" else None, "auditor.yaml", today=TODAY)


@given(files(), st.lists(texts, min_size=2, max_size=2), st.integers(0, 180), st.integers(1, 2))
@settings(max_examples=100, deadline=None)
def test_the_rules_say_what_they_said_and_the_waivers(before: bytes, said: list[str], days: int, count: int) -> None:
    owner, reason = said
    rules = ("unsigned-image", "latest-tag")[:count]
    until = TODAY + timedelta(days=days)
    new = tuple(NewWaiver("ghcr.io/acme/new", rule, until, owner, reason) for rule in rules)
    splice = with_waivers(before, "auditor.yaml", new)
    after = spliced(before, [splice])
    assert splice.start == splice.end
    assert after.replace(splice.text, b"", 1) == before
    old, now = load(before), load(after)
    expected = [(w.image.text, w.rule, w.until, w.owner, w.reason.rstrip()) for w in old.waivers]
    expected += [(w.image, w.rule, w.until, w.owner, w.reason.rstrip()) for w in new]
    assert [(w.image.text, w.rule, w.until, w.owner, w.reason.rstrip()) for w in now.waivers] == expected
    assert now.otherwise is old.otherwise
    assert now.levels == old.levels
