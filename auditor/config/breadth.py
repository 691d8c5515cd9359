r"""Could a stranger satisfy this signer? A pattern is refused unless it is proved that its owner is literal.

Proof for a glob: the text before the first `*`. Proof for a regular expression: the literal characters that every match
starts (or, for mail addresses, ends) with, found by a conservative reading: top-level alternation, flags, quotation
(`\Q`), numeric escapes and unusual classes prove nothing, and what proves nothing is refused. The recipe for a subject:

1. without a wildcard it is exact and narrow;
2. an address needs scheme, host and owner literal (`https://github.com/acme/…`); SPIFFE's owner is its trust domain,
   kubernetes.io's a namespace, CircleCI's a project;
3. a mail address needs a literal domain that not everybody can have an address in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from auditor.config.names import TextKind, TextPattern

_OWNER_DEPTH: Final[Mapping[str, int]] = {
    "kubernetes.io": 2,  # /namespaces/<namespace>/serviceaccounts/<name>
    "circleci.com": 4,  # /api/v2/projects/<project>/pipeline-definitions/<definition>
}
"""Host of a subject → path segments up to and with the owner; 1 for all others."""

_TENANT_DEPTH: Final[Mapping[str, int]] = {
    "container.googleapis.com": 3,  # /v1/projects/<project>/locations/…
    "oidc.circleci.com": 2,  # /org/<organisation>
    "amazonaws.com": 2,  # oidc.eks.<region>.amazonaws.com/id/<cluster>
    "oic.prod-aks.azure.com": 1,  # /<tenant>/<cluster>
    "oidc.prod-aks.azure.com": 1,
}
"""Issuer hosts that serve many customers → path segments that tell them apart; 0 for all others."""

_PUBLIC_MAIL: Final = frozenset(
    {
        *("126.com", "163.com", "aol.com", "duck.com", "fastmail.com", "gmail.com"),
        *("gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com", "hotmail.com"),
        *("icloud.com", "live.com", "mac.com", "mail.com", "mail.ru", "me.com"),
        *("msn.com", "outlook.com", "pm.me", "proton.me", "protonmail.com", "qq.com"),
        *("tuta.com", "tutanota.com", "web.de", "yahoo.com", "yandex.com", "yandex.ru"),
        *("ymail.com", "zoho.com"),
        "users.noreply.github.com",
        "developer.gserviceaccount.com",
        "appspot.gserviceaccount.com",
        "cloudservices.gserviceaccount.com",
    }
)
_PLAIN_DOT: Final = re.compile(r"(?<=[A-Za-z0-9-])\.(?=[A-Za-z0-9-])")
_PLAIN_HOST: Final = re.compile(r"\^?[a-z][a-z0-9+-]*://[^/]*")
_PLAIN_MAIL_DOMAIN: Final = re.compile(r"[@!][a-z0-9-]+\.[a-z0-9-]+\$?\Z")
"""With one dot only: who has `mail.acme.example` in mind does not mean `mail-acme.example`, which a stranger may have."""
_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([^/]+)/(.*)", re.DOTALL)
_MAIL_DOMAIN: Final = re.compile(r"[@!]([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.ASCII)


def wide_subject(subject: TextPattern, *, plain_dots: bool = False) -> str | None:
    """Why a stranger could have this subject; None where that is impossible.

    `plain_dots` takes `.` between letters of a host for the dot that was meant (`github.com`), as everybody writes it for
    cosign: a stranger would need a host that differs in that one character, and whose subjects the issuer gives. An owner
    that differs so, or a mail domain, may be had.
    """
    ends = _ends(_with_plain_dots(subject) if plain_dots else subject)
    if ends is None:
        return "it cannot be proved to be narrow: no alternation at the top, no flags, no \\Q or \\x, simple classes"
    if ends.whole:
        return None
    if _MAIL_DOMAIN.fullmatch(ends.suffix[_last_mark(ends.suffix) :]) and "://" not in ends.prefix:
        return _wide_mail(ends)
    address = _ADDRESS.match(ends.prefix)
    if address is None:
        return _not_literal(subject)
    scheme, host, path = address.groups()
    depth = 0 if scheme == "spiffe" else _OWNER_DEPTH.get(host, 1)
    return None if _segments(path) >= depth else "the owner is not literal"


def wide_issuer(issuer: TextPattern, *, plain_dots: bool = False) -> str | None:
    """Why a stranger's issuer could match; None where that is impossible. `plain_dots` as for the subject."""
    ends = _ends(_with_plain_dots(issuer) if plain_dots else issuer)
    if ends is None:
        return "it cannot be proved to be narrow: no alternation at the top, no flags, no \\Q or \\x, simple classes"
    if ends.whole:
        return None
    address = _ADDRESS.match(ends.prefix)
    if address is None:
        return _not_literal(issuer)
    depth = next((depth for host, depth in _TENANT_DEPTH.items() if _is_host(address[2], host)), 0)
    return None if _segments(address[3]) >= depth else "the customer is not literal, and anybody can be one there"


def _not_literal(pattern: TextPattern) -> str:
    dotted = _with_plain_dots(pattern)
    hint = r" (`.` is any character: write `\.`)" if dotted != pattern else ""
    return f"scheme and host are not literal{hint}"


def _with_plain_dots(pattern: TextPattern) -> TextPattern:
    part = _PLAIN_HOST.match(pattern.text) or _PLAIN_MAIL_DOMAIN.search(pattern.text)
    if pattern.kind is not TextKind.REGEX or part is None:
        return pattern
    text = pattern.text
    plain = _PLAIN_DOT.sub(r"\.", part[0])
    return TextPattern(pattern.kind, text[: part.start()] + plain + text[part.end() :])


def _is_host(host: str, known: str) -> bool:
    return host == known or host.endswith(f".{known}")


def _segments(path: str) -> int:
    """How many whole segments a literal path has: what follows the last slash may go on."""
    return len([segment for segment in path.split("/")[:-1] if segment])


def _last_mark(suffix: str) -> int:
    return max(suffix.rfind("@"), suffix.rfind("!"), 0)


def _wide_mail(ends: _Ends) -> str | None:
    domain = ends.suffix[_last_mark(ends.suffix) + 1 :]
    if ends.crosses:
        return "`**` in a mail address reaches over addresses of another sort: write `*`"
    return f"anybody can have an address at {domain}" if domain in _PUBLIC_MAIL else None


# ── literal ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Ends(Struct, frozen=True):
    """What every match starts and ends with; `whole` where the pattern is that text. `crosses`: a glob with `**`."""

    prefix: str
    suffix: str
    whole: bool
    crosses: bool = False


def _ends(pattern: TextPattern) -> _Ends | None:
    text = pattern.text
    match pattern.kind:
        case TextKind.EXACT:
            return _Ends(text, text, whole=True)
        case TextKind.GLOB:
            return _Ends(text.partition("*")[0], text.rpartition("*")[2], whole=False, crosses="**" in text)
        case TextKind.REGEX:
            return _regex_ends(text)


def _regex_ends(text: str) -> _Ends | None:
    atoms = _atoms(text)
    if atoms is None:
        return None
    first = next((index for index, atom in enumerate(atoms) if atom is None), len(atoms))
    last = next((index for index in range(len(atoms), 0, -1) if atoms[index - 1] is None), 0)
    prefix = "".join(atom for atom in atoms[:first] if atom)
    suffix = "".join(atom for atom in atoms[last:] if atom)
    return _Ends(prefix, suffix, whole=first == len(atoms))


_ATOM: Final = re.compile(
    r"""
      (?P<escaped>\\[^A-Za-z0-9])
    | (?P<known>\\[dDwWsSbBAz])
    | (?P<repeat>[*+?]\??|\{\d+(?:,\d*)?\}\??)
    | (?P<set>\[(?:\^(?!\])|(?![\^\]]))(?:\\[^xpPQ0-9]|[^\[\]\\])+\])
    | (?P<open>\((?:\?:|\?P?<\w+>)?(?!\?))
    | (?P<close>\))
    | (?P<either>\|)
    | (?P<other>[.^$])
    | (?P<literal>[^\\*+?{}\[\]()|.^$])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


def _atoms(text: str) -> list[str | None] | None:
    """The expression's top level: a literal character, or None for whatever else; None at all where nothing is proved."""
    atoms: list[str | None] = []
    depth = position = 0
    text = text.removeprefix("^")
    while position < len(text):
        atom = _ATOM.match(text, position)
        if atom is None or (atom["either"] and depth == 0):
            return None
        position = atom.end()
        depth += bool(atom["open"]) - bool(atom["close"])
        if depth < 0:
            return None
        if atom["repeat"] and depth == 0 and atoms:
            atoms[-1] = None
        elif depth == 0 and not (atom["other"] == "$" and position == len(text)):
            atoms.append(atom["literal"] or (atom["escaped"] or "")[1:] or None)
    return atoms if depth == 0 else None
