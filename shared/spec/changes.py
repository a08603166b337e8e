"""Changes to a side of a pair, mostly torch's, that exist in memory only: what a cause is proved with.

A change is plain data, so that it travels between processes and stands in a record. twotrack.torch_track.changes makes
it.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from twotrack.shared.base.records import FrozenRecord

Plain = bool | int | float | str | None
Parameter = Plain | tuple[Plain, ...] | tuple[tuple[int, ...], ...]


class Function(FrozenRecord):
    """A function of twotrack.torch_track.changes.functions, with its parameters."""

    name: str
    parameters: dict[str, Parameter] = Field(default_factory=dict)


class SetHyperparameter(FrozenRecord):
    """A torch layer's attribute gets another value."""

    kind: Literal["hyperparameter"] = "hyperparameter"
    path: str
    """Canonical."""
    name: str
    """As torch calls it."""
    value: Parameter


class MapValue(FrozenRecord):
    """What a layer is given, or what it gives, goes through a function (in canonical order of axes)."""

    kind: Literal["value"] = "value"
    path: str
    """Canonical; empty for the model itself."""
    role: Literal["inputs", "outputs"]
    number: int = 0
    """Which of them."""
    function: Function
    is_behind: bool = False
    """It is code behind the layer, and no part of it: what the layer gives is shown without it."""


class ReplaceLayer(FrozenRecord):
    """A layer computes a function of its first input in place of what it computed."""

    kind: Literal["layer"] = "layer"
    path: str
    """Canonical."""
    function: Function


class AddValue(FrozenRecord):
    """What another layer gives or is given is added to what a layer gives or is given, or stands in its place."""

    kind: Literal["sum"] = "sum"
    path: str
    role: Literal["inputs", "outputs"]
    source: str
    """Canonical path of the other layer, which runs before."""
    source_role: Literal["inputs", "outputs"]
    factor: float = 1.0
    own: float = 1.0
    """Of what is there already: 0 for nothing."""
    first: Function = Function(name="identity")
    """What code of torch's, or Keras' layer inside, makes of the other value."""
    by: Function = Function(name="identity")
    """What is added is this of that."""
    is_behind: bool = False
    """As of MapValue."""


class OrderValues(FrozenRecord):
    """The model, or a layer, is given its inputs in another order, or gives its outputs in another."""

    kind: Literal["order of values"] = "order of values"
    path: str = ""
    """Canonical; empty for the model itself."""
    role: Literal["inputs", "outputs"]
    order: tuple[int, ...]
    """The new value i is the old value order[i]."""


class ExchangeLayers(FrozenRecord):
    """Two layers of torch's, of one form, compute what the other did, each with its own weights."""

    kind: Literal["exchanged layers"] = "exchanged layers"
    first: str
    """Canonical."""
    second: str
    """Canonical."""


class MoveLayer(FrozenRecord):
    """A torch layer acts on what another layer is given or gives, and not where it stands, where it passes all on."""

    kind: Literal["moved layer"] = "moved layer"
    path: str
    """Canonical, of a layer that runs once."""
    to: str
    """Canonical path of the other layer."""
    role: Literal["inputs", "outputs"]
    """Of the other layer's."""


class SetMask(FrozenRecord):
    """An attention layer of torch's looks at no later step, or at all."""

    kind: Literal["mask"] = "mask"
    path: str
    """Canonical."""
    is_causal: bool


class MaskSteps(FrozenRecord):
    """Steps whose id, or all whose numbers, are ignored change no state of a recurrent layer, or give 0."""

    kind: Literal["steps"] = "steps"
    path: str
    source: str
    """Canonical path of the layer that is given the ids (batch, steps), or the numbers (batch, steps, features)."""
    ignored: float = 0
    how: Literal["state", "zero"]


class PoolSteps(FrozenRecord):
    """What a layer is given, or the model gives, is an earlier value pooled over the steps that count."""

    kind: Literal["pooled steps"] = "pooled steps"
    path: str
    """Canonical; empty for the model itself."""
    role: Literal["inputs", "outputs"]
    number: int = 0
    """Which of its values."""
    source: str
    """Canonical path of the layer that gives the value (batch, steps, features)."""
    first: Function = Function(name="identity")
    """As of AddValue."""
    counted: str
    """The input (batch, steps) of the pair that is 0 where a step does not count."""
    how: Literal["mean", "sum", "max", "mean of all steps"]
    """The last with zeros for the steps that do not count."""


class DropInRecurrence(FrozenRecord):
    """A recurrent layer of torch's, of one level, drops of what each step is given and of its state, as Keras' do.

    A mask stays for the whole sequence. Where the state has masks, every gate has its own.
    """

    kind: Literal["recurrent dropout"] = "recurrent dropout"
    path: str
    """Canonical."""
    rate: float
    """Of what a step is given."""
    recurrent_rate: float
    """Of the state."""


class DrawNothing(FrozenRecord):
    """A layer does in training mode what it does in inference mode, itself and not the layers inside of it."""

    kind: Literal["draw nothing"] = "draw nothing"
    path: str
    """Canonical; empty for torch's module itself."""
    is_keras: bool = False
    """It is Keras' layer."""


class AddNoLoss(FrozenRecord):
    """A layer of Keras adds nothing to the loss."""

    kind: Literal["add no loss"] = "add no loss"
    path: str
    """Canonical; empty for the model itself."""


class UsePlainMethod(FrozenRecord):
    """A Keras model trains by Keras' own method in the place of its own."""

    kind: Literal["plain method"] = "plain method"
    name: str
    """Of OWN_METHODS."""


OWN_METHODS = ("compute_loss", "train_step")
"""Methods of keras.Model that a model's own class may have others for."""


class ResetInFront(FrozenRecord):
    """The reset gate of a torch GRU acts on the state in front of its product, as Keras' does with reset_after=False.

    Its two biases are one then: the second is 0 and is not trained.
    """

    kind: Literal["reset in front"] = "reset in front"
    path: str
    """Canonical, of the layer or of one of its levels and directions."""


class ActivateRecurrence(FrozenRecord):
    """A recurrent layer of torch's has other activations, by the names that Keras has for them."""

    kind: Literal["recurrent activations"] = "recurrent activations"
    path: str
    """Canonical."""
    activation: str
    """Of the new values, and of an LSTM's cell."""
    recurrent_activation: str
    """Of the gates."""


class OrderWeight(FrozenRecord):
    """A weight's numbers stand in another order, in the canonical form."""

    kind: Literal["weight"] = "weight"
    name: str
    """Canonical."""
    axis: int = -1
    order: tuple[int, ...] = ()
    """Blocks of equal size along the axis; the new block i is the old block order[i]."""
    exchanged: tuple[int, int] | None = None
    """Two axes of one size that change places."""
    reversed: tuple[int, ...] = ()
    """Axes that count backwards."""


class DrawWeight(FrozenRecord):
    """A weight starts with numbers that are drawn by another law."""

    kind: Literal["draw"] = "draw"
    name: str
    """Canonical."""
    law: dict[str, Any]
    """A spec of twotrack.shared.spec.initialisers, see twotrack.shared.spec.plain."""


class SetArgument(FrozenRecord):
    """A call of one of torch's functions, outside of torch's own layers, gets another argument."""

    kind: Literal["argument"] = "argument"
    function: str
    number: int
    """Among the calls of the function in one pass, from 0."""
    name: str
    value: Parameter


class ReplaceCall(FrozenRecord):
    """A call of one of torch's functions, outside of torch's own layers, gives another function of its first tensor."""

    kind: Literal["call"] = "call"
    function: str
    number: int
    by: Function


class ShapeSlopes(FrozenRecord):
    """A PReLU of torch's has slopes of another shape."""

    kind: Literal["slopes"] = "slopes"
    path: str
    """Canonical."""
    shape: tuple[int, ...]
    """Canonical: (1,), (channels,), or that of an example."""


class DropWeight(FrozenRecord):
    """A weight that only torch has is 0 and is not trained."""

    kind: Literal["drop"] = "drop"
    name: str
    """As torch calls it."""


class LinkOutputs(FrozenRecord):
    """What the model gives goes through functions, but not what its loss is given: that stands in front of them."""

    kind: Literal["link"] = "link"
    names: tuple[str, ...]
    """Of each output, a name in twotrack.shared.verify.links.LINKS."""


class AddWeight(FrozenRecord):
    """A layer without a bias or a gamma has one, which is trained."""

    kind: Literal["add weight"] = "add weight"
    name: str
    """Canonical."""


class RemoveWeight(FrozenRecord):
    """A layer does without one of its weights."""

    kind: Literal["remove weight"] = "remove weight"
    name: str
    """Canonical."""


class RemoveParametrizations(FrozenRecord):
    """A layer of torch's has its weights as they are, and no longer made of others."""

    kind: Literal["parametrizations"] = "parametrizations"
    path: str
    """Canonical."""


class TieWeight(FrozenRecord):
    """A parameter of torch's is another of its shape, so that there is one of them."""

    kind: Literal["tie"] = "tie"
    name: str
    """As torch calls it."""
    source: str
    """As torch calls it."""


class SetTrained(FrozenRecord):
    """Weights are trained, or not."""

    kind: Literal["trained"] = "trained"
    names: tuple[str, ...]
    """Canonical."""
    trained: bool


class SetStatistics(FrozenRecord):
    """A batch normalisation averages a variance another way, or its statistics stay, or move, in training."""

    kind: Literal["statistics"] = "statistics"
    path: str
    """Canonical."""
    how: Literal["biased", "frozen", "thawed"]


class ChangeLoss(FrozenRecord):
    """The loss is computed another way."""

    kind: Literal["loss"] = "loss"
    function: Function
    """Of twotrack.torch_track.changes.losses."""
    in_steps: bool = False
    """Of a training step alone, as in a compute_loss: the loss itself stays as it is."""


class MapGradient(FrozenRecord):
    """Gradients go through a function before the weights are updated."""

    kind: Literal["gradient"] = "gradient"
    names: tuple[str, ...]
    """Canonical; empty for all."""
    function: Function
    """Of twotrack.torch_track.changes.gradients."""


class SetUpdate(FrozenRecord):
    """The optimizer has another setting, see twotrack.shared.spec.updates."""

    kind: Literal["update"] = "update"
    setting: str
    value: Parameter
    weights: tuple[str, ...] = ()
    """Canonical; empty for all."""


class ChangeLoop(FrozenRecord):
    """A training function of the user's own does something else around the steps of its optimizer."""

    kind: Literal["loop"] = "loop"
    what: Literal[
        "clears gradients",
        "keeps gradients",
        "clips nothing",
        "clips by value",
        "clips by norm",
        "multiplies gradients",
        "multiplies the loss",
        "leaves",
        "ends",
        "sets",
        "trains",
        "gives the batch",
        "takes loss",
        "adds penalties",
        "weighs parts",
        "steps behind parts",
        "steps once",
        "updates by settings",
    ]
    """clears gradients: before every batch; keeps gradients: zero_grad() does nothing; clips nothing: torch's functions
    for that do nothing; multiplies the loss: what is recorded; trains: every batch in training mode, or in the other;
    gives the batch: its inputs as they come, in the place of what the function makes of them;
    takes loss: that of the model, which other changes make, in the place of the function's own; adds penalties: those
    that another change gives the model; weighs parts: what each
    backward() of a batch is called on; steps behind parts: behind every backward(); steps once: behind every so many
    batches; updates by settings: those that the optimizer states at each step, with what SetUpdate changes of them."""
    value: float | tuple[float, ...] | bool | None = None
    """A factor, a limit, a setting, or one for each step; leaves: the shares that the weights of the start and those
    behind each step have of the last ones, none to leave those of the last step; ends: behind which step; updates by
    settings: the steps (0-based) at which the optimizer begins anew, none for when the function's own does."""
    name: str = ""
    """Of what is set: as a parameter group of torch's calls it."""
    is_keras: bool = False
    """Keras' function does it: of what ends."""


Change = Annotated[
    SetHyperparameter
    | MapValue
    | ReplaceLayer
    | AddValue
    | SetMask
    | OrderValues
    | ExchangeLayers
    | MoveLayer
    | MaskSteps
    | PoolSteps
    | DropInRecurrence
    | DrawNothing
    | AddNoLoss
    | UsePlainMethod
    | ResetInFront
    | ActivateRecurrence
    | OrderWeight
    | DrawWeight
    | SetArgument
    | ReplaceCall
    | ShapeSlopes
    | DropWeight
    | LinkOutputs
    | AddWeight
    | RemoveWeight
    | RemoveParametrizations
    | TieWeight
    | SetTrained
    | SetStatistics
    | ChangeLoss
    | MapGradient
    | SetUpdate
    | ChangeLoop,
    Field(discriminator="kind"),
]


def on_keras(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes that are made to Keras' side, and not to torch's."""
    return tuple(one for one in changes if getattr(one, "is_keras", isinstance(one, AddNoLoss | UsePlainMethod)))


def keras_end(changes: Sequence[Change]) -> int | None:
    """Return behind which step changes end Keras' training function; None for behind all."""
    found = (one.value for one in changes if isinstance(one, ChangeLoop) and one.what == "ends" and one.is_keras)
    return next((int(value) for value in found if isinstance(value, int | float)), None)
