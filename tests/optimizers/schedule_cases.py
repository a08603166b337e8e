"""Schedules beside those of the frameworks that compute the same. NumPy only."""

from twotrack.shared.spec.schedules import (
    Cosine,
    CosineRestarts,
    Exponential,
    Linear,
    OneCycle,
    PerEpoch,
    Piecewise,
    Plateau,
    Polynomial,
    Schedule,
    StepDecay,
    Warm,
)

STEPS, RATE = 60, 0.1

SCHEDULES: dict[str, Schedule] = {
    "step": StepDecay(7, 0.5),
    "exponential": Exponential(0.9, 1),
    "exponential over steps": Exponential(0.5, 7),
    "cosine": Cosine(),
    "cosine to a floor": Cosine(length=40, end=0.1),
    "cosine with restarts": CosineRestarts(10),
    "cosine with longer restarts": CosineRestarts(5, longer=2.0, end=0.05),
    "cosine with lower restarts": CosineRestarts(5, longer=2.0, lower=0.5),
    "linear": Linear(0.2, 1.0, 20),
    "polynomial": Polynomial(2.0, length=50),
    "polynomial to a floor": Polynomial(2.0, end=0.1, length=50),
    "piecewise": Piecewise((10, 25), (1.0, 0.5, 0.1)),
    "warm-up and cosine": Warm(10, Cosine()),
    "warm-up from a third": Warm(9, Exponential(0.9, 1), first=1 / 3),
    "one cycle": OneCycle(0.3, 25.0, 1e4),
    "by epochs": PerEpoch(StepDecay(2, 0.5), steps_per_epoch=5),
}
PLATEAUS: dict[str, Plateau] = {
    "absolute": Plateau(0.5, patience=2, threshold=0.01),
    "relative": Plateau(0.5, patience=2, threshold=0.01, relative=True),
    "cooling down": Plateau(0.5, patience=1, threshold=0.01, cooldown=3),
    "floor": Plateau(0.1, patience=1, threshold=0.0, lowest=0.05),
}
LOSSES = [3.0, 2.0, 2.0, 1.999, 1.98, 1.98, 1.97, 1.97, 1.97, 1.97, 1.5, 1.5, 1.6, 1.5, 1.5, 1.5, 1.5, 1.49, 1.49, 1.49]
"""Of validation, by epoch."""
