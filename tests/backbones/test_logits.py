"""With published or made-up weights both tracks compute what the weights were made for."""

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from tests.backbones import tasks
from tests.support.turns import BACKENDS
from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.weights.pretrained.backbones import open_backbone

OnPhotos = Callable[[str], np.ndarray]
QUICKER = [pytest.param(one, marks=pytest.mark.slow if one == "keras:jax" else ()) for one in BACKENDS]
TWO_TRACKS = ("torch", "keras:tensorflow")
TORCHVISION = {
    name: json.loads((Path(__file__).parent / f"{name}_torchvision.json").read_text())
    for name in ("resnet18", "resnet50", "convnext_tiny")
}
PUBLISHED = {"resnet18": (122, 11_689_512), "resnet50": (320, 25_557_032), "convnext_tiny": (182, 28_589_128)}
"""Tensors of a checkpoint, and the parameters that torchvision's pages give."""
FLOAT64, FLOAT32 = 1e-12, 1e-4
"""Largest differences of logits: relative to the largest, and as they are."""
RIGHT = 18
"""Of the 20 photos; the network takes two jeeps for a beach wagon and a convertible. With ImageNet's mean and
deviation 15 are right, with symmetric padding 14."""


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def logits_of(workers, folder: Path, track: str, images: np.ndarray, precision: str, **asked: str) -> np.ndarray:
    files = {"images": str(folder / "images.npy"), "out": str(folder / "out.npy")}
    np.save(files["images"], images)
    workers.call(track, tasks.logits, tasks.Logits(track=track, precision=precision, **files, **asked))
    return np.load(files["out"])


# === EfficientNet-Lite0 on photos ===


@cache
def photos() -> tuple[np.ndarray, np.ndarray]:
    """Return 20 photos (20, 224, 224, 3), RGB from 0 to 255, and their classes."""
    folder = Path(find_spec("foolbox").submodule_search_locations[0]) / "data"
    files = sorted(folder.glob("imagenet_*.jpg"))
    images = np.stack([np.asarray(cropped(Image.open(file).convert("RGB"))) for file in files])
    return images, np.array([int(re.search(r"_(\d+)\.jpg", file.name)[1]) for file in files])


def cropped(image: Image.Image) -> Image.Image:
    """Return the middle, 224 of every 256 pixels of the shorter side, as the network's authors evaluate it."""
    width, height = image.size
    side = min(width, height) * 224 / 256
    left, top = (width - side) / 2, (height - side) / 2
    return image.resize((224, 224), Image.Resampling.BICUBIC, (left, top, left + side, top + side))


@pytest.fixture(scope="module")
def efficientnet(tmp_path_factory: pytest.TempPathFactory):
    """Return the published weights, converted into a cache of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield open_backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def on_photos(workers, efficientnet, tmp_path_factory: pytest.TempPathFactory) -> OnPhotos:
    images = efficientnet.normalisation(photos()[0])
    asked = {"backbone": "efficientnet_lite0", "weights": str(efficientnet.tensors.path)}
    folder = tmp_path_factory.mktemp("photos")
    return cache(lambda track: logits_of(workers, folder, track, images, "float32", **asked))


@pytest.mark.parametrize("track", ["torch", *QUICKER])
def test_18_of_20_photos_are_right(on_photos: OnPhotos, track: str):
    labels = photos()[1]

    assert len(labels) == 20
    assert (on_photos(track).argmax(axis=1) == labels).sum() == RIGHT


@pytest.mark.parametrize("track", QUICKER)
def test_logits_of_photos_agree(on_photos: OnPhotos, track: str):
    assert np.abs(on_photos(track) - on_photos("torch")).max() < FLOAT32


def test_in_float64_logits_of_photos_agree_to_rounding(workers, efficientnet, on_photos, tmp_path: Path):
    images = efficientnet.normalisation(photos()[0][:2])
    asked = {"backbone": "efficientnet_lite0", "weights": str(efficientnet.tensors.path)}

    ours, theirs = (logits_of(workers, tmp_path, track, images, "float64", **asked) for track in TWO_TRACKS)

    assert ours.dtype == theirs.dtype == np.float64
    assert relative(ours, theirs) < FLOAT64
    assert relative(on_photos("torch")[:2], ours) < 1e-5


# === Made-up checkpoints in torchvision's names ===


@pytest.fixture(scope="module")
def checkpoints(workers, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Path]]:
    """Random tensors under torchvision's names, as torch and as safetensors write them."""

    @cache
    def written(backbone: str) -> dict[str, Path]:
        folder, generator = tmp_path_factory.mktemp(backbone), np.random.default_rng(0)
        files = {"safetensors": folder / "own.safetensors", "pth": folder / "own.pth"}
        made = {name: made_up(name, shape, generator) for name, shape in TORCHVISION[backbone].items()}
        save_file(made, files["safetensors"])
        workers.call("torch", tasks.save_state, tasks.Saved(state=str(files["safetensors"]), out=str(files["pth"])))
        return files

    return written


@pytest.fixture(scope="module")
def checkpoint(checkpoints: Callable[[str], dict[str, Path]]) -> dict[str, Path]:
    return checkpoints("resnet18")


def made_up(name: str, shape: list[int], generator: np.random.Generator) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.array(7, np.int64)
    if name.endswith("running_var"):
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    if name.endswith("layer_scale"):
        return generator.normal(size=shape).astype(np.float32)
    scale = np.prod(shape[1:]) ** -0.5 if len(shape) > 1 else 0.1
    centre = 1.0 if name.endswith(".weight") and len(shape) == 1 else 0.0
    return (centre + scale * generator.normal(size=shape)).astype(np.float32)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, 45, 64, 3))


@pytest.mark.parametrize("backbone", TORCHVISION)
def test_the_fixtures_have_the_parameters_that_torchvision_gives(backbone: str):
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    parameters = {name: shape for name, shape in TORCHVISION[backbone].items() if not name.endswith(buffers)}

    found = len(TORCHVISION[backbone]), sum(int(np.prod(shape)) for shape in parameters.values())
    assert found == PUBLISHED[backbone]


@pytest.mark.parametrize(("backbone", "layers"), [("resnet18", 18), ("resnet50", 50)])
def test_the_fixtures_have_the_layers_with_weights_that_the_paper_counts(backbone: str, layers: int):
    """He et al. 2016 count convolutions and the dense layer, but not those of shortcuts."""
    shapes = TORCHVISION[backbone]

    assert len([name for name, shape in shapes.items() if len(shape) > 1 and "downsample" not in name]) == layers


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_the_torch_module_loads_torchvisions_state_dict_unchanged(workers, checkpoints, backbone: str):
    asked = tasks.Unchanged(backbone, str(checkpoints(backbone)["pth"]))

    assert tuple(workers.call("torch", tasks.load_unchanged, asked)) == PUBLISHED[backbone]


@pytest.mark.parametrize(
    ("backbone", "track"),
    [
        *(("resnet18", track) for track in TWO_TRACKS),
        ("resnet50", "torch"),
        pytest.param("resnet50", "keras:tensorflow", marks=pytest.mark.slow),
        ("convnext_tiny", "torch"),
        pytest.param("convnext_tiny", "keras:tensorflow", marks=pytest.mark.slow),
    ],
)
def test_a_checkpoint_gives_the_function_written_by_hand(
    workers, checkpoints, images, backbone: str, track: str, tmp_path: Path
):
    asked = {"images": str(tmp_path / "images.npy"), "out": str(tmp_path / "hand.npy")}
    np.save(asked["images"], images)
    state = str(checkpoints(backbone)["safetensors"])
    by_hand = tasks.convnext_by_hand if backbone == "convnext_tiny" else tasks.resnet_by_hand
    workers.call("torch", by_hand, tasks.OnImages(state=state, **asked))

    ours = logits_of(workers, tmp_path, track, images, "float64", backbone=backbone, weights=state)

    assert ours.shape == (2, 1000)
    assert relative(ours, np.load(asked["out"])) < FLOAT64


def test_a_torch_file_gives_the_tensors_of_the_safetensors_file(
    checkpoint: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    steps: list[str] = []

    backbone = open_backbone("resnet18", str(checkpoint["pth"]), steps.append)
    again = open_backbone("resnet18", str(checkpoint["pth"]), steps.append)

    expected = open_backbone("resnet18", str(checkpoint["safetensors"]))
    for read in (type(backbone).weights, type(backbone).classifier):
        theirs = read(expected)
        assert set(read(backbone)) == set(theirs)
        assert all(np.array_equal(array, theirs[name]) for name, array in read(backbone).items())
    assert again.sha256 == backbone.sha256
    assert steps == ["converting own.pth"]


# === Networks that transformers wrote ===

VIT = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "image_size": 24,
    "patch_size": 8,
    "layer_norm_eps": 1e-3,
}
RESNET = {
    "layer_type": "basic",
    "embedding_size": 64,
    "hidden_sizes": [64, 128, 256, 512],
    "depths": [2, 2, 2, 2],
}


@pytest.mark.parametrize(
    ("backbone", "kind", "settings", "size", "track"),
    [
        *[pytest.param("vit", "vit", VIT, (24, 24), track, id=f"vit-{track}") for track in TRACKS],
        pytest.param("resnet18", "resnet", RESNET, (33, 48), "torch", id="resnet18"),
        pytest.param("resnet50", "resnet", {}, (33, 48), "torch", id="resnet50"),
        pytest.param("convnext_tiny", "convnext", {}, (33, 48), "keras:tensorflow", id="convnext_tiny"),
    ],
)
def test_a_folder_gives_the_logits_of_transformers(
    workers, backbone: str, kind: str, settings: dict, size: tuple[int, int], track: str, tmp_path: Path
):
    images = np.random.default_rng(2).normal(size=(3, *size, 3))
    asked = {"folder": str(tmp_path / "own"), "images": str(tmp_path / "images.npy"), "out": str(tmp_path / "own.npy")}
    np.save(asked["images"], images)
    workers.call("torch", tasks.transformers_network, tasks.Network(kind=kind, settings=settings, **asked))

    ours = logits_of(workers, tmp_path, track, images, "float64", backbone=backbone, weights=asked["folder"])

    assert ours.shape == (3, 5)
    assert relative(ours, np.load(asked["out"])) < FLOAT64


# === Presets of keras-hub ===


def test_a_preset_gives_the_features_of_keras_hub(workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    images, theirs, ours = (str(tmp_path / name) for name in ("images.npy", "theirs.npy", "ours.npy"))
    np.save(images, np.random.default_rng(4).normal(size=(2, 40, 56, 3)))
    preset = str(tmp_path / "preset")
    workers.call("keras:torch", tasks.keras_hub_preset, tasks.HubPreset(preset, images, theirs))
    steps: list[str] = []

    backbone = open_backbone("resnet18", f"keras-hub:{preset}", steps.append)
    open_backbone("resnet18", f"keras-hub:{preset}", steps.append)
    canonical = str(tmp_path / "canonical.safetensors")
    save_file(backbone.weights(), canonical)
    workers.call("torch", tasks.torch_features, tasks.Features(canonical, images, ours))

    assert steps == [f"reading the preset {preset}"]
    assert (backbone.num_classes, backbone.classifier()) == (0, {})
    assert relative(np.load(ours), np.load(theirs)) < 1e-5


@pytest.mark.parametrize("preset", [pytest.param("resnet_18_imagnet", marks=pytest.mark.slow), "no/such/folder"])
def test_a_preset_that_keras_hub_does_not_know_is_refused(preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(UserError, match=f"keras-hub cannot read the preset '{preset}' of ResNetBackbone: "):
        open_backbone("resnet18", f"keras-hub:{preset}")
