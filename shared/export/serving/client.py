"""Ask a served model about examples of one's own.

The server is asked for the model's signatures first: names, types and shapes are its own, and a mistake is told
before anything is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.export.serving.arrays import as_values
from twotrack.shared.export.serving.connection import Connection, NotFoundError, parse_address
from twotrack.shared.export.serving.inputs import read, sort_out
from twotrack.shared.export.serving.plausible import PROBABILITIES, require_plausible
from twotrack.shared.export.serving.signature import ServedModel, Signature

PROTOCOLS = ("rest", "grpc")
CLASS_NAME = "class_name"


@dataclass(frozen=True)
class ServingRequest:
    """What the command line asks for."""

    address: str
    model: str
    inputs: Sequence[str]
    protocol: str = "rest"
    signature: str | None = None
    version: int | None = None
    timeout: float = 10.0


@dataclass(frozen=True)
class ServedAnswer:
    """What the server said, and which version and signature it was asked for."""

    model: ServedModel
    signature: Signature
    names: tuple[str, ...]
    """A word for each example."""
    outputs: dict[str, np.ndarray]
    """(batch, ...) each."""

    def classes(self) -> list[tuple[str, str, float]] | None:
        """Return name, class and its probability of each example, or None if the model tells no classes."""
        if not {CLASS_NAME, PROBABILITIES} <= self.outputs.keys():
            return None
        classes, probabilities = self.outputs[CLASS_NAME], self.outputs[PROBABILITIES]
        if classes.shape != (len(self.names),) or len(probabilities) != len(self.names) or not probabilities[0].size:
            return None
        texts = [text.decode(errors="replace") for text in classes]
        best = probabilities.reshape(len(probabilities), -1).max(axis=1).tolist()
        return list(zip(self.names, texts, best, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return the whole answer; the same over both protocols."""
        return {
            "model": self.model.name,
            "version": self.model.version,
            "signature": self.signature.name,
            "examples": list(self.names),
            "outputs": {name: as_values(array, name) for name, array in self.outputs.items()},
        }


def ask(request: ServingRequest) -> ServedAnswer:
    """Ask the server; UserError for everything that can go wrong."""
    given = sort_out(request.inputs)
    if request.timeout <= 0:
        raise UserError(f"--timeout: expected seconds above 0, found {request.timeout:g}.")
    with connect(request.protocol, request.address, request.timeout) as server:
        try:
            model = server.model(request.model, request.version)
            examples = read(given, model, request.signature)
            outputs = server.predict(model, examples.signature, examples.inputs)
            require_plausible(outputs, examples.signature, len(examples.names), server.address)
        except NotFoundError as error:
            raise _not_found(server, request, str(error)) from error
    return ServedAnswer(model, examples.signature, examples.names, outputs)


def connect(protocol: str, address: str, timeout: float) -> Connection:
    """Return the connection; nothing is sent yet."""
    where = parse_address(address)
    if protocol == "rest":
        from twotrack.shared.export.serving.rest import RestConnection

        return RestConnection(where, timeout)
    if protocol == "grpc":
        from twotrack.shared.export.serving.rpc import GrpcConnection

        return GrpcConnection(where, timeout)
    raise unknown("protocol", protocol, PROTOCOLS)


def _not_found(server: Connection, request: ServingRequest, said: str) -> UserError:
    """Tell whether it is the model or the version that the server does not have, or a model that is not loaded."""
    try:
        versions = server.versions(request.model)
    except NotFoundError:
        return UserError(
            f"the server at {server.address} has no model '{request.model}' ({said}); "
            "models.config in the folder that it serves names those that it has."
        )
    known = ", ".join(map(str, versions)) or "none"
    lacking = "no version that is ready" if request.version is None else f"no version {request.version}"
    return UserError(f"model '{request.model}' at {server.address} has {lacking} ({said}); versions: {known}.")
