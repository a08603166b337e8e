"""What is known of a value's axes, and the rearrangement to the canonical form that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from twotrack.shared.axes.factors import BATCH, CHANNEL, UNKNOWN, Factor, channels_last
from twotrack.shared.weights.bridge.layouts import Rearrangement


class Orientation:
    """Whether a value stands as the canonical form does, which values that are moved together share.

    Displaced: channels are in front of places where the canonical form has them behind. Open: it was moved by hand
    from the canonical order, as attention does with its heads and ConvNeXt in front of a convolution; what is done
    with it later decides.
    """

    def __init__(self, displaced: bool | None = None):
        self._displaced, self._same = displaced, None

    _same: "Orientation | None"

    @property
    def found(self) -> "Orientation":
        """The orientation that stands for all that are united with this one."""
        orientation = self
        while orientation._same is not None:
            orientation = orientation._same
        return orientation

    @property
    def displaced(self) -> bool | None:
        """None as long as it is open."""
        return self.found._displaced

    def displace(self) -> None:
        """Decide an open one."""
        if self.displaced is None:
            self.found._displaced = True


CANONICAL = Orientation(displaced=False)
"""Of what stands as the canonical form does."""


def oriented(orientations: Sequence[Orientation]) -> Orientation:
    """Return the orientation of what is made of such values; open ones become that too."""
    displaced = [own for own in orientations if own.displaced]
    undecided = [own.found for own in orientations if own.displaced is None]
    result = displaced[0].found if displaced else undecided[0] if undecided else CANONICAL
    for own in undecided:
        if own.found is not result:
            own.found._same = result
    return result


@dataclass
class Value:
    """What each axis of one array counts."""

    axes: tuple[Factor, ...]
    orientation: Orientation
    is_weight: bool = False
    """A weight, or made of weights alone."""
    in_place: bool = False
    """No axis but that of the examples is moved in the canonical form."""

    def settle(self) -> "Value":
        """Let it be canonical from here on if its axes have come into the canonical order."""
        whole = any(axis.kind == CHANNEL and axis.found.whole for axis in self.axes)
        in_order = channels_last([axis.kind for axis in self.axes]) == list(range(len(self.axes)))
        if in_order and (self.orientation.displaced or whole):
            self.orientation = CANONICAL
        return self

    def rearrangement(self) -> Rearrangement | None:
        """Return the way to the canonical form; None if it is that."""
        orders = tuple(self._order(axis) for axis in self.axes)
        axes = tuple(self._canonical_axes())
        if axes == tuple(range(len(axes))) and not any(orders):
            return None
        return Rearrangement(axes, orders)

    def _order(self, axis: Factor) -> tuple[int, ...] | None:
        order = axis.order()
        if order is None or any(leaf.kind == BATCH for leaf in axis.leaves()):
            return None
        return tuple(order.tolist())

    def _canonical_axes(self) -> list[int]:
        kinds, displaced = [axis.kind for axis in self.axes], self.orientation.displaced
        if displaced is False:
            return list(range(len(kinds)))
        # Channels that were taken apart, such as heads, and then moved by hand are where they should be.
        apart = any(kind == CHANNEL and not axis.found.whole for axis, kind in zip(self.axes, kinds, strict=True))
        if self.in_place or (displaced is None and apart):
            kinds = [kind if kind == BATCH else UNKNOWN for kind in kinds]
        return channels_last(kinds)


def fresh(shape: Sequence[int], is_weight: bool = False) -> Value:
    """Return a value of which nothing is known."""
    return Value(tuple(Factor(size) for size in shape), CANONICAL, is_weight)
