"""EfficientNetB0: keras.applications' against transformers' EfficientNetModel with its values."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE = 64
ARCHITECTURE = Architecture(
    "EfficientNetB0",
    KerasModel(
        "keras.applications.EfficientNetB0", {"weights": None, "include_top": False, "input_shape": (SIZE, SIZE, 3)}
    ),
    TorchModel(
        "EfficientNet",
        pixels,
        {"width_coefficient": 1.0, "depth_coefficient": 1.0, "image_size": 224, "hidden_dim": 1280},
    ),
    (SIZE, SIZE, 3),
    f"full size, {SIZE} pixels",
)
