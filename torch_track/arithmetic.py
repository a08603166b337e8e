"""In which type a module computes, operation by operation."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from twotrack.shared.precision import aten
from twotrack.shared.precision.computing import Computing
from twotrack.torch_track.operations import layers_followed, place
from twotrack.torch_track.recording import Named


@contextmanager
def noted(module: nn.Module, named: Named, computing: Computing) -> Iterator[None]:
    """Note inside the block what computes in another type; places bear canonical paths."""
    with layers_followed(module, named) as open_layers, aten.noted(computing, lambda: (open_layers[-1], place())):
        yield
