"""Honest pairs: losses and optimizers that are one, written in two ways."""

from typing import Any

from tests.hunt.family import HONEST, Case, Reveal
from tests.hunt.network import Body, Step, around, dense, tanh
from tests.hunt.wrong_losses import LOGITS, SQUARED, custom, keras_classes
from tests.hunt.wrong_losses import case as with_loss
from tests.hunt.wrong_optimizers import (
    base,
    before_step,
    behind_step,
    keras_cosine,
    keras_optimizer,
    torch_clip,
    torch_cosine,
    torch_optimizer,
)
from tests.hunt.wrong_optimizers import case as with_optimizer
from tests.support.families import Draw
from twotrack import SGD, Adam, AdamW, CustomOptimizer, Input, OneCycle, RMSprop

# === Optimizers ===


@HONEST.add("optimizer", "a named optimizer and schedule on both sides")
def named_optimizer(draw: Draw) -> Case:
    kind, rate = (
        draw.one_of("kind", "SGD", "momentum", "nesterov", "Adam", "AdamW", "RMSprop"),
        draw.real("size", 1e-3, 3e-2),
    )
    made = {
        "SGD": lambda: SGD(rate), "momentum": lambda: SGD(rate, momentum=0.9),
        "nesterov": lambda: SGD(rate, momentum=0.8, nesterov=True), "Adam": lambda: Adam(rate),
        "AdamW": lambda: AdamW(rate, weight_decay=0.05), "RMSprop": lambda: RMSprop(rate, rho=0.9, epsilon=1e-7),
    }  # fmt: skip
    schedule = (
        {"schedule": OneCycle(0.3, 25.0, 1e4)} if draw.one_of("schedule", "constant", "one cycle") != "constant" else {}
    )
    body = around(draw, lambda site: [tanh()], places=("hidden",))
    return body.case(draw, optimizer=made[kind](), **schedule)


@HONEST.add("optimizer", "gradients clipped on both sides")
def same_clipping(draw: Draw) -> Case:
    kind, bound = draw.one_of("kind", "clipnorm", "clipvalue", "global_clipnorm"), draw.real("bound", 1e-3, 1e3)
    keras, torch = base(draw, draw.real("rate", 1e-3, 1e-2))
    reveal = Reveal(by="optimizer", scale=bound, steps=30)
    return with_optimizer(draw, keras(**{kind: bound}), torch(before_step(torch_clip(kind, bound))), reveal)


@HONEST.add("optimizer", "a rate that drops at the same late step on both sides")
def same_drop(draw: Draw) -> Case:
    at, factor, rate = draw.whole("at", 5, 800), draw.one_of("factor", 0.1, 0.5), draw.real("rate", 1e-3, 1e-2)

    def schedule(k: Any) -> Any:
        return k.optimizers.schedules.PiecewiseConstantDecay([at - 1], [rate, rate * factor])

    def drop(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
        if done == at:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor

    keras, torch = base(draw, rate)
    return with_optimizer(draw, keras(schedule), torch(behind_step(drop)), Reveal(by="optimizer", steps=at + 5))


@HONEST.add("optimizer", "a cosine on both sides, with its end")
def same_cosine(draw: Draw) -> Case:
    steps, rate = draw.whole("steps", 5, 300), draw.real("rate", 1e-3, 1e-1)
    keras, torch = base(draw, rate)
    staying = torch(torch_cosine(rate, steps, stays=True))
    return with_optimizer(draw, keras(keras_cosine(rate, steps)), staying, Reveal(by="optimizer", steps=steps + 5))


@HONEST.add("optimizer", "averaged weights by the same formula on both sides")
def same_average(draw: Draw) -> Case:
    """Keras starts its average at the first weights that it sees, and puts it in place every so many steps."""
    every, momentum, rate = (
        draw.whole("every", 5, 200),
        draw.one_of("momentum", 0.9, 0.99),
        draw.real("rate", 1e-3, 1e-2),
    )
    settings = {"use_ema": True, "ema_momentum": momentum, "ema_overwrite_frequency": every}

    def average(torch: Any, optimizer: Any, parameters: list) -> None:
        kept: list = []

        def move(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
            if not kept:
                kept.extend(one.clone() for one in parameters)
            else:
                for mean, one in zip(kept, parameters, strict=True):
                    mean.mul_(momentum).add_(one, alpha=1 - momentum)
            if done % every == 0:
                for mean, one in zip(kept, parameters, strict=True):
                    one.copy_(mean)

        behind_step(move)(torch, optimizer, parameters)

    keras, torch = base(draw, rate)
    return with_optimizer(draw, keras(**settings), torch(average), Reveal(by="optimizer", steps=every + 5))


@HONEST.add("optimizer", "an L2 penalty in Keras, decay of kernels in torch's SGD: equal updates")
def penalty_and_decay(draw: Draw) -> Case:
    amount, rate, momentum = (
        draw.real("amount", 1e-4, 1e-1),
        draw.real("rate", 1e-3, 1e-1),
        draw.one_of("momentum", 0.0, 0.9),
    )
    features, hidden = draw.whole("features", 2, 5), draw.whole("hidden", 2, 5)

    def penalised(name: str, inputs: int, outputs: int) -> Step:
        return Step(
            name,
            lambda k, n: k.layers.Dense(outputs, kernel_regularizer=k.regularizers.L2(amount), name=n),
            lambda t: t.nn.Linear(inputs, outputs),
        )

    def torch_sgd(parameters: Any) -> Any:
        import torch

        held = list(parameters)
        kernels, biases = [one for one in held if one.ndim > 1], [one for one in held if one.ndim == 1]
        groups = [{"params": kernels, "weight_decay": 2 * amount}, {"params": biases}]
        return torch.optim.SGD(groups, lr=rate, momentum=momentum)

    steps = [penalised("first", features, hidden), tanh(), penalised("last", hidden, 2)]
    optimizer = CustomOptimizer(keras_optimizer("SGD", rate, momentum=momentum), torch_sgd)
    return Case(Body({"input": Input((features,))}, steps).pair(optimizer=optimizer), Reveal(by="trained", steps=5))


@HONEST.add("optimizer", "a largest norm of a layer's weights on both sides")
def same_constraint(draw: Draw) -> Case:
    norm, rate = draw.real("norm", 0.1, 5), draw.real("rate", 1e-2, 1e-1)
    features, hidden = draw.whole("features", 2, 5), draw.whole("hidden", 2, 5)

    def constrained(k: Any, n: str) -> Any:
        return k.layers.Dense(hidden, kernel_constraint=k.constraints.MaxNorm(norm), name=n)

    by = draw.one_of("found_by", "place", "shape")

    def limit(torch: Any, optimizer: Any, parameters: list, done: int) -> None:
        first = parameters[0] if by == "place" else next(one for one in parameters if one.shape == (hidden, features))
        length = first.square().sum(1, keepdim=True).sqrt()
        first.mul_(length.clamp(max=norm) / (length + 1e-7))

    first = Step("first", constrained, lambda t: t.nn.Linear(features, hidden))
    outputs = hidden + features  # another shape than the first layer's
    steps = [first, tanh(), dense("last", hidden, outputs)]
    optimizer = CustomOptimizer(keras_optimizer("SGD", rate), torch_optimizer("SGD", rate, behind_step(limit)))
    pair = Body({"input": Input((features,))}, steps).pair(optimizer=optimizer)
    return Case(pair, Reveal(by="trained", steps=5, weight_scale=10))


@HONEST.add("optimizer", "gradients averaged over some steps on both sides")
def same_accumulation(draw: Draw) -> Case:
    """Gradients are averaged over some steps, then one step is made."""
    every, rate = draw.one_of("every", 2, 3, 4), draw.real("rate", 1e-3, 1e-2)

    def accumulate(torch: Any, optimizer: Any, parameters: list) -> None:
        sums: list = []
        done = [0]
        plain = optimizer.step

        def step(*_: Any, **__: Any) -> None:
            done[0] += 1
            grads = [one.grad.clone() for one in parameters]
            sums[:] = grads if not sums else [a + b for a, b in zip(sums, grads, strict=True)]
            if done[0] % every == 0:
                for one, total in zip(parameters, sums, strict=True):
                    one.grad = total / every
                sums.clear()
                plain()

        optimizer.step = step

    keras, torch = base(draw, rate)
    return with_optimizer(draw, keras(gradient_accumulation_steps=every), torch(accumulate), Reveal(by="optimizer"))


@HONEST.add("optimizer", "layers frozen on both sides")
def same_frozen(draw: Draw) -> Case:
    features, hidden = draw.whole("features", 2, 5), draw.whole("hidden", 2, 5)

    def torch_side(t: Any) -> Any:
        return t.nn.Linear(features, hidden).requires_grad_(False)

    first = Step("first", lambda k, n: k.layers.Dense(hidden, trainable=False, name=n), torch_side)
    body = Body({"input": Input((features,))}, [first, tanh(), dense("last", hidden, 3)])
    return body.case(draw, Reveal(by="trained", steps=5))


# === Losses ===


@HONEST.add("loss", "Huber's loss on both sides")
def same_huber(draw: Draw) -> Case:
    delta = draw.real("delta", 0.1, 300)

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        error = k.ops.abs(p - y)
        return k.ops.mean(k.ops.where(error <= delta, 0.5 * error * error, delta * (error - 0.5 * delta)), -1)

    loss = custom(keras_loss, lambda t, p, y: t.nn.functional.huber_loss(p, y, delta=delta))
    return with_loss(draw, loss, Reveal(by="loss", scale=3 * delta))


@HONEST.add("loss", "cross-entropy of two classes from logits, in two forms")
def binary_forms(draw: Draw) -> Case:
    weight = draw.real("weight", 0.1, 10)

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        softplus = k.ops.log1p(k.ops.exp(-k.ops.abs(p))) + k.ops.relu(-p)
        return k.ops.mean((1 - y) * p + (1 + (weight - 1) * y) * softplus, -1)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        positive = t.tensor(weight, dtype=p.dtype)
        return t.nn.functional.binary_cross_entropy_with_logits(p, y, pos_weight=positive)

    plain = draw.one_of("weighted", False, True)
    loss = custom(keras_loss, torch_loss, "binary") if plain else custom(LOGITS[0], LOGITS[1], "binary")
    return with_loss(draw, loss, Reveal(by="loss", scale=50))


@HONEST.add("loss", "log-softmax in the model and the log-likelihood, against logits and cross-entropy")
def likelihood(draw: Draw) -> Case:
    form = draw.one_of("torch", "nll", "gather", "cross_entropy")

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        if form == "cross_entropy":
            return t.nn.functional.cross_entropy(p, y)
        logs = t.log_softmax(p, -1)
        return t.nn.functional.nll_loss(logs, y) if form == "nll" else -logs.gather(1, y[:, None]).mean()

    return with_loss(draw, custom(keras_classes, torch_loss, "classes"), Reveal(by="loss", scale=10))


@HONEST.add("loss", "a class that is left out, or smoothed labels, on both sides")
def same_classes(draw: Draw) -> Case:
    classes = draw.whole("classes", 3, 9)
    ignored, smoothing = draw.whole("ignored", 0, 2), draw.one_of("smoothing", 0.0, 0.1)

    def keras_loss(k: Any, y: Any, p: Any) -> Any:
        labels = k.ops.cast(y, "int32")
        logs = k.ops.log_softmax(p, -1)
        chosen = k.ops.sum(logs * k.ops.one_hot(labels, classes, dtype=p.dtype), -1)
        each = -(1 - smoothing) * chosen - smoothing * k.ops.mean(logs, -1)
        return each * k.ops.cast(k.ops.not_equal(labels, ignored), p.dtype)

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        functional = t.nn.functional
        total = functional.cross_entropy(p, y, ignore_index=ignored, label_smoothing=smoothing, reduction="sum")
        return total / len(y)

    return with_loss(draw, custom(keras_loss, torch_loss, "classes"), Reveal(by="loss", scale=5), classes=classes)


@HONEST.add("loss", "a mean that is a sum over the batch, divided by its size")
def sum_over_batch(draw: Draw) -> Case:
    form = draw.one_of("torch", "sum", "mean of means", "norm")

    def torch_loss(t: Any, p: Any, y: Any) -> Any:
        if form == "sum":
            return ((p - y) ** 2).sum() / p.numel()
        return ((p - y) ** 2).mean(-1).mean() if form == "mean of means" else (p - y).norm() ** 2 / p.numel()

    return with_loss(draw, custom(SQUARED[0], torch_loss), Reveal(by="loss", batch_size=draw.one_of("batch", 1, 3, 8)))


@HONEST.add("loss", "a named loss on an output of some axes")
def named_loss(draw: Draw) -> Case:
    loss = draw.one_of("loss", "cross_entropy", "binary_cross_entropy", "mean_squared_error")
    body = around(draw, lambda site: [tanh()], places=("hidden",))
    return body.case(draw, loss=loss)
