"""A training that was stopped goes on, on any track: the rest of it is what it would have been without the stop.

Weights, the optimizer's state, the place in the schedule and in the epoch, and what validation decides are carried.
Recipe, settings, seed, precision and data are those of the run. To start anew from a run's weights: warm_start.py.
"""

from dataclasses import replace
from pathlib import Path

from twotrack.shared.errors import UserError
from twotrack.shared.runs import training_state
from twotrack.shared.runs.records import Continued, Job
from twotrack.shared.runs.run_folder import WEIGHTS, Run, read
from twotrack.shared.runs.stages import Begun
from twotrack.shared.runs.training_state import STATE, TrainingState, name_of
from twotrack.shared.spec import profiles
from twotrack.shared.spec.recipes import Recipe

OF_THE_RUN = ("recipe", "seed", "settings", "examples", "exact", "same_masks", "precision", "switched")
"""Fields of a job that are those of the run whose training goes on."""
_ANEW = "Start a new training from its weights with --warm-start."


def find(folder: Path, chapter: str) -> Run:
    """Return the run in `folder` whose training goes on; UserError if there is none, or it is of another chapter."""
    run = read(folder)
    if run.record.job.chapter != chapter:
        raise UserError(
            f"--from: '{folder}' is a run of the chapter '{run.record.job.chapter}', not of '{chapter}'; "
            "name a run of this chapter."
        )
    if own := [name for name in run.record.job.switched if name not in profiles.INITIALISATION]:
        raise UserError(
            f"--from: '{folder}' has its framework's own {', '.join(own)}, which no other track has; expected a run of "
            f"--profile aligned. {_ANEW}"
        )
    return run


def planned(run: Run, job: Job) -> Job:
    """Return the job that goes on with a run's training.

    Of `job` track, device, folder, data, epochs and where to stop are the user's; all else is the run's. UserError if
    nothing is left to do, or what is done would have been done otherwise.
    """
    state, done = _state_of(run), len(run.history["loss"])
    _require_own(run, state)
    going_on = job.model_copy(update={name: getattr(run.record.job, name) for name in OF_THE_RUN})
    _require_rest(run, state, going_on, done)
    _require_same_past(run, state, going_on)
    files = run.record.files
    track = run.record.job.track
    continues = Continued(
        folder=run.folder.absolute(), track=track, weights=files[WEIGHTS], state=files[STATE], steps=done
    )
    return going_on.model_copy(update={"continues": continues})


def begun(continues: Continued) -> Begun:
    """Read what a training goes on with; UserError if it is not what it was when it was named."""
    run = read(continues.folder)
    if (run.record.files[WEIGHTS], run.record.files.get(STATE)) != (continues.weights, continues.state):
        raise UserError(f"--from: the state of '{continues.folder}' was replaced meanwhile; run the command again.")
    record = run.record
    return Begun(_state_of(run), run.history, record.epochs, record.batches, record.initial_weights, record.data)


def _state_of(run: Run) -> TrainingState:
    """Return where a run's training stands; UserError, in one sentence, if the run does not say."""
    return training_state.read(run.folder, run.record.files, run.weights)


def _recipe(job: Job, epochs: float) -> Recipe:
    return replace(job.variant.recipe, epochs=epochs)


def _steps(run: Run, recipe: Recipe) -> list[int]:
    """Return the steps of each of a recipe's stages on the run's data."""
    return [stage.steps(run.record.data.train // stage.batch_size) for stage in recipe.stages]


def _require_own(run: Run, state: TrainingState) -> None:
    """Require the state of the run's own optimizer and recipe."""
    stages = run.record.job.variant.recipe.stages
    if state.place.stage >= len(stages):
        raise UserError(f"--from: the state of '{run.folder}' is of a stage that its recipe has not. {_ANEW}")
    if (own := name_of(stages[state.place.stage].optimizer)) != state.optimizer_name:
        raise UserError(
            f"--from: '{run.folder}' holds the state of {state.optimizer_name}, the run's is {own}; copy the folder "
            f"again. {_ANEW}"
        )


def _require_rest(run: Run, state: TrainingState, job: Job, done: int) -> None:
    """Require that there is something left to do, up to where training is to stop."""
    recipe = _recipe(job, job.epochs)
    total, is_last = sum(_steps(run, recipe)), state.place.stage == len(recipe.stages) - 1
    if state.place.ended and is_last:
        raise UserError(f"--from: early stopping ended the training of '{run.folder}' after {done:,} steps. {_ANEW}")
    if done >= total:
        raise UserError(
            f"--from: '{run.folder}' has done {done:,} steps, and {job.epochs:g} epochs are {total:,}: nothing is "
            f"left. Name more epochs with --epochs. {_ANEW}"
        )
    if job.stop_after is not None and job.stop_after <= done:
        raise UserError(
            f"--stop-after: steps are counted from the start of the training; expected more than the {done:,} that "
            f"'{run.folder}' has done, found {job.stop_after}."
        )


def _require_same_past(run: Run, state: TrainingState, job: Job) -> None:
    """Require that a training of so many epochs had the same learning rates up to here."""
    then, now = run.record.job.epochs, job.epochs
    if then == now or state.place.stage < len(_recipe(job, now).stages) - 1:
        return
    per_epoch = run.record.data.train // job.variant.recipe.batch_size
    done = state.place.done(per_epoch)
    planned = [_recipe(job, epochs) for epochs in (then, now)]
    if done == planned[0].steps(per_epoch) and state.place.steps:
        raise UserError(
            f"--from: '{run.folder}' has done {then:g} epochs, and was validated within the last one, as no longer "
            f"training is; expected --epochs {then:g}, found {now:g}. {_ANEW}"
        )
    before, after = (one.learning_rates(one.steps(per_epoch), per_epoch)[:done] for one in planned)
    if before != after:
        raise UserError(
            f"--from: '{run.folder}' was planned for {then:g} epochs, and its schedule has other learning rates in a "
            f"training of {now:g}; leave out --epochs, or train with --epochs {now:g} --stop-after STEPS from the "
            f"start. {_ANEW}"
        )
