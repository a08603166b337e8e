"""Maps of the atlas's architectures that a person wrote, from what both libraries call their layers.

A line names a module, or a weight, of torch and a layer, or a weight, of Keras; then how an array goes over, if that is
not what most layers of its kind do, and which part. Braces stand for numbers, and for words that change together.
Nothing here takes part in a search, and no array is laid out by the code that lays out for one.
"""

from collections.abc import Sequence
from itertools import product

BERT_BLOCK = """
model.encoder.layer.{i}.attention.self.{query|key|value}  transformer_layer_{i}.self_attention_layer.{query|key|value}
model.encoder.layer.{i}.attention.output.dense  transformer_layer_{i}.self_attention_layer.attention_output
model.encoder.layer.{i}.attention.output.LayerNorm  transformer_layer_{i}.self_attention_layer_norm
model.encoder.layer.{i}.intermediate.dense  transformer_layer_{i}.feedforward_intermediate_dense
model.encoder.layer.{i}.output.dense  transformer_layer_{i}.feedforward_output_dense
model.encoder.layer.{i}.output.LayerNorm  transformer_layer_{i}.feedforward_layer_norm
"""
BERT_TABLES = """
model.embeddings.word_embeddings  token_embedding
model.embeddings.position_embeddings  position_embedding
model.embeddings.token_type_embeddings  segment_embedding
model.embeddings.LayerNorm  embeddings_layer_norm
"""
ROTARY_BLOCK = """
model.embed_tokens  token_embedding.embeddings
model.layers.{i}.self_attn.{q|k|v}_proj  transformer_layer_{i}.self_attention.{query|key|value}
model.layers.{i}.self_attn.o_proj  transformer_layer_{i}.self_attention.attention_output
model.layers.{i}.input_layernorm  transformer_layer_{i}.self_attention_layernorm
model.layers.{i}.post_attention_layernorm  transformer_layer_{i}.feedforward_layernorm
model.layers.{i}.mlp.gate_proj  transformer_layer_{i}.feedforward_gate_dense
model.layers.{i}.mlp.up_proj  transformer_layer_{i}.feedforward_intermediate_dense
model.layers.{i}.mlp.down_proj  transformer_layer_{i}.feedforward_output_dense
model.norm  sequence_output_layernorm
"""


def _seq2seq(side: str, torch: str, attention: str) -> str:
    """Return the lines of BART's and Whisper's encoder, or of their decoder."""
    theirs, ours = f"model.{torch}.layers.{{i}}", f"transformer_{side}_layer_{{i}}"
    parts = "{q|k|v}_proj", "{query|key|value}"
    cross = f"""
{theirs}.encoder_attn.{parts[0]}  {ours}.cross_attention.{parts[1]}
{theirs}.encoder_attn.out_proj  {ours}.cross_attention.attention_output
{theirs}.encoder_attn_layer_norm  {ours}.cross_attention_layer_norm
"""
    return f"""
{theirs}.self_attn.{parts[0]}  {ours}.{attention}.{parts[1]}
{theirs}.self_attn.out_proj  {ours}.{attention}.attention_output
{theirs}.self_attn_layer_norm  {ours}.self_attention_layer_norm
{theirs}.fc1  {ours}.feedforward_intermediate_dense
{theirs}.fc2  {ours}.feedforward_output_dense
{theirs}.final_layer_norm  {ours}.feedforward_layer_norm
""" + (cross if side == "decoder" else "")


def _resnet(ours: str) -> str:
    """Return the lines of a ResNet whose blocks Keras calls so."""
    theirs = "model.encoder.stages.{s}.layers.{i}"
    return f"""
model.embedder.embedder.convolution  conv1_conv
model.embedder.embedder.normalization  conv1_bn
{theirs}.layer.{{k}}.convolution  {ours}_{{k+1}}_conv
{theirs}.layer.{{k}}.normalization  {ours}_{{k+1}}_bn
{theirs}.shortcut.convolution  {ours}_0_conv
{theirs}.shortcut.normalization  {ours}_0_bn
"""


def _efficientnet(repeats: Sequence[int] = (1, 1, 1, 2, 2, 2, 1)) -> str:
    """Return the lines of an EfficientNet with so many blocks in each of its stages."""
    blocks = [f"block{stage + 1}{'abcd'[n]}" for stage, count in enumerate(repeats) for n in range(count)]
    lines = """
model.encoder.blocks.{n}.expansion.expand_conv  {block}_expand_conv
model.encoder.blocks.{n}.expansion.expand_bn  {block}_expand_bn
model.encoder.blocks.{n}.depthwise_conv.depthwise_conv  {block}_dwconv
model.encoder.blocks.{n}.depthwise_conv.depthwise_norm  {block}_bn
model.encoder.blocks.{n}.squeeze_excite.reduce  {block}_se_reduce
model.encoder.blocks.{n}.squeeze_excite.expand  {block}_se_expand
model.encoder.blocks.{n}.projection.project_conv  {block}_project_conv
model.encoder.blocks.{n}.projection.project_bn  {block}_project_bn
"""
    front = """
model.embeddings.convolution  stem_conv
model.embeddings.batchnorm  stem_bn
model.encoder.top_conv  top_conv
model.encoder.top_bn  top_bn
"""
    return front + "".join(lines.format(n=n, block=block) for n, block in enumerate(blocks))


def _mit(depths: Sequence[int] = (2, 1), reduced: Sequence[bool] = (True, False)) -> str:
    """Return the lines of MiT; Keras numbers its layers of each kind through the whole model."""
    counts: dict[str, int] = {}

    def following(kind: str) -> str:
        counts[kind] = counts.get(kind, -1) + 1
        return f"{kind}_{counts[kind]}" if counts[kind] else kind

    lines = []
    for stage, depth in enumerate(depths):
        theirs, ours = f"model.stages.{stage}", f"patch_and_embed_{stage}"
        lines.append(f"{theirs}.patch_embeddings.proj {ours}.{following('conv2d')}")
        lines.append(f"{theirs}.patch_embeddings.layer_norm {ours}.{following('layer_normalization')}")
        for block in range(depth):
            their, own = f"{theirs}.blocks.{block}", f"hierarchical_encoder_{stage}_{block}"
            lines.append(f"{their}.layernorm_before {own}.{following('layer_normalization')}")
            inside = f"{own}.{following('seg_former_multihead_attention')}"
            lines += [f"{their}.attention.{part}_proj {inside}.{following('dense')}" for part in "qkvo"]
            if reduced[stage]:
                front = f"{their}.attention.sequence_reduction"
                lines.append(f"{front}.sequence_reduction {inside}.{following('conv2d')}")
                lines.append(f"{front}.layer_norm {inside}.{following('layer_normalization')}")
            lines.append(f"{their}.layernorm_after {own}.{following('layer_normalization')}")
            mix = f"{own}.{following('mix_ffn')}"
            lines.append(f"{their}.mlp.fc1 {mix}.{following('dense')}")
            lines.append(f"{their}.mlp.dwconv.dwconv {mix}.{following('depthwise_conv2d')}")
            lines.append(f"{their}.mlp.fc2 {mix}.{following('dense')}")
        lines.append(f"{theirs}.layer_norm {following('layer_normalization')}")
    return "\n".join(lines)


def _vit(ours: str, attention: str, inner: Sequence[str]) -> str:
    return f"""
model.layers.{{i}}.layernorm_before  {ours}.ln_1
model.layers.{{i}}.attention.{{q|k|v}}_proj  {ours}.{attention}.{{query|key|value}}
model.layers.{{i}}.attention.o_proj  {ours}.{attention}.attention_output
model.layers.{{i}}.layernorm_after  {ours}.ln_2
model.layers.{{i}}.mlp.fc1  {ours}.{inner[0]}
model.layers.{{i}}.mlp.fc2  {ours}.{inner[1]}
"""


def _t5(side: str, last: int, norm: int) -> str:
    """Return the lines of T5's encoder or decoder; Keras numbers its normalisations through the whole model."""
    theirs, ours = f"model.{side}.block.{{i}}.layer", f"transformer_{side}_layer_{{i}}"
    parts = "{q|k|v|o}", "{query|key|value|output}_projector"
    numbers = [f"_{norm + n}" if norm + n else "" for n in range(2 * (last + 1))]
    norms = [
        f"model.{side}.block.{block}.layer.{n}.layer_norm {ours.format(i=block)}.t5_layer_norm{number}"
        for (block, n), number in zip(product(range(2), range(last + 1)), numbers, strict=True)
    ]
    cross = f"{theirs}.1.EncDecAttention.{parts[0]} {ours}.cross_attention.{parts[1]}" if last == 2 else ""
    return (
        "\n".join(norms)
        + f"""
model.{side}.block.0.layer.0.SelfAttention.relative_attention_bias transformer_{side}_layer_0.self_attention.embeddings
model.{side}.final_layer_norm  {side}_output_layer_norm
{theirs}.0.SelfAttention.{parts[0]}  {ours}.self_attention.{parts[1]}
{theirs}.{last}.DenseReluDense.wi_0  {ours}.input_projector
{theirs}.{last}.DenseReluDense.wi_1  {ours}.gate_projector
{theirs}.{last}.DenseReluDense.wo  {ours}.output_projector
{cross}
"""
    )


HAND: dict[str, str] = {
    "resnet": _resnet("stack{s}_block{i}"),
    "resnet50": _resnet("conv{s+2}_block{i+1}"),
    "mobilenet_v2": """
model.conv_stem.first_conv.convolution  Conv1
model.conv_stem.first_conv.normalization  bn_Conv1
model.conv_stem.conv_3x3.convolution  expanded_conv_depthwise
model.conv_stem.conv_3x3.normalization  expanded_conv_depthwise_BN
model.conv_stem.reduce_1x1.convolution  expanded_conv_project
model.conv_stem.reduce_1x1.normalization  expanded_conv_project_BN
model.layer.{i}.{expand_1x1|conv_3x3|reduce_1x1}.convolution  block_{i+1}_{expand|depthwise|project}
model.layer.{i}.{expand_1x1|conv_3x3|reduce_1x1}.normalization  block_{i+1}_{expand|depthwise|project}_BN
model.conv_1x1.convolution  Conv_1
model.conv_1x1.normalization  Conv_1_bn
""",
    "efficientnet_b0": _efficientnet(),
    "convnext": """
model.embeddings.patch_embeddings  convnext_stem.convnext_stem_conv
model.embeddings.layernorm  convnext_stem.convnext_stem_layernorm
model.encoder.stages.{s}.layers.{i}.layer_scale_parameter  convnext_stage_{s}_block_{i}_layer_scale
model.encoder.stages.{s}.layers.{i}.dwconv  convnext_stage_{s}_block_{i}_depthwise_conv
model.encoder.stages.{s}.layers.{i}.layernorm  convnext_stage_{s}_block_{i}_layernorm
model.encoder.stages.{s}.layers.{i}.pwconv1  convnext_stage_{s}_block_{i}_pointwise_conv_1
model.encoder.stages.{s}.layers.{i}.pwconv2  convnext_stage_{s}_block_{i}_pointwise_conv_2
model.encoder.stages.{s+1}.downsampling_layer.0  convnext_downsampling_block_{s}.convnext_downsampling_layernorm_{s}
model.encoder.stages.{s+1}.downsampling_layer.1  convnext_downsampling_block_{s}.convnext_downsampling_conv_{s}
model.layernorm  layer_normalization
""",
    "vit": _vit("vit_encoder.transformer_block_{i+1}", "mha", ("mlp.dense_1", "mlp.dense_2"))
    + """
model.embeddings.cls_token  vit_patching_and_embedding.class_token
model.embeddings.position_embeddings  vit_patching_and_embedding.position_embedding
model.embeddings.patch_embeddings.projection  vit_patching_and_embedding.patch_embedding
model.layernorm  vit_encoder.ln
""",
    "deit": _vit("deit_encoder.transformer_block_{i+1}", "mha", ("mlp.dense", "output_layer.output"))
    + """
model.embeddings.cls_token  deit_patching_and_embedding.class_token
model.embeddings.distillation_token  deit_patching_and_embedding.distillation_token
model.embeddings.position_embeddings  deit_patching_and_embedding.position_embedding
model.embeddings.patch_embeddings.projection  deit_patching_and_embedding.patch_embedding
model.layernorm  deit_encoder.ln
""",
    "dinov2": """
model.embeddings.cls_token  embeddings.cls_token
model.embeddings.position_embeddings  embeddings.interpolated_position_embeddings
model.embeddings.patch_embeddings.projection  embeddings.patch_embeddings.projection
model.encoder.layer.{i}.norm1  encoder.layers_{i}.norm1
model.encoder.layer.{i}.norm2  encoder.layers_{i}.norm2
model.encoder.layer.{i}.attention.{q|k|v}_proj  encoder.layers_{i}.attention.attention.{query|key|value}
model.encoder.layer.{i}.attention.o_proj  encoder.layers_{i}.attention.attention.attention_output
model.encoder.layer.{i}.layer_scale1.lambda1  encoder.layers_{i}.layer_scale1.lambda1
model.encoder.layer.{i}.layer_scale2.lambda1  encoder.layers_{i}.layer_scale2.lambda1
model.encoder.layer.{i}.mlp.fc1  encoder.layers_{i}.mlp.fc1
model.encoder.layer.{i}.mlp.fc2  encoder.layers_{i}.mlp.fc2
model.layernorm  layernorm
""",
    "siglip": """
model.embeddings.patch_embedding  embedding.patch_embedding
model.embeddings.position_embedding  embedding.position_embedding
model.encoder.layers.{i}.layer_norm1  encoder_block_{i}.layer_norm1
model.encoder.layers.{i}.layer_norm2  encoder_block_{i}.layer_norm2
model.encoder.layers.{i}.self_attn.{q|k|v}_proj  encoder_block_{i}.self_attn.{query|key|value}
model.encoder.layers.{i}.self_attn.out_proj  encoder_block_{i}.self_attn.attention_output
model.encoder.layers.{i}.mlp.fc1  encoder_block_{i}.mlp.fc1
model.encoder.layers.{i}.mlp.fc2  encoder_block_{i}.mlp.fc2
model.post_layernorm  post_layer_norm
model.head.probe  head.variable
model.head.attention.{query|key|value}  head.attention.{query|key|value}  as_it_is
model.head.attention.attention_output  head.attention.attention_output  as_it_is
model.head.layernorm  head.layernorm
model.head.mlp.fc1  head.mlp.fc1
model.head.mlp.fc2  head.mlp.fc2
""",
    "clip": """
model.embeddings.class_embedding  embedding.class_embedding
model.embeddings.patch_embedding  embedding.patch_embedding
model.embeddings.position_embedding  embedding.position_embedding
model.pre_layrnorm  pre_layer_norm
model.post_layernorm  layer_norm
model.encoder.layers.{i}.layer_norm1  encoder_block_{i}.layer_norm_1
model.encoder.layers.{i}.layer_norm2  encoder_block_{i}.layer_norm_2
model.encoder.layers.{i}.self_attn.{q|k|v}_proj  encoder_block_{i}.attention.{query|key|value}
model.encoder.layers.{i}.self_attn.out_proj  encoder_block_{i}.attention.attention_output
model.encoder.layers.{i}.mlp.fc1  encoder_block_{i}.dense_1
model.encoder.layers.{i}.mlp.fc2  encoder_block_{i}.dense_2
""",
    "mit": _mit(),
    "swin": """
model.embeddings.patch_embeddings.projection  patch_embedding.conv_projection
model.embeddings.norm  patch_embedding.norm
model.encoder.layers.{s}.blocks.{i}.layernorm_before  stage_{s}.blocks_{i}.norm1
model.encoder.layers.{s}.blocks.{i}.layernorm_after  stage_{s}.blocks_{i}.norm2
model.encoder.layers.{s}.blocks.{i}.attention.q_proj+k_proj+v_proj  stage_{s}.blocks_{i}.attn.attention_qkv  joined
model.encoder.layers.{s}.blocks.{i}.attention.o_proj  stage_{s}.blocks_{i}.attn.attention_projection
model.encoder.layers.{s}.blocks.{i}.attention.relative_position_bias.relative_position_bias_table  stage_{s}.blocks_{i}.attn.relative_position_bias_table
model.encoder.layers.{s}.blocks.{i}.mlp.fc1  stage_{s}.blocks_{i}.mlp.fc1
model.encoder.layers.{s}.blocks.{i}.mlp.fc2  stage_{s}.blocks_{i}.mlp.fc2
model.encoder.layers.{s}.downsample.reduction  stage_{s}.downsample.reduction
model.encoder.layers.{s}.downsample.norm  stage_{s}.downsample.norm
model.layernorm  norm
""",  # noqa: E501 - a line of a map
    "bert": BERT_TABLES + BERT_BLOCK + "model.pooler.dense pooled_dense",
    "distilbert": """
model.embeddings.word_embeddings  token_and_position_embedding.token_embedding
model.embeddings.position_embeddings  token_and_position_embedding.position_embedding
model.embeddings.LayerNorm  embeddings_layer_norm
model.transformer.layer.{i}.attention.{q|k|v}_lin  transformer_layer_{i}.self_attention_layer.{query|key|value}
model.transformer.layer.{i}.attention.out_lin  transformer_layer_{i}.self_attention_layer.attention_output
model.transformer.layer.{i}.sa_layer_norm  transformer_layer_{i}.self_attention_layer_norm
model.transformer.layer.{i}.ffn.lin1  transformer_layer_{i}.feedforward_intermediate_dense
model.transformer.layer.{i}.ffn.lin2  transformer_layer_{i}.feedforward_output_dense
model.transformer.layer.{i}.output_layer_norm  transformer_layer_{i}.feedforward_layer_norm
""",
    "roberta": BERT_BLOCK
    + """
model.embeddings.word_embeddings  embeddings.token_embedding
model.embeddings.position_embeddings  embeddings.position_embedding  last_rows
model.embeddings.LayerNorm  embeddings_layer_norm
""",
    "albert": BERT_TABLES
    + """
model.encoder.embedding_hidden_mapping_in  embedding_projection
model.encoder.albert_layer_groups.0.albert_layers.{i}.attention.{query|key|value}  group_0_inner_layer_{i}.self_attention_layer.{query|key|value}
model.encoder.albert_layer_groups.0.albert_layers.{i}.attention.dense  group_0_inner_layer_{i}.self_attention_layer.attention_output
model.encoder.albert_layer_groups.0.albert_layers.{i}.attention.LayerNorm  group_0_inner_layer_{i}.self_attention_layer_norm
model.encoder.albert_layer_groups.0.albert_layers.{i}.ffn  group_0_inner_layer_{i}.feedforward_intermediate_dense
model.encoder.albert_layer_groups.0.albert_layers.{i}.ffn_output  group_0_inner_layer_{i}.feedforward_output_dense
model.encoder.albert_layer_groups.0.albert_layers.{i}.full_layer_layer_norm  group_0_inner_layer_{i}.feedforward_layer_norm
model.pooler  pooled_dense
""",  # noqa: E501 - a line of a map
    "electra": BERT_TABLES + BERT_BLOCK + "model.embeddings_project embeddings_projection",
    "deberta_v3": """
model.embeddings.word_embeddings  token_embedding
model.embeddings.LayerNorm  embeddings_layer_norm
model.encoder.rel_embeddings.weight  rel_embedding.rel_embedding
model.encoder.LayerNorm  rel_embedding.rel_embeddings_layer_norm
"""
    + BERT_BLOCK.replace(" transformer_layer", " disentangled_attention_encoder_layer").replace(
        "self.{query|key|value}", "self.{query|key|value}_proj"
    ),
    "gpt2": """
model.wte  token_embedding
model.wpe  position_embedding
model.h.{i}.ln_1  transformer_layer_{i}.self_attention_layer_norm
model.h.{i}.ln_2  transformer_layer_{i}.feedforward_layer_norm
model.h.{i}.attn.c_attn  transformer_layer_{i}.self_attention.{query|key|value}  columns {0|1|2}
model.h.{i}.attn.c_proj  transformer_layer_{i}.self_attention.attention_output  as_it_is
model.h.{i}.mlp.c_fc  transformer_layer_{i}.feedforward_intermediate_dense  as_it_is
model.h.{i}.mlp.c_proj  transformer_layer_{i}.feedforward_output_dense  as_it_is
model.ln_f  layer_norm
""",
    "opt": """
model.decoder.embed_tokens  embeddings.token_embedding
model.decoder.embed_positions  embeddings.position_embedding  last_rows
model.decoder.final_layer_norm  layer_norm
"""
    + _seq2seq("", "decoder", "self_attention").replace("transformer__layer", "transformer_layer"),
    "bloom": """
model.word_embeddings  token_embedding
model.word_embeddings_layernorm  embedding_layernorm
model.h.{i}.input_layernorm  transformer_layer_{i}.pre_attention_layernorm
model.h.{i}.post_attention_layernorm  transformer_layer_{i}.post_attention_layernorm
model.h.{i}.self_attention.query_key_value  transformer_layer_{i}.self_attention.{query|key|value}_dense  by_head {0|1|2}
model.h.{i}.self_attention.dense  transformer_layer_{i}.self_attention.output_dense
model.h.{i}.mlp.dense_h_to_4h  transformer_layer_{i}.mlp_intermediate_dense
model.h.{i}.mlp.dense_4h_to_h  transformer_layer_{i}.mlp_output_dense
model.ln_f  final_layernorm
""",  # noqa: E501 - a line of a map
    "llama": ROTARY_BLOCK,
    "mistral": ROTARY_BLOCK,
    "gemma": """
model.embed_tokens  token_embedding
model.layers.{i}.self_attn.{q|k|v}_proj  decoder_block_{i}.attention.{query|key|value}  heads_in_front
model.layers.{i}.self_attn.o_proj  decoder_block_{i}.attention.attention_output
model.layers.{i}.input_layernorm  decoder_block_{i}.pre_attention_norm
model.layers.{i}.post_attention_layernorm  decoder_block_{i}.pre_ffw_norm
model.layers.{i}.mlp.gate_proj  decoder_block_{i}.ffw_gating
model.layers.{i}.mlp.up_proj  decoder_block_{i}.ffw_gating_2
model.layers.{i}.mlp.down_proj  decoder_block_{i}.ffw_linear
model.norm  final_normalization
""",
    "qwen2": ROTARY_BLOCK,
    "qwen3": ROTARY_BLOCK
    + """
model.layers.{i}.self_attn.q_norm  transformer_layer_{i}.self_attention.query_dense_layernorm
model.layers.{i}.self_attn.k_norm  transformer_layer_{i}.self_attention.key_dense_layernorm
""",
    "phi3": """
model.embed_tokens  token_embedding.embeddings
model.layers.{i}.self_attn.qkv_proj  transformer_layer_{i}.attention.query  first_rows
model.layers.{i}.self_attn.qkv_proj  transformer_layer_{i}.attention.key  rows_but_one
model.layers.{i}.self_attn.qkv_proj  transformer_layer_{i}.attention.value  last_rows_turned
model.layers.{i}.self_attn.o_proj  transformer_layer_{i}.attention.attention_output
model.layers.{i}.input_layernorm  transformer_layer_{i}.pre_attention_layernorm
model.layers.{i}.post_attention_layernorm  transformer_layer_{i}.post_attention_layernorm
model.layers.{i}.mlp.gate_up_proj  transformer_layer_{i}.feedforward_gate_dense  first_rows
model.layers.{i}.mlp.gate_up_proj  transformer_layer_{i}.feedforward_intermediate_dense  last_rows_turned
model.layers.{i}.mlp.down_proj  transformer_layer_{i}.feedforward_output_dense
model.norm  sequence_output_layernorm
""",
    "gpt_neox": """
model.embed_in  token_embedding
model.layers.{i}.input_layernorm  transformer_layer_{i}.self_attention_layer_norm
model.layers.{i}.post_attention_layernorm  transformer_layer_{i}.feedforward_layer_norm
model.layers.{i}.attention.query_key_value  transformer_layer_{i}.self_attention.query_key_value
model.layers.{i}.attention.dense  transformer_layer_{i}.self_attention.attention_output
model.layers.{i}.mlp.dense_h_to_4h  transformer_layer_{i}.feedforward_intermediate_dense
model.layers.{i}.mlp.dense_4h_to_h  transformer_layer_{i}.feedforward_output_dense
model.final_layer_norm  layer_norm
""",
    "falcon": """
model.word_embeddings  token_embedding
model.h.{i}.input_layernorm  transformer_layer_{i}.input_layernorm
model.h.{i}.post_attention_layernorm  transformer_layer_{i}.post_attention_layernorm
model.h.{i}.self_attention.query_key_value  transformer_layer_{i}.attention.{query|key|value}_dense  by_head {0|1|2}
model.h.{i}.self_attention.dense  transformer_layer_{i}.attention.output_dense
model.h.{i}.mlp.dense_h_to_4h  transformer_layer_{i}.dense_h_to_4h
model.h.{i}.mlp.dense_4h_to_h  transformer_layer_{i}.dense_4h_to_h
model.ln_f  final_layernorm
""",
    "t5": "model.shared token_embedding\n" + _t5("encoder", 1, 0) + _t5("decoder", 2, 4),
    "bart": """
model.shared  token_embedding
model.encoder.embed_positions  encoder_position_embedding  last_rows
model.encoder.layernorm_embedding  encoder_embeddings_layer_norm
model.decoder.embed_positions  decoder_position_embedding  last_rows
model.decoder.layernorm_embedding  decoder_embeddings_layer_norm
"""
    + _seq2seq("encoder", "encoder", "self_attention_layer")
    + _seq2seq("decoder", "decoder", "self_attention"),
    "whisper": """
model.encoder.conv{i+1}  encoder_token_embedding_conv_layer_{i+1}
model.encoder.embed_positions  encoder_position_embedding
model.encoder.layer_norm  encoder_layer_norm
model.decoder.embed_tokens  decoder_token_and_position_embedding.token_embedding
model.decoder.embed_positions  decoder_token_and_position_embedding.position_embedding
model.decoder.layer_norm  decoder_layer_norm
"""
    + _seq2seq("encoder", "encoder", "self_attention_layer")
    + _seq2seq("decoder", "decoder", "self_attention"),
}
