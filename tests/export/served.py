"""Worker tasks: a SavedModel broken in a way that a gate must see, and questions to one in the C++ runtime."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.export.subject import Subject
from twotrack.shared.export.tf_serving import loaded
from twotrack.shared.export.tf_serving.expected import FOLDER
from twotrack.shared.export.tf_serving.loader import LoadedModel, ServingError


def with_python(arguments: Mapping[str, Any], report: object) -> None:
    """Write a version whose predictions are right, but made in Python."""
    import tensorflow as tf

    good = tf.saved_model.load(arguments["good"])
    found = good.signatures["serving_default"]

    def respond(image: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = found(image=image)
        shape = answers["probabilities"].shape
        probabilities = tf.numpy_function(lambda array: array, [answers["probabilities"]], tf.float32)
        return {**answers, "probabilities": tf.ensure_shape(probabilities, shape)}

    _save(tf, respond, (None, 28, 28), good, arguments)


def of_one(arguments: Mapping[str, Any], report: object) -> None:
    """Write a version that takes one example at a time."""
    import tensorflow as tf

    good = tf.saved_model.load(arguments["good"])
    found = good.signatures["serving_default"]
    _save(tf, lambda image: found(image=image), (1, 28, 28), good, arguments)


def _save(tf: Any, respond: Any, shape: tuple, source: Any, arguments: Mapping[str, Any]) -> None:
    module = tf.Module()
    module.source = source
    concrete = tf.function(respond).get_concrete_function(image=tf.TensorSpec(shape, tf.uint8, "image"))
    tf.saved_model.save(module, arguments["bad"], signatures={"serving_default": concrete})
    shutil.copytree(Path(arguments["good"], FOLDER), Path(arguments["bad"], FOLDER))


def of_jax(arguments: Mapping[str, Any], report: object) -> None:
    """Write what Keras exports on the JAX backend."""
    model = Subject.of(Path(arguments["run"])).model("keras:jax").model
    model.export(arguments["bad"], format="tf_saved_model", verbose=False)
    shutil.copytree(Path(arguments["good"], FOLDER), Path(arguments["bad"], FOLDER))


def ask(arguments: Mapping[str, Any], report: object) -> list[str]:
    """Return for each question, a signature with inputs as lists and their types, the error, or `answered`."""
    version = Path(arguments["version"])
    known = loaded.signatures(loaded.meta_graph((version / "saved_model.pb").read_bytes()))
    with LoadedModel(version) as model:
        return [_ask(known[signature], model, inputs) for signature, inputs in arguments["questions"]]


def _ask(signature: loaded.Signature, model: LoadedModel, inputs: Mapping[str, Any]) -> str:
    try:
        signature.ask(model, {name: _array(*given) for name, given in inputs.items()})
    except ServingError as error:
        return str(error)
    return "answered"


def _array(kind: str, shape: list[int], value: Any) -> np.ndarray:
    if kind == "text":
        return np.full(shape, value.encode("latin-1"), object)
    return np.full(shape, value, kind)


def answers(arguments: Mapping[str, Any], report: object) -> dict[str, list[Any]]:
    """Return what TensorFlow's Python finds with serving_default for uint8 images."""
    import tensorflow as tf

    signature = tf.saved_model.load(arguments["version"]).signatures["serving_default"]
    found = signature(image=tf.constant(arguments["image"], tf.uint8))
    return {
        "probabilities": found["probabilities"].numpy().tolist(),
        "class_name": [name.decode() for name in found["class_name"].numpy()],
    }


def warm_up_sizes(arguments: Mapping[str, Any], report: object) -> dict[str, list[int]]:
    """Return by signature the batch sizes of a warm-up file, read by TensorFlow and its server's own messages."""
    import tensorflow as tf
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    sizes: dict[str, list[int]] = {}
    for record in tf.data.TFRecordDataset(arguments["file"]):
        request = PredictionLog.FromString(record.numpy()).predict_log.request
        (tensor,) = request.inputs.values()
        sizes.setdefault(request.model_spec.signature_name, []).append(len(tf.make_ndarray(tensor)))
    return sizes


def resized(arguments: Mapping[str, Any], report: object) -> dict[str, Any]:
    """Return what the graph makes of pixels (height, width, RGB 3)."""
    from twotrack.keras_track import in_graph_pictures

    pixels, size = np.array(arguments["pixels"], np.uint8), arguments["size"]
    made = {"resized": in_graph_pictures.resize(pixels, size), "fitted": in_graph_pictures.fit(pixels, size)}
    return {name: picture.numpy().tolist() for name, picture in made.items()}


def decoded(arguments: Mapping[str, Any], report: object) -> list[Any]:
    """Return what the graph decodes of a file, none of whose sides is the stored one."""
    from twotrack.keras_track import in_graph_pictures

    one = in_graph_pictures.square((28, 28), arguments["size"])
    return one(Path(arguments["file"]).read_bytes()).numpy().tolist()
