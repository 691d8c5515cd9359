"""cosign's identity flags (or a key) on the command line → `Rules` with one signer.

The names are cosign's, and so is what must be given: a subject and an issuer, each either exactly or as an RE2 pattern. Unlike
there, patterns are anchored at both ends, and a signer that any stranger could satisfy is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.config.breadth import wide_issuer, wide_subject
from auditor.config.names import InvalidPattern, NamePattern, TextPattern
from auditor.config.rules import (
    ImageRule,
    Inspect,
    KeylessSigner,
    KeySigner,
    Otherwise,
    Pinned,
    Rules,
    SignedBy,
    Signer,
    TrustSetting,
)
from auditor.config.surroundings import DEFAULT_TRUST
from auditor.errors import UsageError

_COMMAND_LINE = "command line"


class IdentityFlags(Struct, frozen=True):
    """What was given, None where it was not. `claims` maps claim names to exact values."""

    identity: str | None = None
    identity_regexp: str | None = None
    issuer: str | None = None
    issuer_regexp: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        given = (self.identity, self.identity_regexp, self.issuer, self.issuer_regexp)
        return any(value is not None for value in given) or bool(self.claims)


def rules_of_flags(flags: IdentityFlags) -> Rules:
    """Rules by which this one identity must have signed. Raises UsageError for flags that do not name one."""
    subject = _pattern("--certificate-identity", flags.identity, flags.identity_regexp)
    issuer = _pattern("--certificate-oidc-issuer", flags.issuer, flags.issuer_regexp)
    claims = {name: _exact(name, value) for name, value in flags.claims.items()}
    signer = KeylessSigner(issuer, subject, claims, text=f"{subject} (issuer {issuer})")
    wide = wide_subject(subject, plain_dots=True) or wide_issuer(issuer, plain_dots=True)
    if wide is not None:
        raise UsageError(
            f"any stranger could satisfy these flags: {wide}", help="name the host and the owner literally"
        )
    entry = ImageRule(
        _COMMAND_LINE,
        match=(NamePattern.parse("**"),),
        signed_by=SignedBy((_COMMAND_LINE,)),
        pinned=Pinned.IGNORE,
    )
    return Rules(
        source=_COMMAND_LINE,
        signers={_COMMAND_LINE: Signer(_COMMAND_LINE, (signer,))},
        images=(entry,),
        otherwise=Otherwise.DENY,
        inspect=Inspect.ALL,
        trust=DEFAULT_TRUST,
    )


def rules_of_key(path: str, pem: bytes) -> Rules:
    """Rules by which the holder of this public key must have signed. A broken key is told by whoever loads it."""
    signer = Signer(_COMMAND_LINE, (KeySigner(path, text=path),))
    return Rules(source=_COMMAND_LINE, signers={_COMMAND_LINE: signer}, trust=DEFAULT_TRUST, keys={path: pem})


def with_trusted_root(rules: Rules, path: str, content: bytes) -> Rules:
    """The same rules, with this trusted_root.json as the only root: it vouches for every issuer.

    Where a key must have signed, it may be empty: keys need neither a log nor a time.
    """
    setting = TrustSetting(path, "file", content={"file": content}, path=path, part=bool(rules.keys))
    return replace(rules, trust=(setting,))


def _pattern(flag: str, exact: str | None, regexp: str | None) -> TextPattern:
    if (exact is None) == (regexp is None):
        problem = "and its -regexp form exclude each other" if exact is not None else "is missing"
        raise UsageError(f"{flag} {problem}", help=f"give {flag} or {flag}-regexp, for the subject and for the issuer")
    try:
        return TextPattern.exact(exact) if exact is not None else TextPattern.regex(regexp or "")
    except InvalidPattern as error:
        raise UsageError(
            f"{flag}: {error}", help="quote the value, and see https://github.com/google/re2/wiki/Syntax"
        ) from error


def _exact(name: str, value: str) -> TextPattern:
    try:
        return TextPattern.exact(value)
    except InvalidPattern as error:
        raise UsageError(f"the value of the claim {name} is no text: {error}", help="give the claim's value") from error
