"""Which exercises there are: by lesson, in the order of its page, whose titles they bear."""

from collections.abc import Mapping
from types import MappingProxyType

from twotrack.shared.exercises import numbers
from twotrack.shared.exercises.numbers import parameters, score, without_biases
from twotrack.shared.exercises.spec import Exercise, Measure, Model, Number
from twotrack.shared.spec.inputs import Input

MONTHS, CUSTOMER, PHOTO = (12, 5), (40,), (16, 16, 3)
TOKENS = Input((16,), kind="tokens", size=100)


def auc(of: str, mistakes: Mapping[str, Measure] = MappingProxyType({}), **settings: object) -> Number:
    """Ask for what the chapter's model scores on the test split after a training with seed 0."""
    return Number(f"the test ROC AUC {of}, seed 0", score("fast", **settings), 3, mistakes)


NEURON = (
    Exercise(
        "Work out one step on paper.",
        Number(
            "the loss after the step",
            numbers.loss_after_a_step(1.0),
            3,
            {
                "the loss before the step": numbers.loss_after_a_step(0.0),
                "what a step along the gradient gives, not against it": numbers.loss_after_a_step(-1.0),
                "what the new weights give with the old bias": numbers.loss_with_the_old_bias,
            },
        ),
    ),
    Exercise(
        "Read the weights.",
        Number(
            "the weight of tenure after `classic`",
            lambda bench: bench.claim("risk", "weight of tenure"),
            2,
            {"the weight of the charges": lambda bench: bench.claim("risk", "weight of monthly charges")},
        ),
    ),
    Exercise("Too fast, too slow.", auc("at a learning rate of 30", learning_rate=30)),
    Exercise(
        "The same with momentum.",
        auc("with momentum", {"the one without it": score()}, optimizer="momentum"),
    ),
    Exercise("Prove it."),
    Exercise(
        "A neuron without `nn.Linear`.",
        Model("torch", "neuron", "Dense(1) on two features", (2,), "binary_cross_entropy"),
    ),
    Exercise(
        "A layer of your own.", Model("keras", "neuron", "nn.Linear(2, 1)", (2,), "binary_cross_entropy")
    ),
)  # fmt: skip
CROSS_ENTROPY = (
    Exercise(
        "By hand.",
        Number(
            "the loss",
            numbers.loss_of_logits(),
            2,
            {
                "the loss if the first class were true": numbers.loss_of_logits(0),
                "the loss if the third class were true": numbers.loss_of_logits(2),
            },
        ),
    ),
    Exercise("Guessing.", Number("the loss", numbers.loss_of_guessing(10), 2)),
    Exercise(
        "Why 1.46?",
        Number(
            "the bound for 100 classes",
            numbers.least_loss_of_softmax_twice(100),
            2,
            {
                "the bound for ten classes": numbers.least_loss_of_softmax_twice(10),
                "the loss of guessing": numbers.loss_of_guessing(100),
            },
        ),
    ),
    Exercise(
        "Shares, not logits.",
        Model("torch", "shares", "Dense(3) and Softmax() on four features, under the squared error", (4,),
              "mean_squared_error"),
    ),
    Exercise("A temperature.", Model("keras", "Temperature", "Linear(4, 3)(x) / 2", (4,), "cross_entropy")),
)  # fmt: skip
BACKPROP = (
    Exercise(
        "Derive it for the sigmoid.",
        auc("with the sigmoid", {"the one with tanh": score()}, activation="sigmoid"),
    ),
    Exercise("Break a line."),
    Exercise("More units.", auc("with 32 units", hidden_size=32)),
    Exercise("One unit.", auc("with one unit", hidden_size=1)),
    Exercise(
        "Count operations.",
        Number("the multiplications of a forward pass, for one customer", numbers.kernels(), 0,
               {"the count of all parameters, biases included": parameters()}),
    ),
    Exercise("The whole ladder."),
    Exercise(
        "The backward pass, written by you.",
        Model("torch", "hidden_tanh", "Dense(4, tanh) and Dense(1)", (2,), "binary_cross_entropy"),
    ),
    Exercise(
        "Eight sigmoids.",
        Model("keras", "eight_sigmoids", "Linear(2, 8), Sigmoid and Linear(8, 1)", (2,), "binary_cross_entropy"),
    ),
)  # fmt: skip
CHURN_MLP = (
    Exercise(
        "Take dropout away.",
        auc("without dropout", {"the one with dropout": score()}, dropout=0),
    ),
    Exercise(
        "A larger network.",
        Number(
            "its parameters",
            parameters(hidden_size=128, num_layers=3),
            0,
            {
                "what two layers have": parameters(hidden_size=128, num_layers=2),
                "the count without biases": without_biases(hidden_size=128, num_layers=3),
            },
        ),
    ),
    Exercise(
        "No hidden non-linearity.",
        auc("without non-linearity", {"the one with ReLU": score(dropout=0)}, activation="none", dropout=0),
    ),
    Exercise(
        "Count first.",
        Number(
            "the parameters",
            parameters(activation="swiglu", hidden_size=24),
            0,
            {
                "what ReLU has, which needs no second half": parameters(hidden_size=24),
                "the count without biases": without_biases(activation="swiglu", hidden_size=24),
            },
        ),
    ),
    Exercise("Seeds and intervals."),
    Exercise("Your own customers."),
    Exercise(
        "GELU, which one?",
        Model("torch", "gelu_by_tanh", "Dense(24), gelu(approximate=True), Dropout(0.1), Dense(1)", CUSTOMER,
              "binary_cross_entropy"),
    ),
    Exercise(
        "A residual connection.",
        Model("keras", "ResidualLayer", "h = relu(Linear(40, 16)(x)), then Linear(16, 1)(h + relu(Linear(16, 16)(h)))",
              CUSTOMER, "binary_cross_entropy"),
    ),
)  # fmt: skip
ACTIVATIONS = (
    Exercise(
        "Depth.",
        auc("with three layers of sigmoids", activation="sigmoid", num_layers=3),
    ),
    Exercise("One matrix.", auc("without activation", activation="none")),
    Exercise(
        "Which GELU?", Number("the x above 0 at which they are farthest apart", numbers.where_gelus_part, 1)
    ),
    Exercise(
        "A gate.",
        Number(
            "the parameters of the network with `swiglu`",
            parameters(activation="swiglu", num_layers=2, hidden_size=20),
            0,
            {
                "what ReLU has at this width": parameters(num_layers=2, hidden_size=20),
                "the count without biases": without_biases(activation="swiglu", num_layers=2, hidden_size=20),
            },
        ),
    ),
    Exercise(
        "A slope that nobody stated.",
        Model("torch", "leaky_relu", "Dense(16), LeakyReLU() and Dense(1)", CUSTOMER, "binary_cross_entropy"),
    ),
    Exercise(
        "Two halves.",
        Model("keras", "GatedLayer", "Linear(16, 1)(Linear(40, 16)(x) * silu(Linear(40, 16)(x)))", CUSTOMER,
              "binary_cross_entropy"),
    ),
)  # fmt: skip
OPTIMIZERS = (
    Exercise(
        "Ten times too fast.",
        auc("of Adam at 0.1", {"the one at 0.01": score(optimizer="adam")}, optimizer="adam", learning_rate=0.1),
    ),
    Exercise(
        "Signs.",
        Number("how far a weight can come", numbers.way_of_a_weight, 2,
               {"the way at the peak rate in every step": numbers.way_at_the_peak}),
    ),
    Exercise("Prove it."),
    Exercise(
        "Momentum, written by you.",
        Model("torch", "hidden_relu", "Dense(16, relu) and Dense(1), SGD(0.1, momentum=0.9)", CUSTOMER,
              "binary_cross_entropy", "momentum"),
    ),
    Exercise(
        "A look ahead.",
        Model("keras", "hidden_relu", "Linear(40, 16), ReLU, Linear(16, 1); SGD(lr=0.1, momentum=0.9, nesterov=True)",
              CUSTOMER, "binary_cross_entropy", "nesterov"),
    ),
)  # fmt: skip
FRAMEWORKS = (
    Exercise(
        "Forget a line.",
        Number("the first weight without `zero_grad()`", numbers.trained_weight(forgets_to_zero=True), 2,
               {"the one with `zero_grad()`": numbers.trained_weight(forgets_to_zero=False)}),
    ),
    Exercise("Say it twice."),
    Exercise("Choose."),
    Exercise(
        "Two defaults.",
        Model("torch", "two_defaults", "Dense(16), LayerNormalization(), LeakyReLU() and Dense(1)", CUSTOMER,
              "binary_cross_entropy"),
    ),
    Exercise(
        "The other way round.",
        Model("keras", "normalised_by_batch", "Linear(40, 16), BatchNorm1d(16), ELU(), Dropout(0.5), Linear(16, 1)",
              CUSTOMER, "binary_cross_entropy"),
    ),
)  # fmt: skip
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
SEQUENCES = (
    Exercise(
        "Factors.",
        Number("what is left after 12 steps", numbers.product(0.9, 12), 2,
               {"what is left after 11 steps": numbers.product(0.9, 11)}),
    ),
    Exercise(
        "Pairs.",
        Number("the pairs of 192 steps", numbers.pairs(192), 0, {"what 48 steps have": numbers.pairs(48)}),
    ),
    Exercise("Which one?"),
    Exercise(
        "Both ways.",
        Model("torch", "both_ways", "Bidirectional(LSTM(8)) and Dense(1)", MONTHS, "binary_cross_entropy"),
    ),
    Exercise(
        "No future.",
        Model("keras", "NoFuture", "x + MultiheadAttention(16, 2)(x, x, x), each place looking at those up to its own, "
              "the mean over the places, Linear(16, 1)", (8, 16), "binary_cross_entropy"),
    ),
)  # fmt: skip
CHURN_RNN = (
    Exercise(
        "One layer.",
        auc("of one layer", {"the one of two layers": score()}, num_layers=1),
    ),
    Exercise(
        "Count first.",
        Number(
            "the parameters of the network with one layer",
            parameters(num_layers=1),
            0,
            {
                "the layer alone": numbers.of_layer("rnn1", num_layers=1),
                "the count without biases": without_biases(num_layers=1),
            },
        ),
    ),
    Exercise("Prove it."),
    Exercise(
        "Two biases.",
        Model("torch", "recurrent_relu", "SimpleRNN(16, activation='relu') and Dense(1)", MONTHS,
              "binary_cross_entropy"),
    ),
    Exercise(
        "Layer upon layer.",
        Model("keras", "TwoRecurrentLayers", "nn.RNN(5, 16), nn.RNN(16, 8), Linear(8, 1) of the last state; bias_hh is "
              "0 and not trained", MONTHS, "binary_cross_entropy"),
    ),
)  # fmt: skip
CHURN_LSTM = (
    Exercise(
        "Which gate?",
        Number("the share with a bias of 1", numbers.share_of_the_first_step(1), 2,
               {"the share with a bias of 0": numbers.share_of_the_first_step(0)}),
    ),
    Exercise(
        "Count first.",
        Number(
            "the parameters of the network",
            parameters(),
            0,
            {
                "the count without biases": without_biases(),
                "the first layer alone": numbers.of_layer("lstm1"),
            },
        ),
    ),
    Exercise("Prove it."),
    Exercise(
        "All months.",
        Model("torch", "lstm_of_all_months", "LSTM(16, return_sequences=True), the mean over the months, Dense(1)",
              MONTHS, "binary_cross_entropy"),
    ),
    Exercise(
        "One gate less.",
        Model("keras", "GatedRecurrence", "nn.GRU(5, 16) and Linear(16, 1) of the last state", MONTHS,
              "binary_cross_entropy"),
    ),
)  # fmt: skip
CHURN_TRANSFORMER = (
    Exercise("Pre or post?"),
    Exercise("No positions?"),
    Exercise("Prove it."),
    Exercise(
        "Normalise first.",
        Model("torch", "attention_behind_norm", "n = LayerNormalization()(x), x + MultiHeadAttention(2, 8)(n, n), "
              "the mean over the places, Dense(1)", (12, 16), "binary_cross_entropy"),
    ),
    Exercise(
        "The other half of a block.",
        Model("keras", "FeedForward", "LayerNorm(16)(x + Linear(32, 16)(gelu(Linear(16, 32)(x)))), the mean over the "
              "places, Linear(16, 1)", (12, 16), "binary_cross_entropy"),
    ),
)  # fmt: skip
REVIEW_BERT = (
    Exercise("Half a review."),
    Exercise("The word not."),
    Exercise("Prove it."),
    Exercise(
        "The mean of what is there.",
        Model("torch", "mean_of_tokens", "Embedding(100, 8), GlobalAveragePooling1D with a mask, Dense(1)",
              {"tokens": TOKENS, "mask": Input((16,), kind="mask")}, "binary_cross_entropy"),
    ),
    Exercise(
        "BERT's pooler.",
        Model("keras", "Pooler", "Embedding(100, 8), the first token's row, Linear(8, 8), tanh, Linear(8, 1)",
              {"tokens": TOKENS}, "binary_cross_entropy"),
    ),
)  # fmt: skip
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
PRACTICE = (
    Exercise(
        "The first loss.",
        Number("the loss", numbers.loss_of_guessing(5), 2,
               {"the loss of guessing between two": numbers.loss_of_guessing(2)}),
    ),
    Exercise("By heart, with dropout."),
    Exercise("The better score."),
    Exercise(
        "Scaled inside.",
        Model("torch", "scaled_inside", "Rescaling(1 / 127.5, offset=-1), Flatten() and Dense(10)", (28, 28, 1),
              "cross_entropy"),
    ),
    Exercise(
        "Standardised inside.",
        Model("keras", "StandardisedInside", "Linear(2, 1) of (x - mean) / deviation, with mean (32, 65) and deviation "
              "(24, 30)", (2,), "binary_cross_entropy"),
    ),
)  # fmt: skip

EXERCISES: Mapping[str, tuple[Exercise, ...]] = MappingProxyType(
    {
        "neuron": NEURON,
        "cross_entropy": CROSS_ENTROPY,
        "activations": ACTIVATIONS,
        "backprop": BACKPROP,
        "churn_mlp": CHURN_MLP,
        "optimizers": OPTIMIZERS,
        "frameworks": FRAMEWORKS,
        "convolution": CONVOLUTION,
        "mnist_cnn": MNIST_CNN,
        "sequences": SEQUENCES,
        "churn_rnn": CHURN_RNN,
        "churn_lstm": CHURN_LSTM,
        "churn_transformer": CHURN_TRANSFORMER,
        "review_bert": REVIEW_BERT,
        "shop_transfer": SHOP_TRANSFER,
        "practice": PRACTICE,
    }
)
"""The lessons in the order in which they are read."""
