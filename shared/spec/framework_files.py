"""What reads and writes the frameworks' own files of weights and optimizers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from twotrack.shared.spec.track import Precision, TrackModel

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from twotrack.shared.base.pages import OnDisk
    from twotrack.shared.spec.optimizer_files import CarriedOptimizer
    from twotrack.shared.spec.optimizers import Optimizer
    from twotrack.shared.spec.pair import CustomOptimizer, Pair
    from twotrack.shared.spec.track import Track

BuildModel = Callable[[Precision], TrackModel]
"""Builds the model that a file's weights belong to."""


class Checkpoints(Protocol):
    """Reads and writes the framework's own files of weights."""

    def read(self, path: "Path", build: BuildModel, /) -> "tuple[dict[str, np.ndarray], list[str]]":
        """Return a file's weights in canonical form, and what that form does not keep.

        Raises UserError for a file that cannot be read without running code from it, BridgeError if its weights are
        not those of the model that `build` returns.
        """

    def write(self, path: "Path", canonical: "Mapping[str, np.ndarray]", build: BuildModel, /) -> None:
        """Write canonical weights as a file for the model that `build` returns; BridgeError if they are not its."""


class OptimizerFiles(Protocol):
    """Reads and writes what the framework's own files hold of optimizers.

    They are the framework's own, but for specs that it has nothing for: those are twotrack's own in it.
    """

    def read(self, path: "Path", build: BuildModel, own: "Optimizer | CustomOptimizer", /) -> "CarriedOptimizer | None":
        """Return a file's optimizer; None if it holds none, UserError for one that cannot be carried.

        It is taken for `own` where the file does not say which it is.
        """

    def write(
        self, path: "Path", weights: "Mapping[str, np.ndarray]", carried: "CarriedOptimizer", build: BuildModel, /
    ) -> None:
        """Write canonical weights and the state of an optimizer; UserError for one that such a file cannot hold."""

    def resume(self, path: "Path", model: TrackModel, spec: "Optimizer", /) -> None:
        """Load a file into the model and the optimizer that it is of, as the framework does.

        The optimizer has the epsilon, the learning rate and the weight decay of the spec.
        """


class Carrier(Protocol):
    """Carries weights between the framework's own files and canonical .safetensors files, one tensor at a time."""

    def read(self, pair: "Pair", path: "Path", out: "Path", skip: Sequence[str], /) -> list[str]:
        """Write a file's weights in canonical form to `out`; return what is to be said of it.

        What the shell's patterns `skip` fit is left out. Raises UserError for a file that cannot be read without
        running code from it or that has NaN, BridgeError if its weights are not those of the pair's side.
        """

    def write(self, pair: "Pair", canonical: "Path", out: "Path", /) -> list[str]:
        """Write canonical weights as a file for the pair's side; return what they do not tell. BridgeError as above."""

    def load(self, model: TrackModel, path: "Path", skip: Sequence[str], /) -> None:
        """Load a file into a model that was built, as the framework does."""

    def built_on_disk(self, track: "Track", pair: "Pair", disk: "OnDisk", /) -> TrackModel:
        """Build the pair's side in float64, its weights zeros in files, where it can be built without their values."""
