"""twotrack convert."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.carrying.pairs import Carried, PairConversion
    from twotrack.shared.runs.convert import Converted


def convert(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="[MODULE:PAIR] WEIGHTS",
            help="A pair of your own, if it is its weights, then the file: a torch state_dict (.safetensors, .pt, "
            ".ckpt, .bin, an index of shards), Keras weights (.weights.h5, .keras, .h5 of Keras 2), a run folder, or "
            "latest:CHAPTER or latest:CHAPTER:TRACK, the run below runs/ that finished last.",
        ),
    ],
    to: Annotated[str, typer.Option(help="torch or keras.")],
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write: .safetensors or .pt for torch; .weights.h5, or of a pair .keras, for Keras."
        ),
    ],
    weights: Annotated[Path | None, typer.Argument(hidden=True)] = None,
    chapter: Annotated[
        str | None, typer.Option(help="The chapter whose model the weights belong to; a run names its own.")
    ] = None,
    settings: options.Settings = None,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="The pair's weight map [default: MODULE.PAIR.map.toml beside it]."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave out a torch tensor of this name, or pattern of a shell; repeatable."),
    ] = None,
    with_optimizer: Annotated[
        bool,
        typer.Option(
            "--with-optimizer",
            help="Carry the optimizer's state too, in a .pt as model_state_dict and optimizer_state_dict, and compare "
            "a further step of both sides. Of a chapter name the optimizer of a .weights.h5 with --set optimizer=NAME; "
            "that of a pair is its optimizer=.",
        ),
    ] = False,
    proof: Annotated[
        bool, typer.Option("--proof/--no-proof", help="Run both sides of a pair, each on its own file, and compare.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Convert the weights of a pair or of a chapter's model from one framework to the other, bit for bit.

    A pair's weights go one by one, and its outputs on both sides are compared afterwards: exit code 1 if they differ.
    """
    from twotrack.shared.carrying.pairs import PairConversion
    from twotrack.shared.cli.console import print_json
    from twotrack.shared.verify.request import VerifyRequest

    if ":" in subject and weights is not None:
        _require_pair_alone(subject, chapter, settings)
        request = VerifyRequest(name=subject, map_file=map_file)
        facts = _of_pair(PairConversion(request, weights, to, out, tuple(skip or ()), proof, with_optimizer))
    else:
        _require_file_alone(subject, weights, bool(map_file or skip or not proof))
        facts = _of_chapter(Path(subject), chapter, options.parse_settings(settings), to, out, with_optimizer)
    print_json(facts) if json else print(*_lines(facts), sep="\n")
    raise typer.Exit(0 if facts.get("same_outputs", True) and facts.get("same_step", True) else 1)


def _require_pair_alone(pair: str, chapter: str | None, settings: list[str] | None) -> None:
    """Raise UserError for a pair with options of a chapter."""
    from twotrack.shared.errors import UserError

    if chapter or settings:
        raise UserError(f"--chapter and --set are for a chapter; '{pair}' is a pair of your own.")


def _require_file_alone(subject: str, weights: Path | None, has_options_of_pairs: bool) -> None:
    """Raise UserError for a chapter's file with what is for pairs."""
    from twotrack.shared.errors import UserError

    if weights is not None:
        raise UserError(f"expected a pair as MODULE:PAIR in front of '{weights}', found '{subject}'.")
    if has_options_of_pairs:
        raise UserError("--map, --skip and --no-proof are for a pair of your own: convert MODULE:PAIR WEIGHTS ...")


def _of_chapter(
    weights: Path, chapter: str | None, settings: dict[str, str], to: str, out: Path, with_optimizer: bool
) -> dict[str, Any]:
    from twotrack.shared.cli.console import stderr
    from twotrack.shared.runs.chosen import chosen
    from twotrack.shared.runs.convert import ConversionRequest, convert

    request = ConversionRequest(chosen(weights), chapter, settings, to, out, with_optimizer)
    with stderr.status("starting...") as status:
        done = convert(request, lambda step: status.update(f"{step}..."), options.lent_pool())
    return _facts(done) | _step(done)


def _of_pair(request: "PairConversion") -> dict[str, Any]:
    """Convert a pair's weights; return what was done, and what its proof says."""
    from twotrack.shared.carrying.pairs import convert
    from twotrack.shared.cli.console import stderr

    with stderr.status("starting...") as status:
        done = convert(request, lambda step: status.update(f"{step}..."), options.lent_pool())
    return _facts(done) | {"difference": done.difference, "same_outputs": done.has_same_outputs} | _step(done)


def _step(done: "Converted | Carried") -> dict[str, Any]:
    return {"step_apart": done.step.size, "same_step": done.step.is_rounding} if done.step else {}


def _facts(done: "Converted | Carried") -> dict[str, Any]:
    return {"out": str(done.out), "weights": done.weights, "values": done.values, "notes": done.notes}


def _lines(facts: dict[str, Any]) -> list[str]:
    """Return what was done as text."""
    lines = [f"{facts['out']}: {facts['weights']} weights, {facts['values']:,} values"]
    lines += [f"  {note}" for note in facts["notes"]]
    if facts.get("difference") is not None:
        verdict = "the same" if facts["same_outputs"] else "NOT the same; to see why, run: twotrack verify"
        lines.append(f"  outputs of both sides on drawn inputs, float64: {facts['difference']:.1e} apart, {verdict}")
    if facts.get("step_apart") is not None:
        verdict = "the same" if facts["same_step"] else "NOT the same"
        lines.append(f"  a further step of both sides, float64: {facts['step_apart']:.1e} apart, {verdict}")
    return lines
