"""`auditor init`: rules from what is signed today, a baseline for the rest, and the CI file. Shown before anything is written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from auditor.cli.options import Environment, add_network_options, add_render_option
from auditor.cli.parsing import Listed, Several, Single
from auditor.errors import UsageError
from auditor.limits import DEFAULT
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.adopt.adopt import Adoption, Wish
    from auditor.source.change import Change

_FORGES: Final = ("auto", "none", "github", "gitlab", "gitea", "forgejo", "bitbucket", "jenkins")
_ROOT_FOLDER: Final = "trust"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "init",
        help="propose auditor.yaml, a baseline and the CI file from what is signed today",
        description=(
            "Ask the registries who has signed what the tree deploys, and propose the narrowest rules that hold, a baseline for the "
            "rest, and the CI file of the forge. Standard output is a diff that `git apply` takes; files are written when you "
            "agree, or with --yes. No file that exists is changed: what an auditor.yaml lacks is only shown."
        ),
    )
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="a folder or repository")
    parser.add_argument("--yes", action="store_true", help="write without asking")
    parser.add_argument(
        "--trusted-root",
        action=Several,
        default=Listed(),
        metavar="FILE",
        help="whose certificates count instead of the public ones: a trusted_root.json, public-good or github; repeatable",
    )
    parser.add_argument(
        "--registry", action=Several, default=Listed(), metavar="HOST", help="also ask this registry; repeatable"
    )
    parser.add_argument(
        "--owner",
        action=Several,
        default=Listed(),
        metavar="NAME",
        help="whose builds are yours, where neither the image's name nor the remote says so (an organisation, a mail domain)",
    )
    parser.add_argument("--forge", action=Single, choices=_FORGES, default="auto", help="whose CI file to write")
    parser.add_argument(
        "--history",
        action=Single,  # its variable names the file of audits
        type=_commits,
        default=20,
        metavar="N",
        help="commits whose images tell which refs are signed (20)",
    )
    parser.add_argument(
        "--signing-workflow",
        action="store_true",
        help="instead: the GitHub workflow that builds, signs and verifies an image, for the repository that builds it",
    )
    add_render_option(parser)
    add_network_options(parser)
    parser.set_defaults(execute=execute, config=None)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Propose, show, and write what a person agrees to."""
    from auditor.adopt.adopt import adopt
    from auditor.cli import sources

    if options.path == "-":
        raise UsageError("standard input cannot adopt anything", help="give a folder or a repository")
    world = sources.world(options, environment)
    with sources.open_target(options, base=None, head=None, standard_input=sys.stdin.buffer) as (change, rules_file):
        if options.signing_workflow:
            return _sign(options, change)
        adoption = adopt(change, rules_file, world, _wish(options, change))
        _show(adoption, change)
        _tell(adoption)
        if adoption.files and _agreed(options):
            _write(adoption.files, change)
            _tell_then(adoption.then)
    return Exit.CLEAN if adoption.complete else Exit.INCOMPLETE


def _wish(options: argparse.Namespace, change: Change) -> Wish:
    from auditor.adopt.adopt import Wish
    from auditor.adopt.forges import ForgeKind

    roots, files = _roots(options.trusted_root, change)
    for host in options.registry:
        _check_host(host)
    return Wish(
        registries=tuple(options.registry),
        owners=tuple(options.owner),
        roots=roots,
        root_files=files,
        forge=ForgeKind(options.forge) if options.forge not in ("auto", "none") else None,
        with_ci=options.forge != "none",
        history=options.history,
    )


def _roots(named: list[str], change: Change) -> tuple[Any, dict[str, bytes]]:
    """The trust roots, and the files that the tree does not hold yet."""
    from auditor.adopt.rules_text import Root
    from auditor.cli.sources import read_option
    from auditor.cli.writing import top_of

    roots, files = [], {}
    for name in dict.fromkeys(named):
        if name in ("public-good", "github"):
            roots.append(Root(name))
            continue
        content = read_option(name, "the trusted root") or b""
        inside = Path(name).resolve()
        top = top_of(change).resolve()
        path = inside.relative_to(top).as_posix() if inside.is_relative_to(top) else f"{_ROOT_FOLDER}/{inside.name}"
        roots.append(Root(_stem(path), path))
        files[path] = content
    return tuple(roots), files


def _stem(path: str) -> str:
    """The name of a root: its file's, as the loader makes it."""
    stem = Path(path).stem
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in stem)
    return kept.strip("-._") or "private"


def _check_host(host: str) -> None:
    import re

    from auditor.config.keys import HOST

    if not re.fullmatch(HOST, host, re.ASCII):
        raise UsageError(f"--registry {host[:100]!r} is no host", help="write it as in references: ghcr.io, host:5000")


def _commits(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > DEFAULT.adopted_commits:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {DEFAULT.adopted_commits}")
    return int(text)


def _sign(options: argparse.Namespace, change: Change) -> Exit:
    """The signing workflow alone."""
    from auditor.adopt.forges import signing_file
    from auditor.cli.streams import tell

    found = signing_file(change.head.entries())
    if found is None:
        tell("there is a .github/workflows/sign.yaml already: it is left as it is")
        return Exit.CLEAN
    _show_files({found.path: found.content}, change)
    if _agreed(options):
        _write({found.path: found.content}, change)
        _tell_then(found.then)
    return Exit.CLEAN


def _show(adoption: Adoption, change: Change) -> None:
    """Everything as one diff on standard output."""
    from auditor.cli.writing import show_diff
    from auditor.edit.diff import unified

    _show_files(adoption.files, change)
    for path, splices in adoption.added.items():
        show_diff(unified(path, _before(change, path), splices))


def _show_files(files: Mapping[str, bytes], change: Change) -> None:
    from auditor.cli.writing import show_diff
    from auditor.edit.diff import whole

    for path in sorted(files):
        show_diff(whole(path, _before(change, path), files[path]))


def _before(change: Change, path: str) -> bytes | None:
    from auditor.source.links import read_file

    return read_file(change.head, path)


def _tell(adoption: Adoption) -> None:
    """What a person should know that the files do not say."""
    from auditor.cli.streams import tell
    from auditor.report.words import count

    proposal = adoption.proposal
    signed = sum(len(each.images) for each in proposal.signers)
    tell(
        f"{count(signed, 'image')} by {count(len(proposal.signers), 'signer')}, {len(proposal.catalog)} by known publishers, "
        f"{len(proposal.left)} for which nobody is proposed"
    )
    for each in proposal.left:
        tell(f"  {each.name} {each.lack}{': ' if each.detail else ''}{each.detail}")
    for note in adoption.told:
        tell(note)
    if adoption.added:
        tell("the additions to your rules are shown, not written: read them, then `auditor init | git apply`")
    if adoption.unread:
        counted = ", ".join(f"{number} {rule}" for rule, number in sorted(adoption.unread.items()))
        tell(f"not everything in the tree could be read: {counted}; `auditor check` says where, and what to do")
    if proposal.unknown:
        tell("what could not be told is not proposed: run init again when those registries answer")
    if not adoption.files and not adoption.added:
        tell("nothing to write: everything that could be proposed is there")


def _agreed(options: argparse.Namespace) -> bool:
    """Whether to write: --yes, or a yes at a terminal."""
    from auditor.cli.streams import tell

    if options.yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        tell("nothing is written without a terminal to ask at: --yes writes the new files")
        return False
    sys.stderr.write("Write the new files? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _write(files: Mapping[str, bytes], change: Change) -> None:
    """New files, each whole or none at all. What was written meanwhile is not overwritten."""
    from auditor.cli.streams import tell
    from auditor.cli.writing import save, top_of
    from auditor.edit.write import Rewrite

    top = top_of(change)
    rewrites = {path: Rewrite(_before(change, path), content) for path, content in files.items()}
    new = {path: each for path, each in rewrites.items() if each.before != each.after}
    _make_folders(top, new)
    save(top, change, new, force=False)
    for path in sorted(new):
        tell(f"wrote {path}")


def _make_folders(top: Path, paths: Mapping[str, Any]) -> None:
    """The folders of new files. Raises UsageError where one leads out of the tree, or cannot be made."""
    for path in paths:
        folder = top
        for part in Path(path).parent.parts:
            folder /= part
            if folder.is_symlink():
                raise UsageError(
                    f"{folder} is a symlink; nothing was written", help="make it a folder, or write by hand"
                )
            try:
                folder.mkdir(exist_ok=True)
            except OSError as error:
                raise UsageError(
                    f"cannot make {folder}: {error.strerror}; nothing was written", help="check the permissions"
                ) from error


def _tell_then(then: tuple[str, ...]) -> None:
    from auditor.cli.streams import tell

    tell("next: read auditor.yaml, commit, and run `auditor check`" if not then else "next:")
    for step in then:
        tell(f"  {step}")
