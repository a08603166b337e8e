"""Wrong pairs by their names, tests.precision.wrong:FAMILY_NUMBER: one side computes in less than it says."""

from collections.abc import Callable
from typing import Any

from tests.hunt.network import Body, KerasMake, Step, TorchMake, keras_layer
from tests.precision.families import WRONG, Case, judged, network, size
from tests.support.families import Draw
from twotrack import Input
from twotrack.shared.precision.formats import Arithmetic

FAMILIES = WRONG


def __getattr__(name: str) -> Any:
    return WRONG.pair(name)


LESS: dict[Arithmetic, tuple[str, ...]] = {
    "float64": ("float32", "bfloat16"),
    "float32": ("bfloat16", "float16"),
    "bfloat16": ("float16",),
    "float16": ("bfloat16",),
}
"""By a precision, those that do not hold its numbers."""

Narrow = Callable[[Any], Any]
"""Casts to the lower precision."""


def asked(draw: Draw) -> tuple[Arithmetic, str]:
    """Return a precision, and a lower one."""
    arithmetic = draw.one_of("precision", *LESS)
    return arithmetic, draw.one_of("lower", *LESS[arithmetic])


def one_sided(draw: Draw, name: str, keras: tuple[KerasMake, KerasMake], torch: tuple[TorchMake, TorchMake]) -> Step:
    """Return a step whose right form is on one side, and the wrong one on the drawn side."""
    side = draw.one_of("side", "Keras", "torch")
    return Step(name, keras[side == "Keras"], torch[side == "torch"])


OPERATIONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "softmax": (lambda o, x: o.softmax(x, -1), lambda t, x: x.softmax(-1)),
    "gelu": (lambda o, x: o.gelu(x, approximate=False), lambda t, x: t.nn.functional.gelu(x)),
    "tanh": (lambda o, x: o.tanh(x), lambda t, x: x.tanh()),
    "sigmoid": (lambda o, x: o.sigmoid(x), lambda t, x: x.sigmoid()),
    "exponential": (lambda o, x: o.exp(x), lambda t, x: x.exp()),
    "centred": (lambda o, x: x - o.mean(x, -1, keepdims=True), lambda t, x: x - x.mean(-1, keepdim=True)),
    "squares": (lambda o, x: o.square(x), lambda t, x: x.square()),
    "product": (
        lambda o, x: o.matmul(x, o.transpose(x)) @ x,
        lambda t, x: x @ x.T @ x,
    ),
}


@WRONG.add("operation", "one operation in a lower precision")
def operation(draw: Draw) -> Case:
    (arithmetic, lower), width = asked(draw), size(draw, "width", 4, 128)
    own, theirs = OPERATIONS[draw.one_of("operation", *OPERATIONS)]

    def keras_lower(k: Any, n: str) -> Any:
        return keras_layer(k, n, lambda x, _: k.ops.cast(own(k.ops, k.ops.cast(x, lower)), x.dtype))

    def torch_lower(t: Any) -> Any:
        return lambda x: theirs(t, x.to(getattr(t, lower))).to(x.dtype)

    keras = (lambda k, n: keras_layer(k, n, lambda x, _: own(k.ops, x)), keras_lower)
    step = one_sided(draw, "operation", keras, (lambda t: lambda x: theirs(t, x), torch_lower))
    said = f"{draw.values['side']} computes in {lower}"
    return judged(network(draw, [step], width), (arithmetic,), said, batch_size=8)


@WRONG.add("cast", "a cast in the middle, there and back")
def cast(draw: Draw) -> Case:
    (arithmetic, lower), width = asked(draw), size(draw, "width", 4, 128)

    def keras_lower(k: Any, n: str) -> Any:
        return keras_layer(k, n, lambda x, _: k.ops.cast(k.ops.cast(x, lower), x.dtype))

    keras = (lambda k, n: k.layers.Activation("linear", name=n), keras_lower)
    step = one_sided(draw, "cast", keras, (lambda t: lambda x: x, lambda t: lambda x: x.to(getattr(t, lower)).to(x)))
    said = f"{draw.values['side']} computes in {lower}"
    return judged(network(draw, [step], width), (arithmetic,), said, batch_size=8)


@WRONG.add("layer", "one layer that stays in a lower precision")
def layer(draw: Draw) -> Case:
    (arithmetic, lower), width = asked(draw), size(draw, "width", 4, 128)

    def torch_lower(t: Any) -> Any:
        class Lower(t.nn.Linear):
            def forward(self, x: Any) -> Any:
                kind = getattr(t, lower)
                return t.nn.functional.linear(x.to(kind), self.weight.to(kind), self.bias.to(kind)).to(x.dtype)

        return Lower(width, width)

    def keras_lower(k: Any, n: str) -> Any:
        own = k.layers.Dense(width, dtype=lower, name=n)
        return lambda x: k.ops.cast(own(x), x.dtype)

    keras = (lambda k, n: k.layers.Dense(width, name=n), keras_lower)
    step = one_sided(draw, "middle", keras, (lambda t: t.nn.Linear(width, width), torch_lower))
    said = f"{draw.values['side']} computes in {lower}"
    return judged(network(draw, [step], width), (arithmetic,), said, batch_size=8)


# === Kernels, whose type is the right one: they are seen by their error alone ===


def keras_dense(k: Any, name: str, width: int, product: Callable[[Any, Any, Any], Any]) -> Any:
    """Return a dense layer whose product is product(ops, x, kernel) in any type but float64."""

    class Kernel(k.layers.Dense):
        def call(self, inputs: Any) -> Any:
            is_wide = k.backend.standardize_dtype(inputs.dtype) == "float64"
            made = k.ops.matmul(inputs, self.kernel) if is_wide else product(k.ops, inputs, self.kernel)
            return made + self.bias

    return Kernel(width, name=name)


def torch_dense(t: Any, inputs: int, outputs: int, product: Callable[[Any, Any, Any], Any]) -> Any:
    """Return a dense layer whose product is product(torch, x, kernel) in any type but float64."""

    class Kernel(t.nn.Linear):
        def forward(self, x: Any) -> Any:
            kernel = self.weight.T
            return (x @ kernel if x.dtype == t.float64 else product(t, x, kernel)) + self.bias

    return Kernel(inputs, outputs)


def in_kernel(draw: Draw, inputs: int, outputs: int, keras: Any, torch: Any) -> Step:
    """Return a dense layer whose kernel is wrong on the drawn side."""
    return one_sided(
        draw,
        "kernel",
        (
            lambda k, n: k.layers.Dense(outputs, name=n),
            lambda k, n: keras_dense(k, n, outputs, keras),
        ),
        (lambda t: t.nn.Linear(inputs, outputs), lambda t: torch_dense(t, inputs, outputs, torch)),
    )


def keras_running(ops: Any, x: Any, kernel: Any) -> Any:
    """Add up products one by one, each sum in the type of the operands."""

    def add(total: Any, term: Any) -> Any:
        column, row = term
        return total + column[:, None] * row[None], None

    start = ops.zeros((x.shape[0] or ops.shape(x)[0], kernel.shape[1]), x.dtype)
    return ops.scan(add, start, (ops.transpose(x), ops.convert_to_tensor(kernel)))[0]


def torch_running(t: Any, x: Any, kernel: Any) -> Any:
    """Add up products one by one, each sum in the type of the operands."""
    total = x.new_zeros(len(x), kernel.shape[1])
    for column, row in zip(x.T, kernel, strict=True):
        total = total + column[:, None] * row
    return total


@WRONG.add("sums", "sums that are kept in half precision")
def sums(draw: Draw) -> Case:
    terms = size(draw, "terms", 2048, 6000)
    arithmetic = draw.one_of("precision", "bfloat16", "float16")
    step = in_kernel(draw, terms, 4, keras_running, torch_running)

    return judged(Body({"input": Input((terms,))}, [step]), (arithmetic,), "times what rounding can do", batch_size=8)


def truncated(x: Any) -> Any:
    """Return numbers of float32 with the 11 digits of tf32, rounded: what is lost has no gradient of its own."""
    shifted = x * (2.0**13 + 1)
    return shifted - (shifted - x)


@WRONG.add("tf32", "products of float32 whose operands have the digits of tf32")
def tf32(draw: Draw) -> Case:
    width = size(draw, "width", 4, 256)
    step = in_kernel(
        draw,
        width,
        width,
        lambda ops, x, kernel: ops.matmul(truncated(x), truncated(kernel)),
        lambda t, x, kernel: truncated(x) @ truncated(kernel),
    )
    return judged(network(draw, [step], width), ("float32",), "times what rounding can do", batch_size=8)


@WRONG.add("function", "a function to a few digits, as fast kernels have it")
def approximate(draw: Draw) -> Case:
    width, arithmetic = size(draw, "width", 4, 128), "float32"
    digits = draw.real("off by", 3e-5, 1e-3)

    def near(exact: Any, is_wide: bool) -> Any:
        return exact if is_wide else exact * (1 + digits)

    def keras_near(k: Any, n: str) -> Any:
        return keras_layer(k, n, lambda x, _: near(k.ops.tanh(x), k.backend.standardize_dtype(x.dtype) == "float64"))

    keras = (lambda k, n: k.layers.Activation("tanh", name=n), keras_near)
    torch = (lambda t: t.nn.Tanh(), lambda t: lambda x: near(x.tanh(), x.dtype == t.float64))
    step = one_sided(draw, "function", keras, torch)
    return judged(network(draw, [step], width), (arithmetic,), "times what rounding can do", batch_size=8)


@WRONG.add("gradient", "a gradient to a few digits, behind values that are right")
def gradient(draw: Draw) -> Case:
    width, digits = size(draw, "width", 4, 128), draw.real("off by", 3e-5, 1e-3)

    def torch_wrong(t: Any) -> Any:
        class Near(t.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x.tanh()

            @staticmethod
            def backward(ctx: Any, given: Any) -> Any:
                exact = given * (1 - ctx.saved_tensors[0].tanh().square())
                return exact if exact.dtype == t.float64 else exact * (1 + digits)

        return Near.apply

    step = Step("function", lambda k, n: k.layers.Activation("tanh", name=n), torch_wrong)
    return judged(network(draw, [step], width), ("float32",), "times what rounding can do", batch_size=8)
