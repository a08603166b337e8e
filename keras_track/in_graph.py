"""Preparation of a client's inputs with TensorFlow's operations, so that it is part of a served graph.

The same numbers as shared/datasets makes of the same inputs. Only operations of the stock server: no lookup table,
no Python. What cannot be prepared is refused by the graph itself, for a server must not answer it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from twotrack.keras_track import in_graph_pictures as pictures
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.export.tf_serving.fields import KINDS, Field, Kind
from twotrack.shared.inputs import ONLY

Tensors = Mapping[str, tf.Tensor]


def preparation(dataset: Dataset, fields: Mapping[str, Field]) -> Callable[[Tensors], Any]:
    """Return what makes the model's inputs of a client's, both with a batch axis in front, or refuses them."""
    of_kind = _PREPARE[KINDS[dataset.name]]

    def prepare(given: Tensors) -> Any:
        with tf.control_dependencies(_same_batch(given)):
            # The shapes that a signature states are not enforced by the runtime.
            checked = {name: tf.ensure_shape(given[name], (None, *field.shape)) for name, field in fields.items()}
        return of_kind(dataset, checked)

    return prepare


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


# === image ===


def decoder(dataset: Dataset) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return what makes the model's inputs of encoded pictures (batch,) strings."""
    stored = dataset.test.inputs[ONLY].shape[1:3]
    if dataset.name == "mnist":
        return lambda encoded: _digit(dataset, pictures.decode(encoded, pictures.grey(stored), stored))
    side = dataset.prepare.size
    shape = (side, side, pictures.RGB)
    return lambda encoded: _normalise(dataset, pictures.decode(encoded, pictures.square(stored, side), shape))


def _image(dataset: Dataset, given: Tensors) -> tf.Tensor:
    return {"mnist": _digit, "shop": _picture}[dataset.name](dataset, given["image"])


def _digit(dataset: Dataset, image: tf.Tensor) -> tf.Tensor:
    return (tf.cast(image, tf.float32) * dataset.prepare.factor - dataset.prepare.shift)[..., tf.newaxis]


def _picture(dataset: Dataset, image: tf.Tensor) -> tf.Tensor:
    """Resize and normalise; grey pictures (batch, height, width) get three equal channels."""
    pixels = tf.stack([image] * pictures.RGB, axis=-1) if dataset.test.inputs[ONLY].ndim == 3 else image
    return _normalise(dataset, pictures.resize(pixels, dataset.prepare.size))


def _normalise(dataset: Dataset, pixels: tf.Tensor) -> tf.Tensor:
    return (tf.cast(pixels, tf.float32) - np.float32(dataset.prepare.mean)) / np.float32(dataset.prepare.scale)


# === columns ===


def _columns(dataset: Dataset, given: Tensors) -> tf.Tensor:
    """Return (batch, features), one after the other as the data set names them."""
    checks = [check for column in given for check in _known(dataset, column, given[column])]
    with tf.control_dependencies(checks):
        raw = tf.stack([_feature(name, given) for name in dataset.feature_names], axis=1)
    standardise = dataset.prepare.standardise
    return tf.cast((raw - standardise.mean) / standardise.std, tf.float32)


def _feature(name: str, given: Tensors) -> tf.Tensor:
    column, _, category = name.partition("=")
    if category:
        return tf.cast(tf.equal(given[column], category), tf.float64)
    return tf.cast(_finite(column, given[column]) if given[column].dtype.is_floating else given[column], tf.float64)


def _known(dataset: Dataset, column: str, values: tf.Tensor) -> list[tf.Operation]:
    """Return the assertion that all values are categories of the column; none for a column of numbers."""
    parts = (name.partition("=") for name in dataset.feature_names)
    categories = [category for of, _, category in parts if of == column and category]
    if not categories:
        return []
    known = tf.reduce_all(tf.reduce_any(tf.equal(values[:, tf.newaxis], tf.constant(categories)), axis=1))
    return [tf.debugging.Assert(known, [f"{column}: expected one of {categories}, found", values], summarize=32)]


# === months ===


def _months(dataset: Dataset, given: Tensors) -> dict[str, tf.Tensor]:
    """Return months (batch, month, feature), 0 where the mask says that there is none, and the mask."""
    mask, standardise = given["mask"], dataset.prepare.standardise
    raw = tf.stack([tf.cast(_finite(name, given[name]), tf.float64) for name in dataset.feature_names], axis=-1)
    months = tf.cast((raw - standardise.mean) / standardise.std, tf.float32)
    with tf.control_dependencies([_begins("mask", mask)]):
        return {"months": tf.where(mask[..., tf.newaxis], months, 0.0), "mask": tf.identity(mask)}


def _begins(name: str, mask: tf.Tensor) -> tf.Operation:
    """Return the assertion that every mask (batch, position) is true at first and never again after a false."""
    numbers = tf.cast(mask, tf.int32)
    holds = tf.reduce_all(mask[:, 0]) & tf.reduce_all(numbers[:, 1:] <= numbers[:, :-1])
    return tf.debugging.Assert(holds, [f"{name}: expected true for the first positions, at least one, then false"])


# === tokens ===


def _tokens(_: Dataset, given: Tensors) -> dict[str, tf.Tensor]:
    mask = given["padding_mask"]
    with tf.control_dependencies([_begins("padding_mask", mask)]):
        return {"token_ids": given["token_ids"], "padding_mask": tf.identity(mask)}


_PREPARE: Mapping[Kind, Callable[[Dataset, Tensors], Any]] = {
    "image": _image,
    "columns": _columns,
    "months": _months,
    "tokens": _tokens,
}
