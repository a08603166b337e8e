"""The page of a verification that stands alone: of a user's pair, or of a chapter that was not trained."""

from pathlib import Path
from typing import Any

from twotrack.shared.report.causes import Side
from twotrack.shared.report.ladder import ClimbedTrack, LadderRecord
from twotrack.shared.report.pages import render, write_file
from twotrack.shared.verify.request import RUNGS


def write_page(record: LadderRecord, page: Path, fix: Side | None = None) -> Path:
    """Write the page, which appears whole or not at all; UserError if it cannot be written."""
    return write_file(page, page_text(record, fix))


def page_text(record: LadderRecord, fix: Side | None = None) -> str:
    """Return the page as HTML."""
    return render("verify.html.j2", verdict=_verdict(record), **context(record, fix))


def context(ladder: LadderRecord | None, fix: Side | None = None) -> dict[str, Any]:
    """Return what the template of the ladder shows."""
    from twotrack.shared.report import causes, pictures, plots

    return {
        "ladder": ladder,
        "rung_names": RUNGS,
        "divergence": plots.divergence(ladder) if ladder else None,
        "pictures": _pictures(ladder, pictures.drawn) if ladder else {},
        "evidence": causes.evidence,
        "shortened": causes.shortened,
        "value": causes.value,
        "states": causes.STATUS,
        "made_equal": causes.MADE_EQUAL,
        "fix": fix,
    }


def _pictures(ladder: LadderRecord, draw: Any) -> dict[str, Any]:
    return {climbed.track: draw(climbed.picture, climbed.track) for climbed in ladder.tracks if climbed.picture}


def _verdict(record: LadderRecord) -> str:
    """Return one sentence on all tracks."""
    wrong = [climbed for climbed in record.tracks if not climbed.passed]
    if not wrong:
        some = any(climbed.certificate.gaps for climbed in record.tracks)
        return f"One model, on {_listed(record.tracks)}{', except for what is named below' if some else ''}."
    failed = "; ".join(f"{climbed.track} at {climbed.rungs[-1].rung}" for climbed in wrong)
    return f"Not the same model: {failed}. {_explained(wrong)}"


def _listed(tracks: list[ClimbedTrack]) -> str:
    return ", ".join(climbed.track for climbed in tracks)


def _explained(wrong: list[ClimbedTrack]) -> str:
    proved = [cause for climbed in wrong for cause in climbed.causes if cause.status == "proved"]
    if all(climbed.causes and not climbed.left for climbed in wrong):
        return "The causes below are proved, and explain all of it."
    return "The causes below explain a part of it." if proved else "No cause is proved."
