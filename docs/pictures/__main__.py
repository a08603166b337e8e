"""python -m docs.pictures [NAME...] draws all pictures of the chapters, or those named; `make pictures`."""

import sys
from collections.abc import Callable

from docs.pictures import diagrams, measured

PICTURES: dict[str, Callable[[], None]] = {
    "decision_line": measured.decision_line,
    "curved_border": measured.curved_border,
    "computation_graph": diagrams.computation_graph,
    "softmax": measured.softmax,
    "activations": measured.activations_and_derivatives,
    "optimizer_paths": measured.optimizer_paths,
    "training_loop": diagrams.training_loop,
    "perceptron": diagrams.perceptron,
    "learning_curves": measured.learning_curves,
    "convolution": diagrams.convolution,
    "filters": measured.filters,
    "feature_maps": measured.feature_maps,
    "unrolled": diagrams.unrolled,
    "paths": diagrams.paths,
    "lstm_cell": diagrams.lstm_cell,
    "attention_block": diagrams.attention_block,
    "pretraining": diagrams.pretraining,
    "freezing": diagrams.freezing,
    "learning_rates": measured.learning_rates,
}
"""By file name without .svg, in docs/chapters/figures."""


def main(names: list[str]) -> None:
    """Draw, each after the other; SystemExit for a name that is none."""
    if unknown := [name for name in names if name not in PICTURES]:
        sys.exit(f"expected names of pictures, {', '.join(PICTURES)}; found {', '.join(unknown)}")
    for name in names or PICTURES:
        print(name, flush=True)
        PICTURES[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
