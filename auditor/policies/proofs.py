"""What each raw signature is worth on the grounds that a policy names; each is examined once per distinct grounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from msgspec import Struct

from auditor.model.reference import Digest
from auditor.policies.bundles import read_by_cosign
from auditor.registry.material import Listing, Material, SimpleSigning
from auditor.signatures.encoding import Malformed
from auditor.signatures.enforcer import Outcome, Stamps, Terms, Undecided, examine
from auditor.signatures.keys import PublicKey, load_pem_key
from auditor.signatures.pem import root_from_pem
from auditor.signatures.recipe import Recipe
from auditor.signatures.root import Root, parse_root

Unusable: TypeAlias = str
"""Why grounds cannot be used, in a sentence."""

_EMPTY = Root("nothing", {}, {}, (), (), "{}")


class Grounds(Struct, frozen=True):
    """On what a policy takes a signature for valid, as it is written in the policy: PEM and JSON, nothing loaded.

    What is None comes from Sigstore's public root, if `public`; else it is absent. `trusted_root` (JSON) replaces the public
    root as a whole. `key` is one public key in PEM; then no certificate is asked for. The switches that weaken are named
    unsafe; `stamps` says what time stamps count for; `offline`: the engine asks no log for an entry that the signature does not carry.
    """

    public: bool = True
    trusted_root: bytes | None = None
    fulcio: bytes | None = None
    rekor: bytes | None = None
    ctlog: bytes | None = None
    tsa: bytes | None = None
    key: bytes | None = None
    unsafe_without_log: bool = False
    unsafe_without_sct: bool = False
    stamps: Stamps = Stamps.IGNORED
    offline: bool = False


def beside(listing: Listing, kind: type[Material]) -> Iterator[Material]:
    """The signatures of one kind where engines look for them: none of them reads cosign's experimental OCI 1.1 form unasked."""
    for each in listing.materials:
        if isinstance(each, kind) and not (isinstance(each, SimpleSigning) and each.artifact_type is not None):
            yield each


class Proofs:
    """Examines signatures for the policies of a run. `public` is Sigstore's public root, None where there is none at hand.

    Not thread-safe: policies are judged by one thread.
    """

    def __init__(self, public: Root | None, now: datetime) -> None:
        self._public = public
        self.now = now
        self._terms: dict[Grounds, Terms | Unusable] = {}
        self._recipes: dict[object, Recipe] = {}
        # What is kept beside a value keeps the id that is its key from being given to something else.
        self._numbers: dict[int, tuple[int, Grounds]] = {}
        self._distinct: dict[Grounds, int] = {}
        self._examined: dict[tuple[int, str, int], tuple[Material, Outcome]] = {}
        self._by_cosign: dict[int, tuple[Listing, Listing]] = {}
        self._listed: dict[tuple[int, type[Material], str, int], tuple[Listing, tuple[Outcome, ...]]] = {}

    def examine(self, material: Material, digest: Digest, grounds: Grounds) -> Outcome:
        """What `material` is worth for `digest`. Grounds that cannot be used leave it undecided."""
        key = (id(material), digest.hex, self._number(grounds))
        known = self._examined.get(key)
        if known is None:
            known = self._examined[key] = (material, self._examine(material, digest, grounds))
        return known[1]

    def read_by_cosign(self, listing: Listing) -> Listing:
        """The listing as cosign's library reads it: the same object each time, so that each is examined once."""
        known = self._by_cosign.get(id(listing))
        if known is None:
            known = self._by_cosign[id(listing)] = (listing, read_by_cosign(listing))
        return known[1]

    def outcomes(self, listing: Listing, kind: type[Material], digest: Digest, grounds: Grounds) -> tuple[Outcome, ...]:
        """What each signature of one kind is worth, in the order of the listing."""
        key = (id(listing), kind, digest.hex, self._number(grounds))
        known = self._listed.get(key)
        if known is None:
            found = tuple(self.examine(each, digest, grounds) for each in beside(listing, kind))
            known = self._listed[key] = (listing, found)
        return known[1]

    def _number(self, grounds: Grounds) -> int:
        """The same for equal grounds. By identity first: it costs far less than to hash them for each signature."""
        known = self._numbers.get(id(grounds))
        if known is None:
            number = self._distinct.setdefault(grounds, len(self._distinct))
            known = self._numbers[id(grounds)] = (number, grounds)
        return known[0]

    def _examine(self, material: Material, digest: Digest, grounds: Grounds) -> Outcome:
        terms = self.terms(grounds)
        if isinstance(terms, Unusable):
            return Undecided(material.form, terms)
        return examine(material, digest, terms)

    def terms(self, grounds: Grounds) -> Terms | Unusable:
        """The grounds, loaded; or what is wrong with them."""
        if grounds not in self._terms:
            try:
                self._terms[grounds] = self._load(grounds)
            except Malformed as problem:
                self._terms[grounds] = str(problem)
        return self._terms[grounds]

    def _load(self, grounds: Grounds) -> Terms | Unusable:
        key: PublicKey | None = load_pem_key(grounds.key, "the key") if grounds.key is not None else None
        base = self._base(grounds)
        if base is None:
            return "it rests on Sigstore's public trusted root, which is not at hand"
        parts = {
            name: content
            for name in ("fulcio", "rekor", "ctlog", "tsa")
            if (content := getattr(grounds, name)) is not None
        }
        place = (id(base), *sorted(parts.items()))
        if place not in self._recipes:
            self._recipes[place] = Recipe(_overlaid(base, parts))
        return Terms(
            self._recipes[place],
            self.now,
            key,
            unsafe_without_log=grounds.unsafe_without_log,
            unsafe_without_sct=grounds.unsafe_without_sct,
            stamps=grounds.stamps,
            offline=grounds.offline,
        )

    def _base(self, grounds: Grounds) -> Root | None:
        """The root that PEM files of a policy replace parts of."""
        if grounds.trusted_root is not None:
            recipe = self._recipes.get(grounds.trusted_root)
            if recipe is None:
                recipe = Recipe(parse_root(grounds.trusted_root, "the policy's trusted root", part=True))
                self._recipes[grounds.trusted_root] = recipe
            return recipe.root
        if not grounds.public or (self._public is None and _complete(grounds)):
            return _EMPTY
        return self._public


def _complete(grounds: Grounds) -> bool:
    """Whether the policy brings all that its grounds need, so that the public root is not missed."""
    log = grounds.unsafe_without_log or grounds.rekor is not None
    if grounds.key is not None:
        return log
    return log and grounds.fulcio is not None and (grounds.unsafe_without_sct or grounds.ctlog is not None)


def _overlaid(base: Root, parts: dict[str, bytes]) -> Root:
    if not parts:
        return base
    own = parse_root(root_from_pem(parts), "the policy's trusted root", part=True)
    return replace(
        base,
        name=own.name,
        authorities=own.authorities if "fulcio" in parts else base.authorities,
        logs=own.logs if "rekor" in parts else base.logs,
        ct_logs=own.ct_logs if "ctlog" in parts else base.ct_logs,
        stampers=own.stampers if "tsa" in parts else base.stampers,
    )
