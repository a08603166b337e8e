"""Two logs compared: every common metric, and the configurations."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.errors import UserError
from twotrack.shared.logs import configuration, groups, names, wording
from twotrack.shared.logs.alignment import align, positions_of
from twotrack.shared.logs.metric import examine_metric
from twotrack.shared.logs.names import Match
from twotrack.shared.logs.rates import difference
from twotrack.shared.logs.readers import read_log
from twotrack.shared.logs.result import LogsResult, MetricResult
from twotrack.shared.logs.series import Log, Series
from twotrack.shared.logs.settings import Settings, settings_of

FALSE_ALARMS = 0.01


@dataclass(frozen=True)
class Request:
    """What is to be compared, and how."""

    first: tuple[Path, ...]
    """Logs of one side: one, or repetitions of one training with other seeds."""
    second: tuple[Path, ...]
    metrics: tuple[str, ...] = ()
    """NAME or NAME=NAME; empty for all that both sides have."""
    settings: tuple[Path, Path] | None = None
    """Files of settings; None for those beside the logs."""
    along: str | None = None
    """step, epoch, examples or point; None for the one that fits."""
    false_alarms: float = FALSE_ALARMS


@dataclass(frozen=True)
class Curve:
    """A series as a picture shows it."""

    second: bool
    """Of the second side."""
    name: str
    positions: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Compared:
    """The result, and the curves that it is of."""

    result: LogsResult
    curves: dict[str, list[Curve]]
    """By metric."""


def compare(request: Request) -> Compared:
    """Read the logs and compare them; UserError for what cannot be read or has nothing in common."""
    if not 0 < request.false_alarms < 0.5:
        raise UserError(f"--false-alarms: expected a rate between 0 and 0.5, found {request.false_alarms:g}.")
    first, second = ([read_log(path) for path in side] for side in (request.first, request.second))
    ours, theirs = (_common_series(side) for side in (first, second))
    found = names.chosen(request.metrics, ours, theirs) if request.metrics else names.matches(ours, theirs)
    if not found:
        raise names.nothing_in_common(ours, theirs)
    files = request.settings or (None, None)
    settings = [settings_of(side[0], file) for side, file in zip((first, second), files, strict=True)]
    batch_sizes = tuple(configuration.batch_size(one) for one, _ in settings)
    noisy = sum(not names.is_rate(match.first) for match in found)
    level = request.false_alarms / max(noisy, 1)
    results = [_metric(match, first, second, (batch_sizes[0], batch_sizes[1]), level, request.along) for match in found]
    taken = {match.first for match in found}, {match.second for match in found}
    result = LogsResult(
        first=tuple(map(str, request.first)),
        second=tuple(map(str, request.second)),
        kinds=(first[0].kind, second[0].kind),
        false_alarms=request.false_alarms,
        metrics=tuple(results),
        first_only=tuple(sorted(set(ours) - taken[0])),
        second_only=tuple(sorted(set(theirs) - taken[1])),
        configuration=_configurations(settings),
    )
    return Compared(result, {one.metric: _curves(one, request, first, second, batch_sizes) for one in results})


def _curves(
    result: MetricResult,
    request: Request,
    first: Sequence[Log],
    second: Sequence[Log],
    batch_sizes: tuple[float | None, ...],
) -> list[Curve]:
    """Return every run's series on the axis on which they were compared."""
    sides = (
        (False, first, request.first, result.first_name, batch_sizes[0]),
        (True, second, request.second, result.second_name, batch_sizes[1]),
    )
    return [
        Curve(is_second, str(path), positions_of(log.series[name], result.along, size), log.series[name].values)
        for is_second, logs, paths, name, size in sides
        for log, path in zip(logs, paths, strict=True)
    ]


def _common_series(logs: Sequence[Log]) -> dict[str, Series]:
    """Return the series that every log of a side has, as the first has them."""
    return {name: series for name, series in logs[0].series.items() if all(name in log.series for log in logs)}


def _configurations(found: list[tuple[Settings, tuple[str, ...]]]) -> configuration.ConfigurationDifference:
    (first, first_sources), (second, second_sources) = found
    return configuration.compare(first, second, (first_sources, second_sources))


def _metric(
    match: Match,
    first: Sequence[Log],
    second: Sequence[Log],
    batch_sizes: tuple[float | None, float | None],
    level: float,
    along: str | None,
) -> MetricResult:
    ours, theirs = [log.series[match.first] for log in first], [log.series[match.second] for log in second]
    if len(ours) + len(theirs) > 2 and not names.is_rate(match.first):
        return groups.examine(match, ours, theirs, batch_sizes, level, along)
    aligned = align(ours[0], theirs[0], batch_sizes, along)
    digits = min(ours[0].digits, theirs[0].digits)
    if names.is_rate(match.first):
        return wording.rate(match, aligned, difference(aligned, digits) if len(aligned) else None)
    return examine_metric(match, aligned, digits, batch_sizes, level)
