"""Steps 4 to 7 of the recipe under one trusted root: our own arithmetic, on `cryptography`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from cryptography.exceptions import UnsupportedAlgorithm

from auditor.model.evidence import Step
from auditor.signatures.candidate import Candidate, LogEntry
from auditor.signatures.certificate import check_leaf
from auditor.signatures.chain import Issuer, check_chain, issuers_of
from auditor.signatures.encoding import Malformed
from auditor.signatures.keys import supported
from auditor.signatures.log import check_in_service, check_inclusion, check_promise, log_of
from auditor.signatures.log_entry import check_about
from auditor.signatures.refusal import refuse
from auditor.signatures.root import Root
from auditor.signatures.sct import check_sct
from auditor.signatures.timestamp import Stamper, read_stamps, stamped_times


class Recipe:
    """One trusted root, made ready: what does not depend on a signature is checked once, when it is first needed."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.stampers = tuple(Stamper(authority) for authority in root.stampers)

    @cached_property
    def issuers(self) -> tuple[Issuer, ...]:
        """Every certificate of the root that may issue leaves."""
        return issuers_of(self.root.authorities)

    def judge(self, candidate: Candidate) -> datetime:
        """The time of signing, if steps 4 to 7 hold under this root. Raises Refusal at the first that does not."""
        # 4. A trusted time
        times = self._times(candidate)
        if not times:
            refuse(Step.TIME, "there is no trusted time: neither a signed entry timestamp nor a trusted time stamp")
        # 5. The certificate chain, at every trusted time, and the certificate's place in a CT log
        check_leaf(candidate.leaf)
        issuer = check_chain(candidate.leaf, self.issuers, times)
        if self.root.ct_logs:
            check_sct(candidate.leaf, issuer, self.root.ct_logs)
        # 6. The signature
        check_signature(candidate)
        # 7. The log entry is about this signature, and in the log
        if candidate.entry is not None:
            self._check_logged(candidate, candidate.entry, times)
        elif candidate.entry_required and self.root.logs:
            refuse(Step.LOG, "there is no transparency log entry, and this trusted root has a log")
        return times[0]

    def _times(self, candidate: Candidate) -> list[datetime]:
        """Every trusted time, the log's first. Refuses (step 4) what claims one wrongly."""
        times = []
        entry = candidate.entry
        if entry is not None and entry.promise is not None and entry.time is not None:
            log = log_of(entry, self.root.logs, Step.TIME)
            check_promise(entry, entry.promise, entry.time, log)
            check_in_service(log, [entry.time], Step.TIME)
            times.append(entry.time)
        if candidate.timestamps:
            if not self.stampers:
                refuse(Step.TIME, "there is a time stamp, and this trusted root has no time stamping authority")
            times += stamped_times(read_stamps(candidate.timestamps), candidate.stamped, self.stampers)
        return times

    def _check_logged(self, candidate: Candidate, entry: LogEntry, times: Sequence[datetime]) -> None:
        """Refuse (step 7) an entry that is about something else, or that its log does not vouch for."""
        check_about(candidate, entry)
        if entry.proof is not None:
            log = log_of(entry, self.root.logs, Step.LOG)
            check_in_service(log, times, Step.LOG)
            check_inclusion(entry, entry.proof, log)
        elif entry.promise is None or entry.time is None:
            refuse(Step.LOG, "the log entry has neither a signed entry timestamp nor an inclusion proof")


def check_signature(candidate: Candidate) -> None:
    """Refuse (step 6) a signature that the certificate's key did not make."""
    try:
        key = supported(candidate.leaf.certificate.public_key(), "the certificate's key")
    except (Malformed, ValueError, UnsupportedAlgorithm) as problem:
        refuse(Step.SIGNATURE, f"the certificate's key cannot be used: {problem}")
    if not candidate.message.signed(key, candidate.signature):
        refuse(Step.SIGNATURE, "the signature does not verify with the certificate's key")
