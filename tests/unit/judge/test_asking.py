"""What is asked of the registries, and which hosts never are."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from auditor.config.rules import AttestedBy, DeniedDigest, Inspect, Pinned, PlatformMode, RegistrySettings, Rules
from auditor.judge.ask import Ask, DontAsk, questions
from auditor.judge.compare import compare
from auditor.judge.hosts import Hosts
from auditor.model.evidence import FaultKind
from auditor.model.use import Use, Via
from tests.support.judging import API, DIGEST, OTHER, denying, entry, exempt, rules, use, within


def ask(one: Use, book: Rules) -> Ask | DontAsk:
    return questions(compare(None, (one,)), book)[one.reference]


def test_a_governed_image_is_asked_for_its_signatures() -> None:
    question = ask(use(), rules())
    assert isinstance(question, Ask)
    assert (question.text, question.signatures, question.platforms) == (API, True, False)


def test_platforms_are_asked_for_where_the_entry_needs_them() -> None:
    for mode, wanted in ((PlatformMode.INDEX, False), (PlatformMode.EACH, True), (PlatformMode.EITHER, True)):
        question = ask(use(), rules(replace(entry(), platforms=mode)))
        assert isinstance(question, Ask)
        assert question.platforms is wanted


def test_every_form_is_asked_for_where_an_attestation_may_decide() -> None:
    attesting = replace(entry(), attested_by=(AttestedBy("https://slsa.dev/provenance/v1", "release"),))
    for book, every in (
        (rules(), False),
        (rules(attesting), True),
        (replace(rules(), denied_signers=(denying(),)), True),
    ):
        question = ask(use(), book)
        assert isinstance(question, Ask)
        assert question.every is every


def test_exempt_images_are_asked_for_only_where_a_pin_needs_it() -> None:
    book = rules(exempt("ghcr.io/acme/**"))
    assert ask(use(), book) == DontAsk(API)
    pinned = rules(replace(exempt("ghcr.io/acme/**"), pinned=Pinned.REQUIRE))
    question = ask(use(), pinned)
    assert isinstance(question, Ask)
    assert not question.signatures
    assert isinstance(ask(use(f"{API}@{DIGEST}"), pinned), DontAsk)


def test_uncovered_images_are_not_asked_for() -> None:
    assert ask(use("docker.io/acme/api:1"), rules()) == DontAsk("docker.io/acme/api:1")


def test_a_denied_digest_must_be_looked_for_behind_every_tag() -> None:
    for book in (rules(), rules(exempt("docker.io/**"))):
        denying = replace(book, denied_digests=(DeniedDigest(OTHER, "INC-7"),))
        question = ask(use("docker.io/acme/api:1"), denying)
        assert isinstance(question, Ask)
        assert not question.signatures
        assert question.children


def test_a_denied_digest_must_be_looked_for_in_every_index() -> None:
    for book in (rules(), rules(exempt("docker.io/**")), rules(entry("docker.io/**"))):
        denying = replace(book, denied_digests=(DeniedDigest(OTHER, "INC-7"),))
        question = ask(use(f"docker.io/acme/api@{DIGEST}"), denying)
        assert isinstance(question, Ask)
        assert (question.children, question.platforms) == (True, False)


def test_what_is_no_reference_is_not_asked_for() -> None:
    question = ask(use("ghcr.io/acme/api:${TAG}"), rules())
    assert isinstance(question, DontAsk)
    assert question.fault is not None


def test_the_replaced_image_is_asked_for_too() -> None:
    comparison = compare((use("ghcr.io/acme/api:2.0"),), (use(),))
    assert list(questions(comparison, rules())) == [API, "ghcr.io/acme/api:2.0"]
    kept = compare((use(),), (use(),))
    assert questions(kept, rules()) == {}


@pytest.mark.parametrize("swapped", [False, True])
def test_entries_for_one_text_make_one_question_that_answers_all(swapped: bool) -> None:
    book = rules(
        within(replace(exempt("ghcr.io/acme/**", label="images[0]"), pinned=Pinned.REQUIRE), "clusters/dev"),
        within(replace(entry(label="images[1]"), platforms=PlatformMode.EACH), "clusters/staging"),
        within(replace(entry(label="images[2]"), attested_by=(AttestedBy("x", "release"),)), "clusters/prod"),
        within(exempt("ghcr.io/acme/**", label="images[3]"), "clusters/lab"),
    )
    uses = tuple(use(root=f"clusters/{name}") for name in ("dev", "staging", "prod", "lab"))
    question = questions(compare(None, uses[::-1] if swapped else uses), book)[API]
    assert isinstance(question, Ask)
    assert (question.signatures, question.platforms, question.every) == (True, True, True)


def test_what_an_exempt_image_replaces_is_not_asked_for() -> None:
    pinned = rules(
        replace(exempt("ghcr.io/acme/api", label="images[0]"), pinned=Pinned.REQUIRE), entry(label="images[1]")
    )
    for book in (pinned, rules(exempt("ghcr.io/acme/api", label="images[0]"), entry(label="images[1]"))):
        assert "ghcr.io/acme/old:2" not in questions(compare((use("ghcr.io/acme/old:2"),), (use(),)), book)


def test_many_uses_of_one_image_make_one_question() -> None:
    uses = tuple(use(workload=f"w{index}") for index in range(50))
    assert len(questions(compare(None, uses), rules())) == 1


# ── hosts ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

WIDE = rules(entry("**"))
ASKED = [
    (WIDE, "docker.io"),
    (WIDE, "ghcr.io"),
    (WIDE, "eu.gcr.io"),
    (WIDE, "europe-docker.pkg.dev"),
    (rules(entry("registry.acme.example/**")), "registry.acme.example"),
    (rules(entry("registry.acme.example:5000/team/*")), "registry.acme.example:5000"),
    (rules(entry("*.dkr.ecr.eu-west-1.amazonaws.com/**")), "123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
    (rules(entry("*.acme.example/**")), "registry.acme.example"),
    (rules(entry("127.0.0.1:5000/acme/**")), "127.0.0.1:5000"),
    (rules(entry("localhost:5000/**")), "localhost:5000"),
    (rules(entry("10.1.2.3/**")), "10.1.2.3"),
    (replace(WIDE, registries={"registry.internal": RegistrySettings("registry.internal")}), "registry.internal"),
    (replace(WIDE, inspect=Inspect.ALL), "registry.acme.example"),
    (replace(WIDE, inspect=Inspect.ALL), "registry.acme.example:8443"),
    (replace(WIDE, inspect=Inspect.ALL), "9.9.9.9"),
]
REFUSED = [
    (WIDE, "registry.acme.example"),
    (WIDE, "ghcr.io:8443"),
    (WIDE, "ghcr.io.mallory.example"),
    (WIDE, "gcr.io.mallory.example"),
    (WIDE, "9.9.9.9"),
    (rules(entry("*/acme/**")), "registry.acme.example"),
    (rules(entry("*.example/acme/**")), "registry.example"),
    (rules(entry("registry.acme.example/**")), "registry.acme.example:5000"),
    (rules(entry("registry.acme.example:5000/**")), "registry.acme.example"),
    (rules(entry("registry.acme.example*/**")), "registry.acme.example.mallory.example"),
    (rules(entry("*.acme.example/**")), "mallory.example"),
    (rules(entry("127.0.0.*/**")), "127.0.0.1"),
    (rules(entry("169.254.*.254/**")), "169.254.169.254"),
    (rules(entry("*.8.8.8/**")), "8.8.8.8"),
    (rules(entry("*acme.corp.example/**")), "mallory-acme.corp.example"),
    (replace(WIDE, inspect=Inspect.ALL), "[::ffff:8.8.8.8]"),
    *(
        (replace(WIDE, inspect=Inspect.ALL), host)
        for host in (
            "localhost",
            "localhost:5000",
            "registry.localhost",
            "127.0.0.1",
            "127.0.0.1:5000",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1:5000",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",  # noqa: S104 - a host that is refused
            "224.0.0.1",
            "[::1]",
            "[::1]:5000",
            "[fe80::1]",
            "[fd00::1]:5000",
            "[::ffff:169.254.169.254]",
            "127.1",
            "2130706433:5000",
            "0x7f.0.0.1",
            "0177.0.0.1",
        )
    ),
]


@pytest.mark.parametrize(("book", "host"), ASKED)
def test_hosts_that_may_be_asked(book: Rules, host: str) -> None:
    assert Hosts(book).refusal(host) is None


@pytest.mark.parametrize(("book", "host"), REFUSED)
def test_hosts_that_are_not_asked(book: Rules, host: str) -> None:
    assert host in (Hosts(book).refusal(host) or "")


def test_an_image_line_alone_sends_no_request() -> None:
    question = ask(use("169.254.169.254/acme/api:1"), replace(WIDE, inspect=Inspect.ALL))
    assert isinstance(question, DontAsk)
    assert question.fault is not None
    assert question.fault.kind is FaultKind.NOT_ASKED


def test_whoever_types_a_reference_names_its_host() -> None:
    typed = dataclasses.replace(use("127.0.0.1:5000/acme/api:1"), via=Via.ARGUMENT)
    assert isinstance(ask(typed, WIDE), Ask)
