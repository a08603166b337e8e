"""twotrack list."""

from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.cli.options import Json


def list_chapters(json: Json = False) -> None:
    """List the chapters, in teaching order."""
    if json:
        from twotrack.shared.cli.console import print_json

        print_json([_describe(chapter) for chapter in CHAPTERS.values()])
        return
    width = max(map(len, CHAPTERS)) + 2
    for chapter in CHAPTERS.values():
        print(f"{chapter.slug:<{width}}{chapter.title}")
        recipes = ", ".join(chapter.recipes)
        print(f"{'':<{width}}data {chapter.dataset}; recipes {recipes}; settings {_settings(chapter)}")


def _describe(chapter: Chapter) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "slug": chapter.slug,
        "title": chapter.title,
        "dataset": chapter.dataset,
        "recipes": list(chapter.recipes),
        "metric": chapter.metric,
        "margin": chapter.margin,
        "settings": asdict(chapter.config),
    }


def _settings(chapter: Chapter) -> str:
    from dataclasses import asdict

    return ", ".join(f"{key}={value}" for key, value in asdict(chapter.config).items()) or "none"
