"""The ledger's entries on clipping gradients."""

from twotrack.shared.ledger.forms import in_no_chapter
from twotrack.shared.ledger.spec import Area, Difference, Effect

_entry = in_no_chapter(Area.CLIPPING)

ENTRIES: tuple[Difference, ...] = (
    _entry(
        "clipping",
        "gradient clipping",
        "norm of both after clipping to 1",
        torch=("clip_grad_norm_ bounds all together", 1.0),
        keras=("clipnorm bounds every variable", 2**0.5),
        fix="global_clipnorm for clip_grad_norm_",
        aligned="no clipping, or one kind in update_options.py of both tracks",
        effect=Effect(name="difference of the joint norms"),
    ),
    _entry(
        "clipping_epsilon",
        "epsilon of a norm that is clipped by",
        "gradient of 1e-6 after clipping to 1e-6",
        torch=("clip_grad_norm_ adds 1e-6", 5e-07),
        keras=("none", 1e-06),
        fix="clip=ClipGlobalNorm(limit, epsilon) of an optimizer of twotrack in the pair",
        aligned="a field of the clip in shared/spec/update_options.py",
        effect=Effect(name="difference, over 1e-6"),
        tolerance=0.001,
    ),
    _entry(
        "clipping_and_decay",
        "clipping and weight decay",
        ("decay is clipped", "penalty is clipped"),
        torch=("clipped before Adam's decay is added to the gradient", False),
        keras=("clipped before decay; a regularizer's gradient is clipped too", False, True),
        fix="weight_decay of the optimizer in place of kernel_regularizer",
        aligned="update_options.py of both tracks: clipped, then decay",
    ),
)
