"""What a chapter is made of, read from its built model and its recipe; worker task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args, get_origin, get_type_hints

from twotrack.shared import chapters
from twotrack.shared.chapters.spec import RECIPE_SETTINGS, Chapter
from twotrack.shared.differences.spec import LayerMakeup, Makeup
from twotrack.shared.training import Constant, Recipe
from twotrack.shared.workers.door import open_keras
from twotrack.shared.workers.task import Report, task

Settings = Mapping[str, str]


def variants(chapter: Chapter, settings: Settings) -> list[dict[str, str]]:
    """Return the settings under which a chapter is looked at: those given; each architecture if none is.

    A pretrained chapter has one only, since others need weights that may not be there.
    """
    given = dict(settings)
    if chapter.transfer or set(given) - set(RECIPE_SETTINGS):
        return [given]
    hints = get_type_hints(type(chapter.config))
    choices = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    others = [
        {name: choice}
        for name, possible in choices.items()
        for choice in possible
        if choice != getattr(chapter.config, name)
    ]
    return [given, *(given | other for other in others)]


@dataclass(frozen=True)
class Variants:
    """A chapter on a Keras track, and the settings under which it is looked at."""

    track: str
    chapter: str
    settings: list[dict[str, str]]


@task
def layers(asked: Variants, report: Report) -> list[list[LayerMakeup]]:
    """Return the layers of the chapter's model under each of the settings."""
    report("building the chapter", {})
    chapter, track = chapters.get(asked.chapter), open_keras(asked.track, "cpu")
    return [track.layers(chapter, chapter.configure(settings)) for settings in asked.settings]


def makeup(chapter: Chapter, recipe: Recipe, settings: Settings, layers: list[LayerMakeup]) -> Makeup:
    """Return a variant's make-up; `layers` are what the task of that name has returned for it."""
    optimizers = [stage.optimizer for stage in recipe.stages] + list(chapter.optimizers.values())
    return Makeup(
        settings=settings,
        layers=tuple(layers),
        optimizers=frozenset(type(optimizer).__name__ for optimizer in optimizers),
        weight_decay=any(optimizer.weight_decay for optimizer in optimizers),
        momentum=any(getattr(optimizer, "momentum", 0) for optimizer in optimizers),
        schedule=any(stage.schedule != Constant() for stage in recipe.stages),
        loss=chapter.loss,
        metric=chapter.metric,
        frozen=any(stage.trained != "all" for stage in recipe.stages),
        pretrained=chapter.transfer.extra if chapter.transfer else "",
    )
