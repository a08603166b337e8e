"""Judges an answer to an exercise: a number by measuring it again, a model by the ladder."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twotrack.shared.assertion.arguments import Subject
from twotrack.shared.assertion.checking import Outcome, Wanted, check
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.exercises import exercise
from twotrack.shared.exercises.bench import Bench
from twotrack.shared.exercises.spec import FRAMEWORKS, Model, Number
from twotrack.shared.spec.pair import CustomOptimizer, Pair
from twotrack.shared.verify import user_modules
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.user_functions import ExerciseFunction, FunctionReference
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

TRACK = "keras:torch"
"""Where Keras' side runs: an exercise needs both frameworks, this backend no third, and it is the quickest."""
Answer = float | str | Path | Callable[[], Any]


class Mark(FrozenRecord):
    """What is said of an answer."""

    right: bool
    said: str
    """What was measured of it: what shows that it is right, or a hint."""

    def __str__(self) -> str:
        return f"{'right' if self.right else 'wrong'}: {self.said}"


def mark(lesson: str, number: int, answer: Answer, pool: WorkerPool | None = None) -> Mark:
    """Judge an answer: a number, a file with functions, or, of this process, a build function.

    Raises UserError for an answer that cannot be judged, WorkerDiedError if a worker ends early.
    """
    asked = exercise(lesson, number).answer
    if asked is None:
        raise UserError(f"exercise {number} of '{lesson}' is for you to judge: its page has the answer, folded.")
    if isinstance(asked, Number):
        with lent_or_new(pool) as workers:
            return _mark_number(asked, _number(answer, asked), Bench(lesson, workers))
    return _mark_model(asked, answer, pool)


def _number(answer: Answer, asked: Number) -> float:
    """Return the number that an answer is; UserError for anything else."""
    try:
        number = float(answer) if isinstance(answer, float | int | str) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"expected {asked.give}, found '{answer}'.")
    return number


def _mark_number(asked: Number, answer: float, bench: Bench) -> Mark:
    def agrees(measured: float) -> bool:
        return abs(answer - measured) <= 0.5 * 10.0**-asked.decimals * (1 + 1e-9)

    measured = asked.measure(bench)
    if agrees(measured):
        return Mark(right=True, said=f"measured {measured:,.{asked.decimals}f}.")
    for what, mistake in asked.mistakes.items():
        if agrees(mistake(bench)):
            return Mark(right=False, said=f"{answer:g} is {what}.")
    return Mark(
        right=False, said=f"{answer:g} is too {'small' if answer < measured else 'large'}{_times(answer, measured)}."
    )


def _times(answer: float, measured: float) -> str:
    """Say how far off an answer is, in a way that does not give the number away to its last digit."""
    if answer * measured <= 0:
        return ""
    share = abs(answer / measured - 1)
    return f", by {share:.0%} of what was measured" if share >= 0.01 else ", by less than 1 %"


def _mark_model(asked: Model, answer: Answer, pool: WorkerPool | None) -> Mark:
    outcome = check(Subject(_pair(asked, answer)), Wanted(None, asked.until, usual=(TRACK,)), pool)
    (result,) = outcome.results
    if result.passed:
        return Mark(
            right=True, said=f"{FRAMEWORKS[asked.asked_of]} has the same model; every rung to {asked.until} passes."
        )
    return Mark(right=False, said=_hint(outcome, asked))


def _pair(asked: Model, answer: Answer) -> Pair:
    """Return the pair of the exercise's model and the learner's."""
    theirs, mine = ExerciseFunction(framework=asked.asked_of, name=asked.reference), _function(asked, answer, "build")
    sides: dict[str, Any] = {asked.write: mine, asked.asked_of: theirs}
    if asked.optimizer:
        own: dict[str, Any] = {
            asked.write: _function(asked, answer, "optimizer"),
            asked.asked_of: ExerciseFunction(framework=asked.asked_of, name=asked.optimizer),
        }
        sides["optimizer"] = CustomOptimizer(**own)
    return Pair(input_shape=asked.input_shape, loss=asked.loss, **sides)


def _function(asked: Model, answer: Answer, name: str) -> Callable[..., Any]:
    """Return a function of the learner's file by reference, for only a worker imports it."""
    if callable(answer) and not asked.optimizer:
        return answer
    if not isinstance(answer, str | Path):
        raise UserError(f"expected {asked.give}, found {type(answer).__name__} '{answer}'.")
    file = Path(answer).absolute()
    if file.suffix != ".py" or not file.is_file():
        raise UserError(f"expected {asked.give}, found '{answer}', which is no Python file.")
    module, _ = user_modules.place(str(file), ())
    return FunctionReference(file=file, module=module, name=name)


def _hint(outcome: Outcome, asked: Model) -> str:
    """Say where the model parts from the other framework's, and in what; not which line would put it right."""
    (result,) = outcome.results
    failure = result.rungs[-1]
    yours = f"yours is the side in {FRAMEWORKS[asked.write]}"
    known = [cause for cause in result.diagnosis.causes if cause.status is not Status.UNKNOWN]
    told = [_place(cause.where) + cause.what for cause in known] or [f"at the rung {failure.rung}: {failure.detail}"]
    return "; ".join(told) + f" ({yours})."


def _place(where: str) -> str:
    """Say at which layer; nothing of what is true of the whole model."""
    return f"at '{where}': " if where else ""
