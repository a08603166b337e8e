"""Every private part of a framework that twotrack uses: what for, and how to see in a worker that it is still there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class PrivateName:
    """A name that a framework may take away without notice."""

    track: str
    """Whose worker has the framework."""
    use: str
    """What twotrack would no longer do without it."""
    is_there: Callable[[], bool]
    """Runs in the worker."""


def _flatten_layers() -> bool:
    import keras

    inner = keras.layers.Dense(1, name="inner")
    model = keras.Sequential([keras.Input((2,)), inner])
    return inner in model._flatten_layers() and model not in model._flatten_layers(include_self=False)


def _layers() -> bool:
    import keras

    attention = keras.layers.MultiHeadAttention(1, 2)
    attention.build((1, 3, 2), (1, 3, 2))
    return {layer.name for layer in attention._layers} >= {"query", "key", "value"}


def _policy_of_layers() -> bool:
    """Layers ask for their type in this place, so that another answer is theirs."""
    from unittest.mock import patch

    import keras
    from keras.src import dtype_policies

    wide = keras.DTypePolicy("float64")
    with patch.object(dtype_policies, "get", lambda identifier: wide):
        return keras.layers.Dense(1, dtype="float32").dtype_policy is wide


def _attention(name: str) -> Callable[[], bool]:
    def is_there() -> bool:
        import keras

        attention = keras.layers.MultiHeadAttention(1, 2, dropout=0.5)
        attention.build((1, 3, 2), (1, 3, 2))
        return name in vars(attention)

    return is_there


def _compile_loss() -> bool:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss=keras.losses.MeanSquaredError())
    target, output = (keras.ops.convert_to_tensor([[value]]) for value in (1.0, 3.0))
    return float(model._compile_loss(target, output)) == 4.0


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


def _tracked_variables() -> bool:
    """Keras on PyTorch makes parameters of variables by their paths, and again when it is asked to."""
    import keras

    layer = keras.layers.Dense(1)
    layer.build((None, 2))
    layer._track_variables()
    return len(list(layer.parameters())) == 2


def _position_dropout() -> bool:
    import keras_hub

    backbone = keras_hub.models.DebertaV3Backbone(9, 1, 1, 2, 2, dropout=0.5, max_sequence_length=4, bucket_size=2)
    attention = [one for one in backbone._flatten_layers() if type(one).__name__ == "DisentangledSelfAttention"]
    return [one._position_dropout_layer.noise_shape for one in attention] == [None]


def _compiler() -> bool:
    from importlib.util import find_spec

    return find_spec("torch._dynamo") is not None


def _has_kernel() -> bool:
    import torch

    return torch._C._dispatch_has_kernel_for_dispatch_key("aten::matmul", "CompositeImplicitAutograd")


def _schema() -> bool:
    import torch

    return [argument.name for argument in torch.ops.aten.add.Tensor._schema.arguments][:2] == ["self", "other"]


def _version() -> bool:
    import torch

    tensor = torch.zeros(1)
    before = tensor._version
    return tensor.add_(1)._version > before


def _learning_rate() -> bool:
    import keras

    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    return keras.optimizers.SGD(schedule)._learning_rate is schedule


def _keras_logits() -> bool:
    import keras

    logits = keras.ops.convert_to_tensor([[1.0, 2.0]])
    return getattr(keras.activations.softmax(logits), "_keras_logits", None) is logits


def _get_variable_index() -> bool:
    import keras

    variables = [keras.Variable([0.0]), keras.Variable([1.0])]
    optimizer = keras.optimizers.SGD()
    optimizer.build(variables)
    return [optimizer._get_variable_index(variable) for variable in variables] == [0, 1]


def _of_optimizer(name: str, kind: str = "SGD", **settings: Any) -> Callable[[], bool]:
    def is_there() -> bool:
        import keras

        variables = [keras.Variable([[0.0, 1.0]])]
        optimizer = getattr(keras.optimizers, kind)(learning_rate=0.1, **settings)
        optimizer.build(variables)
        found = getattr(optimizer, name)
        return callable(found) or isinstance(found, keras.Variable) or len(found) == 1

    return is_there


def _initial_values() -> bool:
    from unittest.mock import patch

    import keras
    from keras.src.initializers import random_initializers

    def refuse(*_: Any, **__: Any) -> Any:
        raise LookupError

    with patch.object(random_initializers.random, "uniform", refuse):
        try:
            keras.initializers.RandomUniform()((2,))
        except LookupError:
            return True
    return False


def _tensorflow_when_serialising() -> bool:
    """Keras asks here for TensorFlow, so that another answer is its own."""
    from unittest.mock import Mock, PropertyMock, patch

    import keras
    from keras.src.saving import serialization_lib

    asked = PropertyMock(return_value=False)
    lazy = Mock()
    type(lazy).available = asked
    with patch.object(serialization_lib, "tf", lazy):
        keras.saving.serialize_keras_object(keras.layers.Dense(1))
    return asked.called


def _made_for_training() -> bool:
    """A frozen layer still tells what it has made for training."""
    import keras

    layer = keras.layers.BatchNormalization()
    layer.build((None, 2))
    layer.trainable = False
    return [one.name for one in layer._trainable_variables] == ["gamma", "beta"] and not layer.trainable_variables


def _memory_when_saving() -> bool:
    from keras.src.saving import saving_lib

    return callable(saving_lib.is_memory_sufficient)


def _initialize() -> bool:
    import keras

    variable = keras.Variable([0.0])
    return callable(variable._initialize) and callable(type(variable)._initialize_with_initializer)


def _residual_blocks() -> bool:
    from keras.src.applications import resnet

    return callable(resnet.stack_residual_blocks_v1)


def _type_promotion() -> bool:
    from keras.src.backend.common import dtypes

    return "float64" in dtypes.BIT64_TO_BIT32_DTYPE


def _backend(*path: str) -> Callable[[], bool]:
    def is_there() -> bool:
        from keras.src import backend

        value: Any = backend
        for part in path:
            value = getattr(value, part, None)
        return callable(value)

    return is_there


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


def _dispatch_mode() -> bool:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if torch.Tag.nondeterministic_seeded in operation.tags:
                seen.append(operation.overloadpacket.__name__)
            return operation(*args, **(kwargs or {}))

    with Seen():
        torch.nn.functional.dropout(torch.ones(3), 0.5)
    return seen == ["bernoulli_"]


def _math_ops() -> bool:
    from tensorflow.python.ops import math_ops

    return callable(math_ops.cast)


def _disable_xla() -> bool:
    import ctypes
    from pathlib import Path

    import tensorflow

    library = ctypes.CDLL(str(Path(tensorflow.__file__).parent / "libtensorflow_cc.so.2"))
    return callable(library["_ZN10tensorflow21DisableXlaCompilationEv"])


def _base_of(module: str, name: str, *derived: str) -> Callable[[], bool]:
    def is_there() -> bool:
        from torch import nn

        base = getattr(getattr(nn.modules, module), name)
        return all(issubclass(getattr(nn, layer), base) for layer in derived)

    return is_there


def _sparse_parts() -> bool:
    import torch

    twice = torch.sparse_coo_tensor([[1, 1]], [2.0, 3.0], (4,))
    return twice._indices().tolist() == [[1, 1]] and twice._values().tolist() == [2.0, 3.0]


def _own_losses() -> bool:
    import keras
    import numpy as np

    layer = keras.layers.ActivityRegularization(l2=1.0)
    layer(np.ones((1, 3), "float32"))
    return [float(keras.ops.convert_to_numpy(loss)) for loss in layer._get_own_losses()] == [3.0]


def _use_weight_decay() -> bool:
    import keras

    optimizer, weight = keras.optimizers.AdamW(0.1), keras.Variable([1.0], name="bias")
    before = optimizer._use_weight_decay(weight)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return before and not optimizer._use_weight_decay(weight)


def _non_persistent_buffers_set() -> bool:
    from torch import nn, zeros

    module = nn.Module()
    module.register_buffer("mask", zeros(1), persistent=False)
    return "mask" in module._non_persistent_buffers_set


def _global_state() -> bool:
    """Names in use are kept there, and nowhere else."""
    import threading

    import keras
    from keras.src.backend.common import global_state

    own = global_state.GLOBAL_STATE_TRACKER
    assert isinstance(global_state.GLOBAL_SETTINGS_TRACKER, threading.local)
    keras.layers.Dense(1)
    global_state.GLOBAL_STATE_TRACKER = threading.local()
    first = keras.layers.Dense(1).name
    global_state.GLOBAL_STATE_TRACKER = own
    return first == "dense" and keras.layers.Dense(1).name != "dense"


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


def _compiled_module() -> bool:
    import torch

    module = torch.nn.Identity()
    return torch.compile(module)._orig_mod is module


KERAS, TORCH = "keras:tensorflow", "torch"


def _table_of_types() -> bool:
    """Keras reads types in this table, so that what it holds is what they mean."""
    from unittest.mock import patch

    import keras
    from keras.src.backend.common import dtypes

    with patch.object(dtypes, "PYTHON_DTYPES_MAP", dtypes.PYTHON_DTYPES_MAP | {"float32": "float64"}):
        return keras.backend.standardize_dtype("float32") == "float64"


def _operation() -> bool:
    """Whatever a model consists of is made and called in this class."""
    import keras
    from keras.src.ops.operation import Operation

    return issubclass(keras.layers.Layer, Operation) and {"__new__", "__call__"} <= vars(Operation).keys()


def _own_functions() -> bool:
    """keras.ops holds what it makes of the backend's functions in modules of their names."""
    from keras.src import ops

    return callable(ops.nn._layer_normalization) and callable(ops.numpy.add)


def _mode_taken_away() -> bool:
    """The mode that was entered last can be taken from the functions' way, and put back."""
    import torch
    from torch import overrides
    from torch.overrides import TorchFunctionMode

    with TorchFunctionMode() as mode:
        taken = overrides._pop_mode()
        is_away = torch._C._len_torch_function_stack() == 0
        overrides._push_mode(taken)
    return taken is mode and is_away


def _modes_at_work() -> bool:
    import torch
    from torch.overrides import TorchFunctionMode

    with TorchFunctionMode():
        return torch._C._len_torch_function_stack() == 1


def _compiling() -> bool:
    """A compiled module has the original, and says how it is called; what was compiled is counted."""
    import torch

    model = torch.nn.Linear(1, 1)
    wrapped = torch.compile(model, backend="eager")
    assert isinstance(wrapped, torch._dynamo.eval_frame.OptimizedModule)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()

    def called(*args: Any) -> Any:
        return model._call_impl(*args)

    model._compiled_call_impl = wrapped.dynamo_ctx(called)
    with torch.compiler.set_stance("default"):
        model(torch.ones(1, 1))
    return wrapped._orig_mod is model and torch._dynamo.utils.counters["frames"]["ok"] > 0


def _shared_training() -> bool:
    """A model's function of a training step is made of a step, and its tracker of the loss says what it came to."""
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    function = model._make_function(model.train_step)
    function(iter([(np.ones((3, 2), "float32"), np.ones((3, 1), "float32"))]))
    return float(model._loss_tracker.result()) > 0


def _shares_of_a_loss() -> bool:
    """The mean loss is told how many replicas there are in this place."""
    from unittest.mock import patch

    import keras
    import numpy as np
    from keras.src.losses import loss

    with patch.object(loss, "scale_loss_for_distribution", lambda value: value * 7):
        scaled = float(keras.losses.MeanSquaredError()(np.zeros((2, 1)), np.ones((2, 1))))
    return scaled == 7 and loss.unscale_loss_for_distribution(3.0) == 3.0


def _synchronised_layers() -> bool:
    """DistributedDataParallel refuses SyncBatchNorm on a CPU in this place."""
    import inspect

    from torch.nn.parallel import DistributedDataParallel

    refusal = inspect.getsource(DistributedDataParallel._passing_sync_batchnorm_handle)
    return "SyncBatchNorm layers only work with GPU modules" in refusal


def _class_weights() -> bool:
    import numpy as np
    from keras.src.trainers.data_adapters import data_adapter_utils

    weights = data_adapter_utils.class_weight_to_sample_weights(np.array([0, 1, 1]), {0: 2.0, 1: 0.5})
    return list(weights) == [2.0, 0.5, 0.5]


def _sum_of_replicas() -> bool:
    import keras

    return callable(keras.optimizers.SGD()._all_reduce_sum_gradients)


def _number_of_replica() -> bool:
    import tensorflow

    return int(tensorflow.distribute.get_replica_context()._replica_id_in_sync_group) == 0


def _reduction_axes() -> bool:
    import keras

    layer = keras.layers.BatchNormalization()
    layer.build((None, 4, 3))
    return list(layer._reduction_axes) == [0, 1]


PRIVATE_NAMES: Mapping[str, PrivateName] = {
    "keras.src.backend.common.dtypes.PYTHON_DTYPES_MAP": PrivateName(
        KERAS, "compute in float64 what asks for float32", _table_of_types
    ),
    "keras.src.ops.operation.Operation.__new__": PrivateName(KERAS, "place a difference in the code", _operation),
    "keras.src.ops.nn": PrivateName(KERAS, "see what keras.ops computes", _own_functions),
    "torch._C._len_torch_function_stack": PrivateName(
        TORCH, "let encoder layers take the way that they take in float32", _modes_at_work
    ),
    "keras.Layer._flatten_layers": PrivateName(KERAS, "find every layer of a model", _flatten_layers),
    "keras.Layer._layers": PrivateName(KERAS, "find the layers inside a layer", _layers),
    "keras.layers.MultiHeadAttention._dropout": PrivateName(
        KERAS, "see and switch off attention's dropout", _attention("_dropout")
    ),
    "keras.layers.MultiHeadAttention._dropout_layer": PrivateName(
        KERAS, "count attention's dropout once", _attention("_dropout_layer")
    ),
    "keras.optimizers.Optimizer._trainable_variables": PrivateName(
        KERAS, "know what an optimizer updates", _of_optimizer("_trainable_variables")
    ),
    "keras.optimizers.Optimizer._parallel_update_step": PrivateName(
        "keras:torch", "update large weights part by part", _of_optimizer("_parallel_update_step")
    ),
    "keras.optimizers.Optimizer._model_variables_moving_average": PrivateName(
        KERAS, "read moving averages of weights", _of_optimizer("_model_variables_moving_average", use_ema=True)
    ),
    "keras.optimizers.Optimizer._iterations": PrivateName(
        KERAS, "carry the count of steps to another track", _of_optimizer("_iterations")
    ),
    "keras.optimizers.Nadam._u_product": PrivateName(
        KERAS, "carry Nadam's state to another track", _of_optimizer("_u_product", "Nadam")
    ),
    "keras.optimizers.Adafactor._v": PrivateName(
        KERAS, "measure what Adafactor keeps", _of_optimizer("_v", "Adafactor")
    ),
    "keras.optimizers.Adafactor._r": PrivateName(
        KERAS, "measure what Adafactor keeps", _of_optimizer("_r", "Adafactor")
    ),
    "keras.optimizers.Adafactor._c": PrivateName(
        KERAS, "measure what Adafactor keeps", _of_optimizer("_c", "Adafactor")
    ),
    "keras.src.initializers.random_initializers.random": PrivateName(
        KERAS, "not draw large weights that others replace", _initial_values
    ),
    "keras.src.saving.serialization_lib.tf": PrivateName(
        KERAS, "write layers down without importing TensorFlow", _tensorflow_when_serialising
    ),
    "keras.Layer._trainable_variables": PrivateName(KERAS, "tell frozen weights from statistics", _made_for_training),
    "keras.src.saving.saving_lib.is_memory_sufficient": PrivateName(
        KERAS, "write a whole model in little memory", _memory_when_saving
    ),
    "keras.Variable._initialize": PrivateName("keras:torch", "build a model with weights in files", _initialize),
    "keras.src.applications.resnet.stack_residual_blocks_v1": PrivateName(
        KERAS, "build a small ResNet50 for the atlas", _residual_blocks
    ),
    "keras.optimizers.Optimizer._get_variable_index": PrivateName(
        KERAS, "keep Sophia's state per variable", _get_variable_index
    ),
    "keras.Model._compile_loss": PrivateName(KERAS, "call the loss as a training step does", _compile_loss),
    "keras.KerasTensor._keras_logits": PrivateName(
        KERAS, "compute a loss on TensorFlow from the logits behind probabilities", _keras_logits
    ),
    "keras.src.backend.get_keras_mask": PrivateName(
        KERAS, "see the mask of a model's outputs", _backend("get_keras_mask")
    ),
    "keras.src.backend.set_keras_mask": PrivateName(
        KERAS, "send a mask along with outputs", _backend("set_keras_mask")
    ),
    "keras.src.backend.common.global_state.GLOBAL_STATE_TRACKER": PrivateName(
        KERAS, "leave a user's process as it was", _global_state
    ),
    "keras.layers.Layer._track_variables": PrivateName(
        "keras:torch", "align an architecture of the atlas whose weights share a path", _tracked_variables
    ),
    "keras_hub.models.DebertaV3Backbone._position_dropout_layer": PrivateName(
        KERAS, "align the masks of an architecture of the atlas", _position_dropout
    ),
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
    "tensorflow.python.eager.context._seed": PrivateName(KERAS, "give a user's seed back", _tensorflow_seed),
    "tensorflow.python.eager.context._rng": PrivateName(KERAS, "give a user's seed back", _tensorflow_seed),
    "tensorflow.python.framework.config.disable_op_determinism": PrivateName(
        KERAS, "leave a user's process as it was", _op_determinism
    ),
    "torch.compile._orig_mod": PrivateName(TORCH, "name the module that was compiled", _compiled_module),
    "keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE": PrivateName(
        KERAS, "keep float64 in type promotion", _type_promotion
    ),
    "keras.src.dtype_policies.get": PrivateName(KERAS, "compute in float64 what asks for float32", _policy_of_layers),
    "keras.src.backend.convert_to_tensor": PrivateName(KERAS, "compute in float64", _backend("convert_to_tensor")),
    "keras.src.backend.nn.dot_product_attention": PrivateName(
        KERAS, "give attention an exact scale in float64", _backend("nn", "dot_product_attention")
    ),
    "keras.src.backend.nn.leaky_relu": PrivateName(
        KERAS, "give LeakyReLU an exact slope in float64", _backend("nn", "leaky_relu")
    ),
    "keras.src.backend.numpy.where": PrivateName(KERAS, "compute LeakyReLU in float64", _backend("numpy", "where")),
    "keras.src.backend.random.dropout": PrivateName(
        KERAS, "say at which rate a draw drops", _backend("random", "dropout")
    ),
    "tensorflow.python.framework.tensor_util.constant_value_as_shape": PrivateName(
        KERAS, "keep the shape of drawn numbers", _constant_value_as_shape
    ),
    "tensorflow.python.ops.gen_stateless_random_ops_v2": PrivateName(
        KERAS, "give TensorFlow the random numbers of every track", _drawing_operations
    ),
    "torch.utils._python_dispatch.TorchDispatchMode": PrivateName(
        TORCH, "give torch the random numbers of every track", _dispatch_mode
    ),
    "tensorflow.python.ops.math_ops.cast": PrivateName(KERAS, "cast Python numbers to float64", _math_ops),
    "tensorflow.python.framework.op_callbacks.add_op_callback": PrivateName(
        KERAS, "count pieces in the operations that TensorFlow runs", _op_callbacks
    ),
    "torch._dynamo.eval_frame.OptimizedModule._orig_mod": PrivateName(
        TORCH, "know the layers of a compiled model", _compiling
    ),
    "torch.nn.Module._call_impl": PrivateName(TORCH, "run a part of a model by compiled code", _compiling),
    "torch.overrides._pop_mode": PrivateName(TORCH, "compile a model without what widens it", _mode_taken_away),
    "torch.overrides._push_mode": PrivateName(TORCH, "compile a model without what widens it", _mode_taken_away),
    "torch._C": PrivateName(TORCH, "ask what an operation consists of", _has_kernel),
    "torch._C._dispatch_has_kernel_for_dispatch_key": PrivateName(
        TORCH, "leave operations that consist of others to these", _has_kernel
    ),
    "torch._dynamo": PrivateName(
        TORCH, "start without PyTorch's compiler, and see what it has compiled", lambda: _compiler() and _compiling()
    ),
    "torch._ops.OpOverload._schema": PrivateName(TORCH, "know the arguments of an operation by name", _schema),
    "torch.Tensor._version": PrivateName(TORCH, "see that a call wrote into a tensor", _version),
    "keras.optimizers.Optimizer._learning_rate": PrivateName(
        KERAS, "ask a schedule for all of its learning rates at once", _learning_rate
    ),
    "tensorflow.libtensorflow_cc._ZN10tensorflow21DisableXlaCompilationEv": PrivateName(
        KERAS, "check exports in the server's own runtime", _disable_xla
    ),
    "torch.nn.modules.batchnorm._BatchNorm": PrivateName(
        TORCH,
        "keep frozen batch normalisation in inference mode",
        _base_of("batchnorm", "_BatchNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"),
    ),
    "torch.nn.modules.conv._ConvNd": PrivateName(
        TORCH,
        "say whether a convolution has a bias",
        _base_of("conv", "_ConvNd", "Conv1d", "ConvTranspose3d"),
    ),
    "torch.nn.modules.conv._ConvTransposeNd": PrivateName(
        TORCH,
        "try other cuts out of a transposed convolution",
        _base_of("conv", "_ConvTransposeNd", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    ),
    "torch.nn.modules.pooling._MaxPoolNd": PrivateName(
        TORCH, "try other ways of pooling", _base_of("pooling", "_MaxPoolNd", "MaxPool1d", "MaxPool2d", "MaxPool3d")
    ),
    "torch.nn.modules.pooling._AvgPoolNd": PrivateName(
        TORCH, "try other ways of pooling", _base_of("pooling", "_AvgPoolNd", "AvgPool1d", "AvgPool2d", "AvgPool3d")
    ),
    "torch.Tensor._indices": PrivateName(TORCH, "square the gradients of a table's row one by one", _sparse_parts),
    "torch.Tensor._values": PrivateName(TORCH, "square the gradients of a table's row one by one", _sparse_parts),
    "keras.Layer._get_own_losses": PrivateName(KERAS, "say what a layer adds to the loss", _own_losses),
    "keras.optimizers.Optimizer._use_weight_decay": PrivateName(
        KERAS, "say which weights an optimizer decays", _use_weight_decay
    ),
    "torch.nn.modules.dropout._DropoutNd": PrivateName(
        TORCH, "see and switch off dropout", _base_of("dropout", "_DropoutNd", "Dropout", "Dropout2d", "AlphaDropout")
    ),
    "torch.nn.Module._non_persistent_buffers_set": PrivateName(
        TORCH, "leave out buffers that are no weights", _non_persistent_buffers_set
    ),
    "keras.Model._make_function": PrivateName(KERAS, "share a step out to replicas", _shared_training),
    "keras.Model._loss_tracker": PrivateName(KERAS, "share a step out to replicas", _shared_training),
    "torch.nn.parallel.DistributedDataParallel._passing_sync_batchnorm_handle": PrivateName(
        TORCH, "synchronise batch normalisation on CPUs", _synchronised_layers
    ),
    "keras.src.losses.loss.scale_loss_for_distribution": PrivateName(
        KERAS, "weigh the shares of replicas by their rows", _shares_of_a_loss
    ),
    "keras.src.losses.loss.unscale_loss_for_distribution": PrivateName(
        KERAS, "weigh the shares of replicas by their rows", _shares_of_a_loss
    ),
    "keras.src.trainers.data_adapters.data_adapter_utils.class_weight_to_sample_weights": PrivateName(
        KERAS, "weigh classes in the shares of replicas", _class_weights
    ),
    "keras.optimizers.Optimizer._all_reduce_sum_gradients": PrivateName(
        KERAS, "add the replicas' gradients up before they are clipped", _sum_of_replicas
    ),
    "tensorflow.distribute.ReplicaContext._replica_id_in_sync_group": PrivateName(
        KERAS, "tell replicas apart", _number_of_replica
    ),
    "keras.layers.BatchNormalization._reduction_axes": PrivateName(
        "keras:torch", "take the statistics of a batch over all replicas", _reduction_axes
    ),
}


@task
def is_there(name: str) -> bool:
    """Tell whether the framework still has the name, and as twotrack uses it."""
    try:
        return PRIVATE_NAMES[name].is_there()
    except (AttributeError, ImportError, OSError, TypeError):
        return False
