"""The door into a framework: the only place of shared that knows where the tracks are."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.spec.track import installed_track
from twotrack.shared.workers import imports, torch_compiler

if TYPE_CHECKING:
    from twotrack.keras_track.track import KerasTrack
    from twotrack.shared.spec.inputs import Input
    from twotrack.shared.spec.scripts import Script
    from twotrack.shared.spec.track import Track
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


def torch_track(track: "Track") -> "TorchTrack":
    """Return torch's open track as what it is; to open it once more would end the float64 that is in force."""
    return cast("TorchTrack", track)


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


def script(track: str, chapter: str) -> "Script":
    """Return a chapter's training as a learner of the track's framework writes it; KeyError if there is none.

    The framework is imported as it is, and is neither deterministic nor put on a device: do nothing else here.
    """
    if installed_track(track).backend:
        from twotrack.keras_track import scripts as of_keras

        return of_keras.SCRIPTS[chapter]
    from twotrack.torch_track import scripts as of_torch

    return of_torch.SCRIPTS[chapter]


def narrow_again() -> None:
    """Leave float64 in every track that is at work in this process, so that what comes next begins in float32.

    Keras on PyTorch and torch can be in one process, and what one widens the other would meet.
    """
    for track in ("torch_track", "keras_track"):
        if precision := sys.modules.get(f"twotrack.{track}.precision"):
            precision.set_precision("float32")


@contextmanager
def frameworks_as_they_were() -> Iterator[None]:
    """Put back, at the end of the block, what a process's user may have set in the frameworks that are imported."""
    with ExitStack() as stack:
        if "torch" in sys.modules:
            from twotrack.torch_track import guest as torch_guest

            stack.enter_context(torch_guest.as_it_was())
        if "keras" in sys.modules:
            from twotrack.keras_track import guest as keras_guest

            stack.enter_context(keras_guest.as_it_was())
        yield


def framework_of(thing: object) -> str:
    """Return the framework of a model, keras or torch; empty for anything else. It imports nothing."""
    for name, kind in (("keras", "Model"), ("torch", "nn.Module")):  # Keras' models on PyTorch are modules too
        found: Any = sys.modules.get(name)
        for part in kind.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and isinstance(thing, found):
            return name
    return ""


def exercise(framework: str, name: str) -> Callable[..., Any]:
    """Return the function of that name of a framework's exercises; imports the framework."""
    if framework == "torch":
        from twotrack.torch_track import exercises as of_torch

        return cast("Callable[..., Any]", getattr(of_torch, name))
    from twotrack.keras_track import exercises as of_keras

    return cast("Callable[..., Any]", getattr(of_keras, name))


def builder(model: Any, inputs: "Mapping[str, Input]") -> Callable[[], Any]:
    """Return a build function that copies a model of this process; UserError for one that cannot be taken."""
    if framework_of(model) == "torch":
        from twotrack.torch_track import guest as torch_guest

        return torch_guest.builder(model)
    from twotrack.keras_track import guest as keras_guest

    return keras_guest.builder(model, inputs)


def keras_track_here() -> str:
    """Return the Keras track of this process, whose backend is fixed; imports Keras if nobody has."""
    with (
        imports.uncollected(),
        imports.without(imports.OPTIONAL),
        as_user_error("importing Keras in this process failed"),
    ):
        from twotrack.keras_track import guest
    return guest.track_name()
