"""Diagrams: what is connected with what, with shapes, and with numbers that the formulas in NumPy give."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

from docs.pictures.canvas import LEAVES, STAYS, Point, arrow, box, diagram, note, operation, path
from twotrack.shared.by_hand import two_layer
from twotrack.shared.report.figures import INK, LINE, LINE_COLOURS

FORWARD, BACKWARD = STAYS, LEAVES
FREE, FROZEN = LINE_COLOURS[2], LINE_COLOURS[0]

# === The network of backprop, with one hidden unit ===


def computation_graph() -> None:
    """Draw one example through a hidden unit: values on the way forward, derivatives on the way back."""
    weights = two_layer.Weights(*(np.array(value) for value in ([[0.5]], [0.1], [[-1.0]], [0.3])))
    x, y = np.array([[1.2]]), np.array([[1.0]])
    values = two_layer.forward(weights, x, "tanh")
    slopes = two_layer.backward(weights, x, y, "tanh")
    loss = two_layer.loss(weights, x, y, "tanh")
    dz2 = slopes.b2.item()
    da1, dz1 = dz2 * weights.W2.item(), slopes.b1.item()
    with diagram("computation_graph", 11, 7.4) as axes:
        top = [("x W1 + b1", 2.9), ("tanh", 6.2)]
        for text, place in top:
            box(axes, (place, 5.2), text, 1.9)
        box(axes, (4.2, 2.0), "a1 W2 + b2", 2.1)
        box(axes, (8.2, 2.0), "loss, y = 1", 2.1)
        _edge(axes, (0.2, 5.2), (1.9, 5.2), "x = 1.2", "")
        _edge(axes, (3.9, 5.2), (5.2, 5.2), f"z1 {values.z1.item():.2f}", f"{dz1:+.3f}")
        path(axes, [(7.2, 5.2), (9.6, 5.2), (9.6, 3.6), (1.2, 3.6), (1.2, 2.0), (3.1, 2.0)])
        note(axes, (8.4, 5.55), f"a1 {values.a1.item():.3f}", colour=FORWARD)
        note(axes, (8.4, 4.8), f"{da1:+.3f}", colour=BACKWARD)
        _edge(axes, (5.3, 2.0), (7.1, 2.0), f"z2 {values.z2.item():.3f}", f"{dz2:+.3f}")
        note(axes, (10.2, 2.25), f"L {loss:.3f}", colour=FORWARD)
        _weights(axes, (2.9, 6.9), 5.55, (weights.W1, weights.b1), (slopes.W1, slopes.b1), "1")
        _weights(axes, (4.2, 0.3), 1.65, (weights.W2, weights.b2), (slopes.W2, slopes.b2), "2")
        note(axes, (8.2, 6.9), "blue: values, forward", colour=FORWARD)
        note(axes, (8.2, 6.4), "orange: derivatives of L, back", colour=BACKWARD)


def _edge(axes: Axes, start: Point, end: Point, value: str, slope: str) -> None:
    arrow(axes, start, end)
    middle = (start[0] + end[0]) / 2
    note(axes, (middle, start[1] + 0.35), value, colour=FORWARD)
    note(axes, (middle, start[1] - 0.4), slope, colour=BACKWARD)


def _weights(axes: Axes, place: Point, end: float, values: tuple, slopes: tuple, number: str) -> None:
    """Write a layer's two weights with their derivatives, and an arrow into its box."""
    x, y = place
    for name, value, slope, left in zip("Wb", values, slopes, (-1.3, 1.3), strict=True):
        note(axes, (x + left, y), f"{name}{number} {value.item():g}", colour=FORWARD)
        note(axes, (x + left, y - 0.45 if y > 4 else y + 0.45), f"{slope.item():+.3f}", colour=BACKWARD)
    arrow(axes, (x, y - 0.2 if y > 4 else y + 0.2), (x, end))


def perceptron() -> None:
    """Draw the layers of churn_mlp, with the numbers that go from one to the next."""
    layers = (("40\nfeatures", 5, INK), ("64 units\nReLU", 7, FORWARD), ("64 units\nReLU", 7, FORWARD),
              ("1 logit", 1, BACKWARD))  # fmt: skip
    with diagram("perceptron", 11, 6.9) as axes:
        columns = [[(1.2 + 2.9 * place, 3.6 + (row - (count - 1) / 2) * 0.75) for row in range(count)]
                   for place, (_, count, _) in enumerate(layers)]  # fmt: skip
        for left, right in pairwise(columns):
            for start in left:
                for end in right:
                    axes.plot(*zip(start, end, strict=True), color=LINE, lw=0.4, alpha=0.6, zorder=0)
        for points, (text, _, colour) in zip(columns, layers, strict=True):
            for point in points:
                axes.add_patch(Circle(point, 0.24, fc=colour if colour != INK else LINE, ec="none"))
            note(axes, (points[0][0], 0.4), text)
        for place, text in ((2.65, "40 · 64 + 64"), (5.55, "64 · 64 + 64"), (8.45, "64 + 1")):
            note(axes, (place, 6.6), text, size=8)


# === Convolution ===


def convolution() -> None:
    """Draw a kernel of 3 x 3 on an image of 6 x 6 with one row of zeros around it: stride 1 and stride 2."""
    with diagram("convolution", 11, 9.6) as axes:
        for top, stride, places in ((9.3, 1, 6), (4.5, 2, 3)):
            _grid(axes, (0.3, top - 4.0), 8, 0.48, padded=True)
            _grid(axes, (6.6, top - 3.5 if stride == 1 else top - 2.8), places, 0.48)
            _patch(axes, (0.3, top - 4.0), 8, 0.48, (0, 0), 3, LEAVES)
            _patch(axes, (0.3, top - 4.0), 8, 0.48, (0, stride), 3, STAYS)
            for column, colour in ((0, LEAVES), (1, STAYS)):
                base = (6.6, top - 3.5 if stride == 1 else top - 2.8)
                _patch(axes, base, places, 0.48, (0, column), 1, colour)
            arrow(axes, (4.5, top - 2.1), (6.3, top - 2.1))
            note(axes, (5.4, top - 1.7), f"stride {stride}")
            size = f"(6 + 2·1 − 3) // {stride} + 1 = {places}"
            note(axes, (8.3, top - 4.1), size, size=8.5)


def _grid(axes: Axes, corner: Point, cells: int, size: float, padded: bool = False) -> None:
    for row in range(cells):
        for column in range(cells):
            outside = padded and (row in (0, cells - 1) or column in (0, cells - 1))
            place = (corner[0] + column * size, corner[1] + row * size)
            axes.add_patch(Rectangle(place, size, size, fill=False, ec=LINE, lw=0.5, ls=":" if outside else "-"))
            if outside:
                note(axes, (place[0] + size / 2, place[1] + size / 2), "0", size=6)


def _patch(axes: Axes, corner: Point, cells: int, size: float, at: tuple[int, int], width: int, colour: str) -> None:
    """Frame `width` x `width` cells, `at` counted from the top left."""
    row, column = at
    place = (corner[0] + column * size, corner[1] + (cells - row - width) * size)
    axes.add_patch(Rectangle(place, width * size, width * size, fc=colour, alpha=0.25, ec="none"))
    axes.add_patch(Rectangle(place, width * size, width * size, fill=False, ec=colour, lw=1.8))


# === Sequences ===


def unrolled() -> None:
    """Draw a recurrent layer month by month: the same weights at every step, the state handed on."""
    with diagram("unrolled", 11, 5.6) as axes:
        for number, (place, text) in enumerate(((1.4, "1"), (4.1, "2"), (6.8, "3"), (9.5, "12"))):
            box(axes, (place, 3.0), "W, U, b", 1.5, 0.9)
            arrow(axes, (place, 1.35), (place, 2.5), FORWARD)
            note(axes, (place, 0.95), f"month {text}", colour=FORWARD)
            note(axes, (place, 0.45), f"x({text}), 5 numbers", size=7.5)
            if number < 3:
                dashed = number == 2
                arrow(axes, (place + 0.8, 3.0), (place + 1.9, 3.0), dashed=dashed)
                note(axes, (place + 1.35, 3.4), f"h({text})")
        arrow(axes, (9.5, 3.5), (9.5, 4.4))
        note(axes, (9.5, 4.75), "logit")
        arrow(axes, (8.6, 4.3), (1.2, 4.3), BACKWARD, dashed=True)
        note(axes, (4.9, 4.7), "gradient: one factor U · tanh' per month", colour=BACKWARD)


def lstm_cell() -> None:
    """Draw the gates of one LSTM step on its two lines: the memory c above, the state h below."""
    with diagram("lstm_cell", 11, 7.2) as axes:
        arrow(axes, (0.2, 6.0), (2.1, 6.0), BACKWARD)
        arrow(axes, (2.7, 6.0), (5.1, 6.0), BACKWARD)
        arrow(axes, (5.7, 6.0), (10.8, 6.0), BACKWARD)
        operation(axes, (2.4, 6.0), "×")
        operation(axes, (5.4, 6.0), "+")
        operation(axes, (5.4, 4.5), "×")
        operation(axes, (8.9, 3.6), "×")
        arrow(axes, (5.4, 4.8), (5.4, 5.7))
        for place, text in ((2.4, "f: forget\nsigmoid"), (4.4, "i: input\nsigmoid"), (6.4, "g: new\ntanh"),
                            (8.9, "o: output\nsigmoid")):  # fmt: skip
            box(axes, (place, 2.2), text, 1.75, 0.95, size=8)
            arrow(axes, (place, 0.9), (place, 1.72))
        arrow(axes, (2.4, 2.7), (2.4, 5.7))
        path(axes, [(4.4, 2.7), (4.4, 4.5), (5.1, 4.5)])
        path(axes, [(6.4, 2.7), (6.4, 4.5), (5.7, 4.5)])
        arrow(axes, (8.9, 2.7), (8.9, 3.3))
        arrow(axes, (8.9, 6.0), (8.9, 3.9))
        note(axes, (9.4, 4.9), "tanh")
        arrow(axes, (9.2, 3.6), (10.8, 3.6))
        axes.plot((0.2, 8.9), (0.9, 0.9), color=INK, lw=1.2)
        for place, text in (((0.75, 6.45), "c(t−1)"), ((10.2, 6.45), "c(t)"), ((10.2, 4.0), "h(t)")):
            note(axes, place, text)
        note(axes, (3.0, 0.45), "h(t−1), 64 numbers, and x(t), 5 numbers")
        note(axes, (5.5, 6.95), "the gradient comes back along c, times f", colour=BACKWARD)


def attention_block() -> None:
    """Draw one encoder block of churn_transformer, with the shapes of one customer."""
    with diagram("attention_block", 11, 11) as axes:
        note(axes, (4.4, 0.3), "x (12 months, 32)")
        arrow(axes, (4.4, 0.6), (4.4, 1.2))
        box(axes, (4.4, 1.6), "layer normalisation", 3.4)
        for place, text in ((1.9, "Q"), (4.4, "K"), (6.9, "V")):
            arrow(axes, (4.4, 2.0), (place, 2.6))
            box(axes, (place, 3.0), f"{text} (12, 8)", 2.1)
        for place in (1.9, 4.4):
            arrow(axes, (place, 3.4), (3.1, 4.1))
        box(axes, (3.1, 4.6), "A = softmax(Q Kᵀ / √8)\n(12, 12), padding 0", 4.0, 1.0)
        arrow(axes, (3.1, 5.1), (4.2, 5.8))
        arrow(axes, (6.9, 3.4), (4.8, 5.8))
        box(axes, (4.4, 6.2), "A V (12, 8)", 2.6)
        note(axes, (8.3, 4.9), "4 heads,\nside by side:\n(12, 32)", colour=FORWARD)
        arrow(axes, (4.4, 6.6), (4.4, 7.2))
        operation(axes, (4.4, 7.5), "+")
        box(axes, (4.4, 9.0), "layer normalisation,\n32 → 64, ReLU, 64 → 32", 4.2, 1.0)
        arrow(axes, (4.4, 7.8), (4.4, 8.5))
        arrow(axes, (4.4, 9.5), (4.4, 9.9))
        operation(axes, (4.4, 10.2), "+")
        path(axes, [(4.4, 0.9), (0.35, 0.9), (0.35, 7.5), (4.1, 7.5)], LEAVES)
        path(axes, [(4.4, 8.1), (0.35, 8.1), (0.35, 10.2), (4.1, 10.2)], LEAVES)
        note(axes, (9.0, 7.9), "each part is added\nto its input", colour=LEAVES)
        arrow(axes, (4.4, 10.5), (4.4, 10.95))


# === Pretrained networks ===


def pretraining() -> None:
    """Draw what BERT learned before, what is kept of it, and what is new."""
    with diagram("pretraining", 11, 7.4) as axes:
        note(axes, (2.6, 7.0), "before: millions of texts", size=9)
        note(axes, (8.2, 7.0), "here: 3,400 reviews", size=9)
        for place, colour, text in ((2.6, FREE, "6 blocks, learn"), (8.2, FROZEN, "6 blocks, kept")):
            box(axes, (place, 3.4), text, 3.4, 1.1, colour)
            arrow(axes, (place, 1.5), (place, 2.8))
            arrow(axes, (place, 4.0), (place, 4.9))
        note(axes, (2.6, 1.1), "stale, and half of it was [MASK]", size=8)
        note(axes, (8.2, 1.1), "stale, and half of it was crumbs", size=8)
        box(axes, (2.6, 5.3), "which word was it?", 3.6)
        box(axes, (8.2, 5.3), "new head: satisfied?", 3.6, colour=FREE)
        arrow(axes, (4.4, 3.4), (6.4, 3.4), FROZEN)
        note(axes, (5.4, 3.8), "weights")
        note(axes, (5.4, 0.3), "green: trained; blue: as it came", size=8.5)


def freezing() -> None:
    """Draw the two stages of transfer: which part learns, and at which rate."""
    stages = ((2.1, "1: the head alone", False, "0.003"), (8.0, "2: unfrozen", True, "0.0001"))
    with diagram("freezing", 11, 7.6) as axes:
        for place, title, unfrozen, rate in stages:
            note(axes, (place, 7.2), title, size=9.5)
            for height, text, free in ((1.6, "first blocks", False), (2.8, "middle blocks", False),
                                       (4.0, "last block", unfrozen), (5.4, "head, new", True)):  # fmt: skip
                box(axes, (place, height), text, 3.2, 0.85, FREE if free else FROZEN, dashed=free)
            for bottom, top in ((0.75, 1.17), (2.02, 2.37), (3.22, 3.57), (4.42, 4.97)):
                arrow(axes, (place, bottom), (place, top))
            note(axes, (place, 0.5), "photo", size=8)
            note(axes, (place, 6.3), f"learning rate {rate}", size=8.5)
        arrow(axes, (4.0, 3.6), (6.1, 3.6))
        note(axes, (5.05, 4.0), "then")
        note(axes, (5.2, 0.05), "blue: frozen; green, dashed: trained", size=8.5)


# === Frameworks ===


def training_loop() -> None:
    """Draw one training step in both frameworks: what is said, and what happens."""
    steps = ("outputs", "loss", "gradients", "step")
    with diagram("training_loop", 11, 8.6) as axes:
        note(axes, (2.7, 8.2), "Keras", size=10.5)
        note(axes, (8.3, 8.2), "PyTorch", size=10.5)
        box(axes, (2.7, 7.1), "compile(optimizer, loss)", 4.6, colour=FORWARD)
        box(axes, (8.3, 7.1), "optimizer = SGD(...)", 4.6, colour=FORWARD)
        axes.add_patch(Rectangle((0.4, 0.5), 4.6, 5.7, fill=False, ec=FORWARD, lw=1.5))
        note(axes, (2.7, 5.75), "fit(x, y, epochs)", size=9)
        note(axes, (8.3, 5.75), "for inputs, targets in batches:", size=9)
        spoken = ("model(inputs)", "loss_of(outputs, targets)", "zero_grad(), backward()", "optimizer.step()")
        for number, (word, said) in enumerate(zip(steps, spoken, strict=True)):
            height = 4.8 - 1.15 * number
            box(axes, (2.7, height), word, 2.6, dashed=True)
            box(axes, (8.3, height), said, 4.6, colour=FORWARD)
            axes.plot((4.05, 5.95), (height, height), ":", color=LINE, lw=1)
            if number:
                arrow(axes, (2.7, height + 0.8), (2.7, height + 0.36))
                arrow(axes, (8.3, height + 0.8), (8.3, height + 0.36))
        note(axes, (5.5, 0.1), "blue: written by you; dashed: done for you", size=8.5)


def paths() -> None:
    """Draw how far the first of eight places is from the last: through recurrence, and through attention."""
    with diagram("paths", 11, 6.6) as axes:
        for bottom, title in ((4.2, "recurrent: seven factors"), (0.9, "attention: one")):
            note(axes, (5.5, bottom + 1.75), title, size=9.5)
            for place in range(8):
                axes.add_patch(Circle((1.0 + 1.28 * place, bottom), 0.3, fill=False, ec=LINE, lw=1.5))
                note(axes, (1.0 + 1.28 * place, bottom), str(place + 1), size=8)
        for place in range(7):
            arrow(axes, (1.3 + 1.28 * place, 4.2), (1.98 + 1.28 * place, 4.2), BACKWARD)
        for place in range(7):
            arrow(axes, (1.0 + 1.28 * place, 1.22), (9.96, 1.22), BACKWARD if place == 0 else LINE, bend=-0.16)
