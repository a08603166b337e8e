"""Worker tasks: what a track finds of its models' inputs and attention. Arrays travel in .npz files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.layers.sides import built, chapter_pair
from twotrack.shared import chapters
from twotrack.shared.spec.loss_specs import CrossEntropy
from twotrack.shared.spec.losses import as_targets
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.weights import initial
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class OfChapter:
    track: str
    chapter: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Attention:
    track: str
    settings: dict[str, str]
    out: Path


EXAMPLES, DIRECTIONS, STEP = 3, 4, 1e-5


@task
def input_gradients(asked: OfChapter) -> list[tuple[float, float]]:
    """Return derivatives of the loss along random directions: by the gradient of the inputs, by central differences."""
    chapter = chapters.get(asked.chapter)
    data, loss = chapter.data(), chapter.recipe("fast").loss
    smoothing = loss.label_smoothing if isinstance(loss, CrossEntropy) else 0.0
    generator, pairs, split = np.random.default_rng(0), [], data.train.first(EXAMPLES)
    # Noise, because the largest of four equal black pixels has no derivative.
    inputs = {
        name: one + 0.1 * generator.normal(size=one.shape) if one.dtype.kind == "f" else one
        for name, one in data.prepare(split.inputs).items()
    }
    with built(chapter_pair(asked.chapter, asked.settings), asked.track) as model:
        model.probe().remove_dropout()
        model.load_weights(_weights(model))
        before = model.weights()
        found = model.probe().input_gradients(inputs, [as_targets(chapter.loss, split.labels)])
        assert all(np.array_equal(before[name], one) for name, one in model.weights().items())
        for _ in range(DIRECTIONS):
            direction = {name: generator.normal(size=inputs[name].shape) for name in found}
            along = sum(float((found[name] * one).sum()) for name, one in direction.items())
            losses = [
                _loss(model, inputs | {name: inputs[name] + sign * STEP * one for name, one in direction.items()},
                      split.labels, smoothing)
                for sign in (1, -1)
            ]  # fmt: skip
            pairs.append((along, (losses[0] - losses[1]) / (2 * STEP)))
    return pairs


def _loss(model: TrackModel, inputs: dict[str, np.ndarray], labels: np.ndarray, smoothing: float) -> float:
    """Mean cross-entropy in NumPy, of one logit or of several; all classes share `smoothing` of a target."""
    logits = model.predict(inputs)
    logits = np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
    classes = logits.shape[1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - (targets * logits).sum(axis=1)))


@task
def attention(asked: Attention) -> None:
    """Write the weights, the inputs of short and long customers, and what the track computes with them."""
    chapter = chapters.get("churn_transformer")
    data = chapter.data()
    inputs = data.prepare(data.test.first(16).inputs)
    with built(chapter_pair("churn_transformer", asked.settings), asked.track) as model:
        model.load_weights(_weights(model))
        maps = model.probe().attention(inputs)
        logits = model.predict(inputs)
        weights = {f"weight:{name}": one for name, one in model.weights().items()}
    np.savez(asked.out, logits=logits, maps=np.stack(list(maps.values())), **inputs, **weights)


def _weights(model: TrackModel) -> dict[str, np.ndarray]:
    """Return weights that are neither 0 nor 1 anywhere, and in float64 not of float32's either."""
    generator = np.random.default_rng(0)
    shapes = {name: one.shape for name, one in model.weights().items()}
    drawn = initial.draw(shapes, seed=0)
    return {name: one + 0.1 * generator.normal(size=one.shape) for name, one in sorted(drawn.items())}
