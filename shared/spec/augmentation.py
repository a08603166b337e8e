"""What a recipe changes at random in the pictures that it trains on, as plain data. How: shared/datasets/augment.py."""

from dataclasses import dataclass

from twotrack.shared.errors import UserError


@dataclass(frozen=True)
class Shift:
    """Every picture is moved by whole pixels, up or down and to a side, drawn anew each epoch; what enters is 0.

    Both numbers are drawn alike from -pixels, ..., pixels.
    """

    pixels: int

    def __post_init__(self) -> None:
        if self.pixels < 1:
            raise UserError(f"Shift: expected 1 pixel or more, found {self.pixels}.")
