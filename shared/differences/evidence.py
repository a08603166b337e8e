"""Evidence: how well an entry of the ledger explains a failure, from 0 (impossible) to 3 (shown)."""

from collections.abc import Callable

from twotrack.shared.differences.spec import Suspect


def fact(rung: str, fact: str, *kinds: str) -> Callable[[Suspect], float]:
    """A hyperparameter of a layer: sure if it differs, impossible if both sides state the same."""

    def evidence(suspect: Suspect) -> float:
        if suspect.rung != rung or not suspect.kind(*kinds):
            return 0
        return 3 if suspect.differs(fact) else 0

    return evidence


def same_padding(suspect: Suspect) -> float:
    """Zeros around images under a stride."""
    strided = max(suspect.keras.get("strides") or [1]) > 1
    if suspect.rung != "forward" or not suspect.kind("conv") or suspect.keras.get("padding") != "same":
        return 0
    return 3 if strided else 1


def max_padding(suspect: Suspect) -> float:
    """Padding of max pooling."""
    if suspect.rung != "forward" or not suspect.kind("maxpool"):
        return 0
    return 3 if suspect.keras.get("padding") == "same" or any(suspect.torch.get("padding", [0])) else 1


def average_padding(suspect: Suspect) -> float:
    """Padding of average pooling."""
    if suspect.rung != "forward" or not suspect.kind("avgpool", "averagepool"):
        return 0
    counted = suspect.torch.get("count_include_pad") and any(suspect.torch.get("padding", [0]))
    return 3 if counted else 1


def flatten_order(suspect: Suspect) -> float:
    """Numbers in another order behind a flatten."""
    if suspect.rung != "forward":
        return 0
    if suspect.kind("flatten", "reshape", "permute"):
        return 3
    return 2 if suspect.kind("dense", "linear") else 0


def mask(suspect: Suspect) -> float:
    """A mask that says the opposite."""
    if suspect.rung != "forward" or not suspect.kind("attention"):
        return 0
    return 3 if "mask" in suspect.inputs else 2


def gate_order(suspect: Suspect) -> float:
    """Gates of a GRU in another order."""
    return 2 if suspect.rung == "forward" and suspect.kind("gru") else 0


def reset_after(suspect: Suspect) -> float:
    """Another form of GRU."""
    if not suspect.kind("gru") or suspect.keras.get("reset_after", True):
        return 0
    return 3


def second_bias(suspect: Suspect) -> float:
    """A second bias in recurrent layers."""
    if "bias_hh" in suspect.where:
        return 3
    return 2 if suspect.rung == "training" and suspect.kind("lstm", "rnn") else 0


def missing_bias(suspect: Suspect) -> float:
    """A bias on one side only."""
    return 3 if suspect.rung == "parameters" and suspect.parameter("bias") and "bias_hh" not in suspect.where else 0


def batch_norm_momentum(suspect: Suspect) -> float:
    """Running statistics that move at another rate."""
    if suspect.rung != "training" or not suspect.parameter("moving_mean", "moving_variance"):
        return 0
    return 3 if suspect.differs("momentum") else 1


def biased_variance(suspect: Suspect) -> float:
    """A running variance of the other kind."""
    return 2.5 if suspect.rung == "training" and suspect.parameter("moving_variance") else 0


def optimizer(fact: str, *names: str) -> Callable[[Suspect], float]:
    """A hyperparameter of the optimizer differs."""

    def evidence(suspect: Suspect) -> float:
        if suspect.rung != "training" or suspect.parameter("moving_mean", "moving_variance"):
            return 0
        if names and not suspect.kind(*names):
            return 0
        return 3 if suspect.differs(fact) else 0

    return evidence


def coupled_decay(suspect: Suspect) -> float:
    """Weight decay inside the gradient."""
    decays = suspect.torch.get("weight_decay") or suspect.keras.get("weight_decay")
    if suspect.rung != "training" or not decays:
        return 0
    return 3 if suspect.differs("decoupled_weight_decay") else 1


def epsilon_placement(suspect: Suspect) -> float:
    """Adam's epsilon in another place."""
    return 2 if suspect.rung == "training" and suspect.kind("adam") and not suspect.kind("moving") else 0


def momentum_schedule(suspect: Suspect) -> float:
    """Momentum under a learning rate that changes."""
    return 2 if suspect.rung == "training" and suspect.kind("sgd") and suspect.keras.get("momentum") else 0


def sparse_gradients(suspect: Suspect) -> float:
    """Gradients of an embedding's rows one by one."""
    return 3 if suspect.rung == "training" and suspect.parameter("embeddings") else 0


def loss_fact(fact: str) -> Callable[[Suspect], float]:
    """A hyperparameter of the loss."""

    def evidence(suspect: Suspect) -> float:
        if suspect.where != "loss":
            return 0
        return 3 if suspect.differs(fact) else 1

    return evidence


def dropout_rate(suspect: Suspect) -> float:
    """Another share dropped."""
    return 3 if suspect.rung == "training" and suspect.differs("rate") else 0


def activation(suspect: Suspect) -> float:
    """Another activation, or none."""
    if suspect.rung != "forward" or suspect.kind("norm", "pool", "attention", "gru", "lstm"):
        return 0
    return 1 if suspect.keras.get("activation", "linear") != "linear" or suspect.kind("activation") else 0


def gelu(suspect: Suspect) -> float:
    """The approximation of GELU."""
    if suspect.rung != "forward":
        return 0
    if suspect.differs("approximate"):
        return 3
    return 2 if suspect.kind("gelu") or suspect.keras.get("activation") == "gelu" else 0
