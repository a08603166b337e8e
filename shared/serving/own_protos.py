"""The few fields of TensorFlow's and TensorFlow Serving's messages that a check needs, without importing either.

Field numbers are theirs and never change; fields that are not described here are skipped. Of saved_model.proto,
op_def.proto, tensor.proto, prediction_log.proto and predict.proto.
"""

from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "twotrack"
_Field = descriptor_pb2.FieldDescriptorProto
_STRING, _BYTES, _BOOL = _Field.TYPE_STRING, _Field.TYPE_BYTES, _Field.TYPE_BOOL
_INT, _LONG, _FLOAT, _DOUBLE = _Field.TYPE_INT32, _Field.TYPE_INT64, _Field.TYPE_FLOAT, _Field.TYPE_DOUBLE
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED

_MESSAGES: dict[str, dict[str, tuple[int, object, int]]] = {
    "Dim": {"size": (1, _LONG, _ONE)},
    "Shape": {"dim": (2, "Dim", _MANY), "unknown_rank": (3, _BOOL, _ONE)},
    "TensorInfo": {"name": (1, _STRING, _ONE), "dtype": (2, _INT, _ONE), "tensor_shape": (3, "Shape", _ONE)},
    "Tensors": {"key": (1, _STRING, _ONE), "value": (2, "TensorInfo", _ONE)},
    "Signature": {
        "inputs": (1, "Tensors", _MANY),
        "outputs": (2, "Tensors", _MANY),
        "method_name": (3, _STRING, _ONE),
    },
    "Signatures": {"key": (1, _STRING, _ONE), "value": (2, "Signature", _ONE)},
    "Node": {"name": (1, _STRING, _ONE), "op": (2, _STRING, _ONE)},
    "Function": {"node_def": (3, "Node", _MANY)},
    "Library": {"function": (1, "Function", _MANY)},
    "Graph": {"node": (1, "Node", _MANY), "library": (2, "Library", _ONE)},
    "MetaGraph": {"graph_def": (2, "Graph", _ONE), "signature_def": (5, "Signatures", _MANY)},
    "SavedModel": {"meta_graphs": (2, "MetaGraph", _MANY)},
    "Operation": {"name": (1, _STRING, _ONE)},
    "Operations": {"op": (1, "Operation", _MANY)},
    "Tensor": {
        "dtype": (1, _INT, _ONE),
        "tensor_shape": (2, "Shape", _ONE),
        "tensor_content": (4, _BYTES, _ONE),
        "float_val": (5, _FLOAT, _MANY),
        "double_val": (6, _DOUBLE, _MANY),
        "int_val": (7, _INT, _MANY),
        "string_val": (8, _BYTES, _MANY),
        "int64_val": (10, _LONG, _MANY),
        "bool_val": (11, _BOOL, _MANY),
    },
    "NamedTensor": {"key": (1, _STRING, _ONE), "value": (2, "Tensor", _ONE)},
    "ModelSpec": {"name": (1, _STRING, _ONE), "signature_name": (3, _STRING, _ONE)},
    "PredictRequest": {"model_spec": (1, "ModelSpec", _ONE), "inputs": (2, "NamedTensor", _MANY)},
    "PredictLog": {"request": (1, "PredictRequest", _ONE)},
    "PredictionLog": {"predict_log": (6, "PredictLog", _ONE)},
}
"""By message the fields: number, type (another message by name), label. A map is a list of key and value."""


@cache
def message(name: str) -> type:
    """Return the class of a message."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="twotrack/saved_model.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind, label) in fields.items():
            own = {"type": kind} if isinstance(kind, int) else {"type_name": f".{_PACKAGE}.{kind}"}
            described.field.add(name=field, number=number, label=label, **own)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
