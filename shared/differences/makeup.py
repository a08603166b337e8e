"""What a chapter is made of, read from its built model and its recipe; worker task."""

from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import RECIPE_SETTINGS, ChapterVariant
from twotrack.shared.ledger.spec import LayerMakeup, Makeup
from twotrack.shared.spec.schedules import Constant
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


def variants(variant: ChapterVariant) -> list[ChapterVariant]:
    """Return how a chapter is looked at: as asked for; with each architecture if no setting of the model is given.

    A pretrained chapter has one only, since others need weights that may not be there.
    """
    chapter, settings = variant.chapter, dict(variant.settings)
    if chapter.transfer or set(settings) - set(RECIPE_SETTINGS):
        return [variant]
    hints = get_type_hints(type(chapter.config))
    choices = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    others = [
        {name: choice}
        for name, possible in choices.items()
        for choice in possible
        if choice != getattr(chapter.config, name)
    ]
    return [variant, *(chapter.variant(variant.recipe_name, settings | other) for other in others)]


@dataclass(frozen=True)
class Variants:
    """A chapter in several ways, on a Keras track."""

    track: str
    variants: list[ChapterVariant]


@task
def layers(request: Variants, report: Report) -> list[list[LayerMakeup]]:
    """Return the layers of the chapter's model under each of them."""
    report("building the chapter", {})
    track = open_track(request.track, "cpu")
    return [
        [
            LayerMakeup(kinds=frozenset(kinds), hyperparameters=dict(hyperparameters))
            for kinds, hyperparameters in track.build(whole_pair(variant), 0).probe().layers()
        ]
        for variant in request.variants
    ]


def makeup(variant: ChapterVariant, layers: list[LayerMakeup]) -> Makeup:
    """Return a variant's make-up; `layers` are what the task of that name has returned for it."""
    chapter, recipe = variant.chapter, variant.recipe
    optimizers = [stage.optimizer for stage in recipe.stages] + list(chapter.optimizers.values())
    return Makeup(
        settings=variant.settings,
        layers=tuple(layers),
        optimizers=frozenset(type(optimizer).__name__ for optimizer in optimizers),
        weight_decay=any(optimizer.weight_decay for optimizer in optimizers),
        momentum=any(getattr(optimizer, "momentum", 0) for optimizer in optimizers),
        schedule=any(stage.schedule != Constant() for stage in recipe.stages),
        shift=any(stage.shift for stage in recipe.stages),
        precision=recipe.precision,
        loss=chapter.loss,
        metric=chapter.metric,
        frozen=any(stage.trained != "all" for stage in recipe.stages),
        pretrained=chapter.transfer.extra if chapter.transfer else "",
    )
