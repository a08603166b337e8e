"""What computes a run: twotrack's code and the packages below it, which must be the same where bits shall be."""

import hashlib
import json
import os
from functools import cache

from twotrack.shared import __version__
from twotrack.shared.base.packages import folder_of
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError
from twotrack.shared.workers.environment import versions

_PACKAGES = ("twotrack.shared", "twotrack.keras_track", "twotrack.torch_track")


class Software(FrozenRecord):
    """The software of one machine."""

    twotrack: str
    code: str
    """SHA-256 of the source files of twotrack."""
    packages: dict[str, str]
    """Versions of those that matter."""

    def require_here(self) -> None:
        """Raise UserError if this machine's is another one."""
        here = software()
        then = {"twotrack": self.twotrack, "twotrack's code": self.code, **self.packages}
        now = {"twotrack": here.twotrack, "twotrack's code": here.code, **here.packages}
        for name in [*then, *(now.keys() - then)]:
            if then.get(name) != now.get(name):
                raise UserError(
                    f"a node has other software: expected {name} {then.get(name)}, found {now.get(name)}; "
                    "install the same on all nodes."
                )


def software() -> Software:
    """Return the software of this machine."""
    return Software(twotrack=__version__, code=code(), packages=versions())


@cache
def code() -> str:
    """Return the SHA-256 of twotrack's Python files, which a version number in development does not tell apart."""
    digest = hashlib.sha256()
    roots = {package: root for package in _PACKAGES if (root := folder_of(package))}
    for package, root in roots.items():
        for file in sorted(root.rglob("*.py")):
            digest.update(json.dumps([package, os.fspath(file.relative_to(root))]).encode() + file.read_bytes())
    return digest.hexdigest()
