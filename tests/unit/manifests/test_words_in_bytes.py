"""However YAML writes a word: it stands in the bytes once escapes are resolved, or the bytes are said to tell nothing."""

from __future__ import annotations

import base64

import pytest

from auditor.manifests import yaml
from auditor.manifests.contents import complete
from auditor.manifests.nodes import Mapping
from auditor.manifests.objects import objects
from auditor.manifests.text import plain, prefilter, versions

WORD = "toolkit.fluxcd.io"
ENCODED = base64.b64encode(WORD.encode()).decode()
NEXT_LINE, LINE_SEPARATOR = "\u0085", "\u2028"
WAYS = {
    "as it is": WORD,
    "single quotes": f"'{WORD}'",
    "hexadecimal": f'"\\x74{WORD[1:]}"',
    "sixteen bits": f'"\\u0074{WORD[1:]}"',
    "thirty-two bits": f'"\\U00000074{WORD[1:]}"',
    "joined lines": f'"{WORD[:4]}\\\n   {WORD[4:]}"',
    "joined by a next line": f'"{WORD[:4]}\\{NEXT_LINE}   {WORD[4:]}"',
    "joined by a line separator": f'"{WORD[:4]}\\{LINE_SEPARATOR} {WORD[4:]}"',
    "binary": f"!!binary {ENCODED}",
    "binary by its full name": f"!<tag:yaml.org,2002:binary> {ENCODED}",
    "binary in escapes": f"!<tag:yaml.org,2002:%62inary> {ENCODED}",
    "binary in a list": f"[!!binary {ENCODED}]",
    "another tag": f"!!str {WORD}",
    "a tag of one's own": f"!acme {WORD}",
}


def texts(content: bytes) -> list[str]:
    (document,) = yaml.documents(content, "a.yaml")
    assert isinstance(document, yaml.RawMapping)
    value = document.value[0][1]
    return [yaml.text_of(value)] if isinstance(value, yaml.RawScalar) else [yaml.text_of(one) for one in value.value]


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_word_that_is_read_is_found(way: str) -> None:
    content = f"a: {WAYS[way]}\n".encode()
    assert texts(content) == [WORD], "this is a way to write it"
    text = plain(content)
    assert (text is None) is way.startswith("binary")
    assert text is None or WORD.encode() in text


@pytest.mark.parametrize(
    "start", ["", "\ufeff", "# text\n", "# text\r", f"# text{NEXT_LINE}", f"# text{LINE_SEPARATOR}"]
)
def test_a_directive_that_names_a_tag(start: str) -> None:
    content = f"{start}%TAG ! tag:yaml.org,2002:\n---\na: !binary {ENCODED}\n".encode()
    assert plain(content) is None


@pytest.mark.parametrize("text", ["a: 50% of it !important\n", "# !! see binary\na: b\n", "a: '\\d+\\.'\n", "a: ! b\n"])
def test_what_only_looks_like_it(text: str) -> None:
    assert plain(text.encode()) == text.encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", NEXT_LINE, LINE_SEPARATOR])
def test_a_joined_key_may_hold_an_image(end: str) -> None:
    content = f'? "im\\{end}age"\n: redis\n'.encode()
    (document,) = yaml.documents(content, "a.yaml")
    assert isinstance(document, yaml.RawMapping)
    assert yaml.text_of(document.value[0][0]) == "image"
    assert prefilter()(content)


GROUPED = "tekton.dev/v1"
VERSIONS = {
    "as it is": f"apiVersion: {GROUPED}\nkind: Task\n",
    "with a comment": f"apiVersion: {GROUPED} # said\nkind: Task\n",
    "in quotes": f"'apiVersion' : \"{GROUPED}\"\nkind: Task\n",
    "in JSON": f'{{"kind":"Task","apiVersion":"{GROUPED}"}}',
    "in braces": f"{{kind: Task, apiVersion: {GROUPED}}}\n",
    "at the end": f"kind: Task\napiVersion: {GROUPED}",
    "with returns": f"apiVersion: {GROUPED}\r\nkind: Task\r\n",
    "on the next line": f"apiVersion:\n  {GROUPED}\nkind: Task\n",
    "after a comment": f"apiVersion: # said\n  {GROUPED}\nkind: Task\n",
    "folded": f"apiVersion: >-\n  {GROUPED}\nkind: Task\n",
    "literal": f"apiVersion: |-\n  {GROUPED}\nkind: Task\n",
    "anchored": f"apiVersion: &it {GROUPED}\nkind: Task\n",
    "an alias": f"x: &it {GROUPED}\nkind: Task\napiVersion: *it\n",
    "merged": f"x: &it {{apiVersion: {GROUPED}}}\n<<: *it\nkind: Task\n",
    "tagged": f"apiVersion: !!str {GROUPED}\nkind: Task\n",
    "an explicit key": f"? apiVersion\n: {GROUPED}\n? kind\n: Task\n",
    "an explicit key with a comment": f"? apiVersion # said\n: {GROUPED}\n? kind\n: Task\n",
    "an anchored key": f"? &k apiVersion\n: {GROUPED}\nkind: Task\n",
    "an alias as a key": f"x: &k apiVersion\n*k : {GROUPED}\nkind: Task\n",
    "an escaped key": f'"api\\x56ersion": {GROUPED}\nkind: Task\n',
    "a joined key": f'? "api\\\n  Version"\n: {GROUPED}\n? kind\n: Task\n',
    "after a next line": f"kind: Task\napiVersion:{NEXT_LINE}  {GROUPED}\n",
    "after a definition": f"d:\n  apiVersion:\n    description: x\napiVersion: {GROUPED}\nkind: Task\n",
    "in a list": f"kind: List\napiVersion: v1\nitems:\n- kind: Task\n  apiVersion: {GROUPED}\n",
}


@pytest.mark.parametrize("way", sorted(VERSIONS))
def test_a_version_that_is_read_is_told(way: str) -> None:
    """Or it is said that one may be written in another way."""
    content = VERSIONS[way].encode()
    documents = [one for one in complete(content, "a.yaml", None) if isinstance(one, Mapping)]
    assert GROUPED in {item.api_version for one in documents for item in objects(one, "a.yaml")}
    text = plain(content)
    assert text is not None
    said = versions(text)
    assert said is None or GROUPED.encode() in said


@pytest.mark.parametrize(
    "text",
    [
        "rules:\n- apiVersions: ['*']\n",
        "description: says kind, apiVersion\n  and name\n",
        "required: [kind, apiVersion]\n",
        "properties:\n  apiVersion:\n    description: x\n  kind:\n    type: string\n",
        "a: `apiVersion`\n",
    ],
)
def test_what_says_no_version(text: str) -> None:
    assert versions(text.encode()) == b""
