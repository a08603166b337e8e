"""Losses with every setting that acts, on outputs, targets and weights that reach every branch."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from twotrack.shared.spec import loss_specs as specs
from twotrack.shared.spec.loss_specs import Divisor, Loss
from twotrack.shared.verify.material import draw_target

WEIGHTS = (0.4, 1.0, 3.0)
CLASSES, BATCH, STEPS = 3, 6, 4
DIVISORS: tuple[Divisor, ...] = ("counted", "all", "rows", "examples", "weights", "nothing")


@dataclass(frozen=True)
class Case:
    """One loss, and what it gets."""

    loss: Loss
    shape: tuple[int, ...] = (BATCH, CLASSES)
    link: str = ""
    """softmax, sigmoid or positive: what the outputs have been through."""
    weights: Any = None
    """As a batch brings them."""
    mask: Any = None
    reference: dict[str, Any] = field(default_factory=dict)

    def arrays(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return outputs and targets."""
        generator = np.random.default_rng([seed, sum(map(ord, repr(self.loss)[:60]))])
        x = 2.0 * generator.normal(size=self.shape)
        y = draw_target(generator, self.shape, self.loss.target_kind)
        if self.link == "softmax":
            x = np.exp(x) / np.exp(x).sum(-1, keepdims=True)
        elif self.link:
            x = 1 / (1 + np.exp(-x)) if self.link == "sigmoid" else np.exp(x)
        if (ignored := getattr(self.loss, "ignored", None)) is not None:
            y.reshape(-1)[::3] = ignored
        return x, y


SEQUENCE = (BATCH, STEPS, CLASSES)
_STEP_WEIGHTS = np.linspace(0.2, 2.0, BATCH * STEPS).reshape(BATCH, STEPS)
_MASK = np.arange(STEPS) < np.array([[1], [2], [3], [4], [2], [4]])

CASES: dict[str, Case] = {
    "cross-entropy": Case(specs.CrossEntropy()),
    "cross-entropy, smoothed": Case(specs.CrossEntropy(label_smoothing=0.1)),
    "cross-entropy, weighted, smoothed": Case(specs.CrossEntropy(label_smoothing=0.1, class_weights=WEIGHTS)),
    "cross-entropy, ignored": Case(specs.CrossEntropy(ignored=-1), SEQUENCE),
    "cross-entropy, ignored class": Case(specs.CrossEntropy(ignored=1, class_weights=WEIGHTS), SEQUENCE),
    "cross-entropy of probabilities": Case(specs.CrossEntropy(takes="probabilities"), link="softmax"),
    "cross-entropy, dense": Case(specs.CrossEntropy(dense=True, label_smoothing=0.2, class_weights=WEIGHTS)),
    "binary": Case(specs.BinaryCrossEntropy()),
    "binary, weighted, smoothed": Case(specs.BinaryCrossEntropy(pos_weight=2.5, label_smoothing=0.1)),
    "binary of probabilities": Case(specs.BinaryCrossEntropy(takes="probabilities", pos_weight=2.0), link="sigmoid"),
    "focal": Case(specs.Focal()),
    "focal, alpha": Case(specs.Focal(gamma=1.5, alpha=0.25)),
    "focal of probabilities": Case(specs.Focal(takes="probabilities", alpha=0.25), link="sigmoid"),
    "categorical focal": Case(specs.CategoricalFocal(gamma=3.0, alpha=0.25)),
    "categorical focal, weighted": Case(specs.CategoricalFocal(class_weights=WEIGHTS, ignored=2), SEQUENCE),
    "hinge": Case(specs.Hinge()),
    "squared hinge": Case(specs.Hinge(margin=0.5, squared=True)),
    "categorical hinge": Case(specs.CategoricalHinge(margin=0.7)),
    "squares": Case(specs.SquaredError()),
    "absolute": Case(specs.AbsoluteError()),
    "Huber": Case(specs.Huber(delta=0.8)),
    "log-cosh": Case(specs.LogCosh()),
    "Poisson of logarithms": Case(specs.Poisson()),
    "Poisson of rates": Case(specs.Poisson(takes="rates"), link="positive"),
    "Kullback-Leibler": Case(specs.KullbackLeibler()),
    "Kullback-Leibler of probabilities": Case(specs.KullbackLeibler(takes="probabilities"), link="softmax"),
    "cosine": Case(specs.CosineSimilarity()),
    "triplet": Case(specs.Triplet(margin=0.7), (BATCH, 3, 5)),
    "triplet, squared": Case(specs.Triplet(margin=2.0, squared=True), (BATCH, 3, 5)),
    "CTC": Case(specs.CTC(), (BATCH, 7, 4)),
    "sample weights": Case(specs.AbsoluteError(weights="examples"), SEQUENCE, weights=_STEP_WEIGHTS[:, 0]),
    **{
        f"step weights and a mask over {divisor}": Case(
            specs.CrossEntropy(weights="steps", mask="tokens", class_weights=WEIGHTS, divisor=divisor),
            SEQUENCE,
            weights=_STEP_WEIGHTS,
            mask=_MASK,
        )
        for divisor in DIVISORS
    },
    **{
        f"squares and a mask over {divisor}": Case(
            specs.SquaredError(weights="examples", mask="tokens", divisor=divisor),
            SEQUENCE,
            weights=_STEP_WEIGHTS[:, 0],
            mask=_MASK,
        )
        for divisor in DIVISORS
    },
    "nothing counts": Case(specs.CrossEntropy(mask="tokens"), SEQUENCE, mask=np.zeros((BATCH, STEPS), bool)),
}
SATURATED: dict[str, Case] = {
    name: replace(CASES[name])
    for name in ("cross-entropy of probabilities", "binary of probabilities", "focal of probabilities")
}
"""They are given probabilities of exactly 0 and 1 too."""
