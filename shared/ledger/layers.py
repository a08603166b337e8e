"""The ledger's entries on the remaining layers."""

from twotrack.shared.ledger import evidence, reasons
from twotrack.shared.ledger.forms import in_no_chapter
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, with_layers

_entry = in_no_chapter(Area.LAYER)

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="resizing",
        area=Area.LAYER,
        name="resizing",
        torch=Behaviour(default="the same", values={"smooths before it shrinks": False}),
        keras=Behaviour(default="bilinear, without smoothing", values={"smooths before it shrinks": False}),
        fix="nothing to do",
        aligned="equal by default; pictures are resized once, before both (shared/datasets/pictures.py)",
        touches=with_layers("Resizing"),
        effect=Effect(name="largest difference of the outputs, 6 x 6 to 3 x 3"),
        kept=reasons.SAME,
    ),
    Difference(
        slug="dropout_rate",
        area=Area.LAYER,
        name="dropout rate",
        torch=Behaviour(default="p", values={"default": 0.5}),
        keras=Behaviour(default="rate", values={"default": "none"}),
        fix="the same share dropped in both: layers.Dropout(rate=p) for nn.Dropout(p)",
        aligned="both files state the chapter's rate",
        touches=with_layers("Dropout"),
        evidence=evidence.dropout_rate,
        kept=reasons.STATED,
    ),
    Difference(
        slug="dropout_masks",
        area=Area.LAYER,
        name="dropout masks",
        torch=Behaviour(default="drawn by torch", values={"what is kept, rate 0.5": 2}),
        keras=Behaviour(default="drawn by the backend", values={"what is kept, rate 0.5": 2}),
        fix="dropout off in both",
        aligned="not made equal, but with --same-masks; --set dropout=0 takes the difference away",
        touches=with_layers("Dropout"),
        effect=Effect(name="largest difference of the outputs for ones, both with seed 0", remaining=2.0),
        kept="each framework draws its own, in every profile",
    ),
    Difference(
        slug="fused_activation",
        area=Area.LAYER,
        name="activation",
        torch=Behaviour(default="a layer or function of its own", values={"dense layer takes an activation": False}),
        keras=Behaviour(default="activation=None unless given", values={"dense layer takes an activation": True}),
        fix="the same activation in both",
        aligned="activations are layers of their own in both files",
        touches=with_layers("Dense", "Conv2D"),
        evidence=evidence.activation,
        kept=reasons.FORM,
    ),
    _entry(
        "layer_order",
        "order of activations, poolings and sums",
        ("mean of relu of -1 and 1", "relu of their mean", "relu(1 - 2)", "1 + relu(-2)"),
        torch=("wherever the code calls it", 0.5, 0.0, 0.0, 1.0),
        keras=("activation= stands in front of whatever follows: pooling, normalisation, a sum", 0.5, 0.0, 0.0, 1.0),
        fix="the same order in both: a relu changes places with a max pooling alone",
        aligned="the two files of a model have the same order, line by line",
    ),
)
