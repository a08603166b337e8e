"""A project's tests of models that they already have: pytest runs this in a folder of its own, not where it lies."""

import gc
import os
import random
import sys
from collections.abc import Callable
from typing import Any

if os.environ["KERAS_BACKEND"] == "torch":
    # As where Keras and PyTorch alone are installed: else Keras imports TensorFlow to copy a model.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]

import keras
import models
import numpy as np
import pytest
import torch
from torch import nn

from twotrack import UserError, assert_same_model

HERE = f"keras:{keras.backend.backend()}"


@pytest.fixture
def module() -> nn.Module:
    """In use: trained by an optimizer, in evaluation mode, one part frozen, with gradients and a hook."""
    torch.manual_seed(1)
    network = models.build_torch()
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(2, 4)).square().sum().backward()
    optimizer.step()
    network.hidden.bias.requires_grad_(False)
    network.eval()
    network.optimizer = [optimizer]  # type: ignore[assignment]
    return network


@pytest.fixture
def network() -> keras.Model:
    network = models.build_keras()
    network.compile("adam", "mse")
    network.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)
    network.get_layer("hidden").trainable = True
    return network


class Residual(keras.layers.Layer):
    """Written by the user, registered nowhere, with a function as argument."""

    def __init__(self, function: Callable, **options: Any):
        super().__init__(**options)
        self.function = function
        self.inner = keras.layers.Dense(4, name="inner")

    def build(self, shape: tuple[int, ...]) -> None:
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        return x + self.function(self.inner(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function}


class Subclassed(keras.Model):
    """Its configuration says all but its factor."""

    def __init__(self, units: int):
        super().__init__()
        self.hidden = keras.layers.Dense(units, name="hidden")
        self.factor = 1.0

    def call(self, x: Any) -> Any:
        return self.factor * self.hidden(x)

    def get_config(self) -> dict[str, Any]:
        return {"units": self.hidden.units}


class WithoutConfiguration(keras.Model):
    """A subclassed model whose constructor takes something."""

    def __init__(self, hidden: keras.layers.Layer):
        super().__init__()
        self.hidden = hidden

    def call(self, x: Any) -> Any:
        return self.hidden(x)


def of_process() -> dict[str, Any]:
    """Return what a process has set in its frameworks, and the numbers that it draws next, without drawing them."""
    state = {
        "left to the garbage collector": gc.get_freeze_count(),
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "default type": torch.get_default_dtype(),
        "determinism": torch.get_deterministic_debug_mode(),
        "matmul": torch.get_float32_matmul_precision(),
        "tf32": torch.backends.cudnn.allow_tf32,
        "gradients": torch.is_grad_enabled(),
        "floatx": keras.config.floatx(),
        "policy": keras.config.dtype_policy().name,
        "images": keras.config.image_data_format(),
        "convolution": torch.nn.functional.conv2d,
    }
    if keras.backend.backend() == "jax":
        import jax

        return state | {name: getattr(jax.config, name) for name in ("jax_enable_x64", "jax_default_matmul_precision")}
    if keras.backend.backend() == "tensorflow":
        import tensorflow
        from tensorflow.python.framework import config

        options = tensorflow.config.optimizer.get_experimental_options()
        return state | {
            "cast": tensorflow.cast,
            "deterministic": config.is_op_determinism_enabled(),
            "fusing": options.get("dependency_optimization", True),
            "tensor float": tensorflow.config.experimental.tensor_float_32_execution_enabled(),
        }
    return state


def of_module(module: nn.Module) -> dict[str, Any]:
    tensors = {name: tensor.tolist() for name, tensor in module.state_dict().items()}
    parameters = [
        (id(each), each.dtype, each.requires_grad, None if each.grad is None else each.grad.tolist())
        for each in module.parameters()
    ]
    (optimizer,) = module.optimizer
    own = {"modes": [layer.training for layer in module.modules()], "optimizer": str(optimizer.state_dict())}
    return tensors | {"parameters": parameters} | own


def of_network(network: keras.Model) -> dict[str, Any]:
    variables = [*network.variables, *network.optimizer.variables]
    return {
        "values": [keras.ops.convert_to_numpy(variable).tolist() for variable in variables],
        "kinds": [(variable.path, variable.dtype, variable.trainable) for variable in variables],
        "layers": [(layer.name, layer.trainable) for layer in network.layers],
    }


def test_models_and_process_are_left_as_they_were(module: nn.Module, network: keras.Model) -> None:
    module.hidden.bias.requires_grad_(True)
    random.seed(7)
    np.random.seed(7)
    keras.utils.set_random_seed(7)
    torch.set_default_dtype(torch.float32)
    keras.layers.Dense(1)
    before = of_process(), of_module(module), of_network(network)
    assert_same_model(network, module, (4,), until="forward")
    assert (of_process(), of_module(module), of_network(network)) == before
    name = keras.layers.Dense(1).name
    assert name.startswith("dense_"), f"the count of names began anew: {name}"
    network.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)


def test_what_the_user_has_set_otherwise_is_put_back_too(module: nn.Module, network: keras.Model) -> None:
    module.hidden.bias.requires_grad_(True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_default_dtype(torch.bfloat16)
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        before = of_process()
        module.norm.eps = 0.1
        with pytest.raises(
            AssertionError, match=r"(?s)not the same model: .* fails at forward: .*'norm'.*FAIL  forward"
        ):
            assert_same_model(network, module, (4,), until="forward")
        assert of_process() == before
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_default_dtype(torch.float32)
        keras.config.set_dtype_policy("float32")
        keras.config.set_image_data_format("channels_last")


def test_a_frozen_part_of_a_model_counts(same_model: Callable, module: nn.Module, network: keras.Model) -> None:
    with pytest.raises(AssertionError, match=r"'hidden\.bias'"):
        same_model(network, module, (4,), until="gradients")


def test_a_lambda_and_a_function_inside_another_are_called_here(same_model: Callable) -> None:
    scale, kept = 3.0, []

    def build() -> nn.Module:
        kept.append(gc.get_freeze_count())
        network = models.build_torch()
        network.norm.eps = scale
        return network

    same_model(lambda: models.with_epsilon(scale), build, (4,), until="forward")
    assert min(kept) > 1000, "garbage is looked for among all that the process has, which takes seconds"


def test_a_model_here_is_compared_with_a_function_in_workers(same_model: Callable, module: nn.Module) -> None:
    module.hidden.bias.requires_grad_(True)
    same_model(models.build_keras, module, (4,), tracks=["keras:torch"], until="forward")
    module.norm.eps = 0.1
    with pytest.raises(AssertionError, match="'norm'"):
        same_model(models.build_keras, module, (4,), tracks=["keras:torch"], until="forward")


class Spot(nn.Module):
    """Wrong at one value, which nobody draws."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = models.build_torch()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + (x == 0.3125).any(dim=1, keepdim=True)


def test_arrays_are_the_values_on_which_two_models_are_compared(same_model: Callable, network: keras.Model) -> None:
    batch = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    rename = {"inner.hidden": "hidden", "inner.norm": "norm"}
    same_model(network, Spot(), batch, rename=rename, until="forward")
    batch[1, 2] = 0.3125
    with pytest.raises(AssertionError, match="forward"):
        same_model(network, Spot(), batch, rename=rename, until="forward")


@pytest.mark.filterwarnings("error")
def test_a_layer_of_the_test_s_own_with_a_function_is_copied(same_model: Callable) -> None:
    def halved(x: Any) -> Any:
        return x / 2

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.residual = nn.ModuleDict({"inner": nn.Linear(4, 4)})

        def forward(self, x: Any) -> Any:
            return x + halved(self.residual["inner"](x))

    network = keras.Sequential([keras.Input((4,)), Residual(halved, name="residual")])
    same_model(network, Port(), np.ones((2, 4), "float32"), until="forward")


def linear(factor: float) -> nn.Module:
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(4, 3)

        def forward(self, x: Any) -> Any:
            return factor * self.hidden(x)

    return Linear()


def test_a_subclassed_model_is_copied(same_model: Callable) -> None:
    network = Subclassed(3)
    network(np.ones((1, 4)))
    same_model(network, linear(1.0), (4,), until="forward")


def test_a_subclassed_model_is_told_from_another(same_model: Callable) -> None:
    network = Subclassed(3)
    network(np.ones((1, 4)))
    with pytest.raises(AssertionError, match="fails at forward"):
        same_model(network, linear(1.5), (4,), until="forward")


def test_a_copy_that_would_not_do_what_the_model_does_is_refused(same_model: Callable) -> None:
    network = Subclassed(3)
    network(np.ones((1, 4)))
    network.factor = 2.0
    with pytest.raises(UserError, match="gives other outputs than the model"):
        same_model(network, linear(2.0), (4,), until="forward")


def test_a_model_without_configuration_is_refused_with_what_to_do(same_model: Callable) -> None:
    network = WithoutConfiguration(keras.layers.Dense(3, name="hidden"))
    with pytest.raises(UserError, match=r"it has no get_config; .*, such as lambda: WithoutConf"):
        same_model(network, linear(1.0), (4,))


def test_a_module_that_cannot_be_copied_is_refused_with_what_to_do(same_model: Callable, network: Any) -> None:
    module = models.build_torch()
    module.cached = module(torch.ones(1, 4))
    with pytest.raises(UserError, match=r"the torch model \(Network\) cannot be copied; give a function that builds"):
        same_model(network, module, (4,))


@pytest.mark.parametrize(
    ("wrapped", "expected"),
    [
        (torch.compile, "one that torch.compile made of Network; give the module that was compiled"),
        (lambda module: torch.jit.trace(module, torch.ones(1, 4)), "a scripted one (Network); give the module"),
        (nn.DataParallel, "found DataParallel; give the module inside it"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_module_that_is_no_plain_one_is_refused(same_model: Callable, wrapped: Callable, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        same_model(models.build_keras, wrapped(models.build_torch()), (4,))
    assert expected in str(caught.value)


def test_another_backend_than_the_one_of_this_process_is_refused(same_model: Callable, network: keras.Model) -> None:
    other = "keras:jax" if HERE != "keras:jax" else "keras:torch"
    with pytest.raises(UserError, match=f"is verified here, where Keras is {HERE}; give a build function"):
        same_model(network, models.build_torch, (4,), tracks=[HERE, other])


def test_weights_of_a_port_are_compared_where_that_is_asked(
    same_model: Callable, network: keras.Model, module: nn.Module
) -> None:
    module.hidden.bias.requires_grad_(True)
    layers = {name: getattr(module, name) for name in ("hidden", "norm")}
    for name, layer in layers.items():
        network.get_layer(name).set_weights([layer.weight.detach().numpy().T, layer.bias.detach().numpy()])
    same_model(network, module, (4,), until="parameters", own_weights=True)
    with torch.no_grad():
        module.norm.bias[1] += 1e-3
    with pytest.raises(
        AssertionError, match=r"the same model with other weights: .*: 'norm\.beta' .* \(1 of 4 weights"
    ):
        same_model(network, module, (4,), until="parameters", own_weights=True)


def test_sides_in_the_wrong_order_are_named(same_model: Callable, network: keras.Model, module: nn.Module) -> None:
    with pytest.raises(UserError, match=r"keras=: .*, found Network, which is an nn.Module; give it as torch=\."):
        same_model(module, network, (4,))
    with pytest.raises(UserError, match=r"torch=: .*, found Sequential, which is a keras.Model; give it as keras=\."):
        same_model(keras=models.build_keras, torch=network, inputs=(4,))


def test_inputs_that_do_not_fit_are_named(same_model: Callable, network: keras.Model, module: nn.Module) -> None:
    with pytest.raises(UserError, match=r"does not take inputs of shape \(batch, 5\)"):
        same_model(network, module, (5,))
