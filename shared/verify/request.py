"""What is to be verified, as it is asked for and as it goes to the workers."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from twotrack.shared import chapters
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.base.sizes import LARGE_MODEL
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.precision.formats import Arithmetic
from twotrack.shared.spec.changes import Change
from twotrack.shared.spec.draws import Counterpart
from twotrack.shared.spec.sides import SideName
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import user_pair
from twotrack.shared.verify.trace import Kind
from twotrack.shared.verify.user_pair import PairReference
from twotrack.shared.weights.correspondence.weight_map import WeightMap

RUNGS = (
    "data",
    "parameters",
    "forward",
    "dropout",
    "range",
    "pieces",
    "loss",
    "gradients",
    "optimizer",
    "training",
    "accuracy",
)

OF_TRAINING = ("loss", "optimizer")
"""Rungs that need a loss and an optimizer apart from the code that trains."""
FOR_THE_VERDICT: tuple[Precision, ...] = ("float64",)
"""Precisions of a request of which nothing is shown for information."""


class OwnMaterial(FrozenRecord):
    """What is the user's own in place of drawn values: folders of own_material.Arrays."""

    inputs: Path | None = None
    weights: dict[str, Path] = Field(default_factory=dict)
    """By the slug of the side that read them; of one side for all."""

    @property
    def told(self) -> str:
        """What a certificate says of it; empty for nothing."""
        named = {"your weights": bool(self.weights), "your inputs": self.inputs is not None}
        return " and ".join(name for name, is_there in named.items() if is_there)

    def weights_of(self, side: SideName) -> Path | None:
        """Return the folder of a side's own weights, else of those that are for all; None where they are drawn."""
        return self.weights.get(side.slug) or next(iter(self.weights.values()), None)


class VerifyRequest(FrozenRecord):
    """What to verify: a chapter, or a user's own pair "module:NAME"."""

    name: str
    settings: dict[str, str] = Field(default_factory=dict)
    """Of a chapter."""
    recipe: str = "fast"
    """Of a chapter."""
    until: str = RUNGS[-1]
    """The last rung to climb. Those before the accuracy rung take a part of the time."""
    pair: PairReference | None = None
    """The user's own; None for a chapter, and for a pair that the name leads to."""
    map_file: Path | None = None
    """The file of the pair's weight map; None for the one beside the pair, if there is one and `use_map`."""
    use_map: bool = True
    map_notes: tuple[str, ...] = ()
    """What there is to say of a map that was searched for."""
    weight_map: WeightMap | None = None
    """What is known of the pair's weights beside what the pair says itself; None if nothing is."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """Which output in Keras is which in torch, where the pair does not say it and it was found; see Pair.outputs."""
    output_notes: tuple[str, ...] = ()
    """How it was found."""
    changes: tuple[Change, ...] = ()
    """Made in memory to the reference, torch's side, as causes are proved."""
    in_full: frozenset[Kind] = frozenset()
    """Of what all values of a large model are kept, and not digests of them: to look for the cause of a failure."""
    reference: str | None = None
    """The track that others are compared with; None for torch, where the pair has a side there, else the first."""
    weights: dict[str, Path] = Field(default_factory=dict)
    """Files in place of those of the pair, by the name of the side, empty for a file alone."""
    inputs: Path | None = None
    """An .npz file in place of the pair's inputs."""
    own: OwnMaterial = OwnMaterial()
    """What was read from these."""
    causes: Literal["all", "first", "none"] = "all"
    """Of a failure: which to look for."""
    large_from: int = LARGE_MODEL
    """Values of the weights of a model that is large; see shared/base/sizes.py."""
    precisions: tuple[Precision, ...] = ("float64", "float32")
    """In which a side is shown. float64 decides; float32 is for information."""

    arithmetics: tuple[Arithmetic, ...] = ()
    """Lower precisions in which each side is judged once the rungs are passed."""
    replicas: int = 1
    """On how many replicas sides are trained once the rungs are passed, and compared with one."""
    optimizer_steps: Literal[200, 2000] = 2000
    """How far optimizers step apart from a model: 2,000 for a proof."""

    @property
    def is_pair(self) -> bool:
        """The user's own."""
        return ":" in self.name

    def located(self) -> "VerifyRequest":
        """Return it with the pair that the name leads to, seen from this process's current folder."""
        if self.pair or not self.is_pair:
            return self
        return self.model_copy(update={"pair": user_pair.named(self.name)})

    @property
    def variant(self) -> ChapterVariant:
        """The chapter with its settings read; UserError if there is no such chapter, recipe or setting."""
        return chapters.get(self.name).variant(self.recipe, self.settings)


class SideRequest(FrozenRecord):
    """One side, for the worker of its track."""

    verify: VerifyRequest
    side: SideName
    folder: Path
    """Where arrays are written."""
    alignment: dict[int, Counterpart] = Field(default_factory=dict)
    """Which of the other side's numbers a draw of this side gets, where that is not the draw of its own number."""


class RungRequest(SideRequest):
    """One side, as one rung looks at it."""

    rung: str
    doubts: frozenset[str] = frozenset()
    """As RungResult.doubts."""
    rounds: bool = False
    """In float64, every operation rounding at random, in place of float32."""


class AnswerRequest(RungRequest):
    """One side, and what a rung's probes found on both, to be run here."""

    found: dict[str, Path]
    """Folders of float64 evidence, by the slug of the side."""
    precision: Precision = "float64"


class LayerRequest(SideRequest):
    """One layer of a side, alone, on the inputs that the other side's layer got."""

    path: str
    """Canonical."""
    reference: Path
    """The other side's trace."""
    number: int
    """Of its layer."""
