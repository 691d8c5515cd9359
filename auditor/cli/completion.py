"""Completion for bash, zsh and fish, written from the parser: `auditor --completion bash`.

The scripts are static: completing starts no program, and runs nothing of the folder that one happens to be in.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from auditor.cli.parsing import Parser

_FILES: Final = frozenset({"PATH", "FILE", "FILE|DIGEST", "RESULT.json", "CASES.yaml", "NAME[=FILE]"})
"""What stands for the name of a file in usage lines."""


class Choice(Struct, frozen=True):
    """One option: its names, what its value may be (None: it has none; empty: anything), and its help."""

    names: tuple[str, ...]
    values: tuple[str, ...] | None
    files: bool
    help: str


class Word(Struct, frozen=True):
    """One command as completion sees it: `path` is what was written to get here, such as `policy lint`."""

    path: str
    help: str
    options: tuple[Choice, ...]
    inner: tuple[tuple[str, str], ...]
    """The commands below, with their help."""
    values: tuple[str, ...]
    """Of its positional arguments, where they are a choice."""


def words(top: Parser) -> tuple[Word, ...]:
    """Every command, the program itself first."""
    return tuple(_words("", top))


def _words(path: str, command: Parser) -> Iterator[Word]:
    below = command.commands()
    texts = {name: _help_of(command, name) for name in below}
    positional = [each for each in command._actions if not each.option_strings and each.choices]  # noqa: SLF001 - argparse has no public name for it
    yield Word(
        path,
        command.description or "",
        tuple(_choice(each) for each in command._actions if each.option_strings),  # noqa: SLF001 - the same
        tuple(texts.items()),
        () if below else tuple(str(value) for each in positional for value in each.choices or ()),
    )
    for name, inner in below.items():
        yield from _words(f"{path} {name}".strip(), inner)


def _help_of(command: Parser, name: str) -> str:
    for action in command._actions:  # noqa: SLF001 - argparse has no public name for it
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            return next((each.help or "" for each in action._choices_actions if each.dest == name), "")  # noqa: SLF001 - the same
    return ""


def _choice(action: argparse.Action) -> Choice:
    values = None if action.nargs == 0 else tuple(map(str, action.choices or ()))
    return Choice(tuple(action.option_strings), values, action.metavar in _FILES, action.help or "")


# ── bash ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_BASH: Final = """\
# bash completion for auditor, written by `auditor --completion bash`
_auditor() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} path="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        case "$path $word" in
{paths}
        esac
    done
    case "$path $previous" in
{values}
    esac
    local words="" options=""
    case "$path" in
{words}
    esac
    [[ $current != -* ]] || words=$options
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [[ $current == -* ]] || mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
}}
complete -o filenames -F _auditor auditor
"""


def bash(top: Parser) -> str:
    """A script for `~/.local/share/bash-completion/completions/auditor`."""
    every = words(top)
    paths = [f'            "{_above(each.path)} {_last(each.path)}") path="{each.path}" ;;' for each in every[1:]]
    values = [
        f'        "{each.path} {name}") {_bash_values(option)} return ;;'
        for each in every
        for option in each.options
        if option.values is not None
        for name in option.names
    ]
    listed = [f'        "{each.path}") {_bash_words(each)} ;;' for each in every]
    return _BASH.format(paths="\n".join(paths), values="\n".join(values), words="\n".join(listed))


def _bash_values(option: Choice) -> str:
    kind = "-f" if option.files else f'-W "{" ".join(option.values or ())}"'
    return f'mapfile -t COMPREPLY < <(compgen {kind} -- "$current");'


def _bash_words(word: Word) -> str:
    names = " ".join((*(name for name, _ in word.inner), *word.values))
    options = " ".join(name for option in word.options for name in option.names)
    return f'words="{names}" options="{options}"'


def _above(path: str) -> str:
    return path.rpartition(" ")[0]


def _last(path: str) -> str:
    return path.rpartition(" ")[2]


# ── zsh ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


_ZSH_END: Final = """\
if [[ $funcstack[1] == _auditor ]]; then
  _auditor "$@"
else
  compdef _auditor auditor
fi
"""
"""Found in `$fpath` the script is the function; sourced, it says whose it is."""


def zsh(top: Parser) -> str:
    """A script for a folder of `$fpath`, named `_auditor`."""
    functions = "\n".join(_zsh_function(word) for word in words(top))
    return f"#compdef auditor\n# written by `auditor --completion zsh`\n\n{functions}\n{_ZSH_END}"


def _zsh_function(word: Word) -> str:
    """One function for each command; `_arguments -C` hands over to the function of the command that was written."""
    name = _function(word.path)
    lines = [f"  {_zsh_option(option)} \\" for option in word.options]
    if not word.inner:
        rest = f"'*: :({' '.join(word.values)})'" if word.values else "'*:file:_files'"
        return "\n".join([f"{name}() {{", "  _arguments -s \\", *lines, f"    {rest}", "}"])
    commands = [f"    {_single(f'{inner}:{_plain(text)}')}" for inner, text in word.inner]
    cases = [f"    {inner}) {_function(f'{word.path} {inner}'.strip())} ;;" for inner, _ in word.inner]
    return "\n".join(
        [
            f"{name}() {{",
            "  local state line",
            "  local -a commands=(",
            *commands,
            "  )",
            "  _arguments -C -s \\",
            *lines,
            "    '1:command:->command' '*::argument:->argument'",
            "  case $state in",
            "  command) _describe command commands ;;",
            "  argument) case $line[1] in",
            *cases,
            "    esac ;;",
            "  esac",
            "}",
        ]
    )


def _zsh_option(option: Choice) -> str:
    value = ""
    if option.values is not None:
        value = ": :_files" if option.files else f": :({' '.join(option.values)})" if option.values else ": : "
    text = _plain(option.help).replace("[", r"\[").replace("]", r"\]")
    return " ".join(
        _single(f"{'*' if option.values is not None else ''}{name}[{text}]{value}") for name in option.names
    )


def _function(path: str) -> str:
    return "_auditor" + "".join(f"_{part}" for part in path.replace("-", "_").split())


# ── fish ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def fish(top: Parser) -> str:
    """A script for `~/.config/fish/completions/auditor.fish`."""
    lines = ["# written by `auditor --completion fish`"]
    for word in words(top):
        where = f" -n {_single(_fish_condition(word))}"
        lines += [f"complete -c auditor -f{where} -a {name} -d {_single(_plain(text))}" for name, text in word.inner]
        lines += [f"complete -c auditor -f{where} -a {_single(value)}" for value in word.values]
        lines += [f"complete -c auditor{where} {_fish_option(option)}" for option in word.options]
    return "\n".join(lines) + "\n"


def _fish_condition(word: Word) -> str:
    parts = word.path.split()
    seen = "; and ".join(f"__fish_seen_subcommand_from {part}" for part in parts)
    below = " ".join(name for name, _ in word.inner)
    if not parts:
        return "__fish_use_subcommand"
    return f"{seen}; and not __fish_seen_subcommand_from {below}" if below else seen


def _fish_option(option: Choice) -> str:
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    if option.values is None:
        kind = ""
    elif option.values:
        kind = f" -x -a {_single(' '.join(option.values))}"
    else:
        kind = " -r -F" if option.files else " -x"
    return f"{names}{kind} -d {_single(_plain(option.help))}"


def _single(text: str) -> str:
    """In single quotes, for each of these shells: the text holds none (`_plain`)."""
    return f"'{text}'"


def _plain(text: str) -> str:
    """Help as one line that means nothing to any of these shells: they are for people, so a sign more or less is no loss."""
    line = " ".join(text.replace("'", "").replace("`", "").replace("\\", "").split())
    return line.replace(":", ";")


SHELLS: Final[Mapping[str, Callable[[Parser], str]]] = MappingProxyType({"bash": bash, "zsh": zsh, "fish": fish})
