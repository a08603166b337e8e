"""Experiments of the chapter optimizers: a race of six from the same start on the same batches."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twotrack.shared.evaluation import metrics
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.spec import Claim, Curves, Finding, Progress, Table

STEPS, BATCH, EVERY, TARGET = 400, 64, 10, 0.43
"""The target is a loss (nats) on the validation split."""
COMMON_RATE = 0.01
WITHIN = 100


def race(lab: Lab, progress: Progress) -> Finding:
    """Train with every optimizer at its own learning rate, and with the plain ones at Adam's.

    Look at the validation loss every few steps. On a small and well-scaled problem every optimizer is
    fast at a rate of its own; what Adam saves is the search for it.
    """
    own = {name: {"optimizer": name} for name in lab.chapter.optimizers}
    common = {
        f"{name} at {COMMON_RATE}": {"optimizer": name, "learning_rate": COMMON_RATE} for name in ("sgd", "momentum")
    }
    losses = {label: _validation_losses(lab, label, changes, progress) for label, changes in (own | common).items()}
    arrivals = {label: steps_to(values, TARGET) for label, values in losses.items()}
    steps = [float(step) for step in range(0, STEPS + 1, EVERY)]
    curves = Curves(
        name="race",
        title="Validation loss from the same start on the same batches",
        x_label="training step",
        y_label="validation loss (nats)",
        lines={label: (steps, values) for label, values in losses.items()},
    )
    rows = [
        [label, arrivals[label] if min(values) <= TARGET else f"over {STEPS}", min(values), values[-1]]
        for label, values in losses.items()
    ]
    columns = ["optimizer", f"steps to {TARGET}", "lowest loss", f"loss after {STEPS}"]
    table = Table(title="The race", columns=columns, rows=rows)
    return Finding(claims=_claims(arrivals, list(own)), tables=[table], curves=[curves])


def _claims(arrivals: dict[str, float], own: list[str]) -> list[Claim]:
    text = f"steps to a validation loss of {TARGET}, %s"
    slowest = max(own, key=arrivals.__getitem__)
    plain = f"sgd at {COMMON_RATE}"
    return [
        Claim(text=text % "the slowest at its own rate", value=arrivals[slowest], relation="below", bound=WITHIN),
        *(
            Claim(text=text % f"{label} minus {plain}", value=arrivals[label] - arrivals[plain], relation="below",
                  bound=0)
            for label in (f"momentum at {COMMON_RATE}", "adam")
        ),
    ]  # fmt: skip


def _validation_losses(lab: Lab, label: str, changes: Mapping[str, Any], progress: Progress) -> list[float]:
    """Return the validation loss before the first step and after every EVERY steps."""
    model = lab.model("float32", "classic", **changes)
    losses = []

    def look(step: int) -> None:
        progress(f"{label}: step {step}/{STEPS}")
        losses.append(metrics.evaluate(model.predict(lab.dataset.validation), lab.dataset.validation.labels)["loss"])

    model.watch(STEPS, BATCH, EVERY, look)
    return losses


def steps_to(losses: list[float], target: float) -> float:
    """Return the first step at which the loss, taken every EVERY steps, is at most the target; STEPS if never."""
    reached = np.flatnonzero(np.array(losses) <= target)
    return float(reached[0] * EVERY) if len(reached) else float(STEPS)
