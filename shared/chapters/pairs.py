"""A chapter's models in both tracks, as a pair."""

from dataclasses import replace

from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.spec.pair import ChapterBuild, Pair
from twotrack.shared.spec.transfer import EVERYTHING


def chapter_pair(variant: ChapterVariant) -> Pair:
    """Return both tracks' models of a chapter, trained as the last stage of the recipe says."""
    chapter, recipe = variant.chapter, variant.recipe
    build = ChapterBuild(chapter.slug, variant.config, chapter.transfer is not None)
    return Pair(
        keras=build,
        torch=build,
        input_shape=variant.inputs(),
        loss=recipe.loss or chapter.loss,
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        batch_size=chapter.verify_batch_size,
        trainable=chapter.transfer.prefixes(variant.config, recipe.trained) if chapter.transfer else EVERYTHING,
    )


def whole_pair(variant: ChapterVariant) -> Pair:
    """Return the same with all weights trainable, until a stage freezes some."""
    return replace(chapter_pair(variant), trainable=EVERYTHING)
