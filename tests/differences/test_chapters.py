"""Which entries touch a chapter: those of the layers, the optimizer and the loss that it really has."""

import pytest

from tests.differences import tasks
from twotrack.shared import chapters
from twotrack.shared.differences.measuring import touching
from twotrack.shared.workers.pool import WorkerPool

TRACK = "keras:torch"
DRAWN = [slug for slug, chapter in chapters.CHAPTERS.items() if not chapter.transfer]
"""Chapters whose models need no pretrained weights."""
ENTRIES = {
    "Linear": "dense_start",
    "Conv2d": "convolution_start",
    "BatchNorm2d": "batch_norm_variance",
    "LayerNorm": "layer_norm_epsilon",
    "Flatten": "flatten_order",
    "LSTM": "lstm_gates",
    "RNNBase": "second_recurrent_bias",
    "MultiheadAttention": "attention_mask",
    "Dropout": "dropout_masks",
    "Embedding": "embedding_start",
    "LeakyReLU": "leaky_relu_slope",
    "PReLU": "prelu_alpha",
}
"""By class of torch, while the entries are found by what is in the Keras model."""


def touched(workers: WorkerPool, slug: str, recipe: str = "fast", **settings: str) -> dict[str, tuple[str, ...]]:
    """Return the slugs of the entries that touch a chapter, and with which settings."""
    found = touching(chapters.get(slug).variant(recipe, settings), TRACK, workers)
    return {entry.slug: only_with for entry, only_with in found.items()}


@pytest.fixture(scope="module")
def default(workers: WorkerPool) -> dict[str, dict[str, tuple[str, ...]]]:
    return {slug: touched(workers, slug) for slug in DRAWN}


def test_entries_of_layers_are_those_of_the_torch_model(workers: WorkerPool, default):
    classes = workers.call("torch", tasks.torch_classes, DRAWN)

    for slug in DRAWN:
        found = {entry for entry, only_with in default[slug].items() if not only_with}
        assert found & set(ENTRIES.values()) == {ENTRIES[name] for name in ENTRIES if name in classes[slug]}, slug


def test_an_architecture_that_is_not_the_chapters_own_is_named(workers: WorkerPool, default):
    assert default["mnist_cnn"]["batch_norm_epsilon"] == ("architecture=bn_gap",)
    assert touched(workers, "mnist_cnn", architecture="bn_gap")["batch_norm_epsilon"] == ()
    assert "batch_norm_epsilon" not in touched(workers, "mnist_cnn", filters="8")
    assert default["activations"]["prelu_alpha"] == ("activation=prelu",)


def test_entries_of_optimizers_are_those_of_the_recipe(workers: WorkerPool, default):
    assert {"adam_epsilon", "weight_decay_size", "cosine_end"} <= set(default["churn_mlp"])  # AdamW, one cycle
    assert not {"lion", "learning_rate", "momentum_under_schedule"} & set(default["churn_mlp"])
    assert "learning_rate" in default["neuron"]  # SGD
    assert {"lion", "sophia", "weight_decay", "momentum_under_schedule"} <= set(default["optimizers"])
    with_sgd = touched(workers, "churn_mlp", optimizer="momentum")
    assert "momentum_under_schedule" in with_sgd
    assert "adam_epsilon" not in with_sgd
    classic = touched(workers, "churn_mlp", recipe="classic")  # Adam at a constant rate, without decay
    assert "adam_epsilon" in classic
    assert not {"cosine_end", "weight_decay", "weight_decay_size"} & set(classic)


def test_entries_of_losses_and_metrics_are_the_chapters(default):
    assert {"auc", "saturated_bce"} <= set(default["neuron"])
    assert not {"auc", "saturated_bce"} & set(default["mnist_cnn"])
    assert "label_smoothing" in default["mnist_cnn"]


def test_padding_touches_what_pads_under_a_stride(workers: WorkerPool, default):
    assert not {"same_padding", "max_pool_padding"} & set(default["mnist_cnn"])
    resnet = touched(workers, "shop_transfer", backbone="resnet18", weights="none", size="64")
    assert {"same_padding", "max_pool_padding", "frozen_batch_norm"} <= set(resnet)
    whole = touched(workers, "shop_transfer", recipe="scratch", weights="none", size="64")
    assert {"same_padding", "batch_norm_variance"} <= set(whole)
    assert not {"max_pool_padding", "frozen_batch_norm"} & set(whole)
