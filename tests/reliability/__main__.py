"""`python -m tests.reliability`: the whole campaign; exit code 1 if anything was wrong."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.reliability import commands, disks, histories, inputs, kills, system
from tests.reliability.tally import Tally
from tests.reliability.troubles import TROUBLES
from tests.support.own_tree import let_children_import_tests

SHARES = {"data": 0.2, "compare": 0.2, "export": 0.2, "record": 0.2, "verify": 0.2}
"""Of the kills."""
FULL = {"data": 0.6, "compare": 0.2, "export": 0.1, "record": 0.1}
"""Of the full disks."""
PARTS = ("inputs", "checkpoints", "kills", "disks", "power", "commands", "system", "histories")


def main() -> int:
    """Run the parts that were asked for, and print the table."""
    asked = _parser().parse_args()
    let_children_import_tests()
    if asked.table:
        asked.table.parent.mkdir(parents=True, exist_ok=True)
    tally = Tally(asked.table)
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=asked.work) as name:
        work = Path(name)
        if "inputs" in asked.parts:
            inputs.damage_inputs(tally, asked.inputs, asked.seed, _new(work / "inputs"))
        if "checkpoints" in asked.parts:
            inputs.checkpoints(tally, asked.inputs // 8, asked.seed, _new(work / "checkpoints"))
        if "power" in asked.parts and shutil.which("strace"):
            disks.cut_power(tally, [name for name in FULL if name in asked.commands], _new(work / "power"))
        if "disks" in asked.parts:
            disks.fill(tally, _counts(FULL, asked.full, asked.commands), asked.seed, _new(work / "disks"))
        if "kills" in asked.parts:
            kills.kill(tally, _counts(SHARES, asked.kills, asked.commands), asked.seed, _new(work / "kills"))
        if "commands" in asked.parts:
            commands.watch(tally, asked.only, _new(work / "commands"))
        if "system" in asked.parts:
            system.trouble(tally, asked.only, asked.troubles, asked.seed, _new(work / "system"))
        if "histories" in asked.parts:
            histories.live(tally, asked.histories, asked.seed, _new(work / "histories"))
    print(tally)
    return 1 if tally.wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="commands that are killed")
    parser.add_argument("--inputs", type=int, default=2000, help="damaged inputs, and an eighth as many checkpoints")
    parser.add_argument("--full", type=int, default=20, help="commands that meet a full disk")
    parser.add_argument("--histories", type=int, default=10, help="histories of commands on one folder")
    parser.add_argument("--seed", type=int, default=0, help="other moments and other damage for every seed")
    parser.add_argument("--commands", nargs="+", choices=SHARES, default=list(SHARES), help="of kills, disks and power")
    parser.add_argument(
        "--only", nargs="+", metavar="COMMAND", choices=commands.COMMANDS, default=list(commands.COMMANDS),
        help="of commands and system",
    )  # fmt: skip
    parser.add_argument("--troubles", nargs="+", choices=TROUBLES, default=list(TROUBLES), help="of system")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--table", type=Path, help="write the table to this file too")
    parser.add_argument("--work", type=Path, help="where to work [default: the system's temporary folder]")
    return parser


def _counts(shares: dict[str, float], count: int, names: list[str]) -> dict[str, int]:
    """Share out a count among the named commands."""
    chosen = {name: share for name, share in shares.items() if name in names}
    return {name: round(count * share / sum(chosen.values())) for name, share in chosen.items()}


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
