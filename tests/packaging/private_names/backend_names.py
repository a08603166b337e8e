"""Every private part of TensorFlow and JAX that twotrack uses."""

from collections.abc import Mapping
from typing import Any

from tests.packaging.private_names.private_name import KERAS, PrivateName


def _op_callbacks() -> bool:
    from tensorflow.python.framework import op_callbacks

    return callable(op_callbacks.add_op_callback) and callable(op_callbacks.remove_op_callback)


def _closed_fast_path() -> bool:
    """TensorFlow asks its fast path first, and goes the way through `execute` where that falls back."""
    from unittest.mock import patch

    import tensorflow as tf
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager import core, execute

    seen: list[str] = []

    def closed(*_: Any) -> None:
        raise core._FallbackException

    def run(operation: str, *details: Any, **named: Any) -> Any:
        seen.append(operation)
        return execute.quick_execute(operation, *details, **named)

    one = tf.constant([1.0])
    with patch.object(pywrap_tfe, "TFE_Py_FastPathExecute", closed), patch.object(execute, "execute", run):
        tf.nn.relu(one)
    return [name.decode() if isinstance(name, bytes) else name for name in seen] == ["Relu"]


def _eval_trace() -> bool:
    """JAX evaluates every operation that is not compiled through this method."""
    from unittest.mock import patch

    import jax
    from jax._src.core import EvalTrace

    seen, original = list[str](), EvalTrace.process_primitive

    def process(trace: Any, primitive: Any, *details: Any) -> Any:
        seen.append(primitive.name)
        return original(trace, primitive, *details)

    with jax.disable_jit(), patch.object(EvalTrace, "process_primitive", process):
        jax.lax.exp(1.0)
    return "exp" in seen


def _lowerings() -> bool:
    """A rule for processors goes before the one for all platforms, until it is taken away."""
    from unittest.mock import patch

    import jax
    from jax.interpreters import mlir

    own, asked = mlir._lowerings[jax.lax.exp_p].rule, list[str]()

    def rule(*arguments: Any, **settings: Any) -> Any:
        asked.append("exp")
        return own(*arguments, **settings)

    with patch.dict(mlir._platform_specific_lowerings["cpu"]):
        mlir.register_lowering(jax.lax.exp_p, rule, platform="cpu")
        jax.jit(lambda x: 2 * jax.lax.exp(x)).lower(1.0)
    jax.jit(lambda x: 2 * jax.lax.exp(x)).lower(2.0)
    return asked == ["exp"]


def _drawing_operations() -> bool:
    """The functions that every random operation of TensorFlow ends in, and which Keras' dropout calls."""
    from tensorflow.python.ops import gen_random_ops, gen_stateless_random_ops_v2

    stateless = ("stateless_random_uniform_v2", "stateless_random_normal_v2", "stateless_random_uniform_int_v2")
    stateful = ("random_uniform", "random_standard_normal", "random_uniform_int")
    return all(callable(getattr(gen_stateless_random_ops_v2, name)) for name in stateless) and all(
        callable(getattr(gen_random_ops, name)) for name in stateful
    )


def _constant_value_as_shape() -> bool:
    import tensorflow
    from tensorflow.python.framework import tensor_util

    return tensor_util.constant_value_as_shape(tensorflow.constant([2, 3])).as_list() == [2, 3]


def _math_ops() -> bool:
    from tensorflow.python.ops import math_ops

    return callable(math_ops.cast)


def _disable_xla() -> bool:
    import ctypes
    from pathlib import Path

    import tensorflow

    library = ctypes.CDLL(str(Path(tensorflow.__file__).parent / "libtensorflow_cc.so.2"))
    return callable(library["_ZN10tensorflow21DisableXlaCompilationEv"])


def _tensorflow_seed() -> bool:
    import tensorflow
    from tensorflow.python.eager import context

    own = context.context()
    tensorflow.random.set_seed(7)
    first, state = own._seed, own._rng.getstate()
    tensorflow.random.set_seed(7)
    return first == 7 and own._rng.getstate() == state


def _op_determinism() -> bool:
    import tensorflow
    from tensorflow.python.framework import config

    before = config.is_op_determinism_enabled()
    tensorflow.config.experimental.enable_op_determinism()
    on = config.is_op_determinism_enabled()
    config.disable_op_determinism()
    off = config.is_op_determinism_enabled()
    if before:
        tensorflow.config.experimental.enable_op_determinism()
    return on and not off


def _number_of_replica() -> bool:
    import tensorflow

    return int(tensorflow.distribute.get_replica_context()._replica_id_in_sync_group) == 0


BACKEND_NAMES: Mapping[str, PrivateName] = {
    "tensorflow.python.eager.core._FallbackException": PrivateName(
        KERAS, "round every operation in a lower precision", _closed_fast_path
    ),
    "tensorflow.python.eager.execute.execute": PrivateName(
        KERAS, "round every operation in a lower precision", _closed_fast_path
    ),
    "tensorflow.python.pywrap_tfe.TFE_Py_FastPathExecute": PrivateName(
        KERAS, "round every operation in a lower precision", _closed_fast_path
    ),
    "jax._src.core.EvalTrace.process_primitive": PrivateName(
        "keras:jax", "round every operation in a lower precision", _eval_trace
    ),
    "jax.interpreters.mlir._lowerings": PrivateName(
        "keras:jax", "hand XLA float64 convolutions by groups as sums", _lowerings
    ),
    "jax.interpreters.mlir._platform_specific_lowerings": PrivateName(
        "keras:jax", "hand XLA float64 convolutions by groups as sums", _lowerings
    ),
    "tensorflow.python.eager.context._seed": PrivateName(KERAS, "give a user's seed back", _tensorflow_seed),
    "tensorflow.python.eager.context._rng": PrivateName(KERAS, "give a user's seed back", _tensorflow_seed),
    "tensorflow.python.framework.config.disable_op_determinism": PrivateName(
        KERAS, "leave a user's process as it was", _op_determinism
    ),
    "tensorflow.python.framework.tensor_util.constant_value_as_shape": PrivateName(
        KERAS, "keep the shape of drawn numbers", _constant_value_as_shape
    ),
    "tensorflow.python.ops.gen_stateless_random_ops_v2": PrivateName(
        KERAS, "give TensorFlow the random numbers of every track", _drawing_operations
    ),
    "tensorflow.python.ops.math_ops.cast": PrivateName(KERAS, "cast Python numbers to float64", _math_ops),
    "tensorflow.python.framework.op_callbacks.add_op_callback": PrivateName(
        KERAS, "count pieces in the operations that TensorFlow runs", _op_callbacks
    ),
    "tensorflow.libtensorflow_cc._ZN10tensorflow21DisableXlaCompilationEv": PrivateName(
        KERAS, "check exports in the server's own runtime", _disable_xla
    ),
    "tensorflow.distribute.ReplicaContext._replica_id_in_sync_group": PrivateName(
        KERAS, "tell replicas apart", _number_of_replica
    ),
}
