"""Folders of a user's own: a project with packages of the same names as twotrack's folders, and one full of traps."""

from pathlib import Path

PAIR = """
from twotrack import Pair

from shared.sizes import SIZE


def keras_build():
    import keras

    import later

    return keras.Sequential([keras.Input((SIZE,)), keras.layers.Dense(later.UNITS, name="out")])


def torch_build():
    from collections import OrderedDict

    from torch import nn

    import later

    return nn.Sequential(OrderedDict(out=nn.Linear(SIZE, later.UNITS)))


PAIR = Pair(keras=keras_build, torch=torch_build, input_shape=(SIZE,))
"""
"""Its module imports a sibling at once, and another one only when its functions are called."""
TRAPS = ("torch", "keras", "tensorflow", "jax", "numpy", "yaml", "random", "apex", "pydantic", "cupy", "typing")
PACKAGES = ("keras_track", "torch_track", "twotrack")


def project(folder: Path) -> Path:
    """Write a project with a pair in my_pair.py, and a package `shared` of its own with content."""
    (folder / "shared").mkdir(parents=True)
    (folder / "shared/__init__.py").write_text("")
    (folder / "shared/sizes.py").write_text("SIZE = 4\n")
    (folder / "later.py").write_text("UNITS = 3\n")
    (folder / "my_pair.py").write_text(PAIR)
    return folder


def add_traps(folder: Path) -> None:
    """Add files that raise when they are imported, under names that libraries import, if only to see what is there."""
    for name in TRAPS:
        (folder / f"{name}.py").write_text(f"raise RuntimeError('{name}.py of the current folder was imported')\n")
    for name in PACKAGES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('{name}/ was imported')\n")
