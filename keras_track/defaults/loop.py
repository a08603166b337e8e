"""What stands around the model in Keras: batches, seeds, stopping, networks."""

import inspect
import sys
from types import SimpleNamespace
from unittest.mock import patch

import keras
import numpy as np
from keras import layers

from shared.differences.measured import Measured


def fit_batches() -> Measured:
    """`fit` on 64 examples."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    steps = []
    counter = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    model.fit(np.zeros((64, 1)), np.zeros((64, 1)), callbacks=[counter], verbose=0)
    shuffles = inspect.signature(model.fit).parameters["shuffle"].default
    return Measured({"batch size": 64 // len(steps), "shuffles": shuffles})


def seeding() -> Measured:
    """Whether keras.utils.set_random_seed calls torch.manual_seed, that of a stand-in for torch."""
    seeds: list[int] = []
    with patch.dict(sys.modules, {"torch": SimpleNamespace(manual_seed=seeds.append)}):
        keras.utils.set_random_seed(0)
    return Measured({"seeds torch": seeds == [0]})


def early_stopping() -> Measured:
    """EarlyStopping."""
    callback = keras.callbacks.EarlyStopping()
    values = {"patience": callback.patience, "restores the best weights": callback.restore_best_weights}
    return Measured({"exists": True} | values)


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
