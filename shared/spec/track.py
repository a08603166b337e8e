"""The contract that both tracks implement, and the table of tracks. No framework is imported here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.spec.outputs import Outputs
from twotrack.shared.spec.tuning import AS_IT_IS, BY_DEFAULT, Tuning

if TYPE_CHECKING:
    from collections.abc import Set

    import numpy as np

    from twotrack.shared.ledger.measured import Measured
    from twotrack.shared.spec.changes import Change
    from twotrack.shared.spec.draws import DrawSource
    from twotrack.shared.spec.framework_files import Carrier, Checkpoints, OptimizerFiles
    from twotrack.shared.spec.loop import Hear, LoopBatch, LoopNotes, TrainingLoop
    from twotrack.shared.spec.optimizers import Optimizer
    from twotrack.shared.spec.pair import CustomOptimizer, Pair
    from twotrack.shared.spec.probe import Probe
    from twotrack.shared.spec.profiles import Switches
    from twotrack.shared.spec.replicas import Replicas, Seat
    from twotrack.shared.spec.state import OptimizerState
    from twotrack.shared.spec.units import Side

Precision = Literal["float32", "float64", "bfloat16", "float16", "mixed_bfloat16"]
"""Proofs are in float64, trainings in float32 as a rule; bfloat16 and float16 are judged by the rung precision.

In mixed_bfloat16, passes of training compute in bfloat16 what the framework's own mixed precision does; weights, loss,
updates and all that is predicted are float32.
"""
RunPrecision = Literal["float32", "bfloat16", "float64"]
"""What a run trains in, as `--precision` takes it."""
BUILT_IN: "dict[RunPrecision, Precision]" = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float64": "float64"}


def run_precision(name: str) -> RunPrecision:
    """Return the precision of that name; UserError, with the nearest name, if there is none."""
    for known in BUILT_IN:
        if name == known:
            return known
    raise unknown("precision", name, BUILT_IN)


class TrackModel(ABC):
    """A model in one track, with its loss and optimizer: a chapter's, or one side of a user's pair.

    There is one way to build it (Track.build), to attach loss and optimizer (compile) and to do a step
    (train_step): runs, comparisons, experiments and the ladder all take it.
    Weights cross this line in canonical form only: a mapping from `layer.parameter` to an array,
    channels last, dense kernels (inputs, outputs), convolution kernels (height, width, inputs, outputs).
    Inputs are arrays (batch, ...) by input name, channels last; targets one array per output, see losses.py.
    """

    given: Outputs = Outputs((), is_plain=True)
    """What the model gives, by name, as its pair does not say which of it is meant."""
    draws: "DrawSource | None" = None
    """Where its random numbers come from; None for the framework's own."""
    switches: "Switches"
    """What is as the framework has it by default; `acted` is complete once the model was compiled."""

    @abstractmethod
    def live_weights(self) -> Mapping[str, "np.ndarray"]:
        """Return all weights, in canonical form, each of which is what it is when it is asked for: not to be kept."""

    def weights(self) -> dict[str, "np.ndarray"]:
        """Return copies of all weights, in canonical form."""
        from twotrack.shared.base.arrays import copies  # NumPy, which a command that lists tracks does without

        return copies(self.live_weights())

    @abstractmethod
    def shapes(self) -> "dict[str, tuple[int, ...]]":
        """Return the canonical shapes of all weights; nothing is copied for that."""

    @abstractmethod
    def load_weights(self, canonical: Mapping[str, "np.ndarray"], only: "Collection[str] | None" = None) -> None:
        """Replace all weights, or `only` some; BridgeError if a name is missing, left over or misshapen."""

    def moving_names(self) -> set[str]:
        """Return the canonical names of the weights that a pass through the model can move."""
        return set(self.shapes()) - self.trainable_names()

    def unused(self) -> dict[str, "np.ndarray"]:
        """Return copies of what the pair's weight map leaves out, by the framework's own name: weights, or rows."""
        return {}

    def load_unused(self, values: Mapping[str, "np.ndarray"]) -> None:
        """Replace what `unused` returns."""
        if values:
            raise KeyError(f"nothing is left out, found {', '.join(values)}")

    @abstractmethod
    def compile(self, optimizer: "Optimizer | CustomOptimizer", learning_rates: Sequence[float]) -> None:
        """Attach loss and optimizer; `learning_rates` has one entry per training step to come.

        A user's own optimizer has its own learning rates.
        """

    @abstractmethod
    def train_step(self, inputs: Mapping[str, "np.ndarray"], targets: Sequence["np.ndarray"]) -> float:
        """Update the weights once and return the loss on the batch, dropout active, before the update."""

    def train_steps(self, batches: "Iterable[LoopBatch]") -> Iterator[float]:
        """Do as `train_step` on each batch; yield the losses. A tuned model may do some steps before it yields one."""
        return (self.train_step(batch.inputs, batch.targets) for batch in batches)

    @abstractmethod
    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        """From the next training step on take the learning rates of an optimizer of twotrack from here.

        There are as many as `compile` was given; steps that were done do not count again.
        """

    @abstractmethod
    def optimizer_state(self) -> "OptimizerState":
        """Return copies of all that the optimizer of twotrack that was compiled remembers, in canonical form.

        TypeError for an optimizer of the user's own.
        """

    @abstractmethod
    def load_optimizer_state(self, state: "OptimizerState") -> None:
        """Let the compiled optimizer go on from a state of any track.

        BridgeError if the state is not of this optimizer and these weights, TypeError as above.
        """

    def averaged(self) -> AbstractContextManager[None]:
        """Return a block in which trained weights are their averages, where the optimizer keeps any."""
        return nullcontext()

    @abstractmethod
    def run_loop(self, loop: "TrainingLoop", batches: "Iterable[LoopBatch]", hear: "Hear") -> "LoopNotes":
        """Let the user's own training function go through batches; `hear` is called when a step is over.

        Return what was seen of its optimizer. Gradients that it hears are canonical, None where the function records
        none. UserError if the function fails, or does not record every batch once.
        """

    @abstractmethod
    def end_training(self) -> None:
        """Let go of gradients and of the optimizer's state; `compile` comes before the next training step."""

    @abstractmethod
    def outputs(self, inputs: Mapping[str, "np.ndarray"]) -> list["np.ndarray"]:
        """Return all of the model's outputs (batch, ...), channels last, in inference mode."""

    def predict(self, inputs: Mapping[str, "np.ndarray"]) -> "np.ndarray":
        """Return the only output (batch, ...) in inference mode."""
        (output,) = self.outputs(inputs)
        return output

    @abstractmethod
    def draw_from(self, source: "DrawSource") -> None:
        """From the next `compile` on take all random numbers from a source; a training step takes it to its next one.

        Draws that cannot be replaced stay the framework's own; `Probe.drawn_pass` shows which those are.
        """

    @abstractmethod
    def snapshot(self) -> Any:
        """Return all state that training changes: weights, optimizer, dropout's random state."""

    @abstractmethod
    def restore(self, state: Any) -> None:
        """Go back to a snapshot."""

    @abstractmethod
    def reseed(self, seed: int) -> None:
        """Let dropout draw from here on as a model built with this seed would, up to the framework."""

    def warm_up(self, inputs: Mapping[str, "np.ndarray"], targets: Sequence["np.ndarray"]) -> None:
        """Do a training step on the batch, so that compilation and allocation are over, then put every state back."""
        state = self.snapshot()
        self.train_step(inputs, targets)
        self.restore(state)

    @abstractmethod
    def trainable_names(self) -> set[str]:
        """Return the canonical names of the weights that training updates."""

    @abstractmethod
    def freeze(self, trainable: "Set[str]") -> None:
        """From the next `compile` on update the weights of these canonical names only.

        Batch normalisation that is not trained is in inference mode, in training too.
        """

    @abstractmethod
    def features(self, inputs: Mapping[str, "np.ndarray"]) -> "np.ndarray":
        """Return the outputs (batch, ...) of the part `base` in inference mode."""

    @abstractmethod
    def head(self) -> "TrackModel":
        """Return the part `head`, from features (batch, features) to outputs, as a model that shares its weights."""

    @abstractmethod
    def probe(self) -> "Probe":
        """Return what looks at this model beyond its training."""


@dataclass(frozen=True)
class OwnWeights:
    """What a side of a pair calls its weights, and their shapes."""

    canonical: "dict[str, tuple[int, ...]]"
    """By canonical name."""
    sources: "dict[str, tuple[int, ...]]" = field(default_factory=dict)
    """By a name that rules of a weight map can give; empty for Keras, which rules are not made of."""
    aliases: "dict[str, tuple[str, ...]]" = field(default_factory=dict)
    """By canonical name: what rules can call it, or parts of it."""
    trained: "frozenset[str]" = frozenset()
    """Canonical names of Keras' weights that training updates."""
    buffers: "dict[str, str]" = field(default_factory=dict)
    """Canonical name to torch's name of every buffer that no layer of torch's own holds."""


class Track(ABC):
    """One framework, made deterministic and put on one device, in this process."""

    name: str
    device: str
    """cpu or cuda."""

    @abstractmethod
    def build(
        self, pair: "Pair", seed: int, precision: Precision = "float32", switched: Collection[str] = ()
    ) -> TrackModel:
        """Build this track's side of a pair in a precision, with the weights that the framework draws.

        The seed fixes those and dropout. `switched` entries of the ledger are as the framework has them by default,
        all others aligned. What was built before in another precision must not be used any more.
        Raises UserError if a build function of the user's fails or does not fit the pair's inputs.
        """

    draws_initial_values = True
    """Models begin with the values that they say; else with any, as others take their place at once."""

    @contextmanager
    def any_initial_values(self) -> Iterator[None]:
        """Build models inside the block with any initial values."""
        self.draws_initial_values = False
        try:
            yield
        finally:
            self.draws_initial_values = True

    widens = True
    """In float64 models get float64 whatever they ask for."""

    @contextmanager
    def as_written(self) -> Iterator[None]:
        """Let models that are built inside the block compute in what they ask for, in float64 too."""
        self.widens = False
        try:
            yield
        finally:
            self.widens = True

    def require(self, precision: Precision) -> None:
        """Raise UserError, with the reason, if the device cannot compute in a precision."""
        if precision == "mixed_bfloat16" and (problem := self.bfloat16_problem()):
            raise UserError(f"--precision bfloat16: track '{self.name}': {problem}; use --precision float32.")

    @abstractmethod
    def bfloat16_problem(self) -> str:
        """Say why the device has no bfloat16; empty if it has. A CPU without instructions for it emulates it."""

    tuning: Tuning | None = None
    """How models that are built do their training steps; None for what `tuning_of` says by itself."""

    @contextmanager
    def tuned(self, tuning: Tuning) -> Iterator[None]:
        """Build models inside the block that do their training steps so."""
        self.tuning = tuning
        try:
            yield
        finally:
            self.tuning = None

    def tuning_of(self, pair: "Pair") -> Tuning:
        """Return how a pair's model is to do its steps: a chapter's tuned, a user's own as it is.

        A user's may ask how its arrays lie in memory, or read what nobody wrote.
        """
        if self.tuning:
            return self.tuning
        return BY_DEFAULT[self.name] if pair.is_of_chapter else AS_IT_IS

    @abstractmethod
    def replicated(self, replicas: "Replicas") -> AbstractContextManager[None]:
        """Return a block: models that are built inside it train on several replicas, which end with it.

        A training step shares its batch out as shared/spec/replicas.py says; all else is done once, as on one replica.
        UserError if the track has not so many devices.
        """

    def sit(self, seat: "Seat") -> None:  # noqa: B027 - most have nothing to choose
        """Let models that are built from now on be on the device of a replica, in its own process."""

    def follow(self, model: TrackModel, seat: "Seat") -> None:
        """Let a model that was built here help that of the leader; returns when the leader's block ends.

        For tracks whose replicas are processes.
        """
        raise NotImplementedError(f"the replicas of track '{self.name}' are no processes")

    @abstractmethod
    def devices(self) -> int:
        """Return how many devices of the kind in use the track sees, on which replicas can be."""

    def require_devices(self, count: int) -> None:
        """Raise UserError if there are GPUs in use, and fewer than replicas; on a CPU they share its cores."""
        if self.device == "cuda" and self.devices() < count:
            raise UserError(
                f"--replicas {count}: track '{self.name}' sees {self.devices()} GPU{'s' * (self.devices() != 1)}, one "
                "for each replica is needed; use fewer replicas, or --device cpu."
            )

    @abstractmethod
    def own_weights(self, pair: "Pair") -> OwnWeights:
        """Build this track's side of a pair, in its own precision, and return what it calls its weights.

        Raises UserError if a build function of the user's fails, BridgeError if its weights or the pair's rules for
        them do not fit. Shapes are those that weights have where no axis counts in another order.
        """

    @abstractmethod
    def optimizer_files(self) -> "OptimizerFiles":
        """Return what reads and writes the optimizer's state in the framework's own files."""

    @abstractmethod
    def checkpoints(self) -> "Checkpoints":
        """Return what reads and writes the framework's own files."""

    @abstractmethod
    def carrier(self) -> "Carrier":
        """Return what carries weights of a pair's side from and to files, one tensor at a time."""

    @abstractmethod
    def measurements(self) -> "Mapping[str, Callable[[], Measured]]":
        """Return what measures the framework's defaults, by the slug of the ledger's entry."""

    def changed(self, model: TrackModel, changes: "Sequence[Change]") -> AbstractContextManager[None]:
        """Return a block in which the model is changed, as far as the changes are its side's."""
        return nullcontext()

    def places_noted(self) -> AbstractContextManager[None]:
        """Return a block in which what is built notes where in the code it was written, where a run does not tell."""
        return nullcontext()

    @abstractmethod
    def units(self, model: TrackModel, inputs: Mapping[str, "np.ndarray"]) -> "Side":
        """Return a float64 model as a side of the search for which weight is which, with a batch of inputs by name."""

    @abstractmethod
    def synchronise(self) -> None:
        """Wait until the device has done all work, so that a clock can be read."""

    @abstractmethod
    def peak_device_memory(self) -> int | None:
        """Return the most bytes held on the accelerator so far; None on the CPU."""


@dataclass(frozen=True)
class TrackSpec:
    """What is known of a track without importing it."""

    name: str
    backend: str | None
    """Keras backend; None for torch."""
    requires: tuple[str, ...]
    """Modules that must be importable."""
    extras: str
    """Extras of this distribution that install them."""

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return self.name.replace(":", "-")

    @property
    def missing(self) -> list[str]:
        """Required modules that are not installed."""
        return [module for module in self.requires if find_spec(module) is None]

    @property
    def install_line(self) -> str:
        """The command that installs what the track needs, from the repository's folder."""
        return f"pip install -c constraints.txt -e '.[{self.extras}]'"


TRACKS: dict[str, TrackSpec] = {
    spec.name: spec
    for spec in (
        TrackSpec("torch", None, ("torch",), "torch"),
        TrackSpec("keras:tensorflow", "tensorflow", ("keras", "tensorflow"), "tensorflow"),
        TrackSpec("keras:jax", "jax", ("keras", "jax"), "jax"),
        TrackSpec("keras:torch", "torch", ("keras", "torch"), "keras,torch"),
    )
}
DEFAULT_TRACKS = ("torch", "keras:tensorflow")


def installed_track(name: str) -> TrackSpec:
    """Return the named track; UserError if there is no such track or its framework is not installed."""
    if name not in TRACKS:
        raise unknown("track", name, TRACKS, f"The tracks are: {', '.join(TRACKS)}.")
    spec = TRACKS[name]
    if spec.missing:
        raise UserError(
            f"track '{name}' needs {' and '.join(spec.missing)}, not installed here; run: {spec.install_line}"
        )
    return spec
