"""Plants faults in the code that trains, in the process of one track, whose framework planting imports."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from twotrack.shared.datasets import batches
from twotrack.shared.datasets.batches import Batch, TrainingBatches
from twotrack.shared.runs import stages
from twotrack.shared.runs.fitting import TrainingStage
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.verify.material import PairBatches

TORCH, KERAS = "torch", "keras:torch"
Plant = Callable[[], AbstractContextManager]


def model_class(track: str) -> type[TrackModel]:
    if track == TORCH:
        from twotrack.torch_track.track_model import TorchModel

        return TorchModel
    from twotrack.keras_track.track_model import KerasModel

    return KerasModel


def around(owner: Any, name: str, change: Callable[..., Any]) -> AbstractContextManager:
    """Replace a method by `change`, which gets the original first and then what the method gets."""
    original = getattr(owner, name)

    def changed(*args: Any, **kwargs: Any) -> Any:
        return change(original, *args, **kwargs)

    return patch.object(owner, name, changed)


# === Learning rates ===


def rates(track: str, change: Callable[[list[float]], list[float]]) -> Plant:
    """Change the learning rates that `compile` is given."""

    def compile_otherwise(original: Callable, model: TrackModel, optimizer: Any, rates: Sequence[float]) -> None:
        original(model, optimizer, change(list(rates)))

    return lambda: around(model_class(track), "compile", compile_otherwise)


def shifted(rates: list[float]) -> list[float]:
    return rates[1:] + rates[-1:]


def one_more(rates: list[float]) -> list[float]:
    """For a fault that does a step more than there are."""
    return rates + rates[-1:]


def last_step_off(rates: list[float]) -> list[float]:
    return [*rates[:-1], 1.5 * rates[-1]]


def lower_from_step_15(rates: list[float]) -> list[float]:
    return rates[:14] + [0.999 * rate for rate in rates[14:]]


# === The optimizer ===


def spec(track: str, **changes: Any) -> Plant:
    """Change a hyperparameter of the optimizer that `compile` is given."""

    def compile_otherwise(original: Callable, model: TrackModel, optimizer: Any, rates: Sequence[float]) -> None:
        original(model, replace(optimizer, **changes), rates)

    return lambda: around(model_class(track), "compile", compile_otherwise)


def no_decay_of_biases() -> AbstractContextManager:
    def attach(original: Callable, model: Any, optimizer: Any) -> None:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        original(model, optimizer)

    return around(model_class(KERAS), "attach", attach)


def clipped() -> AbstractContextManager:
    def attach(original: Callable, model: Any, optimizer: Any) -> None:
        optimizer.clipnorm = 1e-2
        original(model, optimizer)

    return around(model_class(KERAS), "attach", attach)


def averaged_weights() -> AbstractContextManager:
    """Replace weights by their moving average, as Keras does with use_ema every so many steps."""

    def train_step(original: Callable, model: Any, inputs: Any, targets: Any) -> float:
        before = model.weights()
        loss = original(model, inputs, targets)
        model.load_weights({name: 0.01 * before[name] + 0.99 * array for name, array in model.weights().items()})
        return loss

    return around(model_class(KERAS), "train_step", train_step)


def decay_in_the_gradient() -> AbstractContextManager:
    """Couple AdamW's decay: add it to the gradient, where Adam rescales it."""
    from twotrack.torch_track import native

    def optimizer(original: Callable, spec: Any, rates: Any, parameters: Any, switches: Any, placed: Any) -> Any:
        listed = list(parameters)
        made = original(replace(spec, weight_decay=0.0), rates, iter(listed), switches, placed)

        def decay(*_: object) -> None:
            for parameter in listed:
                if parameter.grad is not None:
                    parameter.grad.add_(parameter.detach(), alpha=spec.weight_decay)

        made.register_step_pre_hook(decay)
        return made

    return around(native, "optimizer", optimizer)


def no_zero_grad() -> AbstractContextManager:
    from torch import nn

    return patch.object(nn.Module, "zero_grad", lambda *_, **__: None)


def without_the_last_parameter() -> AbstractContextManager:
    """Leave a weight that is not frozen out of the optimizer."""
    from twotrack.torch_track import native

    def optimizer(original: Callable, spec: Any, rates: Any, parameters: Any, switches: Any, _: Any) -> Any:
        return original(spec, rates, iter(list(parameters)[:-1]), switches)

    return around(native, "optimizer", optimizer)


def forgets_momentum_at_an_epoch() -> AbstractContextManager:
    def train_epoch(original: Callable, stage: TrainingStage, batches: Any, epoch: int, progress: Any) -> Any:
        if epoch:
            stage._model.optimizer.state.clear()
        return original(stage, batches, epoch, progress)

    return around(TrainingStage, "train_epoch", train_epoch)


def rebuilt_at_an_epoch() -> AbstractContextManager:
    """Compile again, with the learning rates that are left."""
    seen: dict[str, Any] = {}

    def init(
        original: Callable, stage: TrainingStage, model: Any, optimizer: Any, rates: Any, *rest: Any, **more: Any
    ) -> None:
        seen.update(optimizer=optimizer, rates=rates, epochs=0)
        original(stage, model, optimizer, rates, *rest, **more)

    def train_epoch(original: Callable, stage: TrainingStage, batches: Any, epoch: int, progress: Any) -> Any:
        if seen["epochs"]:
            stage._model.compile(seen["optimizer"], seen["rates"][seen["epochs"] * len(batches) :])
        seen["epochs"] += 1
        return original(stage, batches, epoch, progress)

    return both(
        lambda: around(TrainingStage, "__init__", init), lambda: around(TrainingStage, "train_epoch", train_epoch)
    )()


def both(*plants: Plant) -> Plant:
    @contextmanager
    def planted() -> Iterator[None]:
        with plants[0](), plants[1]():
            yield

    return planted


# === Steps ===


def stale(track: str, what: str, method: str) -> Plant:
    """Give a method that is called with each step's batch the inputs, or the targets, of the step before."""

    def planted() -> AbstractContextManager:
        last: dict[str, Any] = {}

        def called(original: Callable, model: Any, inputs: Any, targets: Any) -> Any:
            now = {"inputs": inputs, "targets": targets}
            given = now | {what: last.get(what, now[what])}
            last.update(now)
            return original(model, given["inputs"], given["targets"])

        return around(model_class(track), method, called)

    return planted


def twice(track: str) -> Plant:
    """Do the third step two times."""

    def planted() -> AbstractContextManager:
        count = itertools.count(1)  # the warm-up is the first

        def train_step(original: Callable, model: Any, inputs: Any, targets: Any) -> float:
            loss = original(model, inputs, targets)
            return original(model, inputs, targets) if next(count) == 4 else loss

        return around(model_class(track), "train_step", train_step)

    return both(rates(track, one_more), planted)


def skipped_update(track: str) -> Plant:
    """Return the loss of the fourth step that is done, a probe's and the warm-up among them, without an update."""

    def planted() -> AbstractContextManager:
        count = itertools.count(1)

        def train_step(original: Callable, model: Any, inputs: Any, targets: Any) -> float:
            if next(count) != 4:
                return original(model, inputs, targets)
            state = model.snapshot()
            loss = original(model, inputs, targets)
            model.restore(state)
            return loss

        return around(model_class(track), "train_step", train_step)

    return planted


def warm_up_is_not_undone(track: str) -> Plant:
    return both(rates(track, one_more), lambda: patch.object(model_class(track), "restore", lambda model, state: None))


def warm_up_leaves_the_optimizer(track: str) -> Plant:
    def restore(original: Callable, model: Any, state: Any) -> None:
        original(model, state | {"optimizer": model.optimizer.state_dict()})

    return both(rates(track, one_more), lambda: around(model_class(track), "restore", restore))


# === Data ===


def without_the_last_batch() -> AbstractContextManager:
    def epoch(original: Callable, made: Any, *args: Any) -> Iterator[Batch]:
        return iter(list(original(made, *args))[:-1])

    return both(lambda: around(TrainingBatches, "epoch", epoch), lambda: around(PairBatches, "epoch", epoch))()


def shuffled_labels() -> AbstractContextManager:
    """Behind the hash of the batch."""
    return around(batches, "as_targets", lambda original, loss, labels: original(loss, labels[::-1]))


def the_same_order_in_every_epoch() -> AbstractContextManager:
    return around(TrainingBatches, "epoch", lambda original, made, epoch, *rest: original(made, 0, *rest))


def noise_on_inputs() -> AbstractContextManager:
    """Augment what the other side takes as it is."""

    def augmented(original: Callable, made: Any, inputs: Any, epoch: int, number: int) -> Any:
        changed = original(made, inputs, epoch, number)
        return (
            {name: array + 1e-6 for name, array in changed.items()} if isinstance(changed, Mapping) else changed + 1e-6
        )

    return around(TrainingBatches, "_augmented", augmented)


# === Modes, statistics, frozen weights ===


def inference_in_training_mode() -> AbstractContextManager:
    from torch import nn

    return patch.object(nn.Module, "eval", lambda module: module.train())


def statistics_move_in_inference(track: str) -> Plant:
    """Predict as before, then forward once more in training mode."""

    def outputs(original: Callable, model: Any, inputs: Any) -> list[np.ndarray]:
        predicted = original(model, inputs)
        if track == TORCH:
            model.forward(model.tensors(inputs))
        else:
            model.model(model.arranged(inputs), training=True)
        return predicted

    return lambda: around(model_class(track), "outputs", outputs)


def frozen_statistics_move() -> AbstractContextManager:
    from twotrack.torch_track import freezing

    return patch.object(freezing, "train_mode", lambda module: module.train())


def nothing_is_frozen(track: str) -> Plant:
    return lambda: patch.object(model_class(track), "freeze", lambda model, trainable: None)


def one_more_is_trained(track: str) -> Plant:
    def freeze(original: Callable, model: Any, trainable: Any) -> None:
        original(model, {*trainable, "hidden.bias"})

    return lambda: around(model_class(track), "freeze", freeze)


def a_frozen_weight_moves() -> AbstractContextManager:
    """Decay a weight that has no gradient."""

    def train_step(original: Callable, model: Any, inputs: Any, targets: Any) -> float:
        loss = original(model, inputs, targets)
        model.module.hidden.weight.data.mul_(1 - 1e-6)
        return loss

    return around(model_class(TORCH), "train_step", train_step)


def features_of_other_examples() -> AbstractContextManager:
    def features(original: Callable, model: Any, inputs: Any) -> np.ndarray:
        return original(model, inputs)[::-1]

    return around(model_class(TORCH), "features", features)


# === Loss and arithmetic ===


def summed_loss() -> AbstractContextManager:
    from twotrack.torch_track.track_model import TorchModel

    def loss_of(original: Callable, model: Any) -> Callable:
        made = original(model)
        return lambda outputs, targets: made(outputs, targets) * len(targets)

    return around(TorchModel, "loss_object", loss_of)


def smoothed_loss() -> AbstractContextManager:
    import keras

    def loss_of(original: Callable, model: Any) -> Any:
        made = original(model)

        class Smoothed(keras.losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return made(y_true, y_pred) + 1e-6 * keras.ops.mean(y_pred)

        return Smoothed()

    return around(model_class(KERAS), "loss_object", loss_of)


def gradients_through_float32() -> AbstractContextManager:
    import torch

    def backward(original: Callable, model: Any, inputs: Any, targets: Any) -> Any:
        loss = original(model, inputs, targets)
        for parameter in model.module.parameters():
            if parameter.grad is not None:
                rounded = parameter.grad.numpy().astype(np.float32)  # what is asked of torch itself would be widened
                parameter.grad = torch.from_numpy(rounded.astype(np.float64))
        return loss

    return around(model_class(TORCH), "backward", backward)


def a_weight_is_not_loaded() -> AbstractContextManager:
    def load_weights(original: Callable, model: Any, canonical: Any, only: Any = None) -> None:
        bias = next(name for name in canonical if name.endswith("logits.bias"))
        original(model, {**canonical, bias: np.zeros_like(canonical[bias])}, only)

    return around(model_class(KERAS), "load_weights", load_weights)


def validation_on_other_examples() -> AbstractContextManager:
    def in_batches(original: Callable, compute: Any, dataset: Any, stored: Any, size: int) -> np.ndarray:
        return original(compute, dataset, stored, size)[::-1]

    return around(stages, "in_batches", in_batches)
