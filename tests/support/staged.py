"""A recipe in two stages that takes seconds: first the head of a small BERT alone on features, then its last block."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.spec.optimizers import AdamW
from twotrack.shared.spec.recipes import Recipe
from twotrack.shared.spec.schedules import OneCycle, WarmUp

SLUG, RECIPE = "review_bert", "staged"
_HEAD = Recipe(AdamW(0.003, weight_decay=0.01), WarmUp(warmup_share=0.1), batch_size=32, epochs=2, trained="head")
_THEN = Recipe(
    AdamW(0.001, weight_decay=0.1), OneCycle(0.3, 25.0, 1e4), batch_size=16, epochs=2, trained="last_block",
    head_first=_HEAD,
)  # fmt: skip


def settings(folder: str) -> dict[str, str]:
    """Return the settings for a folder of small BERT weights."""
    return {"weights": folder, "length": "12"}


@contextmanager
def staged() -> Iterator[None]:
    """Let the chapter have that recipe, in this process and for a while."""
    chapter = CHAPTERS[SLUG]
    with patch.dict(CHAPTERS, {SLUG: replace(chapter, recipes={**chapter.recipes, RECIPE: _THEN})}):
        yield
