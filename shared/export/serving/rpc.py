"""TensorFlow Serving over gRPC, with the messages of tensorflow-serving-api."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.arrays import as_array
from twotrack.shared.export.serving.connection import LARGEST, Address, Connection, NotFoundError
from twotrack.shared.export.serving.protos import protos
from twotrack.shared.export.serving.signature import ServedModel, Signature, Version, read_model, read_versions
from twotrack.shared.export.serving.tensors import read_all, to_proto

LIMITS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", LARGEST)]
"""gRPC alone refuses answers above 4 MB."""
SIGNATURES = "signature_def"


class GrpcConnection(Connection):
    """A server's gRPC port."""

    def __init__(self, address: Address, timeout: float):
        super().__init__(address, timeout)
        self._protos = protos()
        import grpc

        self._channel = grpc.insecure_channel(str(address), options=LIMITS)
        self._predictions = self._protos.prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = self._protos.model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        """See `Connection`."""
        self._channel.close()

    def model(self, name: str, version: int | None) -> ServedModel:
        """See `Connection`."""
        request = self._protos.get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[SIGNATURES])
        _name(request.model_spec, name, version)
        return read_model(self._metadata(self._ask(self._predictions.GetModelMetadata, request)), str(self.address))

    def versions(self, name: str) -> tuple[Version, ...]:
        """See `Connection`."""
        request = self._protos.get_model_status_pb2.GetModelStatusRequest()
        _name(request.model_spec, name, None)
        return read_versions(_as_json(self._ask(self._models.GetModelStatus, request)), str(self.address))

    def predict(
        self, model: ServedModel, signature: Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """See `Connection`."""
        request = self._protos.predict_pb2.PredictRequest()
        _name(request.model_spec, model.name, model.version)
        request.model_spec.signature_name = signature.name
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(to_proto(array))
        outputs = read_all(self._ask(self._predictions.Predict, request).outputs)
        place = f"the answer of {self.address}"
        if outputs.keys() != signature.outputs.keys():
            expected, actual = ", ".join(signature.outputs), ", ".join(outputs) or "nothing"
            raise UserError(f"{place}: expected {expected}, found {actual}.")
        return {name: as_array(outputs[name], tensor, f"{place}: {name}") for name, tensor in signature.outputs.items()}

    def _metadata(self, answer: Any) -> dict[str, Any]:
        """Return the answer as the REST interface has it."""
        signatures = self._protos.get_model_metadata_pb2.SignatureDefMap()
        answer.metadata[SIGNATURES].Unpack(signatures)
        return {"model_spec": _as_json(answer.model_spec), "metadata": {SIGNATURES: _as_json(signatures)}}

    def _ask(self, call: Callable[..., Any], request: Any) -> Any:
        import grpc

        try:
            return call(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise self._error(error.code(), error.details() or "no reason given") from error

    def _error(self, code: Any, details: str) -> Exception:
        from grpc import StatusCode

        if code == StatusCode.NOT_FOUND:
            return NotFoundError(details)
        if code == StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
            return self.too_large()
        if code == StatusCode.DEADLINE_EXCEEDED:
            return self.too_slow()
        if code in {StatusCode.UNAVAILABLE, StatusCode.UNIMPLEMENTED, StatusCode.INTERNAL, StatusCode.UNKNOWN}:
            return self.absent(details, " If it is a REST port, say --protocol rest.")
        return UserError(f"the server at {self.address} refused ({code.name}): {details}")


def _name(spec: Any, name: str, version: int | None) -> None:
    spec.name = name
    if version is not None:
        spec.version.value = version


def _as_json(message: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(message, preserving_proto_field_name=True)
