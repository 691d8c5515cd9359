"""Who must have signed, as a `verifyImages` entry says it: sets of attestors, nested, with counts.

Source: `api/kyverno/v1/image_verification_types.go` and `pkg/engine/internal/imageverifier.go` of Kyverno 1.19.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from auditor.limits import DEFAULT
from auditor.model.place import Place
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import Found
from auditor.policies.kyverno.names import repository_of
from auditor.policies.kyverno.who import EXTENSIONS, Who
from auditor.policies.pems import key_mistakes, pem_mistakes
from auditor.policies.proofs import Grounds
from auditor.policies.regex import invalid
from auditor.policies.versions import Kyverno
from auditor.signatures.enforcer import Stamps

_PEM_KEY: Final = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_SECRET: Final = re.compile(r"k8s://(?:([^/]+)/)?([^/]+)")
_IGNORED: Final = "Kyverno before 1.13.5 ignores subjectRegExp and issuerRegExp (CVE-2025-29778)"
_WAYS: Final = ("keys", "certificates", "keyless", "attestor")


class Entry(Struct, frozen=True):
    """One attestor: on what `grounds` a signature counts, and who must have made it (None: the key alone decides).

    `unclear` says why nobody can tell from here; `nested` stands for a set of its own. `repository` (normalised) is where
    its signatures live, if elsewhere.
    """

    place: Place
    grounds: Grounds = Grounds()
    who: Who | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    repository: str | None = None
    unclear: str | None = None
    nested: AttestorSet | None = None
    lax: str | None = None
    """Why some releases of this version take more than is written: a refusal is not certain then."""


class AttestorSet(Struct, frozen=True):
    """At least `count` of the entries; all of them where it is None."""

    place: Place
    entries: tuple[Entry, ...]
    count: int | None = None

    @property
    def required(self) -> int:
        """How many entries must hold."""
        return self.count or len(self.entries)


class Reader:
    """Reads attestors of one policy; what Kyverno would refuse is added to `mistakes`."""

    def __init__(self, found: Found, *, bundle: bool = False, version: Kyverno = Kyverno.V1_19) -> None:
        self._found = found
        self._version = version
        self._bundle = bundle
        self.mistakes: list[Mistake] = []

    def sets(self, field: Cursor, above: Cursor) -> tuple[AttestorSet, ...]:
        """The sets of one `attestors:` list; `above` is the `verifyImages` entry, whose defaults count."""
        return tuple(self._set(item, above, depth=0) for item in field)

    def _set(self, field: Cursor, above: Cursor, *, depth: int) -> AttestorSet:
        entries: list[Entry] = []
        if depth > DEFAULT.attestor_depth:
            self.mistakes.append(field.mistake(f"attestors are nested more than {DEFAULT.attestor_depth} deep"))
        else:
            for item in field["entries"]:
                entries.extend(self._entry(item, above, depth=depth))
        if not entries and depth <= DEFAULT.attestor_depth:
            self.mistakes.append(field.mistake("a set of attestors needs at least one of `entries`"))
        return AttestorSet(field.place, tuple(entries), self._count(field["count"], len(entries)))

    def _count(self, field: Cursor, entries: int) -> int | None:
        if not field:
            return None
        if not field.text.isascii() or not field.text.isdigit() or not 1 <= int(field.text) <= entries:
            self.mistakes.append(field.mistake(f"`count` must lie between 1 and the number of entries, {entries}"))
            return None
        return int(field.text)

    def _entry(self, field: Cursor, above: Cursor, *, depth: int) -> list[Entry]:
        ways = [way for way in _WAYS if field[way]]
        if len(ways) != 1:
            self.mistakes.append(
                field.mistake("an attestor has exactly one of keys, certificates, keyless and attestor")
            )
            return []
        if ways == ["attestor"]:
            nested = self._set(field["attestor"], above, depth=depth + 1)
            return [Entry(field.place, nested=nested)]
        own = {name: field[name] or above[name] for name in ("annotations", "repository")}
        shared = _Shared(tuple(sorted(own["annotations"].texts.items())), self._repository(own["repository"]))
        match ways[0]:
            case "keys":
                return self._keys(field["keys"], shared)
            case "keyless":
                return [self._keyless(field["keyless"], shared)]
            case _:
                place = field["certificates"].place
                return [Entry(place, unclear="attestors of the kind `certificates` are not evaluated here")]

    def _repository(self, field: Cursor) -> str | None:
        if not field.text:
            return None
        name = repository_of(field.text)
        if name is None:
            self.mistakes.append(field.mistake(f"not a repository: {field.text[:200]!r}"))
        return name

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keys(self, field: Cursor, shared: _Shared) -> list[Entry]:
        keys, unclear = self._pems(field)
        algorithm = field["signatureAlgorithm"].text
        if algorithm not in {"", "sha256"}:
            unclear = f"signatureAlgorithm {algorithm} is not evaluated here"
        grounds = [self._grounds(field, fulcio=None, key=key) for key in keys] or [Grounds()]
        return [
            Entry(field.place, each, None, shared.annotations, shared.repository, unclear=unclear) for each in grounds
        ]

    def _pems(self, field: Cursor) -> tuple[list[bytes], str | None]:
        """The keys, each an entry of its own; or why they are not known."""
        text = field["publicKeys"].text.strip()
        if text.startswith("-----BEGIN"):
            blocks = [found[0].encode() for found in _PEM_KEY.finditer(text)]
            if not blocks:
                self.mistakes.append(field["publicKeys"].mistake("not public keys in PEM"))
            self.mistakes.extend(key_mistakes(field["publicKeys"], *blocks))
            return blocks, None
        if "{{" in text:
            return [], "the key is a variable that the cluster fills in"
        secret = field["secret"]
        named = _SECRET.fullmatch(text)
        if named or secret:
            namespace, name = (named[1] or "", named[2]) if named else (secret["namespace"].text, secret["name"].text)
            data = self._found.secret(name, namespace)
            if data and "cosign.pub" in data:
                return [data["cosign.pub"]], None
            return [], f"the key is in Secret {namespace}/{name}, which this tree does not hold"
        if text or field["kms"]:
            return [], f"the key is held by {(text or field['kms'].text)[:100]}"
        self.mistakes.append(field.mistake("`keys` needs publicKeys, secret or kms"))
        return [], None

    # ── keyless ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keyless(self, field: Cursor, shared: _Shared) -> Entry:
        self._check_keyless(field)
        extensions = field["additionalExtensions"].texts
        who = Who(
            field["subject"].text,
            field["subjectRegExp"].text,
            field["issuer"].text,
            field["issuerRegExp"].text,
            tuple(sorted(extensions.items())),
        )
        roots = field["roots"].text
        texts = (who.subject, who.subject_regexp, who.issuer, who.issuer_regexp, roots, *extensions.values())
        unclear = "it holds a variable that the cluster fills in" if any("{{" in text for text in texts) else None
        if self._bundle:
            return self._bundled(field, who, shared, unclear)
        grounds = self._grounds(field, fulcio=roots.encode() if roots else None, key=None)
        lax = _IGNORED if self._version is Kyverno.V1_13 and (who.subject_regexp or who.issuer_regexp) else None
        return Entry(field.place, grounds, who, shared.annotations, shared.repository, unclear=unclear, lax=lax)

    def _bundled(self, field: Cursor, who: Who, shared: _Shared, unclear: str | None) -> Entry:
        """For bundles the public root alone counts, its time stamping authorities too, and SCTs are never checked."""
        if field["ctlog"]["ignoreSCT"].yes:
            unclear = "with `ignoreSCT` Kyverno checks no time of a bundle, which is not evaluated here"
        without_log = field["rekor"]["ignoreTlog"].yes
        grounds = Grounds(unsafe_without_sct=True, unsafe_without_log=without_log, stamps=Stamps.TAKEN)
        return Entry(field.place, grounds, who, shared.annotations, None, unclear=unclear)

    def _check_keyless(self, field: Cursor) -> None:
        self.mistakes.extend(pem_mistakes(fulcio=field["roots"]))
        if not field["rekor"] and not field["roots"]:
            self.mistakes.append(field.mistake("`keyless` needs `rekor` or `roots`"))
        for name in ("subjectRegExp", "issuerRegExp"):
            pattern = field[name]
            why = invalid(pattern.text) if pattern.text and "{{" not in pattern.text else None
            if why:
                self.mistakes.append(pattern.mistake(why))
        for key in field["additionalExtensions"].keys:
            if key not in EXTENSIONS and key not in EXTENSIONS.values():
                self.mistakes.append(field["additionalExtensions"][key].mistake(f"invalid certificate extension {key}"))

    def _grounds(self, field: Cursor, *, fulcio: bytes | None, key: bytes | None) -> Grounds:
        rekor, ctlog = field["rekor"], field["ctlog"]
        if rekor and not rekor["url"].text and (key is None or not rekor["ignoreTlog"].yes):
            self.mistakes.append(rekor.mistake("`rekor` needs its `url`"))
        parts = {"rekor": rekor["pubkey"], "ctlog": ctlog["pubkey"], "tsa": ctlog["tsaCertChain"]}
        self.mistakes.extend(pem_mistakes(**parts))
        ignore_log = rekor["ignoreTlog"].yes
        return Grounds(
            fulcio=fulcio,
            rekor=_pem(rekor["pubkey"]),
            ctlog=_pem(ctlog["pubkey"]),
            tsa=_pem(ctlog["tsaCertChain"]),
            key=key,
            unsafe_without_log=ignore_log,
            unsafe_without_sct=key is not None or ctlog["ignoreSCT"].yes,
            stamps=Stamps.TAKEN if ctlog["tsaCertChain"].text else Stamps.IGNORED,
        )


class _Shared(Struct, frozen=True):
    """What an entry takes from its `verifyImages` entry unless it says otherwise."""

    annotations: tuple[tuple[str, str], ...]
    repository: str | None


def _pem(field: Cursor) -> bytes | None:
    return field.text.encode() if field.text else None
