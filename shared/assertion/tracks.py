"""The Keras tracks on which an assertion climbs."""

from collections.abc import Sequence

from twotrack.shared.errors import UserError
from twotrack.shared.spec.sides import MIXED, TORCH, Builds
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers import door

KERAS_TRACKS = tuple(name for name, spec in TRACKS.items() if spec.backend)


class MissingTrackError(UserError):
    """A framework that a test needs is not installed."""


def chosen(tracks: Sequence[str] | None, builds: Builds = MIXED) -> list[str]:
    """Return the tracks that were named, or all that are installed; MissingTrackError if one that is needed is not."""
    if not builds.keras:
        tracks = [TORCH]
    needed = [TORCH] if builds.torch else []
    lacking = [name for name in (*needed, *(tracks or ())) if name in TRACKS and TRACKS[name].missing]
    if lacking:
        raise MissingTrackError("; ".join(map(_missing, lacking)))
    installed = [name for name in KERAS_TRACKS if not TRACKS[name].missing]
    if tracks is None and not installed:
        lines = " or ".join(_install_line(name) for name in KERAS_TRACKS)
        raise MissingTrackError(f"no Keras backend is installed here; run: {lines}")
    return installed if tracks is None else list(tracks)


def _missing(name: str) -> str:
    return f"track '{name}' needs {' and '.join(TRACKS[name].missing)}, not installed here; run: {_install_line(name)}"


def _install_line(name: str) -> str:
    """Return what installs a track where twotrack is: for a project of the user's own."""
    return f"pip install 'twotrack[{TRACKS[name].extras}]'"


def chosen_here(tracks: Sequence[str] | None, one_will_do: bool) -> list[str]:
    """Return the one Keras track that this process can be; UserError if others are wanted, all or one of them."""
    if "keras" in TRACKS["keras:torch"].missing:
        raise MissingTrackError(_missing("keras:torch"))
    here = door.keras_track_here()
    if here not in TRACKS:
        raise UserError(f"{here}: Keras runs on a backend here that twotrack does not know; set KERAS_BACKEND.")
    others = [track for track in tracks or () if track not in (here, TORCH)]
    if others and not (one_will_do and here in (tracks or ())):
        backend = TRACKS[others[0]].backend if others[0] in TRACKS else None
        raise UserError(
            f"{', '.join(others)}: a Keras model, or a function, that this process alone has is verified here, where "
            f"Keras is {here}; give a build function at the top level of a file, or set "
            f"KERAS_BACKEND={backend or 'tensorflow, jax or torch'} before Keras is imported."
        )
    return [here]
