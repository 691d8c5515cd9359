"""Image names as go-containerregistry prints them (`name.Reference.Name()`): what policy-controller and Connaisseur match.

Docker Hub is `index.docker.io`, an image without an owner is in `library`, a name without tag or digest is `:latest`.
A first component is a host only where it holds a dot or a colon: `localhost` alone is a path on Docker Hub, an upper-case one is
refused, and so is a path of one character.
"""

from __future__ import annotations

from auditor.model.reference import DOCKER_HUB, Digest, InvalidReference, Reference

_HUB = "index.docker.io"
_LOCAL = "localhost"
_LONGEST = 255


def parse(text: str) -> Reference:
    """Read a reference as go-containerregistry does. Raises InvalidReference."""
    reference = Reference.parse(text)
    if reference.host == _LOCAL:
        reference = Reference.parse(f"{DOCKER_HUB}/{text}")
    host = reference.host
    if "." not in host and ":" not in host:
        raise InvalidReference("repository must be lower case")
    if not 2 <= len(_path(text)) <= _LONGEST:
        raise InvalidReference(f"repository must have 2 to {_LONGEST} characters")
    return reference


def _path(text: str) -> str:
    """The path as written: `library/` is not yet added when the library measures it."""
    path = text.partition("@")[0]
    colon = path.rfind(":")
    path = path[:colon] if colon > path.rfind("/") else path
    first, slash, rest = path.partition("/")
    return rest if slash and ("." in first or ":" in first) else path


def repository(reference: Reference) -> str:
    """Host and path, Docker Hub spelled as the library spells it.

    >>> repository(parse("nginx"))
    'index.docker.io/library/nginx'
    """
    host = _HUB if reference.host == DOCKER_HUB else reference.host
    return f"{host}/{reference.path}"


def pinned_name(reference: Reference, digest: Digest) -> str:
    """What the admission webhook sees: the controller's own mutation has replaced the tag by the digest.

    >>> pinned_name(parse("acme/web:1"), Digest("0" * 64))[:31]
    'index.docker.io/acme/web@sha256'
    """
    return f"{repository(reference)}@{digest}"


def name(reference: Reference) -> str:
    """The name of a reference that nobody has pinned: a digest hides the tag.

    >>> name(parse("ghcr.io/acme/web"))
    'ghcr.io/acme/web:latest'
    """
    if reference.digest is not None:
        return pinned_name(reference, reference.digest)
    return f"{repository(reference)}:{reference.tag or 'latest'}"
