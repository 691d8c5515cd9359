"""An OpenID provider whose tokens say what those of GitHub Actions say (RS256, JWKS by discovery)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from fixtures.sigstore import Claimant
from tests.interop.stack.jwt import base64url, token
from tests.interop.stack.web import Answer, Request

_KEY_ID: Final = "one"


class Issuer:
    """Makes tokens as `url`, and answers what a verifier of tokens asks there."""

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._key: Final = rsa.generate_private_key(65537, 2048)

    @property
    def routes(self) -> Mapping[str, Answer]:
        """What the provider's web server answers."""
        return {"/.well-known/openid-configuration": self._discovery, "/keys": self._keys}

    def token(self, claimant: Claimant) -> str:
        """A token from which Fulcio makes the certificate of this claimant, a job of GitHub Actions."""
        body = {"iss": self.url, "aud": "sigstore", **_claims(claimant)}
        return token(self._key, {"kid": _KEY_ID}, body)

    def _discovery(self, _request: Request) -> Mapping[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _keys(self, _request: Request) -> Mapping[str, Any]:
        numbers = self._key.public_key().public_numbers()
        key = {"n": base64url(_bytes(numbers.n)).decode(), "e": base64url(_bytes(numbers.e)).decode()}
        return {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KEY_ID, **key}]}


def _claims(claimant: Claimant) -> dict[str, str]:
    """The claims of the token, from those of the certificate by the last arc of their OID.

    Source: GitHub's list of token claims, and Fulcio's `config/identity/config.yaml` for which goes where.
    """
    said = claimant.claims
    run, attempt = said[21].rsplit("/", 3)[1::2]
    return {
        "sub": f"repo:{said[5]}:ref:{said[6]}",
        "event_name": said[20],
        "sha": said[3],
        "workflow": said[4],
        "repository": said[5],
        "ref": said[14],
        "job_workflow_ref": said[9].removeprefix("https://github.com/"),
        "job_workflow_sha": said[10],
        "runner_environment": said[11],
        "repository_id": said[15],
        "repository_owner": said[5].partition("/")[0],
        "repository_owner_id": said[17],
        "workflow_ref": said[18].removeprefix("https://github.com/"),
        "workflow_sha": said[19],
        "run_id": run,
        "run_attempt": attempt,
        "repository_visibility": said[22],
    }


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
