"""The exact rungs: each compares two sides, and names the place of the first difference."""

from collections.abc import Callable, Mapping
from typing import Any

from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.rungs.data import check_data
from twotrack.shared.verify.rungs.dropout import DropoutRung, explained, unless_random
from twotrack.shared.verify.rungs.forward import check_forward
from twotrack.shared.verify.rungs.gradients import check_gradients
from twotrack.shared.verify.rungs.loops import check_loops, check_recorded
from twotrack.shared.verify.rungs.loss import LossRung
from twotrack.shared.verify.rungs.optimizer import OptimizerRung
from twotrack.shared.verify.rungs.parameters import check_parameters
from twotrack.shared.verify.rungs.pieces import PiecesRung
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.rungs.range import RangeRung
from twotrack.shared.verify.rungs.training import check_training

PROBE_RUNGS: tuple[ProbeRung[Any], ...] = (DropoutRung(), RangeRung(), PiecesRung(), LossRung(), OptimizerRung())

EXACT: Mapping[str, Callable[[Observation, Observation], RungResult]] = {
    "data": check_data,
    "parameters": check_parameters,
    "forward": explained(check_forward),
    "gradients": unless_random("gradients", check_gradients),
    "training": unless_random("training", check_training),
    **{rung.name: rung.check for rung in PROBE_RUNGS},
}
OF_LOOPS: Mapping[str, Callable[[Observation, Observation], RungResult]] = {
    "gradients": unless_random("gradients", check_recorded),
    "training": unless_random("training", check_loops),
}
"""In place of them where training functions of the user's own train."""
