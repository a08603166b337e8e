"""Every chapter passes every rung on every backend, well below the limits; so do its variants."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.bert import folders
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import RUNGS, VerifyRequest

LIMITS = {
    "forward": 1e-12,
    "dropout": 1e-12,
    "range": 1e-12,
    "loss": 1e-11,
    "gradients": 1e-11,
    "optimizer": 1e-11,
    "training": 1e-9,
}
DEFAULT = ("adam", "lion", "sophia")
VARIANTS = [
    ("mnist_cnn", {"architecture": "bn_gap"}),
    ("backprop", {"activation": "sigmoid"}),
    *(("churn_mlp", {"activation": name}) for name in ("prelu", "swiglu")),
    *(("optimizers", {"optimizer": name}) for name in ("lion", "sophia")),
]
"""Those with weights, layers or code of their own."""
ALSO = [
    ("churn_transformer", {"norm": "post", "positions": "sinusoidal"}),
    *(("churn_mlp", {"activation": name}) for name in ("gelu_tanh", "softmax")),
    *(("optimizers", {"optimizer": name}) for name in CHAPTERS["optimizers"].optimizers if name not in DEFAULT),
]
"""Slow: by default tests/layers, tests/optimizers and tests/experiments compare these with their formulas, on every
backend."""
SMALL_BERT = {"weights": "small", "length": "16"}
"""Random weights: this is about the tracks, and MiniLM's agree in tests/bert."""
SMALL_SHOP = {"backbone": "resnet18", "weights": "none", "size": "33"}
"""All of ResNet-18, on small pictures; the base is frozen, then not. Slow: XLA's convolutions in float64 are, and
tests/backbones climbs the ladder with small networks of the same blocks."""
UNTIL = {"scratch": "training"}
"""All of ResNet-18 from random weights on 320 photos: scores vary so much from seed to seed (n = 5: 90 % interval of
the difference -0.118 to +0.020) that the accuracy rung cannot decide within its margin of 0.05, whatever the tracks do.
"""
COSTLY = {"mnist_cnn", "churn_rnn", "churn_lstm", "churn_transformer", "review_bert"}
"""Their accuracy rung takes longer than all others together. tests/test_similar_accuracy.py trains as it does, with the
same statistics, on torch and TensorFlow; here it is climbed by default where it takes seconds, and else if slow."""


def subjects() -> Iterator[ParameterSet]:
    """Yield every chapter and variant up to the last rung that fits into the default suite, and the rest as slow."""
    for slug, chapter in CHAPTERS.items():
        if not chapter.transfer:
            yield from _climbs(VerifyRequest(name=slug), cheap=slug not in COSTLY)
    for slug, settings in VARIANTS:
        yield from _climbs(VerifyRequest(name=slug, settings=settings), cheap=False)
    for slug, settings in ALSO:
        yield pytest.param(VerifyRequest(name=slug, settings=settings), marks=pytest.mark.slow)
    yield pytest.param(
        VerifyRequest(name="review_bert", settings=SMALL_BERT), marks=pytest.mark.slow
    )  # on a frozen encoder
    yield from _climbs(VerifyRequest(name="review_bert", settings=SMALL_BERT, recipe="classic"), cheap=False)
    for recipe in CHAPTERS["shop_transfer"].recipes:
        until = UNTIL.get(recipe, RUNGS[-1])
        subject = VerifyRequest(name="shop_transfer", settings=SMALL_SHOP, recipe=recipe, until=until)
        yield pytest.param(subject, marks=pytest.mark.slow)


def _climbs(subject: VerifyRequest, cheap: bool) -> Iterator[ParameterSet]:
    """Every exact rung by default; the accuracy rung too where it is cheap, else in a climb of its own."""
    if not cheap:
        yield pytest.param(subject.model_copy(update={"until": "training"}))
    yield pytest.param(subject, marks=() if cheap else pytest.mark.slow)


def name_of(subject: VerifyRequest) -> str:
    return "-".join([subject.name, *subject.settings.values(), subject.recipe, subject.until])


@pytest.fixture
def small_bert(tmp_path: Path) -> str:
    return str(folders.write(tmp_path / "small"))


@pytest.mark.parametrize("subject", list(subjects()), ids=name_of)
def test_a_chapter_passes_every_rung_on_every_backend(subject: VerifyRequest, ladder: Ladder, small_bert: str) -> None:
    if subject.settings.get("weights") == "small":
        subject = subject.model_copy(update={"settings": {**subject.settings, "weights": small_bert}})
    for result in ladder.climb(subject, lambda *_: None):
        assert [verdict.rung for verdict in result.rungs] == list(RUNGS[: RUNGS.index(subject.until) + 1]), (
            result.rungs[-1]
        )
        assert result.passed, result.rungs[-1]
        measured = {verdict.rung: verdict.difference for verdict in result.rungs if verdict.difference is not None}
        assert {rung for rung, difference in measured.items() if difference > LIMITS[rung]} == set()
