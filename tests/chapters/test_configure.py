"""Hyperparameters and recipes, from text as typed."""

import pytest

from twotrack.shared import chapters
from twotrack.shared.chapters.mnist_cnn import Config
from twotrack.shared.errors import UserError
from twotrack.shared.spec.optimizers import OPTIMIZERS, Adam, Lion

CHAPTER = chapters.get("mnist_cnn")


def test_no_settings_give_the_seed_chapters_values():
    assert CHAPTER.configure({}) == Config(architecture="flatten", filters=32, hidden_size=128, dropout=0.25)


def test_settings_are_parsed_to_the_fields_types():
    config = CHAPTER.configure({"architecture": "bn_gap", "filters": "8", "hidden_size": "16", "dropout": "0"})

    assert config == Config("bn_gap", 8, 16, 0.0)
    assert [type(value) for value in (config.filters, config.hidden_size, config.dropout)] == [int, int, float]


def test_settings_leave_the_chapters_own_config_as_it_is():
    CHAPTER.configure({"filters": "8"})

    assert CHAPTER.config.filters == 32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropuot": "0.5"}, "unknown setting of mnist_cnn 'dropuot': did you mean 'dropout'?"),
        (
            {"zzz": "1"},
            "unknown setting of mnist_cnn 'zzz': expected one of: accumulate, architecture, average, checkpoint",
        ),
        ({"architecture": "bn-gap"}, "unknown value for mnist_cnn: architecture 'bn-gap': did you mean 'bn_gap'?"),
        ({"filters": "many"}, "mnist_cnn: filters: input should be a valid integer"),
        ({"filters": "3.5"}, "mnist_cnn: filters: input should be a valid integer"),
        ({"filters": "0"}, "mnist_cnn: filters: input should be greater than 0, found '0'."),
        ({"hidden_size": "-1"}, "mnist_cnn: hidden_size: input should be greater than 0, found '-1'."),
        ({"dropout": "1"}, "mnist_cnn: dropout: input should be less than 1, found '1'."),
        ({"dropout": "-0.1"}, "mnist_cnn: dropout: input should be greater than or equal to 0, found '-0.1'."),
        ({"dropout": "nan"}, "mnist_cnn: dropout: input should be"),
        ({"dropout": ""}, "mnist_cnn: dropout: input should be a valid number"),
    ],
)
def test_a_bad_setting_is_refused_with_what_was_expected(settings: dict[str, str], message: str):
    with pytest.raises(UserError) as caught:
        CHAPTER.configure(settings)

    assert message in str(caught.value)


def test_an_unknown_recipe_is_answered_with_the_nearest_and_all():
    with pytest.raises(UserError) as caught:
        CHAPTER.recipe("clasic")

    assert str(caught.value) == (
        "unknown recipe 'clasic': did you mean 'classic'? 'mnist_cnn' has: fast, classic, sprint, best."
    )


def test_settings_of_the_recipe_change_the_optimizer_and_not_the_model():
    settings = {"optimizer": "lion", "learning_rate": "0.002"}

    assert CHAPTER.configure(settings) == CHAPTER.config
    assert CHAPTER.recipe("fast", settings).optimizer == Lion(learning_rate=0.002)
    assert CHAPTER.recipe("fast", settings).schedule == CHAPTER.recipe("fast").schedule


def test_a_learning_rate_alone_keeps_the_recipes_optimizer():
    assert CHAPTER.recipe("classic", {"learning_rate": "0.5"}).optimizer == Adam(learning_rate=0.5)


def test_a_chapters_own_optimizers_go_before_the_general_ones():
    chapter = chapters.get("optimizers")

    assert chapter.recipe("fast", {"optimizer": "sgd"}).optimizer == chapter.optimizers["sgd"] != OPTIMIZERS["sgd"]
    assert chapter.recipe("fast", {"optimizer": "rmsprop"}).optimizer == OPTIMIZERS["rmsprop"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamm"}, "unknown value for mnist_cnn: optimizer 'adamm': did you mean 'adam'?"),
        ({"learning_rate": "0"}, "mnist_cnn: learning_rate: input should be greater than 0, found '0'."),
        ({"learning_rate": "fast"}, "mnist_cnn: learning_rate: input should be a valid number"),
    ],
)
def test_a_bad_setting_of_the_recipe_is_refused(settings: dict[str, str], message: str):
    with pytest.raises(UserError) as caught:
        CHAPTER.recipe("fast", settings)

    assert message in str(caught.value)
