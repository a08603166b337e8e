"""How well entries of the ledger explain a failure, by what is known of it."""

from collections.abc import Callable

from twotrack.shared.ledger.spec import Evidence, Suspect

_OF_OPTIMIZERS = ("optimizer", "training")
"""Rungs in which an optimizer's hyperparameters show."""


def hyperparameter(rung: str, name: str, *kinds: str) -> Callable[[Suspect], Evidence]:
    """A hyperparameter of a layer: sure if it differs, impossible if both sides state the same."""

    def evidence(suspect: Suspect) -> Evidence:
        if suspect.rung != rung or not suspect.kind(*kinds):
            return Evidence.NONE
        return Evidence.SHOWN if suspect.differs(name) else Evidence.NONE

    return evidence


def same_padding(suspect: Suspect) -> Evidence:
    """Zeros around images under a stride."""
    strided = max(suspect.keras.get("strides") or [1]) > 1
    if suspect.rung != "forward" or not suspect.kind("conv") or suspect.keras.get("padding") != "same":
        return Evidence.NONE
    return Evidence.SHOWN if strided else Evidence.POSSIBLE


def max_padding(suspect: Suspect) -> Evidence:
    """Padding of max pooling."""
    if suspect.rung != "forward" or not suspect.kind("maxpool"):
        return Evidence.NONE
    padded = suspect.keras.get("padding") == "same" or any(suspect.torch.get("padding", [0]))
    return Evidence.SHOWN if padded else Evidence.POSSIBLE


def average_padding(suspect: Suspect) -> Evidence:
    """Padding of average pooling."""
    if suspect.rung != "forward" or not suspect.kind("avgpool", "averagepool"):
        return Evidence.NONE
    counted = suspect.torch.get("count_include_pad") and any(suspect.torch.get("padding", [0]))
    return Evidence.SHOWN if counted else Evidence.POSSIBLE


def flatten_order(suspect: Suspect) -> Evidence:
    """Numbers in another order behind a flatten."""
    if suspect.rung != "forward":
        return Evidence.NONE
    if suspect.kind("flatten", "reshape", "permute"):
        return Evidence.SHOWN
    return Evidence.FITS if suspect.kind("dense", "linear") else Evidence.NONE


def mask(suspect: Suspect) -> Evidence:
    """A mask that says the opposite."""
    if suspect.rung != "forward" or not suspect.kind("attention"):
        return Evidence.NONE
    return Evidence.SHOWN if "mask" in suspect.inputs else Evidence.FITS


def gate_order(suspect: Suspect) -> Evidence:
    """Gates of a GRU in another order."""
    return Evidence.FITS if suspect.rung == "forward" and suspect.kind("gru") else Evidence.NONE


def reset_after(suspect: Suspect) -> Evidence:
    """Another form of GRU."""
    if not suspect.kind("gru") or suspect.keras.get("reset_after", True):
        return Evidence.NONE
    return Evidence.SHOWN


def second_bias(suspect: Suspect) -> Evidence:
    """A second bias in recurrent layers."""
    if "bias_hh" in suspect.where:
        return Evidence.SHOWN
    return Evidence.FITS if suspect.rung == "training" and suspect.kind("lstm", "rnn") else Evidence.NONE


def missing_bias(suspect: Suspect) -> Evidence:
    """A bias on one side only."""
    return (
        Evidence.SHOWN
        if suspect.rung == "parameters" and suspect.parameter("bias") and "bias_hh" not in suspect.where
        else Evidence.NONE
    )


def batch_norm_momentum(suspect: Suspect) -> Evidence:
    """Running statistics that move at another rate."""
    if suspect.rung != "training" or not suspect.parameter("moving_mean", "moving_variance"):
        return Evidence.NONE
    return Evidence.SHOWN if suspect.differs("momentum") else Evidence.POSSIBLE


def biased_variance(suspect: Suspect) -> Evidence:
    """A running variance of the other kind."""
    return Evidence.FITS if suspect.rung == "training" and suspect.parameter("moving_variance") else Evidence.NONE


def optimizer(name: str, *kinds: str) -> Callable[[Suspect], Evidence]:
    """A hyperparameter of the optimizer differs."""

    def evidence(suspect: Suspect) -> Evidence:
        if suspect.rung not in _OF_OPTIMIZERS or suspect.parameter("moving_mean", "moving_variance"):
            return Evidence.NONE
        if kinds and not suspect.kind(*kinds):
            return Evidence.NONE
        return Evidence.SHOWN if suspect.differs(name) else Evidence.NONE

    return evidence


def coupled_decay(suspect: Suspect) -> Evidence:
    """Weight decay inside the gradient."""
    decays = suspect.torch.get("weight_decay") or suspect.keras.get("weight_decay")
    if suspect.rung not in _OF_OPTIMIZERS or not decays:
        return Evidence.NONE
    return Evidence.SHOWN if suspect.differs("decoupled_weight_decay") else Evidence.POSSIBLE


def epsilon_placement(suspect: Suspect) -> Evidence:
    """Adam's epsilon in another place."""
    return (
        Evidence.FITS
        if suspect.rung in _OF_OPTIMIZERS and suspect.kind("adam") and not suspect.kind("moving")
        else Evidence.NONE
    )


def momentum_schedule(suspect: Suspect) -> Evidence:
    """Momentum under a learning rate that changes."""
    return (
        Evidence.FITS
        if suspect.rung in _OF_OPTIMIZERS and suspect.kind("sgd") and suspect.keras.get("momentum")
        else Evidence.NONE
    )


def sparse_gradients(suspect: Suspect) -> Evidence:
    """Gradients of an embedding's rows one by one."""
    return Evidence.SHOWN if suspect.rung == "training" and suspect.parameter("embeddings") else Evidence.NONE


def loss(name: str) -> Callable[[Suspect], Evidence]:
    """A hyperparameter of the loss."""

    def evidence(suspect: Suspect) -> Evidence:
        if suspect.where != "loss":
            return Evidence.NONE
        return Evidence.SHOWN if suspect.differs(name) else Evidence.POSSIBLE

    return evidence


def dropout_rate(suspect: Suspect) -> Evidence:
    """Another share dropped."""
    return Evidence.SHOWN if suspect.rung == "dropout" and suspect.differs("rate") else Evidence.NONE


def activation(suspect: Suspect) -> Evidence:
    """Another activation, or none."""
    if suspect.rung != "forward" or suspect.kind("norm", "pool", "attention", "gru", "lstm"):
        return Evidence.NONE
    return (
        Evidence.POSSIBLE
        if suspect.keras.get("activation", "linear") != "linear" or suspect.kind("activation")
        else Evidence.NONE
    )


def gelu(suspect: Suspect) -> Evidence:
    """The approximation of GELU."""
    if suspect.rung != "forward":
        return Evidence.NONE
    if suspect.differs("approximate"):
        return Evidence.SHOWN
    return Evidence.FITS if suspect.kind("gelu") or suspect.keras.get("activation") == "gelu" else Evidence.NONE
