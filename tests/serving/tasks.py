"""Worker tasks that write a SavedModel, for the test against the real server."""

from collections.abc import Mapping
from typing import Any


def save_half(arguments: Mapping[str, Any], report: object) -> None:
    """Write a model whose second probability is x / 2 + 0.5."""
    import tensorflow as tf

    class Half(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            share = x / 2 + 0.5
            names = tf.where(share > 0.5, tf.constant("yes"), tf.constant("no"))
            return {"probabilities": tf.stack([1 - share, share], axis=1), "class_name": names}

    model = Half()
    tf.saved_model.save(model, arguments["folder"], signatures={"serving_default": model.serve})
