"""Experiments of the chapter optimizers: a race of six from the same start on the same batches."""

import numpy as np

from shared import metrics
from shared.experiments.lab import Lab
from shared.experiments.spec import Claim, Curves, Finding, Progress, Table

STEPS, BATCH, EVERY, TARGET = 400, 64, 10, 0.43
"""The target is a loss (nats) on the validation split."""


def race(lab: Lab, progress: Progress) -> Finding:
    """Train with every optimizer at its learning rate; look at the validation loss every few steps."""
    losses = {name: _validation_losses(lab, name, progress) for name in lab.chapter.optimizers}
    arrivals = {name: steps_to(values, TARGET) for name, values in losses.items()}
    text = f"steps to a validation loss of {TARGET}, %s minus %s"
    claims = [
        Claim(text=text % (faster, slower), value=arrivals[faster] - arrivals[slower], relation="below", bound=0)
        for faster, slower in (("momentum", "sgd"), ("adam", "sgd"))
    ]
    claims += [
        Claim(text=f"lowest validation loss, {name}", value=min(values), relation="below", bound=TARGET)
        for name, values in losses.items()
    ]
    steps = [float(step) for step in range(0, STEPS + 1, EVERY)]
    curves = Curves(
        name="race",
        title="Validation loss, six optimizers from the same start",
        x_label="training step",
        y_label="validation loss (nats)",
        lines={name: (steps, values) for name, values in losses.items()},
    )
    rows = [
        [name, lab.chapter.optimizers[name].learning_rate, arrivals[name], min(values), values[-1]]
        for name, values in losses.items()
    ]
    columns = ["optimizer", "learning rate", f"steps to {TARGET}", "lowest loss", f"loss after {STEPS}"]
    return Finding(claims=claims, tables=[Table(title="The race", columns=columns, rows=rows)], curves=[curves])


def _validation_losses(lab: Lab, optimizer: str, progress: Progress) -> list[float]:
    """Return the validation loss before the first step and after every EVERY steps."""
    model = lab.model(recipe="classic", optimizer=optimizer)
    losses = []

    def look(step: int) -> None:
        progress(f"{optimizer}: step {step}/{STEPS}")
        losses.append(metrics.evaluate(model.predict(lab.dataset.validation), lab.dataset.validation.labels)["loss"])

    for step, _ in enumerate(model.train(STEPS, BATCH)):
        if step % EVERY == 0:
            look(step)
    look(STEPS)
    return losses


def steps_to(losses: list[float], target: float) -> float:
    """Return the first step at which the loss, taken every EVERY steps, is at most the target; infinity if never."""
    reached = np.flatnonzero(np.array(losses) <= target)
    return float(reached[0] * EVERY) if len(reached) else float("inf")
