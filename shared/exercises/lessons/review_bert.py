"""The exercises of the lesson `review_bert`, in the order of its page."""

from twotrack.shared.exercises.spec import Exercise, Model
from twotrack.shared.spec.inputs import Input

TOKENS = Input((16,), kind="tokens", size=100)
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
