"""nn.Module <-> canonical weights.

A canonical name is the layer's path, a dot, and Keras' name of the parameter. Layers that one torch
object bundles get a path each: `lstm.l0`, `lstm.l1` for stacked recurrent layers, `lstm.forward` and
`lstm.backward` for the two directions, `attention.query` and so on for the projections of attention.
A parameter or persistent buffer that no rule covers is taken as it is, under its own name.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from twotrack.shared.spec.track import OwnWeights
from twotrack.shared.weights.bridge import BridgeError, names
from twotrack.shared.weights.bridge.layouts import (
    CONV,
    DENSE,
    GRU_GATES,
    SAME,
    Chain,
    Layout,
    Rearrangement,
    heads_bias,
    heads_kernel,
    merge_heads_kernel,
)
from twotrack.shared.weights.bridge.names import NOTHING, join
from twotrack.shared.weights.bridge.patterns import expanded
from twotrack.shared.weights.correspondence.paths import layer_paths
from twotrack.shared.weights.correspondence.weight_map import NO_MAP, WeightMap
from twotrack.shared.weights.made import MadeWeights, shapes_of
from twotrack.torch_track.entries import Entry, Weight
from twotrack.torch_track.mapped import Sources

RULE, PATHS = "canonical_rule", "canonical_paths"
"""Attributes in which a module can state a rule of its own, and the canonical paths of what is inside it."""
ONE_BIAS = "one_bias"
"""Attribute of a GRU whose biases are one, as only their sum counts."""
MODEL = "the torch model"
NOT_WEIGHTS = {"num_batches_tracked"}
"""Buffers that only count; Keras has no counterpart and the aligned momentum does not need it."""

NORMALISATIONS: tuple[type[nn.Module], ...] = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.LayerNorm, nn.GroupNorm,
)  # fmt: skip
CONVOLUTIONS: dict[int, tuple[type[nn.Module], ...]] = {
    1: (nn.Conv1d, nn.ConvTranspose1d),
    2: (nn.Conv2d, nn.ConvTranspose2d),
    3: (nn.Conv3d, nn.ConvTranspose3d),
}
RECURRENT = nn.RNNBase | nn.RNNCellBase

Rule = Mapping[str, tuple[str, Layout]]
RULES: dict[type[nn.Module], Rule] = {
    nn.Linear: {"weight": ("kernel", DENSE), "bias": ("bias", SAME)},
    nn.Embedding: {"weight": ("embeddings", SAME)},
    nn.PReLU: {"weight": ("alpha", SAME)},
    nn.RMSNorm: {"weight": ("scale", SAME)},
}
for _type in NORMALISATIONS:
    RULES[_type] = {
        "weight": ("gamma", SAME),
        "bias": ("beta", SAME),
        "running_mean": ("moving_mean", SAME),
        "running_var": ("moving_variance", SAME),
    }
for _rank, _types in CONVOLUTIONS.items():
    for _type in _types:
        RULES[_type] = {"weight": ("kernel", CONV[_rank]), "bias": ("bias", SAME)}

Rearranged = Mapping[str, Rearrangement]
"""By torch name: the way to the canonical form of a weight whose axes count in another order, as behind a Flatten."""


def name_table(
    module: nn.Module, rearranged: Rearranged, rename: Mapping[str, str] = NOTHING, weight_map: WeightMap = NO_MAP
) -> dict[str, Weight]:
    """Map canonical names to the module's weights, in the module's order, then those of the map, in the map's.

    `rearranged` is what `axes.layout_of` found. `rename` maps a torch path, or a leading part of one, to
    the canonical one, beside what modules state themselves; the longest that fits wins. A parameter that
    layers share stands under the first of them. What rules of `weight_map` are made of, and what it calls unused,
    has no other entry.
    Raises BridgeError for an entry of `rearranged`, `rename` or the map that fits nothing, for two weights with
    one name, and for a lazy parameter that has no shape yet.
    """
    entries = dict(_entries(module, rearranged))
    if not weight_map:
        renamed = names.rename(entries, renames(module, rename), MODEL)
        return {canonical: entries[name] for name, canonical in renamed.items()}
    mapped = Sources(module, entries, weight_map)
    # A weight that the map says nothing of stands in the layer that the map makes of its own.
    renamed = names.rename(entries, layer_paths(weight_map) | renames(module, rename), MODEL, mapped.taken)
    table: dict[str, Weight] = {renamed[name]: entry for name, entry in entries.items() if name in renamed}
    for name in set(table) & set(weight_map.rules):
        raise BridgeError(f"the weight map has a rule for '{name}', which '{table[name].torch_name}' is by its name")
    return table | mapped.table()


def sources(module: nn.Module, weight_map: WeightMap) -> Sources:
    """Return what the map says of a module, checked; BridgeError if it does not fit."""
    found = Sources(module, dict(_entries(module, {})), weight_map)
    found.check()
    return found


def own_weights(module: nn.Module, rename: Mapping[str, str], weight_map: WeightMap) -> OwnWeights:
    """Return the module's weights by canonical name, and by every name that rules can give.

    Raises BridgeError for what `name_table` does, and for a map that does not fit.
    """
    sources(module, weight_map)
    entries, state = dict(_entries(module, {})), dict(module.state_dict(keep_vars=True))
    table = name_table(module, {}, all_renames(module, rename), weight_map)
    own = {_part(entry): name for name, entry in entries.items()}
    return OwnWeights(
        {name: entry.shape for name, entry in table.items()},
        {name: entry.shape for name, entry in entries.items()}
        | {name: tuple(one.shape) for name, one in state.items()},
        {name: tuple(_aliases(entry, state, own)) for name, entry in table.items()},
        buffers={name: entry.torch_name for name, entry in table.items() if _is_own_buffer(module, entry)},
    )


def _is_own_buffer(module: nn.Module, entry: Weight) -> bool:
    """Tell whether an entry is a buffer of the user's: those of torch's layers are statistics, which Keras has too."""
    if not isinstance(entry, Entry) or isinstance(entry.parameter, nn.Parameter):
        return False
    layer = module.get_submodule(entry.torch_name.rpartition(".")[0])
    return not type(layer).__module__.startswith("torch.nn.")


def _aliases(entry: Weight, state: Mapping[str, Tensor], own: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield what rules can call an entry, or parts of it."""
    inside = {id(tensor) for tensor in entry.tensors}
    yield from (name for name, tensor in state.items() if id(tensor) in inside)
    if isinstance(entry, Entry) and (name := own.get(_part(entry))):
        yield name


def _part(entry: Entry) -> tuple[str, str]:
    """Return what tells an entry from all others of its module."""
    return entry.torch_name, str(entry.rows)


def all_renames(module: nn.Module, given: Mapping[str, str]) -> dict[str, str]:
    """Return the canonical path for each torch path that a module or the pair renames, patterns written out."""
    return renames(module, expanded(given, [name for name, _ in _entries(module, {})], MODEL))


def renames(module: nn.Module, given: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Return the canonical path for each torch path that a module inside states in PATHS; `given` wins."""
    stated = {
        join(path, torch_path): join(path, canonical_name)
        for path, layer in module.named_modules()
        for torch_path, canonical_name in getattr(layer, PATHS, NOTHING).items()
    }
    return stated | dict(given)


def _entries(module: nn.Module, rearranged: Rearranged) -> Iterator[tuple[str, Entry]]:
    """Yield every weight of the module under its name before renaming."""
    yielded: set[int] = set()
    for path, layer in module.named_modules():
        own = [pair for pair in _layer_entries(layer, path) if id(pair[1].parameter) not in yielded]
        yielded |= {id(tensor) for _, entry in own for tensor in (entry.parameter, entry.added, entry.stacked)}
        yield from ((name, _in_order(entry, rearranged.get(entry.torch_name))) for name, entry in own)
    unknown = set(rearranged) - set(module.state_dict(keep_vars=True))
    if unknown:
        raise BridgeError(f"an order is given for '{min(unknown)}', which {MODEL} does not have")


def _in_order(entry: Entry, rearrangement: Rearrangement | None) -> Entry:
    """Return the entry so that its canonical form counts in the canonical order."""
    if rearrangement is None:
        return entry
    if len(rearrangement.axes) != entry.parameter.ndim or (entry.rows and rearrangement.orders[0]):
        raise BridgeError(f"'{entry.torch_name}' of {MODEL} cannot be put in canonical order")
    return replace(entry, layout=Chain((rearrangement, entry.layout)))


def _layer_entries(layer: nn.Module, path: str) -> Iterator[tuple[str, Entry]]:
    """Yield what the rules cover, then what is left of the layer's own tensors, as it is."""
    own = dict(_own_tensors(layer, path))
    covered = list(_covered(layer, path, own))
    yield from covered
    taken = {id(tensor) for _, entry in covered for tensor in (entry.parameter, entry.added, entry.stacked)}
    for name, tensor in own.items():
        if id(tensor) not in taken:
            yield join(path, name), Entry(join(path, name), tensor, SAME)


def _own_tensors(layer: nn.Module, path: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the layer's own parameters and persistent buffers.

    A buffer that no checkpoint holds is a constant of the model, and so is one of whole numbers: it is as it was built.
    """
    for name, tensor in [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]:
        if name in NOT_WEIGHTS or name in layer._non_persistent_buffers_set:
            continue
        if not isinstance(tensor, nn.Parameter) and not (tensor.is_floating_point() or tensor.is_complex()):
            continue
        if is_lazy(tensor):
            raise BridgeError(f"'{join(path, name)}' of {MODEL} has no shape yet; call the module once before")
        yield name, tensor


def _covered(layer: nn.Module, path: str, own: Mapping[str, Tensor]) -> Iterator[tuple[str, Entry]]:
    if isinstance(layer, nn.MultiheadAttention):
        yield from _attention(layer, path, own)
    elif isinstance(layer, RECURRENT):
        yield from _recurrent(layer, path, own)
    else:
        known = next((rule for layer_type, rule in RULES.items() if isinstance(layer, layer_type)), {})
        yield from _by_rule(layer, path, path, getattr(layer, RULE, known))


def _by_rule(layer: nn.Module, path: str, canonical: str, rule: Rule) -> Iterator[tuple[str, Entry]]:
    for name, tensor in _own_tensors(layer, path):
        if name in rule:
            parameter, layout = rule[name]
            yield join(canonical, parameter), Entry(join(path, name), tensor, layout)


def _recurrent(layer: RECURRENT, path: str, own: Mapping[str, Tensor]) -> Iterator[tuple[str, Entry]]:
    """Yield kernel (inputs, gates*hidden), recurrent kernel (hidden, gates*hidden) and bias of each cell."""
    is_gru = isinstance(layer, nn.GRU | nn.GRUCell)
    gates, has_two = GRU_GATES if is_gru else SAME, is_gru and not getattr(layer, ONE_BIAS, False)
    for cell, suffix in _cells(layer, path):
        for name, parameter in (("weight_ih", "kernel"), ("weight_hh", "recurrent_kernel")):
            if name + suffix in own:
                entry = Entry(join(path, name + suffix), own[name + suffix], Chain((DENSE, gates)))
                yield join(cell, parameter), entry
        if "bias_ih" + suffix in own:
            first, second = own["bias_ih" + suffix], own["bias_hh" + suffix]
            entry = Entry(join(path, "bias_ih" + suffix), first, gates)
            yield join(cell, "bias"), replace(entry, stacked=second) if has_two else replace(entry, added=second)


def _cells(layer: RECURRENT, path: str) -> Iterator[tuple[str, str]]:
    """Yield the canonical path of each layer and direction, with the ending of its torch names."""
    if isinstance(layer, nn.RNNCellBase):
        yield path, ""
        return
    directions = (("forward", ""), ("backward", "_reverse")) if layer.bidirectional else (("", ""),)
    for number in range(layer.num_layers):
        level = f"l{number}" if layer.num_layers > 1 else ""
        for direction, ending in directions:
            yield join(path, level, direction), f"_l{number}{ending}"


def _attention(layer: nn.MultiheadAttention, path: str, own: Mapping[str, Tensor]) -> Iterator[tuple[str, Entry]]:
    """Yield query, key, value kernels (inputs, heads, head_dim) and the output's (heads, head_dim, outputs)."""
    size, heads, head_dim = layer.embed_dim, layer.num_heads, layer.head_dim
    for number, role in enumerate(("query", "key", "value")):
        rows = slice(number * size, (number + 1) * size)
        whole, part = (f"{role[0]}_proj_weight", None) if layer.in_proj_weight is None else ("in_proj_weight", rows)
        if whole in own:
            layout = heads_kernel(own[whole].shape[1], heads, head_dim)
            yield join(path, role, "kernel"), Entry(join(path, whole), own[whole], layout, rows=part)
        if "in_proj_bias" in own:
            bias = Entry(join(path, "in_proj_bias"), own["in_proj_bias"], heads_bias(heads, head_dim), rows=rows)
            yield join(path, role, "bias"), bias
    output = {"weight": ("kernel", merge_heads_kernel(heads, head_dim, size)), "bias": ("bias", SAME)}
    yield from _by_rule(layer.out_proj, join(path, "out_proj"), join(path, "attention_output"), output)


def canonical_path(path: str, rename: Mapping[str, str]) -> str:
    """Return the canonical path of the torch layer at `path`."""
    return names.rename_path(path, rename)


def weights(
    module: nn.Module, rearranged: Rearranged, rename: Mapping[str, str] = NOTHING, weight_map: WeightMap = NO_MAP
) -> dict[str, np.ndarray]:
    """Return copies of the module's weights in canonical form, in the module's own type."""
    return {name: entry.value() for name, entry in name_table(module, rearranged, rename, weight_map).items()}


def load_weights(
    module: nn.Module,
    rearranged: Rearranged,
    canonical: Mapping[str, np.ndarray],
    rename: Mapping[str, str] = NOTHING,
    weight_map: WeightMap = NO_MAP,
    only: Collection[str] | None = None,
) -> None:
    """Copy canonical weights into the module; BridgeError if a name is missing, left over or misshapen.

    All of them, or those in `only`. The second bias of an LSTM or RNN becomes 0; the first takes the canonical bias.
    """
    table = name_table(module, rearranged, rename, weight_map)
    own_names = {name: f"torch's {entry.torch_name}{_own_shape(entry)}" for name, entry in table.items()}
    shapes = {name: entry.shape for name, entry in table.items()}
    names.require_same(shapes, shapes_of(canonical), MODEL, own_names=own_names)
    for name, entry in table.items():
        if only is None or name in only:
            entry.assign(canonical[name])


def _own_shape(entry: Weight) -> str:
    return f" {tuple(entry.parameter.shape)}" if isinstance(entry, Entry) else ""


def gradients(
    module: nn.Module, rearranged: Rearranged, rename: Mapping[str, str] = NOTHING, weight_map: WeightMap = NO_MAP
) -> MadeWeights:
    """Return canonical gradients of the trainable weights after backward(), read when asked for; NaN is passed on.

    Raises BridgeError if no parameter has a gradient.
    """
    if all(parameter.grad is None for parameter in module.parameters()):
        raise BridgeError(f"{MODEL} has no gradients; call backward() on a loss first")
    table = name_table(module, rearranged, rename, weight_map)
    shapes = {name: entry.shape for name, entry in table.items() if entry.trainable}
    return MadeWeights(shapes, lambda name, _: table[name].gradient())


def second_biases(module: nn.Module) -> list[str]:
    """Return the torch names of trainable second biases of LSTM and RNN layers; Keras has no counterpart.

    Beside a live first bias each of them doubles the learning rate of the sum.
    """
    return [name for name, bias in _added(module).items() if bias.requires_grad]


def merged_biases(module: nn.Module) -> list[str]:
    """Return the torch names of second biases that are not 0, which the canonical form adds to the first."""
    return [name for name, bias in _added(module).items() if bias.any()]


def _added(module: nn.Module) -> dict[str, Tensor]:
    entries = ((entry.torch_name, entry.added) for _, entry in _entries(module, {}))
    return {name.replace("bias_ih", "bias_hh"): added for name, added in entries if added is not None}
