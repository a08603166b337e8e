"""Settings of two sides: what differs is named, whatever the files call it, and nothing in them is executed."""

import json
import time
from pathlib import Path

import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.logs.configuration import batch_size, compare, group, same
from twotrack.shared.logs.settings import beside, flat, read

SOURCES = (("a",), ("b",))
BOMB = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x]", *(
    f"a{level}: &a{level} [{', '.join(f'*a{level - 1}' for _ in range(8))}]" for level in range(1, 12)
)])  # fmt: skip


def test_settings_of_the_same_name_and_of_the_same_meaning_are_compared():
    first = {"optimizer.lr": 0.001, "model.layers": 3, "seed": 0, "output_dir": "a", "only": 1}
    second = {"learning_rate": "1e-3", "model.layers": 4, "seed": 1, "output_dir": "b"}

    found = compare(first, second, SOURCES)

    assert [(one.group, one.name, one.first, one.second) for one in found.differences] == [
        ("seed", "seed", 0, 1),
        ("model and others", "model.layers", 3, 4),
    ]
    assert (found.compared, found.first_only, found.second_only) == (3, ("only",), ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recipe.optimizer.beta_1", "optimizer"),
        ("weight_decay", "optimizer"),
        ("lr_scheduler_type", "schedule"),
        ("per_device_train_batch_size", "batch size"),
        ("bf16", "precision"),
        ("packages.torch", "versions"),
        ("transformers_version", "versions"),
        ("dropout", "model and others"),
    ],
)
def test_a_setting_belongs_to_a_part_of_the_training(name: str, expected: str):
    assert group(name) == expected


def test_values_are_the_same_if_they_say_the_same_number_or_text():
    assert same(0.001, "1e-3")
    assert same(1, True)
    assert same("Adam", "adam")
    assert not same(0.001, 0.0010001)
    assert not same(None, 0)


def test_the_batch_size_is_that_of_training_with_its_accumulation():
    settings = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 4, "per_device_eval_batch_size": 64}

    assert batch_size(settings) == 32
    assert batch_size({"batch_size": 8, "data.batch_size": 16}) is None


def test_tags_of_python_objects_are_read_as_the_plain_data_below_them(tmp_path: Path):
    file = tmp_path / "hparams.yaml"
    file.write_text(
        "args: !!python/object:argparse.Namespace {lr: 0.1}\n"
        f"run: !!python/object/apply:os.system ['touch {tmp_path}/executed']\n"
        "name: !!python/name:os.system\n"
    )

    assert read(file)["args.lr"] == 0.1
    assert not (tmp_path / "executed").exists()


def test_aliases_that_grow_without_end_take_neither_time_nor_memory(tmp_path: Path):
    (tmp_path / "config.yaml").write_text(BOMB)
    start = time.process_time()

    found = read(tmp_path / "config.yaml")

    assert time.process_time() - start < 5
    assert max(len(str(value)) for value in found.values()) < 100_000


@pytest.mark.parametrize("content", ["a: [", "- 1\n- 2", "just a text", "\0"])
def test_what_holds_no_settings_is_refused(tmp_path: Path, content: str):
    (tmp_path / "a.yaml").write_text(content)

    with pytest.raises(UserError, match=r"a.yaml"):
        read(tmp_path / "a.yaml")


def test_more_settings_than_a_configuration_has_are_refused():
    with pytest.raises(UserError, match="more than 20,000 settings"):
        flat({str(number): number for number in range(20_001)})


def test_only_files_of_known_names_in_the_logs_own_folder_are_read(tmp_path: Path):
    folder = tmp_path / "version_0"
    folder.mkdir()
    for name in ("hparams.yaml", "secret.json"):
        (folder / name).write_text(json.dumps({"lr": 1}))
    (tmp_path / "config.json").write_text("{}")
    (folder / "metrics.csv").write_text("step,loss\n1,2\n")

    assert beside(folder / "metrics.csv") == beside(folder) == [folder / "hparams.yaml"]
