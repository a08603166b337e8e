"""Damage to bytes, as disks, networks and people do it. A seed and a number give the same damage again."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WORDS = (
    b"NaN",
    b"1e999",
    b"-1",
    b"9" * 40,
    b"null",
    b"[" * 3000,
    b"../../x",
    b"\x1b[2J",
    b"\xff\xfe",
    b'"',
    b"{}",
    b"",
)


@dataclass(frozen=True)
class Damaged:
    """Bytes, and what was done to them."""

    content: bytes
    how: str

    def __str__(self) -> str:
        return self.how


def damage(content: bytes, seed: int, number: int) -> Damaged:
    """Return the content with one to three damages."""
    chance = np.random.default_rng([seed, number])
    names = []
    for _ in range(chance.integers(1, 4)):
        change = KINDS[chance.integers(len(KINDS))]
        content = change(content, chance)
        names.append(change.__name__.strip("_"))
    return Damaged(content, f"seed {seed}, number {number} ({', '.join(names)})")


def _flip(content: bytes, chance: np.random.Generator) -> bytes:
    """Turn a few bits."""
    changed = bytearray(content)
    for _ in range(chance.integers(1, 5) if changed else 0):
        changed[chance.integers(len(changed))] ^= 1 << chance.integers(8)
    return bytes(changed)


def _cut(content: bytes, chance: np.random.Generator) -> bytes:
    """Lose the end."""
    return content[: chance.integers(len(content) + 1)]


def _zero(content: bytes, chance: np.random.Generator) -> bytes:
    """Lose a page that was not written, but keep the length."""
    start, end = _span(content, chance)
    return content[:start] + bytes(end - start) + content[end:]


def _repeat(content: bytes, chance: np.random.Generator) -> bytes:
    start, end = _span(content, chance)
    return content[:end] + content[start:end] + content[end:]


def _remove(content: bytes, chance: np.random.Generator) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:]


def _noise(content: bytes, chance: np.random.Generator) -> bytes:
    start, _ = _span(content, chance)
    return content[:start] + chance.bytes(int(chance.integers(1, 64))) + content[start:]


def _word(content: bytes, chance: np.random.Generator) -> bytes:
    """Put in what a parser may stumble over, in the place of something between two marks."""
    start, _ = _span(content, chance)
    end = min((at for mark in b",:]}\n " if (at := content.find(bytes([mark]), start + 1)) > 0), default=start)
    return content[:start] + WORDS[chance.integers(len(WORDS))] + content[end:]


def _span(content: bytes, chance: np.random.Generator) -> tuple[int, int]:
    start = int(chance.integers(len(content) + 1))
    return start, min(len(content), start + int(chance.integers(1, 200)))


KINDS: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    _flip, _flip, _cut, _zero, _repeat, _remove, _noise, _word, _word,
)  # fmt: skip
