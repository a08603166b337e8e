"""Worker tasks: logits of the tracks' networks, of independent ones, and files as torch and transformers write them.

Arrays travel in .npy and .npz files. Images are normalised already: (batch, height, width, 3).
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from tests.optimizers.tasks import keras_float64
from twotrack.shared.weights.pretrained.backbones import FAMILIES, open_backbone
from twotrack.shared.weights.pretrained.backbones.spec import Backbone
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Logits:
    """A track's network, and the files of images and logits."""

    track: str
    precision: str
    images: str
    out: str
    backbone: str
    weights: str


@dataclass(frozen=True)
class OnImages:
    """A state_dict in a file, and the files of images and logits."""

    state: str
    images: str
    out: str


@dataclass(frozen=True)
class Saved:
    """A .safetensors file, and the file of torch that it becomes."""

    state: str
    out: str


@dataclass(frozen=True)
class Network:
    """A network of transformers, and where it and its logits on images go."""

    kind: str
    settings: dict[str, Any]
    folder: str
    images: str
    out: str


@task
def logits(asked: Logits) -> None:
    """Write what the track's network, with its classifier, makes of the images."""
    open_track(asked.track, "cpu")
    backbone = open_backbone(asked.backbone, asked.weights)
    images = np.load(asked.images).astype(asked.precision)
    compute = _torch_logits if asked.track == "torch" else _keras_logits
    np.save(asked.out, compute(backbone, images))


def _keras_logits(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    from twotrack.keras_track import backbones

    if images.dtype == np.float64:
        with keras_float64():
            return _keras_prediction(backbones.build(backbone, backbone.num_classes), backbone, images)
    return _keras_prediction(backbones.build(backbone, backbone.num_classes), backbone, images)


def _keras_prediction(model: Any, backbone: Backbone, images: np.ndarray) -> np.ndarray:
    from twotrack.keras_track.weights import load_weights

    load_weights(model, backbone.weights() | backbone.classifier())
    return model.predict_on_batch(images)


def _torch_logits(backbone: Backbone, images: np.ndarray) -> np.ndarray:
    import torch

    from twotrack.torch_track import backbones
    from twotrack.torch_track.weights import load_weights

    module = backbones.build(backbone, backbone.num_classes).eval()
    load_weights(module, {}, backbone.weights() | backbone.classifier())
    with torch.no_grad():
        return module.to(torch.float64 if images.dtype == np.float64 else torch.float32)(
            _channels_first(images)
        ).numpy()


def _channels_first(images: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


@task
def variable_paths(backbone: str) -> list[str]:
    """Return what Keras calls the variables of the whole network, or of a ViT with two blocks."""
    from tests.backbones.pairs import VIT

    name = backbone
    two_blocks = VIT.model_copy(update={"num_hidden_layers": 2})
    architecture = two_blocks if name == "vit" else open_backbone(name, "none").architecture
    model = import_module(f"twotrack.keras_track.backbones.{FAMILIES[name]}").build(architecture, 3)
    return [variable.path for variable in model.variables]


# === Independent of the tracks ===


@task
def resnet_by_hand(asked: OnImages) -> None:
    """Write the logits of a state_dict in torchvision's names by torch.nn.functional, in float64.

    As the paper draws it (He et al. 2016, figure 5 and table 1), with the shortcut of option B; a bottleneck's stride
    is at its second convolution.
    """
    from safetensors.torch import load_file
    from torch.nn import functional

    state = {name: tensor.double() for name, tensor in load_file(asked.state).items()}

    def conv_bn(x: Any, conv: str, norm: str, stride: int, padding: int) -> Any:
        x = functional.conv2d(x, state[f"{conv}.weight"], stride=stride, padding=padding)
        mean, variance, weight, bias = (
            state[f"{norm}.{name}"].view(1, -1, 1, 1) for name in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-5).sqrt() * weight + bias

    x = conv_bn(_channels_first(np.load(asked.images).astype(np.float64)), "conv1", "bn1", 2, 3).clamp(min=0)
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage in range(1, 5):
        numbers = sorted({int(name.split(".")[1]) for name in state if name.startswith(f"layer{stage}.")})
        for number in numbers:
            path, stride = f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1
            if f"{path}.conv3.weight" in state:
                y = conv_bn(x, f"{path}.conv1", f"{path}.bn1", 1, 0).clamp(min=0)
                y = conv_bn(y, f"{path}.conv2", f"{path}.bn2", stride, 1).clamp(min=0)
                y = conv_bn(y, f"{path}.conv3", f"{path}.bn3", 1, 0)
            else:
                y = conv_bn(x, f"{path}.conv1", f"{path}.bn1", stride, 1).clamp(min=0)
                y = conv_bn(y, f"{path}.conv2", f"{path}.bn2", 1, 1)
            has_shortcut = f"{path}.downsample.0.weight" in state
            shortcut = conv_bn(x, f"{path}.downsample.0", f"{path}.downsample.1", stride, 0) if has_shortcut else x
            x = (y + shortcut).clamp(min=0)
    features = x.mean(dim=(2, 3))
    np.save(asked.out, (features @ state["fc.weight"].T + state["fc.bias"]).numpy())


@task
def convnext_by_hand(asked: OnImages) -> None:
    """Write the logits of a state_dict in torchvision's names by torch.nn.functional, in float64.

    As the paper says (Liu et al. 2022, figure 4 and table 9), all of it with channels first.
    """
    from safetensors.torch import load_file
    from torch.nn import functional

    state = {name: tensor.double() for name, tensor in load_file(asked.state).items()}

    def of(path: str) -> tuple[Any, Any]:
        return state[f"{path}.weight"], state[f"{path}.bias"]

    def norm(x: Any, path: str) -> Any:
        weight, bias = (one.view(1, -1, 1, 1) for one in of(path))
        centred = x - x.mean(dim=1, keepdim=True)
        return centred / (centred.square().mean(dim=1, keepdim=True) + 1e-6).sqrt() * weight + bias

    def place(x: Any, path: str) -> Any:
        weight, bias = of(path)
        return functional.conv2d(x, weight[:, :, None, None], bias)

    x = _channels_first(np.load(asked.images).astype(np.float64))
    x = norm(functional.conv2d(x, *of("features.0.0"), stride=4), "features.0.1")
    for stage in range(4):
        if stage:
            entrance = f"features.{2 * stage}"
            x = functional.conv2d(norm(x, f"{entrance}.0"), *of(f"{entrance}.1"), stride=2)
        for number in range((3, 3, 9, 3)[stage]):
            path = f"features.{2 * stage + 1}.{number}"
            y = norm(functional.conv2d(x, *of(f"{path}.block.0"), padding=3, groups=x.shape[1]), f"{path}.block.2")
            y = place(functional.gelu(place(y, f"{path}.block.3")), f"{path}.block.5")
            x = x + state[f"{path}.layer_scale"] * y
    x = norm(x.mean(dim=(2, 3), keepdim=True), "classifier.0")
    np.save(asked.out, place(x, "classifier.2")[:, :, 0, 0].numpy())


@dataclass(frozen=True)
class Unchanged:
    """A backbone, and a state_dict in torchvision's names."""

    backbone: str
    state: str


@task
def load_unchanged(asked: Unchanged) -> list[int]:
    """Load a state_dict strictly into the torch track's network; return how many tensors and parameters it has."""
    import torch

    from twotrack.torch_track import backbones

    state = torch.load(asked.state, weights_only=True)
    module = backbones.build(open_backbone(asked.backbone, "none"), 1000)
    module.load_state_dict(state, strict=True)
    return [len(module.state_dict()), sum(parameter.numel() for parameter in module.parameters())]


@task
def save_state(asked: Saved) -> None:
    """Write a .safetensors file as torch writes a state_dict."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(asked.state), asked.out)


@dataclass(frozen=True)
class HubPreset:
    """Where keras-hub's ResNet-18 with random weights, and its features of images, go."""

    preset: str
    images: str
    out: str


@task
def keras_hub_preset(asked: HubPreset) -> None:
    """Let keras-hub write a preset, and the mean over the places of its outputs."""
    import keras

    from twotrack.keras_track.hub import ResNetBackbone

    model = ResNetBackbone([64], [7], [64, 128, 256, 512], [2, 2, 2, 2], [1, 2, 2, 2], "basic_block")
    generator = np.random.default_rng(3)
    for variable in model.weights:
        scale = np.prod(variable.shape[:-1]) ** -0.5 if len(variable.shape) > 1 else 0.3
        drawn = scale * generator.normal(size=variable.shape)
        variable.assign(np.abs(1.0 + drawn) if variable.path.endswith(("gamma", "variance")) else drawn)
    model.save_to_preset(asked.preset)
    features = keras.ops.convert_to_numpy(model(np.load(asked.images).astype("float32"), training=False))
    np.save(asked.out, features.mean(axis=(1, 2)))


@dataclass(frozen=True)
class Features:
    """A file of canonical weights of ResNet-18, and the files of images and features."""

    weights: str
    images: str
    out: str


@task
def torch_features(asked: Features) -> None:
    """Write what the torch track's network makes of the images, without a classifier."""
    import torch
    from safetensors.numpy import load_file

    from twotrack.torch_track import backbones
    from twotrack.torch_track.weights import load_weights

    module = backbones.build(open_backbone("resnet18", "none")).eval()
    load_weights(module, {}, load_file(asked.weights))
    with torch.no_grad():
        np.save(asked.out, module(_channels_first(np.load(asked.images).astype(np.float32))).numpy())


@task
def save_code(out: str) -> None:
    """Write a whole module, which is code, where a state_dict is expected."""
    import torch

    torch.save(torch.nn.Linear(2, 2), out)


@task
def transformers_network(asked: Network) -> None:
    """Let transformers write a network with random weights into a folder, and its logits in float64."""
    import torch
    from transformers import (
        ConvNextConfig,
        ConvNextForImageClassification,
        ResNetConfig,
        ResNetForImageClassification,
        ViTConfig,
        ViTForImageClassification,
    )

    torch.manual_seed(0)
    settings = {"num_labels": 5, **asked.settings}
    if asked.kind == "vit":
        model = ViTForImageClassification(ViTConfig(**settings, attn_implementation="sdpa"))
    elif asked.kind == "convnext":
        model = ConvNextForImageClassification(ConvNextConfig(**settings))
    else:
        model = ResNetForImageClassification(ResNetConfig(**settings))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():  # nothing that can be left out is zero or one
                scale = 0.5 if tensor.ndim < 2 else tensor[0].numel() ** -0.5
                tensor.normal_(0.0, scale).add_(1.0 if name.endswith(("var", "normalization.weight")) else 0.0).abs_()
        model.save_pretrained(asked.folder)
        images = _channels_first(np.load(asked.images).astype(np.float64))
        np.save(asked.out, model.double().eval()(images).logits.numpy())
