"""What two sides of a pair do where they differ, or are said to be one: on Keras' torch backend, without the ladder.

Only building a model and loading weights is the tracks'; what is compared and with what stands here.
"""

import importlib
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any

import numpy as np

from tests.hunt.family import Case, Reveal
from twotrack.shared.spec.inputs import Input
from twotrack.shared.spec.objective import CustomLoss, kinds_of
from twotrack.shared.spec.pair import Pair
from twotrack.shared.spec.track import Track, TrackModel
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task

SEED = 5


@dataclass(frozen=True)
class Found:
    """What a look at both sides came to."""

    difference: float
    """Relative to torch's largest value; of draws, in standard errors of one side's statistics."""
    least: float
    """What a wrong pair's difference is at least."""
    by: str


@task
def look(reference: str) -> Found:
    """Compare both sides of "module:NAME" as its family says."""
    module, _, name = reference.partition(":")
    families = importlib.import_module(module)
    family, number = families.FAMILIES.find(name)
    case = family.case(number)
    return Found(_LOOKS[case.reveal.by](case), case.reveal.least, case.reveal.by)


@cache
def _track(name: str) -> Track:
    return open_track(name, "cpu")


def _models(case: Case) -> tuple[TrackModel, TrackModel]:
    """Return the Keras and the torch model, in float64, with the same random weights."""
    keras, torch = (_track(name).build(case.pair, SEED, "float64") for name in ("keras:torch", "torch"))
    weights = _weights(keras, case.reveal.weight_scale)
    keras.load_weights(weights)
    torch.load_weights(weights)
    for name, shape in case.flattened.items():
        _load_flattened(torch.module.get_submodule(name), weights[f"{name}.kernel"], shape)
    return keras, torch


def _load_flattened(layer: Any, kernel: np.ndarray, shape: tuple[int, int, int]) -> None:
    """Give a dense layer the kernel (height * width * channels, outputs) in torch's order, channels first."""
    ordered = kernel.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
    layer.weight.data.copy_(layer.weight.new_tensor(ordered.T))


def _weights(model: TrackModel, scale: float) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(SEED)
    drawn = {}
    for name, array in model.weights().items():
        values = generator.normal(size=array.shape)
        drawn[name] = np.abs(values) + 0.5 if "moving_variance" in name else scale * values / sqrt(max(1, array.ndim))
    return drawn


def _inputs(pair: Pair, reveal: Reveal, step: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng([SEED, step])
    return {name: _input(generator, name, spec, reveal) for name, spec in pair.specs.items()}


def _input(generator: np.random.Generator, name: str, spec: Input, reveal: Reveal) -> np.ndarray:
    sizes = spec.shape if reveal.length is None else (*(reveal.length for _ in spec.shape[:-1]), spec.shape[-1])
    shape = (reveal.batch_size, *sizes)
    if name in reveal.inputs:
        given = np.array(reveal.inputs[name])
        return np.array(np.broadcast_to(given, shape), {"tokens": int, "mask": bool}.get(spec.kind, float))
    if spec.kind == "tokens":
        return generator.integers(0, spec.size, shape)
    if spec.kind == "mask":
        return generator.random(shape) < 0.7
    return reveal.offset + reveal.scale * generator.normal(size=shape)


def relative(keras: np.ndarray, torch: np.ndarray) -> float:
    """Return the largest difference relative to torch's largest value; infinity for other shapes or one NaN."""
    if keras.shape != torch.shape or (np.isfinite(keras) != np.isfinite(torch)).any():
        return float("inf")
    keras, torch = np.nan_to_num(keras), np.nan_to_num(torch)
    largest = np.abs(torch).max(initial=0.0)
    difference = np.abs(keras - torch).max(initial=0.0)
    return float(difference / largest) if largest else float(difference)


def _largest(keras: list[np.ndarray], torch: list[np.ndarray]) -> float:
    """Return the largest difference; an image may have its channels first or last on each side."""
    return max(min(relative(one, other), relative(one, _moved(other))) for one, other in zip(keras, torch, strict=True))


def _moved(image: np.ndarray) -> np.ndarray:
    return np.moveaxis(image, 1, -1) if image.ndim > 3 else image


def _outputs(case: Case) -> float:
    keras, torch = _models(case)
    inputs = _inputs(case.pair, case.reveal)
    for _ in range(case.reveal.calls):
        both = _direct(keras, torch, inputs, training=False)
    return _largest(*both)


def _direct(
    keras: Any, torch: Any, inputs: dict[str, np.ndarray], training: bool
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Call both models themselves."""
    import keras as framework

    own = keras.model(keras.arranged(inputs), training=training)
    torch.module.train(training)
    theirs = _tensors(torch.module(*torch.tensors(inputs)))
    flat = framework.tree.flatten(own)
    return [framework.ops.convert_to_numpy(one) for one in flat], [one.detach().numpy() for one in theirs]


def _tensors(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, tuple | list) else [outputs]


def _training(case: Case) -> float:
    """Compare outputs in training mode, and what inference then gives."""
    keras, torch = _models(case)
    inputs = _inputs(case.pair, case.reveal)
    first = _largest(*_direct(keras, torch, inputs, training=True))
    return max(first, _largest(*_direct(keras, torch, inputs, training=False)))


def _trained(case: Case) -> float:
    """Compare all weights after training."""
    keras, torch = _train(case)
    ours, theirs = keras.weights(), torch.weights()
    return max(relative(ours[name], theirs[name]) for name in theirs)


def _after(case: Case) -> float:
    """Compare outputs in inference mode after training."""
    keras, torch = _train(case)
    return _largest(*_direct(keras, torch, _inputs(case.pair, case.reveal), training=False))


def _train(case: Case) -> tuple[TrackModel, TrackModel]:
    models = _models(case)
    keras, torch = models
    shapes = [one.shape for one in _direct(keras, torch, _inputs(case.pair, case.reveal), training=False)[1]]
    for model in models:
        model.compile(case.pair.optimizer, case.pair.learning_rates(case.reveal.steps))
    for step in range(case.reveal.steps):
        inputs, targets = _inputs(case.pair, case.reveal, step), _targets(case, shapes, step)
        for model in models:
            model.train_step(inputs, targets)
    return models


def _targets(case: Case, shapes: list[tuple[int, ...]], step: int) -> list[np.ndarray]:
    generator = np.random.default_rng([SEED, step, 1])
    kinds = kinds_of(case.pair.objective, len(shapes))
    return [_target(generator, kind, shape, case.reveal) for kind, shape in zip(kinds, shapes, strict=True)]


def _target(generator: np.random.Generator, kind: str, shape: tuple[int, ...], reveal: Reveal) -> np.ndarray:
    if kind == "classes":
        if "targets" in reveal.inputs:
            return np.full(shape[:-1], reveal.inputs["targets"])
        return generator.integers(0, shape[-1], shape[:-1])
    if kind == "binary":
        return generator.integers(0, 2, shape).astype(float)
    return reveal.scale * generator.normal(size=shape)


def _loss(case: Case) -> float:
    """Compare the losses alone on outputs and targets."""
    import keras
    import torch

    keras.config.set_floatx("float64")
    loss = case.pair.loss
    assert isinstance(loss, CustomLoss)
    generator, reveal = np.random.default_rng(SEED), case.reveal
    shape = (reveal.batch_size, _width(case))
    outputs = reveal.scale * generator.normal(size=shape)
    if "outputs" in reveal.inputs:
        outputs = np.full(shape, reveal.inputs["outputs"])
    targets = _target(generator, loss.target, shape, reveal)
    own = loss.keras()(torch.tensor(targets), torch.tensor(outputs))
    theirs = loss.torch()(torch.tensor(outputs), torch.tensor(targets))
    return relative(np.array(float(own)), np.array(float(theirs)))


def _width(case: Case) -> int:
    """Return the number of the model's outputs."""
    torch = _track("torch").build(case.pair, SEED, "float64")
    return torch.outputs(_inputs(case.pair, Reveal(batch_size=2)))[0].shape[-1]


SHAPES = ((3, 2), (4,))
"""Of the weights that an optimizer is tried on."""


def _optimizer(case: Case) -> float:
    """Compare weights after updates with the same gradients, by the optimizers alone."""
    import keras
    import torch

    _models(case)  # Keras in float64
    generator, reveal, pair = np.random.default_rng(SEED), case.reveal, case.pair
    start = [reveal.weight_scale * generator.normal(size=shape) for shape in SHAPES]
    own = [keras.Variable(value, dtype="float64", name=f"w{place}") for place, value in enumerate(start)]
    theirs = [torch.nn.Parameter(torch.tensor(value)) for value in start]
    ours, other = pair.optimizer.keras(), pair.optimizer.torch(theirs)
    ours.build(own)
    for step in range(reveal.steps):
        gradients = [_gradient(generator, shape, reveal, step) for shape in SHAPES]
        ours.apply([torch.tensor(gradient) for gradient in gradients], own)
        for weight, gradient in zip(theirs, gradients, strict=True):
            weight.grad = torch.tensor(gradient)
        other.step()
    values = [keras.ops.convert_to_numpy(variable) for variable in own]
    return _largest(values, [weight.detach().numpy() for weight in theirs])


def _gradient(generator: np.random.Generator, shape: tuple[int, ...], reveal: Reveal, step: int) -> np.ndarray:
    gradient = reveal.scale * generator.normal(size=shape) * (0.97**step if reveal.shrinks else 1)
    return gradient * (generator.random(shape) < 0.5) if reveal.zeros else gradient


def _draws(case: Case) -> float:
    """Compare means and second moments of the outputs over draws, for examples that are all the same.

    Once many examples in one batch; then two in each of some batches, as masks that the batch shares show in products
    of both examples. Where one batch varies on neither side, its examples are one draw, and tell nothing.
    """
    keras, torch = _models(case)
    reveal = case.reveal
    one = {name: array[:1] for name, array in _inputs(case.pair, Reveal(batch_size=1)).items()}
    inputs = {name: np.repeat(array, 2, 0) for name, array in one.items()}
    collected: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    wide = {name: np.repeat(array, reveal.batch_size, 0) for name, array in one.items()}
    both = [values[0].reshape(reveal.batch_size, -1) for values in _direct(keras, torch, wide, training=True)]
    for _ in range(200):
        for kept, values in zip(collected, _direct(keras, torch, inputs, training=True), strict=True):
            kept.append(values[0].reshape(-1))
    pairs = [np.array(values) for values in collected]
    shared = all((values.std(0) < 1e-12).all() for values in both)
    return _deviations(*pairs) if shared else max(_deviations(*both), _deviations(*pairs))


def _deviations(keras: np.ndarray, torch: np.ndarray) -> float:
    """Return how many standard errors moments of two samples (draws, values) are apart, at most."""
    centre = torch.mean(0)
    own, theirs = _moments(keras - centre), _moments(torch - centre)
    error = np.sqrt(own.var(0) / len(own) + theirs.var(0) / len(theirs))
    difference = np.abs(own.mean(0) - theirs.mean(0))
    return float(np.max(difference / np.maximum(error, 1e-12)))


def _moments(values: np.ndarray) -> np.ndarray:
    """Return every value and every product of two of the first twelve, and their powers of four."""
    some = values[:, :12]
    places = np.triu_indices(some.shape[1])
    return np.concatenate([values, some[:, places[0]] * some[:, places[1]], some**4], axis=1)


_LOOKS = {
    "outputs": _outputs,
    "training": _training,
    "trained": _trained,
    "after": _after,
    "draws": _draws,
    "loss": _loss,
    "optimizer": _optimizer,
}
