"""The ledger's entries on initial weights."""

from twotrack.shared.differences.spec import Difference, with_layers

_ALIGNED = "drawn once in NumPy and loaded into both (shared/initial_weights.py)"
_EFFECT = "standard deviation of the kernel, Keras over torch"

ENTRIES: tuple[Difference, ...] = (
    Difference(
        "dense_start", "initialisation", "initial dense kernels and biases", "Glorot uniform; bias 0",
        "both uniform within 1/sqrt(inputs)", "load one side's weights into the other", _ALIGNED,
        {"limit": 0.0884, "std": 0.0510, "biases are drawn": False},
        {"limit": 0.0442, "std": 0.0255, "biases are drawn": True},
        with_layers("Dense"), _EFFECT, compare="ratio", tolerance=0.02,
    ),
    Difference(
        "convolution_start", "initialisation", "initial convolution kernels and biases", "Glorot uniform; bias 0",
        "both uniform within 1/sqrt(fan_in)", "load one side's weights into the other", _ALIGNED,
        {"limit": 0.0833, "std": 0.0481, "biases are drawn": False},
        {"limit": 0.0589, "std": 0.0340, "biases are drawn": True},
        with_layers("Conv2D", "DepthwiseConv2D"), _EFFECT, compare="ratio", tolerance=0.02,
    ),
    Difference(
        "embedding_start", "initialisation", "initial embeddings", "uniform within 0.05", "standard normal",
        "load one side's weights into the other", _ALIGNED,
        {"std": 0.0289}, {"std": 1.0}, with_layers("Embedding"), _EFFECT, compare="ratio", tolerance=0.02,
    ),
    Difference(
        "recurrent_start", "initialisation", "initial recurrent weights",
        "Glorot uniform, orthogonal; bias 0, of the forget gate 1", "all uniform within 1/sqrt(units)",
        "load one side's weights into the other", _ALIGNED,
        {"kernel limit": 0.2041, "recurrent kernel is orthogonal": True, "forget bias is 1": True},
        {"kernel limit": 0.1768, "recurrent kernel is orthogonal": False, "forget bias is 1": False},
        with_layers("LSTM", "GRU", "SimpleRNN"), _EFFECT, compare="ratio", tolerance=0.02,
    ),
    Difference(
        "attention_start", "initialisation", "initial attention kernels",
        "Glorot uniform of each kernel's three axes", "Glorot uniform of the stacked matrix; output as a dense layer",
        "load one side's weights into the other", _ALIGNED,
        {"query limit": 0.2165, "output limit": 0.2165}, {"query limit": 0.1531, "output limit": 0.1250},
        with_layers("MultiHeadAttention"), "limit of query and output, Keras over torch",
        compare="ratio", tolerance=0.02,
    ),
)  # fmt: skip
