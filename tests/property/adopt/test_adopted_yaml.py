"""Whatever a registry says, the rules file stays YAML with exactly the values and comments that were meant."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from auditor.adopt.choose import Left, Proposal, Proposed
from auditor.adopt.refs import ref_patterns
from auditor.adopt.rules_text import Root, additions, rules_text
from auditor.adopt.seen import Lack
from auditor.adopt.yaml_text import comment, scalar
from auditor.config.load import load_rules
from auditor.config.names import TextPattern
from auditor.edit.splice import spliced

# Surrogates alone are no text of any registry; everything else may be.
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
NAMES = st.from_regex(r"ghcr\.io/[a-z]{1,8}/[a-z]{1,8}", fullmatch=True)


@given(TEXT)
def test_a_scalar_is_the_string_that_it_was(text: str) -> None:
    assert YAML(typ="safe").load(f"a:\n  - k: {scalar(text)}\n") == {"a": [{"k": text}]}


@given(TEXT)
def test_a_comment_is_one_line(text: str) -> None:
    written = comment(text, "  ")
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    assert YAML(typ="safe").load(f"a: 1\n{written}b: 2\n") == {"a": 1, "b": 2}


@given(
    st.lists(st.tuples(NAMES, st.sampled_from(Lack), TEXT), max_size=4), st.lists(NAMES, unique=True, max_size=3), TEXT
)
@settings(deadline=None)
def test_the_file_loads_whatever_is_said_of_an_image(
    left: list[tuple[str, Lack, str]], images: list[str], note: str
) -> None:
    pattern = (("github", "acme/api"), ("workflow", "release.yaml"), ("ref", "refs/tags/v*"))
    signers = tuple(Proposed(f"s{n}", (pattern,), (name,), notes=(note,)) for n, name in enumerate(images))
    doubtful = Proposed("odd", (pattern,), ("x",))
    proposal = Proposal((), signers, tuple(Left(*each, doubtful) for each in left))
    text = rules_text(proposal, (Root("public-good"),)).encode()
    rules = load_rules({"auditor.yaml": text}.get, None, today=date(2026, 3, 1))
    assert set(rules.signers) == {signer.name for signer in signers}
    assert [entry.match[0].text for entry in rules.images] == images


@given(st.lists(NAMES, unique=True, min_size=1, max_size=3), TEXT, st.booleans())
@settings(deadline=None)
def test_additions_leave_every_byte_where_it_was(images: list[str], note: str, indented: bool) -> None:
    pattern = (("github", "acme/api"), ("ref", "refs/tags/v*"))
    signers = tuple(Proposed(f"s{n}", (pattern,), (name,), notes=(note,)) for n, name in enumerate(images))
    pad = "  " if indented else ""
    before = (
        f"# ours\nversion: 1\nimages:\n{pad}- match: ghcr.io/acme/old  # {json.dumps(note)}\n{pad}  signed-by: old\n\n"
        "# about signers\nsigners:\n    old: {github: acme/old}\n# the end\notherwise: warn\n"
    ).encode()
    found = additions(before.decode(), Proposal((), signers))
    assert found is not None
    after = spliced(before, found)
    rest = after
    for splice in found:
        rest = rest.replace(splice.text, b"", 1)
    assert rest == before
    rules = load_rules({"auditor.yaml": after}.get, None, today=date(2026, 3, 1))
    assert set(rules.signers) == {"old", *(signer.name for signer in signers)}
    assert [entry.match[0].text for entry in rules.images] == ["ghcr.io/acme/old", *images]


@given(st.lists(st.from_regex(r"refs/(tags|heads)/[a-z0-9./v-]{1,12}", fullmatch=True), min_size=1, max_size=6))
def test_patterns_of_refs_cover_the_refs_they_came_from(refs: list[str]) -> None:
    patterns = ref_patterns(refs)
    assert patterns is not None
    globs = [TextPattern.glob(each) for each in patterns]
    assert all(any(glob.matches(ref) for glob in globs) for ref in refs)
    assert all(each.startswith(("refs/tags/", "refs/heads/")) for each in patterns), "a tag never opens a branch"
