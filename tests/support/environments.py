"""Virtual environments that hold some of the packages installed here and nothing else, made without a network.

Every package is linked with all that it requires, as pip would install it.
"""

import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def environment(folder: Path, *packages: str) -> Path:
    """Make an environment with these packages; return its interpreter."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for name, found in _closure(packages).items():
        if name == "twotrack":
            _link_tree(site)
            continue
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            target = Path(str(found.locate_file(top)))
            if target.exists() and not (site / top).exists():
                (site / top).symlink_to(target)
    return folder / "bin" / "python"


def _link_tree(site: Path) -> None:
    """Link this tree's folders as setup.py maps them."""
    (site / "twotrack").mkdir()
    inside = [*(ROOT / "twotrack").glob("*.py"), *(ROOT / name for name in ("shared", "keras_track", "torch_track"))]
    for target in inside:
        (site / "twotrack" / target.name).symlink_to(target)
    metadata = site / "twotrack-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: twotrack\nVersion: 0\n")


def _closure(packages: tuple[str, ...]) -> dict[str, Distribution]:
    """Return the packages and all that they require here, by name."""
    found: dict[str, Distribution] = {}
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # a requirement that only other platforms have
            continue
        required = map(Requirement, found[name].requires or [])
        waiting += [one.name for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found
