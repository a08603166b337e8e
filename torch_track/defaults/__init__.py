"""What torch does by default, a file for each of the ledger's in shared/ledger.

For every entry a measurement of its name and, where an aligned run has something else, the function that switches the
default on again. Importing this package fills the registry.
"""

from twotrack.torch_track.defaults import (  # noqa: F401 - each registers its functions
    activations,
    clipping,
    images,
    initialisation,
    layers,
    loop,
    loss_weights,
    losses,
    normalisation,
    optimizers,
    precision,
    regularisation,
    replicas,
    schedules,
    sequences,
    state,
)
from twotrack.torch_track.defaults.registry import DEFAULTS, HOOKS, LAYERS, OPTIMIZERS, SPECS

__all__ = [
    "DEFAULTS",
    "HOOKS",
    "LAYERS",
    "OPTIMIZERS",
    "SPECS",
]
