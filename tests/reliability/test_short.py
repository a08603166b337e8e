"""A little of the campaign: damaged inputs, kills, full disks, a loss of power, a system in trouble, a history."""

import shutil
from pathlib import Path

import pytest

from tests.reliability import commands, disks, histories, inputs, kills, system
from tests.reliability.mutation import damage
from tests.reliability.tally import Tally


@pytest.fixture
def tally() -> Tally:
    return Tally()


def test_a_seed_and_a_number_give_the_same_damage_again():
    assert damage(b"content" * 9, 1, 2) == damage(b"content" * 9, 1, 2) != damage(b"content" * 9, 1, 3)


def test_a_reader_that_fails_or_believes_is_counted_as_wrong(tally: Tally):
    for failure in (KeyError("x"), AssertionError("believed"), MemoryError()):

        def read(failure: BaseException = failure) -> None:
            raise failure

        tally.read("kind", damage(b"x", 0, 0), read)

    assert len(tally.wrong) == 3


def test_damaged_inputs_are_read_as_they_were_or_refused(tally: Tally, tmp_path: Path):
    inputs.damage_inputs(tally, 250, 7, tmp_path)

    assert tally.wrong == []
    assert {row.tried > 0 for row in tally.rows.values()} == {True}


def test_a_killed_conversion_leaves_nothing_false_and_is_done_again(tally: Tally, tmp_path: Path):
    kills.kill(tally, {"data": 2}, 7, tmp_path)

    assert tally.wrong == []


def test_a_full_disk_is_one_message_and_leaves_nothing_false(tally: Tally, tmp_path: Path):
    disks.fill(tally, {"data": 1}, 7, tmp_path)

    assert tally.wrong == []


@pytest.mark.skipif(not shutil.which("strace"), reason="it is strace that sees what is synced")
def test_what_gets_its_name_was_synced(tally: Tally, tmp_path: Path):
    disks.cut_power(tally, ["data"], tmp_path)

    assert tally.wrong == []
    assert sum(row.right for row in tally.rows.values()) >= 1


def test_every_command_is_watched():
    assert commands.COMMANDS.keys() == set(commands.names())


def test_a_command_neither_runs_a_file_of_the_folder_nor_opens_a_connection(tally: Tally, tmp_path: Path):
    commands.watch(tally, commands.LIGHT, tmp_path, is_trained=False)

    assert tally.wrong == []


def test_a_command_in_trouble_with_the_system_is_right_or_says_so_in_one_line(tally: Tally, tmp_path: Path):
    names = ("few descriptors", "closed folder", "protected at work")
    system.trouble(tally, ["logs"], names, 7, tmp_path, is_trained=False)

    assert tally.wrong == []
    assert tally.rows["commands, closed folder"].refused == 1


def test_commands_at_once_on_one_folder_leave_nothing_false(tally: Tally, tmp_path: Path):
    histories.live(tally, 1, 7, tmp_path, ("run", "report", "runs"), steps=4, is_trained=False)

    assert tally.wrong == []
