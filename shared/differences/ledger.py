"""The ledger: every default and convention on which the frameworks are known to differ."""

from twotrack.shared.differences import initialisation, layers, loop, losses, optimizers
from twotrack.shared.differences.spec import Difference, Suspect

LEDGER: tuple[Difference, ...] = (
    *layers.ENTRIES,
    *initialisation.ENTRIES,
    *losses.ENTRIES,
    *optimizers.ENTRIES,
    *loop.ENTRIES,
)
"""Among causes that fit equally well, the earlier one is named first."""


def causes(suspect: Suspect) -> list[Difference]:
    """Return the entries that can cause the failure, most likely first."""
    scored = [(entry.evidence(suspect), entry) for entry in LEDGER]
    return [entry for score, entry in sorted(scored, key=lambda pair: -pair[0]) if score > 0]
