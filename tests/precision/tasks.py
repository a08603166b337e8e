"""Worker tasks that look at the simulated rounding in one framework, which only the worker imports."""

import numpy as np

from twotrack.shared.workers.task import task


@task
def differences_of_parts(_: None) -> dict[str, float]:
    """Return how far TensorFlow's operations of several steps are from the steps that stand for them, in float64."""
    import tensorflow as tf

    from twotrack.keras_track.arithmetic_parts import PARTS

    x, gradients = (tf.constant(np.random.default_rng(seed).normal(0, 4, (6, 5))) for seed in (0, 1))
    shares, raw = tf.nn.softmax(gradients), tf.raw_ops
    given = {
        "Softmax": (raw.Softmax, {"logits": x}),
        "LogSoftmax": (raw.LogSoftmax, {"logits": x}),
        "SoftmaxCrossEntropyWithLogits": (raw.SoftmaxCrossEntropyWithLogits, {"features": x, "labels": shares}),
        "SparseSoftmaxCrossEntropyWithLogits": (
            raw.SparseSoftmaxCrossEntropyWithLogits,
            {"features": x, "labels": tf.constant([0, 1, 2, 3, 4, 0])},
        ),
        "Softplus": (raw.Softplus, {"features": x}),
        "SoftplusGrad": (raw.SoftplusGrad, {"gradients": gradients, "features": x}),
        "Elu": (raw.Elu, {"features": x}),
        "EluGrad": (raw.EluGrad, {"gradients": gradients, "outputs": raw.Elu(features=x)}),
        "Selu": (raw.Selu, {"features": x}),
        "SeluGrad": (raw.SeluGrad, {"gradients": gradients, "outputs": raw.Selu(features=x)}),
        "Softsign": (raw.Softsign, {"features": x}),
        "SoftsignGrad": (raw.SoftsignGrad, {"gradients": gradients, "features": x}),
        "L2Loss": (raw.L2Loss, {"t": x}),
    }
    found = {}
    for name, parts in PARTS.items():
        operation, arguments = given[name]
        own = operation(**arguments)
        pairs = zip(own if isinstance(own, tuple) else [own], parts(list(arguments.values())), strict=True)
        found[name] = max(float(tf.reduce_max(tf.abs(one - other))) for one, other in pairs)
    return found


@task
def poor_sums(_: None) -> dict[str, list[str]]:
    """Return the sums of Keras' backend that add up in half precision, by precision."""
    from twotrack.keras_track import arithmetic

    return {precision: sorted(arithmetic.poor_sums(precision)) for precision in ("bfloat16", "float16")}


POOR_LAYER_NORM = "native_layer_norm_backward"


@task
def poor_steps(rows: int) -> list[str]:
    """Return which operations of torch's layer normalisation of so many rows, in bfloat16, are off by themselves."""
    import torch

    from twotrack.shared.precision import aten
    from twotrack.shared.precision.computing import Computing

    computing = Computing("bfloat16")
    torch.manual_seed(0)
    norm, given = torch.nn.LayerNorm(32, dtype=torch.bfloat16), torch.randn(rows, 32, dtype=torch.bfloat16)
    with aten.noted(computing, lambda: ("", "")):
        norm(given).backward(torch.randn(rows, 32, dtype=torch.bfloat16))
    return sorted(computing.poor)
