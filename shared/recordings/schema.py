"""What `recording.json` says. The recorder of one file writes it by hand; here it is checked."""

from typing import Annotated, Literal

from annotated_types import Ge, MaxLen
from pydantic import Field, JsonValue, StringConstraints

from twotrack.shared.base.records import FrozenRecord

FORMAT, VERSION = "twotrack recording", 1
DRAWN = "drawn:"
"""Begins the hash of batches that are drawn from a pair's inputs alone, so that every side can train on them again."""
FileName = Annotated[str, StringConstraints(pattern=r"^tensors-[0-9]{5}\.safetensors$")]
"""No other file is opened, so that no path from a recording leads anywhere."""
Key = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
"""Of a tensor in one of the files."""
Text = Annotated[str, MaxLen(1000), StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Nothing that a terminal would obey."""
Whole = Annotated[int, Ge(0)]


class FileRecord(FrozenRecord):
    """One file of tensors."""

    bytes: Whole
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Environment(FrozenRecord):
    """Where a recording was made."""

    python: Text
    platform: Text
    packages: dict[Text, Text]


class Named(FrozenRecord):
    """A tensor that may have a name."""

    name: Text
    tensor: Key


class Weight(Named):
    """A weight before the first step."""

    trainable: bool


class Call(FrozenRecord):
    """One call of a layer in inference mode."""

    path: Text
    """A second call of a shared layer ends in #2."""
    kind: Text
    leaf: bool
    """Has no layers inside."""
    hyperparameters: dict[Text, JsonValue] = Field(default_factory=dict)
    inputs: list[Key]
    outputs: list[Key]


class Remembered(FrozenRecord):
    """What an optimizer remembers at a time."""

    updates: Whole | None = None
    """That it has done; None if it does not count, and without an optimizer."""
    state: dict[Text, dict[Text, Key]] = Field(default_factory=dict)
    """By slot, one name for what is the same in both frameworks, by weight."""


class Step(Remembered):
    """One training step, and what the optimizer remembers after its update."""

    number: Annotated[int, Ge(1)]
    epoch: Whole = 0
    batches: Text = ""
    """Hash of the numbers of all batches so far."""
    shapes: list[list[Whole]] = Field(default_factory=list)
    """Of the batch's arrays."""
    loss: float | None = None
    """Before the update; may be NaN."""
    penalty: float | None = None
    """What the loss holds for the weights alone; None if that is nothing."""
    learning_rate: float | None = None
    outputs: list[Named] = Field(default_factory=list)
    gradients: dict[Text, Key] = Field(default_factory=dict)
    weights: dict[Text, Key] = Field(default_factory=dict)
    """After the update."""


class Recording(Remembered):
    """A whole recording, and what the optimizer remembered before the steps of it; what was not seen is empty."""

    format: Literal["twotrack recording"]
    version: Literal[1]
    created: Text
    name: Text
    """Of the model."""
    framework: Literal["torch", "keras", "tf.keras"]
    backend: Text = ""
    names: Literal["own", "canonical"]
    """Whether weights and values have the framework's own names and axes, or canonical ones."""
    precision: Literal["float64", "float32", "float16", "bfloat16"]
    """Of the weights."""
    device: Text
    environment: Environment
    files: dict[FileName, FileRecord]
    weights: list[Weight] = Field(default_factory=list)
    inputs: list[Named] = Field(default_factory=list)
    outputs: list[Named] = Field(default_factory=list)
    """In inference mode, before training."""
    targets: list[Named] = Field(default_factory=list)
    calls: list[Call] = Field(default_factory=list)
    loss: dict[Text, JsonValue] = Field(default_factory=dict)
    """Settings."""
    optimizer: dict[Text, JsonValue] = Field(default_factory=dict)
    """Settings."""
    dropout: dict[Text, float] = Field(default_factory=dict)
    """Rates of layers that drop at random in training, by path; empty where none drops."""
    every: Annotated[int, Ge(1)] = 1
    steps: list[Step] = Field(default_factory=list)
    batches: Text = ""
    """Hash of the numbers of all batches."""
    without_counterpart: list[Text] = Field(default_factory=list)
    """Trained tensors that the other framework cannot have."""
    penalty_gradients: dict[Text, Key] = Field(default_factory=dict)
    """What the gradients of the first step hold for the weights alone."""
    validation: list[float] = Field(default_factory=list)
    """Loss after each epoch."""
    trained_outputs: list[Named] = Field(default_factory=list)

    @property
    def side(self) -> str:
        """The framework, with Keras' backend."""
        return f"{self.framework}:{self.backend}" if self.backend else self.framework
