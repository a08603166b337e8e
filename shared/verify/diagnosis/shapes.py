"""The search where two models give values of other shapes, so that no targets fit both."""

from collections.abc import Iterator
from functools import cached_property

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.partners import dropped
from twotrack.shared.verify.diagnosis.searching import NOTHING, together
from twotrack.shared.verify.diagnosis.values import LIMIT, Site, ValueProposals, site_at
from twotrack.shared.verify.trace import Trace


class ShapeProposals(ValueProposals):
    """What may be to blame, of values as they are without weights that no rung has compared yet."""

    def _find_site(self, request: SearchRequest) -> Site:
        """Return the first layer of one name that has other numbers of examples, else where values part."""
        own = {layer.path: layer for layer in self._now.layers if layer.outputs}
        for keras in self._keras.layers:
            torch = own.get(keras.path)
            if torch and keras.outputs and len(torch.outputs[0]) != len(keras.outputs[0]):
                return site_at(self._now, torch, keras, "")
        return super()._find_site(request)

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield nothing where the models give the same: what they were fed is no matter of theirs."""
        yield from super().propose(made) if self.measure(NOTHING) > LIMIT else ()

    def _trace(self, candidate: Candidate) -> Trace:
        return super()._trace(together(self._without_second, candidate))

    @cached_property
    def _without_second(self) -> Candidate:
        """Take second biases of torch's away, which Keras does not have: they are the next rung's matter."""
        second = self._side.probe.without_counterpart()
        return dropped(second) if second else NOTHING
