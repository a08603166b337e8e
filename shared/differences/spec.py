"""What an entry of the ledger holds, and what it is asked about: a failure, or a chapter's make-up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any, Literal

Facts = Mapping[str, Any]
Area = Literal["layer", "initialisation", "loss", "optimizer", "schedule", "loop", "float64"]


@dataclass(frozen=True)
class Suspect:
    """What is known of a failure: where it showed, and the hyperparameters of both sides there."""

    rung: str
    where: str = ""
    """Layer path, parameter name, or 'loss'."""
    keras_kind: str = ""
    torch_kind: str = ""
    keras: Facts = field(default_factory=dict)
    torch: Facts = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    """Kinds of the pair's inputs."""

    def differs(self, fact: str) -> bool:
        """Both sides state the hyperparameter, and it is not the same beyond float32's rounding."""
        if fact not in self.keras or fact not in self.torch:
            return False
        ours, theirs = self.keras[fact], self.torch[fact]
        if isinstance(ours, float) and isinstance(theirs, float):
            return not isclose(ours, theirs, rel_tol=1e-6)
        return ours != theirs

    def kind(self, *words: str) -> bool:
        """Either side's class name contains one of the words."""
        names = f"{self.keras_kind} {self.torch_kind}".lower()
        return any(word in names for word in words)

    def parameter(self, *kinds: str) -> bool:
        """The failure is at a parameter of one of these kinds."""
        return self.where.rpartition(".")[2] in kinds


@dataclass(frozen=True)
class Makeup:
    """What a chapter is made of, with its default settings or with some others."""

    settings: Mapping[str, str]
    """Those that differ from the chapter's own."""
    layers: tuple["LayerMakeup", ...]
    """Every layer of the built Keras model, inner ones too."""
    optimizers: frozenset[str]
    """Class names in twotrack.shared.training, of the recipe's stages and of the chapter's own table."""
    weight_decay: bool
    """Some of these optimizers decay weights."""
    momentum: bool
    """Some of these optimizers have momentum."""
    schedule: bool
    """Some stage's learning rate changes."""
    loss: str
    metric: str
    frozen: bool
    """Some weights are not trained."""
    pretrained: str
    """The extra that pretrained weights need, such as bert; empty if all weights are drawn."""

    def has(self, *kinds: str) -> bool:
        """Tell whether the model has a layer of one of these Keras classes, or of one derived from them."""
        return any(not layer.kinds.isdisjoint(kinds) for layer in self.layers)

    def strided(self, *kinds: str) -> bool:
        """Tell whether a layer of one of these classes has a stride, and pads or may stand behind a layer that does."""
        padded = self.has("ZeroPadding2D")
        facts = [layer.facts for layer in self.layers if not layer.kinds.isdisjoint(kinds)]
        return any(max(one.get("strides") or [1]) > 1 and (padded or one.get("padding") == "same") for one in facts)

    def activates(self, name: str) -> bool:
        """Tell whether a layer applies the activation function of that name."""
        return any(layer.facts.get("activation") == name for layer in self.layers)


@dataclass(frozen=True)
class LayerMakeup:
    """One layer of a Keras model."""

    kinds: frozenset[str]
    """Names of its class and of those it derives from."""
    facts: Facts


def never(suspect: Suspect) -> float:
    """Evidence of an entry that explains no failure of a pair: 0."""
    return 0


def always(makeup: Makeup) -> bool:
    """Every chapter is touched."""
    return True


def never_used(makeup: Makeup) -> bool:
    """No chapter is touched: the harness and the chapters do not use the feature."""
    return False


@dataclass(frozen=True, eq=False)  # each is itself only, and can be a key
class Difference:
    """An entry of the ledger: what each framework does unless it is told otherwise.

    A few entries state a default that is the same on both sides, and that a pair relies on.
    """

    slug: str
    """Name of the measurement in twotrack.keras_track.defaults and twotrack.torch_track.defaults."""
    area: Area
    name: str
    keras: str
    torch: str
    fix: str
    """The one-line change that makes the two sides of a pair equal."""
    aligned: str
    """How the aligned profile removes the difference, with the file that does."""
    keras_values: Facts
    """What the measurement must find in Keras, by label."""
    torch_values: Facts
    touches: Callable[[Makeup], bool]
    effect: str = "largest difference of the outputs"
    """What the effect's number is."""
    evidence: Callable[[Suspect], float] = never
    """0: impossible here; 1: possible; 2: the symptoms fit; 3: the hyperparameters show it."""
    compare: Literal["difference", "ratio"] = "difference"
    """How the effect is computed from both sides' outputs: largest absolute difference, or Keras over torch."""
    tracks: tuple[str, ...] = ()
    """Keras tracks that the entry is about; all of them if empty."""
    exceptions: Mapping[str, Facts] = field(default_factory=dict)
    """Values of Keras tracks that differ from `keras_values`."""
    requires: tuple[str, ...] = ()
    """Modules besides the frameworks that the measurement needs."""
    tolerance: float = 1e-5
    """Relative, for the values: what float32 leaves of a few steps, or more where they are statistics of draws."""
    remaining: float = 1e-5
    """The effect that rounding may leave when the two sides are aligned, or are equal by default."""

    @property
    def by_backend(self) -> bool:
        """Whether the entry has to be measured on every Keras track, and not on one for all."""
        return bool(self.tracks or self.exceptions)

    def concerns(self, track: str) -> bool:
        """Tell whether the entry is about a Keras track."""
        return not self.tracks or track in self.tracks

    def expected(self, track: str) -> Facts:
        """Return the values that the ledger states for a track."""
        if track == "torch":
            return self.torch_values
        return {**self.keras_values, **self.exceptions.get(track, {})}


def with_layers(*kinds: str) -> Callable[[Makeup], bool]:
    """Chapters whose model has a layer of one of these Keras classes are touched."""
    return lambda makeup: makeup.has(*kinds)


def with_optimizers(*names: str) -> Callable[[Makeup], bool]:
    """Chapters that use one of these optimizers of twotrack.shared.training are touched."""
    return lambda makeup: not makeup.optimizers.isdisjoint(names)
