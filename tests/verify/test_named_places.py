"""A module of the user's own is named as Python names it, or by its file."""

from pathlib import Path

import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.recordings.request import read_build
from twotrack.shared.verify.user_modules import import_named, place
from twotrack.shared.verify.user_pair import named

MORE = Path("/elsewhere")


def write(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    return file


def test_a_name_is_looked_for_in_the_current_folder_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert place("models.port", [MORE]) == ("models.port", (tmp_path, MORE))


def test_a_file_is_the_module_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "models" / "port.py")

    assert place("models/port.py", [MORE]) == ("port", (tmp_path / "models", tmp_path, MORE))
    assert place(str(tmp_path / "models" / "port.py"), []) == ("port", (tmp_path / "models", tmp_path))


def test_a_file_of_a_package_is_named_below_the_outermost(tmp_path: Path):
    for folder in ("net", "net/blocks"):
        write(tmp_path / folder / "__init__.py")
    file = write(tmp_path / "net" / "blocks" / "port.py")

    module, (first, *_) = place(str(file), [])

    assert (module, first) == ("net.blocks.port", tmp_path)


@pytest.mark.parametrize("read", [named, read_build])
def test_pairs_and_builds_may_be_named_by_their_file(read, tmp_path: Path):
    reference = read(f"{write(tmp_path / 'port.py')}:PAIR")

    assert (reference.label, reference.folders[0]) == ("port:PAIR", tmp_path)


@pytest.mark.parametrize("read", [named, read_build])
def test_a_file_that_is_not_there_is_refused(read, tmp_path: Path):
    with pytest.raises(UserError, match=r"expected a module or its file, found '.*port\.py', which is no file"):
        read(f"{tmp_path / 'port.py'}:PAIR")


def test_importing_leaves_nothing_beside_the_users_files(tmp_path: Path):
    """A disk that is full cuts what Python compiles, and a cut file keeps the module from being imported."""
    write(tmp_path / "net_that_is_left_alone" / "__init__.py")
    write(tmp_path / "net_that_is_left_alone" / "block.py")
    before = sorted(tmp_path.rglob("*"))

    import_named("net_that_is_left_alone.block", [tmp_path])

    assert sorted(tmp_path.rglob("*")) == before
