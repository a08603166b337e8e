"""Texts to WordPiece tokens with TensorFlow's operations, as shared/datasets/texts.py and a BERT tokenizer make them.

Every operation is of the stock server; tensorflow-text is not used, for its characters are ICU's: it takes away, splits
and decomposes other ones than the tokenizer of the training does. Bytes that are no UTF-8 are refused.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from twotrack.keras_track.in_graph_markup import Markup
from twotrack.shared.weights.pretrained.bert.characters import ITSELF, NOTHING, PUNCTUATION, SPACE
from twotrack.shared.weights.pretrained.bert.word_piece import WordPieces

PAGE = 256
"""Code points that are looked up together: most pages are equal."""
NO_PIECE = -1


class _Paged(NamedTuple):
    """A table over all code points."""

    page: tf.Tensor
    """(pages,) where a page's values are."""
    values: tf.Tensor
    """(different pages x PAGE,)"""

    @classmethod
    def of(cls, table: np.ndarray) -> "_Paged":
        pages, page = np.unique(table.reshape(-1, PAGE), axis=0, return_inverse=True)
        return cls(tf.constant(page.ravel(), tf.int32), tf.constant(pages.ravel(), tf.int32))

    def __call__(self, codes: tf.Tensor) -> tf.Tensor:
        page = tf.gather(self.page, tf.bitwise.right_shift(codes, 8))
        return tf.gather(self.values, page * PAGE + tf.bitwise.bitwise_and(codes, PAGE - 1))


class Tokens(tf.Module):
    """What makes of texts (batch,) token ids (batch, length) int32 and a mask (batch, length) bool."""

    def __init__(self, pieces: WordPieces, length: int):
        super().__init__()
        self._told, self._length, self._markup = pieces, length, Markup()
        known = pieces.characters
        self._row, self._kind = _Paged.of(known.row), _Paged.of(known.kind)
        self._starts, self._lengths = tf.constant(known.starts), tf.constant(known.lengths)
        self._replaced, self._order = tf.constant(known.replaced), tf.constant(known.order)
        self._longest = max(map(len, pieces.words))
        entries = tf.lookup.KeyValueTensorInitializer(
            list(pieces.words), list(pieces.words.values()), value_dtype=tf.int32
        )
        self._words = tf.lookup.StaticHashTable(entries, NO_PIECE)

    def __call__(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return both."""
        most = self._length - 2
        words = tf.map_fn(self._split, texts, fn_output_signature=tf.TensorSpec((most,), tf.string))
        pieces = self._pieces(tf.reshape(words, [-1]))
        by_text = tf.reshape(pieces, [tf.shape(texts)[0], most * tf.shape(pieces)[1]])
        tokens = tf.ragged.boolean_mask(by_text, by_text != NO_PIECE)[:, :most]
        first, last = (tf.fill([tf.shape(texts)[0], 1], number) for number in (self._told.start, self._told.end))
        whole = tf.concat([first, tokens, last], axis=1)
        ids = whole.to_tensor(self._told.pad, shape=(None, self._length))
        return ids, tf.sequence_mask(whole.row_lengths(), self._length)

    # === One text to words ===

    def _split(self, text: tf.Tensor) -> tf.Tensor:
        """Return the text's first words (most,), empty behind the last one; each gives at least one token."""
        valid = tf.strings.unicode_decode(text, "UTF-8", errors="strict")
        with tf.control_dependencies([valid]):
            codes = tf.strings.unicode_decode(self._markup(text), "UTF-8", errors="strict")
        return self._words_of(self._normalised(codes))

    def _normalised(self, codes: tf.Tensor) -> tf.Tensor:
        """Return the code points that the normalizer makes of code points (any,)."""
        rows = self._row(codes)
        counts = tf.gather(self._lengths, rows)
        which = tf.repeat(tf.range(tf.size(codes)), counts)
        places = tf.gather(tf.gather(self._starts, rows) - tf.cumsum(counts, exclusive=True), which) + tf.range(
            tf.size(which)
        )
        replaced = tf.gather(self._replaced, places)
        made = tf.where(replaced == ITSELF, tf.gather(codes, which), replaced)
        ordered = tf.gather(made, _canonical(tf.gather(self._order, places)))
        return tf.boolean_mask(ordered, ordered != NOTHING)

    def _words_of(self, codes: tf.Tensor) -> tf.Tensor:
        most, longest = self._length - 2, self._told.most_characters
        kinds = self._kind(codes)
        alone = kinds == PUNCTUATION
        breaks = tf.concat([[True], kinds[:-1] != 0], axis=0)[: tf.size(codes)]
        word = tf.cumsum(tf.cast((alone | breaks) & (kinds != SPACE), tf.int32)) - 1
        kept = (kinds != SPACE) & (word < most)
        letters = tf.RaggedTensor.from_value_rowids(codes[kept], tf.cast(word[kept], tf.int64), nrows=most)
        # One character more than a word may have is enough to see that it is unknown.
        return tf.strings.unicode_encode(letters[:, : longest + 1], "UTF-8")

    # === Words to pieces ===

    def _pieces(self, words: tf.Tensor) -> tf.Tensor:
        """Return the pieces (words, most pieces) of words (any,), NO_PIECE behind the last one."""
        count = tf.size(words)
        long = tf.strings.length(words, "UTF8_CHAR") > self._told.most_characters
        found = tf.fill([count, 1], NO_PIECE)
        state = (tf.where(long, "", words), long, tf.constant(0), found)
        shapes = (tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([]), tf.TensorShape([None, None]))
        _, unknown, _, found = tf.while_loop(lambda rest, *_: tf.reduce_any(rest != ""), self._next, state, shapes)
        one = tf.concat(
            [tf.fill([count, 1], self._told.unknown), tf.fill([count, tf.shape(found)[1] - 1], NO_PIECE)], 1
        )
        return tf.where(unknown[:, tf.newaxis], one, found)

    def _next(self, rest: tf.Tensor, unknown: tf.Tensor, step: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Take the longest known piece off what is left of each word (words,)."""
        active = tf.where(rest != "")
        left = tf.gather_nd(rest, active)
        sizes = tf.range(1, self._longest + 1)
        starts = tf.strings.substr(
            left[:, tf.newaxis], tf.zeros_like(sizes)[tf.newaxis], sizes[tf.newaxis], "UTF8_CHAR"
        )
        prefix = tf.where(step == 0, "", self._told.prefix)
        numbers = self._words.lookup(prefix + starts)
        fits = (numbers != NO_PIECE) & (sizes <= tf.strings.length(left, "UTF8_CHAR")[:, tf.newaxis])
        size = tf.reduce_max(tf.where(fits, sizes, 0), axis=1)
        known = size > 0
        piece = tf.where(known, tf.gather(numbers, tf.maximum(size - 1, 0), batch_dims=1), NO_PIECE)
        behind = tf.strings.substr(left, size, tf.fill(tf.shape(size), self._told.most_characters), "UTF8_CHAR")
        column = tf.tensor_scatter_nd_update(tf.fill(tf.shape(rest), NO_PIECE), active, piece)
        return (
            tf.tensor_scatter_nd_update(rest, active, tf.where(known, behind, "")),
            tf.tensor_scatter_nd_update(unknown, active, ~known),
            step + 1,
            tf.cond(step == 0, lambda: column[:, tf.newaxis], lambda: tf.concat([found, column[:, tf.newaxis]], 1)),
        )


def _canonical(order: tf.Tensor) -> tf.Tensor:
    """Return the indices that put marks in order, without moving one across what is none (order 0)."""
    count = tf.cast(tf.size(order), tf.int64)
    between = tf.cumsum(tf.cast(order == 0, tf.int64))
    keys = (between * PAGE + tf.cast(order, tf.int64)) * count + tf.range(count)
    return tf.sort(keys) % tf.maximum(count, 1)
