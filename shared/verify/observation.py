"""What one side of a pair shows, in both precisions."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.base.sizes import SHOWN_IN_FLOAT32, values_of
from twotrack.shared.spec.draws import Counterpart
from twotrack.shared.spec.outputs import Outputs
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.spec.track import Precision
from twotrack.shared.spec.widening import NarrowRequest
from twotrack.shared.verify import evidence
from twotrack.shared.verify.draws import DROPOUT, SideDraws
from twotrack.shared.verify.enlarged import Enlarged, largest
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.trace import Trace

E = TypeVar("E")


class Observation(FrozenRecord):
    """One side: what it says of itself, and where its traces are."""

    parameters: dict[str, tuple[int, ...]]
    """Canonical shapes of all weights."""
    by_rules: int = 0
    """How many of them a weight map has rules for, of which `constants` are none."""
    constants: tuple[str, ...] = ()
    """Canonical names of those that torch does not have, and that have one value throughout."""
    kept: tuple[str, ...] = ()
    """Torch's names of buffers that Keras does not have, and that stay as they are built."""
    unused: dict[str, str] = Field(default_factory=dict)
    """What depends on the weights that a map leaves out, by the framework's own name; an empty text for nothing."""
    without_counterpart: list[str]
    """Trainable tensors that the other framework cannot have."""
    input_kinds: frozenset[str]
    loss: dict[str, Any]
    """Hyperparameters."""
    optimizer: dict[str, Any]
    """Hyperparameters."""
    asked_for_float32: tuple[str, ...] = ()
    """Paths of layers that were built to compute in float32; here they do not."""
    given: Outputs = Outputs(())
    """Its outputs, by name."""
    narrow_requests: tuple[NarrowRequest, ...] = ()
    """Where the side's own code asked for a narrower precision than float64, which it got."""
    has_own_loop: bool = False
    """A training function of the user's own trains it."""
    own_methods: tuple[str, ...] = ()
    """Methods of a training step that the model has in the place of its framework's."""
    is_compiled: bool = False
    """Its layers were watched where its code runs as it is written, and not where it is compiled."""
    folders: dict[Precision, Path]
    """With a trace each."""
    alignment: dict[int, Counterpart] = Field(default_factory=dict)
    """The other side's draws that this one drew."""
    probed: dict[str, dict[Precision, Path]] = Field(default_factory=dict)
    """Folders with what the probes of a rung found, by rung."""
    rounded: dict[str, Path] = Field(default_factory=dict)
    """Folders with what the probes of a rung found while every operation rounded at random, by rung."""
    samples: Path | None = None
    """A file with outputs in training mode, where a side is random beyond control."""
    enlarged_in: tuple[Path, ...] = ()
    """Folders of an Enlarged each, of sides of which the second look measured how far they enlarge rounding."""
    answered: dict[str, dict[Precision, Path]] = Field(default_factory=dict)
    """Folders with what the side did with what was found on both sides, by rung."""

    @cached_property
    def traces(self) -> Mapping[Precision, Trace]:
        """The traces, read once."""
        return {precision: evidence.load(Trace, folder) for precision, folder in self.folders.items()}

    @property
    def enlarged(self) -> Enlarged | None:
        """What rounding may add in a training step; None where that was not measured."""
        return largest([evidence.load(Enlarged, folder) for folder in self.enlarged_in]) if self.enlarged_in else None

    @cached_property
    def draws(self) -> SideDraws:
        """What is drawn in training; nothing if the climb ends before that is looked at."""
        return self.probe(DROPOUT, SideDraws)["float64"] if DROPOUT in self.probed else SideDraws()

    def is_large(self, request: VerifyRequest) -> bool:
        """Tell whether it is too large for copies of all of its weights, as the request has it."""
        return values_of(self.parameters) > request.large_from

    def is_shown_in_float32(self, request: VerifyRequest) -> bool:
        """Tell whether it is shown in float32, too: what that says is for information, and costs as much as float64."""
        return values_of(self.parameters) <= min(request.large_from, SHOWN_IN_FLOAT32)

    @property
    def layers(self) -> list[LayerTrace]:
        """Calls of its layers in float64, in order."""
        return self.traces["float64"].layers

    def layer(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """Return class name and hyperparameters of a layer; empty ones if the side has none at that path."""
        for layer in self.layers:
            if layer.path == path:
                return layer.kind, layer.hyperparameters
        return "", {}

    def probe(self, rung: str, kind: type[E]) -> dict[Precision, E]:
        """Read what the probes of a rung found, in each precision that they looked in."""
        return _read(self.probed[rung], kind)

    def with_answer(self, rung: str, precision: Precision, folder: Path) -> "Observation":
        """Return it with what the side did on what a rung's probes found."""
        answered = {**self.answered.get(rung, {}), precision: folder}
        return self.model_copy(update={"answered": {**self.answered, rung: answered}})

    def answer(self, rung: str, kind: type[E]) -> dict[Precision, E]:
        """Read what the side did with what was found; empty if nothing was asked."""
        return _read(self.answered.get(rung, {}), kind)


def _read(folders: Mapping[Precision, Path], kind: type[E]) -> dict[Precision, E]:
    return {precision: evidence.load(kind, folder) for precision, folder in folders.items()}
