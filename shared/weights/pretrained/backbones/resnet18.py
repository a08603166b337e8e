"""ResNet-18: its widths, its published weights and what they are called.

Images (batch, height, width, 3) to features (batch, 512); 11,176,512 parameters, 11,689,512 with the classifier of
1,000 classes. Source: He et al. 2016, the layout of torchvision. Canonical paths are torchvision's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from twotrack.shared.base.config_files import read_config
from twotrack.shared.weights import tensor_files
from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.bridge.rules import BATCH_NORM, CONV_2D_NO_BIAS, LINEAR, Module
from twotrack.shared.weights.pretrained.backbones import IMAGENET, NONE, OnStep
from twotrack.shared.weights.pretrained.backbones.files import COUNTER, find_file, is_file_name
from twotrack.shared.weights.pretrained.backbones.folder import CONFIG, TENSORS, find_folder
from twotrack.shared.weights.pretrained.backbones.spec import NUM_CLASSES, Backbone, Normalisation
from twotrack.shared.weights.tensor_files import TensorFile

NAME = "resnet18"
URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
"""What torchvision calls ResNet18_Weights.IMAGENET1K_V1."""
EXPECTED = (
    f"'{IMAGENET}', '{NONE}', a file, a URL, a folder with a ResNet-18 in transformers' layout, or a model id of the "
    "Hugging Face hub such as microsoft/resnet-18"
)
EPSILON = 1e-5
KEPT = 0.9
"""The share of the moving statistics of batch normalisation that a step keeps."""


@dataclass(frozen=True)
class ResNet18Architecture:
    """Stages of blocks; the defaults are the published network's. The stem has the channels of the first stage."""

    widths: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of each stage."""
    num_blocks: int = 2
    """In each stage."""

    @property
    def feature_size(self) -> int:
        """Length of the vector that stands for an image."""
        return self.widths[-1]


class HuggingFaceConfig(BaseModel):
    """The one architecture that a config.json of transformers' ResNet may describe here."""

    model_type: Literal["resnet"]
    layer_type: Literal["basic"]
    embedding_size: Literal[64]
    hidden_sizes: tuple[Literal[64], Literal[128], Literal[256], Literal[512]]
    depths: tuple[Literal[2], Literal[2], Literal[2], Literal[2]]
    hidden_act: Literal["relu"] = "relu"
    downsample_in_first_stage: Literal[False] = False


def find(weights: str, on_step: OnStep) -> Backbone:
    """Find and check `imagenet`, `none`, a file or URL, or a folder or hub id in transformers' layout."""
    if weights == NONE:
        return _backbone(None, 0)
    file = _file(URL if weights == IMAGENET else weights, on_step)
    own_names = _own_names(tensor_files.shapes(file))
    num_classes = tensor_files.shapes(file).get(own_names.get("fc.weight", ""), (0,))[0]
    table = rules.table(modules(ResNet18Architecture(), num_classes))
    tensors = TensorFile(file, table, own_names, "ResNet-18", "name another file with --weights")
    tensors.check()
    return _backbone(tensors, num_classes)


def _file(weights: str, on_step: OnStep) -> Path:
    if is_file_name(weights):
        return find_file(weights, on_step)
    folder = find_folder(weights, NAME, EXPECTED, on_step)
    read_config(HuggingFaceConfig, folder / CONFIG, "name the folder of a ResNet-18 with --weights")
    return folder / TENSORS


def _backbone(tensors: TensorFile | None, num_classes: int) -> Backbone:
    return Backbone(
        name=NAME,
        architecture=ResNet18Architecture(),
        normalisation=Normalisation(mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375)),
        default_size=224,
        smallest_size=32,
        largest_size=None,
        last_layers=("layer4",),
        classifier_name="fc",
        num_classes=num_classes,
        tensors=tensors,
    )


def modules(architecture: ResNet18Architecture, num_classes: int) -> Iterator[Module]:
    """Yield the published network's modules, with a classifier of `num_classes` if there are any."""
    inputs = architecture.widths[0]
    yield from _conv_bn("conv1", "bn1", (inputs, 3, 7, 7))
    for stage, width in enumerate(architecture.widths, start=1):
        for number in range(architecture.num_blocks):
            for module in _block(inputs, width):
                yield module.inside(f"layer{stage}.{number}", f"layer{stage}.{number}")
            inputs = width
    if num_classes:
        yield Module("fc", "fc", LINEAR, (num_classes, inputs))


def _block(inputs: int, width: int) -> Iterator[Module]:
    yield from _conv_bn("conv1", "bn1", (width, inputs, 3, 3))
    yield from _conv_bn("conv2", "bn2", (width, width, 3, 3))
    if inputs != width:
        yield from _conv_bn("downsample.0", "downsample.1", (width, inputs, 1, 1))


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
    "downsample.0": "shortcut.convolution",
    "downsample.1": "shortcut.normalization",
}


def _own_names(inside: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Map torchvision's names to those in the file, which may be transformers'."""
    torchvision_paths = {
        _transformers_path(module.published_path): module.published_path
        for module in modules(ResNet18Architecture(), NUM_CLASSES)
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
