"""Optimizers inside of training functions of one's own: settings, groups and states that two loops do not share."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.mixups.loops import RATE, Keras, Loop, keras_compiled, of, pair
from tests.mixups.mixup import Mixup, mixup

LIMIT, EVERY, EPOCH = 0.05, 2, 5
TINY = 1e-15
"""An epsilon too small to show where it is added."""
Make = Callable[[Any, Any], Any]
"""Maps torch and the model to an optimizer."""
Clip = Callable[[Any, Any], None]


def torch_loop(make: Make, decay: float = 1.0, clip: Clip | None = None, anew: int = 0, moved: bool = True) -> Loop:
    """Return a loop whose rate falls by a factor at every step, with an optimizer made anew every so many steps.

    Where nothing is `moved`, gradients are cleared behind backward() and not in front of it.
    """

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f

        optimizer = make(torch, model)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
        for number, (x, y) in enumerate(batches):
            if anew and number and number % anew == 0:
                optimizer = make(torch, model)
            if moved:
                optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            loss.backward()
            record(loss.item())
            if clip:
                clip(torch, model)
            if not moved:
                optimizer.zero_grad()
            optimizer.step()
            schedule.step()

    return train


def gathering(clip: str = "", clears: int = EVERY) -> Loop:
    """Return a loop that updates every two batches, and clips behind "each" backward() or "once"."""

    def train(model: Any, batches: Any, record: Any) -> None:
        import torch
        from torch.nn import functional as f
        from torch.nn.utils import clip_grad_value_

        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        for number, (x, y) in enumerate(batches):
            if number % clears == 0:
                optimizer.zero_grad()
            loss = f.cross_entropy(model(x), y)
            (loss / EVERY).backward()
            record(loss.item())
            last = number % EVERY == EVERY - 1
            if clip == "each" or (clip == "once" and last):
                clip_grad_value_(model.parameters(), LIMIT / 4)
            if last:
                optimizer.step()

    return train


def keras_adamw(decay: float, excluded: Sequence[str] = ()) -> Keras:
    def build() -> Any:
        import keras

        model = keras_compiled()()
        optimizer = keras.optimizers.AdamW(RATE / 10, weight_decay=decay, epsilon=TINY)
        optimizer.exclude_from_weight_decay(var_names=list(excluded))
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    return build


def torch_adamw(decay: float, biases: bool = True, kind: str = "AdamW") -> Make:
    def make(t: Any, model: Any) -> Any:
        held = list(model.parameters())
        groups = [
            {"params": [one for one in held if one.ndim > 1]},
            {"params": [one for one in held if one.ndim == 1], "weight_decay": decay if biases else 0.0},
        ]
        return getattr(t.optim, kind)(groups, lr=RATE / 10, weight_decay=decay, eps=TINY)

    return make


def sgd(momentum: float = 0.0, rate: float = RATE, only: str = "") -> Make:
    return lambda t, m: t.optim.SGD((getattr(m, only) if only else m).parameters(), lr=rate, momentum=momentum)


def by_layer(t: Any, model: Any) -> Any:
    """A smaller rate for the body, as in fine-tuning."""
    groups = [{"params": model.hidden.parameters(), "lr": RATE / 10}, {"params": model.out.parameters()}]
    return t.optim.SGD(groups, RATE)


def clip_values(t: Any, model: Any) -> None:
    t.nn.utils.clip_grad_value_(model.parameters(), LIMIT)


def clip_body(t: Any, model: Any) -> None:
    t.nn.utils.clip_grad_value_(model.hidden.parameters(), LIMIT)


def falling(own: Any) -> Any:
    return own.ExponentialDecay(RATE, 1, 0.8)


BARE, HEAVY = keras_compiled(momentum=0.0), keras_compiled()
GATHERED = keras_compiled(momentum=0.0, gradient_accumulation_steps=EVERY)
GATHERED_AND_CLIPPED = keras_compiled(momentum=0.0, gradient_accumulation_steps=EVERY, clipvalue=LIMIT / 4)


def in_torch(what: str, keras: Keras, right: Loop, wrong: Loop, told: str, in_keras: Any = None) -> Mixup:
    """Return a mix-up that torch's loop alone can have; Keras may have another of its kind."""
    return mixup(f"loop: {what}", what, "training", pair(keras, right), in_keras, (pair(keras, wrong), told))


def compiled_anew(model: Any, batches: Any, record: Any) -> None:
    for number, (x, y) in enumerate(batches):
        if number and number % EPOCH == 0:
            model.compile(type(model.optimizer).from_config(model.optimizer.get_config()), model.loss)
        record(model.train_on_batch(x, y))


LOOP_OPTIMIZERS = (
    of(
        "loop: decay",
        "biases that decay too",
        (keras_adamw(0.1, ["bias"]), keras_adamw(0.1), "torch does not decay the weight"),
        (
            torch_loop(torch_adamw(0.1, biases=False)),
            torch_loop(torch_adamw(0.1)),
            "Keras does not decay the weight of 'hidden.bias', 'out.bias', torch takes 0.1 times",
        ),
    ),
    in_torch(
        "decay inside the gradient",
        keras_adamw(0.1),
        torch_loop(torch_adamw(0.1)),
        torch_loop(torch_adamw(0.1, kind="Adam")),
        r"takes 0.1 times the weight off it .*torch adds 0.1 times the weight to the gradient",
        (pair(keras_adamw(0.004), torch_loop(torch_adamw(0.1))), r"Keras takes 0.004 times .*torch takes 0.1 times"),
    ),
    mixup(
        "loop: velocity",
        "a rate inside of the velocity, under a schedule",
        "training",
        pair(keras_compiled(falling, momentum=0.0), torch_loop(sgd(), decay=0.8)),
        torch=(
            pair(keras_compiled(falling), torch_loop(sgd(0.9), decay=0.8)),
            "Keras multiplies each gradient by the learning rate of its own step",
        ),
    ),
    in_torch(
        "optimizer of some layers",
        BARE,
        torch_loop(sgd()),
        torch_loop(sgd(only="out")),
        "torch's optimizer does not update the weights of 'hidden.kernel', 'hidden.bias'",
    ),
    in_torch(
        "rates by layer",
        BARE,
        torch_loop(sgd()),
        torch_loop(by_layer),
        "the learning rate of 'hidden.kernel', 'hidden.bias' is 0.1 in Keras and 0.01 in torch",
    ),
    in_torch(
        "optimizer made anew in every epoch",
        HEAVY,
        torch_loop(sgd(0.9)),
        torch_loop(sgd(0.9), anew=EPOCH),
        "the state of the optimizer.* begins once in Keras and anew at steps 6, 11, 16 in torch",
        (pair(HEAVY, torch_loop(sgd(0.9)), compiled_anew), "begins anew at steps 6, 11, 16 in Keras and once in torch"),
    ),
    in_torch(
        "gradients cleared in front of the step",
        BARE,
        torch_loop(sgd()),
        torch_loop(sgd(), moved=False),
        r"torch clears the gradients between backward\(\) and step\(\)",
    ),
    in_torch(
        "gradients of the last batch alone",
        GATHERED,
        gathering(),
        gathering(clears=1),
        "both update every 2 batches, Keras by the gradients of all of them, torch by those of the last alone",
    ),
    in_torch(
        "clipping behind every part",
        GATHERED_AND_CLIPPED,
        gathering("once"),
        gathering("each"),
        r"Keras clips gradients by value to 0.0125 in front of its steps, torch clips behind every backward\(\)",
        (pair(GATHERED, gathering("once")), "torch clips gradients by value to 0.0125"),
    ),
    in_torch(
        "clipping of some weights",
        keras_compiled(momentum=0.0, clipvalue=LIMIT),
        torch_loop(sgd(), clip=clip_values),
        torch_loop(sgd(), clip=clip_body),
        "torch clips those of some weights only",
        (
            pair(keras_compiled(momentum=0.0, clipnorm=LIMIT), torch_loop(sgd(), clip=clip_values)),
            r"Keras clips gradients \(clipnorm=0.05\)",
        ),
    ),
)
