"""A factor and an offset for each channel, as of a normalisation by other constants."""

from collections.abc import Iterator

import numpy as np

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.verify.diagnosis.relations import SOLVED, Place, agree, candidate

ROWS_OF_CHANNEL = 8
"""Values of each channel, of which two numbers are solved for."""


def by_channel(place: Place, torch: np.ndarray, keras: np.ndarray) -> Iterator[Candidate]:
    """Yield factors and offsets of the channels, in their order or the other way round, where many values show them."""
    for is_reversed in (False, True):
        own, other = torch[..., ::-1] if is_reversed else torch, keras
        if (found := _of_channels(own.reshape(-1, own.shape[-1]), other.reshape(-1, other.shape[-1]))) is None:
            continue
        factors, offsets = found
        turned = [place.mapped("reverse", axis=-1)] if is_reversed else []
        told = f"{[float(f'{one:.6g}') for one in factors]} and offsets {[float(f'{one:.6g}') for one in offsets]}"
        order = ", with the channels the other way round (RGB and BGR)," if is_reversed else ""
        yield candidate(
            (
                *turned,
                place.mapped("scale_channels", factors=tuple(factors.tolist())),
                place.mapped("offset", by=tuple(offsets.tolist())),
            ),
            f"in each channel {place.told} is in Keras what it is in torch{order} times factors {told}, as behind a "
            "normalisation by other constants",
            "Keras' order and constants" if is_reversed else "Keras' constants",
            "torch's order and constants" if is_reversed else "torch's constants",
        )


def _of_channels(own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the factors and offsets that make one array (rows, channels) of the other; None if there are none."""
    if len(own) < ROWS_OF_CHANNEL or not np.ptp(own, axis=0).all():
        return None
    centred = own - own.mean(0)
    factors = (centred * (other - other.mean(0))).sum(0) / np.square(centred).sum(0)
    offsets = other.mean(0) - factors * own.mean(0)
    offsets = np.where(np.abs(offsets) <= SOLVED * np.abs(other).max(), 0.0, offsets)
    return (factors, offsets) if agree(factors * own + offsets, other) else None
