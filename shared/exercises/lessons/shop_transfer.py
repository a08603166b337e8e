"""The exercises of the lesson `shop_transfer`, in the order of its page."""

from twotrack.shared.exercises.spec import Exercise, Model

PHOTO = (16, 16, 3)
SHOP_TRANSFER = (
    Exercise("Which stage matters?"),
    Exercise("Sharper pictures."),
    Exercise(
        "A frozen base.",
        Model("torch", "frozen_base", 'Conv2D(8, 3, padding="same", activation="relu", trainable=False), the mean '
              'over all places, Dense(16, activation="relu"), Dense(5)', PHOTO, "cross_entropy"),
    ),
    Exercise(
        "Channel by channel.",
        Model("keras", "DepthwiseConvolution", "Conv2d(3, 3, 3, padding=1, groups=3, bias=False), Conv2d(3, 8, 1), "
              "ReLU, the mean over all places, Linear(8, 5)", PHOTO, "cross_entropy"),
    ),
)  # fmt: skip
