"""Files of requests, as the server records and replays them: PredictionLogs in a TFRecord file.

Format of the file: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np
from google.protobuf.message import DecodeError

from shared.serving.protos import message
from shared.serving.tensors import from_message, to_message

_LENGTH, _CHECKSUM = struct.Struct("<Q"), struct.Struct("<I")


class DamagedLogError(ValueError):
    """The file cannot be read as requests; the message says why."""


@dataclass(frozen=True)
class Request:
    """One request to the model."""

    signature: str
    inputs: Mapping[str, np.ndarray]


def write(path: Path, model: str, requests: Iterable[Request]) -> None:
    """Write the requests as PredictionLogs."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(_frame(_log(model, request)) for request in requests))


def read(path: Path) -> list[Request]:
    """Read the requests to `predict`; DamagedLogError if the file is damaged, OSError if there is none."""
    try:
        logs = [message("PredictionLog").FromString(record) for record in _records(path.read_bytes())]
    except DecodeError as error:
        raise DamagedLogError(str(error)) from error
    asked = [log.predict_log.request for log in logs if log.HasField("predict_log")]
    return [
        Request(one.model_spec.signature_name, {pair.key: from_message(pair.value) for pair in one.inputs})
        for one in asked
    ]


def _log(model: str, request: Request) -> bytes:
    log = message("PredictionLog")()
    asked = log.predict_log.request
    asked.model_spec.name, asked.model_spec.signature_name = model, request.signature
    for name, array in request.inputs.items():
        asked.inputs.add(key=name, value=to_message(array))
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
