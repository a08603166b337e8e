"""Garbage is not looked for among what a worker has imported, and none is kept with it."""

from pathlib import Path

from tests.support import command_line

CODE = """
import gc, sys, types, weakref
from twotrack.shared.base.memory import Imports

class Model:
    def __init__(self):
        self.circle = self

gc.disable()
imports, gone = Imports(), weakref.ref(Model())
imports.keep()
first = gc.get_freeze_count()
later = Model()
imports.keep()
same = gc.get_freeze_count() <= first
sys.modules |= {f"new{number}": types.ModuleType(f"new{number}") for number in range(200)}
imports.keep()
print(first > 1000, gone() is None, same, gc.get_freeze_count() > first)
"""


def test_it_is_kept_once_and_again_after_many_imports_and_garbage_goes_before(tmp_path: Path) -> None:
    assert command_line.python(CODE, folder=tmp_path).stdout.split() == ["True"] * 4
