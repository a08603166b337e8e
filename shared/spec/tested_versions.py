"""The versions of the frameworks that twotrack is tested with: one table, for `doctor` and a warning."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version


class UntestedVersionWarning(UserWarning):
    """An installed framework is older or newer than those that twotrack is tested with."""


@dataclass(frozen=True)
class VersionRange:
    """A range of versions of one package."""

    package: str
    lowest: str
    """The lower bound in pyproject.toml too."""
    below: str
    """The first that is not tested; it may have changed a private part that twotrack uses."""

    @property
    def text(self) -> str:
        """The range in words."""
        return f"{self.lowest} to below {self.below}"

    @property
    def installed(self) -> str | None:
        """The installed version, if there is one."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    @property
    def problem(self) -> str:
        """What is to be said of the installed version; empty if it is in the range, or if there is none."""
        from packaging.version import Version  # slower to import than `twotrack list` has time for

        installed = self.installed
        if installed is None or Version(self.lowest) <= Version(installed) < Version(self.below):
            return ""
        return (
            f"{self.package} {installed} is outside the versions that twotrack is tested with, {self.text}: something "
            f"may fail for that reason alone; to be sure, pip install '{self.package}>={self.lowest},<{self.below}'"
        )


TESTED = {
    tested.package: tested
    for tested in (
        VersionRange("keras", "3.13.2", "3.16"),
        VersionRange("tensorflow", "2.21", "2.22"),
        VersionRange("jax", "0.9.2", "0.11"),
        VersionRange("torch", "2.13", "2.14"),
    )
}


def warn_if_untested(packages: Iterable[str]) -> None:
    """Warn, once in a process, of each installed package whose version is outside the tested range."""
    for package in packages:
        _warn_if_untested(package)


@cache
def _warn_if_untested(package: str) -> None:
    if package in TESTED and (problem := TESTED[package].problem):
        warnings.warn(problem, UntestedVersionWarning, stacklevel=2)
