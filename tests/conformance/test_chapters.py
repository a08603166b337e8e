"""Every chapter passes every rung on every backend, well below the limits; so do its variants."""

import pytest

from shared.chapters import CHAPTERS
from shared.verify.ladder import RUNGS, Ladder, Subject

LIMITS = {"forward": 1e-12, "gradients": 1e-11, "training": 1e-9}
VARIANTS = [
    ("mnist_cnn", {"architecture": "bn_gap"}),
    ("backprop", {"activation": "sigmoid"}),
    ("churn_transformer", {"norm": "post", "positions": "sinusoidal"}),
    *(("churn_mlp", {"activation": name}) for name in ("prelu", "gelu_tanh", "swiglu", "softmax")),
    *(("optimizers", {"optimizer": name}) for name in CHAPTERS["optimizers"].optimizers if name != "adam"),
]
SUBJECTS = [Subject(slug) for slug in CHAPTERS] + [Subject(slug, settings) for slug, settings in VARIANTS]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda one: "-".join([one.name, *one.settings.values()]))
def test_a_chapter_passes_every_rung_on_every_backend(subject: Subject, ladder: Ladder) -> None:
    for result in ladder.climb(subject, lambda *_: None):
        assert [verdict.rung for verdict in result.verdicts] == list(RUNGS), result.verdicts[-1]
        assert result.passed, result.verdicts[-1]
        measured = {verdict.rung: verdict.difference for verdict in result.verdicts if verdict.rung in LIMITS}
        assert {rung for rung, difference in measured.items() if difference > LIMITS[rung]} == set()
