"""Weights that are not one to one, on the ladder: a map takes them through every rung, and a wrong one does not."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from tests.weight_maps.pairs import BY_RULES, MAP, RULES, SWAPPED, written
from twotrack import UserError, WeightRule
from twotrack.shared.verify import user_pair
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights.correspondence.weight_map import WeightMap

TRACK = "keras:torch"


def climb(
    ladder: Ladder, pair: str, file: Path | None, until: str = "training", causes: Literal["first", "none"] = "none"
) -> TrackResult:
    request = VerifyRequest(
        name=f"tests.weight_maps.pairs:{pair}", map_file=file, use_map=file is not None, until=until, causes=causes
    )
    (result,) = ladder.climb(request, lambda *_: None, [TRACK])
    return result


def test_a_map_takes_fused_joined_partial_and_missing_weights_through_every_rung(
    ladder: Ladder, tmp_path: Path
) -> None:
    result = climb(ladder, "BARE", written(MAP, tmp_path))
    assert result.passed, result.rungs[-1].detail
    (parameters,) = (rung for rung in result.rungs if rung.rung == "parameters")
    assert parameters.detail == (
        "17 weights, 556 values, one to one; 16 by rules of a map; "
        "in Keras only, and constant: 'positions.factor'; "
        "unused in torch, as outputs and gradients do not change with it: 'spare', 'places.weight[0:2]'; "
        "unused in Keras, as outputs and gradients do not change with it: 'positions.spare'"
    )
    counts = result.certificate.counts
    assert (counts["of the weights by rules of a map"], counts["constant"], counts["unused"]) == (16, 1, 3)
    assert counts["gradients"] == 16
    assert {layer.path for layer in result.layers} >= {"tokens", "norm", "out"}


def test_rules_of_the_pair_itself_do_the_same(ladder: Ladder) -> None:
    result = climb(ladder, "BY_RULES", None, "gradients")
    assert result.passed, result.rungs[-1].detail
    assert user_pair.reference(BY_RULES).load() == BY_RULES


def test_a_map_that_swaps_two_weights_of_one_shape_is_never_called_right(ladder: Ladder, tmp_path: Path) -> None:
    result = climb(ladder, "BARE", written(SWAPPED, tmp_path), "forward")
    assert result.rungs[-1].rung == "forward"
    assert not result.passed


def test_a_cause_is_proved_in_a_layer_that_only_the_map_makes_one(ladder: Ladder, tmp_path: Path) -> None:
    result = climb(ladder, "EPSILON", written(MAP, tmp_path), "forward", "first")
    assert result.rungs[-1].where == "norm"
    (cause,) = result.diagnosis.causes
    assert (cause.status, cause.where) == (Status.PROVED, "norm")
    assert "epsilon is 1e-05 in Keras and 0.001 in torch" in cause.what


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        pytest.param(
            "CLIPPED_IN_KERAS",
            "Keras clips gradients (clipnorm=0.5), torch does not clip them by each weight's own norm",
            marks=pytest.mark.slow,  # the same search
        ),
        ("CLIPPED_WHOLE", "Keras clips each of its weights by its own norm, torch each parameter"),
    ],
)
def test_clipping_of_each_weight_is_proved_where_torch_has_several_in_one(pair: str, told: str, ladder: Ladder) -> None:
    result = climb(ladder, pair, None, "optimizer", "first")
    assert result.rungs[-1].rung == "optimizer"
    (cause,) = result.diagnosis.causes
    assert cause.status is Status.PROVED
    assert cause.what.startswith(told)


def test_a_weight_that_something_depends_on_is_not_unused(ladder: Ladder, tmp_path: Path) -> None:
    result = climb(ladder, "USES_ALL", written(MAP, tmp_path), "parameters")
    assert not result.passed
    assert result.rungs[-1].detail == "'spare' of torch is called unused by the map, but output 0 changes with it"
    assert result.rungs[-1].where == "spare"


def without(name: str) -> WeightMap:
    return replace(MAP, rules={key: rule for key, rule in RULES.items() if key != name})


STALE = {
    "a weight of Keras": (without("norm.beta"), "Keras has norm.beta, of which it says nothing"),
    "a part": (without("attention.key.bias"), "8 of the 24 values of torch's 'qkv.bias' are in no rule"),
    "a weight of torch": (replace(MAP, unused_torch=()), "torch has spare, of which it says nothing"),
    "a name in torch": (
        replace(MAP, rules=RULES | {"norm.beta": WeightRule(("layer_norm.bias",))}),
        "it names rules made of layer_norm.bias, which torch does not have",
    ),
    "a name in Keras": (
        replace(MAP, rules=RULES | {"nrom.beta": RULES["norm.beta"]}),
        "it names rules for nrom.beta, which Keras does not have",
    ),
    "a shape": (
        replace(MAP, rules=RULES | {"positions.table": WeightRule(("places.weight",), rows=(3, 8))}),
        "'positions.table': the rule makes (5, 8), Keras has (6, 8)",
    ),
    "a size": (
        replace(MAP, rules=RULES | {"norm.beta": WeightRule(("ln.bias",), "(h d) -> h d", {"h": 3})}),
        "'norm.beta': ln.bias, '(h d) -> h d', h = 3: does not fit shape (8,)",
    ),
}


@pytest.mark.parametrize("name", STALE)
def test_a_map_that_does_not_fit_any_more_is_refused_by_one_message(name: str, ladder: Ladder, tmp_path: Path) -> None:
    weight_map, problem = STALE[name]
    file = written(weight_map, tmp_path)
    with pytest.raises(UserError) as refused:
        climb(ladder, "BARE", file, "parameters")
    message = str(refused.value)
    assert message.startswith(f"the weight map '{file}' does not fit the models: ")
    assert problem in message
    assert message.endswith("edit it, or remove it and run: twotrack match tests.weight_maps.pairs:BARE")


def test_the_shape_of_a_constant_need_not_be_said(ladder: Ladder, tmp_path: Path) -> None:
    unsaid = replace(MAP, rules=RULES | {"positions.factor": WeightRule(constant=1.0)})
    assert climb(ladder, "BARE", written(unsaid, tmp_path), "forward").passed


def test_a_wrong_constant_is_a_difference(ladder: Ladder, tmp_path: Path) -> None:
    wrong = replace(MAP, rules=RULES | {"positions.factor": WeightRule(constant=1.25)})
    assert climb(ladder, "BARE", written(wrong, tmp_path), "forward").rungs[-1].rung == "forward"
