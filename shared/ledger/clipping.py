"""The ledger's entries on clipping gradients."""

from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, never_used

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="clipping",
        area=Area.CLIPPING,
        name="gradient clipping",
        torch=Behaviour(
            default="clip_grad_norm_ bounds all together", values={"norm of both after clipping to 1": 1.0}
        ),
        keras=Behaviour(default="clipnorm bounds every variable", values={"norm of both after clipping to 1": 2**0.5}),
        fix="global_clipnorm for clip_grad_norm_",
        aligned="no clipping, or one kind in update_options.py of both tracks",
        touches=never_used,
        effect=Effect(name="difference of the joint norms"),
    ),
    Difference(
        slug="clipping_epsilon",
        area=Area.CLIPPING,
        name="epsilon of a norm that is clipped by",
        torch=Behaviour(default="clip_grad_norm_ adds 1e-6", values={"gradient of 1e-6 after clipping to 1e-6": 5e-7}),
        keras=Behaviour(default="none", values={"gradient of 1e-6 after clipping to 1e-6": 1e-6}),
        fix="clip=ClipGlobalNorm(limit, epsilon) of an optimizer of twotrack in the pair",
        aligned="a field of the clip in shared/spec/update_options.py",
        touches=never_used,
        effect=Effect(name="difference, over 1e-6"),
        tolerance=1e-3,
    ),
    Difference(
        slug="clipping_and_decay",
        area=Area.CLIPPING,
        name="clipping and weight decay",
        torch=Behaviour(
            default="clipped before Adam's decay is added to the gradient", values={"decay is clipped": False}
        ),
        keras=Behaviour(
            default="clipped before decay; a regularizer's gradient is clipped too",
            values={"decay is clipped": False, "penalty is clipped": True},
        ),
        fix="weight_decay of the optimizer in place of kernel_regularizer",
        aligned="update_options.py of both tracks: clipped, then decay",
        touches=never_used,
    ),
)
