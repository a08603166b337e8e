"""The page of the atlas: made of its data, which says what an upgrade changed. Needs no framework."""

from pathlib import Path

import pytest

from tests.support.command_line import Done, in_process
from twotrack.shared.atlas.architectures import ARCHITECTURES, reference
from twotrack.shared.atlas.changes import Layers
from twotrack.shared.atlas.record import Atlas, Cause, Climb, Entry, Found, Rung
from twotrack.shared.report import atlas as report

PAGE = Path(__file__).parents[2] / "docs/reference/atlas.md"
COMMITTED = report.committed()


def _fails(*arguments: str, folder: Path) -> str:
    """Return the one error line of a command that ends with exit code 2."""
    done: Done = in_process("atlas", *arguments, folder=folder, check=False)
    assert done.code == 2
    return done.error_line


def test_the_page_is_what_its_data_gives():
    assert PAGE.read_text() == report.page(COMMITTED), "twotrack atlas --from shared/atlas/atlas.json --out <page>"


def test_the_lines_on_the_page_are_those_that_are_run():
    measured = [entry.name for entry in COMMITTED.entries]
    assert measured == [name for name in ARCHITECTURES if name in measured]
    for entry in COMMITTED.entries:
        own = ARCHITECTURES[entry.name]
        sides = {"keras": own.keras, "torch": own.torch}
        assert [line.line for line in entry.alignments] == [one.line(sides[one.side]) for one in own.alignments]


def _found(entry: Entry) -> Found | None:
    return entry.aligned.found or entry.published.found


def test_at_least_twenty_have_a_whole_map():
    assert sum(bool(found and found.is_whole) for found in map(_found, COMMITTED.entries)) >= 20


def test_a_pair_with_alignments_is_another_than_the_published_one():
    own = ARCHITECTURES["vit"]

    assert own.published.keras.settings.get("layer_norm_epsilon") is None
    assert own.aligned.keras.settings["layer_norm_epsilon"] == 1e-12
    assert own.aligned.torch == own.published.torch


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_worker_is_told_where_each_architecture_stands(name: str):
    module, _, attribute = reference(name, "aligned").partition(":")

    assert module == f"twotrack.shared.atlas.architectures.{name}"
    assert attribute == "ARCHITECTURE.aligned"


def _with(entry: Entry, climb: Climb) -> Atlas:
    changed = entry.model_copy(
        update={"published": entry.published.model_copy(update={"climbs": {"keras:torch": climb}})}
    )
    return COMMITTED.model_copy(update={"entries": [changed]})


def test_what_an_upgrade_changed_is_named_and_nothing_else():
    entry = next(entry for entry in COMMITTED.entries if entry.name == "vit")
    failed = Rung(rung="loss", passed=False, difference=1.0, detail="")
    cause = Cause(
        status="proved",
        rung="loss",
        where="here",
        what="planted",
        torch_fix="",
        keras_fix="",
        before=1.0,
        after=0.0,
    )
    now = _with(entry, Climb(verdict="FAIL", rungs=[failed], causes=[cause]))

    lines = report.changes(COMMITTED, now)
    assert f"ViT: published: FAIL at loss, was {report.verdict(entry.published)}" in lines
    assert "ViT: published: new: loss at 'here': planted" in lines
    assert report.changes(COMMITTED, COMMITTED) == []


def test_data_are_shown_and_written_again_without_measuring(tmp_path: Path):
    data = tmp_path / "mine.json"
    data.write_text(report.data(COMMITTED))

    done = in_process("atlas", "--from", data, "--out", "page.md", folder=tmp_path)

    assert "GPT-2" in done.stdout
    assert "all as with" in done.stdout
    assert (tmp_path / "page.md").read_text() == PAGE.read_text()
    assert report.read(tmp_path / "page.json") == COMMITTED


def test_data_may_have_a_place_of_their_own(tmp_path: Path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/mine.json").write_text(report.data(COMMITTED))

    in_process("atlas", "--from", "kept/mine.json", "--out", "page.md", "--data", "kept/again.json", folder=tmp_path)

    assert report.read(tmp_path / "kept/again.json") == COMMITTED
    assert sorted(file.name for file in tmp_path.glob("*.*")) == ["page.md"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing"], "unknown architecture 'nothing'"),
        (["vit", "--tracks", "torch"], "expected Keras tracks"),
        (["vit", "--until", "moon"], "moon"),
        (["vit", "--out", "page.html"], "ends in .md"),
        (["vit", "--out", "page.md", "--data", "page.txt"], "ends in .json"),
        (["vit", "--data", "page.json"], "expected --out too"),
        (["--from", "nowhere.json"], "cannot read"),
    ],
)
def test_wrong_input_is_one_message(arguments: list[str], told: str, tmp_path: Path):
    assert told in _fails(*arguments, folder=tmp_path)


def test_data_of_other_versions_are_not_mixed_with_new_ones(tmp_path: Path):
    other = COMMITTED.setting.model_copy(update={"packages": {"keras": "0"}})
    (tmp_path / "page.json").write_text(report.data(COMMITTED.model_copy(update={"setting": other})))

    assert "measured with other versions" in _fails("vit", "--out", "page.md", folder=tmp_path)


def test_a_file_that_is_no_atlas_is_refused(tmp_path: Path):
    (tmp_path / "a.json").write_text('{"entries": 3}')

    assert "is not what `twotrack atlas --out` writes" in _fails("--from", "a.json", folder=tmp_path)


class _Module:
    """Has what a module of torch has."""

    name, rate = "front.dropout", 0.1

    def named_modules(self):
        return [("front.dropout", self)]


class _KerasOnTorch(_Module):
    """Is a module too, under names of another kind, as a keras.Model on PyTorch is."""

    def named_modules(self):
        return [("_layers.0", self)]

    def _flatten_layers(self):
        return [self]


@pytest.mark.parametrize("kind", [_Module, _KerasOnTorch])
@pytest.mark.parametrize(("ends", "rate"), [((".dropout",), 0.0), ((".other",), 0.1), ((), 0.0)])
def test_layers_are_changed_by_the_end_of_their_names(kind: type, ends: tuple[str, ...], rate: float):
    model = kind()

    Layers({"rate": 0.0}, ends=ends)(model)

    assert model.rate == rate
