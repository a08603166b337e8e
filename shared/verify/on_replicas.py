"""Sides on several replicas, asked of workers of their own once each."""

from pathlib import Path

from twotrack.shared.spec.draws import Alignment
from twotrack.shared.spec.sides import SideName
from twotrack.shared.verify import evidence
from twotrack.shared.verify.draws import beyond_control
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.replicas import ReplicasEvidence, ReplicasRequest, measure_replicas
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.rungs.replicas import OnReplicas
from twotrack.shared.verify.showing import Showing
from twotrack.shared.workers.pool import WorkerPool


class ReplicasOfSides:
    """What sides of one climb do on the replicas of its request; what the reference does serves all comparisons.

    A chapter is trained as its runs are, with batch statistics that all replicas share; a pair as its frameworks do it.
    Replicas are parts of the processor, in processes of their own: one has as many devices as it began with.
    """

    def __init__(self, showing: Showing, folder: Path):
        self._showing, self._folder = showing, folder
        self._pool = WorkerPool("cpu", quick_to_compile=True)
        self._measured: dict[SideName, ReplicasEvidence] = {}

    def __enter__(self) -> "ReplicasOfSides":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.end()

    def of(
        self, request: VerifyRequest, reference: SideName, candidate: SideName, torch: Observation, keras: Observation
    ) -> OnReplicas:
        """Return what two sides do, of which one replica was observed; nothing where a side is random."""
        if why := beyond_control(torch.draws, keras.draws):
            return OnReplicas(request.replicas, *(ReplicasEvidence(refused=f"not compared: {why}") for _ in range(2)))
        found = [self._of_side(request, reference, {}), self._of_side(request, candidate, keras.alignment)]
        for side in (reference, candidate):
            self._showing.on_phase(side.track, "done")
        return OnReplicas(request.replicas, *found)

    def _of_side(self, request: VerifyRequest, side: SideName, alignment: Alignment) -> ReplicasEvidence:
        if side not in self._measured:
            asked = ReplicasRequest(
                verify=request,
                side=side,
                folder=self._folder / side.slug,
                alignment=dict(alignment),
                count=request.replicas,
                synchronised=not request.is_pair,
            )
            tell = self._showing.told(side.track)
            folder = self._pool.call(side.track, measure_replicas, asked, tell, replicas=request.replicas)
            self._measured[side] = evidence.load(ReplicasEvidence, folder)
        return self._measured[side]
