"""ConvNeXt-Tiny: its stages, its published weights and what they are called.

Images (batch, height, width, 3) to features (batch, 768); 27,820,128 parameters, 28,589,128 with the classifier of
1,000 classes. Source: Liu et al. 2022, as in torchvision and in transformers. No path is dropped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Gt
from pydantic import BaseModel

from twotrack.shared.base.config_files import read_config
from twotrack.shared.errors import UserError
from twotrack.shared.weights import tensor_files
from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.bridge.layouts import SAME, Reshape
from twotrack.shared.weights.bridge.rules import CONV_2D, LINEAR, NORM, Module, PublishedTensor, Table
from twotrack.shared.weights.pretrained.backbones import IMAGENET, NONE, OnStep
from twotrack.shared.weights.pretrained.backbones.files import find_file, is_file_name
from twotrack.shared.weights.pretrained.backbones.folder import CONFIG, TENSORS, find_folder
from twotrack.shared.weights.pretrained.backbones.spec import IMAGENET_NORMALISATION, Backbone
from twotrack.shared.weights.tensor_files import TensorFile

URL = "https://download.pytorch.org/models/convnext_tiny-983f1562.pth"
"""What torchvision calls ConvNeXt_Tiny_Weights.IMAGENET1K_V1."""
HUB_ID = "facebook/convnext-tiny-224"
EXPECTED = (
    f"'{IMAGENET}', '{NONE}', a file, a URL, a folder with a ConvNeXt-Tiny in transformers' layout, or a model id of "
    f"the Hugging Face hub such as {HUB_ID}"
)
REMEDY = "name another file with --weights"
FOLDER_REMEDY = "name the folder of a ConvNeXt-Tiny with --weights"
EPSILON = 1e-6
PATCH, SHRINK, WINDOW, WIDENING = 4, 2, 7, 4
"""Pixels of a side: of the stem's patches, of those between stages, of a block's filter; how much a block widens."""


@dataclass(frozen=True)
class ConvNextArchitecture:
    """Stages of blocks; the defaults are ConvNeXt-Tiny's."""

    depths: tuple[int, ...] = (3, 3, 9, 3)
    """Blocks of each stage."""
    widths: tuple[int, ...] = (96, 192, 384, 768)
    """Channels of each stage."""
    final_epsilon: float = EPSILON
    """Of the last normalisation, behind the mean: 1e-6 in torchvision, 1e-12 in transformers."""

    @property
    def feature_size(self) -> int:
        """Length of the vector that stands for an image."""
        return self.widths[-1]


class HuggingFaceConfig(BaseModel):
    """What a config.json of transformers' ConvNeXt may say here."""

    model_type: Literal["convnext"]
    patch_size: Literal[4] = 4
    num_channels: Literal[3] = 3
    hidden_sizes: tuple[Literal[96], Literal[192], Literal[384], Literal[768]] = (96, 192, 384, 768)
    depths: tuple[Literal[3], Literal[3], Literal[9], Literal[3]] = (3, 3, 9, 3)
    hidden_act: Literal["gelu"] = "gelu"
    layer_norm_eps: Annotated[float, Gt(0)] = 1e-12
    layer_scale_init_value: Annotated[float, Gt(0)] = 1e-6


def find(name: str, weights: str, on_step: OnStep) -> Backbone:
    """Find and check `imagenet`, `none`, a file or URL, or a folder or hub id in transformers' layout."""
    architecture = ConvNextArchitecture()
    if weights == NONE:
        return _backbone(name, architecture, None, 0)
    if not (weights == IMAGENET or is_file_name(weights)):
        folder = find_folder(weights, name, EXPECTED, on_step)
        config = read_config(HuggingFaceConfig, folder / CONFIG, FOLDER_REMEDY)
        return _read(name, replace(architecture, final_epsilon=config.layer_norm_eps), folder / TENSORS)
    return _read(name, architecture, find_file(URL if weights == IMAGENET else weights, on_step))


def _read(name: str, architecture: ConvNextArchitecture, file: Path) -> Backbone:
    inside = tensor_files.shapes(file)
    naming = next((naming for naming in (torchvision, transformers) if f"{naming('norm')}.weight" in inside), None)
    if naming is None:
        raise UserError(f"'{file}': expected the tensors of a ConvNeXt-Tiny, found others; {REMEDY}.")
    num_classes = inside.get(f"{naming('classifier')}.weight", (0,))[0]
    tensors = TensorFile(
        file, table(architecture, num_classes, naming), {own: own for own in inside}, "ConvNeXt-Tiny", REMEDY
    )
    tensors.check()
    return _backbone(name, architecture, tensors, num_classes)


def _backbone(name: str, architecture: ConvNextArchitecture, tensors: TensorFile | None, num_classes: int) -> Backbone:
    return Backbone(
        name=name,
        architecture=architecture,
        normalisation=IMAGENET_NORMALISATION,
        default_size=224,
        smallest_size=32,
        largest_size=None,
        last_layers=(f"stage{len(architecture.depths) - 1}", "norm"),
        classifier_name="classifier",
        num_classes=num_classes,
        tensors=tensors,
    )


# === Names ===

Naming = Callable[[str], str]
"""What a library calls the module of a canonical path, or the scale of a block."""


def table(architecture: ConvNextArchitecture, num_classes: int, naming: Naming) -> Table:
    """Map a library's names of the tensors to what they are here."""
    own = modules(architecture, num_classes)
    named = (module._replace(published_path=naming(module.canonical_path)) for module in own)
    return rules.table(named) | _scales(architecture, naming)


def modules(architecture: ConvNextArchitecture, num_classes: int) -> Iterator[Module]:
    """Yield the network's modules in its own order, with a classifier of `num_classes` if there are any."""
    inputs = 3
    for stage, (width, depth) in enumerate(zip(architecture.widths, architecture.depths, strict=True)):
        yield from _entrance(stage, inputs, width)
        for number in range(depth):
            for module in _block(width):
                yield module.inside("", f"stage{stage}.{number}")
        inputs = width
    yield _module("norm", NORM, (inputs,))
    if num_classes:
        yield _module("classifier", LINEAR, (num_classes, inputs))


def _entrance(stage: int, inputs: int, width: int) -> Iterator[Module]:
    """Yield what changes the number of channels in front of a stage's blocks."""
    if stage == 0:
        yield _module("stem_conv", CONV_2D, (width, inputs, PATCH, PATCH))
        yield _module("stem_norm", NORM, (width,))
        return
    yield _module(f"stage{stage}.shrink_norm", NORM, (inputs,))
    yield _module(f"stage{stage}.shrink_conv", CONV_2D, (width, inputs, SHRINK, SHRINK))


def _block(width: int) -> Iterator[Module]:
    yield _module("depthwise_conv", CONV_2D, (width, 1, WINDOW, WINDOW))
    yield _module("norm", NORM, (width,))
    yield _module("expand", LINEAR, (WIDENING * width, width))
    yield _module("project", LINEAR, (width, WIDENING * width))


def _module(path: str, rule: rules.Rule, shape: tuple[int, ...]) -> Module:
    return Module(path, path, rule, shape)


def _scales(architecture: ConvNextArchitecture, naming: Naming) -> dict[str, PublishedTensor]:
    scales = {}
    for stage, (width, depth) in enumerate(zip(architecture.widths, architecture.depths, strict=True)):
        for number in range(depth):
            canonical = f"stage{stage}.{number}.scale"
            own = (width, 1, 1) if naming is torchvision else (width,)
            layout = Reshape(own, (width,)) if naming is torchvision else SAME
            scales[naming(canonical)] = PublishedTensor(f"{canonical}.layer_scale", layout, own)
    return scales


_TORCHVISION = {
    "stem_conv": "features.0.0",
    "stem_norm": "features.0.1",
    "norm": "classifier.0",
    "classifier": "classifier.2",
}
_TORCHVISION_BLOCK = {
    "depthwise_conv": "block.0",
    "norm": "block.2",
    "expand": "block.3",
    "project": "block.5",
    "scale": "layer_scale",
}
_TRANSFORMERS = {
    "stem_conv": "convnext.embeddings.patch_embeddings",
    "stem_norm": "convnext.embeddings.layernorm",
    "norm": "convnext.layernorm",
    "classifier": "classifier",
}
_TRANSFORMERS_BLOCK = {
    "depthwise_conv": "dwconv",
    "norm": "layernorm",
    "expand": "pwconv1",
    "project": "pwconv2",
    "scale": "layer_scale_parameter",
}
_SHRINK = {"shrink_norm": "0", "shrink_conv": "1"}


def torchvision(path: str) -> str:
    """Return what torchvision calls a module."""
    if path in _TORCHVISION:
        return _TORCHVISION[path]
    stage, *inside = path.removeprefix("stage").split(".")
    if inside[0] in _SHRINK:
        return f"features.{2 * int(stage)}.{_SHRINK[inside[0]]}"
    return f"features.{2 * int(stage) + 1}.{inside[0]}.{_TORCHVISION_BLOCK[inside[1]]}"


def transformers(path: str) -> str:
    """Return what transformers calls a module."""
    if path in _TRANSFORMERS:
        return _TRANSFORMERS[path]
    stage, *inside = path.removeprefix("stage").split(".")
    own = f"convnext.encoder.stages.{stage}"
    if inside[0] in _SHRINK:
        return f"{own}.downsampling_layer.{_SHRINK[inside[0]]}"
    return f"{own}.layers.{inside[0]}.{_TRANSFORMERS_BLOCK[inside[1]]}"
