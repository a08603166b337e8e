"""Virtual environments that hold some of the packages installed here and nothing else, made without a network.

Every package is linked with all that it requires, as pip would install it.
"""

import venv
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def environment(folder: Path, *packages: str) -> Path:
    """Make an environment with these packages; return its interpreter."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for found in _closure(packages).values():
        for top in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            target = Path(str(found.locate_file(top)))
            if target.exists() and not (site / top).exists():
                (site / top).symlink_to(target)
    return folder / "bin" / "python"


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
