"""The ledger's entries on layers of images: padding, order of numbers, layout of kernels."""

from twotrack.shared.ledger import evidence, reasons
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, Makeup, always, with_layers

_IMAGES = ("Conv2D", "DepthwiseConv2D", "MaxPooling2D")


def _average_same(makeup: Makeup) -> bool:
    return any(layer.of("AveragePooling2D") and layer.pads_to_same_size for layer in makeup.layers)


ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="same_padding",
        area=Area.LAYER,
        name="'same' padding with stride",
        torch=Behaviour(
            default="pads the same at both ends",
            values={"rows in front, even input": 1, "rows in front, odd input": 1, "takes 'same' with a stride": False},
        ),
        keras=Behaviour(
            default="pads more at the end",
            values={"rows in front, even input": 0, "rows in front, odd input": 1, "takes 'same' with a stride": True},
        ),
        fix="keras.layers.ZeroPadding2D(1) before Conv2D(padding='valid') for nn.Conv2d(padding=1)",
        aligned="the zeros are layers of their own (keras_track/backbones, torch_track/backbones)",
        touches=lambda makeup: makeup.strided("Conv2D", "DepthwiseConv2D"),
        effect=Effect(name="largest difference of the outputs, 6 x 6 inputs, stride 2"),
        evidence=evidence.same_padding,
        kept=reasons.STATED,
    ),
    Difference(
        slug="max_pool_padding",
        area=Area.LAYER,
        name="max pooling padding",
        torch=Behaviour(
            default="padding=p pads both ends, with -inf",
            values={"rows in front, even input": 1, "corner of an image of -1": -1},
        ),
        keras=Behaviour(
            default="'same' pads more at the end, with -inf",
            values={"rows in front, even input": 0, "corner of an image of -1": -1},
        ),
        fix="pad explicitly with -inf on both sides, or pool without padding",
        aligned="pooling without padding; ResNet pads zeros on both sides, behind a ReLU (keras_track/backbones)",
        touches=lambda makeup: makeup.strided("MaxPooling2D"),
        effect=Effect(name="largest difference of the outputs, 6 x 6 inputs below 0, stride 2"),
        evidence=evidence.max_padding,
        kept=reasons.STATED,
    ),
    Difference(
        slug="average_pool_padding",
        area=Area.LAYER,
        name="average pooling padding",
        torch=Behaviour(default="padding counts as zeros", values={"corner of an image of 1": 4 / 9}),
        keras=Behaviour(default="padding is not counted", values={"corner of an image of 1": 1.0}),
        fix="nn.AvgPool2d(..., count_include_pad=False)",
        aligned="count_include_pad=False; no chapter pads average pooling",
        touches=_average_same,
        evidence=evidence.average_padding,
        kept=reasons.STATED,
    ),
    Difference(
        slug="flatten_order",
        area=Area.LAYER,
        name="flatten order",
        torch=Behaviour(default="channels, height, width", values={"second number": "the next column"}),
        keras=Behaviour(default="height, width, channels", values={"second number": "the next channel"}),
        fix="flatten the plain channels-first tensor in torch, as nn.Flatten() does",
        aligned="the bridge reorders every weight that counts the features (shared/axes)",
        touches=with_layers("Flatten"),
        effect=Effect(name="largest difference of the outputs of a dense layer behind it, same kernel"),
        evidence=evidence.flatten_order,
        kept="it numbers the units of one model in another order",
    ),
    Difference(
        slug="data_format",
        area=Area.LAYER,
        name="axis of the channels",
        torch=Behaviour(default="behind the batch", values={"axis of the channels": 1}),
        keras=Behaviour(default="last", values={"axis of the channels": 3}),
        fix="keras.layers.Permute, or give each side its own layout",
        aligned="batches are channels last; torch_track/inputs.py permutes them once",
        touches=with_layers(*_IMAGES),
        kept=reasons.FORM,
    ),
    Difference(
        slug="kernel_layout",
        area=Area.LAYER,
        name="layout of kernels",
        torch=Behaviour(
            default="outputs before inputs",
            values={"dense": "3 x 2", "convolution": "4 x 2 x 3 x 3", "query": "24 x 8"},
        ),
        keras=Behaviour(
            default="inputs before outputs",
            values={"dense": "2 x 3", "convolution": "3 x 3 x 2 x 4", "query": "8 x 2 x 4"},
        ),
        fix="twotrack convert",
        aligned="weights travel in Keras' layout (shared/weights/bridge, torch_track/weights.py)",
        touches=always,
        kept=reasons.FORM,
    ),
)
