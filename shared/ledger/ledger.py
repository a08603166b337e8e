"""The ledger: every default and convention on which the frameworks are known to differ."""

from twotrack.shared.ledger import (
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
from twotrack.shared.ledger.spec import Difference, Evidence, Suspect

FILES = (
    normalisation,
    images,
    activations,
    sequences,
    layers,
    initialisation,
    losses,
    loss_weights,
    regularisation,
    optimizers,
    clipping,
    schedules,
    state,
    loop,
    precision,
    replicas,
)
"""Each track has a file of the same name in its `defaults`."""

LEDGER: tuple[Difference, ...] = tuple(entry for file in FILES for entry in file.ENTRIES)
"""Among causes that fit equally well, the earlier one is named first."""


def causes(suspect: Suspect) -> list[Difference]:
    """Return the entries that can cause the failure, most likely first."""
    scored = [(entry.evidence(suspect), entry) for entry in LEDGER]
    return [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > Evidence.NONE]
