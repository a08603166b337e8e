"""Small trainings whose every part is at work: statistics, decay, momentum, a schedule, dropout, frozen weights."""

from dataclasses import replace
from typing import Any

from tests.support import staged
from twotrack import SGD, AdamW, Pair
from twotrack.shared.spec.schedules import OneCycle
from twotrack.shared.verify.request import VerifyRequest

FEATURES, HIDDEN, CLASSES = 8, 6, 3
SCHEDULE = OneCycle(warmup_share=0.3, start_divisor=25.0, end_divisor=1e4)


def build_keras() -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((FEATURES,)),
            layers.Dense(HIDDEN, name="hidden"),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm"),
            layers.Activation("tanh", name="act"),
            layers.Dropout(0.3, name="dropout"),
            layers.Dense(CLASSES, name="logits"),
        ]
    )


def build_torch() -> Any:
    from collections import OrderedDict

    from torch import nn

    from twotrack.torch_track.layers import BatchNorm1d

    return nn.Sequential(
        OrderedDict(
            hidden=nn.Linear(FEATURES, HIDDEN),
            norm=BatchNorm1d(HIDDEN, eps=1e-5, momentum=0.1),
            act=nn.Tanh(),
            dropout=nn.Dropout(0.3),
            logits=nn.Linear(HIDDEN, CLASSES),
        )
    )


NETWORK = Pair(
    build_keras, build_torch, (FEATURES,), "cross_entropy", AdamW(1e-2, weight_decay=0.1), SCHEDULE, batch_size=8
)
MOMENTUM = replace(NETWORK, optimizer=SGD(1e-2, momentum=0.9, nesterov=True, weight_decay=0.01))
FINE_TUNED = replace(NETWORK, trainable=("logits.",))
DEEP = ("MOMENTUM", "LION", "LOUD")
SUBJECTS: dict[str, VerifyRequest] = {
    **{name: VerifyRequest(name=f"tests.mutation.subjects:{name}") for name in ("NETWORK", "MOMENTUM", "FINE_TUNED")},
    **{f"DEEP {name}": VerifyRequest(name=f"tests.verify.deep_pairs:{name}") for name in DEEP},
    "CHAPTER": VerifyRequest(name="churn_mlp"),
    "STAGES": VerifyRequest(name=staged.SLUG, recipe=staged.RECIPE),
}
