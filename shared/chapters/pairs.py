"""A chapter's models in both tracks, as a pair."""

from dataclasses import replace
from typing import Any

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.training import Recipe
from twotrack.shared.transfer import EVERYTHING
from twotrack.shared.verify.pair import ChapterBuild, Pair

PROBED_BATCH_SIZE = 16
"""Examples in a batch of the ladder."""


def chapter_pair(chapter: Chapter, config: Any, recipe: Recipe) -> Pair:
    """Return both tracks' models of a chapter, trained as the last stage of the recipe says."""
    build = ChapterBuild(chapter.slug, config, chapter.transfer is not None)
    return Pair(
        keras=build,
        torch=build,
        input_shape=chapter.inputs(config),
        loss=chapter.loss,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        batch_size=PROBED_BATCH_SIZE,
        trainable=chapter.transfer.prefixes(config, recipe.trained) if chapter.transfer else EVERYTHING,
    )


def whole_pair(chapter: Chapter, config: Any) -> Pair:
    """Return both tracks' models of a chapter, all weights trainable until a stage freezes some."""
    return replace(chapter_pair(chapter, config, next(iter(chapter.recipes.values()))), trainable=EVERYTHING)
