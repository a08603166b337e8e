"""`--set loss=...` and `--set initialiser=...`: what they mean for a chapter, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.turns import QUICKEST
from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import chapter_pair
from twotrack.shared.errors import UserError
from twotrack.shared.spec.initialisers import INITIALISERS
from twotrack.shared.spec.loss_specs import BinaryCrossEntropy, CategoricalFocal, CrossEntropy, Focal
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights import initial


@pytest.mark.parametrize(
    ("slug", "text", "loss"),
    [
        ("mnist_cnn", "smoothed", CrossEntropy(label_smoothing=0.1)),
        ("mnist_cnn", "focal:1.5", CategoricalFocal(gamma=1.5)),
        ("mnist_cnn", "weighted:1,2", CrossEntropy(class_weights=(1.0, 2.0), divisor="rows")),
        ("churn_mlp", "smoothed:0.2", BinaryCrossEntropy(label_smoothing=0.2)),
        ("churn_mlp", "focal:2,0.25", Focal(2.0, 0.25)),
        ("churn_mlp", "weighted:3", BinaryCrossEntropy(pos_weight=3.0)),
        ("churn_mlp", "binary_cross_entropy", None),
    ],
)
def test_a_loss_by_name_and_numbers(slug: str, text: str, loss) -> None:
    variant = chapters.get(slug).variant("fast", {"loss": text})
    assert variant.recipe.loss == loss
    assert chapter_pair(variant).loss == (loss or variant.chapter.loss)


@pytest.mark.parametrize(
    ("slug", "settings", "message"),
    [
        ("churn_mlp", {"loss": "hinge"}, "loss 'hinge'|expected|choose"),
        ("churn_mlp", {"loss": "weighted:a"}, "expected numbers behind 'weighted:', with commas, found 'a'"),
        ("churn_mlp", {"loss": "focal:1,2,3"}, "expected gamma, or gamma and alpha behind 'focal'"),
        ("churn_mlp", {"loss": "smoothed:2"}, "label_smoothing"),
        ("mnist_cnn", {"loss": "weighted"}, "a weight for each class"),
        ("churn_mlp", {"optimizer": "sophia", "loss": "focal"}, "another optimizer than sophia"),
        ("churn_mlp", {"initialiser": "best"}, "best"),
    ],
)
def test_what_does_not_fit_is_refused(slug: str, settings: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        chapters.get(slug).variant("fast", settings)


def test_kernels_are_drawn_by_the_law_that_is_set() -> None:
    shapes = {"a.kernel": (300, 200), "a.bias": (200,), "lstm.kernel": (40, 160), "lstm.recurrent_kernel": (40, 160)}
    plain, he = initial.draw(shapes, 0), initial.draw(shapes, 0, INITIALISERS["he_normal"])
    chance = 4 / np.sqrt(2 * 300 * 200)  # standard errors of the deviation of so many normal numbers
    assert he["a.kernel"].std() == pytest.approx(np.sqrt(2 / 300), rel=chance)
    assert plain["a.kernel"].std() == pytest.approx(np.sqrt(2 / 500), rel=chance)
    for name in ("a.bias", "lstm.recurrent_kernel"):
        np.testing.assert_array_equal(plain[name], he[name])


def test_a_chapter_with_another_loss_and_start_is_one_model(ladder: Ladder, tmp_path: Path) -> None:
    settings = {"loss": "focal:2,0.25", "initialiser": "he_normal", "dropout": "0"}
    (result,) = ladder.climb(
        VerifyRequest(name="churn_mlp", settings=settings, until="training"), lambda *_: None, [QUICKEST]
    )
    assert result.passed, result.rungs[-1].detail
