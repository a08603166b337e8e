"""Worker task: is a gradient taken before any weight is updated? Asked of many freshly compiled models."""

import numpy as np

from twotrack.shared.workers.task import task

EXAMPLES, UNITS = 12, 6


@task
def gradients_of_updated_weights(models: int) -> int:
    """Return how many of so many models sent the second layer's new weights back to the first.

    The loss is sum(targets * outputs): its gradient in the outputs is the targets, whatever the weights
    are, so only the weights of the second layer tie the first layer's gradient to the forward pass.
    """
    draw = np.random.default_rng(0).normal
    first, second, targets = (draw(size=(rows, UNITS)).astype("float32") for rows in (EXAMPLES, UNITS, EXAMPLES))
    expected = first - targets @ second.T / EXAMPLES
    return sum(
        not np.allclose(_trained_first_layer(first, second, targets), expected, atol=1e-4) for _ in range(models)
    )


def _trained_first_layer(first: np.ndarray, second: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the first kernel after one step of gradient descent at rate 1; the inputs are unit vectors."""
    import keras

    keras.backend.clear_session()
    layers = [keras.layers.Dense(UNITS, use_bias=False) for _ in range(2)]
    model = keras.Sequential([keras.Input((EXAMPLES,)), *layers])
    for layer, kernel in zip(layers, (first, second), strict=True):
        layer.kernel.assign(kernel)
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y, outputs: keras.ops.sum(y * outputs, axis=-1))
    model.optimizer.build(model.trainable_variables)
    model.train_on_batch(np.eye(EXAMPLES, dtype="float32"), targets)
    return keras.ops.convert_to_numpy(layers[0].kernel)
