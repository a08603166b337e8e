"""Every private part of Keras and KerasHub that twotrack uses."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.packaging.private_names.private_name import KERAS, PrivateName


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


def _class_weights() -> bool:
    import numpy as np
    from keras.src.trainers.data_adapters import data_adapter_utils

    weights = data_adapter_utils.class_weight_to_sample_weights(np.array([0, 1, 1]), {0: 2.0, 1: 0.5})
    return list(weights) == [2.0, 0.5, 0.5]


def _sum_of_replicas() -> bool:
    import keras

    return callable(keras.optimizers.SGD()._all_reduce_sum_gradients)


def _reduction_axes() -> bool:
    import keras

    layer = keras.layers.BatchNormalization()
    layer.build((None, 4, 3))
    return list(layer._reduction_axes) == [0, 1]


KERAS_NAMES: Mapping[str, PrivateName] = {
    "keras.src.backend.common.dtypes.PYTHON_DTYPES_MAP": PrivateName(
        KERAS, "compute in float64 what asks for float32", _table_of_types
    ),
    "keras.src.ops.operation.Operation.__new__": PrivateName(KERAS, "place a difference in the code", _operation),
    "keras.src.ops.nn": PrivateName(KERAS, "see what keras.ops computes", _own_functions),
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
    "keras.optimizers.Optimizer._learning_rate": PrivateName(
        KERAS, "ask a schedule for all of its learning rates at once", _learning_rate
    ),
    "keras.Layer._get_own_losses": PrivateName(KERAS, "say what a layer adds to the loss", _own_losses),
    "keras.optimizers.Optimizer._use_weight_decay": PrivateName(
        KERAS, "say which weights an optimizer decays", _use_weight_decay
    ),
    "keras.Model._make_function": PrivateName(KERAS, "share a step out to replicas", _shared_training),
    "keras.Model._loss_tracker": PrivateName(KERAS, "share a step out to replicas", _shared_training),
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
    "keras.layers.BatchNormalization._reduction_axes": PrivateName(
        "keras:torch", "take the statistics of a batch over all replicas", _reduction_axes
    ),
}
