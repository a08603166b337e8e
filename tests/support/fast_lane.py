"""The fast lane, `pytest --fast`: the tests that need no framework, told by what they do and not by a list.

Frameworks are imported in worker processes and in commands of their own, never in pytest's own process. So a test can
need one only if it takes the fixture `workers`, alone or through another fixture, or starts a Python process.
"""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest


class FastLane:
    """A plugin that leaves out what needs a framework: by fixture before it runs, else when it starts a process."""

    def __init__(self) -> None:
        self._in_a_test = False
        sys.addaudithook(self._skip_what_starts_python)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out the tests that take a worker, and lengthy ones."""
        left_out = {item for item in items if "workers" in getattr(item, "fixturenames", ())}
        left_out |= {item for item in items if item.get_closest_marker("lengthy")}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Note that a test runs: what starts Python outside of tests is pytest-xdist."""
        self._in_a_test = True
        try:
            return (yield)
        finally:
            self._in_a_test = False

    def _skip_what_starts_python(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._in_a_test and event == "subprocess.Popen" and runs_python(Path(str(arguments[0]))):
            pytest.skip("not in the fast lane: starts a Python process")


def runs_python(program: Path) -> bool:
    """Tell whether a program is a Python interpreter or, such as `twotrack`, a script of this environment."""
    return program.name.startswith("python") or program.parent == Path(sys.executable).parent
