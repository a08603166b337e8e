"""A weight file by URL: https only, whole or not at all, given up within seconds."""

import hashlib
import io
import socket
import time
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.backbones.refusals import refusal
from twotrack.shared.weights.pretrained.backbones import download, resnet

URL = "https://models.invalid/net-0123abcd.pth"

pytestmark = pytest.mark.usefixtures("cache")


class Answer(io.BytesIO):
    """What a server sends."""

    def __init__(self, content: bytes, length: int):
        super().__init__(content)
        self.headers = Message()
        self.headers["Content-Length"] = str(length)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Serve `content`, and count how often it is asked for."""
    state: dict[str, Any] = {"content": b"weights", "length": None, "asked": 0}

    def serve(url: str) -> Answer:
        state["asked"] += 1
        return Answer(state["content"], state["length"] or len(state["content"]))

    monkeypatch.setattr(download, "_open", serve)
    return state


def named(content: bytes) -> str:
    return f"https://models.invalid/net-{hashlib.sha256(content).hexdigest()[:8]}.pth"


def test_a_file_is_downloaded_once_and_again_if_the_cache_is_damaged(served: dict[str, Any], cache: Path):
    url = named(served["content"])

    first, second = download.download(url, print), download.download(url, print)

    assert first == second
    assert first.read_bytes() == b"weights"
    assert first.is_relative_to(cache)
    assert served["asked"] == 1
    first.write_bytes(b"weighty")
    assert download.download(url, print).read_bytes() == b"weights"
    assert served["asked"] == 2


def test_a_file_whose_hash_is_not_that_of_its_name_is_refused_and_not_kept(served: dict[str, Any], cache: Path):
    assert "expected a file whose SHA-256 begins with 0123abcd, as its name says" in refusal(URL)
    assert [file for file in cache.rglob("*") if file.is_file()] == []


def test_a_download_that_breaks_off_is_refused_and_not_kept(served: dict[str, Any], cache: Path):
    served["length"] = 100

    assert "cannot be downloaded (it broke off after 7 of 100 bytes); connect to the network" in refusal(URL)
    assert [file for file in cache.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize(
    "weights", ["http://models.invalid/net.pth", "file:///etc/passwd", "https://", "ftp://a/b.pth"]
)
def test_what_is_not_https_is_refused(weights: str):
    assert refusal(weights) == f"--weights {weights}: expected a file's URL that begins with https://."


def test_forwarding_to_an_address_without_https_is_refused():
    with pytest.raises(OSError, match="it is forwarded to an address without https"):
        download._HttpsOnly().redirect_request(None, None, 302, "Found", Message(), "http://models.invalid/net.pth")


def test_without_a_network_the_error_names_the_offline_backbone(monkeypatch: pytest.MonkeyPatch):
    unreachable = replace(resnet.PUBLISHED["resnet18"], url="https://127.0.0.1:9/resnet18-f37072fd.pth")
    monkeypatch.setattr(resnet, "PUBLISHED", {"resnet18": unreachable})

    found = refusal("imagenet")

    assert found.startswith("https://127.0.0.1:9/resnet18-f37072fd.pth cannot be downloaded (")
    assert found.endswith(
        "; connect to the network, name a file with --weights FILE, or take the backbone efficientnet_lite0, "
        "whose weights need no network."
    )


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch):
    assert download.ANSWER_SECONDS < 10
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()

        found = refusal(f"https://127.0.0.1:{silent.getsockname()[1]}/net.pth")

    assert "cannot be downloaded" in found
    assert time.monotonic() - start < 2


def test_a_name_that_is_looked_up_in_vain_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """The look-up has no time-out of its own."""
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(download, "_open", lambda url: time.sleep(3))

    assert "cannot be downloaded (no answer within 0.2 s)" in refusal(URL)


@pytest.mark.parametrize(
    ("backbone", "file"),
    [
        ("resnet18", "resnet18-f37072fd.pth"),
        ("resnet50", "resnet50-0676ba61.pth"),
        ("convnext_tiny", "convnext_tiny-983f1562.pth"),
    ],
)
def test_imagenet_is_the_file_that_torchvision_publishes(monkeypatch: pytest.MonkeyPatch, backbone: str, file: str):
    asked: list[str] = []
    monkeypatch.setattr(download, "_open", lambda url: asked.append(url) or Answer(b"", 0))

    digits = Path(file).stem.partition("-")[2]
    assert f"begins with {digits}" in refusal("imagenet", backbone)
    assert asked == [f"https://download.pytorch.org/models/{file}"]
