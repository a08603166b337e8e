"""Findings of experiments as text, as data, and as a page with plots."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twotrack.shared import chapters
from twotrack.shared.experiments.running import ExperimentAnswer
from twotrack.shared.report.pages import render, write_folder
from twotrack.shared.spec.track import TRACKS

PAGE = "experiment.html"


def answers_json(chapter: str, seed: int, answers: Sequence[ExperimentAnswer]) -> dict[str, Any]:
    """Return the answers as JSON-ready data."""
    return {
        "chapter": chapter,
        "seed": seed,
        "holds": all(answer.holds for answer in answers),
        "experiments": [
            {
                "name": answer.name,
                "question": answer.question,
                "tracks": {
                    track: {
                        "claims": [claim.model_dump() | {"holds": claim.holds} for claim in finding.claims],
                        "tables": [table.model_dump() for table in finding.tables],
                        "curves": [curves.model_dump() for curves in finding.curves],
                        "heatmaps": [heatmaps.model_dump() for heatmaps in finding.heatmaps],
                    }
                    for track, finding in answer.findings.items()
                },
            }
            for answer in answers
        ],
    }


def answers_text(answers: Sequence[ExperimentAnswer]) -> str:
    """Return every claim with each track's number, and the tables."""
    lines = []
    for answer in answers:
        lines += [f"{answer.name}: {answer.question}", ""]
        for track, finding in answer.findings.items():
            lines += [line for table in finding.tables for line in _table_lines(f"{table.title}, {track}", table)]
        for claims in zip(*(finding.claims for finding in answer.findings.values()), strict=True):
            lines.append(f"  {claims[0].text}, {claims[0].relation} {claims[0].bound:g}:")
            lines += [
                f"    {'holds' if claim.holds else 'FAILS'}  {track:<18}{number(claim.value)}"
                for track, claim in zip(answer.findings, claims, strict=True)
            ]
        lines.append("")
    return "\n".join(lines)


def _table_lines(title: str, table: Any) -> list[str]:
    cells = [table.columns, *([number(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(table.columns))]
    lines = [f"  {title}"]
    for row in cells:
        padded = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("    " + "  ".join([row[0].ljust(widths[0]), *padded]).rstrip())
    return [*lines, ""]


def number(cell: str | float) -> str:
    """Return a cell as text, numbers with four significant digits."""
    return cell if isinstance(cell, str) else f"{cell:.4g}"


def write_page(chapter: str, seed: int, answers: Sequence[ExperimentAnswer], folder: Path) -> Path:
    """Write the page and one SVG file per plot into the folder; UserError if that is not possible."""
    from twotrack.shared.report import figures

    plots = {
        f"{answer.name}-{curves.name}": figures.curves(
            {track: finding.curves[place] for track, finding in answer.findings.items()}
        )
        for answer in answers
        for place, curves in enumerate(next(iter(answer.findings.values())).curves)
    } | {
        f"{answer.name}-{heatmaps.name}-{TRACKS[track].slug}": figures.heatmaps(heatmaps)
        for answer in answers
        for track, finding in answer.findings.items()
        for heatmaps in finding.heatmaps
    }
    page = render(
        "experiment.html.j2",
        chapter=chapters.get(chapter),
        seed=seed,
        answers=answers,
        number=number,
        in_words=figures.in_words,
        plots={name: figures.themed(svg) for name, svg in plots.items()},
    )
    write_folder(folder, {PAGE: page} | {f"{name}.svg": figures.standalone(svg) for name, svg in plots.items()})
    return folder / PAGE
