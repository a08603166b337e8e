"""The rung loss: the loss apart from any model, on outputs and targets of its own."""

from collections.abc import Mapping, Sequence

import numpy as np

from twotrack.shared.spec.objective import kinds_of, weights_of
from twotrack.shared.spec.probe import LossFacts
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.links import IDENTITY, link_of
from twotrack.shared.verify.loss_material import NO_CLASSES, Outputs, left_out, loss_cases
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.rungs.loss_comparison import LossEvidence, compare_losses
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.side import ObservedSide

WIDER = -8.0
"""Trained weights are multiplied by it to see whether outputs keep to one sign or to a range."""


class LossRung(ProbeRung[LossEvidence]):
    """Lets the loss of both sides meet outputs that the model gives seldom or never, in batches of other sizes."""

    name = "loss"
    evidence = LossEvidence

    def observe(self, side: ObservedSide) -> LossEvidence:
        """Compute the loss and its gradients on every batch."""
        outputs, facts, double = observed_outputs(side), side.probe.loss_facts(), side.precision == "float64"
        cases = [case for case in loss_cases(outputs) if double or case.batch_size == 1]
        runs = side.probe.run_loss([case.batch(outputs.links) for case in cases])
        labels = _labels(facts) if outputs.target == "classes" and double else []
        beside = [side.probe.run_loss([left_out(outputs, label).batch(outputs.links)])[0] for label in labels]
        return LossEvidence(outputs, facts, runs, dict(zip(labels, beside, strict=True)))

    def compare(self, torch: Mapping[Precision, LossEvidence], keras: Mapping[Precision, LossEvidence]) -> RungResult:
        """Compare in float64; what float32 does differently on either side shows how far rounding goes."""
        return compare_losses(torch, keras)


def _labels(facts: LossFacts) -> list[int]:
    return list(dict.fromkeys([*NO_CLASSES, *([] if facts.ignored is None else [facts.ignored])]))


def observed_outputs(side: ObservedSide) -> Outputs:
    """Return what the model's outputs are like, from some of them; the drawn weights are put back."""
    model, inputs, trained = side.model, side.exercise.inputs(), side.model.trainable_names()
    drawn = model.outputs(inputs)
    side.load(
        draw_weights(model.shapes()).changed(
            lambda name, one: np.multiply(one, WIDER, out=one) if name in trained else one
        )
    )
    wider = model.outputs(inputs)
    side.reset()
    links = [_link(seen) for seen in zip(drawn, wider, strict=True)]
    goal = side.exercise.pair.objective
    kinds, brought = kinds_of(goal, len(drawn)), weights_of(goal, len(drawn))
    return Outputs([output.shape[1:] for output in drawn], links, kinds, brought if any(brought) else ())


def _link(seen: Sequence[np.ndarray]) -> str:
    """Return the link of an output (batch, ...); a last axis of one is added to (batch,)."""
    finite = [array if array.ndim > 1 else array[:, None] for array in seen if np.isfinite(array).all()]
    return link_of(finite) if finite else IDENTITY
