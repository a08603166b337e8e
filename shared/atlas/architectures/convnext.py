"""ConvNeXt: keras.applications' against transformers' ConvNextModel, four stages of one block."""

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.atlas.models import KerasModel, TorchModel
from twotrack.shared.atlas.sizes import pixels

SIZE, WIDTHS, DEPTHS = 64, [16, 32, 64, 128], [1, 1, 1, 1]
ARCHITECTURE = Architecture(
    "ConvNeXt",
    KerasModel(
        "keras.src.applications.convnext.ConvNeXt",
        {
            "depths": DEPTHS,
            "projection_dims": WIDTHS,
            "weights": None,
            "include_top": False,
            "include_preprocessing": False,
            "input_shape": (SIZE, SIZE, 3),
        },
    ),
    TorchModel("ConvNext", pixels, {"hidden_sizes": WIDTHS, "depths": DEPTHS, "image_size": SIZE}),
    (SIZE, SIZE, 3),
    f"4 stages of 1 block, 16 to 128 filters, {SIZE} pixels",
)
