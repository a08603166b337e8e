"""What a server says of a model: its signatures with the names, types and shapes of what goes in and comes out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from twotrack.shared.errors import UserError, first_error, unknown

STRING = "string"
DEFAULT = "serving_default"
TEXT = "text"
"""The only input of a signature that takes texts as they are written."""
CLASSIFY = "tensorflow/serving/classify"
DTYPES = {
    "DT_BOOL": "bool",
    "DT_DOUBLE": "float64",
    "DT_FLOAT": "float32",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_STRING": STRING,
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
}
"""TensorFlow's names of types, and those of NumPy; other types are told by TensorFlow's name."""


@dataclass(frozen=True)
class Tensor:
    """One input or output."""

    dtype: str
    """As NumPy calls it, or string."""
    shape: tuple[int, ...] | None
    """Axes, batch first; -1: any length. None: any number of axes."""

    def __str__(self) -> str:
        return f"{self.dtype} {shape_text(self.shape)}"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array of this shape can be it."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            expected in {-1, length} for expected, length in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class Signature:
    """One way to ask the model."""

    name: str
    method: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    @property
    def encoded_input(self) -> str | None:
        """The only input, if it takes the bytes of files."""
        names = [name for name, tensor in self.inputs.items() if tensor.dtype == STRING and name.endswith("_bytes")]
        return names[0] if len(names) == len(self.inputs) == 1 else None

    @property
    def takes_texts(self) -> bool:
        """Whether its only input is one text for each example."""
        return self.inputs == {TEXT: Tensor(STRING, (-1,))}

    def __str__(self) -> str:
        inputs = ", ".join(f"{name} {tensor}" for name, tensor in self.inputs.items())
        return f"'{self.name}' takes {inputs}"


@dataclass(frozen=True)
class ServedModel:
    """One version of a model as it is served."""

    name: str
    version: int
    signatures: Mapping[str, Signature]

    def signature(self, name: str) -> Signature:
        """Return the signature; UserError with the nearest name if there is none of this name."""
        if name not in self.signatures:
            raise unknown("signature", name, self.signatures, f"Model '{self.name}' has no other.")
        return self.signatures[name]


@dataclass(frozen=True)
class Version:
    """A version of a model that the server knows of, and how it is: START, LOADING, AVAILABLE, UNLOADING or END."""

    number: int
    state: str
    error: str = ""

    def __str__(self) -> str:
        return f"{self.number} ({self.state}{': ' + self.error if self.error else ''})"


def shape_text(shape: Iterable[int] | None) -> str:
    """Return a shape for messages: (batch, 28, 28), or (batch, any) where a length is free."""
    if shape is None:
        return "(any shape)"
    axes = ["any" if length == -1 else str(length) for length in shape]
    if axes and axes[0] == "any":
        axes[0] = "batch"
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def read_model(answer: Any, place: str) -> ServedModel:
    """Return what a metadata answer, as JSON has it, says; UserError if it says something else."""
    description = _validated(_Metadata, answer, place)
    signatures = description.metadata.signature_def.signature_def
    return ServedModel(
        description.model_spec.name,
        description.model_spec.version,
        # The loader's own, such as __saved_model_init_op, are no way to ask the model.
        {name: _signature(name, signature) for name, signature in signatures.items() if not name.startswith("__")},
    )


def read_versions(answer: Any, place: str) -> tuple[Version, ...]:
    """Return what a status answer, as JSON has it, says; UserError if it says something else."""
    statuses = _validated(_Statuses, answer, place)
    return tuple(
        Version(version.version, version.state, version.status.error_message)
        for version in statuses.model_version_status
    )


class _Dim(BaseModel):
    size: int = 0


class _Shape(BaseModel):
    dim: list[_Dim] = []
    unknown_rank: bool = False


class _Info(BaseModel):
    dtype: str
    tensor_shape: _Shape = _Shape()


class _Signature(BaseModel):
    inputs: dict[str, _Info] = {}
    outputs: dict[str, _Info] = {}
    method_name: str = ""


class _SignatureMap(BaseModel):
    signature_def: dict[str, _Signature]


class _Signatures(BaseModel):
    signature_def: _SignatureMap


class _Spec(BaseModel):
    name: str
    version: int


class _Metadata(BaseModel):
    model_spec: _Spec
    metadata: _Signatures


class _Status(BaseModel):
    error_message: str = ""


class _VersionStatus(BaseModel):
    version: int
    state: str = "UNKNOWN"
    status: _Status = _Status()


class _Statuses(BaseModel):
    model_version_status: list[_VersionStatus] = []


def _validated(model: type[BaseModel], answer: Any, place: str) -> Any:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise UserError(
            f"{place}: expected an answer of TensorFlow Serving, found another one: {first_error(error)}; "
            "check HOST:PORT."
        ) from error


def _signature(name: str, signature: _Signature) -> Signature:
    return Signature(name, signature.method_name, _tensors(signature.inputs), _tensors(signature.outputs))


def _tensors(infos: Mapping[str, _Info]) -> dict[str, Tensor]:
    return {name: _tensor(info) for name, info in sorted(infos.items())}


def _tensor(info: _Info) -> Tensor:
    shape = None if info.tensor_shape.unknown_rank else tuple(dim.size for dim in info.tensor_shape.dim)
    return Tensor(DTYPES.get(info.dtype, info.dtype), shape)
