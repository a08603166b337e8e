"""The exercises of the lesson `churn_transformer`, in the order of its page."""

from twotrack.shared.exercises.spec import Exercise, Model

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
