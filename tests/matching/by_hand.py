"""What a hand-made map makes of torch's weights: Keras' weights, laid out by NumPy alone."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

Arrays = Mapping[str, np.ndarray]
Shape = tuple[int, ...]

PARAMETERS = {
    "kernel": "weight", "embeddings": "weight", "gamma": "weight", "scale": "weight", "weight": "weight",
    "bias": "bias", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
"""Of a layer of Keras, and of the module of torch."""
NUMBERS = {"i": range(17), "s": range(4), "k": range(3)}
"""What a letter in braces stands for: a block, a stage, a layer of three. What torch has nothing of falls away."""


def _turned(weight: np.ndarray, shape: Shape) -> np.ndarray:
    """Return a kernel: torch has outputs, inputs and places, Keras places, inputs and outputs."""
    return weight.transpose(*range(2, weight.ndim), 1, 0).reshape(shape) if weight.ndim > 1 else weight.reshape(shape)


def _rows(weight: np.ndarray, first: int, count: int, shape: Shape) -> np.ndarray:
    return _turned(weight[first : first + count], shape)


def _outputs(shape: Shape, inputs: int) -> int:
    """Return how many outputs a kernel of Keras has."""
    return int(np.prod(shape)) // inputs


def _heads_in_front(weight: np.ndarray, shape: Shape) -> np.ndarray:
    heads, inputs, size = shape
    return weight.reshape(heads, size, inputs).transpose(0, 2, 1)


def _by_head(weight: np.ndarray, shape: Shape, part: int) -> np.ndarray:
    """Return one of three parts of which every head has its own."""
    heads, size = shape[-2:]
    return _turned(weight.reshape(heads, 3, size, *weight.shape[1:])[:, part].reshape(-1, *weight.shape[1:]), shape)


WAYS: dict[str, Callable[[np.ndarray, Shape, int], np.ndarray]] = {
    "turned": lambda weight, shape, part: _turned(weight, shape),
    "as_it_is": lambda weight, shape, part: weight.reshape(shape),
    "last_rows": lambda weight, shape, part: weight[-shape[0] :],
    "columns": lambda weight, shape, part: np.split(weight, 3, axis=-1)[part].reshape(shape),
    "by_head": _by_head,
    "heads_in_front": lambda weight, shape, part: _heads_in_front(weight, shape),
    "first_rows": lambda weight, shape, part: _rows(weight, 0, _outputs(shape, weight.shape[1]), shape),
    "last_rows_turned": lambda weight, shape, part: _turned(weight[-_outputs(shape, weight.shape[1]) :], shape),
    "rows_but_one": lambda weight, shape, part: _rows(
        weight, len(weight) - 2 * _outputs(shape, weight.shape[1]), _outputs(shape, weight.shape[1]), shape
    ),
    "joined": lambda weight, shape, part: _turned(weight, shape),
}
"""By the word of a line; each gets an array of torch, the shape that Keras wants, and the number of the part.

Without a word kernels are turned, and all else is as it is.
"""


@dataclass(frozen=True)
class Line:
    """What one line says once its braces are filled in."""

    torch: str
    keras: str
    way: str = "turned"
    part: int = 0

    @property
    def sources(self) -> list[str]:
        """The modules or weights of torch: one, or several that end differently."""
        first, *rest = self.torch.split("+")
        return [first, *(f"{first.rpartition('.')[0]}.{one}" for one in rest)]


def lines(text: str) -> Iterator[Line]:
    """Yield the lines of a map with braces filled in in every way."""
    for line in filter(None, map(str.strip, text.splitlines())):
        letters = sorted({found[0] for found in re.findall(r"\{([a-z])(?:\+\d)?\}", line)})
        for numbers in product(*(NUMBERS[letter] for letter in letters)):
            filled = _filled(line, dict(zip(letters, numbers, strict=True)))
            for words in _worded(filled):
                torch, keras, *rest = words.split()
                yield Line(torch, keras, *rest[:1], *map(int, rest[1:]))


def _filled(line: str, numbers: Mapping[str, int]) -> str:
    """Put numbers in the place of their letters, and of letters with something added: {i+1}."""

    def number(found: re.Match[str]) -> str:
        return str(numbers[found[1]] + int(found[2] or 0))

    return re.sub(r"\{([a-z])(?:\+(\d))?\}", number, line)


def _worded(line: str) -> list[str]:
    """Return a line for each of the words between bars, which change together."""
    groups = [group.split("|") for group in re.findall(r"\{([^{}]*\|[^{}]*)\}", line)]
    count = len(groups[0]) if groups else 1
    found = [line] * count
    for group in groups:
        found = [one.replace("{" + "|".join(group) + "}", word, 1) for one, word in zip(found, group, strict=True)]
    return found


def keras_weights(text: str, torch: Arrays, shapes: Mapping[str, Shape]) -> dict[str, np.ndarray]:
    """Return Keras' weights by name; AssertionError for a line that leads nowhere on one side only."""
    made: dict[str, np.ndarray] = {}
    modules = {name.rpartition(".")[0] for name in torch} | {*torch}
    for line in lines(text):
        if not modules.issuperset(line.sources):
            continue
        own = {name for name in shapes if name == line.keras or name.rpartition(".")[0] == line.keras}
        assert own, f"Keras has no '{line.keras}'"
        for name in own:
            made[name] = _made(line, name, torch, shapes[name])
    return made


def _made(line: Line, name: str, torch: Arrays, shape: Shape) -> np.ndarray:
    parameter = name.rpartition(".")[2]
    found = [torch[_weight(source, parameter, torch)] for source in line.sources]
    way = "as_it_is" if parameter != "kernel" and line.way == "turned" else line.way
    array = WAYS[way](np.concatenate(found) if len(found) > 1 else found[0], shape, line.part)
    assert array.shape == tuple(shape), f"'{name}': {array.shape} is not {shape}"
    return array


def _weight(source: str, parameter: str, torch: Arrays) -> str:
    """Return torch's name of a weight of a module; of two layers' names the one that is there."""
    names = (source, f"{source}.{parameter}", f"{source}.{PARAMETERS.get(parameter, parameter)}")
    return next((name for name in names if name in torch), names[-1])
