"""A rung whose difference may be rounding is judged again, with what float32 shows on both sides."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify import evidence
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.passes import Pass
from twotrack.shared.verify.request import RungRequest, VerifyRequest
from twotrack.shared.verify.rungs import EXACT
from twotrack.shared.verify.rungs.range import RangeEvidence
from twotrack.shared.verify.second_look import SecondLook

ROWS, BY = 4, 1e-11
VALUES = np.random.default_rng(0).normal(size=(ROWS, 50))
Save = Callable[[str, np.ndarray], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Return what writes the evidence of a model that gives some values on wide inputs."""

    def write(name: str, wide: np.ndarray) -> Path:
        passes = {"ordinary": _ran(VALUES), "wide inputs": _ran(wide)}
        return evidence.save(RangeEvidence(passes), tmp_path / name)

    return write


def _ran(output: np.ndarray) -> Pass:
    return Pass(["of a kind"] * ROWS, np.ones(ROWS), np.ones(ROWS, bool), outputs=[digest(output, ROWS)])


def _side(found: Path) -> Observation:
    says = {"parameters": {}, "without_counterpart": [], "input_kinds": set(), "loss": {}, "optimizer": {}}
    return Observation(**says, folders={}, probed={"range": {"float64": found}})


@pytest.mark.parametrize(("off", "passes"), [(1e-3, True), (1e-7, False)])
def test_float32_decides_whether_a_difference_is_rounding(save: Save, tmp_path: Path, off: float, passes: bool) -> None:
    asked: list[str] = []

    def ask(track: str, task: object, request: RungRequest) -> Path:
        asked.append(track)
        assert request.doubts == {"wide inputs"}
        if request.rounds:
            return save(f"{track} rounding", VALUES)
        return save(f"{track} in float32", VALUES * (1 + off))

    torch, keras = _side(save("torch", VALUES)), _side(save("keras", VALUES * (1 + BY)))
    doubtful = EXACT["range"](torch, keras)
    look = SecondLook(VerifyRequest(name="a:PAIR"), mixed("torch"), ask, tmp_path)
    found = [look.judge(mixed(track), doubtful, torch, keras) for track in ("keras:jax", "keras:tensorflow")]

    assert (doubtful.in_doubt, doubtful.passed) == (True, False)
    assert [(one.in_doubt, one.passed) for one in found] == [(False, passes)] * 2
    if passes:
        assert asked == ["torch", "keras:jax", "keras:tensorflow"]
    else:
        assert asked == ["torch", "keras:jax", "torch", "keras:jax", "keras:tensorflow", "keras:tensorflow"]
