"""On what grounds an authority takes a signature for valid (`checkOptsFromAuthority` of policy-controller).

| authority | certificates from | log |
|---|---|---|
| keyless | the public root | `ctlog` absent: the public log, by the entry that the signature carries |
| keyless with `trustRootRef` | that root, its CT logs too | `ctlog` absent: not looked at |
| key | - | `ctlog` absent: not looked at |

`ctlog.trustRootRef` names the log's keys, `ctlog.url` alone means the public log's. `rfc3161timestamp.trustRootRef` demands a
time stamp by that root and leaves the log out, whatever `ctlog` says; without it stamps count only where a bundle's log tells no time.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from auditor.policies.clusterimagepolicy.policy import Authority, KeyCheck, KeylessCheck
from auditor.policies.clusterimagepolicy.trust_root import TrustRoot
from auditor.policies.proofs import Grounds
from auditor.signatures.enforcer import Stamps


class Unknown(Exception):  # noqa: N818 - an answer about one authority, turned into a ruling by the judge
    """What the authority rests on is not known here; the message says why."""


class Unsatisfiable(Exception):  # noqa: N818 - as Unknown
    """The controller itself would stop with an error; the message says why."""


def grounds_of(authority: Authority, roots: Mapping[str, TrustRoot]) -> tuple[Grounds, ...]:
    """The grounds: one for certificates, or one for each key. Raises Unknown and Unsatisfiable."""
    check = authority.check
    if isinstance(check, KeyCheck):
        if check.unknown:
            raise Unknown(check.unknown)
        common = _logged(Grounds(public=_public_log(authority)), authority, roots, without=authority.log is None)
        return tuple(replace(common, key=pem) for pem in check.pems)
    if not isinstance(check, KeylessCheck):
        return ()
    if not check.has_url:
        raise Unsatisfiable("with ca-cert alone the controller stops: no Keyless URL specified")
    return (_bundled(check, authority, roots) if authority.bundles else _keyless(check, authority, roots),)


def _keyless(check: KeylessCheck, authority: Authority, roots: Mapping[str, TrustRoot]) -> Grounds:
    asks_nobody = authority.log is None and not check.trust_root  # it has the log's keys, and no address
    grounds = Grounds(unsafe_without_sct=check.ignore_sct, offline=asks_nobody)
    if check.trust_root:
        parts = _parts(check.trust_root, roots)
        if "ctlog" not in parts and not check.ignore_sct:
            raise Unsatisfiable(f"TrustRoot {check.trust_root} names no CT log, and insecureIgnoreSCT is not set")
        grounds = replace(grounds, public=_public_log(authority), fulcio=parts["fulcio"], ctlog=parts.get("ctlog"))
    return _logged(grounds, authority, roots, without=authority.log is None and bool(check.trust_root))


def _logged(grounds: Grounds, authority: Authority, roots: Mapping[str, TrustRoot], *, without: bool) -> Grounds:
    log = authority.log
    if authority.stamps:
        tsa = _parts(authority.stamps, roots).get("tsa")
        if tsa is None:
            raise Unsatisfiable(f"TrustRoot {authority.stamps} names no time stamping authority")
        return replace(grounds, unsafe_without_log=True, stamps=Stamps.DEMANDED, tsa=tsa)
    if without or log is None:
        return replace(grounds, unsafe_without_log=without)
    if log.trust_root:
        rekor = _parts(log.trust_root, roots).get("rekor")
        if rekor is None:
            raise Unsatisfiable(f"TrustRoot {log.trust_root} names no transparency log")
        return replace(grounds, rekor=rekor)
    return grounds if log.url else replace(grounds, unsafe_without_log=True)


def _bundled(check: KeylessCheck, authority: Authority, roots: Mapping[str, TrustRoot]) -> Grounds:
    """Bundles are verified as a whole by one root: `trustRootRef`, or the public one."""
    if len(check.identities) > 1:
        raise Unsatisfiable("bundles are verified for one identity only, and the authority names several")
    grounds = Grounds(unsafe_without_sct=check.ignore_sct)
    if check.trust_root:
        parts = _parts(check.trust_root, roots)
        grounds = replace(
            grounds,
            public=False,
            fulcio=parts["fulcio"],
            rekor=parts.get("rekor"),
            ctlog=parts.get("ctlog"),
            tsa=parts.get("tsa"),
        )
    if authority.stamped:
        return replace(grounds, stamps=Stamps.DEMANDED, unsafe_without_log=authority.log is not None)
    return grounds


def _public_log(authority: Authority) -> bool:
    """Whether the public root's log is meant beside another root."""
    return bool(not authority.stamps and authority.log and authority.log.url and not authority.log.trust_root)


def _parts(name: str, roots: Mapping[str, TrustRoot]) -> Mapping[str, bytes]:
    root = roots.get(name)
    if root is None:
        raise Unknown(f"TrustRoot {name} is not in the tree")
    if root.unknown:
        raise Unknown(f"TrustRoot {name}: {root.unknown}")
    return root.parts
