"""A signer that any stranger could satisfy is refused; a narrow one is not."""

from __future__ import annotations

import pytest

from auditor.config.breadth import wide_issuer, wide_subject
from auditor.config.names import TextPattern

NARROW_GLOBS = [
    "https://github.com/acme/*/.github/workflows/release.yaml@refs/tags/*",
    "https://github.com/acme/**",
    "oncall@acme.example",
    "somebody@gmail.com",
    "*@acme.example",
    "spiffe://acme.example/*",
    "https://kubernetes.io/namespaces/build/serviceaccounts/*",
    "https://buildkite.com/acme/*",
    "https://circleci.com/api/v2/projects/0f/pipeline-definitions/*",
    "https://gitlab.acme.example/platform/**",
]
WIDE_GLOBS = [
    "*",
    "**",
    "https://**",
    "https://*/acme/x",
    "https://github.com/**",
    "https://github.com/*/api",
    "https://github.com/acme*",
    "https://github.com/acme*/api/**",
    "*://github.com/acme/x/*",
    "http*://github.com/acme/x/*",
    "https://github.com*/acme/x",
    "**/acme/x",
    "*@gmail.com",
    "*@*.example",
    "*@*",
    "**@acme.example",
    "oncall@*",
    "spiffe://*/ci",
    "spiffe://acme*/ci",
    "https://kubernetes.io/namespaces/*/serviceaccounts/builder",
    "https://circleci.com/api/v2/projects/*/pipeline-definitions/x",
    "repo:acme/*",
]
NARROW_REGEXES = [
    r"https://github\.com/acme/.+",
    r"^https://github\.com/acme/(api|web)/\.github/workflows/[a-z]+\.yaml@refs/tags/v\d+$",
    r"https://gitlab\.acme\.example/platform/.+//\.gitlab-ci\.yml@refs/tags/.+",
    r"[a-z]+@acme\.example",
    r".*@acme\.example$",
    r"https://github\.com/acme/api",
]
WIDE_REGEXES = [
    r".*",
    r"",
    r"https://.*",
    r"https?://github\.com/acme/.*",
    r"https://github.com/acme/.*",  # an unescaped dot is any character: github-com.evil is one
    r"https://github\.com/.*",
    r"https://github\.com/acme.*",
    r"https://github\.com/acme/.*|.*",
    r".*|https://github\.com/acme/.*",
    r"(https://github\.com/acme/.*)",
    r"(?i)https://github\.com/acme/.*",
    r"https://github\.com/acme/?.*",
    r"https://github\.com/acme/*",
    r"https://github\.com/acme{0,1}/.*",
    r"https://github\.com/acme/\Q|\E|.*",
    r"https://github\.com/acme/[^](x[a]|evil[^])[a]",
    r"https://github\.com/acme/[]|]|.*",
    r"https://github\.com/acme/[[:alpha:]]+",
    r"[a-z]+@gmail\.com",
    r"[a-z]+@acme.example",
    r"[a-z]+@.*",
    r"[a-z]+(@acme\.example)?",
    r"a|[a-z]+@acme\.example",
    r"(?i)[a-z]+@acme\.example",
]


@pytest.mark.parametrize("text", NARROW_GLOBS)
def test_narrow_globs(text: str) -> None:
    assert wide_subject(TextPattern.glob(text)) is None


@pytest.mark.parametrize("text", WIDE_GLOBS)
def test_wide_globs(text: str) -> None:
    assert wide_subject(TextPattern.glob(text))


@pytest.mark.parametrize("text", NARROW_REGEXES)
def test_narrow_expressions(text: str) -> None:
    assert wide_subject(TextPattern.regex(text)) is None


@pytest.mark.parametrize("text", [text for text in WIDE_REGEXES if text])
def test_wide_expressions(text: str) -> None:
    assert wide_subject(TextPattern.regex(text))


@pytest.mark.parametrize(
    ("text", "narrow"),
    [
        (r"https://token\.actions\.githubusercontent\.com", True),
        (r"https://gitlab\.acme\.example/.*", True),
        (r"https://container\.googleapis\.com/v1/projects/acme/locations/.*", True),
        (r"https://container\.googleapis\.com/v1/projects/.*", False),
        (r"https://oidc\.circleci\.com/org/.*", False),
        (r"https://oidc\.eks\.eu-west-1\.amazonaws\.com/id/.*", False),
        (r"https://.*", False),
        (r".*", False),
        (r"https://gitlab\.acme\.example.*", False),
        (r"https://gitlab\.(acme|corp)\.example/", False),
    ],
)
def test_issuers(text: str, narrow: bool) -> None:
    assert (wide_issuer(TextPattern.regex(text)) is None) is narrow


def test_a_dot_that_was_meant_is_one_only_where_cosigns_flags_are_read() -> None:
    common = TextPattern.regex(r"^https://github.com/acme/.*$")
    assert "write `\\.`" in (wide_subject(common) or "")
    assert wide_subject(common, plain_dots=True) is None
    assert wide_issuer(TextPattern.regex("https://gitlab.acme.example/.*"), plain_dots=True) is None
    for text in (
        r"https://github.*com/acme/x.*",
        r"https://github.com.*",
        r"https://.hub.com/acme/.*",
        r".*",
        r"https?://github.com/acme/.*",
    ):
        assert wide_subject(TextPattern.regex(text), plain_dots=True)


@pytest.mark.parametrize(
    ("text", "stranger"),
    [
        ("https://gitlab.com/my.group/.*", "https://gitlab.com/my-group/evil//.gitlab-ci.yml@refs/heads/main"),
        (".*@mail.acme.example", "oncall@mail-acme.example"),
        ("[a-z]+@mail.acme.example$", "oncall@mail-acme.example"),
    ],
)
def test_a_plain_dot_in_what_a_stranger_may_have_is_no_dot(text: str, stranger: str) -> None:
    assert TextPattern.regex(text).matches(stranger)
    assert wide_subject(TextPattern.regex(text), plain_dots=True)


def test_a_plain_dot_before_a_top_level_domain_can_only_be_a_dot() -> None:
    assert wide_subject(TextPattern.regex("[a-z]+@acme.example"), plain_dots=True) is None
    assert wide_subject(TextPattern.regex(r"[a-z]+@mail\.acme\.example"), plain_dots=True) is None


@pytest.mark.parametrize("domain", ["gmail.com", "me.com", "gmx.de", "pm.me", "qq.com", "users.noreply.github.com"])
def test_addresses_that_anybody_can_have(domain: str) -> None:
    assert "anybody" in (wide_subject(TextPattern.glob(f"*@{domain}")) or "")
