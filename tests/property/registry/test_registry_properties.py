from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.evidence import FaultKind
from auditor.registry.challenge import parse
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin, is_internal, objection
from auditor.registry.manifest import parse as parse_manifest
from auditor.registry.pace import retry_after

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
QUOTED = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["sha256:" + "a" * 64, "layers"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "layers",
                    "manifests",
                    "config",
                    "mediaType",
                    "digest",
                    "size",
                    "annotations",
                    "platform",
                    "data",
                    "os",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.text(max_size=200))
def test_no_header_breaks_the_parser(header: str) -> None:
    parse(header)


@given(st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS, QUOTED, min_size=1, max_size=4)), min_size=1, max_size=4))
def test_what_is_written_is_read(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert [(c.scheme, dict(c.parameters)) for c in parse(header)] == challenges


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_address_is_the_same_address(address: object) -> None:
    number = int(address)  # type: ignore[call-overload]
    parts = [number >> 24, (number >> 16) & 255, (number >> 8) & 255, number & 255]
    spellings = {
        str(address),
        str(number),
        hex(number),
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"::ffff:{address}",
    }
    assert len({is_internal(spelling) for spelling in spellings}) == 1


@given(st.text(max_size=60))
def test_no_target_breaks_the_check(target: str) -> None:
    objection(target, Origin.of("https://registry.acme.example"))


@given(JSON)
def test_no_manifest_breaks_the_parser(document: object) -> None:
    kinds = []
    try:
        parse_manifest(json.dumps(document).encode(), "application/json", "it")
    except Failed as failure:
        kinds.append(failure.fault.kind)
    assert set(kinds) <= {FaultKind.MALFORMED, FaultKind.UNSUPPORTED}


@given(st.binary(max_size=100))
def test_inline_data_comes_back(content: bytes) -> None:
    layer = {"mediaType": "x", "digest": "sha256:" + "0" * 64, "size": 1, "data": base64.b64encode(content).decode()}
    document = parse_manifest(json.dumps({"config": {}, "layers": [layer]}).encode(), "", "it")
    assert document.layers[0].data == content


@given(
    st.text(max_size=80)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,9} [A-Z][a-z]{2} \d{1,9} \d{1,9}:\d{1,9}:\d{1,9} [+-]?\d{1,20}")
)
def test_no_retry_after_breaks_the_reader(header: str) -> None:
    seconds = retry_after(header, datetime(2026, 1, 1, tzinfo=UTC))
    assert seconds is None or seconds >= 0


@given(st.text(max_size=40))
def test_no_host_breaks_the_reader(host: str) -> None:
    assert isinstance(is_internal(host), bool)
