"""Files of requests, as the server records and replays them: PredictionLogs in a TFRecord file.

Format of the file: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from google.protobuf.message import DecodeError

from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.protos import protos
from twotrack.shared.export.serving.tensors import from_proto, to_proto
from twotrack.shared.export.tf_serving.names import CLASSIFY

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")


class DamagedLogError(ValueError):
    """The file cannot be read as requests; the message says why."""


@dataclass(frozen=True)
class LoggedRequest:
    """One request to a model."""

    signature: str
    inputs: Mapping[str, np.ndarray]
    """(batch, ...) by name; texts are arrays of bytes objects."""

    def first(self, size: int) -> "LoggedRequest":
        """Return the same for the first `size` examples."""
        return LoggedRequest(self.signature, {name: array[:size] for name, array in self.inputs.items()})

    @property
    def is_predict(self) -> bool:
        """Whether the server answers it by the method `predict`."""
        return self.signature != CLASSIFY


def write(path: Path, model: str, requests: Iterable[LoggedRequest]) -> None:
    """Write the requests as PredictionLogs."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(_frame(_log(model, request)) for request in requests))


def read(path: Path) -> list[LoggedRequest]:
    """Read the requests to `predict`; DamagedLogError if the file is damaged, OSError if there is none."""
    try:
        logs = [
            protos().prediction_log_pb2.PredictionLog.FromString(record) for record in _records(ordinary.bytes_of(path))
        ]
    except DecodeError as error:
        raise DamagedLogError(str(error)) from error
    return [_request(log.predict_log.request) for log in logs if log.HasField("predict_log")]


def _request(message: Any) -> LoggedRequest:
    try:
        inputs = {name: from_proto(tensor) for name, tensor in message.inputs.items()}
    except UserError as error:
        raise DamagedLogError(str(error)) from error
    return LoggedRequest(message.model_spec.signature_name, inputs)


def _log(model: str, request: LoggedRequest) -> bytes:
    log = protos().prediction_log_pb2.PredictionLog()
    message = log.predict_log.request
    message.model_spec.name, message.model_spec.signature_name = model, request.signature
    for name, array in request.inputs.items():
        message.inputs[name].CopyFrom(to_proto(array))
    return log.SerializeToString()


def _frame(record: bytes) -> bytes:
    """Return a record of a TFRecord file: its length and its bytes, each followed by a checksum."""
    length = _LENGTH.pack(len(record))
    return length + _masked(length) + record + _masked(record)


def _masked(content: bytes) -> bytes:
    """Return TFRecord's own form of the CRC-32C."""
    checksum = google_crc32c.value(content)
    return _CHECKSUM.pack(((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _records(content: bytes) -> Iterator[bytes]:
    while content:
        length, content = content[: _LENGTH.size], content[_LENGTH.size :]
        checked, content = content[: _CHECKSUM.size], content[_CHECKSUM.size :]
        if len(length) < _LENGTH.size or checked != _masked(length):
            raise DamagedLogError("a damaged length")
        (size,) = _LENGTH.unpack(length)
        record, content = content[:size], content[size:]
        checked, content = content[: _CHECKSUM.size], content[_CHECKSUM.size :]
        if checked != _masked(record):
            raise DamagedLogError("a damaged record")
        yield record
