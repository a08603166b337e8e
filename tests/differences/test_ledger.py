"""Every entry of the ledger, measured on the installed frameworks: an upgrade that changes a default fails by name."""

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.differences import tasks
from tests.differences.conftest import KERAS
from twotrack.shared.differences import measuring as harness
from twotrack.shared.differences.measuring import MeasuredEntry
from twotrack.shared.ledger.ledger import FILES, LEDGER
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.ledger.spec import Effect, Ratio
from twotrack.shared.workers.pool import WorkerPool

TENSORFLOW = "keras:tensorflow"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("slug", [entry.slug for entry in LEDGER])
def test_the_installed_frameworks_do_what_the_ledger_says(outcomes: dict[str, MeasuredEntry], slug: str):
    assert outcomes[slug].problems == []
    assert outcomes[slug].missing == ()


@pytest.mark.parametrize("slug", [entry.slug for entry in LEDGER])
def test_a_difference_of_values_has_an_effect(outcomes: dict[str, MeasuredEntry], slug: str):
    """Otherwise its inputs would show nothing, and an alignment that does nothing would pass."""
    outcome = outcomes[slug]
    for track in outcome.keras:
        effect = outcome.effect(track)
        if effect is not None and outcome.entry.expected(track) != outcome.entry.torch.values:
            assert outcome.entry.effect.from_equal(effect) > 3 * outcome.entry.effect.remaining


def test_the_two_kinds_of_effect_are_a_difference_and_a_ratio_keras_over_torch():
    torch, keras = [1.0, 4.0], [3.0, 2.0]

    assert (Effect().between(torch, keras), Effect().from_equal(2.0)) == (2.0, 2.0)
    assert (Ratio().between(torch, keras), Ratio().from_equal(0.25)) == (3.0, 0.75)


def test_entries_of_a_backend_are_measured_on_it_and_the_others_once(outcomes: dict[str, MeasuredEntry]):
    tracks = {slug: tuple(outcome.keras) for slug, outcome in outcomes.items()}

    assert tracks["adam_epsilon"] == (TENSORFLOW,)
    assert tracks["float64_attention"] == ("keras:jax",)
    assert tracks["leaky_derivative_at_zero"] == KERAS


@pytest.mark.parametrize(("package", "track"), [("torch_track", "torch"), ("keras_track", TENSORFLOW)])
def test_every_entry_has_a_measurement_and_every_measurement_an_entry(workers: WorkerPool, package: str, track: str):
    measurements = workers.call(track, tasks.measurements, package)

    files = {entry.slug: file.__name__.rpartition(".")[2] for file in FILES for entry in file.ENTRIES}
    assert measurements == files  # in files of the same names too


def test_every_name_of_twotrack_in_a_remedy_exists(workers: WorkerPool):
    texts = [text for entry in LEDGER for text in (entry.name, entry.fix, entry.aligned)]
    names = {name for text in texts for name in re.findall(r"twotrack(?:\.\w+)+", text)}
    of_keras = {name for name in names if name.startswith("twotrack.keras_track")}

    assert len(of_keras) >= 1
    assert len(names - of_keras) >= 5
    assert workers.call(TENSORFLOW, tasks.unknown_names, sorted(of_keras)) == []
    assert workers.call("torch", tasks.unknown_names, sorted(names - of_keras)) == []


def changed(outcomes: dict[str, MeasuredEntry], slug: str, **sides: Mapping[str, Any]) -> list[str]:
    """Return the problems of an entry of which a side states something else."""
    outcome = outcomes[slug]
    others = {name: replace(getattr(outcome.entry, name), **values) for name, values in sides.items()}
    return replace(outcome, entry=replace(outcome.entry, **others)).problems


def test_a_changed_default_is_named_with_both_values_and_the_version(outcomes: dict[str, MeasuredEntry]):
    (keras,) = changed(outcomes, "adam_epsilon", keras={"values": {"epsilon": 1e-6}})
    (torch,) = changed(outcomes, "leaky_relu_slope", torch={"values": {"layer": 0.01, "function": 0.02}})

    assert keras.startswith("Adam epsilon: epsilon: the ledger says 1e-06, keras ")
    assert keras.endswith(" gives 1e-07")
    assert " with tensorflow 2." in keras
    assert torch.startswith("LeakyReLU slope: function: the ledger says 0.02, torch 2.")


def test_a_changed_default_of_one_backend_is_named(outcomes: dict[str, MeasuredEntry]):
    (problem,) = changed(outcomes, "leaky_derivative_at_zero", keras={"exceptions": {}})

    assert problem.startswith("derivative of leaky ReLU at 0: leaky ReLU: the ledger says 0.01, keras ")
    assert " with jax " in problem
    assert problem.endswith(" gives 1.0")


def test_a_hyperparameter_that_is_new_or_gone_is_named(outcomes: dict[str, MeasuredEntry]):
    (gone,) = changed(outcomes, "adam_epsilon", torch={"values": {"epsilon": 1e-8, "beta_3": 0.5}})
    (new,) = changed(outcomes, "adam_epsilon", torch={"values": {}})

    assert "beta_3: the ledger says 0.5, torch " in gone
    assert gone.endswith(" gives nothing")
    assert "epsilon: the ledger says nothing, torch " in new


def test_yes_is_not_one(outcomes: dict[str, MeasuredEntry]):
    assert changed(outcomes, "seeding", torch={"values": {"seeds torch": 1}})


def test_what_can_no_longer_be_measured_is_named(outcomes: dict[str, MeasuredEntry]):
    broken = {TENSORFLOW: Measured(error="AttributeError: no Adam")}

    (problem,) = replace(outcomes["adam_epsilon"], keras=broken).problems

    assert problem.startswith("Adam epsilon: cannot be measured with keras ")
    assert problem.endswith(": AttributeError: no Adam")


def test_an_alignment_that_no_longer_removes_the_difference_is_named(outcomes: dict[str, MeasuredEntry]):
    outcome = outcomes["adam_epsilon"]
    unaligned = {TENSORFLOW: replace(outcome.keras[TENSORFLOW], aligned=[0.0, 0.0, 0.0])}

    (problem,) = replace(outcome, keras=unaligned).problems

    assert problem.startswith("Adam epsilon: keras:tensorflow and torch are 2.0e+00 apart when aligned; expected at m")


def test_an_entry_whose_package_is_missing_is_not_measured(workers: WorkerPool, monkeypatch: pytest.MonkeyPatch):
    (entry,) = (entry for entry in LEDGER if entry.slug == "encoder_block")
    monkeypatch.setattr(harness, "find_spec", lambda name: None)

    (outcome,) = harness.measure({entry: ()}, (TENSORFLOW,), workers)

    assert outcome.missing == ("keras_hub",)
    assert (outcome.torch, outcome.keras, outcome.problems) == (None, {}, [])


def test_areas_stand_together():
    areas = [entry.area for entry in LEDGER]

    assert sum(first != second for first, second in pairwise(areas)) == len(set(areas)) - 1


def test_every_file_that_is_named_exists():
    words = [word.strip("(),:;.") for entry in LEDGER for word in entry.aligned.split()]
    files = {word for word in words if word.startswith(("keras_track/", "torch_track/", "shared/"))}

    assert len(files) > 15
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []


def test_the_page_has_every_entry():
    page = (ROOT / "docs/reference/differences.md").read_text()

    assert [entry.name for entry in LEDGER if f"\n| {entry.name} |" not in page] == []
