"""A report as the data of the page: every foreign string made visible and bounded, each identity once.

The page's script only lays this out as text: whatever decides (standing, sentences, places, links) is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias, assert_never

from msgspec import Struct, field

from auditor.model.evidence import KeySigned, Refused, Signed, Step, Unreadable
from auditor.model.finding import Finding
from auditor.model.gap import Gap
from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.model.report import Image, JudgedSignature, JudgedUse
from auditor.report.escape import cut, relative_uri, visible_text
from auditor.report.json_v1 import instant
from auditor.report.options import RenderOptions
from auditor.report.remedies import remedy
from auditor.report.view import Entry, View
from auditor.report.words import (
    current_signer,
    fails,
    previous_words,
    short_reference,
    signer_words,
    tag_words,
    waiver_words,
)

Json: TypeAlias = dict[str, Any]

NAME: Final = 300
SENTENCE: Final = 1500
_USES: Final = 200
"""Places of one image: the page says how many there are beyond them, the JSON lists all."""


def shown(text: str, length: int = SENTENCE) -> str:
    """A foreign string, bounded and with everything in it visible. Whoever writes HTML still escapes it."""
    return cut(visible_text(cut(text, length)), length)


def page_data(seen: View, options: RenderOptions) -> Json:
    """What the script lays out: `images` in reading order, `findings` the worst first, `skipped`, `identities`, `steps`."""
    return _Builder(seen, _base(options.blob_url)).data()


def _base(blob_url: str | None) -> str | None:
    """The address of the tree at head, if it is one that a browser may be sent to."""
    return blob_url.rstrip("/") if blob_url and blob_url.startswith(("https://", "http://")) else None


class _Builder(Struct):
    """Collects the identities while images are written: thousands of signatures share a few signers."""

    seen: View
    base: str | None
    identities: dict[tuple[object, ...], int] = field(default_factory=dict)
    written: list[Json] = field(default_factory=list)

    def data(self) -> Json:
        findings = self._findings()
        number = {id(finding): index for index, finding in enumerate(findings)}
        ids = list(_distinct(shown(entry.image.reference, NAME) for entry in self.seen.entries))
        about: dict[int, str] = {}
        for name, entry in zip(ids, self.seen.entries, strict=True):
            for finding in entry.findings:
                about.setdefault(id(finding), name)
        images = [
            self._image(name, entry, scope, number) for name, (entry, scope) in zip(ids, self._scoped(), strict=True)
        ]
        return {
            "steps": [step.name.lower() for step in Step],
            "identities": self.written,
            "images": images,
            "findings": [self._finding(finding, about.get(id(finding))) for finding in findings],
            "skipped": [self._gap(gap) for gap in self.seen.report.gaps],
        }

    def _scoped(self) -> Iterator[tuple[Entry, str]]:
        yield from ((entry, "decides") for entry in self.seen.gating)
        yield from ((entry, "kept") for entry in self.seen.kept)
        yield from ((entry, "removed") for entry in self.seen.removed)

    def _findings(self) -> tuple[Finding, ...]:
        """All findings once, in the order in which images and files are read."""
        told = {id(f): f for entry in self.seen.entries for f in entry.findings} | {id(f): f for f in self.seen.loose}
        return tuple(sorted(told.values(), key=lambda f: (not f.counts, not fails(self.seen, f), f.level.rank)))

    def _image(self, name: str, entry: Entry, scope: str, number: dict[int, int]) -> Json:
        image = entry.image
        found = remedy(entry)
        return {
            "id": name,
            "reference": shown(image.reference, NAME),
            "short": shown(short_reference(image.reference), NAME),
            "signer": shown(signer_words(signer)) if (signer := current_signer(image)) else "",
            "scope": scope,
            "standing": entry.standing.value,
            "label": shown(entry.label, NAME),
            "verdict": image.verdict.value if image.verdict else None,
            "repository": _or_none(image.repository),
            "digest": str(image.digest) if image.digest else None,
            "pinned": image.pinned,
            "rule": _or_none(image.rule),
            "why": shown(entry.why),
            "help": shown(entry.help),
            "was": self._previous(image),
            "uses": [self._use(use) for use in image.uses[:_USES]],
            "moreUses": max(0, len(image.uses) - _USES),
            "findings": [number[id(finding)] for finding in entry.findings],
            "further": [number[id(f)] for f in entry.findings if not (f.counts and entry.says_verdict(f))],
            "signatures": [self._signature(signature) for signature in image.signatures],
            "platforms": [
                [shown(p.platform, NAME), str(p.digest), p.verdict.value if p.verdict else None]
                for p in image.platforms
            ],
            "policies": [
                {
                    "name": shown(p.policy, NAME),
                    "file": shown(p.file, NAME),
                    "says": p.verdict.value,
                    "why": shown(p.why),
                }
                for p in image.policies
            ],
            "fix": [shown(line) for line in found.lines()] if found else None,
        }

    def _previous(self, image: Image) -> Json | None:
        if image.previous is None:
            return None
        old = image.previous
        verdict = f" ({old.verdict.value})" if old.verdict else ""
        signer, now = old.identity, current_signer(image)
        changed = signer and (now is None or _lasting(now) != _lasting(signer))
        return {
            "words": shown(previous_words(image)),
            "short": shown(f"{tag_words(old.reference, image.name)}{verdict}", NAME),
            "signer": shown(signer_words(signer)) if changed else "",
        }

    def _use(self, judged: JudgedUse) -> Json:
        use = judged.use
        return {
            "place": self._place(use.place),
            "key": shown(use.place.key_path, NAME),
            "workload": shown(str(use.workload), NAME) if use.workload else "",
            "container": shown(use.container, NAME) if use.container else "",
            "root": _or_none(use.root),
            "via": use.via.value,
            "base": self._place(use.base) if use.base else None,
            "change": judged.change.value if judged.change else None,
            "deployed": use.deployed,
            "confidence": use.confidence.value,
            "sort": use.sort.value,
        }

    def _place(self, place: Place) -> Json:
        """Its words, and its line at the forge where that is known."""
        told: Json = {"text": shown(str(place), NAME)}
        if self.base and place.file:
            told["href"] = f"{self.base}/{relative_uri(place.file)}{f'#L{place.line}' if place.line else ''}"
        return told

    def _who(self, identity: Identity | None) -> int | None:
        """The number of an identity."""
        if identity is None:
            return None
        claims = tuple(sorted(identity.claims.items()))
        key = (identity.issuer, identity.subject, identity.subject_type, claims)
        if key not in self.identities:
            self.identities[key] = len(self.written)
            self.written.append(
                {
                    "subject": shown(identity.subject),
                    "issuer": _or_none(identity.issuer),
                    "type": identity.subject_type.value,
                    "claims": [[shown(name, NAME), shown(value)] for name, value in claims],
                }
            )
        return self.identities[key]

    def _signature(self, judged: JudgedSignature) -> Json:
        signature = judged.signature
        fields: Json
        match signature:
            case Signed():
                fields = {
                    "status": "valid",
                    "who": self._who(signature.identity),
                    "logged": instant(signature.logged),
                    "logIndex": signature.log_index,
                    "roots": [shown(root, NAME) for root in signature.roots],
                    **_statement(signature.predicate, attestation=signature.attestation),
                }
            case KeySigned():
                fields = {
                    "status": "key-signed",
                    "keys": [shown(key, NAME) for key in signature.keys],
                    **_statement(signature.predicate, attestation=signature.attestation),
                }
            case Refused():
                fields = {
                    "status": "refused",
                    "who": self._who(signature.identity),
                    "step": signature.step.value,
                    "refusal": shown(signature.why),
                    **_statement(signature.predicate, attestation=signature.attestation),
                }
            case Unreadable():
                fields = {"status": "unreadable", "refusal": shown(signature.fault.detail)}
            case _:
                assert_never(signature)
        told = {"allowed": judged.allowed, "why": _or_none(judged.why), "trust": _or_none(judged.trust)}
        return {"form": signature.form.value, **told, **fields}

    def _finding(self, finding: Finding, image: str | None) -> Json:
        return {
            "rule": shown(finding.rule, NAME),
            "level": finding.level.value,
            "counts": finding.counts,
            "fails": finding.counts and fails(self.seen, finding),
            "image": image,
            "about": _or_none(finding.image),
            "root": _or_none(finding.root),
            "place": self._place(finding.place) if finding.place and finding.place.file else None,
            "message": shown(finding.message),
            "help": shown(finding.help),
            "waiver": shown(waiver_words(finding)),
            "since": finding.since.isoformat() if finding.since else None,
        }

    def _gap(self, gap: Gap) -> Json:
        return {
            "what": shown(gap.what, NAME),
            "why": shown(gap.why),
            "help": shown(gap.help),
            "rule": _or_none(gap.rule),
            "place": self._place(gap.place),
        }


def _statement(predicate: str | None, *, attestation: bool) -> Json:
    return {"predicate": _or_none(predicate), "attestation": attestation}


def _lasting(identity: Identity) -> tuple[str | None, str]:
    """What stays the same from one release to the next: the subject without its `@ref`, as for `signer-changed`."""
    return identity.issuer, identity.subject.partition("@refs/")[0]


def _or_none(text: str | None) -> str | None:
    return None if text is None else shown(text)


def _distinct(names: Iterator[str]) -> Iterator[str]:
    """Names for links: one reference may stand under several rules, and long ones may be cut to the same."""
    met: dict[str, int] = {}
    for name in names:
        met[name] = met.get(name, 0) + 1
        yield name if met[name] == 1 else f"{name} ~{met[name]}"
