"""Flux's `spec.verify`: whether source-controller (1.9.1, cosign 3.0.6) would take an artifact or a chart.

It judges what Flux fetches, not the images of workloads. Where the artifact has any bundle, bundles alone are verified: for one
identity only, and whatever they state. `matchOIDCIdentity` is regular expressions that match anywhere; without it any
certificate passes in a legacy signature, and none in a bundle. Keys leave the log out.

With a trusted root of its own (OCIRepository alone has one) what the root holds is demanded, of keys too, and what it does
not hold is not looked at: a log, a CT log, and time stamping authorities, by whom a bundle must then be stamped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.names import InvalidPattern, compile_regex
from auditor.manifests.objects import Object
from auditor.model.evidence import Form
from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.model.use import Sort, Use
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import Found
from auditor.policies.inspected import Inspected, Resource
from auditor.policies.proofs import Grounds, Proofs, beside
from auditor.policies.ruling import Engine, Policy, Ruling, failed, passed, skipped, unknown
from auditor.policies.versions import Versions
from auditor.registry.material import BundleBytes, Listing, Material, SimpleSigning
from auditor.signatures.encoding import Malformed
from auditor.signatures.enforcer import Accepted, Rejected, Stamps, Undecided
from auditor.signatures.root import parse_root

SOURCES: Final = "source.toolkit.fluxcd.io"
RELEASES: Final = "helm.toolkit.fluxcd.io"
_SHOWN: Final = 3


class Matcher(Struct, frozen=True):
    """One entry of `matchOIDCIdentity`."""

    issuer: Any
    subject: Any

    def matches(self, identity: Identity) -> bool:
        """Whether both expressions are found somewhere in the certificate's texts."""
        return bool(self.issuer.search(identity.issuer or "") and self.subject.search(identity.subject))


class FluxPolicy(Struct, frozen=True):
    """The `verify` of one object: on what grounds it takes signatures, classic ones and bundles.

    `keys`: keys decide, not identities. `unclear` is why it cannot be evaluated at all.
    """

    kind: str
    title: str
    namespace: str
    where: Place
    matchers: tuple[Matcher, ...]
    keys: bool
    classic: tuple[Grounds, ...]
    bundled: tuple[Grounds, ...]
    unclear: str | None

    @property
    def engine(self) -> Engine:
        """Who enforces it."""
        return Engine.FLUX

    @property
    def name(self) -> str:
        """`Kind/name`."""
        return f"{self.kind}/{self.title}"

    @property
    def place(self) -> Place:
        """Where `verify` stands."""
        return self.where

    @property
    def repositories(self) -> frozenset[str]:
        """None: Flux looks beside the artifact."""
        return frozenset()

    @property
    def attested(self) -> bool:
        """No: Flux looks for signatures."""
        return False

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """Whether Flux would take the artifact that this very object fetches."""
        elsewhere = self.namespace and resource.namespace and self.namespace != resource.namespace
        if (resource.kind, resource.name) != (self.kind, self.title) or elsewhere:
            return skipped("it is not what this object fetches")
        if self.unclear:
            return unknown(self.unclear, self.where)
        if image.digest is None:
            return failed(f"{image.missing}") if image.absent else unknown(f"{image.missing}")
        if image.listing is None:
            return unknown("its signatures were not asked for")
        return self._judge(image, image.listing, proofs)

    def _judge(self, image: Inspected, listing: Listing, proofs: Proofs) -> Ruling:
        listing = proofs.read_by_cosign(listing)
        bundles: list[Material] = [each for each in listing.materials if isinstance(each, BundleBytes)]
        unread = {each.form: str(each.fault) for each in listing.faults}
        if bundles and not self.keys and len(self.matchers) != 1:
            several = "several identities" if self.matchers else "no matchOIDCIdentity"
            return failed(f"it is signed as a bundle, which Flux verifies for one identity only: {several}", self.where)
        if not bundles and Form.BUNDLE in unread:
            return unknown(unread[Form.BUNDLE])
        materials = bundles or list(beside(listing, SimpleSigning))
        read = Form.BUNDLE if bundles else Form.SIG
        refused: list[str] = []
        unclear = [unread[read]] if read in unread else []
        for material in materials:
            for grounds in self.bundled if bundles else self.classic:
                assert image.digest is not None
                outcome = proofs.examine(material, image.digest, grounds)
                match outcome:
                    case Accepted(identity=identity) if self._allows(identity):
                        return passed(f"signed by {identity.subject if identity else 'the key'}", self.where)
                    case Accepted(identity=identity):
                        refused.append(f"it is signed by {identity}")
                    case Rejected(why=why):
                        refused.append(why)
                    case Undecided(why=why):
                        unclear.append(why)
        if unclear:
            return unknown(unclear[0])
        why = "; ".join(list(dict.fromkeys(refused))[:_SHOWN])
        return failed(f"no matching signatures: {why}" if why else "no signatures found", self.where)

    def _allows(self, identity: Identity | None) -> bool:
        if identity is None or not self.matchers:
            return True
        return any(each.matches(identity) for each in self.matchers)


def load_flux(found: Found, _versions: Versions) -> tuple[tuple[Policy, ...], tuple[Mistake, ...]]:
    """Every object that verifies what it fetches, and what is wrong with them."""
    policies: list[Policy] = []
    mistakes: list[Mistake] = []
    for each in (*found.of(SOURCES, "OCIRepository", "HelmChart"), *found.of(RELEASES, "HelmRelease")):
        verify = _verify(each)
        if verify:
            policies.append(_read(each, verify, found, mistakes))
    return tuple(policies), tuple(mistakes)


def _verify(found: Object) -> Cursor:
    spec = Cursor.at(found)["spec"]
    return spec["chart"]["spec"]["verify"] if found.kind == "HelmRelease" else spec["verify"]


def _read(found: Object, verify: Cursor, held: Found, mistakes: list[Mistake]) -> FluxPolicy:
    unclear: list[str] = []
    provider = verify["provider"].text or "cosign"
    if provider != "cosign":
        unclear.append(f"provider {provider} is not evaluated here")
    keys = _keys(verify["secretRef"], found, held, unclear)
    root = _trusted_root(verify["trustedRootSecretRef"], found, held, unclear)
    wrong = [*_wrong(verify)]
    mistakes.extend(wrong)
    unclear += [str(each) for each in wrong]
    return FluxPolicy(
        kind=found.kind,
        title=found.name,
        namespace=found.namespace,
        where=verify.place,
        matchers=tuple(_matchers(verify)) if not wrong else (),
        keys=bool(keys),
        classic=_grounds(keys, root, Stamps.TAKEN, unclear),
        bundled=_grounds(keys, root, Stamps.DEMANDED, unclear),
        unclear=unclear[0] if unclear else None,
    )


def _wrong(verify: Cursor) -> Iterator[Mistake]:
    for each in verify["matchOIDCIdentity"]:
        for name in ("issuer", "subject"):
            try:
                compile_regex(each[name].text)
            except InvalidPattern as problem:
                yield each[name].mistake(f"the regular expression is invalid: {problem}")


def _matchers(verify: Cursor) -> Iterator[Matcher]:
    for each in verify["matchOIDCIdentity"]:
        yield Matcher(compile_regex(each["issuer"].text), compile_regex(each["subject"].text))


def _keys(reference: Cursor, found: Object, held: Found, unclear: list[str]) -> tuple[bytes, ...]:
    if not reference:
        return ()
    secret = held.secret(reference["name"].text, found.namespace)
    keys = tuple(content for name, content in (secret or {}).items() if name.endswith(".pub"))
    if not keys:
        unclear.append(f"Secret {reference['name'].text} with its *.pub keys is not in the tree")
    return keys


def _trusted_root(reference: Cursor, found: Object, held: Found, unclear: list[str]) -> bytes | None:
    if not reference:
        return None
    content = (held.secret(reference["name"].text, found.namespace) or {}).get("trusted_root.json")
    if content is None:
        unclear.append(f"Secret {reference['name'].text} with its trusted_root.json is not in the tree")
    if found.kind != "OCIRepository":
        unclear.append(f"{found.kind} has no trustedRootSecretRef")
    return content


def _grounds(keys: tuple[bytes, ...], content: bytes | None, stamps: Stamps, unclear: list[str]) -> tuple[Grounds, ...]:
    """One for certificates, or one for each key. `stamps`: what time stamps count for where the trusted root has authorities."""
    if content is None:
        return tuple(Grounds(public=False, key=key, unsafe_without_log=True) for key in keys) or (Grounds(),)
    try:
        root = parse_root(content, "the trusted root", part=True)
    except Malformed as problem:
        unclear.append(f"its trusted root: {problem}")
        return ()
    if not keys and not (root.authorities and (root.logs or root.stampers)):
        unclear.append(
            "its trusted root lacks authorities for certificates, or both logs and time stamping authorities"
        )
    common = Grounds(
        trusted_root=content,
        unsafe_without_log=not root.logs,
        unsafe_without_sct=bool(keys) or not root.ct_logs,
        stamps=stamps if root.stampers else Stamps.IGNORED,
    )
    return tuple(replace(common, key=key) for key in keys) or (common,)


def chart_uses(objects: Iterable[Object]) -> tuple[Use, ...]:
    """The charts that verified HelmReleases and HelmCharts fetch from OCI repositories of the same tree.

    A version that is a range is a template: which chart it is depends on the registry.
    """
    every = tuple(objects)
    repositories = {
        (each.namespace, each.name): Cursor.at(each)["spec"]["url"].text
        for each in every
        if each.group == SOURCES and each.kind == "HelmRepository"
    }
    return tuple(use for each in every if _verify(each) for use in _chart(each, repositories))


def _chart(found: Object, repositories: dict[tuple[str, str], str]) -> Iterator[Use]:
    spec = Cursor.at(found)["spec"]
    if found.kind == "HelmRelease":
        spec = spec["chart"]["spec"]
    elif found.kind != "HelmChart":
        return
    source = spec["sourceRef"]
    url = repositories.get((source["namespace"].text or found.namespace, source["name"].text), "")
    if not url.startswith("oci://") or not spec["chart"].text:
        return
    version = spec["version"]
    exact = version.text.replace("+", "_") if _is_exact(version.text) else f"${{{version.text or '*'}}}"
    text = f"{url.removeprefix('oci://').rstrip('/')}/{spec['chart'].text}:{exact}"
    place = (version or spec["chart"]).place
    yield Use(text, place, found.workload(), sort=Sort.CHART)


def _is_exact(version: str) -> bool:
    return (
        bool(version)
        and not set(version) & set("<>=~^*|, ")
        and version.count(".") >= 2
        and "x" not in version.lower().split(".")
    )
