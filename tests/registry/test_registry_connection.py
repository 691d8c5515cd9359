"""Answers byte by byte, as a server that may write anything would send them: each is read in one way, or not at all."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import RegistrySettings
from auditor.limits import DEFAULT
from auditor.model.evidence import FaultKind
from auditor.registry.connection import Connection, Sent
from auditor.registry.faults import Failed, from_exception
from auditor.registry.hosts import Origin
from auditor.registry.tls import Contexts
from auditor.registry.transport import PooledTransport
from tests.support.waiting import until

LIMITS: Final = replace(DEFAULT, header_bytes=2048, read_seconds=2.0)
BOUND: Final = 100
OK: Final = b"HTTP/1.1 200 OK\r\n"
HI: Final = OK + b"Content-Length: 2\r\n\r\nhi"


class Conversation(Struct):
    """What one client sent to a server that reads a request and then sends these pieces, once for each request."""

    requests: list[bytes]


@contextmanager
def talking(*answers: Sequence[bytes], each: int = 100, lingers: float = 0.0) -> Iterator[tuple[Origin, Conversation]]:
    """A server on loopback: the answer to each request is the next of `answers`, piece by piece.

    A connection is closed after `each` of them and after the last, `lingers` seconds later.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    heard = Conversation([])
    left = list(answers)

    def serve() -> None:
        while left:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(5)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(each):
                    if not (left and _answer(sock, heard, left)):
                        break
                time.sleep(lingers)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Origin("http", "127.0.0.1", listener.getsockname()[1]), heard
    finally:
        listener.close()
        thread.join(10)


def _answer(sock: socket.socket, heard: Conversation, left: list[Sequence[bytes]]) -> bool:
    """Whether the connection goes on after one request and its answer."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = sock.recv(4096)
        if not piece:
            return False
        request += piece
    heard.requests.append(request)
    for piece in left.pop(0):
        try:
            sock.sendall(piece)
        except OSError:
            return False
        time.sleep(0.002)
    return True


def sent(method: str = "GET", target: str = "/v2/", bound: int = BOUND, seconds: float = 5.0) -> Sent:
    headers = [("Host", "r.acme.example"), ("Accept", "*/*")]
    return Sent(method, target, headers, None, time.monotonic() + seconds, bound)


def exchanged(*pieces: bytes, method: str = "GET") -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection may be used again."""
    with talking(pieces) as (origin, _):
        connection = Connection(origin, None, LIMITS)
        question = sent(method)
        try:
            connection.open_until(question.deadline)
            answer = connection.exchange(question)
            return answer.status, bytes(answer.body), answer.reusable
        finally:
            connection.close()


def refused(*pieces: bytes, method: str = "GET") -> FaultKind:
    """The kind of fault that these bytes are."""
    try:
        got = exchanged(*pieces, method=method)
    except Failed as failure:
        return failure.fault.kind
    except (OSError, ValueError) as error:
        return from_exception(error, "r").fault.kind
    raise AssertionError(f"accepted as {got}")


CHUNKED: Final = OK + b"Transfer-Encoding: chunked\r\n\r\n"

READ = {
    "a length": ((HI,), (200, b"hi", True)),
    "nothing": ((OK + b"Content-Length: 0\r\n\r\n",), (200, b"", True)),
    "chunks": ((CHUNKED + b"1\r\nh\r\n1;x=y\r\ni\r\n0\r\nTrailer: x\r\n\r\n",), (200, b"hi", True)),
    "until it is closed": ((OK + b"\r\nh", b"i"), (200, b"hi", False)),
    "an end that is told": ((OK + b"Connection: Close\r\nContent-Length: 2\r\n\r\nhi",), (200, b"hi", False)),
    "HTTP/1.0": ((b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",), (200, b"hi", False)),
    "304 with the length of what it stands for": (
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",),
        (304, b"", True),
    ),
    "204": ((b"HTTP/1.1 204 No Content\r\n\r\n",), (204, b"", True)),
    "an interim answer before": ((b"HTTP/1.1 100 Continue\r\n\r\n" + HI,), (200, b"hi", True)),
    "early hints before": ((b"HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n", HI), (200, b"hi", True)),
    "another answer behind it": ((HI + HI.replace(b"hi", b"no"),), (200, b"hi", False)),
    "rubbish behind it": ((HI + b"rubbish",), (200, b"hi", False)),
    "no reason": ((b"HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nhi",), (404, b"hi", True)),
}


@pytest.mark.parametrize("name", READ)
def test_answers_that_are_read(name: str) -> None:
    pieces, expected = READ[name]
    assert exchanged(*pieces) == expected


HEADS = {
    "with a length": ((OK + b"Content-Length: 5000000\r\n\r\n",), (200, b"", True)),
    "with chunks": ((CHUNKED,), (200, b"", True)),
    "without either": ((b"HTTP/1.1 404 Not Found\r\n\r\n",), (404, b"", True)),
    "with a body that must not be": ((HI,), (200, b"", False)),
    "with chunks that must not be": ((CHUNKED + b"2\r\nhi\r\n0\r\n\r\n",), (200, b"", False)),
    "with rubbish for chunks": ((CHUNKED + b"rubbish",), (200, b"", False)),
    "with an end that is told": ((OK + b"Connection: close\r\n\r\n",), (200, b"", False)),
}


@pytest.mark.parametrize("name", HEADS)
def test_answers_to_head_have_no_body(name: str) -> None:
    pieces, expected = HEADS[name]
    assert exchanged(*pieces, method="HEAD") == expected


REFUSED = {
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", FaultKind.MALFORMED),
    "the same length twice": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", FaultKind.MALFORMED),
    "a length beside chunks": (
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        FaultKind.MALFORMED,
    ),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\nhi", FaultKind.MALFORMED),
    "a length in hexadecimal": (OK + b"Content-Length: 0x2\r\n\r\nhi", FaultKind.MALFORMED),
    "a length that no number holds": (OK + b"Content-Length: %s\r\n\r\nhi" % (b"9" * 40), FaultKind.MALFORMED),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", FaultKind.MALFORMED),
    "a folded header": (OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", FaultKind.MALFORMED),
    "a space before the colon": (OK + b"Content-Length : 2\r\n\r\nhi", FaultKind.MALFORMED),
    "a NUL in a header": (OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\nhi", FaultKind.MALFORMED),
    "chunks of no size": (CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n", FaultKind.MALFORMED),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        FaultKind.MALFORMED,
    ),
    "a version of its own": (b"HTTP/2 200\r\n\r\n", FaultKind.MALFORMED),
    "no HTTP": (b"<html></html>", FaultKind.MALFORMED),
    "less than its length": (OK + b"Content-Length: 3\r\n\r\nhi", FaultKind.CONNECTION),
    "chunks without their end": (CHUNKED + b"2\r\nhi\r\n", FaultKind.CONNECTION),
    "an encoding without an end": (OK + b"Transfer-Encoding: gzip\r\n\r\nhi", FaultKind.CONNECTION),
    "headers without an end": (OK + b"X: y\r\n", FaultKind.CONNECTION),
    "only an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n", FaultKind.CONNECTION),
    "nothing at all": (b"", FaultKind.CONNECTION),
    "a length above the bound": (OK + b"Content-Length: 101\r\n\r\n", FaultKind.TOO_LARGE),
    "chunks above the bound": (CHUNKED + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n", FaultKind.TOO_LARGE),
    "a body above the bound, until it is closed": (OK + b"\r\n" + b"x" * 101, FaultKind.TOO_LARGE),
    "headers without measure": (OK + b"X: y\r\n" * 1000, FaultKind.TOO_LARGE),
    "trailers without measure": (CHUNKED + b"1\r\nh\r\n0\r\n" + b"X: y\r\n" * 2000, FaultKind.TOO_LARGE),
    "extensions of chunks without measure": (CHUNKED + b"1;" + b"x" * 5000, FaultKind.TOO_LARGE),
    "interim answers without measure": (b"HTTP/1.1 100 Continue\r\n\r\n" * 500, FaultKind.TOO_LARGE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_answers_that_are_refused(name: str) -> None:
    answer, kind = REFUSED[name]
    assert refused(answer) is kind


@pytest.mark.parametrize("name", REFUSED)
def test_they_are_refused_in_pieces_as_well(name: str) -> None:
    answer, kind = REFUSED[name]
    assert refused(*(answer[at : at + 700] for at in range(0, len(answer), 700))) is kind


@given(st.sampled_from(sorted(READ)), st.lists(st.integers(1, 120), max_size=6))
def test_where_an_answer_is_cut_says_nothing(name: str, cuts: list[int]) -> None:
    """Without sockets: pieces of every size lead to the same status, headers and body."""
    pieces, (status, body, _) = READ[name]
    whole = b"".join(pieces)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    cut = [whole[start:end] for start, end in itertools.pairwise(places)]
    assert told([*cut, b""]) == told([whole, b""]) == (status, body)


def told(pieces: Sequence[bytes]) -> tuple[int, bytes]:
    """Status and body of what comes in these pieces."""
    connection = Connection(Origin("http", "127.0.0.1", 1), None, LIMITS)
    connection._socket = Pieces(pieces)  # type: ignore[assignment]
    connection.open_until(time.monotonic() + 5)
    answer = connection.exchange(sent())
    return answer.status, bytes(answer.body)


class Pieces:
    """A socket as far as an exchange needs one, from which these pieces come."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = iter(pieces)

    def settimeout(self, seconds: float) -> None:
        """Nothing waits."""

    def sendall(self, data: bytes) -> None:
        """Nobody reads."""

    def recv(self, _most: int) -> bytes:
        """The next piece."""
        return next(self._pieces)


@pytest.mark.parametrize(
    "question",
    [
        sent(target="/v2/ HTTP/1.1\r\nX: y"),
        sent(target="/v2/a b"),
        sent(target="/v2/\x00"),
        sent(target="/v2/ü"),
        sent(target=""),
        sent(method="GET /"),
        replace(sent(), headers=[("X", "a\r\nY: b")]),
        replace(sent(), headers=[("X", "a\nb")]),
        replace(sent(), headers=[("X", "\u20ac")]),
        replace(sent(), headers=[("X Y", "a")]),
        replace(sent(), headers=[("X:", "a")]),
        replace(sent(), headers=[("", "a")]),
    ],
)
def test_nothing_is_sent_that_could_be_read_as_another_request(question: Sent) -> None:
    with talking((HI,)) as (origin, heard):
        connection = Connection(origin, None, LIMITS)
        connection.open_until(time.monotonic() + 5)
        with pytest.raises(ValueError, match=r"no request line|no header|codec can't encode"):
            connection.exchange(question)
        connection.close()
    assert heard.requests == []


def test_what_is_sent() -> None:
    with talking((HI,)) as (origin, heard):
        connection = Connection(origin, None, LIMITS)
        question = replace(sent("POST", "/token?a=b"), content=b"form")
        connection.open_until(question.deadline)
        connection.exchange(question)
        connection.close()
    assert heard.requests == [b"POST /token?a=b HTTP/1.1\r\nHost: r.acme.example\r\nAccept: */*\r\n\r\nform"]


def transport() -> PooledTransport:
    settings: dict[str, RegistrySettings] = {}
    return PooledTransport(Contexts(settings, None), LIMITS)


def test_a_connection_is_used_again() -> None:
    with talking((HI,), (HI.replace(b"hi", b"ho"),)) as (origin, heard):
        pool = transport()
        assert [pool.send(origin, sent()).content for _ in range(2)] == [b"hi", b"ho"]
        pool.close()
    assert len(heard.requests) == 2


def test_an_answer_that_nobody_asked_for_answers_no_question() -> None:
    """A second answer behind the first would be taken for that of the next request: the connection is given up."""
    forged = HI.replace(b"hi", b"no")
    with talking((HI + forged,), (HI.replace(b"hi", b"ho"),)) as (origin, heard):
        pool = transport()
        assert pool.send(origin, sent()).content == b"hi"
        assert pool.send(origin, sent()).content == b"ho"
        pool.close()
    assert len(heard.requests) == 2


def test_a_body_behind_an_answer_to_head_is_no_answer() -> None:
    """It comes after the headers have been read: what is no HTTP ends the connection, and the question is asked on another."""
    late = (OK + b"Content-Length: 2\r\n\r\n", b"hi")
    with talking(late, (HI,), (HI.replace(b"hi", b"ho"),)) as (origin, _):
        pool = transport()
        assert pool.send(origin, sent("HEAD")).content == b""
        time.sleep(0.05)
        assert pool.send(origin, sent()).content in (b"hi", b"ho")
        pool.close()


def test_a_kept_connection_that_was_closed_costs_another_one() -> None:
    with talking((HI,), (HI.replace(b"hi", b"ho"),), each=1) as (origin, heard):
        pool = transport()
        assert pool.send(origin, sent()).content == b"hi"
        time.sleep(0.05)
        assert pool.send(origin, sent()).content == b"ho"
        pool.close()
    assert len(heard.requests) == 2


def test_a_slow_drip_ends_with_the_deadline() -> None:
    with talking([bytes([byte]) for byte in HI] * 200, lingers=0.5) as (origin, _):
        pool = transport()
        began = time.monotonic()
        with pytest.raises(Failed) as raised:
            pool.send(origin, sent(seconds=0.05))
        assert raised.value.fault.kind is FaultKind.TIMEOUT
        assert time.monotonic() - began < 10
        pool.close()


def test_stopping_ends_what_is_under_way() -> None:
    with talking((OK,), lingers=0.5) as (origin, heard):
        pool = transport()

        def stop() -> None:
            until(lambda: heard.requests)
            pool.stop()

        threading.Thread(target=stop).start()
        with pytest.raises(Failed) as raised:
            pool.send(origin, sent(seconds=60))
        assert raised.value.fault.kind is FaultKind.CONNECTION
        pool.close()
