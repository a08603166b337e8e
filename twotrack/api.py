"""The functions of `import twotrack`: what the command line does, called from Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twotrack.shared.errors import WorkerDiedError
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import DEFAULT_TRACKS

if TYPE_CHECKING:
    from twotrack.shared.exercises.marking import Answer, Mark
    from twotrack.shared.export.workflow import Exported
    from twotrack.shared.report.ladder import LadderRecord
    from twotrack.shared.runs.comparison import OnJob, TrackFailure, TrainingRequest
    from twotrack.shared.runs.run_folder import Run
    from twotrack.shared.verify.ladder import TrackResult
    from twotrack.shared.verify.request import VerifyRequest
    from twotrack.shared.verify.user_pair import PairReference


def verify(
    subject: str | Pair,
    *,
    tracks: Sequence[str] | None = None,
    reference: str | None = None,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    inputs: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
    recipe: str = "fast",
    until: str = "accuracy",
    precision: str | Sequence[str] = (),
    replicas: int = 1,
    on_phase: Callable[[str, str], None] = lambda track, phase: None,
) -> "LadderRecord":
    """Climb the verification ladder: are the two sides one model, in float64? As `twotrack verify`.

    `subject` is a chapter's slug, a text "module:NAME" that names a Pair, or a Pair whose functions stand at the top
    level of a file. `tracks` are those that are compared, None for every installed one; `reference` is the one that
    the others are compared with, None for torch where there is a torch side, else the first Keras track.
    `weights`, a checkpoint or one for each side, and `inputs`, an .npz file, take the place of those of a pair.
    `settings` and `recipe` are a chapter's. `until` is the last rung to climb; then `precision`, such as
    ["float32", "bfloat16"], judges both sides in lower precisions, and `replicas` above 1 proves that so many do the
    training of one. `on_phase` hears (track, phase).

    Returns the rungs of every track: `.passed`, and per track `.tracks[i].rungs`, and `.causes`, `.left` and
    `.suggestions` of a failure. Raises UserError for what cannot be done, WorkerDiedError if a worker process ends
    early.

    >>> import twotrack
    >>> twotrack.verify("neuron", tracks=["keras:tensorflow"], until="training").passed  # doctest: +SKIP
    True
    """
    from twotrack.shared.report.ladder import ladder_record

    request, results = _climb(
        subject,
        tracks,
        settings or {},
        recipe,
        until,
        on_phase,
        "twotrack.verify",
        reference,
        weights,
        inputs,
        precision,
        replicas,
    )
    return ladder_record(request, results)


def assert_same_model(
    subject: Any = None,
    torch: Any = None,
    inputs: Any = None,
    *,
    keras: Any = None,
    tracks: Sequence[str] | None = None,
    until: str = "accuracy",
    precision: str | Sequence[str] = (),
    replicas: int = 1,
    strict: bool = False,
    own_weights: bool = False,
    **pair: Any,
) -> None:
    """Require that two models are one, for a test: AssertionError says at which rung and place not, and why.

    `subject` is a Pair, the name of one as `verify` takes it, or the Keras side, for which `keras` is another name.
    A side is a function without arguments that builds the model, or the model itself. Functions at the top level of a
    file are called in worker processes, on every installed Keras backend or on `tracks`. A model, a lambda or a
    function inside another stays in this process: a copy of it is verified here, with Keras on the backend that it has
    here; model and process are left as they were. All this goes on drawn weights; with `own_weights`, those with which
    the two models come must be equal too, as after a conversion.

    `inputs` is the shape that Keras gets, without the batch axis, an Input, or an array (batch, ...) of inputs to
    compare on, in place of drawn ones; a mapping by name for several inputs. Further arguments are those of Pair:
    `loss`, `optimizer`, `rename`, ... `until` is the last rung to climb, `precision` and `replicas` as in `verify`;
    replicas build their side anew, so it has to be a function that workers can import. With `strict`, a pass with
    exceptions is an AssertionError too.

    Raises UserError for what cannot be compared, WorkerDiedError if a worker process ends early.

    >>> from twotrack import assert_same_model
    >>> assert_same_model(build_keras, build_torch, (28, 28, 1), loss="cross_entropy")  # doctest: +SKIP
    >>> assert_same_model(keras=my_keras_model, torch=my_module, inputs=(4,))  # doctest: +SKIP
    """
    from twotrack.shared.assertion.arguments import given
    from twotrack.shared.assertion.checking import Wanted, check
    from twotrack.shared.precision.formats import arithmetics
    from twotrack.shared.verify import user_modules

    user_modules.require_not_importing("twotrack.assert_same_model")
    lower = arithmetics(precision)
    wanted = Wanted(tracks, until, own_weights=own_weights, arithmetics=lower, replicas=replicas)
    outcome = check(given(subject, torch, inputs, keras, pair), wanted)
    if failure := outcome.failure(strict):
        raise AssertionError(f"{failure}\n{outcome.text}")


def _climb(
    subject: str | Pair,
    tracks: Sequence[str] | None,
    settings: Mapping[str, object],
    recipe: str,
    until: str,
    on_phase: Callable[[str, str], None],
    function: str,
    reference: str | None = None,
    weights: str | Path | Mapping[str, str | Path] | None = None,
    inputs: str | Path | None = None,
    precision: str | Sequence[str] = (),
    replicas: int = 1,
) -> "tuple[VerifyRequest, list[TrackResult]]":
    from twotrack.shared.precision.formats import arithmetics
    from twotrack.shared.verify import ladder, user_modules, user_pair
    from twotrack.shared.verify.request import VerifyRequest

    user_modules.require_not_importing(function)
    pair: PairReference | None = None
    if isinstance(subject, Pair):
        pair = user_pair.reference(subject)
    elif ":" in subject:
        pair = user_pair.named(subject, user_pair.module_folders())
    name = pair.label if pair else str(subject)
    request = VerifyRequest(
        name=name,
        settings=_texts(settings),
        recipe=recipe,
        until=until,
        pair=pair,
        reference=reference,
        weights=_files(weights),
        inputs=Path(inputs).absolute() if inputs is not None else None,
        arithmetics=arithmetics(precision),
        replicas=replicas,
    )
    ladder.check(request, tracks)
    return request, ladder.verify(request, tracks, on_phase)


def _files(weights: str | Path | Mapping[str, str | Path] | None) -> dict[str, Path]:
    files = weights if isinstance(weights, Mapping) else {} if weights is None else {"": weights}
    return {name: Path(file).absolute() for name, file in files.items()}


@dataclass(frozen=True)
class Comparison:
    """What `compare` trained: finished runs, and the tracks whose worker did not finish."""

    folder: Path
    runs: "list[Run]"
    failures: "list[TrackFailure]"
    report: Path
    """The page."""
    verdict: str
    """One sentence on the tracks."""


def compare(
    chapter: str,
    tracks: Sequence[str] = DEFAULT_TRACKS,
    *,
    seeds: int | None = None,
    recipe: str = "fast",
    settings: Mapping[str, object] | None = None,
    epochs: float | None = None,
    examples: int | None = None,
    profile: str = "aligned",
    own_start: bool | None = None,
    precision: str | None = None,
    replicas: int = 1,
    device: str = "auto",
    out: str | Path = "runs",
    on_progress: "OnJob" = lambda job, progress: None,
) -> Comparison:
    """Train a chapter on several tracks with seeds 0, 1, ..., on the same batches, and report. As `twotrack compare`.

    `seeds` says how many; by default 3 where a training takes seconds, else 1. `settings` are the chapter's, for
    example {"dropout": 0.5}; `precision` is float32, bfloat16 or float64, else the recipe's. Each run trains on so many
    `replicas`. `on_progress` hears (job, progress) of every phase.
    A new folder below `out` takes the run folders and the report. `twotrack compare --resume` continues it.
    Raises UserError for what cannot be done, WorkerDiedError if no track finishes.

    >>> import twotrack
    >>> done = twotrack.compare("neuron", ["torch", "keras:jax"], examples=256)  # doctest: +SKIP
    >>> done.runs[0].record.test["roc_auc"]  # doctest: +SKIP
    """
    from twotrack.shared import chapters
    from twotrack.shared.runs.comparison import TrainingRequest, first_seeds, timestamp
    from twotrack.shared.runs.reserving import reserving
    from twotrack.shared.spec.track import run_precision
    from twotrack.shared.verify import user_modules

    user_modules.require_not_importing("twotrack.compare")
    request = TrainingRequest(
        chapter=chapter,
        tracks=tuple(tracks),
        seeds=first_seeds(chapters.get(chapter).seeds if seeds is None else seeds),
        recipe=recipe,
        settings=_texts(settings or {}),
        epochs=epochs,
        examples=examples,
        device=device,
        profile=profile,
        own_start=own_start,
        precision=run_precision(precision) if precision else None,
        replicas=replicas,
    )
    with reserving(Path(out)) as reserved:
        folder = reserved.folder(f"compare_{chapter}_{recipe}_{timestamp()}")
        return _reported(folder, *_train(request, folder, on_progress))


def _train(request: "TrainingRequest", folder: Path, on_progress: "OnJob") -> "tuple[list[Run], list[TrackFailure]]":
    """Train in the folder, under a plan that makes it one that can be continued."""
    from twotrack.shared.runs import plans
    from twotrack.shared.runs.comparison import plan, run_jobs, run_name
    from twotrack.shared.runs.run_folder import require_writable

    jobs = plan(request, lambda track, seed: folder / run_name(track, seed))
    require_writable(folder)
    with plans.begin(jobs, request) as todo:
        outcome = run_jobs(todo.jobs, on_progress, todo.inherited)
    if not outcome.folders:
        raise WorkerDiedError("\n".join(failure.message for failure in outcome.failures))
    return [read_run(finished) for finished in outcome.folders], outcome.failures


def _reported(folder: Path, runs: "list[Run]", failures: "list[TrackFailure]") -> Comparison:
    from twotrack.shared.report.headline import headline
    from twotrack.shared.report.runs_page import write_report
    from twotrack.shared.report.tables import baseline_scores, difference_rows, notes_on_data

    page = write_report(runs, folder / "report.html", failures, baseline_scores(runs), None, notes_on_data(runs))
    return Comparison(folder, runs, failures, page, headline(runs, difference_rows(runs)))


def read_run(folder: str | Path) -> "Run":
    """Read a finished run: `.record`, `.history`, `.logits` (examples, classes), `.labels`, `.weights` by name.

    Raises UserError if the folder holds no run, or if a file of it is missing or was changed.

    >>> import twotrack
    >>> run = twotrack.read_run("runs/compare_neuron_fast_20261122-210317/torch_seed0")  # doctest: +SKIP
    >>> run.record.test, run.weights["neuron.kernel"].shape  # doctest: +SKIP
    """
    from twotrack.shared.runs.run_folder import read

    return read(Path(folder))


def check_exercise(chapter: str, number: int, answer: "Answer") -> "Mark":
    """Judge an answer to an exercise of a chapter's page. As `twotrack exercise CHAPTER N --check ANSWER`.

    `answer` is a number; or a Python file whose function `build` returns a model; or such a function itself, which
    stays in this process, with Keras on the backend that it has here.

    Returns `.right`, and `.said`: what was measured, or a hint. Raises UserError for an answer that cannot be judged,
    WorkerDiedError if a worker process ends early.

    >>> import twotrack
    >>> print(twotrack.check_exercise("sequences", 2, 192 * 192))
    right: measured 36,864.
    """
    from twotrack.shared.exercises.marking import mark
    from twotrack.shared.verify import user_modules

    user_modules.require_not_importing("twotrack.check_exercise")
    return mark(chapter, number, answer)


def export(
    run: str | Path,
    format: str,  # noqa: A002 - the name of the command's option
    out: str | Path,
    *,
    model: str | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> "Exported":
    """Write a run's model for another runtime, reload it there and compare. As `twotrack export`.

    `format` is one that `twotrack formats` lists, `out` the file or, for tf-serving, the folder of models. `model`
    names it where the format wants a name. Raises UserError, with nothing written, if that cannot be done or if the
    reloaded model does not say what the run said.

    >>> import twotrack
    >>> twotrack.export("runs/neuron_torch", "onnx", "neuron.onnx").largest < 1e-5  # doctest: +SKIP
    True
    """
    from twotrack.shared.export import workflow
    from twotrack.shared.verify import user_modules
    from twotrack.shared.workers.pool import WorkerPool

    user_modules.require_not_importing("twotrack.export")
    with WorkerPool("cpu") as workers:
        return workflow.export(Path(run), format, Path(out), workers, on_step, model)


def _texts(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings as the command line gives them."""
    return {name: str(value) for name, value in settings.items()}
