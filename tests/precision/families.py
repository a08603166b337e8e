"""Families of pairs for the rung precision: what a pair is judged in, and what a wrong one must be named as."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.hunt.family import Case as PlainCase
from tests.hunt.family import PairFamilies
from tests.hunt.network import Body, Step, dense, mean_of_sequence
from tests.support.families import Draw
from twotrack import Input
from twotrack.shared.precision.formats import Arithmetic

WRONG, HONEST = PairFamilies(), PairFamilies()
LOW: tuple[Arithmetic, ...] = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Case(PlainCase):
    """One pair, and in which precisions it is judged."""

    arithmetics: tuple[Arithmetic, ...] = LOW
    said: str = ""
    """What the failure of a wrong pair must say."""


def judged(body: Body, arithmetics: tuple[Arithmetic, ...] = LOW, said: str = "", **rest: Any) -> Case:
    """Return the case of both sides of a network."""
    return Case(body.pair(**rest), arithmetics=arithmetics, said=said)


def size(draw: Draw, name: str, low: int, high: int) -> int:
    """Return a whole number whose logarithm is uniform."""
    return min(high, max(low, round(draw.real(name, low, high))))


def function(name: str, of: Callable[[Any, Any], Any]) -> Step:
    """Return a step that both sides write alike: of(functions of the framework, x)."""
    return Step(name, lambda k, n: lambda x: of(k.ops, x), lambda t: lambda x: of(t, x))


def network(draw: Draw, middle: list[Step], width: int, rows: int = 0) -> Body:
    """Return dense layers around steps that keep the width; with `rows`, of sequences."""
    features, outputs = size(draw, "features", 2, 64), draw.whole("outputs", 1, 5)
    pooled = [mean_of_sequence()] if rows else []
    steps = [dense("first", features, width), *middle, *pooled, dense("last", width, outputs)]
    return Body({"input": Input((rows, features) if rows else (features,))}, steps)
