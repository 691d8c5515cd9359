"""Each registry that a run would ask: the credential for it, whether it answers, and what its clock says.

A credential's value is never in what is said: where it was found is all that there is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from auditor.config.rules import RegistrySettings, Rules
from auditor.doctor.checks import Check, fail, ok, warn
from auditor.judge.governing import parse
from auditor.judge.hosts import Hosts
from auditor.limits import DEFAULT, Limits
from auditor.model.reference import Reference
from auditor.model.use import Use
from auditor.registry.endpoint import Endpoint, by_authority, of_image
from auditor.registry.faults import Failed
from auditor.registry.http import Question, Session
from auditor.registry.keychain import CredentialError, Keychain

_SKEW: Final = timedelta(seconds=60)
"""A clock that is off by more is worth a word: waivers end by it, certificates of registries are checked by it."""
_MUCH: Final = timedelta(minutes=10)
_MOST: Final = 20
"""Registries that are looked at."""
_GONE: Final = (401, 403)


def registries(uses: Iterable[Use], rules: Rules) -> tuple[Endpoint, ...]:
    """Where the images of the tree are asked for, one repository of each host that may be asked."""
    hosts = Hosts(rules)
    found: dict[str, Endpoint] = {}
    for use in uses:
        reference = parse(use.reference)
        if isinstance(reference, Reference) and hosts.refusal(reference.host) is None:
            endpoint = of_image(reference, rules.registries)
            found.setdefault(endpoint.origin.authority, endpoint)
    return tuple(found[host] for host in sorted(found)[:_MOST])


def check_credentials(
    found: Iterable[Endpoint], environ: Mapping[str, str], limits: Limits = DEFAULT
) -> Iterator[Check]:
    """Where the credential for each registry comes from; a helper is run as a run would run it."""
    keychain = Keychain(environ, seconds=limits.helper_seconds)
    for endpoint in found:
        host = endpoint.origin.authority
        try:
            credential = keychain.find(host, endpoint.repository)
        except CredentialError as error:
            yield fail(f"credential {host}", str(error), f"log in again: docker login {host} (or podman, crane, helm)")
            continue
        if credential is None:
            yield ok(f"credential {host}", "none: asked anonymously")
        else:
            yield ok(f"credential {host}", f"from {credential.source}")


def check_answers(
    found: Iterable[Endpoint], rules: Rules, environ: Mapping[str, str], now: datetime, limits: Limits = DEFAULT
) -> Iterator[Check]:
    """Whether each registry answers for one of the repositories, and how far its clock and ours are apart."""
    settings: Mapping[str, RegistrySettings] = by_authority(rules.registries)
    begun = time.monotonic()
    with Session(settings, environ, limits) as session:
        for endpoint in found:
            yield from _answer(endpoint, session, now + timedelta(seconds=time.monotonic() - begun))


def _answer(endpoint: Endpoint, session: Session, now: datetime) -> Iterator[Check]:
    host = endpoint.origin.authority
    question = Question(
        "GET",
        f"{endpoint.origin}/v2/{endpoint.repository}/tags/list?n=1",
        endpoint.repository,
        f"the tags of {endpoint.name}",
        bound=DEFAULT.rules_bytes,
    )
    try:
        answer = session.ask(question)
    except Failed as failed:
        yield fail(
            f"registry {host}", str(failed), "check the name, the network, proxies (HTTPS_PROXY) and certificates"
        )
        return
    if answer.status in _GONE:
        help_line = "log in with an account that may read it; without that its images are unjudged"
        yield warn(f"registry {host}", f"does not let us read {endpoint.repository} ({answer.status})", help_line)
    else:
        yield ok(f"registry {host}", f"answers for {endpoint.repository}")
    yield from _clock(host, answer.headers.get("date"), now)


def _clock(host: str, header: str | None, now: datetime) -> Iterator[Check]:
    try:
        theirs = parsedate_to_datetime(header or "")
        apart = abs(theirs - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return  # it says no time that can be compared: that is no fault of this machine
    seconds = f"{apart.total_seconds():.0f} s apart from {host}'s"
    help_line = "set this machine's clock (NTP): waivers end by it, and TLS depends on it"
    if apart > _MUCH:
        yield fail("clock", seconds, help_line)
    elif apart > _SKEW:
        yield warn("clock", seconds, help_line)
    else:
        yield ok("clock", seconds)
