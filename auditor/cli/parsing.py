"""The parser of the command line: misspelt words are told with what may be meant, and options have twins in the environment."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

_NO = frozenset({"", "0", "false", "no"})
_TWIN_PREFIX: Final = "AUDITOR_"
_ALIKE: Final = 0.75
"""How much of two words must agree, from 0 to 1, for one to be taken for a misspelling of the other."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors are exit 2 with a next step, and whose options have environment twins."""

    def __init__(self, **options: Any) -> None:
        # An abbreviation is a different option in the next version, and `--base` must never be left out by a typing error.
        super().__init__(**{**options, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong and where to read on."""
        self._refuse(message)

    def _refuse(self, message: str, word: str = "", known: Iterable[str] = ()) -> NoReturn:
        """The same, with the one of `known` that `word` may be a misspelling of."""
        from difflib import get_close_matches

        from auditor.cli.streams import tell_error

        near = get_close_matches(word, known, n=1, cutoff=_ALIKE)
        hint = f"did you mean {near[0]!r}? " if near else ""
        tell_error(message, f"{hint}run '{self.prog} --help'")
        self.exit(2)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse does, with a guess at what was meant (which argparse has only from Python 3.14 on)."""
        if action.choices is not None and value not in action.choices:
            choices = tuple(map(str, action.choices))
            name = "/".join(action.option_strings) or action.metavar or action.dest
            self._refuse(f"argument {name}: {value!r} is none of {', '.join(choices)}", str(value), choices)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse does; but each command reports its unknown options itself, so that its own help is named."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            options = [name for action in self._actions for name in action.option_strings]
            self._refuse(f"unrecognized arguments: {' '.join(unknown)}", unknown[0].partition("=")[0], options)
        return found, unknown

    def options(self) -> Iterator[argparse.Action]:
        """The options that have twins."""
        return (each for each in self._actions if each.option_strings and has_twin(each))

    def commands(self) -> Mapping[str, Parser]:
        """The parsers of the commands, by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no public name for it
                return action.choices
        return {}

    def read_twins(self, environ: Mapping[str, str]) -> None:
        """Take defaults from `AUDITOR_<OPTION>`: `AUDITOR_FAIL_ON=warning` is `--fail-on warning`.

        Repeatable options are split at white space. The command line wins: it replaces what the environment lists.
        """
        for command in self.commands().values():
            command.read_twins(environ)
        for action in self.options():
            value = environ.get(twin(action))
            if value is None:
                continue
            if action.nargs == 0:
                action.default = value.strip().lower() not in _NO
            elif isinstance(action, Several):
                action.default = Listed(value.split())
            elif value:
                action.default = self._converted(action, value)

    def _converted(self, action: argparse.Action, value: str) -> object:
        """The value of a twin, checked as the option's would be; a mistake names the variable."""
        if action.choices is not None and value not in action.choices:
            choices = tuple(map(str, action.choices))
            self._refuse(f"{twin(action)}: {value!r} is none of {', '.join(choices)}", value, choices)
        if not callable(action.type):
            return value
        try:
            return action.type(value)
        except argparse.ArgumentTypeError as error:
            self.error(f"{twin(action)}: {error}")


class Listed(list[str]):
    """The values of a repeatable option that nobody wrote on the command line."""


class Printed(argparse.Action):
    """An option that prints a text made from its value and the command line, and ends the program with 0, like `--version`."""

    def __init__(self, *arguments: Any, text: Callable[[str, Parser], str], **options: Any) -> None:
        super().__init__(*arguments, **{**options, "default": argparse.SUPPRESS})
        self._text = text

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        _option_string: str | None = None,
    ) -> NoReturn:
        """Print, and end."""
        from auditor.cli.streams import print_out

        assert isinstance(parser, Parser)
        print_out(self._text(values if isinstance(values, str) else "", parser))
        parser.exit(0)


class Several(argparse.Action):
    """A repeatable option: `append`, but the first value from the command line replaces the default."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        _option_string: str | None = None,
    ) -> None:
        """Add one value."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if isinstance(before, Listed) else before), values])


class Single(argparse.Action):
    """An option that is given once, where other commands let it be repeated.

    It has no twin: the variable of those commands holds a list, and may name values that this command does not have.
    """

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        _option_string: str | None = None,
    ) -> None:
        """Keep the value."""
        setattr(namespace, self.dest, values)


def has_twin(action: argparse.Action) -> bool:
    """Whether an environment variable stands for an option."""
    return action.dest not in {"help", "version"} and not isinstance(action, Single | Printed)


def twin(action: argparse.Action) -> str:
    """The environment variable that stands for an option."""
    longest = max(action.option_strings, key=len, default="")
    return _TWIN_PREFIX + longest.lstrip("-").replace("-", "_").upper()
