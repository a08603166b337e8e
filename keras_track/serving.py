"""A trained model as a SavedModel whose signatures take what a client has and answer with probabilities.

Native TensorFlow operations only: whatever track trained the model, its weights are those of the Keras model on the
TensorFlow backend. Signatures: https://www.tensorflow.org/tfx/serving/signature_defs
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from twotrack.keras_track import in_graph
from twotrack.keras_track.in_graph_texts import Tokens
from twotrack.shared.datasets.pictures import IMAGE
from twotrack.shared.datasets.spec import Dataset
from twotrack.shared.export.tf_serving.fields import Field, fields, raw
from twotrack.shared.export.tf_serving.names import (
    CLASS_NAME,
    CLASSES,
    CLASSIFY,
    CLASSIFY_METHOD,
    DEFAULT,
    ENCODED,
    EXAMPLES,
    IMAGE_BYTES,
    PROBABILITIES,
    SCORES,
    TEXT,
    WRITTEN,
)
from twotrack.shared.export.tf_serving.prediction_log import LoggedRequest
from twotrack.shared.spec.inputs import ONLY, Inputs
from twotrack.shared.weights.pretrained.bert.word_piece import OtherTokenizerError

Answers = dict[str, tf.Tensor]
Respond = Callable[..., Answers]


class Offered(NamedTuple):
    """What a served model takes beyond that of its kind."""

    texts: bool
    note: str
    """Why it takes no texts, though it is a model of texts; empty if it does, or is none."""


def write(model: keras.Model, dataset: Dataset, folder: Path) -> Offered:
    """Write the SavedModel of a model that takes what `dataset.prepare` makes, with all its signatures."""
    module = tf.Module()
    module.model_variables = [variable.value for variable in model.variables]
    module.reader, note = _reader(dataset)  # kept, so that its tables of words are saved
    answered = _signatures(model, dataset) | _written(model, dataset, module.reader)
    signatures = {name: _concrete(respond, specs) for name, (respond, specs) in answered.items()}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    _set_method(folder / "saved_model.pb", CLASSIFY, CLASSIFY_METHOD)
    return Offered(module.reader is not None, note)


def _reader(dataset: Dataset) -> tuple[Tokens | None, str]:
    try:
        return in_graph.reader(dataset.preparation), ""
    except OtherTokenizerError as error:
        return None, f"The model takes no texts, only tokens: its tokenizer is not BERT's own ({error})."


def _written(
    model: keras.Model, dataset: Dataset, read: Tokens | None
) -> dict[str, tuple[Respond, dict[str, tf.TensorSpec]]]:
    """Return the signature that takes texts, if there is what reads them."""
    if read is None:
        return {}

    def written(text: tf.Tensor) -> Answers:
        token_ids, padding_mask = read(_not_empty(text))
        given = {"token_ids": token_ids, "padding_mask": padding_mask}
        return _answers(model(given, training=False), dataset.class_names)

    return {WRITTEN: (written, {TEXT: tf.TensorSpec((None,), tf.string, TEXT)})}


def _signatures(model: keras.Model, dataset: Dataset) -> dict[str, tuple[Respond, dict[str, tf.TensorSpec]]]:
    """Return what each signature does, and its inputs."""
    given = fields(dataset)
    prepare = in_graph.preparation(dataset.preparation, given)

    def default(**client: tf.Tensor) -> Answers:
        return _answers(model(prepare(client), training=False), dataset.class_names)

    specs = {name: tf.TensorSpec((None, *field.shape), field.dtype, name) for name, field in given.items()}
    decode = in_graph.decoder(dataset.preparation, given)
    if decode is None:
        parse = _parser(given)
        classify = _classify(lambda examples: default(**parse(examples)), dataset.class_names)
        return {DEFAULT: (default, specs), CLASSIFY: (classify, _EXAMPLES)}

    def encoded(image_bytes: tf.Tensor) -> Answers:
        return _answers(model(decode(_not_empty(image_bytes)), training=False), dataset.class_names)

    return {
        DEFAULT: (default, specs),
        ENCODED: (encoded, {IMAGE_BYTES: tf.TensorSpec((None,), tf.string, IMAGE_BYTES)}),
        CLASSIFY: (_classify(lambda examples: encoded(_picture_of(examples)), dataset.class_names), _EXAMPLES),
    }


def _answers(logits: tf.Tensor, class_names: tuple[str, ...]) -> Answers:
    """Return probabilities (batch, classes), and the name of the most probable class."""
    is_single = logits.shape[-1] == 1
    probabilities = tf.sigmoid(tf.concat([-logits, logits], axis=-1)) if is_single else tf.nn.softmax(logits)
    best = tf.gather(tf.constant(class_names), tf.argmax(probabilities, axis=-1))
    return {PROBABILITIES: probabilities, CLASS_NAME: best}


def _not_empty(texts: tf.Tensor) -> tf.Tensor:
    """Return texts (batch,), unless there are none."""
    some = tf.debugging.Assert(tf.size(texts) > 0, ["expected at least one example, found none"])
    with tf.control_dependencies([some]):
        return tf.ensure_shape(texts, (None,))


# === classify: every class with its score, from serialised tf.train.Example ===


_EXAMPLES = {EXAMPLES: tf.TensorSpec((None,), tf.string, EXAMPLES)}


def _classify(respond: Callable[[tf.Tensor], Answers], class_names: tuple[str, ...]) -> Respond:
    def classify(inputs: tf.Tensor) -> Answers:
        scores = respond(_not_empty(inputs))[PROBABILITIES]
        return {SCORES: scores, CLASSES: tf.broadcast_to(tf.constant(class_names), tf.shape(scores))}

    return classify


def _parser(given: Mapping[str, Field]) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Return what reads a client's inputs from examples; an Example knows texts, whole numbers and float32 only."""
    features = {name: tf.io.FixedLenFeature(field.shape, _kept(field.dtype)) for name, field in given.items()}

    def parse(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, features)
        return {name: tf.cast(parsed[name], field.dtype) for name, field in given.items()}

    return parse


def _kept(dtype: str) -> tf.DType:
    if dtype == "string":
        return tf.string
    return tf.float32 if tf.as_dtype(dtype).is_floating else tf.int64


def _picture_of(examples: tf.Tensor) -> tf.Tensor:
    return tf.io.parse_example(examples, {IMAGE_BYTES: tf.io.FixedLenFeature((), tf.string)})[IMAGE_BYTES]


# === The file ===


def _concrete(respond: Respond, specs: Mapping[str, tf.TensorSpec]) -> Callable[..., Answers]:
    return tf.function(respond).get_concrete_function(**specs)


def _set_method(file: Path, signature: str, method: str) -> None:
    """State the method of a signature: TensorFlow writes `predict` for all, and the server asks."""
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in saved.meta_graphs:
        meta_graph.signature_def[signature].method_name = method
    file.write_bytes(saved.SerializeToString())


# === Requests ===


def requests(dataset: Dataset, stored: Inputs, offered: Offered) -> list[LoggedRequest]:
    """Return one request to each signature, all for the same stored inputs (batch, ...)."""
    client = raw(dataset, stored)
    default = LoggedRequest(DEFAULT, client)
    if offered.texts:
        written = LoggedRequest(WRITTEN, {TEXT: np.array([text.encode() for text in stored[ONLY]], object)})
        return [default, written, LoggedRequest(CLASSIFY, {EXAMPLES: _examples(client)})]
    if in_graph.decoder(dataset.preparation, fields(dataset)) is None:
        return [default, LoggedRequest(CLASSIFY, {EXAMPLES: _examples(client)})]
    pictures = {IMAGE_BYTES: np.array([_png(image) for image in client[IMAGE]], object)}
    return [default, LoggedRequest(ENCODED, pictures), LoggedRequest(CLASSIFY, {EXAMPLES: _examples(pictures)})]


def _examples(client: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return inputs (batch, ...) by name as serialised tf.train.Example (batch,)."""
    batch = len(next(iter(client.values())))
    rows = ({name: _feature(array[row]) for name, array in client.items()} for row in range(batch))
    return np.array([_example(row) for row in rows], object)


def _example(features: Mapping[str, tf.train.Feature]) -> bytes:
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _feature(values: Any) -> tf.train.Feature:
    flat = np.array([values], object) if isinstance(values, bytes) else np.ravel(values)
    if flat.dtype == object:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=flat))
    if np.issubdtype(flat.dtype, np.floating):
        return tf.train.Feature(float_list=tf.train.FloatList(value=flat))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=flat.astype(np.int64)))


def _png(image: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()
