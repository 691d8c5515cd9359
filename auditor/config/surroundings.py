"""`trust:`, `registries:`, `manifests:`, keys and the baseline → values: what surrounds the judgement, read from its files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from auditor.config.document import Problems
from auditor.config.files import Files
from auditor.config.keys import HOST
from auditor.config.names import PathPattern, clean_path
from auditor.config.rules import (
    KeylessSigner,
    ManifestSettings,
    RegistrySettings,
    Signer,
    TrustSetting,
)
from auditor.config.sections import Section
from auditor.config.shape import Fields, Word

DEFAULT_TRUST: Final = (TrustSetting("public-good", "public-good"), TrustSetting("github", "github"))
BASELINE_FILE: Final = ".auditor-baseline.json"
BASELINE_SCHEMA: Final = "auditor-baseline/v1"

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_PUBLIC_KEY: Final = b"-----BEGIN PUBLIC KEY-----"
_BUILT_IN: Final = frozenset({"public-good", "github"})
_TRUST_FILES: Final[Mapping[str, bytes]] = {
    "file": b"{",
    "root": b"{",
    "fulcio": _CERTIFICATE,
    "rekor": _PUBLIC_KEY,
    "ctlog": _PUBLIC_KEY,
    "tsa": _CERTIFICATE,
}
_BELONGS_TO: Final[Mapping[str, str]] = {"root": "tuf", "rekor": "fulcio", "ctlog": "fulcio", "tsa": "fulcio"}

# ── trust ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_trust(section: Section, files: Files) -> tuple[TrustSetting, ...]:
    """The roots of one file's `trust:`, in the order in which they are tried."""
    settings: list[TrustSetting] = []
    for entry in section.fields.many("trust"):
        setting = (
            TrustSetting(entry.text, entry.text) if isinstance(entry, Word) else _trust_root(section, entry, files)
        )
        if any(setting.name == other.name for other in settings):
            message = f"two trust roots are called {setting.name!r}"
            section.checker.problem(entry.line, message, "Give one of them another `name:`.")
        elif not isinstance(entry, Word) and setting.name in _BUILT_IN:
            message = f"{setting.name!r} is the name of a built-in root"
            section.checker.problem(entry.line, message, "Give it another `name:`.")
        settings.append(setting)
    return tuple(settings)


def _trust_root(section: Section, entry: Fields, files: Files) -> TrustSetting:
    kind = next((kind for kind in ("file", "tuf", "fulcio") if kind in entry), "file")
    for key, owner in _BELONGS_TO.items():
        if key in entry and owner != kind:
            section.checker.problem(entry.at(key), f"`{key}` says nothing without `{owner}`", f"Leave out `{key}`.")
    if kind == "tuf" and "root" not in entry.lines:
        help_line = "Add `root:` with the root.json that you trust to start from."
        section.checker.problem(entry.at("tuf"), "a TUF repository has no `root`", help_line)
    content: dict[str, bytes] = {}
    for key, marker in _TRUST_FILES.items():
        word = entry.word(key)
        if word is not None and (named := files.named(word, section.checker, marker)):
            content[key] = named[1]
    path = entry.word("root" if kind == "tuf" else kind)
    return TrustSetting(
        name=entry.text("name") or _stem(path),
        kind="pem" if kind == "fulcio" else kind,
        content=content,
        url=entry.text("tuf") or None,
        issuers=tuple(word.text for word in entry.words("issuers")),
        path=path.text if path else None,
    )


def _stem(path: Word | None) -> str:
    return PurePosixPath(path.text).stem if path else ""


def check_trust(section: Section, trust: tuple[TrustSetting, ...], signers: Iterable[Signer]) -> None:
    """Signers name roots that exist; of several roots, each that somebody can run says for whom it vouches."""
    patterns = [pattern for signer in signers for pattern in signer.patterns if isinstance(pattern, KeylessSigner)]
    named = {pattern.trust for pattern in patterns if pattern.trust}
    line = section.fields.at("trust")
    for missing in sorted(named - {setting.name for setting in trust}):
        known = ", ".join(setting.name for setting in trust)
        section.checker.problem(
            line, f"a signer names the trust root {missing!r}, which is not there", f"Known are: {known}."
        )
    for setting in trust:
        if len(trust) > 1 and setting.kind not in _BUILT_IN and not setting.issuers and setting.name not in named:
            message = f"the trust root {setting.name!r} does not say for whom it vouches"
            help_line = "Add its `issuers:`, or name it by a signer's `trust:`; otherwise it could mint anybody."
            section.checker.problem(line, message, help_line)


# ── keys, registries, manifests ──────────────────────────────────────────────────────────────────────────────────────────


def read_keys(section: Section, files: Files) -> Iterator[tuple[str, bytes]]:
    """The public keys that signers name, by path as written."""
    table = section.fields.fields("signers")
    for forms in table.values.values() if table else ():
        for fields in forms:
            word = fields.word("key")
            if word is not None and (named := files.named(word, section.checker, _PUBLIC_KEY)):
                yield word.text, named[1]


def read_registries(section: Section, files: Files) -> Iterator[tuple[str, RegistrySettings]]:
    """How single hosts are spoken to, by host."""
    for host, fields in section.fields.records("registries"):
        if not re.fullmatch(HOST, host, re.ASCII):
            section.checker.problem(
                fields.line, f"{host[:100]!r} is no registry host", "Write host or host:port, no path."
            )
        elif host == "index.docker.io":
            section.checker.problem(fields.line, f"{host!r} is called docker.io in names", "Write docker.io.")
        ca_file = fields.word("ca-file")
        named = files.named(ca_file, section.checker, _CERTIFICATE) if ca_file else None
        if ("client-certificate" in fields) != ("client-key" in fields):
            message = "`client-certificate` and `client-key` go together"
            section.checker.problem(fields.line, message, "Name both, or none.")
        yield (
            host,
            RegistrySettings(
                host=host,
                mirror=fields.text("mirror") or None,
                plain_http=fields.flag("plain-http"),
                ca_pem=named[1] if named else None,
                client_certificate=fields.text("client-certificate") or None,
                client_key=fields.text("client-key") or None,
                signatures=fields.text("signatures") or None,
                realm=fields.text("realm") or None,
            ),
        )


def read_manifests(section: Section, files: Files) -> ManifestSettings:
    """How the tree is read."""
    fields = section.fields.fields("manifests")
    if fields is None:
        return ManifestSettings()
    usual = ManifestSettings()
    kinds = (files.named(word, section.checker) for word in fields.words("kinds"))
    return ManifestSettings(
        include=tuple(_paths(section, fields, "include")) or usual.include,
        exclude=tuple(_paths(section, fields, "exclude")),
        substitute=dict(_substitutes(section, fields)),
        kinds=dict(named for named in kinds if named is not None),
        kube_version=fields.text("kube-version", usual.kube_version).removeprefix("v"),
        api_versions=tuple(word.text for word in fields.words("api-versions")),
        charts=tuple(word.text for word in fields.words("charts")),
        also=tuple(sorted({word.text for word in fields.words("also")})),
    )


def _substitutes(section: Section, fields: Fields) -> Iterator[tuple[str, dict[str, str]]]:
    """Variables by root, the root's path in one spelling."""
    for root, table in fields.records("substitute"):
        path = section.pattern(clean_path, Word(root, table.line))
        if path is not None:
            yield path, {name: word.text for name, word in table.values.items()}


def _paths(section: Section, fields: Fields, key: str) -> Iterator[str]:
    for pattern in section.patterns(PathPattern.parse, fields.words(key)):
        yield pattern.text


def read_policies(section: Section) -> tuple[str, ...]:
    """Where the cluster's own policies are."""
    return tuple(pattern.text for pattern in section.patterns(PathPattern.parse, section.fields.words("policies")))


# ── baseline ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_baseline(files: Files, problems: Problems) -> frozenset[str]:
    """The fingerprints of `.auditor-baseline.json`; empty where there is no such file."""
    content = files.plain(BASELINE_FILE)
    if content is None:
        return frozenset()
    help_line = "Restore it from a revision where it was good, or remove it."
    try:
        document = json.loads(content) if len(content) <= files.limits.file_bytes else None
    except (ValueError, RecursionError):
        problems.add(BASELINE_FILE, 0, "not JSON", help_line)
        return frozenset()
    findings = document.get("findings") if isinstance(document, dict) else None
    if not isinstance(document, dict) or document.get("schema") != BASELINE_SCHEMA or not isinstance(findings, list):
        problems.add(BASELINE_FILE, 0, f"not a baseline ({BASELINE_SCHEMA})", help_line)
        return frozenset()
    prints = [entry.get("fingerprint") if isinstance(entry, dict) else None for entry in findings]
    if not all(isinstance(text, str) and len(text) == 32 for text in prints):
        problems.add(BASELINE_FILE, 0, "an entry has no fingerprint", help_line)
    return frozenset(text for text in prints if isinstance(text, str))
