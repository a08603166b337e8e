"""What stands around the model in Keras: batches, seeds, stopping, networks, the step itself."""

import inspect
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
from keras import layers, ops

from twotrack.keras_track.defaults.registry import DEFAULTS
from twotrack.shared.base.tolerances import STEP_ERROR
from twotrack.shared.ledger import samples
from twotrack.shared.ledger.measured import Measured


@DEFAULTS.measures
def fit_batches() -> Measured:
    """`fit` on 64 examples."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    steps = []
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    model.fit(np.zeros((64, 1)), np.zeros((64, 1)), callbacks=[counter], verbose=0)
    shuffles = inspect.signature(model.fit).parameters["shuffle"].default
    return Measured({"batch size": 64 // len(steps), "shuffles": shuffles})


@DEFAULTS.measures
def seeding() -> Measured:
    """Whether keras.utils.set_random_seed calls torch.manual_seed, that of a stand-in for torch."""
    seeds: list[int] = []
    keras.utils.set_random_seed(0)  # imports TensorFlow too, which patch.dict would forget again if it came within
    with patch.dict(sys.modules, {"torch": SimpleNamespace(manual_seed=seeds.append)}):
        keras.utils.set_random_seed(0)
    return Measured({"seeds torch": seeds == [0]})


@DEFAULTS.measures
def early_stopping() -> Measured:
    """EarlyStopping."""
    callback = keras.callbacks.EarlyStopping()
    values = {"patience": callback.patience, "restores the best weights": callback.restore_best_weights}
    return Measured({"exists": True} | values)


@DEFAULTS.measures
def random_translation() -> Measured:
    """RandomTranslation by up to a tenth, of one bright pixel."""
    layer, picture = layers.RandomTranslation(0.1, 0.1, seed=0), np.zeros((1, 8, 8, 1), np.float32)
    picture[0, 4, 4] = 1.0
    moved = ops.convert_to_numpy(layer(picture, training=True))
    values = {"border": layer.fill_mode, "between pixels": layer.interpolation}
    return Measured({"exists": True} | values | {"whole pixels": bool(np.isin(moved, (0.0, 1.0)).all())})


@DEFAULTS.measures
def random_layers() -> Measured:
    """RandomRotation of a picture."""
    layer, picture = layers.RandomRotation(0.3, seed=0), samples.IMAGE
    acts = [not np.array_equal(ops.convert_to_numpy(layer(picture, training=mode)), picture) for mode in (True, False)]
    return Measured({"exist": True, "act in training": acts[0], "act in inference": acts[1]})


@DEFAULTS.measures
def pretrained_networks() -> Measured:
    """keras_hub and keras.applications."""
    from keras_hub import models

    presets = [name for kind in (models.ResNetBackbone, models.EfficientNetBackbone) for name in kind.presets]
    convnext = inspect.signature(keras.applications.ConvNeXtTiny).parameters
    return Measured(
        {
            "keras_hub: ResNet18": any("resnet_18" in name for name in presets),
            "keras_hub: EfficientNet-Lite0": any("lite0" in name for name in presets),
            "keras_hub: ViT": hasattr(models, "ViTBackbone"),
            "keras_hub: ConvNeXt": any("convnext" in name.lower() for name in dir(models)),
            "applications: ResNet18 or ViT": bool({"ResNet18", "ViT", "ViTB16"} & set(dir(keras.applications))),
            "applications: ConvNeXt and EfficientNet": {"ConvNeXtTiny", "EfficientNetB0"}
            < set(dir(keras.applications)),
            "applications: normalises inside": convnext["include_preprocessing"].default,
        }
    )


@DEFAULTS.measures
def variables_of_one_path() -> Measured:
    """Second step of two dense layers of one name in one layer, over the first; the loss is their sum."""
    twins = _Twins()
    model = keras.Sequential([keras.Input((1,)), twins])
    model.compile(keras.optimizers.SGD(1.0), _outputs_as_loss, run_eagerly=True)
    path = [_kernels(twins)]
    for _ in range(2):
        model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
        path.append(_kernels(twins))
    ratio = (path[2] - path[1]) / (path[1] - path[0])
    return Measured({"largest second step over the first": ratio.max()}, ratio)


class _Twins(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (layers.Dense(1, use_bias=False, name="same") for _ in range(2))

    def call(self, x: Any) -> Any:
        return self.first(x) + self.second(x)


def _outputs_as_loss(targets: Any, outputs: Any) -> Any:
    return outputs[:, 0]


def _kernels(twins: _Twins) -> np.ndarray:
    return np.array([ops.convert_to_numpy(layer.kernel)[0, 0] for layer in (twins.first, twins.second)], np.float64)


@DEFAULTS.measures
def variable_reads() -> Measured:
    """Error of a step under a loss that is linear in the outputs, on TensorFlow with its optimizer of graphs.

    The order of reading and updating is free there, so that models differ: the first of many that goes wrong.
    """
    import tensorflow

    def errors(dependency_optimization: bool, models: int) -> Iterator[float]:
        tensorflow.config.optimizer.set_experimental_options({"dependency_optimization": dependency_optimization})
        yield from map(_step_error, range(models))

    try:
        default = next((error for error in errors(True, _MODELS) if error > STEP_ERROR), 0.0)
    finally:  # leaves the pass off, as the track has it
        aligned = max(errors(False, 4))
    return Measured({"the step is right": default == 0.0}, default, aligned)


_MODELS = 60
"""Between a quarter and a half of them go wrong."""


def _step_error(seed: int) -> float:
    """Return the largest error of the weights after a step of three dense layers."""
    keras.utils.set_random_seed(seed)
    dense = [layers.Dense(units, use_bias=False) for units in (4, 4, 1)]
    model = keras.Sequential([keras.Input((3,)), *dense])
    model.compile(keras.optimizers.SGD(1.0), _outputs_as_loss, jit_compile=False)
    before = [ops.convert_to_numpy(layer.kernel) for layer in dense]
    model.train_on_batch(samples.SEQUENCE[0], np.zeros((5, 1)))
    return samples.linear_step_error(before, [ops.convert_to_numpy(layer.kernel) for layer in dense])
