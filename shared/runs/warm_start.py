"""A run that starts from the trained weights of another one, on whichever track that was.

Weights travel, batch normalisation's statistics among them. Optimizer, schedule and order of batches are those of a new
training. A training that goes on where it stopped: going_on.py.
"""

from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.runs.records import Continued
from twotrack.shared.runs.run_folder import WEIGHTS, Run, read
from twotrack.shared.spec import profiles
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.weights.bridge import BridgeError


def find(folder: Path, chapter: str) -> Run:
    """Return the finished run in `folder`; UserError if there is none, or it is of another chapter."""
    run = read(folder)
    if run.record.job.chapter != chapter:
        raise UserError(
            f"--warm-start: '{folder}' is a run of the chapter '{run.record.job.chapter}', not of '{chapter}'; "
            "name a run of this chapter."
        )
    if own := [name for name in profiles.OUTPUTS if name in run.record.switched]:
        raise UserError(
            f"--warm-start: '{folder}' has its framework's own {', '.join(own)}; expected a run of --profile aligned, "
            "whose weights answer alike on every track."
        )
    return run


def describe(run: Run) -> Continued:
    """Return what the record of a run that starts from this one says of it."""
    return Continued(folder=run.folder.absolute(), track=run.record.job.track, weights=run.record.files[WEIGHTS])


def load(model: TrackModel, start: Continued) -> None:
    """Load the run's weights; UserError if they are others than when they were named, or do not fit the model."""
    run = read(start.folder)
    if run.record.files[WEIGHTS] != start.weights:
        raise UserError(
            f"--warm-start: the weights of '{start.folder}' were replaced meanwhile; run the command again."
        )
    load_into(model, run)


def load_into(model: TrackModel, run: Run) -> None:
    """Load a run's weights into the model; UserError if they do not fit it."""
    try:
        model.load_weights(run.weights)
    except BridgeError as error:
        settings = ", ".join(f"{key}={value}" for key, value in run.record.config.items())
        raise UserError(
            f"the weights of '{run.folder}' need a model of the same shape, which was made with {settings}; "
            f"leave out the --set that changes it: {error}"
        ) from error
