"""Worker task: what torch's side says its weights can be called by."""

from dataclasses import dataclass, field

from twotrack.shared.weights.correspondence.weight_map import NO_MAP
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Names:
    """By canonical name, what rules of a map can call it."""

    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)


@task
def names_of_parts(asked: Names) -> Names:
    """Return the names of weights that are made of two of torch's, or of a part of one."""
    from torch import nn

    from twotrack.torch_track.weights import own_weights

    layers = {"gru": nn.GRU(2, 3), "attention": nn.MultiheadAttention(4, 2), "dense": nn.Linear(2, 3)}
    return Names(own_weights(nn.ModuleDict(layers), {}, NO_MAP).aliases)
