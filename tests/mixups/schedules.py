"""Schedules that are one step off, of the other framework's form, or by epochs in place of steps."""

from collections.abc import Callable
from math import cos, pi
from typing import Any

from tests.mixups.mixup import Mixup, behind_step, crossed, keras_optimizer, torch_optimizer, trained_by
from twotrack import Pair

RATE, PERIOD = 0.1, 20
TOTAL, TINY = 2500, 1e-30
"""Steps of a one-cycle schedule, and an epsilon that no gradient here meets."""
Make = Callable[[Any, Any], Any]
"""Of torch.optim.lr_scheduler and an optimizer."""
Factor = Callable[[int], float]
"""Of a step, from 0: times RATE."""


def stepping(make: Make, every: int = 1, name: str = "SGD", **settings: Any) -> Callable[[Any], Any]:
    """Return SGD, or another, with a scheduler that steps behind every so many steps."""

    def follow(optimizer: Any, held: list) -> None:
        import torch

        schedule, done = make(torch.optim.lr_scheduler, optimizer), [0]

        def go_on(*_: Any) -> None:
            done[0] += 1
            if done[0] % every == 0:
                schedule.step()

        behind_step(go_on)(optimizer, held)

    return torch_optimizer(name, RATE, follow, **settings)


def by_factor(factor: Factor) -> Callable[[Any], Any]:
    """Return SGD whose rate is a function of the step."""
    return stepping(lambda own, optimizer: own.LambdaLR(optimizer, factor))


def by_table(factor: Factor) -> Callable[[Any], Any]:
    """Return a schedule of Keras by a function of the step, as people write one; the last rate stays."""

    def make(own: Any) -> Any:
        import keras
        import numpy as np

        class Own(own.LearningRateSchedule):
            def __call__(self, step: Any) -> Any:
                rates = np.array([RATE * factor(n) for n in range(TOTAL)])
                table = keras.ops.convert_to_tensor(rates, keras.config.floatx())
                return keras.ops.take(table, keras.ops.minimum(keras.ops.cast(step, "int32"), len(rates) - 1))

            def get_config(self) -> dict:
                return {}

        return Own()

    return make


def of(
    spec: str, what: str, keras: tuple[Any, Any, str], torch: tuple[Any, Any, str], name: str = "SGD", **settings: Any
) -> Mixup:
    """Return a mix-up of a schedule."""

    def scheduled(rate: Any, other: Any) -> Pair:
        return trained_by(keras_optimizer(name, rate, **settings), other)

    return crossed(scheduled, spec, what, "optimizer", keras, torch)


def cosine(n: int) -> float:
    return (1 + cos(pi * min(n, PERIOD) / PERIOD)) / 2


def drops(n: int) -> float:
    return (1.0, 0.5, 0.1, 0.01)[(n >= 5) + (n >= 10) + (n >= 15)]


def rises(n: int) -> float:
    return min(1.0, 0.1 * (n + 1))


def piecewise(shift: int) -> Callable[[Any], Any]:
    numbers = [5 + shift, 10 + shift, 15 + shift], [RATE * share for share in (1.0, 0.5, 0.1, 0.01)]
    return lambda own: own.PiecewiseConstantDecay(*numbers)


def warm_cosine(first: float) -> Callable[[Any], Any]:
    return lambda own: own.CosineDecay(RATE * first, PERIOD, warmup_target=RATE, warmup_steps=10)


def warm_torch(first: float) -> Callable[[Any], Any]:
    def factor(n: int) -> float:
        return first + (1 - first) * n / 10 if n < 10 else cosine(n - 10)

    return by_factor(factor)


def one_cycle(n: int) -> float:
    """The rate of torch's OneCycleLR by its defaults; the last stays."""
    peak = 0.3 * TOTAL - 1
    n = min(n, TOTAL - 1)
    if n < peak:
        return _wave(1 / 25, 1.0, n / peak)
    return _wave(1.0, 1 / 25e4, (n - peak) / (TOTAL - 1 - peak))


def _wave(first: float, last: float, progress: float) -> float:
    return last + (first - last) / 2 * (1 + cos(pi * progress))


OTHER = "the learning rates follow other schedules"
AHEAD = "both have one schedule, and {} is one step ahead"

SCHEDULES = (
    of(
        "Constant",
        "the default of the other framework",
        (RATE, 0.01, "is 0.01 in Keras and 0.1 in torch"),
        (torch_optimizer("SGD", RATE), torch_optimizer("SGD", 0.001), "is 0.1 in Keras and 0.001 in torch"),
    ),
    of(
        "StepDecay",
        "a staircase, or a slope",
        (
            lambda own: own.ExponentialDecay(RATE, 4, 0.5, staircase=True),
            lambda own: own.ExponentialDecay(RATE, 4, 0.5),
            OTHER,
        ),
        (stepping(lambda own, o: own.StepLR(o, 4, 0.5)), stepping(lambda own, o: own.StepLR(o, 4)), OTHER),
    ),
    of(
        "Exponential",
        "gamma of one step, or of decay_steps",
        (
            lambda own: own.ExponentialDecay(RATE, 10, 0.5),
            lambda own: own.ExponentialDecay(RATE, 1, 0.5),
            "multiplies by 0.5",
        ),
        (
            stepping(lambda own, o: own.ExponentialLR(o, 0.5**0.1)),
            stepping(lambda own, o: own.ExponentialLR(o, 0.5)),
            "multiplies by 0.5 at every step",
        ),
    ),
    of(
        "Cosine",
        "what comes behind its end",
        (lambda own: own.CosineDecay(RATE, PERIOD), lambda own: own.CosineDecay(RATE, PERIOD, alpha=0.1), OTHER),
        (by_factor(cosine), stepping(lambda own, o: own.CosineAnnealingLR(o, PERIOD)), "rises again"),
    ),
    of(
        "CosineRestarts",
        "whether periods grow",
        (
            lambda own: own.CosineDecayRestarts(RATE, 10, t_mul=1.0),
            lambda own: own.CosineDecayRestarts(RATE, 10),
            OTHER,
        ),
        (
            stepping(lambda own, o: own.CosineAnnealingWarmRestarts(o, 10)),
            stepping(lambda own, o: own.CosineAnnealingWarmRestarts(o, 10, T_mult=2)),
            OTHER,
        ),
    ),
    of(
        "Linear",
        "where it ends, and where it begins",
        (lambda own: own.PolynomialDecay(RATE, PERIOD, 0.0), lambda own: own.PolynomialDecay(RATE, PERIOD), OTHER),
        (stepping(lambda own, o: own.LinearLR(o, 1.0, 0.0, PERIOD)), stepping(lambda own, o: own.LinearLR(o)), OTHER),
    ),
    of(
        "Polynomial",
        "where it ends, and its power",
        (
            lambda own: own.PolynomialDecay(RATE, PERIOD, 0.0, power=2.0),
            lambda own: own.PolynomialDecay(RATE, PERIOD, power=2.0),
            OTHER,
        ),
        (
            stepping(lambda own, o: own.PolynomialLR(o, PERIOD, 2.0)),
            stepping(lambda own, o: own.PolynomialLR(o, PERIOD)),
            OTHER,
        ),
    ),
    of(
        "Piecewise",
        "whether a boundary stands in front of its step or behind",
        (piecewise(-1), piecewise(0), AHEAD.format("torch")),
        (by_factor(drops), by_factor(lambda n: drops(n + 1)), AHEAD.format("torch")),
    ),
    of(
        "WarmUp",
        "whether the first step moves anything",
        (by_table(rises), by_table(lambda n: rises(n - 1)), AHEAD.format("torch")),
        (by_factor(rises), by_factor(lambda n: rises(n + 1)), AHEAD.format("torch")),
    ),
    of(
        "Warm",
        "where the rise begins",
        (warm_cosine(0.0), warm_cosine(0.1), OTHER),
        (warm_torch(0.0), warm_torch(1 / 3), OTHER),
    ),
    of(
        "PerEpoch",
        "a scheduler that steps behind batches, not epochs",
        (
            lambda own: own.ExponentialDecay(RATE, 5, 0.5, staircase=True),
            lambda own: own.ExponentialDecay(RATE, 1, 0.5, staircase=True),
            "goes on every 5 steps in torch, at every step in Keras",
        ),
        (
            stepping(lambda own, o: own.StepLR(o, 1, 0.5), every=5),
            stepping(lambda own, o: own.StepLR(o, 1, 0.5)),
            "goes on every 5 steps in Keras, at every step in torch",
        ),
    ),
    of(
        "OneCycle",
        "beta_1, which torch's OneCycleLR lets cycle too",
        (by_table(one_cycle), by_table(lambda n: one_cycle(n + 1)), AHEAD.format("Keras")),
        (
            stepping(lambda own, o: own.LambdaLR(o, one_cycle), name="Adam", eps=TINY),
            stepping(lambda own, o: own.OneCycleLR(o, RATE, TOTAL), name="Adam", eps=TINY),
            "a scheduler of torch changes beta_1 from step to step too",
        ),
        name="Adam",
        epsilon=TINY,
    ),
)
