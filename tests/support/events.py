"""Event files as TensorBoard itself reads them."""

import sys
from pathlib import Path
from types import ModuleType

import pytest


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return (step, value) by tag, of the event files in `folder`."""
    with pytest.MonkeyPatch.context() as patched:
        # TensorBoard's own mark of an installation without TensorFlow: this process imports no framework.
        patched.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        read = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        return {tag: [(one.step, one.value) for one in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
