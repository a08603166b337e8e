"""What a chapter is made of, read from its built model and its recipe; worker task."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.chapters.spec import RECIPE_SETTINGS, Chapter
from twotrack.shared.differences.spec import LayerMakeup, Makeup
from twotrack.shared.track import Track, open_track
from twotrack.shared.training import Constant, Recipe

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


def layers(arguments: Mapping[str, Any], report: Callable[[str, Mapping[str, object]], None]) -> list[list[dict]]:
    """Worker task of a Keras track: return the layers of the chapter's model under each of its variants."""
    report("building the chapter", {})
    chapter = chapters.get(arguments["chapter"])
    track = open_track(arguments["track"], "cpu")
    return [_layers(track, chapter, settings) for settings in arguments["variants"]]


def _layers(track: Track, chapter: Chapter, settings: Settings) -> list[dict[str, Any]]:
    model = track.build(whole_pair(chapter, chapter.configure(settings)), seed=0)
    return [{"kinds": kinds, "facts": dict(hyperparameters)} for kinds, hyperparameters in model.probe().layers()]


def makeup(chapter: Chapter, recipe: Recipe, settings: Settings, layers: list[dict[str, Any]]) -> Makeup:
    """Return a variant's make-up; `layers` are what the task of that name has returned for it."""
    optimizers = [stage.optimizer for stage in recipe.stages] + list(chapter.optimizers.values())
    return Makeup(
        settings=settings,
        layers=tuple(LayerMakeup(frozenset(one["kinds"]), one["facts"]) for one in layers),
        optimizers=frozenset(type(one).__name__ for one in optimizers),
        weight_decay=any(one.weight_decay for one in optimizers),
        momentum=any(getattr(one, "momentum", 0) for one in optimizers),
        schedule=any(stage.schedule != Constant() for stage in recipe.stages),
        loss=chapter.loss,
        metric=chapter.metric,
        frozen=any(stage.trained != "all" for stage in recipe.stages),
        pretrained=chapter.transfer.extra if chapter.transfer else "",
    )
