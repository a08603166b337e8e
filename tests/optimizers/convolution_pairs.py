"""Pairs of a convolution by groups whose kernel is larger than its input: one that is one model, and others."""

from dataclasses import replace

from tests.conformance.honest import modules, sequential
from twotrack.shared.spec.pair import Pair

ONE_MODEL = Pair(
    keras=sequential(
        lambda k: k.Input((4, 4, 3)),
        lambda k: k.DepthwiseConv2D(5, strides=2, padding="same", depth_multiplier=2, name="wide"),
        lambda k: k.Conv2D(4, 1, groups=2, name="grouped"),
        lambda k: k.GlobalAveragePooling2D(name="pool"),
    ),
    torch=modules(
        pad=lambda nn: nn.ZeroPad2d((1, 2, 1, 2)),
        wide=lambda nn: nn.Conv2d(3, 6, 5, stride=2, groups=3),
        grouped=lambda nn: nn.Conv2d(6, 4, 1, groups=2),
        pool=lambda nn: nn.AdaptiveAvgPool2d(1),
        flatten=lambda nn: nn.Flatten(),
    ),
    input_shape=(4, 4, 3),
    loss="cross_entropy",
)
PADDED_ALIKE = replace(
    ONE_MODEL,
    torch=modules(
        wide=lambda nn: nn.Conv2d(3, 6, 5, stride=2, padding=2, groups=3),
        grouped=lambda nn: nn.Conv2d(6, 4, 1, groups=2),
        pool=lambda nn: nn.AdaptiveAvgPool2d(1),
        flatten=lambda nn: nn.Flatten(),
    ),
)
"""At stride 2 "same" puts one row more behind."""
