"""ResNet-50: keras.applications' (v1: the stride is in the first convolution) against transformers' ResNetModel."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE = 64
ARCHITECTURE = Architecture(
    "ResNet-50",
    KerasModel("keras.applications.ResNet50", {"weights": None, "include_top": False, "input_shape": (SIZE, SIZE, 3)}),
    TorchModel("ResNet", pixels, {"downsample_in_bottleneck": True}),
    (SIZE, SIZE, 3),
    f"full size, {SIZE} pixels",
)
