"""Time stamps by a trusted authority (RFC 3161): the arithmetic is rfc3161-client's, the trust is the root's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response
from rfc3161_client.verify import Verifier

from auditor.model.evidence import Step
from auditor.signatures.refusal import refuse
from auditor.signatures.root import Authority

_LEAST_CHAIN = 2


@dataclass(frozen=True)
class Stamper:
    """A trusted time stamping authority."""

    authority: Authority

    @cached_property
    def _verifier(self) -> Verifier | None:
        """None where the chain is too short to check a stamp: a signing certificate and a root are the least."""
        certificates = self.authority.certificates
        if len(certificates) < _LEAST_CHAIN:
            return None
        builder = VerifierBuilder(tsa_certificate=certificates[0], roots=[certificates[-1]])
        for certificate in certificates[1:-1]:
            builder = builder.add_intermediate_certificate(certificate)
        return builder.build()

    def vouches(self, stamp: TimeStampResponse, message: bytes) -> bool:
        """Whether this authority made the stamp over `message`, at a time it is trusted for."""
        if self._verifier is None or not self._signed(stamp):
            return False
        if not self.authority.window.holds(stamp.tst_info.gen_time):
            return False
        try:
            return self._verifier.verify_message(stamp, message)
        except VerificationError:
            return False

    def _signed(self, stamp: TimeStampResponse) -> bool:
        """Whether the stamp names this authority as its signer: cheaper than to try its keys."""
        own = self.authority.certificates[0]
        signers = stamp.signed_data.signer_infos
        return any(signer.issuer == own.issuer and signer.serial_number == own.serial_number for signer in signers)


def read_stamps(stamps: Sequence[bytes]) -> list[TimeStampResponse]:
    """Parse time stamp responses in DER. Refuses (step 4) what is none, and the same stamp twice."""
    if len(set(stamps)) != len(stamps):
        refuse(Step.TIME, "the same time stamp occurs twice")
    try:
        read = [decode_timestamp_response(stamp) for stamp in stamps]
        for each in read:
            # What is inside is parsed when it is first asked for, and may then be malformed.
            _ = each.tst_info.gen_time
            _ = [(signer.issuer, signer.serial_number) for signer in each.signed_data.signer_infos]
    except (ValueError, KeyError):  # a name in a type of text that the library does not know is a KeyError
        refuse(Step.TIME, "a time stamp is malformed")
    return read


def stamped_times(stamps: Iterable[TimeStampResponse], message: bytes, stampers: Sequence[Stamper]) -> list[datetime]:
    """The times at which trusted authorities saw `message`. A stamp by nobody trusted proves nothing and adds nothing."""
    return [stamp.tst_info.gen_time for stamp in stamps if any(stamper.vouches(stamp, message) for stamper in stampers)]
