"""Which exercises there are: by lesson, in the order of its page, whose titles they bear."""

from collections.abc import Mapping
from types import MappingProxyType

from twotrack.shared.exercises.lessons.activations import ACTIVATIONS
from twotrack.shared.exercises.lessons.backprop import BACKPROP
from twotrack.shared.exercises.lessons.churn_lstm import CHURN_LSTM
from twotrack.shared.exercises.lessons.churn_mlp import CHURN_MLP
from twotrack.shared.exercises.lessons.churn_rnn import CHURN_RNN
from twotrack.shared.exercises.lessons.churn_transformer import CHURN_TRANSFORMER
from twotrack.shared.exercises.lessons.convolution import CONVOLUTION
from twotrack.shared.exercises.lessons.cross_entropy import CROSS_ENTROPY
from twotrack.shared.exercises.lessons.frameworks import FRAMEWORKS
from twotrack.shared.exercises.lessons.mnist_cnn import MNIST_CNN
from twotrack.shared.exercises.lessons.neuron import NEURON
from twotrack.shared.exercises.lessons.optimizers import OPTIMIZERS
from twotrack.shared.exercises.lessons.practice import PRACTICE
from twotrack.shared.exercises.lessons.review_bert import REVIEW_BERT
from twotrack.shared.exercises.lessons.sequences import SEQUENCES
from twotrack.shared.exercises.lessons.shop_transfer import SHOP_TRANSFER
from twotrack.shared.exercises.spec import Exercise

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
