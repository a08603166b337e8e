"""The ledger's entries on initial weights."""

from twotrack.shared.ledger.spec import Area, Behaviour, Difference, InitialWeights, Ratio, Weight, with_layers

_LOADED = "load one side's weights into the other"
_ALIGNED = "drawn once in NumPy and loaded into both (shared/weights/initial.py)"
_STD = "standard deviation of the kernel, Keras over torch"
_ATTENTION = {"query", "key", "value", "attention_output"}


def _recurrent(weight: Weight) -> bool:
    return weight.beside("recurrent_kernel") is not None


def _embedding(weight: Weight) -> bool:
    return weight.kind == "embeddings"


def _attention(weight: Weight) -> bool:
    return weight.layer in _ATTENTION and not _recurrent(weight)


def _dense(weight: Weight) -> bool:
    return _kernel_axes(weight) == 2


def _convolution(weight: Weight) -> bool:
    return _kernel_axes(weight) > 2


def _kernel_axes(weight: Weight) -> int:
    """Return how many axes the kernel of the weight's layer has; 0 without, and where another entry is about it."""
    kernel = weight.beside("kernel")
    return 0 if kernel is None or _recurrent(weight) or _attention(weight) else kernel.ndim


ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="dense_start",
        area=Area.INITIALISATION,
        name="initial dense kernels and biases",
        torch=Behaviour(
            default="both uniform within 1/sqrt(inputs)",
            values={"limit": 0.0442, "std": 0.0255, "biases are drawn": True},
        ),
        keras=Behaviour(
            default="Glorot uniform; bias 0",
            values={"limit": 0.0884, "std": 0.0510, "biases are drawn": False},
        ),
        fix=_LOADED,
        aligned=_ALIGNED,
        touches=with_layers("Dense"),
        effect=Ratio(name=_STD),
        switch=InitialWeights(place=1, concerns=_dense),
        tolerance=0.02,
    ),
    Difference(
        slug="convolution_start",
        area=Area.INITIALISATION,
        name="initial convolution kernels and biases",
        torch=Behaviour(
            default="both uniform within 1/sqrt(fan_in)",
            values={"limit": 0.0589, "std": 0.0340, "biases are drawn": True},
        ),
        keras=Behaviour(
            default="Glorot uniform; bias 0",
            values={"limit": 0.0833, "std": 0.0481, "biases are drawn": False},
        ),
        fix=_LOADED,
        aligned=_ALIGNED,
        touches=with_layers("Conv2D", "DepthwiseConv2D"),
        effect=Ratio(name=_STD),
        switch=InitialWeights(place=2, concerns=_convolution),
        tolerance=0.02,
    ),
    Difference(
        slug="embedding_start",
        area=Area.INITIALISATION,
        name="initial embeddings",
        torch=Behaviour(default="standard normal", values={"std": 1.0}),
        keras=Behaviour(default="uniform within 0.05", values={"std": 0.0289}),
        fix=_LOADED,
        aligned=_ALIGNED,
        touches=with_layers("Embedding"),
        effect=Ratio(name=_STD),
        switch=InitialWeights(place=3, concerns=_embedding),
        tolerance=0.02,
    ),
    Difference(
        slug="recurrent_start",
        area=Area.INITIALISATION,
        name="initial recurrent weights",
        torch=Behaviour(
            default="all uniform within 1/sqrt(units)",
            values={"kernel limit": 0.1768, "recurrent kernel is orthogonal": False, "forget bias is 1": False},
        ),
        keras=Behaviour(
            default="Glorot uniform, orthogonal; bias 0, of the forget gate 1",
            values={"kernel limit": 0.2041, "recurrent kernel is orthogonal": True, "forget bias is 1": True},
        ),
        fix=_LOADED,
        aligned=_ALIGNED,
        touches=with_layers("LSTM", "GRU", "SimpleRNN"),
        effect=Ratio(name=_STD),
        switch=InitialWeights(place=4, concerns=_recurrent),
        tolerance=0.02,
    ),
    Difference(
        slug="attention_start",
        area=Area.INITIALISATION,
        name="initial attention kernels",
        torch=Behaviour(
            default="Glorot uniform of the stacked matrix; output as a dense layer",
            values={"query limit": 0.1531, "output limit": 0.1250},
        ),
        keras=Behaviour(
            default="Glorot uniform of each kernel's three axes",
            values={"query limit": 0.2165, "output limit": 0.2165},
        ),
        fix=_LOADED,
        aligned=_ALIGNED,
        touches=with_layers("MultiHeadAttention"),
        effect=Ratio(name="limit of query and output, Keras over torch"),
        switch=InitialWeights(place=5, concerns=_attention),
        tolerance=0.02,
    ),
)
