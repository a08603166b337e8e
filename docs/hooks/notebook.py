"""What mkdocs does with notebooks: it builds one of every lesson beside its page, and puts the badges on the page."""

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

from docs import notebooks
from twotrack.shared.exercises import EXERCISES


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Return a lesson's HTML with its badges below the title."""
    folder, _, name = page.file.src_uri.rpartition("/")
    lesson = name.removesuffix(".md")
    if folder != "chapters" or lesson not in EXERCISES:
        return html
    badges = "".join(
        f'<a class="badge" href="{address}">{text}</a>' for text, address in notebooks.badges(lesson).items()
    )
    return html.replace("</h1>", f'</h1>\n<p class="badges">{badges}</p>', 1)


def on_post_build(config: MkDocsConfig, **_: Any) -> None:
    """Write the notebooks beside the pages."""
    notebooks.write(Path(config.site_dir) / "chapters")
