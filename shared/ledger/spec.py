"""What an entry of the ledger holds, and what it is asked about: a failure, a chapter's make-up, a model's weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from math import isclose
from typing import TYPE_CHECKING, Any

from twotrack.shared.base.tolerances import LEDGER_REMAINING, LEDGER_VALUE, SAME_HYPERPARAMETER
from twotrack.shared.ledger.measured import Numbers, Value

if TYPE_CHECKING:
    import numpy as np

Hyperparameters = Mapping[str, Any]

# === What an entry is asked about ===


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """What is known of a failure: where it showed, and the hyperparameters of both sides there."""

    rung: str
    where: str = ""
    """Layer path, parameter name, or 'loss'."""
    torch_kind: str = ""
    keras_kind: str = ""
    torch: Hyperparameters = field(default_factory=dict)
    keras: Hyperparameters = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    """Kinds of the pair's inputs."""

    def differs(self, name: str) -> bool:
        """Both sides state the hyperparameter, and it is not the same beyond float32's rounding."""
        if name not in self.torch or name not in self.keras:
            return False
        torch, keras = self.torch[name], self.keras[name]
        if isinstance(torch, float) and isinstance(keras, float):
            return not isclose(torch, keras, rel_tol=SAME_HYPERPARAMETER)
        return torch != keras

    def kind(self, *words: str) -> bool:
        """Either side's class name contains one of the words."""
        names = f"{self.torch_kind} {self.keras_kind}".lower()
        return any(word in names for word in words)

    def parameter(self, *kinds: str) -> bool:
        """The failure is at a parameter of one of these kinds."""
        return self.where.rpartition(".")[2] in kinds


class Evidence(IntEnum):
    """How well an entry explains a failure."""

    NONE = 0
    """It cannot be the cause."""
    POSSIBLE = 1
    FITS = 2
    """The symptoms are those of the entry."""
    SHOWN = 3
    """The hyperparameters show it."""


@dataclass(frozen=True, kw_only=True)
class Makeup:
    """What a chapter is made of, with its default settings or with some others."""

    settings: Mapping[str, str]
    """Those that differ from the chapter's own."""
    layers: tuple["LayerMakeup", ...]
    """Every layer of the built Keras model, inner ones too."""
    optimizers: frozenset[str]
    """Class names in twotrack.shared.spec.optimizers, of the recipe's stages and of the chapter's own table."""
    weight_decay: bool
    """Some of these optimizers decay weights."""
    momentum: bool
    """Some of these optimizers have momentum."""
    schedule: bool
    """Some stage's learning rate changes."""
    shift: bool
    """Some stage moves its pictures at random."""
    precision: str
    """That the recipe trains in: float32, bfloat16 or float64."""
    loss: str
    metric: str
    frozen: bool
    """Some weights are not trained."""
    pretrained: str
    """The extra that pretrained weights need, such as bert; empty if all weights are drawn."""

    def has(self, *kinds: str) -> bool:
        """Tell whether the model has a layer of one of these Keras classes, or of one derived from them."""
        return any(layer.of(*kinds) for layer in self.layers)

    def strided(self, *kinds: str) -> bool:
        """Tell whether a layer of one of these classes has a stride, and pads or may stand behind a layer that does."""
        padded = self.has("ZeroPadding2D")
        strided = [layer for layer in self.layers if layer.of(*kinds) and layer.stride > 1]
        return any(padded or layer.pads_to_same_size for layer in strided)

    def activates(self, name: str) -> bool:
        """Tell whether a layer applies the activation function of that name."""
        return any(layer.hyperparameters.get("activation") == name for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class LayerMakeup:
    """One layer of a Keras model."""

    kinds: frozenset[str]
    """Names of its class and of those it derives from."""
    hyperparameters: Hyperparameters

    def of(self, *kinds: str) -> bool:
        """Tell whether the layer is of one of these classes, or derived from one."""
        return not self.kinds.isdisjoint(kinds)

    @property
    def stride(self) -> int:
        """The largest; 1 for layers without."""
        return max(self.hyperparameters.get("strides") or [1])

    @property
    def pads_to_same_size(self) -> bool:
        """Padding is "same"."""
        return self.hyperparameters.get("padding") == "same"


@dataclass(frozen=True)
class Weight:
    """One of a model's weights, in canonical form."""

    name: str
    weights: Mapping[str, "np.ndarray"]
    """All weights of the model, by name."""

    @property
    def kind(self) -> str:
        """What the weight is to its layer, such as kernel."""
        return self.name.rpartition(".")[2]

    @property
    def path(self) -> str:
        """Path of its layer."""
        return self.name.rpartition(".")[0]

    @property
    def layer(self) -> str:
        """Name of its layer, without those around it."""
        return self.path.rpartition(".")[2]

    def beside(self, kind: str) -> "np.ndarray | None":
        """Return the weight of that kind of the same layer; None if the layer has none."""
        return self.weights.get(f"{self.path}.{kind}")


# === What an entry holds ===


class Area(StrEnum):
    """What an entry is about; a section of the table."""

    LAYER = "layer"
    INITIALISATION = "initialisation"
    LOSS = "loss"
    LOSS_WEIGHTS = "weights of the loss"
    REGULARISATION = "regularisation"
    OPTIMIZER = "optimizer"
    CLIPPING = "clipping"
    SCHEDULE = "schedule"
    STATE = "state"
    LOOP = "loop"
    FLOAT64 = "float64"
    PRECISION = "precision"
    REPLICAS = "replicas"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What one framework does unless it is told otherwise."""

    default: str
    """In words."""
    values: Mapping[str, Value]
    """What the measurement must find, by label."""
    exceptions: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """Values of single tracks that differ from `values`."""

    def expected(self, track: str) -> Mapping[str, Value]:
        """Return the values that the ledger states for a track of the framework."""
        return {**self.values, **self.exceptions.get(track, {})}


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How far both sides' outputs are apart: by their largest absolute difference."""

    name: str = "largest difference of the outputs"
    """What the number is."""
    remaining: float = LEDGER_REMAINING
    """What rounding may leave when the two sides are aligned, or are equal by default."""

    def between(self, torch: Numbers, keras: Numbers) -> float:
        """Return the number for outputs of equal length."""
        return max(abs(first - second) for first, second in zip(torch, keras, strict=True))

    def from_equal(self, effect: float) -> float:
        """Return how far the number is from that of equal sides."""
        return effect


@dataclass(frozen=True, kw_only=True)
class Ratio(Effect):
    """How far both sides' outputs are apart: the largest ratio, Keras over torch."""

    def between(self, torch: Numbers, keras: Numbers) -> float:
        """Return the number for outputs of equal length."""
        return max(second / first for first, second in zip(torch, keras, strict=True))

    def from_equal(self, effect: float) -> float:
        """Return how far the number is from 1."""
        return abs(effect - 1)


LAST = 1000


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A profile can leave the entry to the framework: a function of the entry's slug in a track does it."""

    place: int = LAST
    """In tables and records; switches of one place are in the ledger's order."""
    changes_outputs: bool = False
    """It changes what given weights answer, and not only how they are trained."""


@dataclass(frozen=True, kw_only=True)
class InitialWeights(Switch):
    """The switch of initial weights: those that the entry concerns are not loaded. No track has a function for it."""

    concerns: Callable[[Weight], bool]


def no_evidence(suspect: Suspect) -> Evidence:
    """Evidence of an entry that explains no failure of a pair."""
    return Evidence.NONE


def always(makeup: Makeup) -> bool:
    """Every chapter is touched."""
    return True


def never_used(makeup: Makeup) -> bool:
    """No chapter is touched: the harness and the chapters do not use the feature."""
    return False


@dataclass(frozen=True, kw_only=True, eq=False)  # each is itself only, and can be a key
class Difference:
    """An entry of the ledger: what each framework does unless it is told otherwise.

    A few entries state a default that is the same on both sides, and that a pair relies on. An entry that touches
    chapters states either how a profile switches it or why none does; ValueError if it does not.
    """

    slug: str
    """Name of the measurement in twotrack.torch_track.defaults and twotrack.keras_track.defaults."""
    area: Area
    name: str
    torch: Behaviour
    keras: Behaviour
    fix: str
    """The one-line change that makes the two sides of a pair equal."""
    aligned: str
    """How the aligned profile removes the difference, with the file that does."""
    touches: Callable[[Makeup], bool]
    effect: Effect = Effect()
    evidence: Callable[[Suspect], Evidence] = no_evidence
    switch: Switch | None = None
    """How the native profile leaves the difference as it is."""
    kept: str = ""
    """Why an entry without a switch is the same in every profile."""
    tracks: tuple[str, ...] = ()
    """Keras tracks that the entry is about; all of them if empty."""
    requires: tuple[str, ...] = ()
    """Modules besides the frameworks that the measurement needs."""
    tolerance: float = LEDGER_VALUE
    """Relative, for the values: what float32 leaves of a few steps, or more where they are statistics of draws."""

    def __post_init__(self) -> None:
        stated = bool(self.switch) + bool(self.kept)
        expected = 0 if self.touches is never_used else 1
        if stated != expected:
            raise ValueError(
                f"entry {self.slug} of the ledger: expected {expected} of `switch` and `kept`, found {stated}; an entry"
                " that touches a chapter states how a profile switches it or why none does, any other states neither."
            )

    @property
    def by_backend(self) -> bool:
        """Whether the entry has to be measured on every Keras track, and not on one for all."""
        return bool(self.tracks or self.keras.exceptions)

    def concerns(self, track: str) -> bool:
        """Tell whether the entry is about a Keras track."""
        return not self.tracks or track in self.tracks

    def side(self, track: str) -> Behaviour:
        """Return what the framework of a track does."""
        return self.torch if track == "torch" else self.keras

    def expected(self, track: str) -> Mapping[str, Value]:
        """Return the values that the ledger states for a track."""
        return self.side(track).expected(track)


def with_layers(*kinds: str) -> Callable[[Makeup], bool]:
    """Chapters whose model has a layer of one of these Keras classes are touched."""
    return lambda makeup: makeup.has(*kinds)


def with_optimizers(*names: str) -> Callable[[Makeup], bool]:
    """Chapters that use one of these optimizers of twotrack.shared.spec.optimizers are touched."""
    return lambda makeup: not makeup.optimizers.isdisjoint(names)
