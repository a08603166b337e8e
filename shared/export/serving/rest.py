"""TensorFlow Serving over REST: JSON over HTTP."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import requests

from twotrack.shared.base.deadline import within
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.arrays import as_array, as_values
from twotrack.shared.export.serving.connection import LARGEST, START, Connection, NotFoundError
from twotrack.shared.export.serving.signature import STRING, ServedModel, Signature, Version, read_model, read_versions

OK, NOT_FOUND = 200, 404
SHOWN = 300
"""Characters of an answer that a message shows."""
_PIECE = 2**16


class RestConnection(Connection):
    """A server's REST port."""

    def model(self, name: str, version: int | None) -> ServedModel:
        """See `Connection`."""
        path = f"{_path(name, version)}/metadata"
        return read_model(self._ask("GET", path), self._url(path))

    def versions(self, name: str) -> tuple[Version, ...]:
        """See `Connection`."""
        return read_versions(self._ask("GET", _path(name, None)), self._url(_path(name, None)))

    def predict(
        self, model: ServedModel, signature: Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """See `Connection`."""
        values = {name: _values(array, signature.inputs[name].dtype) for name, array in inputs.items()}
        body = {"signature_name": signature.name, "inputs": values}
        answer = self._ask("POST", f"{_path(model.name, model.version)}:predict", body)
        if "outputs" not in answer:
            raise self._stranger(json.dumps(answer))
        outputs = answer["outputs"]
        if len(signature.outputs) == 1:  # one that is alone comes without its name
            outputs = {next(iter(signature.outputs)): outputs}
        return self._arrays(outputs, signature)

    def close(self) -> None:
        """See `Connection`; every question has a connection of its own."""

    def _arrays(self, outputs: Any, signature: Signature) -> dict[str, np.ndarray]:
        if not isinstance(outputs, dict) or outputs.keys() != signature.outputs.keys():
            raise self._stranger(json.dumps(outputs))
        place = f"the answer of {self.address}"
        return {name: as_array(outputs[name], tensor, f"{place}: {name}") for name, tensor in signature.outputs.items()}

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer, content = within(self.timeout, lambda: self._send(method, path, body))
        except (TimeoutError, requests.Timeout) as error:
            raise self.too_slow() from error
        except requests.RequestException as error:
            raise self.absent(_reason(error), " If it is a gRPC port, say --protocol grpc.") from error
        return self._read(answer, content)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[requests.Response, bytes]:
        """Return the answer and its content, of which no more is read than an answer can have."""
        # A redirection would send the inputs to somebody else; TensorFlow Serving never asks for one.
        with requests.request(
            method, self._url(path), json=body, timeout=self.timeout, allow_redirects=False, stream=True
        ) as answer:
            return answer, self._limited(answer)

    def _limited(self, answer: requests.Response) -> bytes:
        end, content = time.monotonic() + self.timeout, bytearray()
        for piece in answer.iter_content(_PIECE):
            content += piece
            if len(content) > LARGEST:
                raise self.too_large()
            if time.monotonic() > end:
                raise TimeoutError
        return bytes(content)

    def _read(self, answer: requests.Response, raw: bytes) -> dict[str, Any]:
        said = raw.decode(errors="replace")
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise self._stranger(said, answer.headers.get("Content-Type", "")) from error
        if not isinstance(content, dict):
            raise self._stranger(said)
        if answer.status_code == OK:
            return content
        text = content.get("error")
        if not isinstance(text, str):
            raise self._stranger(said)
        if answer.status_code == NOT_FOUND:
            raise NotFoundError(text)
        raise UserError(f"the server at {self.address} refused: {text}")

    def _url(self, path: str) -> str:
        return f"http://{self.address}/v1/models/{path}"

    def _stranger(self, text: str, kind: str = "") -> UserError:
        start = " ".join(text[:SHOWN].split())
        return UserError(
            f"{self.address} answers, but not as TensorFlow Serving's REST interface does: expected its JSON, "
            f"found {kind or 'something else'} ({start[:80]!r}); {START}."
        )


def _path(name: str, version: int | None) -> str:
    return quote(name, safe="") + ("" if version is None else f"/versions/{version}")


def _values(array: np.ndarray, dtype: str) -> Any:
    """Return the array for JSON: texts as they are where they are UTF-8, else as {"b64": ...}."""
    if dtype != STRING:
        return as_values(array, "")
    try:
        [text.decode() for text in array.flat]
        return as_values(array, "")
    except UnicodeDecodeError:
        return as_values(array, "_bytes")


def _reason(error: BaseException) -> str:
    """Return what the innermost of chained errors says."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text if text.isprintable() else "what answers there speaks no HTTP"
