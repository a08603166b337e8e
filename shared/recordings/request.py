"""What is to be recorded by a worker: one side of a pair, or a model of one track alone."""

from pathlib import Path
from typing import Any

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.losses import TARGET_KINDS, LossName
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import user_modules
from twotrack.shared.verify.user_pair import PairReference

KINDS = ("real", "tokens", "mask")


class BuildReference(FrozenRecord):
    """A function that builds a model, or a model, that stands in a module: "module:NAME"."""

    module: str
    name: str
    folders: tuple[Path, ...]
    input_shape: dict[str, Input] = Field(default_factory=dict)
    """Empty where the name is that of a pair, which has its own."""
    loss: LossName = "mean_squared_error"
    batch_size: int = 8

    @property
    def label(self) -> str:
        """What the user calls it."""
        return f"{self.module}:{self.name}"

    def load(self) -> Pair:
        """Import it from the folders or the path; UserError if it is nothing that can be recorded."""
        module = user_modules.import_named(self.module, self.folders)
        found: Any = module
        for part in self.name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, Pair):
            return found
        is_model = hasattr(found, "state_dict") or hasattr(found, "get_weights")
        if found is None or not (callable(found) or is_model):
            kind = "nothing" if found is None else f"a {type(found).__name__}"
            raise UserError(
                f"'{self.label}': expected a twotrack.Pair, a model or a function that builds one, found {kind}."
            )
        if not self.input_shape:
            raise UserError(f"'{self.label}' is no pair: say with --input-shape what the model takes, as 28,28,1.")

        def build() -> Any:
            return found if is_model and not isinstance(found, type) else found()

        return Pair(build, build, self.input_shape, loss=self.loss, batch_size=self.batch_size)


class RecordRequest(FrozenRecord):
    """One side, for the worker of its track."""

    subject: BuildReference | PairReference
    track: str
    out: Path
    """Absolute; the folder that appears."""
    precision: Precision = "float64"
    material: Path | None = None
    """A recording whose weights, inputs and targets the side is given; else they are drawn, the same on every side."""
    weights: Path | None = None
    """Evidence with the weights of `material` in canonical form, where another track had to read them."""
    renames: tuple[str, ...] = ()
    """Patterns from the names of `material` to canonical ones."""


class CanonicalRequest(FrozenRecord):
    """Weights that a recording has under torch's own names, to be read by the torch side of a pair."""

    subject: BuildReference | PairReference
    precision: Precision
    material: Path
    folder: Path
    """New; takes the evidence."""


def read_build(text: str, folders: tuple[Path, ...] = (), **described: Any) -> BuildReference:
    """Return the reference for "module:NAME" or "file.py:NAME"; UserError for another text."""
    module, _, name = text.rpartition(":")
    if not module or not name:
        raise UserError(f"expected module:NAME, a pair or a function that builds a model, found '{text}'.")
    module, folders = user_modules.place(module, folders)
    return BuildReference(module=module, name=name, folders=folders, **described)


def read_loss(text: str) -> LossName:
    """Return a loss by its name; UserError for another one."""
    for name in TARGET_KINDS:
        if name == text:
            return name
    raise UserError(f"--loss: expected one of {', '.join(TARGET_KINDS)}, found '{text}'.")


def read_inputs(texts: list[str]) -> dict[str, Input]:
    """Return what --input-shape states: [NAME=]28,28,1[:tokens:SIZE|:mask], once for each input."""
    found: dict[str, Input] = {}
    for text in texts:
        name, _, described = text.rpartition("=")
        found[name or ("input" if len(texts) == 1 else "")] = _read_input(text, described)
    if "" in found or len(found) < len(texts):
        raise UserError("--input-shape: several inputs need a name each, as ids=128:tokens:30522 and mask=128:mask.")
    return found


def _read_input(text: str, described: str) -> Input:
    shape, *kind = described.split(":")
    try:
        sizes = tuple(int(size) for size in shape.split(","))
        if min(sizes) < 1 or (kind and kind[0] not in KINDS) or len(kind) > 2:
            raise ValueError
        return Input(sizes, *(kind[:1] or ["real"]), *([int(kind[1])] if len(kind) > 1 else []))  # type: ignore[arg-type]
    except ValueError:
        raise UserError(
            f"--input-shape: expected sizes without the batch, as 28,28,1 or ids=128:tokens:30522, found '{text}'."
        ) from None
