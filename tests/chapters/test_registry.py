"""The chapters that exist, and how one is found."""

import dataclasses

import pytest

from twotrack.shared import chapters, datasets
from twotrack.shared.errors import UserError


def test_mnist_cnn_is_a_chapter():
    assert chapters.get("mnist_cnn").title == "Convolutional network on handwritten digits"


@pytest.mark.parametrize("slug", chapters.CHAPTERS)
def test_every_chapter_is_listed_under_its_own_slug_and_uses_known_data(slug: str):
    chapter = chapters.CHAPTERS[slug]

    assert chapter.slug == slug
    assert chapter.dataset in datasets.DATASETS


@pytest.mark.parametrize("slug", chapters.CHAPTERS)
def test_every_chapter_has_both_recipes_and_a_frozen_config(slug: str):
    chapter = chapters.CHAPTERS[slug]

    assert {"classic", "fast"} <= set(chapter.recipes)
    with pytest.raises(dataclasses.FrozenInstanceError):
        chapter.config.anything = None


@pytest.mark.parametrize("typed", ["mnist_cn", "MNIST_CNN", "mnist_ccn"])
def test_an_unknown_chapter_is_answered_with_the_nearest(typed: str):
    with pytest.raises(UserError) as caught:
        chapters.get(typed)

    assert str(caught.value) == (
        f"unknown chapter '{typed}': did you mean 'mnist_cnn'? 'twotrack list' shows all chapters."
    )


def test_a_chapter_unlike_any_is_answered_with_all():
    with pytest.raises(UserError, match="unknown chapter 'zzz': expected one of: activations, backprop, churn_lstm"):
        chapters.get("zzz")
