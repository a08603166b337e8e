"""The current folder is no place to load code from, unless the user names a module in it."""

import os
from pathlib import Path

import pytest

from tests.packaging.projects import add_traps, project
from tests.support.command_line import Done, python, twotrack
from twotrack.shared.workers.processes import worker_environment

FINDER = """
import sys
from pathlib import Path
from twotrack.shared.verify import user_modules

folder = Path(sys.argv[1])
"""


OPTIONAL = """
def extra():
    try:
        import optional
    except ImportError:
        return None
    return optional
"""


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    folder = project(tmp_path / "traps")
    add_traps(folder)
    return folder


def in_worker(code: str, folder: Path) -> Done:
    """Run code as in a worker: in the folder, which is not on the path."""
    return python(FINDER + code, folder, folder=folder, PYTHONSAFEPATH="1")


def test_list_loads_nothing_from_a_folder_full_of_traps(traps: Path) -> None:
    assert "mnist_cnn" in twotrack("list", folder=traps).stdout


def test_doctor_imports_every_framework_in_a_folder_full_of_traps(traps: Path) -> None:
    tracks = twotrack("doctor", "--json", folder=traps).json()["tracks"]
    assert [track["track"] for track in tracks if not track["usable"]] == []


def test_a_pair_that_is_named_finds_its_siblings_and_the_real_frameworks_among_traps(traps: Path) -> None:
    done = twotrack("verify", "my_pair:PAIR", "--tracks", "keras:jax", "--until", "forward", "--json", folder=traps)
    assert done.json()["passed"]


def test_a_library_never_finds_a_file_of_the_folder(tmp_path: Path) -> None:
    library = tmp_path / "site/library.py"
    library.parent.mkdir()
    library.write_text(OPTIONAL)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mine.py").write_text("import library\nFOUND = library.extra()\nimport optional\n")
    (folder / "optional.py").write_text("")
    path = f"sys.path.append({str(library.parent)!r})\n"

    done = in_worker(path + "print(user_modules.import_named('mine', [folder]).FOUND)", folder)
    assert done.stdout == "None\n"


@pytest.mark.parametrize("name", ["json", "numpy"])
def test_a_file_of_the_folder_never_stands_in_for_the_standard_library_or_a_requirement(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "mine.py").write_text(f"import {name}\nFILE = {name}.__file__\n")
    (tmp_path / f"{name}.py").write_text("")

    unload = f"for loaded in [one for one in sys.modules if one.split('.')[0] == '{name}']: del sys.modules[loaded]\n"
    done = in_worker(unload + "print(user_modules.import_named('mine', [folder]).FILE)", tmp_path)
    assert str(tmp_path) not in done.stdout


def test_a_file_of_the_folder_comes_before_another_installed_package_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/utils.py").write_text("FROM = 'installed'\n")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "utils.py").write_text("FROM = 'beside'\n")
    (folder / "mine.py").write_text("import utils\n")
    path = f"sys.path.append({str(tmp_path / 'site')!r})\n"

    done = in_worker(path + "print(user_modules.import_named('mine', [folder]).utils.FROM)", folder)
    assert done.stdout == "beside\n"


def test_a_pair_that_is_not_there_is_looked_for_in_the_file_that_the_message_names(tmp_path: Path) -> None:
    (tmp_path / "my_pair.py").write_text("PAIR = 1\n")
    done = twotrack("verify", "my_pair:PAIR", "--tracks", "keras:torch", folder=tmp_path, check=False)
    expected = f"'my_pair:PAIR': expected a twotrack.Pair named 'PAIR' in {tmp_path}/my_pair.py, found a int."
    assert (done.code, done.error_line) == (2, f"error: {expected}")


def test_an_empty_part_of_pythonpath_is_not_the_current_folder_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "/named", ".", ""]))
    environment = worker_environment(None, "cpu", None)
    assert environment["PYTHONPATH"] == os.pathsep.join(["/named", "."])
    assert environment["PYTHONSAFEPATH"] == "1"
