"""The search where weights start by other laws than the pair says: torch's are drawn by the laws of Keras'."""

from collections.abc import Container, Iterator

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import DrawWeight
from twotrack.shared.spec.plain import plain, spec
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.result import in_short
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.start_laws import drawn_by, law_of
from twotrack.shared.verify.start_lines import keras_line, torch_line
from twotrack.shared.verify.starts import broken, together, told_apart

KERAS = {"bias": "bias", "recurrent_kernel": "recurrent", "embeddings": "embeddings", "gamma": "gamma", "beta": "beta"}
"""By the last part of a canonical name: what Keras calls its initializer, `kernel` for others."""
TORCH = {"bias": "bias", "beta": "bias"}
"""And what torch calls the parameter, `weight` for others."""
RECURRENT = {"kernel": "weight_ih_l0", "recurrent_kernel": "weight_hh_l0", "bias": "bias_ih_l0"}


class StartProposals:
    """What may be to blame for weights that start otherwise: the laws that they are drawn by."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._torch, self._keras = request.torch.traces["float64"].drawn, request.keras.traces["float64"].drawn

    def measure(self, candidate: Candidate) -> float:
        """Return how many weights start otherwise with changes."""
        changes = [change for change in candidate.changes if isinstance(change, DrawWeight)]
        drawn = {change.name: drawn_by(spec(change.law), self._torch[change.name]) for change in changes}
        return float(len(broken(dict(self._torch) | drawn, self._keras)))

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield that all of them are drawn by the laws of Keras'."""
        names = broken(self._torch, self._keras) if made is NOTHING else []
        laws = {name: law for name in names if (law := law_of(self._keras[name])) is not None}
        if laws:
            groups = list(together(self._torch, self._keras, laws))
            yield Candidate(
                changes=tuple(DrawWeight(name=name, law=plain(law)) for name, law in laws.items()),
                what=told_apart(self._torch, self._keras, laws),
                torch_fix="; ".join(self._in_torch(group) for group in groups),
                keras_fix="; ".join(self._in_keras(group) for group in groups),
                entry=_entry(names[0], self._keras),
                where=names[0].rpartition(".")[0],
            )

    def _in_torch(self, names: list[str]) -> str:
        law = law_of(self._keras[names[0]])
        assert law is not None
        return f"{torch_line(law, self._parameter(names[0]))}{_and_others(names)}"

    def _in_keras(self, names: list[str]) -> str:
        law, kind = law_of(self._torch[names[0]]), names[0].rpartition(".")[2]
        given = keras_line(law) if law else "an initializer of your own"
        return f"{KERAS.get(kind, 'kernel')}_initializer={given} in '{names[0].rpartition('.')[0]}'{_and_others(names)}"

    def _parameter(self, name: str) -> str:
        """Return what torch calls a weight, if its layer has one of each."""
        path, _, kind = name.rpartition(".")
        is_recurrent = f"{path}.recurrent_kernel" in self._keras
        return f"{path}.{RECURRENT[kind] if is_recurrent and kind in RECURRENT else TORCH.get(kind, 'weight')}"


def _and_others(names: list[str]) -> str:
    return f", likewise {in_short(map(repr, names[1:]))}" if len(names) > 1 else ""


def _entry(name: str, weights: Container[str]) -> str:
    """Return the ledger's entry on how such a weight starts."""
    path, _, kind = name.rpartition(".")
    if f"{path}.recurrent_kernel" in weights:
        return "recurrent_start"
    if kind == "embeddings":
        return "embedding_start"
    return "dense_start" if kind in ("kernel", "bias") else ""
