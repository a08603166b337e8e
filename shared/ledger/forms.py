"""The form of entries that touch no chapter, as most on training do: what is measured, and what each side gives."""

from collections.abc import Callable
from functools import partial

from twotrack.shared.base.tolerances import LEDGER_VALUE
from twotrack.shared.ledger.measured import Value
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, never_used

UNUSED = "no chapter uses it"
Told = tuple[str | Value, ...]
"""What a framework does, in words, then a value for each label that it has."""


def in_no_chapter(area: Area) -> Callable[..., Difference]:
    """Return what makes the entries of an area: see `_entry`."""
    return partial(_entry, area)


def _entry(
    area: Area,
    slug: str,
    name: str,
    labels: str | tuple[str, ...],
    *,
    torch: Told,
    keras: Told,
    fix: str,
    aligned: str = UNUSED,
    effect: Effect = Effect(),  # noqa: B008 - frozen
    tolerance: float = LEDGER_VALUE,
) -> Difference:
    every = (labels,) if isinstance(labels, str) else labels
    sides = [_behaviour(every, told) for told in (torch, keras)]
    return Difference(
        slug=slug, area=area, name=name, torch=sides[0], keras=sides[1], fix=fix, aligned=aligned, touches=never_used,
        effect=effect, tolerance=tolerance,
    )  # fmt: skip


def _behaviour(labels: tuple[str, ...], told: Told) -> Behaviour:
    """Return what one side does; a side may lack the last labels."""
    words, *values = told
    if not isinstance(words, str) or len(values) > len(labels):
        raise ValueError(f"expected words and a value for each of {', '.join(labels)}, found {told}")
    return Behaviour(default=words, values=dict(zip(labels, values, strict=False)))
