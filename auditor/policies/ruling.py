"""What one policy says of one image, and the worst of what it says of all that run it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from auditor.model.place import Place
from auditor.model.report import JudgedPolicy, PolicyVerdict
from auditor.policies.inspected import Inspected, Resource

if TYPE_CHECKING:
    from auditor.policies.proofs import Proofs  # it loads the arithmetic of signatures, which most runs don't need


class Engine(StrEnum):
    """Who would enforce the policy."""

    KYVERNO = "kyverno"
    POLICY_CONTROLLER = "policy-controller"
    FLUX = "flux"
    CONNAISSEUR = "connaisseur"
    REGO = "rego"
    UNKNOWN = "unknown"  # whoever would enforce a file that does not parse


class Ruling(Struct, frozen=True):
    """A verdict and the sentence that explains it.

    `place` is the field that decides, where one does. `enforced` tells an `error` that would keep the image out from one
    that would only be reported; a `fail` is always enforced, a `warn` never.
    """

    verdict: PolicyVerdict
    why: str
    place: Place | None = None
    enforced: bool = True

    @property
    def accepts(self) -> bool | None:
        """Whether the engine lets the image in on its merits; None where it has no say, or nobody can tell."""
        return _ACCEPTS.get(self.verdict)


_ACCEPTS: Final = {
    PolicyVerdict.PASS: True,
    PolicyVerdict.FAIL: False,
    PolicyVerdict.WARN: False,
    PolicyVerdict.ERROR: False,
}
_WORST_FIRST: Final = (
    PolicyVerdict.FAIL,
    PolicyVerdict.ERROR,
    PolicyVerdict.NOT_EVALUABLE,
    PolicyVerdict.WARN,
    PolicyVerdict.PASS,
    PolicyVerdict.SKIP,
)
_RANK: Final = {verdict: rank for rank, verdict in enumerate(_WORST_FIRST)}


def passed(why: str, place: Place | None = None) -> Ruling:
    """The engine would accept the image."""
    return Ruling(PolicyVerdict.PASS, why, place)


def failed(why: str, place: Place | None = None) -> Ruling:
    """The engine would keep the image out."""
    return Ruling(PolicyVerdict.FAIL, why, place)


def warned(why: str, place: Place | None = None) -> Ruling:
    """The engine would report the image and let it in."""
    return Ruling(PolicyVerdict.WARN, why, place, enforced=False)


def skipped(why: str, place: Place | None = None) -> Ruling:
    """The policy does not speak about the image."""
    return Ruling(PolicyVerdict.SKIP, why, place)


def erred(why: str, place: Place | None = None, *, enforced: bool = True) -> Ruling:
    """The engine could not carry the policy out: it is at fault itself."""
    return Ruling(PolicyVerdict.ERROR, why, place, enforced)


def unknown(why: str, place: Place | None = None) -> Ruling:
    """Nobody can tell from here what the engine would say."""
    return Ruling(PolicyVerdict.NOT_EVALUABLE, why, place)


def worst(rulings: Iterable[Ruling]) -> Ruling:
    """The ruling that decides where all must hold. Raises ValueError for none."""
    return min(rulings, key=lambda ruling: _RANK[ruling.verdict])


class Policy(Protocol):
    """One policy of one engine, read and ready. Rules without raising, whatever the image holds."""

    @property
    def engine(self) -> Engine:
        """Who enforces it."""
        ...

    @property
    def name(self) -> str:
        """`Kind/name`, as reports name it."""
        ...

    @property
    def place(self) -> Place:
        """Where it is written."""
        ...

    @property
    def repositories(self) -> frozenset[str]:
        """Other repositories whose signatures it asks for, normalised; their listings are wanted in `Inspected.elsewhere`."""
        ...

    @property
    def attested(self) -> bool:
        """Whether it asks for attestations as well, which registries may hold apart from the signatures."""
        ...

    def rule(self, image: Inspected, resource: Resource, proofs: Proofs) -> Ruling:
        """What the engine would say of the image when this resource is admitted."""
        ...


class NotReadable(Struct, frozen=True):
    """A policy of which nobody knows what it says: each image it may be about is not evaluable, and the rest is still judged."""

    engine: Engine
    name: str
    place: Place
    why: str
    repositories: frozenset[str] = frozenset()
    attested: bool = False

    @property
    def ruling(self) -> Ruling:
        """Not evaluable."""
        return unknown(self.why, self.place)

    def rule(self, _image: Inspected, _resource: Resource, _proofs: Proofs) -> Ruling:
        """The same for every image."""
        return self.ruling


class Judgment(Struct, frozen=True):
    """One cell of the table: a policy, and what it says of an image for each resource that runs it."""

    policy: Policy
    rulings: tuple[tuple[Resource, Ruling], ...]

    @property
    def ruling(self) -> Ruling:
        """The worst of them."""
        return worst(ruling for _, ruling in self.rulings)

    def on(self, resource: Resource) -> Ruling:
        """What it says where this resource runs the image; the worst where nobody asked about that one."""
        return next((ruling for each, ruling in self.rulings if each == resource), self.ruling)

    @property
    def reported(self) -> JudgedPolicy:
        """The same for the report."""
        return JudgedPolicy(self.policy.name, self.policy.place.file, self.ruling.verdict, self.ruling.why)


def side_by_side(policies: Sequence[Policy], image: Inspected, proofs: Proofs) -> tuple[Judgment, ...]:
    """What each policy says of one image: a row of the table."""
    return tuple(
        Judgment(policy, tuple((resource, policy.rule(image, resource, proofs)) for resource in image.resources))
        for policy in policies
    )
