"""The exercises of the lesson `convolution`, in the order of its page."""

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.spec import Exercise, Model, Number

CONVOLUTION = (
    Exercise(
        "Sizes.",
        Number("the places along one side", numbers.places(224, 7, 2, 3), 0,
               {"what it is without padding": numbers.places(224, 7, 2, 0),
                "what it is at stride 1": numbers.places(224, 7, 1, 3)}),
    ),
    Exercise(
        "Count.",
        Number("the parameters", numbers.filters(64, 3, 3), 0,
               {"the count without biases": numbers.filters(64, 3, 3, bias=False),
                "what filters on one channel have": numbers.filters(64, 3, 1)}),
    ),
    Exercise("An edge."),
    Exercise(
        "Place the zeros.",
        Number("the places along one side", numbers.places(29, 3, 2, 0), 0,
               {"what it is without zeros": numbers.places(28, 3, 2, 0),
                "what it is at stride 1": numbers.places(28, 3, 1, 1)}),
    ),
    Exercise(
        "Every other pixel.",
        Model("torch", "dilated_convolution", 'Conv2D(4, 3, dilation_rate=2, padding="same", activation="relu"), '
              'MaxPooling2D(2, padding="same"), the mean over all places, Dense(3)', (9, 9, 2), "cross_entropy"),
    ),
    Exercise(
        "Two zeros on every side.",
        Model("keras", "PaddedConvolution", "Conv2d(2, 4, 5, stride=2, padding=2), ReLU, AvgPool2d(2), the mean over "
              "all places, Linear(4, 3)", (10, 10, 2), "cross_entropy"),
    ),
)  # fmt: skip
