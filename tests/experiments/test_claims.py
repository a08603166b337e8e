"""Every claim of every experiment holds in torch and in Keras, which find the same numbers.

What an experiment says of seconds depends on what else the machine does: tests/benchmarks/lengths.py looks at that.
"""

import math
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product

import pytest
from _pytest.mark import ParameterSet

from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.experiments import EXPERIMENTS
from twotrack.shared.experiments.spec import Finding
from twotrack.shared.experiments.task import Experiment
from twotrack.shared.experiments.task import measure as measure_task
from twotrack.shared.workers.pool import WorkerPool

SLOW = {("shop_transfer", "images_per_class")}
TIMED = {("churn_transformer", "length")}
"""Their claims and lines are of seconds, which no two runs share."""
IN_TORCH = TIMED | {
    *(("activations", name) for name in ("dead_units", "linear")),
    ("churn_rnn", "through_time"),
    ("churn_transformer", "attention"),
    ("optimizers", "race"),
}
"""Those that are done in torch alone by default: tests/optimizers has the optimizers of the race on every track,
test_series.py the attention; of each chapter's other experiments, or of one like it, one is done in Keras too."""


def on_keras() -> Iterator[ParameterSet]:
    """Yield every experiment with every Keras track; most are slow on all but the quickest."""
    for (slug, names), track in product(EXPERIMENTS.items(), BACKENDS):
        for name in names:
            is_slow = track != QUICKEST or (slug, name) in SLOW | IN_TORCH
            yield pytest.param(slug, name, track, marks=pytest.mark.slow if is_slow else ())


def in_torch() -> Iterator[ParameterSet]:
    for slug, names in EXPERIMENTS.items():
        for name in names:
            yield pytest.param(slug, name, "torch", marks=pytest.mark.slow if (slug, name) in SLOW else ())


@pytest.fixture(scope="module")
def measured(workers: WorkerPool):
    """Do an experiment on a track, once."""

    @cache
    def measure(track: str, slug: str, name: str) -> Finding:
        return workers.call(track, measure_task, Experiment(track, slug, name, seed=0))

    return measure


@pytest.mark.parametrize(("slug", "name", "track"), [*in_torch(), *on_keras()])
def test_every_claim_holds(track: str, slug: str, name: str, measured) -> None:
    finding = measured(track, slug, name)

    assert finding.claims
    if (slug, name) not in TIMED:
        assert [claim for claim in finding.claims if not claim.holds] == []


@pytest.mark.parametrize(("slug", "name", "track"), list(on_keras()))
def test_both_tracks_make_the_same_claims_and_draw_the_same_lines(slug: str, name: str, track: str, measured) -> None:
    ours, theirs = measured("torch", slug, name), measured(track, slug, name)

    assert [claim.text for claim in ours.claims] == [claim.text for claim in theirs.claims]
    for one, other in zip(ours.curves, theirs.curves, strict=True):
        for label, (x, y) in one.lines.items():
            assert other.lines[label][0] == x
            if (slug, name) in TIMED:
                assert min(y) > 0
                continue
            assert other.lines[label][1][0] == pytest.approx(y[0], rel=1e-3, abs=1e-6), (one.title, label)


def test_what_is_said_of_growing_seconds_is_what_the_seconds_are(measured) -> None:
    finding = measured("torch", "churn_transformer", "length")

    lines = finding.curves[0].lines
    assert [list(months) for months, _ in lines.values()] == [[12.0, 48.0, 192.0]] * 2
    assert [claim.value for claim in finding.claims] == [seconds[-1] / seconds[0] for _, seconds in lines.values()]


def test_every_optimizer_of_the_race_is_seen_before_its_first_step(measured) -> None:
    """From one start all have one loss; ten steps on, no two do."""
    lines = measured("torch", "optimizers", "race").curves[0].lines.values()

    assert {steps[0] for steps, _ in lines} == {0}
    assert len({losses[0] for _, losses in lines}) == 1
    assert len({losses[1] for _, losses in lines}) == len(lines)


def test_units_are_counted_before_the_first_step(measured) -> None:
    """The first step at this rate kills a quarter of them; what is drawn at 0 is what the start is."""
    steps, shares = measured("torch", "activations", "dead_units").curves[0].lines["relu"]

    assert (steps[0], steps[1]) == (0, 20)
    assert shares[0] < 0.1 < shares[1]


def test_the_first_of_ten_sigmoid_layers_gets_less_than_one_percent_of_the_last(measured) -> None:
    for track in ("torch", QUICKEST):
        lines = measured(track, "activations", "vanishing").curves[0].lines
        norms = lines["sigmoid"][1]
        assert len(norms) == 10
        assert norms[0] < 0.01 * norms[-1]
        assert all(earlier < later for earlier, later in pairwise(norms))


def test_ten_sigmoids_shrink_a_gradient_as_their_derivative_says(measured) -> None:
    """At most 1/4 per layer, times a kernel of norm about 1: nine layers leave less than 4^-9 and some."""
    norms = measured("torch", "activations", "vanishing").curves[0].lines["sigmoid"][1]

    per_layer = (norms[0] / norms[-1]) ** (1 / 9)
    assert 0.1 < per_layer < 0.3
    assert math.log10(norms[-1] / norms[0]) > 5
