"""How a track does a training step where that is free: the numbers are the same to rounding, the seconds are not."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Tuning:
    """What of a framework is switched on; a track has no use for what is another framework's."""

    channels_last: bool = False
    """torch: pictures and kernels lie in memory with the channels last."""
    fused: bool = False
    """torch: the optimizer updates all weights in one call, if it is one of torch.optim's that can."""
    pool_first: bool = False
    """torch: ReLU comes behind the pooling that follows it, as both orders give the same numbers."""
    unfilled: bool = False
    """PyTorch: memory is not filled before an operation writes it.

    A deterministic PyTorch fills it for those that read what nobody wrote. Nothing in a chapter does.
    """
    kept_memory: bool = False
    """PyTorch: large blocks that are free stay with the process, as a step frees those that the next one asks for."""
    several_steps: bool = False
    """Keras on TensorFlow and JAX: several steps are one program.

    Not where one has convolutions on JAX, as XLA does them slowly in a loop.
    """
    xla: bool = False
    """Keras on TensorFlow: the step is compiled by XLA. JAX always does that, PyTorch never.

    The process is no longer deterministic: XLA has no gradient of pooling that is.
    """

    @property
    def words(self) -> str:
        """What is switched on."""
        return ", ".join(name.replace("_", " ") for name, is_on in vars(self).items() if is_on) or "as it is"


AS_IT_IS = Tuning()
"""As the framework does it by itself."""
BY_DEFAULT: dict[str, Tuning] = {
    "torch": Tuning(channels_last=True, fused=True, pool_first=True, unfilled=True, kept_memory=True),
    "keras:tensorflow": Tuning(several_steps=True),
    "keras:jax": Tuning(several_steps=True),
    "keras:torch": Tuning(unfilled=True, kept_memory=True),
}
"""By track: what a chapter's model is trained with. The numbers stay the same to rounding, and the same each time."""
MOST: dict[str, Tuning] = BY_DEFAULT | {
    "keras:tensorflow": replace(BY_DEFAULT["keras:tensorflow"], xla=True),
}
"""By track: all that there is to switch on."""
