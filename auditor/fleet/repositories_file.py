"""The file that names the repositories of an audit: a target in each line, or YAML. Every mistake is told, with its line."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from auditor.config.check import Checker
from auditor.config.document import Problems, read_document
from auditor.config.schema import record_schema
from auditor.config.shape import Either, Fields, Key, Many, Record, Text, Word
from auditor.errors import ConfigurationError, UsageError
from auditor.fleet.targets import Wish, check
from auditor.limits import DEFAULT, Limits

_SOURCES: Final = ("url", "github", "gitlab", "path")
_TEXT: Final = Text()
_TARGET: Final = Record(
    "repository",
    {
        "url": Key(_TEXT, "The address of a git repository."),
        "github": Key(_TEXT, "An organisation of GitHub, or one of its repositories."),
        "gitlab": Key(_TEXT, "A group of GitLab, with its subgroups, or one of its projects."),
        "path": Key(
            _TEXT, "A folder below the top of the repository; without any of the others a folder of this machine."
        ),
        "name": Key(_TEXT, "What it is called in reports and in the history."),
        "ref": Key(Text(loose=True), "A branch, a tag or a commit."),
        "refs": Key(Many(Text(loose=True)), "Several of them."),
        "paths": Key(Many(_TEXT), "Several folders below the top."),
        "config": Key(
            _TEXT, "A rules file of this machine that judges it instead of its own, and instead of `--config`."
        ),
    },
)
_FILE: Final = Record(
    "the file", {"repositories": Key(Many(Either(_TEXT, _TARGET)), "What to audit, each.", required=True)}
)


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of the file where it is YAML or JSON: what an editor can check. The loader checks more."""
    return record_schema(_FILE, "auditor-repositories/v1", "the repositories of an audit")


def read_repositories(path: Path, limits: Limits = DEFAULT) -> tuple[Wish, ...]:
    """What the file names; relative paths start from its folder. Raises ConfigurationError, and UsageError without a file."""
    try:
        with path.open("rb") as file:
            content = file.read(limits.repositories_bytes + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", help="name a file that can be read") from error
    problems = Problems()
    if len(content) > limits.repositories_bytes:
        problems.add(str(path), 0, f"larger than {limits.repositories_bytes:,} bytes", "Audit them in several runs.")
        raise ConfigurationError(problems.sorted())
    checker = Checker(str(path), problems)
    wishes = tuple(_written(content, path, checker, limits))
    if not problems.found and not wishes:
        checker.problem(0, "names no repository", "Write a target in each line.")
    if problems.found:
        raise ConfigurationError(problems.sorted())
    return wishes


def _written(content: bytes, path: Path, checker: Checker, limits: Limits) -> Iterator[Wish]:
    wishes = _of_yaml(content, path, checker, limits) if _is_yaml(content, path) else _of_lines(content, path, checker)
    for line, wish in wishes:
        try:
            check(wish)
        except UsageError as error:
            checker.problem(line, error.message, f"{error.help[:1].upper()}{error.help[1:]}.")
        else:
            yield wish


def _is_yaml(content: bytes, path: Path) -> bool:
    return path.suffix in {".yaml", ".yml", ".json"} or any(
        line.startswith((b"repositories:", b"{", b"---")) for line in content.removeprefix(BOM_UTF8).splitlines()
    )


def _of_lines(content: bytes, path: Path, checker: Checker) -> Iterator[tuple[int, Wish]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        checker.problem(content.count(b"\n", 0, error.start) + 1, "not UTF-8", "Save the file as UTF-8.")
        return
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, Wish(stripped, folder=path.parent)


def _of_yaml(content: bytes, path: Path, checker: Checker, limits: Limits) -> Iterator[tuple[int, Wish]]:
    cell = read_document(content, str(path), checker.problems, limits)
    if cell is None:
        return
    for item in checker.record(cell, _FILE).many("repositories"):
        if isinstance(item, Word):
            yield item.line, Wish(item.text, folder=path.parent)
        elif isinstance(item, Fields) and (wish := _wish(item, path, checker)) is not None:
            yield item.line, wish


def _wish(item: Fields, path: Path, checker: Checker) -> Wish | None:
    """A mapping. Its `path` is the repository where nothing else is."""
    written = [key for key in _SOURCES if key in item]
    source = written[0] if written else ""
    remote = [key for key in written if key != "path"]
    for key, other in ((remote[0], remote[1]),) if len(remote) > 1 else ():
        checker.problem(item.at(other), f"repository has both `{key}` and `{other}`", "Keep one of the two.")
    if not source:
        checker.problem(item.line, "repository says nothing", "Write one of: url, path, github, gitlab.")
        return None
    for one, many in (("ref", "refs"), *((("path", "paths"),) if remote else ())):
        if one in item and many in item:
            checker.problem(item.at(many), f"repository has both `{one}` and `{many}`", "Keep one of the two.")
    paths = tuple(word.text for word in item.words("paths"))
    if remote and "path" in item:
        paths = (item.text("path"),)
    refs = tuple(word.text for word in item.words("refs")) or ((item.text("ref"),) if "ref" in item else ())
    prefix = f"{source}:" if source in {"github", "gitlab"} else ""
    config = path.parent / item.text("config") if "config" in item else None
    return Wish(prefix + item.text(source), item.text("name"), refs, paths, path.parent, source == "path", config)
