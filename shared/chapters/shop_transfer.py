"""shop_transfer: an image network that was trained on ImageNet learns shop products, or anyone's photos."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt, Lt

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.optimizers import AdamW
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import OneCycle, WarmUp
from twotrack.shared.spec.transfer import Transfer

if TYPE_CHECKING:
    import numpy as np

    from twotrack.shared.datasets.augment import Augment
    from twotrack.shared.datasets.pictures import PreparePictures
    from twotrack.shared.datasets.spec import Dataset
    from twotrack.shared.weights.pretrained.backbones.spec import Backbone


@dataclass(frozen=True)
class Config:
    """Hyperparameters. Input (batch, size, size, channels 3), normalised; logits (batch, num_classes)."""

    backbone: Literal["efficientnet_lite0", "resnet18", "resnet50", "convnext_tiny", "vit"] = "efficientnet_lite0"
    weights: str = "imagenet"
    """imagenet, none for a random start, or what the backbone takes: a file, an address, a folder, a model id."""
    size: Annotated[int, Gt(0)] = 96
    """Pixels of a side. Stored pictures are resized to it."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.2
    """In front of the logits; at 0 there is no dropout layer."""
    num_classes: Annotated[int, Ge(2)] = 5
    """Taken from the data, if that is not the embedded one."""


def backbone(config: Config) -> "Backbone":
    """Return the backbone that the config names; UserError if its weights cannot be had or the size does not fit."""
    from twotrack.shared.weights.pretrained.backbones import open_backbone

    opened = open_backbone(config.backbone, config.weights)
    opened.check_size(config.size)
    return opened


def _weights(config: Config) -> "dict[str, np.ndarray]":
    return backbone(config).weights()


def _prepare(config: Config) -> "PreparePictures":
    from twotrack.shared.datasets.pictures import PreparePictures

    normalisation = backbone(config).normalisation
    return PreparePictures(normalisation.mean, normalisation.scale, config.size)


def _augment() -> "Augment":
    from twotrack.shared.datasets.augment import Augment

    return Augment()


def _of_data(dataset: "Dataset") -> dict[str, str]:
    return {"num_classes": str(len(dataset.class_names))}


HEAD = Recipe(
    AdamW(learning_rate=0.003, weight_decay=0.01), WarmUp(warmup_share=0.1), batch_size=32, epochs=10, trained="head"
)
CHAPTER = Chapter(
    slug="shop_transfer",
    title="Transfer learning on shop products",
    dataset="shop",
    config=Config(),
    recipes={
        "fast": HEAD,
        "classic": Recipe(
            AdamW(learning_rate=1e-4, weight_decay=0.01),
            WarmUp(warmup_share=0.1),
            batch_size=32,
            epochs=3,
            trained="last_block",
            head_first=HEAD,
        ),
        "scratch": Recipe(
            AdamW(learning_rate=0.002, weight_decay=0.01), OneCycle(0.3, 25, 100), batch_size=32, epochs=20
        ),
    },
    loss="cross_entropy",
    metric="accuracy",
    margin=0.02,
    input_shape=lambda config: (config.size, config.size, 3),
    prepare=_prepare,
    augment=_augment,
    of_data=_of_data,
    transfer=Transfer(
        names=("imagenet", "none"),
        check=backbone,
        weights=_weights,
        last_block=lambda config: backbone(config).last_block(),
        requires={"torch": (), "keras": ()},
        extra="vision",
    ),
    verify_examples=320,
    verify_batch_size=8,
    cheap={"size": "32"},
    predict_batch=50,
)
