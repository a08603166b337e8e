"""ResNet-18 and ResNet-50: their blocks, their published weights and what they are called.

Images (batch, height, width, 3) to features (batch, 512 or 2048). Parameters: ResNet-18 11,176,512, ResNet-50
23,508,032; with the classifier of 1,000 classes 11,689,512 and 25,557,032. Source: He et al. 2016, the layout of
torchvision, which gives a bottleneck's stride to its convolution of three pixels. Canonical paths are torchvision's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel

from twotrack.shared.base.config_files import read_config
from twotrack.shared.errors import UserError
from twotrack.shared.weights import tensor_files
from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.bridge.layouts import SAME
from twotrack.shared.weights.bridge.rules import BATCH_NORM, CONV_2D_NO_BIAS, LINEAR, Module, PublishedTensor
from twotrack.shared.weights.pretrained.backbones import IMAGENET, NONE, OnStep
from twotrack.shared.weights.pretrained.backbones.files import COUNTER, find_file, is_file_name
from twotrack.shared.weights.pretrained.backbones.folder import CONFIG, TENSORS, find_folder
from twotrack.shared.weights.pretrained.backbones.presets import PREFIX, find_preset, is_preset
from twotrack.shared.weights.pretrained.backbones.spec import IMAGENET_NORMALISATION, NUM_CLASSES, Backbone
from twotrack.shared.weights.tensor_files import TensorFile

EPSILON = 1e-5
KEPT = 0.9
"""The share of the moving statistics of batch normalisation that a step keeps."""
REMEDY = "name another file with --weights"


@dataclass(frozen=True)
class ResNetArchitecture:
    """Stages of blocks. The stem has the channels of the first stage."""

    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each stage."""
    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the convolutions of three pixels in each stage."""
    bottleneck: bool = False
    """Whether a block is a bottleneck of three convolutions, whose last one widens; else it has two."""

    @property
    def expansion(self) -> int:
        """How many times as wide as its convolutions of three pixels a block's output is."""
        return 4 if self.bottleneck else 1

    @property
    def feature_size(self) -> int:
        """Length of the vector that stands for an image."""
        return self.widths[-1] * self.expansion


@dataclass(frozen=True)
class Published:
    """A network whose ImageNet weights torchvision publishes."""

    title: str
    architecture: ResNetArchitecture
    url: str
    """Of what torchvision calls IMAGENET1K_V1."""
    hub_id: str


PUBLISHED = MappingProxyType(
    {
        "resnet18": Published(
            "ResNet-18",
            ResNetArchitecture(),
            "https://download.pytorch.org/models/resnet18-f37072fd.pth",
            "microsoft/resnet-18",
        ),
        "resnet50": Published(
            "ResNet-50",
            ResNetArchitecture(depths=(3, 4, 6, 3), bottleneck=True),
            "https://download.pytorch.org/models/resnet50-0676ba61.pth",
            "microsoft/resnet-50",
        ),
    }
)


class HuggingFaceConfig(BaseModel):
    """What a config.json of transformers' ResNet may say here."""

    model_type: Literal["resnet"]
    layer_type: Literal["basic", "bottleneck"] = "bottleneck"
    embedding_size: int = 64
    hidden_sizes: tuple[int, ...] = (256, 512, 1024, 2048)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    hidden_act: Literal["relu"] = "relu"
    downsample_in_first_stage: Literal[False] = False
    downsample_in_bottleneck: Literal[False] = False

    def describes(self, architecture: ResNetArchitecture) -> bool:
        """Return whether it is this network."""
        outputs = tuple(width * architecture.expansion for width in architecture.widths)
        kind = "bottleneck" if architecture.bottleneck else "basic"
        expected = (kind, architecture.widths[0], outputs, architecture.depths)
        return (self.layer_type, self.embedding_size, self.hidden_sizes, self.depths) == expected


def find(name: str, weights: str, on_step: OnStep) -> Backbone:
    """Find and check `imagenet`, `none`, a file or URL, a preset, or a folder or hub id in transformers' layout."""
    published = PUBLISHED[name]
    if weights == NONE:
        return _backbone(name, None, 0)
    if is_preset(weights):
        return _preset(name, find_preset(weights, "ResNetBackbone", on_step))
    file = _file(name, published.url if weights == IMAGENET else weights, on_step)
    own_names = _own_names(published.architecture, tensor_files.shapes(file))
    num_classes = tensor_files.shapes(file).get(own_names.get("fc.weight", ""), (0,))[0]
    table = rules.table(modules(published.architecture, num_classes))
    tensors = TensorFile(file, table, own_names, published.title, REMEDY)
    tensors.check()
    return _backbone(name, tensors, num_classes)


def _preset(name: str, file: Path) -> Backbone:
    """Return the network with the weights of a preset of keras-hub, which has no classifier."""
    published = PUBLISHED[name]
    table = {
        f"{_keras_hub_path(path)}/{variable}": PublishedTensor(canonical, SAME, layout.canonical_shape(shape))
        for canonical, layout, shape in rules.table(modules(published.architecture, 0)).values()
        for path, _, variable in [canonical.rpartition(".")]
    }
    own_names = {own: own for own in tensor_files.shapes(file)}
    tensors = TensorFile(file, table, own_names, published.title, "name another preset with --weights")
    tensors.check()
    return _backbone(name, tensors, 0)


def _file(name: str, weights: str, on_step: OnStep) -> Path:
    if is_file_name(weights):
        return find_file(weights, on_step)
    published = PUBLISHED[name]
    expected = (
        f"'{IMAGENET}', '{NONE}', a file, a URL, {PREFIX}PRESET, a folder with a {published.title} in transformers' "
        f"layout, or a model id of the Hugging Face hub such as {published.hub_id}"
    )
    folder = find_folder(weights, name, expected, on_step)
    remedy = f"name the folder of a {published.title} with --weights"
    if not read_config(HuggingFaceConfig, folder / CONFIG, remedy).describes(published.architecture):
        raise UserError(f"{folder / CONFIG}: expected the sizes of a {published.title}, found others; {remedy}.")
    return folder / TENSORS


def _backbone(name: str, tensors: TensorFile | None, num_classes: int) -> Backbone:
    return Backbone(
        name=name,
        architecture=PUBLISHED[name].architecture,
        normalisation=IMAGENET_NORMALISATION,
        default_size=224,
        smallest_size=32,
        largest_size=None,
        last_layers=("layer4",),
        classifier_name="fc",
        num_classes=num_classes,
        tensors=tensors,
    )


def modules(architecture: ResNetArchitecture, num_classes: int) -> Iterator[Module]:
    """Yield the published network's modules, with a classifier of `num_classes` if there are any."""
    inputs = architecture.widths[0]
    yield from _conv_bn("conv1", "bn1", (inputs, 3, 7, 7))
    for stage, (width, depth) in enumerate(zip(architecture.widths, architecture.depths, strict=True), start=1):
        for number in range(depth):
            for module in _block(architecture, inputs, width):
                yield module.inside(f"layer{stage}.{number}", f"layer{stage}.{number}")
            inputs = width * architecture.expansion
    if num_classes:
        yield Module("fc", "fc", LINEAR, (num_classes, inputs))


def _block(architecture: ResNetArchitecture, inputs: int, width: int) -> Iterator[Module]:
    first, outputs = 1 if architecture.bottleneck else 3, width * architecture.expansion
    yield from _conv_bn("conv1", "bn1", (width, inputs, first, first))
    yield from _conv_bn("conv2", "bn2", (width, width, 3, 3))
    if architecture.bottleneck:
        yield from _conv_bn("conv3", "bn3", (outputs, width, 1, 1))
    if inputs != outputs:
        yield from _conv_bn("downsample.0", "downsample.1", (outputs, inputs, 1, 1))


def _conv_bn(conv: str, norm: str, shape: tuple[int, ...]) -> Iterator[Module]:
    yield Module(conv, conv, CONV_2D_NO_BIAS, shape)
    yield Module(norm, norm, BATCH_NORM, shape[:1])


# === Names of transformers ===

_OUTSIDE = {
    "conv1": "resnet.embedder.embedder.convolution",
    "bn1": "resnet.embedder.embedder.normalization",
    "fc": "classifier.1",
}
_IN_BLOCK = {
    "conv1": "layer.0.convolution",
    "bn1": "layer.0.normalization",
    "conv2": "layer.1.convolution",
    "bn2": "layer.1.normalization",
    "conv3": "layer.2.convolution",
    "bn3": "layer.2.normalization",
    "downsample.0": "shortcut.convolution",
    "downsample.1": "shortcut.normalization",
}


def _own_names(architecture: ResNetArchitecture, inside: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Map torchvision's names to those in the file, which may be transformers'."""
    torchvision_paths = {
        _transformers_path(module.published_path): module.published_path
        for module in modules(architecture, NUM_CLASSES)
    }
    own = {}
    for name in inside:
        path, _, parameter = name.rpartition(".")
        if parameter != COUNTER:
            own[f"{torchvision_paths.get(path, path)}.{parameter}"] = name
    return own


def _transformers_path(path: str) -> str:
    """Return what transformers calls a module of torchvision's."""
    if path in _OUTSIDE:
        return _OUTSIDE[path]
    stage, block, part = path.split(".", 2)
    return f"resnet.encoder.stages.{int(stage.removeprefix('layer')) - 1}.layers.{block}.{_IN_BLOCK[part]}"


# === Names of keras-hub ===


_KERAS_HUB = {"conv1": "conv1_conv", "bn1": "conv1_bn"}
_KERAS_HUB_SHORTCUT = {"downsample.0": "0_conv", "downsample.1": "0_bn"}


def _keras_hub_path(path: str) -> str:
    """Return what keras-hub calls a layer of torchvision's."""
    if path in _KERAS_HUB:
        return _KERAS_HUB[path]
    stage, block, part = path.split(".", 2)
    own = f"stack{int(stage.removeprefix('layer')) - 1}_block{block}"
    return f"{own}_{_KERAS_HUB_SHORTCUT.get(part) or f'{part[-1]}_{part[:-1]}'}"
