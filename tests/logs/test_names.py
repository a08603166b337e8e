"""The usual names of one metric are taken for one, others are not."""

import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.logs.names import Match, chosen, common_name, matches


@pytest.mark.parametrize(
    ("name", "common"),
    [
        *((name, "loss") for name in ("loss", "train_loss", "train/loss", "loss/train", "Loss/Train", "training_loss")),
        *((name, "loss") for name in ("train_loss_step", "batch_loss")),
        *((name, "loss_epoch") for name in ("train_loss_epoch", "epoch_loss", "train/epoch_loss")),
        *((name, "val_loss") for name in ("val_loss", "eval_loss", "valid/loss", "validation/epoch_loss")),
        ("loss/validation", "val_loss"),
        *((name, "val_accuracy") for name in ("val_acc", "eval/accuracy", "val_sparse_categorical_accuracy")),
        *((name, "learning_rate") for name in ("lr", "learning_rate", "lr-Adam", "train/learning_rate", "lr-SGD/pg1")),
        ("test_acc", "test_accuracy"),
        ("grad_norm", "grad_norm"),
    ],
)  # fmt: skip
def test_a_name_has_a_common_one(name: str, common: str):
    assert common_name(name) == common


def test_columns_are_matched_by_their_own_names_first_then_by_common_ones():
    found = matches(["train_loss", "loss", "eval_loss", "lr"], ["loss", "val_loss", "learning_rate", "other"])

    assert found == [
        Match("loss", "loss", "loss"),
        Match("val_loss", "eval_loss", "val_loss"),
        Match("learning_rate", "lr", "learning_rate"),
    ]


def test_means_of_epochs_are_matched_with_the_metric_where_the_other_log_has_no_other():
    assert matches(["train_loss_epoch"], ["loss"]) == [Match("loss", "train_loss_epoch", "loss")]
    assert matches(["loss"], ["train_loss_step", "train_loss_epoch"]) == [Match("loss", "loss", "train_loss_step")]


def test_two_rates_of_one_optimizer_keep_their_own_names():
    found = matches(["lr-SGD/pg1", "lr-SGD/pg2"], ["lr-SGD/pg1", "lr-SGD/pg2"])

    assert [match.name for match in found] == ["lr-SGD/pg1", "lr-SGD/pg2"]


def test_a_metric_that_is_asked_for_is_found_by_its_own_and_by_its_common_name():
    first, second = dict.fromkeys(["train_loss", "mine"]), dict.fromkeys(["loss", "theirs"])

    assert chosen(["loss", "mine=theirs"], first, second) == [
        Match("loss", "train_loss", "loss"),
        Match("mine", "mine", "theirs"),
    ]
    with pytest.raises(UserError, match="unknown metric of the second log 'mine'"):
        chosen(["mine"], first, second)
