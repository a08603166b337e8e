"""Causes are taken one after the other, each only if the sides come farther with it."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import Change, SetHyperparameter
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.diagnosis.climbing import Climb, Diagnosis, diagnose
from twotrack.shared.verify.diagnosis.findings import Finding, Findings
from twotrack.shared.verify.result import RungResult

LAYERS = ("first", "second", "third")
SIDE = SimpleNamespace(traces={"float64": SimpleNamespace(layers=[SimpleNamespace(path=path) for path in LAYERS])})
Ends = Mapping[tuple[str, ...], tuple[str, str] | None]
"""Rung and place at which a climb ends, by the layers that are changed; None where every rung passes."""


def change(path: str) -> SetHyperparameter:
    return SetHyperparameter(path=path, name="eps", value=1e-3)


def candidate(*paths: str) -> Candidate:
    return Candidate(changes=tuple(map(change, paths)), what=" ".join(paths), torch_fix="", keras_fix="")


def climb(ends: Ends, changes: tuple[Change, ...] = ()) -> Climb:
    end = ends[tuple(one.path for one in changes if isinstance(one, SetHyperparameter))]
    result = RungResult("training", True, "") if end is None else RungResult(end[0], False, "", where=end[1])
    return Climb([result], (SIDE, SIDE), changes)


def diagnosed(ends: Ends, proposed: Sequence[str], only_first: bool = False) -> tuple[Diagnosis, list[str]]:
    """Return the diagnosis, and which climbs were made again."""
    made: list[str] = []

    def look(climb: Climb, failure: RungResult) -> Findings:
        done = {one.path for one in climb.changes if isinstance(one, SetHyperparameter)}
        removing = [Finding(candidate=candidate(path), before=1.0, after=0.0) for path in proposed if path not in done]
        return Findings(removing=tuple(removing), tried=7)

    def again(changes: tuple[Change, ...]) -> Climb | None:
        paths = tuple(one.path for one in changes if isinstance(one, SetHyperparameter))
        made.append("+".join(paths))
        return climb(ends, changes) if paths in ends else None

    return diagnose(climb(ends), look, again, only_first), made


def told(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [(cause.status, cause.what) for cause in diagnosis.causes]


def test_a_cause_with_which_every_rung_passes_is_proved() -> None:
    diagnosis, made = diagnosed({(): ("forward", "first"), ("a",): None}, ["a", "b"])
    assert told(diagnosis) == [("proved", "a")]
    assert diagnosis.last is None
    assert made == ["a"]


def test_what_is_behind_a_cause_is_found_too() -> None:
    ends = {(): ("forward", "first"), ("a",): ("optimizer", "third.kernel"), ("a", "b"): None}
    diagnosis, _ = diagnosed(ends, ["a", "b"])
    assert told(diagnosis) == [("proved", "a"), ("proved", "b")]
    assert diagnosis.last is None


def test_the_first_cause_is_enough_where_that_is_asked_for() -> None:
    ends = {(): ("forward", "first"), ("a",): ("optimizer", "third.kernel"), ("a", "b"): None}
    diagnosis, _ = diagnosed(ends, ["a", "b"], only_first=True)
    assert told(diagnosis) == [("proved", "a")]
    assert diagnosis.last is not None


def test_a_change_that_leaves_the_failure_where_it_is_proves_nothing() -> None:
    diagnosis, _ = diagnosed({(): ("range", "first"), ("a",): ("range", "first")}, ["a"])
    assert [cause.status for cause in diagnosis.causes] == [Status.UNKNOWN]
    assert diagnosis.causes[0].tried == 7


@pytest.mark.parametrize("end", [("parameters", "first.kernel"), ("forward", "first")])
def test_a_change_that_takes_the_sides_back_proves_nothing(end: tuple[str, str]) -> None:
    diagnosis, _ = diagnosed({(): ("forward", "second"), ("a",): end}, ["a"])
    assert [cause.status for cause in diagnosis.causes] == [Status.UNKNOWN]


def test_of_several_that_remove_a_value_s_difference_the_farthest_is_the_cause() -> None:
    ends = {(): ("forward", "first"), ("a",): ("range", "first"), ("b",): None, ("c",): None}
    diagnosis, made = diagnosed(ends, ["a", "b", "c"])
    assert told(diagnosis) == [("proved", "b")]
    assert made == ["a", "b"]


def test_a_change_with_which_the_model_does_not_run_everywhere_is_passed_over() -> None:
    ends = {(): ("forward", "first"), ("b",): None}
    diagnosis, made = diagnosed(ends, ["a", "b"])
    assert told(diagnosis) == [("proved", "b")]
    assert made == ["a", "b"]


def test_two_causes_that_only_change_places_end_the_search() -> None:
    ends: Ends = {
        (): ("gradients", "x"),
        ("a",): ("gradients", "y"),
        ("a", "b"): ("gradients", "x"),
    }
    diagnosis, _ = diagnosed(ends, ["a", "b"])
    assert told(diagnosis) == [("proved", "a"), ("unknown", "")]
