"""Worker tasks of the ladder: show one side of a pair, or run one of its layers alone."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.bridge import BridgeError
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.errors import UserError
from twotrack.shared.inputs import by_name
from twotrack.shared.losses import as_targets
from twotrack.shared.transfer import EVERYTHING
from twotrack.shared.verify import user_pair
from twotrack.shared.verify.material import Material, draw_material, draw_weights
from twotrack.shared.verify.pair import Pair
from twotrack.shared.verify.subject import Subject, open_subject
from twotrack.shared.verify.trace import Trace, load, save

Report = Callable[[str, Mapping[str, object]], None]
PRECISIONS = ("float64", "float32")
ALL_WEIGHTS_LIMIT = 2_000_000
"""Models above so many values keep the weights of the last training step only, to spare disk and memory."""


def observe(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Worker task: return what one side of a pair does, in both precisions; arrays go to `folder`."""
    report("starting", {})
    try:
        return _observe(arguments, report)
    except BridgeError as error:
        label = user_pair.parse(arguments["pair"]).label if "pair" in arguments else arguments["chapter"]
        raise UserError(f"{label}: {error}") from error


def _observe(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    pair, steps = find_pair(arguments), arguments["steps"]
    material = _material(arguments, pair, steps)
    traces = {}
    for precision in PRECISIONS:
        subject = open_subject(pair, arguments["track"], precision)
        facts = _facts(subject, pair)
        subject.load_weights(draw_weights({name: tuple(shape) for name, shape in facts["parameters"].items()}))
        trace = _trace(subject, pair, material, steps, lambda phase, name=precision: report(f"{phase} {name}", {}))
        traces[precision] = save(trace, Path(arguments["folder"]) / f"{precision}.npz")
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


def isolate(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Worker task: run one Keras layer alone on the inputs that torch's layer got; arrays go to `folder`."""
    subject = open_subject(find_pair(arguments), arguments["track"], "float64")
    shapes = {name: array.shape for name, array in subject.weights().items()}
    subject.load_weights(draw_weights(shapes))
    layer = load(arguments["reference"]).layers[arguments["layer"]]
    outputs = subject.run_layer(arguments["path"], layer.inputs)
    return save(Trace(outputs=outputs), Path(arguments["folder"]) / "isolated.npz")


def find_pair(arguments: Mapping[str, Any]) -> Pair:
    """Return the chapter's pair, or the user's own."""
    if "chapter" in arguments:
        return chapter_pair(chapters.get(arguments["chapter"]), arguments["settings"], arguments["recipe"])
    return user_pair.parse(arguments["pair"]).load()


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


def _material(arguments: Mapping[str, Any], pair: Pair, steps: int) -> Material:
    if "chapter" not in arguments:
        return draw_material(pair, steps)
    chapter = chapters.get(arguments["chapter"])
    dataset = chapter.data(config=chapter.configure(arguments["settings"]))
    batches = TrainingBatches(dataset, dataset.train, pair.batch_size, 0).epoch(0)
    chosen = [next(batches) for _ in range(steps)]
    return Material(
        [by_name(batch.inputs) for batch in chosen], [as_targets(chapter.loss, batch.labels) for batch in chosen]
    )
