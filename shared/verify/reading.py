"""Weights and inputs of the user's own: read and checked once, in a worker, for both sides."""

from collections.abc import Mapping
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.spec.sides import TORCH, SideName, Sides
from twotrack.shared.spec.track import Precision, TrackModel
from twotrack.shared.verify import evidence
from twotrack.shared.verify.own_material import Arrays, checked_inputs, read_npz, require_finite
from twotrack.shared.verify.request import OwnMaterial, SideRequest, VerifyRequest
from twotrack.shared.verify.showing import Showing
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

KERAS_FILES, TORCH_FILES = (".keras", ".h5"), (".pt", ".pth", ".safetensors")
ONLY = ""
"""In place of a side's name, where one file of weights is for both."""


class FileRequest(SideRequest):
    """A file of weights that are those of a side."""

    file: Path


@task
def read_weights(request: FileRequest) -> Path:
    """Return the folder with a file's weights in canonical form; UserError if they are not the side's."""
    assert request.verify.pair
    track, pair = open_track(request.side.track, "auto"), request.verify.pair.load().side(request.side)

    def build(precision: Precision) -> TrackModel:
        return track.build(pair, 0, precision)

    if not request.file.is_file():
        raise UserError(f"expected weights in '{request.file}', found no such file.")
    try:
        found, _ = track.checkpoints().read(request.file, build)
    except BridgeError as error:
        raise UserError(f"'{request.file}': {error}") from error
    for name, array in found.items():
        require_finite(array, f"'{request.file}': '{name}'")
    return evidence.save(Arrays(found), request.folder)


@task
def read_inputs(request: SideRequest) -> Path:
    """Return the folder with the inputs that the pair, or the command, names; UserError if they do not fit the pair."""
    assert request.verify.pair
    pair = request.verify.pair.load()
    source = request.verify.inputs or pair.inputs
    if callable(source):
        name = f"inputs={getattr(source, '__name__', 'function')}"
        try:
            given = source()
        except Exception as error:  # whatever the user's function raises
            raise UserError(f"{name} failed: {type(error).__name__}: {error}") from error
        return evidence.save(Arrays(checked_inputs(given, pair, name)), request.folder)
    assert source is not None
    return evidence.save(Arrays(checked_inputs(read_npz(Path(source)), pair, f"'{source}'")), request.folder)


def read(
    request: VerifyRequest, sides: Sides, stated: Mapping[str, Path], has_inputs: bool, showing: Showing, folder: Path
) -> VerifyRequest:
    """Return the request with what is the user's own, read into a new folder.

    `stated` are the pair's files of weights, `has_inputs` says whether it names inputs; the request's come first.
    """
    files, own = files_of(sides, request.weights or stated), OwnMaterial()
    weights: dict[str, Path] = {}
    for side, file in files.items():
        asked = FileRequest(verify=request, side=side, folder=folder / f"weights-{side.slug}", file=file)
        weights[side.slug] = showing.call(side.track, read_weights, asked)
    own = own.model_copy(update={"weights": weights})
    if has_inputs or request.inputs:
        given = SideRequest(verify=request, side=sides.reference, folder=folder / "inputs")
        own = own.model_copy(update={"inputs": showing.call(sides.reference.track, read_inputs, given)})
    return request.model_copy(update={"own": own})


def files_of(sides: Sides, files: Mapping[str, Path]) -> dict[SideName, Path]:
    """Return which side reads which file of weights; UserError for a name that is no side's, or an unknown ending."""
    return {_side_of(sides, name, file): file for name, file in files.items()}


def _side_of(sides: Sides, name: str, file: Path) -> SideName:
    able = [side for side in sides.all if file.suffix in (TORCH_FILES if side.track == TORCH else KERAS_FILES)]
    if file.suffix not in (*KERAS_FILES, *TORCH_FILES):
        raise UserError(f"weights: expected .safetensors, .pt, .pth, .keras or .weights.h5, found '{file}'.")
    known = names(sides)
    if name != ONLY and name not in known:
        raise UserError(f"weights: expected {_either(list(known))}, found '{name}'.")
    for side in able:
        if name in (ONLY, *(own for own, of in known.items() if of == side)):
            return side
    wanted = f"side '{name}'" if name else "any side"
    able_to = f"torch reads {', '.join(TORCH_FILES)}, Keras .keras and .weights.h5"
    raise UserError(f"weights: '{file}' is no file for {wanted}; {able_to}.")


def names(sides: Sides) -> dict[str, SideName]:
    """Return what `weights=` calls the sides: by framework, or by build function where the pair has two of one."""
    builds = sides.builds
    if builds.is_mixed:
        return {"torch" if side.track == TORCH else "keras": side for side in reversed(sides.all)}
    both = builds.torch or builds.keras
    if len(both) == 1:
        return {"keras": sides.reference}
    return {both[side.build]: side for side in reversed(sides.all)}


def _either(known: list[str]) -> str:
    return " or ".join(f"'{name}'" for name in known)
