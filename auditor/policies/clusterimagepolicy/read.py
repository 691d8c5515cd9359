"""A ClusterImagePolicy document → values, with every mistake for which the admission webhook refuses it.

Source: `pkg/apis/policy/v1beta1` of sigstore/policy-controller, types and validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.config.names import InvalidPattern
from auditor.manifests.objects import Object
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.clusterimagepolicy.policy import (
    AttestationCheck,
    Authority,
    Check,
    ClusterImagePolicy,
    IdentityCheck,
    KeyCheck,
    KeylessCheck,
    LogCheck,
    Resource,
    Script,
    Selector,
    StaticCheck,
    TextCheck,
)
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.regex import invalid

NAMESPACE: Final = "cosign-system"
"""Where the controller looks for secrets and config maps that name no namespace."""

_RESOURCES: Final = frozenset(
    {"", "*", "replicasets", "deployments", "pods", "cronjobs", "jobs", "statefulsets", "daemonsets"}
)
_HASHES: Final = frozenset({"", "sha256", "sha224", "sha384", "sha512"})
_OPERATORS: Final = frozenset({"In", "NotIn", "Exists", "DoesNotExist"})
_INCLUDES: Final = ("fetchConfigFile", "includeSpec", "includeObjectMeta", "includeTypeMeta")

Texts = Callable[[str, str, str], "dict[str, bytes] | None"]
"""What a Secret or a ConfigMap holds, by kind, namespace and name; None where the tree has none."""


def read_policy(found: Object, texts: Texts, outside: str | None = None) -> ClusterImagePolicy:
    """Read one document. `texts` gives what it refers to; `outside` is why the whole of it cannot be read as it stands."""
    reader = _Reader(texts)
    if outside is not None:
        reader.wrong(Cursor.at(found)["kind"], outside)
    return reader.policy(found)


class _Reader(Struct):
    texts: Texts
    mistakes: list[Mistake] = field(default_factory=list)

    def policy(self, found: Object) -> ClusterImagePolicy:
        whole = Cursor.at(found)
        spec = whole["spec"]
        mode = spec["mode"].text
        if mode not in {"", "enforce", "warn"}:
            self.wrong(spec["mode"], f"{mode!r} is none of enforce, warn")
        policy = ClusterImagePolicy(
            name=found.name,
            file=found.file,
            place=whole["kind"].place,
            globs=tuple(self.globs(spec)),
            match=tuple(self.resource(item) for item in spec["match"]),
            warns=mode == "warn",
            authorities=tuple(self.authorities(spec)),
            script=self.script(spec["policy"]),
            includes=tuple(name for name in _INCLUDES if spec["policy"][name].yes),
            mistakes=(),
        )
        return replace(policy, mistakes=tuple(self.mistakes))

    def wrong(self, where: Cursor, message: str) -> None:
        self.mistakes.append(where.mistake(message))

    # ── what it is about ─────────────────────────────────────────────────────────────────────────────────────────────

    def globs(self, spec: Cursor) -> Iterator[Glob]:
        if not list(spec["images"]):
            self.wrong(spec["images"], "a policy needs at least one image glob")
        for image in spec["images"]:
            try:
                yield Glob.parse(image["glob"].text)
            except InvalidPattern as problem:
                self.wrong(image["glob"], f"the glob is invalid: {problem}")

    def resource(self, item: Cursor) -> Resource:
        selector = self.selector(item["selector"]) if item["selector"] else None
        resource = Resource(item["group"].text, item["version"].text, item["resource"].text, selector)
        if resource.resource not in _RESOURCES:
            self.wrong(item["resource"], f"{resource.resource!r} is no resource that runs images")
        if selector is not None and not (resource.resource or resource.version or resource.group):
            self.wrong(item["selector"], "a selector needs a resource, version or group beside it")
        return resource

    def selector(self, item: Cursor) -> Selector:
        expressions = []
        for each in item["matchExpressions"]:
            operator = each["operator"].text
            if operator not in _OPERATORS:
                self.wrong(each["operator"], f"{operator!r} is none of {', '.join(sorted(_OPERATORS))}")
            expressions.append((each["key"].text, operator, tuple(value.text for value in each["values"])))
        return Selector(tuple(item["matchLabels"].texts.items()), tuple(expressions))

    # ── authorities ──────────────────────────────────────────────────────────────────────────────────────────────────

    def authorities(self, spec: Cursor) -> Iterator[Authority]:
        items = list(spec["authorities"])
        if not items:
            self.wrong(spec["authorities"], "a policy needs at least one authority")
        for index, item in enumerate(items):
            check = self.check(item)
            if check is not None:
                yield self.authority(item, index, check)

    def authority(self, item: Cursor, index: int, check: Check) -> Authority:
        sources = list(item["source"])
        if len(sources) > 1:
            self.wrong(item["source"], "at most one source")
        source = sources[0] if sources else item["source"]
        if sources and not source["oci"] and not source["tagPrefix"]:
            self.wrong(source, "a source needs its oci repository")
        if isinstance(check, StaticCheck):
            for name in ("attestations", "source", "ctlog", "rfc3161timestamp"):
                if item[name]:
                    self.wrong(item[name], "a static authority takes none")
        bundles = self.format(item, check)
        log = item["ctlog"]
        return Authority(
            name=item["name"].text or f"authority-{index}",
            check=check,
            place=item.place,
            log=LogCheck(log["url"].text, log["trustRootRef"].text) if log else None,
            stamps=item["rfc3161timestamp"]["trustRootRef"].text,
            stamped=bool(item["rfc3161timestamp"]),
            source=source["oci"].text,
            tag_prefix=source["tagPrefix"].text,
            attestations=tuple(self.attestation(each) for each in item["attestations"]),
            bundles=bundles,
        )

    def format(self, item: Cursor, check: Check) -> bool:
        wanted = item["signatureFormat"]
        if wanted.text not in {"", "legacy", "bundle"}:
            self.wrong(wanted, f"{wanted.text!r} is none of legacy, bundle")
        if wanted.text != "bundle":
            return False
        if not isinstance(check, KeylessCheck):
            self.wrong(wanted, "bundles are read for keyless authorities only")
        roots = {item[part]["trustRootRef"].text for part in ("keyless", "ctlog", "rfc3161timestamp") if item[part]}
        if len(roots) > 1:
            self.wrong(wanted, "with bundles keyless, ctlog and rfc3161timestamp need the same trustRootRef")
        return True

    def check(self, item: Cursor) -> Check | None:
        given = [name for name in ("key", "keyless", "static") if item[name].node is not None]
        match given:
            case ["key"]:
                return self.key(item["key"])
            case ["keyless"]:
                return self.keyless(item["keyless"])
            case ["static"]:
                return self.static(item["static"])
            case _:
                self.wrong(
                    item, f"an authority is one of key, keyless, static, and here are {', '.join(given) or 'none'}"
                )
                return None

    def static(self, item: Cursor) -> StaticCheck:
        action = item["action"].text
        if action not in {"pass", "fail"}:
            self.wrong(item["action"], f"{action!r} is none of pass, fail")
        return StaticCheck(action == "pass", item["message"].text)

    def key(self, item: Cursor) -> KeyCheck:
        given = [name for name in ("data", "secretRef", "kms") if item[name]]
        if len(given) != 1:
            self.wrong(item, f"a key is one of data, secretRef, kms, and here are {', '.join(given) or 'none'}")
            return KeyCheck((), "no key")
        hashed = item["hashAlgorithm"].text
        if hashed not in _HASHES:
            self.wrong(item["hashAlgorithm"], f"{hashed!r} is no hash that the controller knows")
        pems, unknown = self.pems(item, given[0])
        if hashed not in {"", "sha256"}:
            unknown = unknown or f"keys that sign {hashed} hashes are not evaluated"
        return KeyCheck(pems, unknown)

    def pems(self, item: Cursor, given: str) -> tuple[tuple[bytes, ...], str | None]:
        match given:
            case "data":
                text = item["data"].text
                pems = split_pem(text.encode())
                if not pems:
                    self.wrong(item["data"], "not a public key in PEM")
                return pems[:1], None  # the controller reads no further
            case "secretRef":
                return self.secret(item["secretRef"])
            case _:
                return (), f"the key is in a key management service ({item['kms'].text.partition(':')[0]})"

    def secret(self, item: Cursor) -> tuple[tuple[bytes, ...], str | None]:
        name, namespace = item["name"].text, item["namespace"].text or NAMESPACE
        if namespace != NAMESPACE:
            return (), f"the controller refuses Secret {namespace}/{name} unless that is its own namespace"
        held = self.texts("Secret", namespace, name)
        if held is None:
            return (), f"Secret {namespace}/{name} is not in the tree"
        if len(held) != 1:
            return (), f"Secret {namespace}/{name} holds {len(held)} entries, and the controller takes one"
        pems = split_pem(next(iter(held.values())))
        return pems[:1], None if pems else f"Secret {namespace}/{name} holds no public key in PEM"

    def keyless(self, item: Cursor) -> KeylessCheck:
        if item["url"] and item["ca-cert"]:
            self.wrong(item["ca-cert"], "url and ca-cert exclude each other")
        identities = [self.identity(each) for each in item["identities"]]
        if not identities:
            self.wrong(item["identities"], "keyless needs identities")
        return KeylessCheck(
            tuple(identities), item["trustRootRef"].text, item["insecureIgnoreSCT"].yes, not item["ca-cert"]
        )

    def identity(self, item: Cursor) -> IdentityCheck:
        return IdentityCheck(self.text_check(item, "issuer"), self.text_check(item, "subject"))

    def text_check(self, item: Cursor, part: str) -> TextCheck | None:
        exact, regexp = item[part], item[f"{part}RegExp"]
        if exact and regexp:
            self.wrong(regexp, f"{part} and {part}RegExp exclude each other")
        if regexp.text:
            why = invalid(regexp.text)
            if why is None:
                return TextCheck(pattern=regexp.text)
            self.wrong(regexp, f"the regular expression is invalid: {why}")
        elif exact.text:
            return TextCheck(exact.text)
        else:
            self.wrong(item, f"an identity needs {part} or {part}RegExp")
        return None

    # ── attestations and scripts ─────────────────────────────────────────────────────────────────────────────────────

    def attestation(self, item: Cursor) -> AttestationCheck:
        for name in ("name", "predicateType"):
            if not item[name].text:
                self.wrong(item[name], f"an attestation needs its {name}")
        return AttestationCheck(item["name"].text, item["predicateType"].text, self.script(item["policy"]))

    def script(self, item: Cursor) -> Script | None:
        if not item:
            return None
        language = item["type"].text
        if language not in {"cue", "rego"}:
            self.wrong(item["type"], f"{language!r} is none of cue, rego")
        given = [name for name in ("data", "configMapRef", "remote", "url") if item[name]]
        if len(given) != 1:
            self.wrong(
                item, f"a policy is one of data, configMapRef, remote, and here are {', '.join(given) or 'none'}"
            )
            return None
        source, unknown = self.source(item, given[0])
        return Script(language, source, unknown, item[given[0]].place)

    def source(self, item: Cursor, given: str) -> tuple[str, str | None]:
        if given == "data":
            return item["data"].text, None
        if given != "configMapRef":
            return "", "its text is fetched from an address"
        reference = item["configMapRef"]
        name, namespace, key = reference["name"].text, reference["namespace"].text or NAMESPACE, reference["key"].text
        held = self.texts("ConfigMap", namespace, name)
        if held is None:
            return "", f"ConfigMap {namespace}/{name} is not in the tree"
        if key not in held:
            return "", f"ConfigMap {namespace}/{name} has no key {key!r}"
        return held[key].decode("utf-8", "replace"), None


def split_pem(content: bytes) -> tuple[bytes, ...]:
    """The public keys of a text in PEM, one by one; none where there is anything else in it."""
    marker = b"-----BEGIN "
    blocks = [marker + part.strip() + b"\n" for part in content.split(marker)[1:]]
    labels = (b"-----BEGIN PUBLIC KEY-----", b"-----BEGIN RSA PUBLIC KEY-----")
    return tuple(blocks) if blocks and all(block.startswith(labels) for block in blocks) else ()
