"""The door into a framework: the only place of shared that knows where the tracks are."""

from typing import TYPE_CHECKING

from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import installed_track
from twotrack.shared.workers import imports, torch_compiler

if TYPE_CHECKING:
    from twotrack.keras_track.track import KerasTrack
    from twotrack.torch_track.track import TorchTrack


def open_track(name: str, device: str) -> "KerasTrack | TorchTrack":
    """Import the named track's framework into this process and set it up on `device` (auto, cpu or cuda)."""
    return open_keras(name, device) if installed_track(name).backend else open_torch(device)


def open_torch(device: str) -> "TorchTrack":
    """Do the same for torch, for what only torch can do."""
    spec = installed_track("torch")
    with imports.uncollected():
        import torch  # noqa: F401 - first, so that nothing of it comes before what stands in for its compiler

        torch_compiler.put_off()
        from twotrack.torch_track.track import open_track

    return open_track(spec, device)


def open_keras(name: str, device: str) -> "KerasTrack":
    """Do the same for a Keras track, for what only Keras can do; UserError for torch."""
    spec = installed_track(name)
    if spec.backend is None:
        raise UserError(f"expected a Keras track, found '{name}'.")
    others = [] if spec.backend == "jax" else ["jax"]
    with imports.uncollected(), imports.without([*imports.OPTIONAL, *others]):
        if spec.backend == "torch":
            import torch  # noqa: F401

            torch_compiler.put_off()
        from twotrack.keras_track.track import open_track

    return open_track(spec, device)
