"""Small BERT folders with random weights, written as other programs write them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "great", "coffee", "##s", "Great", "cafe", ".", "[", "]", "sep"]

Tensors = dict[str, np.ndarray]


def tensors() -> Tensors:
    """Return the encoder's tensors as transformers names and shapes them, written down from its source."""
    size, wide = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (CONFIG["vocab_size"], size),
        "embeddings.position_embeddings.weight": (CONFIG["max_position_embeddings"], size),
        "embeddings.token_type_embeddings.weight": (CONFIG["type_vocab_size"], size),
        "embeddings.LayerNorm.weight": (size,),
        "embeddings.LayerNorm.bias": (size,),
    }
    for number in range(CONFIG["num_hidden_layers"]):
        block = f"encoder.layer.{number}"
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= {f"{block}.{name}.weight": (size, size), f"{block}.{name}.bias": (size,)}
        shapes |= {f"{block}.intermediate.dense.weight": (wide, size), f"{block}.intermediate.dense.bias": (wide,)}
        shapes |= {f"{block}.output.dense.weight": (size, wide), f"{block}.output.dense.bias": (size,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{block}.{name}.weight": (size,), f"{block}.{name}.bias": (size,)}
    generator = np.random.default_rng(0)
    return {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write(
    folder: Path,
    change: Callable[[Tensors], Tensors | None] = lambda found: None,
    config: Mapping[str, Any] = {},
    words: list[str] | None = None,
) -> Path:
    """Write config.json with changes, model.safetensors after `change`, and vocab.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {name: value for name, value in {**CONFIG, **config}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(told))
    found = tensors()
    save_file(change(found) or found, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(WORDS if words is None else words) + "\n")
    return folder
