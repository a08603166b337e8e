"""The architectures, a module for each."""

from importlib import import_module

from twotrack.shared.atlas.architecture import Architecture
from twotrack.shared.errors import unknown

_MODULES = (
    "resnet", "resnet50", "mobilenet_v2", "efficientnet_b0", "convnext", "vit", "deit", "dinov2", "siglip", "clip",
    "mit", "swin",
    "bert", "distilbert", "roberta", "albert", "electra", "deberta_v3",
    "gpt2", "opt", "bloom", "llama", "mistral", "gemma", "qwen2", "qwen3", "phi3", "gpt_neox", "falcon",
    "t5", "bart", "whisper",
)  # fmt: skip
"""Of this package: pictures, texts read both ways, texts read one way, two texts."""
ARCHITECTURES: dict[str, Architecture] = {name: import_module(f"{__name__}.{name}").ARCHITECTURE for name in _MODULES}
"""By the name of the module."""


def get(name: str) -> Architecture:
    """Return an architecture; UserError if there is none of that name."""
    if name not in ARCHITECTURES:
        raise unknown("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def reference(name: str, which: str) -> str:
    """Return "module:NAME" of an architecture's pair, `published` or `aligned`."""
    return f"{__name__}.{name}:ARCHITECTURE.{which}"
