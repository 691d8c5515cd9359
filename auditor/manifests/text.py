"""What a text looks like: an image reference, a template, or something that cannot hide either (the prefilter)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from auditor.model.reference import InvalidReference, Reference

_TEMPLATE: Final = re.compile(
    r"\$\{|\$\(|\{\{|%\{|\$[A-Z_]{2,}|<[A-Za-z][\w .-]*>|<<-?\s*(?:inputs\b|\$\w)|<%|\(\(|\(@|\\\(|^ENC\[|^__[A-Z_]+__$"
)
_NUMBER: Final = re.compile(r"[-+]?(?:0[xob][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)", re.ASCII)
_SWITCHES: Final = frozenset({"true", "false", "yes", "no", "on", "off"})
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_REFERENCE: Final = (
    rf"(?P<reference>(?:(?:{_LABEL}\.)+[a-z0-9-]{{0,62}}[a-z][a-z0-9-]{{0,62}}|localhost)(?::[0-9]{{1,5}})?"
    r"/[a-z0-9][a-z0-9._/-]*"
    r"(?::[A-Za-z0-9_][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64}))"
)
"""What by itself looks like a reference: a host with a dot, a path, and a tag or digest."""
_LOCATED: Final = re.compile(rf"(?:(?:oci|docker)://)?{_REFERENCE}", re.ASCII)
_TOKEN: Final = re.compile(
    rf"(?:(?<![\w.:/@%~-])|(?<=oci://)|(?<=docker://))(?<!--destination=)(?<!--destination ){_REFERENCE}(?![\w/@:])",
    re.ASCII,
)
_DIGESTED: Final = re.compile(
    r"(?<![\w.:/@%~+-])(?P<reference>[a-z0-9][a-z0-9._/-]*(?::[A-Za-z0-9_][\w.-]{0,127})?@sha256:[0-9a-f]{64})(?![\w/@:])",
    re.ASCII,
)
"""A name with a digest, which needs no host to look like nothing else."""
_TAGGED: Final = re.compile(r"[:@][\w.:-]+\Z", re.ASCII)
_FLAGGED: Final = re.compile(
    r"(?:^|(?<=[\s\"']))--?[\w.-]*image[= ][\"']?(?P<reference>[a-z0-9][\w./-]*[:/@][\w./:@-]*)",
    re.ASCII | re.IGNORECASE,
)
_IN_EXPRESSION: Final = re.compile(
    r"(?:(?<![\w.])[\"']?image[\"']?\s*:|/image[\"']\s*,\s*value\s*:)\s*(?:dyn\(|\*)?"
    r"(?P<quote>[\"'])(?P<reference>[a-z0-9][\w./:@-]*)(?P=quote)(?!\s*[+.])",
    re.ASCII,
)
"""An image that an expression or a program in a text says: `image: "acme/side:1"`, or the value of a JSON patch."""
_PULLED: Final = re.compile(
    r"\b(?:(?:docker|podman|nerdctl|crictl)(?:\s+image)?\s+(?P<verb>run|pull|create)|ctr\s[^|;&]{0,80}?images?\s+pull)\s+"
    r"(?P<rest>[^|;&]*)",
    re.ASCII,
)
"""Commands that run or pull an image, with what they are given."""
_RUN_WORD: Final = re.compile(r"(?<!\S)[\"']?(?P<reference>[a-z0-9][\w./:@-]*)[\"']?(?!\S)", re.ASCII)
FLAGGED: Final = "flag-image"
"""The key under which the value of a flag such as `--image` is looked at, and what a line of a script runs."""
_FLAG: Final = re.compile(r"--?[\w.-]*image", re.ASCII | re.IGNORECASE)
PROSE: Final = frozenset({"description", "summary", "message"})
"""Keys of prose: what it mentions is deployed by nobody."""
_LONGEST: Final = 64 * 1024
"""Characters of one line that are searched."""
_SCHEME: Final = re.compile(r"(?:oci|docker)://", re.ASCII)

# ── the prefilter: what these patterns do not meet cannot hold an image ──────────────────────────────────────────────────
_CHARTS: Final = (
    *(b"helm.toolkit.fluxcd.io", b"kustomize.toolkit.fluxcd.io", b"argoproj.io", b"tekton.dev"),
    *(b"cattle.io", b"crossplane.io", b"addons.cluster.x-k8s.io", b"config.projectsveltos.io", b"k0sproject.io"),
    *(b"kappctrl.k14s.io", b"operators.coreos.com", b"olm.operatorframework.io", b"fluxcd.controlplane.io"),
    *(
        b"open-cluster-management.io",
        b"packaging.carvel.dev",
        b"helm.fluxcd.io",
        b"harvesterhci.io",
        b"apps.gitlab.com",
    ),
    *(
        b"eks.services.k8s.aws",
        b"upbound.io",
        b"awsmanagedcontrolplane",
        b"configsync.gke.io",
        b"platform.openshift.io",
    ),
    *(b"core.oam.dev", b"loft.sh", b"glasskube.dev", b"infra.contrib.fluxcd.io", b"app.terraform.io"),
    *(b"pulumi.com", b"deploy.cloud.google.com", b"helmrepos", b"kyverno.io", b"keel.sh"),
    *(b"configmanagement.gke.io", b"gitops.kluctl.io", b"extramanifests", b"externalcloudprovider"),
    *(b"pipecd.dev", b"kubesphere.io", b"redpanda.com"),
)
"""Groups of the objects that deploy charts and directories, or hand parameters to others: they decide about every image of
these."""
_COMMANDS: Final = (
    *(b"docker run", b"docker pull", b"docker create", b"podman run", b"podman pull", b"podman create"),
    *(b"nerdctl ", b"crictl pull"),
)
_WORDS: Final = (
    *(b"image", b"repository", b"newtag", b"newname", b"oci://", b"docker://", b"@sha256:"),
    *(*_CHARTS, *_COMMANDS),
)
_LOCATED_BYTES: Final = re.compile(rb"(?:\.[a-z0-9-]+|localhost)(?::[0-9]{1,5})?/[a-z0-9._/-]+[:@][a-z0-9_]")
# An escape that writes letters, slashes, or joins lines; a tag (it may decode base64); a directive that names tags.
_HIDING: Final = re.compile(rb"\\[xuU/\r\n\xc2\xe2]|(?:^|[\s,\[{:?-])![^\s=]|^%", re.MULTILINE)

# ── the bytes of a manifest, to look for words in ────────────────────────────────────────────────────────────────────────
_TAG: Final = re.compile(rb"![!<]\S{0,24}?(?:binary|%)")
"""The tag that decodes, `!!binary` or `!<tag:yaml.org,2002:binary>`; any of its letters may be written as `%62`."""
_DIRECTIVE: Final = re.compile(rb"%(?<=[\r\n\x85\xa8\xa9]%)")
"""At the start of a line, which may be after one of Unicode's separators too (the last byte of each)."""
_WRITES: Final = re.compile(rb"\\[xuU/\r\n\xc2\xe2]")
"""How each of these begins:"""
_ESCAPE: Final = re.compile(
    rb"\\(?:(?P<code>x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|/|(?:\r\n|\r|\n|\xc2\x85|\xe2\x80[\xa8\xa9])[ \t]*)"
)


_VERSION: Final = re.compile(
    rb"""apiVersion(?:
        ["']?[ \t]*:[ \t]*["']?(?P<said>[A-Za-z0-9./-]+)["']?[ \t]*(?:[\r\n,}\#]|$)
      | :[ \t]*\r?\n[ \t]+(?:description|type):
      | ["']?[ \t]*(?:\r?\n[ \t]*)?(?=[A-Za-z0-9_,.;()\[\]{}`/=<>-])
    )""",
    re.VERBOSE,
)
"""The version of an object, on the line of its key; what defines such a field; or a longer word, and prose."""


def is_template(text: str) -> bool:
    """Whether a tool fills something in before this is deployed: `${X}`, `$(x)`, `{{ x }}`, `<X>`, an encrypted value."""
    return _TEMPLATE.search(text) is not None


def is_bare_number(text: str) -> bool:
    """Whether YAML 1.1 or 1.2 reads the text, unquoted, as a number: `1.10`, `010`, `1e3`, `0x1f`, `1_000`."""
    return _NUMBER.fullmatch(text) is not None


def is_no_text(text: str) -> bool:
    """Whether YAML reads the text, unquoted, as a truth value or number: `image: true` turns something on."""
    return text.lower() in _SWITCHES or is_bare_number(text)


def is_reference(text: str) -> bool:
    """Whether containerd would take the text for an image reference."""
    try:
        Reference.parse(text)
    except InvalidReference:
        return False
    return True


def without_scheme(text: str) -> str:
    """`oci://ghcr.io/acme/model:1` → `ghcr.io/acme/model:1`."""
    return _SCHEME.sub("", text, count=1)


def located(text: str) -> str | None:
    """The reference of a text that is nothing but what looks like one."""
    if "/" not in text or len(text) > 1024:
        return None
    match = _LOCATED.fullmatch(text)
    return match["reference"] if match and is_reference(match["reference"]) else None


def arguments(text: str) -> tuple[str, ...]:
    """The references inside a setting, a list of them, or a command line, in order.

    >>> arguments("--image=ghcr.io/acme/api:1")
    ('ghcr.io/acme/api:1',)
    >>> arguments("kubectl run debug --image busybox:1.36 --rm")
    ('busybox:1.36',)
    """
    if len(text) > _LONGEST or "\n" in text:
        return ()
    found: dict[int, str] = {}
    if "/" in text:
        found = {match.start("reference"): match["reference"] for match in _TOKEN.finditer(text)}
    if "@sha256:" in text:
        found = {match.start("reference"): match["reference"] for match in _DIGESTED.finditer(text)} | found
    if "image" in text.lower():
        found |= {match.start("reference"): match["reference"] for match in _FLAGGED.finditer(text)}
        found |= {
            match.start("reference"): match["reference"]
            for match in _IN_EXPRESSION.finditer(text)
            if _TAGGED.search(match["reference"])
        }
    for match in _PULLED.finditer(text):
        found |= _run(match)
    return tuple(dict.fromkeys(one for _, one in sorted(found.items()) if is_reference(one)))


def _run(match: re.Match[str]) -> dict[int, str]:
    """The image that a command runs or pulls: the first word with a folder and a tag, as values of options have none."""
    for word in _RUN_WORD.finditer(match["rest"]):
        text = word["reference"]
        if (
            (":" in text.rpartition("/")[2] or "@" in text)
            and ("/" in text or match["verb"] != "run")
            and is_reference(text)
        ):
            return {match.start("rest") + word.start("reference"): text}
    return {}


def is_output(text: str) -> bool:
    """Whether a flag or parameter says where a build pushes to: `--destination` (kaniko), `output-image` (Konflux)."""
    return text.lower().replace("_", "-") in ("--destination", "output-image", "output-image-url")


def is_image_flag(text: str) -> bool:
    """Whether the next argument of a command line is an image: `--image`, `-sidecar-image`."""
    return _FLAG.fullmatch(text) is not None


def lines_with_image(content: bytes) -> Iterator[tuple[int, int, str]]:
    """`image: …` lines of a text that no parser takes: line (from 0), column (from 0) and value, unquoted."""
    for number, line in enumerate(content.decode("utf-8", "replace").split("\n")):
        match = _IMAGE_LINE.match(line)
        if match:
            yield number, match.start("value"), match["value"]


_IMAGE_LINE: Final = re.compile(
    r"""\s*(?:-\s+)?["']?image["']?\s*:\s+["']?(?P<value>[^\s"'#|>&*][^"'#]*?)["']?\s*(?:\s#.*)?$"""
)


def mentions(sets: Iterable[tuple[bytes, ...]]) -> Callable[[bytes], bool]:
    """A test whether a text holds all words of one of the sets.

    >>> test = mentions([(b"ray.io", b"raycluster"), (b"tekton.dev",)])
    >>> test(b"apiVersion: ray.io/v1"), test(b"apiVersion: tekton.dev/v1")
    (False, True)
    """
    # The longest word is the rarest, and that of many sets: most texts are told by looking for a few of them.
    by_first: dict[bytes, list[tuple[bytes, ...]]] = {}
    for each in sets:
        first, *rest = sorted(each, key=lambda word: (-len(word), word)) or (b"",)
        by_first.setdefault(first, []).append(tuple(rest))
    known = sorted(by_first.items())

    def test(text: bytes) -> bool:
        for first, several in known:
            if first in text and any(all(word in text for word in rest) for rest in several):
                return True
        return False

    return test


def prefilter(words: frozenset[tuple[bytes, ...]] = frozenset()) -> Callable[[bytes], bool]:
    """A test of bytes that refuses only what cannot hide an image. `words`: what the kinds table knows an object by."""
    described = mentions(words)

    def may_hold(content: bytes) -> bool:
        lower = content.lower()
        return (
            any(word in lower for word in _WORDS)
            or described(lower)
            or b"\0" in content
            or _HIDING.search(content) is not None
            or _LOCATED_BYTES.search(lower) is not None
        )

    return may_hold


def plain(content: bytes) -> bytes | None:
    """YAML with the escapes resolved that write letters or join lines; None where a word may be written otherwise still.

    That is: another encoding, the tag that decodes base64, and directives that name tags. Source: YAML 1.2.2, 5.7, 6.8, 6.9.
    """
    tagged = b"!" in content and _TAG.search(content)
    if (
        tagged
        or b"\0" in content
        or (b"%" in content and (content.startswith((b"%", b"\xef\xbb\xbf%")) or _DIRECTIVE.search(content)))
    ):
        return None
    return _ESCAPE.sub(_resolved, content) if b"\\" in content and _WRITES.search(content) else content


def _resolved(escape: re.Match[bytes]) -> bytes:
    if escape["code"] is None:
        return b"/" if escape[0] == b"\\/" else b""
    code = int(escape["code"][1:], 16)
    return chr(code).encode("utf-8", "surrogatepass") if code <= sys.maxunicode else b""


def versions(text: bytes) -> bytes | None:
    r"""Every API version that objects in a text say, a line each; None where one may be said in another way.

    >>> versions(b"apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: v1\n")
    b'apps/v1\nv1'
    >>> versions(b"apiVersion: &it v1\n") is None
    True
    """
    found: list[bytes] = []
    position = text.find(b"apiVersion")
    while position >= 0:
        match = _VERSION.match(text, position)
        if match is None:
            return None
        if match["said"] is not None:
            found.append(match["said"])
        position = text.find(b"apiVersion", match.end())
    return b"\n".join(dict.fromkeys(found))
