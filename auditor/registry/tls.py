"""TLS contexts: the system's trust for most hosts, a private authority or a client certificate where one is configured."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from pathlib import Path

import httpx

from auditor.config.rules import RegistrySettings
from auditor.model.evidence import FaultKind
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin


class Contexts:
    """One shared context per configured host, and one for all others. Made when first needed: reading trust is slow."""

    def __init__(self, settings: Mapping[str, RegistrySettings], ca_file: str | None) -> None:
        self._settings = settings
        self._ca_file = ca_file
        self._made: dict[RegistrySettings | None, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def of(self, origin: Origin) -> ssl.SSLContext:
        """The context for this host. Raises Failed when a configured certificate cannot be used."""
        found = self._settings.get(origin.authority)
        special = found if found and (found.ca_pem or found.client_certificate) else None
        with self._lock:
            if special not in self._made:
                self._made[special] = self._make(special)
            return self._made[special]

    def _make(self, settings: RegistrySettings | None) -> ssl.SSLContext:
        try:
            context = _trusting(settings.ca_pem) if settings and settings.ca_pem else self._default()
            if settings and settings.client_certificate:
                context.load_cert_chain(settings.client_certificate, settings.client_key)
        except (OSError, ValueError) as error:
            host = settings.host if settings else "every host"
            raise Failed(
                FaultKind.TLS, f"the certificate files configured for {host} cannot be used: {error}"
            ) from None
        return context

    def _default(self) -> ssl.SSLContext:
        """The system's authorities, or `SSL_CERT_FILE`; the ones that come with httpx where the system has none."""
        context = ssl.create_default_context(cafile=self._ca_file)
        if self._ca_file or context.cert_store_stats()["x509_ca"] or _system_folder():
            return context
        return httpx.create_ssl_context(trust_env=False)


def _system_folder() -> bool:
    """Whether OpenSSL's folder of authorities, which is read at each handshake, holds anything."""
    folder = Path(ssl.get_default_verify_paths().capath or "/nonexistent")
    return folder.is_dir() and any(folder.iterdir())


def _trusting(ca_pem: bytes) -> ssl.SSLContext:
    """A context that trusts this authority and no other: a private registry is not vouched for by the public ones."""
    return ssl.create_default_context(cadata=ca_pem.decode("ascii"))
