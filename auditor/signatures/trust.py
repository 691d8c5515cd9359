"""The trusted roots of a run: `trust:` of the rules → parsed roots, and where each came from.

`public-good` and `github` come from their TUF repositories when there is a network, else from the newest copy at hand: what TUF
verified last, or what came with the installation. Nothing here decides for which issuers a root may vouch: that is a rule's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.config.rules import TrustSetting
from auditor.errors import ConfigurationError, Problem
from auditor.folders import cache_folder
from auditor.limits import DEFAULT, Limits
from auditor.model.report import TrustUsed
from auditor.signatures.encoding import Malformed
from auditor.signatures.pem import root_from_pem
from auditor.signatures.root import Root, parse_root
from auditor.signatures.tuf import FRESH, Copy, Repository, Unreachable
from auditor.signatures.well_known import GITHUB, PUBLIC_GOOD, WellKnown

WELL_KNOWN: Final[Mapping[str, WellKnown]] = MappingProxyType({known.name: known for known in (PUBLIC_GOOD, GITHUB)})
DEFAULT_TRUST: Final = (TrustSetting("public-good", "public-good"), TrustSetting("github", "github"))
"""What a run trusts whose rules say nothing of trust."""
OLD_DAYS: Final = 90
"""From this age on the copy at hand is worth a warning: keys may have been added or withdrawn since."""


class Trust(Struct, frozen=True):
    """The roots that may vouch for signatures, and what a report says of them.

    A setting that holds several roots gives several of the same name, each judged by itself. `notes` are sentences for people:
    a repository that could not be reached, a copy that is old.
    """

    roots: tuple[Root, ...]
    used: tuple[TrustUsed, ...]
    notes: tuple[str, ...] = ()


class _Loaded(Struct, frozen=True):
    roots: tuple[Root, ...]
    used: TrustUsed
    notes: tuple[str, ...] = ()


def load_trust(settings: tuple[TrustSetting, ...], *, now: datetime, offline: bool, cache: Path | None = None) -> Trust:
    """Read every trusted root; no settings are the default ones. `cache` is where TUF copies are kept.

    Raises ConfigurationError with every setting that cannot be used. An unreachable TUF repository is no error as long as
    there is a copy.
    """
    place = _Place(now, offline, cache or cache_folder("tuf"))
    chosen = settings or DEFAULT_TRUST
    # Side by side: where there is no network, the wait for one repository is the wait for all.
    with ThreadPoolExecutor(len(chosen)) as pool:
        outcomes = list(pool.map(partial(_load, place=place), chosen))
    problems = tuple(outcome for outcome in outcomes if isinstance(outcome, Problem))
    if problems:
        raise ConfigurationError(problems)
    loaded = [outcome for outcome in outcomes if isinstance(outcome, _Loaded)]
    return Trust(
        roots=tuple(root for each in loaded for root in each.roots),
        used=tuple(each.used for each in loaded),
        notes=tuple(note for each in loaded for note in each.notes),
    )


class _Place(Struct, frozen=True):
    """When, with or without a network, and where copies are kept."""

    now: datetime
    offline: bool
    cache: Path

    def age_days(self, moment: datetime) -> int:
        return max((self.now - moment).days, 0)


def _load(setting: TrustSetting, place: _Place) -> _Loaded | Problem:
    try:
        return _LOADERS[setting.kind](setting, place)
    except (Malformed, Unreachable) as problem:
        return Problem(setting.path or setting.name, 0, f"trust {setting.name}: {problem}", _HELP[setting.kind])


def _well_known(setting: TrustSetting, place: _Place) -> _Loaded:
    known = WELL_KNOWN[setting.kind]
    try:
        copy, notes = _current(Repository(known.url, known.root, place.cache), place)
        root, source = parse_root(copy.content, setting.name), "tuf"
        if copy.verified < known.dated():
            raise Unreachable(f"the copy of {known.url} is older than the embedded one")  # noqa: TRY301 - same way out
    except (Unreachable, Malformed) as problem:
        copy, source = Copy(known.trusted_root, known.dated()), "embedded"
        notes = () if place.offline else (f"trust {setting.name}: {problem}; the embedded copy is used",)
        root = parse_root(copy.content, setting.name)
    return _aged(root, source, copy, place, notes)


def _tuf(setting: TrustSetting, place: _Place) -> _Loaded:
    if setting.url is None or "root" not in setting.content:
        raise Malformed("a TUF repository needs its URL and its root.json (`tuf:` and `root:`)")
    copy, notes = _current(Repository(setting.url, setting.content["root"], place.cache), place)
    return _aged(parse_root(copy.content, setting.name), "tuf", copy, place, notes)


def _current(repository: Repository, place: _Place) -> tuple[Copy, tuple[str, ...]]:
    """The newest copy that can be had: a fresh one, the repository's, or the last one. Raises Unreachable without any."""
    kept = repository.kept()
    if kept is not None and (place.offline or kept.verified <= place.now < kept.verified + FRESH):
        return kept, ()
    if place.offline:
        raise Unreachable(f"there is no copy of {repository.url} yet, and this run is offline")
    try:
        return repository.fetch(place.now), ()
    except Unreachable as problem:
        if kept is None:
            raise
        return kept, (f"{problem}; the copy of {kept.verified:%Y-%m-%d} is used",)


def _aged(root: Root, source: str, copy: Copy, place: _Place, notes: tuple[str, ...]) -> _Loaded:
    name = root.name
    age = place.age_days(copy.verified)
    if age > OLD_DAYS:
        notes = (*notes, f"trust {name}: the copy at hand is {age} days old; keys may have changed since")
    return _Loaded((root,), TrustUsed(name, source, age), notes)


def _file(setting: TrustSetting, _place: _Place, limits: Limits = DEFAULT) -> _Loaded:
    content = setting.content.get("file", b"")
    if len(content) > limits.trusted_root_bytes * limits.trusted_parts:
        raise Malformed("the file is too large for trusted roots")
    roots = tuple(parse_root(document, setting.name, part=setting.part) for document in _documents(content, limits))
    return _Loaded(roots, TrustUsed(setting.name, setting.path or "file"))


def _documents(content: bytes, limits: Limits) -> tuple[bytes, ...]:
    """One JSON object, or JSON lines of several, as `gh attestation trusted-root` prints them."""
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        if len(lines) > limits.trusted_parts:
            raise Malformed(f"the file has more than {limits.trusted_parts} trusted roots")
        return tuple(lines)
    return (content,)


def _pem(setting: TrustSetting, _place: _Place) -> _Loaded:
    root = parse_root(root_from_pem(setting.content), setting.name)
    return _Loaded((root,), TrustUsed(setting.name, setting.path or "pem"))


_LOADERS: Final[Mapping[str, Callable[[TrustSetting, _Place], _Loaded]]] = MappingProxyType(
    {"public-good": _well_known, "github": _well_known, "file": _file, "pem": _pem, "tuf": _tuf}
)
_HELP: Final = MappingProxyType(
    {
        "public-good": "run with a network once, or reinstall auditor: its embedded copy cannot be read",
        "github": "run with a network once, or reinstall auditor: its embedded copy cannot be read",
        "file": "give a trusted_root.json, as `cosign trusted-root create` or `gh attestation trusted-root` writes it",
        "pem": "give certificates (fulcio, tsa) and public keys (rekor, ctlog) in PEM",
        "tuf": "check the URL and the root.json, or run once with a network: the copy is kept for later runs",
    }
)
