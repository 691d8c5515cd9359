"""One spelling per value: what can be read in two ways is not read at all."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from itertools import product

import pytest

from auditor.signatures.encoding import (
    Json,
    Malformed,
    decode_base64,
    is_base64_of,
    natural,
    number,
    parse_object,
    text_of,
)
from auditor.signatures.envelope import parse_envelope
from auditor.signatures.root import moment


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1} {"a": 1}',
        b"{'a': 1}",
        b'\xff{"a": 1}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_ambiguous_json_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse_object(text, "it")


@pytest.mark.parametrize("text", ["YQ==", "", "YWJj", "++//"])
def test_base64(text: str) -> None:
    assert isinstance(decode_base64(text, "it"), bytes)


@pytest.mark.parametrize(
    "text", ["YQ", "YR==", "YQ=", "YQ===", "YQ==\n", " YQ==", "Y Q==", "-_-_", "YQ==YQ==", "é", None, 1, b"YQ=="]
)
def test_other_spellings_of_base64_are_malformed(text: Json) -> None:
    with pytest.raises(Malformed):
        decode_base64(text, "it")


def test_text_is_base64_exactly_where_its_bytes_encode_to_it() -> None:
    """Every text of up to eight characters out of some that matter, against the plain definition."""
    for length in range(9):
        for characters in product("AB=\n", repeat=length):
            text = "".join(characters)
            try:
                decoded = decode_base64(text, "it")
            except Malformed:
                decoded = None
            assert decoded == _plainly_decoded(text), repr(text)


def _plainly_decoded(text: str) -> bytes | None:
    try:
        decoded = b64decode(text)
    except binascii.Error:
        return None
    return decoded if b64encode(decoded).decode() == text else None


def test_text_is_the_base64_of_one_content() -> None:
    assert is_base64_of("YWJj", b"abc", "it")
    assert is_base64_of("", b"", "it")
    assert not is_base64_of("YWJk", b"abc", "it")
    assert not is_base64_of("", b"abc", "it")
    for malformed in ("YW Jj", "YWJj\n", "YR==", None, 1):
        with pytest.raises(Malformed):
            is_base64_of(malformed, b"abc", "it")


def test_line_breaks_in_base64_only_where_they_are_allowed() -> None:
    assert decode_base64("YW\r\nJj\n", "it", lines=True) == b"abc"
    with pytest.raises(Malformed):
        decode_base64("YW\tJj", "it", lines=True)


@pytest.mark.parametrize(("value", "expected"), [(None, 0), (0, 0), ("0", 0), (7, 7), ("7", 7), (2**64 - 1, 2**64 - 1)])
def test_natural(value: Json, expected: int) -> None:
    assert natural(value, "it") == expected


@pytest.mark.parametrize("value", [-1, "-1", "+1", "01", "", " 1", "1.0", 1.0, True, 2**64, str(2**64), "٣", [], {}])
def test_what_is_no_natural_number(value: Json) -> None:
    with pytest.raises(Malformed):
        natural(value, "it")


@pytest.mark.parametrize("value", [None, "7", 7.0])
def test_number_must_be_there_and_a_number(value: Json) -> None:
    assert number(7, "it") == 7
    with pytest.raises(Malformed):
        number(value, "it")


@pytest.mark.parametrize("value", ["", None, 1, "\ud800"])
def test_what_is_no_text(value: Json) -> None:
    with pytest.raises(Malformed):
        text_of(value, "it")


def test_moments_keep_their_fraction() -> None:
    assert moment("2022-10-31T23:59:59.999Z", "it").microsecond == 999_000
    assert moment("2022-10-31T23:59:59.123456789Z", "it").microsecond == 123_456
    assert moment("2026-03-01T02:00:00+02:00", "it") == moment("2026-03-01T00:00:00Z", "it")


@pytest.mark.parametrize(
    "text", ["2022-10-31", "2022-10-31T23:59:59", "2022-10-31 23:59:59Z", "2022-02-30T00:00:00Z", "x", None]
)
def test_what_is_no_moment(text: Json) -> None:
    with pytest.raises(Malformed):
        moment(text, "it")


@pytest.mark.parametrize(
    "envelope",
    [
        b'{"payload": "e30=", "payloadType": "t", "signatures": []}',
        b'{"payload": "e30=", "payloadType": "t"}',
        b'{"payload": "e30=", "payloadType": "t", "signatures": [{"sig": ""}]}',
        b'{"payload": "e30=", "payloadType": "t", "signatures": [{"sig": "YQ=="}, {"sig": "YQ=="}]}',
        b'{"payload": "e30=", "payloadType": "", "signatures": [{"sig": "YQ=="}]}',
        b'{"payload": "e30", "payloadType": "t", "signatures": [{"sig": "YQ=="}]}',
        b'{"payload": "e30=", "payloadType": "t", "signatures": [{"sig": "YQ=="}], "more": 1}',
    ],
)
def test_envelope_with_anything_but_one_signature_is_malformed(envelope: bytes) -> None:
    with pytest.raises(Malformed):
        parse_envelope(envelope)


def test_pae_counts_bytes_and_not_characters() -> None:
    envelope = parse_envelope('{"payload": "w6k=", "payloadType": "é", "signatures": [{"sig": "YQ=="}]}'.encode())
    assert envelope.pae == b"DSSEv1 2 \xc3\xa9 2 \xc3\xa9"
