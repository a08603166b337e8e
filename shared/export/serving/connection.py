"""What every protocol has in common: where the server is, and what asking it can end in."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twotrack.shared.errors import UserError
from twotrack.shared.export.serving import GRPC_PORT, REST_PORT

if TYPE_CHECKING:
    import numpy as np

    from twotrack.shared.export.serving.signature import ServedModel, Signature, Version

LARGEST = 64 * 2**20
"""Bytes of an answer from which on it is not read."""
START = "start one with 'twotrack serve DIR', or correct HOST:PORT"


class NotFoundError(Exception):
    """The server has no such model, or no such version of it; the message is the server's own."""


@dataclass(frozen=True)
class Address:
    """HOST:PORT."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read HOST:PORT; UserError for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    plain = host and not set(host) & set("/@?#[] ") and (":" not in host or text.startswith("["))
    if not (colon and plain and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UserError(
            f"{text}: expected HOST:PORT, for example localhost:{REST_PORT} "
            f"(REST) or localhost:{GRPC_PORT} with --protocol grpc."
        )
    return Address(host, int(port))


class Connection(ABC):
    """A server that is asked over one protocol; within `timeout` seconds each time, or UserError."""

    def __init__(self, address: Address, timeout: float):
        self.address, self.timeout = address, timeout

    @abstractmethod
    def model(self, name: str, version: int | None) -> "ServedModel":
        """Return what the server says of a model, of its newest version if none is named; NotFoundError."""

    @abstractmethod
    def versions(self, name: str) -> "tuple[Version, ...]":
        """Return the versions of the model that the server knows of; NotFoundError."""

    @abstractmethod
    def predict(
        self, model: "ServedModel", signature: "Signature", inputs: "Mapping[str, np.ndarray]"
    ) -> "dict[str, np.ndarray]":
        """Return every output (batch, ...) by name; NotFoundError."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def too_slow(self) -> UserError:
        """Return the error for an answer that does not come."""
        return UserError(
            f"{self.address}: expected an answer within {self.timeout:g} s, found none; "
            "give it more time with --timeout, or look at the server's log."
        )

    def too_large(self) -> UserError:
        """Return the error for an answer that does not end."""
        return UserError(
            f"{self.address}: expected an answer of at most {LARGEST // 2**20} MiB, found a longer one; ask about "
            "fewer examples at a time."
        )

    def absent(self, reason: str, hint: str = "") -> UserError:
        """Return the error for a server that is not there."""
        return UserError(f"no TensorFlow Serving answers at {self.address} ({reason}); {START}.{hint}")
