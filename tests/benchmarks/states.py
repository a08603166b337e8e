"""What an encoder's states tell of a review, block by block: python -m tests.benchmarks.states [WEIGHTS]

The encoder as it is, without training; the mean over the tokens after each block, and after the last four side by
side. One logistic regression on the standardised states, fitted on the training reviews. Needs torch.
"""

import sys
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from twotrack.shared.datasets import embedded_source, load
from twotrack.shared.datasets.spec import Split
from twotrack.shared.spec.inputs import ONLY
from twotrack.shared.weights.pretrained.bert import DEFAULT
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.shared.weights.pretrained.bert.tokens import Tokenise
from twotrack.torch_track import weights
from twotrack.torch_track.bert import Encoder

BATCH_SIZE, LAST, STRENGTH = 32, 4, 0.003


def states(encoder: Encoder, tokenise: Tokenise, split: Split) -> np.ndarray:
    """Return the mean over the tokens after every block: (reviews, blocks, hidden size)."""
    return np.concatenate(list(_means(encoder, tokenise, split)))


def _means(encoder: Encoder, tokenise: Tokenise, split: Split) -> Iterator[np.ndarray]:
    for start in range(0, len(split), BATCH_SIZE):
        given = tokenise({ONLY: split.inputs[ONLY][start : start + BATCH_SIZE]})
        token_ids, mask = torch.from_numpy(given["token_ids"]).long(), torch.from_numpy(given["padding_mask"])
        with torch.inference_mode():
            found = torch.stack(encoder(token_ids, mask), dim=1)  # (batch, blocks, length, hidden)
            real = mask[:, None, :, None].float()
            yield ((found * real).sum(2) / real.sum(2)).numpy()


def line(name: str, inputs: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> str:
    """Fit on train; return accuracies on validation and test, and the area under the ROC curve on test."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
    model.fit(inputs["train"], labels["train"])
    area = roc_auc_score(labels["test"], model.decision_function(inputs["test"]))
    validation, test = (model.score(inputs[split], labels[split]) for split in ("validation", "test"))
    return f"{name:<16}{validation:.3f}  {test:.3f}  {area:.3f}"


def main() -> None:
    """Print a line for each block, and one for the last four."""
    name = sys.argv[1] if len(sys.argv) > 1 else DEFAULT
    folder, tokenise, dataset = open_folder(name), Tokenise(name), load("reviews", embedded_source("reviews"))
    encoder = Encoder(folder.config, dropout=0.0).eval()
    weights.load_weights(encoder, {}, folder.weights())
    splits = {split: getattr(dataset, split) for split in ("train", "validation", "test")}
    found = {split: states(encoder, tokenise, one) for split, one in splits.items()}
    labels = {split: one.labels for split, one in splits.items()}
    print(f"{'states':<16}validation, test, ROC AUC")
    for block in range(folder.config.num_hidden_layers):
        print(line(f"block {block + 1}", {split: array[:, block] for split, array in found.items()}, labels))
    last = {split: array[:, -LAST:].reshape(len(array), -1) for split, array in found.items()}
    print(line(f"last {LAST}", last, labels))


if __name__ == "__main__":
    main()
