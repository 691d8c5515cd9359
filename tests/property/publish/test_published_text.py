"""Whatever a change says, what is posted about it is text: parsed back as its readers parse it, within every limit."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from markdown_it import MarkdownIt
from msgspec.structs import replace

from auditor.publish.message import Message
from auditor.publish.outcome import Did, Post
from auditor.report.options import RenderOptions
from fixtures.forges import BitbucketCloud, BitbucketServer, Forge, GiteaForge, GitHubForge, GitLabForge
from tests.support import samples
from tests.support.forges import NOW, NUMBER, Publisher
from tests.support.hostile import ATTACKS, hostile_text

BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f"
READER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
OWN_HTML = re.compile(
    r"<!-- auditor:v1:check -->|<!-- auditor:run:[0-9T:.+-]+ -->|<details><summary>[^<>@#`\[\]]*</summary>|</details>"
)
WAKES = re.compile(r"@[\w/-]|#\d|://|\bwww\.|\bGH-\d|\b[0-9a-f]{7,40}\b|:\w+:|\$|/\w+\s*$", re.IGNORECASE)
few = settings(max_examples=40, deadline=None)
LONG = "ghcr.io/acme/" + "a`|<b>@x\u202e\x1b[31m::error::" * 400


def message(text: str, budget: int = 60_000) -> Message:
    return Message(samples.hostile(text), RenderOptions(blob_url=BLOB, relayed=True, budget=budget))


def check_comment(text: str) -> None:
    posted = message(text).comment(60_000)
    assert len(posted) <= 60_000
    assert posted.startswith("<!-- auditor:v1:check -->\n<!-- auditor:run:")
    for token in READER.parse(posted):
        if token.type == "html_block":
            assert OWN_HTML.fullmatch(token.content.strip()), token.content
        if token.type == "fence":
            assert token.info == "diff"
            assert all(line[:1] in {"-", "+", "@"} for line in token.content.splitlines())
        for child in token.children or ():
            assert child.type not in {"image", "em_open", "s_open"}, child
            if child.type == "html_inline":
                assert child.content in {"<br>", "<sub>", "</sub>"}
            if child.type == "link_open":
                assert str(child.attrs["href"]).startswith(BLOB + "/")
            if child.type == "text":
                assert not WAKES.search(child.content.replace("; `", "")), child.content
    for line in posted.replace("\u200b", "").split("\n"):
        assert line.isprintable(), ascii(line)
        assert not line.lstrip().startswith(("::", "/")), "no workflow command, no quick action of GitLab"


@pytest.mark.parametrize("attack", [*ATTACKS, LONG], ids=lambda text: ascii(text)[:40])
def test_the_comment_holds_attacks(attack: str) -> None:
    check_comment(attack)


@few
@given(hostile_text)
@example("`a` @octocat `b")
@example("/approve")
def test_the_comment_holds_anything(text: str) -> None:
    check_comment(text)


@few
@given(hostile_text)
@example(LONG)
def test_annotations_and_lines_are_visible_text_within_limits(text: str) -> None:
    told = message(text)
    for line in (told.title, told.facts, told.description):
        assert line.isprintable()
    assert len(told.description) <= 140
    for note in told.annotations():
        assert note.path.isprintable()
        assert len(note.message) <= 2 * 900 * 10 + 1
        assert all(line.isprintable() for line in note.message.split("\n"))
        assert note.message.count("\n") <= 1
        assert note.line >= 1


@pytest.mark.parametrize(
    ("kind", "posts"),
    [
        (GitHubForge, (Post.COMMENT, Post.STATUS, Post.CHECK_RUN)),
        (GitLabForge, (Post.COMMENT,)),
        (GiteaForge, (Post.COMMENT, Post.STATUS)),
        (BitbucketCloud, (Post.REPORT,)),
        (BitbucketServer, (Post.REPORT,)),
    ],
    ids=["github", "gitlab", "gitea", "bitbucket", "bitbucket-server"],
)
def test_every_forge_takes_what_attacks_make(kind: type[Forge], posts: tuple[Post, ...]) -> None:
    with kind() as forge:
        for attack in (*ATTACKS, LONG):
            report = samples.hostile(attack)
            report = replace(report, run=replace(report.run, head=None))
            told = Publisher(forge, posts).publish(report, NOW)
            assert not [o for o in told if o.did in {Did.FAILED, Did.SKIPPED}], (ascii(attack), told)
        if isinstance(forge, GitHubForge | GitLabForge | GiteaForge):
            assert len(forge.bodies(NUMBER)) == 1
