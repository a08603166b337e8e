"""The outcome of the ladder as a record that a report can show."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import Field, ValidationError

from twotrack.shared import datasets
from twotrack.shared.base import ordinary
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError, first_error
from twotrack.shared.report.pages import write_file
from twotrack.shared.runs.records import Job
from twotrack.shared.spec.changes import Change
from twotrack.shared.spec.sides import Words
from twotrack.shared.verify.diagnosis.cause import Cause
from twotrack.shared.verify.diagnosis.facts import Facts
from twotrack.shared.verify.diagnosis.picture import Picture
from twotrack.shared.verify.ladder import TrackResult
from twotrack.shared.verify.lower_precision import PrecisionEvidence
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.rungs.precision import InPrecision

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
    stopped: str
    """Why the search ended before its time; empty if it did not."""


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
    notes: list[str] = Field(default_factory=list)
    """How was compared, where the model's own code says otherwise."""
    own: str = ""


class QuantityRecord(FrozenRecord):
    """As twotrack.shared.verify.lower_precision.Quantity."""

    kind: str
    name: str
    error: float
    bound: float
    largest_error: float
    largest_bound: float
    is_lost: bool = False
    is_flushed: bool = False
    steps_of: str = ""
    is_half_sum: bool = False
    ratio: float
    """Error over bound; at most 1 for what is only rounding."""


class ComputedRecord(FrozenRecord):
    """As twotrack.shared.precision.computing.Computed."""

    precision: str
    layer: str
    place: str
    operations: list[str]
    count: int
    computes: bool
    largest: float


class SidePrecision(FrozenRecord):
    """As twotrack.shared.verify.lower_precision.PrecisionEvidence."""

    side: str
    """What the side is called."""
    refused: str
    draws: int
    quantities: list[QuantityRecord]
    computed: list[ComputedRecord]


class PrecisionRecord(FrozenRecord):
    """Both sides in one precision."""

    arithmetic: str
    sides: list[SidePrecision]


class ClimbedTrack(FrozenRecord):
    """How far one side climbed, the reference beside it."""

    track: str
    """What it is called: its track, and its build function where the pair has two of one framework."""
    words: Words = Words()
    """What messages call both sides."""
    passed: bool
    verdict: str
    """PASS; PASS, except; or FAIL."""
    certificate: CertificateRecord
    rungs: list[Rung]
    layers: list[Layer]
    isolated: str
    parting: str = ""
    """The first operation by which the forward passes part, with its place in both sides' code."""
    causes: list[CauseRecord]
    left: str
    """What still fails with all proved causes removed; empty if nothing does."""
    suggestions: list[Suggestion]
    facts: list[Facts]
    """What both sides say at the place of the failure, then where they fail with all proved causes removed."""
    picture: Picture | None
    """Where in a tensor the failure is."""
    map_notes: list[str] = Field(default_factory=list)
    """What there is to say of a weight map that was searched for."""
    precisions: list[PrecisionRecord] = Field(default_factory=list)
    """What both sides did in lower precisions."""


class LadderRecord(FrozenRecord):
    """What `verify --json` prints, and ladder.json."""

    subject: str
    settings: dict[str, str]
    recipe: str
    passed: bool
    tracks: list[ClimbedTrack]


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
                words=result.words,
                passed=result.passed,
                verdict=result.verdict,
                certificate=CertificateRecord.model_validate(asdict(result.certificate)),
                rungs=[_rung_record(rung) for rung in result.rungs],
                layers=[Layer(**asdict(layer)) for layer in result.layers],
                isolated=result.isolated,
                parting=result.parting,
                causes=[_cause_record(cause) for cause in result.diagnosis.causes],
                left=result.diagnosis.last.detail if result.diagnosis.last else "",
                suggestions=[
                    Suggestion(name=entry.name, keras=entry.keras.default, torch=entry.torch.default, fix=entry.fix)
                    for entry in result.suggestions
                ],
                facts=result.facts,
                picture=result.picture,
                map_notes=list(result.notes),
                precisions=[_precision_record(one, result.words) for one in result.precisions],
            )
            for result in results
        ],
    )


def _precision_record(found: InPrecision, words: Words) -> PrecisionRecord:
    sides = ((words.reference, found.torch), (words.candidate, found.keras))
    return PrecisionRecord(arithmetic=found.arithmetic, sides=[_side_precision(*side) for side in sides])


def _side_precision(name: str, found: PrecisionEvidence) -> SidePrecision:
    return SidePrecision(
        side=name,
        refused=found.refused,
        draws=found.draws,
        quantities=[QuantityRecord(**asdict(one), ratio=one.ratio) for one in found.quantities],
        computed=[ComputedRecord(**asdict(one)) for one in found.computed],
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
        return LadderRecord.model_validate(json.loads(ordinary.text_of(path)))
    except OSError as error:
        raise UserError(f"cannot read '{path}': {(error.strerror or str(error)).lower()}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
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
