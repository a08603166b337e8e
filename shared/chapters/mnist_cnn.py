"""mnist_cnn: a convolutional network that reads handwritten digits."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.spec.augmentation import Shift
from twotrack.shared.spec.loss_specs import CrossEntropy
from twotrack.shared.spec.optimizers import Adam, AdamW
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import Constant, WarmUp

IMAGE_SIZE = 28
NUM_CLASSES = 10


@dataclass(frozen=True)
class Config:
    """Hyperparameters of the network. Input (batch, height 28, width 28, channels 1), output (batch, classes 10)."""

    architecture: Literal["flatten", "bn_gap"] = "flatten"
    """flatten: the original SimpleCNN. bn_gap: batch normalisation after each convolution and
    global average pooling in place of flatten."""
    filters: Annotated[int, Gt(0)] = 32
    """Output channels of the first convolution; the second has twice as many."""
    hidden_size: Annotated[int, Gt(0)] = 128
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.25


OPTIMIZER = AdamW(learning_rate=3e-3, beta_2=0.99, weight_decay=0.01)
BEST = Recipe(
    optimizer=OPTIMIZER,
    schedule=WarmUp(warmup_share=0.1),
    batch_size=32,
    epochs=2,
    loss=CrossEntropy(label_smoothing=0.1),
    shift=Shift(pixels=1),
    settings={"dropout": "0"},
)
"""Small batches and a straight rise and fall of the rate get most from each picture.

Shifted digits stand for those that so few steps do not see, which leaves dropout nothing to do.
"""
SPRINT = replace(BEST, optimizer=replace(OPTIMIZER, learning_rate=5e-3, beta_1=0.85, beta_2=0.96), epochs=0.34)
"""99 % in little time: a higher rate and shorter memories, which so short a training ends better with."""
FAST = replace(BEST, epochs=0.6, settings={"dropout": "0.1"})
"""With dropout, as a first training is to show it, but less than the chapter's own: the pictures change already."""
CHAPTER = Chapter(
    slug="mnist_cnn",
    title="Convolutional network on handwritten digits",
    dataset="mnist",
    config=Config(),
    recipes=MappingProxyType(
        {
            "fast": FAST,
            "classic": Recipe(optimizer=Adam(learning_rate=1e-3), schedule=Constant(), batch_size=64, epochs=5),
            "sprint": SPRINT,
            "best": BEST,
        }
    ),
    loss="cross_entropy",
    metric="accuracy",
    margin=0.005,
    input_shape=(IMAGE_SIZE, IMAGE_SIZE, 1),
)
