"""What a model takes in: arrays by name. Light: describing an input loads no NumPy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from twotrack.shared.errors import LONGEST, UserError

if TYPE_CHECKING:
    import numpy as np

Inputs = Mapping[str, "np.ndarray"]
"""(batch, ...) each, by name; an input that is alone is called `input`."""

ONLY = "input"
"""Name of an input that is alone."""
MOST_VALUES = 2**28
"""Of one example of an input: 2 GiB in float64, of which a batch holds several."""


@dataclass(frozen=True)
class Input:
    """One input of the model, without its batch axis."""

    shape: tuple[int, ...]
    """Channels last, as Keras gets it: (height, width, channels), (time, features), (features,) ..."""
    kind: Literal["real", "tokens", "mask"] = "real"
    """real: numbers; tokens: whole numbers below `size`; mask: booleans, True where there is something."""
    size: int = 2
    torch_axes: tuple[int, ...] | None = None
    """How torch gets it, as a permutation of all axes, batch included. Default: images (three axes)
    channels first, everything else unchanged; (0, 2, 1) is what Conv1d wants."""

    torch_name: str = ""
    """What torch's forward calls it, where that is not its name here."""

    def __post_init__(self) -> None:
        is_shape = isinstance(self.shape, tuple) and all(map(_is_size, self.shape))
        if not is_shape or prod(self.shape) > MOST_VALUES:
            raise UserError(
                "the shape of an input: expected whole numbers above 0 without the batch axis, such as (28, 28, 1), of "
                f"at most {MOST_VALUES:,} values together, found {str(self.shape)[:LONGEST]}."
            )

    @property
    def axes(self) -> tuple[int, ...]:
        """The permutation in force."""
        if self.torch_axes is not None:
            return self.torch_axes
        return (0, 3, 1, 2) if len(self.shape) == 3 else tuple(range(len(self.shape) + 1))

    @property
    def is_displaced(self) -> bool:
        """Whether torch gets the axes in another order than Keras."""
        return self.axes != tuple(range(len(self.axes)))


InputShape = tuple[int, ...] | Input | Mapping[str, tuple[int, ...] | Input]
"""Of the only input, or of each by name, in the order of torch's forward and with the names of Keras' inputs."""


def describe(input_shape: InputShape) -> dict[str, Input]:
    """Return every input by name; a single one is called `input`."""
    shapes = input_shape if isinstance(input_shape, Mapping) else {ONLY: input_shape}
    return {name: shape if isinstance(shape, Input) else Input(_as_tuple(shape)) for name, shape in shapes.items()}


def _as_tuple(shape: Any) -> Any:
    """Return a list as the tuple that is meant; what else a user may give is left to be refused."""
    return tuple(shape) if isinstance(shape, list) else shape


def _is_size(size: Any) -> bool:
    return hasattr(size, "__index__") and not isinstance(size, bool) and size > 0


def example(inputs: Mapping[str, Input], rows: int = 2) -> "dict[str, np.ndarray]":
    """Return a batch that any model takes: zeros, masks that hide nothing, and no token 0, which may be padding."""
    import numpy as np

    def batch(spec: Input) -> np.ndarray:
        if spec.kind == "mask":
            return np.ones((rows, *spec.shape), bool)
        return np.full((rows, *spec.shape), float(spec.kind == "tokens" and spec.size > 1))

    return {name: batch(spec) for name, spec in inputs.items()}


def drawn(inputs: Mapping[str, Input]) -> "dict[str, np.ndarray]":
    """Return a batch of two in which elements differ: drawn numbers and tokens, and masks that hide nothing."""
    import numpy as np

    generator = np.random.default_rng(0)

    def draw(spec: Input, array: np.ndarray) -> np.ndarray:
        if spec.kind == "tokens":
            return generator.integers(0, spec.size, array.shape)
        return array if spec.kind == "mask" else generator.normal(size=array.shape)

    return {name: draw(inputs[name], array) for name, array in example(inputs).items()}


def each(change: "Callable[[np.ndarray], np.ndarray]", inputs: Inputs) -> "dict[str, np.ndarray]":
    """Return what `change` makes of every array, by the same name."""
    return {name: change(array) for name, array in inputs.items()}
