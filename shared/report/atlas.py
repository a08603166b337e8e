"""The atlas as a page, as a table, and what of it an upgrade changed."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from twotrack.shared.atlas.record import Atlas, Cause, Climb, Entry, Found, Measured
from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError, first_error, one_line
from twotrack.shared.report.causes import shortened
from twotrack.shared.report.pages import render, write_file

COMMITTED = "atlas.json"
"""In shared/atlas: what was measured with the versions that constraints.txt has."""


_LIST = re.compile(r"('[^']*')((?:, '[^']*'){3,})")


def _short(text: str) -> str:
    """Return a text with long lists of names, and what is beyond a line, left out."""
    return shortened(_LIST.sub(lambda found: f"{found[1]} and {found[2].count(', ')} more", text))


def committed() -> Atlas:
    """Return what was measured with the versions that twotrack is tested with."""
    return read_text(files("twotrack.shared.atlas").joinpath(COMMITTED).read_text(), COMMITTED)


def read(path: Path) -> Atlas:
    """Read what an atlas was written to; UserError if it is something else."""
    try:
        return read_text(ordinary.text_of(path), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read '{path}': {one_line(error)}.") from error


def read_text(text: str, name: str) -> Atlas:
    """Read an atlas; UserError if it is something else."""
    try:
        return Atlas.model_validate(json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"'{name}' is not what `twotrack atlas --out` writes: {error}.") from error
    except ValidationError as error:
        raise UserError(f"'{name}' is not what `twotrack atlas --out` writes: {first_error(error)}.") from error


def data(atlas: Atlas) -> str:
    """Return the text of the atlas's data file."""
    return json.dumps(atlas.model_dump(), indent=1) + "\n"


def write(page_file: Path, data_file: Path, atlas: Atlas) -> Path:
    """Write the page and its data; UserError if that is not possible."""
    write_file(data_file, data(atlas))
    return write_file(page_file, page(atlas))


def page(atlas: Atlas) -> str:
    """Return the page in Markdown."""
    packages = atlas.setting.packages
    return render(
        "atlas.md.j2",
        atlas=atlas,
        packages=", ".join(f"{name} {packages[name]}" for name in packages if name != "twotrack"),
        rows=[row(entry) for entry in atlas.entries],
        totals=_totals(atlas.entries),
        sections=[_section(entry) for entry in atlas.entries],
    )


def row(entry: Entry) -> dict[str, str]:
    """Return an architecture's row of the overview."""
    best = entry.aligned.found or entry.published.found
    return {
        "title": entry.title,
        "anchor": "".join(c for c in entry.title.lower().replace(" ", "-") if c.isalnum() or c in "-_"),
        "found": _ratio(best) if best else "-",
        "cpu": f"{best.cpu_seconds:.1f} s" if best else "-",
        "names": _names(best) if best else "-",
        "published": verdict(entry.published),
        "lines": ", ".join(dict.fromkeys(line.what.partition(":")[0] for line in entry.alignments)) or "nothing",
        "aligned": verdict(entry.aligned) if entry.alignments else "as published",
    }


def verdict(measured: Measured) -> str:
    """Return in a few words how far the pair climbed, on the track that came least far."""
    if measured.error or not measured.climbs:
        return "not run"
    climb = _worst(measured.climbs)
    failed = next((rung.rung for rung in climb.rungs if not rung.passed), None)
    return f"FAIL at {failed}" if failed else climb.verdict


def _worst(climbs: Mapping[str, Climb]) -> Climb:
    return min(climbs.values(), key=lambda climb: sum(rung.passed for rung in climb.rungs))


def _ratio(found: Found) -> str:
    """Return how many weights of Keras were found of those that matter."""
    return f"{found.weights} / {found.weights + found.constants + len(found.keras_left)}"


def _names(found: Found) -> str:
    return f"for {found.by_name}" if found.by_name else "no"


def _totals(entries: Sequence[Entry]) -> str:
    whole = sum(bool(found and found.is_whole) for found in (e.aligned.found or e.published.found for e in entries))
    as_published = Counter(verdict(e.published).partition(" at ")[0] for e in entries)
    aligned = Counter(verdict(e.aligned).partition(" at ")[0] for e in entries)
    told = f"As published: {_counted(as_published)}. Aligned: {_counted(aligned)}."
    return f"{whole} of {len(entries)} have a whole map. {told}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _section(entry: Entry) -> dict[str, object]:
    return {
        "title": entry.title,
        "keras": entry.keras,
        "torch": entry.torch,
        "sizes": entry.sizes,
        "note": entry.note,
        "weights": _weights(entry),
        "published": _told("As published", entry.published),
        "alignments": [
            text for line in entry.alignments for text in _alignment(line.what, line.side, line.line, line.other)
        ],
        "aligned": ["", *_told("Aligned", entry.aligned)] if entry.alignments else [],
    }


def _weights(entry: Entry) -> str:
    found, aligned = entry.published.found, entry.aligned.found
    if found is None:
        return f"Not searched: {entry.published.error}"
    text = _search(found)
    if entry.alignments and aligned is not None and aligned != found:
        text += f" Aligned: {_search(aligned)}"
    return text


def _search(found: Found) -> str:
    """Return what a search found, in sentences."""
    text = f"{_ratio(found).replace(' /', ' of')} found in {found.cpu_seconds:.1f} s of CPU, {found.runs} runs"
    text += "; with them the outputs are the same." if found.is_proved else "; the outputs are not the same."
    if found.constants:
        text += f" {found.constants} are constants, which torch lacks."
    if found.by_name:
        text += f" Values do not tell {found.by_name} of them, names do."
    if found.nearest:
        text += f" {found.nearest} are of layers that differ."
    if unused := [*found.keras_unused, *found.torch_unused]:
        text += f" Unused: {_few(unused)}."
    if left := [*found.keras_left, *found.torch_left]:
        text += f" Left: {_few(left)}."
    if found.stuck:
        text += f" It stops at torch's `{found.stuck}`."
    return text


def _few(names: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"`{name}`" for name in names[:shown]) + more


def _told(title: str, measured: Measured) -> list[str]:
    """Return what the ladder said, in Markdown."""
    if measured.error:
        return [f"**{title}: not run.** {_short(measured.error)}"]
    lines = []
    for track, climb in measured.climbs.items():
        where = f" ({track})" if len(measured.climbs) > 1 else ""
        lines += [f"**{title}{where}: {_outcome(climb)}.** {_figures(climb)}", *_causes(climb)]
    return lines


def _outcome(climb: Climb) -> str:
    failed = next((rung for rung in climb.rungs if not rung.passed), None)
    return f"FAIL at {failed.rung}" if failed else climb.verdict


def _figures(climb: Climb) -> str:
    figures = [f"{r.rung} {r.difference:.1e}" for r in climb.rungs if r.difference is not None and r.passed]
    text = f"Largest relative differences: {', '.join(figures)}." if figures else ""
    kinds = Counter(one.kind for one in climb.exceptions)
    if kinds and all(rung.passed for rung in climb.rungs):
        text += f" Exceptions: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}."
    return text


def _causes(climb: Climb) -> list[str]:
    lines = [""] if climb.causes else []
    lines += [_cause(cause) for cause in climb.causes]
    if climb.causes and climb.left:
        proved = sum(cause.status == "proved" for cause in climb.causes)
        removed = f"With {proved} proved {'cause' if proved == 1 else 'causes'} removed" if proved else "It fails there"
        lines += ["", f"{removed}: {_short(climb.left)}."]
    elif climb.causes:
        lines += ["", "With these causes removed every rung passes."]
    return lines


def _cause(cause: Cause) -> str:
    status = "" if cause.status == "proved" else f" ({cause.status})"
    place = f" at `{cause.where}`" if cause.where not in ("", cause.rung) else ""
    text = f"- {cause.rung}{place}{status}: {_short(cause.what) or 'the cause is unknown'}"
    fixes = [f"{side} `{_short(fix)}`" for side, fix in (("Keras", cause.keras_fix), ("torch", cause.torch_fix)) if fix]
    return text + (f". Either {' or '.join(fixes)}." if fixes else ".")


def _alignment(what: str, side: str, line: str, other: str) -> list[str]:
    instead = f" Or: {other}." if other else ""
    return [
        "",
        f"{what[0].upper()}{what[1:]}. In {side}:{instead if '`' in other else ''}",
        "",
        "```python",
        line,
        "```",
    ]


def changes(before: Atlas, now: Atlas) -> list[str]:
    """Return what is not as it was, a line each; architectures that only one of them has are left out."""
    known = {entry.name: entry for entry in before.entries}
    lines = []
    for entry in now.entries:
        if entry.name in known:
            lines += [f"{entry.title}: {line}" for line in _changed(known[entry.name], entry)]
    return lines


def _changed(before: Entry, now: Entry) -> list[str]:
    lines = []
    for which in ("published", "aligned"):
        one, other = getattr(before, which), getattr(now, which)
        if verdict(one) != verdict(other):
            lines.append(f"{which}: {verdict(other)}, was {verdict(one)}{f' ({other.error})' if other.error else ''}")
        causes, others = _names_of(one), _names_of(other)
        lines += [f"{which}: new: {what}" for what in others if what not in causes]
        lines += [f"{which}: gone: {what}" for what in causes if what not in others]
    return lines


def _names_of(measured: Measured) -> list[str]:
    found = (f"{cause.rung} at '{cause.where}': {cause.what}" for c in measured.climbs.values() for cause in c.causes)
    return list(dict.fromkeys(found))
