"""SLSA provenance: which repository a build says that it was made from, and who says that it built.

Sources: SLSA provenance v0.2 and v1; the build types `actions.github.io/buildtypes/workflow/v1` (GitHub's attestations) and
slsa-github-generator's. A repository is told in two places, and both must say the same:

| version | who asked for the build | what it was built from |
|---|---|---|
| v0.2 | `invocation.configSource.uri` | an entry of `materials[].uri` |
| v1 | `buildDefinition.externalParameters`: `workflow.repository`, `source.uri` (both, where both are there) | an entry of `buildDefinition.resolvedDependencies[].uri` |

A dependency alone proves nothing: whoever builds may depend on anybody's repository.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.signatures.encoding import (
    Json,
    Malformed,
    Object,
    list_of,
    object_of,
    optional_object,
    parse_object,
    text_of,
)

_SEGMENT: Final = r"[A-Za-z0-9_.~-]+"
_REPOSITORY: Final = re.compile(
    rf"(?:git\+)?(?P<address>https?://[a-z0-9.-]+(?::[0-9]{{1,5}})?(?:/(?!\.\.?(?:[/@]|$)){_SEGMENT})+)(?:@[!-~]+)?",
    re.ASCII,
)


class Provenance(Struct, frozen=True):
    """What a statement says of its build; a field that cannot be read is a Malformed instead of a text.

    `source`: the repository's address without `git+`, `.git` and ref. `builder`: the builder's id as it is written.
    """

    source: str | Malformed
    builder: str | Malformed


def read_provenance(statement: bytes, limits: Limits = DEFAULT) -> Provenance:
    """Read the payload of a verified envelope. Raises Malformed where it is no provenance of a known version."""
    stated = parse_object(statement, "the statement")
    fields = _VERSIONS.get(text_of(stated.get("predicateType"), "the statement's predicateType"))
    if fields is None:
        raise Malformed("the statement is no SLSA provenance of version 0.2 or 1")
    predicate = object_of(stated.get("predicate"), "the statement's predicate")
    builder, source = fields
    return Provenance(_told(lambda: source(predicate, limits)), _told(lambda: builder(predicate)))


def repository(uri: Json, what: str) -> str:
    """The address of a repository: `git+https://host/owner/name.git@refs/tags/v1` → `https://host/owner/name`.

    Raises Malformed for whatever could be read as another one: a user before the host, `..`, escapes, queries, capitals in
    the host.
    """
    text = text_of(uri, what)
    address = _address(text)
    if address is None:
        raise Malformed(f"{what} is no plain address of a repository: {text[:200]!r}")
    return address


def _address(uri: str) -> str | None:
    found = _REPOSITORY.fullmatch(uri)
    if found is None:
        return None
    address: str = found["address"]
    return address if address.endswith("/.git") else address.removesuffix(".git")


def _told(read: Callable[[], str]) -> str | Malformed:
    try:
        return read()
    except Malformed as problem:
        return problem


def _builder_0_2(predicate: Object) -> str:
    return _builder(predicate, "predicate.builder")


def _builder_1(predicate: Object) -> str:
    details = object_of(predicate.get("runDetails"), "predicate.runDetails")
    return _builder(details, "predicate.runDetails.builder")


def _builder(holder: Object, what: str) -> str:
    return text_of(object_of(holder.get("builder"), what).get("id"), f"{what}.id")


def _source_0_2(predicate: Object, limits: Limits) -> str:
    invocation = object_of(predicate.get("invocation"), "predicate.invocation")
    what = "predicate.invocation.configSource"
    asked = repository(object_of(invocation.get("configSource"), what).get("uri"), f"{what}.uri")
    return _agreed([asked], predicate.get("materials"), "predicate.materials", limits)


def _source_1(predicate: Object, limits: Limits) -> str:
    definition = object_of(predicate.get("buildDefinition"), "predicate.buildDefinition")
    what = "predicate.buildDefinition.externalParameters"
    parameters = object_of(definition.get("externalParameters"), what)
    asked = [
        repository(object_of(parameters[name], f"{what}.{name}").get(key), f"{what}.{name}.{key}")
        for name, key in (("workflow", "repository"), ("source", "uri"))
        if name in parameters
    ]
    if not asked:
        raise Malformed(f"{what} names no repository: neither workflow nor source is there")
    dependencies = definition.get("resolvedDependencies")
    return _agreed(asked, dependencies, "predicate.buildDefinition.resolvedDependencies", limits)


def _agreed(asked: list[str], built: Json, what: str, limits: Limits) -> str:
    """The one repository that was asked for and built from."""
    if len(set(asked)) > 1:
        raise Malformed(f"it names two sources: {' and '.join(asked)}")
    if asked[0] not in _repositories(list_of(built, what, limits.provenance_materials), what):
        raise Malformed(f"{asked[0]} asked for the build, but {what} does not name it")
    return asked[0]


def _repositories(items: list[Json], what: str) -> Iterator[str]:
    """Those entries that are repositories: others are base images and tools."""
    for number, item in enumerate(items):
        uri = optional_object(item, f"{what}[{number}]").get("uri")
        if isinstance(uri, str) and (address := _address(uri)) is not None:
            yield address


_Reading = tuple[Callable[[Object], str], Callable[[Object, Limits], str]]
_VERSIONS: Final[Mapping[str, _Reading]] = MappingProxyType(
    {
        "https://slsa.dev/provenance/v0.2": (_builder_0_2, _source_0_2),
        "https://slsa.dev/provenance/v1": (_builder_1, _source_1),
    }
)
