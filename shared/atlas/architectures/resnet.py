"""ResNet: keras_hub's ResNetBackbone (v1.5) against transformers' ResNetModel, two stages of two bottlenecks."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.changes import BIASED_VARIANCE
from twotrack.shared.atlas.models import Alignment, KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE = 48
ARCHITECTURE = Architecture(
    "ResNet",
    KerasModel(
        "keras_hub.models.ResNetBackbone",
        {
            "input_conv_filters": [64],
            "input_conv_kernel_sizes": [7],
            "stackwise_num_filters": [64, 128],
            "stackwise_num_blocks": [2, 2],
            "stackwise_num_strides": [1, 2],
            "block_type": "bottleneck_block",
            "image_shape": (SIZE, SIZE, 3),
        },
    ),
    TorchModel("ResNet", pixels, {"hidden_sizes": [256, 512], "depths": [2, 2]}),
    (SIZE, SIZE, 3),
    f"2 stages of 2 bottlenecks, 256 and 512 filters, {SIZE} pixels",
    alignments=(
        Alignment(
            "running variance: Keras averages the biased variance of batches, torch n / (n - 1) of it",
            "torch",
            change=BIASED_VARIANCE,
        ),
    ),
)
