"""A weight file from the network: by https only, into the cache, given up within seconds if nothing answers."""

import hashlib
import re
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from twotrack.shared.base.deadline import within
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.weights.pretrained.backbones import OFFLINE, OnStep
from twotrack.shared.weights.pretrained.backbones.cache import cached

ANSWER_SECONDS = 8.0
"""How long nothing may come, at the start and between two parts."""
_PART_BYTES = 2**20
_HASH = re.compile(r"-([0-9a-f]{8,64})\.")
"""The first digits of a file's SHA-256 in its name, as torchvision publishes them."""


def download(url: str, on_step: OnStep) -> Path:
    """Return the cached file of the URL, downloaded if it is not there yet; UserError if it cannot be had."""
    address = urlsplit(url)
    name = re.sub(r"[^\w.-]", "_", Path(address.path).name)
    if address.scheme != "https" or not address.hostname or not name:
        raise UserError(f"--weights {url}: expected a file's URL that begins with https://.")

    def make(file: Path) -> None:
        on_step(f"downloading {url}")
        _fetch(url, file)
        _check_name(url, name, file)

    return cached(f"{hashlib.sha256(url.encode()).hexdigest()[:16]}-{name}", make)


def _fetch(url: str, file: Path) -> None:
    try:
        with within(ANSWER_SECONDS, lambda: _open(url)) as answer, file.open("wb") as out:
            expected = answer.headers.get("Content-Length")
            while part := answer.read(_PART_BYTES):
                out.write(part)
            if expected is not None and out.tell() != int(expected):
                raise URLError(f"it broke off after {out.tell():,} of {int(expected):,} bytes")
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise UserError(
            f"{url} cannot be downloaded ({getattr(error, 'reason', error)}); connect to the network, name a file "
            f"with --weights FILE, or take the backbone {OFFLINE}, whose weights need no network."
        ) from error


def _open(url: str) -> HTTPResponse:
    return build_opener(_HttpsOnly()).open(url, timeout=ANSWER_SECONDS)


class _HttpsOnly(HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != "https":
            raise URLError("it is forwarded to an address without https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_name(url: str, name: str, file: Path) -> None:
    promised, sha256 = _HASH.search(name), sha256_of(file)
    if promised and not sha256.startswith(promised[1]):
        raise UserError(
            f"{url}: expected a file whose SHA-256 begins with {promised[1]}, as its name says, found "
            f"{sha256[:12]}...; download it again, or name another one with --weights."
        )
