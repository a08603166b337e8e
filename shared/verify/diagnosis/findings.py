"""What a search for the cause of a failure asks and answers."""

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.sides import SideName
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import FailurePlace


class SearchRequest(FrozenRecord):
    """A failure, for torch's worker: changes are made there until the sides agree."""

    verify: VerifyRequest
    """With the changes that are made already."""
    reference: SideName
    """Torch's side, which is changed."""
    candidate: SideName
    rung: str
    place: FailurePlace
    where: str
    """As the failure has them."""
    torch: Observation
    keras: Observation


class Finding(FrozenRecord):
    """What a candidate makes of the difference at the place of the failure."""

    candidate: Candidate
    before: float
    after: float
    """Of changes to Keras' side, what the climb with them finds."""


class Findings(FrozenRecord):
    """What a search came to."""

    removing: tuple[Finding, ...] = ()
    """Those that leave no difference, simplest first."""
    partly: Finding | None = None
    """The one that leaves least, where none removes it."""
    tried: int = 0
    stopped: str = ""
    """Why the search ended before its time; empty if it did not."""
