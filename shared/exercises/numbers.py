"""What is measured for exercises that ask for a number: on a bench, or with NumPy where a formula is the matter."""

import numpy as np
from scipy.special import log_softmax

from twotrack.shared import chapters
from twotrack.shared.by_hand import activations, neuron
from twotrack.shared.chapters.pairs import chapter_pair
from twotrack.shared.exercises.bench import Bench
from twotrack.shared.exercises.spec import Measure

W, B, X, Y = np.array([0.5, 0.5]), 0.0, np.array([[1.0, -1.0]]), np.array([1.0])
"""The neuron, and the one customer, of the step on paper."""
LOGITS, TRUE = np.array([2.0, 1.0, -1.0]), 1
"""Of the loss by hand."""


def parameters(**settings: object) -> Measure:
    """Measure how many numbers of a chapter's model are trained."""
    return lambda bench: sum(bench.sizes(**settings).values())


def without_biases(**settings: object) -> Measure:
    """Measure the same, with the biases forgotten."""
    return lambda bench: sum(size for name, size in bench.sizes(**settings).items() if not name.endswith("bias"))


def of_layer(layer: str, **settings: object) -> Measure:
    """Measure how many numbers one layer holds."""
    return lambda bench: sum(size for name, size in bench.sizes(**settings).items() if name.startswith(f"{layer}."))


def kernels(**settings: object) -> Measure:
    """Measure the numbers in a model's kernels, each of which takes part in one multiplication for an example."""
    return lambda bench: sum(size for name, size in bench.sizes(**settings).items() if name.endswith("kernel"))


def score(recipe: str = "fast", **settings: object) -> Measure:
    """Measure what a chapter's model scores on the test split after a training."""
    return lambda bench: bench.score(recipe, **settings)


def loss_after_a_step(rate: float) -> Measure:
    """Measure the loss of the customer after one step of gradient descent; a negative rate steps uphill."""

    def measure(_: Bench) -> float:
        w, b = neuron.update(W, B, X, Y, rate)
        return neuron.binary_cross_entropy(neuron.logit(w, b, X), Y)

    return measure


def loss_with_the_old_bias(_: Bench) -> float:
    """Measure it where only the weights took the step."""
    w, _b = neuron.update(W, B, X, Y, 1.0)
    return neuron.binary_cross_entropy(neuron.logit(w, B, X), Y)


def share_of_the_first_step(bias: int) -> Measure:
    """Measure how much of the gradient an LSTM lets through to the first of 96 steps, by its forget gate's bias."""
    text = f"gradient norm of the first of 96 steps, as a share of the last, bias {bias}"
    return lambda bench: bench.claim("forget_gate", text)


def where_gelus_part(_: Bench) -> float:
    """Measure the x above 0 at which the exact GELU and the one by tanh are farthest apart."""
    x = np.linspace(0, 6, 6_001)
    return float(x[np.abs(activations.gelu(x) - activations.gelu_tanh(x)).argmax()])


def way_of_a_weight(bench: Bench) -> float:
    """Measure the sum of the learning rates of all steps of `fast` with Lion."""
    return sum(_rates_of_lion(bench))


def way_at_the_peak(bench: Bench) -> float:
    """Measure the same, were the rate at its peak in every step."""
    rates = _rates_of_lion(bench)
    return max(rates) * len(rates)


def _rates_of_lion(bench: Bench) -> list[float]:
    variant = chapters.get(bench.chapter).variant("fast", {"optimizer": "lion"})
    steps = int(variant.recipe.epochs * (len(variant.data().train) // variant.recipe.batch_size))
    return chapter_pair(variant).learning_rates(steps)


def places(size: int, kernel: int, stride: int, padding: int) -> Measure:
    """Measure at how many places a kernel stands that slides over a padded row."""

    def measure(_: Bench) -> float:
        row = np.zeros(size + 2 * padding)
        return len(np.lib.stride_tricks.sliding_window_view(row, kernel)[::stride])

    return measure


def filters(count: int, kernel: int, channels: int, bias: bool = True) -> Measure:
    """Measure how many numbers so many square filters hold."""
    return lambda _: np.zeros((kernel, kernel, channels, count)).size + (count if bias else 0)


def loss_of_logits(true: int = TRUE) -> Measure:
    """Measure the cross-entropy of the three logits."""
    return lambda _: float(-log_softmax(LOGITS)[true])


def loss_of_guessing(classes: int) -> Measure:
    """Measure the cross-entropy of equal logits."""
    return lambda _: float(-log_softmax(np.zeros(classes))[0])


def least_loss_of_softmax_twice(classes: int) -> Measure:
    """Measure the cross-entropy of the best probabilities, taken for logits."""
    return lambda _: float(-log_softmax(np.eye(classes)[0])[0])


def trained_weight(forgets_to_zero: bool) -> Measure:
    """Measure the first weight after the training of the page `frameworks`, in NumPy."""

    def measure(_: Bench) -> float:
        random = np.random.default_rng(0)
        x = random.normal(size=(256, 2))
        y = (x[:, 0] > x[:, 1]).astype(float)
        w, b, dw, db = np.zeros(2), 0.0, np.zeros(2), 0.0
        for start in [*range(0, 256, 32)] * 3:
            now = neuron.gradient(w, b, x[start : start + 32], y[start : start + 32])
            dw, db = (dw + now.dw, db + now.db) if forgets_to_zero else (now.dw, now.db)
            w, b = w - 0.5 * dw, b - 0.5 * db
        return float(w[0])

    return measure


def product(factor: float, steps: int) -> Measure:
    """Measure what is left of a gradient of 1 after so many steps back, each of which keeps a factor of it."""
    return lambda _: float(np.prod(np.full(steps, factor)))


def pairs(length: int) -> Measure:
    """Measure how many scores one head computes for a sequence: the size of its matrix."""
    return lambda _: (np.zeros((length, 1)) @ np.zeros((1, length))).size
