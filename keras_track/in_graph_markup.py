"""Markup out of a text with TensorFlow's operations, as shared/datasets/texts.plain does it.

What HTML calls a character reference never reaches over the next `&`: a text is cut at each, and every piece stands
for itself. https://html.spec.whatwg.org/multipage/named-characters.html
"""

import html
from html.entities import html5

import numpy as np
import tensorflow as tf

from twotrack.shared.datasets import texts

NAMED = range(2, max(map(len, html5)) + 1)
"""Lengths of the names of characters, with the semicolon that most end in."""
BEYOND = 0x110000
"""Stands for every number that no character has."""
DECIMAL, HEXADECIMAL = "#[0-9]+;?", "#[xX][0-9a-fA-F]+;?"


class Markup(tf.Module):
    """What makes of a text () the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self._names = _table(html5)
        self._numbers = _table(_odd_numbers(), tf.int32)

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """Return it."""
        pieces = tf.strings.split(tf.strings.regex_replace(text, texts.TAG.pattern, " "), "&")
        meant = tf.cond(tf.size(pieces) > 1, lambda: self._meant(pieces[1:]), lambda: tf.constant([], tf.string))
        return tf.strings.reduce_join(tf.concat([pieces[:1], meant], axis=0))

    def _meant(self, pieces: tf.Tensor) -> tf.Tensor:
        """Return what pieces (any,) with an ampersand in front of each stand for."""
        decimal, hexadecimal = (tf.strings.regex_full_match(pieces, f"(?s){kind}.*") for kind in (DECIMAL, HEXADECIMAL))
        return tf.where(
            decimal,
            self._character(_decimal(pieces, decimal)) + tf.strings.regex_replace(pieces, f"^{DECIMAL}", ""),
            tf.where(
                hexadecimal,
                self._character(_hexadecimal(pieces, hexadecimal))
                + tf.strings.regex_replace(pieces, f"^{HEXADECIMAL}", ""),
                self._named(pieces),
            ),
        )

    def _named(self, pieces: tf.Tensor) -> tf.Tensor:
        """Replace the longest name at the start; where there is none, the ampersand comes back."""
        sizes = tf.range(NAMED.start, NAMED.stop)
        starts = tf.strings.substr(pieces[:, tf.newaxis], tf.zeros_like(sizes)[tf.newaxis], sizes[tf.newaxis])
        found = self._names.lookup(starts)
        fits = (found != "") & (sizes <= tf.strings.length(pieces)[:, tf.newaxis])
        size = tf.reduce_max(tf.where(fits, sizes, 0), axis=1)
        name = tf.gather(found, tf.maximum(size - NAMED.start, 0), batch_dims=1)
        rest = tf.strings.substr(pieces, size, tf.strings.length(pieces))
        return tf.where(size > 0, name, "&") + rest

    def _character(self, numbers: tf.Tensor) -> tf.Tensor:
        """Return the characters (any,) of numbers, or what HTML puts in the place of those that it forbids."""
        odd = self._numbers.lookup(numbers)
        plain = tf.strings.unicode_encode(tf.where(odd == ORDINARY, numbers, ord(" "))[:, tf.newaxis], "UTF-8")
        return tf.where(odd == ORDINARY, plain, odd)


ORDINARY = "ordinary"


def _table(entries: "dict", key: tf.DType = tf.string) -> tf.lookup.StaticHashTable:
    default = "" if key == tf.string else ORDINARY
    keys, values = tf.constant(list(entries), key), tf.constant(list(entries.values()))
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)


def _odd_numbers() -> dict[int, str]:
    """Return what becomes of numbers that are not the character of that number."""
    ends = (plane * 0x10000 + last for plane in range(17) for last in (0xFFFE, 0xFFFF))
    asked = {number: html.unescape(f"&#{number};") for number in (*range(0x10000), *ends, BEYOND)}
    return {number: found for number, found in asked.items() if number == BEYOND or found != chr(number)}


def _decimal(pieces: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    digits = _digits(pieces, where, "^#0*([0-9]*)")
    number = tf.strings.to_number(tf.strings.join(["0", tf.strings.substr(digits, 0, 7)]), tf.int32)
    return tf.where((tf.strings.length(digits) > 7) | (number > BEYOND), BEYOND, number)


def _hexadecimal(pieces: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    digits = _digits(pieces, where, "^#[xX]0*([0-9a-fA-F]*)")
    short = tf.strings.substr(tf.strings.join(["000000", digits]), -6, 6)
    codes = tf.cast(tf.io.decode_raw(tf.strings.lower(short), tf.uint8, fixed_length=6), tf.int32)
    values = tf.where(codes >= ord("a"), codes - ord("a") + 10, codes - ord("0"))
    number = tf.reduce_sum(values * np.array([16**power for power in range(5, -1, -1)], np.int32), axis=1)
    return tf.where((tf.strings.length(digits) > 6) | (number > BEYOND), BEYOND, number)


def _digits(pieces: tf.Tensor, where: tf.Tensor, pattern: str) -> tf.Tensor:
    """Return the digits (any,) without zeros in front; none of a piece that has no number."""
    return tf.where(where, tf.strings.regex_replace(pieces, f"(?s){pattern}.*$", r"\1"), "")
