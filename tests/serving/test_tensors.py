"""TensorProto against TensorFlow's own functions."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.protos import protos
from twotrack.shared.export.serving.tensors import from_proto, to_proto
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import task

DTYPES = ("bool", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ARRAYS = [np.arange(-2, 4).reshape(2, 3, 1).astype(name) for name in DTYPES]
TEXTS = np.array([[b"a", "ü".encode()], [b"", b"\xff"]], object)


@dataclass(frozen=True)
class Made:
    arrays: list[tuple[str, Any]]
    """Name of the type, and the values as lists."""
    protos: list[str]
    """Base64."""


@task
def make(sent: list[str]) -> Made:
    """Read protos with TensorFlow, and write some with it."""
    import tensorflow as tf
    from tensorflow.core.framework.tensor_pb2 import TensorProto

    arrays = []
    for content in sent:
        array = tf.make_ndarray(TensorProto.FromString(base64.b64decode(content)))
        shown = array.tolist() if array.dtype != object else [[repr(one) for one in row] for row in array]
        arrays.append((array.dtype.name, shown))
    short = tf.make_tensor_proto(7.0, shape=(2, 2))
    written = [tf.make_tensor_proto(array) for array in (*ARRAYS, TEXTS)] + [short]
    return Made(arrays, [base64.b64encode(one.SerializeToString()).decode() for one in written])


def test_arrays_go_to_tensorflow_and_come_back(workers: WorkerPool):
    sent = [base64.b64encode(to_proto(array).SerializeToString()).decode() for array in (*ARRAYS, TEXTS)]

    answer = workers.call("keras:tensorflow", make, sent)

    assert answer.arrays[:-1] == [(array.dtype.name, array.tolist()) for array in ARRAYS]
    assert answer.arrays[-1] == ("object", [[repr(one) for one in row] for row in TEXTS])
    *read, texts, short = (
        from_proto(protos().tensor_pb2.TensorProto.FromString(base64.b64decode(one))) for one in answer.protos
    )
    for expected, found in zip(ARRAYS, read, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)
    assert texts.tolist() == TEXTS.tolist()
    np.testing.assert_array_equal(short, np.full((2, 2), 7, np.float32), strict=True)


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": 1, "float_val": [1.0, 2.0, 3.0]},
        {"dtype": 1, "tensor_content": b"\x00" * 7},
        {"dtype": 7, "tensor_content": b"abcdefgh"},
        {"dtype": 2, "tensor_content": b"\x00" * 8},
        {"dtype": 20},
    ],
)
def test_a_tensor_that_is_not_whole_is_refused(fields: dict[str, Any]):
    tensor = protos().tensor_pb2.TensorProto(**fields)
    tensor.tensor_shape.dim.add(size=2)

    with pytest.raises(UserError, match="the server answered with"):
        from_proto(tensor)


def test_a_few_bytes_cannot_claim_all_memory():
    tensor = protos().tensor_pb2.TensorProto(dtype=1, float_val=[0.0])
    tensor.tensor_shape.dim.add(size=2**62)

    with pytest.raises(UserError, match="at most"):
        from_proto(tensor)
