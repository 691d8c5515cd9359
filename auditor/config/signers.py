"""`signers:` → patterns: the written-out form, the shorthands, and keys.

What Fulcio writes for each kind of identity (its `docs/oidc.md` and identity configuration):

- GitHub: subject `https://github.com/<job_workflow_ref>`; claims .1.12 source repository, .1.14 ref, .1.15/.1.17 numbers
- GitLab: subject `https://<host>/<project>//<pipeline file>@<ref>`; the same claims
- e-mail: the address; Kubernetes: `https://kubernetes.io/namespaces/<namespace>/serviceaccounts/<name>`; SPIFFE: the ID
- Buildkite: `https://buildkite.com/<organisation>/<pipeline>`
- CircleCI: `https://circleci.com/api/v2/projects/<project>/pipeline-definitions/<definition>`, the organisation in the issuer
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from auditor.config.breadth import wide_issuer, wide_subject
from auditor.config.check import Checker
from auditor.config.keys import SIGNER_FORMS
from auditor.config.match import GITHUB_ISSUER, is_github_actions
from auditor.config.names import InvalidPattern, TextPattern
from auditor.config.rules import KeylessSigner, KeySigner, SignerPattern
from auditor.config.shape import Fields, Word

_GITLAB: Final = "https://gitlab.com"
_BUILDKITE: Final = "https://agent.buildkite.com"
_CIRCLECI: Final = "https://oidc.circleci.com/org"
_CI: Final = ("github", "gitlab", "buildkite", "circleci")
_OWNER: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_PIECE: Final = r"[A-Za-z0-9_.*-]+"
_ALLOWED_WITH: Final[Mapping[str, frozenset[str]]] = {
    "workflow": frozenset({"github"}),
    "ref": frozenset({"github", "gitlab", "circleci"}),
    "events": frozenset({"subject", "subject-regex", "github", "gitlab", "buildkite"}),
    "repository-id": frozenset({"subject", "subject-regex", "github", "gitlab"}),
    "owner-id": frozenset({"subject", "subject-regex", "github", "gitlab"}),
    "issuer": frozenset(SIGNER_FORMS) - {"key", "circleci"},
    "issuer-regex": frozenset({"subject", "subject-regex"}),
    "not-before": frozenset(SIGNER_FORMS) - {"key"},
    "not-after": frozenset(SIGNER_FORMS) - {"key"},
    "trust": frozenset(SIGNER_FORMS) - {"key"},
}


_NUMBERS: Final = frozenset({"sourceRepositoryIdentifier", "sourceRepositoryOwnerIdentifier"})
"""Claims that say whose source it is, whoever's workflow built it."""


class _Bad(Exception):  # noqa: N818 - one problem on its way to the list
    def __init__(self, line: int, message: str, help: str) -> None:  # noqa: A002 - the field's word
        super().__init__(message)
        self.line, self.message, self.help = line, message, help


class _Core(Struct, frozen=True):
    """What a form decides: issuer, subject, claims, and how strict the trigger and the repository are."""

    issuer: TextPattern
    subject: TextPattern
    claims: Mapping[str, TextPattern]
    ci: bool = False
    same_repository: bool = False


def read_signer(fields: Fields, checker: Checker, *, revoked: bool = False) -> SignerPattern | None:
    """One signer; None where it cannot be used (the problem is noted). A `revoked` one may be as wide as it likes."""
    form = next((form for form in SIGNER_FORMS if form in fields), None)
    if form is None:
        return None
    _check_company(fields, form, checker)
    try:
        if form == "key":
            return _key(fields, checker, revoked=revoked)
        return _keyless(fields, form, _FORMS[form](fields), checker, revoked=revoked)
    except _Bad as bad:
        checker.problem(bad.line, bad.message, bad.help)
        return None


def _check_company(fields: Fields, form: str, checker: Checker) -> None:
    for key, forms in _ALLOWED_WITH.items():
        if key in fields and form not in forms:
            checker.problem(fields.at(key), f"`{key}` says nothing beside `{form}`", f"Leave out `{key}`.")
    if "issuer" in fields and "issuer-regex" in fields:
        checker.problem(
            fields.at("issuer-regex"), "a signer has both `issuer` and `issuer-regex`", "Keep one of the two."
        )


def _key(fields: Fields, checker: Checker, *, revoked: bool) -> KeySigner | None:
    word = _word(fields, "key")
    if revoked:
        checker.problem(word.line, "a key cannot be revoked here", "Remove it from `signers:`: no rule then has it.")
        return None
    return KeySigner(word.text, text=f"key {word.text}")


def _keyless(fields: Fields, form: str, core: _Core, checker: Checker, *, revoked: bool) -> KeylessSigner:
    claims = dict(core.claims)
    for key, claim in (
        ("ref", "sourceRepositoryRef"),
        ("repository-id", "sourceRepositoryIdentifier"),
        ("owner-id", "sourceRepositoryOwnerIdentifier"),
    ):
        if word := fields.word(key):
            claims[claim] = _pattern(TextPattern.glob, word, f"`{key}`")
    if not revoked:
        _check_breadth(fields, form, core, checker)
    if (first := fields.day("not-before")) and (last := fields.day("not-after")) and first > last:
        checker.problem(fields.at("not-after"), "`not-after` is before `not-before`", "Exchange the two dates.")
    events = frozenset(word.text for word in fields.words("events"))
    return KeylessSigner(
        issuer=core.issuer,
        subject=core.subject,
        claims=claims,
        events=events or None,
        require_trigger=core.ci,
        same_repository=core.same_repository,
        same_owner=form in ("subject", "subject-regex") and not _NUMBERS.intersection(claims),
        not_before=fields.day("not-before"),
        not_after=fields.day("not-after"),
        trust=fields.text("trust") or None,
        text=_as_written(fields, form),
    )


def _check_breadth(fields: Fields, form: str, core: _Core, checker: Checker) -> None:
    """Shorthands for CI are narrow by their claims; everything else has to prove it."""
    help_line = "Write the scheme, the host and the owner out, as in https://github.com/acme/*/.github/workflows/*@**."
    if form not in _CI and (why := wide_subject(core.subject)):
        checker.problem(fields.at(form), f"a stranger could satisfy `{form}`: {why}", help_line)
    if why := wide_issuer(core.issuer):
        line = fields.at("issuer-regex")
        checker.problem(
            line, f"a stranger could satisfy `issuer-regex`: {why}", "Write scheme and host out; list several signers."
        )


def _as_written(fields: Fields, form: str) -> str:
    extras = [key for key in ("workflow", "ref", "issuer", "issuer-regex") if key in fields]
    return ", ".join(f"{key}: {fields.text(key)}" for key in (form, *extras))


def _word(fields: Fields, key: str) -> Word:
    word = fields.word(key)
    if word is None:
        raise _Bad(fields.line, f"a signer has no `{key}`", f"Add `{key}:`.")
    return word


def _pattern(make: Callable[[str], TextPattern], word: Word, what: str) -> TextPattern:
    try:
        return make(word.text)
    except InvalidPattern as error:
        raise _Bad(word.line, f"{what} cannot be used: {error}", "Correct the pattern.") from error


def _issuer(fields: Fields, default: str | None = None, hint: str = "") -> TextPattern:
    """The issuer as written, exactly; else the shorthand's own; else a problem."""
    if regex := fields.word("issuer-regex"):
        return _pattern(TextPattern.regex, regex, "`issuer-regex`")
    word = fields.word("issuer")
    if word is not None and "*" in word.text:
        raise _Bad(word.line, "`issuer` is exact: it has no wildcards", "Write it out, or use `issuer-regex`.")
    if word is not None:
        return _pattern(TextPattern.exact, word, "`issuer`")
    if default is None:
        raise _Bad(fields.line, "a signer has no `issuer`", f"Add `issuer:`{hint}.")
    return TextPattern.exact(default)


def _shaped(word: Word, pattern: str, what: str, example: str) -> str:
    if not re.fullmatch(pattern, word.text, re.ASCII):
        raise _Bad(word.line, f"`{word.text}` is no {what}", f"Write it like {example}; the owner is literal.")
    return word.text


# ── one function per form ────────────────────────────────────────────────────────────────────────────────────────────────


def _subject(fields: Fields) -> _Core:
    return _Core(_issuer(fields), _pattern(TextPattern.glob, _word(fields, "subject"), "`subject`"), {})


def _subject_regex(fields: Fields) -> _Core:
    return _Core(_issuer(fields), _pattern(TextPattern.regex, _word(fields, "subject-regex"), "`subject-regex`"), {})


def _github(fields: Fields) -> _Core:
    word = _word(fields, "github")
    repository = _shaped(word, rf"{_OWNER}/{_PIECE}", "GitHub repository pattern", "acme/* or acme/api")
    repository = _single(repository)
    issuer = _issuer(fields, GITHUB_ISSUER)
    server = _github_server(issuer.text)
    source = f"{server}/{repository}"
    workflow = fields.word("workflow")
    own = workflow is not None and "/" not in workflow.text.removeprefix(".github/workflows/")
    if workflow is None:
        subject = f"{server}/**"
    elif own:
        name = _shaped(workflow, rf"(\.github/workflows/)?{_PIECE}", "workflow file", "release.yaml")
        subject = f"{source}/.github/workflows/{_single(name.removeprefix('.github/workflows/'))}@**"
    else:
        reusable = rf"{_OWNER}/[A-Za-z0-9_.-]+/\.github/workflows/{_PIECE}(@[^\s@]+)?"
        path = _shaped(workflow, reusable, "reusable workflow", "acme/shared/.github/workflows/release.yaml")
        subject = f"{server}/{path}" if "@" in path else f"{server}/{path}@**"
    claims = {"sourceRepositoryURI": TextPattern.glob(source)}
    return _Core(issuer, TextPattern.glob(subject), claims, ci=True, same_repository=own)


def _single(glob: str) -> str:
    """`**` as `*`: neither a repository nor a workflow file has segments to cross."""
    return re.sub(r"\*+", "*", glob)


def _github_server(issuer: str) -> str:
    """The server behind a token service: github.com, a data-residency tenant, or the server that issues itself."""
    host = urlsplit(issuer).netloc
    if not is_github_actions(issuer):
        return f"https://{host}"
    return (
        "https://github.com" if issuer.startswith(GITHUB_ISSUER) else f"https://{host.removeprefix('token.actions.')}"
    )


def _gitlab(fields: Fields) -> _Core:
    word = _word(fields, "gitlab")
    project = _shaped(word, rf"{_OWNER}(/{_PIECE})+", "GitLab project pattern", "acme/platform/*")
    issuer = _issuer(fields, _GITLAB)
    source = f"https://{urlsplit(issuer.text).netloc}/{project}"
    claims = {"sourceRepositoryURI": TextPattern.glob(source)}
    return _Core(issuer, TextPattern.glob(f"{source}//**"), claims, ci=True, same_repository=True)


def _email(fields: Fields) -> _Core:
    hint = ": https://accounts.google.com, https://github.com/login/oauth or https://login.microsoftonline.com"
    word = _word(fields, "email")
    address = _shaped(word, r"[^\s@/]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "mail address", "oncall@acme.example")
    return _Core(_issuer(fields, hint=hint), TextPattern.glob(address), {})


def _kubernetes(fields: Fields) -> _Core:
    word = _word(fields, "kubernetes")
    account = _shaped(word, r"[a-z0-9][a-z0-9-]*/[a-z0-9.*-]+", "service account", "build/builder")
    namespace, name = account.split("/")
    subject = f"https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{name}"
    return _Core(_issuer(fields, hint=" (the cluster's own)"), TextPattern.glob(subject), {})


def _spiffe(fields: Fields) -> _Core:
    word = _word(fields, "spiffe")
    shape = r"(spiffe://)?[a-z0-9][a-z0-9._-]*/[A-Za-z0-9._/*-]+"
    name = _shaped(word, shape, "SPIFFE ID", "spiffe://acme.example/ci/*").removeprefix("spiffe://")
    return _Core(_issuer(fields, hint=" (that of the trust domain)"), TextPattern.glob(f"spiffe://{name}"), {})


def _buildkite(fields: Fields) -> _Core:
    word = _word(fields, "buildkite")
    pipeline = _shaped(word, rf"{_OWNER}/{_PIECE}", "Buildkite pipeline", "acme/release")
    return _Core(_issuer(fields, _BUILDKITE), TextPattern.glob(f"https://buildkite.com/{pipeline}"), {})


def _circleci(fields: Fields) -> _Core:
    word = _word(fields, "circleci")
    path = _shaped(
        word, r"[0-9A-Fa-f-]{36}/([0-9A-Fa-f-]{36}|\*)", "CircleCI project", "<organisation id>/<project id>"
    )
    organisation, project = path.split("/")
    subject = f"https://circleci.com/api/v2/projects/{project}/pipeline-definitions/*"
    return _Core(TextPattern.exact(f"{_CIRCLECI}/{organisation}"), TextPattern.glob(subject), {})


_FORMS: Final[Mapping[str, Callable[[Fields], _Core]]] = {
    "subject": _subject,
    "subject-regex": _subject_regex,
    "github": _github,
    "gitlab": _gitlab,
    "email": _email,
    "kubernetes": _kubernetes,
    "spiffe": _spiffe,
    "buildkite": _buildkite,
    "circleci": _circleci,
}
