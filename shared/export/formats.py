"""The formats that `twotrack export` writes. Light: no framework and no NumPy."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.workers.door import open_track

if TYPE_CHECKING:
    from twotrack.shared.export.check import Compared
    from twotrack.shared.export.runtimes import Predict
    from twotrack.shared.export.subject import ExportSubject

LOGITS, PROBABILITIES = "logits", "probabilities"
"""The outputs of every exported model: (batch, classes or 1), and (batch, classes), as metrics take them."""
INPUT_TYPES = MappingProxyType({"real": "float32", "tokens": "int32", "mask": "bool"})
"""By the kind of an input, the type in which every exported model takes it; images have their channels last."""
TF_SERVING = "tf-serving"
"""The format that adds a version to a folder of models."""
OWN = "own"
"""As the place where a format is reloaded: on the track of the run."""


class Framework(Protocol):
    """What an export asks of a track, beside the contract of shared/spec/track.py."""

    def exporters(self) -> "Mapping[str, Callable[[ExportSubject, Path], None]]":
        """Return what writes a run's model with this framework, by the name of the format."""

    def openers(self) -> "Mapping[str, Callable[[Path], Predict]]":
        """Return what loads an exported model with this framework, by the name of the format."""


def _framework(track: str) -> Framework:
    return open_track(track, "cpu")


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
    reload_on: str | None
    """The track whose worker reloads it, or OWN; None for a process that imports no framework."""
    requires: tuple[str, ...] = ()
    """Modules beside those of the tracks that must be importable."""
    extra: str = "export"
    """That installs them."""

    def write(self, subject: "ExportSubject", path: Path) -> None:
        """Write the run's model, in a worker of `track`."""
        _framework(required(self.track)).exporters()[self.name](subject, path)

    def open(self, path: Path, track: str | None) -> "Predict":
        """Load it in a worker of the track that reloads; return what maps inputs to outputs, by name."""
        return _framework(required(track)).openers()[self.name](path)

    def check(self, path: Path, subject: "ExportSubject", track: str | None) -> "Compared":
        """Reload it there, and compare it with what the run has predicted."""
        from twotrack.shared.export.check import compare

        return compare(self, path, subject, track)

    def place(self, out: Path, model: str, server_tag: str | None) -> AbstractContextManager[Path]:
        """Give the path to write; once it is there, do what is left. UserError for a server's tag, if it has none."""
        if server_tag is not None:
            raise UserError(f"--server-tag is for the format '{TF_SERVING}' alone; leave it out for '{self.name}'.")
        return nullcontext(out)

    @property
    def missing(self) -> list[str]:
        """Required modules that are not installed."""
        return [module for module in self.requires if find_spec(module) is None]

    def require_modules(self) -> None:
        """Raise UserError if a module is missing."""
        if self.missing:
            raise UserError(
                f"the format '{self.name}' needs {' and '.join(self.missing)}, not installed here; run: "
                f"pip install -c constraints.txt -e '.[{self.extra}]'"
            )


@dataclass(frozen=True)
class TfServingFormat(Format):
    """A new version in a folder of models, which a gate checks."""

    def place(self, out: Path, model: str, server_tag: str | None) -> AbstractContextManager[Path]:
        """Give the place of the model's next version in the folder, and write what stands beside the models."""
        from twotrack.shared.export.serving import TAG
        from twotrack.shared.export.tf_serving.publishing import next_version

        return next_version(out, model, TAG if server_tag is None else server_tag)

    def check(self, path: Path, subject: "ExportSubject", track: str | None) -> "Compared":
        """Let the version go through the gate."""
        from twotrack.shared.export.tf_serving.gate import check_version

        return check_version(path)


@dataclass(frozen=True)
class RuntimeFormat(Format):
    """Loaded by a runtime that needs neither framework."""

    def open(self, path: Path, track: str | None) -> "Predict":
        """Load it in its own runtime."""
        from twotrack.shared.export.runtimes import RUNTIMES

        return RUNTIMES[self.name](path)


@dataclass(frozen=True)
class WeightsFormat(Format):
    """Weights in canonical form, which take no framework to write, and a track to build their model."""

    def write(self, subject: "ExportSubject", path: Path) -> None:
        """Write the weights."""
        from twotrack.shared.export.canonical import write

        write(subject, path)


@dataclass(frozen=True)
class CanonicalFormat(WeightsFormat):
    """The same, answered for by a track as it is."""

    def open(self, path: Path, track: str | None) -> "Predict":
        """Build the model on the track."""
        from twotrack.shared.export.canonical import open_weights

        return open_weights(path, required(track))


FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        TfServingFormat(
            TF_SERVING,
            suffix="",
            runtime="TensorFlow Serving's C++ runtime",
            track="keras:tensorflow",
            reload_on=None,
            requires=("google_crc32c", "tensorflow_serving"),
            extra="serving",
        ),
        RuntimeFormat(
            "onnx",
            suffix=".onnx",
            runtime="ONNX Runtime",
            track="torch",
            reload_on=None,
            requires=("onnx", "onnxruntime", "onnxscript"),
        ),
        RuntimeFormat(
            "litert",
            suffix=".tflite",
            runtime="LiteRT",
            track="keras:tensorflow",
            reload_on=None,
            requires=("ai_edge_litert",),
        ),
        Format("torch-export", suffix=".pt2", runtime="torch.export.load", track="torch", reload_on="torch"),
        Format(
            "keras",
            suffix=".keras",
            runtime="keras.saving.load_model",
            track="keras:tensorflow",
            reload_on="keras:tensorflow",
        ),
        CanonicalFormat("safetensors", suffix=".safetensors", runtime="the run's track", track=None, reload_on=OWN),
    )
}

TIMED: dict[str, Format] = {
    form.name: form
    for form in (
        WeightsFormat("torch", suffix=".safetensors", runtime="PyTorch, eager", track=None, reload_on="torch"),
        replace(FORMATS["keras"], name="keras-predict", runtime="Keras predict"),
        RuntimeFormat("saved-model", suffix="", runtime="SavedModel in C++", track="keras:tensorflow", reload_on=None),
        FORMATS["onnx"],
        FORMATS["litert"],
    )
}
"""What `twotrack latency` measures; all take the same prepared inputs."""


def required(track: str | None) -> str:
    """Return the track; ValueError for none, which a format that needs one must not get."""
    if track is None:
        raise ValueError("expected a track, found none.")
    return track


def get(name: str) -> Format:
    """Return the format; UserError with the nearest name otherwise."""
    if name not in FORMATS:
        raise unknown("format", name, FORMATS, f"The formats are: {', '.join(FORMATS)}.")
    return FORMATS[name]
