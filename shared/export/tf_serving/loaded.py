"""The signatures of a SavedModel, and asking one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twotrack.shared.export.serving.protos import protos
from twotrack.shared.export.serving.signature import DTYPES, shape_text
from twotrack.shared.export.tf_serving.loader import LoadedModel, TensorPlace
from twotrack.shared.export.tf_serving.names import DEFAULT


@dataclass(frozen=True)
class LoadedTensor:
    """An input or output, and where in the graph it is."""

    place: TensorPlace
    dtype: int
    shape: tuple[int, ...] | None
    """-1 where any size is taken; None if any number of axes is."""

    @property
    def type(self) -> str:
        """The name of the type, as NumPy has it, or string."""
        name = protos().types_pb2.DataType.Name(self.dtype)
        return DTYPES.get(name, name)

    @property
    def shape_text(self) -> str:
        """The shape for people: (batch, 28, 28)."""
        return shape_text(self.shape)

    @classmethod
    def of(cls, info: Any) -> "LoadedTensor":
        """Read a TensorInfo."""
        shape = info.tensor_shape
        sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
        return cls(TensorPlace.parse(info.name), info.dtype, sizes)


@dataclass(frozen=True)
class LoadedSignature:
    """What the model can be asked."""

    method: str
    inputs: Mapping[str, LoadedTensor]
    outputs: Mapping[str, LoadedTensor]

    def ask(self, model: LoadedModel, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name; ServingError with the runtime's message if it refuses."""
        fed = {self.inputs[name].place: array for name, array in given.items()}
        arrays = model.run(fed, [output.place for output in self.outputs.values()])
        return dict(zip(self.outputs, arrays, strict=True))


def signatures(meta_graph: Any) -> dict[str, LoadedSignature]:
    """Return the signatures of a MetaGraph by name, those that a server offers; the default one first."""
    return {
        name: LoadedSignature(definition.method_name, _tensors(definition.inputs), _tensors(definition.outputs))
        for name, definition in sorted(meta_graph.signature_def.items(), key=lambda pair: (pair[0] != DEFAULT, pair[0]))
        if definition.method_name
    }


def _tensors(infos: Mapping[str, Any]) -> dict[str, LoadedTensor]:
    return {name: LoadedTensor.of(info) for name, info in sorted(infos.items())}


def meta_graph(content: bytes) -> Any:
    """Read the MetaGraph of saved_model.pb; DecodeError if it is damaged, IndexError if there is none."""
    return protos().saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
