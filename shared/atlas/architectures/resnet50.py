"""ResNet-50: keras.applications' (v1: the stride is in the first convolution) against transformers' ResNetModel."""

from typing import Any

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import BIASED_VARIANCE, Code, Layers
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE = 48


def two_stages(x: Any) -> Any:
    """Return the first two stages, smaller, as keras.applications makes them."""
    from keras.src.applications import resnet

    x = resnet.stack_residual_blocks_v1(x, 32, 2, stride1=1, name="conv2")
    return resnet.stack_residual_blocks_v1(x, 64, 2, name="conv3")


def with_biases(model: Any) -> None:
    """Give every convolution a bias."""
    import torch
    from torch import nn

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))


ARCHITECTURE = Architecture(
    "ResNet-50",
    KerasModel(
        "keras.src.applications.resnet.ResNet",
        {
            "stack_fn": two_stages,
            "preact": False,
            "use_bias": True,
            "weights": None,
            "include_top": False,
            "input_shape": (SIZE, SIZE, 3),
        },
        public="keras.applications.ResNet50",
    ),
    TorchModel("ResNet", pixels, {"hidden_sizes": [128, 256], "depths": [2, 2], "downsample_in_bottleneck": True}),
    (SIZE, SIZE, 3),
    f"2 stages of 2 bottlenecks, 128 and 256 filters, {SIZE} pixels",
    alignments=(
        Alignment(
            "convolution biases: Keras has one in front of every BatchNorm, transformers none",
            "torch",
            change=Code(with_biases),
        ),
        Alignment(
            "BatchNorm epsilon and momentum: 1.001e-5 and 0.99 in Keras; 1e-5 and 0.1 (0.9 in Keras) in transformers",
            "torch",
            change=Layers({"eps": 1.001e-5, "momentum": 0.01}, "BatchNorm2d"),
        ),
        Alignment(
            "running variance: Keras averages the biased variance of batches, torch n / (n - 1) of it",
            "torch",
            change=BIASED_VARIANCE,
        ),
    ),
)
