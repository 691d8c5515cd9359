"""What became of each thing that was to be published."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from auditor.model.evidence import FaultKind
from auditor.registry.faults import Failed


class Post(StrEnum):
    """What can be published."""

    COMMENT = "comment"
    STATUS = "status"
    CHECK_RUN = "check-run"
    REPORT = "report"
    SUMMARY = "summary"
    ISSUE = "issue"
    LABEL = "label"
    WEBHOOK = "webhook"


class Did(StrEnum):
    """What happened to one of them."""

    CREATED = "created"
    UPDATED = "updated"
    CLOSED = "closed"
    SENT = "sent"
    UNCHANGED = "unchanged"  # it says so already
    LEFT = "left"  # what is there is of a newer run
    SKIPPED = "skipped"  # it must not be, or there is nowhere to post it
    FAILED = "failed"


class Outcome(Struct, frozen=True):
    """One thing and what became of it. `why` is a sentence, `help` the next step; both empty where it went well."""

    post: Post
    did: Did
    why: str = ""
    help: str = ""

    @property
    def failed(self) -> bool:
        """Whether the reader was to see it and does not."""
        return self.did is Did.FAILED

    def __str__(self) -> str:
        return f"{self.post.value} {self.did.value}{f': {self.why}' if self.why else ''}"


class Refused(Failed):
    """A forge that did not do what it was asked. `status` is 0 where it did not answer at all."""

    def __init__(
        self, kind: FaultKind, detail: str, *, status: int = 0, again: bool | None = None, wait: float | None = None
    ) -> None:
        super().__init__(kind, detail, again=again, wait=wait)
        self.status = status

    @property
    def help(self) -> str:
        """What the reader can do."""
        if self.status in {401, 403, 404} and self.fault.kind is not FaultKind.RATE_LIMITED:
            return _NO_ACCESS
        return _BY_KIND.get(self.fault.kind, _AGAIN if self.status else _NO_ANSWER)


_AGAIN = "run it again"
_NO_ANSWER = "check the address of the API, the network and its proxies (HTTPS_PROXY), and run it again"
_NO_ACCESS = (
    "give the token the right to write here; a job of a change from a fork has none: publish its JSON result from a "
    "second workflow, which the change cannot touch"
)
_BY_KIND = {
    FaultKind.RATE_LIMITED: "wait, or use a token with a larger allowance",
    FaultKind.TLS: "name the authority that signs the forge's certificate in SSL_CERT_FILE",
    FaultKind.REDIRECT: "name the API and the repository as they are called now: --api, --repository",
}


def failed(post: Post, error: Failed) -> Outcome:
    """The outcome that an error makes."""
    advice = error.help if isinstance(error, Refused) else "check the address of the API, and the network"
    return Outcome(post, Did.FAILED, error.fault.detail, advice)
