"""How stored inputs become model inputs, and what else a data set says of them: to a client and to a reader."""

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from twotrack.shared.spec.inputs import ONLY, Inputs

Shown = np.ndarray | Mapping[str, str]
"""A picture uint8, grey (height, width) or (height, width, RGB 3), or texts by name."""
SHOWN_CHARACTERS = 600


class Preparation(ABC):
    """Stored inputs (batch, ...) to model inputs (batch, ...), channels last: float32, tokens int32, masks bool."""

    @abstractmethod
    def __call__(self, inputs: Inputs) -> Inputs:
        """Return the model inputs."""

    def client_inputs(self, inputs: Inputs) -> Inputs:
        """Return stored inputs (batch, ...) as a client of a served model sends them; texts are bytes objects.

        Model inputs, unless keras_track/in_graph.py knows how to prepare something else inside the served graph.
        """
        return self(inputs)

    def table(self, inputs: Inputs) -> np.ndarray:
        """Return (batch, features) for models that read tables: the only input, unless one kind says otherwise."""
        return self(inputs)[ONLY]

    def show(self, example: Inputs) -> Shown:
        """Return a stored example, which has no batch axis, for a reader."""
        return {name: shortened(str(np.asarray(values).tolist())) for name, values in example.items()}


@dataclass(frozen=True)
class Plain(Preparation):
    """A function that prepares, and says nothing else."""

    prepare: Callable[[Inputs], Inputs]

    def __call__(self, inputs: Inputs) -> Inputs:
        """Return what the function makes of the inputs."""
        return self.prepare(inputs)


def shortened(text: str) -> str:
    """Return a text in one line, cut where it is too long to show."""
    return textwrap.shorten(text, SHOWN_CHARACTERS, placeholder=" ...")
