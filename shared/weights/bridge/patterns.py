"""Renames with placeholders: one line for all layers of a stack."""

import re
from collections.abc import Iterable, Mapping

from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import listed

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def expanded(renames: Mapping[str, str], names: Iterable[str], model: str) -> dict[str, str]:
    """Return renames of paths only: a pattern becomes one rename for each path of `model` that it fits.

    `{i}` in a pattern stands for one whole part between dots, or inside a part for a number; it stands for the same
    text in the new path. A rename of a path without placeholders comes before a pattern. `names` are `model`'s dotted
    names, of which any leading part is a path. Raises BridgeError for a pattern that fits no path, for a placeholder
    that the pattern lacks, and for two patterns that disagree.

    >>> expanded({"h.{i}.ln": "layer_{i}.norm"}, ["h.0.ln.gamma", "h.1.ln.gamma"], "the model")
    {'h.0.ln': 'layer_0.norm', 'h.1.ln': 'layer_1.norm'}
    """
    plain = {path: new for path, new in renames.items() if "{" not in path}
    if len(plain) == len(renames):
        return plain
    paths = list(dict.fromkeys(path for name in names for path in _leading(name)))
    found: dict[str, str] = {}
    for pattern in renames.keys() - plain.keys():
        for path, new in _fitting(pattern, renames[pattern], paths, model).items():
            if found.setdefault(path, new) != new:
                raise BridgeError(f"two patterns of rename fit '{path}' of {model}: '{found[path]}' or '{new}'")
    return {path: new for path, new in sorted(found.items()) if path not in plain} | plain


def _leading(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[: count + 1]) for count in range(len(parts)))


def _fitting(pattern: str, new: str, paths: Iterable[str], model: str) -> dict[str, str]:
    """Return what a pattern makes of the paths that it fits."""
    expression = _expression(pattern)
    unknown = set(_PLACEHOLDER.findall(new)) - set(expression.groupindex)
    if unknown or "{" in _PLACEHOLDER.sub("", new):
        raise BridgeError(f"rename of '{pattern}': expected placeholders that it has, found '{new}'")
    fits = {path: match for path in paths if (match := expression.fullmatch(path))}
    if not fits:
        raise BridgeError(f"rename has the pattern '{pattern}', which fits no path of {model}; {_near(pattern, paths)}")
    return {path: new.format_map(match.groupdict()) for path, match in fits.items()}


def _expression(pattern: str) -> re.Pattern[str]:
    """Return a regular expression for a pattern; a placeholder that comes again stands for the same text."""
    parts, seen = [], set[str]()
    for part in pattern.split("."):
        inside = "[^.]+" if _PLACEHOLDER.fullmatch(part) else r"\d+"
        literals = _PLACEHOLDER.split(part)
        text = re.escape(literals[0])
        for name, literal in zip(literals[1::2], literals[2::2], strict=True):
            text += (f"(?P={name})" if name in seen else f"(?P<{name}>{inside})") + re.escape(literal)
            seen.add(name)
        if "{" in "".join(literals[::2]):
            raise BridgeError(f"rename: expected placeholders such as {{i}}, found '{pattern}'")
        parts.append(text)
    return re.compile(r"\.".join(parts))


def _near(pattern: str, paths: Iterable[str]) -> str:
    """Return what there is as deep as the pattern, or as far as its first placeholder."""
    start = pattern.partition("{")[0].rpartition(".")[0]
    depth = pattern.count(".")
    near = [path for path in paths if path.startswith(start) and path.count(".") == depth]
    return f"it has {listed(near or [path for path in paths if path.count('.') <= 1])}"
