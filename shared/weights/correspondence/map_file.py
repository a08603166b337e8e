"""A weight map as a small TOML file, which people read and edit.

[weights] has a line for every canonical weight: torch's name where the axes are the same, else a table with `from`
(one name, or several that are stacked), `layout`, sizes of its axes, `part = "0 of 3"`, `rows = [2, 514]`; or
`constant` and `shape`. [unused] lists weights on which nothing depends.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import tomlkit

from twotrack.shared.base import atomic, ordinary
from twotrack.shared.errors import LONGEST, UserError
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.correspondence.rule import RESERVED, WeightRule
from twotrack.shared.weights.correspondence.weight_map import WeightMap

SUFFIX = ".map.toml"
SIDES = ("torch", "keras")
OWN_KEYS = RESERVED | {"part"}
"""What a rule says beside sizes of axes."""
HEADER = (
    "Which of torch's weights is which of Keras': a line for every weight of Keras. Edit it as you like;",
    "`twotrack verify` checks it again each time. Layouts are patterns of einops, from torch's axes to Keras'.",
)
_PART = re.compile(r"(\d+) of (\d+)")


def beside(module_file: Path, name: str) -> Path:
    """Return where the map of a pair lies: in the folder of its module, under the module's and its own name."""
    return module_file.with_name(f"{module_file.stem}.{name}{SUFFIX}")


def write(path: Path, weight_map: WeightMap) -> None:
    """Write the file in one step; UserError if that is not possible."""
    try:
        atomic.write(path, text(weight_map))
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror}.") from error


def text(weight_map: WeightMap) -> str:
    """Return what the file of a map holds."""
    document, weights = tomlkit.document(), tomlkit.table()
    for line in HEADER:
        document.add(tomlkit.comment(line))
    for name, rule in weight_map.rules.items():
        weights[name] = _value(rule, weight_map.notes.get(name))
    document["weights"] = weights
    unused = {"torch": weight_map.unused_torch, "keras": weight_map.unused_keras}
    if any(unused.values()):
        document["unused"] = {side: list(names) for side, names in unused.items() if names}
    return tomlkit.dumps(document)


def _value(rule: WeightRule, note: str | None) -> Any:
    """Return a rule as it stands in the file: torch's name alone if that says it all."""
    stated = {
        "from": (rule.sources[0] if len(rule.sources) == 1 else list(rule.sources)) if rule.sources else None,
        "layout": rule.layout or None,
        **rule.sizes,
        "part": f"{rule.part[0]} of {rule.part[1]}" if rule.part else None,
        "rows": list(rule.rows) if rule.rows else None,
        "constant": rule.constant,
        "shape": list(rule.shape) if rule.shape is not None else None,
        "note": note,
    }
    said = {key: value for key, value in stated.items() if value is not None}
    if set(said) == {"from"} and isinstance(said["from"], str):
        return said["from"]
    line = tomlkit.inline_table()
    line.update(said)
    return line


def read(path: Path) -> WeightMap:
    """Read a map; UserError, which names the line's key, what was expected and what was found, if it is none."""
    try:
        content = tomllib.loads(ordinary.text_of(path))
    except OSError as error:
        raise UserError(f"the weight map '{path}' cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"the weight map '{path}' is no TOML: {error}.") from error
    unknown = sorted(set(content) - {"weights", "unused"})
    if unknown:
        raise _wrong(path, unknown[0], "the tables 'weights' and 'unused' only", content[unknown[0]])
    weights, unused = (_table(path, content, name) for name in ("weights", "unused"))
    rules = {name: _rule(path, name, value) for name, value in weights.items()}
    notes = {name: value["note"] for name, value in weights.items() if isinstance(value, dict) and "note" in value}
    for side in set(unused) - set(SIDES):
        raise _wrong(path, f"unused.{side}", "the lists 'torch' and 'keras' only", unused[side])
    torch, keras = (_names(path, f"unused.{side}", unused.get(side, [])) for side in SIDES)
    return WeightMap(rules, torch, keras, notes)


def _table(path: Path, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise _wrong(path, name, "a table", table)
    return table


def _rule(path: Path, name: str, value: Any) -> WeightRule:
    """Return the rule that a line states."""
    line = {"from": value} if isinstance(value, str) else value
    if not isinstance(line, dict):
        raise _wrong(path, name, "torch's name of the weight, or a table with `from` or `constant`", value)
    for key, found in line.items():
        _check(path, f"{name}.{key}", key, found)
    part, sources = _PART.fullmatch(line.get("part", "")), line.get("from", [])
    try:
        return WeightRule(
            sources=(sources,) if isinstance(sources, str) else tuple(sources),
            layout=line.get("layout", ""),
            sizes={key: size for key, size in line.items() if key not in OWN_KEYS},
            part=(int(part[1]), int(part[2])) if part else None,
            rows=_numbers(line.get("rows")),
            constant=float(line["constant"]) if "constant" in line else None,
            shape=_numbers(line.get("shape")),
        )
    except BridgeError as error:
        raise UserError(f"the weight map '{path}': '{name}': {error}.") from error


def _check(path: Path, where: str, key: str, found: Any) -> None:
    """Require that a key of a line has a value of its kind."""
    expected, is_right = _KINDS.get(key, ("a whole number, the size of an axis", _is_count))
    if not is_right(found):
        raise _wrong(path, where, expected, found)


def _is_count(found: Any) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _are(kind: Callable[[Any], bool], count: int | None = None) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, list) and all(map(kind, found)) and count in (None, len(found))


def _is_text(found: Any) -> bool:
    return isinstance(found, str)


_KINDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "from": ("a name or a list of names", lambda found: _is_text(found) or _are(_is_text)(found)),
    "layout": ("a pattern such as 'o i -> i o'", _is_text),
    "part": ("a part such as '0 of 3'", lambda found: _is_text(found) and _PART.fullmatch(found) is not None),
    "rows": ("the first row and the one behind the last, such as [2, 514]", _are(_is_count, 2)),
    "constant": ("a number", lambda found: isinstance(found, int | float) and isfinite(found)),
    "shape": ("sizes of axes, such as [3]", _are(_is_count)),
    "note": ("a text", _is_text),
}


def _numbers(found: list[int] | None) -> Any:
    return None if found is None else tuple(found)


def _names(path: Path, where: str, found: Any) -> tuple[str, ...]:
    if not _are(_is_text)(found):
        raise _wrong(path, where, "a list of names", found)
    return tuple(found)


def _wrong(path: Path, where: str, expected: str, found: Any) -> UserError:
    return UserError(f"the weight map '{path}': '{where}': expected {expected}, found {repr(found)[:LONGEST]}.")
