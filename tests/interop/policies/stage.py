"""One registry under real names, one made Sigstore, and images signed in every way that policies tell apart.

All hosts are one server: `ghcr.io/acme/classic` and `docker.io/acme/classic` are the same image. It answers on loopback, over
TLS, inside a namespace that holds nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace

from fixtures.registry import OciRegistry
from fixtures.sigstore import Claimant, Profile, Sigstore, att_layer, bundle, email, github, sig_layer
from fixtures.sigstore.entries import EntryKind
from fixtures.sigstore.keys import Algorithm, PrivateKey, derive, pem
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.signed import IN_TOTO, Bundle, Layer, Signed, Stored
from fixtures.sigstore.stack import REKOR_V1, REKOR_V2, TIMESTAMP_ONLY, Ceremony, Log
from fixtures.sigstore.statements import CYCLONEDX, SLSA_PROVENANCE, provenance, simple_signing, statement

HOSTS: Final = ("ghcr.io", "docker.io", "index.docker.io", "registry-1.docker.io")
SHOP: Final = github("acme/shop")
OTHER: Final = github("acme/other")
MAIL: Final = email()
AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
TAG: Final = "v1"
KEY: Final = derive("policies", "release key", Algorithm.P256)
OTHER_KEY: Final = derive("policies", "other key", Algorithm.P256)
_UNTIMED: Final = Ceremony(log=Log.NONE)
_HASHED: Final = Ceremony(kind=EntryKind.HASHEDREKORD_1)
_NO_SCT: Final = Ceremony(profile=Profile(scts=lambda _: ()))

IMAGES: Final = {
    "unsigned": "nothing",
    "classic": "`.sig` by the release of `acme/shop`",
    "other": "`.sig` by the release of `acme/other`",
    "email": "`.sig` by a person with an address",
    "two": "`.sig` by `acme/shop` and `acme/other`",
    "annotated": "`.sig` by `acme/shop` that says `env: prod`",
    "apart": "`.sig` by `acme/shop`, and one by `acme/other` that says `env: prod`",
    "key": "`.sig` by a key",
    "two-keys": "`.sig` by that key and another one",
    "key-other": "`.sig` by the other key",
    "stamped": "`.sig` by `acme/shop` with a timestamp and no log entry",
    "untimed": "`.sig` by `acme/shop` with neither, its certificate long over",
    "long-hash": "`.sig` by `acme/shop` over SHA-384, by a key that asks for it",
    "newer-issuer": "`.sig` by `acme/shop`, its issuer in the newer of two extensions alone",
    "no-sct": "`.sig` by `acme/shop`, its certificate in no CT log",
    "stranger": "`.sig` in the name of `acme/shop` under another Sigstore",
    "moved": "the `.sig` of `classic` beside another image",
    "spoiled": "the `.sig` of `classic`, one bit of the signature turned",
    "bundle": "a bundle by `acme/shop`",
    "bundle-timed": "a bundle by `acme/shop` whose log tells no time, with a timestamp",
    "bundle-unlogged": "a bundle by `acme/shop` with a timestamp and no log entry",
    "bundle-other": "a bundle by `acme/other`",
    "bundle-key": "a bundle by a key",
    "bundle-second": "one referrer of two bundles: first by `acme/other`, then by `acme/shop`",
    "bundle-first": "one referrer of two bundles: first by `acme/shop`, then by `acme/other`",
    "bundle-headless": "a bundle by `acme/shop`, and a referrer listed as a bundle whose first layer is a text",
    "mixed": "`.sig` by `acme/shop`, a bundle by `acme/other`",
    "elsewhere": "`.sig` by `acme/shop`, in another repository",
}
"""What stands beside each image: one row for who signed."""

TIMES: Final = ("classic", "stamped", "untimed", "bundle", "bundle-timed", "bundle-unlogged", "unsigned")
"""Images about which engines may ask a log over the network, again and again: only some policies are put before them."""
SIGNED: Final = tuple(name for name in IMAGES if name not in {"stamped", "untimed"})

ATTESTED: Final = {
    "unsigned": "nothing",
    "classic": "`.sig` by `acme/shop`, no statement",
    "provenance": "`.att`: SLSA provenance of `acme/shop` by `acme/shop`",
    "provenance-other": "`.att`: SLSA provenance by `acme/other`",
    "provenance-false": "`.att`: provenance by `acme/shop` that names another source",
    "provenance-two": "`.att`: one good provenance and one that names another source, both by `acme/shop`",
    "provenance-both": "`.att`: provenance by `acme/shop`, and one by `acme/other`",
    "provenance-hashed": "`.att`: provenance by `acme/shop`, whose log entry has another hash than the envelope's",
    "provenance-no-sct": "`.att`: provenance by `acme/shop`, its certificate in no CT log",
    "bom": "`.att`: a bill of materials by `acme/shop`",
    "bundle-provenance": "a bundle: provenance by `acme/shop`",
    "bundle-both": "bundles: provenance by `acme/shop`, and one by `acme/other`",
}
"""What stands beside each image: statements."""


@dataclass(frozen=True)
class Stage:
    """The registry with its images, and the trust that belongs to it."""

    registry: OciRegistry
    sigstore: Sigstore = field(default_factory=Sigstore)
    stranger: Sigstore = field(default_factory=lambda: Sigstore("sigstore.stranger.example"))

    def fill(self) -> None:
        """Push every image, each signature where signers put it."""
        for name, stored in self._signed().items():
            self._put(name, stored)
        for name, stored in self._attested().items():
            self._put(name, stored)
        for name, layers in self._several().items():
            self.registry.put_bundles(f"acme/{name}", self._digest(name), layers)
        self.registry.put_image("library/nginx", TAG)
        digest = self._digest("elsewhere")
        push_signatures(self.registry, "acme/signatures", digest, self._sig("elsewhere"))

    def _put(self, name: str, stored: Iterable[Stored]) -> None:
        push_signatures(self.registry, f"acme/{name}", self._digest(name), *stored)

    def _digest(self, name: str) -> str:
        return self.registry.put_image(f"acme/{name}", TAG)

    def digest(self, path: str) -> str:
        """The digest of an image's tag, by path."""
        manifest = self.registry.store.manifest(path, TAG)
        assert manifest is not None, path
        return manifest.digest

    def image(self, name: str) -> str:
        """The reference of one of the images, by tag."""
        return f"ghcr.io/acme/{name}:{TAG}"

    # ── who signs ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sig(
        self,
        name: str,
        who: Claimant = SHOP,
        ceremony: Ceremony = REKOR_V1,
        *,
        stack: Sigstore | None = None,
        optional: Mapping[str, Any] | None = None,
    ) -> Layer:
        return sig_layer((stack or self.sigstore).sign(self._digest(name), who, AT, ceremony, optional=optional))

    def _by_key(self, name: str, key: PrivateKey) -> Layer:
        payload = simple_signing(self._digest(name), f"ghcr.io/acme/{name}")
        return sig_layer(self.sigstore.seal_with_key(key, payload, at=AT))

    def _bundle(self, name: str, who: Claimant = SHOP, ceremony: Ceremony = REKOR_V1) -> Bundle:
        return bundle(self.sigstore.attest(self._digest(name), who, AT, ceremony, predicate={}))

    def _bundle_by_key(self, name: str, key: PrivateKey) -> Bundle:
        payload = statement(self._digest(name), predicate={})
        return bundle(self.sigstore.seal_with_key(key, payload, IN_TOTO, at=AT))

    def _signed(self) -> dict[str, list[Stored]]:
        prod = {"env": "prod"}
        sig = self._sig
        return {
            "unsigned": [],
            "classic": [sig("classic")],
            "other": [sig("other", OTHER)],
            "email": [sig("email", MAIL)],
            "two": [sig("two"), sig("two", OTHER)],
            "annotated": [sig("annotated", optional=prod)],
            "apart": [sig("apart"), sig("apart", OTHER, optional=prod)],
            "key": [self._by_key("key", KEY)],
            "two-keys": [self._by_key("two-keys", KEY), self._by_key("two-keys", OTHER_KEY)],
            "key-other": [self._by_key("key-other", OTHER_KEY)],
            "stamped": [sig("stamped", ceremony=TIMESTAMP_ONLY)],
            "untimed": [sig("untimed", ceremony=_UNTIMED)],
            "long-hash": [sig("long-hash", ceremony=Ceremony(Algorithm.P384))],
            "newer-issuer": [sig("newer-issuer", replace(SHOP, issuer_v1=False))],
            "no-sct": [sig("no-sct", ceremony=_NO_SCT)],
            "stranger": [sig("stranger", stack=self.stranger)],
            "moved": [sig("classic")],
            "spoiled": [_spoiled(sig("spoiled"))],
            "bundle": [self._bundle("bundle")],
            "bundle-timed": [self._bundle("bundle-timed", ceremony=REKOR_V2)],
            "bundle-unlogged": [self._bundle("bundle-unlogged", ceremony=TIMESTAMP_ONLY)],
            "bundle-other": [self._bundle("bundle-other", OTHER)],
            "bundle-key": [self._bundle_by_key("bundle-key", KEY)],
            "bundle-second": [],
            "bundle-first": [],
            "bundle-headless": [self._bundle("bundle-headless")],
            "mixed": [sig("mixed"), self._bundle("mixed", OTHER)],
            "elsewhere": [],
        }

    def _several(self) -> dict[str, list[tuple[str, bytes]]]:
        """Referrers of more than one layer."""
        second, first = (
            [self._bundle(name, who) for who in (OTHER, SHOP)] for name in ("bundle-second", "bundle-first")
        )
        headless = self._bundle("bundle-headless")
        return {
            "bundle-second": [(each.media_type, each.content) for each in second],
            "bundle-first": [(each.media_type, each.content) for each in reversed(first)],
            "bundle-headless": [("text/plain", b"no bundle"), (headless.media_type, headless.content)],
        }

    def _att(self, name: str, who: Claimant = SHOP, source: str = "acme/shop") -> Layer:
        return att_layer(self._statement(name, who, source))

    def _statement(self, name: str, who: Claimant, source: str, ceremony: Ceremony = REKOR_V1) -> Signed:
        predicate = provenance(source, "refs/tags/v1.0.0")
        digest = self._digest(name)
        return self.sigstore.attest(
            digest, who, AT, ceremony, predicate_type=SLSA_PROVENANCE, predicate=predicate, name=f"ghcr.io/acme/{name}"
        )

    def _attested(self) -> dict[str, list[Stored]]:
        att = self._att
        bom = self.sigstore.attest(
            self._digest("bom"), SHOP, AT, predicate_type=CYCLONEDX, predicate={"components": []}, name="bom"
        )
        both = [self._statement("bundle-both", who, "acme/shop") for who in (SHOP, OTHER)]
        return {
            "provenance": [att("provenance")],
            "provenance-other": [att("provenance-other", OTHER)],
            "provenance-false": [att("provenance-false", source="evil/shop")],
            "provenance-two": [att("provenance-two"), att("provenance-two", source="evil/shop")],
            "provenance-both": [att("provenance-both"), att("provenance-both", OTHER)],
            "provenance-hashed": [att_layer(self._statement("provenance-hashed", SHOP, "acme/shop", _HASHED))],
            "provenance-no-sct": [att_layer(self._statement("provenance-no-sct", SHOP, "acme/shop", _NO_SCT))],
            "bom": [att_layer(bom)],
            "bundle-provenance": [bundle(self._statement("bundle-provenance", SHOP, "acme/shop"))],
            "bundle-both": [bundle(each) for each in both],
        }

    # ── what is trusted ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def pems(self) -> dict[str, str]:
        """`fulcio`, `rekor`, `ctlog`, `tsa` in PEM."""
        return {name: content.decode() for name, content in self.sigstore.pem_files().items()}

    @property
    def trusted_root(self) -> bytes:
        """The same as `trusted_root.json`."""
        return json.dumps(self.sigstore.trusted_root()).encode()


def public(key: PrivateKey) -> str:
    """The public half in PEM."""
    return pem(key.public_key()).decode()


def _spoiled(layer: Layer) -> Layer:
    name = "dev.cosignproject.cosign/signature"
    raw = bytearray(base64.b64decode(layer.annotations[name]))
    raw[-1] ^= 1
    return Layer(layer.media_type, layer.content, {**layer.annotations, name: base64.b64encode(raw).decode()})
