"""Options that several commands share, their environment twins, and where reports go."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from msgspec import Struct

from auditor.errors import UsageError
from auditor.model.finding import Level
from auditor.progress import SILENT, Progress

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

        from auditor.cli.streams import tell, tells_json
        from auditor.report.escape import terminal_text

        near = get_close_matches(word, known, n=1, cutoff=_ALIKE)
        hint = f"did you mean {near[0]!r}? " if near else ""
        help_line = f"{hint}run '{self.prog} --help'"
        if tells_json():
            tell(message, "error", help=help_line, event="error")
            self.exit(2)
        self.exit(2, f"error: {terminal_text(message)}\n  help: {help_line}\n")

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
            self.error(f"{twin(action)}: {value!r} is none of {', '.join(map(str, action.choices))}")
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


class Environment(Struct, frozen=True):
    """What a command may know of its surroundings: given, so that tests can give another."""

    variables: Mapping[str, str]
    progress: Progress = SILENT

    @property
    def in_github_actions(self) -> bool:
        """Whether workflow commands in the log become annotations."""
        return self.variables.get("GITHUB_ACTIONS") == "true"


def add_render_option(parser: argparse.ArgumentParser) -> None:
    """Whether programs render what the tree deploys."""
    parser.add_argument(
        "--render",
        choices=("auto", "never", "require"),
        default="auto",
        help="render with kustomize (or kubectl) and helm where they are on PATH (auto: not what comes from a fork), never, "
        "or only if both are there (require)",
    )
    parser.add_argument(
        "--fetch-charts",
        action="store_true",
        help="fetch charts that are not in the tree from the hosts that manifests.charts of the rules lists",
    )


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Where the report goes and how it looks."""
    _add_report_options(
        parser,
        "table, json, sarif, junit, github, markdown, codequality, html, csv or vsa; with =FILE into a file; repeatable",
    )


def add_audit_report_options(parser: argparse.ArgumentParser) -> None:
    """Where the report of an audit goes and how it looks."""
    _add_report_options(
        parser,
        "table, json, csv, markdown, metrics or vsa, with =FILE into a file; html=FOLDER, a page for each repository and image; "
        "sarif=FOLDER, a file for each repository; repeatable",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="messages on standard error as text, or each line as a JSON object",
    )


def add_notify_option(parser: argparse.ArgumentParser) -> None:
    """Whom an audit tells."""
    parser.add_argument(
        "--notify",
        action=Several,
        default=Listed(),
        metavar="WHOM",
        help="github-issue: an issue in each repository that fails, kept up to date and closed when it is clear; "
        "github-issue=OWNER/REPO: all of them there; webhook=URL: a signed summary; repeatable",
    )
    parser.add_argument(
        "--issue-label",
        default="auditor",
        metavar="NAME",
        help="the label of these issues, made where it is missing (default auditor; '' for none)",
    )


def _add_report_options(parser: argparse.ArgumentParser, formats: str) -> None:
    group = parser.add_argument_group("report")
    group.add_argument("-f", "--format", action=Several, default=Listed(), metavar="NAME[=FILE]", help=formats)
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colour of the table")
    group.add_argument("-v", "--verbose", action="store_true", help="say more: every signature, every use, every retry")
    group.add_argument(
        "-q", "--quiet", action="store_true", help="no table: only the formats asked for, and the exit status"
    )


def add_kyverno_option(parser: argparse._ActionsContainer) -> None:
    """Which Kyverno the cluster runs."""
    parser.add_argument(
        "--kyverno",
        choices=("1.13", "1.17", "1.19"),
        default="1.19",
        help="the version of Kyverno whose policies rule, where versions judge differently",
    )


def add_judging_options(parser: argparse.ArgumentParser) -> None:
    """What judges, and what fails the run."""
    group = parser.add_argument_group("judging")
    group.add_argument(
        "--config", metavar="FILE", help="rules file; inside the repository it is read from the base revision"
    )
    group.add_argument(
        "--fail-on",
        type=_level,
        default=Level.ERROR,
        metavar="LEVEL",
        help="error (default), warning or note: findings at or above it make the exit status 1",
    )
    group.add_argument("--exit-zero", action="store_true", help="report only: the exit status is 0 whatever is found")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """How registries are asked, and signatures judged."""
    group = parser.add_argument_group("network")
    group.add_argument("--offline", action="store_true", help="ask nobody: judge from the cache, the rest is unjudged")
    group.add_argument(
        "--tag-ttl",
        type=age,
        default=0.0,
        metavar="AGE",
        help="believe what a tag named for so long: 90s, 10m, 12h, 7d",
    )
    group.add_argument(
        "--listing-ttl", type=age, default=0.0, metavar="AGE", help="believe a list of signatures for so long"
    )
    group.add_argument("--refresh", action="store_true", help="use nothing from the cache, and replace what is there")
    group.add_argument(
        "--second-opinion",
        action="store_true",
        help="accept no bundle that sigstore-python can judge and refuses; `second-opinion: true` in the rules does it always",
    )
    group.add_argument("--jobs", type=jobs, default=None, metavar="N", help="requests under way at once (default 64)")
    group.add_argument("--timings", action="store_true", help="say on standard error what took how long")


def check_network_options(options: argparse.Namespace) -> None:
    """Raise UsageError for options that exclude each other; their twins may set either, so the parser cannot tell."""
    if options.offline and options.refresh:
        raise UsageError("--refresh asks again, --offline asks nobody", help="leave out one of them")


def _level(text: str) -> Level:
    if text not in {"error", "warning", "note"}:
        raise argparse.ArgumentTypeError(f"{text!r} is none of error, warning, note")
    return Level(text)


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def age(text: str) -> float:
    """Seconds: a number with a unit, or a bare 0."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s" if text == "0" else "")
    if not (number.isascii() and number.isdigit() and unit) or len(number) > _LONGEST_AGE:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age such as 90s, 10m, 12h or 7d")
    return float(int(number) * _UNITS[unit])


_LONGEST_AGE: Final = 6
"""Digits of an age."""


def jobs(text: str) -> int:
    """How much is under way at once."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)


def split_format(text: str) -> tuple[str, str | None]:
    """`json=FILE` → name and file. Raises UsageError for an empty file name."""
    name, equals, file = text.partition("=")
    if equals and not file:
        raise UsageError(f"--format {text}: no file name after '='", help="write --format json=report.json")
    return name, file or None
