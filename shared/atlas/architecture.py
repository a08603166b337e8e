"""What the atlas says and does of one architecture."""

from dataclasses import dataclass
from typing import Any

from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.spec.pair import Pair


@dataclass(frozen=True)
class Architecture:
    """One architecture in two libraries, with what aligns them."""

    title: str
    keras: KerasModel
    torch: TorchModel
    inputs: Any
    """As twotrack.Pair takes them."""
    sizes: str
    """In words."""
    alignments: tuple[Alignment, ...] = ()
    note: str = ""
    """What else a person who ports should know."""
    batch_size: int = 4

    @property
    def published(self) -> Pair:
        """The pair with every setting but sizes as each library has it."""
        return self._pair(self.keras, self.torch)

    @property
    def aligned(self) -> Pair:
        """The pair with all alignments."""
        keras, torch = self.keras, self.torch
        for alignment in self.alignments:
            if alignment.side == "keras":
                keras = alignment.applied(keras)
            else:
                torch = alignment.applied(torch)
        return self._pair(keras, torch)

    def _pair(self, keras: Any, torch: Any) -> Pair:
        return Pair(keras, torch, self.inputs, batch_size=self.batch_size)
