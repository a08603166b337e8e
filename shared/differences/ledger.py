"""Causes by which a pair can differ, each with the evidence that points to it and the line that removes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isclose
from typing import Any

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Suspect:
    """What is known of a failure: where it showed, and the hyperparameters of both sides there."""

    rung: str
    where: str = ""
    """Layer path, parameter name, or 'loss'."""
    keras_kind: str = ""
    torch_kind: str = ""
    keras: Facts = field(default_factory=dict)
    torch: Facts = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    """Kinds of the pair's inputs."""

    def differs(self, fact: str) -> bool:
        """Both sides state the hyperparameter, and it is not the same beyond float32's rounding."""
        if fact not in self.keras or fact not in self.torch:
            return False
        ours, theirs = self.keras[fact], self.torch[fact]
        if isinstance(ours, float) and isinstance(theirs, float):
            return not isclose(ours, theirs, rel_tol=1e-6)
        return ours != theirs

    def kind(self, *words: str) -> bool:
        """Either side's class name contains one of the words."""
        names = f"{self.keras_kind} {self.torch_kind}".lower()
        return any(word in names for word in words)

    def parameter(self, *kinds: str) -> bool:
        """The failure is at a parameter of one of these kinds."""
        return self.where.rpartition(".")[2] in kinds


@dataclass(frozen=True)
class Difference:
    """An entry of the ledger."""

    name: str
    keras: str
    torch: str
    fix: str
    """The one-line change that makes the two sides equal."""
    evidence: Callable[[Suspect], float]
    """0: impossible here; 1: possible; 2: the symptoms fit; 3: the hyperparameters show it."""


def _fact(rung: str, fact: str, *kinds: str) -> Callable[[Suspect], float]:
    """A hyperparameter of a layer: sure if it differs, impossible if both sides state the same."""

    def evidence(suspect: Suspect) -> float:
        if suspect.rung != rung or not suspect.kind(*kinds):
            return 0
        return 3 if suspect.differs(fact) else 0

    return evidence


def _normalisation(epsilon: str, *kinds: str) -> Callable[[Suspect], float]:
    return _fact("forward", epsilon, *kinds)


def _same_padding(suspect: Suspect) -> float:
    strided = max(suspect.keras.get("strides") or [1]) > 1
    if suspect.rung != "forward" or not suspect.kind("conv") or suspect.keras.get("padding") != "same":
        return 0
    return 3 if strided else 1


def _max_padding(suspect: Suspect) -> float:
    if suspect.rung != "forward" or not suspect.kind("maxpool"):
        return 0
    return 3 if suspect.keras.get("padding") == "same" or any(suspect.torch.get("padding", [0])) else 1


def _average_padding(suspect: Suspect) -> float:
    if suspect.rung != "forward" or not suspect.kind("avgpool", "averagepool"):
        return 0
    counted = suspect.torch.get("count_include_pad") and any(suspect.torch.get("padding", [0]))
    return 3 if counted else 1


def _flatten_order(suspect: Suspect) -> float:
    if suspect.rung != "forward":
        return 0
    if suspect.kind("flatten", "reshape", "permute"):
        return 3
    return 2 if suspect.kind("dense", "linear") else 0


def _mask(suspect: Suspect) -> float:
    if suspect.rung != "forward" or not suspect.kind("attention"):
        return 0
    return 3 if "mask" in suspect.inputs else 2


def _gate_order(suspect: Suspect) -> float:
    return 2 if suspect.rung == "forward" and suspect.kind("gru") else 0


def _reset_after(suspect: Suspect) -> float:
    if not suspect.kind("gru") or suspect.keras.get("reset_after", True):
        return 0
    return 3


def _second_bias(suspect: Suspect) -> float:
    if "bias_hh" in suspect.where:
        return 3
    return 2 if suspect.rung == "training" and suspect.kind("lstm", "rnn") else 0


def _missing_bias(suspect: Suspect) -> float:
    return 3 if suspect.rung == "parameters" and suspect.parameter("bias") and "bias_hh" not in suspect.where else 0


def _batch_norm_momentum(suspect: Suspect) -> float:
    if suspect.rung != "training" or not suspect.parameter("moving_mean", "moving_variance"):
        return 0
    return 3 if suspect.differs("momentum") else 1


def _biased_variance(suspect: Suspect) -> float:
    return 2.5 if suspect.rung == "training" and suspect.parameter("moving_variance") else 0


def _optimizer(fact: str, *names: str) -> Callable[[Suspect], float]:
    """A hyperparameter of the optimizer differs."""

    def evidence(suspect: Suspect) -> float:
        if suspect.rung != "training" or suspect.parameter("moving_mean", "moving_variance"):
            return 0
        if names and not suspect.kind(*names):
            return 0
        return 3 if suspect.differs(fact) else 0

    return evidence


def _coupled_decay(suspect: Suspect) -> float:
    decays = suspect.torch.get("weight_decay") or suspect.keras.get("weight_decay")
    if suspect.rung != "training" or not decays:
        return 0
    return 3 if suspect.differs("decoupled_weight_decay") else 1


def _epsilon_placement(suspect: Suspect) -> float:
    return 2 if suspect.rung == "training" and suspect.kind("adam") and not suspect.kind("moving") else 0


def _momentum_schedule(suspect: Suspect) -> float:
    return 2 if suspect.rung == "training" and suspect.kind("sgd") and suspect.keras.get("momentum") else 0


def _sparse_gradients(suspect: Suspect) -> float:
    return 3 if suspect.rung == "training" and suspect.parameter("embeddings") else 0


def _loss_fact(fact: str) -> Callable[[Suspect], float]:
    def evidence(suspect: Suspect) -> float:
        if suspect.where != "loss":
            return 0
        return 3 if suspect.differs(fact) else 1

    return evidence


def _dropout_rate(suspect: Suspect) -> float:
    return 3 if suspect.rung == "training" and suspect.differs("rate") else 0


def _activation(suspect: Suspect) -> float:
    if suspect.rung != "forward" or suspect.kind("norm", "pool", "attention", "gru", "lstm"):
        return 0
    return 1 if suspect.keras.get("activation", "linear") != "linear" or suspect.kind("activation") else 0


def _gelu(suspect: Suspect) -> float:
    if suspect.rung != "forward":
        return 0
    if suspect.differs("approximate"):
        return 3
    return 2 if suspect.kind("gelu") or suspect.keras.get("activation") == "gelu" else 0


LEDGER: tuple[Difference, ...] = (
    Difference(
        "LayerNorm epsilon", "1e-3", "1e-5",
        "keras.layers.LayerNormalization(epsilon=1e-5)", _normalisation("epsilon", "layernorm"),
    ),
    Difference(
        "GroupNorm epsilon", "1e-3", "1e-5",
        "keras.layers.GroupNormalization(epsilon=1e-5)", _normalisation("epsilon", "groupnorm"),
    ),
    Difference(
        "BatchNorm epsilon", "1e-3", "1e-5",
        "keras.layers.BatchNormalization(epsilon=1e-5)", _normalisation("epsilon", "batchnorm"),
    ),
    Difference(
        "BatchNorm momentum", "0.99, the share kept", "0.1, the share replaced",
        "keras.layers.BatchNormalization(momentum=0.9) for nn.BatchNorm2d(momentum=0.1)", _batch_norm_momentum,
    ),
    Difference(
        "BatchNorm running variance", "biased (divides by n)", "unbiased (divides by n - 1)",
        "use torch_track.layers.BatchNorm2d, which keeps the biased one", _biased_variance,
    ),
    Difference(
        "'same' padding with stride", "pads more at the end", "pads the same at both ends",
        "keras.layers.ZeroPadding2D(1) before Conv2D(padding='valid') for nn.Conv2d(padding=1)", _same_padding,
    ),
    Difference(
        "max pooling padding", "'same' pads more at the end, with -inf", "padding=p pads both ends, with -inf",
        "pad explicitly with -inf on both sides, or pool without padding", _max_padding,
    ),
    Difference(
        "average pooling padding", "padding is not counted", "padding counts as zeros",
        "nn.AvgPool2d(..., count_include_pad=False)", _average_padding,
    ),
    Difference(
        "flatten order", "height, width, channels", "channels, height, width",
        "flatten the plain channels-first tensor in torch, as nn.Flatten() does", _flatten_order,
    ),
    Difference(
        "LeakyReLU slope", "0.3", "0.01",
        "keras.layers.LeakyReLU(negative_slope=0.01)", _fact("forward", "negative_slope", "leaky"),
    ),
    Difference(
        "GELU approximation", "exact unless approximate=True", "exact unless approximate='tanh'",
        "keras.activations.gelu(x, approximate=False) for nn.GELU()", _gelu,
    ),
    Difference(
        "missing bias", "use_bias=True", "bias=True",
        "give both layers a bias, or neither: use_bias=False and bias=False", _missing_bias,
    ),
    Difference(
        "attention mask", "True means attend", "True means ignore",
        "pass key_padding_mask=~mask to nn.MultiheadAttention", _mask,
    ),
    Difference(
        "second recurrent bias", "one bias", "two biases, both trained",
        "set bias_hh to zero and bias_hh.requires_grad_(False)", _second_bias,
    ),
    Difference(
        "GRU gate order", "update z, reset r, candidate h", "reset r, update z, candidate n",
        "swap the first two thirds of kernel, recurrent kernel and bias", _gate_order,
    ),
    Difference(
        "GRU reset", "reset_after=True applies the reset gate after the product", "always after",
        "keras.layers.GRU(reset_after=True)", _reset_after,
    ),
    Difference(
        "Adam epsilon", "1e-7", "1e-8",
        "keras.optimizers.Adam(epsilon=1e-8), or the shared spec shared.training.Adam", _optimizer("epsilon", "adam"),
    ),
    Difference(
        "RMSprop epsilon", "1e-7, inside the root", "1e-8, outside the root",
        "use the shared spec shared.training.RMSprop in the pair", _optimizer("epsilon", "rmsprop"),
    ),
    Difference(
        "weight decay", "decoupled in every optimizer", "L2 in SGD, Adam and RMSprop",
        "torch.optim.AdamW for keras.optimizers.Adam(weight_decay=...)", _coupled_decay,
    ),
    Difference(
        "weight decay size", "AdamW 0.004", "AdamW 0.01",
        "state weight_decay in both optimizers", _optimizer("weight_decay"),
    ),
    Difference(
        "learning rate", "0.001, SGD 0.01", "0.001, SGD 0.001",
        "state the learning rate in both optimizers", _optimizer("learning_rate"),
    ),
    Difference(
        "momentum", "SGD 0, RMSprop 0", "SGD 0, RMSprop 0",
        "state momentum in both optimizers", _optimizer("momentum"),
    ),
    Difference(
        "Adam epsilon placement", "sqrt(v) + epsilon", "sqrt(v / (1 - beta_2^t)) + eps",
        "use the shared spec shared.training.Adam in the pair", _epsilon_placement,
    ),
    Difference(
        "momentum under a schedule", "learning rate inside the velocity", "learning rate outside the velocity",
        "use the shared spec shared.training.SGD in the pair", _momentum_schedule,
    ),
    Difference(
        "sparse embedding gradients", "on TensorFlow, a row looked up twice has its gradients squared one by one",
        "squared after adding up", "use the shared specs of shared.training in the pair", _sparse_gradients,
    ),
    Difference(
        "loss on logits or probabilities", "from_logits=False", "nn.CrossEntropyLoss expects logits",
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)", _loss_fact("from_logits"),
    ),
    Difference(
        "label smoothing", "0", "0",
        "the same label_smoothing in both losses", _loss_fact("label_smoothing"),
    ),
    Difference(
        "dropout rate", "rate", "p",
        "the same share dropped in both: layers.Dropout(rate=p) for nn.Dropout(p)", _dropout_rate,
    ),
    Difference(
        "activation", "activation=None unless given", "a layer or function of its own",
        "the same activation in both", _activation,
    ),
)  # fmt: skip


def causes(suspect: Suspect) -> list[Difference]:
    """Return the entries that can cause the failure, most likely first."""
    scored = [(entry.evidence(suspect), entry) for entry in LEDGER]
    return [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > 0]
