"""The exercises of the lesson `mnist_cnn`, in the order of its page."""

from twotrack.shared.exercises.numbers import parameters, without_biases
from twotrack.shared.exercises.spec import Exercise, Model, Number

MNIST_CNN = (
    Exercise("Take dropout away."),
    Exercise("Repeat a run."),
    Exercise(
        "Count first.",
        Number(
            "the parameters",
            parameters(filters=16, hidden_size=64),
            0,
            {
                "the count without biases": without_biases(filters=16, hidden_size=64),
                "what 16 filters and 128 hidden units have": parameters(filters=16),
                "what 32 filters and 64 hidden units have": parameters(hidden_size=64),
            },
        ),
    ),
    Exercise(
        "Fewer parameters.",
        Number("the parameters that are trained", parameters(architecture="bn_gap"), 0,
               {"the count without biases": without_biases(architecture="bn_gap")}),
    ),
    Exercise("Seeds and intervals."),
    Exercise("One framework, two ways to write it."),
    Exercise(
        "Half an image.",
        Model("torch", "strided_convolution", 'Conv2D(8, 3, strides=2, padding="same", activation="relu"), the '
              "mean over all places, Dense(10)", (28, 28, 1), "cross_entropy"),
    ),
    Exercise(
        "Batch normalisation as it comes.",
        Model("keras", "NormalisedConvolution", "Conv2d(1, 8, 3, padding=1), BatchNorm2d(8), ReLU, the mean over all "
              "places, Linear(8, 10)", (28, 28, 1), "cross_entropy"),
    ),
)  # fmt: skip
