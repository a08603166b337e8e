"""Sides with and without a planted fault, in float64, and what the ladder's exact rungs make of two of them."""

import tempfile
from functools import cache, partial
from pathlib import Path

from tests.bert import folders
from tests.mutation import tasks
from tests.mutation.faults import FAULTS, KERAS, TORCH
from tests.mutation.subjects import SUBJECTS
from tests.support import staged
from tests.support.ladders import shorter
from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify.comparing import LookAgain, SideResults, climbed
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import SideRequest, VerifyRequest
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.second_look import SecondLook
from twotrack.shared.workers.pool import WorkerPool
from twotrack.shared.workers.task import Answer, Request, Task

LAST = "training"
"""The last of the exact rungs."""


def _of_one_block(tensors: folders.Tensors) -> folders.Tensors:
    """Leave out the second block: one that is trained while the rest is frozen is enough."""
    return {name: tensor for name, tensor in tensors.items() if ".layer.1." not in name}


class Gate:
    """Climbs, torch against a Keras track, with a fault planted in one; a side without a fault is observed once."""

    def __init__(self, workers: WorkerPool, folder: Path, keras: str = KERAS):
        self._workers, self._folder, self._keras = workers, folder, keras
        self._bert = str(folders.write(folder / "bert", _of_one_block, {"num_hidden_layers": 1}))
        self._healthy = cache(lambda subject, track: self._observe(subject, track, "", LAST))

    def healthy(self, subject: str) -> list[RungResult]:
        """Return the rungs of a subject as it is."""
        return self._climb(subject, {}, LAST)

    def planted(self, name: str) -> list[RungResult]:
        """Return the rungs of a fault's subject with the fault planted, up to the one that must fail."""
        track = TORCH if FAULTS[name].track == TORCH else self._keras
        return self._climb(FAULTS[name].subject, {track: name}, FAULTS[name].rung)

    def _climb(self, subject: str, faults: dict[str, str], until: str) -> list[RungResult]:
        sides = [
            self._observe(subject, track, faults[track], until) if track in faults else self._healthy(subject, track)
            for track in (TORCH, self._keras)
        ]
        request = SUBJECTS[subject].model_copy(update={"until": until})
        return climbed(request, *(SideResults(side, None) for side in sides), self._again(subject, faults))

    def _again(self, subject: str, faults: dict[str, str]) -> LookAgain:
        """Return a second look of workers in which the same faults are planted."""

        def ask(track: str, task: Task[Request, Answer], request: Request) -> Answer:
            planted = tasks.PlantedTask(task.module, task.name, task.request.write(request), faults.get(track, ""))
            return task.answer.read(self._workers.call(track, tasks.do, planted))

        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return partial(SecondLook(self._request(subject), mixed(TORCH), ask, folder).judge, mixed(self._keras))

    def _observe(self, subject: str, track: str, fault: str, until: str) -> Observation:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        request = self._request(subject).model_copy(update={"until": until})
        side = SideRequest(verify=request, side=mixed(track), folder=folder)
        return self._workers.call(track, tasks.observe, tasks.Planted(side, fault))

    def _request(self, subject: str) -> VerifyRequest:
        request = shorter(SUBJECTS[subject].located())
        if subject != "STAGES":
            return request
        return request.model_copy(update={"settings": staged.settings(self._bert)})
