"""Servers that are none, or that misbehave: one clear message, in time."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.serving.standin import DIGITS
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving import rest
from twotrack.shared.export.serving.client import PROTOCOLS, ServingRequest, ask

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html><h1>Welcome</h1>"
ERROR = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<h1>Bad gateway</h1>"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
Behaviour = Callable[[socket.socket], None]


def document(text: bytes) -> bytes:
    return JSON % (len(text), text)


def says(answer: bytes) -> Behaviour:
    def behave(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(answer)

    return behave


def hangs(peer: socket.socket) -> None:
    peer.recv(65536)
    time.sleep(3)


def trickles(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.sendall(ENDLESS)
    for _ in range(30):
        peer.sendall(b" ")
        time.sleep(0.1)


def closes(peer: socket.socket) -> None:
    peer.recv(65536)


@contextmanager
def listening(behave: Behaviour) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, behave), daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _serve(server: socket.socket, behave: Behaviour) -> None:
    with suppress(OSError):
        while True:
            peer, _ = server.accept()
            threading.Thread(target=_once, args=(peer, behave), daemon=True).start()


def _once(peer: socket.socket, behave: Behaviour) -> None:
    with peer, suppress(OSError):
        behave(peer)


def message(address: str, protocol: str) -> str:
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        ask(ServingRequest(address, DIGITS, ["image=1"], protocol, timeout=0.5))
    assert time.monotonic() - start < 2.0
    return str(error.value)


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (says(HTML), "found text/html"),
        (says(ERROR), "found text/html"),
        (says(MOVED), "answers, but not as TensorFlow Serving"),
        (says(b"\x00\xff" * 100 + b"\r\n\r\n"), "no TensorFlow Serving answers"),
        (closes, "no TensorFlow Serving answers"),
        (hangs, "within 0.5 s"),
        (trickles, "within 0.5 s"),
        (says(document(b"[]")), "answers, but not as TensorFlow Serving"),
        (says(document(b"[" * 200_000)), "answers, but not as TensorFlow Serving"),
        (says(document(b"{}")), "found another one: 'model_spec': field required"),
        (
            says(document(b'{"model_spec": {"name": "digits", "version": "x"}, "metadata": 3}')),
            "'model_spec.version': input should be a valid integer",
        ),
        (says(b"HTTP/1.1 503 X\r\nContent-Length: 21\r\n\r\n" + b'{"error": "too busy"}'), "refused: too busy"),
    ],
)
def test_rest(behave: Behaviour, expected: str):
    with listening(behave) as address:
        assert expected in message(address, "rest")


@pytest.mark.parametrize("coding", ["plain", "gzip"], ids=["endless", "a bomb"])
def test_an_answer_that_does_not_end_is_not_read_whole(coding: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest, "LARGEST", 2**20)
    piece = b" " * 2**20 if coding == "plain" else gzip.compress(bytes(2**24))
    head = ENDLESS if coding == "plain" else ENDLESS.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")

    def floods(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(head)
        while True:
            peer.sendall(piece)

    with listening(floods) as address, pytest.raises(UserError, match="expected an answer of at most 64 MiB"):
        ask(ServingRequest(address, DIGITS, ["image=1"], timeout=20.0))


@pytest.mark.parametrize(
    ("behave", "expected"), [(says(HTML), "no TensorFlow Serving answers"), (hangs, "within 0.5 s")]
)
def test_grpc(behave: Behaviour, expected: str):
    with listening(behave) as address:
        assert expected in message(address, "grpc")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_listens(protocol: str):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        text = message(f"127.0.0.1:{unused.getsockname()[1]}", protocol)

    assert "no TensorFlow Serving answers" in text
    assert "refused" in text
    assert "twotrack serve DIR" in text


@pytest.mark.parametrize(
    "outputs",
    [
        b"3",
        b'{"probabilities": [[0.5, 0.5]]}',
        b'{"probabilities": [["a", "b"]], "class_name": ["x"]}',
        b'{"probabilities": [[1], [1, 2]], "class_name": ["x"]}',
        b'{"probabilities": [[7, -6]], "class_name": ["x"]}',
        b'{"probabilities": [[NaN, 1]], "class_name": ["x"]}',
        b'{"probabilities": [[1e400, 0]], "class_name": ["x"]}',
        b'{"probabilities": [[0.5, 0.4]], "class_name": ["x"]}',
        b'{"probabilities": [], "class_name": []}',
        b'{"probabilities": [[0.5, 0.5], [0.5, 0.5]], "class_name": ["x", "x"]}',
        b'{"probabilities": [[0.5, 0.5]], "class_name": ["x", "x"]}',
        b'{"probabilities": ' + b"[" * 900 + b"]" * 900 + b', "class_name": ["x"]}',
    ],
)
def test_an_answer_other_than_the_metadata_promise_is_no_answer(outputs: bytes):
    import json

    from tests.serving.standin import metadata

    told = json.dumps(metadata("payments", None)).encode()

    def behave(peer: socket.socket) -> None:
        posted = peer.recv(65536).startswith(b"POST")
        peer.sendall(document(b'{"outputs": %s}' % outputs if posted else told))

    with listening(behave) as address, pytest.raises(UserError, match=r"expected|answer"):
        ask(ServingRequest(address, "payments", ["tenure=1", "charges=1", "contract=x"], timeout=2.0))
