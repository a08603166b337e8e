"""How alike the names of two weights are: only ever used to try the likeliest first."""

import re
from difflib import SequenceMatcher
from functools import cache

SAME = (
    ("query", "q"), ("key", "k"), ("value", "v"), ("output", "o", "out"), ("norm", "ln", "layernorm"),
    ("token", "word", "wte", "tokens"), ("position", "wpe", "pos", "positions", "positional"), ("segment", "type"),
    ("class", "cls"), ("embedding", "embeddings", "embed"), ("intermediate", "up"), ("scale", "gamma", "lambda1"),
)  # fmt: skip
WITHOUT_MEANING = {"weight", "kernel", "dense", "proj", "projection", "lin", "fc", "layer", "model", ""}
_COMMON = {word: words[0] for words in SAME for word in words}


@cache
def _words(name: str) -> tuple[str, ...]:
    parts = (part.lower() for part in re.split(r"[._/]|(?<=[a-z])(?=[A-Z])", name))
    words = [_COMMON.get(part, part) for part in parts]
    return tuple(word for word in words if word not in WITHOUT_MEANING)[-5:]


@cache
def likeness(one: str, other: str) -> float:
    """Return how alike two names are; larger is more alike."""
    ours, theirs = _words(one), _words(other)
    return len({*ours} & {*theirs}) + SequenceMatcher(None, " ".join(ours), " ".join(theirs)).ratio()
