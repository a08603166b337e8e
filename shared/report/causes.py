"""What is known of why two sides differ, in lines of text."""

import re
from collections.abc import Sequence
from math import isfinite
from typing import Any, Literal

from twotrack.shared.ledger.spec import Difference
from twotrack.shared.report.ladder import CauseRecord
from twotrack.shared.spec.sides import Words
from twotrack.shared.verify.diagnosis.cause import Cause, Status
from twotrack.shared.verify.diagnosis.climbing import Diagnosis
from twotrack.shared.verify.diagnosis.facts import Facts

Side = Literal["keras", "torch"]
SHOWN_SUGGESTIONS = 3
SHOWN_FACTS = 12
LONGEST = 400
"""Characters of a line; a record has all."""
_WORDS = Words()
LISTED = 8
"""Numbers of a list."""
_LONG_LIST = re.compile(rf"([\[(])((?:[^\[\](),]+, ?){{{LISTED}}})((?:[^\[\](),]+, ?)+[^\[\](),]*)([\])])")


def shortened(text: str) -> str:
    """Return a text without the middle of long lists, and without what is beyond a line."""
    text = _LONG_LIST.sub(lambda found: f"{found[1]}{found[2]}... {found[3].count(',') + 1:,} more{found[4]}", text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()}..."


def cause_lines(cause: Cause, number: int, fix: Side | None = None, words: Words = _WORDS) -> list[str]:
    """Return what differs, by what that is known, and what to change."""
    where = f"{cause.rung} at '{cause.where}'" if cause.where not in ("", cause.rung) else cause.rung
    if cause.status is Status.UNKNOWN:
        return [f"cause {number}, unknown, of {where}: {evidence(cause)}"]
    lines = [f"cause {number}, {STATUS[cause.status]}, of {where}: {cause.what}", f"      evidence: {evidence(cause)}"]
    fixes = {
        "torch": (f"in {words.reference}", cause.torch_fix),
        "keras": (f"in {words.candidate}", cause.keras_fix),
    }
    lines += [f"      {place}: {line}" for side, (place, line) in fixes.items() if line and fix in (None, side)]
    return list(map(shortened, lines))


WITHOUT_FIGURES = {"parameters": "every weight has its counterpart", "dropout": "both sides draw alike"}
"""What it is like if nothing differs on rungs that count and name, and measure nothing."""
STATUS = {Status.PROVED: "proved", Status.PARTLY: "partly proved", Status.UNKNOWN: "unknown"}


def evidence(cause: Cause | CauseRecord) -> str:
    """Return by what a cause is known, in one sentence without its full stop."""
    tried = f"{cause.tried} change{'' if cause.tried == 1 else 's'} tried"
    if cause.status == Status.UNKNOWN:
        if cause.stopped:
            return cause.stopped
        return f"none of the {tried} makes the sides agree" if cause.tried else "no change was tried there"
    if cause.rung in WITHOUT_FIGURES and cause.after == 0:
        figures = WITHOUT_FIGURES[cause.rung]
    elif cause.before is None or cause.after is None:
        figures = f"the failure of {cause.rung} is gone"
    else:
        before = f"falls from {cause.before:.1e}" if isfinite(cause.before) else "falls from no number at all"
        figures = f"the difference {before} to {cause.after:.1e}"
    rest = "; what else differs is unknown" if cause.status == Status.PARTLY else ""
    return f"made equal in memory, {figures} ({tried}){rest}"


def fact_lines(places: Sequence[Facts], named: Sequence[object] = (), words: Words = _WORDS) -> list[str]:
    """Return what both sides say of themselves, where that is not the same; `named` are layers that both name."""
    lines = ["      the layers that both sides name state the same settings: look at the code between them"]
    lines = lines if named and not places else []
    for place in places:
        own, other = place.keras_kind or "nothing", place.torch_kind or "nothing"
        kinds = f"{own} in {words.candidate}, {other} in {words.reference}"
        told = "these settings are not the same" if place.telling else "both state the same settings"
        lines.append(f"      '{place.where}' ({kinds}){f': {told}' if place.keras_kind and place.torch_kind else ''}")
        lines += _settings(place, words) if place.keras_kind and place.torch_kind else []
    return lines


def _settings(place: Facts, words: Words) -> list[str]:
    more = len(place.telling) - SHOWN_FACTS
    return [
        *(
            f"        {name:<20}{words.candidate} {value(place.keras, name):<24}"
            f"{words.reference} {value(place.torch, name)}"
            for name in place.telling[:SHOWN_FACTS]
        ),
        *([f"        and {more} more"] if more > 0 else []),
    ]


def value(settings: dict[str, Any], name: str) -> str:
    """Return a setting as text."""
    if name not in settings:
        return "-"
    text = shortened(str(settings[name]))
    return text if len(text) <= 60 else f"{text[:60].rstrip()}..."


MADE_EQUAL = {1: "that", 2: "both"}


def left_line(diagnosis: Diagnosis) -> str:
    """Say what is left once the proved causes are removed."""
    count = len(diagnosis.proved)
    removed = f"with {MADE_EQUAL.get(count, f'all {count}')} made equal"
    left = diagnosis.last
    return shortened(f"{removed}, {f'{left.rung} fails: {left.detail}' if left else 'every rung passes'}")


def suggestion_lines(entries: Sequence[Difference]) -> list[str]:
    """Return entries of the ledger that may explain what is not proved."""
    lines = ["not proved, but known to differ between the frameworks there:"] if entries else []
    for entry in entries[:SHOWN_SUGGESTIONS]:
        lines.append(f"      {entry.name} (Keras: {entry.keras.default}; torch: {entry.torch.default})")
        lines.append(f"        to make them equal: {entry.fix}")
    return lines
