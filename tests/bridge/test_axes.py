"""Networks that move, join and cut their channels are one model on both sides, whatever they do it with."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from tests.bridge import tasks
from tests.bridge.networks import SIZES, plan
from tests.support.turns import QUICKEST, quickest_alone
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest

SEEDS, FEW = range(55), 25
"""Networks that are drawn; with so many more tests are done by default, which have every kind."""
ORDERLESS = ("mean", "patches")
"""Ends that count nothing in an order."""
ROUNDING = 1e-12
Outputs = Callable[[int], Mapping[str, np.ndarray]]


@pytest.fixture(scope="module", params=quickest_alone())
def outputs(workers, tmp_path_factory, request) -> Outputs:
    """Return what every network and every wrong twin computes, by side and seed: of a part of the seeds at a time."""

    @cache
    def of(part: range) -> dict[str, np.ndarray]:
        folder, found = tmp_path_factory.mktemp("networks"), {}
        for track in ("torch", request.param):
            asked = tasks.Networks(folder=Path(folder), track=track, seeds=list(part))
            with np.load(workers.call(track, tasks.run_networks, asked)) as arrays:
                found |= {f"{track.partition(':')[0]} {name}": arrays[name] for name in arrays.files}
        return found

    return lambda seed: of(SEEDS[:FEW] if seed < FEW else SEEDS[FEW:])


def difference(outputs: Outputs, keras: str, seed: int) -> float:
    found = outputs(seed)
    a, b = found[f"torch {seed}"], found[f"keras {keras}{seed}"]
    return float(np.abs(a - b).max() / np.abs(a).max()) if a.shape == b.shape else float("inf")


def seeds() -> list[ParameterSet]:
    return [pytest.param(seed, marks=() if seed < FEW else pytest.mark.slow) for seed in SEEDS]


@pytest.mark.parametrize("seed", seeds())
def test_a_drawn_network_is_one_model_on_both_sides(outputs, seed):
    assert difference(outputs, "", seed) <= ROUNDING, plan(seed)


@pytest.mark.parametrize("seed", [one for one in seeds() if plan(one.values[0]).end.kind not in ORDERLESS])
def test_its_twin_that_counts_columns_before_rows_is_not(outputs, seed):
    assert difference(outputs, "wrong ", seed) > 1e-3, plan(seed)


def test_the_drawn_networks_have_every_kind_of_step_and_end():
    from tests.bridge.networks import ENDS, KEEP

    kinds = {step.kind for seed in SEEDS[:FEW] for step in plan(seed).steps}
    assert kinds >= {*KEEP, "join", "pad", "crop", "pool", "average", "shrink", "split", "mix", "enlarge", "repeat"}
    assert {plan(seed).end.kind for seed in SEEDS[:FEW]} == set(ENDS)
    assert SIZES[0] != SIZES[1]


def channels_first() -> Iterator[ParameterSet]:
    """Yield pairs with a backend: TensorFlow trains no such convolutions on a CPU, and JAX takes long to compile."""
    for name in ("MAP", "FLAT", "OWN_FLAT", "GATED", "JOINED", "PERMUTED"):
        yield pytest.param(name, QUICKEST)
        yield pytest.param(name, "keras:jax", marks=() if name == "MAP" else pytest.mark.slow)


def climb(ladder: Ladder, name: str, track: str = QUICKEST, until: str = "training"):
    return ladder.climb(
        VerifyRequest(name=f"tests.bridge.{name}", until=until, causes="none"), lambda *_: None, [track]
    )[0]


@pytest.mark.parametrize(("name", "track"), list(channels_first()))
def test_channels_first_in_keras_raise_no_alarm(ladder, name, track):
    result = climb(ladder, f"first_pairs:{name}", track)
    assert result.passed, result.rungs[-1]
    assert all(layer.float64 <= ROUNDING for layer in result.layers)


@pytest.mark.parametrize("name", ["networks:WRONG", "first_pairs:TURNED"])
def test_a_flatten_in_another_order_is_refused(ladder, name):
    failure = climb(ladder, name).rungs[-1]
    assert (failure.rung, failure.passed) == ("forward", False)


def test_a_drawn_network_passes_every_rung_up_to_the_gradients(ladder):
    """Its batch normalisation keeps the momentum of each framework, which training would show."""
    result = climb(ladder, "networks:HONEST", until="gradients")
    assert result.passed, result.rungs[-1]
