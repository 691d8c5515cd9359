"""What each forge gets, as `docs/reference/publishing.md` tells it. `AUDITOR_UPDATE_GOLDEN=1` writes the table anew."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.model.finding import Level
from auditor.model.report import Report
from auditor.model.verdict import Verdict
from auditor.publish.outcome import Did, Outcome, Post
from auditor.publish.target import DEFAULTS
from fixtures.forges import BitbucketCloud, BitbucketServer, Forge, GiteaForge, GitHubForge, GitLabForge
from tests.support import samples
from tests.support.forges import NUMBER, Publisher, kind_of, later, many_findings

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "publishing.md"
START, END = "<!-- written by the tests -->\n", "<!-- end -->"
FORGES: dict[str, type[Forge]] = {
    "GitHub": GitHubForge,
    "GitLab": GitLabForge,
    "Gitea, Forgejo": GiteaForge,
    "Bitbucket Cloud": BitbucketCloud,
    "Bitbucket Data Center": BitbucketServer,
}
WRITES = r"/(comments|notes|annotations)$"


def told(outcomes: tuple[Outcome, ...]) -> str:
    """What became of everything, in the words that the program prints."""
    return ", ".join(f"{o.post.value} {o.did.value}" for o in outcomes)


def publisher(forge: Forge, folder: Path) -> Publisher:
    summary = folder / "summary.md" if isinstance(forge, GitHubForge) else None
    return Publisher(forge, DEFAULTS[kind_of(forge)], summary=summary)


def posted(forge: Forge) -> str:
    """How many things there are on the forge."""
    if isinstance(forge, BitbucketCloud | BitbucketServer):
        return f"{len(forge.reports)} report, {len(forge.only.annotations)} annotations"
    assert isinstance(forge, GitHubForge | GitLabForge | GiteaForge)
    return f"{len(forge.bodies(NUMBER))} comment"


def create(forge: Forge, folder: Path) -> str:
    return f"{told(publisher(forge, folder).publish(samples.failing()))}: {posted(forge)}"


def update(forge: Forge, folder: Path) -> str:
    publisher(forge, folder).publish(samples.failing())
    outcomes = publisher(forge, folder).publish(later(samples.clear(), 1))
    return f"{told(outcomes)}: {posted(forge)}"


def crowd() -> Report:
    """A change that deploys 3,000 images, none of them signed."""
    images = []
    for n in range(1500):
        name = f"ghcr.io/acme/service-{n:04}:1.{n}"
        images.append(
            samples.image(
                name, Verdict.UNSIGNED, samples.use(name, f"apps/{n}/k.yaml", 3), reason="no signature in any form " * 9
            )
        )
    findings = tuple(samples.finding_for(i, "unsigned-image", Level.ERROR, help="sign it") for i in images)
    return Report(run=samples.run(), images=tuple(images), findings=findings)


def shorten(forge: Forge, folder: Path) -> str:
    outcomes = publisher(forge, folder).publish(crowd())
    assert not [o for o in outcomes if o.failed]
    if isinstance(forge, BitbucketCloud | BitbucketServer):
        left = re.search(r"(\d+) more findings are not shown", forge.only.report["details"])
        assert left
        return f"{posted(forge)}; “{left[0]} here”"
    assert isinstance(forge, GitHubForge | GitLabForge | GiteaForge)
    (body,) = forge.bodies(NUMBER)
    left = re.search(r"… and \d+ more rows not shown here", body)
    assert left
    assert len(body) > 40_000
    return f"{len(body) // 10_000 * 10},000 and some characters; “{left[0]}”"


def fork(forge: Forge, folder: Path) -> str:
    outcomes = replace(publisher(forge, folder), token="none").publish(samples.failing())
    assert not forge.asked
    alone = f"without a token: {told(outcomes)}"
    if not isinstance(forge, GitHubForge):
        return alone
    forge.put_pull(NUMBER, samples.HEAD, "stranger")
    relayed = Publisher(forge, (Post.COMMENT,), relayed=True, pull_request=None, source="stranger:change")
    assert relayed.one(samples.failing()).did is Did.CREATED
    assert "Reported by the change's own job" in forge.bodies(NUMBER)[0]
    return f"{alone}; from a second workflow: comment created, marked as the change's own word"


def rate_limit(forge: Forge, folder: Path) -> str:
    forge.fail(WRITES, 429, method="POST", times=1, headers={"Retry-After": "1"})
    outcomes = publisher(forge, folder).publish(samples.failing())
    assert not [o for o in outcomes if o.failed]
    assert len(forge.told("POST", WRITES)) == 2
    return f"waited as asked, then {told(outcomes)}: {posted(forge)}"


def error(forge: Forge, folder: Path) -> str:
    forge.fail(WRITES, 403, method="POST")
    outcomes = publisher(forge, folder).publish(many_findings(3))
    assert [o.why for o in outcomes if o.failed and "answered 403" in o.why]
    return told(outcomes)


SCENES: dict[str, Callable[[Forge, Path], str]] = {
    "create": create,
    "update": update,
    "shorten": shorten,
    "fork": fork,
    "rate limit": rate_limit,
    "error (403)": error,
}


def table(folder: Path) -> str:
    rows = [f"| | {' | '.join(SCENES)} |", "|---" * (len(SCENES) + 1) + "|"]
    for name, kind in FORGES.items():
        cells = []
        for number, scene in enumerate(SCENES.values()):
            own = folder / f"{kind.__name__}-{number}"
            own.mkdir()
            with kind() as forge:
                cells.append(scene(forge, own))
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def test_the_page_tells_what_happens(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    head, _, rest = page.partition(START)
    written, _, tail = rest.partition(END)
    now = table(tmp_path)
    if os.environ.get("AUDITOR_UPDATE_GOLDEN"):
        PAGE.write_text(f"{head}{START}{now}{END}{tail}", "utf-8")
        return
    assert written == now
