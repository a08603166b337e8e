"""Preparation of a client's inputs with TensorFlow's operations, so that it is part of a served graph.

The same numbers as shared/datasets makes of the same inputs. Only operations of the stock server: no Python. What
cannot be prepared is refused by the graph itself, for a server must not answer it.
"""

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

import numpy as np
import tensorflow as tf

from twotrack.keras_track import in_graph_pictures
from twotrack.keras_track.in_graph_texts import Tokens
from twotrack.shared.datasets import pictures, tabular, telco_monthly
from twotrack.shared.datasets.preparation import Preparation
from twotrack.shared.export.tf_serving.fields import Field
from twotrack.shared.weights.pretrained.bert.tokens import Tokenise
from twotrack.shared.weights.pretrained.bert.word_piece import word_pieces

Tensors = Mapping[str, tf.Tensor]
Decode = Callable[[tf.Tensor], tf.Tensor]


def preparation(prepare: Preparation, fields: Mapping[str, Field]) -> Callable[[Tensors], Any]:
    """Return what makes the model's inputs of a client's, both with a batch axis in front, or refuses them."""

    def prepared(given: Tensors) -> Any:
        with tf.control_dependencies(_same_batch(given)):
            # The shapes that a signature states are not enforced by the runtime.
            checked = {name: tf.ensure_shape(given[name], (None, *field.shape)) for name, field in fields.items()}
        model_inputs = _prepared(prepare, checked)
        return model_inputs if len(model_inputs) > 1 else next(iter(model_inputs.values()))

    return prepared


@singledispatch
def _prepared(prepare: Preparation, given: Tensors) -> Tensors:
    """Return the model's inputs by name; a client sends them as they are if no function below knows the preparation."""
    return {name: _finite(name, values) if values.dtype.is_floating else values for name, values in given.items()}


@singledispatch
def decoder(prepare: Preparation, fields: Mapping[str, Field]) -> Decode | None:
    """Return what makes the model's input of encoded pictures (batch,) strings; None where a client has no pictures."""
    return None


@singledispatch
def reader(prepare: Preparation) -> Tokens | None:
    """Return what makes the model's inputs of texts (batch,); None where a client has no texts.

    Raises OtherTokenizerError if the texts have a tokenizer that is not written in TensorFlow here.
    """
    return None


def _same_batch(given: Tensors) -> list[tf.Operation]:
    """Return assertions that all inputs have the same number of examples, at least one."""
    counts = {name: tf.shape(tensor)[0] for name, tensor in given.items()}
    first, *others = counts
    checks = [tf.debugging.Assert(counts[first] > 0, [f"{first}: expected at least one example, found none"])]
    for name in others:
        message = [f"{name}: expected as many examples as {first} has,", counts[first], "found", counts[name]]
        checks.append(tf.debugging.Assert(tf.equal(counts[name], counts[first]), message))
    return checks


def _finite(name: str, numbers: tf.Tensor) -> tf.Tensor:
    """Return the numbers, unless one is NaN or infinite."""
    holds = tf.reduce_all(tf.math.is_finite(numbers))
    with tf.control_dependencies([tf.debugging.Assert(holds, [f"{name}: expected finite numbers, found", numbers])]):
        return tf.identity(numbers)


# === Pictures ===


@decoder.register
def _(prepare: pictures.Grey, fields: Mapping[str, Field]) -> Decode:
    stored = fields[pictures.IMAGE].shape
    decode_picture = in_graph_pictures.grey(stored)
    return lambda encoded: _standardised(prepare, in_graph_pictures.decode(encoded, decode_picture, stored))


@decoder.register
def _(prepare: pictures.PreparePictures, fields: Mapping[str, Field]) -> Decode:
    side, stored = prepare.size, fields[pictures.IMAGE].shape[:2]
    decode_picture, shape = in_graph_pictures.square(stored, side), (side, side, pictures.RGB)
    return lambda encoded: _normalised(prepare, in_graph_pictures.decode(encoded, decode_picture, shape))


@_prepared.register
def _(prepare: pictures.Grey, given: Tensors) -> Tensors:
    return {pictures.IMAGE: _standardised(prepare, given[pictures.IMAGE])}


@_prepared.register
def _(prepare: pictures.PreparePictures, given: Tensors) -> Tensors:
    """Resize and normalise; grey pictures (batch, height, width) get three equal channels."""
    image = given[pictures.IMAGE]
    pixels = tf.stack([image] * pictures.RGB, axis=-1) if image.shape.rank == 3 else image
    return {pictures.IMAGE: _normalised(prepare, in_graph_pictures.resize(pixels, prepare.size))}


def _standardised(prepare: pictures.Grey, image: tf.Tensor) -> tf.Tensor:
    return (tf.cast(image, tf.float32) * prepare.factor - prepare.shift)[..., tf.newaxis]


def _normalised(prepare: pictures.PreparePictures, pixels: tf.Tensor) -> tf.Tensor:
    return (tf.cast(pixels, tf.float32) - np.array(prepare.mean, np.float32)) / np.array(prepare.scale, np.float32)


# === Rows of a table ===


@_prepared.register
def _(prepare: tabular.PrepareTable, given: Tensors) -> Tensors:
    """Return (batch, features), one after the other as the data set names them."""
    names, standardise = prepare.feature_names, prepare.standardise
    checks = [check for column in given for check in _known(names, column, given[column])]
    with tf.control_dependencies(checks):
        raw = tf.stack([_feature(name, given) for name in names], axis=1)
    return {"rows": tf.cast((raw - standardise.mean) / standardise.std, tf.float32)}


def _feature(name: str, given: Tensors) -> tf.Tensor:
    column, _, category = name.partition("=")
    if category:
        return tf.cast(tf.equal(given[column], category), tf.float64)
    return tf.cast(_finite(column, given[column]) if given[column].dtype.is_floating else given[column], tf.float64)


def _known(names: tuple[str, ...], column: str, values: tf.Tensor) -> list[tf.Operation]:
    """Return the assertion that all values are categories of the column; none for a column of numbers."""
    parts = (name.partition("=") for name in names)
    categories = [category for of, _, category in parts if of == column and category]
    if not categories:
        return []
    known = tf.reduce_all(tf.reduce_any(tf.equal(values[:, tf.newaxis], tf.constant(categories)), axis=1))
    return [tf.debugging.Assert(known, [f"{column}: expected one of {categories}, found", values], summarize=32)]


# === Months ===


@_prepared.register
def _(prepare: telco_monthly.PrepareMonths, given: Tensors) -> Tensors:
    """Return months (batch, month, feature), 0 where the mask says that there is none, and the mask."""
    mask, standardise = given["mask"], prepare.standardise
    columns = [tf.cast(_finite(name, given[name]), tf.float64) for name in prepare.feature_names]
    months = tf.cast((tf.stack(columns, axis=-1) - standardise.mean) / standardise.std, tf.float32)
    with tf.control_dependencies([_begins("mask", mask)]):
        return {"months": tf.where(mask[..., tf.newaxis], months, 0.0), "mask": tf.identity(mask)}


def _begins(name: str, mask: tf.Tensor) -> tf.Operation:
    """Return the assertion that every mask (batch, position) is true at first and never again after a false."""
    numbers = tf.cast(mask, tf.int32)
    holds = tf.reduce_all(mask[:, 0]) & tf.reduce_all(numbers[:, 1:] <= numbers[:, :-1])
    return tf.debugging.Assert(holds, [f"{name}: expected true for the first positions, at least one, then false"])


# === Tokens ===


@reader.register
def _(prepare: Tokenise) -> Tokens:
    return Tokens(word_pieces(prepare.tokenizer), prepare.length)


@_prepared.register
def _(prepare: Tokenise, given: Tensors) -> Tensors:
    mask = given["padding_mask"]
    with tf.control_dependencies([_begins("padding_mask", mask)]):
        return {"token_ids": given["token_ids"], "padding_mask": tf.identity(mask)}
