"""Publishing in tests: a report, a target on a simulator, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.limits import DEFAULT, Limits
from auditor.model.finding import Finding, Level
from auditor.model.forge import Forge as Kind
from auditor.model.place import Place
from auditor.model.report import Report
from auditor.publish.message import Message
from auditor.publish.outcome import Outcome, Post
from auditor.publish.publish import publish
from auditor.publish.target import TOKEN, Target, access
from auditor.report.options import RenderOptions
from fixtures.forges import BitbucketCloud, BitbucketServer, Forge, GiteaForge, GitHubForge, GitLabForge
from tests.support import samples

HEAD = samples.HEAD
NOW = samples.STARTED + timedelta(minutes=1)
HURRIED = replace(DEFAULT, attempts=3, publish_seconds=20.0, issue_pause_seconds=0.0)
NUMBER = 7


def kind_of(forge: Forge) -> Kind:
    """Which forge a simulator is."""
    kinds: dict[type[Forge], Kind] = {
        GitHubForge: Kind.GITHUB,
        GitLabForge: Kind.GITLAB,
        GiteaForge: Kind.GITEA,
        BitbucketCloud: Kind.BITBUCKET,
        BitbucketServer: Kind.BITBUCKET_SERVER,
    }
    return kinds[type(forge)]


PROJECTS = {Kind.GITLAB: "42", Kind.BITBUCKET_SERVER: "ACME/gitops"}


class Publisher(Struct, frozen=True):
    """One job that publishes to a simulator."""

    forge: Forge
    posts: tuple[Post, ...] = (Post.COMMENT,)
    token: str = ""
    key: str = "check"
    summary: Path | None = None
    pull_request: int | None = NUMBER
    heads: tuple[str, ...] = (HEAD,)
    relayed: bool = False
    source: str = ""
    limits: Limits = HURRIED
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> Target:
        """Where it publishes to."""
        kind = kind_of(self.forge)
        base = getattr(self.forge, "api", self.forge.url)
        token = {TOKEN: self.token or self.forge.token} if self.token != "none" else {}
        return Target(
            forge=kind,
            access=access(kind, base, token, plain_http=False),
            project=PROJECTS.get(kind, "acme/gitops"),
            pull_request=self.pull_request,
            commit=HEAD,
            posts=self.posts,
            summary=self.summary,
            heads=self.heads,
            source=self.source,
        )

    def publish(self, report: Report, now: datetime = NOW) -> tuple[Outcome, ...]:
        """Publish a report."""
        options = RenderOptions(key=self.key, relayed=self.relayed)
        return publish(Message(report, options), self.target, self.environ, self.limits, now)

    def one(self, report: Report) -> Outcome:
        """Publish; what became of the only thing."""
        (outcome,) = self.publish(report)
        return outcome


def later(report: Report, minutes: float) -> Report:
    """The same result of a run that started so much later."""
    return replace(report, run=replace(report.run, started=report.run.started + timedelta(minutes=minutes)))


def many_findings(number: int) -> Report:
    """A change with so many findings about files."""
    findings = tuple(
        Finding("unparsable-file", Level.WARNING, f"line {n} does not parse", "mend it", Place("apps/a.yaml", n + 1))
        for n in range(number)
    )
    return Report(run=samples.run(), findings=findings)


def utc(text: str) -> datetime:
    """A moment."""
    return datetime.fromisoformat(text).astimezone(UTC)
