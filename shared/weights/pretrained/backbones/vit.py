"""Vision Transformer: what the config.json of a folder says, its weights and what they are called.

Images (batch, height, width, 3) of one size to features (batch, hidden_size): the state of the class token behind
the last layer norm. ViT-B/16: 85.8 million parameters. Source: Dosovitskiy et al. 2021. Canonical paths are
keras_hub's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Gt
from pydantic import BaseModel, ConfigDict, model_validator

from twotrack.shared.base.config_files import read_config
from twotrack.shared.errors import UserError
from twotrack.shared.weights import tensor_files
from twotrack.shared.weights.bridge import rules
from twotrack.shared.weights.bridge.layouts import SAME, Reshape
from twotrack.shared.weights.bridge.rules import (
    CONV_2D,
    LINEAR,
    NORM,
    Module,
    PublishedTensor,
    Rule,
    Table,
    merge_heads,
    split_heads,
)
from twotrack.shared.weights.pretrained.backbones import IMAGENET, NONE, OnStep
from twotrack.shared.weights.pretrained.backbones.folder import CONFIG, PREPROCESSOR, TENSORS, find_folder
from twotrack.shared.weights.pretrained.backbones.spec import Backbone, Channels, Normalisation
from twotrack.shared.weights.tensor_files import TensorFile

HUB_ID = "google/vit-base-patch16-224"
"""What `imagenet` is: ViT-B/16, trained on ImageNet-21k, then on ImageNet."""
EXPECTED = f"'{IMAGENET}', a folder with a ViT, or a model id of the Hugging Face hub such as {HUB_ID}"
REMEDY = "name the folder of a ViT with --weights"
PREFIX = "vit."
"""In front of the network's names where a checkpoint holds a head beside it."""
NETWORK = ("embeddings.", "encoder.", "layernorm.", "classifier.")
MASK = "embeddings.mask_token"
"""Stands for hidden patches in pretraining only."""
Count = Annotated[int, Gt(0)]


class VisionTransformerConfig(BaseModel):
    """The network's hyperparameters under Hugging Face's names."""

    model_config = ConfigDict(frozen=True)

    model_type: Literal["vit"]
    hidden_size: Count = 768
    num_hidden_layers: Count = 12
    num_attention_heads: Count = 12
    intermediate_size: Count = 3072
    hidden_act: Literal["gelu"] = "gelu"
    """Exact GELU, the only one that keras_hub has."""
    layer_norm_eps: Annotated[float, Gt(0)] = 1e-12
    image_size: Count = 224
    patch_size: Count = 16
    num_channels: Literal[3] = 3
    qkv_bias: Literal[True] = True
    """keras_hub has biases in all projections of attention or in none."""

    @property
    def feature_size(self) -> int:
        """Length of the vector that stands for an image."""
        return self.hidden_size

    @property
    def num_positions(self) -> int:
        """Patches, and the class token."""
        return (self.image_size // self.patch_size) ** 2 + 1

    @model_validator(mode="after")
    def _sizes_divide(self) -> "VisionTransformerConfig":
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"{self.num_attention_heads} heads do not divide a hidden size of {self.hidden_size}")
        if self.image_size % self.patch_size:
            raise ValueError(f"patches of {self.patch_size} pixels do not divide an image of {self.image_size}")
        return self


class PreprocessorConfig(BaseModel):
    """What a preprocessor_config.json says of the normalisation."""

    image_mean: Channels = (0.5, 0.5, 0.5)
    image_std: Channels = (0.5, 0.5, 0.5)
    """Of values from 0 to 1."""

    @property
    def normalisation(self) -> Normalisation:
        """The same of values from 0 to 255."""
        return Normalisation(_in_pixels(self.image_mean), _in_pixels(self.image_std))


def _in_pixels(channels: Channels) -> Channels:
    red, green, blue = channels
    return 255 * red, 255 * green, 255 * blue


def find(name: str, weights: str, on_step: OnStep) -> Backbone:
    """Find and check `imagenet`, a folder or a hub id."""
    if weights == NONE:
        raise UserError(f"--weights {NONE}: a {name} has the sizes that its config.json says; expected {EXPECTED}.")
    folder = find_folder(HUB_ID if weights == IMAGENET else weights, name, EXPECTED, on_step)
    config = read_config(VisionTransformerConfig, folder / CONFIG, REMEDY)
    tensors = _tensors(folder / TENSORS, config)
    tensors.check()
    return Backbone(
        name=name,
        architecture=config,
        normalisation=_preprocessor(folder / PREPROCESSOR).normalisation,
        default_size=config.image_size,
        smallest_size=config.image_size,
        largest_size=config.image_size,
        last_layers=(f"vit_encoder.transformer_block_{config.num_hidden_layers}", "vit_encoder.ln"),
        classifier_name="classifier",
        num_classes=tensors.table["classifier.weight"].shape[0] if "classifier.weight" in tensors.table else 0,
        tensors=tensors,
    )


def _preprocessor(file: Path) -> PreprocessorConfig:
    return read_config(PreprocessorConfig, file, REMEDY) if file.is_file() else PreprocessorConfig()


def _tensors(file: Path, config: VisionTransformerConfig) -> TensorFile:
    inside = tensor_files.shapes(file)
    prefix = PREFIX if any(name.startswith(PREFIX) for name in inside) else ""
    own = {name.removeprefix(prefix): name for name in inside}
    own_names = {name: name_in_file for name, name_in_file in own.items() if name.startswith(NETWORK) and name != MASK}
    num_classes = inside.get("classifier.weight", (0,))[0]
    return TensorFile(file, table(config, num_classes), own_names, "the ViT of its config.json", REMEDY)


def table(config: VisionTransformerConfig, num_classes: int) -> Table:
    """Map Hugging Face's names of the tensors to what they are here."""
    token = PublishedTensor("vit_patching_and_embedding.class_token", SAME, (1, 1, config.hidden_size))
    positions = (1, config.num_positions, config.hidden_size)
    position = PublishedTensor(
        "vit_patching_and_embedding.position_embedding.embeddings", positions_layout(config), positions
    )
    own = {"embeddings.cls_token": token, "embeddings.position_embeddings": position}
    return own | rules.table(modules(config, num_classes))


def positions_layout(config: VisionTransformerConfig) -> Reshape:
    """Hugging Face's (1, positions, size) to (positions, size)."""
    shape = (config.num_positions, config.hidden_size)
    return Reshape((1, *shape), shape)


def modules(config: VisionTransformerConfig, num_classes: int) -> Iterator[Module]:
    """Yield the modules of a checkpoint, with a classifier of `num_classes` if there are any."""
    size, patch = config.hidden_size, config.patch_size
    embedding = "vit_patching_and_embedding.patch_embedding"
    yield Module("embeddings.patch_embeddings.projection", embedding, CONV_2D, (size, 3, patch, patch))
    for number in range(config.num_hidden_layers):
        for module in block_modules(config):
            yield module.inside(f"encoder.layer.{number}", f"vit_encoder.transformer_block_{number + 1}")
    yield Module("layernorm", "vit_encoder.ln", NORM, (size,))
    if num_classes:
        yield Module("classifier", "classifier", LINEAR, (num_classes, size))


def block_modules(config: VisionTransformerConfig) -> Iterator[Module]:
    """Yield the modules of one block."""
    size, wide = config.hidden_size, config.intermediate_size
    yield Module("layernorm_before", "ln_1", NORM, (size,))
    for role in ("query", "key", "value"):
        yield Module(f"attention.attention.{role}", f"mha.{role}", split(config), (size, size))
    yield Module("attention.output.dense", "mha.attention_output", merge(config), (size, size))
    yield Module("layernorm_after", "ln_2", NORM, (size,))
    yield Module("intermediate.dense", "mlp.dense_1", LINEAR, (wide, size))
    yield Module("output.dense", "mlp.dense_2", LINEAR, (size, wide))


def split(config: VisionTransformerConfig) -> Rule:
    """Return the rule of query, key and value."""
    return split_heads(config.hidden_size, config.num_attention_heads)


def merge(config: VisionTransformerConfig) -> Rule:
    """Return the rule of the attention's output."""
    return merge_heads(config.hidden_size, config.num_attention_heads)
