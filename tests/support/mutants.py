"""Mutants of signatures: one accepted sample, one seeded change, and where the change was made.

A stored signature is taken apart into a tree whose leaves are what somebody could tamper with: bytes behind base64, PEM or JSON
inside JSON, texts, numbers. A mutation changes one leaf, takes a branch away, doubles or empties one, puts in its place what
another good sample has there, or turns one bit of the stored bytes themselves.
"""

from __future__ import annotations

import base64
import binascii
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from msgspec import Struct

from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes, LegacyAttestation, Material, SimpleSigning
from auditor.signatures.verify import Verifier

Path: TypeAlias = tuple[str | int, ...]

_PEM: Final = "-----BEGIN CERTIFICATE-----"
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_SMALL: Final = 8


class Sample(Struct, frozen=True):
    """A signature that is accepted."""

    name: str
    material: Material
    digest: Digest
    verifier: Verifier


class Mutant(Struct, frozen=True):
    """A changed signature: `where` in the tree, and `how`."""

    material: Material
    digest: Digest
    where: Path
    how: str


class _Bytes(Struct, frozen=True):
    """Bytes behind an encoding: `b64`, `pem`, or none (`raw`)."""

    value: bytes
    encoding: str


def mutants(samples: Sequence[Sample], count: int, seed: int) -> Iterator[tuple[Sample, Mutant]]:
    """`count` mutants. The same seed gives the same mutants."""
    random = Random(seed)  # noqa: S311 - reproducible on purpose
    trees = [_apart(sample.material) for sample in samples]
    places = [list(_paths(tree)) for tree in trees]
    for _ in range(count):
        chosen = random.randrange(len(samples))
        mutant = None
        while mutant is None:
            mutant = _mutate(random, samples[chosen], trees[chosen], places[chosen], random.choice(trees))
        yield samples[chosen], mutant


def _mutate(random: Random, sample: Sample, tree: Any, paths: list[Path], other: Any) -> Mutant | None:
    lot = random.random()
    if lot < 0.02:
        position = random.randrange(64)
        digit = random.choice([each for each in "0123456789abcdef" if each != sample.digest.hex[position]])
        digest = Digest(sample.digest.hex[:position] + digit + sample.digest.hex[position + 1 :])
        return Mutant(sample.material, digest, ("digest",), "changed")
    if lot < 0.12:
        return _raw(random, sample)
    path = random.choice(paths)
    if lot < 0.30:
        return _branch(random, sample, tree, path)
    if lot < 0.45:
        return _borrowed(sample, tree, path, other)
    how, changed = _leaf(random, _at(tree, path))
    return None if changed is None else _rebuilt(sample, tree, path, changed, how)


# ── apart and together ───────────────────────────────────────────────────────────────────────────────────────────────


def _apart(material: Material) -> Any:
    if isinstance(material, BundleBytes):
        return _decoded(json.loads(material.content))
    content = material.payload if isinstance(material, SimpleSigning) else material.envelope
    inner = _Bytes(content, "raw") if isinstance(material, SimpleSigning) else _decoded(json.loads(content))
    return {"content": inner, "annotations": {name: _annotation(text) for name, text in material.annotations.items()}}


def _annotation(text: str) -> Any:
    if text.startswith("{"):
        return _decoded(json.loads(text))
    if text.startswith(_PEM) and text.count(_PEM) == 1:
        return _Bytes(base64.b64decode("".join(text.split("-----")[2].split())), "pem")
    return _decoded(text)


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _decoded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if isinstance(value, str) and len(value) >= _SMALL and not value.isdigit():
        try:
            plain = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return value
        if base64.b64encode(plain).decode() == value:
            return _Bytes(plain, "b64")
    return value


def _encoded(value: Any) -> Any:
    match value:
        case dict():
            return {name: _encoded(each) for name, each in value.items()}
        case list():
            return [_encoded(each) for each in value]
        case _Bytes(value=plain, encoding="pem"):
            lines = "\n".join(textwrap.wrap(base64.b64encode(plain).decode(), 64))
            return f"{_PEM}\n{lines}\n-----END CERTIFICATE-----\n"
        case _Bytes(value=plain):
            return base64.b64encode(plain).decode()
        case _:
            return value


def _together(original: Material, tree: Any) -> Material | None:
    """The material that the tree says; None where the tree is no longer one of this form."""
    if isinstance(original, BundleBytes):
        content = json.dumps(_encoded(tree), separators=(",", ":")).encode()
        return BundleBytes(content, Digest.of(content))
    if (
        not isinstance(tree, dict)
        or set(tree) != {"content", "annotations"}
        or not isinstance(tree["annotations"], dict)
    ):
        return None
    annotations = {}
    for name, value in tree["annotations"].items():
        text = _encoded(value)
        annotations[name] = text if isinstance(text, str) else json.dumps(text, separators=(",", ":"))
    inner = tree["content"]
    if isinstance(original, SimpleSigning):
        if not isinstance(inner, _Bytes):
            return None
        return SimpleSigning(inner.value, Digest.of(inner.value), annotations)
    content = json.dumps(_encoded(inner), separators=(",", ":")).encode()
    return LegacyAttestation(content, Digest.of(content), annotations)


def _rebuilt(sample: Sample, tree: Any, path: Path, value: Any, how: str) -> Mutant | None:
    if value == _at(tree, path):
        return None
    material = _together(sample.material, _replaced(tree, path, value))
    return None if material is None else Mutant(material, sample.digest, path, how)


# ── the changes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _raw(random: Random, sample: Sample) -> Mutant:
    """One bit of what is stored, digests of the manifest included as they would be."""
    material = sample.material
    match material:
        case BundleBytes():
            content = _flipped(random, material.content)
            return Mutant(BundleBytes(content, Digest.of(content)), sample.digest, (), "bit")
        case SimpleSigning():
            payload = _flipped(random, material.payload)
            layer = Digest.of(payload) if random.random() < 0.5 else material.layer
            return Mutant(SimpleSigning(payload, layer, material.annotations), sample.digest, ("content",), "bit")
        case LegacyAttestation():
            envelope = _flipped(random, material.envelope)
            mutant = LegacyAttestation(envelope, Digest.of(envelope), material.annotations)
            return Mutant(mutant, sample.digest, ("content",), "bit")


def _branch(random: Random, sample: Sample, tree: Any, path: Path) -> Mutant | None:
    """Take away, double or empty something that holds others."""
    if not path:
        return None
    depth = random.randrange(1, len(path) + 1)
    parent, key = _at(tree, path[: depth - 1]), path[depth - 1]
    changed: Any
    if random.random() < 0.5:
        how = "taken away"
        changed = (
            {name: each for name, each in parent.items() if name != key}
            if isinstance(parent, dict)
            else [each for number, each in enumerate(parent) if number != key]
        )
    elif isinstance(parent, list):
        how, changed = "doubled", [*parent, parent[int(key)]]
    else:
        how, changed = "emptied", {**parent, key: random.choice([None, "", [], {}, 0, "0"])}
    return _rebuilt(sample, tree, path[: depth - 1], changed, f"{key} {how}")


def _borrowed(sample: Sample, tree: Any, path: Path, other: Any) -> Mutant | None:
    """What another good sample has at the same place, or at a part of it."""
    for depth in range(len(path), 0, -1):
        try:
            found = _at(other, path[:depth])
        except (KeyError, IndexError, TypeError):
            continue
        return _rebuilt(sample, tree, path[:depth], found, "borrowed")
    return None


def _leaf(random: Random, value: Any) -> tuple[str, Any]:
    match value:
        case _Bytes(value=plain, encoding=encoding):
            how, change = random.choice(_BYTES)
            return how, _Bytes(change(random, plain), encoding)
        case bool() | None:
            return "emptied", None
        case int():
            return "number", random.choice([value + 1, value - 1, 0, -value, value + 2**32, str(value)])
        case str() if value.isdigit():
            return "number", str(random.choice([int(value) + 1, int(value) - 1, 0, int(value) + 2**32, f"0{value}"]))
        case str():
            return "text", _other_text(random, value)
        case _:
            return "nothing", None


def _other_text(random: Random, text: str) -> str:
    if not text:
        return "x"
    position = random.randrange(len(text))
    letter = random.choice([each for each in 'aZ0 /\n"=.' if each != text[position]])
    return random.choice(
        [
            text[:position] + letter + text[position + 1 :],
            text[:position] + text[position + 1 :],
            text + letter,
            text.upper(),
        ]
    )


def _flipped(random: Random, plain: bytes) -> bytes:
    if not plain:
        return b"\x00"
    changed = bytearray(plain)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _twin(_random: Random, plain: bytes) -> bytes:
    """ECDSA's other signature of the same message: (r, n - s)."""
    try:
        r, s = decode_dss_signature(plain)
    except ValueError:
        return plain
    return encode_dss_signature(r, _P256_ORDER - s) if 0 < s < _P256_ORDER else plain


_BYTES: Final[list[tuple[str, Callable[[Random, bytes], bytes]]]] = [
    *[("bit", _flipped)] * 6,
    ("shortened", lambda random, plain: plain[: random.randrange(len(plain) + 1)]),
    ("lengthened", lambda random, plain: plain + random.randbytes(1 + random.randrange(4))),
    ("twin", _twin),
    ("overwritten", lambda random, plain: random.randbytes(len(plain))),
]


# ── trees ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """Every leaf."""
    if isinstance(tree, dict) and tree:
        for name, each in tree.items():
            yield from _paths(each, (*path, name))
    elif isinstance(tree, list) and tree:
        for number, each in enumerate(tree):
            yield from _paths(each, (*path, number))
    else:
        yield path


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _replaced(tree: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    key, *rest = path
    if isinstance(tree, dict):
        return {**tree, key: _replaced(tree[key], tuple(rest), value)}
    return [_replaced(each, tuple(rest), value) if number == key else each for number, each in enumerate(tree)]
