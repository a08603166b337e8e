"""The formats that `twotrack export` writes. Light: no framework and no NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from types import MappingProxyType

from twotrack.shared.errors import UserError, unknown

LOGITS, PROBABILITIES = "logits", "probabilities"
"""The outputs of every exported model: (batch, classes or 1), and (batch, classes), as shared/metrics.py has them."""
INPUT_TYPES = MappingProxyType({"real": "float32", "tokens": "int32", "mask": "bool"})
"""By the kind of an input, the type in which every exported model takes it; images have their channels last."""
TF_SERVING = "tf-serving"
"""The format that adds a version to a folder of models."""
OWN = "own"
"""As the place where a format is reloaded: on the track of the run."""


@dataclass(frozen=True)
class Format:
    """One kind of file, or folder, that a run's model is exported to."""

    name: str
    suffix: str
    """How the name of the file must end; empty for a folder."""
    runtime: str
    """What reloads it, for tables and messages."""
    track: str | None
    """Whose model is written, whichever track trained the weights; None if it takes no framework."""
    write: str
    """module:function(subject, path), called in a worker of `track`."""
    reload_on: str | None
    """The track whose worker reloads it, or OWN; None for a process that imports no framework."""
    open: str = ""
    """module:function(path, track), called in a fresh worker; returns a function from inputs to outputs, by name."""
    requires: tuple[str, ...] = ()
    """Modules beside those of the tracks that must be importable."""
    extra: str = "export"
    """That installs them."""
    check: str = "twotrack.shared.export.check:compare"
    """module:function(format, path, subject, track), called in the worker that reloads; returns a Compared."""
    place: str = "twotrack.shared.export.workflow:as_named"
    """module:context manager(out, model), which gives the path to write and, once it is there, does what is left."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """By slug of the chapter, why its model cannot be had in this format."""

    @property
    def missing(self) -> list[str]:
        """Required modules that are not installed."""
        return [module for module in self.requires if find_spec(module) is None]

    def require(self, chapter: str) -> None:
        """Raise UserError if the chapter's model cannot be had in this format, or a module is missing."""
        if chapter in self.refusals:
            raise UserError(f"'{chapter}' cannot be exported to {self.name}: {self.refusals[chapter]}.")
        self.require_modules()

    def require_modules(self) -> None:
        """Raise UserError if a module is missing."""
        if self.missing:
            raise UserError(
                f"the format '{self.name}' needs {' and '.join(self.missing)}, not installed here; run: "
                f"pip install -c constraints.txt -e '.[{self.extra}]'"
            )


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format(
            TF_SERVING,
            suffix="",
            runtime="TensorFlow Serving's C++ runtime",
            track="keras:tensorflow",
            write="twotrack.shared.export.tf_serving.version:write",
            check="twotrack.shared.export.tf_serving.gate:check",
            place="twotrack.shared.export.tf_serving.publishing:next_version",
            reload_on=None,
            requires=("google_crc32c", "tensorflow_serving"),
            extra="serving",
        ),
        Format(
            "onnx",
            suffix=".onnx",
            runtime="ONNX Runtime",
            track="torch",
            write="twotrack.torch_track.export:onnx",
            open="twotrack.shared.export.runtimes:onnx",
            reload_on=None,
            requires=("onnx", "onnxruntime", "onnxscript"),
        ),
        Format(
            "litert",
            suffix=".tflite",
            runtime="LiteRT",
            track="keras:tensorflow",
            write="twotrack.keras_track.export:litert",
            open="twotrack.shared.export.runtimes:litert",
            reload_on=None,
            requires=("ai_edge_litert",),
        ),
        Format(
            "torch-export",
            suffix=".pt2",
            runtime="torch.export.load",
            track="torch",
            write="twotrack.torch_track.export:torch_export",
            open="twotrack.torch_track.export:open_torch_export",
            reload_on="torch",
        ),
        Format(
            "keras",
            suffix=".keras",
            runtime="keras.saving.load_model",
            track="keras:tensorflow",
            write="twotrack.keras_track.export:keras_file",
            open="twotrack.keras_track.export:open_keras_file",
            reload_on="keras:tensorflow",
        ),
        Format(
            "safetensors",
            suffix=".safetensors",
            runtime="the run's track",
            track=None,
            write="twotrack.shared.export.canonical:write",
            open="twotrack.shared.export.canonical:open_weights",
            reload_on=OWN,
        ),
    )
}

TIMED: dict[str, Format] = {
    one.name: one
    for one in (
        replace(
            FORMATS["safetensors"],
            name="torch",
            runtime="PyTorch, eager",
            open="twotrack.torch_track.export:open_eager",
            reload_on="torch",
        ),
        replace(
            FORMATS["keras"],
            name="keras-predict",
            runtime="Keras predict",
            open="twotrack.keras_track.export:open_predict",
        ),
        Format(
            "saved-model",
            suffix="",
            runtime="SavedModel in C++",
            track="keras:tensorflow",
            write="twotrack.keras_track.export:saved_model",
            open="twotrack.shared.export.runtimes:saved_model",
            reload_on=None,
        ),
        FORMATS["onnx"],
        FORMATS["litert"],
    )
}
"""What `twotrack latency` measures; all take the same prepared inputs."""


def get(name: str) -> Format:
    """Return the format; UserError with the nearest name otherwise."""
    if name not in FORMATS:
        raise unknown("format", name, FORMATS, f"The formats are: {', '.join(FORMATS)}.")
    return FORMATS[name]
