"""How a track does a training step where that is free: the numbers are the same to rounding, the seconds are not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tuning:
    """What of a framework is switched on; a track has no use for what is another framework's."""

    channels_last: bool = False
    """torch: pictures and kernels lie in memory with the channels last."""
    fused: bool = False
    """torch: the optimizer updates all weights in one call, if it is one of torch.optim's that can."""
    xla: bool = False
    """Keras on TensorFlow: the step is compiled by XLA. JAX always does that, PyTorch never.

    The process is no longer deterministic: XLA has no gradient of pooling that is.
    """

    @property
    def words(self) -> str:
        """What is switched on."""
        return ", ".join(name for name, is_on in vars(self).items() if is_on) or "as it is"


AS_IT_IS = Tuning()
"""As a run does it."""
FASTEST: dict[str, Tuning] = {
    "torch": Tuning(channels_last=True, fused=True),
    "keras:tensorflow": Tuning(xla=True),
}
"""By track, where there is anything to switch on."""
