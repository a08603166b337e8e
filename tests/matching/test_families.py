"""Weights are found from the flow of values: every name on either side is a random word."""

from collections.abc import Callable
from pathlib import Path

import pytest

from twotrack.shared.matching.check import Checked
from twotrack.shared.matching.result import Match
from twotrack.shared.verify import matching, user_pair
from twotrack.shared.weights.correspondence.rule import WeightRule
from twotrack.shared.workers.pool import WorkerPool

ALONE = ("MLP", "DEEP", "CNN", "LSTM", "GRU", "RNN", "GRUS", "SHARED", "ONE_SIDED")
TOGETHER = ("BLOCKS", "HEADS", "MODULE", "JOINED", "BESIDE", "LOOSE", "ROWS", "PLACES", "TABLES", "IDLE")


@pytest.fixture(scope="module")
def found(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Match]:
    """Return what is found of a pair on keras:torch, looked for once."""
    kept: dict[tuple, Match] = {}

    def look(name: str, live: str = "keras:torch", recorded: str = "torch") -> Match:
        key = (name, live, recorded)
        if key not in kept:
            pair = user_pair.named(f"tests.matching.families:{name}")
            folder = tmp_path_factory.mktemp(name)
            kept[key] = matching.find_match(pair, workers, folder, live, recorded, by_name=False)
        return kept[key]

    return look


@pytest.mark.parametrize("name", [*ALONE, *TOGETHER])
def test_every_weight_is_found_without_names(found: Callable[..., Match], name: str):
    match = found(name)

    assert (match.is_whole, match.stuck, match.differences, match.equivalent) == (True, "", (), ())


@pytest.mark.parametrize("name", ALONE)
def test_what_each_layer_alone_decides_takes_one_run(found: Callable[..., Match], name: str):
    match = found(name)

    assert match.runs == 1
    assert {weight.how for weight in match.weights.values()} <= {"alone", "constant"}


def test_equal_branches_that_are_added_may_change_places_and_that_is_said(found: Callable[..., Match]):
    match = found("ADDED")

    assert match.is_whole
    assert [len(units) for units in match.equivalent] == [2]
    assert sum(weight.how == "names" for weight in match.weights.values()) == 4


@pytest.mark.parametrize(("name", "pattern"), [("BLOCKS", "(part h d) i -> i h d"), ("HEADS", "(h part d) i -> i h d")])
def test_fused_query_key_and_value_are_parts(found: Callable[..., Match], name: str, pattern: str):
    rules = [weight.rule for weight in found(name).weights.values() if weight.rule.part and "i" in weight.rule.layout]

    assert [rule.layout for rule in rules] == [pattern] * 3
    assert {rule.part for rule in rules} == {(0, 3), (1, 3), (2, 3)}
    assert len({rule.sources for rule in rules}) == 1


def test_two_layers_that_keras_has_as_one_are_joined(found: Callable[..., Match]):
    joined = [weight.rule for weight in found("JOINED").weights.values() if len(weight.rule.sources) == 2]

    assert [rule.layout for rule in joined] == ["part o i -> i (part o)", "part o -> (part o)"]


def test_a_layer_behind_a_flattened_map_counts_its_features_in_keras_order(found: Callable[..., Match]):
    layouts = [weight.rule.layout for weight in found("CNN").weights.values()]

    assert "o (h d) -> (d h) o" in layouts


def test_positions_that_torch_has_more_of_are_rows(found: Callable[..., Match]):
    assert (2, 8) in [weight.rule.rows for weight in found("ROWS").weights.values()]


def test_a_bias_of_one_side_is_a_constant_and_a_weight_that_nothing_needs_is_unused(found: Callable[..., Match]):
    match = found("ONE_SIDED")

    assert [weight.rule.constant for weight in match.weights.values() if weight.how == "constant"] == [0.0]
    assert len(match.recorded_unused) == 1


def test_a_weight_that_its_layer_never_takes_is_no_constant_but_unused(found: Callable[..., Match]):
    match = found("IDLE")

    assert [name.rpartition(".")[2] for name in match.live_unused] == ["back"]
    assert all(weight.rule.constant is None for weight in match.weights.values())


def test_tables_of_one_size_are_read_from_the_row_on_from_which_torch_reads_them(found: Callable[..., Match]):
    rules = [weight.rule for weight in found("PLACES").weights.values() if weight.rule.rows]

    assert [rule.rows for rule in rules] == [(2, 7)] * 2
    assert rules[0].sources != rules[1].sources


def test_an_attention_that_differs_by_a_constant_is_where_it_stops(found: Callable[..., Match]):
    match = found("WRONG_CONSTANT")
    first = match.differences[0]

    assert not match.is_proved
    assert len(match.weights) == 16  # the search goes on behind it
    assert (first.inside, match.stuck) == (False, first.recorded)
    assert 1e-5 < first.size < 1e-2


def test_an_epsilon_that_differs_is_named_at_every_layer(found: Callable[..., Match]):
    match = found("WRONG_EPSILON")

    assert not match.is_proved
    assert [difference.inside for difference in match.differences] == [True] * 3
    assert len({difference.live for difference in match.differences}) == 3


def test_a_layer_that_is_left_out_ends_the_search(found: Callable[..., Match]):
    match = found("LEFT_OUT")

    assert not match.is_proved
    assert match.live_left
    assert match.stuck


@pytest.mark.parametrize("name", ["MLP", "MODULE", "GRU"])
def test_either_framework_can_be_the_one_that_was_recorded(found: Callable[..., Match], name: str):
    match = found(name, "torch", "keras:torch")

    assert match.is_whole


@pytest.mark.parametrize("track", ["keras:tensorflow", "keras:jax"])
@pytest.mark.parametrize("name", ["CNN", "MODULE", "GRU"])
def test_every_backend_finds_the_same(found: Callable[..., Match], name: str, track: str):
    match, other = found(name), found(name, track)

    assert other.is_whole
    assert {key: str(weight.rule) for key, weight in other.weights.items()} == {
        key: str(weight.rule) for key, weight in match.weights.items()
    }


def test_a_map_with_two_equal_weights_exchanged_is_not_proved(
    found: Callable[..., Match], workers: WorkerPool, tmp_path: Path
):
    rules = {name: weight.rule for name, weight in found("MLP").weights.items()}
    one, other, _ = (name for name in rules if name.endswith("gamma"))
    exchanged = rules | {one: rules[other], other: rules[one]}

    assert _checked(rules, workers, tmp_path / "right").is_proved
    checked = _checked(exchanged, workers, tmp_path / "wrong")
    assert not checked.is_proved
    assert checked.difference is not None


def _checked(rules: dict[str, WeightRule], workers: WorkerPool, folder: Path) -> Checked:
    pair = user_pair.named("tests.matching.families:MLP")
    workers.call("torch", matching.record_side, matching.RecordRequest(pair=pair, track="torch", folder=folder))
    asked = matching.CheckRequest(pair=pair, track="keras:torch", folder=folder, rules=rules)
    return workers.call("keras:torch", matching.check_side, asked)
