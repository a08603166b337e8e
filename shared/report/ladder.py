"""The outcome of the ladder as text, and as a record that a report can show."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from twotrack.shared import datasets
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.report.pages import write_file
from twotrack.shared.runs.records import Job
from twotrack.shared.spec.changes import Change
from twotrack.shared.verify.certificate import Verdict
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.request import RUNGS, VerifyRequest
from twotrack.shared.verify.result import RungResult

SHOWN_CAUSES = 3
FILE = "ladder.json"
"""In the folder of a comparison, where the report finds it."""


class Rung(FrozenRecord):
    """What one rung found; as twotrack.shared.verify.result.RungResult."""

    rung: str
    passed: bool
    detail: str
    difference: float | None
    difference32: float | None
    limit: float | None
    place: str
    where: str
    layer_inputs_agree: bool | None


class Layer(FrozenRecord):
    """Forward difference of one layer; as twotrack.shared.verify.rungs.forward.LayerDifference."""

    path: str
    kind: str
    float64: float
    float32: float | None


class Suggestion(FrozenRecord):
    """An entry of the ledger that may explain a failure."""

    name: str
    keras: str
    torch: str
    fix: str


class CauseRecord(FrozenRecord):
    """As twotrack.shared.verify.diagnosis.cause.Cause."""

    status: str
    rung: str
    where: str
    what: str
    torch_fix: str
    keras_fix: str
    before: float | None
    after: float | None
    tried: int
    entry: str
    """Name of the ledger's entry on this; empty if there is none."""
    changes: list[Change]
    """Made to torch's side in memory."""


class GapRecord(FrozenRecord):
    """What could hide a difference; as twotrack.shared.verify.result.Gap."""

    kind: str
    where: str
    detail: str


class CertificateRecord(FrozenRecord):
    """What was compared; as twotrack.shared.verify.certificate.Certificate."""

    counts: dict[str, int]
    ranges: dict[str, tuple[float, float]]
    gaps: list[GapRecord]


class ClimbedTrack(FrozenRecord):
    """How far one Keras track climbed, torch beside it."""

    track: str
    passed: bool
    verdict: str
    """PASS; PASS, except; or FAIL."""
    certificate: CertificateRecord
    rungs: list[Rung]
    layers: list[Layer]
    isolated: str
    causes: list[CauseRecord]
    left: str
    """What still fails with all proved causes removed; empty if nothing does."""
    suggestions: list[Suggestion]


class LadderRecord(FrozenRecord):
    """What `verify --json` prints, and ladder.json."""

    subject: str
    settings: dict[str, str]
    recipe: str
    passed: bool
    tracks: list[ClimbedTrack]


def ladder_text(request: VerifyRequest, results: Sequence[TrackResult]) -> str:
    """Return a table of rungs per track, and what failed."""
    settings = "".join(f", {key}={value}" for key, value in request.settings.items())
    lines = [f"{request.name}{settings}: torch against {', '.join(result.track for result in results)}", ""]
    for result in results:
        lines += [f"{result.track}", *(_row(verdict) for verdict in result.rungs), *_failure(result)]
        lines += [*_certificate(result), ""]
    passed, excepted = sum(result.passed for result in results), sum(map(_is_excepted, results))
    exceptions = f", {excepted} of them with exceptions" if excepted else ""
    return "\n".join([*lines, f"{passed} of {len(results)} tracks passed every rung{exceptions}"])


def _is_excepted(result: TrackResult) -> bool:
    return result.verdict is Verdict.EXCEPT


def _row(verdict: RungResult) -> str:
    figures = ""
    if verdict.difference is not None:
        figures = f"{verdict.difference:.1e} of {verdict.limit:.0e}"
        figures += f" (float32 {verdict.difference32:.0e})" if verdict.difference32 is not None else ""
    mark = "pass" if verdict.passed else "FAIL"
    return f"  {mark}  {verdict.rung:<11}{figures:<36}{verdict.detail}"


def _failure(result: TrackResult) -> list[str]:
    if result.passed:
        return []
    climbed = {verdict.rung for verdict in result.rungs}
    lines = [f"        not reached: {', '.join(rung for rung in RUNGS if rung not in climbed)}"]
    if result.isolated:
        lines.append(f"        {result.isolated}")
    for number, cause in enumerate(result.diagnosis.causes, start=1):
        place = f" at '{cause.where}'" if cause.where else ""
        lines.append(f"        cause {number}, {cause.status}, of {cause.rung}{place}: {cause.text}")
        if cause.torch_fix:
            lines.append(f"          in torch: {cause.torch_fix}")
            lines.append(f"          or in Keras: {cause.keras_fix}")
    lines += _behind(result)
    for number, entry in enumerate(result.suggestions[:SHOWN_CAUSES], start=1):
        sides = f"Keras: {entry.keras.default}; torch: {entry.torch.default}"
        lines.append(f"        not proved, but known to differ {number}: {entry.name} ({sides})")
        lines.append(f"          to make them equal: {entry.fix}")
    return lines


def _behind(result: TrackResult) -> list[str]:
    """Say what is left once the proved causes are removed."""
    proved = [cause for cause in result.diagnosis.causes if cause.status is Status.PROVED]
    if not proved:
        return []
    removed = f"with {'that' if len(proved) == 1 else f'all {len(proved)}'} removed"
    left = result.diagnosis.last
    if left is None:
        return [f"        {removed}, every rung passes"]
    return [f"        {removed}, {left.rung} fails: {left.detail}"]


def _certificate(result: TrackResult) -> list[str]:
    """Return the verdict, what was compared, and every exception."""
    if not result.passed:
        return []
    certificate = result.certificate
    compared = ", ".join(f"{count:,} {name}" for name, count in certificate.counts.items())
    lines = [f"  {result.verdict}{':' if certificate.gaps else ''}"]
    lines += [f"    {gap.kind}: {gap.where}: {gap.detail}" for gap in certificate.gaps]
    return [*lines, f"  compared: {compared}"]


def ladder_record(request: VerifyRequest, results: Sequence[TrackResult]) -> LadderRecord:
    """Return the outcome as a record, which `verify --json` prints."""
    return LadderRecord(
        subject=request.name,
        settings=dict(request.settings),
        recipe=request.recipe,
        passed=all(result.passed for result in results),
        tracks=[
            ClimbedTrack(
                track=result.track,
                passed=result.passed,
                verdict=result.verdict,
                certificate=CertificateRecord.model_validate(asdict(result.certificate)),
                rungs=[_rung_record(rung) for rung in result.rungs],
                layers=[Layer(**asdict(layer)) for layer in result.layers],
                isolated=result.isolated,
                causes=[_cause_record(cause) for cause in result.diagnosis.causes],
                left=result.diagnosis.last.detail if result.diagnosis.last else "",
                suggestions=[
                    Suggestion(name=entry.name, keras=entry.keras.default, torch=entry.torch.default, fix=entry.fix)
                    for entry in result.suggestions
                ],
            )
            for result in results
        ],
    )


def _cause_record(cause: Cause) -> CauseRecord:
    plain = {name: getattr(cause, name) for name in CauseRecord.model_fields if name not in {"entry", "changes"}}
    return CauseRecord(**plain, entry=cause.entry.name if cause.entry else "", changes=list(cause.changes))


def _rung_record(result: RungResult) -> Rung:
    """Return a rung's record; what it covered stands in the certificate."""
    return Rung(**{name: value for name, value in asdict(result).items() if name in Rung.model_fields})


def write_ladder(path: Path, record: LadderRecord) -> Path:
    """Write the record; UserError if that is not possible."""
    return write_file(path, json.dumps(record.model_dump(), indent=2) + "\n")


def read_ladder(path: Path) -> LadderRecord:
    """Read what `verify --json` printed or `compare --verify` left; UserError if it is something else."""
    try:
        return LadderRecord.model_validate(json.loads(path.read_text()))
    except OSError as error:
        raise UserError(f"cannot read '{path}': {(error.strerror or str(error)).lower()}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' is not what 'verify --json' prints: {error}.") from error
    except ValidationError as error:
        raise UserError(f"'{path}' is not what 'verify --json' prints: {first_error(error)}.") from error


def find_ladder(folders: Sequence[Path]) -> LadderRecord | None:
    """Return the record that `compare --verify` left in one of the folders, if any."""
    files = [folder / FILE for folder in folders if (folder / FILE).is_file()]
    if len(files) > 1:
        raise UserError(f"'{files[0]}' and '{files[1]}' are two verifications; name the one to show with --ladder.")
    return read_ladder(files[0]) if files else None


def require_of(record: LadderRecord, job: Job) -> None:
    """Raise UserError unless the ladder verified the model and the recipe that the job trained."""
    own_data = job.source.name != datasets.EMBEDDED
    # Own data may bring settings of their own, such as the number of classes; the ladder feeds the embedded data.
    trained = {key: value for key, value in job.settings.items() if key in record.settings or not own_data}
    for what, verified, expected in (
        ("chapter", record.subject, job.chapter),
        ("recipe", record.recipe, job.recipe),
        ("settings", record.settings, trained),
    ):
        if verified != expected:
            raise UserError(
                f"the verification is of another model than the runs: its {what} is {verified}, theirs {expected}; "
                "verify the chapter with the options of the runs."
            )
