"""Public models at their real sizes, transformers' against keras-hub's and keras.applications': aligned, and faulty.

BERT at 128 tokens, with 12 layers 109 million weights, and ResNet50 at 224 pixels, 24 million.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from twotrack import SGD, Input, Pair
from twotrack.shared.weights.bridge.rules import merge_heads, split_heads

VOCABULARY, TOKENS = 30522, 128
DEPTHS = (3, 4, 6, 3)
PIXELS = 224

Change = Callable[[Any], None]


def unchanged(_: Any) -> None:
    """Change nothing."""


# === BERT ===


def keras_bert(layers: int, width: int, dropout: float = 0.0) -> Any:
    """Return keras-hub's encoder."""
    import keras
    from keras_hub.models import BertBackbone

    network = BertBackbone(
        vocabulary_size=VOCABULARY,
        num_layers=layers,
        num_heads=width // 64,
        hidden_dim=width,
        intermediate_dim=4 * width,
        dropout=dropout,
        max_sequence_length=TOKENS,
    )
    return keras.Model(network.input, [network.output["sequence_output"], network.output["pooled_output"]])


def torch_bert(layers: int, width: int, dropout: float = 0.0, change: Change = unchanged) -> Any:
    """Return the encoder of transformers, as keras-hub has it."""
    from torch import nn
    from transformers import BertConfig, BertModel

    heads = width // 64
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=TOKENS,
        hidden_act="gelu_pytorch_tanh",
        pad_token_id=None,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        attn_implementation="eager",
    )

    class Bert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel(config)
            for layer in self.bert.encoder.layer:
                attention = layer.attention.self
                for part in (attention.query, attention.key, attention.value):
                    part.canonical_rule = split_heads(width, heads)
                layer.attention.output.dense.canonical_rule = merge_heads(width, heads)
            change(self.bert)

        def forward(self, token_ids: Any, segment_ids: Any, padding_mask: Any) -> list[Any]:
            out = self.bert(input_ids=token_ids, token_type_ids=segment_ids, attention_mask=padding_mask)
            return [out.last_hidden_state, out.pooler_output]

    return Bert()


def bert(layers: int = 12, width: int = 768, dropout: float = 0.0, change: Change = unchanged) -> Pair:
    """Return the pair."""
    theirs, ours = "bert.encoder.layer.{i}", "transformer_layer_{i}"
    rename = {
        "bert.embeddings.word_embeddings": "token_embedding",
        "bert.embeddings.position_embeddings": "position_embedding",
        "bert.embeddings.token_type_embeddings": "segment_embedding",
        "bert.embeddings.LayerNorm": "embeddings_layer_norm",
        "bert.pooler.dense": "pooled_dense",
        f"{theirs}.attention.self": f"{ours}.self_attention_layer",
        f"{theirs}.attention.output.dense": f"{ours}.self_attention_layer.attention_output",
        f"{theirs}.attention.output.LayerNorm": f"{ours}.self_attention_layer_norm",
        f"{theirs}.intermediate.dense": f"{ours}.feedforward_intermediate_dense",
        f"{theirs}.output.dense": f"{ours}.feedforward_output_dense",
        f"{theirs}.output.LayerNorm": f"{ours}.feedforward_layer_norm",
    }
    inputs = {
        "token_ids": Input((TOKENS,), kind="tokens", size=VOCABULARY),
        "segment_ids": Input((TOKENS,), kind="tokens", size=2),
        "padding_mask": Input((TOKENS,), kind="mask"),
    }
    return Pair(
        keras=partial(keras_bert, layers, width, dropout),
        torch=partial(torch_bert, layers, width, dropout, change),
        input_shape=inputs,
        rename=rename,
        batch_size=1,
    )


def scaled_gradient(model: Any) -> None:
    """Let one weight in the middle learn a thousandth faster."""
    model.encoder.layer[6].intermediate.dense.weight.register_hook(lambda gradient: 1.001 * gradient)


def other_epsilon(model: Any) -> None:
    """Give one layer normalisation in the middle another epsilon."""
    model.encoder.layer[6].output.LayerNorm.eps = 1e-7


def other_rate(model: Any) -> None:
    """Let one layer in the middle drop less."""
    model.encoder.layer[6].output.dropout.p = 0.05


BERT_BASE, BERT_SMALL, BERT_LARGE = bert(), bert(3), bert(24, 1024)
BERT_GRADIENT, BERT_EPSILON = bert(change=scaled_gradient), bert(change=other_epsilon)
BERT_DROPOUT, BERT_RATE = bert(dropout=0.1), bert(dropout=0.1, change=other_rate)

# === ResNet50 ===


def keras_resnet() -> Any:
    """Return keras.applications' network without its classifier."""
    import keras

    return keras.applications.ResNet50(weights=None, include_top=False, input_shape=(PIXELS, PIXELS, 3))


def torch_resnet(change: Change = unchanged) -> Any:
    """Return transformers' network with what Keras' has: biases, epsilon, momentum, and its running variance."""
    import torch
    from torch import nn
    from transformers import ResNetConfig, ResNetModel

    from twotrack.torch_track.layers import BatchNorm2d

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = ResNetModel(ResNetConfig(downsample_in_bottleneck=True))
            for part in list(self.model.modules()):
                if isinstance(part, nn.Conv2d):
                    part.bias = nn.Parameter(torch.zeros(part.out_channels))
                for name, child in part.named_children():
                    if isinstance(child, nn.BatchNorm2d):
                        setattr(part, name, BatchNorm2d(child.num_features, eps=1.001e-5, momentum=0.01))
            change(self.model)

        def forward(self, x: Any) -> Any:
            return self.model(x).last_hidden_state

    return ResNet()


def resnet(change: Change = unchanged) -> Pair:
    """Return the pair."""
    rename = {"model.embedder.embedder.convolution": "conv1_conv", "model.embedder.embedder.normalization": "conv1_bn"}
    for stage, depth in enumerate(DEPTHS):
        for block in range(depth):
            theirs, ours = f"model.encoder.stages.{stage}.layers.{block}", f"conv{stage + 2}_block{block + 1}"
            parts = {f"{theirs}.layer.{number}": f"{ours}_{number + 1}" for number in range(3)}
            for own, part in (parts | ({f"{theirs}.shortcut": f"{ours}_0"} if block == 0 else {})).items():
                rename |= {f"{own}.convolution": f"{part}_conv", f"{own}.normalization": f"{part}_bn"}
    return Pair(
        keras=keras_resnet,
        torch=partial(torch_resnet, change),
        input_shape=(PIXELS, PIXELS, 3),
        rename=rename,
        optimizer=SGD(learning_rate=1e-3),
        batch_size=1,
    )


def other_momentum(model: Any) -> None:
    """Let one running average in the middle move faster."""
    model.encoder.stages[2].layers[3].layer[1].normalization.momentum = 0.011


def other_batch_epsilon(model: Any) -> None:
    """Give one batch normalisation in the middle another epsilon."""
    model.encoder.stages[2].layers[3].layer[1].normalization.eps = 1e-5


RESNET50, RESNET50_MOMENTUM, RESNET50_EPSILON = resnet(), resnet(other_momentum), resnet(other_batch_epsilon)
