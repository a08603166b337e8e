"""Worker tasks of the ladder: show one side of a pair, or run one of its layers alone."""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.bridge import BridgeError
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.inputs import by_name
from twotrack.shared.losses import as_targets
from twotrack.shared.transfer import EVERYTHING
from twotrack.shared.verify.material import Material, draw_material, draw_weights
from twotrack.shared.verify.pair import Pair
from twotrack.shared.verify.subject import Subject, open_subject
from twotrack.shared.verify.trace import Trace, load, save
from twotrack.shared.workers.task import Report, task

PRECISIONS = ("float64", "float32")
ALL_WEIGHTS_LIMIT = 2_000_000
"""Models above so many values keep the weights of the last training step only, to spare disk and memory."""


@dataclass(frozen=True)
class Named:
    """A chapter, or a user's own pair "module:NAME"; the rest is for a chapter."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    recipe: str = "fast"

    @property
    def is_pair(self) -> bool:
        """The user's own."""
        return ":" in self.name


@dataclass(frozen=True)
class ObserveRequest:
    """One side of a pair to look at, or to train for the accuracy rung."""

    subject: Named
    track: str
    folder: Path
    """For arrays."""
    steps: int = 0
    """Of the training rung."""


@dataclass(frozen=True)
class IsolateRequest:
    """A layer to run alone."""

    subject: Named
    track: str
    folder: Path
    """For arrays."""
    path: str
    """Of the layer."""
    reference: dict[str, Any]
    """Torch's trace, as it was saved."""
    layer: int
    """Number of torch's layer in that."""


@task
def observe(asked: ObserveRequest, report: Report) -> dict[str, Any]:
    """Return what one side of a pair does, in both precisions."""
    report("starting", {})
    try:
        return _observe(asked, report)
    except BridgeError as error:
        raise UserError(f"{asked.subject.name}: {error}") from error


def _observe(asked: ObserveRequest, report: Report) -> dict[str, Any]:
    pair, steps = find_pair(asked.subject), asked.steps
    material = _material(asked.subject, pair, steps)
    traces = {}
    for precision in PRECISIONS:
        subject = open_subject(pair, asked.track, precision)
        facts = _facts(subject, pair)
        subject.load_weights(draw_weights({name: tuple(shape) for name, shape in facts["parameters"].items()}))
        trace = _trace(subject, pair, material, steps, lambda phase, name=precision: report(f"{phase} {name}", {}))
        traces[precision] = save(trace, asked.folder / f"{precision}.npz")
    return facts | {"fingerprint": material.fingerprint, "traces": traces}


def _facts(subject: Subject, pair: Pair) -> dict[str, Any]:
    return {
        "parameters": {name: list(array.shape) for name, array in subject.weights().items()},
        "without_counterpart": subject.without_counterpart(),
        "dropout": subject.remove_dropout(),
        "input_kinds": sorted({one.kind for one in pair.inputs.values()}),
    } | subject.facts()


def _trace(subject: Subject, pair: Pair, material: Material, steps: int, phase: Callable[[str], None]) -> Trace:
    trace = Trace()
    start = subject.weights()
    phase("forward")
    trace.layers, trace.outputs = subject.trace_layers(material.inputs[0])
    shapes = [output.shape for output in trace.outputs]
    phase("gradients")
    trace.gradients = subject.gradients(material.inputs[0], material.targets(0, shapes, pair.target))
    subject.load_weights(start)
    phase("training")
    subject.start_training(steps)
    keep_all = sum(array.size for array in start.values()) <= ALL_WEIGHTS_LIMIT
    for step in range(steps):
        loss = subject.train_step(material.inputs[step], material.targets(step, shapes, pair.target))
        trace.losses.append(loss)
        trace.weights.append(subject.weights() if keep_all or step == steps - 1 else {})
    return trace


@task
def isolate(asked: IsolateRequest) -> dict[str, Any]:
    """Run one Keras layer alone on the inputs that torch's layer got."""
    subject = open_subject(find_pair(asked.subject), asked.track, "float64")
    shapes = {name: array.shape for name, array in subject.weights().items()}
    subject.load_weights(draw_weights(shapes))
    layer = load(asked.reference).layers[asked.layer]
    outputs = subject.run_layer(asked.path, layer.inputs)
    return save(Trace(outputs=outputs), asked.folder / "isolated.npz")


def find_pair(subject: Named) -> Pair:
    """Return the chapter's pair, or the user's own at "module:NAME"."""
    if subject.is_pair:
        return user_pair(subject.name)
    return chapter_pair(chapters.get(subject.name), subject.settings, subject.recipe)


def chapter_pair(chapter: Chapter, settings: Mapping[str, str], recipe_name: str) -> Pair:
    """Return both tracks' models of a chapter as a pair."""
    config, recipe = chapter.configure(settings), chapter.recipe(recipe_name, settings)
    return Pair(
        keras=lambda: importlib.import_module(f"twotrack.keras_track.models.{chapter.slug}").build(config),
        torch=lambda: importlib.import_module(f"twotrack.torch_track.models.{chapter.slug}").build(config),
        input_shape=chapter.inputs(config),
        loss=chapter.loss,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        batch_size=16,
        trained=chapter.transfer.prefixes(config, recipe.trained) if chapter.transfer else EVERYTHING,
    )


def user_pair(reference: str) -> Pair:
    """Import "module:NAME" from the current folder or the path; UserError if that is no Pair."""
    module_name, _, attribute = reference.partition(":")
    sys.path.insert(0, os.getcwd())
    with as_user_error(f"importing '{module_name}' from {os.getcwd()} failed"):
        module = importlib.import_module(module_name)
    found = getattr(module, attribute, None)
    if not isinstance(found, Pair):
        kind = "nothing" if found is None else f"a {type(found).__name__}"
        raise UserError(f"'{reference}': expected a twotrack.shared.verify.Pair named '{attribute}', found {kind}.")
    return found


def _material(subject: Named, pair: Pair, steps: int) -> Material:
    if subject.is_pair:
        return draw_material(pair, steps)
    chapter = chapters.get(subject.name)
    dataset = chapter.data(config=chapter.configure(subject.settings))
    batches = TrainingBatches(dataset, dataset.train, pair.batch_size, 0).epoch(0)
    chosen = [next(batches) for _ in range(steps)]
    return Material(
        [by_name(batch.inputs) for batch in chosen], [as_targets(chapter.loss, batch.labels) for batch in chosen]
    )
