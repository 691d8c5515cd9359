"""The sentences that the formats for people share. Everything in here is our own text and numbers, or is escaped by its caller."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from auditor.model.evidence import KeySigned, Refused, Signed, Unreadable
from auditor.model.finding import Finding
from auditor.model.identity import Identity
from auditor.model.report import Exit, Image, Previous
from auditor.model.use import Confidence, Sort, Use
from auditor.report.view import Standing, View


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 image`, `2 images`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def headline(view: View) -> str:
    """The verdict on the whole run in one sentence."""
    if view.report.empty:
        return "; ".join(["no image reference found: nothing was judged", *_loose_words(view)])
    if view.report.run.command == "policy lint" and not view.loose:
        return "no mistake found in the policies"
    if not view.gating and not view.loose:
        found = f"{count(len(view.kept), 'image')} found, not judged"
        return "this change deploys no new image" if view.compared else found
    total = count(len(view.gating), "new image" if view.compared else "image")
    parts = [_share(view, Standing.FAILS, "fails", "fail"), _share(view, Standing.INCOMPLETE, "could not be judged")]
    told = [part for part in parts if part]
    if told:
        told[0] = told[0].replace(" ", f" of {total} ", 1)
    told += _loose_words(view)
    if told:
        return "; ".join(told)
    warned = len(view.standing(Standing.WARNS))
    if not view.gating:
        return "no new image, nothing fails" if view.compared else "nothing fails"
    if warned:
        return f"{total}: none fails, {count(warned, 'needs', 'need')} a look"
    waived = len(view.standing(Standing.WAIVED))
    if waived:
        return f"{total}: none fails, {waived} waived or in the baseline"
    if view.report.run.command == "verify":
        return f"{total}: verified"
    return f"{total}: may be deployed" if len(view.gating) == 1 else f"{total}: all may be deployed"


def _share(view: View, standing: Standing, singular: str, plural: str = "") -> str:
    number = len(view.standing(standing))
    return f"{number} {singular if number == 1 else plural or singular}" if number else ""


def _loose_words(view: View) -> list[str]:
    """What else decides: findings about files."""
    failing = sum(1 for f in view.loose if f.counts and fails(view, f))
    blind = sum(1 for f in view.loose if f.counts and f.level.value == "incomplete")
    words = [f"{count(failing, 'other finding')} {'fails' if failing == 1 else 'fail'}"] if failing else []
    return [*words, f"{count(blind, 'thing')} could not be read"] if blind else words


def fails(view: View, finding: Finding) -> bool:
    """Whether a counting finding makes the run fail."""
    return finding.level.value != "incomplete" and finding.level.rank <= view.report.fail_on.rank


def tally(view: View) -> str:
    """The line at the end: how many images with which verdict in how many places, and what else there is."""
    verdicts = [f"{number} {verdict}" for verdict, number in view.report.verdicts().items()]
    uses = sum(len(image.uses) for image in view.report.images)
    seen = f"{count(len(view.report.images), 'image')} in {count(uses, 'place')}"
    counting = Counter(f.level.value for f in view.report.findings if f.counts)
    findings = [count(counting["error"], "error"), count(counting["warning"], "warning")]
    findings += [f"{counting[name]} {name}" for name in ("incomplete", "note") if counting[name]]
    waived = sum(1 for f in view.report.findings if f.waived is not None)
    known = sum(1 for f in view.report.findings if f.waived is None and f.baseline)
    findings += [f"{waived} waived"] if waived else []
    findings += [f"{known} in the baseline"] if known else []
    return f"{seen}{': ' if verdicts else ''}{', '.join(verdicts)}; {', '.join(findings)}"


def outcome(view: View) -> str:
    """What the exit status says, and that `--exit-zero` hides it where it does."""
    word = {
        Exit.FINDINGS: "fails (exit 1)",
        Exit.INCOMPLETE: "incomplete (exit 3)",
    }.get(view.outcome, "clean (exit 0)")
    return f"{word.partition(' (')[0]} (exit 0 by --exit-zero)" if view.report.exit_zero and view.outcome else word


def workload_words(use: Use) -> str:
    """`Deployment/prod/api, container app`, with what else a reader should know."""
    parts = [str(use.workload)] if use.workload else []
    parts += [f"container {use.container}"] if use.container else []
    parts += [use.sort.value] if use.sort is not Sort.IMAGE else []
    parts += ["looks like an image"] if use.confidence is Confidence.LOW else []
    parts += ["not deployed"] if not use.deployed else []
    return ", ".join(parts)


_LONG_DIGEST: Final = re.compile(r"(@sha256:[0-9a-f]{12})[0-9a-f]{52}$")


def short_reference(reference: str) -> str:
    """For columns: a pinned reference with the first twelve digits of its digest."""
    return _LONG_DIGEST.sub(r"\1…", reference)


def reference_words(image: Image) -> str:
    """The reference, with the digest it names now where the reference does not say so itself."""
    if image.digest is None or image.pinned:
        return image.reference
    return f"{image.reference} ({image.digest.short})"


def previous_words(image: Image) -> str:
    """What the image replaces: only the part that differs where the name stays."""
    old = image.previous
    if old is None:
        return ""
    name = image.reference.partition("@")[0].rpartition(":")[0]
    text = old.reference
    if name and text.startswith(name + ":") and "/" not in text[len(name) :]:
        text = text[len(name) + 1 :]
    known = [old.verdict.value] if old.verdict else []
    signer = _changed_signer(image, old)
    known += [f"signed by {signer.subject}"] if signer else []
    return f"{text} ({', '.join(known)})" if known else text


_GITHUB_ISSUER: Final = "https://token.actions.githubusercontent.com"


def tag_words(reference: str, name: str | None) -> str:
    """Of a reference, what stands behind its name; all of it where the name is another one. A digest is shortened."""
    bare, at, digest = reference.partition("@")
    rest = bare.removeprefix(name or "\0").lstrip(":") if name and bare.startswith((f"{name}:", name)) else bare
    if "/" in rest or (name and bare.removeprefix(name)[:1] not in {"", ":"}):
        rest = bare
    short = f"@{digest[:19]}…" if at and len(digest) > 20 else at + digest
    return f"{rest}{short}" or reference


def signer_words(identity: Identity | None) -> str:
    """Who signed, as short as it is still certain: GitHub's own issuer vouches for names below github.com."""
    if identity is None:
        return "nobody"
    if identity.issuer == _GITHUB_ISSUER:
        return identity.subject.removeprefix("https://github.com/")
    return identity.subject


def current_signer(image: Image) -> Identity | None:
    """Who signed the image as it is now: whom the rule allows, else the first valid signer."""
    valid = [s for s in image.signatures if isinstance(s.signature, Signed) and not s.signature.attestation]
    best = min(valid, key=lambda s: s.allowed is not True, default=None)
    return best.signature.identity if best and isinstance(best.signature, Signed) else None


def _changed_signer(image: Image, old: Previous) -> Identity | None:
    now = {s.signature.identity.subject for s in image.signatures if isinstance(s.signature, Signed)}
    return old.identity if old.identity and old.identity.subject not in now else None


def signature_words(signature: Signed | KeySigned | Refused | Unreadable, trust: str | None) -> tuple[str, ...]:
    """A signature in a few lines: who, then what vouches for it."""
    match signature:
        case Signed():
            root = trust or ", ".join(signature.roots)
            log = [f"log index {signature.log_index}"] if signature.log_index is not None else []
            about = ["issuer " + (signature.identity.issuer or "none"), f"logged {signature.logged:%Y-%m-%d %H:%M:%SZ}"]
            return (signature.identity.subject, ", ".join([*about, *log, *([f"trust root {root}"] if root else [])]))
        case KeySigned():
            return (f"key {', '.join(signature.keys)}" if signature.keys else "a key that no rule names",)
        case Refused():
            who = (f"claims to be {signature.identity}",) if signature.identity else ()
            return (f"refused at step {signature.step.value} ({signature.step.name.lower()}): {signature.why}", *who)
        case Unreadable():
            return (f"could not be read: {signature.fault}",)


def waiver_words(finding: Finding) -> str:
    """Why a finding does not count."""
    if finding.waived:
        return f"waived until {finding.waived.until} by {finding.waived.owner}: {finding.waived.reason}"
    return "in the baseline: there before adoption" if finding.baseline else ""
