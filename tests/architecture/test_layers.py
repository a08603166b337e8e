"""The layers of the product code, drawn from its imports: nothing points upward, nothing goes in a circle."""

from functools import cache

import pytest

from tests.architecture import imports
from tests.architecture.imports import (
    PACKAGE,
    SHARED,
    Arrow,
    arrows,
    arrows_of,
    below_shared,
    between_rooms,
    circle,
    room_of,
)
from tests.architecture.layers import ABOVE_THE_TRACKS, DOOR, ROOMS

FILES = imports.modules()
TRACKS = (f"{PACKAGE}.keras_track", f"{PACKAGE}.torch_track")


@cache
def _arrows() -> list[Arrow]:
    return arrows(FILES)


def test_every_module_of_shared_is_in_a_room_and_the_table_names_no_other():
    names = {below_shared(module) for module in FILES if module.startswith(SHARED)}

    assert {room_of(module) for module in FILES if module.startswith(SHARED)} == set(ROOMS)
    assert {name for listed in ROOMS.values() for name in listed} <= names


def test_no_module_is_in_two_rooms():
    listed = [name for names in ROOMS.values() for name in names]

    assert len(listed) == len(set(listed))


def test_no_import_points_upward():
    assert imports.upward(_arrows()) == set(), "import from a lower room, or move what is needed down"


def test_no_rooms_import_each_other_in_a_circle():
    assert circle({pair for pair in between_rooms(_arrows()) if set(pair) <= set(ROOMS)}) == []


def test_shared_imports_a_track_through_one_door():
    importers = {
        arrow.importer for arrow in _arrows() if arrow.importer.startswith(SHARED) and room_of(arrow.imported) in TRACKS
    }

    assert importers == {DOOR}


def test_a_track_imports_neither_the_other_nor_what_is_above_it():
    reached = {
        (room_of(arrow.importer), room_of(arrow.imported)) for arrow in _arrows() if room_of(arrow.importer) in TRACKS
    }

    assert {(track, room) for track, room in reached if room in {*TRACKS, *ABOVE_THE_TRACKS} - {track}} == set()


@pytest.mark.parametrize(
    ("source", "for_types"),
    [
        ("from twotrack.shared import cli", False),
        ("import twotrack.shared.cli", False),
        ("from twotrack.shared.cli import main", False),
        ("def f():\n    from twotrack.shared.cli import main", False),
        ("module = importlib.import_module('twotrack.shared.cli')", False),
        ("TASK = 'twotrack.shared.cli:main'", False),
        ("if TYPE_CHECKING:\n    from twotrack.shared.cli import main", True),
        ("if TYPE_CHECKING:\n    import os\nelse:\n    from twotrack.shared.cli import main", False),
    ],
)
def test_every_way_to_import_is_seen(source: str, for_types: bool):
    planted = arrows_of("twotrack.shared.errors", source, FILES)

    assert planted == [Arrow("twotrack.shared.errors", "twotrack.shared.cli", for_types)]
    assert imports.upward(planted) == {("errors", "cli")}


def test_a_circle_is_found_wherever_it_is():
    chain = {("a", "b"), ("b", "c"), ("c", "d")}

    assert circle(chain) == []
    assert circle(chain | {("d", "b")}) == ["b", "c", "d"]
