"""What a chapter is made of, read from its built model and its recipe; worker task."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

from twotrack.shared import chapters
from twotrack.shared.chapters.spec import RECIPE_SETTINGS, Chapter
from twotrack.shared.differences.spec import LayerMakeup, Makeup
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
    build = importlib.import_module(f"twotrack.keras_track.models.{chapter.slug}").build
    return [_layers(build(chapter.configure(settings))) for settings in arguments["variants"]]


def _layers(model: Any) -> list[dict[str, Any]]:
    from twotrack.keras_track.facts import facts

    return [
        {"kinds": [base.__name__ for base in type(layer).__mro__], "hyperparameters": facts(layer)}
        for layer in model._flatten_layers(include_self=False)
    ]


def makeup(chapter: Chapter, recipe: Recipe, settings: Settings, layers: list[dict[str, Any]]) -> Makeup:
    """Return a variant's make-up; `layers` are what the task of that name has returned for it."""
    optimizers = [stage.optimizer for stage in recipe.stages] + list(chapter.optimizers.values())
    return Makeup(
        settings=settings,
        layers=tuple(
            LayerMakeup(kinds=frozenset(layer["kinds"]), hyperparameters=layer["hyperparameters"]) for layer in layers
        ),
        optimizers=frozenset(type(optimizer).__name__ for optimizer in optimizers),
        weight_decay=any(optimizer.weight_decay for optimizer in optimizers),
        momentum=any(getattr(optimizer, "momentum", 0) for optimizer in optimizers),
        schedule=any(stage.schedule != Constant() for stage in recipe.stages),
        loss=chapter.loss,
        metric=chapter.metric,
        frozen=any(stage.trained != "all" for stage in recipe.stages),
        pretrained=chapter.transfer.extra if chapter.transfer else "",
    )
