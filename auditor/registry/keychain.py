"""Credentials as docker and podman keep them. Read from the user's own files, never from the tree that is audited.

Order, the first file that knows the registry wins (containers-auth.json(5), docker's config.json):

1. `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json`
2. `$XDG_RUNTIME_DIR/containers/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json`
3. `~/.docker/config.json`, `~/.dockercfg`
4. `GITHUB_TOKEN` for ghcr.io, in GitHub Actions

Within a file: `credHelpers`, then `auths`, the most specific path first (`host/a/b`, `host/a`, `host`), then `credsStore`.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_SUFFIX: Final = re.compile(r"[A-Za-z0-9._-]+")
_HUB_KEYS: Final = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_HUB: Final = "registry-1.docker.io"
_CONFIG_BYTES: Final = 4 * 1024 * 1024
_HELPER_BYTES: Final = 64 * 1024
_NOT_FOUND: Final = "credentials not found"


@dataclass(frozen=True, slots=True)
class Credential:
    """What to show a registry: user and password, an identity token (exchanged by POST), or a ready Bearer token.

    `source` says where it was found, for messages. Secrets are left out of its representation.
    """

    source: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)


class CredentialError(Exception):
    """A file or helper that should have a credential and cannot give it; the message says which and why."""


class Keychain:
    """Credentials by host and repository path. `environ` is given, not read; `seconds` is what a helper may take."""

    def __init__(self, environ: Mapping[str, str], *, seconds: float) -> None:
        self._environ = environ
        self._seconds = seconds
        self._lock = threading.Lock()
        self._configs: list[tuple[str, Mapping[str, Any]]] | None = None
        self._helped: dict[tuple[str, str], Credential | CredentialError | None] = {}

    def find(self, host: str, path: str) -> Credential | None:
        """The credential for a repository, None to ask anonymously. Raises CredentialError."""
        with self._lock:  # a helper may ask the user to unlock a keyring: once, not from every thread
            for source, config in self._read():
                found = self._in_config(source, config, host, path)
                if found is not None:
                    return found
        return self._from_actions(host)

    def _in_config(self, source: str, config: Mapping[str, Any], host: str, path: str) -> Credential | None:
        keys = tuple(_keys(host, path))
        helpers, auths = _object(config, "credHelpers"), _object(config, "auths")
        for key in keys:
            suffix = helpers.get(key)
            if isinstance(suffix, str) and suffix:
                return self._ask_helper(suffix, key)
        for key in keys:
            entry = next((auths[name] for name in (key, f"https://{key}", f"https://{key}/v1/") if name in auths), None)
            if isinstance(entry, Mapping) and (found := _from_entry(entry, source)) is not None:
                return found
        store = config.get("credsStore")
        return (
            self._ask_helper(store, _HUB_KEYS[0] if host == _HUB else host)
            if isinstance(store, str) and store
            else None
        )

    def _from_actions(self, host: str) -> Credential | None:
        token = self._environ.get("GITHUB_TOKEN")
        if host != "ghcr.io" or not token or self._environ.get("GITHUB_ACTIONS") != "true":
            return None
        return Credential("GITHUB_TOKEN", self._environ.get("GITHUB_ACTOR") or "x-access-token", token)

    def _read(self) -> list[tuple[str, Mapping[str, Any]]]:
        if self._configs is None:
            self._configs = [(str(path), read) for path in self._places() if (read := _read_config(path)) is not None]
        return self._configs

    def _places(self) -> Iterator[Path]:
        """The files to look into. Relative paths would lie in the tree that is audited: they are not used."""
        environ = self._environ
        home = environ.get("HOME", "")
        docker = environ.get("DOCKER_CONFIG") or f"{home}/.docker"
        config = environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
        named = (
            environ.get("REGISTRY_AUTH_FILE", ""),
            f"{docker}/config.json" if "DOCKER_CONFIG" in environ else "",
            f"{environ['XDG_RUNTIME_DIR']}/containers/auth.json" if environ.get("XDG_RUNTIME_DIR") else "",
            f"{config}/containers/auth.json",
            f"{docker}/config.json",
            f"{home}/.dockercfg",
        )
        return (Path(name) for name in dict.fromkeys(named) if name and Path(name).is_absolute())

    def _ask_helper(self, suffix: str, server: str) -> Credential | None:
        """Ask `docker-credential-<suffix> get`, once per server. Raises CredentialError."""
        if (suffix, server) not in self._helped:
            try:
                self._helped[suffix, server] = self._run_helper(suffix, server)
            except CredentialError as error:
                self._helped[suffix, server] = error
        answer = self._helped[suffix, server]
        if isinstance(answer, CredentialError):
            raise CredentialError(str(answer))
        return answer

    def _run_helper(self, suffix: str, server: str) -> Credential | None:
        name = f"docker-credential-{suffix}"
        if not _SUFFIX.fullmatch(suffix):
            raise CredentialError("a credential helper has a name that no program can have")
        # A relative folder on PATH would run a program out of the tree that is audited.
        folders = [folder for folder in self._environ.get("PATH", "").split(os.pathsep) if Path(folder).is_absolute()]
        program = shutil.which(name, path=os.pathsep.join(folders))
        if program is None:
            raise CredentialError(f"{name} is not on PATH")
        try:
            done = subprocess.run(
                [program, "get"],
                input=server.encode(),
                capture_output=True,
                check=False,
                timeout=self._seconds,
                env=dict(self._environ),
                cwd=Path(program).parent,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CredentialError(f"{name}: {type(error).__name__}") from None
        if done.returncode != 0:
            if _NOT_FOUND in (done.stdout + done.stderr)[:_HELPER_BYTES].decode("utf-8", "replace").lower():
                return None
            raise CredentialError(f"{name} ended with status {done.returncode}")
        return _from_helper(done.stdout, name)


def _keys(host: str, path: str) -> Iterator[str]:
    """What a credential may be filed under, the most specific first."""
    parts = path.split("/") if path else []
    names = _HUB_KEYS[1:3] if host == _HUB else (host,)
    for length in range(len(parts), 0, -1):
        for name in names:
            yield f"{name}/{'/'.join(parts[:length])}"
    yield from _HUB_KEYS if host == _HUB else (host,)


def _object(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _read_config(path: Path) -> Mapping[str, Any] | None:
    try:
        with path.open("rb") as file:
            content = file.read(_CONFIG_BYTES + 1)
        config = json.loads(content)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError, RecursionError):
        raise CredentialError(f"{path} cannot be read as JSON") from None
    if not isinstance(config, dict):
        raise CredentialError(f"{path} does not hold a JSON object")
    return {"auths": config} if path.name == ".dockercfg" else config


def _from_entry(entry: Mapping[str, Any], source: str) -> Credential | None:
    """One entry of `auths`. An empty one only says that the credential store knows the host."""
    texts = {key: value for key, value in entry.items() if isinstance(value, str)}
    user, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth"):
        try:
            decoded = base64.b64decode(texts["auth"], validate=True).decode()
        except (binascii.Error, ValueError):
            raise CredentialError(f"{source} has an entry that is not base64") from None
        user, _, password = decoded.partition(":")
        password = password.rstrip("\0")
    found = Credential(source, user, password, texts.get("identitytoken", ""), texts.get("registrytoken", ""))
    return found if found.user or found.identity_token or found.bearer else None


def _from_helper(output: bytes, name: str) -> Credential | None:
    try:
        answer = json.loads(output[:_HELPER_BYTES])
        user, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CredentialError(f"{name} did not answer with a credential") from None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise CredentialError(f"{name} did not answer with a credential")
    if not secret:
        return None
    return Credential(name, identity_token=secret) if user == "<token>" else Credential(name, user, secret)
