"""Worker tasks: a SavedModel broken in a way that a gate must see, and questions to one in the C++ runtime."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.export.subject import ExportSubject
from twotrack.shared.export.tf_serving import loaded
from twotrack.shared.export.tf_serving.expected import FOLDER
from twotrack.shared.export.tf_serving.loader import LoadedModel, ServingError
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Broken:
    """A good version, the bad one to write, and the run of both."""

    good: Path
    bad: Path
    run: Path


@dataclass(frozen=True)
class Questions:
    version: Path
    questions: list[tuple[str, dict[str, list[Any]]]]
    """Signature and inputs: kind, shape and value by name."""


@dataclass(frozen=True)
class Images:
    version: Path
    image: list[Any]
    """(images, height, width)"""


@dataclass(frozen=True)
class Answers:
    probabilities: list[list[float]]
    class_name: list[str]


@dataclass(frozen=True)
class Pixels:
    pixels: list[Any]
    """(height, width, RGB 3)"""
    size: int


@dataclass(frozen=True)
class Resized:
    resized: list[Any]
    fitted: list[Any]


@dataclass(frozen=True)
class Picture:
    file: Path
    size: int


@dataclass(frozen=True)
class Texts:
    file: Path
    """.npz with `texts`, in UTF-8 and hexadecimal."""
    weights: str
    length: int


@dataclass(frozen=True)
class FirstTexts:
    file: Path
    folder: Path
    length: int


@dataclass(frozen=True)
class Files:
    files: list[Path]


@task
def upright(asked: Files) -> list[list[Any]]:
    """Return what the graph makes of the pixels of each file."""
    import tensorflow as tf

    from twotrack.keras_track import in_graph_orientation, in_graph_pictures

    decode = tf.function(
        lambda encoded: in_graph_orientation.upright(in_graph_pictures.rgb(encoded), encoded),
        input_signature=[tf.TensorSpec((), tf.string)],
    )
    return [decode(file.read_bytes()).numpy().tolist() for file in asked.files]


@task
def orientations(asked: Files) -> list[int]:
    """Return what the graph reads of each file."""
    import tensorflow as tf

    from twotrack.keras_track import in_graph_orientation

    read = tf.function(in_graph_orientation.orientation, input_signature=[tf.TensorSpec((), tf.string)])
    return [int(read(file.read_bytes())) for file in asked.files]


@task
def tokens(asked: Texts) -> None:
    """Write what the graph makes of texts beside their file."""
    ids, mask = _reader(asked)(np.array(_given(asked), object))
    np.savez(f"{asked.file}.tokens.npz", token_ids=ids.numpy(), padding_mask=mask.numpy())


@task
def refusals(asked: Texts) -> list[str]:
    """Return why the graph refuses each text, or `answered`."""
    read = _reader(asked)
    return [_refusal(read, text) for text in _given(asked)]


def _refusal(read: Any, text: bytes) -> str:
    import tensorflow as tf

    try:
        read(tf.constant([text]))
    except tf.errors.InvalidArgumentError as error:
        return str(error)
    return "answered"


def _reader(asked: Texts) -> Any:
    import tensorflow as tf

    from twotrack.keras_track import in_graph
    from twotrack.shared.weights.pretrained.bert.tokens import Tokenise

    specs = [tf.TensorSpec((None,), tf.string)]
    return tf.function(in_graph.reader(Tokenise(asked.weights, asked.length)), input_signature=specs)


def _given(asked: Texts) -> list[bytes]:
    with np.load(asked.file) as archive:
        return [bytes.fromhex(text) for text in archive["texts"].tolist()]


@task
def first_tokens(asked: FirstTexts) -> list[list[int]]:
    """Return the ids that Google's algorithm gives, in transformers' Python."""
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    tokenizer = BertTokenizerLegacy(str(asked.folder / "vocab.txt"))
    tokenizer.unique_no_split_tokens = []

    def ids(text: str) -> list[int]:
        words = tokenizer.basic_tokenizer.tokenize(text)
        pieces = [piece for word in words for piece in tokenizer.wordpiece_tokenizer.tokenize(word)]
        found = [tokenizer.vocab[piece] for piece in pieces][: asked.length - 2]
        whole = [tokenizer.vocab["[CLS]"], *found, tokenizer.vocab["[SEP]"]]
        return whole + [tokenizer.vocab["[PAD]"]] * (asked.length - len(whole))

    return [ids(text) for text in json.loads(asked.file.read_text())]


@task
def with_python(asked: Broken) -> None:
    """Write a version whose predictions are right, but made in Python."""
    import tensorflow as tf

    good = tf.saved_model.load(str(asked.good))
    found = good.signatures["serving_default"]

    def respond(image: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = found(image=image)
        shape = answers["probabilities"].shape
        probabilities = tf.numpy_function(lambda array: array, [answers["probabilities"]], tf.float32)
        return {**answers, "probabilities": tf.ensure_shape(probabilities, shape)}

    _save(tf, respond, (None, 28, 28), good, asked)


@task
def of_one(asked: Broken) -> None:
    """Write a version that takes one example at a time."""
    import tensorflow as tf

    good = tf.saved_model.load(str(asked.good))
    found = good.signatures["serving_default"]
    _save(tf, lambda image: found(image=image), (1, 28, 28), good, asked)


def _save(tf: Any, respond: Any, shape: tuple, source: Any, asked: Broken) -> None:
    module = tf.Module()
    module.source = source
    concrete = tf.function(respond).get_concrete_function(image=tf.TensorSpec(shape, tf.uint8, "image"))
    tf.saved_model.save(module, str(asked.bad), signatures={"serving_default": concrete})
    shutil.copytree(asked.good / FOLDER, asked.bad / FOLDER)


@task
def of_jax(asked: Broken) -> None:
    """Write what Keras exports on the JAX backend."""
    model = ExportSubject.of(asked.run).model("keras:jax").model
    model.export(str(asked.bad), format="tf_saved_model", verbose=False)
    shutil.copytree(asked.good / FOLDER, asked.bad / FOLDER)


@task
def ask(asked: Questions) -> list[str]:
    """Return for each question, a signature with inputs as lists and their types, the error, or `answered`."""
    version = asked.version
    known = loaded.signatures(loaded.meta_graph((version / "saved_model.pb").read_bytes()))
    with LoadedModel(version) as model:
        return [_ask(known[signature], model, inputs) for signature, inputs in asked.questions]


@dataclass(frozen=True)
class Encoded:
    """Picture files for a version's signature `encoded_image`."""

    version: Path
    files: list[Path]


@task
def encoded(asked: Encoded) -> list[list[float]]:
    """Return the probabilities (files, classes) that the C++ runtime finds."""
    known = loaded.signatures(loaded.meta_graph((asked.version / "saved_model.pb").read_bytes()))
    content = np.array([file.read_bytes() for file in asked.files], object)
    with LoadedModel(asked.version) as model:
        answered = known["encoded_image"].ask(model, {"image_bytes": content})
    return answered["probabilities"].tolist()


def _ask(signature: loaded.LoadedSignature, model: LoadedModel, inputs: Mapping[str, Any]) -> str:
    try:
        signature.ask(model, {name: _array(*given) for name, given in inputs.items()})
    except ServingError as error:
        return str(error)
    return "answered"


def _array(kind: str, shape: list[int], value: Any) -> np.ndarray:
    if kind == "text":
        return np.full(shape, value.encode("latin-1"), object)
    return np.full(shape, value, kind)


@task
def answers(asked: Images) -> Answers:
    """Return what TensorFlow's Python finds with serving_default for uint8 images."""
    import tensorflow as tf

    signature = tf.saved_model.load(str(asked.version)).signatures["serving_default"]
    found = signature(image=tf.constant(asked.image, tf.uint8))
    return Answers(found["probabilities"].numpy().tolist(), [name.decode() for name in found["class_name"].numpy()])


@task
def warm_up_sizes(file: Path) -> dict[str, list[int]]:
    """Return by signature the batch sizes of a warm-up file, read by TensorFlow and its server's own messages."""
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    sizes: dict[str, list[int]] = {}
    for record in tf.data.TFRecordDataset(str(file)):
        request = PredictionLog.FromString(record.numpy()).predict_log.request
        (tensor,) = request.inputs.values()
        sizes.setdefault(request.model_spec.signature_name, []).append(len(tf.make_ndarray(tensor)))
    return sizes


@task
def resized(asked: Pixels) -> Resized:
    """Return what the graph makes of pixels (height, width, RGB 3)."""
    from twotrack.keras_track import in_graph_pictures

    pixels, size = np.array(asked.pixels, np.uint8), asked.size
    made = (in_graph_pictures.resize(pixels, size), in_graph_pictures.fit(pixels, size))
    return Resized(*(picture.numpy().tolist() for picture in made))


@task
def decoded(asked: Picture) -> list[Any]:
    """Return what the graph decodes of a file, none of whose sides is the stored one."""
    from twotrack.keras_track import in_graph_pictures

    one = in_graph_pictures.square((28, 28), asked.size)
    return one(asked.file.read_bytes()).numpy().tolist()
