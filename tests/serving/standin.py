"""A stand-in for TensorFlow Serving: real protocol, models of a line of NumPy.

It decodes and encodes on its own, and answers mistakes with the status codes and texts of the real server.
"""

import base64
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np

from twotrack.shared.export.serving.protos import protos

MESSAGES = protos()
DIGITS, PAYMENTS, MONTHLY, WRITTEN, LOADING = "digits", "payments", "monthly", "written", "loading"
TYPES = {"uint8": "DT_UINT8", "float32": "DT_FLOAT", "int64": "DT_INT64", "string": "DT_STRING", "bool": "DT_BOOL"}
SIGNATURES: dict[str, dict[str, dict[str, tuple[str, tuple[int, ...]]]]] = {
    DIGITS: {
        "serving_default": {"image": ("uint8", (-1, 4, 4))},
        "encoded_image": {"image_bytes": ("string", (-1,))},
    },
    PAYMENTS: {
        "serving_default": {"tenure": ("int64", (-1,)), "charges": ("float32", (-1,)), "contract": ("string", (-1,))}
    },
    WRITTEN: {"serving_default": {"tokens": ("int64", (-1, 3))}, "text": {"text": ("string", (-1,))}},
    MONTHLY: {"serving_default": {"charge": ("float32", (-1, 3)), "mask": ("bool", (-1, 3))}},
}
OUTPUTS = {"probabilities": ("float32", (-1, 2)), "class_name": ("string", (-1,))}
VERSIONS = {
    DIGITS: {1: "END", 2: "AVAILABLE"},
    PAYMENTS: {5: "AVAILABLE"},
    MONTHLY: {1: "AVAILABLE"},
    WRITTEN: {1: "AVAILABLE"},
}
VERSIONS[LOADING] = {1: "LOADING"}


class NotFoundError(Exception):
    pass


class InvalidError(Exception):
    pass


def probability(model: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return one number per example that depends on every input, its type, order and mask."""
    if model == DIGITS and "image" in inputs:
        return inputs["image"][:, 0, 1] / 255
    if model == DIGITS:
        return np.array([len(content) % 100 / 100 for content in inputs["image_bytes"]])
    if model == WRITTEN:
        return np.array([len(text.decode()) / 100 for text in inputs["text"]])
    if model == MONTHLY:
        return np.where(inputs["mask"], inputs["charge"], 0) @ np.array([1, 10, 100]) / 100_000
    lengths = np.array([len(text.decode()) for text in inputs["contract"]])
    return (inputs["tenure"] + inputs["charges"] * 10 + lengths) / 1000


def predict(model: str, version: int | None, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    serve(model, version)
    if signature not in SIGNATURES[model]:
        raise InvalidError(f'Serving signature name: "{signature}" not found in signature def')
    if inputs.keys() != SIGNATURES[model][signature].keys():
        raise InvalidError("input size does not match signature")
    if model == PAYMENTS and (inputs["tenure"] < 0).any():
        raise InvalidError("assertion failed: [tenure must not be negative]")
    share = probability(model, inputs).astype(np.float32)
    classes = np.array([b"yes" if one > 0.5 else b"no" for one in share], object)
    return {"probabilities": np.stack([1 - share, share], axis=1), "class_name": classes}


def serve(model: str, version: int | None) -> int:
    """Return the version that answers."""
    ready = [number for number, state in VERSIONS.get(model, {}).items() if state == "AVAILABLE"]
    if not ready or version not in {None, *ready}:
        raise NotFoundError(
            f"Servable not found for request: {f'Specific({model}, {version})' if version else f'Latest({model})'}"
        )
    return version or max(ready)


def metadata(model: str, version: int | None) -> dict[str, Any]:
    number = serve(model, version)
    signatures = {
        name: {"inputs": _infos(inputs), "outputs": _infos(OUTPUTS), "method_name": "tensorflow/serving/predict"}
        for name, inputs in SIGNATURES[model].items()
    }
    signatures["__saved_model_init_op"] = {"inputs": {}, "outputs": {}, "method_name": ""}
    return {
        "model_spec": {"name": model, "signature_name": "", "version": str(number)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _infos(tensors: dict[str, tuple[str, tuple[int, ...]]]) -> dict[str, Any]:
    return {
        name: {
            "dtype": TYPES[dtype],
            "tensor_shape": {"dim": [{"size": str(length), "name": ""} for length in shape], "unknown_rank": False},
            "name": f"{name}:0",
        }
        for name, (dtype, shape) in tensors.items()
    }


def statuses(model: str) -> dict[str, Any]:
    if model not in VERSIONS:
        raise NotFoundError(f"Could not find any versions of model {model}")
    return {
        "model_version_status": [
            {"version": str(number), "state": state, "status": {"error_code": "OK", "error_message": ""}}
            for number, state in VERSIONS[model].items()
        ]
    }


class Rest(BaseHTTPRequestHandler):
    PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata|:predict)?")

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(lambda model, version, verb: metadata(model, version) if verb else statuses(model))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(lambda model, version, verb: self._predict(model, version, body))

    def _predict(self, model: str, version: int | None, body: dict[str, Any]) -> dict[str, Any]:
        signature = body.get("signature_name", "serving_default")
        known = SIGNATURES[model].get(signature, {})
        inputs = {name: self._array(value, known[name][0]) for name, value in body["inputs"].items() if name in known}
        outputs = predict(model, version, signature, inputs)
        texts = [text.decode() for text in outputs["class_name"]]
        return {"outputs": {"probabilities": outputs["probabilities"].tolist(), "class_name": texts}}

    @staticmethod
    def _array(value: Any, dtype: str) -> np.ndarray:
        if dtype != "string":
            return np.array(value, dtype)
        texts = [base64.b64decode(one["b64"]) if isinstance(one, dict) else one.encode() for one in value]
        return np.array(texts, object)

    def _answer(self, make: Any) -> None:
        found = self.PATH.fullmatch(self.path)
        code, content = 400, {"error": f"Malformed request: {self.command} {self.path}"}
        if found:
            try:
                code, content = 200, make(found[1], int(found[2]) if found[2] else None, found[3])
            except NotFoundError as error:
                code, content = 404, {"error": str(error)}
            except InvalidError as error:
                code, content = 400, {"error": str(error)}
        answer = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Grpc(
    MESSAGES.prediction_service_pb2_grpc.PredictionServiceServicer, MESSAGES.model_service_pb2_grpc.ModelServiceServicer
):
    """Both services."""

    def add_to(self, server: grpc.Server) -> None:
        MESSAGES.prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self, server)
        MESSAGES.model_service_pb2_grpc.add_ModelServiceServicer_to_server(self, server)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        from google.protobuf.json_format import ParseDict

        with _status(context):
            found = metadata(request.model_spec.name, _version(request))
        answer = MESSAGES.get_model_metadata_pb2.GetModelMetadataResponse()
        ParseDict(found["model_spec"], answer.model_spec)
        signatures = MESSAGES.get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Pack(ParseDict(found["metadata"]["signature_def"], signatures))
        return answer

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        from google.protobuf.json_format import ParseDict

        with _status(context):
            found = statuses(request.model_spec.name)
        return ParseDict(found, MESSAGES.get_model_status_pb2.GetModelStatusResponse())

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        spec = request.model_spec
        with _status(context):
            inputs = {name: self._array(tensor) for name, tensor in request.inputs.items()}
            for name, array in inputs.items():  # unlike REST, gRPC converts nothing
                expected = SIGNATURES[spec.name].get(spec.signature_name, {}).get(name, ("", ()))[0]
                found = "string" if array.dtype == object else array.dtype.name
                if found != expected:
                    raise InvalidError(f"Expects arg[0] to be {expected} but {found} is provided")
            outputs = predict(spec.name, _version(request), spec.signature_name, inputs)
        answer = MESSAGES.predict_pb2.PredictResponse()
        probabilities, classes = answer.outputs["probabilities"], answer.outputs["class_name"]
        probabilities.dtype, classes.dtype = 1, 7
        for length in outputs["probabilities"].shape:
            probabilities.tensor_shape.dim.add(size=length)
        probabilities.float_val.extend(outputs["probabilities"].ravel().tolist())
        classes.tensor_shape.dim.add(size=len(outputs["class_name"]))
        classes.string_val.extend(outputs["class_name"])
        return answer

    @staticmethod
    def _array(tensor: Any) -> np.ndarray:
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        kinds = {1: "float32", 4: "uint8", 9: "int64", 10: "bool"}
        if tensor.dtype == 7:
            return np.array(list(tensor.string_val), object).reshape(shape)
        return np.frombuffer(tensor.tensor_content, kinds[tensor.dtype]).reshape(shape)


def _version(request: Any) -> int | None:
    return request.model_spec.version.value if request.model_spec.HasField("version") else None


@contextmanager
def _status(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        context.abort(grpc.StatusCode.NOT_FOUND, str(error))
    except InvalidError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


@contextmanager
def running() -> Iterator[dict[str, str]]:
    """Yield HOST:PORT of each protocol."""
    rest = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    threading.Thread(target=rest.serve_forever, args=(0.05,), daemon=True).start()
    server = grpc.server(ThreadPoolExecutor(4))
    Grpc().add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield {"rest": f"127.0.0.1:{rest.server_port}", "grpc": f"127.0.0.1:{port}"}
    finally:
        server.stop(0).wait()
        rest.shutdown()
        rest.server_close()
