"""What update bots make of a pinned file. Their programs need networks of their own: here are the rules by which they edit.

Flux (image-automation-controller, `pkg/update`): the scalar whose line comment is `{"$imagepolicy": "namespace:policy[:tag|:name|:digest]"}`
becomes the whole image, or that part of it. Renovate (`lib/modules/manager/kustomize`): `newTag` is split at `@`; an entry with both
`newTag` and `digest` is left alone. Its comments for regular expressions stand above the line (`# renovate: …`).
"""

from __future__ import annotations

import json
import re

import pytest
from ruamel.yaml import YAML

from tests.support.pinning import Pinned, digest_of, pin

API = "ghcr.io/acme/api"
MARKER = re.compile(
    r'^(?P<before>.*?:\s+)(?P<quote>["\']?)[^\s"\']+(?P=quote)(?P<comment>\s+# (?P<marker>\{.*\}))$', re.MULTILINE
)
RENOVATE = re.compile(
    r"# renovate: datasource=(?P<source>\S+) depName=(?P<name>\S+)\n\s*tag: \"?(?P<value>[^@\"\s]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?\"?"
)
RELEASE = (
    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec:\n"
    "  chart: {spec: {chart: c, sourceRef: {kind: HelmRepository, name: h}}}\n  values:\n    image:\n"
)


def flux(text: str, tag: str, digest: str = "") -> str:
    """The text after Flux's automation wrote a new image at its markers."""

    def written(match: re.Match[str]) -> str:
        part = json.loads(match["marker"])["$imagepolicy"].split(":")[2:]
        whole = f"{API}:{tag}" + (f"@{digest}" if digest else "")
        value = {"tag": tag, "name": API, "digest": digest}[part[0]] if part else whole
        return f"{match['before']}{match['quote']}{value}{match['quote']}{match['comment']}"

    return MARKER.sub(written, text)


def text(done: Pinned) -> str:
    return {**done.files, **done.after}["f.yaml"].decode()


def references(content: str) -> set[str]:
    return {use.reference for use in pin({"f.yaml": content.encode()}).before.uses}


@pytest.mark.parametrize("digest", ["", str(digest_of("new"))], ids=["tag", "digest"])
def test_flux_writes_whole_images_over_a_pin(digest: str) -> None:
    content = f'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n    image: {API}:v1 # {{"$imagepolicy": "a:b"}}\n'
    pinned = text(pin({"f.yaml": content.encode()}))
    assert flux(pinned, "v2", digest) == flux(content, "v2", digest)
    assert references(flux(pinned, "v2", digest)) == {f"{API}:v2" + (f"@{digest}" if digest else "")}


@pytest.mark.parametrize("more", ["", '      digest: ""\n'], ids=["plain", "with a digest"])
@pytest.mark.parametrize("quote", ["", '"', "'"], ids=["bare", "double", "single"])
def test_flux_writes_tags_and_leaves_nothing_stale(more: str, quote: str) -> None:
    content = (
        RELEASE
        + f'      repository: {API} # {{"$imagepolicy": "a:b:name"}}\n      tag: {quote}v1{quote} # {{"$imagepolicy": "a:b:tag"}}\n{more}'
    )
    done = pin({"f.yaml": content.encode()})
    assert references(text(done)) == {f"{API}:v1@{digest_of(f'{API}:v1')}"}
    after = flux(text(done), "v2")
    assert after == flux(content, "v2")
    assert references(after) == {f"{API}:v2"}


def test_renovate_finds_value_and_digest_under_its_comment() -> None:
    content = (
        RELEASE
        + f"      repository: {API}\n      # renovate: datasource=docker depName={API}\n      tag: v1\n      digest: ''\n"
    )
    match = RENOVATE.search(text(pin({"f.yaml": content.encode()})))
    assert match is not None
    assert match.group("name", "value", "digest") == (API, "v1", str(digest_of(f"{API}:v1")))


@pytest.mark.parametrize("entry", ["newTag: v1", "newName: ghcr.io/acme/api", "newTag: v1, digest: ''"])
def test_renovate_reads_the_entries_of_kustomizations(entry: str) -> None:
    files = {
        "base/kustomization.yaml": b"resources: [p.yaml]\n",
        "base/p.yaml": b"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: 'api:v1'}]}\n",
        "f.yaml": b"",
        "over/kustomization.yaml": f"resources: [../base]\nimages: [{{name: api, {entry}}}]\n".encode(),
    }
    done = pin(files)
    (made,) = YAML(typ="safe").load(done.after["over/kustomization.yaml"])["images"]
    value, _, digest = made["newTag"].partition("@")
    assert (value, bool(made.get("digest"))) == ("v1", False)
    assert digest == str(digest_of(f"{made.get('newName', 'api')}:v1"))
