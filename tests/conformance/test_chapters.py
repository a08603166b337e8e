"""Every chapter passes every rung, well below the limits; so do its variants. Backends take turns on what is costly."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.bert import folders
from tests.support.turns import QUICKEST, in_turn
from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.verify.ladder import Ladder, TrackResult
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
    ("backprop", {"activation": "sigmoid"}),
    ("mnist_cnn", {"architecture": "bn_gap", "filters": "4"}),
    *(("churn_mlp", {"activation": name}) for name in ("prelu", "swiglu")),
    *(("optimizers", {"optimizer": name}) for name in ("lion", "sophia")),
]
"""Those with weights, layers or code of their own; the one with convolutions has its turn on the quickest backend."""
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


SHALLOW = {"churn_lstm": {"num_layers": "1"}, "activations": {"num_layers": "3"}}
"""By default; churn_rnn has layers behind each other, backprop's and churn_mlp's are the same."""
EVERYWHERE = "churn_mlp"
"""Its exact rungs are climbed on every backend by default, as is its last one if slow; the others take turns."""
BERT = VerifyRequest(name="review_bert", settings=SMALL_BERT, recipe="classic")


def costly() -> Iterator[VerifyRequest]:
    """Yield what is climbed on the quickest backend up to the last rung that fits into the default suite.

    tests/mutation climbs with the chapter that is not there.
    """
    for slug in sorted(COSTLY - {BERT.name}):
        yield until_training(VerifyRequest(name=slug, settings=SHALLOW.get(slug, {})))
    yield until_training(VerifyRequest(name="mnist_cnn", settings={"filters": "4"}, recipe="sprint"))


def in_part() -> Iterator[VerifyRequest]:
    """Yield what is climbed on one backend each: all rungs of the other chapters, the exact ones of variants."""
    for slug, chapter in CHAPTERS.items():
        if not chapter.transfer and slug not in {*COSTLY, EVERYWHERE}:
            yield VerifyRequest(name=slug, settings=SHALLOW.get(slug, {}))
    for slug, settings in VARIANTS:
        yield until_training(VerifyRequest(name=slug, settings=settings))


def slow() -> Iterator[VerifyRequest]:
    """Yield what is climbed on every backend if slow: all rungs of all chapters, and further variants."""
    for slug in sorted({EVERYWHERE, *COSTLY, *SHALLOW} - {BERT.name}):
        yield VerifyRequest(name=slug)
    for slug, settings in [*VARIANTS, *ALSO]:
        yield VerifyRequest(name=slug, settings=settings)
    yield VerifyRequest(name="review_bert", settings=SMALL_BERT)  # on a frozen encoder
    yield BERT
    for recipe in set(CHAPTERS["mnist_cnn"].recipes) - {"fast"}:
        yield VerifyRequest(name="mnist_cnn", recipe=recipe)
    for recipe in CHAPTERS["shop_transfer"].recipes:
        until = UNTIL.get(recipe, RUNGS[-1])
        yield VerifyRequest(name="shop_transfer", settings=SMALL_SHOP, recipe=recipe, until=until)


def until_training(subject: VerifyRequest) -> VerifyRequest:
    return subject.model_copy(update={"until": "training"})


def name_of(case: object) -> str:
    if isinstance(case, VerifyRequest):
        return "-".join([case.name, *case.settings.values(), case.recipe, case.until])
    return str(case)


@pytest.fixture
def small_bert(tmp_path: Path) -> str:
    return str(folders.write(tmp_path / "small"))


@pytest.mark.parametrize(
    "subject",
    [until_training(VerifyRequest(name=EVERYWHERE)), *(pytest.param(one, marks=pytest.mark.slow) for one in slow())],
    ids=name_of,
)
def test_a_chapter_passes_every_rung_on_every_backend(subject: VerifyRequest, ladder: Ladder, small_bert: str) -> None:
    check(ladder.climb(with_weights(subject, small_bert), lambda *_: None), subject.until)


@pytest.mark.parametrize(("subject", "track"), [*in_turn(costly(), order=[QUICKEST]), *in_turn(in_part())], ids=name_of)
def test_it_passes_on_the_backend_whose_turn_it_is(
    subject: VerifyRequest, track: str, ladder: Ladder, small_bert: str
) -> None:
    check(ladder.climb(with_weights(subject, small_bert), lambda *_: None, [track]), subject.until)


def with_weights(subject: VerifyRequest, small_bert: str) -> VerifyRequest:
    if subject.settings.get("weights") != "small":
        return subject
    return subject.model_copy(update={"settings": {**subject.settings, "weights": small_bert}})


def check(results: Sequence[TrackResult], until: str) -> None:
    for result in results:
        rungs = [verdict.rung for verdict in result.rungs]
        assert rungs == list(RUNGS[: RUNGS.index(until) + 1]), result.rungs[-1]
        assert result.passed, result.rungs[-1]
        measured = {verdict.rung: verdict.difference for verdict in result.rungs if verdict.difference is not None}
        assert {rung for rung, difference in measured.items() if difference > LIMITS[rung]} == set()
