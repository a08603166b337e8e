"""Losses that either side may have: by name, with the settings that people usually give them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from twotrack.shared.spec.changes import Function

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """A loss that has a name, times a factor and a power of the number of examples, as a side computes it."""

    name: str
    factor: float = 1.0
    power: int = 0
    settings: Settings = field(default_factory=dict)
    spec: str = ""
    """The class of twotrack.shared.spec.loss_specs, if there is one of it."""

    def function(self, **times: float) -> Function:
        """Return what computes it, times a factor and a power of the examples if they are given."""
        if self.spec:
            return Function(name="spec", parameters={"spec": self.spec, **self.settings, **times})
        return Function(name="named", parameters={"name": self.name, **self.settings, **times})


MARGINS = (1.0, 0.5, 0.2, 0.1, 0.3, 2.0)
_VARIANTS: Mapping[str, tuple[tuple[str, str, Mapping[str, tuple[Any, ...]]], ...]] = {
    "classes": (
        ("CategoricalFocal", "focal loss of classes", {"gamma": (2.0, 1.0, 1.5, 3.0, 5.0, 0.5)}),
        ("CategoricalHinge", "hinge of the largest of the other classes", {"margin": MARGINS}),
    ),
    "binary": (
        ("Focal", "focal", {"gamma": (2.0, 1.0, 1.5, 3.0, 5.0, 0.5), "alpha": (None, 0.25, 0.75)}),
        ("Hinge", "hinge", {"margin": MARGINS[1:], "squared": (False, True)}),
    ),
    "real": (("CosineSimilarity", "negative cosine similarity", {"epsilon": (1e-8, 1e-7, 1e-12, 1e-6)}),),
    "probabilities": (
        ("CrossEntropy", "cross-entropy of logits", {"dense": (True,)}),
        ("CrossEntropy", "cross-entropy of probabilities", {"dense": (True,), "takes": ("probabilities",)}),
        ("KullbackLeibler", "Kullback-Leibler divergence", {"takes": ("logits", "probabilities", "logarithms")}),
        ("SquaredError", "squared error", {}),
    ),
    "counts": (
        ("Poisson", "Poisson", {"takes": ("logarithms", "rates")}),
        ("SquaredError", "squared error", {}),
    ),
    "sequences": (("CTC", "CTC", {}),),
    "none": (("Triplet", "triplet", {"margin": MARGINS, "squared": (False, True)}),),
}
"""By kind of target: a class of losses, its name, and what its settings may be."""


def of(target: str) -> Iterator[Known]:
    """Yield the losses of a kind of target, the commonest settings first."""
    for spec, name, choices in _VARIANTS.get(target, ()):
        for values in product(*choices.values()):
            yield Known(name, settings=dict(zip(choices, values, strict=True)), spec=spec)
