"""From a chapter and tracks to a benchmark: contestants take turns, each measurement in a fresh process."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.benchmark import tasks
from twotrack.shared.benchmark.records import (
    BASELINE,
    FORMS,
    Benchmark,
    Contestant,
    Form,
    Interval,
    Pace,
    Reached,
    Trial,
)
from twotrack.shared.benchmark.tasks import Asked, Timed
from twotrack.shared.errors import UserError
from twotrack.shared.evaluation.statistics.intervals import mean_of
from twotrack.shared.spec.scripts import SCRIPTED
from twotrack.shared.spec.track import TRACKS, RunPrecision, installed_track
from twotrack.shared.spec.tuning import AS_IT_IS, BY_DEFAULT, MOST
from twotrack.shared.workers.environment import environment
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import Answer, Task

TRAINS: tuple[Form, ...] = ("script", "run")
"""Forms that train up to a target; the others do the same steps in other seconds."""
SIZE, REPETITIONS = 2048, 7
"""Of the square matrices that the machine multiplies."""
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class BenchmarkRequest:
    """What the user asked to measure."""

    chapter: str
    tracks: tuple[str, ...]
    recipes: tuple[str, ...] = ("fast",)
    rounds: int = 3
    steps: int = 50
    target: float | None = None
    device: str = "auto"
    examples: int | None = None
    precisions: tuple[RunPrecision, ...] = ()
    """Of every recipe; empty for its own."""
    forms: tuple[Form, ...] = FORMS


def contestants(request: BenchmarkRequest) -> list[Contestant]:
    """Return who takes part, track by track: a learner's script if there is one, then every recipe's forms.

    The baseline is always among them, and first. UserError for an unknown chapter, recipe or track, and for one that is
    not installed.
    """
    chapter, found = chapters.get(request.chapter), list[Contestant]()
    has_script = chapter.slug in SCRIPTED
    baseline = () if TRACKS["torch"].missing else ("torch",)
    scripted = request.tracks if "script" in request.forms else ()
    for track in dict.fromkeys([*baseline, *scripted]) if has_script else ():
        found.append(Contestant(name=f"{track} script", track=track, form="script", recipe=""))
    for track in request.tracks:
        installed_track(track)
        for recipe in request.recipes:
            own = chapter.variant(recipe).recipe.precision
            for precision in dict.fromkeys(request.precisions or (own,)):
                name = f"{track} {recipe}" if precision == own else f"{track} {recipe} {precision}"
                one = Contestant(name=name, track=track, form="run", recipe=recipe, precision=precision)
                found += [form for form in _forms(one) if form.form in request.forms]
    return found


def _forms(one: Contestant) -> list[Contestant]:
    """Return a recipe as a run does it, and with less and more switched on where there is less and more."""
    track, name, run = one.track, one.name, BY_DEFAULT[one.track]
    one = one.model_copy(update={"tuning": run})
    plain = one.model_copy(update={"name": f"{name} plain", "form": "plain", "tuning": AS_IT_IS})
    tuned = one.model_copy(update={"name": f"{name} tuned", "form": "tuned", "tuning": MOST[track]})
    return [plain, one, *([tuned] if run != MOST[track] else [])]


def measure(request: BenchmarkRequest, on_step: OnStep) -> Benchmark:
    """Measure everything, in turns; UserError for what cannot be done, WorkerDiedError if a process dies."""
    if request.rounds < 1 or request.steps < 1:
        raise UserError(f"expected at least 1 round and 1 step, found {request.rounds} and {request.steps}.")
    if request.target is not None and not 0 < request.target < 1:
        raise UserError(f"--to {request.target:g}: expected a score between 0 and 1, such as 0.99.")
    who, matmul = contestants(request), best_matmul()
    operations = _operations(request)
    timed: dict[str, list[Timed]] = {one.name: [] for one in who}
    trials: dict[str, list[Trial]] = {one.name: [] for one in who}
    for number in range(request.rounds):
        for one in _turned(who, number):
            on_step(f"round {number + 1} of {request.rounds}: {one.name}")
            asked = _asked(request, one, number)
            timed[one.name].append(_fresh(request, one, tasks.pace, asked))
            if request.target is not None and one.form in TRAINS:
                trials[one.name].append(_fresh(request, one, tasks.reach, asked))
    paces = [_pace(one, timed[one.name], operations, matmul) for one in who]
    reached = (
        [] if request.target is None else _reached([one for one in who if one.form in TRAINS], trials, request.target)
    )
    return Benchmark(
        chapter=request.chapter,
        metric=chapters.get(request.chapter).metric,
        steps=request.steps,
        rounds=request.rounds,
        matmul=matmul,
        paces=paces,
        target=request.target,
        reached=reached,
        device=request.device,
        command=["twotrack", *sys.argv[1:]],
        environment=environment(),
    )


def best_matmul() -> float:
    """Return the floating-point operations per second of a product of float32 matrices, at best."""
    a = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    best = np.inf
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return float(2 * SIZE**3 / best)


def _turned(who: Sequence[Contestant], number: int) -> list[Contestant]:
    """Return the contestants, each round begun by another one."""
    first = number % len(who)
    return [*who[first:], *who[:first]]


def _asked(request: BenchmarkRequest, one: Contestant, seed: int) -> Asked:
    return Asked(request.chapter, one, seed, request.device, request.steps, request.target, request.examples)


def _fresh(request: BenchmarkRequest, one: Contestant, task: Task[Asked, Answer], asked: Asked) -> Answer:
    """Do a task in a process of its own, whose peak of memory is that of this one alone."""
    with WorkerPool(request.device, as_it_is=one.form == "script") as workers:
        return workers.call(one.track, task, asked)


def _operations(request: BenchmarkRequest) -> int | None:
    """Return what a training step computes for an example; None without torch, which counts it."""
    if TRACKS["torch"].missing:
        return None
    counted = Contestant(name="torch", track="torch", form="run", recipe=request.recipes[0])
    return _fresh(request, counted, tasks.operations, _asked(request, counted, 0))


def _pace(one: Contestant, timed: Sequence[Timed], operations: int | None, matmul: float) -> Pace:
    rates = [round_.batch_size * round_.steps / round_.seconds for round_ in timed]
    interval = _interval(rates)
    return Pace(
        contestant=one,
        batch_size=timed[0].batch_size,
        rounds=rates,
        examples_per_second=interval,
        peak_memory=max(round_.peak_memory for round_ in timed),
        share_of_peak=None if operations is None else interval.mean * operations / matmul,
    )


def _reached(who: Sequence[Contestant], trials: dict[str, list[Trial]], target: float) -> list[Reached]:
    seconds = {one.name: _interval([trial.seconds for trial in trials[one.name]]) for one in who}
    scores = {one.name: _interval([trial.score for trial in trials[one.name]]) for one in who}
    has_baseline = BASELINE in scores and scores[BASELINE].mean >= target
    return [
        Reached(
            contestant=one,
            trials=trials[one.name],
            score=scores[one.name],
            seconds=seconds[one.name],
            times_as_fast=seconds[BASELINE].mean / seconds[one.name].mean
            if has_baseline and scores[one.name].mean >= target
            else None,
        )
        for one in who
    ]


def _interval(values: Sequence[float]) -> Interval:
    if len(values) == 1:
        return Interval(mean=values[0], low=values[0], high=values[0])
    found = mean_of(np.array(values), "mean over rounds")
    return Interval(mean=found.value, low=found.low, high=found.high)
