"""The verification as a record: written, read back, refused if it is of another model, shown on the page."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import typer

from tests.support.command_line import in_process
from tests.support.pages import Page
from tests.support.runs import make_run
from twotrack.shared.cli import compare as command
from twotrack.shared.cli import options
from twotrack.shared.cli.engines import EngineOptions
from twotrack.shared.errors import UserError
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.report import ladder
from twotrack.shared.report.ladder import FILE, LadderRecord
from twotrack.shared.report.ladder_text import ladder_text
from twotrack.shared.report.runs_page import write_report
from twotrack.shared.runs.comparison import TrainingOutcome
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult
from twotrack.shared.verify.rungs.forward import LayerDifference

LAYERS = [LayerDifference("conv1", "Conv2D", 0.0, 3e-7), LayerDifference("logits", "Dense", 4e-16, None)]
DATA = RungResult("data", True, "same bytes, f00d")
FORWARD = RungResult("forward", True, "outputs and 2 named layers compared", 4e-16, 2e-7, 1e-12)
WRONG = RungResult(
    "forward",
    False,
    "layer 'conv1' (Conv2D against Conv2d) differs by 5.0e-01",
    0.5,
    0.5,
    1e-12,
    FailurePlace.LAYER,
    "conv1",
)
GAP = Gap(GapKind.PIECE, "relu6", "no input was above 6")
OPEN = RungResult("training", True, "20 steps compared", 0.0, None, 1e-9, counts={"training steps": 20}, gaps=(GAP,))
PASSED = TrackResult("keras:jax", [DATA, FORWARD], [], layers=LAYERS)
FAILED = TrackResult("keras:torch", [DATA, WRONG], [LEDGER[0]], layers=[LayerDifference("conv1", "Conv2D", 0.5, 0.5)])


def record(*results: TrackResult, **subject: object) -> LadderRecord:
    return ladder.ladder_record(VerifyRequest(**({"name": "mnist_cnn"} | subject)), results)


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path):
    written = record(PASSED, FAILED, settings={"filters": "4"}, recipe="classic")

    assert ladder.read_ladder(ladder.write_ladder(tmp_path / FILE, written)) == written
    assert ladder.find_ladder([tmp_path / "elsewhere", tmp_path]) == written
    assert ladder.find_ladder([tmp_path / "elsewhere"]) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "expecting property name"), ("[]", "input should be"), ('{"subject": "mnist_cnn"}', "field required")],
)
def test_a_file_that_is_something_else_is_refused_by_name(tmp_path: Path, content: str, problem: str):
    (tmp_path / "x.json").write_text(content)

    with pytest.raises(UserError, match=r"x\.json' is not what 'verify --json' prints") as caught:
        ladder.read_ladder(tmp_path / "x.json")

    assert problem in str(caught.value).lower()


def test_two_verifications_are_refused(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        ladder.write_ladder(tmp_path / name / FILE, record(PASSED))

    with pytest.raises(UserError, match="are two verifications; name the one to show with --ladder"):
        ladder.find_ladder([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ({"name": "churn_mlp"}, "chapter is churn_mlp, theirs mnist_cnn"),
        ({"recipe": "classic"}, "recipe is classic, theirs fast"),
        ({"settings": {"filters": "4"}}, "settings is {'filters': '4'}, theirs {}"),
    ],
)
def test_a_verification_of_another_model_is_refused(tmp_path: Path, subject: dict, what: str):
    run = make_run(tmp_path / "run")

    with pytest.raises(UserError) as caught:
        write_report([run], tmp_path / "report.html", [], {}, record(PASSED, **subject))

    assert what in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_the_page_shows_rungs_layers_and_the_cause_of_a_failure(tmp_path: Path):
    runs = [make_run(tmp_path / track.replace(":", "-"), track=track) for track in ("torch", "keras:jax")]

    text = Page(write_report(runs, tmp_path / "report.html", [], {}, record(PASSED, FAILED))).text

    for shown in (
        "pass 4.0e-16 [2e-07]",
        "FAIL 5.0e-01 [5e-01]",
        "not reached",
        "layer 'conv1' (Conv2D against Conv2d)",
    ):
        assert shown in text
    assert f"known to differ between the frameworks there: {LEDGER[0].name}" in text
    assert "keras:jax: 2 layers, the largest difference in float64 is 4.0e-16 in 'logits'" in text


def test_the_page_and_the_text_name_what_a_pass_leaves_open(tmp_path: Path):
    excepted = TrackResult("keras:jax", [DATA, FORWARD, OPEN], [], layers=LAYERS)

    page = Page(write_report([make_run(tmp_path / "run")], tmp_path / "report.html", [], {}, record(excepted))).text
    printed = ladder_text(VerifyRequest(name="mnist_cnn"), [excepted, FAILED])

    for text in (page, printed):
        assert "PASS, except:" in text
        assert "compared: 20 training steps" in text
        assert "no input was above 6" in text
    assert printed.endswith("1 of 2 tracks passed every rung, 1 of them with exceptions")


def test_a_pass_without_exceptions_says_so_in_one_word():
    printed = ladder_text(VerifyRequest(name="mnist_cnn"), [PASSED])

    assert "  PASS\n" in printed
    assert "except" not in printed


@pytest.mark.parametrize(
    ("rungs", "strict", "code"), [([DATA], True, 0), ([OPEN], False, 0), ([OPEN], True, 3), ([OPEN, WRONG], True, 1)]
)
def test_exceptions_have_an_exit_code_where_they_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rungs: list[RungResult], strict: bool, code: int
):
    monkeypatch.setattr("twotrack.shared.cli.verify.climb", lambda *_: [TrackResult("keras:jax", rungs, [])])
    asked = ("verify", "neuron", "--tracks", "keras:jax", *(["--strict"] if strict else []))
    assert in_process(*asked, folder=tmp_path, check=False).code == code


def test_without_a_verification_the_page_says_so(tmp_path: Path):
    text = Page(write_report([make_run(tmp_path / "run")], tmp_path / "report.html", [], {})).text

    assert "Not verified for this report. twotrack verify mnist_cnn proves" in text


@pytest.mark.parametrize(("result", "code"), [(PASSED, 0), (FAILED, 1)])
def test_compare_verifies_first_and_leaves_the_record_beside_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, result: TrackResult, code: int
):
    """Both steps have tests of their own; this one is about how the command puts them together."""
    done = []

    def climb(subject: VerifyRequest, tracks: tuple[str, ...]) -> list[TrackResult]:
        done.append((subject, tracks))
        return [result]

    def train(request, parent, name_folder, logs, work, pool, launcher):
        done.append("trained")
        runs = [make_run(name_folder(track, 0), track=track) for track in request.tracks]
        return TrainingOutcome([run.folder for run in runs], {}), runs

    monkeypatch.setattr("twotrack.shared.cli.verify.climb", climb)
    monkeypatch.setattr("twotrack.shared.cli.training.train", train)
    with pytest.raises(typer.Exit) as left:
        command.compare(
            context=None, chapter="mnist_cnn", tracks="torch,keras:jax", seeds=1, recipe="fast", device="auto",
            source="embedded", verify=True, tensorboard=False, out=tmp_path, resume=None, json=True,
            **asdict(options.Training()), **asdict(options.ProfileOptions()), **asdict(options.OwnData()),
            **asdict(EngineOptions()),
        )  # fmt: skip

    printed = json.loads(capsys.readouterr().out)
    assert done == [(VerifyRequest(name="mnist_cnn"), ("torch", "keras:jax")), "trained"]
    assert left.value.exit_code == code
    assert printed["verification"]["passed"] is (code == 0)
    assert ladder.read_ladder(Path(printed["report"]).with_name(FILE)) == record(result)
