"""Who is compared with whom, what the sides are called, and what cannot be compared."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from twotrack import CustomLoss, CustomOptimizer, Pair
from twotrack.shared.errors import UserError
from twotrack.shared.spec.changes import SetHyperparameter
from twotrack.shared.spec.sides import Builds, SideName, Words, arrange
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.naming import diagnosis_retold, retold, rung_retold
from twotrack.shared.verify.result import Gap, GapKind, RungResult
from twotrack.shared.verify.user_pair import PairOfFunctions, reference

BOTH = Builds(keras=("build",), torch=("make",))
KERAS, TWO_KERAS = Builds(keras=("build",)), Builds(keras=("old", "new"))
TWO_TORCH = Builds(torch=("before", "after"))
JAX_AND_TF = ("keras:jax", "keras:tensorflow")


def first() -> None: ...
def second() -> None: ...


@pytest.mark.parametrize(
    ("builds", "tracks", "reference", "labels"),
    [
        (BOTH, ["keras:jax"], None, ["torch", "keras:jax"]),
        (BOTH, ["torch", *JAX_AND_TF], None, ["torch", *JAX_AND_TF]),
        (BOTH, JAX_AND_TF, "keras:jax", JAX_AND_TF),
        (BOTH, ["keras:tensorflow"], "keras:jax", JAX_AND_TF),
        (KERAS, JAX_AND_TF, None, JAX_AND_TF),
        (KERAS, JAX_AND_TF, "keras:tensorflow", ["keras:tensorflow", "keras:jax"]),
        (TWO_KERAS, ["keras:jax"], None, ["keras:jax (old)", "keras:jax (new)"]),
        (TWO_KERAS, JAX_AND_TF, None, ["keras:jax (old)", "keras:jax (new)", "keras:tensorflow (new)"]),
        (TWO_KERAS, ["keras:jax"], "keras:torch", ["keras:torch (old)", "keras:jax (new)"]),
        (TWO_TORCH, ["torch"], None, ["torch (before)", "torch (after)"]),
        (TWO_TORCH, None, None, ["torch (before)", "torch (after)"]),
    ],
)
def test_the_reference_is_torch_where_there_is_one_else_the_first_track_or_the_one_that_is_named(
    builds: Builds, tracks: Sequence[str] | None, reference: str | None, labels: Sequence[str]
) -> None:
    sides = arrange(builds, tracks, reference)
    assert [sides.label(side) for side in sides.all] == list(labels)
    assert [side.is_reference for side in sides.all] == [True, *[False] * len(sides.candidates)]
    assert len({side.slug for side in sides.all}) == len(sides.all)


@pytest.mark.parametrize(
    ("builds", "tracks", "reference", "message"),
    [
        (BOTH, ["torch"], None, "name at least one Keras track to compare with torch"),
        (BOTH, ["torch", "keras:jax"], "keras:tensorflow", "torch is compared as the reference only"),
        (KERAS, ["keras:jax"], None, "expected two Keras tracks, found keras:jax"),
        (KERAS, ["torch", "keras:jax"], None, "the pair has no torch build function"),
        (KERAS, JAX_AND_TF, "torch", "--reference torch: the pair has no torch build function"),
        (TWO_TORCH, ["keras:jax"], None, "torch build functions only; it is compared on track 'torch' alone"),
        (TWO_TORCH, None, "keras:jax", "torch build functions only"),
        (Builds(torch=("one",)), None, None, "the pair has one side, a torch build function"),
    ],
)
def test_what_has_no_two_sides_is_refused(
    builds: Builds, tracks: Sequence[str] | None, reference: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        arrange(builds, tracks, reference)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_shape": (3,)}, "found 0 of Keras and 0 of torch"),
        ({"keras": first, "torch": (first, second), "input_shape": (3,)}, "found 1 of Keras and 2 of torch"),
        ({"keras": first, "torch": second}, "Pair: expected input_shape"),
    ],
)
def test_a_pair_says_what_it_lacks(given: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Pair(**given)


def test_a_side_has_one_build_function_and_the_renames_that_are_meant_for_it() -> None:
    names = {"old": "new"}
    two = Pair(torch=(first, second), input_shape=(3,), rename=names)
    mixed = Pair(keras=first, torch=second, input_shape=(3,), rename=names)
    old, new = (two.side(SideName(track="torch", build=number)) for number in (0, 1))
    torch, keras = (mixed.side(SideName(track=track)) for track in ("torch", "keras:jax"))
    assert (old.torch, old.rename, new.torch, new.rename) == (first, names, second, {})
    assert (torch.rename, keras.rename) == (names, {})


def test_a_pair_of_one_framework_travels_with_its_files_found_beside_its_functions() -> None:
    pair = Pair(torch=(first, second), input_shape=(3,), weights={"first": "a.pt", "second": "b.pt"}, inputs="x.npz")
    travelled = PairOfFunctions.model_validate_json(reference(pair).model_dump_json())
    folder = Path(__file__).parent
    assert travelled.load() == replace(pair, input_shape=pair.specs).located(folder)
    assert travelled.label == "tests.sides.test_arranging:first and tests.sides.test_arranging:second"
    assert travelled.weights == {"first": folder / "a.pt", "second": folder / "b.pt"}
    by_function = reference(Pair(keras=first, input_shape=(3,), weights="/own/a.keras", inputs=second))
    assert (by_function.load().inputs, by_function.load().files) == (second, {"": Path("/own/a.keras")})


def test_build_functions_of_one_name_are_counted() -> None:
    assert Pair(torch=(first, first), input_shape=(3,)).builds.torch == ("first", "second")
    assert Pair(keras=(first, second), input_shape=(3,)).builds == Builds(keras=("first", "second"))


def test_a_loss_or_an_optimizer_needs_a_function_for_the_framework_that_the_pair_has() -> None:
    with pytest.raises(UserError, match="CustomLoss: expected a function for keras"):
        CustomLoss(torch=first, target="real").of("keras")
    with pytest.raises(UserError, match="CustomOptimizer: expected a function for torch"):
        CustomOptimizer(keras=first).of("torch")
    with pytest.raises(UserError, match="CustomLoss: expected target="):
        CustomLoss(torch=first)
    assert CustomLoss(torch=first, target="real").of("torch") is first


WORDS = Words("torch (before)", "torch (after)", False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epsilon is 1 in Keras and 2 in torch", "epsilon is 1 in torch (after) and 2 in torch (before)"),
        ("Keras' loss is torch's times 3", "torch (after)'s loss is torch (before)'s times 3"),
        ("Keras: 1; torch: 2", "torch (after): 1; torch (before): 2"),
        ("layer 'torch' of Keras", "layer 'torch' of torch (after)"),
        ("write torch.softmax(x) in front", "write torch.softmax(x) in front"),
    ],
)
def test_messages_call_the_sides_by_their_names(text: str, told: str) -> None:
    assert retold(text, WORDS) == told
    assert retold(text, Words()) == text


def test_a_result_and_a_cause_are_told_so_and_say_nothing_of_keras_against_torch() -> None:
    gap = Gap(GapKind.NOT_RUN, "x", "Keras takes it and torch does not")
    result = rung_retold(RungResult("forward", True, "2 in Keras, 1 in torch", gaps=(gap,)), WORDS)
    assert result.detail == "2 in torch (after), 1 in torch (before)"
    assert result.gaps[0].detail == "torch (after) takes it and torch (before) does not"
    change = SetHyperparameter(path="norm", name="eps", value=1.0)
    cause = Cause(Status.PROVED, "forward", "norm", "1 in Keras", "eps=1", "epsilon=2", changes=(change,))
    (told,) = diagnosis_retold(Diagnosis([cause]), WORDS).causes
    assert (told.what, told.torch_fix, told.keras_fix, told.entry) == ("1 in torch (after)", "eps=1", "", None)
