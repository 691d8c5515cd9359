"""Sigstore deployments that everybody knows: where their TUF repositories are, and the copies that came with the installation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from auditor.signatures.encoding import natural, object_of, parse_object
from auditor.signatures.root import moment


class WellKnown(Struct, frozen=True):
    """A deployment: its TUF repository, and how to read `root.json` and `trusted_root.json` as installed."""

    name: str
    url: str
    read: Callable[[str], bytes]

    @property
    def root(self) -> bytes:
        """The TUF root.json that trust starts from."""
        return self.read("root.json")

    @property
    def trusted_root(self) -> bytes:
        """The embedded trusted_root.json."""
        return self.read("trusted_root.json")

    def dated(self) -> datetime:
        """When the embedded copy was current: the day its root.json was signed, which is its expiry less its lifetime."""
        signed = object_of(parse_object(self.root, "root.json").get("signed"), "root.json")
        lifetime = natural(signed.get("x-tuf-on-ci-expiry-period"), "root.json's expiry period")
        return moment(signed.get("expires"), "root.json's expiry") - timedelta(days=lifetime)


def _of_sigstore(url: str) -> Callable[[str], bytes]:
    """Files that the sigstore package embeds, in a folder named by the repository's URL."""
    folder = quote(url, safe="")

    def read(name: str) -> bytes:
        return resources.files("sigstore._store").joinpath(folder, name).read_bytes()

    return read


PUBLIC_GOOD: Final = WellKnown(
    "public-good",
    "https://tuf-repo-cdn.sigstore.dev",
    _of_sigstore("https://tuf-repo-cdn.sigstore.dev"),
)
"""The public good instance of the Sigstore project."""


def _shipped(name: str) -> bytes:
    return resources.files("auditor.signatures").joinpath("github_root", name).read_bytes()


GITHUB: Final = WellKnown("github", "https://tuf-repo.github.com", _shipped)
"""GitHub's own instance, which signs for private repositories: time stamps only, no transparency log, no CT log.

Both files are what GitHub publishes in its TUF repository; sigstore-python embeds the public good ones only."""
