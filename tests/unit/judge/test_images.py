"""Images: one for each reference and entry, worst first, with what a report needs."""

from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from auditor.config.rules import Pinned, PlatformMode
from auditor.judge.compare import compare
from auditor.judge.governing import Governing
from auditor.judge.images import inventory_images
from auditor.judge.judge import judge
from auditor.model.evidence import Evidence, Resolved
from auditor.model.finding import Level
from auditor.model.report import Change
from auditor.model.verdict import Verdict
from tests.support.judging import (
    API,
    DIGEST,
    OTHER,
    RELEASE,
    STRANGER,
    TODAY,
    entry,
    evidence,
    exempt,
    platform,
    rules,
    signed,
    use,
    within,
)

OLD = "ghcr.io/acme/api:2.0"
WEB = "ghcr.io/acme/web:1@" + str(OTHER)


def test_one_image_for_each_reference_and_entry() -> None:
    book = rules(within(exempt("ghcr.io/acme/**", label="images[0]"), "clusters/dev"), entry(label="images[1]"))
    uses = (use(root="clusters/dev"), use(root="clusters/prod"), use(root="clusters/prod", container="other"))
    judged = judge(compare(None, uses), {API: evidence(signed(STRANGER))}, book, TODAY)
    assert [(image.rule, image.verdict, len(image.uses)) for image in judged.images] == [
        ("images[1]", Verdict.WRONG_SIGNER, 2),
        ("images[0]", Verdict.EXEMPT, 1),
    ]


def test_trees_share_a_decision_on_the_very_same_evidence_alone() -> None:
    book = rules(entry())
    governing = Governing(book)

    def verdict(found: Evidence) -> Verdict | None:
        judged = judge(compare(None, (use(),)), {API: found}, book, TODAY, governing=governing.afresh())
        return judged.images[0].verdict

    well, stranger, none = evidence(signed()), evidence(signed(STRANGER)), evidence()
    assert [verdict(each) for each in (well, stranger, none, well)] == [
        Verdict.VERIFIED,
        Verdict.WRONG_SIGNER,
        Verdict.UNSIGNED,
        Verdict.VERIFIED,
    ]
    assert len(governing.decided) == 3, "each of them once"


def test_a_use_is_judged_wherever_something_deploys_it() -> None:
    lenient = within(exempt("ghcr.io/acme/**", label="images[0]"), "clusters/dev/**")
    dev = within(entry("ghcr.io/acme/**", "packages", label="images[0]"), "clusters/dev/**")
    prod = within(entry(label="images[1]"), "clusters/prod/**")
    here = use(root="clusters/dev/api", file="clusters/dev/api/api.yaml")
    there = dataclasses.replace(here, deployers=("clusters/dev/flux.yaml", "clusters/prod/flux.yaml"))
    for first in (lenient, dev):
        assert Governing(rules(first, prod)).label(here) == "images[0]"
        assert (
            Governing(rules(first, prod)).label(dataclasses.replace(here, deployers=("clusters/dev",))) == "images[0]"
        )
    assert Governing(rules(lenient, prod)).label(there) == "images[1]"
    assert Governing(rules(dev, prod)).label(there) == "images[0] images[1]"
    unnamed = dataclasses.replace(here, deployers=("elsewhere",))
    assert Governing(rules(dev, prod)).label(unnamed) == "images[0]"
    assert Governing(rules(lenient, prod)).label(unnamed) == "images[0] "
    uncovered = dataclasses.replace(unnamed, root="apps", deployers=("clusters/dev", "elsewhere"))
    assert Governing(rules(dev, prod)).label(uncovered) == "images[0] "
    assert Governing(rules(dev, prod)).label(dataclasses.replace(uncovered, deployers=("clusters/dev",))) == "images[0]"


def test_a_place_that_the_rules_tell_apart_needs_an_entry() -> None:
    dev = within(entry("ghcr.io/acme/**", label="images[0]"), "clusters/dev/**")
    others = within(entry("ghcr.io/other/**", label="images[1]"), "clusters/prod/**")
    there = dataclasses.replace(use(root="clusters/dev"), deployers=("clusters/prod",))
    assert Governing(rules(dev, others)).entries(there) == (dev, None)
    assert Governing(rules(dev)).entries(there) == (dev,)


def test_an_entry_that_lets_images_be_unsigned_still_wants_them_pinned() -> None:
    lenient = within(exempt("ghcr.io/acme/**", label="images[0]"), "clusters/dev/**")
    pinned = replace(lenient, pinned=Pinned.REQUIRE)
    prod = within(entry(label="images[1]"), "clusters/prod/**")
    there = dataclasses.replace(use(root="clusters/dev"), deployers=("clusters/prod",))
    assert Governing(rules(lenient, prod)).entries(there) == (prod,)
    assert Governing(rules(pinned, prod)).entries(there) == (prod, pinned)


def test_a_lenient_entry_for_a_file_covers_nothing_of_its_root() -> None:
    lenient = within(exempt("ghcr.io/acme/**", label="images[0]"), "clusters/dev/**")
    borrowed = use(root="clusters/prod", file="clusters/dev/api.yaml")
    assert Governing(rules(lenient)).entries(borrowed) == (None,)


def test_a_file_never_makes_its_root_easier() -> None:
    dev = within(entry("ghcr.io/acme/**", "packages", label="images[0]"), "clusters/dev/**")
    borrowed = use(root="clusters/prod", file="clusters/dev/api.yaml")
    assert Governing(rules(dev, entry(label="images[1]"))).label(borrowed) == "images[1]"
    assert Governing(rules(dev)).label(borrowed) == "images[0] "
    assert Governing(rules(dev)).entries(borrowed)[-1] is None


def test_each_entry_of_a_use_makes_an_image_and_its_findings() -> None:
    dev = within(entry("ghcr.io/acme/**", "packages", label="images[0]"), "clusters/dev/**")
    book = rules(dev, entry(label="images[1]"))
    shared = dataclasses.replace(use(root="clusters/dev"), deployers=("clusters/prod",))
    judged = judge(compare(None, (shared,)), {API: evidence(signed())}, book, TODAY)
    assert {(image.rule, image.verdict) for image in judged.images} == {
        ("images[0]", Verdict.WRONG_SIGNER),
        ("images[1]", Verdict.VERIFIED),
    }
    assert "wrong-signer" in {each.rule for each in judged.findings}


def test_production_that_loads_a_file_from_a_lenient_folder_stays_production() -> None:
    book = rules(within(exempt("**", label="images[0]"), "clusters/dev/**"), entry(label="images[1]"))
    borrowed = use(root="clusters/prod", file="clusters/dev/api.yaml")
    assert Governing(book).label(borrowed) == "images[1]"
    assert Governing(book).label(use(root="clusters/dev", file="base/api.yaml")) == "images[0]"
    assert Governing(book).label(use(root=None, file="clusters/dev/api.yaml")) == "images[0]"
    strict = rules(within(entry(label="images[0]"), "clusters/prod/**"), exempt("**", label="images[1]"))
    assert Governing(strict).label(use(root=".", file="clusters/prod/api.yaml")) == "images[0]"


def test_worst_first_and_what_nobody_judged_last() -> None:
    names = {"a": signed(), "b": None, "c": signed(STRANGER)}
    added = tuple(use(f"ghcr.io/acme/{name}:1", container=name) for name in names)
    known = {
        f"ghcr.io/acme/{name}:1": evidence(*([signature] if signature else [])) for name, signature in names.items()
    }
    kept = use("ghcr.io/acme/kept:1", container="kept")
    gone = use("ghcr.io/acme/gone:1", container="gone")
    judged = judge(compare((kept, gone), (*added, kept)), known, rules(), TODAY)
    assert [(image.name, image.change) for image in judged.images] == [
        ("ghcr.io/acme/c", Change.ADDED),
        ("ghcr.io/acme/b", Change.ADDED),
        ("ghcr.io/acme/a", Change.ADDED),
        ("ghcr.io/acme/gone", Change.REMOVED),
        ("ghcr.io/acme/kept", Change.KEPT),
    ]
    assert [image.verdict for image in judged.images[3:]] == [None, None]


def test_an_image_carries_its_evidence_and_what_it_replaces() -> None:
    now = Evidence(Resolved(DIGEST), (signed(),), (platform("linux/amd64", signed()),))
    book = rules(replace(entry(), platforms=PlatformMode.EACH))
    known = {API: now, OLD: replace(now, resolution=Resolved(OTHER))}
    image, removed = judge(compare((use(OLD),), (use(),)), known, book, TODAY).images
    assert (image.name, image.tag, image.digest, image.pinned) == ("ghcr.io/acme/api", "2.1", DIGEST, False)
    assert image.signatures[0].allowed
    assert image.platforms[0].verdict is Verdict.VERIFIED
    assert image.previous is not None
    assert image.previous.reference == OLD
    assert (image.previous.digest, image.previous.verdict) == (OTHER, Verdict.VERIFIED)
    assert image.previous.identity is not None
    assert image.previous.identity.subject == RELEASE
    assert (removed.reference, removed.change, removed.verdict) == (OLD, Change.REMOVED, None)


def test_what_was_replaced_but_not_asked_about_has_no_verdict() -> None:
    image = judge(compare((use(OLD),), (use(),)), {API: evidence(signed())}, rules(), TODAY).images[0]
    assert image.previous is not None
    assert (image.previous.reference, image.previous.verdict) == (OLD, None)


def test_an_image_that_is_kept_here_and_added_there_is_judged() -> None:
    staging, prod = use(root="clusters/staging"), use(root="clusters/prod")
    (image,) = judge(compare((staging,), (staging, prod)), {API: evidence()}, rules(), TODAY).images
    assert (image.change, image.verdict) == (Change.ADDED, Verdict.UNSIGNED)
    assert {each.change for each in image.uses} == {Change.ADDED, Change.KEPT}


def test_only_added_uses_have_findings() -> None:
    staging, prod = use(root="clusters/staging"), use(root="clusters/prod")
    findings = judge(compare((staging,), (staging, prod)), {API: evidence()}, rules(), TODAY).findings
    assert {each.root for each in findings} == {"clusters/prod"}


def test_one_finding_for_each_container_and_file() -> None:
    twice = dataclasses.replace(use(), place=replace(use().place, line=99))
    elsewhere = use(container="other")
    findings = judge(compare(None, (use(), twice, elsewhere)), {API: evidence()}, rules(), TODAY).findings
    assert sum(each.rule == "unsigned-image" for each in findings) == 2


def test_without_a_base_nothing_is_a_change() -> None:
    (image,) = judge(compare(None, (use(),)), {API: evidence()}, rules(), TODAY).images
    assert image.change is None
    assert image.uses[0].change is None


def test_an_inventory_judges_nothing() -> None:
    first, second, third = inventory_images((use(WEB), use(), use("{{ .image }}"), use(container="b")))
    assert (first.reference, len(first.uses), first.verdict) == (API, 2, None)
    assert (second.pinned, second.digest) == (True, OTHER)
    assert (third.reference, third.name) == ("{{ .image }}", None)


def test_of_two_entries_that_say_one_thing_the_stricter_is_heard() -> None:
    dev = within(replace(entry(label="images[0]"), pinned=Pinned.PREFER), "clusters/dev/**")
    prod = within(replace(entry(label="images[1]"), pinned=Pinned.REQUIRE), "clusters/prod/**")
    shared = dataclasses.replace(use(root="clusters/dev"), deployers=("clusters/prod",))
    judged = judge(compare(None, (shared,)), {API: evidence(signed())}, rules(dev, prod), TODAY)
    assert [each.level for each in judged.findings if each.rule == "unpinned-image"] == [Level.ERROR]
