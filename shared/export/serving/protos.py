"""The messages of TensorFlow Serving, without TensorFlow.

The generated modules of tensorflow-serving-api import messages of the package `tensorflow`, and with it all of
TensorFlow: 10 s. The messages themselves are generated modules too, and need nothing of it. So the package stands
in as a bare folder while they are imported, which takes 0.2 s.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

from twotrack.shared.base.packages import folder_of
from twotrack.shared.errors import UserError

REMEDY = "pip install -c constraints.txt -e '.[serving]'"
MODULES = (
    "tensorflow.core.example.example_pb2",
    "tensorflow.core.framework.op_def_pb2",
    "tensorflow.core.framework.tensor_pb2",
    "tensorflow.core.framework.types_pb2",
    "tensorflow.core.protobuf.saved_model_pb2",
    "tensorflow_serving.apis.classification_pb2",
    "tensorflow_serving.apis.get_model_metadata_pb2",
    "tensorflow_serving.apis.get_model_status_pb2",
    "tensorflow_serving.apis.model_service_pb2_grpc",
    "tensorflow_serving.apis.predict_pb2",
    "tensorflow_serving.apis.prediction_log_pb2",
    "tensorflow_serving.apis.prediction_service_pb2_grpc",
)


@cache
def protos() -> SimpleNamespace:
    """Return the modules by the last part of their names; UserError if the extra `serving` is not installed."""
    missing = [name for name in ("grpc", "tensorflow", "tensorflow_serving") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"the messages of TensorFlow Serving need packages that are not installed ({', '.join(missing)}); "
            f"run: {REMEDY}. Requests over REST need none of them."
        )
    with _bare_package("tensorflow"):
        return SimpleNamespace(**{name.rpartition(".")[2]: importlib.import_module(name) for name in MODULES})


@contextmanager
def _bare_package(name: str) -> Iterator[None]:
    """Let modules below a package be imported without running the package's own code, unless it ran already."""
    if name in sys.modules:
        yield
        return
    bare = ModuleType(name)
    bare.__path__ = [str(folder_of(name))]
    sys.modules[name] = bare
    try:
        yield
    finally:
        del sys.modules[name]
