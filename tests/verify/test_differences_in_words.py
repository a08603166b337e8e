"""Where a difference is, and why, in words: places of a tensor, settings of both sides, causes, what is left."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.report.test_ladder_page import LEFT, PADDING, UNKNOWN, shown
from twotrack.shared.report.causes import cause_lines, fact_lines, left_line, shortened
from twotrack.shared.report.ladder_text import ladder_text
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.facts import Facts
from twotrack.shared.verify.diagnosis.failure import alone_in_words
from twotrack.shared.verify.diagnosis.picture import MOST, Picture, draw, picture
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import FailurePlace, RungResult
from twotrack.shared.verify.trace import Trace


def changed(shape: tuple[int, ...], change: Callable[[np.ndarray], None]) -> Picture:
    torch = np.random.default_rng(0).normal(size=shape)
    keras = torch.copy()
    change(keras)
    return draw("the outputs", torch, keras)


def last_lines(values: np.ndarray) -> None:
    values[:, -1] += 1
    values[:, :, -1] += 1


def frame(values: np.ndarray) -> None:
    for end in (0, -1):
        values[:, end] += 1
        values[:, :, end] += 1


@pytest.mark.parametrize(
    ("shape", "change", "words"),
    [
        ((2, 6, 6, 4), last_lines, "the difference is in the last row and the last column only"),
        (
            (2, 6, 6, 4),
            frame,
            "the difference is in the first and last row and the first and last column only",
        ),
        (
            (2, 6, 6, 8),
            lambda x: x.__setitem__((..., [1, 3, 5]), 9.0),
            "the difference is in channels 1, 3, 5 of 8 only (counted from 0)",
        ),
        (
            (2, 6, 6, 8),
            lambda x: x.__setitem__((..., slice(None, None, 2)), 9.0),
            "the difference is in every other channel, 0 to 6 of 8 only (counted from 0)",
        ),
        ((2, 6, 5), lambda x: x.__setitem__((slice(None), -1), 9.0), "the difference is in the last step only"),
        ((2, 6), lambda x: x.__iadd__(1), "all 12 values differ"),
        ((2,), lambda x: x.__iadd__(1), "all 2 values differ"),
        ((4, 6), lambda x: x.__setitem__(0, 9.0), "the difference is in the first example only"),
        (
            (2, 6),
            lambda x: x.__setitem__((0, 0), np.nan),
            "NaN or infinity on one side; the difference is in the first feature, the first example only",
        ),
        ((2, 3), lambda x: x.__setitem__(([0, 0, 1], [0, 1, 2]), 9.0), "3 of 6 values differ, all over the tensor"),
    ],
)
def test_the_sentence_says_where_it_is(shape: tuple[int, ...], change: Callable, words: str):
    assert changed(shape, change).words == words


def test_rounding_is_no_difference_of_places():
    def nearly(values: np.ndarray) -> None:
        values[:, 0] += 1
        values[:, 1] *= 1 + 1e-15

    assert changed((2, 6), nearly).words == "the difference is in the first feature only"


@pytest.mark.parametrize("shape", [(2, 200, 300, 130), (2, 500, 400), (2, 900), (2, 4, 70, 80, 3), (2,)])
def test_the_map_is_small_and_has_the_largest_difference(shape: tuple[int, ...]):
    found = changed(shape, lambda values: values.__setitem__(tuple(-1 for _ in shape), 50.0))

    rows = np.array(found.rows)
    assert max(*rows.shape, len(found.channels)) <= MOST
    assert found.shape == shape[1:]
    assert rows.max() == rows[-1, -1] == found.largest > 40


def test_the_picture_is_of_what_the_first_diverging_layer_gives_or_is_given():
    given, gives = np.ones((2, 3)), np.zeros((2, 4))
    torch = Trace(layers=[LayerTrace("a", "Linear", True, {}, [given], [gives])])
    keras = Trace(layers=[LayerTrace("a", "Dense", True, {}, [given + np.array([0, 0, 1])], [gives + 1])])
    failure = RungResult("forward", False, "", place=FailurePlace.LAYER, where="a", layer_inputs_agree=True)

    inside = picture(failure, torch, keras)
    before = picture(
        RungResult("forward", False, "", place=FailurePlace.LAYER, where="a", layer_inputs_agree=False), torch, keras
    )

    assert (inside.where, inside.words) == ("what 'a' gives", "all 8 values differ")
    assert (before.where, before.words) == ("what 'a' is given", "the difference is in the last feature only")
    assert picture(RungResult("range", False, ""), torch, keras) is None


def test_alone_and_in_the_model_are_no_contradiction():
    assert alone_in_words("a", 0.5) == (
        "run alone on torch's inputs, 'a' differs too (5.0e-01): the layer itself is another one"
    )
    assert alone_in_words("a", 0.0) == (
        "run alone on torch's inputs, 'a' agrees (0.0e+00): in the model it is called in another way, "
        "with another mask, mode, state or second input"
    )


def test_a_cause_is_told_with_its_evidence_and_what_to_change():
    assert cause_lines(PADDING, 1) == [
        "cause 1, proved, of forward at 'conv1': Keras pads behind, torch in front",
        "      evidence: made equal in memory, the difference falls from 5.0e-01 to 3.0e-16 (7 changes tried)",
        "      in torch: padding=0",
        "      in Keras: padding='valid'",
    ]
    assert [line.strip() for line in cause_lines(PADDING, 1, "keras")[2:]] == ["in Keras: padding='valid'"]


def test_a_part_and_nothing_are_told_apart():
    part = Cause(Status.PARTLY, "forward", "a", "x is 1 and 2", "x=1", "x=2", 0.5, 0.1, 1)

    assert cause_lines(part, 2)[:2] == [
        "cause 2, partly proved, of forward at 'a': x is 1 and 2",
        "      evidence: made equal in memory, the difference falls from 5.0e-01 to 1.0e-01 (1 change tried); "
        "what else differs is unknown",
    ]
    assert cause_lines(UNKNOWN, 3) == [
        "cause 3, unknown, of training at 'norm.moving_mean': none of the 12 changes tried makes the sides agree"
    ]


def test_what_is_left_is_told():
    assert left_line(Diagnosis([PADDING])) == "with that made equal, every rung passes"
    assert left_line(Diagnosis([PADDING, PADDING], LEFT)) == f"with both made equal, training fails: {LEFT.detail}"


def test_settings_stand_beside_each_other_where_they_are_not_the_same():
    place = Facts(
        where="a",
        keras_kind="Dense",
        torch_kind="Linear",
        keras={"units": 3, "epsilon": 1e-3, "activation": "linear", "seed": 1},
        torch={"units": 3, "epsilon": float(np.float32(1e-3)), "bias": True},
    )

    assert place.telling == ["seed", "bias"]
    assert [line.split() for line in fact_lines([place])[1:]] == [
        ["seed", "Keras", "1", "torch", "-"],
        ["bias", "Keras", "-", "torch", "True"],
    ]


def test_hundreds_of_numbers_are_never_printed():
    order = str(tuple(range(500)))

    assert shortened(f"put it into the order {order}") == (
        "put it into the order (0, 1, 2, 3, 4, 5, 6, 7, ... 492 more)"
    )
    assert len(shortened("x" * 5000)) < 500
    assert shortened("pad(x, [0, 1, 0, 1])") == "pad(x, [0, 1, 0, 1])"


def test_the_text_goes_from_the_place_over_the_causes_to_what_is_left():
    lines = ladder_text(VerifyRequest(name="my_pair:PAIR"), [shown()]).splitlines()

    order = ["FAIL  forward", "not reached:", "what 'conv1' gives:", "cause 1", "cause 2", "'conv1' (Conv2D in Keras"]
    places = [next(number for number, line in enumerate(lines) if start in line) for start in order]
    assert places == sorted(places)
    assert any(line.startswith("  with that made equal, training fails") for line in lines)
