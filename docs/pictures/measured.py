"""Pictures of what was measured: borders, activations, ways downhill, what filters see, two tracks' curves."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize

from docs.pictures.canvas import LEAVES, STAYS, TRACK_LINES, picture
from docs.pictures.training import LEARNING_RATES, curves_of_both, digit, downhill, trained, validation_by_rate
from twotrack.shared.by_hand import activations
from twotrack.shared.report.figures import INK, LINE, LINE_COLOURS, SHARES
from twotrack.shared.spec.inputs import ONLY

BORDER = LinearSegmentedColormap.from_list("border", [STAYS, "#80808000", LEAVES])
DIVERGING = LinearSegmentedColormap.from_list("diverging", [STAYS, "#80808010", LEAVES])
SHOWN = 400
"""Customers in a picture: so many points can be told apart."""


# === One and several neurons ===


def decision_line() -> None:
    """Draw customers, and the line at which the trained neuron's logit is 0."""
    _border("decision_line", "neuron", "classic")


def curved_border() -> None:
    """Draw the same for four hidden units."""
    _border("curved_border", "backprop", "fast")


def _border(name: str, slug: str, recipe: str) -> None:
    model, lab = trained(slug, recipe, epochs=20)
    tenure, charges = np.meshgrid(np.linspace(0, 72, 145), np.linspace(18, 120, 103))
    grid = np.stack([tenure.ravel(), charges.ravel()], axis=1).astype(np.float32)
    logits = model.predict_stored({ONLY: grid})[:, 0].reshape(tenure.shape)
    customers = lab.dataset.test.first(SHOWN)
    with picture(name, 3.2) as axes:
        axes.contourf(tenure, charges, 1 / (1 + np.exp(-logits)), np.linspace(0, 1, 11), cmap=BORDER, alpha=0.35)
        axes.contour(tenure, charges, logits, [0], colors=INK, linewidths=2)
        for label, marker, colour, word in ((0, "o", STAYS, "stayed"), (1, "^", LEAVES, "left")):
            x, y = customers.inputs[ONLY][customers.labels == label].T
            axes.scatter(x, y, 13, colour, marker, alpha=0.75, linewidths=0, label=word)
        axes.set(xlabel="months as a customer", ylabel="charge per month", xlim=(0, 73), ylim=(18, 120))
        axes.figure.legend(loc="outside upper center", ncols=2)


def softmax() -> None:
    """Draw three logits, their probabilities, and the gradient of the loss if the second class is true."""
    logits = np.array([2.0, 1.0, -1.0])
    shares = activations.softmax(logits)
    gradient = shares - np.array([0, 1, 0])
    with picture("softmax", 2.6, 1, 3) as panels:
        for panel, (title, values) in zip(
            panels, (("logits", logits), ("probabilities", shares), ("gradient", gradient)), strict=True
        ):
            panel.axhline(0, color=LINE, lw=0.8)
            bars = panel.bar(("A", "B", "C"), values, color=[STAYS, LEAVES, STAYS])
            panel.bar_label(bars, [f"{value:.2f}" for value in values], fontsize=8.5, color=INK, padding=1)
            panel.set_title(title, fontsize=9.5)
            panel.margins(y=0.2)
            panel.set(yticks=())
            panel.spines[["left", "bottom"]].set_visible(False)


# === Activations ===


def activations_and_derivatives() -> None:
    """Draw six activations and, dashed, their derivatives, by their formulas."""
    x = np.linspace(-4, 4, 161)
    names = ("sigmoid", "tanh", "relu", "leaky_relu", "gelu", "none")
    with picture("activations", 3.6, 2, 3, sharex=True, sharey=True) as panels:
        for panel, name in zip(panels.flat, names, strict=True):
            value, derivative = activations.ELEMENTWISE[name]
            panel.axhline(0, color=LINE, lw=0.6)
            panel.axvline(0, color=LINE, lw=0.6)
            panel.plot(x, value(x), color=STAYS, label="value")
            panel.plot(x, derivative(x), "--", color=LEAVES, label="derivative")
            panel.set_title(name, fontsize=9.5)
            panel.set(ylim=(-1.3, 2.3), xticks=(-3, 0, 3))
        panels.flat[0].figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)


# === Optimizers ===


def optimizer_paths() -> None:
    """Draw the ways of four optimizers over the loss of one neuron."""
    surface, ways = downhill()
    with picture("optimizer_paths", 3.4) as axes:
        levels = surface.lowest + np.geomspace(0.002, 2, 14)
        axes.contour(surface.first, surface.second, surface.losses, levels, colors=LINE, linewidths=0.8, alpha=0.7)
        for (label, points), colour, style in zip(ways.items(), LINE_COLOURS, ("-", "--", "-.", ":"), strict=False):
            axes.plot(*points.T, style, color=colour, lw=1.6, marker=".", markersize=3, label=label)
        axes.plot(*surface.minimum, "*", color=INK, markersize=9)
        axes.set(xlabel="weight of the months", ylabel="weight of the charge")
        axes.figure.legend(loc="outside upper center", ncols=2)


# === Convolution ===


def filters() -> None:
    """Draw the 32 trained filters of the first convolution."""
    kernels = digit().weights["conv1.kernel"][:, :, 0]  # (3, 3, 32)
    most = np.abs(kernels).max()
    with picture("filters", 2.6, 4, 8) as panels:
        for panel, kernel in zip(panels.flat, np.moveaxis(kernels, -1, 0), strict=True):
            _image(panel, kernel, DIVERGING, -most, most)
        panels.flat[0].figure.colorbar(
            ScalarMappable(cmap=DIVERGING, norm=Normalize(-most, most)), ax=panels, aspect=25
        )


def feature_maps() -> None:
    """Draw a digit, and what six channels of each stage make of it."""
    stages = digit().stages
    with picture("feature_maps", 3.7, len(stages), 6) as panels:
        for row, (stage, maps) in zip(panels, stages.items(), strict=True):
            strongest = np.argsort(maps.sum(axis=(0, 1)))[::-1][: len(row)]
            for panel in row:
                panel.axis("off")
            for panel, channel in zip(row, strongest, strict=False):
                panel.axis("on")
                _image(panel, maps[:, :, channel], SHARES, 0, maps.max())
            row[0].set_ylabel(f"{stage}\n{maps.shape[0]} × {maps.shape[1]}", fontsize=8.5)


def _image(panel: Axes, values: np.ndarray, colours: LinearSegmentedColormap, least: float, most: float) -> None:
    panel.imshow(values, colours, vmin=least, vmax=most, interpolation="none")
    panel.set(xticks=(), yticks=())
    panel.spines[:].set(visible=True, color=LINE, lw=0.6)


# === Two tracks ===


def learning_curves() -> None:
    """Draw the training loss of both tracks by step, and below it the difference."""
    curves = curves_of_both()
    steps = np.arange(1, len(curves["torch"]) + 1)
    with picture("learning_curves", 3.5, 2, 1, sharex=True, height_ratios=(3, 2)) as (above, below):
        for track, losses in curves.items():
            colour, style = TRACK_LINES[track]
            above.plot(steps, _smooth(losses), style, color=colour, label=track)
        above.set(ylabel="training loss")
        above.legend()
        below.axhline(0, color=LINE, lw=0.8)
        below.plot(steps, curves["torch"] - curves["keras:tensorflow"], color=LINE_COLOURS[2], lw=1)
        below.set(xlabel="training step", ylabel="torch minus\nkeras:tensorflow")


def learning_rates() -> None:
    """Draw what both tracks score on the validation split, by learning rate."""
    with picture("learning_rates", 3.0) as axes:
        for track, scores in validation_by_rate().items():
            colour, style = TRACK_LINES[track]
            axes.plot(LEARNING_RATES, scores.mean(axis=1), style, color=colour, marker=".", label=track)
            axes.fill_between(LEARNING_RATES, scores.min(axis=1), scores.max(axis=1), color=colour, alpha=0.15, lw=0)
        axes.axhline(0.5, color=LINE, lw=0.8)
        axes.set(xscale="log", xlabel="learning rate", ylabel="validation ROC AUC")
        axes.legend()


def _smooth(losses: np.ndarray, around: int = 15) -> np.ndarray:
    """Return the mean over neighbouring steps."""
    window = np.ones(around)
    return np.convolve(losses, window, "same") / np.convolve(np.ones_like(losses), window, "same")
