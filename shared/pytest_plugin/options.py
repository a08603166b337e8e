"""The options of the plugin, as the command line and the configuration file give them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Options:
    """What holds for every test that does not say otherwise."""

    tracks: tuple[str, ...] | None
    """None for every installed one."""
    until: str
    strict: bool
    report: Path | None
    """Where failed tests leave a folder each."""
    skips_missing: bool
    """A test is skipped where a framework that it needs is not installed."""


def options(config: pytest.Config) -> Options:
    """Return the options; pytest.UsageError for one that cannot be."""
    tracks, until, report, missing = (_given(config, name) for name in ("tracks", "until", "report", "missing"))
    if missing not in ("", "error", "skip"):
        raise pytest.UsageError(f"twotrack_missing: expected error or skip, found '{missing}'.")
    named = tuple(track.strip() for track in tracks.split(",") if track.strip())
    return Options(
        tracks=None if tracks in ("", "all") else named,
        until=until or "accuracy",
        strict=bool(_given(config, "strict")),
        report=_folder(config, report),
        skips_missing=missing == "skip",
    )


def _given(config: pytest.Config, name: str) -> Any:
    """Return what the command line says, else the configuration file."""
    value = config.getoption(f"--twotrack-{name}")
    return config.getini(f"twotrack_{name}") if value is None else value


def _folder(config: pytest.Config, report: str) -> Path | None:
    """Return the folder: a relative one is seen from where pytest was started, in a configuration file from there."""
    if not report:
        return None
    if config.getoption("--twotrack-report") is not None:
        return config.invocation_params.dir / report
    return (config.inipath.parent if config.inipath else config.rootpath) / report
