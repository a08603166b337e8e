"""The chapters, in teaching order."""

from shared.chapters import mnist_cnn
from shared.chapters.spec import Chapter
from shared.errors import unknown

CHAPTERS: dict[str, Chapter] = {chapter.slug: chapter for chapter in (mnist_cnn.CHAPTER,)}


def get(slug: str) -> Chapter:
    """Return the chapter; UserError with the nearest slug otherwise."""
    if slug not in CHAPTERS:
        raise unknown("chapter", slug, CHAPTERS, "'twotrack list' shows all chapters.")
    return CHAPTERS[slug]
