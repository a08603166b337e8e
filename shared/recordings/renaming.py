"""Names of one recording as the other one has them, by patterns such as "encoder.layer.{i}=layer_{i}"."""

import re
from collections.abc import Iterable, Mapping

from twotrack.shared.errors import UserError

Renames = tuple[tuple[re.Pattern[str], str], ...]
"""What paths begin with, and what stands for that."""
_FIELD = re.compile(r"\{(\w+)\}")


def read_renames(texts: Iterable[str]) -> Renames:
    """Return what the option --rename states; UserError for what is no pattern."""
    return tuple(_read(text) for text in texts)


def exactly(paths: Mapping[str, str]) -> Renames:
    """Return what maps these paths, and what is inside them."""
    return tuple((re.compile(rf"{re.escape(old)}(?=\.|\Z)"), new) for old, new in paths.items() if old != new)


def _read(text: str) -> tuple[re.Pattern[str], str]:
    old, mark, new = text.partition("=")
    fields, given = _FIELD.findall(new), _FIELD.findall(old)
    if not mark or not old or set(fields) - set(given) or len(set(given)) < len(given):
        raise UserError(
            f"--rename: expected OLD=NEW, with the same {{i}} on both sides where numbers stand, found '{text}'."
        )
    parts = _FIELD.split(old)  # text, field, text, ...
    pattern = "".join(f"(?P<{part}>[^.]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
    return re.compile(rf"{pattern}(?=\.|\Z)"), new


def renamed(path: str, renames: Renames) -> str:
    """Return a path, or a name, as the other recording has it: by the longest beginning that fits."""
    found = [(match.end(), match, new) for pattern, new in renames if (match := pattern.match(path))]
    if not found:
        return path
    end, match, new = max(found, key=lambda one: one[0])
    return _FIELD.sub(lambda field: match[field[1]], new) + path[end:]
