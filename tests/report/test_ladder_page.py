"""The page of a verification that stands alone: what it shows, that it loads nothing, and how it looks."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.test_ladder import FAILED, PASSED, record
from tests.support.chromium import Chromium
from tests.support.command_line import in_process
from tests.support.pages import Page
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.report.ladder import LadderRecord
from twotrack.shared.report.ladder_page import write_page
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.facts import Facts
from twotrack.shared.verify.diagnosis.picture import draw
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.result import RungResult

PADDING = Cause(
    Status.PROVED, "forward", "conv1", "Keras pads behind, torch in front", "padding=0", "padding='valid'",
    before=0.5, after=3e-16, tried=7, entry=LEDGER[0],
)  # fmt: skip
UNKNOWN = Cause(Status.UNKNOWN, "training", "norm.moving_mean", tried=12)
LEFT = RungResult("training", False, "step 1: 'norm.moving_mean' differs")
SETTINGS = Facts(
    where="conv1",
    keras_kind="Conv2D",
    torch_kind="Conv2d",
    keras={"padding": "same", "strides": [2, 2]},
    torch={"padding": [1, 1], "strides": [2, 2]},
)


def shown(differs: tuple[slice, ...] = (slice(None), slice(-1, None))) -> TrackResult:
    """Return a failure with two causes, settings and the picture of a difference."""
    torch = np.random.default_rng(0).normal(size=(2, 6, 6, 4))
    keras = torch.copy()
    keras[differs] += 1
    diagnosis = Diagnosis([PADDING, UNKNOWN], LEFT)
    return replace(FAILED, diagnosis=diagnosis, facts=[SETTINGS], picture=draw("what 'conv1' gives", torch, keras))


@pytest.fixture
def verified() -> LadderRecord:
    return record(PASSED, shown(), name="my_pair:PAIR")


def test_it_shows_causes_with_evidence_both_sides_and_where_the_difference_is(verified: LadderRecord, tmp_path: Path):
    page = Page(write_page(verified, tmp_path / "verify.html"))

    for told in (
        "my_pair:PAIR",
        "Not the same model: keras:torch at forward. The causes below explain a part of it.",
        "Cause 1, proved , of the rung forward at conv1 : Keras pads behind, torch in front.",
        "the difference falls from 5.0e-01 to 3.0e-16 (7 changes tried)",
        f"In the ledger of differences: {LEDGER[0].name}.",
        "In torch: padding=0",
        "Or in Keras: padding='valid'",
        "Cause 2, unknown , of the rung training at norm.moving_mean . Evidence: none of the 12 changes tried makes",
        "With that made equal, this is left: step 1: 'norm.moving_mean' differs.",
        "padding ≠ same [1, 1] strides [2, 2] [2, 2]",
        "What 'conv1' gives: the difference is in the last row only",
        "The largest difference is 1.0e+00",
    ):
        assert told in page.text, told
    assert page.from_elsewhere == []


def test_it_shows_only_the_side_that_is_to_be_changed(verified: LadderRecord, tmp_path: Path):
    text = Page(write_page(verified, tmp_path / "verify.html", "keras")).text

    assert "In Keras: padding='valid'" in text
    assert "padding=0" not in text


def test_a_pass_says_so(tmp_path: Path):
    text = Page(write_page(record(PASSED, name="my_pair:PAIR"), tmp_path / "verify.html")).text

    assert "One model, on keras:jax." in text
    assert "Cause" not in text


def test_all_that_is_proved_explains_all(tmp_path: Path):
    explained = replace(shown(), diagnosis=Diagnosis([PADDING]))

    text = Page(write_page(record(explained), tmp_path / "verify.html")).text

    assert "The causes below are proved, and explain all of it." in text
    assert "With that made equal, every rung passes ." in text


def test_the_command_writes_it_and_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("twotrack.shared.cli.verify.climb", lambda *_: [shown()])

    asked = ("verify", "neuron", "--tracks", "keras:torch", "--report", "verify.html", "--fix", "torch")
    done = in_process(*asked, folder=tmp_path, check=False)

    assert done.code == 1
    assert done.stdout.endswith("report: verify.html\n")
    assert "in torch: padding=0" in done.stdout
    assert "padding='valid'" not in done.stdout
    assert "Cause 1, proved" in Page(tmp_path / "verify.html").text


@pytest.mark.parametrize("first", [True, False])
def test_the_first_cause_is_enough_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: bool
):
    asked = []
    monkeypatch.setattr("twotrack.shared.cli.verify.climb", lambda request, _: asked.append(request) or [PASSED])

    option = ["--first"] if first else []
    in_process("verify", "neuron", "--tracks", "keras:jax", *option, folder=tmp_path, check=False)

    assert [request.causes for request in asked] == ["first" if first else "all"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_and_nothing_complains(
    verified: LadderRecord, browser: Chromium, tmp_path: Path, width: int, scheme: str
):
    browser.open(write_page(verified, tmp_path / "verify.html"), width, scheme)

    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.too_wide() == []
    assert browser.complaints() == []


def test_the_picture_has_a_title_and_words(verified: LadderRecord, tmp_path: Path):
    drawn = re.findall(r"<svg.*?</svg>", write_page(verified, tmp_path / "verify.html").read_text(), re.DOTALL)

    named = [re.search(r'role="img"><title>(.+?)</title><desc>(.+?)</desc>', svg).groups() for svg in drawn]
    assert [title for title, _ in named] == [
        "keras:torch: absolute difference in what &#x27;conv1&#x27; gives",
        "Divergence by layer",
    ]
