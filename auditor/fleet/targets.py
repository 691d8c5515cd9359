"""From what people write to the targets of an audit: folders, addresses, whole organisations.

`#REF:PATH` behind a target names a branch, tag or commit and a folder (the notation of container builders). What is named twice
is audited once. An organisation that cannot be listed completely is a failed target, never a shorter list.
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.fleet.shards import Targets
from auditor.limits import DEFAULT, Limits
from auditor.model.audit import Audited, Failure, Stage, Target
from auditor.model.forge import Forge
from auditor.publish.organisations import Filters, list_organisation, server
from auditor.publish.outcome import Refused
from auditor.publish.target import TOKEN
from auditor.registry.faults import Failed
from auditor.source.addresses import Login, is_address, read_address

_FORGES: Final = {"github:": Forge.GITHUB, "gitlab:": Forge.GITLAB}
_IN_THE_CLEAR: Final = (
    "the address of {} holds a password: use a credential helper of git, arguments are seen by others"
)
_HELP_PATH: Final = "write it as it is below the top of the repository, such as clusters/prod"


class Wish(Struct, frozen=True):
    """One target as it was written. `folder` is what a relative path starts from; `name` what it is to be called.

    `config`: the rules file of this machine that judges it instead of its own.
    """

    text: str
    name: str = ""
    refs: tuple[str | None, ...] = ()
    paths: tuple[str, ...] = ()
    folder: Path = Path()
    is_folder: bool = False
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Targets; the logins that their addresses held, by address; by name the rules files that judge them instead of their own."""

    targets: Targets
    configs: Mapping[str, Path] = field(default_factory=dict)
    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)


class _Place(Struct, frozen=True):
    """A repository or folder: what it is called in short, the host to put in front, and what tells it from others."""

    address: str
    name: str
    host: str = ""
    identity: tuple[str, ...] = ()
    path: str = ""


class _Found(Struct, frozen=True):
    """A target, the rules file that judges it, and whether it was listed with all of its organisation."""

    place: _Place
    target: Target
    config: Path | None
    is_listed: bool


def parse_targets(
    wishes: Iterable[Wish | str], variables: Mapping[str, str], filters: Filters | None = None, limits: Limits = DEFAULT
) -> Chosen:
    """Every target of an audit. Raises UsageError for what is none, and for two that would have one name."""
    return _Parsing(variables, filters or Filters(), limits).run(
        [Wish(each) if isinstance(each, str) else each for each in wishes]
    )


def check(wish: Wish) -> None:
    """Raise UsageError for what is no target, without asking anybody."""
    text, refs, paths = _split(wish)
    if _forge(text) is not None and not wish.is_folder:
        _owner(text)
    elif is_address(text) and not wish.is_folder:
        read_address(text)
    else:
        _check_folder(text)
    for ref in refs:
        _ref(ref)
    for path in paths:
        _below(path)
    if wish.config is not None and not wish.config.is_file():
        raise UsageError(
            f"there is no rules file {wish.config}", help="name a file of this machine: no address, no folder"
        )


def _is_organisation(wish: Wish) -> bool:
    forge = None if wish.is_folder else _forge(wish.text)
    return forge is Forge.GITLAB or (forge is Forge.GITHUB and "/" not in wish.text.partition("#")[0])


def _config(wish: Wish, target: Target) -> Path | None:
    """The rules file of a target. Raises UsageError for one that the audited folder itself holds: it would judge itself."""
    if wish.config is None or is_address(target.address):
        return wish.config
    real, top = Path(os.path.realpath(wish.config)), Path(os.path.realpath(target.address))
    if real.is_relative_to(top):
        raise UsageError(
            f"config {wish.config} is inside of {target.address}, which it would judge",
            help="leave `config` out, so that the rules at HEAD judge it, or keep the file elsewhere",
        )
    return wish.config


def _either(one: _Found, other: _Found) -> _Found:
    """Of what is named twice the first; what is named on its own over what was listed. Raises UsageError for two rules files."""
    if one.config == other.config or other.is_listed != one.is_listed:
        return other if one.is_listed and not other.is_listed else one
    raise UsageError(
        f"{one.target.name} is named twice, and not with the same `config`", help="name it once, or with one rules file"
    )


class _Parsing:
    def __init__(self, variables: Mapping[str, str], filters: Filters, limits: Limits) -> None:
        self._variables = variables
        self._filters = filters
        self._limits = limits
        self._failed: list[Audited] = []
        self._notes: list[str] = []
        self._logins: dict[str, Login] = {}

    def run(self, wishes: list[Wish]) -> Chosen:
        """All of them."""
        forges = {forge for wish in wishes if (forge := _forge(wish.text)) is not None and not wish.is_folder}
        if len(forges) > 1:  # a token that does not say whose it is would go to both
            self._variables = {name: value for name, value in self._variables.items() if name != TOKEN}
        found: dict[tuple[object, ...], _Found] = {}
        for wish in wishes:
            for place, target in self._of(wish):
                one = _Found(place, target, _config(wish, target), is_listed=_is_organisation(wish))
                key = place.identity, target.ref, target.path
                found[key] = _either(found.get(key, one), one)
            if len(found) > self._limits.repositories:
                raise UsageError(f"more than {self._limits.repositories:,} targets", help="audit them in several runs")
        named = _named([(each.place, each.target) for each in found.values()])
        pairs = zip(named, found.values(), strict=True)
        configs = {target.name: each.config for target, each in pairs if each.config is not None}
        return Chosen(Targets(named, tuple(self._failed), tuple(dict.fromkeys(self._notes))), configs, self._logins)

    def _of(self, wish: Wish) -> Iterator[tuple[_Place, Target]]:
        text, refs, paths = _split(wish)
        for place in self._places(text, wish):
            for ref in refs:
                for path in paths:
                    below = posixpath.join(place.path, _below(path)).rstrip("/")
                    yield place, Target(wish.name or place.name, place.address, _ref(ref), below)

    def _places(self, text: str, wish: Wish) -> Iterator[_Place]:
        forge = None if wish.is_folder else _forge(text)
        if forge is not None:
            yield from self._owned(forge, _owner(text), wish)
            return
        if not wish.is_folder and is_address(text):
            address = read_address(text)
            if address.login is not None:
                self._logins[address.url] = address.login
                self._notes.append(_IN_THE_CLEAR.format(f"{address.host}/{address.path}"))
        yield _place(text, wish)

    def _owned(self, forge: Forge, owner: str, wish: Wish) -> Iterator[_Place]:
        at = server(forge, self._variables)
        if forge is Forge.GITHUB and "/" in owner:
            yield _remote(f"{at.web}/{owner}.git")
            return
        try:
            listed = list_organisation(at, owner, self._filters, self._variables, self._limits)
        except Failed as error:
            advice = error.help if isinstance(error, Refused) and error.status not in {401, 403, 404} else _ACCESS
            failure = Failure(Stage.FETCH, f"its repositories cannot be listed: {error.fault.detail}", advice)
            self._failed.append(Audited(Target(wish.text, f"{at.web}/{owner}"), failure=failure))
            return
        self._notes += listed.notes
        if not listed.names:
            self._notes.append(f"{wish.text} has no repository that the filters leave")
        yield from (_remote(f"{at.web}/{name}.git") for name in listed.names)


_ACCESS: Final = "check the name, and give a token that may list its repositories (GITHUB_TOKEN, GITLAB_TOKEN)"


def _split(wish: Wish) -> tuple[str, tuple[str | None, ...], tuple[str, ...]]:
    """Target, refs, and folders. A folder that is there by the whole name is that folder."""
    text, mark, behind = wish.text.partition("#")
    if mark and (wish.folder / wish.text).exists():
        text, behind = wish.text, ""
    ref, _, path = behind.partition(":")
    if not text:
        raise UsageError(f"{wish.text!r} names no repository", help="put a folder or an address before the #")
    if (ref and wish.refs) or (path and wish.paths):
        raise UsageError("the revision or the folder is given twice", help="leave one out")
    return text, wish.refs or (ref or None,), wish.paths or (path,)


def _forge(text: str) -> Forge | None:
    return next((forge for prefix, forge in _FORGES.items() if text.startswith(prefix)), None)


def _owner(text: str) -> str:
    prefix, _, owner = text.partition(":")
    owner = owner.strip("/")
    parts = owner.split("/")
    fits = all(part and not part.startswith(("-", ".")) and _is_word(part) for part in parts)
    if not fits or (prefix == "github" and len(parts) > 2):
        wanted = (
            "github:ORG or github:ORG/REPOSITORY" if prefix == "github" else "gitlab:GROUP or gitlab:GROUP/SUBGROUP"
        )
        raise UsageError(f"{text!r} names no organisation", help=f"write {wanted}")
    return owner


def _is_word(part: str) -> bool:
    return part.isascii() and part.replace("-", "").replace("_", "").replace(".", "").isalnum()


def _ref(ref: str | None) -> str | None:
    if ref is not None and (ref.startswith("-") or not ref.isprintable() or " " in ref):
        raise UsageError(f"{ref!r} is no revision", help="give a branch, a tag or a commit")
    return ref


def _below(path: str) -> str:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts or not path.isprintable():
        raise UsageError(f"{path!r} is no folder of a repository", help=_HELP_PATH)
    return "/".join(parts)


def _place(text: str, wish: Wish) -> _Place:
    return _remote(text) if is_address(text) and not wish.is_folder else _local(text, wish.folder)


def _remote(text: str) -> _Place:
    address = read_address(text)
    return _Place(address.url, address.path, address.host, ("remote", address.host, address.path))


def _check_folder(text: str) -> None:
    if "\0" in text:
        raise UsageError(f"{text!r} is no folder", help="name a folder, or an address such as https://HOST/OWNER/NAME")


def _local(text: str, folder: Path) -> _Place:
    """A folder of this machine: the top of its repository, and what is below that. Whether it is there, reading it tells."""
    _check_folder(text)
    real = os.path.realpath(folder / text)
    top = next((each for each in _upwards(real) if os.path.lexists(os.path.join(each, ".git"))), real)  # noqa: PTH118 - thousands
    below = real[len(top) :].strip("/")
    shown = posixpath.normpath(text)
    if shown.startswith("..") or shown == ".":
        shown = posixpath.basename(top)
    elif below and shown.endswith(f"/{below}"):
        shown = shown.removesuffix(f"/{below}")
    elif below:
        shown = posixpath.basename(top)
    return _Place(top, shown, "", ("local", top), below)


def _upwards(folder: str) -> Iterator[str]:
    """A folder, and every one above it."""
    yield folder
    while (above := posixpath.dirname(folder)) != folder:
        folder = above
        yield folder


def _named(found: list[tuple[_Place, Target]]) -> tuple[Target, ...]:
    """Targets under names that are theirs alone: the host in front where two would be called the same."""
    full = [replace(target, name=_suffixed(target.name, target)) for _, target in found]
    taken = Counter(target.name for target in full)
    named = []
    for (place, _), target in zip(found, full, strict=True):
        crowded = taken[target.name] > 1
        named.append(replace(target, name=f"{place.host or place.address}/{target.name}") if crowded else target)
    again = Counter(target.name for target in named)
    twice = sorted(name for name, count in again.items() if count > 1)
    if twice:
        raise UsageError(f"two targets are called {twice[0]}", help="give one a `name:` in the file of repositories")
    return tuple(named)


def _suffixed(name: str, target: Target) -> str:
    return name + (f"@{target.ref}" if target.ref else "") + (f":{target.path}" if target.path else "")
