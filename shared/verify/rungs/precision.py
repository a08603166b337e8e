"""The rung precision: is each side as close to float64 as its arithmetic allows, and does it compute in it?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twotrack.shared.precision.computing import Computed
from twotrack.shared.precision.formats import FORMATS
from twotrack.shared.verify.lower_precision import PrecisionEvidence, Quantity
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult, in_short

RUNG = "precision"
_PLACES = {"layer": FailurePlace.LAYER, "gradient": FailurePlace.WEIGHT, "loss": FailurePlace.LOSS}


@dataclass(frozen=True)
class InPrecision:
    """What both sides did in one precision."""

    arithmetic: str
    torch: PrecisionEvidence
    keras: PrecisionEvidence

    @property
    def sides(self) -> Mapping[str, PrecisionEvidence]:
        """By what messages call them."""
        return {"torch": self.torch, "Keras": self.keras}


def check_precision(found: InPrecision) -> RungResult:
    """Judge both sides; a side that could not be run is an exception, as nothing was seen of it."""
    gaps = tuple(_gaps(found))
    judged = {side: one for side, one in found.sides.items() if not one.refused}
    wrong = [text for side, one in judged.items() for text in _wrong(side, one)]
    limit = 1.0 if judged else None
    largest = max((one.ratio for side in judged.values() for one in _judged(side)), default=None)
    detail = f"{found.arithmetic}: {'; '.join(wrong) if wrong else _passed(judged)}"
    counts = {f"values in {found.arithmetic}": sum(len(one.quantities) for one in judged.values())}
    first = next((one for side in judged.values() for one in _judged(side) if one.ratio > 1), None)
    return RungResult(
        RUNG,
        not wrong,
        detail,
        largest,
        limit=limit,
        place=_PLACES.get(first.kind, FailurePlace.OUTPUTS) if first else FailurePlace.NOWHERE,
        where=first.name if first else "",
        counts=counts if judged else {},
        gaps=gaps,
        notes=tuple(_notes(found)),
    )


def _judged(side: PrecisionEvidence) -> list[Quantity]:
    return [one for one in side.quantities if not one.is_beyond and not one.steps_of]


def _passed(judged: Mapping[str, PrecisionEvidence]) -> str:
    if not judged:
        return "not run"
    return "only rounding: " + ", ".join(f"{side} {_at_most(one)}" for side, one in judged.items())


def _at_most(side: PrecisionEvidence) -> str:
    largest = max(_judged(side), key=lambda one: one.ratio, default=None)
    if largest is None:
        return "beyond its range"
    return f"at most {largest.ratio:.2f} of its bound ({in_words(largest)})"


def in_words(one: Quantity) -> str:
    """Return what a quantity is, and what it is measured by where no digit of it is left."""
    named = {"layer": f"layer '{one.name}'", "gradient": f"the gradient of '{one.name}'", "loss": "the loss"}
    lost = ", as good as zero: measured by its neighbours" if one.is_lost else ""
    return named.get(one.kind, f"output {one.name}") + lost


def _of(side: str, one: Quantity) -> str:
    return f"{side}'s {in_words(one).removeprefix('the ')}"


def _wrong(side: str, found: PrecisionEvidence) -> Iterator[str]:
    """Yield what is no rounding of the precision: the first place that is too far off, and what computes in less."""
    beyond = [one for one in found.quantities if one.is_wrong]
    if beyond:
        first = beyond[0]
        more = f", and {len(beyond) - 1} more" if len(beyond) > 1 else ""
        more += f"; sums that are kept in {found.arithmetic} lead so far" if first.is_half_sum else ""
        yield (
            f"{_of(side, first)} is off by {first.error:.1e} (at most {first.largest_error:.1e}), "
            f"{first.ratio:.3g} times what rounding can do ({first.bound:.1e}, {first.largest_bound:.1e}){more}"
        )
    narrower = [one for one in found.computed if one.is_narrower(found.run_in)]
    for precision in dict.fromkeys(one.precision for one in narrower):
        these = [one for one in narrower if one.precision == precision]
        largest = max(one.largest for one in these)
        places = ",".join(where(one) for one in these[:3]) + (f" and {len(these) - 3} more" if len(these) > 3 else "")
        reached = f" (the largest there is {largest:.3g})" if largest else ""
        yield f"{side} computes in {precision}{places}, {_loses(precision, found.run_in)}{reached}"


def where(one: Computed) -> str:
    """Return in which layer and line something computes, and what."""
    layer = f" in layer '{one.layer}'" if one.layer else ""
    place = f" at {one.place}" if one.place else ""
    return f"{layer}{place} ({in_short(one.operations)})"


def _loses(precision: str, run: str) -> str:
    """Say what numbers of the run's precision the other one does not hold."""
    narrow, own, lost = FORMATS[precision], FORMATS[run], []
    if narrow.digits < own.digits:
        lost.append(f"keeps {narrow.digits} of {own.digits} binary digits")
    if narrow.smallest > own.smallest:
        lost.append(f"ends at {narrow.limit:.3g} and knows nothing between 0 and {narrow.spacing:.0e}")
    return f"which {' and '.join(lost)}"


def _gaps(found: InPrecision) -> Iterator[Gap]:
    for side, one in found.sides.items():
        if one.refused:
            yield Gap(GapKind.NOT_RUN, found.arithmetic, f"{side}: {one.refused}")
        beyond = [in_words(each) for each in one.quantities if each.is_beyond]
        if beyond:
            detail = f"{side}'s {in_short(beyond)} overflow in {found.arithmetic}, whatever the order of rounding"
            yield Gap(GapKind.NOT_RUN, found.arithmetic, detail)

        yield from _poor(side, found.arithmetic, [each for each in one.quantities if each.steps_of])


def _poor(side: str, arithmetic: str, those: Sequence[Quantity]) -> Iterator[Gap]:
    """Yield what a framework's own kernel is too far off in, by the worst of it."""
    if those:
        worst = max(those, key=lambda one: one.ratio)
        more = f", and {len(those) - 1} more" if len(those) > 1 else ""
        detail = (
            f"{_of(side, worst)} is off by {worst.error:.1e}, {worst.ratio:.3g} times what rounding can do{more}, as "
            f"far as {worst.steps_of} leads if each of its steps, or its sum, is in {arithmetic}"
        )
        yield Gap(GapKind.STEPS, worst.name, detail)


def _notes(found: InPrecision) -> Iterator[str]:
    """Yield what computes in more than the precision, and which side is farther off than the other one's bound."""
    for side, one in found.sides.items():
        for each in one.computed:
            if not each.is_narrower(one.run_in):
                yield f"in {found.arithmetic} {side} computes in {each.precision}{where(each)}"
        flushed = [_of(side, each) for each in one.quantities if each.is_flushed]
        if flushed:
            yield (
                f"in {found.arithmetic} {in_short(flushed)} {'are' if len(flushed) > 1 else 'is'} zero, where "
                "float64 has a number: it lies below the smallest, and a training scales the loss up"
            )
    for side, own, other in (("torch", found.torch, found.keras), ("Keras", found.keras, found.torch)):
        worst = max(_beyond_the_other(own, other), default=None)
        if worst:
            ratio, text = worst
            name = "Keras" if side == "torch" else "torch"
            yield f"in {found.arithmetic} {side}'s {text} is {ratio:.3g} times as far off as {name}'s arithmetic leads"


def _beyond_the_other(own: PrecisionEvidence, other: PrecisionEvidence) -> Iterator[tuple[float, str]]:
    """Yield, of what both sides have and one is farther off in than the other's bound, the factor and its name."""
    bounds = {(one.kind, one.name, one.is_lost): one.bound for one in _judged(other)}
    for one in _judged(own):
        bound = bounds.get((one.kind, one.name, one.is_lost), 0.0)
        if one.ratio <= 1 and bound and one.error > bound:
            yield one.error / bound, in_words(one)
